//! Answers to requests (RFC 3261 section 8.2.6).

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut, Range};

use super::Writer;
use super::via::write_vias;
use crate::header::{HeaderName, NameAddr};
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
    let mut writer = begin(headers, status, reason, to_tag, Some(source), out);
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
    let reason = Some(error.reason.as_bytes());
    let writer = begin(answer.headers, error.status(), reason, to_tag, Some(source), out);
    Some(writer.end(b""))
}

/// Status line, Via, From, To, Call-ID, CSeq. Of what should be alone the first is copied.
fn begin<'b>(
    headers: Headers<'_>,
    status: StatusCode,
    reason: Option<&[u8]>,
    to_tag: Option<&[u8]>,
    source: Option<SocketAddr>,
    out: &'b mut Vec<u8>,
) -> Writer<'b> {
    let mut writer = Writer::new(out);
    writer.status_line(status, reason);
    write_vias(headers, source, writer.buffer());
    copy_first(&mut writer, headers, HeaderName::From);
    write_to(&mut writer, headers, to_tag);
    copy_first(&mut writer, headers, HeaderName::CallId);
    copy_first(&mut writer, headers, HeaderName::CSeq);
    writer
}

fn copy_first(writer: &mut Writer<'_>, headers: Headers<'_>, name: HeaderName) {
    if let Some(header) = headers.first(name) {
        writer.copy(&header);
    }
}

fn write_to(writer: &mut Writer<'_>, headers: Headers<'_>, to_tag: Option<&[u8]>) {
    let Some(header) = headers.first(HeaderName::To) else { return };
    // A To that cannot be read goes back as it came.
    let tag = to_tag.filter(|_| NameAddr::parse(header.value).is_ok_and(|to| !to.params.has("tag")));
    match tag {
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
