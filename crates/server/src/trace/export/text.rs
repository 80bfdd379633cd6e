//! Messages as plain text, one behind the other.

use crate::trace::ladder::clock;
use crate::trace::redact::{self, Bodies};
use crate::trace::search::Conversation;
use crate::trace::sight;

/// Safe for a terminal.
pub fn text(conversations: &[Conversation], bodies: Bodies) -> String {
    let mut out = String::new();
    for entry in conversations.iter().flat_map(|conversation| &conversation.entries) {
        let (direction, remote) = (entry.direction.as_str(), entry.flow.remote);
        let transport = sight::transport(entry.flow.transport);
        out.push_str(&format!(
            "--- {} {direction} {remote}/{transport} {} bytes\n",
            clock(entry.at),
            entry.bytes.len()
        ));
        for line in redact::lines(&entry.bytes, bodies) {
            out.push_str(&line);
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;

    #[test]
    fn messages_stand_one_behind_the_other_without_secrets() {
        let secret = "INVITE sip:b:s3cr3t@d SIP/2.0\r\nSubject: \x1b[2J\r\n\r\n";
        let entries = vec![
            entry(0, true, "192.0.2.1:5060", secret),
            entry(1, false, "192.0.2.1:5060", "SIP/2.0 200 OK\r\n\r\n"),
        ];
        let conversation = Conversation { call_id: "c".into(), names: vec![b"c".to_vec()], entries };
        assert_eq!(
            text(&[conversation], Bodies::Hidden),
            "--- 2026-11-24 04:17:21.000 UTC received 192.0.2.1:5060/udp 48 bytes\nINVITE sip:b:***@d SIP/2.0\nSubject: \\x1b[2J\n\n\
             --- 2026-11-24 04:17:22.000 UTC sent 192.0.2.1:5060/udp 18 bytes\nSIP/2.0 200 OK\n\n"
        );
    }
}
