use super::*;
use crate::{MediaDescription, parse};
use Vehicle::*;

fn origin() -> Origin {
    Origin { username: "-".into(), session_id: 7, version: 100, address: [192, 0, 2, 9].into() }
}

fn end() -> OfferAnswer {
    OfferAnswer::new(origin())
}

/// One audio stream with these formats.
fn audio(port: u16, formats: &str, direction: &str) -> SessionDescription {
    let mut description = SessionDescription::new();
    description.set_connection([192, 0, 2, 9].into());
    let mut media = MediaDescription::new("audio", port, "RTP/AVP", formats);
    media.push_flag(direction);
    description.media.push(media);
    description
}

fn said() -> SessionDescription {
    audio(4_000, "0 8", "sendrecv")
}

fn version(description: &SessionDescription) -> u64 {
    description.origin().expect("an o= line").version
}

fn receive(
    end: &mut OfferAnswer,
    vehicle: Vehicle,
    description: &SessionDescription,
) -> Result<Received, Refusal> {
    end.receive(vehicle, &description.view())
}

const ANSWER: Received = Received::Answer { complaints: Vec::new() };
const PREVIEW: Received = Received::Preview { complaints: Vec::new() };
const NEW_OFFER: Received = Received::Offer { is_new: true };

/// An end that has offered `said()` in an INVITE and was answered in its 2xx.
fn established() -> OfferAnswer {
    let mut us = end();
    us.offer(Invite, said()).expect("an offer");
    receive(&mut us, InviteOk, &said()).expect("an answer");
    us
}

/// RFC 6337 section 2.2, table 1, from both sides.
#[test]
fn each_of_the_six_patterns_completes_an_exchange() {
    let before: [(&[Vehicle], Vehicle, Vehicle); 6] = [
        (&[], Invite, InviteOk),
        (&[Invite], InviteOk, Ack),
        (&[], Invite, ReliableProvisional),
        (&[Invite], ReliableProvisional, Prack),
        (&[Invite, ReliableProvisional], Prack, PrackOk),
        (&[], Update, UpdateOk),
    ];
    for (first, offers, answers) in before {
        let (mut a, mut b) = (end(), end());
        let from_b = matches!(offers, InviteOk | ReliableProvisional);
        match first {
            [Invite] => {
                a.sent_without(Invite).expect("asks");
                assert_eq!(b.received_without(Invite), Ok(Received::Asked));
            }
            [Invite, ReliableProvisional] => {
                let offer = a.offer(Invite, said()).expect("an offer");
                receive(&mut b, Invite, &offer).expect("taken");
                let answer = b.answer(ReliableProvisional, said()).expect("an answer");
                receive(&mut a, ReliableProvisional, &answer).expect("taken");
            }
            _ => {}
        }
        let (one, other) = if from_b { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let offer = one.offer(offers, audio(5_000, "0", "sendonly")).expect("an offer");
        assert_eq!(receive(other, offers, &offer), Ok(NEW_OFFER), "{offers:?}");
        assert_eq!(one.outstanding().map(|(by, _)| by), Some(Side::Us));
        let answer = other.answer(answers, audio(6_000, "0", "recvonly")).expect("an answer");
        assert_eq!(receive(one, answers, &answer), Ok(ANSWER), "{answers:?}");
        let agreed = (one.agreed().expect("agreed"), other.agreed().expect("agreed"));
        assert_eq!((&agreed.0.ours, &agreed.0.theirs), (&agreed.1.theirs, &agreed.1.ours));
        assert_eq!((agreed.0.offerer, agreed.1.offerer), (Side::Us, Side::Them));
        assert!(one.outstanding().is_none() && other.outstanding().is_none());
    }
}

/// RFC 3261 section 14.2, RFC 3311 section 5.2.
#[test]
fn crossing_offers_are_glare_and_a_second_offer_has_to_wait() {
    for (ours, theirs) in [(Invite, Invite), (Invite, Update), (Update, Invite), (Update, Update)] {
        let mut us = established();
        us.offer(ours, audio(4_000, "0", "sendonly")).expect("an offer");
        let refusal = receive(&mut us, theirs, &said()).expect_err("glare");
        assert_eq!((refusal.status(), &refusal), (Some(491), &Refusal::Glare), "{ours:?} {theirs:?}");
        assert_eq!(us.outstanding().map(|(by, _)| by), Some(Side::Us));
        let mut us = established();
        receive(&mut us, ours, &said()).expect("an offer");
        let refusal = receive(&mut us, theirs, &said()).expect_err("overlap");
        assert_eq!((refusal.status(), &refusal), (Some(500), &Refusal::Overlap), "{ours:?} {theirs:?}");
        assert_eq!(us.offer(Update, said()), Err(SendError::Busy));
    }
}

#[test]
fn an_invite_that_waits_for_an_offer_crosses_another_too() {
    let mut us = established();
    us.sent_without(Invite).expect("asks");
    assert_eq!(us.received_without(Invite), Err(Refusal::Glare));
    assert_eq!(receive(&mut us, Invite, &said()), Err(Refusal::Glare));
    assert_eq!(us.offer(Update, said()), Err(SendError::Busy));
    let mut us = established();
    us.received_without(Invite).expect("asked");
    assert_eq!(receive(&mut us, Update, &said()), Err(Refusal::Overlap));
    assert_eq!(us.asked(), Some(Side::Us));
    assert_eq!(us.sent_without(InviteOk), Err(SendError::WrongVehicle));
    assert_eq!(us.sent_without(ReliableProvisional), Err(SendError::WrongVehicle));
}

/// RFC 3261 section 13.2.1, RFC 6337 section 3.1.1.
#[test]
fn an_answer_is_previewed_given_and_repeated() {
    let (mut a, mut b) = (end(), end());
    let offer = a.offer(Invite, said()).expect("an offer");
    receive(&mut b, Invite, &offer).expect("taken");
    let preview = b.answer(Provisional, said()).expect("a preview");
    assert_eq!(receive(&mut a, Provisional, &preview), Ok(PREVIEW));
    assert!(a.agreed().is_none() && a.preview().is_some());
    assert_eq!(b.answer(InviteOk, audio(4_000, "0", "sendrecv")), Err(SendError::AnswerDiffers));
    let answer = b.answer(ReliableProvisional, said()).expect("an answer");
    assert_eq!(answer, preview);
    assert_eq!(receive(&mut a, ReliableProvisional, &answer), Ok(ANSWER));
    assert_eq!(b.answer(InviteOk, audio(4_000, "0", "sendrecv")), Err(SendError::AnswerDiffers));
    assert_eq!(b.answer_given(), Some(&answer));
    assert_eq!(b.answer(InviteOk, said()), Ok(answer.clone()));
    let other = audio(9_000, "8", "sendrecv");
    assert_eq!(receive(&mut a, InviteOk, &other), Ok(Received::Repeated));
    assert_eq!(a.agreed().map(|agreed| &agreed.theirs), Some(&answer));
    // The INVITE is over: now it is out of place.
    assert_eq!(receive(&mut a, InviteOk, &other), Err(Refusal::Unexpected));
    assert!(a.may_offer(Invite) && b.may_offer(Invite));
}

#[test]
fn what_follows_early_media_is_what_counts() {
    let mut us = end();
    us.offer(Invite, said()).expect("an offer");
    receive(&mut us, Provisional, &audio(6_000, "0", "sendonly")).expect("early media");
    assert_eq!(receive(&mut us, InviteOk, &audio(7_000, "8", "sendrecv")), Ok(ANSWER));
    assert_eq!(us.agreed().map(|agreed| agreed.theirs.media[0].port), Some(7_000));
}

#[test]
fn a_success_without_the_answer_that_was_previewed_is_taken_and_without_any_is_not() {
    let mut us = end();
    us.offer(Invite, said()).expect("an offer");
    assert_eq!(us.received_without(Provisional), Ok(Received::Nothing));
    assert_eq!(us.received_without(ReliableProvisional), Ok(Received::Nothing));
    assert_eq!(us.received_without(InviteOk), Err(Refusal::NoAnswer));
    receive(&mut us, Provisional, &audio(6_000, "0", "sendrecv")).expect("early media");
    assert_eq!(us.received_without(InviteOk), Ok(ANSWER));
    assert_eq!(us.agreed().map(|agreed| agreed.theirs.media[0].port), Some(6_000));
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let (mut a, mut b) = (end(), end());
    a.sent_without(Invite).expect("asks");
    b.received_without(Invite).expect("asked");
    assert_eq!(receive(&mut a, Provisional, &said()), Ok(Received::Nothing));
    let offer = b.offer(InviteOk, said()).expect("an offer");
    receive(&mut a, InviteOk, &offer).expect("taken");
    assert_eq!(a.sent_without(Ack), Err(SendError::WrongVehicle));
    assert_eq!(b.received_without(Ack), Err(Refusal::NoAnswer));
    let answer = a.answer(Ack, audio(6_000, "8", "sendrecv")).expect("an answer");
    assert_eq!(receive(&mut b, Ack, &answer), Ok(ANSWER));
}

/// RFC 3261 section 14.1, RFC 6141 section 3.4.
#[test]
fn a_failed_reinvite_leaves_the_session_as_it_was() {
    let mut us = established();
    let before = us.agreed().cloned();
    us.offer(Invite, audio(4_000, "0 8", "sendonly")).expect("an offer");
    receive(&mut us, Provisional, &audio(4_000, "0", "recvonly")).expect("a preview");
    assert_eq!(us.failed(Invite), Rollback::OfferWithdrawn);
    assert_eq!((us.agreed(), us.hold(0)), (before.as_ref(), Hold::default()));
    assert!(us.may_offer(Invite) && us.preview().is_none());
    us.received_without(Invite).expect("asked");
    assert_eq!(us.failed(Invite), Rollback::OfferWithdrawn);
    assert_eq!(us.failed(Invite), Rollback::Nothing);
}

#[test]
fn a_reinvite_that_fails_after_its_answer_has_changed_the_session() {
    let mut us = established();
    us.offer(Invite, audio(4_000, "0 8", "sendonly")).expect("an offer");
    receive(&mut us, ReliableProvisional, &audio(4_000, "0", "recvonly")).expect("an answer");
    assert_eq!(us.failed(Invite), Rollback::AlreadyChanged);
    assert!(us.hold(0).by_us && us.may_offer(Invite));
}

#[test]
fn an_update_within_an_invite_lives_on_when_the_invite_fails() {
    let mut us = end();
    us.offer(Invite, said()).expect("an offer");
    assert!(!us.may_offer(Update));
    receive(&mut us, ReliableProvisional, &said()).expect("an answer");
    us.offer(Update, audio(4_000, "0", "sendrecv")).expect("an offer");
    assert_eq!(us.failed(Invite), Rollback::AlreadyChanged);
    assert_eq!(receive(&mut us, UpdateOk, &audio(4_000, "0", "sendrecv")), Ok(ANSWER));
    us.offer(Update, said()).expect("an offer");
    assert_eq!(us.failed(Update), Rollback::OfferWithdrawn);
}

/// RFC 3264 section 8.
#[test]
fn the_version_grows_by_one_with_what_is_new_and_the_rest_of_the_origin_stays() {
    let mut us = end();
    let first = us.offer(Invite, said()).expect("an offer");
    assert_eq!(first.origin(), Some(origin()));
    receive(&mut us, InviteOk, &said()).expect("an answer");
    let same = us.offer(Update, said()).expect("an offer");
    assert_eq!(same, first);
    receive(&mut us, UpdateOk, &said()).expect("an answer");
    let new = us.offer(Invite, audio(4_000, "0", "sendrecv")).expect("an offer");
    assert_eq!(version(&new), 101);
    us.failed(Invite);
    let back = us.offer(Invite, said()).expect("an offer");
    assert_eq!(back.origin(), Some(Origin { version: 102, ..origin() }));
}

#[test]
fn streams_are_never_taken_away() {
    let mut two = said();
    two.media.push(MediaDescription::new("video", 0, "RTP/AVP", "31"));
    let mut us = end();
    receive(&mut us, Invite, &two).expect("an offer");
    us.answer(InviteOk, two.clone()).expect("an answer");
    let removed = Complaint::MediaRemoved { before: 2, now: 1 };
    assert_eq!(receive(&mut us, Invite, &said()), Err(Refusal::Offer(removed)));
    assert_eq!(us.offer(Invite, said()), Err(SendError::Complaint(removed)));
    // The slot that was refused is used anew, for something else (RFC 3264 section 8.1).
    let mut again = two.clone();
    again.media[1] = MediaDescription::new("audio", 4_002, "RTP/AVP", "0");
    assert!(us.offer(Invite, again).is_ok());
}

#[test]
fn a_refresh_is_told_from_a_new_offer() {
    let mut us = established();
    let mut refresh = said();
    refresh.set_origin(&origin());
    assert_eq!(receive(&mut us, Update, &refresh), Ok(Received::Offer { is_new: false }));
    us.answer(UpdateOk, said()).expect("an answer");
    assert_eq!(receive(&mut us, Update, &audio(4_000, "0", "sendonly")), Ok(NEW_OFFER));
}

#[test]
fn hold_is_known_on_both_sides_and_ends() {
    let (mut a, mut b) = (end(), end());
    let mut exchange = |offer: &str, answer: &str| {
        let offer = a.offer(Update, audio(4_000, "0", offer)).expect("an offer");
        receive(&mut b, Update, &offer).expect("taken");
        let answer = b.answer(UpdateOk, audio(5_000, "0", answer)).expect("an answer");
        receive(&mut a, UpdateOk, &answer).expect("taken");
        ((a.hold(0).by_us, a.hold(0).by_them), (b.hold(0).by_us, b.hold(0).by_them))
    };
    assert_eq!(exchange("sendrecv", "sendrecv"), ((false, false), (false, false)));
    assert_eq!(exchange("sendonly", "recvonly"), ((true, false), (false, true)));
    assert_eq!(exchange("sendonly", "inactive"), ((true, true), (true, true)));
    assert_eq!(exchange("sendrecv", "sendonly"), ((false, true), (true, false)));
    assert_eq!(exchange("sendrecv", "sendrecv"), ((false, false), (false, false)));
}

/// RFC 3264 section 8.4.
#[test]
fn an_address_of_zeros_is_a_hold() {
    let mut us = established();
    let mut held = said();
    held.set_connection([0, 0, 0, 0].into());
    receive(&mut us, Invite, &held).expect("an offer");
    us.answer(InviteOk, audio(4_000, "0", "recvonly")).expect("an answer");
    assert!(us.hold(0).by_them && !us.hold(0).by_us);
}

#[test]
fn an_answer_of_the_wrong_shape_changes_nothing() {
    let mut us = end();
    us.offer(Invite, said()).expect("an offer");
    let mut two = said();
    two.media.push(MediaDescription::new("video", 0, "RTP/AVP", "31"));
    let complaint = Complaint::MediaCount { offered: 1, answered: 2 };
    assert_eq!(receive(&mut us, InviteOk, &two), Err(Refusal::Answer(vec![complaint])));
    assert!(us.outstanding().is_some());
    let mild = Complaint::Direction { media: 0 };
    let mut held = established();
    held.offer(Update, audio(4_000, "0 8", "sendonly")).expect("an offer");
    assert_eq!(receive(&mut held, UpdateOk, &said()), Ok(Received::Answer { complaints: vec![mild] }));
    assert!(held.hold(0).by_us && !held.hold(0).by_them);
    let mut own = end();
    receive(&mut own, Invite, &audio(4_000, "0", "sendonly")).expect("an offer");
    assert_eq!(own.answer(InviteOk, said()), Err(SendError::Complaint(mild)));
}

#[test]
fn an_offer_that_has_two_readings_is_refused() {
    let mut us = end();
    let text = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=recvonly\r\n";
    let refusal = us.receive(Invite, &parse(text).expect("a description")).expect_err("refused");
    assert_eq!(refusal.status(), Some(488));
    assert!(us.outstanding().is_none() && us.may_offer(Invite));
}

/// Encryption that was agreed is not talked away, by an offer of either side.
#[test]
fn an_encrypted_stream_is_not_offered_in_clear_later() {
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let keyed = |proto: &str| {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 {proto} 0\r\n{key}\r\n");
        SessionDescription::from(&parse(text.as_bytes()).expect("a description"))
    };
    let encrypted = |proto: &str| {
        let mut us = end();
        receive(&mut us, Invite, &keyed(proto)).expect("an offer");
        us.answer(InviteOk, keyed(proto)).expect("an answer");
        us
    };
    let mut us = encrypted("RTP/SAVP");
    let refusal = Refusal::Offer(Complaint::Downgrade { media: 0 });
    for clear in [said(), keyed("RTP/AVP")] {
        for vehicle in [Invite, Update] {
            assert_eq!(receive(&mut us, vehicle, &clear), Err(refusal.clone()));
            let sent = us.offer(vehicle, clear.clone());
            assert_eq!(sent, Err(SendError::Complaint(Complaint::Downgrade { media: 0 })));
        }
    }
    assert_eq!(refusal.status(), Some(488));
    let mut switched_off = said();
    switched_off.media[0].port = 0;
    assert!(receive(&mut us, Invite, &switched_off).is_ok());
    assert!(receive(&mut encrypted("RTP/AVP"), Invite, &said()).is_ok());
    let mut fax = said();
    fax.media[0] = MediaDescription::new("image", 4_000, "udptl", "t38");
    assert!(receive(&mut encrypted("RTP/SAVP"), Invite, &fax).is_ok());
}

#[test]
fn an_end_that_was_written_down_goes_on_where_it_was() {
    let mut us = established();
    us.offer(Update, audio(4_000, "0", "sendonly")).expect("an offer");
    receive(&mut us, UpdateOk, &audio(5_000, "0", "recvonly")).expect("an answer");
    let agreed = us.agreed().expect("agreed").clone();
    let mut again = OfferAnswer::restored(us.origin().clone(), agreed, us.holds().to_vec());
    assert_eq!((again.agreed(), again.hold(0)), (us.agreed(), us.hold(0)));
    for end in [&mut us, &mut again] {
        let refresh = end.offer(Invite, audio(4_000, "0", "sendonly")).expect("an offer");
        assert_eq!(version(&refresh), 101);
        end.failed(Invite);
        assert_eq!(version(&end.offer(Invite, said()).expect("an offer")), 102);
    }
}
