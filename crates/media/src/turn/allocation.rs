//! One allocation (RFC 8656 section 6): a relayed address, its owner, its peers.

use super::{CHANNEL_TIME, CHANNELS_MAX, Client, Family, PERMISSION_TIME, PERMISSIONS_MAX};
use crate::path::canonical;
use crate::stun::{Integrity, Key, TransactionId};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};

pub(super) struct Allocation {
    pub(super) client: Client,
    /// Whose it is: no other user name may touch it (441).
    pub(super) username: String,
    pub(super) family: Family,
    /// `None` while the caller opens it.
    pub(super) relayed: Option<SocketAddr>,
    /// Of the request that made it: its retransmission gets the same answer.
    pub(super) transaction: TransactionId,
    pub(super) expires: Monotonic,
    /// What the first answer will need: lifetime in seconds, the key of its user.
    pub(super) waiting: Option<(u32, Key, Integrity)>,
    /// At most [`PERMISSIONS_MAX`].
    permissions: Vec<Permission>,
    /// At most [`CHANNELS_MAX`].
    channels: Vec<Channel>,
    bandwidth: Bandwidth,
}

/// A peer may be of any port (RFC 8656 section 9).
struct Permission {
    ip: IpAddr,
    expires: Monotonic,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Monotonic,
}

/// Why a peer gets no permission or channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The limit is reached.
    Full,
    /// The channel has another peer, or the peer another channel (RFC 8656 section 12.2).
    Bound,
}

impl Allocation {
    pub(super) fn new(
        client: Client,
        username: String,
        family: Family,
        transaction: TransactionId,
        expires: Monotonic,
    ) -> Allocation {
        Allocation {
            client,
            username,
            family,
            relayed: None,
            transaction,
            expires,
            waiting: None,
            permissions: Vec::new(),
            channels: Vec::new(),
            bandwidth: Bandwidth::default(),
        }
    }

    /// Installs or refreshes permissions, all or none.
    pub(super) fn permit(&mut self, now: Monotonic, peers: &[SocketAddr]) -> Result<(), NoRoom> {
        self.permissions.retain(|permission| !permission.expires.is_due(now));
        let mut new: Vec<IpAddr> = peers.iter().map(|peer| canonical(*peer).0).collect();
        new.sort_unstable();
        new.dedup();
        let known = |ip: &IpAddr| self.permissions.iter().any(|permission| permission.ip == *ip);
        let room = PERMISSIONS_MAX - self.permissions.len();
        if new.iter().filter(|ip| !known(ip)).count() > room {
            return Err(NoRoom::Full);
        }
        self.permissions.retain(|permission| !new.contains(&permission.ip));
        let expires = now + PERMISSION_TIME;
        self.permissions.extend(new.into_iter().map(|ip| Permission { ip, expires }));
        Ok(())
    }

    pub(super) fn permits(&self, now: Monotonic, peer: SocketAddr) -> bool {
        let ip = canonical(peer).0;
        self.permissions.iter().any(|permission| permission.ip == ip && !permission.expires.is_due(now))
    }

    /// Binds or refreshes a channel, and permits its peer.
    pub(super) fn bind(&mut self, now: Monotonic, number: u16, peer: SocketAddr) -> Result<(), NoRoom> {
        self.channels.retain(|channel| !channel.expires.is_due(now));
        let known = self
            .channels
            .iter()
            .position(|channel| channel.number == number || canonical(channel.peer) == canonical(peer));
        if let Some(channel) = known.map(|at| &self.channels[at]) {
            if channel.number != number || canonical(channel.peer) != canonical(peer) {
                return Err(NoRoom::Bound);
            }
        } else if self.channels.len() == CHANNELS_MAX {
            return Err(NoRoom::Full);
        }
        self.permit(now, &[peer])?;
        let expires = now + CHANNEL_TIME;
        match known {
            Some(at) => self.channels[at].expires = expires,
            None => self.channels.push(Channel { number, peer, expires }),
        }
        Ok(())
    }

    pub(super) fn peer_of(&self, now: Monotonic, number: u16) -> Option<SocketAddr> {
        let mut channels = self.channels.iter().filter(|channel| !channel.expires.is_due(now));
        channels.find(|channel| channel.number == number).map(|channel| channel.peer)
    }

    pub(super) fn channel_of(&self, now: Monotonic, peer: SocketAddr) -> Option<u16> {
        let mut channels = self.channels.iter().filter(|channel| !channel.expires.is_due(now));
        channels.find(|channel| canonical(channel.peer) == canonical(peer)).map(|channel| channel.number)
    }

    /// Whether so many bytes more may pass.
    pub(super) fn spend(&mut self, now: Monotonic, bytes: usize, per_second: u32) -> bool {
        self.bandwidth.spend(now, bytes, per_second)
    }
}

/// A second's worth at once, and so much each second.
#[derive(Default)]
struct Bandwidth {
    /// When all that was spent is back.
    full_at: Monotonic,
}

impl Bandwidth {
    fn spend(&mut self, now: Monotonic, bytes: usize, per_second: u32) -> bool {
        let cost = 1_000_000 * bytes as u64 / u64::from(per_second.max(1));
        let full_at = self.full_at.max(now) + std::time::Duration::from_micros(cost);
        let passes = full_at.since(now).as_micros() <= 1_000_000;
        if passes {
            self.full_at = full_at;
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn allocation() -> Allocation {
        let local = ([192, 0, 2, 1], 3478).into();
        let client = Client { local, remote: local, is_stream: false };
        Allocation::new(client, String::new(), Family::V4, TransactionId([0; 12]), Monotonic::NEVER)
    }

    fn peer(nth: u8, port: u16) -> SocketAddr {
        ([203, 0, 113, nth], port).into()
    }

    #[test]
    fn a_permission_is_for_any_port_and_for_five_minutes() {
        let (mut allocation, now) = (allocation(), Monotonic::from_secs(1));
        assert!(!allocation.permits(now, peer(1, 1)));
        assert_eq!(allocation.permit(now, &[peer(1, 1)]), Ok(()));
        assert!(allocation.permits(now + Duration::from_secs(299), peer(1, 2)));
        assert!(!allocation.permits(now + Duration::from_secs(300), peer(1, 1)));
        assert!(!allocation.permits(now, peer(2, 1)));
    }

    #[test]
    fn permissions_have_a_limit_and_come_all_or_none() {
        let (mut allocation, now) = (allocation(), Monotonic::from_secs(1));
        let peers: Vec<_> = (0..PERMISSIONS_MAX as u8 - 1).map(|nth| peer(nth, 1)).collect();
        assert_eq!(allocation.permit(now, &peers), Ok(()));
        assert_eq!(allocation.permit(now, &[peer(100, 1), peer(101, 1)]), Err(NoRoom::Full));
        assert!(!allocation.permits(now, peer(100, 1)));
        assert_eq!(allocation.permit(now, &[peer(100, 1), peer(100, 2), peer(0, 3)]), Ok(()));
        assert_eq!(allocation.permit(now, &[peer(101, 1)]), Err(NoRoom::Full));
        // What has expired makes room.
        assert_eq!(allocation.permit(now + Duration::from_secs(300), &[peer(101, 1)]), Ok(()));
    }

    #[test]
    fn a_channel_has_one_peer_and_a_peer_one_channel() {
        let (mut allocation, now) = (allocation(), Monotonic::from_secs(1));
        assert_eq!(allocation.bind(now, 0x4000, peer(1, 1)), Ok(()));
        assert_eq!(allocation.bind(now, 0x4000, peer(1, 1)), Ok(()));
        assert_eq!(allocation.bind(now, 0x4000, peer(1, 2)), Err(NoRoom::Bound));
        assert_eq!(allocation.bind(now, 0x4001, peer(1, 1)), Err(NoRoom::Bound));
        assert_eq!(allocation.bind(now, 0x4001, peer(1, 2)), Ok(()));
        assert_eq!(allocation.peer_of(now, 0x4000), Some(peer(1, 1)));
        assert_eq!(allocation.channel_of(now, peer(1, 2)), Some(0x4001));
        let late = now + Duration::from_secs(600);
        assert_eq!((allocation.peer_of(late, 0x4000), allocation.channel_of(late, peer(1, 2))), (None, None));
        assert_eq!(allocation.bind(late, 0x4000, peer(1, 2)), Ok(()));
        for nth in 1..CHANNELS_MAX as u16 {
            assert_eq!(allocation.bind(late, 0x4000 + nth, peer(1, 100 + nth)), Ok(()));
        }
        assert_eq!(allocation.bind(late, 0x4fff, peer(1, 99)), Err(NoRoom::Full));
    }

    #[test]
    fn bandwidth_is_a_second_at_once_and_so_much_each_second() {
        let (mut allocation, mut now) = (allocation(), Monotonic::from_secs(1));
        let mut passed = |now| (0..10_000).filter(|_| allocation.spend(now, 1_000, 250_000)).count();
        assert_eq!(passed(now), 250);
        assert_eq!(passed(now), 0);
        now += Duration::from_millis(100);
        assert_eq!(passed(now), 25);
        now += Duration::from_secs(60);
        assert_eq!(passed(now), 250);
    }
}
