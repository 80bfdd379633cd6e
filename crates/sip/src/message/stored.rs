//! A message that is kept.

use super::Message;
use super::index::{self, Fault};
use super::table::{HeaderTable, Headers};

/// The bytes of a message with where its headers are, so that whoever looks at it again need not read it again. 24 bytes
/// for each header and 400 more than the message.
pub struct Stored {
    bytes: Box<[u8]>,
    table: HeaderTable,
    body_start: usize,
}

impl From<&Message<'_>> for Stored {
    fn from(message: &Message<'_>) -> Self {
        let bytes: Box<[u8]> = message.bytes().into();
        let body_start = bytes.len() - message.body().len();
        Self { bytes, table: message.headers.table.clone(), body_start }
    }
}

impl Stored {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn message(&self) -> Message<'_> {
        let headers = Headers { bytes: &self.bytes, table: &self.table };
        let again: Result<_, Fault> = index::again(headers, self.body_start);
        // Made of a message, whose first line and CSeq were read by the same rules.
        again.ok().expect("what was read can be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderName, Limits, parse};

    fn assert_is_the_same(bytes: &[u8]) {
        let mut table = HeaderTable::new();
        let message = parse(bytes, &mut table, &Limits::default()).expect("a message");
        let stored = Stored::from(&message);
        let again = stored.message();
        assert_eq!((again.bytes(), again.body()), (message.bytes(), message.body()));
        assert_eq!((again.start(), again.cseq()), (message.start(), message.cseq()));
        assert_eq!(again.via().map(|via| via.branch), message.via().map(|via| via.branch));
        assert_eq!((again.from_tag(), again.to_tag()), (message.from_tag(), message.to_tag()));
        let lines =
            |message: &Message<'_>| message.headers().map(|header| header.span.to_vec()).collect::<Vec<_>>();
        assert_eq!(lines(&again), lines(&message));
        assert_eq!(again.header(HeaderName::Contact), message.header(HeaderName::Contact));
    }

    #[test]
    fn a_message_that_was_kept_says_what_it_said() {
        let head = "Via: SIP/2.0/UDP a:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\n";
        for text in [
            format!(
                "\r\n\r\nINVITE sip:c@d SIP/2.0\r\n{head}CSeq: 1 INVITE\r\nm: <sip:a@e>\r\nContent-Length: 4\r\n\r\nbodymore"
            ),
            format!("SIP/2.0 180 It rings\r\n{head}CSeq: 1 INVITE\r\nX: a\r\n b\r\n\r\n"),
            format!("ODD tel:1 SIP/2.0\r\n{head}CSeq: 4 ODD\r\n\r\n"),
        ] {
            assert_is_the_same(text.as_bytes());
        }
    }
}
