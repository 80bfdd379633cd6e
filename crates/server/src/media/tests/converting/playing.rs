//! What is heard while nothing comes from the other side.

use super::*;
use coeur_exchange::media::Sound;

/// ITU-T E.180: what a region has that is not told.
const RINGING_HZ: f64 = 425.0;
/// How strong that tone is, as a share of how our phones speak.
const RINGING: f64 = 0.64;

/// Two phones of one codec whose packets are relayed.
fn relayed(ports: RangeInclusive<u16>, speaks: Speaks) -> Desk {
    let mut desk = Desk::new(ports, speaks, speaks);
    desk.describe(1, speaks.formats(), |_| {});
    desk.describe(2, speaks.formats(), |_| {});
    desk.connect(None);
    desk
}

/// So many ticks, in which the first phone speaks or not; the second is silent.
pub(super) fn listen(desk: &mut Desk, ticks: usize, a_speaks: bool) {
    for _ in 0..ticks {
        if a_speaks {
            desk.a.say(desk.now, |_| false);
        }
        desk.serve();
        for _ in 0..4 {
            desk.at(desk.now + TICK / 4);
            desk.worker.turn();
        }
        desk.a.hear(desk.now);
        desk.b.hear(desk.now);
    }
}

#[track_caller]
fn hears_ringing(phone: &Talking, is_heard: bool) {
    let heard = phone.hears(RINGING_HZ);
    match is_heard {
        true => assert!((heard - RINGING).abs() < 0.1, "{heard}"),
        false => assert!(heard < 0.05, "{heard}"),
    }
}

#[test]
fn ringing_is_heard_in_every_codec() {
    for (at, speaks) in [PCMU, PCMA, G722, OPUS].into_iter().enumerate() {
        let first = 49_000 + 20 * at as u16;
        let mut desk = relayed(first..=first + 19, speaks);
        desk.handle(MediaCommand::Play { id: id(2), sound: Some(Sound::Ringing) });
        listen(&mut desk, 40, false);
        hears_ringing(&desk.b, true);
        assert!(desk.a.packets.is_empty());
        assert!(Rtp::parse(&desk.b.packets[0]).unwrap().marker());
        assert!(!Rtp::parse(&desk.b.packets[1]).unwrap().marker());
    }
}

#[test]
fn who_speaks_is_heard_instead_and_the_sound_goes_on_when_he_is_silent() {
    let mut desk = relayed(49_100..=49_119, PCMA);
    desk.handle(MediaCommand::Play { id: id(2), sound: Some(Sound::Ringing) });
    listen(&mut desk, 10, false);
    let first = desk.b.packets.len();
    listen(&mut desk, 40, true);
    let of_a = Rtp::parse(desk.b.packets.last().unwrap()).unwrap().ssrc();
    let ours = Rtp::parse(&desk.b.packets[0]).unwrap().ssrc();
    assert_ne!(of_a, ours);
    let mixed =
        desk.b.packets[first + 1..].iter().filter(|packet| Rtp::parse(packet).unwrap().ssrc() == ours);
    assert_eq!(mixed.count(), 0, "nothing of ours between what is relayed");
    let before = desk.b.packets.len();
    listen(&mut desk, 20, false);
    assert_eq!(desk.b.packets.len(), before, "a pause in speech is no end of it");
    listen(&mut desk, 40, false);
    let again = Rtp::parse(&desk.b.packets[before]).unwrap();
    let last = Rtp::parse(&desk.b.packets[first - 1]).unwrap();
    assert_eq!((again.ssrc(), again.sequence()), (ours, last.sequence().wrapping_add(1)));
    // Its time has passed all the same (RFC 3550 section 5.1), and it begins a spurt.
    let ticks = again.timestamp().wrapping_sub(last.timestamp()) / 160;
    assert!(again.marker() && (60..=70).contains(&ticks), "{ticks}");
}

/// RFC 3264 section 8.4: packets of who has put us on hold without wanting to be heard count for nothing.
#[test]
fn who_is_not_received_does_not_stop_the_sound() {
    let mut desk = relayed(49_120..=49_139, PCMA);
    desk.describe(1, PCMA.formats(), |stream| stream.we_receive = false);
    desk.handle(MediaCommand::Play { id: id(2), sound: Some(Sound::Ringing) });
    listen(&mut desk, 40, true);
    hears_ringing(&desk.b, true);
}

#[test]
fn many_hear_what_was_encoded_once_and_who_does_not_want_to_hear_hears_nothing() {
    let mut desk = relayed(49_140..=49_159, PCMU);
    for serial in [1, 2] {
        desk.handle(MediaCommand::Play { id: id(serial), sound: Some(Sound::Music) });
    }
    listen(&mut desk, 40, false);
    let payloads = |phone: &Talking| -> Vec<Vec<u8>> {
        let payload = |packet: &Vec<u8>| Rtp::parse(packet).unwrap().payload().unwrap().to_vec();
        phone.packets.iter().map(payload).collect()
    };
    assert_eq!(desk.a.packets.len(), 40);
    assert_eq!(payloads(&desk.a), payloads(&desk.b));
    assert_ne!(
        Rtp::parse(&desk.a.packets[0]).unwrap().ssrc(),
        Rtp::parse(&desk.b.packets[0]).unwrap().ssrc()
    );
    let loudest = desk.a.heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((1_000..=9_500).contains(&loudest), "{loudest}");
    desk.describe(1, PCMU.formats(), |stream| stream.we_send = false);
    let before = desk.a.packets.len();
    listen(&mut desk, 10, false);
    assert_eq!(desk.a.packets.len(), before);
}

#[test]
fn the_sound_follows_another_codec_and_ends_with_a_word_of_it() {
    let mut desk = relayed(49_160..=49_179, PCMU);
    desk.handle(MediaCommand::Play { id: id(2), sound: Some(Sound::Ringing) });
    listen(&mut desk, 10, false);
    desk.describe(2, PCMA.formats(), |_| {});
    listen(&mut desk, 10, false);
    let of = |packet: &Vec<u8>| {
        let rtp = Rtp::parse(packet).unwrap();
        (rtp.payload_type(), rtp.ssrc())
    };
    let (first, last) = (of(&desk.b.packets[0]), of(desk.b.packets.last().unwrap()));
    assert_eq!((first.0, last.0, first.1), (0, 8, last.1), "one SSRC, as the clock is the same");
    desk.handle(MediaCommand::Play { id: id(2), sound: None });
    let before = desk.b.packets.len();
    listen(&mut desk, 10, false);
    assert_eq!(desk.b.packets.len(), before);
    assert_eq!(desk.worker.endpoints.audio.next_deadline(), None, "nobody is woken for nothing");
    let mut bytes = [0; 1_500];
    let mut goodbye = false;
    while let Ok((length, _)) = desk.b.phone.rtcp.recv_from(&mut bytes) {
        let compound = Compound::parse(&bytes[..length]).unwrap();
        goodbye |= compound.packets().any(|packet| matches!(packet, RtcpPacket::Goodbye(_)));
    }
    assert!(goodbye);
}

#[test]
fn a_protected_phone_hears_its_sound_protected() {
    let mut desk = relayed(49_180..=49_199, PCMA);
    let (suite, mki) = (SrtpSuite::AesCm128HmacSha1_80, Box::default);
    let ours = |byte| SrtpKey { suite, key_and_salt: vec![byte; 30].into(), mki: mki() };
    let theirs = |byte| MasterKey::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).unwrap();
    desk.b.crypt = Some((Outbound::new(&theirs(1)), Inbound::new(&theirs(2))));
    desk.describe(2, PCMA.formats(), |stream| {
        stream.keying = Keying::Sdes { send: ours(2), receive: ours(1) };
    });
    desk.handle(MediaCommand::Play { id: id(2), sound: Some(Sound::Ringing) });
    listen(&mut desk, 40, false);
    hears_ringing(&desk.b, true);
}
