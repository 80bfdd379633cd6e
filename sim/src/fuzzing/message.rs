//! A datagram: no panic, and what is written back reads the same. The values of its headers: no panic.

use coeur_sip::header::*;
use coeur_sip::{HeaderTable, Limits, ParseError, StartLine, Writer, parse};

pub fn message(data: &[u8]) {
    let mut table = HeaderTable::new();
    let message = match parse(data, &mut table, &Limits::default()) {
        Ok(message) => message,
        Err(error) => return answerable(&error),
    };
    let _ = message.essentials();
    for each in message.headers() {
        header(each.value);
    }
    let mut out = Vec::new();
    let mut writer = match message.start() {
        StartLine::Request { method, uri } => Writer::request(&mut out, method, uri),
        StartLine::Response { status, reason } => {
            let mut writer = Writer::new(&mut out);
            writer.status_line(status, Some(reason));
            writer
        }
    };
    for header in message.headers() {
        writer.copy(&header);
    }
    writer.raw(b"\r\n").raw(message.body());
    let mut second = HeaderTable::new();
    let again = parse(&out, &mut second, &Limits::default()).expect("what we write, we read");
    assert_eq!(again.headers().len(), message.headers().len());
    assert_eq!(again.body(), message.body());
    for (a, b) in message.headers().zip(again.headers()) {
        assert_eq!(a.name, b.name);
    }
}

/// If an answer to what cannot be read is possible, the answer can be read.
fn answerable(error: &ParseError<'_>) {
    let mut out = Vec::new();
    let source = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    if let Some(range) = coeur_sip::respond_malformed(error, Some(b"t"), source, &mut out) {
        assert!(out[range.clone()].starts_with(b"SIP/2.0 "));
        let mut second = HeaderTable::new();
        let _ = parse(&out[range], &mut second, &Limits::default());
    }
}

/// Every typed header whose value is the input.
pub fn header(data: &[u8]) {
    let _ = Via::parse(data);
    let _ = NameAddr::parse(data);
    let _ = Contact::parse(data);
    let _ = CSeq::parse(data);
    let _ = Event::parse(data);
    let _ = MediaType::parse(data);
    let _ = ContentDisposition::parse(data);
    let _ = RAck::parse(data);
    let _ = Reason::parse(data);
    let _ = Replaces::parse(data);
    let _ = RetryAfter::parse(data);
    let _ = SessionExpires::parse(data);
    let _ = SubscriptionState::parse(data);
    let _ = Warning::parse(data);
    let _ = Timestamp::parse(data);
    let _ = number(data);
    let _ = max_forwards(data);
}
