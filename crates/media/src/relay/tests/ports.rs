//! RTCP on its own port and on that of RTP, bundles, and streams that are not RTP.

use super::*;

/// RFC 5761, on one side only.
#[test]
fn rtcp_goes_to_the_port_that_the_other_side_has_for_it() {
    let mut desk = Desk::new(muxed(plain(at(A))), plain(at(B)));
    let to_b = Verdict::Forward { transport: desk.b.rtcp.unwrap(), to: address(B_RTCP) };
    assert_eq!(desk.at_a(A, &rtcp(7)), to_b);
    let port = desk.b.rtcp.unwrap();
    assert_eq!(desk.receive(port, B_RTCP, &rtcp(8)).0, desk.out_a(A));
    assert_eq!(desk.receive(port, B_RTCP, &rtp(0, 1, 8)).0, dropped(Reason::WrongPort));
}

/// RFC 9143 section 9.2, by payload type.
#[test]
fn streams_of_a_bundle_share_a_port_and_are_told_apart_by_payload_type() {
    let mut relay = Relay::default();
    let (audio, port, _) = relay.open(Ports::One, false);
    let (video, none, _) = relay.open(Ports::Of(audio), false);
    assert_eq!(none, None);
    let (phone_audio, phone_port, _) = relay.open(Ports::One, false);
    let (phone_video, phone_video_port, _) = relay.open(Ports::One, false);
    let mut desk = Desk { relay, ..Desk::bare() };
    for (stream, agreed) in [
        (audio, muxed(plain(at(A)))),
        (video, muxed(plain(at(A)))),
        (phone_audio, muxed(plain(at(B)))),
        (phone_video, muxed(plain(at("198.51.100.2:5002")))),
    ] {
        desk.relay.agree(stream, Some(agreed), desk.now);
    }
    for (a, b, payload) in [(audio, phone_audio, 0), (video, phone_video, 96)] {
        desk.relay.link(a, Some(b), Some(&[(payload, payload)]));
        desk.relay.link(b, Some(a), Some(&[(payload, payload)]));
    }
    let (port, phone_port, phone_video_port) =
        (port.unwrap(), phone_port.unwrap(), phone_video_port.unwrap());
    let out = |transport, to| Verdict::Forward { transport, to: address(to) };
    assert_eq!(desk.receive(port, A, &rtp(0, 1, 7)).0, out(phone_port, B));
    assert_eq!(desk.receive(port, A, &rtp(96, 1, 70)).0, out(phone_video_port, "198.51.100.2:5002"));
    assert_eq!(desk.receive(port, A, &rtcp(70)).0, out(phone_video_port, "198.51.100.2:5002"));
    assert_eq!(desk.receive(port, A, &rtcp(7)).0, out(phone_port, B));
    assert_eq!(desk.receive(phone_video_port, "198.51.100.2:5002", &rtp(96, 1, 71)).0, out(port, A));
    desk.relay.close(video);
    assert_eq!(desk.receive(port, A, &rtp(96, 2, 70)).0, dropped(Reason::UnknownPayload));
    assert_eq!(desk.receive(port, A, &rtp(0, 2, 7)).0, out(phone_port, B));
}

#[test]
fn datagrams_of_another_protocol_pass_between_the_two_ends_only() {
    let mut relay = Relay::default();
    let (a, a_port, _) = relay.open(Ports::One, true);
    let (b, b_port, _) = relay.open(Ports::One, true);
    let mut desk = Desk { relay, ..Desk::bare() };
    desk.relay.agree(a, Some(muxed(plain(at(A)))), desk.now);
    desk.relay.agree(b, Some(muxed(plain(at(B)))), desk.now);
    desk.relay.link(a, Some(b), None);
    desk.relay.link(b, Some(a), None);
    // UDPTL begins with a sequence number.
    let out = Verdict::Forward { transport: b_port.unwrap(), to: address(B) };
    assert_eq!(desk.receive(a_port.unwrap(), A, &[0, 5, 1, 2]).0, out);
    assert_eq!(desk.receive(a_port.unwrap(), STRANGER, &[0, 6, 1, 2]).0, dropped(Reason::NotFromPeer));
}

#[test]
fn a_stream_is_as_small_as_its_documentation_says() {
    let sizes = (size_of::<super::stream::Stream>(), size_of::<Quality>(), size_of::<Reasons>());
    assert!(sizes.0 <= 1_792 && sizes.1 <= 736 && sizes.2 <= 176, "{sizes:?}");
}
