//! Phones that understand each other but for their keys: what they say passes, and keys are laid into it.

use super::playing::listen;
use super::*;

const WITHOUT: Speaks = Speaks { events: None, ..PCMA };
const KEYS: Conversion = Conversion { what: Converted::Keys, a: Side::USUAL, b: Side::USUAL };

fn digit(character: char) -> Digit {
    Digit::from_char(character).unwrap()
}

fn keyed(ports: RangeInclusive<u16>, a: Speaks, b: Speaks, conversion: Option<Conversion>) -> Desk {
    let mut desk = Desk::new(ports, a, b);
    desk.describe(1, a.formats(), |_| {});
    desk.describe(2, b.formats(), |_| {});
    desk.connect(conversion);
    desk.run(25, |_| false);
    desk
}

/// The one key that a phone has heard since it was asked last.
fn key(phone: &mut Talking) -> char {
    match phone.keys.drain(..).collect::<Vec<_>>()[..] {
        [Key::Pressed(pressed), Key::Released { digit, .. }] if pressed == digit => digit.character(),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn packets_pass_and_a_key_is_heard_by_who_has_no_events() {
    let mut desk = keyed(45_600..=45_609, PCMA, WITHOUT, Some(KEYS));
    desk.a.mouth.press(digit('5'), 120);
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '5');
    // In an INFO, from who has none: an event.
    desk.handle(MediaCommand::Press { id: id(1), digit: b'7', ms: 160, is_ordered: false });
    desk.run(60, |_| false);
    assert_eq!((key(&mut desk.a), desk.b.keys.len()), ('7', 0));
    desk.hear_each_other();
    // No number is missing, none comes twice, and all is of the source that the phone is.
    for phone in [&desk.a, &desk.b] {
        let heard: Vec<_> = phone.packets.iter().map(|packet| Rtp::parse(packet).unwrap()).collect();
        assert!(heard.windows(2).all(|pair| pair[1].sequence() == pair[0].sequence().wrapping_add(1)));
        assert!(heard.windows(2).all(|pair| pair[1].ssrc() == pair[0].ssrc()));
    }
    let told = desk.told();
    let told = told.iter().filter(|event| matches!(event, MediaEvent::Dtmf { digit: b'5', .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_key_in_an_info_is_laid_into_packets_that_pass_and_not_for_who_says_events_besides() {
    let mut desk = keyed(45_610..=45_619, PCMA, PCMA, None);
    desk.handle(MediaCommand::Press { id: id(2), digit: b'7', ms: 160, is_ordered: false });
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '7');
    desk.a.mouth.press(digit('8'), 120);
    desk.run(60, |_| false);
    desk.handle(MediaCommand::Press { id: id(2), digit: b'8', ms: 120, is_ordered: false });
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '8', "an event of its own, and once");
    desk.hear_each_other();
}

/// What it said before it was asked of counts.
#[test]
fn who_has_said_events_from_the_beginning_is_not_believed_in_an_info_as_well() {
    let mut desk = keyed(45_620..=45_629, PCMA, PCMA, None);
    desk.a.mouth.press(digit('8'), 120);
    desk.run(60, |_| false);
    desk.handle(MediaCommand::Press { id: id(2), digit: b'8', ms: 120, is_ordered: false });
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '8');
}

/// Nor is what the phone says of its own shortly behind taken for the ordered key once more.
#[test]
fn an_ordered_key_is_heard_besides_those_that_the_other_phone_has_said() {
    let mut desk = keyed(45_700..=45_709, PCMA, PCMA, None);
    desk.a.mouth.press(digit('8'), 120);
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '8');
    desk.handle(MediaCommand::Press { id: id(2), digit: b'5', ms: 120, is_ordered: true });
    desk.run(40, |_| false);
    assert_eq!(key(&mut desk.b), '5');
    desk.a.mouth.press(digit('5'), 120);
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '5');
}

#[test]
fn a_key_of_who_says_nothing_is_heard_all_the_same() {
    let mut desk = keyed(45_630..=45_639, PCMA, WITHOUT, Some(KEYS));
    for _ in 0..20 {
        desk.serve();
        desk.at(desk.now + TICK);
        desk.worker.turn();
    }
    desk.handle(MediaCommand::Press { id: id(2), digit: b'3', ms: 120, is_ordered: false });
    for _ in 0..60 {
        desk.b.say(desk.now, |_| false);
        desk.serve();
        for _ in 0..4 {
            desk.at(desk.now + TICK / 4);
            desk.worker.turn();
        }
        desk.b.hear(desk.now);
    }
    assert_eq!(key(&mut desk.b), '3');
}

/// baresip 1.0 takes packets of another source for late ones when its numbers are lower, and hears neither of two that alternate.
#[test]
fn a_key_under_our_source_has_numbers_behind_the_others_and_no_other_packet_between_its_own() {
    let mut desk = keyed(45_670..=45_679, PCMA, PCMA, None);
    let last = Rtp::parse(desk.b.packets.last().unwrap()).unwrap().sequence();
    desk.b.packets.clear();
    // It is silent, and speaks again in the middle of the key.
    listen(&mut desk, 20, false);
    desk.handle(MediaCommand::Press { id: id(2), digit: b'3', ms: 200, is_ordered: false });
    listen(&mut desk, 4, false);
    listen(&mut desk, 16, true);
    assert_eq!(key(&mut desk.b), '3');
    let heard: Vec<_> = desk.b.packets.iter().map(|packet| Rtp::parse(packet).unwrap()).collect();
    let is_key = |rtp: &Rtp<'_>| rtp.payload_type() == 101;
    let first = heard.iter().position(is_key).unwrap();
    let end = heard.iter().rposition(is_key).unwrap();
    let ahead = heard[first].sequence().wrapping_sub(last);
    assert!((1..0x8000).contains(&ahead), "{ahead}");
    assert!(heard[first..end].iter().all(is_key), "nothing between");
    assert!(heard.len() > end + 3, "and then its sound passes");
}

#[test]
fn a_key_that_is_pressed_while_another_is_said_under_our_source_is_not_lost() {
    for in_info in [true, false] {
        let ports = if in_info { 45_680..=45_689 } else { 45_690..=45_699 };
        let mut desk = keyed(ports, PCMA, PCMA, None);
        listen(&mut desk, 20, false);
        desk.handle(MediaCommand::Press { id: id(2), digit: b'3', ms: 400, is_ordered: false });
        listen(&mut desk, 2, false);
        match in_info {
            true => desk.handle(MediaCommand::Press { id: id(2), digit: b'7', ms: 120, is_ordered: false }),
            false => desk.a.mouth.press(digit('7'), 120),
        }
        listen(&mut desk, 60, true);
        let said = |wanted: char| {
            let is_it = |packet: &&Vec<u8>| {
                let rtp = Rtp::parse(packet).unwrap();
                rtp.payload_type() == 101 && Digit::from_char(wanted).unwrap().event() == rtp.body()[0]
            };
            desk.b.packets.iter().filter(is_it).count()
        };
        assert!(said('3') > 4 && said('7') > 4, "{} {}", said('3'), said('7'));
    }
}

#[test]
fn a_key_that_is_heard_in_the_sound_is_an_event_only_where_that_is_asked_for() {
    for (at, keys_in_sound) in [true, false].into_iter().enumerate() {
        let ports = 45_640 + at as u16 * 10;
        let a = Side { keys_in_sound, ..Side::USUAL };
        let mut desk = keyed(ports..=ports + 9, WITHOUT, PCMA, Some(Conversion { a, ..KEYS }));
        desk.a.mouth.press(digit('4'), 200);
        desk.run(60, |_| false);
        match keys_in_sound {
            true => assert_eq!(key(&mut desk.b), '4'),
            false => assert_eq!(desk.b.keys, []),
        }
    }
}

#[test]
fn who_is_told_of_keys_gets_none_by_packets_but_what_is_pressed_for_it() {
    let b = Side { keys_are_told: true, ..Side::USUAL };
    let mut desk = keyed(45_660..=45_669, PCMA, WITHOUT, Some(Conversion { b, ..KEYS }));
    desk.told();
    desk.a.mouth.press(digit('5'), 120);
    desk.run(60, |_| false);
    assert_eq!(desk.b.keys, []);
    assert!(desk.told().iter().any(|event| matches!(event, MediaEvent::Dtmf { digit: b'5', .. })));
    // It has refused the INFO.
    desk.handle(MediaCommand::Press { id: id(2), digit: b'5', ms: 120, is_ordered: false });
    desk.run(60, |_| false);
    assert_eq!(key(&mut desk.b), '5');
}

#[test]
fn a_key_in_the_sound_is_told_once_where_the_other_side_is_told_and_is_no_sound_there() {
    let (a, b) = (Side { keys_in_sound: true, ..Side::USUAL }, Side { keys_are_told: true, ..Side::USUAL });
    let mut desk = keyed(45_670..=45_679, WITHOUT, WITHOUT, Some(Conversion { a, b, ..KEYS }));
    desk.told();
    desk.a.mouth.press(digit('5'), 200);
    desk.run(60, |_| false);
    assert_eq!(desk.b.keys, []);
    let told = desk.told();
    let told = told.iter().filter(|event| matches!(event, MediaEvent::Dtmf { digit: b'5', .. }));
    assert_eq!(told.count(), 1);
}
