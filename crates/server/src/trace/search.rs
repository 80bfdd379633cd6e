//! Finding conversations among recent messages: by Call-ID, by account, by address.

use super::ring::Entry;
use super::sight;
use std::collections::BTreeMap;
use std::time::SystemTime;

#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A Call-ID (or its beginning), `user`, `user@domain`, `IP` or `IP:PORT`; all when absent.
    pub what: Option<String>,
    /// At most this many conversations, the latest.
    pub last: usize,
    /// Only conversations with a message after this.
    pub since: Option<SystemTime>,
}

/// The messages of one Call-ID, in the order of time; never empty.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub call_id: String,
    pub entries: Vec<Entry>,
}

/// `entries` in the order of time. The result too, by the latest message of each conversation.
pub fn search(entries: Vec<Entry>, query: &Query) -> Vec<Conversation> {
    let mut by_call_id: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let call_id = sight::call_id(&entry.bytes).unwrap_or_default().to_vec();
        by_call_id.entry(call_id).or_default().push(entry);
    }
    let mut found: Vec<Conversation> = by_call_id
        .into_iter()
        .filter(|(call_id, entries)| matches(call_id, entries, query))
        .map(|(call_id, entries)| Conversation { call_id: super::escape::line(&call_id), entries })
        .collect();
    found.sort_by_key(|conversation| conversation.entries.last().map(|entry| entry.at));
    let surplus = found.len().saturating_sub(query.last.max(1));
    found.drain(..surplus);
    found
}

fn matches(call_id: &[u8], entries: &[Entry], query: &Query) -> bool {
    let recent = query.since.is_none_or(|since| entries.last().is_some_and(|entry| entry.at > since));
    let Some(what) = query.what.as_deref() else { return recent && !call_id.is_empty() };
    let named = call_id.starts_with(what.as_bytes()) && what.len() >= 4;
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
        let query = Query { what: Some(what.to_owned()), last, since: None };
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
}
