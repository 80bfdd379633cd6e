//! Texts that go into files of phones, and secrets among them.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Characters of one text: four times that in bytes at most.
pub const TEXT_CHARS_MAX: usize = 512;

/// A text without control characters, so that none ends a line or a value early in any maker's language, and without what
/// XML 1.0 (section 2.2) has no way to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Box<str>);

impl Text {
    /// Whatever cannot be written becomes a space; what is too long is cut.
    pub fn new(text: &str) -> Self {
        let plain = |c: char| {
            // Line and paragraph separators end a line for some readers; the last two code points of the plane are no
            // characters.
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') {
                ' '
            } else {
                c
            }
        };
        let text: String = text.chars().take(TEXT_CHARS_MAX).map(plain).collect();
        Self(text.trim().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password, or a file with one in it. It has no `Debug`, and is overwritten when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_a_line() {
        let text = Text::new("a\r\nb\0c\u{2028}d\u{85}e\u{ffff}");
        assert_eq!(text.as_str(), "a  b c d e");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        assert_eq!(Text::new(&"é".repeat(600)).as_str().chars().count(), TEXT_CHARS_MAX);
    }
}
