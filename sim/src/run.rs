//! One run: everything together, and what must hold at its end.

use crate::chance::Chance;
use crate::network::{Network, Weather};
use crate::office::Office;
use crate::phone::{CallState, Habit, Phone};
use std::net::SocketAddr;

pub struct Plan {
    pub seed: u64,
    pub phones: usize,
    pub shards: usize,
    pub weather: Weather,
    pub calls: usize,
    /// Crashes of the server, spread over the run.
    pub crashes: usize,
    pub disk_fails: bool,
    /// How long phones make calls; afterwards the weather is fair and everything comes to rest.
    pub busy_us: u64,
}

pub struct Outcome {
    pub problems: Vec<String>,
    pub answered: usize,
    pub refused: usize,
    pub cancelled: usize,
    pub gave_up: usize,
    pub registrations: u64,
    /// Hash of every datagram in order: equal for equal seeds.
    pub fingerprint: u64,
}

struct Run {
    plan: Plan,
    now_us: u64,
    chance: Chance,
    network: Network,
    office: Office,
    phones: Vec<Phone>,
    fingerprint: u64,
    problems: Vec<String>,
}

pub fn run(plan: Plan) -> Outcome {
    let mut chance = Chance::new(plan.seed);
    let server: SocketAddr = ([10, 0, 0, 1], 5060).into();
    let users: Vec<(String, String)> =
        (0..plan.phones).map(|i| (format!("user{i}"), format!("secret-of-{i}"))).collect();
    let office = Office::new(server, &users, plan.shards, &mut chance);
    let phones = users
        .iter()
        .enumerate()
        .map(|(i, (user, secret))| {
            let address: SocketAddr = ([10, 0, 1, i as u8], 10_000 + i as u16).into();
            let habit = match chance.below(10) {
                0 => Habit::IsBusy,
                1 => Habit::RingsOnly,
                _ => Habit::Answers,
            };
            Phone::new(user, secret, crate::office::DOMAIN, address, server, habit)
        })
        .collect();
    let network = Network::new(plan.weather);
    let fingerprint = 0xcbf2_9ce4_8422_2325;
    let mut run = Run { plan, now_us: 0, chance, network, office, phones, fingerprint, problems: Vec::new() };
    run.busy();
    run.rest();
    run.judge()
}

impl Run {
    fn busy(&mut self) {
        let (busy_us, calls, crashes) = (self.plan.busy_us, self.plan.calls, self.plan.crashes);
        let mut acts: Vec<(u64, Act)> = Vec::new();
        for _ in 0..calls {
            acts.push((self.chance.between(2_000_000, busy_us), Act::Call));
        }
        for _ in 0..crashes {
            acts.push((self.chance.below(busy_us), Act::Crash));
            acts.push((self.chance.below(busy_us), Act::Compact));
        }
        if self.plan.disk_fails {
            // In half of the runs nobody is registered yet.
            let at = if self.chance.happens(500) { 0 } else { self.chance.below(busy_us / 2) };
            acts.push((at, Act::DiskFull));
            acts.push((at + busy_us / 4, Act::DiskFree));
        }
        acts.sort();
        for (at, act) in acts {
            self.until(at);
            self.act(act);
        }
        self.until(busy_us);
    }

    fn act(&mut self, act: Act) {
        let now_us = self.now_us;
        match act {
            Act::Call => {
                let count = self.phones.len() as u64;
                let from = self.chance.below(count) as usize;
                let to = (from + 1 + self.chance.below(count - 1) as usize) % self.phones.len();
                let peer = self.phones[to].user.clone();
                let talk_us = self.chance.between(100_000, 5_000_000);
                let cancels = self.chance.happens(250);
                let cancel_after_us = cancels.then(|| self.chance.between(10_000, 3_000_000));
                self.phones[from].call(&peer, now_us, talk_us, cancel_after_us);
            }
            Act::Crash => {
                self.office.crash(now_us, &mut self.chance);
                self.judge_registrations();
            }
            Act::Compact => self.office.compact(now_us),
            Act::DiskFull => self.office.disk_full = true,
            Act::DiskFree => self.office.disk_full = false,
        }
        self.post();
    }

    /// Fair weather and no new calls, long enough for the longest timer (Timer C, then the transactions after it).
    fn rest(&mut self) {
        self.network.becomes(Weather::FAIR);
        self.until(self.plan.busy_us + 300_000_000);
    }

    fn until(&mut self, end_us: u64) {
        loop {
            let next = [self.network.next_arrival_us(), self.office.next_deadline_us()]
                .into_iter()
                .chain(self.phones.iter().map(Phone::next_deadline_us))
                .flatten()
                .min();
            let Some(next) = next.filter(|at| *at <= end_us) else { break };
            // A deadline that does not advance would never end.
            self.now_us = self.now_us.max(next);
            self.step();
        }
        self.now_us = end_us;
    }

    fn step(&mut self) {
        let now_us = self.now_us;
        while let Some(packet) = self.network.arrived(now_us) {
            for byte in packet.bytes.iter().chain(&packet.to.port().to_be_bytes()) {
                self.fingerprint = (self.fingerprint ^ *byte as u64).wrapping_mul(0x100_0000_01b3);
            }
            if let Some(phone) = self.phones.iter_mut().find(|p| p.address == packet.to) {
                phone.receive(now_us, &packet.bytes, &mut self.chance);
            } else {
                self.office.receive(now_us, &packet);
            }
        }
        self.office.tick(now_us);
        for phone in &mut self.phones {
            phone.tick(now_us, &mut self.chance);
        }
        self.post();
    }

    fn post(&mut self) {
        let phones = self.phones.iter_mut().flat_map(|p| p.outgoing.drain(..));
        let packets: Vec<_> = phones.chain(self.office.outgoing.drain(..)).collect();
        for packet in packets {
            self.network.send(self.now_us, &mut self.chance, packet);
        }
    }

    fn judge(mut self) -> Outcome {
        self.judge_registrations();
        let mut problems = std::mem::take(&mut self.problems);
        let mut outcome = Outcome {
            problems: Vec::new(),
            answered: 0,
            refused: 0,
            cancelled: 0,
            gave_up: 0,
            registrations: 0,
            fingerprint: self.fingerprint,
        };
        for phone in &self.phones {
            problems.extend(phone.errors.iter().cloned());
            outcome.registrations += u64::from(phone.registration.acknowledged_until_us.is_some());
            for call in phone.calls.iter().filter(|c| c.caller) {
                match call.state {
                    CallState::Ended => outcome.answered += 1,
                    CallState::Refused(_) => outcome.refused += 1,
                    CallState::Cancelled => outcome.cancelled += 1,
                    CallState::GaveUp => outcome.gave_up += 1,
                    CallState::Asking | CallState::Ringing | CallState::Talking if self.plan.crashes == 0 => {
                        problems
                            .push(format!("{}: call {} is still {:?}", phone.user, call.call_id, call.state));
                    }
                    CallState::Asking | CallState::Ringing | CallState::Talking => {}
                }
                self.judge_call(phone, call, &mut problems);
            }
        }
        let left = self.office.transactions();
        if left > 0 {
            problems.push(format!("{left} transactions are left at rest"));
        }
        outcome.problems = problems;
        outcome
    }

    /// At the end, and right after each crash: later a refresh would hide what was lost.
    fn judge_registrations(&mut self) {
        let mut problems = std::mem::take(&mut self.problems);
        self.phones.iter().for_each(|phone| self.judge_registration(phone, &mut problems));
        self.problems = problems;
    }

    /// What was acknowledged and has not run out is there; nobody else's contact is.
    fn judge_registration(&self, phone: &Phone, problems: &mut Vec<String>) {
        let contacts = self.office.contacts(&phone.user, self.now_us);
        let own = format!("sip:{}@{}", phone.user, phone.address);
        if phone.registration.acknowledged_until_us.is_some_and(|until| until > self.now_us + 1_000_000)
            && !contacts.contains(&own)
        {
            problems.push(format!("{} was acknowledged but is not there: {contacts:?}", phone.user));
        }
        if contacts.iter().any(|c| *c != own) {
            problems.push(format!("{} has contacts that it never sent: {contacts:?}", phone.user));
        }
        if phone.registration.refused > 0 && !self.plan.disk_fails {
            problems.push(format!(
                "{} was refused {} times:\n{}",
                phone.user, phone.registration.refused, phone.registration.last_refusal
            ));
        }
    }

    /// A call that the caller saw end has ended at the callee too, unless the callee never knew of it.
    fn judge_call(&self, caller: &Phone, call: &crate::phone::Call, problems: &mut Vec<String>) {
        if self.plan.crashes > 0 {
            return; // ringing calls may be lost by a crash: their phones time out
        }
        let Some(callee) = self.phones.iter().find(|p| p.user == call.peer) else { return };
        for other in callee.calls.iter().filter(|c| !c.caller && c.call_id == call.call_id) {
            let agreed = match call.state {
                CallState::Ended => matches!(other.state, CallState::Ended),
                CallState::Cancelled | CallState::Refused(_) => {
                    !matches!(other.state, CallState::Talking | CallState::Ringing)
                }
                _ => true,
            };
            if !agreed {
                problems.push(format!(
                    "{} sees call {} {:?}, {} sees it {:?}",
                    caller.user, call.call_id, call.state, callee.user, other.state
                ));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Call,
    Crash,
    Compact,
    DiskFull,
    DiskFree,
}
