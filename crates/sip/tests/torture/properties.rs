//! What holds of every message: what is written can be read back the same, and damage of any kind is an error or
//! a message, never a panic.

use std::net::SocketAddr;
use std::time::Instant;

use coeur_sip::{
    HeaderName, HeaderTable, Limits, Message, StartLine, Uri, Writer, parse, respond, respond_malformed,
};
use proptest::prelude::*;

use crate::messages;

fn source() -> SocketAddr {
    "192.0.2.77:40000".parse().unwrap()
}

/// Writes a message anew, header by header.
fn rewrite(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    match message.start() {
        StartLine::Request { method, uri } => writer.request_line(method, uri),
        StartLine::Response { status, reason } => writer.status_line(status, Some(reason)),
    };
    for header in message.headers().filter(|header| header.name != HeaderName::ContentLength) {
        writer.copy(&header);
    }
    writer.end(message.body());
    out
}

/// Reads everything that can be read.
fn read_all(message: &Message<'_>) {
    let _ = message.essentials();
    let _ = message.parse_request_uri().map(|uri| uri.equivalent(&uri));
    let _ = message.vias().count() + message.contacts().count() + message.routes().count();
    let _ = message.contact();
    for header in message.headers() {
        let _ = message.values(header.name).count();
        for address in message.addresses(header.name).flatten() {
            if let Ok(Uri::Sip(uri)) = address.parse_uri() {
                let mut aor = Vec::new();
                uri.write_aor(&mut aor);
                let _ = uri.header_pairs().count();
            }
        }
    }
    let _ = (message.max_forwards(), message.expires(), message.min_expires(), message.content_type());
    let _ = (message.event(), message.subscription_state(), message.rack(), message.rseq());
    let _ = (message.replaces(), message.target_dialog(), message.session_expires(), message.min_se());
    let _ = (message.retry_after(), message.timestamp(), message.date(), message.privacy());
    let _ = (message.refer_to(), message.accepts().count(), message.warnings().count());
    let _ = (message.reasons().count(), message.require().count(), message.supports("path"));
}

/// Parses, reads and answers; returns whether it was a message.
fn exercise(bytes: &[u8]) -> bool {
    let mut table = HeaderTable::new();
    let mut out = Vec::new();
    match parse(bytes, &mut table, &Limits::default()) {
        Ok(message) => {
            read_all(&message);
            if message.is_request() {
                let status = coeur_sip::StatusCode::OK;
                respond(&message, status, None, Some(b"tag"), source(), &mut out).end(b"");
                check_readable(&out);
            }
            check_same(&message);
            true
        }
        Err(error) => {
            respond_malformed(&error, Some(b"tag"), source(), &mut out);
            false
        }
    }
}

/// Our answer to a message that we took is itself a message.
fn check_readable(answer: &[u8]) {
    let mut table = HeaderTable::new();
    if let Err(error) = parse(answer, &mut table, &Limits::default()) {
        panic!("{error}: {}", String::from_utf8_lossy(answer));
    }
}

/// Writing and reading again gives the same message, and a third time the same bytes.
fn check_same(message: &Message<'_>) {
    let written = rewrite(message);
    let mut table = HeaderTable::new();
    let again = match parse(&written, &mut table, &Limits::default()) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&written)),
    };
    assert_eq!(
        (again.start(), again.cseq(), again.body()),
        (message.start(), message.cseq(), message.body())
    );
    let names = |message: &Message<'_>| {
        let kept = message.headers().filter(|header| header.name != HeaderName::ContentLength);
        kept.map(|header| header.name_bytes.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(names(&again), names(message));
    for header in message.headers() {
        let count = |message: &Message<'_>| message.values(header.name).count();
        assert_eq!(count(&again), count(message), "{}", header.name);
    }
    assert_eq!(rewrite(&again), written);
}

fn seeds() -> Vec<Vec<u8>> {
    messages::all().into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn every_torture_message_is_written_and_read_back_the_same() {
    let read = seeds().iter().filter(|bytes| exercise(bytes)).count();
    assert!(read >= 10);
}

#[test]
fn cutting_a_message_anywhere_never_panics() {
    for seed in seeds() {
        for end in 0..seed.len() {
            exercise(&seed[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_never_panics(
        pick in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, damage()), 1..8),
    ) {
        let seeds = seeds();
        let mut bytes = seeds[pick.index(seeds.len())].clone();
        for (at, kind, piece) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + piece.len()).min(bytes.len());
            match kind {
                0 => drop(bytes.splice(at..at, piece)),
                1 => drop(bytes.splice(at..end, piece)),
                2 => drop(bytes.drain(at..end)),
                _ => bytes.extend_from_within(at..end),
            }
        }
        exercise(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        exercise(&bytes);
        let _ = Uri::parse(&bytes).map(|uri| uri.equivalent(&uri));
    }

    #[test]
    fn a_generated_request_is_read_as_written(
        user in "[a-zA-Z0-9._~+-]{1,20}",
        host in "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{1,5}){0,3}",
        display in "[ -~]{0,30}",
        tag in "[a-zA-Z0-9-]{1,30}",
        extra in prop::collection::vec(("X-[A-Za-z0-9-]{1,20}", "[!-~]([ -~]{0,50}[!-~])?"), 0..20),
        body in prop::collection::vec(any::<u8>(), 0..200),
        number in 0..(1u32 << 31),
    ) {
        let mut out = Vec::new();
        let uri = format!("sip:{user}@{host}");
        let mut writer = Writer::request(&mut out, coeur_sip::Method::Message, uri.as_bytes());
        writer.header(HeaderName::Via, b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
        writer.begin(HeaderName::From).quoted(display.as_bytes()).push(b" <").push(uri.as_bytes());
        writer.push(b">;tag=").push(tag.as_bytes()).end_line();
        writer.header(HeaderName::To, uri.as_bytes()).header(HeaderName::CallId, b"1@x");
        writer.cseq(number, coeur_sip::Method::Message);
        for (name, value) in &extra {
            writer.named(name.as_bytes(), value.as_bytes());
        }
        writer.end(&body);

        let mut table = HeaderTable::new();
        let message = parse(&out, &mut table, &Limits::default()).unwrap();
        let essentials = message.essentials().unwrap();
        prop_assert_eq!(essentials.from.uri, uri.as_bytes());
        prop_assert_eq!(essentials.from_tag, Some(tag.as_bytes()));
        let mut plain = Vec::new();
        coeur_sip::lex::unquote_into(essentials.from.display.unwrap(), &mut plain);
        prop_assert_eq!(plain, display.as_bytes());
        prop_assert_eq!(essentials.cseq.number, number);
        prop_assert_eq!(message.body(), &body[..]);
        let values: Vec<_> = message.headers_of(HeaderName::Other).map(|header| header.value.to_vec()).collect();
        let expected: Vec<_> = extra.iter().map(|(_, value)| value.as_bytes().to_vec()).collect();
        prop_assert_eq!(values, expected);
        check_same(&message);
    }
}

/// Pieces that matter to a SIP parser, and others.
fn damage() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"\r\n ",
        b"\r\n\r\n",
        b",",
        b";",
        b"\"",
        b"<",
        b">",
        b"\\",
        b":",
        b"=",
        b"%",
        b"@",
        b"?",
        b"[",
        b"]",
        b"Via: ",
        b"Content-Length: 5\r\n",
        b"\xff",
        b"SIP/2.0",
        b"99999999999",
    ])
    .prop_map(<[u8]>::to_vec);
    prop_oneof![3 => telling, 1 => prop::collection::vec(any::<u8>(), 0..5)]
}

/// 64 kB of one piece in each place where it could cost more than it is long. The bound is loose, since the
/// machine may be busy and the build unoptimised; quadratic work on 64 kB would take far longer.
#[test]
fn hostile_repetition_costs_linear_time() {
    let head = "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n";
    let limits = Limits { header_bytes_max: 65_536, ..Limits::default() };
    for piece in [
        ",",
        ";",
        "\"",
        "\\\"",
        "<",
        ">",
        "<>,",
        "\r\n ",
        " ",
        "\r\n\t\r\n ",
        "a,",
        ";a=\"",
        ";a",
        "%",
        "(",
        "@",
        "=",
        "\\",
    ] {
        for name in
            ["Contact", "Via", "Route", "Supported", "X-Other", "Warning", "Retry-After", "Accept", "Privacy"]
        {
            let mut bytes = format!("{head}{name}: x").into_bytes();
            while bytes.len() < 60_000 {
                bytes.extend_from_slice(piece.as_bytes());
            }
            bytes.extend_from_slice(b"x\r\nContent-Length: 0\r\n\r\n");
            let begun = Instant::now();
            let mut table = HeaderTable::new();
            if let Ok(message) = parse(&bytes, &mut table, &limits) {
                read_all(&message);
                let _ = message.essentials();
            }
            let took = begun.elapsed();
            assert!(took.as_millis() < 1_000, "{name} of {piece:?} took {took:?}");
        }
    }
}
