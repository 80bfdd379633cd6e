//! Text that people see as a name.

/// True for text without control characters, without those that take no place and join nothing, and without those that turn
/// the direction of what stands beside them: with these one name looks like another, in tables and in the audit log too
/// (Unicode UAX 9 section 2, UTS 55 section 3.1).
pub fn is_plain(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Some programs begin a line at these two as well.
    let breaks = |c| matches!(c, '\u{2028}' | '\u{2029}');
    // Joiners (U+200C, U+200D) are of the writing of many languages, these of none.
    let hides = |c| matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    !text.chars().any(|c| c.is_control() || turns(c) || breaks(c) || hides(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_nothing_that_turns_what_is_read() {
        for plain in ["", "Zoë Müller", "محمد", "שלום", "日本", "a\u{301}", "\u{1f469}\u{200d}\u{1f4bb}"]
        {
            assert!(is_plain(plain), "{plain}");
        }
        for turned in [
            "a\u{202e}b",
            "\u{2066}a\u{2069}",
            "a\u{200f}",
            "a\nb",
            "a\u{7}",
            "a\u{85}",
            "a\u{2028}",
            "a\u{200b}b",
            "\u{feff}a",
        ] {
            assert!(!is_plain(turned), "{turned:?}");
        }
    }
}
