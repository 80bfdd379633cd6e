//! Answers to requests (RFC 3261 section 8.2.6).

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut, Range};

use super::Writer;
use super::via::write_vias;
use crate::header::{HeaderName, NameAddr, Via};
use crate::message::{Headers, Message, ParseError};
use crate::status::StatusCode;

/// An answer under way: takes further headers like a [`Writer`], then [`ResponseWriter::end`].
pub struct ResponseWriter<'b> {
    writer: Writer<'b>,
}

/// Begins the answer to a request: status line; all Vias in order, the top one with received and rport
/// (RFC 3581); From; To, with `to_tag` when it has no tag and the answer is not 100 (RFC 3261 section 8.2.6.2);
/// Call-ID; CSeq; Record-Route when the answer may form a dialog (section 12.1.1); Timestamp in a 100 (section
/// 8.2.6.1). `source` is where the request came from.
pub fn respond<'b>(
    request: &Message<'_>,
    status: StatusCode,
    reason: Option<&[u8]>,
    to_tag: Option<&[u8]>,
    source: SocketAddr,
    out: &'b mut Vec<u8>,
) -> ResponseWriter<'b> {
    let headers = request.header_view();
    let to_tag = to_tag.filter(|_| status != StatusCode::TRYING);
    let has_tag = request.to().map_or(true, |to| to.params.has("tag"));
    let to_tag = to_tag.filter(|_| !has_tag);
    let mut writer = Writer::new(out);
    writer.status_line(status, reason);
    write_vias(headers, request.via().ok(), source, writer.buffer());
    copy_essentials(&mut writer, headers, to_tag);
    let may_form_dialog = status.code() > 100 && status.code() < 300;
    if may_form_dialog && request.method().forms_dialog() {
        writer.copy_all(headers, HeaderName::RecordRoute);
    }
    if status == StatusCode::TRYING {
        writer.copy_all(headers, HeaderName::Timestamp);
    }
    ResponseWriter { writer }
}

/// Writes the whole answer to a malformed request, its status and reason those of the error. Returns where it
/// lies in `out`, or `None` when nothing may be said.
pub fn respond_malformed(
    error: &ParseError<'_>,
    to_tag: Option<&[u8]>,
    source: SocketAddr,
    out: &mut Vec<u8>,
) -> Option<Range<usize>> {
    let answer = error.answer?;
    let headers = answer.headers;
    let to = headers.value(HeaderName::To).unwrap_or_default();
    // A To that cannot be read goes back as it came.
    let to_tag = to_tag.filter(|_| NameAddr::parse(to).is_ok_and(|to| !to.params.has("tag")));
    let via = headers.values(HeaderName::Via).next().and_then(|value| Via::parse(value).ok());
    let mut writer = Writer::new(out);
    writer.status_line(error.status(), Some(error.reason.as_bytes()));
    write_vias(headers, via.as_ref(), source, writer.buffer());
    copy_essentials(&mut writer, headers, to_tag);
    Some(writer.end(b""))
}

/// From, To with `to_tag` added, Call-ID, CSeq. Of what should be alone the first is copied.
fn copy_essentials(writer: &mut Writer<'_>, headers: Headers<'_>, to_tag: Option<&[u8]>) {
    copy_first(writer, headers, HeaderName::From);
    write_to(writer, headers, to_tag);
    copy_first(writer, headers, HeaderName::CallId);
    copy_first(writer, headers, HeaderName::CSeq);
}

fn copy_first(writer: &mut Writer<'_>, headers: Headers<'_>, name: HeaderName) {
    if let Some(header) = headers.first(name) {
        writer.copy(&header);
    }
}

fn write_to(writer: &mut Writer<'_>, headers: Headers<'_>, to_tag: Option<&[u8]>) {
    let Some(header) = headers.first(HeaderName::To) else { return };
    match to_tag {
        Some(tag) => writer.begin(HeaderName::To).push(header.value).push(b";tag=").push(tag).end_line(),
        None => writer.copy(&header),
    };
}

impl ResponseWriter<'_> {
    /// Ends the answer with Content-Length and the body, and returns where it lies in the buffer.
    pub fn end(self, body: &[u8]) -> Range<usize> {
        self.writer.end(body)
    }
}

impl<'b> Deref for ResponseWriter<'b> {
    type Target = Writer<'b>;

    fn deref(&self) -> &Writer<'b> {
        &self.writer
    }
}

impl DerefMut for ResponseWriter<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::message::{HeaderTable, parse};

    fn answer(request: &str, status: StatusCode) -> String {
        let mut table = HeaderTable::new();
        let message = parse(request.as_bytes(), &mut table, &Limits::default()).unwrap();
        let source = "192.0.2.9:1234".parse().unwrap();
        let mut out = Vec::new();
        respond(&message, status, None, Some(b"mine"), source, &mut out).end(b"");
        String::from_utf8(out).unwrap()
    }

    fn invite(to: &str) -> String {
        format!(
            "INVITE sip:b@c SIP/2.0\r\nRecord-Route: <sip:p1;lr>\r\nv: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;rport\r\n\
             Via: SIP/2.0/UDP q\r\nTimestamp: 7\r\nFrom: <sip:a@b>;tag=1\r\nTo: {to}\r\nCall-ID: x\r\n\
             Record-Route: <sip:p2;lr>\r\nCSeq: 1 INVITE\r\n\r\n"
        )
    }

    #[test]
    fn an_answer_has_what_section_8_2_6_2_asks_for() {
        assert_eq!(
            answer(&invite("<sip:b@c>"), StatusCode::NOT_FOUND),
            "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;received=192.0.2.9;rport=1234\r\n\
             Via: SIP/2.0/UDP q\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>;tag=mine\r\nCall-ID: x\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn record_route_goes_back_where_a_dialog_may_form() {
        for (status, copied) in [
            (StatusCode::TRYING, false),
            (StatusCode::RINGING, true),
            (StatusCode::OK, true),
            (StatusCode::MOVED_TEMPORARILY, false),
            (StatusCode::BUSY_HERE, false),
        ] {
            let text = answer(&invite("<sip:b@c>"), status);
            let both = "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n";
            assert_eq!(text.contains(both), copied, "{status}");
        }
    }

    #[test]
    fn a_100_has_the_timestamp_and_no_tag_of_ours() {
        let text = answer(&invite("<sip:b@c>"), StatusCode::TRYING);
        assert!(text.contains("Timestamp: 7\r\n") && text.contains("To: <sip:b@c>\r\n"));
    }

    #[test]
    fn a_tag_that_is_there_stays() {
        let theirs = answer(&invite("<sip:b@c>;tag=theirs"), StatusCode::OK);
        assert!(theirs.contains("To: <sip:b@c>;tag=theirs\r\n"));
        assert!(answer(&invite("sip:b@c"), StatusCode::OK).contains("To: sip:b@c;tag=mine\r\n"));
    }
}
