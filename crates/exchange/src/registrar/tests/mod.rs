//! The rules of the registrar, one test each, named after what they hold.

mod allocations;
mod desk;
mod ice_servers;
mod jitter;
mod outbound;
mod path;
mod phones;
mod push;
mod replay;
mod rfc3261;
mod rfc5630;
mod storage;
