//! The messages of a conversation one by one, for whoever draws the ladder himself. Secrets are hidden as in the drawing.

use super::page::message;
use super::redact::Bodies;
use super::ring::Entry;
use super::search::Conversation;
use coeur_api::{MESSAGES_MAX, MessageView};

/// In the order of time.
pub fn rows(conversation: &Conversation, bodies: Bodies) -> Vec<MessageView> {
    begin_and_end(&conversation.entries).map(|entry| message(entry, bodies, &[])).collect()
}

/// At most [`MESSAGES_MAX`], the first and the last in equal parts: with messages of usual length about 2 MB.
pub fn begin_and_end(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let surplus = entries.len().saturating_sub(MESSAGES_MAX);
    let cut = MESSAGES_MAX / 2..MESSAGES_MAX / 2 + surplus;
    entries.iter().enumerate().filter(move |(at, _)| !cut.contains(at)).map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;

    fn conversation(entries: Vec<Entry>) -> Conversation {
        Conversation { call_id: "c".into(), names: vec![b"c".to_vec()], entries }
    }

    #[test]
    fn a_row_says_when_where_and_what_and_hides_what_the_ladder_hides() {
        let message = "REGISTER sip:d SIP/2.0\r\ni: c\r\nAuthorization: Digest username=\"a\", response=\"5ec2e7\"\r\n\r\n";
        let seen = rows(&conversation(vec![entry(1_500, true, "192.0.2.1:5060", message)]), Bodies::Hidden);
        let row = &seen[0];
        assert_eq!(
            (row.direction.as_str(), row.remote.as_str(), row.transport.as_str()),
            ("received", "192.0.2.1:5060", "udp")
        );
        assert!(row.text.starts_with("REGISTER sip:d SIP/2.0\ni: c\n"), "{}", row.text);
        assert!(!row.text.contains("5ec2e7"), "{}", row.text);
    }

    #[test]
    fn of_a_conversation_without_end_its_begin_and_its_end_are_given() {
        let at = |serial: u64| {
            entry(serial, false, "192.0.2.1:5060", &format!("OPTIONS sip:{serial} SIP/2.0\r\ni: c\r\n\r\n"))
        };
        let seen = rows(&conversation((0..2_500).map(at).collect()), Bodies::Hidden);
        assert_eq!(seen.len(), MESSAGES_MAX);
        assert!(seen[0].text.contains("sip:0 ") && seen[MESSAGES_MAX - 1].text.contains("sip:2499 "));
    }
}
