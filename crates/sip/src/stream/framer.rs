//! The framer of one connection.

use super::content_length::content_length;
use memchr::memmem;
use std::fmt;
use std::ops::Range;

/// How large what arrives on a stream may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes from the start line to the blank line, both included. Default 16 KiB.
    pub header_section_bytes_max: usize,
    /// Bytes of a whole message. Default 64 KiB. Worst-case memory of a connection: this and what one read
    /// brings on top.
    pub message_bytes_max: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { header_section_bytes_max: 16_384, message_bytes_max: 65_536 }
    }
}

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message: this range of [`Framer::bytes`].
    Message(Range<usize>),
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

/// Collects the bytes of one connection and cuts them into frames.
///
/// Use, for each readable event: `begin(spare)`, then `push` and `next` until it yields nothing, then
/// `end(spare)`. A range is valid until the next `push` or `end`.
pub struct Framer {
    buffer: Vec<u8>,
    /// What lies before was yielded.
    start: usize,
    stage: Stage,
    /// One CRLF stood before this place; a second one makes a ping.
    half_ping: bool,
    pong_expected: bool,
    limits: StreamLimits,
    failed: Option<FrameError>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Between messages.
    Between,
    /// In a header section; no blank line begins before `scan`.
    Headers { scan: usize },
    /// The section is complete; the message ends at `end`, counted from `start`.
    Body { length: usize },
}

impl Framer {
    pub fn new(limits: StreamLimits) -> Framer {
        Framer {
            buffer: Vec::new(),
            start: 0,
            stage: Stage::Between,
            half_ping: false,
            pong_expected: false,
            limits,
            failed: None,
        }
    }

    /// Takes the spare buffer if this connection has none.
    pub fn begin(&mut self, spare: &mut Vec<u8>) {
        if self.buffer.capacity() == 0 {
            std::mem::swap(&mut self.buffer, spare);
            self.buffer.clear();
        }
    }

    /// Gives the buffer back (or drops it when a larger spare one is there already). What is pending moves to a
    /// buffer of its own size, so that a slow sender holds what it sent and no more.
    pub fn end(&mut self, spare: &mut Vec<u8>) {
        self.compact();
        if !self.buffer.is_empty() && self.buffer.len() >= self.buffer.capacity() / 2 {
            return;
        }
        let pending = self.buffer.as_slice().to_vec();
        let mut buffer = std::mem::replace(&mut self.buffer, pending);
        buffer.clear();
        if spare.capacity() < buffer.capacity() {
            *spare = buffer;
        }
    }

    /// Adds what was read. Ranges yielded before are no longer valid.
    pub fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or nothing when more bytes are needed. An error is final and is returned again.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend its buffer")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance();
        if let Err(error) = result {
            self.failed = Some(error);
        }
        result
    }

    /// A ping of ours has just been sent: the next lone CRLF is its pong. If both sides ping at the same
    /// moment, the peer's ping reads as our pong and half a ping of its own; either side's next ping repairs it.
    pub fn expect_pong(&mut self) {
        self.pong_expected = true;
    }

    /// The bytes of a yielded range.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Bytes that wait for the rest of their message: while there are some, the deadline for slow senders runs.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.stage {
                Stage::Between => match self.between()? {
                    Between::Frame(frame) => return Ok(Some(frame)),
                    Between::MessageBegins => self.stage = Stage::Headers { scan: self.start },
                    Between::Nothing => return Ok(None),
                },
                Stage::Headers { scan } => match self.headers(scan)? {
                    Some(length) => self.stage = Stage::Body { length },
                    None => return Ok(None),
                },
                Stage::Body { length } => {
                    if self.pending() < length {
                        return Ok(None);
                    }
                    let range = self.start..self.start + length;
                    self.start = range.end;
                    self.stage = Stage::Between;
                    return Ok(Some(Frame::Message(range)));
                }
            }
        }
    }

    /// Consumes the CRLFs before a message (RFC 3261 section 7.5): two are a ping, one is our pong or nothing.
    fn between(&mut self) -> Result<Between, FrameError> {
        loop {
            match &self.buffer[self.start..] {
                [] | [b'\r'] => return Ok(Between::Nothing),
                [b'\r', b'\n', ..] => {
                    self.start += 2;
                    if self.half_ping {
                        self.half_ping = false;
                        return Ok(Between::Frame(Frame::Ping));
                    }
                    if std::mem::take(&mut self.pong_expected) {
                        return Ok(Between::Frame(Frame::Pong));
                    }
                    self.half_ping = true;
                }
                [byte, ..] if byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte) => {
                    self.half_ping = false;
                    return Ok(Between::MessageBegins);
                }
                _ => return Err(FrameError::NotSip),
            }
        }
    }

    /// Looks for the blank line from where the last look ended; yields the length of the whole message.
    fn headers(&mut self, scan: usize) -> Result<Option<usize>, FrameError> {
        let limit = self.limits.header_section_bytes_max;
        let section = &self.buffer[self.start..];
        let section = &section[..section.len().min(limit)];
        let Some(blank) = memmem::find(&section[scan - self.start..], b"\r\n\r\n") else {
            if section.len() == limit {
                return Err(FrameError::HeaderSectionTooLarge);
            }
            // The blank line may have begun in the last three bytes.
            self.stage = Stage::Headers { scan: (self.buffer.len().saturating_sub(3)).max(scan) };
            return Ok(None);
        };
        let head = scan - self.start + blank + 4;
        let length = content_length(&section[..head])?
            .checked_add(head)
            .filter(|&length| length <= self.limits.message_bytes_max)
            .ok_or(FrameError::MessageTooLarge)?;
        Ok(Some(length))
    }

    /// Moves what is pending to the front. Less than one message is ever moved, once per message at most.
    fn compact(&mut self) {
        if self.start == 0 {
            return;
        }
        if let Stage::Headers { scan } = &mut self.stage {
            *scan -= self.start;
        }
        self.buffer.drain(..self.start);
        self.start = 0;
    }
}

enum Between {
    Frame(Frame),
    MessageBegins,
    Nothing,
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

    fn drain(framer: &mut Framer, seen: &mut Vec<Seen>) {
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(range))) => seen.push(Seen::Message(framer.bytes(range).to_vec())),
                Ok(Some(Frame::Ping)) => seen.push(Seen::Ping),
                Ok(Some(Frame::Pong)) => seen.push(Seen::Pong),
                Ok(None) => return,
                Err(error) => {
                    if seen.last() != Some(&Seen::Failed(error)) {
                        seen.push(Seen::Failed(error));
                    }
                    return;
                }
            }
        }
    }

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
        let (mut framer, mut spare, mut seen) =
            (Framer::new(StreamLimits::default()), Vec::new(), Vec::new());
        for piece in pieces {
            framer.begin(&mut spare);
            framer.push(piece);
            drain(&mut framer, &mut seen);
            framer.end(&mut spare);
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
        let mut framer = Framer::new(StreamLimits::default());
        framer.expect_pong();
        framer.push(b"\r\n");
        assert_eq!(framer.next(), Ok(Some(Frame::Pong)));
        framer.push(b"\r\n");
        assert_eq!(framer.next(), Ok(None));
        assert_eq!(framer.pending(), 0);
        framer.push(b"\r\n");
        assert_eq!(framer.next(), Ok(Some(Frame::Ping)));
    }

    #[test]
    fn an_idle_connection_holds_no_memory() {
        let (mut framer, mut spare) = (Framer::new(StreamLimits::default()), Vec::with_capacity(4_096));
        framer.begin(&mut spare);
        framer.push(&message(10));
        assert!(matches!(framer.next(), Ok(Some(Frame::Message(_)))));
        framer.end(&mut spare);
        assert_eq!(framer.capacity(), 0);
        assert!(spare.capacity() >= 4_096);
        framer.begin(&mut spare);
        framer.push(b"INVITE");
        assert_eq!(framer.next(), Ok(None));
        framer.end(&mut spare);
        assert_eq!(framer.pending(), 6);
        assert!(framer.capacity() < 64);
        assert!(spare.capacity() >= 4_096);
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
        assert_eq!(read([&b"\rX"[..]]), [Seen::Failed(FrameError::NotSip)]);
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
