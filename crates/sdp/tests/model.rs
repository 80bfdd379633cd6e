//! Two ends of a dialog and what travels between them, driven at random, against a model that knows only who has offered
//! what. Everything that an end lets out must be taken by the other unless it crosses something, and whatever happens
//! both agree whenever nothing is under way.

use coeur_sdp::offer_answer::{Received, Refusal, Rollback, SendError, Side, Vehicle};
use coeur_sdp::{MediaDescription, OfferAnswer, Origin, SessionDescription};

/// A small generator of the tests' own: the same seeds give the same runs for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

fn end(id: u64) -> OfferAnswer {
    let address = [192, 0, 2, id as u8].into();
    OfferAnswer::new(Origin { username: "-".into(), session_id: id, version: 1, address })
}

fn offer(random: &mut Random, streams: usize) -> SessionDescription {
    let mut description = SessionDescription::new();
    description.set_connection([192, 0, 2, 77].into());
    for _ in 0..streams {
        let port = [0, 4_000, 5_000][random.below(3)];
        let mut media = MediaDescription::new("audio", port, "RTP/AVP", ["0", "0 8"][random.below(2)]);
        media.push_flag(["sendrecv", "sendonly", "recvonly", "inactive"][random.below(4)]);
        description.media.push(media);
    }
    description
}

/// An answer that keeps to the offer.
fn answer(random: &mut Random, offer: &SessionDescription) -> SessionDescription {
    let view = offer.view();
    let mut description = SessionDescription::new();
    description.set_connection([192, 0, 2, 78].into());
    for (index, media) in offer.media.iter().enumerate() {
        let mut media = MediaDescription { lines: Vec::new(), ..media.clone() };
        if random.below(6) == 0 {
            media.port = 0;
        }
        let wanted = coeur_sdp::Direction::ALL[random.below(4)];
        media.set_direction(view.direction(index).mirrored().and(wanted));
        description.media.push(media);
    }
    description
}

/// What both ends have in common, as a reader of the RFCs would keep it by hand.
#[derive(Default)]
struct Model {
    /// Who asked by an INVITE without description, or has an INVITE under way.
    invite: Option<usize>,
    offered: Option<(usize, Vehicle)>,
    /// The answer to the INVITE's own offer was given reliably.
    has_answered: bool,
    exchanges: usize,
}

/// The legal next messages: (sender, vehicle, whether it carries an offer, an answer or nothing).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Carries {
    Offer,
    Answer,
    Nothing,
}

impl Model {
    fn legal(&self) -> Vec<(usize, Vehicle, Carries)> {
        use Carries::{Answer, Nothing, Offer};
        let mut moves = Vec::new();
        match (self.offered, self.invite) {
            (Some((by, Vehicle::Invite)), _) => {
                for vehicle in [Vehicle::Provisional, Vehicle::ReliableProvisional, Vehicle::InviteOk] {
                    moves.push((1 - by, vehicle, Answer));
                }
                moves.push((1 - by, Vehicle::Provisional, Nothing));
            }
            (Some((by, vehicle)), _) => {
                let answers = match vehicle {
                    Vehicle::InviteOk => Vehicle::Ack,
                    Vehicle::ReliableProvisional => Vehicle::Prack,
                    Vehicle::Prack => Vehicle::PrackOk,
                    Vehicle::Update => Vehicle::UpdateOk,
                    _ => unreachable!("no other message offers"),
                };
                moves.push((1 - by, answers, Answer));
            }
            (None, Some(by)) if self.has_answered => {
                moves.extend([(1 - by, Vehicle::InviteOk, Nothing), (1 - by, Vehicle::InviteOk, Answer)]);
                moves.extend([
                    (by, Vehicle::Prack, Offer),
                    (0, Vehicle::Update, Offer),
                    (1, Vehicle::Update, Offer),
                ]);
            }
            (None, Some(by)) => {
                moves.extend([
                    (1 - by, Vehicle::InviteOk, Offer),
                    (1 - by, Vehicle::ReliableProvisional, Offer),
                ]);
            }
            (None, None) => {
                for side in [0, 1] {
                    moves.extend([(side, Vehicle::Invite, Offer), (side, Vehicle::Invite, Nothing)]);
                    moves.push((side, Vehicle::Update, Offer));
                }
            }
        }
        moves
    }

    fn step(&mut self, (by, vehicle, carries): (usize, Vehicle, Carries)) {
        if vehicle == Vehicle::Invite {
            (self.invite, self.has_answered) = (Some(by), false);
        }
        match carries {
            Carries::Offer => self.offered = Some((by, vehicle)),
            Carries::Answer if vehicle != Vehicle::Provisional => {
                // With the late offer answered, the INVITE has had its exchange as well.
                self.has_answered |= self.offered.is_some() && self.invite.is_some();
                self.exchanges += usize::from(self.offered.is_some());
                self.offered = None;
            }
            Carries::Answer | Carries::Nothing => {}
        }
        if vehicle == Vehicle::InviteOk {
            self.invite = None;
        }
    }
}

fn assert_agreed(ends: &[OfferAnswer; 2]) {
    let Some(one) = ends[0].agreed() else { return assert!(ends[1].agreed().is_none()) };
    let other = ends[1].agreed().expect("both agreed");
    assert_eq!((&one.ours, &one.theirs), (&other.theirs, &other.ours));
    assert_ne!(one.offerer, other.offerer);
    for media in 0..one.ours.media.len() {
        let (one, other) = (ends[0].hold(media), ends[1].hold(media));
        assert_eq!((one.by_us, one.by_them), (other.by_them, other.by_us));
    }
}

/// The version of what is sent grows by one with what is new, and never goes back.
fn assert_version(last: &mut Option<SessionDescription>, sent: &SessionDescription) {
    let version = |description: &SessionDescription| description.origin().expect("an o= line").version;
    if let Some(last) = last {
        let grown = u64::from(!last.says_the_same(sent));
        assert_eq!(version(sent), version(last) + grown);
    }
    *last = Some(sent.clone());
}

/// Legal messages one after the other, in lockstep.
#[test]
fn legal_messages_are_taken_and_both_ends_agree() {
    let mut exchanges = 0;
    for seed in 0..150 {
        let mut random = Random(seed);
        let mut ends = [end(1), end(2)];
        let mut sent = [None, None];
        let (mut model, mut streams) = (Model::default(), 1);
        for _ in 0..60 {
            let moves = model.legal();
            let (by, vehicle, carries) = moves[random.below(moves.len())];
            assert_eq!(
                ends[by].may_offer(vehicle),
                carries == Carries::Offer || can_offer_too(&moves, by, vehicle)
            );
            if random.below(12) == 0 && model.invite.is_some() {
                fail(&mut ends, &mut model);
                continue;
            }
            match carries {
                Carries::Offer => {
                    streams = (streams + usize::from(random.below(4) == 0)).min(5);
                    let offer = ends[by].offer(vehicle, offer(&mut random, streams)).expect("a legal offer");
                    assert_version(&mut sent[by], &offer);
                    let taken = ends[1 - by].receive(vehicle, &offer.view());
                    assert!(matches!(taken, Ok(Received::Offer { .. })), "{seed} {vehicle:?} {taken:?}");
                }
                Carries::Answer => give_answer(&mut random, &mut ends, &mut sent, by, vehicle),
                Carries::Nothing => {
                    ends[by].sent_without(vehicle).expect("legal");
                    ends[1 - by].received_without(vehicle).expect("legal");
                }
            }
            model.step((by, vehicle, carries));
            if model.offered.is_none() {
                assert_agreed(&ends);
            }
            let outstanding = ends[0].outstanding().map(|(side, _)| usize::from(side == Side::Them));
            assert_eq!(outstanding, model.offered.map(|(by, _)| by));
        }
        exchanges += model.exchanges;
    }
    assert!(exchanges > 1_500, "{exchanges} exchanges");
}

fn can_offer_too(moves: &[(usize, Vehicle, Carries)], by: usize, vehicle: Vehicle) -> bool {
    moves.contains(&(by, vehicle, Carries::Offer))
}

/// The answer that was given before is given again; a new one is made up.
fn give_answer(
    random: &mut Random,
    ends: &mut [OfferAnswer; 2],
    sent: &mut [Option<SessionDescription>; 2],
    by: usize,
    vehicle: Vehicle,
) {
    use Vehicle::{InviteOk, Provisional, ReliableProvisional};
    let to_invite = matches!(vehicle, Provisional | ReliableProvisional | InviteOk);
    let given = ends[by].answer_given().filter(|_| to_invite).cloned();
    let offer = ends[by].outstanding().map(|(_, offer)| offer.clone());
    let answer = match (given, offer) {
        (Some(given), _) => given,
        (None, Some(offer)) => answer(random, &offer),
        // The INVITE was answered by an exchange of its responses: nothing is to be repeated.
        (None, None) => return nothing_to_repeat(ends, by, vehicle),
    };
    let answer = ends[by].answer(vehicle, answer).unwrap_or_else(|e| panic!("{vehicle:?} {e:?}"));
    assert_version(&mut sent[by], &answer);
    let taken = ends[1 - by].receive(vehicle, &answer.view());
    let clean = match &taken {
        Ok(Received::Answer { complaints } | Received::Preview { complaints }) => complaints.is_empty(),
        Ok(Received::Repeated) => true,
        _ => false,
    };
    assert!(clean, "{vehicle:?} {taken:?}");
}

fn nothing_to_repeat(ends: &mut [OfferAnswer; 2], by: usize, vehicle: Vehicle) {
    assert_eq!(ends[by].answer(vehicle, SessionDescription::new()), Err(SendError::WrongVehicle));
    ends[by].sent_without(vehicle).expect("legal");
    ends[1 - by].received_without(vehicle).expect("legal");
}

/// The INVITE fails on both sides: what was agreed before stays, or what was agreed within it.
fn fail(ends: &mut [OfferAnswer; 2], model: &mut Model) {
    let before = ends.clone().map(|end| end.agreed().cloned());
    let left = [ends[0].failed(Vehicle::Invite), ends[1].failed(Vehicle::Invite)];
    assert_eq!(left[0], left[1]);
    assert_ne!(left[0], Rollback::Nothing);
    assert_eq!(ends.clone().map(|end| end.agreed().cloned()), before);
    model.invite = None;
    let within = |vehicle| !matches!(vehicle, Vehicle::Update | Vehicle::Prack);
    if model.offered.is_some_and(|(_, vehicle)| within(vehicle)) {
        model.offered = None;
    }
    if let Some((_, vehicle)) = model.offered.take() {
        assert_eq!(ends.each_mut().map(|end| end.failed(vehicle)), [Rollback::OfferWithdrawn; 2]);
    }
    assert!(ends.iter().all(|end| end.outstanding().is_none() && end.may_offer(Vehicle::Invite)));
}

/// Anything in any message at any time: an end says no without changing, and never panics.
#[test]
fn illegal_messages_change_nothing() {
    let (mut refused, mut taken) = (0, 0);
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut us = end(1);
        for _ in 0..40 {
            let vehicle = Vehicle::ALL[random.below(Vehicle::ALL.len())];
            let streams = 1 + random.below(2);
            let before = format!("{us:?}");
            let description = offer(&mut random, streams);
            let is_refused = match random.below(6) {
                0 => us.offer(vehicle, description).is_err(),
                1 => us.answer(vehicle, description).is_err(),
                2 => us.receive(vehicle, &description.view()).is_err(),
                3 => us.sent_without(vehicle).is_err(),
                4 => us.received_without(vehicle).is_err(),
                _ => {
                    let left = us.failed(vehicle);
                    assert!(
                        left != Rollback::Nothing
                            || format!("{us:?}") == before
                            || vehicle == Vehicle::Invite
                    );
                    false
                }
            };
            if is_refused {
                assert_eq!(format!("{us:?}"), before, "{seed} {vehicle:?}");
            }
            refused += usize::from(is_refused);
            taken += usize::from(!is_refused);
        }
    }
    assert!(refused > 3_000 && taken > 2_000, "{refused} refused, {taken} taken");
}

/// Both begin at once: each refuses the other, both withdraw, and one of them comes first the next time (RFC 3261
/// section 14.1).
#[test]
fn after_glare_both_are_as_before() {
    let mut random = Random(7);
    for vehicle in [Vehicle::Invite, Vehicle::Update] {
        let mut ends = [end(1), end(2)];
        let first = ends[0].offer(Vehicle::Invite, offer(&mut random, 1)).expect("an offer");
        ends[1].receive(Vehicle::Invite, &first.view()).expect("taken");
        let reply = answer(&mut random, &first);
        let reply = ends[1].answer(Vehicle::InviteOk, reply).expect("an answer");
        ends[0].receive(Vehicle::InviteOk, &reply.view()).expect("taken");
        let crossing = [0, 1].map(|by| ends[by].offer(vehicle, offer(&mut random, 1)).expect("an offer"));
        for (by, offer) in crossing.iter().enumerate() {
            assert_eq!(ends[1 - by].receive(vehicle, &offer.view()), Err(Refusal::Glare));
        }
        assert_eq!(ends.each_mut().map(|end| end.failed(vehicle)), [Rollback::OfferWithdrawn; 2]);
        assert_agreed(&ends);
        let again = ends[1].offer(vehicle, offer(&mut random, 1)).expect("an offer");
        assert!(ends[0].receive(vehicle, &again.view()).is_ok());
    }
}
