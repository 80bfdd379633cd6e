//! Business phones over a network that loses, doubles and reorders: pickup, park, blind and attended transfer, each to its end.
//! The phones are written the plain way, with transactions of their own; the exchange is the real one, behind the judge of
//! [`crate::fuzzing::desk`].

mod station;

use crate::chance::Chance;
use crate::fuzzing::desk::{DOMAIN, Desk, USERS, opened};
use crate::network::{Network, Packet, Weather};
use coeur_exchange::input::Input;
use coeur_exchange::world::CallMode;
use station::Station;
use std::net::SocketAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    PickUp,
    Park,
    Blind,
    /// The second call is answered before the transfer, or rings still.
    Attended {
        answered: bool,
    },
}

pub const SCENES: [Scene; 5] = [
    Scene::PickUp,
    Scene::Park,
    Scene::Blind,
    Scene::Attended { answered: true },
    Scene::Attended { answered: false },
];

const STEP_MS: u64 = 10;
const STEP_US: u64 = STEP_MS * 1_000;
/// More than any transaction lives.
const PATIENCE_US: u64 = 100_000_000;
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);
/// Their places among [`USERS`].
const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

struct Office {
    desk: Desk,
    network: Network,
    chance: Chance,
    now_us: u64,
    stations: Vec<Station>,
}

/// Plays a scene; what did not come to pass, when something did not. A panic is the judge's.
pub fn play(seed: u64, scene: Scene, weather: Weather) -> Result<(), String> {
    let mut office = Office::new(seed, weather);
    office.until("all have registered", |office| office.stations.iter().all(Station::is_registered))?;
    match scene {
        Scene::PickUp => office.pick_up(),
        Scene::Park => office.park(),
        Scene::Blind => office.transfer_blindly(),
        Scene::Attended { answered } => office.attend(answered),
    }?;
    office.end()
}

impl Office {
    fn new(seed: u64, weather: Weather) -> Self {
        let mut desk = Desk::new();
        desk.world.settings.calls = CallMode::B2bua;
        let mut stations: Vec<Station> =
            USERS.iter().enumerate().map(|(at, user)| Station::new(user, at as u8)).collect();
        stations.iter_mut().for_each(|station| station.register(0));
        Self { desk, network: Network::new(weather), chance: Chance::new(seed), now_us: 0, stations }
    }

    /// Alice's call to bob rings, and carol takes it.
    fn pick_up(&mut self) -> Result<(), String> {
        self.stations[BOB].rings_on = true;
        self.call(ALICE, "bob");
        self.until("bob rings", |office| office.stations[ALICE].hears_ringing())?;
        let code = if self.chance.below(2) == 0 { "*8bob" } else { "*8" };
        self.call(CAROL, code);
        self.talk(ALICE, CAROL)
    }

    /// Alice talks with bob, who parks her or is parked, and carol takes who waits.
    fn park(&mut self) -> Result<(), String> {
        let (by, waits) = self.somebody_talks()?;
        self.refer(by, format!("<sip:park-71@{DOMAIN}>"));
        self.until("who parked is out", |office| office.stations[by].talks() == 0)?;
        self.call(CAROL, "park-71");
        self.talk(waits, CAROL)
    }

    fn transfer_blindly(&mut self) -> Result<(), String> {
        let (by, waits) = self.somebody_talks()?;
        self.refer(by, format!("<sip:carol@{DOMAIN}>"));
        self.talk(waits, CAROL)
    }

    fn attend(&mut self, answered: bool) -> Result<(), String> {
        let (by, waits) = self.somebody_talks()?;
        self.stations[CAROL].rings_on = !answered;
        self.call(by, "carol");
        self.until("carol is there", move |office| {
            let asks = &office.stations[by];
            if answered { asks.talks() == 2 } else { asks.hears_ringing() }
        })?;
        let names = self.stations[by].last_dialog_escaped();
        self.refer(by, format!("<sip:carol@{DOMAIN}?Replaces={names}>"));
        if !answered {
            self.until("the transfer is under way", |office| office.stations[by].invites_open() == 0)?;
            let now_us = self.now_us;
            self.stations[CAROL].pick_up(now_us);
        }
        self.talk(waits, CAROL)
    }

    /// Alice calls bob; who of the two acts from now on, and who does not.
    fn somebody_talks(&mut self) -> Result<(usize, usize), String> {
        self.call(ALICE, "bob");
        self.talk(ALICE, BOB)?;
        Ok(if self.chance.below(2) == 0 { (ALICE, BOB) } else { (BOB, ALICE) })
    }

    fn call(&mut self, who: usize, callee: &str) {
        self.stations[who].invite(callee, self.now_us);
    }

    fn refer(&mut self, who: usize, to: String) {
        self.stations[who].refer(&to, self.now_us);
    }

    /// These two have a call each and hear each other, and nobody else is linked with anybody.
    fn talk(&mut self, one: usize, other: usize) -> Result<(), String> {
        let ports = [self.stations[one].media, self.stations[other].media];
        self.until("the two hear each other, and nobody else", |office| {
            let talks = |at: usize| office.stations[at].talks();
            let third = (0..USERS.len()).filter(|at| ![one, other].contains(at)).map(talks).sum::<usize>();
            let linked = office.desk.linked();
            let right = linked.len() == 1
                && linked.iter().all(|(a, b)| a != b && ports.contains(a) && ports.contains(b));
            (talks(one), talks(other), third) == (1, 1, 0) && right
        })
    }

    /// One of those who talk hangs up. All calls end, and nothing is left.
    fn end(&mut self) -> Result<(), String> {
        let talking: Vec<usize> = (0..USERS.len()).filter(|at| self.stations[*at].talks() > 0).collect();
        let who = talking[self.chance.below(talking.len() as u64) as usize];
        let now_us = self.now_us;
        self.stations[who].hang_up(now_us);
        self.until("all have ended", |office| {
            office.stations.iter().all(|station| station.talks() == 0)
                && office.desk.exchange().calls().calls() == 0
        })?;
        if self.desk.world.waiting.count() > 0 || !self.desk.endpoints.is_empty() {
            return Err(format!("ports or slots are left: {:?}", self.desk.endpoints));
        }
        self.desk.end_calls();
        Ok(())
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), String> {
        let until_us = self.now_us + PATIENCE_US;
        while !is_so(self) {
            if self.now_us > until_us {
                let talks: Vec<usize> = self.stations.iter().map(Station::talks).collect();
                return Err(format!("not in time: {what}; calls {talks:?}, linked {:?}", self.desk.linked()));
            }
            self.step();
        }
        Ok(())
    }

    fn step(&mut self) {
        self.now_us += STEP_US;
        let sent = self.desk.pass(STEP_MS);
        self.sent(sent);
        while let Some(packet) = self.network.arrived(self.now_us) {
            self.arrived(&packet);
        }
        for at in 0..self.stations.len() {
            self.stations[at].tick(self.now_us);
            for packet in std::mem::take(&mut self.stations[at].outgoing) {
                self.network.send(self.now_us, &mut self.chance, packet);
            }
        }
    }

    fn arrived(&mut self, packet: &Packet) {
        if let Some(station) = self.stations.iter_mut().find(|station| station.flow.remote == packet.to) {
            return station.receive(&packet.bytes, self.now_us);
        }
        let Some(flow) =
            self.stations.iter().map(|station| station.flow).find(|flow| flow.remote == packet.from)
        else {
            return;
        };
        let sent = self.desk.receive(flow, &packet.bytes);
        self.sent(sent);
    }

    /// Also does what the media plane was asked for.
    fn sent(&mut self, mut sent: Vec<crate::fuzzing::desk::Sent>) {
        while let Some((id, streams)) = self.desk.to_open.pop() {
            sent.extend(self.desk.handle(Input::MediaEvent(opened(id, streams))));
        }
        for each in sent {
            let packet = Packet { from: SocketAddr::from(SERVER), to: each.to(), bytes: each.bytes };
            self.network.send(self.now_us, &mut self.chance, packet);
        }
    }
}
