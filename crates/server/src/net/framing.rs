//! Messages out of a byte stream (RFC 3261 section 18.3): the header ends at the empty line, the body is as long as
//! Content-Length says, CRLF between messages is a keep-alive (RFC 5626 section 4.4.1).
//!
//! Nothing is copied while a read holds whole messages, and nothing is kept between messages.

/// Bytes of one message. Worst-case memory: this much per connection that is in the middle of a message.
pub const MESSAGE_BYTES_MAX: usize = 65_536;

#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Message(&'a [u8]),
    /// A double CRLF; the answer is one CRLF.
    Ping,
}

#[derive(Default)]
pub struct Framer {
    partial: Vec<u8>,
    /// Bytes of `partial` known to hold no end of header.
    scanned: usize,
}

enum Step {
    Skip(usize),
    Ping(usize),
    Message(usize),
    More,
    Lost(usize),
}

impl Framer {
    /// True in the middle of a message.
    pub fn is_waiting(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Takes what was read and hands out every whole message.
    pub fn feed(&mut self, read: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<(), Box<[u8]>> {
        if self.partial.is_empty() {
            let used = cut(read, 0, &mut each)?;
            self.partial.extend_from_slice(&read[used..]);
            self.scanned = 0;
            return Ok(());
        }
        self.partial.extend_from_slice(read);
        let used = cut(&self.partial, self.scanned, &mut each)?;
        if used == self.partial.len() {
            // Releases the memory: a connection between messages keeps none.
            self.partial = Vec::new();
            self.scanned = 0;
        } else {
            self.partial.drain(..used);
            self.scanned = self.partial.len().saturating_sub(3);
        }
        Ok(())
    }
}

/// Hands out the messages at the start of `bytes`; gives how many bytes they took.
fn cut(bytes: &[u8], scanned: usize, each: &mut impl FnMut(Frame<'_>)) -> Result<usize, Box<[u8]>> {
    let mut used = 0;
    let mut scanned = scanned;
    loop {
        let rest = &bytes[used..];
        match step(rest, scanned) {
            Step::Skip(length) => used += length,
            Step::Ping(length) => {
                each(Frame::Ping);
                used += length;
            }
            Step::Message(length) => {
                each(Frame::Message(&rest[..length]));
                used += length;
            }
            Step::More => return Ok(used),
            Step::Lost(length) => return Err(rest[..length].into()),
        }
        scanned = 0;
    }
}

fn step(bytes: &[u8], scanned: usize) -> Step {
    match bytes {
        [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Step::More,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Step::Ping(4),
        [b'\r', b'\n', ..] => return Step::Skip(2),
        [b'\n', ..] => return Step::Skip(1),
        _ => {}
    }
    let Some(header) = find_blank_line(bytes, scanned) else {
        return if bytes.len() > MESSAGE_BYTES_MAX { Step::Lost(MESSAGE_BYTES_MAX) } else { Step::More };
    };
    match content_length(&bytes[..header]) {
        // Without Content-Length nobody knows where a message on a stream ends (RFC 3261 section 20.14).
        Some(body) if header.saturating_add(body) <= MESSAGE_BYTES_MAX => {
            if bytes.len() < header + body {
                Step::More
            } else {
                Step::Message(header + body)
            }
        }
        _ => Step::Lost(header.min(MESSAGE_BYTES_MAX)),
    }
}

/// The value of the only Content-Length, long or compact; zero when there is none, as RFC 4475 torture messages
/// without body have it; `None` when it is no number or several that differ.
fn content_length(header: &[u8]) -> Option<usize> {
    let mut length = None;
    for line in header.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if !(name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l")) {
            continue;
        }
        let value = line[colon + 1..].trim_ascii();
        if value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = value.iter().fold(0usize, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        if length.replace(value).is_some_and(|before| before != value) {
            return None;
        }
    }
    Some(length.unwrap_or(0))
}

/// The offset after the first CRLF CRLF; what lies before `scanned` holds none.
fn find_blank_line(bytes: &[u8], scanned: usize) -> Option<usize> {
    let mut at = scanned.saturating_sub(3);
    loop {
        let lf = bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + at;
        if lf >= 3 && &bytes[lf - 3..=lf] == b"\r\n\r\n" {
            return Some(lf + 1);
        }
        at = lf + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc\r\nBYE sip:b SIP/2.0\r\n\
        Content-Length : 0\r\n\r\nBYE sip:c SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    fn frames(chunks: &[&[u8]]) -> Vec<String> {
        let (mut framer, mut out) = (Framer::default(), Vec::new());
        for chunk in chunks {
            framer
                .feed(chunk, |frame| match frame {
                    Frame::Message(bytes) => out.push(String::from_utf8(bytes.to_vec()).unwrap()),
                    Frame::Ping => out.push("ping".to_owned()),
                })
                .unwrap();
        }
        assert!(!framer.is_waiting());
        out
    }

    #[test]
    fn a_stream_gives_the_same_messages_wherever_it_is_split() {
        let whole = frames(&[STREAM]);
        assert_eq!(whole.len(), 4);
        assert!(whole[1].ends_with("abc"));
        for at in 0..STREAM.len() {
            assert_eq!(frames(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(frames(&bytes), whole);
    }

    #[test]
    fn a_stream_whose_lengths_cannot_be_trusted_is_lost() {
        for header in
            ["l: x\r\n\r\n", "l: 1\r\nContent-Length: 2\r\n\r\n", "l: 99999999\r\n\r\n", "l: -1\r\n\r\n"]
        {
            let text = format!("BYE sip:b SIP/2.0\r\n{header}");
            assert!(Framer::default().feed(text.as_bytes(), |_| panic!("no message")).is_err(), "{header}");
        }
        assert!(Framer::default().feed(&[b'a'; MESSAGE_BYTES_MAX + 1], |_| {}).is_err());
    }
}
