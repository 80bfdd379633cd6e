//! A session description: no panic in any reader, and what is written is read as the same description. What it means is
//! told, held against itself as an answer, exchanged between two ends, and carried to another leg.

use coeur_sdp::attribute::{
    Attribute, Candidate, Crypto, Extmap, Fingerprint, Fmtp, Group, Rid, RtcpFeedback, Rtpmap,
};
use coeur_sdp::derive::{Leg, LegTransport, Slot, derive_answer, derive_offer, match_slots};
use coeur_sdp::offer_answer::{Severity, Vehicle, check_answer};
use coeur_sdp::{Description, IceFragment, OfferAnswer, Origin, SessionDescription, Summary, parse};

pub fn sdp(data: &[u8]) {
    fragment(data);
    let Ok(description) = parse(data) else { return };
    let mut out = Vec::new();
    description.write(&mut out);
    let again = parse(&out).expect("what we write, we read");
    assert_eq!(again, description);
    let mut second = Vec::new();
    again.write(&mut second);
    assert_eq!(second, out);
    assert!(out.len() <= 2 * data.len() + 16, "{} bytes became {}", data.len(), out.len());
    let owned = SessionDescription::from(&description);
    assert_eq!(owned.view(), again);
    assert_eq!(owned.to_bytes(), out);
    read(&description);
    exchange(&owned);
    carry(&description);
}

fn read(description: &Description<'_>) {
    let _ = description.origin().and_then(Origin::parse);
    each::<Group>(description.attributes(Group::NAME));
    for (index, media) in description.media.iter().enumerate() {
        let _ = description.connection(index).and_then(|connection| connection.ip());
        let _ = description.direction(index);
        let codecs = media.codecs().count();
        assert!(codecs <= media.formats.len() && codecs <= 128);
        each::<Candidate>(media.attributes(Candidate::NAME));
        each::<Crypto>(media.attributes(Crypto::NAME));
        each::<Extmap>(media.attributes(Extmap::NAME));
        each::<Fingerprint>(media.attributes(Fingerprint::NAME));
        each::<Fmtp>(media.attributes(Fmtp::NAME));
        each::<Rid>(media.attributes(Rid::NAME));
        each::<RtcpFeedback>(media.attributes(RtcpFeedback::NAME));
        each::<Rtpmap>(media.attributes(Rtpmap::NAME));
    }
}

/// What a typed attribute writes, it reads as the same.
fn each<T: Attribute + PartialEq + std::fmt::Debug>(values: coeur_sdp::Attributes<'_, '_, '_>) {
    for read in values.filter_map(T::parse) {
        let mut out = Vec::new();
        read.write(&mut out);
        assert_eq!(T::parse(&out).as_ref(), Some(&read), "{}", out.escape_ascii());
    }
}

/// The description as offer and as answer to itself: two ends come to the same.
fn exchange(said: &SessionDescription) {
    let origin = |session_id| Origin {
        username: "-".into(),
        session_id,
        version: 1,
        address: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    let view = said.view();
    let is_whole = check_answer(&view, &view).iter().all(|complaint| complaint.severity() != Severity::Whole);
    assert_eq!(is_whole, Summary::of(&view).is_ok());
    let (mut one, mut other) = (OfferAnswer::new(origin(1)), OfferAnswer::new(origin(2)));
    let Ok(offer) = one.offer(Vehicle::Invite, said.clone()) else { return };
    assert_eq!(other.receive(Vehicle::Invite, &offer.view()).is_ok(), is_whole);
    if other.answer(Vehicle::InviteOk, said.clone()).is_ok() {
        let answer = other.agreed().expect("an answer was given").ours.clone();
        one.receive(Vehicle::InviteOk, &answer.view()).expect("an answer without complaint");
        let agreed = (one.agreed().expect("agreed"), other.agreed().expect("agreed"));
        assert_eq!((&agreed.0.ours, &agreed.0.theirs), (&agreed.1.theirs, &agreed.1.ours));
    }
}

/// What is derived can be read, and has a stream for each.
fn carry(description: &Description<'_>) {
    let transport = || Box::new(LegTransport::plain(([192, 0, 2, 1], 4_000).into()));
    let slots = match_slots(description, None, &[]);
    assert_eq!(slots.len(), description.media.len());
    let slots = slots.into_iter().flatten().map(|from| Slot::Stream { from, transport: transport() });
    let address = [192, 0, 2, 1].into();
    let leg = Leg { address, has_bundle: true, keeps_sources: true, slots: slots.collect() };
    let (offer, answer) =
        (derive_offer(description, None, &leg), derive_answer(description, description, &leg));
    for derived in [offer, answer].into_iter().flatten() {
        let bytes = derived.to_bytes();
        // A description at the limit may have grown beyond it, which whoever sends it is told.
        let Ok(again) = parse(&bytes) else { continue };
        assert_eq!(again.media.len(), description.media.len());
        Summary::of(&again).expect("what is derived has one reading");
    }
}

fn fragment(data: &[u8]) {
    let Ok(fragment) = IceFragment::parse(data) else { return };
    let mut out = Vec::new();
    fragment.write(&mut out);
    assert_eq!(IceFragment::parse(&out).as_ref(), Ok(&fragment), "{}", out.escape_ascii());
}
