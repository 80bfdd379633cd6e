//! A phone changes its network in mid-call, and the call goes on: unmodified baresip phones in networks in a box. The phone
//! that moves knows nothing of it until its next look, a minute after its start; its packets just come from elsewhere.
//!
//! What is measured, on the cable of the server: the time from the first packet of the phone from its new place until the
//! other phone is sent one (`heard`); and until the phone is sent one at its new place (`hears`), for plain RTP from the
//! moment on at which it has asked to register from there.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::Coeur;
use coeur_interop::nat::{Host, Internet, Nat, Passed, Wire};
use coeur_interop::place::Place;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
/// What a call may lose once the phone sends again.
const GAP_MAX: Duration = Duration::from_millis(300);
/// baresip looks for another address so long after its start.
const LOOK: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Udp,
    TlsSrtp,
}

/// Two phones that talk through a server; alice's is the one that moves.
struct Talk {
    server: Coeur,
    server_host: Host,
    wire: Wire,
    alice: Phone,
    bob: Phone,
    bob_address: Ipv4Addr,
    _bob_host: Host,
    alice_from: Instant,
}

/// `bob_at`: a host of his own.
fn talk(name: &str, kind: Kind, internet: &mut Internet, alice_at: &Host, call_after: Duration) -> Talk {
    let (server_host, bob_at) = (internet.host(), internet.host());
    let server = Coeur::start_on(name, &[ALICE, BOB], &[], Place::on(&server_host));
    let setup = |(user, secret): (&'static str, &'static str), host: &Host, tone_hz| Setup {
        user,
        secret,
        transport: if kind == Kind::Udp { "udp" } else { "tls" },
        server_port: if kind == Kind::Udp { server.udp } else { server.tls },
        tone_hz,
        auto_answer: true,
        ca_file: (kind == Kind::TlsSrtp).then(|| server.ca_file()),
        srtp: kind == Kind::TlsSrtp,
        place: Place::on(host),
        server: server_host.address,
    };
    let mut bob = Phone::start(&setup(BOB, &bob_at, 660));
    bob.registered();
    let alice_from = Instant::now();
    let mut alice = Phone::start_roaming(&setup(ALICE, alice_at, 440));
    alice.registered();
    let wire = Wire::of(&server_host);
    sleep_until(alice_from + call_after);
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(3)); // they talk
    Talk { server, server_host, wire, alice, bob, bob_address: bob_at.address, _bob_host: bob_at, alice_from }
}

fn sleep_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}

/// What became of one move.
#[derive(Debug)]
struct Gap {
    heard: Duration,
    /// From its first packet, or from its registration if that came later.
    hears: Duration,
    registered: Option<Duration>,
}

impl Talk {
    fn rtp_since(&self, since: Instant) -> Vec<Passed> {
        self.wire.since(since).into_iter().filter(Passed::is_rtp).collect()
    }

    /// Where RTP of each phone comes from: the last of each port of the server.
    fn sources(&self, since: Instant) -> Vec<SocketAddrV4> {
        let own = self.server_host.address;
        let mut sources: Vec<SocketAddrV4> = self
            .rtp_since(since)
            .iter()
            .filter(|passed| *passed.to.ip() == own)
            .map(|passed| passed.from)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// Waits until the phone has moved and both hear, and measures. `before`: the sources of then.
    fn gap(&self, before: &[SocketAddrV4], moved: Instant, within: Duration) -> Result<Gap, String> {
        let own = self.server_host.address;
        let bobs = |passed: &&Passed| *passed.to.ip() == self.bob_address;
        let until = Instant::now() + within;
        loop {
            let passed = self.rtp_since(moved);
            let first = passed.iter().find(|passed| *passed.to.ip() == own && !before.contains(&passed.from));
            let gap = first.and_then(|first| {
                let later =
                    || passed.iter().filter(|passed| *passed.from.ip() == own && passed.at >= first.at);
                let heard = later().find(bobs)?.at - first.at;
                let asked = self.asked_to_register(moved, *first.from.ip());
                let since = asked.map_or(first.at, |asked| asked.max(first.at));
                let hears = later().find(|passed| passed.to == first.from)?.at;
                let registered = asked.map(|asked| asked.saturating_duration_since(first.at));
                Some(Gap { heard, hears: hears.saturating_duration_since(since), registered })
            });
            if let Some(gap) = gap {
                return Ok(gap);
            }
            if Instant::now() > until {
                let mut ways = std::collections::BTreeMap::new();
                for passed in &passed {
                    *ways.entry((passed.from, passed.to)).or_insert(0) += 1;
                }
                return Err(format!("first {first:?}; before {before:?}; {ways:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The first request over UDP from there.
    fn asked_to_register(&self, since: Instant, from: Ipv4Addr) -> Option<Instant> {
        let asks =
            |passed: &&Passed| *passed.from.ip() == from && passed.to.port() == 5_060 && passed.octets > 100;
        self.wire.since(since).iter().find(asks).map(|passed| passed.at)
    }

    /// They still talk; then alice hangs up, and bob hears of it, unless her connection died with her network: baresip
    /// makes no other one to say good-bye.
    fn ends_well(mut self, kind: Kind) -> Result<(), String> {
        if self.server.metric("coeur_calls_ended_total") != 0.0 {
            return Err("the call has ended".into());
        }
        let own = self.server_host.address;
        let last = self.rtp_since(Instant::now() - Duration::from_secs(1));
        let sent = |is_bobs| {
            last.iter().filter(|p| *p.from.ip() == own && (*p.to.ip() == self.bob_address) == is_bobs).count()
        };
        if sent(true) < 20 || sent(false) < 20 {
            return Err(format!("in the last second bob was sent {}, alice {}", sent(true), sent(false)));
        }
        if kind == Kind::TlsSrtp {
            return Ok(());
        }
        self.alice.command("hangup", "");
        self.bob.wait_for(&["terminated", "session closed"], 10);
        Ok(())
    }
}

fn told(what: &str, kind: Kind, gap: &Result<Gap, String>) -> bool {
    match gap {
        Ok(Gap { heard, hears, registered }) => {
            let registered = registered.map_or("-".into(), |after| format!("{} ms", after.as_millis()));
            println!(
                "{what:<24} {kind:<8?} heard {:>4} ms  hears {:>4} ms  (asked to register after {registered})",
                heard.as_millis(),
                hears.as_millis()
            );
            *heard < GAP_MAX && *hears < GAP_MAX
        }
        Err(why) => {
            println!("{what:<24} {kind:<8?} FAILED: {why}");
            false
        }
    }
}

/// The provider gives the house another public address. The phone cannot know, and registers when it is time to.
fn another_address(kind: Kind) -> bool {
    let mut internet = Internet::new();
    let mut house = internet.site(Nat::PortRestricted);
    let home = house.host();
    let talk = talk("renumbered", kind, &mut internet, &home, LOOK - Duration::from_secs(25));
    let before = talk.sources(Instant::now() - Duration::from_secs(1));
    let moved = Instant::now();
    house.renumber(internet.address());
    let gap = talk.gap(&before, moved, Duration::from_secs(30));
    std::thread::sleep(Duration::from_secs(3)); // its own offer, if it makes one, is answered
    told("another address", kind, &gap) & ended(talk, kind)
}

/// From the network of a house to the one of a carrier: another interface, another router, another public address.
fn another_interface(kind: Kind) -> bool {
    let mut internet = Internet::new();
    let (mut house, mut carrier) = (internet.site(Nat::PortRestricted), internet.site(Nat::CarrierGrade));
    let mut phone = house.host();
    let uplink = carrier.uplink(&phone);
    let talk = talk("switched", kind, &mut internet, &phone, LOOK - Duration::from_secs(12));
    let before = talk.sources(Instant::now() - Duration::from_secs(1));
    sleep_until(talk.alice_from + LOOK - Duration::from_secs(5));
    let moved = Instant::now();
    phone.switch_to(&uplink);
    let gap = talk.gap(&before, moved, Duration::from_secs(20));
    std::thread::sleep(Duration::from_secs(3)); // its own offer, if it makes one, is answered
    told("another interface", kind, &gap) & ended(talk, kind)
}

/// The router forgets its translations, five times in one call: each time the phone has another port.
fn another_port(kind: Kind) -> bool {
    let mut internet = Internet::new();
    let mut house = internet.site(Nat::Symmetric);
    let phone = house.host();
    let talk = talk("rebound", kind, &mut internet, &phone, Duration::ZERO);
    let mut is_good = true;
    for _ in 0..5 {
        let before = talk.sources(Instant::now() - Duration::from_secs(1));
        let moved = Instant::now();
        house.forget_translations();
        let gap = talk.gap(&before, moved, Duration::from_secs(10));
        is_good &= told("another port of its NAT", kind, &gap);
        std::thread::sleep(Duration::from_secs(2)); // they talk
    }
    is_good & ended(talk, kind)
}

fn ended(talk: Talk, kind: Kind) -> bool {
    talk.ends_well(kind).inspect_err(|why| println!("{why}")).is_ok()
}

fn all_moves(kind: Kind) {
    let moves: [fn(Kind) -> bool; 3] = [another_address, another_interface, another_port];
    let good: Vec<bool> = std::thread::scope(|scope| {
        let running: Vec<_> = moves.into_iter().map(|move_it| scope.spawn(move || move_it(kind))).collect();
        running.into_iter().map(|thread| thread.join().expect("a move that is measured")).collect()
    });
    assert_eq!(good, [true; 3], "address, interface, port");
}

#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn a_plain_phone_of_udp_that_changes_its_network_keeps_its_call() {
    all_moves(Kind::Udp);
}

#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn a_phone_of_tls_and_srtp_that_changes_its_network_keeps_its_call() {
    all_moves(Kind::TlsSrtp);
}
