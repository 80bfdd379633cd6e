//! A stream that is linked with itself.

use super::*;
use crate::rtp::Rtp;

fn mirror(agreed: Agreed) -> Desk {
    let mut desk = Desk::new(agreed, plain(at(B)));
    desk.relay.link(desk.a.stream, Some(desk.a.stream), Some(&[(0, 0)]));
    desk
}

/// RFC 3550 section 8.2: packets with one's own SSRC are dropped as a loop.
#[test]
fn a_phone_hears_itself_under_another_ssrc_and_a_stranger_hears_nothing() {
    let mut desk = mirror(plain(at(A)));
    assert_eq!(desk.at_a(STRANGER, &rtp(0, 1, 9)), dropped(Reason::NotFromPeer));
    let (verdict, back) = desk.receive(desk.a.rtp, A, &rtp(0, 1, 7));
    assert_eq!(verdict, desk.out_a(A));
    let (sent, back) = (rtp(0, 1, 7), Rtp::parse(&back).unwrap());
    let sent = Rtp::parse(&sent).unwrap();
    assert_ne!(back.ssrc(), sent.ssrc());
    assert_eq!(back.payload(), sent.payload());
    assert_eq!((back.sequence(), back.timestamp()), (sent.sequence(), sent.timestamp()));
    assert_eq!(desk.at_a(STRANGER, &rtp(0, 2, 9)), dropped(Reason::NotFromPeer));
}

/// What the phone says of the source in the mirror comes back as word of its own source.
#[test]
fn reports_come_back_about_the_phone_itself() {
    let mut desk = mirror(plain(at(A)));
    let (_, back) = desk.receive(desk.a.rtp, A, &rtp(0, 1, 7));
    let mirrored = Rtp::parse(&back).unwrap().ssrc();
    // A receiver report of 7 about what it hears.
    let mut report = vec![0x81, 201, 0, 7];
    report.extend(7u32.to_be_bytes());
    report.extend(mirrored.to_be_bytes());
    report.resize(32, 0);
    let (verdict, back) = desk.receive(desk.a.rtcp.unwrap(), "192.0.2.1:4001", &report);
    assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
    assert_eq!(back[4..8], mirrored.to_be_bytes());
    assert_eq!(back[8..12], 7u32.to_be_bytes());
}

#[test]
fn a_protected_mirror_answers_under_the_key_of_the_phone() {
    let suite = Suite::AeadAes128Gcm;
    let mut desk = mirror(sdes(plain(at(A)), suite, 1));
    let (mut out, mut inbound) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 2)));
    for sequence in 1..=5 {
        let (verdict, back) = desk.receive(desk.a.rtp, A, &protect(&mut out, &rtp(0, sequence, 7)));
        assert_eq!(verdict, desk.out_a(A));
        let back = unprotect(&mut inbound, &back);
        assert_eq!(Rtp::parse(&back).unwrap().payload(), Some(&rtp(0, sequence, 7)[12..]));
    }
}
