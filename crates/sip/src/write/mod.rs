//! Messages to bytes: appended to a buffer of the caller, spans copied as they are.

mod respond;
mod via;

pub use respond::{ResponseWriter, respond, respond_malformed};
pub use via::write_vias;

use memchr::memchr2;

use crate::header::HeaderName;
use crate::lex;
use crate::message::{Header, Headers};
use crate::method::Method;
use crate::status::StatusCode;
use crate::uri::write_ip;

/// Writes one message at the end of a buffer that the caller owns and reuses.
///
/// No value can break out of its header: CR and LF in it become SP, which also unfolds what came in folded.
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
}

impl<'b> Writer<'b> {
    /// Begins a message after what `out` already holds.
    pub fn new(out: &'b mut Vec<u8>) -> Writer<'b> {
        let start = out.len();
        Writer { out, start }
    }

    /// Begins a request.
    pub fn request(out: &'b mut Vec<u8>, method: Method<'_>, uri: &[u8]) -> Writer<'b> {
        let mut writer = Writer::new(out);
        writer.request_line(method, uri);
        writer
    }

    pub fn request_line(&mut self, method: Method<'_>, uri: &[u8]) -> &mut Self {
        self.out.extend_from_slice(method.as_bytes());
        self.out.push(b' ');
        self.push(uri);
        self.out.extend_from_slice(b" SIP/2.0\r\n");
        self
    }

    /// `reason` is the phrase; the code's own when `None`.
    pub fn status_line(&mut self, status: StatusCode, reason: Option<&[u8]>) -> &mut Self {
        self.out.extend_from_slice(b"SIP/2.0 ");
        self.out.extend_from_slice(&status.digits());
        self.out.push(b' ');
        self.push(reason.unwrap_or(status.reason_phrase().as_bytes()));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// A header of a known name.
    pub fn header(&mut self, name: HeaderName, value: &[u8]) -> &mut Self {
        self.begin(name).push(value).end_line()
    }

    /// A header whose value is a number.
    pub fn number(&mut self, name: HeaderName, value: u32) -> &mut Self {
        self.begin(name).digits(u64::from(value)).end_line()
    }

    /// A header of any name, which must be a token; anything else is not written.
    pub fn named(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        if !lex::is_token(name) {
            return self;
        }
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b": ");
        self.push(value).end_line()
    }

    /// CSeq.
    pub fn cseq(&mut self, number: u32, method: Method<'_>) -> &mut Self {
        self.begin(HeaderName::CSeq).digits(u64::from(number)).push(b" ").push(method.as_bytes()).end_line()
    }

    /// A received header: as it is when clean, otherwise written anew on one line.
    pub fn copy(&mut self, header: &Header<'_>) -> &mut Self {
        if header.clean {
            self.out.extend_from_slice(header.span);
            return self;
        }
        self.out.extend_from_slice(header.name_bytes);
        self.out.extend_from_slice(b": ");
        self.push(header.value).end_line()
    }

    /// All received headers of one name, in order.
    pub fn copy_all(&mut self, headers: Headers<'_>, name: HeaderName) -> &mut Self {
        for header in headers.all(name) {
            self.copy(&header);
        }
        self
    }

    /// All received headers but those of which `skip` is true, in order, known names in their canonical form: two readers
    /// behind us must not read one line differently. Neighbouring clean lines are copied as one piece: this is how a
    /// proxy forwards what it does not touch.
    pub fn copy_except(
        &mut self,
        headers: Headers<'_>,
        mut skip: impl FnMut(&Header<'_>) -> bool,
    ) -> &mut Self {
        let mut run: Option<(usize, usize)> = None;
        for header in headers.iter() {
            let kept = !skip(&header);
            let (start, end) = headers.place(&header);
            if kept && header.clean && is_canonical(&header) {
                run = match run {
                    Some((first, last)) if last == start => Some((first, end)),
                    open => {
                        self.flush(headers, open);
                        Some((start, end))
                    }
                };
                continue;
            }
            self.flush(headers, run.take());
            if !kept {
                continue;
            }
            match header.name {
                HeaderName::Other => self.copy(&header),
                known => self.header(known, header.value),
            };
        }
        self.flush(headers, run);
        self
    }

    fn flush(&mut self, headers: Headers<'_>, run: Option<(usize, usize)>) {
        if let Some((start, end)) = run {
            self.out.extend_from_slice(&headers.bytes()[start..end]);
        }
    }

    /// Begins a header whose value is written in pieces; [`Writer::end_line`] ends it.
    pub fn begin(&mut self, name: HeaderName) -> &mut Self {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        self
    }

    /// A piece of a value. CR and LF become SP.
    pub fn push(&mut self, bytes: &[u8]) -> &mut Self {
        push_value(bytes, self.out);
        self
    }

    /// A piece of a value: a number.
    pub fn digits(&mut self, number: u64) -> &mut Self {
        lex::push_number(number, self.out);
        self
    }

    /// A piece of a value: an address without brackets.
    pub fn ip(&mut self, address: std::net::IpAddr) -> &mut Self {
        write_ip(address, self.out);
        self
    }

    /// A piece of a value: text as a quoted string.
    pub fn quoted(&mut self, text: &[u8]) -> &mut Self {
        lex::quote_into(text, self.out);
        self
    }

    /// Ends a header begun with [`Writer::begin`].
    pub fn end_line(&mut self) -> &mut Self {
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Bytes as they are: whole lines that this crate has written or copied.
    pub fn raw(&mut self, lines: &[u8]) -> &mut Self {
        self.out.extend_from_slice(lines);
        self
    }

    /// The buffer, for what this writer has no word for.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Ends the message with Content-Length and the body, and returns where it lies in the buffer. The body's
    /// Content-Type is a header like others.
    pub fn end(self, body: &[u8]) -> std::ops::Range<usize> {
        if body.is_empty() {
            self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        } else {
            self.out.extend_from_slice(b"Content-Length: ");
            lex::push_number(body.len() as u64, self.out);
            self.out.extend_from_slice(b"\r\n\r\n");
            self.out.extend_from_slice(body);
        }
        self.start..self.out.len()
    }
}

/// Appends a value on one line.
pub(crate) fn push_value(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr2(b'\r', b'\n', bytes) {
        out.extend_from_slice(&bytes[..at]);
        out.push(b' ');
        // A fold and the white space around it are one SP (RFC 3261 section 7.3.1).
        bytes = &bytes[lex::skip_lws(bytes, at)..];
    }
    out.extend_from_slice(bytes);
}

fn is_canonical(header: &Header<'_>) -> bool {
    header.name == HeaderName::Other || header.name_bytes == header.name.as_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::message::{HeaderTable, parse};

    #[test]
    fn a_request_is_written() {
        let mut out = b"before".to_vec();
        let mut writer = Writer::request(&mut out, Method::Message, b"sip:b@c");
        writer.header(HeaderName::CallId, b"x").cseq(7, Method::Message).named(b"X-A", b"1");
        writer.begin(HeaderName::From).quoted(b"a\"b").push(b" <sip:a@c>;tag=").digits(12).end_line();
        let range = writer.end(b"hi");
        assert_eq!(
            &out[range],
            b"MESSAGE sip:b@c SIP/2.0\r\nCall-ID: x\r\nCSeq: 7 MESSAGE\r\nX-A: 1\r\n\
              From: \"a\\\"b\" <sip:a@c>;tag=12\r\nContent-Length: 2\r\n\r\nhi"
        );
    }

    #[test]
    fn headers_are_forwarded_save_those_left_out() {
        let bytes = b"OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
            Route: <sip:x>\r\ni: x\r\nX-Fold: a\r\n b\r\nCSeq : 1 OPTIONS\r\nRoute: <sip:y>\r\nsubject: y\r\nX-a: 1\r\n\r\n";
        let mut table = HeaderTable::new();
        let message = parse(bytes, &mut table, &Limits::default()).unwrap();
        let mut out = Vec::new();
        Writer::new(&mut out).copy_except(message.header_view(), |header| {
            matches!(header.name, HeaderName::Route | HeaderName::Via)
        });
        assert_eq!(
            out,
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nX-Fold: a b\r\nCSeq: 1 OPTIONS\r\n\
              Subject: y\r\nX-a: 1\r\n"
        );
    }

    #[test]
    fn no_value_breaks_out_of_its_header() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.header(HeaderName::Subject, b"a\r\nX-Injected: 1\nb\rc");
        writer.named(b"X: y\r\nZ", b"1");
        assert_eq!(out, b"Subject: a X-Injected: 1 b c\r\n");
    }
}
