//! A port pair between two agents that know each other's credentials (decision 0042): what one end is asked at our port, the
//! other is asked, and answers. We make no checks, answer none, and choose nothing.
//!
//! Each of the two was told our port as a candidate of the other, so that its checks say in their user name, and prove by
//! MESSAGE-INTEGRITY, that they are for the other (RFC 8445 section 7.2.2). Signalling has passed both passwords, so that an
//! [`End`] can tell a check that its side has made from any other: where such a check comes from, that side is. Nothing else
//! says so, and nothing leaves to an address that has not made one. An answer passes when it is that to a check which has passed,
//! from whom it was asked, with the same integrity; it goes to who has asked.
//!
//! What it deliberately does not do: keep a check for a side that was not heard yet (its sender repeats it, RFC 8445 section
//! 14.3), pass indications, or answers without integrity (400 and 401, RFC 8489 section 9.1.3: they would be an attacker's).

use super::Credentials;
use crate::relay::latch::VALIDATED_MAX;
use crate::stun::{Class, Key, Kind, Message, Method, TransactionId};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;
use std::time::Duration;

/// Checks that wait for their answer at one end; the oldest gives way. 130 bytes each. A browser has some ten under way.
const ASKED_MAX: usize = 32;

/// A side that has not been heard from where it is for so long is where it is heard. Agents ask for consent each 4 to 6 s
/// (RFC 7675 section 5.1).
const SILENT: Duration = Duration::from_secs(7);

/// One of the two ports, by the side that speaks there. About 1 kB, 5 kB at most.
pub struct End {
    session: Session,
    /// Before the restart (RFC 8445 section 9): its pair is used, and asked for consent, until there is a new one.
    before: Option<Session>,
    /// Where the side was heard, at most [`VALIDATED_MAX`].
    heard: Vec<Heard>,
    at: Option<SocketAddr>,
    /// It was there before the restart, or before this process.
    is_former: bool,
    /// What this side was asked.
    asked: Vec<Asked>,
    refused: u64,
}

/// How checks of this side are told.
struct Session {
    /// USERNAME: the fragment of who is asked, a colon, that of who asks.
    username: String,
    /// Of the password of who is asked; answers are proved by it too.
    key: Key,
}

struct Heard {
    at: SocketAddr,
    last: Monotonic,
}

struct Asked {
    transaction: TransactionId,
    to: SocketAddr,
    by: SocketAddr,
    /// The controlling side has chosen the pair (RFC 8445 section 8.1.1).
    is_chosen: bool,
    key: Key,
}

impl End {
    /// `told`: the credentials that this side was told, which are the other's. `own`: the fragment of its own.
    pub fn new(told: &Credentials, own: &str) -> End {
        End {
            session: Session::new(told, own),
            before: None,
            heard: Vec::new(),
            at: None,
            is_former: false,
            asked: Vec::new(),
            refused: 0,
        }
    }

    /// Where this side was before this process began: until it is heard, it is there.
    pub fn resume(&mut self, at: SocketAddr) {
        (self.at, self.is_former) = (Some(at), true);
    }

    /// What counts from now on. Other credentials are a restart.
    pub fn agree(&mut self, told: &Credentials, own: &str) {
        let session = Session::new(told, own);
        if session.username != self.session.username {
            self.before = Some(std::mem::replace(&mut self.session, session));
            self.is_former = true;
        }
    }

    /// Where this side is: who sends to it, sends there. `None`: it was not heard.
    pub fn at(&self) -> Option<SocketAddr> {
        self.at
    }

    /// Whether a check of this side has come from there.
    pub fn has_heard(&self, from: SocketAddr) -> bool {
        self.heard.iter().any(|heard| heard.at == from)
    }

    /// Messages that were not of this side, or not for the other.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn check(&mut self, now: Monotonic, from: SocketAddr, check: &Message<'_>) -> Option<Key> {
        let username = check.username()?;
        let is_of = |session: &&Session| session.username == username && check.is_of(&session.key);
        if let Some(session) = Some(&self.session).filter(is_of) {
            let key = session.key.clone();
            self.learn(now, from);
            return Some(key);
        }
        // Of before the restart: it moves nothing any more.
        let session = self.before.as_ref().filter(is_of).filter(|_| self.has_heard(from))?;
        Some(session.key.clone())
    }

    fn learn(&mut self, now: Monotonic, from: SocketAddr) {
        match self.heard.iter_mut().find(|heard| heard.at == from) {
            Some(heard) => heard.last = now,
            None => {
                if self.heard.len() >= VALIDATED_MAX {
                    let rest = self.heard.iter().enumerate().filter(|(_, heard)| Some(heard.at) != self.at);
                    let oldest = rest.min_by_key(|(_, heard)| heard.last).map_or(0, |(place, _)| place);
                    self.heard.remove(oldest);
                }
                self.heard.push(Heard { at: from, last: now });
            }
        }
        let is_there = |heard: &Heard| Some(heard.at) == self.at && now.since(heard.last) < SILENT;
        if self.is_former || !self.heard.iter().any(is_there) {
            self.select(from);
        }
    }

    fn select(&mut self, at: SocketAddr) {
        (self.at, self.is_former) = (Some(at), false);
    }

    fn ask(&mut self, asked: Asked) {
        self.asked.retain(|other| other.transaction != asked.transaction || other.by != asked.by);
        if self.asked.len() >= ASKED_MAX {
            self.asked.remove(0);
        }
        self.asked.push(asked);
    }

    /// What this side was asked, when this is its answer. An answer comes once.
    fn answer(&mut self, from: SocketAddr, answer: &Message<'_>) -> Option<Asked> {
        let is_to = |asked: &Asked| {
            asked.transaction == answer.transaction() && asked.to == from && answer.is_of(&asked.key)
        };
        let place = self.asked.iter().position(is_to)?;
        Some(self.asked.remove(place))
    }
}

impl Session {
    fn new(told: &Credentials, own: &str) -> Session {
        let username = format!("{}:{own}", told.fragment());
        Session { username, key: Key::short_term(told.password().as_bytes()) }
    }
}

/// A datagram of STUN has come to the port of `here`: where it leaves, as it is, at that of `there`. `None`: nowhere.
pub fn pass(
    now: Monotonic,
    here: &mut End,
    there: &mut End,
    from: SocketAddr,
    datagram: &[u8],
) -> Option<SocketAddr> {
    let message = Message::read(datagram).ok().filter(|message| message.method() == Method::Binding);
    let passed = match message.as_ref().map(|message| (message.class(), message)) {
        Some((Class::Request, check)) => match here.check(now, from, check) {
            Some(key) => {
                // Authentic, so that it is not refused, whether there is a way or none.
                let to = there.at()?;
                let is_chosen = check.has(Kind::UseCandidate);
                there.ask(Asked { transaction: check.transaction(), to, by: from, is_chosen, key });
                Some(to)
            }
            None => None,
        },
        Some((class @ (Class::Success | Class::Error), answer)) => {
            here.answer(from, answer).map(|asked| {
                if asked.is_chosen && class == Class::Success {
                    // What the two use from now on, when it is this wire that they use.
                    here.select(asked.to);
                    there.select(asked.by);
                }
                asked.by
            })
        }
        Some((Class::Indication, _)) | None => None,
    };
    here.refused += u64::from(passed.is_none());
    passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stun::{Integrity, Writer};

    const ALICE: &str = "192.0.2.1:1000";
    const BOB: &str = "198.51.100.2:2000";
    const MALLORY: &str = "203.0.113.66:6666";

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    fn credentials(name: &str) -> Credentials {
        Credentials::new(name, &format!("{name}-password-of-22-characters").replace('-', "+")).expect("valid")
    }

    /// Alice's port and bob's.
    fn wire() -> (End, End) {
        (End::new(&credentials("bobs"), "alices"), End::new(&credentials("alices"), "bobs"))
    }

    fn key(of: &str) -> Key {
        Key::short_term(credentials(of).password().as_bytes())
    }

    fn text(
        class: Class,
        number: u8,
        user: Option<(&str, &str)>,
        chosen: bool,
        key: Option<&Key>,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, class, Method::Binding, TransactionId([number; 12]));
        if let Some((theirs, own)) = user {
            writer.check_username(theirs, own);
        }
        if chosen {
            writer.flag(Kind::UseCandidate);
        }
        if let Some(key) = key {
            writer.integrity(Integrity::Sha1, key);
        }
        writer.fingerprint();
        out
    }

    fn check(by: &str, of: &str, number: u8, chosen: bool) -> Vec<u8> {
        text(Class::Request, number, Some((of, by)), chosen, Some(&key(of)))
    }

    fn success(by: &str, number: u8) -> Vec<u8> {
        text(Class::Success, number, None, false, Some(&key(by)))
    }

    fn second(second: u64) -> Monotonic {
        Monotonic::from_secs(100 + second)
    }

    /// The wire after each has heard the other.
    fn heard() -> (End, End) {
        let (mut alice, mut bob) = wire();
        pass(second(0), &mut bob, &mut alice, at(BOB), &check("bobs", "alices", 1, false));
        pass(second(0), &mut alice, &mut bob, at(ALICE), &check("alices", "bobs", 2, false));
        (alice, bob)
    }

    #[test]
    fn a_check_of_one_reaches_the_other_once_that_is_heard_and_its_answer_comes_back() {
        let (mut alice, mut bob) = wire();
        let asked = check("bobs", "alices", 1, false);
        assert_eq!(pass(second(0), &mut bob, &mut alice, at(BOB), &asked), None, "alice was not heard");
        assert_eq!((bob.at(), bob.refused()), (Some(at(BOB)), 0));
        let asked = check("alices", "bobs", 2, false);
        assert_eq!(pass(second(0), &mut alice, &mut bob, at(ALICE), &asked), Some(at(BOB)));
        let answer = success("bobs", 2);
        assert_eq!(pass(second(0), &mut bob, &mut alice, at(BOB), &answer), Some(at(ALICE)));
        assert_eq!(pass(second(0), &mut bob, &mut alice, at(BOB), &answer), None, "an answer comes once");
        let conflict = text(Class::Error, 3, None, false, Some(&key("bobs")));
        pass(second(0), &mut alice, &mut bob, at(ALICE), &check("alices", "bobs", 3, false));
        assert_eq!(pass(second(0), &mut bob, &mut alice, at(BOB), &conflict), Some(at(ALICE)), "487 passes");
    }

    /// Threat A02 on a wire: who has no password of the two is nobody, and hears nothing.
    #[test]
    fn a_forged_check_moves_nothing_and_passes_nothing() {
        for forged in [
            text(Class::Request, 9, Some(("bobs", "alices")), true, None),
            text(Class::Request, 9, Some(("bobs", "alices")), true, Some(&key("alices"))),
            text(Class::Request, 9, Some(("bobs", "mallory")), true, Some(&key("bobs"))),
            text(Class::Request, 9, Some(("alices", "bobs")), true, Some(&key("alices"))),
            text(Class::Request, 9, None, true, Some(&key("bobs"))),
            text(Class::Indication, 9, Some(("bobs", "alices")), true, Some(&key("bobs"))),
            success("bobs", 9),
            success("alices", 9),
            b"no STUN at all".to_vec(),
        ] {
            let (mut alice, mut bob) = heard();
            for from in [MALLORY, ALICE] {
                let passed = pass(second(60), &mut alice, &mut bob, at(from), &forged);
                assert_eq!(passed, None, "{from} {forged:?}");
            }
            assert_eq!((alice.at(), bob.at()), (Some(at(ALICE)), Some(at(BOB))));
            assert!(!alice.has_heard(at(MALLORY)));
            assert_eq!(alice.refused(), 2);
        }
    }

    #[test]
    fn an_answer_passes_only_from_who_was_asked_with_the_integrity_of_the_check() {
        for (from, answer) in [
            (MALLORY, success("bobs", 5)),
            (BOB, success("bobs", 6)),
            (BOB, success("alices", 5)),
            (BOB, text(Class::Error, 5, None, false, None)),
        ] {
            let (mut alice, mut bob) = heard();
            pass(second(1), &mut alice, &mut bob, at(ALICE), &check("alices", "bobs", 5, true));
            assert_eq!(pass(second(1), &mut bob, &mut alice, at(from), &answer), None, "{from}");
            let answer = success("bobs", 5);
            assert_eq!(pass(second(1), &mut bob, &mut alice, at(BOB), &answer), Some(at(ALICE)));
        }
    }

    #[test]
    fn a_side_with_two_addresses_is_where_the_other_has_chosen_it() {
        let (mut alice, mut bob) = heard();
        let other = at("192.0.2.1:1111");
        let asked = check("alices", "bobs", 7, true);
        assert_eq!(pass(second(1), &mut alice, &mut bob, other, &asked), Some(at(BOB)));
        assert_eq!(alice.at(), Some(at(ALICE)), "not before it is answered");
        assert_eq!(pass(second(1), &mut bob, &mut alice, at(BOB), &success("bobs", 7)), Some(other));
        assert_eq!(alice.at(), Some(other));
        // The other address is tried on, and changes nothing while this one is heard.
        pass(second(2), &mut alice, &mut bob, at(ALICE), &check("alices", "bobs", 8, false));
        assert_eq!(alice.at(), Some(other));
        pass(second(9), &mut alice, &mut bob, at(ALICE), &check("alices", "bobs", 9, false));
        assert_eq!(alice.at(), Some(at(ALICE)), "the one that was chosen has fallen silent");
    }

    #[test]
    fn after_a_restart_the_first_check_says_where_a_side_is_and_those_of_before_move_nothing() {
        let (mut alice, mut bob) = heard();
        alice.agree(&credentials("bob2"), "alice2");
        bob.agree(&credentials("alice2"), "bob2");
        let old = check("alices", "bobs", 3, false);
        assert_eq!(pass(second(1), &mut alice, &mut bob, at(ALICE), &old), Some(at(BOB)), "consent goes on");
        assert_eq!(pass(second(1), &mut alice, &mut bob, at(MALLORY), &old), None);
        let moved = at("192.0.2.77:7777");
        let new = check("alice2", "bob2", 4, false);
        assert_eq!(pass(second(1), &mut alice, &mut bob, moved, &new), Some(at(BOB)));
        assert_eq!(alice.at(), Some(moved));
        // The same credentials again are no restart.
        alice.agree(&credentials("bob2"), "alice2");
        pass(second(1), &mut alice, &mut bob, at(ALICE), &check("alice2", "bob2", 5, false));
        assert_eq!(alice.at(), Some(moved));
    }

    #[test]
    fn what_a_wire_remembers_is_bounded() {
        let (mut alice, mut bob) = heard();
        for port in 1..1_000_u16 {
            let from = SocketAddr::new(at(ALICE).ip(), port);
            pass(second(1), &mut alice, &mut bob, from, &check("alices", "bobs", port as u8, false));
        }
        assert_eq!((alice.heard.len(), bob.asked.len()), (VALIDATED_MAX, ASKED_MAX));
        assert!(alice.has_heard(at(ALICE)), "where it is stays");
    }
}
