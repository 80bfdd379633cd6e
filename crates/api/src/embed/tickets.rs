//! Tickets with which a page of somebody else's signs our phone in: made by its server, given to the page, traded by the phone in
//! its frame, once and within a minute.

use crate::rest::{Code, Problem};
use aws_lc_rs::digest::{SHA256, digest};
use coeur_storage::Operator;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) const LIFE_MS: u64 = 60_000;
/// At a time. Worst-case memory: about 700 bytes each.
const TICKETS_MAX: usize = 4_096;
/// Of one account; for one more its oldest goes.
const OF_ONE_ACCOUNT_MAX: usize = 8;

/// By what they hash to: how long a search takes says nothing of a ticket.
#[derive(Default)]
pub(crate) struct EmbedTickets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tickets: BTreeMap<[u8; 32], Ticket>,
    made: u64,
}

struct Ticket {
    stands_for: StandsFor,
    until_ms: u64,
    /// How many were made before.
    place: u64,
}

pub(crate) struct StandsFor {
    /// `user@domain`.
    pub account: String,
    /// In whose pages alone it counts.
    pub origin: Box<str>,
    /// Who has made it.
    pub operator: Operator,
    pub user: Option<u64>,
}

impl EmbedTickets {
    pub fn keep(&self, ticket: &str, stands_for: StandsFor, now_ms: u64) -> Result<(), Problem> {
        let mut kept = self.kept();
        kept.make_room(&stands_for.account, now_ms);
        if kept.tickets.len() >= TICKETS_MAX {
            return Err(Problem {
                retry_after_s: Some(LIFE_MS / 1_000),
                ..Problem::because(Code::Unavailable, "too many tickets are under way")
            });
        }
        let ticket_of = Ticket { stands_for, until_ms: now_ms + LIFE_MS, place: kept.made };
        kept.made += 1;
        kept.tickets.insert(hash(ticket), ticket_of);
        Ok(())
    }

    /// What the ticket stands for in a page of `origin`. Used up whatever comes of it.
    pub fn redeem(&self, ticket: &str, origin: &str, now_ms: u64) -> Option<StandsFor> {
        let found = self.kept().tickets.remove(&hash(ticket))?;
        let counts = found.until_ms > now_ms && *found.stands_for.origin == *origin;
        counts.then_some(found.stands_for)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// For one more of this account.
    fn make_room(&mut self, account: &str, now_ms: u64) {
        self.tickets.retain(|_, ticket| ticket.until_ms > now_ms);
        let its = |(_, ticket): &(&[u8; 32], &Ticket)| ticket.stands_for.account == account;
        if self.tickets.iter().filter(its).count() < OF_ONE_ACCOUNT_MAX {
            return;
        }
        let oldest = self.tickets.iter().filter(its).min_by_key(|(_, ticket)| ticket.place);
        oldest.map(|(name, _)| *name).and_then(|name| self.tickets.remove(&name));
    }
}

fn hash(ticket: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, ticket.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRM: &str = "https://crm.example.org";

    fn kept(tickets: &EmbedTickets, ticket: &str, account: &str, now_ms: u64) {
        let operator = Operator::signed_in("crm");
        let stands_for =
            StandsFor { account: account.to_owned(), origin: CRM.into(), operator, user: Some(7) };
        assert!(tickets.keep(ticket, stands_for, now_ms).is_ok());
    }

    #[test]
    fn a_ticket_counts_once_within_a_minute_and_in_pages_of_its_origin_alone() {
        let tickets = EmbedTickets::default();
        kept(&tickets, "one", "a@d", 1_000);
        let found = tickets.redeem("one", CRM, 60_999).unwrap();
        assert_eq!((found.account.as_str(), found.user), ("a@d", Some(7)));
        assert!(tickets.redeem("one", CRM, 60_999).is_none(), "it was used");
        kept(&tickets, "late", "a@d", 1_000);
        assert!(tickets.redeem("late", CRM, 61_000).is_none());
        kept(&tickets, "elsewhere", "a@d", 1_000);
        assert!(tickets.redeem("elsewhere", "https://evil.example", 1_001).is_none());
        assert!(tickets.redeem("elsewhere", CRM, 1_002).is_none(), "whoever has tried it has used it up");
        assert!(tickets.redeem("never made", CRM, 1).is_none());
    }

    #[test]
    fn who_asks_again_and_again_for_an_account_loses_its_oldest_and_nobody_elses() {
        let tickets = EmbedTickets::default();
        kept(&tickets, "of another", "b@d", 1);
        for number in 0..=OF_ONE_ACCOUNT_MAX {
            kept(&tickets, &number.to_string(), "a@d", 1);
        }
        assert!(tickets.redeem("0", CRM, 2).is_none());
        assert!(tickets.redeem("1", CRM, 2).is_some() && tickets.redeem("of another", CRM, 2).is_some());
    }

    #[test]
    fn there_is_an_end_to_how_many_wait_and_room_again_when_they_are_too_old() {
        let tickets = EmbedTickets::default();
        for number in 0..TICKETS_MAX {
            kept(&tickets, &number.to_string(), &format!("{number}@d"), 1);
        }
        let one = || StandsFor {
            account: "a@d".to_owned(),
            origin: CRM.into(),
            operator: Operator::signed_in("crm"),
            user: None,
        };
        assert_eq!(tickets.keep("more", one(), 2).unwrap_err().code, Code::Unavailable);
        assert!(tickets.keep("more", one(), 1 + LIFE_MS).is_ok());
    }
}
