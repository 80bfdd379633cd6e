//! The one header that a stream cannot do without.

use super::framer::FrameError;
use memchr::memchr;

/// Finds Content-Length (or `l`) in a header section that ends with its blank line.
pub(super) fn content_length(section: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    let mut rest = section;
    while let Some(end) = memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        let Some(value) = value_of_content_length(rest) else { continue };
        // Even two equal lengths are an attack or a defect: whoever reads the other one sees other messages.
        if found.replace(number(value)?).is_some() {
            return Err(FrameError::DuplicateContentLength);
        }
    }
    found.ok_or(FrameError::MissingContentLength)
}

/// The value with its folds when `line` starts with the header, up to the end of the section.
fn value_of_content_length(line: &[u8]) -> Option<&[u8]> {
    let name = match line.first()? {
        b'l' | b'L' => 1,
        b'c' | b'C' if line.get(..NAME.len())?.eq_ignore_ascii_case(NAME) => NAME.len(),
        _ => return None,
    };
    // HCOLON: white space may precede the colon (section 25.1).
    let colon = line[name..].iter().position(|&byte| byte != b' ' && byte != b'\t')? + name;
    (line[colon] == b':').then(|| &line[colon + 1..])
}

const NAME: &[u8] = b"content-length";

/// `1*DIGIT` between white space (a fold included), up to the end of the line.
fn number(value: &[u8]) -> Result<usize, FrameError> {
    let mut length: Option<usize> = None;
    let mut ended = false;
    for (at, &byte) in value.iter().enumerate() {
        match byte {
            b'0'..=b'9' if !ended => {
                let sum =
                    length.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add((byte - b'0').into()));
                length = Some(sum.ok_or(FrameError::MessageTooLarge)?);
            }
            b'\n' if !matches!(value.get(at + 1), Some(b' ' | b'\t')) => break,
            b' ' | b'\t' | b'\r' | b'\n' => ended = length.is_some(),
            _ => return Err(FrameError::BadContentLength),
        }
    }
    length.ok_or(FrameError::BadContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<usize, FrameError> {
        content_length(format!("BYE sip:a SIP/2.0\r\nTo: x\r\n{header}Max-Forwards: 7\r\n\r\n").as_bytes())
    }

    #[test]
    fn both_names_any_case_and_white_space_are_read() {
        assert_eq!(read("Content-Length: 12\r\n"), Ok(12));
        assert_eq!(read("CONTENT-length  :  12 \r\n"), Ok(12));
        assert_eq!(read("l:12\r\n"), Ok(12));
        assert_eq!(read("L\t: 0\r\n"), Ok(0));
        assert_eq!(read("Content-Length:\r\n  12\r\n"), Ok(12));
    }

    #[test]
    fn a_length_that_is_missing_twice_there_or_no_number_is_fatal() {
        assert_eq!(read(""), Err(FrameError::MissingContentLength));
        assert_eq!(read("Content-Lengthy: 5\r\n"), Err(FrameError::MissingContentLength));
        assert_eq!(read("Content-Length: 5\r\nl: 5\r\n"), Err(FrameError::DuplicateContentLength));
        assert_eq!(read("Content-Length: -5\r\n"), Err(FrameError::BadContentLength));
        assert_eq!(read("Content-Length: 5 5\r\n"), Err(FrameError::BadContentLength));
        assert_eq!(read("Content-Length: 5\r\n 5\r\n"), Err(FrameError::BadContentLength));
        assert_eq!(read("Content-Length: 0x5\r\n"), Err(FrameError::BadContentLength));
        assert_eq!(read("Content-Length: \r\n"), Err(FrameError::BadContentLength));
        assert_eq!(read("l: 99999999999999999999999999\r\n"), Err(FrameError::MessageTooLarge));
    }

    #[test]
    fn a_folded_line_is_not_a_header() {
        assert_eq!(read("Subject: x\r\n Content-Length: 3\r\nl: 4\r\n"), Ok(4));
    }
}
