//! Connections whose sender was vouched for: a page that has signed in opens its WebSocket with a ticket and needs no SIP
//! password ([decision 0060](../../../docs/decisions/0060-a-page-registers-with-a-ticket.md)).
//!
//! A ticket is good once and for a minute; only its SHA-256 is kept. The connection that has shown it speaks for one device of one
//! account until it closes, or until the device or the account has lost its rights, which is asked anew with each request.

use crate::flow::ConnectionId;
use aws_lc_rs::digest::{SHA256, digest};
use coeur_directory::{Aor, DeviceId, UserId};
use coeur_sip::time::Monotonic;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long a ticket waits for its connection.
pub const TICKET_LIFE: Duration = Duration::from_secs(60);
/// Tickets that wait; the first makes room. Worst-case memory: 200 bytes each.
const TICKETS_MAX: usize = 10_000;
/// Bytes of a ticket as it is written, in base64url.
pub const TICKET_TEXT_BYTES: usize = 43;

/// On whose behalf a connection speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    pub aor: Aor,
    pub device: DeviceId,
    /// Who has signed in; `None`: a program.
    pub user: Option<UserId>,
}

#[derive(Default)]
pub struct Vouched {
    tickets: Mutex<Tickets>,
    /// As many as there are open connections with a ticket. Worst-case memory: 200 bytes each.
    connections: Mutex<BTreeMap<ConnectionId, Opened>>,
}

/// A connection, by what it was opened with.
struct Opened {
    ticket: [u8; 32],
    voucher: Voucher,
}

#[derive(Default)]
struct Tickets {
    by_hash: BTreeMap<[u8; 32], (Monotonic, Voucher)>,
    /// When each ends, those that were used too, in the order in which they were given out: all live as long.
    ends: VecDeque<(Monotonic, [u8; 32])>,
}

impl Tickets {
    /// Forgets those that have ended, and the first where there are too many.
    fn make_room(&mut self, now: Monotonic) {
        while let Some((ends, hash)) = self.ends.front()
            && (*ends <= now || self.ends.len() >= TICKETS_MAX)
        {
            self.by_hash.remove(hash);
            self.ends.pop_front();
        }
    }
}

impl Vouched {
    /// `ticket` is a text that nobody can guess.
    pub fn issue(&self, ticket: &[u8], voucher: Voucher, now: Monotonic) {
        let mut tickets = self.tickets.lock();
        tickets.make_room(now);
        let (hash, ends) = (hash(ticket), now + TICKET_LIFE);
        tickets.ends.push_back((ends, hash));
        tickets.by_hash.insert(hash, (ends, voucher));
    }

    /// From now on the connection speaks for who was given the ticket. False: it is unknown, used, or too old.
    pub fn redeem(&self, ticket: &[u8], connection: ConnectionId, now: Monotonic) -> bool {
        let ticket = hash(ticket);
        let found = self.tickets.lock().by_hash.remove(&ticket);
        let Some((_, voucher)) = found.filter(|(ends, _)| *ends > now) else { return false };
        self.connections.lock().insert(connection, Opened { ticket, voucher });
        true
    }

    pub(crate) fn of(&self, connection: ConnectionId) -> Option<Voucher> {
        self.connections.lock().get(&connection).map(|opened| opened.voucher.clone())
    }

    /// For whom the connection speaks that was opened with this ticket: as long as it lives the ticket names it, and opens
    /// nothing more.
    pub fn opened_with(&self, ticket: &[u8]) -> Option<Voucher> {
        let ticket = hash(ticket);
        let connections = self.connections.lock();
        connections.values().find(|opened| opened.ticket == ticket).map(|opened| opened.voucher.clone())
    }

    /// The connection has closed. Its number is never given again.
    pub(crate) fn forget(&self, connection: ConnectionId) {
        self.connections.lock().remove(&connection);
    }

    /// This user is nobody any more: what was vouched for on his behalf, tickets that wait too.
    pub fn forget_user(&self, user: UserId) -> Vec<Voucher> {
        self.forget_all(|voucher| voucher.user == Some(user))
    }

    /// The account is somebody else's from now on: what was vouched for it before, tickets that wait too.
    pub fn forget_account(&self, aor: &Aor) -> Vec<Voucher> {
        self.forget_all(|voucher| voucher.aor == *aor)
    }

    fn forget_all(&self, is_out: impl Fn(&Voucher) -> bool) -> Vec<Voucher> {
        self.tickets.lock().by_hash.retain(|_, (_, voucher)| !is_out(voucher));
        let mut gone = Vec::new();
        self.connections.lock().retain(|_, opened| {
            let stays = !is_out(&opened.voucher);
            if !stays {
                gone.push(opened.voucher.clone());
            }
            stays
        });
        gone
    }

    /// Connections that were vouched for.
    pub fn connections(&self) -> usize {
        self.connections.lock().len()
    }
}

/// So that how long a search takes says nothing of a ticket.
fn hash(ticket: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, ticket).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;

    fn at(second: u64) -> Monotonic {
        Monotonic::from_micros(second * 1_000_000)
    }

    fn voucher(device: u64) -> Voucher {
        let user = Some(UserId(device));
        Voucher { aor: Aor::parse("alice@example.org").unwrap(), device: DeviceId(device), user }
    }

    #[test]
    fn a_user_who_is_out_takes_his_connections_and_tickets_with_him_and_nobody_elses() {
        let vouched = Vouched::default();
        let connection = |serial| ConnectionId::new(ShardId(0), serial);
        for (user, ticket) in [(1, b"one"), (2, b"two")] {
            vouched.issue(ticket, voucher(user), at(1));
            assert!(vouched.redeem(ticket, connection(user), at(1)));
        }
        vouched.issue(b"waits", voucher(1), at(1));
        assert_eq!(vouched.forget_user(UserId(1)), [voucher(1)]);
        assert_eq!((vouched.of(connection(1)), vouched.of(connection(2))), (None, Some(voucher(2))));
        assert!(!vouched.redeem(b"waits", connection(3), at(2)));
        vouched.issue(b"waits too", voucher(2), at(1));
        assert!(vouched.forget_account(&Aor::parse("bob@example.org").unwrap()).is_empty());
        assert_eq!(vouched.forget_account(&voucher(2).aor), [voucher(2)], "the account has another owner");
        assert!(!vouched.redeem(b"waits too", connection(4), at(2)) && vouched.of(connection(2)).is_none());
    }

    #[test]
    fn a_ticket_opens_one_connection_within_a_minute() {
        let (vouched, first, second) =
            (Vouched::default(), ConnectionId::new(ShardId(0), 1), ConnectionId::new(ShardId(0), 2));
        vouched.issue(b"one", voucher(7), at(10));
        assert!(!vouched.redeem(b"other", first, at(11)));
        assert!(vouched.redeem(b"one", first, at(69)));
        assert!(!vouched.redeem(b"one", second, at(69)), "it was used");
        assert_eq!(vouched.opened_with(b"one"), Some(voucher(7)), "it names what it has opened");
        assert_eq!(vouched.opened_with(b"other"), None);
        assert_eq!((vouched.of(first), vouched.of(second)), (Some(voucher(7)), None));
        vouched.issue(b"late", voucher(7), at(10));
        assert!(!vouched.redeem(b"late", second, at(70)), "it is too old");
        vouched.forget(first);
        assert_eq!((vouched.of(first), vouched.connections()), (None, 0));
        assert_eq!(vouched.opened_with(b"one"), None);
    }

    #[test]
    fn who_asks_for_too_many_tickets_loses_the_oldest() {
        let (vouched, connection) = (Vouched::default(), ConnectionId::new(ShardId(0), 1));
        for number in 0..=TICKETS_MAX as u64 {
            vouched.issue(&number.to_be_bytes(), voucher(number), Monotonic::from_micros(number));
        }
        assert!(!vouched.redeem(&0u64.to_be_bytes(), connection, at(1)));
        assert!(vouched.redeem(&1u64.to_be_bytes(), connection, at(1)));
        assert_eq!(vouched.tickets.lock().by_hash.len(), TICKETS_MAX - 1);
    }
}
