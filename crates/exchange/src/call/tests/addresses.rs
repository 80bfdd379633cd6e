//! Where media is said to go, when that is no single place: many hear it, or it is a name.

use super::profiles::{CHROME, Kind, with_crlf};
use super::*;

const NO_PLACES: [&str; 5] =
    ["IP4 224.2.1.1/127", "IP4 239.0.0.1", "IP4 255.255.255.255", "IP6 ff02::1", "IP6 ::ffff:224.0.0.1"];

#[test]
fn an_offer_to_many_at_once_is_refused_and_the_caller_hears_why() {
    for place in NO_PLACES {
        let (mut desk, mut alice, bob) = Desk::new();
        let offer = sdp("10.0.0.1", 4_000).replace("c=IN IP4 10.0.0.1", &format!("c=IN {place}"));
        let (_, sent) = desk.invite(&mut alice, URI, "", &offer);
        let refused = answer_to(&sent, alice.flow, 488);
        assert!(refused.text().contains("488 Multicast Is Not Served"), "{}", refused.text());
        assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    }
}

#[test]
fn who_answers_with_such_an_address_or_a_name_is_sent_media_where_he_signals_from() {
    for place in NO_PLACES.into_iter().chain(["IP4 phone.example", "IP4 192.0.2.256"]) {
        let (mut desk, mut alice, bob) = Desk::new();
        let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let answer = described("10.0.0.2", 5_000, 1, "a=rtcp:5001 IN IP4 224.2.1.1\r\n");
        let answer = answer.replace("c=IN IP4 10.0.0.2", &format!("c=IN {place}"));
        let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
        answer_to(&sent, alice.flow, 200);
        let stream = desk.peer_at(5_000).streams[0].clone().expect("agreed");
        assert_eq!(
            (stream.rtp.ip(), stream.rtcp.ip()),
            (bob.flow.remote.ip(), bob.flow.remote.ip()),
            "{place}"
        );
    }
}

#[test]
fn a_candidate_that_many_hear_is_sent_no_check() {
    let (mut desk, mut alice, bob) = profiles::desk(Kind::Web, Kind::Plain);
    let offer = with_crlf(CHROME);
    let first = offer.find("a=candidate:").expect("candidates");
    let hostile = "a=candidate:9 1 udp 2122260223 224.2.1.1 9 typ host\r\n";
    let offer = format!("{}{hostile}{}", &offer[..first], &offer[first..]);
    let (_, sent) = desk.invite(&mut alice, URI, "", &offer);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &profiles::taken(&body(&invite), 5_000));
    answer_to(&desk.receive(bob.flow, &ok), alice.flow, 200);
    let streams = desk.open.values().flatten().flat_map(|peer| peer.streams.iter().flatten());
    let candidates: Vec<_> =
        streams.filter_map(|stream| stream.ice.as_ref()).flat_map(|ice| &ice.candidates).collect();
    assert!(!candidates.is_empty());
    assert!(candidates.iter().all(|candidate| !candidate.address.ip().is_multicast()), "{candidates:?}");
}
