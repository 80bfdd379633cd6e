//! The framer of one connection.

use super::content_length::content_length;
use memchr::memmem;
use std::fmt;

/// How large what arrives on a stream may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes from the start line to the blank line, both included. Default 16 KiB.
    pub header_section_bytes_max: usize,
    /// Bytes of a whole message. Default 64 KiB. Worst-case memory of a connection: twice this, since a buffer
    /// that grows doubles.
    pub message_bytes_max: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { header_section_bytes_max: 16_384, message_bytes_max: 65_536 }
    }
}

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// CRLFCRLF: answer it with CRLF (RFC 5626 section 3.5.1).
    Ping,
    /// CRLF, the answer to the ping that [`Framer::expect_pong`] announced.
    Pong,
}

/// Why the connection must be closed: where the next message begins can no longer be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The first byte can begin no message and no keep-alive (a TLS hello on a TCP port, a scanner).
    NotSip,
    HeaderSectionTooLarge,
    MessageTooLarge,
    /// Required on a stream (RFC 3261 section 18.3).
    MissingContentLength,
    DuplicateContentLength,
    BadContentLength,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrameError::NotSip => "the stream is not SIP",
            FrameError::HeaderSectionTooLarge => "the header section is too large",
            FrameError::MessageTooLarge => "the message is too large",
            FrameError::MissingContentLength => "Content-Length is missing on a stream",
            FrameError::DuplicateContentLength => "Content-Length appears more than once",
            FrameError::BadContentLength => "Content-Length is not a number",
        })
    }
}

impl std::error::Error for FrameError {}

/// Cuts the bytes of one connection into frames. A message that one read holds whole is handed out where it lies;
/// only one that is split is collected, and nothing is kept between messages.
#[derive(Default)]
pub struct Framer {
    /// What has come of a message that is not whole yet; after an error, the header section that caused it.
    pending: Vec<u8>,
    stage: Stage,
    pong_expected: bool,
    limits: StreamLimits,
    failed: Option<FrameError>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Between messages. After a CR its LF must come; after one CRLF a second one makes a ping.
    Between { cr: bool, half_ping: bool },
    /// In a header section; no blank line begins before `scan`.
    Headers { scan: usize },
    /// The section is complete; the message has `length` bytes.
    Body { length: usize },
}

impl Default for Stage {
    fn default() -> Stage {
        Stage::Between { cr: false, half_ping: false }
    }
}

impl Framer {
    pub fn new(limits: StreamLimits) -> Framer {
        Framer { limits, ..Framer::default() }
    }

    /// Takes what was read and hands out every whole frame, in order. An error is final and is returned again.
    pub fn feed(&mut self, read: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut rest = read;
        while !rest.is_empty() {
            let used = match self.stage {
                Stage::Between { cr, half_ping } => self.between(rest, cr, half_ping, &mut each),
                Stage::Headers { scan } => self.headers(rest, scan, &mut each),
                Stage::Body { length } => Ok(self.body(rest, length, &mut each)),
            };
            match used {
                Ok(used) => rest = &rest[used..],
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A ping of ours has just been sent: the next lone CRLF is its pong. If both sides ping at the same
    /// moment, the peer's ping reads as our pong and half a ping of its own; either side's next ping repairs it.
    pub fn expect_pong(&mut self) {
        self.pong_expected = true;
    }

    /// Bytes that wait for the rest of their message: while there are some, the deadline for slow senders runs.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// After an error about a length: the header section whose sender may be answered ([`super::refusal`]).
    pub fn refused_section(&self) -> Option<&[u8]> {
        (self.failed.is_some() && !self.pending.is_empty()).then_some(&self.pending)
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.pending.capacity()
    }

    /// Passes over the CRLFs before a message (RFC 3261 section 7.5): two are a ping, one is our pong or nothing.
    fn between(
        &mut self,
        rest: &[u8],
        cr: bool,
        half_ping: bool,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, FrameError> {
        match rest[0] {
            b'\r' if !cr => self.stage = Stage::Between { cr: true, half_ping },
            b'\n' if cr => {
                let pong = !half_ping && std::mem::take(&mut self.pong_expected);
                self.stage = Stage::Between { cr: false, half_ping: !half_ping && !pong };
                if half_ping {
                    each(Frame::Ping);
                } else if pong {
                    each(Frame::Pong);
                }
            }
            byte if !cr && (byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)) => {
                return self.message(rest, each);
            }
            _ => return Err(FrameError::NotSip),
        }
        Ok(1)
    }

    /// `rest` begins with a message.
    fn message(&mut self, rest: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<usize, FrameError> {
        let Some(head) = self.blank_line(rest, 0)? else {
            self.stage = Stage::Headers { scan: rest.len().saturating_sub(3) };
            self.pending.extend_from_slice(rest);
            return Ok(rest.len());
        };
        let length = self.length(&rest[..head])?;
        if rest.len() < length {
            self.stage = Stage::Body { length };
            self.pending.extend_from_slice(rest);
            return Ok(rest.len());
        }
        self.stage = Stage::default();
        each(Frame::Message(&rest[..length]));
        Ok(length)
    }

    /// `rest` goes on with a header section. What belongs to the next message is left in `rest`.
    fn headers(
        &mut self,
        rest: &[u8],
        scan: usize,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, FrameError> {
        let before = self.pending.len();
        let room = self.limits.header_section_bytes_max - before;
        self.pending.extend_from_slice(&rest[..rest.len().min(room)]);
        let Some(head) = self.blank_line(&self.pending, scan)? else {
            // The blank line may have begun in the last three bytes.
            self.stage = Stage::Headers { scan: self.pending.len().saturating_sub(3).max(scan) };
            return Ok(self.pending.len() - before);
        };
        self.pending.truncate(head);
        let section = std::mem::take(&mut self.pending);
        let length = self.length(&section)?;
        self.pending = section;
        self.stage = Stage::Body { length };
        Ok(head - before + self.body(&rest[head - before..], length, each))
    }

    fn body(&mut self, rest: &[u8], length: usize, each: &mut impl FnMut(Frame<'_>)) -> usize {
        let used = rest.len().min(length - self.pending.len());
        self.pending.extend_from_slice(&rest[..used]);
        if self.pending.len() == length {
            // Gives the memory back: a connection between messages keeps none.
            let message = std::mem::take(&mut self.pending);
            self.stage = Stage::default();
            each(Frame::Message(&message));
        }
        used
    }

    /// Where the header section ends, looked for from `scan` on and no further than the limit.
    fn blank_line(&self, bytes: &[u8], scan: usize) -> Result<Option<usize>, FrameError> {
        let limit = self.limits.header_section_bytes_max;
        let section = &bytes[..bytes.len().min(limit)];
        match memmem::find(&section[scan..], b"\r\n\r\n") {
            Some(blank) => Ok(Some(scan + blank + 4)),
            None if section.len() == limit => Err(FrameError::HeaderSectionTooLarge),
            None => Ok(None),
        }
    }

    /// The length of the whole message with this header section, which is kept if it is no good.
    fn length(&mut self, section: &[u8]) -> Result<usize, FrameError> {
        let whole = content_length(section).and_then(|body| {
            body.checked_add(section.len())
                .filter(|length| *length <= self.limits.message_bytes_max)
                .ok_or(FrameError::MessageTooLarge)
        });
        if whole.is_err() {
            self.pending = section.to_vec();
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(body: usize) -> Vec<u8> {
        let mut message =
            format!("MESSAGE sip:a@b SIP/2.0\r\nVia: x\r\nContent-Length: {body}\r\n\r\n").into_bytes();
        message.extend((0..body).map(|at| b"\r\nab"[at % 4]));
        message
    }

    /// What a frame says, without its place in the buffer.
    #[derive(Debug, PartialEq, Clone)]
    enum Seen {
        Message(Vec<u8>),
        Ping,
        Pong,
        Failed(FrameError),
    }

    fn see(frame: Frame<'_>) -> Seen {
        match frame {
            Frame::Message(message) => Seen::Message(message.to_vec()),
            Frame::Ping => Seen::Ping,
            Frame::Pong => Seen::Pong,
        }
    }

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
        let (mut framer, mut seen) = (Framer::new(StreamLimits::default()), Vec::new());
        for piece in pieces {
            if let Err(error) = framer.feed(piece, |frame| seen.push(see(frame))) {
                assert_eq!(framer.feed(b"A", |_| panic!("a frame after an error")), Err(error));
                seen.push(Seen::Failed(error));
                break;
            }
        }
        seen
    }

    #[test]
    fn pipelined_messages_and_keep_alives_come_out_in_order() {
        let stream = [&message(0)[..], b"\r\n\r\n", &message(7), &message(0), b"\r\n", &message(3)].concat();
        let expected = vec![
            Seen::Message(message(0)),
            Seen::Ping,
            Seen::Message(message(7)),
            Seen::Message(message(0)),
            Seen::Message(message(3)),
        ];
        assert_eq!(read([&stream[..]]), expected);
        assert_eq!(read(stream.chunks(1)), expected);
    }

    #[test]
    fn a_lone_crlf_is_a_pong_only_when_one_is_expected() {
        let (mut framer, mut seen) = (Framer::default(), Vec::new());
        framer.expect_pong();
        for (bytes, expected) in [(b"\r\n", Some(Seen::Pong)), (b"\r\n", None), (b"\r\n", Some(Seen::Ping))] {
            assert_eq!(framer.feed(bytes, |frame| seen.push(see(frame))), Ok(()));
            assert_eq!(seen.pop(), expected);
            assert_eq!(framer.pending(), 0);
        }
    }

    #[test]
    fn a_message_that_one_read_holds_is_handed_out_where_it_lies() {
        let stream = [&b"\r\n"[..], &message(10), &message(0), &message(500)[..100]].concat();
        let (mut framer, mut places) = (Framer::default(), Vec::new());
        let handed_out = framer.feed(&stream, |frame| match frame {
            Frame::Message(message) => places.push(message.as_ptr() as usize - stream.as_ptr() as usize),
            Frame::Ping | Frame::Pong => {}
        });
        assert_eq!(handed_out, Ok(()));
        assert_eq!(places, [2, 2 + message(10).len()]);
        assert_eq!(framer.pending(), 100, "only what is split is collected");
    }

    #[test]
    fn an_idle_connection_holds_no_memory_and_a_slow_sender_what_it_sent() {
        let mut framer = Framer::default();
        let large = message(60_000);
        framer.feed(&large[..70], |_| panic!("not whole")).unwrap();
        assert_eq!(framer.pending(), 70);
        assert!(framer.capacity() <= 140, "{} bytes are held", framer.capacity());
        let mut messages = 0;
        framer.feed(&large[70..], |_| messages += 1).unwrap();
        assert_eq!((messages, framer.pending(), framer.capacity()), (1, 0, 0));
    }

    #[test]
    fn the_header_section_whose_length_is_no_good_is_kept_for_the_answer() {
        let section = b"A sip:a SIP/2.0\r\nl: x\r\n\r\n";
        for at in 0..section.len() {
            let mut framer = Framer::default();
            assert_eq!(framer.feed(&section[..at], |_| {}), Ok(()));
            assert_eq!(framer.refused_section(), None);
            assert_eq!(framer.feed(&section[at..], |_| {}), Err(FrameError::BadContentLength));
            assert_eq!(framer.refused_section(), Some(&section[..]));
        }
        let mut framer = Framer::default();
        assert_eq!(framer.feed(b"\x16\x03", |_| {}), Err(FrameError::NotSip));
        assert_eq!(framer.refused_section(), None);
    }

    #[test]
    fn what_exceeds_a_limit_is_fatal_and_stays_so() {
        let endless = [&b"INVITE sip:a SIP/2.0\r\nSubject: "[..], &[b'x'; 20_000]].concat();
        assert_eq!(read([&endless[..]]), [Seen::Failed(FrameError::HeaderSectionTooLarge)]);
        assert_eq!(read(endless.chunks(100)), [Seen::Failed(FrameError::HeaderSectionTooLarge)]);
        let large = b"A sip:a SIP/2.0\r\nl: 65536\r\n\r\n";
        assert_eq!(read([&large[..]]), [Seen::Failed(FrameError::MessageTooLarge)]);
        let overflowing = b"A sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n";
        assert_eq!(read([&overflowing[..]]), [Seen::Failed(FrameError::MessageTooLarge)]);
        assert_eq!(read([&b"\x16\x03\x01"[..]]), [Seen::Failed(FrameError::NotSip)]);
        for stream in ["\rX", "\r\r\n", "\n", "\r\n\n", "\r\n\rA"] {
            assert_eq!(read([stream.as_bytes()]), [Seen::Failed(FrameError::NotSip)], "{stream:?}");
        }
    }

    #[test]
    fn a_message_trickling_in_byte_by_byte_costs_linear_work() {
        // 60 kB in single bytes; with a rescan per byte this would be 2e9 steps.
        let trickle = [&message(60_000)[..], &message(0)].concat();
        assert_eq!(read(trickle.chunks(1)).len(), 2);
    }

    proptest! {
        #[test]
        fn any_split_of_a_stream_yields_the_same_frames(
            parts in prop::collection::vec((0usize..5, 0usize..300), 1..12),
            cuts in prop::collection::vec(1usize..90, 1..60),
        ) {
            let mut stream = Vec::new();
            for (kind, size) in parts {
                match kind {
                    0 => stream.extend_from_slice(b"\r\n\r\n"),
                    1 => stream.extend_from_slice(b"\r\n"),
                    _ => stream.extend(message(size)),
                }
            }
            let whole = read([&stream[..]]);
            let mut pieces = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            prop_assert_eq!(read(pieces), whole);
        }

        #[test]
        fn random_bytes_never_panic_and_split_alike(bytes in prop::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'l'), Just(b':'), Just(b'1'), Just(b' '), any::<u8>()], 0..400,
        )) {
            prop_assert_eq!(read(bytes.chunks(1)), read([&bytes[..]]));
        }
    }
}
