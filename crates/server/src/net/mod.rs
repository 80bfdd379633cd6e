//! What touches a socket: datagrams in batches, streams and their framing, WebSocket, the places where we listen.

pub mod limits;
pub mod listen;
pub mod machine;
pub mod origin;
pub mod per_source;
pub mod sources;
pub mod streams;
pub mod stun;
pub mod udp;
pub mod web_socket;
pub mod wheel;

pub mod connection;
