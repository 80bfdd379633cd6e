//! The binary `coeur`: the only crate that knows sockets, TLS, DNS, threads, clocks, randomness, configuration and
//! the command line. It is a library too, so that the bench, the tests and the simulation of start-up can use it.

pub mod acme;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dns;
pub mod hooks;
pub mod house;
pub mod media;
pub mod net;
pub mod observe;
pub mod pnp;
pub mod push;
pub mod recordings;
pub mod shard;
pub mod tls;
pub mod trace;
pub mod turn;
pub mod user_agent;
