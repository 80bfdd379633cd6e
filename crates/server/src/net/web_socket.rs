//! SIP over WebSocket (RFC 7118) on RFC 6455: the opening handshake and the frames, without a buffer per connection.
//! Handshake and frame headers are those of `tungstenite`; only the state between two reads is kept here.

use super::limits::MESSAGE_BYTES_MAX;
use super::origin::OriginCheck;
use crate::trace::escape::line;
use coeur_exchange::vouched::TICKET_TEXT_BYTES;
use coeur_sip::stream::Frame;
use std::io::Cursor;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Bytes of the opening request. Worst-case memory: this much per connection that has not finished its handshake.
pub const HANDSHAKE_BYTES_MAX: usize = 8_192;

#[derive(Default)]
pub struct WebSocket {
    open: bool,
    /// Bytes that are not yet a whole frame, or not yet a whole handshake.
    partial: Vec<u8>,
    /// Payload of a message sent in fragments.
    message: Vec<u8>,
    fragmented: bool,
    /// What the opening had in `?ticket=`.
    ticket: Option<Box<str>>,
}

/// RFC 6455 section 7.4.2 leaves 4000 to 4999 to applications: the page asks for another ticket and comes again.
const TICKET_REFUSED: CloseCode = CloseCode::Library(4_401);

/// Why it is over. What the peer is to be told before the connection closes is already in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The opening is no handshake of SIP over WebSocket.
    Handshake,
    /// The page that asks may not.
    Origin,
    /// The peer says goodbye, and we have said it too.
    Peer,
    /// The peer broke the rules of frames.
    Frames,
}

impl WebSocket {
    /// The ticket of the opening, once.
    pub fn take_ticket(&mut self) -> Option<Box<str>> {
        self.ticket.take()
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// True in the middle of a message.
    pub fn is_waiting(&self) -> bool {
        !self.partial.is_empty() || self.fragmented
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.partial.len() + self.message.len()
    }

    /// Takes what was read, hands out every whole message and writes what must be answered.
    pub fn feed(
        &mut self,
        read: &[u8],
        origin: &OriginCheck,
        out: &mut Vec<u8>,
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<(), Closed> {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(read);
        let mut used = 0;
        if !self.open {
            match self.shake(&bytes, origin, out)? {
                Some(length) => used = length,
                None => {
                    self.partial = bytes;
                    return Ok(());
                }
            }
        }
        while let Some(length) = self.frame(&mut bytes[used..], out, &mut each)? {
            used += length;
        }
        if used < bytes.len() {
            bytes.drain(..used);
            self.partial = bytes;
        }
        Ok(())
    }

    fn shake(
        &mut self,
        bytes: &[u8],
        origin: &OriginCheck,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Closed> {
        let request = match Request::try_parse(bytes) {
            Ok(Some((length, request))) => (length, request),
            Ok(None) if bytes.len() <= HANDSHAKE_BYTES_MAX => return Ok(None),
            Ok(None) => return refuse(out, "431 Request Header Fields Too Large", "the request is too long"),
            Err(_) => return refuse(out, "400 Bad Request", "a WebSocket handshake is expected here"),
        };
        let (length, request) = request;
        let Ok(mut response) = create_response(&request) else {
            return refuse(out, "400 Bad Request", "a WebSocket handshake (RFC 6455) is expected here");
        };
        // RFC 7118 section 4.1: the client offers the subprotocol, we must choose it.
        let offers_sip = request
            .headers()
            .get_all("Sec-WebSocket-Protocol")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|name| name.trim().eq_ignore_ascii_case("sip"));
        if !offers_sip {
            return refuse(out, "400 Bad Request", "the WebSocket subprotocol must be sip (RFC 7118)");
        }
        if !may_connect(&request, origin) {
            let why =
                "pages of this origin may not connect; the setting `origin` of the server allows others";
            return refuse(out, "403 Forbidden", why).map_err(|_| Closed::Origin);
        }
        let protocol = tungstenite::http::HeaderValue::from_static("sip");
        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        if write_response(&mut *out, &response).is_err() {
            return Err(Closed::Handshake);
        }
        self.ticket = ticket(&request);
        self.open = true;
        Ok(Some(length))
    }

    /// Takes one frame from the start of `bytes`; gives its length, or `None` when it is not whole.
    fn frame(
        &mut self,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<Option<usize>, Closed> {
        let mut cursor = Cursor::new(&*bytes);
        let (header, length) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok(None),
            Err(_) => return close(out, CloseCode::Protocol),
        };
        let start = cursor.position() as usize;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return close(out, CloseCode::Protocol);
        }
        if length > MESSAGE_BYTES_MAX as u64 || self.message.len() as u64 + length > MESSAGE_BYTES_MAX as u64
        {
            return close(out, CloseCode::Size);
        }
        // RFC 6455 section 5.1: a client masks every frame.
        let Some(mask) = header.mask else { return close(out, CloseCode::Protocol) };
        let end = start + length as usize;
        let Some(payload) = bytes.get_mut(start..end) else { return Ok(None) };
        for (i, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[i & 3];
        }
        match header.opcode {
            OpCode::Data(Data::Text | Data::Binary) if self.fragmented => {
                return close(out, CloseCode::Protocol);
            }
            OpCode::Data(Data::Text | Data::Binary) if header.is_final => deliver(payload, out, each),
            OpCode::Data(Data::Text | Data::Binary) => {
                self.fragmented = true;
                self.message.extend_from_slice(payload);
            }
            OpCode::Data(Data::Continue) if self.fragmented => {
                self.message.extend_from_slice(payload);
                if header.is_final {
                    deliver(&std::mem::take(&mut self.message), out, each);
                    self.fragmented = false;
                }
            }
            OpCode::Data(Data::Continue | Data::Reserved(_)) => return close(out, CloseCode::Protocol),
            // RFC 6455 section 5.5: control frames are short and whole.
            OpCode::Control(_) if length > 125 || !header.is_final => return close(out, CloseCode::Protocol),
            OpCode::Control(Control::Ping) => write(OpCode::Control(Control::Pong), payload, out),
            OpCode::Control(Control::Pong) => {}
            OpCode::Control(Control::Close) => {
                write(OpCode::Control(Control::Close), &payload[..payload.len().min(2)], out);
                return Err(Closed::Peer);
            }
            OpCode::Control(Control::Reserved(_)) => return close(out, CloseCode::Protocol),
        }
        Ok(Some(end))
    }
}

/// Of the query, where there is one of the length that ours have. Nothing else in a Request-URI means anything here.
fn ticket(request: &Request) -> Option<Box<str>> {
    let mut parts = request.uri().query()?.split('&');
    let ticket = parts.find_map(|part| part.strip_prefix("ticket="))?;
    (ticket.len() == TICKET_TEXT_BYTES).then(|| ticket.into())
}

/// Says goodbye to who has shown a ticket that is good for nothing.
pub fn refuse_ticket(out: &mut Vec<u8>) {
    let code: u16 = TICKET_REFUSED.into();
    write(OpCode::Control(Control::Close), &[&code.to_be_bytes()[..], b"ticket"].concat(), out);
}

/// A client without Origin is no browser, and could write whatever it liked. Two origins, or one that is no text, are
/// those of no page.
fn may_connect(request: &Request, origin: &OriginCheck) -> bool {
    let mut values = request.headers().get_all("Origin").iter();
    let allowed = match (values.next(), values.next()) {
        (None, _) => return true,
        (Some(value), None) => value.to_str().is_ok_and(|value| origin(value.trim())),
        (Some(_), Some(_)) => false,
    };
    if !allowed && let Some(value) = request.headers().get("Origin") {
        tracing::debug!(origin = line(value.as_bytes()), "a page of this origin may not connect");
    }
    allowed
}

/// One message. The keep-alive of RFC 5626 section 3.5.1 is in use here too (RFC 7118 section 6): browsers cannot send
/// the ping of WebSocket.
fn deliver(message: &[u8], out: &mut Vec<u8>, each: &mut impl FnMut(Frame<'_>)) {
    match message {
        b"\r\n\r\n" => {
            write(OpCode::Data(Data::Text), b"\r\n", out);
            each(Frame::Ping);
        }
        _ => each(Frame::Message(message)),
    }
}

/// Writes one message as one frame: text when it is UTF-8, as browsers want it, else binary (RFC 7118 section 5).
pub fn write_message(message: &[u8], out: &mut Vec<u8>) {
    let kind = if std::str::from_utf8(message).is_ok() { Data::Text } else { Data::Binary };
    write(OpCode::Data(kind), message, out);
}

/// Says that we leave (1001).
pub fn write_going_away(out: &mut Vec<u8>) {
    write(OpCode::Control(Control::Close), &u16::from(CloseCode::Away).to_be_bytes(), out);
}

fn write(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    // Writing to a vector cannot fail.
    let _ = header.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

fn close<T>(out: &mut Vec<u8>, code: CloseCode) -> Result<T, Closed> {
    write(OpCode::Control(Control::Close), &u16::from(code).to_be_bytes(), out);
    Err(Closed::Frames)
}

fn refuse<T>(out: &mut Vec<u8>, status: &str, why: &str) -> Result<T, Closed> {
    let length = why.len() + 1;
    out.extend_from_slice(
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{why}\n"
        )
        .as_bytes(),
    );
    Err(Closed::Handshake)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENING: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ [1, 2, 3, 4][i & 3]));
        frame
    }

    fn run(chunks: &[&[u8]]) -> (Result<(), Closed>, Vec<Vec<u8>>, String) {
        let (mut web, mut out, mut heard) = (WebSocket::default(), Vec::new(), Vec::new());
        for chunk in chunks {
            let fed = web.feed(chunk, &|origin| origin == "https://a", &mut out, |frame| match frame {
                Frame::Message(message) => heard.push(message.to_vec()),
                Frame::Ping | Frame::Pong => heard.push(b"ping".to_vec()),
            });
            if fed.is_err() {
                return (fed, heard, String::from_utf8_lossy(&out).into_owned());
            }
        }
        (Ok(()), heard, String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn messages_are_the_same_wherever_the_stream_is_split() {
        let mut stream = OPENING.to_vec();
        stream.extend(masked(0x81, b"one"));
        stream.extend(masked(0x02, b"tw"));
        stream.extend(masked(0x89, b"ping"));
        stream.extend(masked(0x80, b"o"));
        for at in 0..stream.len() {
            let (result, heard, out) = run(&[&stream[..at], &stream[at..]]);
            assert_eq!(result, Ok(()));
            assert_eq!(heard, [b"one".to_vec(), b"two".to_vec()], "split at {at}");
            assert!(
                out.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") && out.to_lowercase().contains("protocol: sip")
            );
            assert!(!out.contains("deflate") && out.ends_with("ping"));
        }
    }

    #[test]
    fn a_client_without_the_subprotocol_or_with_a_wrong_origin_is_refused() {
        let text = String::from_utf8(OPENING.to_vec()).unwrap();
        let chat = text.replace("Protocol: sip", "Protocol: chat");
        assert!(run(&[chat.as_bytes()]).2.starts_with("HTTP/1.1 400 "));
        let with = |headers: &str| text.replace("Host: a\r\n", &format!("Host: a\r\n{headers}"));
        assert!(run(&[with("Origin: https://a\r\n").as_bytes()]).0.is_ok());
        for origins in
            ["Origin: https://b\r\n", "Origin: \u{e9}\r\n", "Origin: https://a\r\nOrigin: https://a\r\n"]
        {
            let (result, _, out) = run(&[with(origins).as_bytes()]);
            assert_eq!(result, Err(Closed::Origin), "{origins}");
            assert!(out.starts_with("HTTP/1.1 403 "), "{out}");
        }
        assert!(run(&[b"POST / HTTP/1.1\r\n\r\n"]).0.is_err());
    }

    #[test]
    fn a_double_crlf_is_answered_by_one() {
        let (result, heard, out) = run(&[OPENING, &masked(0x81, b"\r\n\r\n"), &masked(0x81, b"\r\n")]);
        assert_eq!((result, heard.len()), (Ok(()), 2));
        assert_eq!(heard[0], b"ping");
        assert!(out.ends_with("\r\n\r\n\u{fffd}\u{2}\r\n"), "{out:?}");
    }

    #[test]
    fn frames_that_break_the_rules_close_the_connection() {
        let unmasked = [0x81, 1, b'a'];
        let reserved = masked(0xc1, b"a");
        let stray = masked(0x80, b"a");
        for frame in [&unmasked[..], &reserved, &stray, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]] {
            assert_eq!(run(&[OPENING, frame]).0, Err(Closed::Frames), "{frame:?}");
        }
    }
}
