//! The lines of a message, as forgivingly as a hostile one may be written: all that reads, hides and finds here sees the same
//! lines, so that none is hidden from one of them.

use memchr::memchr2;

/// A line without what ends it: CRLF, LF or CR alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'m> {
    pub text: &'m [u8],
    /// Where it begins in the message.
    pub start: usize,
    /// Behind what ends it.
    pub end: usize,
}

impl Line<'_> {
    /// It belongs to the header before it (RFC 3261 section 7.3.1).
    pub fn continues(&self) -> bool {
        matches!(self.text.first(), Some(b' ' | b'\t'))
    }
}

#[derive(Clone, Debug)]
pub struct Lines<'m> {
    message: &'m [u8],
    at: usize,
}

/// Empty lines before the first are passed over (RFC 3261 section 7.5).
pub fn lines(message: &[u8]) -> Lines<'_> {
    let at = message.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(message.len());
    Lines { message, at }
}

impl<'m> Iterator for Lines<'m> {
    type Item = Line<'m>;

    fn next(&mut self) -> Option<Line<'m>> {
        let start = self.at;
        let rest = self.message.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let crlf = rest[length..].starts_with(b"\r\n");
        self.at = (start + length + 1 + usize::from(crlf)).min(self.message.len());
        Some(Line { text: &rest[..length], start, end: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_seen_whatever_ends_it_and_all_of_them_are_the_message() {
        let message = b"\r\n\nA\r\n b\rC\n\r\n\nD";
        let texts: Vec<&[u8]> = lines(message).map(|line| line.text).collect();
        assert_eq!(texts, [&b"A"[..], b" b", b"C", b"", b"", b"D"]);
        let mut at = 3;
        for line in lines(message) {
            assert_eq!(line.start, at);
            at = line.end;
        }
        assert_eq!(at, message.len());
    }
}
