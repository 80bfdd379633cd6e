//! The loop over real sockets on loopback, with a handler that answers every request.

mod harness;
mod limits;
mod peers;
mod saves;
mod streams;
mod tls;
mod udp;
mod web;
