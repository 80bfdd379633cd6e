//! Phones without an audio format in common: what each is told, and what the media plane is to make of it (decision 0025).

use super::profiles::{CHROME, Kind, desk, with_crlf};
use super::*;
use crate::input::Input;
use crate::media::{Conversion, Converted, MediaEvent, MediaId};
use crate::testing::Phone;

/// Alice speaks this, and bob that: descriptions of one audio stream.
const OPUS: (&str, &str) = (
    "96 97",
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;usedtx=1\r\na=rtpmap:97 telephone-event/48000\r\na=ptime:40\r\n",
);
pub(super) const PCMA: (&str, &str) = ("8 101", "a=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n");
const PCMU: (&str, &str) = ("0", "");

pub(super) fn speaks(ip: &str, port: u16, version: u32, (formats, lines): (&str, &str)) -> String {
    described(ip, port, version, lines)
        .replace("0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", &format!("{formats}\r\n"))
}

/// What somebody answers who has one codec, under the number that it was offered with.
fn only(offer: &str, encoding: &str, version: u32, lines: &str) -> String {
    let number = offer
        .lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '))
        .find(|(_, offered)| *offered == encoding)
        .map(|(number, _)| number)
        .or((encoding == "PCMA/8000").then_some("8"))
        .unwrap_or_else(|| panic!("{encoding} is not offered: {offer}"));
    let lines = format!("a=rtpmap:{number} {encoding}\r\n{lines}");
    speaks("10.0.0.2", 5_000, version, (number, &lines))
}

pub(super) fn formats(text: &str) -> &str {
    let line = text.lines().find(|line| line.starts_with("m=audio")).expect("audio");
    line.splitn(4, ' ').nth(3).expect("formats")
}

pub(super) struct Talk {
    pub(super) desk: Desk,
    pub(super) bob: Phone,
    pub(super) caller: Ua,
    pub(super) callee: Ua,
    pub(super) offer: String,
    pub(super) answer: String,
}

/// Alice offers that, and bob answers.
fn talk(alice_is: Kind, bob_is: Kind, offered: &str, answered: impl FnOnce(&str) -> String) -> Talk {
    talk_with((alice_is, bob_is), offered, "", answered)
}

/// The same; `lines` are header lines of bob's 200.
fn talk_with(
    (alice_is, bob_is): (Kind, Kind),
    offered: &str,
    lines: &str,
    answered: impl FnOnce(&str) -> String,
) -> Talk {
    talk_at(desk(alice_is, bob_is), offered, lines, answered)
}

pub(super) fn talk_at(
    (mut desk, mut alice, bob): (Desk, Phone, Phone),
    offered: &str,
    lines: &str,
    answered: impl FnOnce(&str) -> String,
) -> Talk {
    let (request, sent) = desk.invite(&mut alice, URI, "", offered);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let offer = body(&invite);
    let answer = answered(&offer);
    let lines = format!("{}{lines}", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &lines, &answer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    Talk { answer: body(&ok), callee: Ua::callee(bob.flow, &invite, "bobtag"), desk, bob, caller, offer }
}

/// How long the packets to alice, at port 4000, and to bob are.
fn frames_ms(desk: &Desk) -> Option<(u8, u8)> {
    let Conversion { a, b, .. } = desk.pairs[0].conversion?;
    let (first, _) = desk.connected.expect("connected");
    let peer = desk.open[&first].as_ref().expect("described");
    let is_alice = peer.streams[0].as_ref().is_some_and(|stream| stream.rtp.port() == 4_000);
    Some(if is_alice { (a.frame_ms, b.frame_ms) } else { (b.frame_ms, a.frame_ms) })
}

#[test]
fn who_speaks_only_opus_and_who_speaks_only_pcma_talk_whoever_calls() {
    let offered = speaks("10.0.0.1", 4_000, 1, OPUS);
    let opus = talk(Kind::Plain, Kind::Plain, &offered, |_| speaks("10.0.0.2", 5_000, 1, PCMA));
    assert_eq!(formats(&opus.offer), "96 97 9 8 0 98", "{}", opus.offer);
    assert!(opus.offer.contains("a=rtpmap:98 telephone-event/8000\r\n"), "{}", opus.offer);
    assert_eq!(formats(&opus.answer), "96 97");
    assert!(
        opus.answer.contains("a=fmtp:96 useinbandfec=1\r\n"),
        "what we say of ourselves: {}",
        opus.answer
    );
    assert!(!opus.answer.contains("ptime"), "30 ms is nothing for Opus: {}", opus.answer);
    assert_eq!(frames_ms(&opus.desk), Some((40, 30)));

    let offered = speaks("10.0.0.1", 4_000, 1, PCMA);
    let pcma = talk(Kind::Plain, Kind::Plain, &offered, |offer| only(offer, "opus/48000/2", 1, ""));
    assert_eq!(formats(&pcma.offer), "8 101 0 9 96 97");
    assert_eq!(formats(&pcma.answer), "8 101");
    assert_eq!(frames_ms(&pcma.desk), Some((30, 20)));
}

#[test]
fn a_browser_hears_a_phone_that_knows_no_opus_and_one_that_knows_it_is_relayed() {
    let chrome = with_crlf(CHROME);
    // Whatever it offers, the phone takes one.
    let narrow = chrome.replace("111 63 9 0 8 13 110 126", "111 110");
    let call = talk(Kind::Web, Kind::Plain, &narrow, |offer| only(offer, "PCMU/8000", 1, ""));
    assert!(desk_converts(&call.desk));
    assert_eq!(formats(&call.answer), "111 110");
    let call = talk(Kind::Web, Kind::Plain, &chrome, |offer| only(offer, "opus/48000/2", 1, ""));
    assert!(!desk_converts(&call.desk));
    let call = talk(Kind::Web, Kind::Plain, &chrome, |offer| only(offer, "PCMA/8000", 1, ""));
    assert_eq!(desk_conversion(&call.desk), Some(Converted::Keys), "both know it, and one has no events");
    assert_eq!(formats(&call.answer), "8 126");
}

fn desk_converts(desk: &Desk) -> bool {
    desk_conversion(desk) == Some(Converted::Sound)
}

fn desk_conversion(desk: &Desk) -> Option<Converted> {
    desk.pairs[0].conversion.map(|conversion| conversion.what)
}

#[test]
fn an_answer_that_prefers_what_the_caller_does_not_know_is_converted_and_one_that_does_not_is_not() {
    let offered = speaks("10.0.0.1", 4_000, 1, PCMU);
    let both = |formats: &'static str| move |_: &str| speaks("10.0.0.2", 5_000, 1, (formats, ""));
    let call = talk(Kind::Plain, Kind::Plain, &offered, both("9 0"));
    assert!(desk_converts(&call.desk), "it would send G.722");
    assert_eq!(formats(&call.answer), "0");
    let call = talk(Kind::Plain, Kind::Plain, &offered, both("0 9"));
    assert!(!desk_converts(&call.desk));
    assert_eq!(formats(&call.answer), "0");
}

#[test]
fn what_nothing_can_be_made_of_is_refused_as_it_was() {
    let g729 = ("18", "a=rtpmap:18 G729/8000\r\n");
    let call = talk(Kind::Plain, Kind::Plain, &speaks("10.0.0.1", 4_000, 1, g729), |_| {
        speaks("10.0.0.2", 5_000, 1, g729)
    });
    assert_eq!((formats(&call.offer), formats(&call.answer)), ("18", "18"));
    assert!(!desk_converts(&call.desk));
}

#[test]
fn hold_and_resume_of_either_side_stay_converted() {
    let offered = speaks("10.0.0.1", 4_000, 1, OPUS);
    let call = talk(Kind::Plain, Kind::Plain, &offered, |_| speaks("10.0.0.2", 5_000, 1, PCMA));
    let Talk { mut desk, bob, caller, callee, .. } = call;
    let alice = caller.flow;
    for (mut asks, other) in [(caller, bob.flow), (callee, alice)] {
        for (version, direction) in [(2, "a=sendonly\r\n"), (3, "a=sendrecv\r\n")] {
            let is_alice = other == bob.flow;
            let say = |is_alice: bool, direction: &str| {
                let (ip, port, (formats, lines)) =
                    if is_alice { ("10.0.0.1", 4_000, OPUS) } else { ("10.0.0.2", 5_000, PCMA) };
                speaks(
                    ip,
                    port,
                    version + u32::from(!is_alice) * 4,
                    (formats, &format!("{lines}{direction}")),
                )
            };
            let hold = asks.request("INVITE", "", &say(is_alice, direction));
            let sent = desk.receive(asks.flow, &hold);
            let offer = request_to(&sent, other, "INVITE").clone();
            let mirrored = if version == 2 { "a=recvonly\r\n" } else { "" };
            let sent =
                desk.receive(other, &reply(&offer, 200, "", &contact(other), &say(!is_alice, mirrored)));
            let ok = body(answer_to(&sent, asks.flow, 200));
            assert_eq!(formats(&ok), if is_alice { "96 97" } else { "8 101" });
            let ack = asks.ack("");
            desk.receive(asks.flow, &ack);
            assert_eq!(frames_ms(&desk), Some((40, 30)), "{direction}");
        }
    }
}

#[test]
fn after_a_transfer_only_who_does_not_understand_the_new_side_is_converted() {
    const CAROL: &str = "192.0.2.33:5060";
    for (carol_speaks, is_converted) in [("opus/48000/2", true), ("PCMA/8000", false)] {
        let offered = speaks("10.0.0.1", 4_000, 1, OPUS);
        let mut call = talk(Kind::Plain, Kind::Plain, &offered, |_| speaks("10.0.0.2", 5_000, 1, PCMA));
        let carol = call.desk.register("carol", udp(CAROL), "").flow;
        let refer = call.caller.request("REFER", transferring::TO_CAROL, "");
        let sent = call.desk.receive(call.caller.flow, &refer);
        let invite = request_to(&sent, carol, "INVITE").clone();
        let answer = only(&body(&invite), carol_speaks, 1, "").replace("5000", "6000");
        let sent = call.desk.receive(carol, &reply(&invite, 200, "caroltag", &contact(carol), &answer));
        let again = request_to(&sent, call.bob.flow, "INVITE").clone();
        let bobs = speaks("10.0.0.2", 5_000, 2, PCMA);
        let sent = call.desk.receive(call.bob.flow, &reply(&again, 200, "", &contact(call.bob.flow), &bobs));
        let last = request_to(&sent, call.caller.flow, "NOTIFY").clone();
        assert_eq!(transferring::told(&last).0, "SIP/2.0 200 OK");
        assert_eq!(desk_converts(&call.desk), is_converted, "{carol_speaks}");
    }
}

#[test]
fn an_offer_that_comes_late_is_answered_in_the_format_of_who_offered() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Plain);
    let (request, sent) = desk.invite(&mut alice, URI, "", "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let offer = speaks("10.0.0.2", 5_000, 1, PCMA);
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &offer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert_eq!(formats(&body(&ok)), "8 101 0 9 96 97");
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let answer =
        only(&body(&ok), "opus/48000/2", 1, "").replace("10.0.0.2", "10.0.0.1").replace("5000", "4000");
    let ack = caller.ack(&answer);
    let sent = desk.receive(alice.flow, &ack);
    assert_eq!(formats(&body(request_to(&sent, bob.flow, "ACK"))), "8 101");
    assert_eq!(frames_ms(&desk), Some((20, 30)));
}

/// The call began with an offer in bob's 200, so what is known of alice is what she chose of it.
#[test]
fn after_a_late_offer_either_side_is_transferred_to_who_shares_no_format_with_it() {
    const CAROL: &str = "192.0.2.33:5060";
    for (alices, bobs, carols) in [
        ("PCMA/8000", PCMA, "opus/48000/2"),
        ("opus/48000/2", OPUS, "PCMA/8000"),
        ("PCMA/8000", OPUS, "PCMA/8000"),
    ] {
        for alice_waits in [true, false] {
            let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Plain);
            let carol = desk.register("carol", udp(CAROL), "").flow;
            let (request, sent) = desk.invite(&mut alice, URI, "", "");
            let invite = request_to(&sent, bob.flow, "INVITE").clone();
            let offer = speaks("10.0.0.2", 5_000, 1, bobs);
            let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &offer));
            let ok = answer_to(&sent, alice.flow, 200).clone();
            let (mut caller, mut callee) =
                (Ua::caller(alice.flow, &request, &ok), Ua::callee(bob.flow, &invite, "bobtag"));
            let chosen =
                only(&body(&ok), alices, 1, "").replace("10.0.0.2", "10.0.0.1").replace("5000", "4000");
            let ack = caller.ack(&chosen);
            desk.receive(alice.flow, &ack);
            let by = if alice_waits { &mut callee } else { &mut caller };
            let refer = by.request("REFER", transferring::TO_CAROL, "");
            let (by, waits) = (by.flow, if alice_waits { alice.flow } else { bob.flow });
            let sent = desk.receive(by, &refer);
            let invite = request_to(&sent, carol, "INVITE").clone();
            let answer = only(&body(&invite), carols, 1, "").replace("5000", "6000");
            let sent = desk.receive(carol, &reply(&invite, 200, "caroltag", &contact(carol), &answer));
            let again = request_to(&sent, waits, "INVITE").clone();
            let bob_speaks = if bobs == OPUS { "opus/48000/2" } else { "PCMA/8000" };
            let (own, port) = if alice_waits { (alices, "4000") } else { (bob_speaks, "5000") };
            let answer = only(&body(&again), own, 2, "").replace("5000", port);
            let sent = desk.receive(waits, &reply(&again, 200, "", &contact(waits), &answer));
            let last = request_to(&sent, by, "NOTIFY").clone();
            assert_eq!(transferring::told(&last).0, "SIP/2.0 200 OK");
            let case = format!("{own} waits, {carols} is called");
            assert_eq!(desk_converts(&desk), own != carols, "{case}");
            for port in [6_000, if alice_waits { 4_000 } else { 5_000 }] {
                assert!(
                    desk.peer_at(port).streams[0].as_ref().is_some_and(|s| s.we_send && s.we_receive),
                    "{case}"
                );
            }
        }
    }
}

/// An INFO with this body and type.
pub(super) fn info(ua: &mut Ua, kind: &str, body: &str) -> Vec<u8> {
    let info = ua.request("INFO", "", body);
    String::from_utf8(info).expect("text").replace("application/sdp", kind).into_bytes()
}

pub(super) fn presses(desk: &Desk) -> usize {
    desk.said.iter().filter(|said| **said == "Press").count()
}

#[test]
fn a_key_in_an_info_is_an_event_for_who_has_them_where_sound_is_made() {
    // JsSIP knows events, as its browser does, and sends an INFO.
    let offered = with_crlf(CHROME).replace("111 63 9 0 8 13 110 126", "111 110");
    let mut call = talk(Kind::Web, Kind::Plain, &offered, |offer| {
        let events = offer.lines().find_map(|line| line.strip_suffix(" telephone-event/8000"));
        let number = events.and_then(|line| line.strip_prefix("a=rtpmap:")).expect("events at its clock");
        let lines = format!("a=rtpmap:{number} telephone-event/8000\r\n");
        speaks("10.0.0.2", 5_000, 1, (&format!("8 {number}"), &lines))
    });
    for (nth, (kind, body)) in [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
        ("application/dtmf-relay", "signal = 10\r\n"),
        ("application/dtmf", "#"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = info(&mut call.caller, kind, body);
        let sent = call.desk.receive(call.caller.flow, &key);
        answer_to(&sent, call.caller.flow, 200);
        assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
        assert_eq!(presses(&call.desk), nth + 1);
    }
    for (kind, body) in
        [("application/dtmf-relay", "Signal=55"), ("application/dtmf", ""), ("text/plain", "5")]
    {
        let other = info(&mut call.caller, kind, body);
        let sent = call.desk.receive(call.caller.flow, &other);
        let passed = request_to(&sent, call.bob.flow, "INFO").clone();
        call.desk.receive(call.bob.flow, &reply(&passed, 200, "", "", ""));
    }
    assert_eq!(presses(&call.desk), 3);
}

#[test]
fn a_key_in_an_info_is_an_event_for_who_has_them_also_where_packets_pass() {
    let both = speaks("10.0.0.1", 4_000, 1, PCMA);
    let relayed = talk(Kind::Plain, Kind::Plain, &both, |_| speaks("10.0.0.2", 5_000, 1, PCMA));
    assert_eq!(desk_conversion(&relayed.desk), None);
    let opus = speaks("10.0.0.1", 4_000, 1, OPUS);
    let converted = talk(Kind::Plain, Kind::Plain, &opus, |_| speaks("10.0.0.2", 5_000, 1, PCMA));
    for mut call in [relayed, converted] {
        let key = info(&mut call.caller, "application/dtmf-relay", "Signal=5\r\n");
        let sent = call.desk.receive(call.caller.flow, &key);
        answer_to(&sent, call.caller.flow, 200);
        assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
        assert_eq!(presses(&call.desk), 1);
    }
}

pub(super) const TAKES_INFO: &str = "Allow: INVITE, ACK, BYE, CANCEL, INFO\r\n";
pub(super) const TAKES_NONE: &str = "Allow: INVITE, ACK, BYE, CANCEL\r\n";

fn without_events(allow: &str) -> Talk {
    let none = speaks("10.0.0.1", 4_000, 1, ("8", ""));
    talk_with((Kind::Plain, Kind::Plain), &none, allow, |offer| {
        assert!(!offer.contains("telephone-event"), "who has none is not asked for them: {offer}");
        speaks("10.0.0.2", 5_000, 1, ("8", ""))
    })
}

#[test]
fn a_key_in_an_info_passes_between_two_without_events_and_is_sound_once_it_is_refused() {
    for allow in ["", TAKES_INFO] {
        let mut call = without_events(allow);
        let key = info(&mut call.caller, "application/dtmf-relay", "Signal=5\r\n");
        let sent = call.desk.receive(call.caller.flow, &key);
        let passed = request_to(&sent, call.bob.flow, "INFO").clone();
        let sent = call.desk.receive(call.bob.flow, &reply(&passed, 200, "", "", ""));
        answer_to(&sent, call.caller.flow, 200);
        assert_eq!(presses(&call.desk), 0);
        let key = info(&mut call.caller, "application/dtmf", "6");
        let sent = call.desk.receive(call.caller.flow, &key);
        let passed = request_to(&sent, call.bob.flow, "INFO").clone();
        let sent = call.desk.receive(call.bob.flow, &reply(&passed, 415, "", "", ""));
        answer_to(&sent, call.caller.flow, 200);
        assert_eq!(presses(&call.desk), 1);
        let key = info(&mut call.caller, "application/dtmf", "7");
        let sent = call.desk.receive(call.caller.flow, &key);
        answer_to(&sent, call.caller.flow, 200);
        assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
        assert_eq!(presses(&call.desk), 2);
    }
}

#[test]
fn a_key_in_an_info_is_sound_for_who_has_said_that_it_takes_none() {
    let mut call = without_events(TAKES_NONE);
    let key = info(&mut call.caller, "application/dtmf", "6");
    let sent = call.desk.receive(call.caller.flow, &key);
    answer_to(&sent, call.caller.flow, 200);
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 1);
}

impl Talk {
    /// The endpoint of alice's leg, who says where she is at port 4000.
    fn alices(&self) -> MediaId {
        let is_hers = |peer: &crate::media::Peer| {
            peer.streams.iter().flatten().any(|stream| stream.rtp.port() == 4_000)
        };
        let found = self.desk.open.iter().find(|(_, peer)| peer.as_ref().is_some_and(is_hers));
        *found.expect("alice's endpoint").0
    }

    /// The media plane has heard a key of alice.
    pub(super) fn hears(&mut self, digit: u8) -> Vec<Sent> {
        let id = self.alices();
        self.desk.handle(Input::MediaEvent(MediaEvent::Dtmf { id, digit, duration_ms: 120 }))
    }
}

#[test]
fn who_offers_events_keeps_them_with_who_has_none_and_takes_an_info() {
    let offered = speaks("10.0.0.1", 4_000, 1, PCMA);
    let mut call = talk_with((Kind::Plain, Kind::Plain), &offered, TAKES_INFO, |_| {
        speaks("10.0.0.2", 5_000, 1, ("8", ""))
    });
    assert_eq!(formats(&call.answer), "8 101");
    let conversion = call.desk.pairs[0].conversion.expect("a conversion");
    assert_eq!(conversion.what, Converted::Keys);
    assert!(conversion.a.keys_are_told != conversion.b.keys_are_told, "bob is told");
    // One after the other, each when the one before is answered.
    let sent = call.hears(b'5');
    let told = request_to(&sent, call.bob.flow, "INFO").clone();
    assert_eq!(body(&told), "Signal=5\r\nDuration=120\r\n");
    assert_eq!(header(&told, HeaderName::ContentType), "application/dtmf-relay");
    assert!(call.hears(b'#').is_empty() && call.hears(b'7').is_empty());
    let sent = call.desk.receive(call.bob.flow, &reply(&told, 200, "", "", ""));
    let told = request_to(&sent, call.bob.flow, "INFO").clone();
    assert_eq!(body(&told), "Signal=#\r\nDuration=120\r\n");
    assert_eq!(presses(&call.desk), 0);
    // Refused, all of them are sound, and those that come as well.
    let sent = call.desk.receive(call.bob.flow, &reply(&told, 415, "", "", ""));
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 2);
    assert!(call.hears(b'8').is_empty());
    assert_eq!(presses(&call.desk), 3);
}

#[test]
fn who_has_no_events_and_takes_no_info_is_told_of_no_key() {
    let offered = speaks("10.0.0.1", 4_000, 1, PCMA);
    let mut call = talk_with((Kind::Plain, Kind::Plain), &offered, TAKES_NONE, |_| {
        speaks("10.0.0.2", 5_000, 1, ("8", ""))
    });
    let conversion = call.desk.pairs[0].conversion.expect("a conversion");
    assert!(!conversion.a.keys_are_told && !conversion.b.keys_are_told);
    // The media plane has made sound of it.
    assert!(call.hears(b'5').is_empty());
    assert_eq!(presses(&call.desk), 0);
}

/// What can be made of nothing stays as it was agreed between the two.
#[test]
fn events_are_not_promised_where_no_sound_can_be_made_of_them() {
    let g729 = "a=rtpmap:18 G729/8000\r\n";
    let lines = format!("{g729}a=rtpmap:101 telephone-event/8000\r\n");
    let offered = speaks("10.0.0.1", 4_000, 1, ("18 101", &lines));
    let call = talk(Kind::Plain, Kind::Plain, &offered, |_| speaks("10.0.0.2", 5_000, 1, ("18", g729)));
    assert_eq!((formats(&call.answer), desk_conversion(&call.desk)), ("18", None));
}
