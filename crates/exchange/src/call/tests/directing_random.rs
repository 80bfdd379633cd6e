//! Direct media under keys of phones (decision 0043) amid all that changes a call, in any order from a seed: whose key is told
//! stands beside whose address, and no key of ours is told twice.

use super::directing_keys::{Talk, cryptos, letter, talk, told};
use super::*;
use crate::call_record::{Ask, MediaPath, RecordOrder, Relayed, Told};
use crate::flow::ShardId;
use crate::media::Keying;
use crate::mint::Mint;
use crate::testing::{aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};
use std::collections::BTreeMap;

const SEEDS: u64 = 30;
const STEPS: usize = 40;

/// What has been told under which keys.
#[derive(Default)]
struct Referee {
    /// Our keys: on whose leg, and how often that phone was told another address since.
    ours: BTreeMap<Vec<u8>, (&'static str, u32)>,
    /// How often each was sent to the other phone.
    turns: BTreeMap<&'static str, u32>,
    last_was_direct: BTreeMap<&'static str, bool>,
    direct: u32,
    back: u32,
}

impl Referee {
    /// A phone is described to.
    fn hears(&mut self, who: &'static str, described: &str) {
        let is_direct = !told(described).starts_with("198.51.100.1:");
        let was_direct = self.last_was_direct.insert(who, is_direct).unwrap_or(false);
        if is_direct && !was_direct {
            *self.turns.entry(who).or_default() += 1;
            self.direct += 1;
        }
        self.back += u32::from(was_direct && !is_direct);
        assert_eq!(is_direct, letter(described).is_some(), "a key and an address of two: {described}");
        let turn = self.turns.get(who).copied().unwrap_or(0);
        for crypto in cryptos(described).iter().filter(|_| !is_direct) {
            let key = crypto.keys[0].key.expose_key().to_vec();
            let had = *self.ours.entry(key).or_insert((who, turn));
            assert_eq!(
                had,
                (who, turn),
                "a key of ours is told on another leg, or again after the other phone's"
            );
        }
    }
}

struct Mixed {
    call: Talk,
    random: Mint,
    referee: Referee,
    serial: u64,
    is_held: [bool; 2],
}

impl Mixed {
    fn new(seed: u64) -> Self {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let call = talk();
        let patch = AccountPatch { record: Some(RecordPolicy::OnDemand), ..AccountPatch::default() };
        apply(&call.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
        let random = Mint::new(ShardId(0), bytes);
        Self { call, random, referee: Referee::default(), serial: 100, is_held: [false; 2] }
    }

    fn below(&mut self, end: u32) -> u32 {
        self.random.u32() % end
    }

    fn step(&mut self) {
        match self.below(12) {
            0..=3 => self.pass(350),
            4 => self.pass(20),
            5 | 6 => self.offers(),
            7 => self.records(),
            8 => self.call.alice.key = char::from(b'A' + self.below(26) as u8),
            9 => self.call.bob.key = char::from(b'a' + self.below(26) as u8),
            10 => {
                self.serial += 2;
                self.call.crash(self.serial);
            }
            _ => self.pass(2_000),
        }
        self.look();
    }

    /// Nothing that the media plane sends is under a key of a phone.
    fn look(&self) {
        for stream in self.call.desk.open.values().flatten().flat_map(|peer| peer.streams.iter().flatten()) {
            if let Keying::Sdes { send, receive } = &stream.keying {
                let key = &send.key_and_salt[..16];
                assert!(self.referee.is_ours_or_first(key), "sent under a key that is not ours");
                assert_ne!(send.key_and_salt, receive.key_and_salt);
            }
        }
    }

    /// The time passes, and who is offered something takes it, or refuses now and then.
    fn pass(&mut self, ms: u64) {
        let sent = self.call.desk.pass(Duration::from_millis(ms));
        self.answer(&sent);
    }

    fn answer(&mut self, sent: &[Sent]) {
        for at in 0..2 {
            let flow = if at == 0 { self.call.alice.flow } else { self.call.bob.flow };
            for offer in requests_to(sent, flow, "INVITE") {
                let refuses = self.below(10) == 0;
                self.call.version += 1;
                let version = self.call.version;
                let phone = if at == 0 { &mut self.call.alice } else { &mut self.call.bob };
                let answer = phone.takes(&body(offer), version);
                let bytes = match refuses {
                    true => reply(offer, 491, "", "", ""),
                    false => reply(offer, 200, "", &contact(flow), &answer),
                };
                if !refuses {
                    self.referee.hears(phone.name, &body(offer));
                }
                let sent = self.call.desk.receive(flow, &bytes);
                self.answer(&sent);
            }
        }
    }

    /// Alice holds, resumes, or describes the same anew.
    fn offers(&mut self) {
        self.is_held[0] = self.below(2) == 0;
        self.call.version += 1;
        let version = self.call.version;
        let line = if self.is_held[0] { "a=sendonly\r\n" } else { "" };
        let offer = self.call.alice.describes(version, line);
        let invite = self.call.caller.request("INVITE", "", &offer);
        let flow = self.call.alice.flow;
        let sent = self.call.desk.receive(flow, &invite);
        let asked = requests_to(&sent, self.call.bob.flow, "INVITE").first().map(|sent| (*sent).clone());
        let mut answered = sent;
        if let Some(asked) = asked {
            self.call.version += 1;
            let tag = cryptos(&body(&asked))[0].tag;
            let line = if self.is_held[0] { "a=recvonly\r\n" } else { "" };
            let answer = self.call.bob.describes_with_tag(tag, self.call.version, line);
            self.referee.hears("bob", &body(&asked));
            let ok = reply(&asked, 200, "", &contact(self.call.bob.flow), &answer);
            answered.extend(self.call.desk.receive(self.call.bob.flow, &ok));
        }
        let ok = answered.iter().find(|sent| desk::goes_to(sent, flow) && sent.status() == 200);
        if let Some(ok) = ok.map(body) {
            self.referee.hears("alice", &ok);
        }
        // After a refusal it acknowledges what has been refused, to which nothing comes.
        let ack = self.call.caller.ack("");
        self.call.desk.receive(flow, &ack);
    }

    fn records(&mut self) {
        let order = if self.below(2) == 0 { RecordOrder::Start } else { RecordOrder::Stop };
        self.order(order);
    }

    fn order(&mut self, order: RecordOrder) {
        let listed = self.call.ask(Ask::List { account: None, limit: 1 });
        if let Some(Told::Calls { calls, .. }) = listed
            && let Some(call) = calls.first()
        {
            self.call.ask(Ask::Record { id: call.id, order, by: "root".into() });
        }
    }
}

impl Referee {
    /// What was agreed when the call began it has not heard.
    fn is_ours_or_first(&self, key: &[u8]) -> bool {
        let first = key[0];
        self.ours.contains_key(key) || !key.iter().all(|byte| *byte == first) && !is_of_phone(key)
    }
}

/// Letters repeated, in base 64: three bytes again and again.
fn is_of_phone(key: &[u8]) -> bool {
    key.chunks_exact(3).all(|chunk| *chunk == key[..3])
}

#[test]
fn amid_all_that_changes_a_call_each_key_stays_with_its_address_and_ours_are_new_each_time() {
    let (mut direct, mut back) = (0, 0);
    for seed in 0..SEEDS {
        let mut mixed = Mixed::new(seed);
        let run = std::panic::AssertUnwindSafe(|| {
            (0..STEPS).for_each(|_| mixed.step());
            mixed.order(RecordOrder::Stop);
            (0..20).for_each(|_| mixed.pass(1_000));
        });
        if let Err(why) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(why);
        }
        let path = mixed.call.path();
        let is_settled = matches!(
            path,
            Some(MediaPath::DirectSdes | MediaPath::Relayed(Relayed::Held | Relayed::Refused))
        );
        assert!(is_settled, "seed {seed}: {path:?}");
        direct += mixed.referee.direct;
        back += mixed.referee.back;
    }
    assert!(
        direct > 2 * SEEDS as u32 && back > SEEDS as u32,
        "{direct} there, {back} back: the test has lost its teeth"
    );
}
