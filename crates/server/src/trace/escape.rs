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

fn push(character: char, out: &mut String) {
    match character {
        '\t' => out.push('\t'),
        _ if character.is_control() && (character as u32) < 256 => {
            out.push_str(&format!("\\x{:02x}", character as u32));
        }
        // Marks without width and changes of direction: they make a name look like another one.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            out.push_str(&format!("\\u{{{:x}}}", character as u32));
        }
        _ => out.push(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_broken_bytes_become_visible() {
        assert_eq!(line(b"a\x1b[31mb\xff\x00"), "a\\x1b[31mb\\xff\\x00");
        assert_eq!(line("\u{202e}abc\u{9b}é".as_bytes()), "\\u{202e}abc\\x9bé");
    }
}
