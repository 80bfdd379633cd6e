//! What a lookup hands out: a copy, so that no lock is held while a call is set up.

use super::row::{BindingId, Row, Version};
use crate::flow::Flow;
use crate::push::{self, Place};
use coeur_directory::DeviceId;
use coeur_sip::header::NameAddr;

/// One place where a request can be sent.
///
/// With a flow, the request goes over the flow, whatever the URI's host says: that is how phones behind a NAT, behind
/// TLS and in a browser are reached, and why a Contact naming a third party never makes us send there. Without one,
/// it goes to the URI (TCP whose connection has closed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: BindingId,
    /// The Request-URI to be used: the Contact's URI without the headers and the `method` parameter that a
    /// Request-URI must not have (RFC 3261 section 19.1.1).
    pub uri: Box<[u8]>,
    pub flow: Option<Flow>,
    /// The value of the stored Path, in order, to be sent as Route (RFC 3327 section 5.3).
    pub path: Option<Box<[u8]>>,
    /// 0..=1000.
    pub q: u16,
    pub device: DeviceId,
    /// Targets of the same instance are alternatives (RFC 5626 section 5.3): the next is tried when a flow fails
    /// or answers 430, never in parallel.
    pub instance: Option<Box<[u8]>>,
    /// 0: none.
    pub reg_id: u32,
    /// Its Contact says that it speaks ICE (RFC 5768).
    pub speaks_ice: bool,
    /// Grows with each registration or refresh.
    pub version: Version,
    /// Where it is woken; without a flow it sleeps (RFC 8599).
    pub push: Option<Box<Place>>,
}

impl Target {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            id: row.id,
            uri: request_uri(row.uri()),
            flow: row.flow(),
            path: (!row.path().is_empty()).then(|| row.path().into()),
            q: row.q,
            device: row.device,
            instance: row.instance().map(Into::into),
            reg_id: row.reg_id,
            speaks_ice: speaks_ice(row.contact()),
            version: row.version,
            push: place(row),
        }
    }
}

fn place(row: &Row) -> Option<Box<Place>> {
    let destination = row.can_be_woken().then(|| push::has_destination(row.uri())).flatten()?;
    Some(Box::new(Place { destination, binding: row.id, version: row.version }))
}

/// RFC 5768 section 6.
fn speaks_ice(contact: &[u8]) -> bool {
    NameAddr::parse(contact).is_ok_and(|contact| contact.params.has("+sip.ice"))
}

/// RFC 3261 section 16.6 step 2. What it says of push is for us alone (RFC 8599 section 13).
fn request_uri(uri: &[u8]) -> Box<[u8]> {
    let uri = &*push::hidden(uri);
    let after_user = memchr::memchr(b'@', uri).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'?', &uri[after_user..]).map_or(uri.len(), |at| after_user + at);
    let uri = &uri[..end];
    let Some(start) = find_method(&uri[after_user..]).map(|at| after_user + at) else {
        return uri.into();
    };
    let rest = memchr::memchr(b';', &uri[start + 1..]).map_or(uri.len(), |at| start + 1 + at);
    [&uri[..start], &uri[rest..]].concat().into_boxed_slice()
}

/// Where `;method=` begins.
fn find_method(parameters: &[u8]) -> Option<usize> {
    let name = b";method=";
    parameters.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::request_uri;

    /// RFC 3261 section 19.1.1, table 1: no `method` and no headers in a Request-URI.
    #[test]
    fn a_request_uri_has_neither_headers_nor_a_method() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"sip:a@1.2.3.4:5062;transport=udp", b"sip:a@1.2.3.4:5062;transport=udp"),
            (b"sip:a@h;method=INVITE;lr?Subject=x", b"sip:a@h;lr"),
            (b"sip:a@h;Method=INVITE", b"sip:a@h"),
            (b"sip:a?b@h?Route=%3Csip:x%3E", b"sip:a?b@h"),
            (b"sip:h;ob", b"sip:h;ob"),
            (b"sip:a@h;pn-provider=fcm;pn-prid=x;ob", b"sip:a@h;ob"),
        ];
        for (contact, wanted) in cases {
            assert_eq!(&*request_uri(contact), wanted);
        }
    }
}
