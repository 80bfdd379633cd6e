//! RFC 4475: 49 messages and what is to become of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use coeur_sip::header::{Contact, Via};
use coeur_sip::message::ParseErrorKind as Kind;
use coeur_sip::{
    HeaderName, HeaderTable, Limits, Message, Method, ParseError, StatusCode, Uri, parse, respond_malformed,
};

use crate::{messages, shared};

/// What the RFC asks for, as far as the parser decides it.
#[derive(Clone, Copy)]
enum Handling {
    /// Read without complaint; the function looks at what is particular.
    Read(fn(Message<'_>)),
    /// Answered with this status because of this defect.
    Answered(u16, Kind),
    /// Discarded without an answer: a response, or nothing to answer to.
    Silent(Kind),
    /// Read, but not what identifies it: 400 by [`Message::essentials`] or another typed header, found by the
    /// function.
    Typed(fn(Message<'_>) -> &'static str, &'static str),
}

use Handling::{Answered, Read, Silent, Typed};

/// Every message by name, in the order of the RFC.
const HANDLING: &[(&str, Handling)] = &[
    // 3.1.1 Valid messages
    ("wsinv", Read(wsinv)),
    ("intmeth", Read(intmeth)),
    ("esc01", Read(esc01)),
    ("escnull", Read(escnull)),
    ("esc02", Read(esc02)),
    ("lwsdisp", Read(lwsdisp)),
    ("longreq", Read(longreq)),
    ("dblreq", Read(dblreq)),
    ("semiuri", Read(semiuri)),
    ("transports", Read(transports)),
    ("mpart01", Read(mpart01)),
    ("unreason", Read(unreason)),
    ("noreason", Read(noreason)),
    // 3.1.2 Invalid messages
    ("badinv01", Typed(essentials, "Malformed Parameter")),
    ("clerr", Answered(400, Kind::ContentLength)),
    ("ncl", Answered(400, Kind::ContentLength)),
    ("scalar02", Answered(400, Kind::CSeq)),
    ("scalarlg", Silent(Kind::CSeq)),
    ("quotbal", Typed(essentials, "Unbalanced Quotes")),
    ("ltgtruri", Answered(400, Kind::StartLine)),
    ("lwsruri", Answered(400, Kind::StartLine)),
    ("lwsstart", Answered(400, Kind::StartLine)),
    ("trws", Answered(400, Kind::StartLine)),
    ("escruri", Typed(request_uri, "Headers In Request-URI")),
    ("baddate", Typed(date, "Malformed Date")),
    ("regbadct", Typed(contact, "URI Needs Angle Brackets")),
    ("badaspec", Typed(essentials, "Malformed URI")),
    ("baddn", Answered(400, Kind::Truncated)),
    ("badvers", Answered(505, Kind::Version)),
    ("mismatch01", Answered(400, Kind::CSeqMismatch)),
    ("mismatch02", Answered(400, Kind::CSeqMismatch)),
    ("bigcode", Silent(Kind::Status)),
    // 3.2 Transaction layer semantics
    ("badbranch", Read(badbranch)),
    // 3.3 Application layer semantics
    ("insuf", Answered(400, Kind::Missing(HeaderName::From))),
    ("unkscm", Read(unkscm)),
    ("novelsc", Read(novelsc)),
    ("unksm2", Read(unksm2)),
    ("bext01", Read(bext01)),
    ("invut", Read(invut)),
    ("regaut01", Read(regaut01)),
    ("multi01", Answered(400, Kind::Duplicate(HeaderName::CSeq))),
    ("mcl01", Answered(400, Kind::Duplicate(HeaderName::ContentLength))),
    ("bcast", Read(bcast)),
    ("zeromf", Read(zeromf)),
    ("cparam01", Read(cparam01)),
    ("cparam02", Read(cparam02)),
    ("regescrt", Read(regescrt)),
    ("sdp01", Read(sdp01)),
    // 3.4 Backward compatibility
    ("inv2543", Read(inv2543)),
];

#[test]
fn each_message_is_handled_as_the_rfc_asks() {
    let handling: BTreeMap<&str, Handling> = HANDLING.iter().copied().collect();
    let messages = messages::all();
    assert_eq!((messages.len(), handling.len()), (49, 49));
    for (name, bytes) in &messages {
        let handling = handling.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no handling"));
        check(name, bytes, *handling);
    }
}

#[test]
fn the_collection_of_sipgo_is_read_or_refused_as_this_one() {
    let Some(folder) = shared::folder("corpora/sipgo/sip/testdata/torture") else { return };
    for part in ["valid", "invalid"] {
        for (name, bytes) in shared::files(&folder.join(part)) {
            if let Some((_, handling)) = HANDLING.iter().find(|(known, _)| *known == name) {
                let mut table = HeaderTable::new();
                let read = parse(&bytes, &mut table, &Limits::default()).is_ok();
                let expected = matches!(handling, Read(_) | Typed(..));
                // Its baddn has the empty line that ends the headers, so there the display name decides.
                assert!(read == expected || name == "baddn", "{part}/{name}");
            }
        }
    }
}

#[test]
fn an_unquoted_comma_in_a_display_name_is_refused() {
    // baddn as it stands lacks its empty line; with it, the names are what is wrong (section 3.1.2.15).
    let whole = [&messages::of_name("baddn")[..], b"\r\n"].concat();
    let mut table = HeaderTable::new();
    let message = parse(&whole, &mut table, &Limits::default()).unwrap();
    assert_eq!(essentials(message), "Malformed Display Name");
}

fn check(name: &str, bytes: &[u8], handling: Handling) {
    let mut table = HeaderTable::new();
    let outcome = parse(bytes, &mut table, &Limits::default());
    match (handling, outcome) {
        (Read(look), Ok(message)) => look(message),
        (Typed(find, reason), Ok(message)) => assert_eq!(find(message), reason, "{name}"),
        (Answered(status, kind), Err(error)) => {
            assert_eq!((error.status().code(), error.kind), (status, kind), "{name}");
            check_answer(name, &error);
        }
        (Silent(kind), Err(error)) => {
            assert_eq!(error.kind, kind, "{name}");
            assert!(error.answer.is_none(), "{name}");
        }
        (_, Ok(_)) => panic!("{name} was read"),
        (Read(_) | Typed(..), Err(error)) => panic!("{name} was refused: {error}"),
    }
}

/// The answer names the defect and carries every Via, completed with the source.
fn check_answer(name: &str, error: &ParseError<'_>) {
    let source: SocketAddr = "203.0.113.5:9".parse().unwrap();
    let mut out = Vec::new();
    let range = respond_malformed(error, Some(b"our-tag"), source, &mut out).expect(name);
    let text = String::from_utf8_lossy(&out[range]);
    let first = format!("SIP/2.0 {} {}\r\n", error.status(), error.reason);
    assert!(text.starts_with(&first), "{name}: {text}");
    assert!(text.contains("received=203.0.113.5") || name == "badvers", "{name}: {text}");
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"), "{name}: {text}");
}

fn essentials(message: Message<'_>) -> &'static str {
    message.essentials().unwrap_err().reason
}

fn request_uri(message: Message<'_>) -> &'static str {
    message.essentials().unwrap();
    message.parse_request_uri().unwrap_err().reason
}

fn date(message: Message<'_>) -> &'static str {
    message.essentials().unwrap();
    message.date().unwrap_err().reason
}

fn contact(message: Message<'_>) -> &'static str {
    message.essentials().unwrap();
    message.contacts().next().unwrap().unwrap_err().reason
}

fn values<'a>(message: &Message<'a>, name: HeaderName) -> Vec<&'a [u8]> {
    message.values(name).collect()
}

fn wsinv(message: Message<'_>) {
    let essentials = message.essentials().unwrap();
    assert_eq!(essentials.to_tag, Some(&b"1918181833n"[..]));
    assert_eq!(essentials.from.display, Some(&br#""J Rosenberg \\\"""#[..]));
    assert_eq!(essentials.from_tag, Some(&b"98asjd8"[..]));
    assert_eq!((essentials.cseq.number, essentials.cseq.method), (9, Method::Invite));
    assert_eq!(message.max_forwards(), Ok(Some(68)));
    let vias: Vec<Via<'_>> = message.vias().map(Result::unwrap).collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch.unwrap()).collect();
    assert_eq!(branches, [&b"390skdjuw"[..], b"z9hG4bK9ikj8", b"z9hG4bK30239"]);
    assert_eq!(message.header(HeaderName::Subject), Some(&b""[..]));
    assert_eq!(message.header_named(b"unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
    assert_eq!(message.routes().map(Result::unwrap).count(), 1);
    let contacts: Vec<Contact<'_>> = message.contacts().map(Result::unwrap).collect();
    assert_eq!((contacts.len(), contacts[0].q()), (1, Some(330)));
    assert_eq!(message.body().len(), 150);
}

fn intmeth(message: Message<'_>) {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(message.method(), Method::Other(method));
    let Ok(Uri::Sip(uri)) = message.parse_request_uri() else { panic!("a sip URI") };
    assert_eq!(uri.user, Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
    assert_eq!(uri.password, Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..]));
    let essentials = message.essentials().unwrap();
    assert_eq!(essentials.to.display, Some(&b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\""[..]));
    assert_eq!(essentials.from_tag, Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(essentials.from.params.iter().count(), 2);
    assert!(message.header_named(b"ExtensionHeader-!.%*+_`'~").is_some());
}

fn esc01(message: Message<'_>) {
    let Ok(Uri::Sip(uri)) = message.parse_request_uri() else { panic!("a sip URI") };
    assert_eq!(uri.user, Some(&b"sips%3Auser%40example.com"[..]));
    let mut aor = Vec::new();
    let Ok(Uri::Sip(to)) = message.to().unwrap().parse_uri() else { panic!("a sip URI") };
    to.write_aor(&mut aor);
    assert_eq!(aor, b"user@example.com");
    let contact = message.contacts().next().unwrap().unwrap();
    assert_eq!(contact.uri(), b"sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31");
    let Ok(Uri::Sip(contact)) = contact.parse_uri() else { panic!("a sip URI") };
    // An escaped parameter name is not the known one: %6C%72 is compared unescaped only by URI equality.
    assert!(!contact.is_loose_router());
}

fn escnull(message: Message<'_>) {
    assert_eq!(message.contacts().map(Result::unwrap).count(), 2);
    let uris: Vec<_> = message.contacts().map(|contact| contact.unwrap().parse_uri().unwrap()).collect();
    assert!(!uris[0].equivalent(&uris[1]));
}

fn esc02(message: Message<'_>) {
    assert_eq!(message.method(), Method::Other("RE%47IST%45R"));
    assert_eq!(message.contacts().count(), 2);
    assert!(message.header_named(b"C%6Fntact").is_some());
    assert_eq!(message.via().unwrap().branch, Some(&b"z9hG4bK209%fzsnel234"[..]));
    message.essentials().unwrap();
}

fn lwsdisp(message: Message<'_>) {
    assert_eq!(message.essentials().unwrap().from.display, Some(&b"caller"[..]));
}

fn longreq(message: Message<'_>) {
    assert_eq!(message.vias().map(Result::unwrap).count(), 34);
    let essentials = message.essentials().unwrap();
    assert!(essentials.from_tag.unwrap().len() > 100);
    assert_eq!(message.body().len(), 150);
}

fn dblreq(message: Message<'_>) {
    // What follows the announced length in a datagram is dropped (RFC 3261 section 18.3).
    assert_eq!(message.method(), Method::Register);
    assert_eq!((message.body().len(), message.bytes().len()), (0, 300));
}

fn semiuri(message: Message<'_>) {
    let Ok(Uri::Sip(uri)) = message.parse_request_uri() else { panic!("a sip URI") };
    assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
    assert!(uri.params.is_empty());
    assert_eq!(message.accepts().map(Result::unwrap).count(), 6);
}

fn transports(message: Message<'_>) {
    let names: Vec<_> = message.vias().map(|via| via.unwrap().transport_bytes).collect();
    assert_eq!(names, [&b"UDP"[..], b"SCTP", b"TLS", b"UNKNOWN", b"TCP"]);
}

fn mpart01(message: Message<'_>) {
    assert_eq!(message.body().len(), 553);
    assert!(message.body().contains(&0));
    let content_type = message.content_type().unwrap().unwrap();
    assert!(content_type.is("multipart", "mixed"));
    assert_eq!(content_type.params.get("boundary"), Some(&b"7a9cbec02ceef655"[..]));
    assert!(message.date().unwrap().is_some());
}

fn unreason(message: Message<'_>) {
    assert_eq!(message.status(), Some(StatusCode::OK));
    assert!(message.reason_phrase().starts_with(b"= 2**3 * 5**2 "));
}

fn noreason(message: Message<'_>) {
    assert_eq!((message.status(), message.reason_phrase()), (Some(StatusCode::TRYING), &b""[..]));
}

fn badbranch(message: Message<'_>) {
    assert!(!message.via().unwrap().has_magic_cookie());
}

/// Answered 416 by whoever acts on the Request-URI.
fn unkscm(message: Message<'_>) {
    message.essentials().unwrap();
    let Ok(Uri::Other { scheme, .. }) = message.parse_request_uri() else { panic!("another scheme") };
    assert_eq!(scheme, b"nobodyKnowsThisScheme");
}

/// Answered 416 by whoever acts on the Request-URI.
fn novelsc(message: Message<'_>) {
    assert!(matches!(message.parse_request_uri(), Ok(Uri::Other { scheme: b"soap.beep", .. })));
}

/// Refused by the registrar: To is no address of record.
fn unksm2(message: Message<'_>) {
    let essentials = message.essentials().unwrap();
    assert!(matches!(essentials.to.parse_uri(), Ok(Uri::Other { scheme: b"isbn", .. })));
    assert!(matches!(essentials.from.parse_uri(), Ok(Uri::Other { scheme: b"http", .. })));
}

/// Answered 420 by whoever understands neither tag.
fn bext01(message: Message<'_>) {
    assert_eq!(
        message.require().collect::<Vec<_>>(),
        [&b"nothingSupportsThis"[..], b"nothingSupportsThisEither"]
    );
    assert_eq!(message.proxy_require().count(), 2);
}

/// Answered 415 by the called phone.
fn invut(message: Message<'_>) {
    assert!(message.content_type().unwrap().unwrap().is("application", "unknownformat"));
    assert_eq!(message.body().len(), 40);
}

fn regaut01(message: Message<'_>) {
    assert_eq!(values(&message, HeaderName::Authorization), [b"NoOneKnowsThisScheme opaque-data=here"]);
}

/// Discarded above: the second Via would lead to the broadcast address, and a response with two is not ours.
fn bcast(message: Message<'_>) {
    assert_eq!(message.vias().map(Result::unwrap).count(), 2);
}

fn zeromf(message: Message<'_>) {
    assert_eq!(message.max_forwards(), Ok(Some(0)));
}

fn cparam01(message: Message<'_>) {
    let contact = message.contacts().next().unwrap().unwrap();
    assert_eq!(contact.uri(), b"sip:+19725552222@gw1.example.net");
    assert!(contact.address().unwrap().params.has("unknownparam"));
}

fn cparam02(message: Message<'_>) {
    let contact = message.contacts().next().unwrap().unwrap();
    assert_eq!(contact.uri(), b"sip:+19725552222@gw1.example.net;unknownparam");
    assert!(contact.address().unwrap().params.is_empty());
}

fn regescrt(message: Message<'_>) {
    let contact = message.contacts().next().unwrap().unwrap();
    let Ok(Uri::Sip(uri)) = contact.parse_uri() else { panic!("a sip URI") };
    assert_eq!(uri.header_pairs().collect::<Vec<_>>(), [(&b"Route"[..], &b"%3Csip:sip.example.com%3E"[..])]);
}

/// Answered 406 by the called phone.
fn sdp01(message: Message<'_>) {
    assert!(message.accepts().next().unwrap().unwrap().is("text", "nobodyKnowsThis"));
}

fn inv2543(message: Message<'_>) {
    let essentials = message.essentials().unwrap();
    assert_eq!((essentials.from_tag, essentials.via.branch), (None, None));
    assert_eq!(message.max_forwards(), Ok(None));
    // Without Content-Length the body goes to the end of the datagram.
    assert_eq!(message.body().len(), 105);
    let Ok(Uri::Sip(to)) = essentials.to.parse_uri() else { panic!("a sip URI") };
    assert!(!to.is_phone() && essentials.to.params.has("user"));
}
