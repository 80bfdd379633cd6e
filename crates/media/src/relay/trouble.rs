//! What the network answers to packets that leave: errors of sending, and messages of ICMP (RFC 792, RFC 4443).

use super::Component;

/// Why a packet did not arrive, as far as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens on that port (ICMP port unreachable).
    Refused,
    /// No route to that host, or a router or firewall says that it may not be reached.
    Unreachable,
    /// It is larger than the way takes (RFC 1191, RFC 8201).
    TooLarge,
    /// A firewall of this machine does not let it out.
    Forbidden,
    /// Anything else, such as a full queue.
    Other,
}

/// Counts of one port. Of answers about addresses that are not the other end's nothing is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    pub refused: u32,
    /// The same of a port of RTCP alone.
    pub rtcp_refused: u32,
    pub unreachable: u32,
    pub too_large: u32,
    pub forbidden: u32,
    pub other: u32,
}

impl Troubles {
    pub(super) fn add(&mut self, trouble: Trouble, component: Component, is_peers: bool) {
        if !is_peers {
            return;
        }
        let count = match (trouble, component) {
            (Trouble::Refused, Component::Rtp) => &mut self.refused,
            (Trouble::Refused, Component::Rtcp) => &mut self.rtcp_refused,
            (Trouble::Unreachable, _) => &mut self.unreachable,
            (Trouble::TooLarge, _) => &mut self.too_large,
            (Trouble::Forbidden, _) => &mut self.forbidden,
            (Trouble::Other, _) => &mut self.other,
        };
        *count = count.wrapping_add(1);
    }
}
