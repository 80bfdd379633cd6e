//! Keys that the two devices share and nobody else: what they protect passes as it is, and nothing else does.

use super::*;

const SUITE: Suite = Suite::AeadAes128Gcm;
/// The first bytes of a ClientHello and of an encrypted record of DTLS 1.2.
const HELLO: [u8; 16] = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0];

fn foreign(text: &str) -> Agreed {
    let (receive, send) = (KeyChange::Foreign, KeyChange::Foreign);
    Agreed { rtcp: at(text), rtcp_mux: true, ice: true, receive, send, ..plain(at(text)) }
}

/// Both have ICE, whose checks have been answered from where they signal.
fn desk() -> Desk {
    let mut desk = Desk::new(foreign(A), foreign(B));
    desk.relay.validate(desk.a.stream, Component::Rtp, address(A), true);
    desk.relay.validate(desk.b.stream, Component::Rtp, address(B), true);
    desk
}

#[test]
fn the_handshake_and_what_it_protects_pass_unchanged_both_ways() {
    let mut desk = desk();
    let (mut alices, mut bobs) = (Outbound::new(&key(SUITE, 1)), Inbound::new(&key(SUITE, 1)));
    for (to, from, leaves) in [(desk.a.rtp, A, desk.out_b(B)), (desk.b.rtp, B, desk.out_a(A))] {
        assert_eq!(desk.receive(to, from, &HELLO), (leaves, HELLO.to_vec()));
    }
    for sequence in 65_530..=65_535u16 {
        let protected = protect(&mut alices, &rtp(0, sequence, 7));
        let (verdict, bytes) = desk.receive(desk.a.rtp, A, &protected);
        assert_eq!((verdict, &bytes), (desk.out_b(B), &protected));
        assert_eq!(unprotect(&mut bobs, &bytes), rtp(0, sequence, 7));
    }
    let report = protect(&mut alices, &rtcp(7));
    assert_eq!(desk.receive(desk.a.rtp, A, &report), (desk.out_b(B), report.clone()));
    assert_eq!(unprotect(&mut bobs, &report), rtcp(7));
    // What is in the clear of it is counted.
    let quality = desk.relay.quality(desk.a.stream).unwrap();
    assert_eq!((quality.received_packets, quality.lost()), (6, 0));
    assert!(desk.relay.srtp_states(desk.a.stream).is_none(), "no key is here");
}

#[test]
fn nothing_passes_from_where_ice_has_validated_nobody() {
    let mut desk = desk();
    for bytes in [&HELLO[..], &rtp(0, 1, 7), &rtcp(7)] {
        assert_eq!(desk.at_a(STRANGER, bytes), dropped(Reason::NotFromPeer), "{bytes:?}");
    }
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_b(B));
}

#[test]
fn a_sender_that_begins_anew_is_passed_with_its_own_numbers() {
    let mut desk = desk();
    for sequence in (100..110).chain(40_000..40_010) {
        let sent = rtp(0, sequence, 7);
        let (verdict, bytes) = desk.receive(desk.a.rtp, A, &sent);
        if verdict == desk.out_b(B) {
            assert_eq!(bytes, sent);
        }
    }
    assert!(desk.relay.quality(desk.a.stream).unwrap().received_packets > 15);
}

#[test]
fn a_number_that_would_have_to_be_another_does_not_pass() {
    let mut desk = desk();
    desk.relay.link(desk.a.stream, Some(desk.b.stream), Some(&[(0, 0), (96, 97)]));
    assert_eq!(desk.at_a(A, &rtp(96, 1, 7)), dropped(Reason::UnknownPayload));
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), desk.out_b(B));
}

#[test]
fn what_is_of_other_keys_or_of_none_never_crosses_into_such_a_stream_nor_out_of_it() {
    let mut desk = desk();
    desk.agree_b(plain(at(B)));
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::OtherNoKeys), "out of it");
    assert_eq!(desk.at_a(A, &HELLO), dropped(Reason::OtherNoKeys));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::OtherNoKeys), "into it");
    let mut slot = [0; SLOT_BYTES];
    let mut ours = Packet::copied(&mut slot, &rtp(0, 9, 9)).unwrap();
    let said = desk.relay.send_rtp(desk.now, desk.a.stream, &mut ours);
    assert_eq!(said, dropped(Reason::OtherNoKeys), "nothing of our own");
}

#[test]
fn on_hold_no_sound_passes_and_the_handshake_does() {
    let mut desk = desk();
    desk.agree_b(Agreed { we_send: false, ..foreign(B) });
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::NotSending));
    assert_eq!(desk.at_a(A, &HELLO), desk.out_b(B));
    assert_eq!(desk.at_a(A, &rtcp(7)), desk.out_b(B));
}

#[test]
fn keys_of_ours_follow_on_keys_of_theirs() {
    let mut desk = desk();
    desk.agree_a(Agreed { ice: true, rtcp_mux: true, ..sdes(plain(at(A)), SUITE, 1) });
    desk.agree_b(Agreed { ice: true, rtcp_mux: true, ..sdes(plain(at(B)), SUITE, 11) });
    let (mut alices, mut bobs) = (Outbound::new(&key(SUITE, 1)), Inbound::new(&key(SUITE, 12)));
    let (verdict, bytes) = desk.receive(desk.a.rtp, A, &protect(&mut alices, &rtp(0, 1, 7)));
    assert_eq!(verdict, desk.out_b(B));
    assert_eq!(unprotect(&mut bobs, &bytes), rtp(0, 1, 7));
}
