//! Finding conversations among recent messages: by Call-ID, by account, by address.

use super::ring::{Direction, Entry};
use super::shelf;
use super::sight;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A Call-ID (or its beginning), `user`, `user@domain`, `IP` or `IP:PORT`; all when absent.
    pub what: Option<String>,
    /// At most this many conversations, the latest.
    pub last: usize,
    /// Only conversations with a message after this.
    pub since: Option<SystemTime>,
    /// Only conversations whose last message is before this.
    pub until: Option<SystemTime>,
    /// Only what lies behind this, towards the past.
    pub after: Option<Place>,
}

/// Where a conversation stands among all: by its last message, then by its name. A page ends at one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    at_us: u64,
    call_id: String,
}

impl Place {
    /// Behind everything.
    pub const NOWHERE: Self = Self { at_us: 0, call_id: String::new() };

    pub fn at_us(&self) -> u64 {
        self.at_us
    }

    pub fn of(conversation: &Conversation) -> Self {
        let last = conversation.entries.last().map_or(UNIX_EPOCH, |entry| entry.at);
        Self { at_us: micros(last), call_id: conversation.call_id.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at_us, self.call_id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at_us, call_id) = text.split_once(':').ok_or(())?;
        Ok(Self { at_us: at_us.parse().map_err(|_| ())?, call_id: call_id.to_owned() })
    }
}

pub fn micros(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// The messages of one Call-ID, or of all legs of a call, in the order of time; never empty.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Of the leg that began.
    pub call_id: String,
    /// The Call-IDs of all its legs, as they are on the wire.
    pub names: Vec<Vec<u8>>,
    pub entries: Vec<Entry>,
}

/// Legs of one conversation; of more each stands by itself.
pub const LEGS_MAX: usize = 16;

/// `entries` in the order of time. The result too, by the latest message of each conversation.
pub fn search(entries: Vec<Entry>, query: &Query) -> Vec<Conversation> {
    // Their order is known here alone: many have one time by the clock of a shard, which counts milliseconds.
    let mut by_call_id: BTreeMap<Vec<u8>, Vec<(usize, Entry)>> = BTreeMap::new();
    for (order, entry) in entries.into_iter().enumerate() {
        let call_id = sight::call_id(&entry.bytes).unwrap_or_default().to_vec();
        by_call_id.entry(call_id).or_default().push((order, entry));
    }
    let mut found: Vec<Conversation> =
        joined(by_call_id).into_iter().filter(|conversation| matches(conversation, query)).collect();
    found.sort_by_cached_key(Place::of);
    let surplus = found.len().saturating_sub(query.last.max(1));
    found.drain(..surplus);
    found
}

/// Puts the legs of each call together: they name the same UUIDs (RFC 7989) in what we have sent. A leg that was given from one
/// call to another names those of both, which are one then.
fn joined(by_call_id: BTreeMap<Vec<u8>, Vec<(usize, Entry)>>) -> Vec<Conversation> {
    let mut group_by_uuid: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Leg>> = Vec::new();
    // Of a group that has gone into another: which. At most as many steps as a group has legs.
    let mut gone_into: BTreeMap<usize, usize> = BTreeMap::new();
    for (call_id, entries) in by_call_id {
        let uuids = uuids(entries.iter().map(|(_, entry)| entry));
        let whole = |group: &usize| {
            let next = |group: &usize| gone_into.get(group).copied();
            std::iter::successors(Some(*group), next).last()
        };
        let known: BTreeSet<usize> =
            uuids.iter().filter_map(|uuid| group_by_uuid.get(uuid)).filter_map(whole).collect();
        let (group, mut legs) = (groups.len(), vec![(call_id, entries)]);
        for other in known {
            if legs.len() + groups[other].len() <= LEGS_MAX {
                legs.append(&mut groups[other]);
                gone_into.insert(other, group);
            }
        }
        groups.push(legs);
        for uuid in uuids {
            group_by_uuid.entry(uuid).or_insert(group);
        }
    }
    groups.into_iter().filter_map(conversation).collect()
}

/// Its Call-ID, and its messages with their order among all.
type Leg = (Vec<u8>, Vec<(usize, Entry)>);

fn conversation(mut legs: Vec<Leg>) -> Option<Conversation> {
    legs.sort_by_key(|(_, entries)| entries.first().map(|(order, _)| *order));
    let names: Vec<Vec<u8>> = legs.iter().map(|(call_id, _)| call_id.clone()).collect();
    let mut entries: Vec<(usize, Entry)> = legs.into_iter().flat_map(|(_, entries)| entries).collect();
    entries.sort_by_key(|(order, _)| *order);
    let entries = entries.into_iter().map(|(_, entry)| entry).collect();
    Some(Conversation { call_id: super::escape::line(names.first()?), names, entries })
}

/// Only of what we have sent: nobody else says which calls are one.
pub fn uuids<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<Vec<u8>> {
    let sent = entries.filter(|entry| entry.direction == Direction::Sent);
    let values = sent.filter_map(|entry| sight::header(&entry.bytes, "Session-ID", None));
    let mut uuids: Vec<Vec<u8>> = values.flat_map(shelf::keys::uuids).map(<[u8]>::to_vec).collect();
    uuids.sort_unstable();
    uuids.dedup();
    uuids
}

fn matches(conversation: &Conversation, query: &Query) -> bool {
    let Conversation { call_id, names, entries } = conversation;
    let last = entries.last().map_or(UNIX_EPOCH, |entry| entry.at);
    let recent = query.since.is_none_or(|since| last > since)
        && query.until.is_none_or(|until| last < until)
        && query.after.as_ref().is_none_or(|after| Place::of(conversation) < *after);
    let Some(what) = query.what.as_deref() else { return recent && !call_id.is_empty() };
    let named = what.len() >= 4 && names.iter().any(|name| name.starts_with(what.as_bytes()));
    recent && (named || entries.iter().any(|entry| concerns(entry, what)))
}

fn concerns(entry: &Entry, what: &str) -> bool {
    let remote = entry.flow.remote;
    if what == remote.to_string() || what == remote.ip().to_string() {
        return true;
    }
    let wanted = what.strip_prefix("sip:").unwrap_or(what).as_bytes();
    [("From", "f"), ("To", "t")].iter().any(|(name, compact)| {
        sight::header(&entry.bytes, name, Some(compact)).and_then(sight::address).is_some_and(|address| {
            let user = address.rsplitn(2, |byte| *byte == b'@').nth(1).unwrap_or_default();
            address.eq_ignore_ascii_case(wanted) || user == wanted
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;

    fn entries() -> Vec<Entry> {
        let message = |call: &str, from: &str| {
            format!(
                "INVITE sip:bob@d SIP/2.0\r\nf: \"A\" <sip:{from}@D>;tag=1\r\nt: <sip:bob@d>\r\ni: {call}\r\n\r\n"
            )
        };
        vec![
            entry(0, true, "192.0.2.1:5060", &message("call-one", "alice")),
            entry(1, true, "192.0.2.2:5060", &message("call-two", "carol")),
            entry(2, true, "192.0.2.1:5060", &message("call-three", "alice")),
        ]
    }

    fn found(what: &str, last: usize) -> Vec<String> {
        let query = Query { what: Some(what.to_owned()), last, ..Query::default() };
        search(entries(), &query).into_iter().map(|conversation| conversation.call_id).collect()
    }

    #[test]
    fn a_conversation_is_found_by_call_id_account_and_address() {
        assert_eq!(found("call-tw", 9), ["call-two"]);
        assert_eq!(found("alice", 9), ["call-one", "call-three"]);
        assert_eq!(found("carol@d", 9), ["call-two"]);
        assert_eq!(found("192.0.2.2", 9), ["call-two"]);
        assert_eq!(found("mallory", 9), Vec::<String>::new());
    }

    #[test]
    fn only_the_latest_are_given() {
        assert_eq!(found("bob", 1), ["call-three"]);
    }

    #[test]
    fn pages_go_towards_the_past_without_a_gap_also_where_several_end_at_one_time() {
        let message = |call: usize| {
            format!(
                "INVITE sip:bob@d SIP/2.0\r\nf: <sip:alice@d>\r\nt: <sip:bob@d>\r\ni: call-{call}\r\n\r\n"
            )
        };
        let entries: Vec<Entry> =
            (0..7).map(|call| entry(call / 3, true, "192.0.2.1:5060", &message(call as usize))).collect();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = search(entries.clone(), &Query { last: 2, after, ..Query::default() });
            let Some(oldest) = page.first() else { break };
            after = Some(Place::of(oldest).to_string().parse().unwrap());
            seen.extend(page.iter().rev().map(|found| found.call_id.clone()));
        }
        assert_eq!(seen, ["call-6", "call-5", "call-4", "call-3", "call-2", "call-1", "call-0"]);
        let until = Query { last: 9, until: Some(entries[3].at), ..Query::default() };
        assert_eq!(search(entries, &until).len(), 3);
    }

    /// The clock of a shard counts milliseconds.
    #[test]
    fn the_messages_of_all_legs_keep_their_order_within_one_time() {
        let session = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2";
        let say = |received: bool, first: &str, call: &str| {
            entry(0, received, "192.0.2.1:5060", &format!("{first}\r\ni: {call}\r\n{session}\r\n\r\n"))
        };
        let said = [
            (true, "INVITE sip:bob@d SIP/2.0", "leg-of-alice"),
            (false, "INVITE sip:bob@h SIP/2.0", "a-leg-of-bob"),
            (false, "SIP/2.0 100 Trying", "leg-of-alice"),
            (true, "SIP/2.0 200 OK", "a-leg-of-bob"),
            (false, "SIP/2.0 200 OK", "leg-of-alice"),
        ];
        let entries = said.map(|(received, first, call)| say(received, first, call)).to_vec();
        let found = search(entries.clone(), &Query { last: 9, ..Query::default() });
        assert_eq!((found.len(), &*found[0].call_id), (1, "leg-of-alice"));
        let bytes = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(bytes(&found[0].entries), bytes(&entries));
    }

    /// RFC 7989: what we have sent says which legs are one call.
    #[test]
    fn the_legs_of_a_call_are_one_conversation_and_a_stranger_joins_none() {
        let (a, b) = ("ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2");
        let message = |call: &str, session: &str| {
            format!(
                "INVITE sip:bob@d SIP/2.0\r\nf: <sip:alice@d>\r\nt: <sip:bob@d>\r\ni: {call}\r\nSession-ID: {session}\r\n\r\n"
            )
        };
        let entries = vec![
            entry(0, true, "192.0.2.1:5060", &message("leg-of-alice", "none")),
            entry(1, false, "192.0.2.2:5060", &message("zz-leg-of-bob", &format!("{a};remote={b}"))),
            entry(2, false, "192.0.2.1:5060", &message("leg-of-alice", &format!("{b};remote={a}"))),
            entry(3, true, "192.0.2.9:5060", &message("leg-of-mallory", &format!("{a};remote={b}"))),
        ];
        let query = Query { what: Some("zz-leg-of-bob".to_owned()), last: 9, ..Query::default() };
        let found = search(entries, &query);
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].call_id, found[0].entries.len()), ("leg-of-alice", 3));
        assert_eq!(found[0].names, [b"leg-of-alice".to_vec(), b"zz-leg-of-bob".to_vec()]);
    }

    /// Call-IDs of ours are random, and so is the order in which legs are looked at.
    #[test]
    fn a_leg_that_was_given_to_another_call_makes_both_one_whatever_its_name() {
        let uuid = |digit: &str| digit.repeat(32);
        for given in ["a", "c", "e"] {
            let mut number = 0;
            let mut say = |call: &str, own: &str, other: &str| {
                number += 1;
                let session = format!("{};remote={}", uuid(own), uuid(other));
                entry(
                    number,
                    false,
                    "192.0.2.1:5060",
                    &format!("INVITE sip:d SIP/2.0\r\ni: {call}\r\nSession-ID: {session}\r\n\r\n"),
                )
            };
            let entries = vec![
                say("b", "1", "2"),
                say(given, "2", "1"),
                say("d", "3", "4"),
                say("f", "4", "3"),
                say(given, "2", "3"),
                say("stranger", "5", "6"),
            ];
            let found = search(entries, &Query { last: 9, ..Query::default() });
            let counts: Vec<usize> = found.iter().map(|conversation| conversation.entries.len()).collect();
            assert_eq!(counts, [5, 1], "{given}");
            assert_eq!(found[0].names, ["b", given, "d", "f"].map(|name| name.as_bytes().to_vec()));
        }
    }
}
