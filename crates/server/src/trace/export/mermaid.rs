//! A ladder as text for Mermaid, which documents and forges draw.

use crate::trace::ring::{Direction, Entry};
use crate::trace::search::Conversation;
use crate::trace::sight;
use std::fmt::Write;

pub fn mermaid(conversations: &[Conversation]) -> String {
    let mut out = String::from("sequenceDiagram\n");
    let entries = || conversations.iter().flat_map(|conversation| &conversation.entries);
    let mut parties: Vec<String> = Vec::new();
    for entry in entries() {
        let name = party(entry);
        if !parties.contains(&name) {
            parties.push(name);
        }
    }
    // The first party, then us, then the others, as in the ladder of the terminal. Writing to a text does not fail.
    for (index, name) in parties.iter().enumerate() {
        let _ = writeln!(out, "    participant P{index} as {}", escaped(name));
        if index == 0 {
            out.push_str("    participant coeur\n");
        }
    }
    for entry in entries() {
        let name = party(entry);
        let index = parties.iter().position(|known| *known == name).unwrap_or_default();
        let label = escaped(&sight::label(&entry.bytes));
        let _ = match entry.direction {
            Direction::Received => writeln!(out, "    P{index}->>coeur: {label}"),
            Direction::Sent => writeln!(out, "    coeur->>P{index}: {label}"),
        };
    }
    out
}

fn party(entry: &Entry) -> String {
    format!("{}/{}", entry.flow.remote, sight::transport(entry.flow.transport))
}

/// What could mean anything is written as the number of its character; a word of the language is broken up by one.
fn escaped(text: &str) -> String {
    const WORDS: [&str; 12] =
        ["end", "loop", "alt", "else", "opt", "par", "and", "rect", "critical", "option", "break", "note"];
    let mut out = String::with_capacity(text.len());
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        let is_word = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        for (at, character) in word.chars().enumerate() {
            let is_plain = character.is_ascii_alphanumeric() || "._@+/:[]()".contains(character);
            if is_plain && !(is_word && at == 0) {
                out.push(character);
            } else {
                out.push_str(&format!("#{};", character as u32));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;

    #[test]
    fn a_call_is_a_sequence_diagram_in_which_no_name_means_anything() {
        let entries = vec![
            entry(0, true, "192.0.2.1:5060", "INVITE sip:end@d SIP/2.0\r\n\r\n"),
            entry(1, false, "[2001:db8::1]:5070", "INVITE sip:x%3b@d SIP/2.0\r\n\r\n"),
            entry(2, true, "[2001:db8::1]:5070", "SIP/2.0 180 Ring;->>coeur#\x1b<b>\r\n\r\n"),
        ];
        let conversation = Conversation { call_id: "c".into(), names: vec![b"c".to_vec()], entries };
        assert_eq!(
            mermaid(&[conversation]),
            "sequenceDiagram\n    participant P0 as 192.0.2.1:5060/udp\n    participant coeur\n    participant P1 as [2001:db8::1]:5070/udp\n    \
             P0->>coeur: INVITE #101;nd\n    coeur->>P1: INVITE x#37;3b\n    P1->>coeur: 180 Ring#59;#45;#62;#62;coeur#35;#92;x1b#60;b#62;\n"
        );
    }
}
