//! Text from the network, made safe for a terminal or a log line.

/// Every character that could move the cursor, colour, reverse or hide text is written `\xNN` or `\u{N}`; a tab
/// stays. Bytes that are no UTF-8 are written `\xNN`.
pub fn line(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(character, &mut out);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// JSON, whose own escapes leave some of these characters as they are (RFC 8259 section 7), with all of them escaped: it
/// reads the same. Line ends stand between its values only.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && (character.is_control() || is_disguise(character)) {
            // None of them needs more than four digits.
            out.push_str(&format!("\\u{:04x}", character as u32));
        } else {
            out.push(character);
        }
    }
    out
}

fn push(character: char, out: &mut String) {
    match character {
        '\t' => out.push('\t'),
        _ if character.is_control() => out.push_str(&format!("\\x{:02x}", character as u32)),
        _ if is_disguise(character) => out.push_str(&format!("\\u{{{:x}}}", character as u32)),
        _ => out.push(character),
    }
}

/// Marks without width and changes of direction: they make a name look like another one.
fn is_disguise(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_broken_bytes_become_visible() {
        assert_eq!(line(b"a\x1b[31mb\xff\x00"), "a\\x1b[31mb\\xff\\x00");
        assert_eq!(line("\u{202e}abc\u{9b}é".as_bytes()), "\\u{202e}abc\\x9bé");
    }

    #[test]
    fn json_moves_no_terminal_and_reads_the_same() {
        let hostile = serde_json::json!({ "device_ua": "\u{9b}31m\u{7f}\u{202e}\x1b\té" });
        let text = json(&format!("{hostile:#}\n"));
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || is_disguise(c))), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), hostile);
    }
}
