#![no_main]
//! A datagram: no panic, and what is written back reads the same.

use coeur_sip::{HeaderTable, Limits, StartLine, Writer, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut table = HeaderTable::new();
    let message = match parse(data, &mut table, &Limits::default()) {
        Ok(message) => message,
        Err(error) => {
            let mut out = Vec::new();
            let source = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
            if let Some(range) = coeur_sip::respond_malformed(&error, Some(b"t"), source, &mut out) {
                let mut second = HeaderTable::new();
                assert!(out[range.clone()].starts_with(b"SIP/2.0 "));
                let _ = parse(&out[range], &mut second, &Limits::default());
            }
            return;
        }
    };
    let _ = message.essentials();
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
});
