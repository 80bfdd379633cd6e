//! Offers inside a call between devices of different profiles: each leg keeps its own, its keys and its roles.

use super::desk::Ua;
use super::profiles::{
    BARESIP_SDES, CHROME, JSSIP, Kind, Talk, described_by, desk, protection_told, summary, taken, talk,
    with_crlf,
};
use super::*;
use crate::media::{DtlsRole, Keying, Peer, Stream};
use coeur_sdp::offer_answer::check_answer;
use coeur_sdp::{Direction, parse};

fn audio(peer: &Peer) -> &Stream {
    peer.streams[0].as_ref().expect("audio")
}

/// The line of the description with this beginning.
fn line<'t>(text: &'t str, begin: &str) -> &'t str {
    text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin} in\n{text}"))
}

/// The same, with a higher version of `o=`, this direction and these changes.
fn again(text: &str, direction: &str, changes: &[(&str, &str)]) -> String {
    let mut text = text.replace("a=sendrecv", &format!("a={direction}"));
    let origin = line(&text, "o=").to_owned();
    let mut words: Vec<String> = origin.split(' ').map(str::to_owned).collect();
    words[2] = (words[2].parse::<u64>().expect("a version") + 1).to_string();
    text = text.replace(&origin, &words.join(" "));
    for (old, new) in changes {
        assert!(text.contains(old), "{old} in\n{text}");
        text = text.replace(old, new);
    }
    text
}

/// A re-INVITE with this offer: what the other side is offered, and what comes back when it takes that.
fn reoffer(talk: &mut Talk, from_caller: bool, offer: &str) -> (String, String) {
    let (mut asks, other) = match from_caller {
        true => (talk.caller.clone(), talk.callee.clone()),
        false => (talk.callee.clone(), talk.caller.clone()),
    };
    let invite = asks.request("INVITE", "", offer);
    let sent = talk.desk.receive(asks.flow, &invite);
    let passed = request_to(&sent, other.flow, "INVITE").clone();
    let port = if from_caller { 5_000 } else { 4_100 };
    let mut answer = taken(&body(&passed), port);
    if !from_caller {
        // We were the client of her first offer, and she stays the server (RFC 8842 section 5.5).
        answer = answer.replace("a=setup:active", "a=setup:passive");
    }
    let sent = talk.desk.receive(other.flow, &reply(&passed, 200, "", &contact(other.flow), &answer));
    let ok = body(answer_to(&sent, asks.flow, 200));
    let ack = asks.ack("");
    talk.desk.receive(asks.flow, &ack);
    *(if from_caller { &mut talk.caller } else { &mut talk.callee }) = asks;
    (body(&passed), ok)
}

fn assert_answers(offer: &str, answer: &str) {
    let read = |text| parse(text).expect("a description");
    assert_eq!(check_answer(&read(offer.as_bytes()), &read(answer.as_bytes())), [], "{answer}");
}

/// RFC 3264 section 8.4 with RFC 4568 and RFC 8842: a hold changes the direction, and neither key nor role.
#[test]
fn a_hold_of_either_side_passes_with_the_keys_and_roles_of_each_leg() {
    for from in [Kind::Plain, Kind::Sdes, Kind::Web] {
        for to in [Kind::Plain, Kind::Sdes, Kind::Web] {
            let (desk, alice, bob) = desk(from, to);
            let offered = described_by(from);
            let mut talk = talk(desk, alice, &bob, &offered);
            let before = talk.desk.open.clone();
            // Whoever offers anew says actpass, and keeps the role that he has (RFC 8842 section 5.2).
            let first = taken(&talk.offer, 5_000).replace("a=setup:active", "a=setup:actpass");
            for (from_caller, said) in [(true, &offered), (false, &first)] {
                let hold = again(said, "sendonly", &[]);
                let (passed, answer) = reoffer(&mut talk, from_caller, &hold);
                assert_eq!(summary(&passed).media[0].direction, Direction::SendOnly, "{from:?} {to:?}");
                assert_eq!(summary(&answer).media[0].direction, Direction::RecvOnly, "{from:?} {to:?}");
                assert_answers(&hold, &answer);
                for (id, was) in &before {
                    let (was, is) =
                        (was.as_ref().expect("described"), talk.desk.open[id].as_ref().expect("described"));
                    let (was, is) = (audio(was), audio(is));
                    match (&was.keying, &is.keying) {
                        // The phone of the test takes another key with each answer of its own, and has the other role.
                        (Keying::Sdes { send: was, .. }, Keying::Sdes { send: is, .. }) => assert!(was == is),
                        (Keying::Dtls { role: was, .. }, Keying::Dtls { role: is, .. }) => {
                            assert_eq!(was, is)
                        }
                        (was, is) => assert_eq!(was, is, "{from:?} {to:?}"),
                    }
                    assert_eq!(was.ice.as_ref().map(|ice| &ice.ours), is.ice.as_ref().map(|ice| &ice.ours));
                }
                let resume = again(&hold, "sendrecv", &[("a=sendonly", "a=sendrecv")]);
                reoffer(&mut talk, from_caller, &resume);
                let flows = |peer: &Option<Peer>| {
                    let stream = audio(peer.as_ref().expect("described")).clone();
                    stream.we_send && stream.we_receive
                };
                assert!(talk.desk.open.values().all(flows));
            }
            assert_eq!(protection_told(&talk.desk).len(), 1, "nothing has changed of it");
        }
    }
}

/// RFC 8839 section 4.4.1.1.1: new credentials are answered with new ones of ours, and are no business of the other side.
#[test]
fn an_ice_restart_is_answered_with_other_credentials_and_the_other_side_hears_nothing() {
    let (desk, alice, bob) = desk(Kind::Web, Kind::Plain);
    let offered = with_crlf(CHROME);
    let Talk { mut desk, answer, mut caller, .. } = talk(desk, alice, &bob, &offered);
    let restart = again(
        &offered,
        "sendrecv",
        &[
            ("a=ice-ufrag:4ZcD", "a=ice-ufrag:5abc"),
            ("a=ice-pwd:2/1muCWoOi3uLifh0NuRHlgh", "a=ice-pwd:freshfreshfreshfreshfresh"),
        ],
    );
    let invite = caller.request("INVITE", "", &restart);
    let sent = desk.receive(caller.flow, &invite);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
    let fresh = body(answer_to(&sent, caller.flow, 200));
    assert_answers(&restart, &fresh);
    for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
        assert_ne!(line(&fresh, name), line(&answer, name));
    }
    assert_eq!(line(&fresh, "a=setup:"), line(&answer, "a=setup:"), "the association goes on");
    let peer = desk.peer_at(54_609);
    let ice = audio(peer).ice.as_ref().expect("ICE");
    assert_eq!(
        (&*ice.theirs.ufrag, line(&fresh, "a=ice-ufrag:")),
        ("5abc", format!("a=ice-ufrag:{}", ice.ours.ufrag).as_str())
    );
    let ack = caller.ack("");
    desk.receive(caller.flow, &ack);
    // The same once more is none.
    let invite = caller.request("INVITE", "", &again(&restart, "sendrecv", &[]));
    let sent = desk.receive(caller.flow, &invite);
    assert_eq!(line(&body(answer_to(&sent, caller.flow, 200)), "a=ice-ufrag:"), line(&fresh, "a=ice-ufrag:"));
}

/// A refused offer takes back what it has changed, credentials included.
#[test]
fn a_refused_offer_leaves_keys_and_credentials_as_they_were() {
    let (desk, alice, bob) = desk(Kind::Web, Kind::Sdes);
    let offered = with_crlf(JSSIP).replace("a=sendonly", "a=sendrecv");
    let Talk { mut desk, answer, mut caller, .. } = talk(desk, alice, &bob, &offered);
    let before = desk.open.clone();
    let hold = again(&offered, "sendonly", &[("a=ice-ufrag:4ZcD", "a=ice-ufrag:5abc")]);
    let invite = caller.request("INVITE", "", &hold);
    let sent = desk.receive(caller.flow, &invite);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&passed, 488, "", "", ""));
    answer_to(&sent, caller.flow, 488);
    assert_eq!(desk.open, before);
    let same = caller.request("INVITE", "", &offered);
    let sent = desk.receive(caller.flow, &same);
    assert_eq!(body(answer_to(&sent, caller.flow, 200)), answer);
}

/// RFC 4568 section 7.1.4 and threat of a downgrade: what was agreed secure is not offered in clear, by nobody.
#[test]
fn who_has_agreed_on_encryption_cannot_be_talked_out_of_it() {
    let (desk, alice, bob) = desk(Kind::Sdes, Kind::Sdes);
    let offered = with_crlf(BARESIP_SDES);
    let mut talk = talk(desk, alice, &bob, &offered);
    let clear = again(&offered, "sendrecv", &[("RTP/SAVP", "RTP/AVP"), ("a=crypto", "a=x-crypto")]);
    let invite = talk.caller.request("INVITE", "", &clear);
    let sent = talk.desk.receive(talk.caller.flow, &invite);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    answer_to(&sent, talk.caller.flow, 488);
    // Nor by an answer: the other side took the key before.
    let hold = again(&offered, "sendonly", &[]);
    let invite = talk.caller.request("INVITE", "", &hold);
    let sent = talk.desk.receive(talk.caller.flow, &invite);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(summary(&body(&passed)).media[0].keying.sdes().len(), 1, "the one that was taken");
    let stripped =
        taken(&body(&passed), 5_000).replace("RTP/SAVP", "RTP/AVP").replace("a=crypto", "a=x-crypto");
    let before = talk.desk.open.clone();
    let sent = talk.desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &stripped));
    answer_to(&sent, talk.caller.flow, 488);
    assert_eq!(talk.desk.open, before);
}

/// RFC 3264 section 8: there are never fewer `m=` lines than before.
#[test]
fn an_offer_without_a_stream_that_is_in_use_is_refused_and_the_call_goes_on() {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Plain);
    let mut talk = talk(desk, alice, &bob, &sdp("10.0.0.1", 4_000));
    let before = talk.desk.open.clone();
    let session = "v=0\r\no=phone 7 2 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
    let invite = talk.caller.request("INVITE", "", session);
    let sent = talk.desk.receive(talk.caller.flow, &invite);
    answer_to(&sent, talk.caller.flow, 488);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    assert_eq!(talk.desk.open, before);
}

/// Some phones leave out at a hold what was refused to them, though RFC 3264 section 8 wants its line.
#[test]
fn a_stream_that_was_refused_may_be_left_out() {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Plain);
    let offered = described("10.0.0.1", 4_000, 1, "a=sendrecv\r\n");
    let mut talk = talk(desk, alice, &bob, &offered);
    let with_video =
        again(&offered, "sendrecv", &[]) + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let invite = talk.caller.request("INVITE", "", &with_video);
    let sent = talk.desk.receive(talk.caller.flow, &invite);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    let refused = body(&passed).split("m=video ").next().expect("audio").to_owned();
    let refused = taken(&refused, 5_000) + "m=video 0 RTP/AVP 96\r\n";
    let sent = talk.desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &refused));
    assert!(body(answer_to(&sent, talk.caller.flow, 200)).contains("m=video 0 "));
    let ack = talk.caller.ack("");
    talk.desk.receive(talk.caller.flow, &ack);
    let hold = again(&again(&offered, "sendrecv", &[]), "sendonly", &[]);
    let invite = talk.caller.request("INVITE", "", &hold);
    let sent = talk.desk.receive(talk.caller.flow, &invite);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    // Of the leg of bob its line stays.
    assert!(
        body(&passed).contains("a=sendonly") && body(&passed).contains("m=video 0 "),
        "{}",
        passed.text()
    );
    let held = taken(&body(&passed), 5_000);
    let sent = talk.desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &held));
    assert_eq!(body(answer_to(&sent, talk.caller.flow, 200)).matches("m=").count(), 1);
}

/// RFC 3264 section 8.1 across profiles: a phone adds video to its call with a browser, and takes it away.
#[test]
fn video_is_added_to_a_call_with_a_browser_and_taken_away_again() {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Web);
    let offered = described("10.0.0.1", 4_000, 1, "a=sendrecv\r\n");
    let mut talk = talk(desk, alice, &bob, &offered);
    let with_video =
        again(&offered, "sendrecv", &[]) + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let (passed, answer) = reoffer(&mut talk, true, &with_video);
    assert_answers(&with_video, &answer);
    let media = &summary(&passed).media;
    assert_eq!((media[1].port, media[1].is_rejected), (media[0].port, false), "{passed}");
    assert!(media[1].bundled.is_some() && media[1].keying.dtls().is_some(), "{passed}");
    assert_eq!(line(&passed, "a=ice-pwd:"), line(&talk.offer, "a=ice-pwd:"));
    let web = talk.desk.peer_at(5_000);
    assert_eq!(web.streams.iter().flatten().count(), 2);
    assert!(matches!(&audio(web).keying, Keying::Dtls { role: DtlsRole::Server, .. }));
    let without = again(&with_video, "sendrecv", &[("m=video 4002", "m=video 0")]);
    let (passed, answer) = reoffer(&mut talk, true, &without);
    assert!(passed.contains("m=video 0 ") && answer.contains("m=video 0 "), "{passed}\n{answer}");
    assert_eq!(talk.desk.peer_at(5_000).streams.iter().flatten().count(), 1);
}

/// A browser that is offered a call without a description answers in its ACK, with what its leg speaks.
#[test]
fn a_late_offer_is_written_for_who_has_to_answer_it() {
    for (from, to) in [(Kind::Web, Kind::Sdes), (Kind::Sdes, Kind::Web), (Kind::Plain, Kind::Web)] {
        let (mut desk, mut alice, bob) = desk(from, to);
        let (request, sent) = desk.invite(&mut alice, URI, "", "");
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let offered = described_by(to);
        let sent = desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &offered));
        let ok = answer_to(&sent, alice.flow, 200).clone();
        let mut caller = Ua::caller(alice.flow, &request, &ok);
        let answer = taken(&body(&ok), 4_100);
        let ack = caller.ack(&answer);
        let sent = desk.receive(alice.flow, &ack);
        let back = body(request_to(&sent, bob.flow, "ACK"));
        assert_answers(&offered, &back);
        let keyed = |port| match audio(desk.peer_at(port)).keying {
            Keying::Plain => Kind::Plain,
            Keying::Sdes { .. } => Kind::Sdes,
            Keying::Dtls { .. } | Keying::EndToEnd => Kind::Web,
        };
        assert_eq!((keyed(4_100), keyed(summary(&offered).media[0].port)), (from, to));
    }
}

/// Without a certificate there is no DTLS: who needs it is told, and nobody rings for nothing.
#[test]
fn a_stream_with_dtls_is_refused_while_the_media_plane_has_no_certificate() {
    let (mut desk, mut alice, _bob) = desk(Kind::Web, Kind::Plain);
    desk.certificate = false;
    let (_, sent) = desk.invite(&mut alice, URI, "", &with_crlf(JSSIP));
    assert!(sent.iter().any(|sent| sent.status() == 488), "{}", dump(&sent));
    desk.assert_at_rest();
    let (mut desk, mut alice, bob) = self::desk(Kind::Plain, Kind::Web);
    desk.certificate = false;
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 488);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
    desk.assert_at_rest();
}

/// RFC 4028 section 7.4 with RFC 4568 section 5.1.2: who was offered several keys repeats its answer as an offer, and is
/// answered with the one key.
#[test]
fn a_refresh_of_who_was_called_is_answered_with_what_was_agreed() {
    for to in [Kind::Sdes, Kind::Web] {
        let (desk, alice, bob) = desk(Kind::Plain, to);
        let offered = described("10.0.0.1", 4_000, 1, "a=sendrecv\r\n");
        let mut talk = talk(desk, alice, &bob, &offered);
        let before = talk.desk.open.clone();
        let same = taken(&talk.offer, 5_000);
        let refresh = talk.callee.request("INVITE", "", &same);
        let sent = talk.desk.receive(bob.flow, &refresh);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
        assert_answers(&same, &body(answer_to(&sent, bob.flow, 200)));
        assert_eq!(talk.desk.open, before);
        let ack = talk.callee.ack("");
        talk.desk.receive(bob.flow, &ack);
        reoffer(&mut talk, true, &again(&offered, "sendonly", &[]));
        let key = |peer: &Peer| match &audio(peer).keying {
            Keying::Sdes { send, .. } => send.key_and_salt.to_vec(),
            Keying::Plain | Keying::Dtls { .. } | Keying::EndToEnd => Vec::new(),
        };
        for (id, was) in before {
            let is = talk.desk.open[&id].as_ref().expect("described");
            assert_eq!(key(&was.expect("described")), key(is));
        }
    }
}

/// RFC 8840: what leads around us does not pass.
#[test]
fn candidates_that_follow_in_an_info_do_not_pass() {
    let (desk, alice, bob) = desk(Kind::Web, Kind::Web);
    let Talk { mut desk, mut caller, .. } = talk(desk, alice, &bob, &with_crlf(CHROME));
    let info = caller.request(
        "INFO",
        "Info-Package: trickle-ice\r\n",
        "a=candidate:9 1 udp 1 10.9.9.9 9 typ host\r\n",
    );
    let info = String::from_utf8_lossy(&info).replace("application/sdp", "application/trickle-ice-sdpfrag");
    let sent = desk.receive(caller.flow, info.as_bytes());
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    answer_to(&sent, caller.flow, 415);
}
