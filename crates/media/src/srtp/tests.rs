mod attacks;
mod vectors;

use super::*;
use crate::packet::{Packet, SLOT_BYTES};

/// A master key of `suite` whose bytes count up from `first`.
fn key(suite: Suite, first: u8) -> MasterKey {
    let bytes: Vec<u8> =
        (0..suite.key_bytes() + suite.salt_bytes()).map(|at| first.wrapping_add(at as u8)).collect();
    MasterKey::new(suite, &bytes).unwrap()
}

/// An RTP packet with 20 ms of G.711.
fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend((0..160).map(|at| at as u8 ^ sequence as u8));
    bytes
}

/// A receiver report without blocks and a goodbye.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x81, 203, 0, 1]);
    bytes.extend(ssrc.to_be_bytes());
    bytes
}

/// What `change` makes of `bytes` in a slot.
fn changed<E>(
    bytes: &[u8],
    change: impl FnOnce(&mut Packet<'_>) -> Result<E, SrtpError>,
) -> Result<Vec<u8>, SrtpError> {
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, bytes).unwrap();
    change(&mut packet)?;
    Ok(packet.to_vec())
}

fn protected(context: &mut Outbound, bytes: &[u8]) -> Vec<u8> {
    changed(bytes, |packet| context.protect_rtp(packet)).unwrap()
}

fn unprotected(context: &mut Inbound, bytes: &[u8]) -> Result<Vec<u8>, SrtpError> {
    changed(bytes, |packet| context.unprotect_rtp(packet))
}

fn protected_rtcp(context: &mut Outbound, bytes: &[u8]) -> Vec<u8> {
    changed(bytes, |packet| context.protect_rtcp(packet)).unwrap()
}

fn unprotected_rtcp(context: &mut Inbound, bytes: &[u8]) -> Result<Vec<u8>, SrtpError> {
    changed(bytes, |packet| context.unprotect_rtcp(packet))
}

#[test]
fn what_is_protected_in_any_suite_is_unprotected_by_the_other_end() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        for sequence in 65_530..65_600u32 {
            let plain = rtp(7, sequence as u16);
            let sent = protected(&mut sender, &plain);
            assert_eq!(sent.len(), plain.len() + suite.rtp_tag_bytes(), "{suite:?}");
            assert_ne!(sent[12..172], plain[12..], "{suite:?}");
            assert_eq!(unprotected(&mut receiver, &sent), Ok(plain), "{suite:?} {sequence}");
            let sent = protected_rtcp(&mut sender, &rtcp(7));
            assert_eq!(sent.len(), 16 + 4 + suite.rtcp_tag_bytes(), "{suite:?}");
            assert_eq!(unprotected_rtcp(&mut receiver, &sent), Ok(rtcp(7)), "{suite:?}");
        }
        let mut other = Inbound::new(&key(suite, 2));
        let sent = protected(&mut sender, &rtp(7, 64));
        assert_eq!(unprotected(&mut other, &sent), Err(SrtpError::Unauthenticated), "{suite:?}");
    }
}

#[test]
fn header_extensions_and_an_empty_payload_are_protected_too() {
    let with_extension =
        b"\x90\x88\x12\x34\x00\x00\x10\x00\xde\xad\xbe\xef\xbe\xde\x00\x01\x10\xaa\x00\x00payload";
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let sent = protected(&mut sender, with_extension);
        assert_eq!(sent[..20], with_extension[..20], "the extension stays in the clear");
        assert_eq!(unprotected(&mut receiver, &sent), Ok(with_extension.to_vec()));
        let empty = &rtp(9, 1)[..12];
        let sent = protected(&mut sender, empty);
        assert_eq!(unprotected(&mut receiver, &sent), Ok(empty.to_vec()));
    }
}

#[test]
fn an_index_is_never_used_twice_for_sending() {
    for suite in Suite::ALL {
        let mut sender = Outbound::new(&key(suite, 1));
        protected(&mut sender, &rtp(7, 10));
        protected(&mut sender, &rtp(7, 12));
        let again = changed(&rtp(7, 10), |packet| sender.protect_rtp(packet));
        assert_eq!(again, Err(SrtpError::Replayed));
        protected(&mut sender, &rtp(7, 11));
        let before_the_first = changed(&rtp(7, 65_000), |packet| sender.protect_rtp(packet));
        assert_eq!(before_the_first, Err(SrtpError::TooOld));
    }
}

#[test]
fn a_call_goes_on_after_a_restart_with_its_rollover_counter() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let mut last = Vec::new();
        for sequence in (65_000..65_536 + 65_536 + 100u32).step_by(9) {
            last = protected(&mut sender, &rtp(7, sequence as u16));
            unprotected(&mut receiver, &last).unwrap();
        }
        let report = protected_rtcp(&mut sender, &rtcp(7));
        unprotected_rtcp(&mut receiver, &report).unwrap();
        let (sent, received) = (sender.state(), receiver.state());
        assert_eq!(sent.sources[0].rtp_index.unwrap() >> 16, 2);
        assert_eq!(received.sources, sent.sources);
        let mut sender = Outbound::restored(&key(suite, 1), &sent);
        let mut receiver = Inbound::restored(&key(suite, 1), &received);
        assert_eq!(unprotected(&mut receiver, &last), Err(SrtpError::Replayed));
        assert_eq!(unprotected_rtcp(&mut receiver, &report), Err(SrtpError::Replayed));
        let plain = rtp(7, 300);
        let next = protected(&mut sender, &plain);
        assert_eq!(unprotected(&mut receiver, &next), Ok(plain));
        let report = protected_rtcp(&mut sender, &rtcp(7));
        assert_eq!(unprotected_rtcp(&mut receiver, &report), Ok(rtcp(7)));
        assert_eq!(sender.state().rtp_packets, sent.rtp_packets + 1);
        let cold = unprotected(&mut Inbound::new(&key(suite, 1)), &next);
        assert_eq!(cold, Err(SrtpError::Unauthenticated), "without the counter it is silent");
    }
}

#[test]
fn a_lifetime_ends_both_directions() {
    for suite in Suite::ALL {
        let short = || key(suite, 1).with_lifetime(2).unwrap();
        let (mut sender, mut receiver) = (Outbound::new(&short()), Inbound::new(&short()));
        let mut long = Outbound::new(&key(suite, 1));
        for sequence in 1..=2 {
            let sent = protected(&mut sender, &rtp(7, sequence));
            assert_eq!(sent, protected(&mut long, &rtp(7, sequence)));
            unprotected(&mut receiver, &sent).unwrap();
            unprotected_rtcp(&mut receiver, &protected_rtcp(&mut sender, &rtcp(7))).unwrap();
        }
        assert_eq!(sender.rtp_packets_left(), 0);
        assert_eq!(changed(&rtp(7, 3), |p| sender.protect_rtp(p)), Err(SrtpError::KeyExhausted));
        assert_eq!(changed(&rtcp(7), |p| sender.protect_rtcp(p)), Err(SrtpError::KeyExhausted));
        let third = protected(&mut long, &rtp(7, 3));
        assert_eq!(unprotected(&mut receiver, &third), Err(SrtpError::KeyExhausted));
        let restored = Outbound::restored(&short(), &sender.state());
        assert_eq!(restored.rtp_packets_left(), 0);
    }
}

#[test]
fn indices_end_where_their_fields_end() {
    let state = SrtpState {
        sources: vec![SourceState { ssrc: 7, rtp_index: Some((1 << 48) - 2), rtcp_index: None }],
        ..SrtpState::default()
    };
    let mut sender = Outbound::restored(&key(Suite::AeadAes128Gcm, 1), &state);
    protected(&mut sender, &rtp(7, 65_535));
    assert_eq!(changed(&rtp(7, 0), |p| sender.protect_rtp(p)), Err(SrtpError::KeyExhausted));
    sender.set_rtcp_next(7, (1 << 31) - 1);
    protected_rtcp(&mut sender, &rtcp(7));
    assert_eq!(changed(&rtcp(7), |p| sender.protect_rtcp(p)), Err(SrtpError::KeyExhausted));
}

#[test]
fn a_source_is_as_small_as_its_documentation_says() {
    assert_eq!((inbound::SOURCE_BYTES, outbound::SOURCE_BYTES), (120, 88));
}

#[test]
fn a_key_of_another_length_is_refused() {
    assert_eq!(MasterKey::new(Suite::AesCm128HmacSha1_80, &[0; 28]).err(), Some(KeyError::Length));
    assert_eq!(MasterKey::new(Suite::AeadAes128Gcm, &[0; 30]).err(), Some(KeyError::Length));
    let key = || key(Suite::AeadAes256Gcm, 0);
    assert!(key().is_same(&key()) && !key().is_same(&super::tests::key(Suite::AeadAes256Gcm, 1)));
    assert_eq!(key().with_mki(&[]).err(), Some(KeyError::Mki));
    assert_eq!(key().with_mki(&[0; 17]).err(), Some(KeyError::Mki));
    assert_eq!(key().with_lifetime(0).err(), Some(KeyError::Lifetime));
}

#[test]
fn names_and_profiles_of_the_suites_are_those_of_the_registries() {
    for suite in Suite::ALL {
        assert_eq!(Suite::from_name(suite.name()), Some(suite));
    }
    assert_eq!(
        Suite::from_name("AES_CM_256_HMAC_SHA1_80"),
        None,
        "a common mistake: RFC 6188 says AES_256_CM"
    );
    assert_eq!(Suite::AeadAes256Gcm.dtls_profile(), Some(8));
}

/// An MKI stands before the tag, or behind it with AEAD.
fn with_mki(suite: Suite, packet: &[u8], tag_bytes: usize, mki: &[u8]) -> Vec<u8> {
    let at = if suite.is_aead() { packet.len() } else { packet.len() - tag_bytes };
    [&packet[..at], mki, &packet[at..]].concat()
}

#[test]
fn an_announced_mki_may_be_sent_or_left_out() {
    for suite in Suite::ALL {
        let mki = [0, 0, 0, 1];
        let announced = || key(suite, 1).with_mki(&mki).unwrap();
        for sends in [true, false] {
            let (mut sender, mut receiver) = (Outbound::new(&announced()), Inbound::new(&announced()));
            for sequence in 1..5 {
                let mut packet = protected(&mut sender, &rtp(7, sequence));
                let mut report = protected_rtcp(&mut sender, &rtcp(7));
                if sends {
                    packet = with_mki(suite, &packet, suite.rtp_tag_bytes(), &mki);
                    report = with_mki(suite, &report, suite.rtcp_tag_bytes(), &mki);
                }
                assert_eq!(unprotected(&mut receiver, &packet), Ok(rtp(7, sequence)), "{suite:?} {sends}");
                assert_eq!(unprotected_rtcp(&mut receiver, &report), Ok(rtcp(7)), "{suite:?} {sends}");
            }
            let packet = protected(&mut sender, &rtp(7, 9));
            let foreign = with_mki(suite, &packet, suite.rtp_tag_bytes(), &[0, 0, 0, 2]);
            assert_eq!(unprotected(&mut receiver, &foreign), Err(SrtpError::Unauthenticated));
        }
    }
}

#[test]
fn a_payload_that_ends_like_the_mki_is_not_cut_once_the_sender_is_known() {
    let suite = Suite::AeadAes128Gcm;
    let announced = || key(suite, 1).with_mki(&[5]).unwrap();
    let (mut sender, mut receiver) = (Outbound::new(&announced()), Inbound::new(&announced()));
    let mut ending_like_it = 0;
    for sequence in 1..2_000 {
        let packet = protected(&mut sender, &rtp(7, sequence));
        ending_like_it += u32::from(packet.ends_with(&[5]));
        assert_eq!(unprotected(&mut receiver, &packet), Ok(rtp(7, sequence)), "{sequence}");
    }
    assert!(ending_like_it > 0);
}
