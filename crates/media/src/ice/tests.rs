//! Agent against agent through NATs, and an agent among attackers.

use super::world::{SHAPES, Shape, World, credentials, settings};
use super::*;
use crate::address::{PeerPolicy, policy_of_the_matrix};
use crate::stun::{Class, Integrity, Key, Kind, Message, Method, TransactionId, Writer};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn pair(modes: [Mode; 2], roles: [Role; 2], shapes: [Shape; 2], seed: u64) -> World {
    pair_in(World::new(seed), modes, roles, shapes)
}

fn pair_in(mut world: World, modes: [Mode; 2], roles: [Role; 2], shapes: [Shape; 2]) -> World {
    for end in 0..2 {
        world.add(modes[end], roles[end], shapes[end]);
    }
    world.introduce(0, 1);
    world
}

const FULL: [Mode; 2] = [Mode::Full, Mode::Full];
const ROLES: [Role; 2] = [Role::Controlling, Role::Controlled];

#[test]
fn two_peers_meet_through_all_nats_that_let_them() {
    for (seed, one) in SHAPES.into_iter().enumerate() {
        for other in SHAPES {
            let mut world = pair(FULL, ROLES, [one, other], seed as u64 + 1);
            world.run(5 * SECOND);
            let strict = |shape| matches!(shape, Shape::Symmetric | Shape::PortRestricted);
            let possible =
                !(strict(one) && strict(other) && (one == Shape::Symmetric || other == Shape::Symmetric));
            assert_eq!(world.is_connected(0, 1), possible, "{one:?} and {other:?}");
            if !possible {
                world.run(30 * SECOND);
                assert_eq!(world.ends[0].told, [Output::Failed], "{one:?} and {other:?}");
            }
        }
    }
}

#[test]
fn a_lite_server_and_a_full_server_are_reached_through_every_nat() {
    for mode in [Mode::Lite, Mode::Full] {
        for roles in [ROLES, [Role::Controlled, Role::Controlling]] {
            for shape in SHAPES {
                let mut world = pair([mode, Mode::Full], roles, [Shape::Open, shape], 7);
                world.run(2 * SECOND);
                assert!(world.is_connected(0, 1), "{mode:?} {roles:?} {shape:?}");
                if mode == Mode::Lite {
                    assert_eq!(world.ends[0].agent.role(), Role::Controlled);
                    assert_eq!(world.ends[1].agent.role(), Role::Controlling);
                }
            }
        }
    }
}

#[test]
fn a_lite_agent_sends_nothing_but_answers() {
    let mut world = pair([Mode::Lite, Mode::Full], ROLES, [Shape::Open, Shape::Symmetric], 3);
    world.mute = Some(1);
    world.run(20 * SECOND);
    assert_eq!(world.ends[0].sent, 0);
    assert_eq!(world.ends[0].agent.selected(), None);
}

#[test]
fn peers_meet_over_a_network_that_loses_a_third() {
    for seed in 1..=60 {
        for modes in [FULL, [Mode::Lite, Mode::Full]] {
            let mut world = pair(modes, ROLES, [Shape::Open, Shape::PortRestricted], seed);
            world.loss = 33;
            world.run(20 * SECOND);
            assert!(world.is_connected(0, 1), "seed {seed}, {modes:?}");
        }
    }
}

#[test]
fn a_role_conflict_ends_with_one_of_each() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 1..=20 {
            let mut world = pair(FULL, [role, role], [Shape::Open, Shape::Restricted], seed);
            world.run(5 * SECOND);
            assert!(world.is_connected(0, 1), "{role:?}, seed {seed}");
            assert_ne!(world.ends[0].agent.role(), world.ends[1].agent.role(), "{role:?}, seed {seed}");
        }
    }
}

#[test]
fn the_best_pair_is_chosen_when_two_are_possible() {
    let mut world = World::new(1);
    world.add(Mode::Full, Role::Controlling, Shape::Open);
    world.add(Mode::Full, Role::Controlled, Shape::FullCone);
    world.introduce(0, 1);
    let host = world.ends[1].host;
    world.run(5 * SECOND);
    // The host candidate behind the NAT is better by priority, and cannot be reached.
    let selected = world.ends[0].agent.selected().expect("a pair");
    assert_ne!(selected.1, host);
}

#[test]
fn a_restart_keeps_the_pair_until_there_is_another() {
    for modes in [FULL, [Mode::Lite, Mode::Full]] {
        let mut world = pair(modes, ROLES, [Shape::Open, Shape::Symmetric], 9);
        world.run(2 * SECOND);
        let before = world.ends[0].agent.selected();
        assert!(before.is_some());
        world.ends[0].agent.restart(credentials(11));
        world.ends[1].agent.restart(credentials(12));
        assert_eq!(world.ends[0].agent.selected(), before);
        // Consent and checks of the old session go on in both directions.
        world.run(40 * SECOND);
        assert_eq!(world.ends[0].agent.selected(), before);
        assert!(!world.ends.iter().any(|end| end.told.contains(&Output::Lost)));
        let selected = |world: &World| {
            let is_selected = |output: &&Output| matches!(output, Output::Selected { .. });
            world.ends[1].told.iter().filter(is_selected).count()
        };
        assert_eq!(selected(&world), 1);
        world.introduce(0, 1);
        world.run(2 * SECOND);
        assert!(world.is_connected(0, 1), "{modes:?}");
        assert_eq!(selected(&world), 2);
    }
}

#[test]
fn a_peer_that_falls_silent_loses_our_consent_after_thirty_seconds() {
    let mut world = pair(FULL, ROLES, [Shape::Open, Shape::Open], 4);
    world.run(60 * SECOND);
    assert!(world.is_connected(0, 1));
    // A question each five seconds or so, and some messages before.
    assert!((20..60).contains(&world.ends[0].sent), "{} messages in a minute", world.ends[0].sent);
    world.mute = Some(1);
    world.run(23 * SECOND);
    assert!(world.ends[0].agent.selected().is_some());
    world.run(8 * SECOND);
    assert!(world.ends[0].told.contains(&Output::Lost));
    assert_eq!(world.ends[0].agent.selected(), None);
}

#[test]
fn a_phone_that_changes_its_address_is_found_again_by_its_checks() {
    // Its NAT forgets it: the same peer speaks from another port, and nominates that.
    let (mut agent, mut peer) = (lite(), Peer::new(10));
    let (old, new) = (address("198.51.100.9:1000"), address("198.51.100.9:2000"));
    peer.check(&mut agent, Monotonic::from_secs(1), old, true);
    assert_eq!(agent.selected().map(|pair| pair.1), Some(old));
    // Right away a worse or equal pair does not win: an aggressive peer nominates all.
    peer.check(&mut agent, Monotonic::from_secs(2), new, true);
    assert_eq!(agent.selected().map(|pair| pair.1), Some(old));
    peer.check(&mut agent, Monotonic::from_secs(8), new, true);
    assert_eq!(agent.selected().map(|pair| pair.1), Some(new));
}

const SERVER: &str = "198.51.100.1:5000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A lite agent at [`SERVER`] whose peer has the credentials 10.
fn lite() -> Agent {
    agent(Mode::Lite, Arc::new(PeerPolicy::default()))
}

fn agent(mode: Mode, policy: Arc<PeerPolicy>) -> Agent {
    let settings = Settings { policy, ..settings(mode, Role::Controlled, 1) };
    let mut agent = Agent::new(settings, credentials(1));
    let server = address(SERVER);
    let now = Monotonic::from_secs(1);
    assert!(agent.add_local(now, Candidate::local(CandidateKind::Host, 1, 65_535, server, server)));
    agent.set_remote(now, credentials(10), false);
    agent
}

/// Who writes checks by hand.
struct Peer {
    ours: Credentials,
    key: Key,
    priority: u32,
    transactions: u8,
}

impl Peer {
    fn new(nth: u8) -> Peer {
        let key = Key::short_term(credentials(1).password().as_bytes());
        Peer { ours: credentials(nth), key, priority: 1_000, transactions: 0 }
    }

    fn write(&mut self, end: impl FnOnce(&mut Writer<'_>, &Key)) -> Vec<u8> {
        self.transactions = self.transactions.wrapping_add(1);
        let mut out = Vec::new();
        let id = TransactionId([self.transactions; 12]);
        let mut writer = Writer::new(&mut out, Class::Request, Method::Binding, id);
        writer.check_username(credentials(1).fragment(), self.ours.fragment());
        end(&mut writer, &self.key);
        out
    }

    /// A right check, delivered; what it is answered.
    fn check(
        &mut self,
        agent: &mut Agent,
        now: Monotonic,
        from: SocketAddr,
        nominates: bool,
    ) -> Option<Vec<u8>> {
        let priority = self.priority;
        let bytes = self.write(|writer, key| {
            writer.word(Kind::Priority, priority).long(Kind::IceControlling, 5);
            if nominates {
                writer.flag(Kind::UseCandidate);
            }
            writer.integrity(Integrity::Sha1, key).fingerprint();
        });
        deliver(agent, now, from, &bytes)
    }
}

/// What a datagram is answered.
fn deliver(agent: &mut Agent, now: Monotonic, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    agent.receive(now, address(SERVER), from, bytes);
    let mut answer = None;
    while let Some(output) = agent.poll() {
        if let Output::Send { to, bytes, .. } = output
            && to == from
        {
            answer = Some(bytes);
        }
    }
    answer
}

#[test]
fn a_check_is_answered_with_the_address_it_came_from_and_our_integrity() {
    let (mut agent, mut peer) = (lite(), Peer::new(10));
    let from = address("203.0.113.5:6000");
    assert_eq!(agent.proven(from), None);
    let answer = peer.check(&mut agent, Monotonic::from_secs(1), from, false).expect("an answer");
    let answer = Message::read(&answer).expect("a message");
    assert_eq!((answer.class(), answer.mapped_address()), (Class::Success, Some(from)));
    assert!(answer.is_of(&peer.key) && answer.has_fingerprint());
    // It proves the path, and does not move media: nothing was nominated.
    assert!(agent.proven(from).is_some());
    assert_eq!(agent.proven(address("203.0.113.5:6001")), None);
    assert_eq!(agent.selected(), None);
}

#[test]
fn checks_without_the_integrity_of_the_session_move_and_are_answered_nothing() {
    let now = Monotonic::from_secs(1);
    let from = address("203.0.113.66:666");
    for mode in [Mode::Lite, Mode::Full] {
        let mut agent = agent(mode, Arc::new(PeerPolicy::default()));
        let mut peer = Peer::new(10);
        peer.check(&mut agent, now, address("203.0.113.5:6000"), true);
        let before = agent.selected();
        assert_eq!(before.is_some(), mode == Mode::Lite);
        let other = Key::short_term(credentials(2).password().as_bytes());
        let empty = Key::short_term(b"");
        let mut forged = 0;
        for round in 0..100_000u32 {
            let (fingerprint, nominates) = (round & 1 == 0, round & 2 == 0);
            let bytes = peer.write(|writer, key| {
                writer.word(Kind::Priority, 0x7fff_ffff).long(Kind::IceControlling, 5);
                if nominates {
                    writer.flag(Kind::UseCandidate);
                }
                match round >> 2 & 7 {
                    0 => {}
                    1 => {
                        writer.integrity(Integrity::Sha1, &other);
                    }
                    2 => {
                        writer.integrity(Integrity::Sha256, &other);
                    }
                    3 => {
                        writer.integrity(Integrity::Sha1, &empty);
                    }
                    4 => {
                        writer.value(Kind::MessageIntegrity, &[0; 20]);
                    }
                    5 => {
                        writer.value(Kind::MessageIntegrity, &[0; 8]);
                    }
                    // The right one, and a stronger one that is not.
                    6 => {
                        writer.integrity(Integrity::Sha1, key).integrity(Integrity::Sha256, &other);
                    }
                    _ => {
                        writer.value(Kind::MessageIntegrity, &[round as u8; 20]);
                    }
                }
                if fingerprint {
                    writer.fingerprint();
                }
            });
            forged += u32::from(deliver(&mut agent, now, from, &bytes).is_none());
        }
        assert_eq!(forged, 100_000, "one was answered");
        assert_eq!(agent.selected(), before);
        assert_eq!(agent.proven(from), None);
        let counters = agent.counters();
        assert_eq!(counters.integrity + counters.malformed, 100_000);
    }
}

#[test]
fn a_right_check_of_another_call_or_generation_is_of_a_stranger() {
    let now = Monotonic::from_secs(1);
    let mut agent = lite();
    // The peer of another call, which has learned our password.
    let mut other = Peer::new(11);
    assert_eq!(other.check(&mut agent, now, address("203.0.113.5:6000"), true), None);
    assert_eq!((agent.counters().stranger, agent.selected()), (1, None));
    let mut peer = Peer::new(10);
    peer.check(&mut agent, now, address("203.0.113.5:6000"), true);
    let before = agent.selected();
    assert!(before.is_some());
    // After a restart an old check is answered, and moves nothing.
    agent.restart(credentials(3));
    assert!(peer.check(&mut agent, now, address("203.0.113.7:6000"), true).is_some());
    assert_eq!(agent.selected(), before);
    assert_eq!(agent.proven(address("203.0.113.7:6000")), None);
}

#[test]
fn of_two_with_one_role_the_greater_tie_breaker_controls() {
    let (now, from) = (Monotonic::from_secs(1), address("203.0.113.5:6000"));
    for role in [Role::Controlling, Role::Controlled] {
        for (theirs, we_control) in [(0, true), (u64::MAX, false)] {
            let mut agent = agent(Mode::Full, Arc::new(PeerPolicy::default()));
            agent.common.role = role;
            let kind = if role == Role::Controlling { Kind::IceControlling } else { Kind::IceControlled };
            let bytes = Peer::new(10).write(|writer, key| {
                writer.word(Kind::Priority, 1).long(kind, theirs).integrity(Integrity::Sha1, key);
            });
            let answer = deliver(&mut agent, now, from, &bytes).expect("an answer");
            let code = Message::read(&answer).expect("a message").error_code().map(|(code, _)| code);
            // Who keeps his role lets the other change it.
            let keeps = we_control == (role == Role::Controlling);
            assert_eq!(code, keeps.then_some(487), "{role:?} {theirs}");
            assert_eq!(agent.role() == Role::Controlling, we_control, "{role:?} {theirs}");
            assert_eq!(agent.proven(from).is_some(), !keeps);
        }
    }
    // A lite agent stays what it is.
    let mut agent = lite();
    let bytes = Peer::new(10).write(|writer, key| {
        writer.word(Kind::Priority, 1).long(Kind::IceControlled, 0).integrity(Integrity::Sha1, key);
    });
    let answer = deliver(&mut agent, now, from, &bytes).expect("an answer");
    assert_eq!(Message::read(&answer).expect("a message").class(), Class::Success);
    assert_eq!(agent.role(), Role::Controlled);
}

#[test]
fn an_aggressive_peer_gets_its_best_pair() {
    let (mut agent, mut peer) = (lite(), Peer::new(10));
    let now = Monotonic::from_secs(1);
    for (from, priority, best) in [
        ("203.0.113.5:1", 100, "203.0.113.5:1"),
        ("203.0.113.5:2", 300, "203.0.113.5:2"),
        ("203.0.113.5:3", 200, "203.0.113.5:2"),
    ] {
        peer.priority = priority;
        peer.check(&mut agent, now, address(from), true);
        assert_eq!(agent.selected(), Some((address(SERVER), address(best))));
    }
}

#[test]
fn a_peer_with_a_thousand_addresses_is_held_to_our_limits() {
    for mode in [Mode::Lite, Mode::Full] {
        let (mut agent, mut peer) = (agent(mode, Arc::new(PeerPolicy::default())), Peer::new(10));
        let now = Monotonic::from_secs(1);
        let answered = (0..1_000u16).filter(|nth| {
            let from = SocketAddr::from(([203, 0, 113, 5], 1_000 + nth));
            peer.check(&mut agent, now, from, false).is_some()
        });
        assert_eq!(answered.count(), REMOTES_MAX);
        assert_eq!(agent.counters().limit, 1_000 - REMOTES_MAX as u64);
        let told = Candidate::parse("1 1 UDP 1 203.0.113.6 9 typ host").expect("a candidate");
        assert!(!agent.add_remote(now, &told));
    }
}

#[test]
fn inside_addresses_are_neither_checked_nor_answered() {
    for mode in [Mode::Lite, Mode::Full] {
        let (mut agent, mut peer) = (agent(mode, Arc::new(policy_of_the_matrix())), Peer::new(10));
        let now = Monotonic::from_secs(1);
        for text in crate::address::forbidden() {
            let from = SocketAddr::new(text.parse().expect("an address"), 5_000);
            let told = Candidate::local(CandidateKind::Host, 1, 1, from, from);
            assert!(!agent.add_remote(now, &told), "{text}");
            assert_eq!(peer.check(&mut agent, now, from, true), None, "{text}");
            // Nor told what is wrong with it.
            let bytes = peer.write(|writer, key| {
                writer.integrity(Integrity::Sha1, key);
            });
            assert_eq!(deliver(&mut agent, now, from, &bytes), None, "{text}");
        }
        agent.handle_timeout(now);
        assert_eq!(agent.poll(), None);
        assert_eq!(agent.selected(), None);
        assert_eq!(agent.counters().forbidden, 3 * 60);
    }
}

#[test]
fn a_check_that_lacks_something_is_refused_with_a_reason() {
    let (mut agent, mut peer) = (lite(), Peer::new(10));
    let (now, from) = (Monotonic::from_secs(1), address("203.0.113.5:6000"));
    let without_priority = peer.write(|writer, key| {
        writer.flag(Kind::UseCandidate).integrity(Integrity::Sha1, key);
    });
    let mut unknown = peer.write(|writer, _| {
        writer.value(Kind::DontFragment, &[]).word(Kind::Priority, 1);
    });
    // DONT-FRAGMENT becomes an attribute that nobody knows.
    let at = unknown.windows(2).position(|pair| pair == [0, 0x1a]).expect("it is there");
    unknown[at + 1] = 0x7a;
    // The writer's header is right already; integrity goes behind.
    let unknown = {
        let mut out = unknown;
        let length = out.len() - 20 + 24;
        let mut framed = out.clone();
        framed[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        let key = aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            credentials(1).password().as_bytes(),
        );
        let tag = aws_lc_rs::hmac::sign(&key, &framed);
        out = framed;
        out.extend_from_slice(&[0, 8, 0, 20]);
        out.extend_from_slice(tag.as_ref());
        out
    };
    for (bytes, code) in [(without_priority, 400), (unknown, 420)] {
        let answer = deliver(&mut agent, now, from, &bytes).expect("an answer");
        let answer = Message::read(&answer).expect("a message");
        assert_eq!(answer.error_code().map(|(code, _)| code), Some(code));
        assert!(answer.is_of(&peer.key));
    }
    assert_eq!((agent.selected(), agent.proven(from)), (None, None));
}

#[test]
fn forged_answers_make_no_pair() {
    let mut agent = agent(Mode::Full, Arc::new(PeerPolicy::default()));
    let now = Monotonic::from_secs(1);
    let remote = address("203.0.113.5:6000");
    assert!(agent.add_remote(now, &Candidate::local(CandidateKind::Host, 1, 1, remote, remote)));
    agent.handle_timeout(now);
    let Some(Output::Send { to, bytes, .. }) = agent.poll() else { panic!("no check") };
    assert_eq!(to, remote);
    let check = Message::read(&bytes).expect("a message");
    let theirs = Key::short_term(credentials(10).password().as_bytes());
    assert!(check.is_of(&theirs) && check.ice_controlled().is_some() && check.priority().is_some());
    let answer = |transaction, key: Option<&Key>| {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Class::Success, Method::Binding, transaction);
        writer.xored_address(Kind::XorMappedAddress, address(SERVER));
        if let Some(key) = key {
            writer.integrity(Integrity::Sha1, key);
        }
        out
    };
    let ours = Key::short_term(credentials(1).password().as_bytes());
    let right = check.transaction();
    for forged in
        [answer(right, None), answer(right, Some(&ours)), answer(TransactionId([9; 12]), Some(&theirs))]
    {
        assert_eq!(deliver(&mut agent, now, remote, &forged), None);
        assert_eq!(agent.proven(remote), None);
    }
    // The right one, from where we did not ask: the pair fails (section 7.2.5.2.1).
    let right = answer(right, Some(&theirs));
    deliver(&mut agent, now, address("203.0.113.6:6000"), &right);
    assert_eq!((agent.proven(remote), agent.proven(address("203.0.113.6:6000"))), (None, None));
    assert_eq!((agent.counters().integrity, agent.counters().stranger), (2, 1));
}

#[test]
fn a_candidate_that_was_learned_and_is_then_told_is_one() {
    let (mut agent, mut peer) = (lite(), Peer::new(10));
    let (now, from) = (Monotonic::from_secs(1), address("203.0.113.5:6000"));
    peer.check(&mut agent, now, from, true);
    assert!(agent.add_remote(now, &Candidate::local(CandidateKind::Host, 1, 1, from, from)));
    peer.check(&mut agent, now, address("[::ffff:203.0.113.5]:6000"), true);
    assert_eq!(agent.selected(), Some((address(SERVER), from)));
    assert_eq!(agent.counters(), Counters::default());
}

/// Media comes from elsewhere: a lite agent has no other proof; a full one asks there, and moves with the answer.
#[test]
fn an_agent_that_hears_media_from_elsewhere_follows_it() {
    for mode in [Mode::Lite, Mode::Full] {
        let mut world = pair([mode, Mode::Full], ROLES, [Shape::Open, Shape::Open], 21);
        world.run(2 * SECOND);
        let (local, before) = world.ends[0].agent.selected().expect("a pair");
        let elsewhere = SocketAddr::new(before.ip(), before.port() + 1);
        let now = world.now;
        world.ends[0].agent.moved(now, local, before);
        assert_eq!(world.ends[0].agent.selected(), Some((local, before)), "it is there already");
        world.ends[0].agent.moved(now, local, elsewhere);
        let selected = world.ends[0].agent.selected();
        match mode {
            Mode::Lite => assert_eq!(selected, Some((local, elsewhere))),
            Mode::Full => {
                assert_eq!(selected, Some((local, before)), "nobody has answered yet");
                world.run(SECOND);
                assert_eq!(world.ends[0].agent.selected(), Some((local, before)), "nobody is there");
            }
        }
    }
}

/// Of a process that has just begun, in which "five seconds ago" is before all time: a phone may move right after a restart.
#[test]
fn a_phone_that_moves_in_the_first_second_of_the_process_is_followed() {
    for mode in [Mode::Lite, Mode::Full] {
        let mut world = World::new(22);
        world.now = Monotonic::default();
        let shapes = [Shape::Open, Shape::Symmetric];
        let mut world = pair_in(world, [mode, Mode::Full], [Role::Controlled, Role::Controlling], shapes);
        world.run(SECOND);
        let (local, before) = world.ends[0].agent.selected().expect("a pair");
        let elsewhere = world.rebind(1, local);
        assert_ne!(elsewhere, before);
        world.ends[0].agent.moved(world.now, local, elsewhere);
        world.run(SECOND);
        assert_eq!(world.ends[0].agent.selected(), Some((local, elsewhere)), "{mode:?}");
    }
}

#[test]
fn an_agent_that_has_selected_nothing_follows_nobody_and_none_goes_where_policy_forbids() {
    let mut world = World::new(5);
    world.add(Mode::Lite, Role::Controlled, Shape::Open);
    world.add(Mode::Full, Role::Controlling, Shape::Open);
    let (now, local) = (world.now, world.ends[0].host);
    let stranger: SocketAddr = "198.18.0.9:7000".parse().expect("an address");
    world.ends[0].agent.moved(now, local, stranger);
    assert_eq!(world.ends[0].agent.selected(), None);
    world.introduce(0, 1);
    world.run(2 * SECOND);
    let before = world.ends[0].agent.selected();
    let forbidden: SocketAddr = "127.0.0.1:7000".parse().expect("an address");
    world.ends[0].agent.moved(world.now, local, forbidden);
    assert_eq!(world.ends[0].agent.selected(), before);
}
