//! Where conversations are sought: on the shelf, and in the rings for what is not there.

use super::redact::{self, Bodies};
use super::ring::{Direction, Entry, Tap};
use super::search::{Conversation, LEGS_MAX, Query, search};
use super::shelf::Shelf;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Names that are sought for each conversation at first, since a call has two legs; of more it is asked again, so often.
const NAMES_PER_CONVERSATION: usize = 2;
const ROUNDS_MAX: usize = 4;

/// Conversations of one search.
const CONVERSATIONS_MAX: usize = 1_000;

/// The newest last. A search holds the shelf: what comes meanwhile waits in the rings. With texts only where memory has them.
pub fn find(
    tap: &Tap,
    shelf: Option<&Mutex<Shelf>>,
    query: &Query,
    bodies: Bodies,
    now_us: u64,
) -> Vec<Conversation> {
    let last = query.last.clamp(1, CONVERSATIONS_MAX);
    let query = &Query { last, ..query.clone() };
    let Some(shelf) = shelf else { return search(tap.entries(), query) };
    let mut shelf = shelf.lock();
    shelf.take(tap, now_us);
    let in_rings_only = tap.entries_behind(shelf.cursors());
    let mut want = last * NAMES_PER_CONVERSATION;
    for round in 1.. {
        let found = shelf.find(query, want);
        let mut entries = found.entries;
        entries.extend(in_rings_only.iter().cloned());
        entries.sort_by_key(|entry| entry.at);
        let mut conversations = search(entries, query);
        if conversations.len() >= last || found.is_all || round == ROUNDS_MAX {
            drop(shelf);
            if bodies == Bodies::Shown {
                give_texts(&mut conversations, tap.entries());
            }
            return conversations;
        }
        want = (want * 4).min(last * LEGS_MAX);
    }
    Vec::new()
}

/// Messages that memory has whole take the place of those that the disk has without their texts.
fn give_texts(conversations: &mut [Conversation], rings: Vec<Entry>) {
    type Place = (SystemTime, Direction, SocketAddr);
    let mut whole: HashMap<Place, Vec<Entry>> = HashMap::new();
    for entry in rings {
        whole.entry((entry.at, entry.direction, entry.flow.remote)).or_default().push(entry);
    }
    for entry in conversations.iter_mut().flat_map(|conversation| &mut conversation.entries) {
        let Some(known) = whole.get(&(entry.at, entry.direction, entry.flow.remote)) else { continue };
        let twin = known.iter().find(|known| *redact::message(&known.bytes, Bodies::Hidden) == entry.bytes);
        if let Some(twin) = twin {
            entry.bytes.clone_from(&twin.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;
    use crate::trace::shelf::Room;
    use coeur_exchange::flow::ShardId;
    use std::time::Duration;

    #[test]
    fn what_is_on_disk_and_what_is_in_memory_are_one_and_texts_are_in_memory_alone() {
        let folder = std::env::temp_dir().join(format!("coeur-find-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let tap = Tap::new(1, 1 << 20);
        let tell = |second: u64, call: &str| {
            let text =
                format!("MESSAGE sip:bob@d SIP/2.0\r\nFrom: <sip:alice@d>\r\nCall-ID: {call}\r\n\r\nmeet me");
            let entry = entry(second, true, "192.0.2.1:5060", &text);
            tap.record(ShardId(0), entry.at, entry.direction, &entry.flow, &entry.bytes);
        };
        let room = Room { bytes: 1 << 20, age: Duration::from_secs(86_400), left_free_bytes: 0 };
        let shelf = Mutex::new(Shelf::open(folder.clone(), room, 1).unwrap());
        tell(0, "one");
        shelf.lock().take(&tap, 0);
        tell(1, "two");
        let query = Query { what: Some("alice".to_owned()), last: 9, ..Query::default() };
        let seen = |bodies| {
            let found = find(&tap, Some(&shelf), &query, bodies, 0);
            found
                .iter()
                .map(|found| (found.call_id.clone(), found.entries[0].bytes.ends_with(b"meet me")))
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(Bodies::Hidden), [("one".to_owned(), false), ("two".to_owned(), false)]);
        assert_eq!(seen(Bodies::Shown), [("one".to_owned(), true), ("two".to_owned(), true)]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
