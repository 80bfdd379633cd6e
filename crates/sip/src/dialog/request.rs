//! The next request inside a dialog (RFC 3261 section 12.2.1.1).

use super::route_set::path;
use super::state::Dialog;
use crate::header::HeaderName;
use crate::method::Method;
use crate::write::Writer;

impl Dialog {
    /// The CSeq number of the next request of ours. `first` is where the count begins when we have sent none
    /// (section 8.1.1.5: below 2**31); an ACK takes the number of its INVITE instead.
    pub fn next_cseq(&mut self, first: u32) -> u32 {
        let number = self.local_cseq.map_or(first, |last| last.wrapping_add(1)) & 0x7fff_ffff;
        self.local_cseq = Some(number);
        number
    }

    /// Writes request line, Via, Route, Max-Forwards, From, To, Call-ID and CSeq; the caller goes on with the
    /// writer. `via` is the value of our Via.
    pub fn write_request<'b>(
        &self,
        method: Method<'_>,
        cseq: u32,
        via: &[u8],
        out: &'b mut Vec<u8>,
    ) -> Writer<'b> {
        self.write_request_to(method, cseq, &self.remote_target, via, out)
    }

    /// The same, when the remote target is known to be at `target` now (a GRUU of ours, RFC 5627 section 3.4).
    pub fn write_request_to<'b>(
        &self,
        method: Method<'_>,
        cseq: u32,
        target: &[u8],
        via: &[u8],
        out: &'b mut Vec<u8>,
    ) -> Writer<'b> {
        let path = path(&self.route_set, target);
        let (local_tag, remote_tag) = self.tags();
        let mut writer = Writer::request(out, method, path.request_uri);
        writer.header(HeaderName::Via, via);
        if !path.routes.is_empty() {
            writer.header(HeaderName::Route, path.routes);
        }
        if let Some(target) = path.last_route {
            writer.begin(HeaderName::Route).push(b"<").push(target).push(b">").end_line();
        }
        writer.number(HeaderName::MaxForwards, 70);
        address(&mut writer, HeaderName::From, &self.local_address, local_tag);
        address(&mut writer, HeaderName::To, &self.remote_address, remote_tag);
        writer.header(HeaderName::CallId, &self.call_id);
        writer.cseq(cseq, method);
        writer
    }
}

/// An address with its tag; a peer of RFC 2543 has none.
fn address(writer: &mut Writer<'_>, name: HeaderName, address: &[u8], tag: &[u8]) {
    writer.begin(name).push(address);
    if !tag.is_empty() {
        writer.push(b";tag=").push(tag);
    }
    writer.end_line();
}
