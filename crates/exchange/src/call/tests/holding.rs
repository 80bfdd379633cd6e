//! What is heard while nothing comes from the other side: music on hold, and ringing in a transfer.

use super::transferring::{TO_CAROL, Three, three};
use super::*;
use crate::media::Sound;

/// What is played to who receives at this port.
fn hears(desk: &Desk, port: u16) -> Option<Sound> {
    let at = |id: &&crate::media::MediaId| {
        let peer = desk.open[*id].as_ref();
        let mut streams = peer.into_iter().flat_map(|peer| peer.streams.iter().flatten());
        streams.any(|stream| stream.rtp.port() == port)
    };
    let id = desk.open.keys().find(at).expect("an endpoint with this port");
    desk.playing.get(id).copied()
}

/// Alice describes this inside the call, and bob answers.
fn agree(three: &mut Three, offer: &str, answer: &str) {
    let request = three.caller.request("INVITE", "", offer);
    let sent = three.desk.receive(three.caller.flow, &request);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), answer));
    let ack = three.caller.ack("");
    three.desk.receive(three.caller.flow, &ack);
}

/// RFC 3264 section 8.4, the hold of RFC 2543 among them.
#[test]
fn who_is_held_hears_music_until_it_is_resumed() {
    let inactive = described("10.0.0.1", 4_000, 2, "a=inactive\r\n");
    let sendonly = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let zeros = described("10.0.0.1", 4_000, 2, "").replace("c=IN IP4 10.0.0.1", "c=IN IP4 0.0.0.0");
    for hold in [inactive, sendonly, zeros] {
        let mut three = three();
        assert!(three.desk.playing.is_empty());
        agree(&mut three, &hold, &described("10.0.0.2", 5_000, 2, "a=recvonly\r\n"));
        assert_eq!(hears(&three.desk, 5_000), Some(Sound::Music), "{hold}");
        assert_eq!(three.desk.playing.len(), 1, "who holds hears nothing");
        assert!(three.desk.peer_at(5_000).streams[0].as_ref().expect("audio").we_send);
        let said = three.desk.said.iter().filter(|said| **said == "Play").count();
        agree(&mut three, &described("10.0.0.1", 4_000, 3, ""), &described("10.0.0.2", 5_000, 3, ""));
        assert!(three.desk.playing.is_empty());
        assert_eq!((said, three.desk.said.iter().filter(|said| **said == "Play").count()), (1, 2));
    }
}

#[test]
fn who_does_not_want_to_hear_while_it_is_held_hears_no_music() {
    let mut three = three();
    let hold = described("10.0.0.1", 4_000, 2, "a=inactive\r\n");
    agree(&mut three, &hold, &described("10.0.0.2", 5_000, 2, "a=inactive\r\n"));
    assert!(three.desk.playing.is_empty());
    assert!(!three.desk.peer_at(5_000).streams[0].as_ref().expect("audio").we_send);
}

/// An announcement, or a door: the caller never wanted to hear.
#[test]
fn who_is_called_to_listen_is_not_on_hold() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &described("10.0.0.1", 4_000, 1, "a=sendonly\r\n"));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 1, "a=recvonly\r\n");
    desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
    assert!(desk.connected.is_some() && desk.playing.is_empty());
}

/// RFC 5589 section 6: bob is on hold, and refers to carol's phone.
#[test]
fn who_waits_for_a_transfer_hears_music_and_then_ringing_and_music_again_when_it_fails() {
    for answered in [true, false] {
        let mut three = three();
        let hold = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
        agree(&mut three, &hold, &described("10.0.0.2", 5_000, 2, "a=recvonly\r\n"));
        let refer = three.caller.request("REFER", TO_CAROL, "");
        let sent = three.desk.receive(three.caller.flow, &refer);
        let invite = request_to(&sent, three.carol, "INVITE").clone();
        assert_eq!(hears(&three.desk, 5_000), Some(Sound::Music));
        let ringing = reply(&invite, 180, "caroltag", &contact(three.carol), "");
        three.desk.receive(three.carol, &ringing);
        assert_eq!(hears(&three.desk, 5_000), Some(Sound::Ringing));
        if !answered {
            three.desk.receive(three.carol, &reply(&invite, 486, "caroltag", "", ""));
            assert_eq!(hears(&three.desk, 5_000), Some(Sound::Music));
            continue;
        }
        let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
        let sent = three.desk.receive(three.carol, &ok);
        let offer = request_to(&sent, three.bob, "INVITE").clone();
        assert_eq!(hears(&three.desk, 5_000), Some(Sound::Ringing), "until bob has agreed");
        let answer = described("10.0.0.2", 5_000, 3, "");
        three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
        assert_eq!(hears(&three.desk, 5_000), None);
    }
}

/// Who transfers may leave at once: who waits hears it ring all the same.
#[test]
fn who_waits_hears_ringing_though_who_transferred_has_left() {
    let mut three = three();
    let refer = three.caller.request("REFER", TO_CAROL, "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let bye = three.caller.request("BYE", "", "");
    three.desk.receive(three.caller.flow, &bye);
    let ringing = reply(&invite, 180, "caroltag", &contact(three.carol), "");
    three.desk.receive(three.carol, &ringing);
    assert_eq!(hears(&three.desk, 5_000), Some(Sound::Ringing));
}
