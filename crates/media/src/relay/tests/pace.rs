//! What goes round between two ends that send each other what they hear.

use super::*;
use crate::relay::pace::{MIRRORED_MAX, PACKETS_MAX};

/// How often a packet that comes to the first of these ports passes them all, one after the other.
fn rounds(desk: &mut Desk, ports: &[(TransportKey, &str)], mut bytes: Vec<u8>) -> usize {
    let mut passes = || {
        ports.iter().all(|(port, from)| {
            let (verdict, left) = desk.receive(*port, from, &bytes);
            bytes = left;
            matches!(verdict, Verdict::Forward { .. })
        })
    };
    (0..100_000).take_while(|_| passes()).count()
}

/// Each is what the description of the other names.
#[test]
fn two_mirrors_that_face_each_other_do_not_reflect_for_ever() {
    for packet in [rtp(0, 1, 7), rtcp(7)] {
        let mut desk = Desk::new(muxed(plain(at(A))), muxed(plain(at(B))));
        for stream in [desk.a.stream, desk.b.stream] {
            desk.relay.link(stream, Some(stream), Some(&[(0, 0)]));
        }
        let ports = [(desk.a.rtp, A), (desk.b.rtp, B)];
        assert_eq!(rounds(&mut desk, &ports, packet.clone()), MIRRORED_MAX as usize);
        desk.wait_ms(1_000);
        assert_eq!(desk.at_a(A, &packet), desk.out_a(A), "who speaks is heard again");
    }
}

/// What leaves by the one port comes to the other.
#[test]
fn a_call_whose_descriptions_name_its_own_ports_does_not_feed_itself_for_ever() {
    let mut desk = Desk::plain();
    let port = [(desk.a.rtp, A)];
    assert_eq!(rounds(&mut desk, &port, rtp(0, 1, 7)), PACKETS_MAX as usize);
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), dropped(Reason::TooMany));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a(A), "the other way is free");
    desk.wait_ms(1_000);
    assert_eq!(desk.at_a(A, &rtp(0, 3, 7)), desk.out_b(B));
}

/// Else whoever floods a port would silence the phone.
#[test]
fn packets_of_strangers_take_no_place_of_the_phones() {
    let mut desk = Desk::plain();
    desk.speaks_a(A, 7);
    for sequence in 0..2 * PACKETS_MAX {
        assert_eq!(desk.at_a(STRANGER, &rtp(0, sequence as u16, 9)), dropped(Reason::NotFromPeer));
    }
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_b(B));
}
