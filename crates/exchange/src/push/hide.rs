//! Nobody but the phone itself is shown where it is woken (RFC 8599 section 13): whoever knows could wake it, and the name is the
//! same wherever the phone registers.

use coeur_sip::header::NameAddr;
use std::borrow::Cow;

/// The URI without what it says of push.
pub fn hidden(uri: &[u8]) -> Cow<'_, [u8]> {
    // A user part may look like parameters.
    let host = memchr::memchr(b'@', uri).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'?', &uri[host..]).map_or(uri.len(), |at| host + at);
    let is_of_push = |param: &&[u8]| {
        param.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"pn-"))
            || param.get(..6).is_some_and(|name| name.eq_ignore_ascii_case(b"app-id"))
    };
    if !uri[host..end].split(|byte| *byte == b';').skip(1).any(|param| is_of_push(&param)) {
        return Cow::Borrowed(uri);
    }
    let mut kept = uri[..host].to_vec();
    for (at, param) in uri[host..end].split(|byte| *byte == b';').enumerate() {
        if at == 0 || !is_of_push(&param) {
            kept.extend_from_slice(if at == 0 { b"" } else { b";" });
            kept.extend_from_slice(param);
        }
    }
    kept.extend_from_slice(&uri[end..]);
    Cow::Owned(kept)
}

/// The same in the value of a Contact.
pub fn hidden_contact(contact: &[u8]) -> Cow<'_, [u8]> {
    let Ok(address) = NameAddr::parse(contact) else { return Cow::Borrowed(contact) };
    let Cow::Owned(uri) = hidden(address.uri) else { return Cow::Borrowed(contact) };
    let Some(at) = memchr::memmem::find(contact, address.uri) else { return Cow::Borrowed(contact) };
    Cow::Owned([&contact[..at], &uri, &contact[at + address.uri.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_says_of_push_is_left_out_and_nothing_else() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"sip:a@h:5060;transport=tcp", b"sip:a@h:5060;transport=tcp"),
            (b"sip:a@h;pn-provider=fcm;ob;pn-prid=x;PN-param=y", b"sip:a@h;ob"),
            (b"sip:a@h;app-id=p;pn-type=google;pn-tok=t;pn-silent=1?X=pn-1", b"sip:a@h?X=pn-1"),
            (b"sip:a;pn-x=1@h;pn-prid=x", b"sip:a;pn-x=1@h"),
            (b"sip:h;pn-prid=x", b"sip:h"),
        ];
        for (uri, wanted) in cases {
            assert_eq!(String::from_utf8_lossy(&hidden(uri)), String::from_utf8_lossy(wanted));
        }
        let contact = b"\"A\" <sip:a@h;pn-prid=x;ob>;q=0.5;+sip.instance=\"<urn:x>\"";
        assert_eq!(&*hidden_contact(contact), b"\"A\" <sip:a@h;ob>;q=0.5;+sip.instance=\"<urn:x>\"");
    }
}
