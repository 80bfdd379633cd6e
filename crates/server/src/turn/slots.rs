//! Buffers for one receive of datagrams.

use crate::net::udp::{self, Received};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// Datagrams of one receive.
pub(super) const BATCH: usize = 16;

/// A packet of media in a Send indication is shorter; what is longer is lost.
const SLOT_BYTES: usize = 2_048;

/// 32 kB.
pub(super) struct Slots {
    bytes: Box<[[u8; SLOT_BYTES]; BATCH]>,
    received: [Received; BATCH],
}

impl Default for Slots {
    fn default() -> Self {
        Self { bytes: Box::new([[0; SLOT_BYTES]; BATCH]), received: [Received::NOTHING; BATCH] }
    }
}

impl Slots {
    /// Receives up to [`BATCH`] datagrams; fewer when no more wait.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        udp::receive(socket, self.bytes.each_mut().map(|slot| &mut slot[..]), &mut self.received)
    }

    /// The datagram at this place of the last receive; `None`: it was longer than a slot, or of nobody.
    pub(super) fn datagram(&self, place: usize) -> Option<(SocketAddr, &[u8])> {
        let received = self.received[place];
        if received.truncated || received.from.port() == 0 {
            return None;
        }
        Some((received.from, &self.bytes[place][..received.length]))
    }
}
