//! The index pass: bytes to a table of spans, and what must hold of every message.

use memchr::{memchr, memchr3, memrchr};

use super::error::{Answerable, ParseError, ParseErrorKind as Kind};
use super::table::{HeaderTable, Headers, Slot};
use super::typed::{party, top_via};
use super::{Message, StartLine};
use crate::header::{CSeq, HeaderName};
use crate::lex;
use crate::limits::Limits;
use crate::method::Method;
use crate::status::StatusCode;
use crate::uri::Uri;

/// Reads one message: a datagram, or what stream framing has cut out. The body is as long as Content-Length
/// says and the rest of the datagram is dropped; without Content-Length it goes to the end (RFC 3261
/// section 18.3). CRLFs before the start line are passed over (section 7.5).
///
/// One pass over the headers, linear in their length whatever they contain, and no allocation once `table` is
/// warm. Values are not read; each accessor of [`Message`] reads its own.
pub fn parse<'a>(
    bytes: &'a [u8],
    table: &'a mut HeaderTable,
    limits: &Limits,
) -> Result<Message<'a>, ParseError<'a>> {
    let mut fault = None;
    let indexed = index(bytes, table, limits, &mut fault);
    let table: &'a HeaderTable = table;
    let headers = Headers { bytes, table };
    let start = match indexed {
        Ok(start) => start,
        // The headers were not all seen, and answering needs every Via.
        Err(fault) => return Err(fault.unanswerable()),
    };
    check(headers, &start, fault).map_err(|fault| fault.into_error(headers, &start))
}

/// A defect before it is known whether it can be answered.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    kind: Kind,
    offset: usize,
    reason: &'static str,
}

impl Fault {
    const fn new(kind: Kind, offset: usize, reason: &'static str) -> Fault {
        Fault { kind, offset, reason }
    }

    fn unanswerable<'a>(self) -> ParseError<'a> {
        ParseError { kind: self.kind, offset: self.offset, reason: self.reason, answer: None }
    }

    fn into_error<'a>(self, headers: Headers<'a>, start: &Start<'a>) -> ParseError<'a> {
        // An ACK is never answered, nor is a response; what we copy back must not carry the defect.
        let method = start.line.as_ref().map_or(start.method, |line| match line {
            StartLine::Request { method, .. } => Some(*method),
            StartLine::Response { .. } => None,
        });
        let may_answer = !start.is_response
            && method != Some(Method::Ack)
            && headers.contains(HeaderName::Via)
            && (self.kind != Kind::ControlCharacter || copies_are_clean(headers));
        let answer = may_answer.then_some(Answerable { headers, method });
        ParseError { kind: self.kind, offset: self.offset, reason: self.reason, answer }
    }
}

/// What the index pass found besides the table.
struct Start<'a> {
    line: Result<StartLine<'a>, Fault>,
    is_response: bool,
    /// The first word of a request line, even when the rest is wrong.
    method: Option<Method<'a>>,
    headers_start: usize,
    body_start: usize,
    lines: usize,
}

fn index<'a>(
    bytes: &'a [u8],
    table: &mut HeaderTable,
    limits: &Limits,
    fault: &mut Option<Fault>,
) -> Result<Start<'a>, Fault> {
    table.clear();
    if bytes.len() > limits.message_bytes_max || bytes.len() > u32::MAX as usize {
        return Err(Fault::new(Kind::TooLarge, limits.message_bytes_max, "Message Too Large"));
    }
    let begin = skip_blank_lines(bytes);
    if begin == bytes.len() {
        return Err(Fault::new(Kind::Empty, 0, "Empty Message"));
    }
    let (first_end, headers_start) = start_line_end(bytes, begin, limits)?;
    let first = &bytes[begin..first_end];
    let line = read_start_line(first, begin);
    let is_response = first.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/"));
    let method = memchr(b' ', first).and_then(|space| Method::parse(&first[..space]));
    let (body_start, lines) = index_headers(bytes, headers_start, table, limits, fault)?;
    Ok(Start { line, is_response, method, headers_start: begin, body_start, lines: lines + 1 })
}

fn skip_blank_lines(bytes: &[u8]) -> usize {
    let mut at = 0;
    while bytes[at..].starts_with(b"\r\n") {
        at += 2;
    }
    at
}

/// The end of the start line, without and with its CRLF.
fn start_line_end(bytes: &[u8], begin: usize, limits: &Limits) -> Result<(usize, usize), Fault> {
    let window = &bytes[begin..bytes.len().min(begin.saturating_add(limits.start_line_bytes_max))];
    match memchr(b'\n', window) {
        Some(lf) if lf > 0 && window[lf - 1] == b'\r' => Ok((begin + lf - 1, begin + lf + 1)),
        Some(lf) => Err(Fault::new(Kind::ControlCharacter, begin + lf, "Line End Is Not CRLF")),
        None if window.len() < bytes.len() - begin => {
            Err(Fault::new(Kind::TooLarge, begin + window.len(), "Start Line Too Long"))
        }
        None => Err(Fault::new(Kind::Truncated, bytes.len(), "Message Ends Inside The Start Line")),
    }
}

/// Fills the table. Returns where the body starts and how many line ends there were. A line that is no header
/// is noted in `fault` and passed over, so that the Via lines needed for an answer are still found.
fn index_headers(
    bytes: &[u8],
    mut at: usize,
    table: &mut HeaderTable,
    limits: &Limits,
    fault: &mut Option<Fault>,
) -> Result<(usize, usize), Fault> {
    let headers_max = limits.headers_max.min(usize::from(u16::MAX - 1));
    let mut lines = 0;
    loop {
        if at == bytes.len() {
            // Every line is whole, only the empty one is missing, so the sender can be told.
            fault.get_or_insert(Fault::new(Kind::Truncated, at, "Headers Do Not End With Empty Line"));
            return Ok((at, lines));
        }
        let start = at;
        let mut folded = false;
        loop {
            let Some(lf) = memchr(b'\n', &bytes[at..]) else {
                return Err(Fault::new(Kind::Truncated, bytes.len(), "Headers Do Not End"));
            };
            if lf == 0 || bytes[at + lf - 1] != b'\r' {
                return Err(Fault::new(Kind::ControlCharacter, at + lf, "Line End Is Not CRLF"));
            }
            at += lf + 1;
            lines += 1;
            // An empty line is never continued: it ends the headers.
            let goes_on = at - start > 2 && matches!(bytes.get(at), Some(b' ' | b'\t'));
            if !goes_on {
                break;
            }
            folded = true;
        }
        if at - start == 2 {
            return Ok((at, lines));
        }
        if at - start > limits.header_bytes_max {
            return Err(Fault::new(Kind::TooLarge, start, "Header Too Long"));
        }
        if table.slots.len() == headers_max {
            return Err(Fault::new(Kind::TooLarge, start, "Too Many Headers"));
        }
        match read_header(bytes, start, at, folded) {
            Ok(slot) => {
                if table.has(slot.name) && slot.name.is_singleton() && fault.is_none() {
                    *fault = Some(Fault::new(Kind::Duplicate(slot.name), start, duplicate_reason(slot.name)));
                }
                table.push(slot);
            }
            Err(defect) => {
                fault.get_or_insert(defect);
            }
        }
    }
}

/// Reads `bytes[start..end]`, a line with its CRLF: `name *( SP / HTAB ) ":" value`.
#[inline]
fn read_header(bytes: &[u8], start: usize, end: usize, folded: bool) -> Result<Slot, Fault> {
    let line = &bytes[start..end - 2];
    let name_len = lex::skip_token(line, 0);
    // HCOLON allows white space before the colon (RFC 3261 section 25.1), on the same line only: a fold
    // there is where parsers differ.
    let mut colon = name_len;
    while matches!(line.get(colon), Some(b' ' | b'\t')) {
        colon += 1;
    }
    if line.get(colon) != Some(&b':') || name_len == 0 || name_len > usize::from(u16::MAX) {
        return Err(Fault::new(Kind::HeaderLine, start, "Malformed Header Name"));
    }
    let name = HeaderName::parse(&line[..name_len]);
    let value_start = lex::skip_lws(line, colon + 1);
    let mut value_end = line.len();
    while value_end > value_start && lex::is_lws(line[value_end - 1]) {
        value_end -= 1;
    }
    let clean = !folded && name_len == colon;
    Ok(Slot::new(name, start, name_len, (start + value_start, start + value_end), end, clean))
}

fn read_start_line(line: &[u8], begin: usize) -> Result<StartLine<'_>, Fault> {
    if line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/")) {
        return read_status_line(line, begin);
    }
    let defect = |at: usize, reason| Fault::new(Kind::StartLine, begin + at, reason);
    let (Some(first), Some(last)) = (memchr(b' ', line), memrchr(b' ', line)) else {
        return Err(defect(0, "Malformed Request Line"));
    };
    let Some(method) = Method::parse(&line[..first]) else {
        return Err(defect(0, "Malformed Method"));
    };
    let uri = line.get(first + 1..last).unwrap_or_default();
    let version = &line[last + 1..];
    // Only one SP between the three parts (RFC 3261 section 7.1) and none inside the URI: what else there is
    // could be cut elsewhere by another parser.
    if let Some(at) = uri.iter().position(|&byte| byte <= b' ' || byte == 0x7f) {
        return Err(defect(first + 1 + at, "White Space In Request-URI"));
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(match version.get(..4) {
            Some(word) if word.eq_ignore_ascii_case(b"SIP/") => {
                Fault::new(Kind::Version, begin + last + 1, "Version Not Supported")
            }
            _ => defect(last + 1, "Malformed Request Line"),
        });
    }
    // A URI starts with its scheme (RFC 3261 section 25.1), never with a bracket.
    if !uri.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err(defect(first + 1, "Malformed Request-URI"));
    }
    Ok(StartLine::Request { method, uri })
}

fn read_status_line(line: &[u8], begin: usize) -> Result<StartLine<'_>, Fault> {
    if !line.get(..8).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/2.0 ")) {
        return Err(Fault::new(Kind::Version, begin, "Version Not Supported"));
    }
    let rest = &line[8..];
    let digits = rest.get(..3).unwrap_or_default();
    let status = lex::number_u16(digits).and_then(StatusCode::new);
    match (status, rest.get(3)) {
        (Some(status), None) => Ok(StartLine::Response { status, reason: b"" }),
        (Some(status), Some(b' ')) => Ok(StartLine::Response { status, reason: &rest[4..] }),
        _ => Err(Fault::new(Kind::Status, begin + 8, "Malformed Status Code")),
    }
}

/// What must hold of every message, in the order in which the defects are reported.
fn check<'a>(headers: Headers<'a>, start: &Start<'a>, fault: Option<Fault>) -> Result<Message<'a>, Fault> {
    let line = start.line?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    check_control_characters(headers.bytes, start)?;
    for (name, reason) in [
        (HeaderName::Via, "Missing Via"),
        (HeaderName::From, "Missing From"),
        (HeaderName::To, "Missing To"),
        (HeaderName::CallId, "Missing Call-ID"),
        (HeaderName::CSeq, "Missing CSeq"),
    ] {
        // A value that is empty is as good as absent.
        if headers.value(name).is_none_or(<[u8]>::is_empty) {
            return Err(Fault::new(Kind::Missing(name), start.body_start, reason));
        }
    }
    // `callid` has no white space (RFC 3261 section 25.1).
    if headers.value(HeaderName::CallId).is_some_and(|value| memchr3(b' ', b'\t', b'\r', value).is_some()) {
        return Err(Fault::new(Kind::CallId, offset_of(headers, HeaderName::CallId), "Malformed Call-ID"));
    }
    let cseq = read_cseq(headers)?;
    if let StartLine::Request { method, .. } = line
        && method != cseq.method
    {
        let offset = offset_of(headers, HeaderName::CSeq);
        return Err(Fault::new(Kind::CSeqMismatch, offset, "CSeq Method Does Not Match"));
    }
    let end = body_end(headers, start.body_start)?;
    let bytes = &headers.bytes[..end];
    let body = &bytes[start.body_start..];
    Ok(message(Headers { bytes, table: headers.table }, line, cseq, body))
}

/// A message that was found to be in order before, with the table that was filled then.
pub(super) fn again(headers: Headers<'_>, body_start: usize) -> Result<Message<'_>, Fault> {
    let begin = skip_blank_lines(headers.bytes);
    // Whoever read it first had limits of his own.
    let unlimited = Limits { start_line_bytes_max: usize::MAX, ..Limits::default() };
    let (end, _) = start_line_end(headers.bytes, begin, &unlimited)?;
    let line = read_start_line(&headers.bytes[begin..end], begin)?;
    Ok(message(headers, line, read_cseq(headers)?, &headers.bytes[body_start..]))
}

fn message<'a>(headers: Headers<'a>, line: StartLine<'a>, cseq: CSeq<'a>, body: &'a [u8]) -> Message<'a> {
    let via = top_via(headers);
    let (uri, parties) = match line {
        StartLine::Request { uri, .. } => {
            let parties = (party(headers, HeaderName::From), party(headers, HeaderName::To));
            (Some(Uri::parse(uri)), Some(parties))
        }
        StartLine::Response { .. } => (None, None),
    };
    Message { headers, start: line, cseq, body, via, uri, parties }
}

fn read_cseq<'a>(headers: Headers<'a>) -> Result<CSeq<'a>, Fault> {
    let value = headers.value(HeaderName::CSeq).unwrap_or_default();
    CSeq::parse(value).map_err(|error| {
        Fault::new(Kind::CSeq, offset_of(headers, HeaderName::CSeq) + error.offset, error.reason)
    })
}

fn body_end(headers: Headers<'_>, body_start: usize) -> Result<usize, Fault> {
    let Some(value) = headers.value(HeaderName::ContentLength) else {
        return Ok(headers.bytes.len());
    };
    let available = headers.bytes.len() - body_start;
    match lex::number_u32(value) {
        Some(length) if length as usize <= available => Ok(body_start + length as usize),
        Some(_) => Err(Fault::new(
            Kind::ContentLength,
            offset_of(headers, HeaderName::ContentLength),
            "Content-Length Exceeds Message",
        )),
        None => Err(Fault::new(
            Kind::ContentLength,
            offset_of(headers, HeaderName::ContentLength),
            "Malformed Content-Length",
        )),
    }
}

/// Every LF was seen to follow its CR, so among the control characters (HT apart) two for each line end are
/// accounted for. Any more is a bare CR, NUL or another: allowed only in a quoted pair (RFC 3261 section 25.1).
fn check_control_characters(bytes: &[u8], start: &Start<'_>) -> Result<(), Fault> {
    let head = &bytes[start.headers_start..start.body_start];
    if count_controls(head) == 2 * start.lines {
        return Ok(());
    }
    match stray_control(head) {
        Some(at) => {
            Err(Fault::new(Kind::ControlCharacter, start.headers_start + at, "Control Character In Header"))
        }
        None => Ok(()),
    }
}

/// Written so that the compiler makes it wide: the sums of a block fit a byte.
fn count_controls(bytes: &[u8]) -> usize {
    let mut total = 0;
    for block in bytes.chunks(128) {
        let mut count: u8 = 0;
        for &byte in block {
            count += u8::from((byte < 0x20) & (byte != b'\t') | (byte == 0x7f));
        }
        total += usize::from(count);
    }
    total
}

/// The first control character that is neither HT nor part of CRLF nor, inside a quoted string, the second half
/// of a quoted pair. CR and LF are never that (`quoted-pair` excludes them).
fn stray_control(head: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    let mut at = 0;
    while at < head.len() {
        let byte = head[at];
        if byte == b'\r' && head.get(at + 1) == Some(&b'\n') {
            at += 2;
            // A quoted string may go on in a folded line, never in another header.
            quoted &= matches!(head.get(at), Some(b' ' | b'\t'));
            escaped = false;
            continue;
        }
        let control = byte < 0x20 && byte != b'\t' || byte == 0x7f;
        if control && (!escaped || byte == b'\r' || byte == b'\n') {
            return Some(at);
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        at += 1;
    }
    None
}

/// True when none of the headers that an answer copies has a stray control character.
fn copies_are_clean(headers: Headers<'_>) -> bool {
    [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq]
        .into_iter()
        .flat_map(|name| headers.all(name))
        .all(|header| stray_control(header.span).is_none())
}

fn offset_of(headers: Headers<'_>, name: HeaderName) -> usize {
    headers.value(name).map_or(0, |value| value.as_ptr() as usize - headers.bytes.as_ptr() as usize)
}

/// The reason phrase when a singleton is there twice.
const fn duplicate_reason(name: HeaderName) -> &'static str {
    match name {
        HeaderName::From => "Duplicate From",
        HeaderName::To => "Duplicate To",
        HeaderName::CallId => "Duplicate Call-ID",
        HeaderName::CSeq => "Duplicate CSeq",
        HeaderName::MaxForwards => "Duplicate Max-Forwards",
        HeaderName::ContentLength => "Duplicate Content-Length",
        HeaderName::ContentType => "Duplicate Content-Type",
        HeaderName::Expires => "Duplicate Expires",
        HeaderName::Event => "Duplicate Event",
        HeaderName::ReferTo => "Duplicate Refer-To",
        HeaderName::Replaces => "Duplicate Replaces",
        _ => "Duplicate Header",
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
