//! What the index pass takes and what it refuses.

use super::*;

const ESSENTIAL: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                         To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n";

fn options(more: &str) -> Vec<u8> {
    format!("OPTIONS sip:b@c SIP/2.0\r\n{ESSENTIAL}{more}\r\n").into_bytes()
}

/// The same with one piece of text replaced.
fn changed(more: &str, from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(options(more)).unwrap().replace(from, to).into_bytes()
}

/// The defect, and whether it may be answered.
fn refused(bytes: &[u8]) -> (Kind, bool) {
    let mut table = HeaderTable::new();
    match parse(bytes, &mut table, &Limits::default()) {
        Ok(_) => panic!("{} was read", String::from_utf8_lossy(bytes)),
        Err(error) => (error.kind, error.answer.is_some()),
    }
}

fn read<T>(bytes: &[u8], look: impl FnOnce(Message<'_>) -> T) -> T {
    let mut table = HeaderTable::new();
    look(parse(bytes, &mut table, &Limits::default()).unwrap())
}

#[test]
fn headers_keep_their_order_and_their_spans() {
    let bytes = options("X-A:1\r\nk: path,\r\n outbound\r\nX-B : 2\r\n");
    read(&bytes, |message| {
        let last: Vec<_> = message.headers().skip(5).collect();
        assert_eq!((last[0].span, last[0].clean), (&b"X-A:1\r\n"[..], true));
        assert_eq!((last[1].value, last[1].clean), (&b"path,\r\n outbound"[..], false));
        assert_eq!((last[2].name_bytes, last[2].clean), (&b"X-B"[..], false));
        assert_eq!(message.supported().collect::<Vec<_>>(), [&b"path"[..], b"outbound"]);
        assert_eq!(message.header_named(b"x-b"), Some(&b"2"[..]));
    });
}

#[test]
fn values_of_several_lines_are_one_list() {
    let bytes = options("Route: <sip:a;lr>, <sip:b;lr>\r\nX: y\r\nRoute: <sip:c;lr>\r\n");
    let uris =
        read(&bytes, |message| message.routes().map(|route| route.unwrap().uri.to_vec()).collect::<Vec<_>>());
    assert_eq!(uris, [&b"sip:a;lr"[..], b"sip:b;lr", b"sip:c;lr"]);
}

#[test]
fn each_essential_header_is_missed() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let bytes = changed("", &format!("\r\n{name}: "), "\r\nX: ");
        let missing = Kind::Missing(HeaderName::parse(name.as_bytes()));
        assert_eq!(refused(&bytes), (missing, name != "Via"));
    }
}

#[test]
fn a_second_singleton_is_refused_in_any_spelling() {
    for (line, name) in [
        ("From: <sip:e@f>;tag=1", HeaderName::From),
        ("f: <sip:e@f>;tag=1", HeaderName::From),
        ("t : <sip:e@f>", HeaderName::To),
        ("I: y", HeaderName::CallId),
        ("cseq: 2 OPTIONS", HeaderName::CSeq),
        ("l: 0\r\nContent-Length: 0", HeaderName::ContentLength),
        ("Max-Forwards: 1\r\nMAX-FORWARDS: 1", HeaderName::MaxForwards),
        ("Expires: 1\r\nExpires: 1", HeaderName::Expires),
        ("r: <sip:x@y>\r\nRefer-To: <sip:x@y>", HeaderName::ReferTo),
    ] {
        assert_eq!(refused(&options(&format!("{line}\r\n"))), (Kind::Duplicate(name), true), "{line}");
    }
}

#[test]
fn what_another_parser_could_cut_elsewhere_is_refused() {
    for (line, kind) in [
        ("X: a\nY: b\r\n", Kind::ControlCharacter),
        ("X: a\rY: b\r\n", Kind::ControlCharacter),
        ("X: a\0b\r\n", Kind::ControlCharacter),
        ("X: \\\0\r\n", Kind::ControlCharacter),
        ("X: \x1bb\r\n", Kind::ControlCharacter),
        ("X: \"a\\\r\"\r\n", Kind::ControlCharacter),
        ("X\r\n : a\r\n", Kind::HeaderLine),
        ("X\u{a0}: a\r\n", Kind::HeaderLine),
        ("X\x01: a\r\n", Kind::HeaderLine),
        ("X Y: a\r\n", Kind::HeaderLine),
        (": a\r\n", Kind::HeaderLine),
        ("X\r\n", Kind::HeaderLine),
    ] {
        assert_eq!(refused(&options(line)).0, kind, "{line:?}");
    }
    assert_eq!(refused(&changed("", "\r\nVia", "\r\n Via")).0, Kind::HeaderLine);
    assert_eq!(refused(&changed("", "Call-ID: x", "Call-ID: x y")), (Kind::CallId, true));
    assert_eq!(refused(&changed("", "Call-ID: x", "Call-ID: x\r\n y")), (Kind::CallId, true));
}

/// Any way to write a header that an asserted identity could hide in (docs: header smuggling) is either seen
/// under its name or refused with the whole message.
#[test]
fn a_smuggled_header_is_seen_or_refused() {
    let name = "P-Asserted-Identity";
    let value = "<sip:boss@c>";
    let spellings = ["", " ", "\t", " \t "].iter().flat_map(|space| {
        [name.to_owned(), name.to_lowercase(), name.to_uppercase()]
            .map(|name| format!("{name}{space}: {value}\r\n"))
    });
    for line in spellings.chain([format!("{name}:\r\n {value}\r\n"), format!("{name}:{value} \r\n\t\r\n")]) {
        let uris = read(&options(&line), |message| {
            message.asserted_identities().map(|id| id.unwrap().uri.to_vec()).collect::<Vec<_>>()
        });
        assert_eq!(uris, [b"sip:boss@c"], "{line:?}");
    }
    let controls = (1..0x20u8).chain([0, 0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n'));
    for byte in controls.map(char::from).chain(['\u{a0}', '\u{feff}']) {
        for line in [
            format!("{name}{byte}: {value}\r\n"),
            format!("{byte}{name}: {value}\r\n"),
            format!("X: y{byte}{name}: {value}\r\n"),
        ] {
            let bytes = options(&line);
            let mut table = HeaderTable::new();
            if let Ok(message) = parse(&bytes, &mut table, &Limits::default()) {
                // A character beyond ASCII inside a value is text; nobody ends a line there.
                assert!(!byte.is_ascii() && line.starts_with("X: "), "{line:?}");
                assert_eq!(message.headers().count(), 6);
            }
        }
    }
    for line in [format!("X: y\n{name}: {value}\r\n"), format!("{name}\n: {value}\r\n")] {
        assert_eq!(refused(&options(&line)).0, Kind::ControlCharacter, "{line:?}");
    }
}

#[test]
fn a_control_character_in_what_we_would_copy_back_is_met_with_silence() {
    assert_eq!(refused(&options("X: \x07\r\n")), (Kind::ControlCharacter, true));
    assert_eq!(refused(&changed("", "sip:a@b", "sip:a\x07@b")), (Kind::ControlCharacter, false));
}

#[test]
fn an_ack_and_a_response_are_never_answered() {
    assert_eq!(refused(&changed("X\r\n", "OPTIONS", "ACK")), (Kind::HeaderLine, false));
    let response = changed("X\r\n", "OPTIONS sip:b@c SIP/2.0", "SIP/2.0 200 OK");
    assert_eq!(refused(&response), (Kind::HeaderLine, false));
}

#[test]
fn a_keep_alive_is_told_from_a_message() {
    for bytes in [&b""[..], b"\r\n", b"\r\n\r\n"] {
        assert_eq!(refused(bytes), (Kind::Empty, false));
    }
    let late = [&b"\r\n\r\n"[..], &options("")].concat();
    assert!(read(&late, |message| message.is_request()));
}

#[test]
fn every_limit_holds() {
    let limits =
        Limits { message_bytes_max: 400, headers_max: 7, header_bytes_max: 50, start_line_bytes_max: 40 };
    let outcome = |bytes: &[u8]| {
        let mut table = HeaderTable::new();
        parse(bytes, &mut table, &limits).map(|_| ()).map_err(|error| (error.kind, error.reason))
    };
    assert_eq!(outcome(&options("")), Ok(()));
    let many = options(&"X: y\r\n".repeat(3));
    assert_eq!(outcome(&many), Err((Kind::TooLarge, "Too Many Headers")));
    let long = options(&format!("X: {}\r\n", "y".repeat(50)));
    assert_eq!(outcome(&long), Err((Kind::TooLarge, "Header Too Long")));
    let padded = [options(""), vec![b' '; 400]].concat();
    assert_eq!(outcome(&padded), Err((Kind::TooLarge, "Message Too Large")));
    let start = changed("", "sip:b@c S", &format!("sip:{}@c S", "b".repeat(40)));
    assert_eq!(outcome(&start), Err((Kind::TooLarge, "Start Line Too Long")));
}

#[test]
fn the_place_of_an_error_is_given_in_the_message() {
    let bytes = options("Content-Length: 9\r\n");
    let mut table = HeaderTable::new();
    let error = parse(&bytes, &mut table, &Limits::default()).err().unwrap();
    assert_eq!(bytes[error.offset], b'9');
    let line = format!("Content-Length Exceeds Message at byte {}", error.offset);
    assert_eq!(error.to_string(), line);
    let bytes = options("Max-Forwards: x\r\n");
    let error = read(&bytes, |message| message.max_forwards().unwrap_err());
    assert_eq!((error.name, bytes[error.offset]), (HeaderName::MaxForwards, b'x'));
}

#[test]
fn the_wide_count_agrees_with_the_narrow_one() {
    let bytes: Vec<u8> = (0..=255u8).cycle().take(1000).collect();
    let narrow = bytes.iter().filter(|&&byte| byte.is_ascii_control() && byte != b'\t').count();
    assert_eq!(count_controls(&bytes), narrow);
}
