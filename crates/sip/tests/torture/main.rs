//! The torture messages of RFC 4475 and RFC 5118, each with the handling its RFC asks for, and random damage to
//! all of them.

mod messages;
mod properties;
mod rfc4475;
mod rfc5118;
mod shared;
