use super::*;
use crate::{Codec, Direction};

const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nz=kept\r\n\
    a=group:BUNDLE 0\r\nm=audio 4000/2 RTP/AVP 111 0 101\r\na=rtpmap:111 opus/48000/2\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendonly\r\nx=unknown\r\n\
    m=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\n";

#[test]
fn what_was_read_is_written_byte_for_byte() {
    let mut out = Vec::new();
    parse(OFFER).expect("a description").write(&mut out);
    assert_eq!(out, OFFER);
}

#[test]
fn typed_readers_fall_back_from_media_to_session() {
    let offer = parse(OFFER).expect("a description");
    assert_eq!(offer.direction(0), Direction::SendOnly);
    assert_eq!(offer.direction(1), Direction::SendRecv);
    assert_eq!(offer.connection(0).and_then(|c| c.ip()), "192.0.2.1".parse().ok());
    assert_eq!(offer.connection(1).and_then(|c| c.ip()), "2001:db8::1".parse().ok());
    assert_eq!(offer.media[0].port_count, 2);
}

#[test]
fn codecs_come_in_order_with_static_payloads_known() {
    let offer = parse(OFFER).expect("a description");
    let codecs: Vec<Codec<'_>> = offer.media[0].codecs().collect();
    assert_eq!(codecs.len(), 3);
    assert!(codecs[0].is(b"opus", 48_000) && codecs[0].payload == 111);
    assert!(codecs[1].is(b"PCMU", 8_000) && codecs[1].payload == 0);
    assert!(codecs[2].is(b"TELEPHONE-EVENT", 8_000));
    assert_eq!(codecs[2].fmtp, Some(&b"0-16"[..]));
}

#[test]
fn line_ends_may_be_lf_alone() {
    let text = b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n";
    assert_eq!(parse(text).expect("a description").session.len(), 3);
}

#[test]
fn a_malformed_line_is_named_by_its_number() {
    for (text, kind, line) in [
        (&b""[..], SdpErrorKind::Version, 1),
        (b"o=- 1 1 IN IP4 192.0.2.1\r\n", SdpErrorKind::Version, 1),
        (b"v=1\r\n", SdpErrorKind::Version, 1),
        (b"v=0\r\nb\r\n", SdpErrorKind::Line, 2),
        (b"v=0\r\ns=\0\r\n", SdpErrorKind::Line, 2),
        (b"v=0\r\n\r\ns=-\r\n", SdpErrorKind::Line, 2),
        (b"v=0\r\ns=-\r\nm=audio 70000 RTP/AVP 0\r\n", SdpErrorKind::Media, 3),
        (b"v=0\r\nm=audio 1 RTP/AVP\r\n", SdpErrorKind::Media, 2),
        (b"v=0\r\nm=audio -1 RTP/AVP 0\r\n", SdpErrorKind::Media, 2),
    ] {
        assert_eq!(parse(text), Err(SdpError { kind, line }), "{text:?}");
    }
}

#[test]
fn too_many_lines_or_media_are_refused() {
    let many = [&b"v=0\r\n"[..], &b"a=x\r\n".repeat(LINES_MAX)].concat();
    assert_eq!(parse(&many).map_err(|e| e.kind), Err(SdpErrorKind::TooLarge));
    let media = [&b"v=0\r\n"[..], &b"m=audio 1 RTP/AVP 0\r\n".repeat(MEDIA_MAX + 1)].concat();
    assert_eq!(parse(&media).map_err(|e| e.kind), Err(SdpErrorKind::TooLarge));
}

#[test]
fn an_end_without_line_end_or_with_empty_lines_is_taken() {
    for text in [&b"v=0\r\ns=-"[..], b"v=0\r\ns=-\r\n\r\n\r\n", b"v=0\ns=-\n\n", b"v=0\r\ns=-\r"] {
        assert_eq!(parse(text).expect("a description").session.len(), 1, "{text:?}");
    }
}

#[test]
fn a_description_without_origin_name_and_time_is_taken() {
    let offer = parse(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n").expect("a description");
    assert_eq!((offer.origin(), offer.line(b's'), offer.line(b't')), (None, None, None));
    assert_eq!(offer.connection(0).and_then(|c| c.ip()), "192.0.2.1".parse().ok());
}

#[test]
fn spaces_too_many_are_read_over() {
    let text = b"v=0\r\nc=IN  IP4 192.0.2.1 \r\nm=audio  4000 RTP/AVP  0   101 \r\n\
        a=rtpmap: 101  telephone-event/8000 \r\na=fmtp:101  0-15 \r\na=sendonly \r\n";
    let offer = parse(text).expect("a description");
    assert_eq!(offer.connection(0).and_then(|c| c.ip()), "192.0.2.1".parse().ok());
    assert_eq!(offer.direction(0), Direction::SendOnly);
    let codecs: Vec<Codec<'_>> = offer.media[0].codecs().collect();
    assert!(codecs.len() == 2 && codecs[1].is(b"telephone-event", 8_000));
    assert_eq!(codecs[1].fmtp, Some(&b"0-15"[..]));
    let mut out = Vec::new();
    offer.media[0].write(&mut out);
    assert!(out.starts_with(b"m=audio 4000 RTP/AVP 0   101\r\na=rtpmap: 101  telephone-event/8000 \r\n"));
}

#[test]
fn what_may_be_there_once_is_not_there_twice() {
    for text in [&b"v=0\r\ns=-\r\ns=x\r\n"[..], b"v=0\r\no=a\r\no=b\r\n", b"v=0\r\ns=-\r\nv=0\r\n"] {
        assert_eq!(parse(text).map_err(|e| e.kind), Err(SdpErrorKind::Repeated), "{text:?}");
    }
}

#[test]
fn each_limit_holds_to_the_last_and_not_beyond() {
    let with = |text: &[u8], times| [&b"v=0\r\n"[..], &text.repeat(times)].concat();
    let kind = |text: &[u8]| parse(text).map(|_| ()).map_err(|e| e.kind);
    assert_eq!(kind(&with(b"a=x\r\n", ATTRIBUTES_MAX)), Ok(()));
    assert_eq!(kind(&with(b"a=x\r\n", ATTRIBUTES_MAX + 1)), Err(SdpErrorKind::TooLarge));
    assert_eq!(kind(&with(b"z=x\r\n", LINES_MAX - 1)), Ok(()));
    assert_eq!(kind(&with(b"z=x\r\n", LINES_MAX)), Err(SdpErrorKind::TooLarge));
    let formats = |count| [&b"v=0\r\nm=audio 1 RTP/AVP"[..], &b" 0".repeat(count)].concat();
    assert_eq!(kind(&formats(FORMATS_MAX)), Ok(()));
    assert_eq!(kind(&formats(FORMATS_MAX + 1)), Err(SdpErrorKind::TooLarge));
    let long = |count| [&b"v=0\r\ns="[..], &b"x".repeat(count)].concat();
    assert_eq!(kind(&long(BYTES_MAX - 7)), Ok(()));
    assert_eq!(kind(&long(BYTES_MAX - 6)), Err(SdpErrorKind::TooLarge));
}

#[test]
fn a_payload_type_listed_twice_is_one_codec() {
    let offer = parse(b"v=0\r\nm=audio 4000 RTP/AVP 0 8 0 8 0 200 x\r\n").expect("a description");
    let payloads: Vec<u8> = offer.media[0].codecs().map(|codec| codec.payload).collect();
    assert_eq!(payloads, [0, 8]);
}
