//! RFC 5118: IPv6 in messages. Content-Length is computed: some of the RFC's own are wrong (its errata).

use std::net::IpAddr;

use coeur_sip::header::Via;
use coeur_sip::{HeaderTable, Host, Limits, Message, Uri, parse};

const TO: &str = "To: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\n";
const FIRST_VIA: &str = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n";
const TAIL: &str = "Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\n\
                    Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 REGISTER\r\n";

fn register(uri: &str) -> String {
    message(&format!("REGISTER {uri} SIP/2.0\r\n{TO}{FIRST_VIA}{TAIL}"), "")
}

fn message(head: &str, body: &str) -> String {
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn with_message<T>(text: &str, look: impl FnOnce(Message<'_>) -> T) -> T {
    let mut table = HeaderTable::new();
    look(parse(text.as_bytes(), &mut table, &Limits::default()).unwrap())
}

fn request_host(text: &str) -> Result<(String, Option<u16>), &'static str> {
    with_message(text, |message| match message.parse_request_uri() {
        Ok(Uri::Sip(uri)) => Ok((uri.host.to_string(), uri.port)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.reason),
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn section_4_1_an_ipv6_reference_is_read_everywhere() {
    let text = register("sip:[2001:db8::10]");
    assert_eq!(request_host(&text), Ok(("[2001:db8::10]".to_owned(), None)));
    with_message(&text, |message| {
        assert_eq!(message.essentials().unwrap().via.host.ip(), Some(address("2001:db8::9:1")));
        let Ok(Uri::Sip(contact)) = message.contact().unwrap().unwrap().parse_uri() else {
            panic!("a sip URI")
        };
        assert_eq!(contact.host.ip(), Some(address("2001:db8::1")));
    });
}

#[test]
fn section_4_2_an_address_without_brackets_is_refused() {
    assert_eq!(request_host(&register("sip:2001:db8::10")), Err("Malformed Host"));
}

#[test]
fn section_4_3_what_is_in_the_brackets_is_address_and_not_port() {
    let host = request_host(&register("sip:[2001:db8::10:5070]"));
    assert_eq!(host, Ok(("[2001:db8::10:5070]".to_owned(), None)));
}

#[test]
fn section_4_4_a_port_follows_the_brackets() {
    let host = request_host(&register("sip:[2001:db8::10]:5070"));
    assert_eq!(host, Ok(("[2001:db8::10]".to_owned(), Some(5070))));
}

#[test]
fn section_4_5_received_is_read_with_and_without_brackets() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let text = message(
            &format!(
                "BYE sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com;tag=bd76ya\r\n\
                 From: sip:user@example.com;tag=81x2\r\n\
                 Via: SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111\r\n\
                 Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\nCSeq: 321 BYE\r\n"
            ),
            "",
        );
        with_message(&text, |message| {
            assert_eq!(message.via().unwrap().received, Some(address("2001:db8::9:255")));
        });
    }
}

#[test]
fn sections_4_6_and_4_8_a_body_with_ipv6_is_kept() {
    let body = "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\n\
                m=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\n\
                c=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n";
    let text = message(
        &format!(
            "INVITE sip:user@[2001:db8::10] SIP/2.0\r\nTo: sip:user@[2001:db8::10]\r\n\
             From: sip:user@example.com;tag=81x2\r\n{FIRST_VIA}Call-ID: SSG9559905523997077@hlau_4100\r\n\
             Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>\r\nMax-Forwards: 70\r\nCSeq: 8912 INVITE\r\n\
             Content-Type: application/sdp\r\n"
        ),
        body,
    );
    with_message(&text, |message| {
        assert_eq!(message.body(), body.as_bytes());
        let Ok(Uri::Sip(to)) = message.essentials().unwrap().to.parse_uri() else { panic!("a sip URI") };
        assert_eq!((to.user, to.host.ip()), (Some(&b"user"[..]), Some(address("2001:db8::10"))));
    });
}

#[test]
fn section_4_7_addresses_of_both_families_stand_side_by_side() {
    let text = message(
        "BYE sip:user@host.example.net SIP/2.0\r\n\
         Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n\
         Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n\
         Call-ID: 997077@lau_4100\r\nMax-Forwards: 70\r\nCSeq: 89187 BYE\r\n\
         To: sip:user@example.net;tag=9817--94\r\nFrom: sip:user@example.com;tag=81x2\r\n",
        "",
    );
    with_message(&text, |message| {
        let vias: Vec<Via<'_>> = message.vias().map(Result::unwrap).collect();
        assert_eq!((vias[0].host.ip(), vias[0].port), (Some(address("2001:db8::9:1")), Some(6050)));
        assert_eq!(vias[1].host.ip(), Some(address("192.0.2.1")));
        assert_eq!(vias[2].received, Some(address("192.0.2.200")));
    });
}

#[test]
fn section_4_9_an_ipv4_mapped_address_is_read() {
    let text = message(
        "INVITE sip:user@example.com SIP/2.0\r\nTo: sip:user@example.com\r\n\
         From: sip:user@east.example.com;tag=81x2\r\n\
         Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\n\
         Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111\r\n\
         Call-ID: SSG9559905523997077@hlau_4100\r\n\
         Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>\r\nCSeq: 612 INVITE\r\nMax-Forwards: 70\r\n",
        "",
    );
    with_message(&text, |message| {
        let hosts: Vec<Host<'_>> = message.vias().map(|via| via.unwrap().host).collect();
        assert_eq!(hosts[0].ip().map(|ip| ip.to_canonical()), Some(address("192.0.2.10")));
        assert_eq!(message.contact().unwrap().unwrap().uri, b"sip:ted@[::ffff:192.0.2.2]");
    });
}

#[test]
fn section_4_10_three_colons_before_an_embedded_ipv4_address_are_tolerated() {
    let options = |host: &str| {
        message(
            &format!(
                "OPTIONS sip:user@{host} SIP/2.0\r\nTo: sip:user@{host}\r\n\
                 From: sip:user@example.com;tag=810x2\r\n\
                 Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111\r\n\
                 Call-ID: G9559905523997077@hlau_4100\r\nCSeq: 689 OPTIONS\r\nMax-Forwards: 70\r\n"
            ),
            "",
        )
    };
    let correct = request_host(&options("[2001:db8::192.0.2.1]"));
    assert_eq!(correct, Ok(("[2001:db8::c000:201]".to_owned(), None)));
    assert_eq!(request_host(&options("[2001:db8:::192.0.2.1]")), correct);
}
