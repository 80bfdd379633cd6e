//! The messages of a conversation one by one, for whoever draws the ladder himself. Secrets are hidden as in the drawing.

use super::ladder::transport_name;
use super::redact::{self, Bodies};
use super::ring::{Direction, Entry};
use super::search::Conversation;
use coeur_api::MessageView;
use std::time::UNIX_EPOCH;

/// Messages of one conversation that are given, the first and the last in equal parts: with messages of usual length about
/// 2 MB.
const ROWS_MAX: usize = 2_000;

/// In the order of time.
pub fn rows(conversation: &Conversation, bodies: Bodies) -> Vec<MessageView> {
    let entries = &conversation.entries;
    let surplus = entries.len().saturating_sub(ROWS_MAX);
    let cut = ROWS_MAX / 2..ROWS_MAX / 2 + surplus;
    let kept = entries.iter().enumerate().filter(|(at, _)| !cut.contains(at));
    kept.map(|(_, entry)| row(entry, bodies)).collect()
}

fn row(entry: &Entry, bodies: Bodies) -> MessageView {
    MessageView {
        at_us: entry.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64,
        direction: match entry.direction {
            Direction::Received => "received".into(),
            Direction::Sent => "sent".into(),
        },
        remote: entry.flow.remote.to_string(),
        transport: transport_name(entry).into(),
        text: redact::lines(&entry.bytes, bodies).join("\n"),
    }
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
        assert_eq!(seen.len(), ROWS_MAX);
        assert!(seen[0].text.contains("sip:0 ") && seen[ROWS_MAX - 1].text.contains("sip:2499 "));
    }
}
