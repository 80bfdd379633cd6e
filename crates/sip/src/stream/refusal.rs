//! What to say before a stream is closed whose next message cannot be found.

use super::FrameError;
use crate::header::HeaderName;
use crate::limits::Limits;
use crate::message::{Answerable, HeaderTable, ParseError, ParseErrorKind, parse};
use crate::method::Method;

/// The error with which the sender of this header section is answered. Its length is what is wrong with it; what else
/// is decides only whether an answer is possible.
pub fn refusal<'a>(
    section: &'a [u8],
    table: &'a mut HeaderTable,
    limits: &Limits,
    error: FrameError,
) -> ParseError<'a> {
    let answer = match parse(section, table, limits) {
        Ok(message) if message.is_response() || message.method() == Method::Ack => None,
        Ok(message) => Some(Answerable { headers: message.header_view(), method: Some(message.method()) }),
        Err(error) => error.answer,
    };
    let (kind, reason) = match error {
        FrameError::NotSip => (ParseErrorKind::StartLine, "Malformed Request Line"),
        FrameError::HeaderSectionTooLarge => (ParseErrorKind::TooLarge, "Headers Too Long"),
        FrameError::MessageTooLarge => (ParseErrorKind::TooLarge, "Message Too Large"),
        FrameError::MissingContentLength => {
            (ParseErrorKind::Missing(HeaderName::ContentLength), "Missing Content-Length")
        }
        FrameError::DuplicateContentLength => {
            (ParseErrorKind::Duplicate(HeaderName::ContentLength), "Duplicate Content-Length")
        }
        FrameError::BadContentLength => (ParseErrorKind::ContentLength, "Malformed Content-Length"),
    };
    ParseError { kind, offset: 0, reason, answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::StatusCode;

    fn refuse(method: &str, length: &str, error: FrameError) -> (StatusCode, &'static str, bool) {
        let section = format!(
            "{method} sip:b@c SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
             Call-ID: 1\r\nCSeq: 1 {method}\r\n{length}\r\n"
        );
        let mut table = HeaderTable::new();
        let error = refusal(section.as_bytes(), &mut table, &Limits::default(), error);
        (error.status(), error.reason, error.answer.is_some())
    }

    #[test]
    fn the_sender_is_told_what_is_wrong_with_the_length() {
        let bad = StatusCode::BAD_REQUEST;
        assert_eq!(
            refuse("OPTIONS", "", FrameError::MissingContentLength),
            (bad, "Missing Content-Length", true)
        );
        assert_eq!(
            refuse("OPTIONS", "l: 1\r\nl: 1\r\n", FrameError::DuplicateContentLength),
            (bad, "Duplicate Content-Length", true)
        );
        assert_eq!(
            refuse("INVITE", "l: x\r\n", FrameError::BadContentLength),
            (bad, "Malformed Content-Length", true)
        );
        assert_eq!(
            refuse("MESSAGE", "l: 99999\r\n", FrameError::MessageTooLarge),
            (StatusCode::MESSAGE_TOO_LARGE, "Message Too Large", true)
        );
    }

    #[test]
    fn an_ack_is_never_answered() {
        assert!(!refuse("ACK", "", FrameError::MissingContentLength).2);
        assert!(!refuse("ACK", "l: x\r\n", FrameError::BadContentLength).2);
    }
}
