//! What a stranger sends changes nothing, and what a peer sends is bounded.

use super::*;
use crate::packet::HEAD_ROOM;

/// A small generator, the same at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }
}

#[test]
fn a_million_bad_packets_change_neither_the_rollover_counter_nor_the_window() {
    for (suite, packets) in [(Suite::AesCm128HmacSha1_80, 600_000), (Suite::AeadAes128Gcm, 400_000)] {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        for sequence in 65_500..65_540u32 {
            let sent = protected(&mut sender, &rtp(7, sequence as u16));
            unprotected(&mut receiver, &sent).unwrap();
        }
        unprotected_rtcp(&mut receiver, &protected_rtcp(&mut sender, &rtcp(7))).unwrap();
        let before = receiver.state();
        let genuine = protected(&mut sender, &rtp(7, 4));
        let report = protected_rtcp(&mut sender, &rtcp(7));
        let mut random = Random(1);
        let mut slot = [0; SLOT_BYTES];
        let refused = (0..packets)
            .filter(|round| {
                // Every field a stranger may choose: sequence number, SSRC, payload, tag, length.
                let source = if round % 8 == 7 { &report } else { &genuine };
                let length =
                    if round % 5 == 0 { random.next() as usize % source.len() } else { source.len() };
                slot[HEAD_ROOM..HEAD_ROOM + length].copy_from_slice(&source[..length]);
                let mut packet = Packet::received(&mut slot, length);
                if length > 4 && round % 3 == 0 {
                    packet[2..4].copy_from_slice(&(random.next() as u16).to_be_bytes());
                }
                if length > 12 && round % 7 == 0 {
                    packet[8..12].copy_from_slice(&(random.next() as u32).to_be_bytes());
                }
                if length > 0 {
                    let at = random.next() as usize % length;
                    packet[at] ^= 1 << (random.next() % 8);
                }
                if round % 8 == 7 {
                    receiver.unprotect_rtcp(&mut packet).is_err()
                } else {
                    receiver.unprotect_rtp(&mut packet).is_err()
                }
            })
            .count();
        assert_eq!(refused, packets, "{suite:?}");
        assert_eq!(receiver.state(), before, "{suite:?}");
        assert_eq!(unprotected(&mut receiver, &genuine), Ok(rtp(7, 4)), "{suite:?}");
        assert_eq!(unprotected_rtcp(&mut receiver, &report), Ok(rtcp(7)), "{suite:?}");
    }
}

#[test]
fn a_replayed_packet_is_refused_wherever_it_lies_in_the_window() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let sent: Vec<_> = (0..700).map(|sequence| protected(&mut sender, &rtp(7, sequence))).collect();
        for packet in &sent {
            unprotected(&mut receiver, packet).unwrap();
        }
        for (sequence, packet) in sent.iter().enumerate() {
            let refused = if sequence < 188 { SrtpError::TooOld } else { SrtpError::Replayed };
            assert_eq!(unprotected(&mut receiver, packet), Err(refused), "{suite:?} {sequence}");
        }
    }
}

#[test]
fn a_packet_cut_anywhere_is_refused() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let sent = protected(&mut sender, &rtp(7, 1));
        let report = protected_rtcp(&mut sender, &rtcp(7));
        for length in 0..sent.len() {
            assert!(unprotected(&mut receiver, &sent[..length]).is_err(), "{suite:?} {length}");
        }
        for length in 0..report.len() {
            assert!(unprotected_rtcp(&mut receiver, &report[..length]).is_err(), "{suite:?} {length}");
        }
        assert_eq!(receiver.state(), SrtpState::default());
    }
}

#[test]
fn a_packet_altered_in_any_bit_is_refused() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let mut sent = protected(&mut sender, &rtp(7, 1));
        let mut report = protected_rtcp(&mut sender, &rtcp(7));
        for bit in 0..sent.len() * 8 {
            sent[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotected(&mut receiver, &sent).is_err(), "{suite:?} {bit}");
            sent[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..report.len() * 8 {
            report[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotected_rtcp(&mut receiver, &report).is_err(), "{suite:?} {bit}");
            report[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(unprotected(&mut receiver, &sent).is_ok());
    }
}

#[test]
fn ssrcs_are_bounded_and_those_that_are_there_go_on() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
    for ssrc in 0..SOURCES_MAX as u32 {
        let sent = protected(&mut sender, &rtp(ssrc, 1));
        unprotected(&mut receiver, &sent).unwrap();
    }
    let refused = changed(&rtp(9_999, 1), |packet| sender.protect_rtp(packet));
    assert_eq!(refused, Err(SrtpError::TooManySources));
    let sent = protected(&mut Outbound::new(&key(suite, 1)), &rtp(9_999, 1));
    assert_eq!(unprotected(&mut receiver, &sent), Err(SrtpError::TooManySources));
    let report = protected_rtcp(&mut Outbound::new(&key(suite, 1)), &rtcp(9_999));
    assert_eq!(unprotected_rtcp(&mut receiver, &report), Err(SrtpError::TooManySources));
    for ssrc in 0..SOURCES_MAX as u32 {
        let sent = protected(&mut sender, &rtp(ssrc, 2));
        assert_eq!(unprotected(&mut receiver, &sent), Ok(rtp(ssrc, 2)));
    }
    assert_eq!(receiver.state().sources.len(), SOURCES_MAX);
}

#[test]
fn the_rollover_counter_wraps_under_loss_and_reordering() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
        let mut random = Random(7);
        let mut under_way = Vec::new();
        let (mut heard, mut lost) = (0, 0);
        // Three rollovers, a fifth of the packets lost, others up to 100 packets late; long silences between.
        for sequence in
            (60_000..4 * 65_536u32).filter(|at| at % 65_536 < 600 || at % 65_536 > 64_900 || at % 20_000 == 0)
        {
            let plain = rtp(7, sequence as u16);
            let late = if sequence % 20_000 == 0 { 0 } else { random.next() % 100 };
            under_way.push((late, protected(&mut sender, &plain), plain));
            let silence = sequence % 65_536 == 599 || sequence % 20_000 == 0;
            under_way.retain_mut(|(late, packet, plain)| {
                *late = late.saturating_sub(1);
                if *late > 0 && !silence {
                    return true;
                }
                if packet[20] % 5 == 0 && !silence {
                    lost += 1;
                } else {
                    assert_eq!(
                        unprotected(&mut receiver, packet).as_ref(),
                        Ok(&*plain),
                        "{suite:?} {sequence}"
                    );
                    heard += 1;
                }
                false
            });
        }
        assert!(heard > 2_500 && lost > 500, "{heard} {lost}");
        assert_eq!(receiver.state().sources[0].rtp_index.unwrap() >> 16, 3);
    }
}

#[test]
fn a_slot_without_room_is_left_as_it_was() {
    for suite in Suite::ALL {
        let mut sender = Outbound::new(&key(suite, 1));
        let plain = rtp(7, 1);
        let mut slot = vec![0; HEAD_ROOM + plain.len() + suite.rtp_tag_bytes() - 1];
        let mut packet = Packet::copied(&mut slot, &plain).unwrap();
        assert_eq!(sender.protect_rtp(&mut packet), Err(SrtpError::NoRoom));
        assert_eq!(packet.to_vec(), plain);
        protected(&mut sender, &plain);
    }
}
