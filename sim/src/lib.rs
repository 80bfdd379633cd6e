//! Seeded simulation: phones, a network that loses, doubles and reorders, a virtual clock, crashes and restarts, all
//! against the real exchange. One seed gives one run, byte for byte; a failure is replayed by its seed and commit.
//!
//! What it deliberately does not do: sockets, threads, real time. The connections of TCP and TLS are in `server`'s own
//! tests and in `interop`.
//!
//! | module | what it is |
//! |---|---|
//! | [`business`] | business phones over a bad network: pickup, park, transfer |
//! | [`chance`] | the one source of randomness of a run |
//! | [`disk`] | a disk that crashes, fails and fills up |
//! | [`fuzzing`] | what must hold for any bytes whatever: the bodies of the fuzz targets |
//! | [`mutations`] | requests in which one element is wrong |
//! | [`network`] | datagrams under way |
//! | [`phone`] | a phone: registers, calls, answers, retransmits as RFC 3261 section 17 says |
//! | [`records`] | what any implementation of the records must keep |
//! | [`office`] | the server under test: exchanges, world and a journal that can be cut |
//! | [`run`] | one run: everything together, and what must hold at its end |
//! | [`statistics`] | whether two rows of measurements can be told apart |

pub mod business;
pub mod chance;
pub mod disk;
pub mod fuzzing;
pub mod mutations;
pub mod network;
pub mod office;
pub mod phone;
pub mod records;
pub mod run;
pub mod statistics;
