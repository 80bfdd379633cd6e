//! A phone changes its network in mid-call, and the call goes on: unmodified baresip phones, and JsSIP in Chromium, in networks
//! in a box. A baresip that moves knows nothing of it until its next look, a minute after its start; its packets just come
//! from elsewhere.
//!
//! What is measured, on the cable of the server: the time from the first packet of the phone from its new place until the
//! other phone is sent one (`heard`); and until the phone is sent one at its new place (`hears`), for plain RTP from the
//! moment on at which it has asked to register from there.
//!
//! `REPEAT=20 CALLS=5` runs the test of all ports of a NAT so many times in so many calls.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::browser::{self, Browsers, Library};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::crowd::median_and_99th;
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
const WSS: u16 = 8_089;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Udp,
    TlsSrtp,
    /// As `Udp`, with ICE.
    Ice,
    /// JsSIP in Chromium: WSS, ICE, DTLS-SRTP.
    Browser,
}

/// Who moves.
enum Mover {
    Phone(Phone),
    Page(Browsers),
}

impl Mover {
    fn start(server: &Coeur, server_host: &Host, kind: Kind, at: &Host) -> Self {
        if kind == Kind::Browser {
            let mut browsers = Browsers::start_on(&Place::on(at));
            browsers.phone(&browser::Setup {
                server: format!("wss://{}:{WSS}", server_host.address),
                ..browser::Setup::on_loopback(server, ALICE, Library::JsSip, 440)
            });
            return Self::Page(browsers);
        }
        let setup = setup(server, server_host, kind, ALICE, at, 440);
        let mut phone = match kind {
            Kind::Ice => Phone::start_roaming_with_ice(&setup),
            Kind::Udp | Kind::TlsSrtp | Kind::Browser => Phone::start_roaming(&setup),
        };
        phone.registered();
        Self::Phone(phone)
    }

    fn call(&mut self) {
        match self {
            Self::Phone(phone) => {
                phone.command("dial", &format!("sip:bob@{DOMAIN}"));
                phone.established();
            }
            Self::Page(browsers) => browsers.call("alice", "bob"),
        }
    }

    fn hang_up(&mut self) {
        match self {
            Self::Phone(phone) => phone.command("hangup", ""),
            Self::Page(browsers) => browsers.hang_up("alice"),
        }
    }
}

fn setup<'a>(
    server: &Coeur,
    server_host: &Host,
    kind: Kind,
    (user, secret): (&'a str, &'a str),
    host: &Host,
    tone_hz: u32,
) -> Setup<'a> {
    let is_secure = kind == Kind::TlsSrtp;
    Setup {
        user,
        secret,
        transport: if is_secure { "tls" } else { "udp" },
        server_port: if is_secure { server.tls } else { server.udp },
        tone_hz,
        auto_answer: true,
        ca_file: is_secure.then(|| server.ca_file()),
        srtp: is_secure,
        place: Place::on(host),
        server: server_host.address,
    }
}

/// Two phones that talk through a server; alice's is the one that moves.
struct Talk {
    server: Coeur,
    server_host: Host,
    wire: Wire,
    alice: Mover,
    bob: Phone,
    bob_address: Ipv4Addr,
    _bob_host: Host,
    alice_from: Instant,
}

/// `bob_at`: a host of his own.
fn talk(name: &str, kind: Kind, internet: &mut Internet, alice_at: &Host, call_after: Duration) -> Talk {
    let (server_host, bob_at) = (internet.host(), internet.host());
    let wss = format!("wss://{}:{WSS}", server_host.address);
    let flags = ["--listen", &wss, "--origin", "localhost"];
    let server = Coeur::start_on(name, &[ALICE, BOB], &flags, Place::on(&server_host));
    let mut bob = Phone::start(&setup(&server, &server_host, kind, BOB, &bob_at, 660));
    bob.registered();
    let alice_from = Instant::now();
    let mut alice = Mover::start(&server, &server_host, kind, alice_at);
    let wire = Wire::of(&server_host);
    sleep_until(alice_from + call_after);
    alice.call();
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
                // With ICE it may try several before it stays at one.
                let is_new = |to: &SocketAddrV4| *to.ip() != self.bob_address && !before.contains(to);
                let hears = later().find(|passed| is_new(&passed.to))?.at;
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

    /// The first REGISTER over UDP from there that was answered 200: what was sent before the phone has its new address in
    /// use hears no answer.
    fn asked_to_register(&self, since: Instant, from: Ipv4Addr) -> Option<Instant> {
        let mut asked = None;
        for passed in self.wire.since(since) {
            match &passed.head[..11] {
                b"REGISTER si" if *passed.from.ip() == from => asked = Some(passed.at),
                b"SIP/2.0 401" if *passed.to.ip() == from => asked = None,
                b"SIP/2.0 200" if *passed.to.ip() == from && asked.is_some() => return asked,
                _ => {}
            }
        }
        None
    }

    /// They still talk; then alice hangs up, and bob hears of it, unless her connection died with her network: neither
    /// baresip nor JsSIP says good-bye again over another.
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
        match kind {
            Kind::TlsSrtp | Kind::Browser => return Ok(()),
            Kind::Udp | Kind::Ice => self.alice.hang_up(),
        }
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
    let talk = talk("renumbered", kind, &mut internet, &home, before_look(kind, 25));
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
    let talk = talk("switched", kind, &mut internet, &phone, before_look(kind, 12));
    let before = talk.sources(Instant::now() - Duration::from_secs(1));
    sleep_until(talk.alice_from + before_look(kind, 5));
    let moved = Instant::now();
    phone.switch_to(&uplink);
    let gap = talk.gap(&before, moved, Duration::from_secs(40));
    std::thread::sleep(Duration::from_secs(3)); // its own offer, if it makes one, is answered
    told("another interface", kind, &gap) & ended(talk, kind)
}

/// The phone's own address changes, in the same network.
fn another_own_address(kind: Kind) -> bool {
    let mut internet = Internet::new();
    let mut house = internet.site(Nat::Symmetric);
    let mut phone = house.host();
    let talk = talk("readdressed", kind, &mut internet, &phone, before_look(kind, 12));
    let before = talk.sources(Instant::now() - Duration::from_secs(1));
    sleep_until(talk.alice_from + before_look(kind, 5));
    let moved = Instant::now();
    house.readdress(&mut phone);
    let gap = talk.gap(&before, moved, Duration::from_secs(40));
    // Its socket of SIP has the old address until it has looked; then its own offer, if it makes one, is answered.
    sleep_until(talk.alice_from + before_look(kind, 0) + Duration::from_secs(5));
    told("another address of its own", kind, &gap) & ended(talk, kind)
}

/// So long before a baresip looks whether its network is another one. A browser hears of it.
fn before_look(kind: Kind, before_s: u64) -> Duration {
    match kind {
        Kind::Browser => Duration::ZERO,
        Kind::Udp | Kind::TlsSrtp | Kind::Ice => LOOK - Duration::from_secs(before_s),
    }
}

/// The router forgets its translations, five times in one call: each time the phone has another port.
fn another_port(kind: Kind) -> bool {
    another_port_each_time(kind, 5).iter().all(|gap| *gap < GAP_MAX)
}

/// The gaps of so many times: how long either was not heard, the longer of the two; for ever, if the call has not gone on.
fn another_port_each_time(kind: Kind, times: usize) -> Vec<Duration> {
    let mut internet = Internet::new();
    let mut house = internet.site(Nat::Symmetric);
    let phone = house.host();
    let talk = talk("rebound", kind, &mut internet, &phone, Duration::ZERO);
    let mut gaps = Vec::new();
    for _ in 0..times {
        let before = talk.sources(Instant::now() - Duration::from_secs(1));
        let moved = Instant::now();
        house.forget_translations();
        let gap = talk.gap(&before, moved, Duration::from_secs(10));
        told("another port of its NAT", kind, &gap);
        gaps.push(gap.map_or(Duration::MAX, |gap| gap.heard.max(gap.hears)));
        std::thread::sleep(Duration::from_secs(2)); // they talk
    }
    if !ended(talk, kind) {
        gaps.push(Duration::MAX);
    }
    gaps
}

fn ended(talk: Talk, kind: Kind) -> bool {
    talk.ends_well(kind).inspect_err(|why| println!("{why}")).is_ok()
}

type Move = fn(Kind) -> bool;

/// All at once, each with a server of its own.
fn moves(moves: &[(&str, Move)], kind: Kind) {
    let good: Vec<(&str, bool)> = std::thread::scope(|scope| {
        let running: Vec<_> =
            moves.iter().map(|(name, move_it)| (*name, scope.spawn(move || move_it(kind)))).collect();
        running
            .into_iter()
            .map(|(name, thread)| (name, thread.join().expect("a move that is measured")))
            .collect()
    });
    assert!(good.iter().all(|(_, is_good)| *is_good), "{good:?}");
}

const ALL: &[(&str, Move)] = &[
    ("address", another_address),
    ("own address", another_own_address),
    ("interface", another_interface),
    ("port", another_port),
];

#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn a_plain_phone_of_udp_that_changes_its_network_keeps_its_call() {
    moves(ALL, Kind::Udp);
}

#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn a_phone_of_tls_and_srtp_that_changes_its_network_keeps_its_call() {
    moves(ALL, Kind::TlsSrtp);
}

#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn a_phone_with_ice_that_changes_its_network_keeps_its_call() {
    moves(ALL, Kind::Ice);
}

#[test]
#[ignore = "needs baresip, chromium, node, root, ip, nft and conntrack"]
fn a_browser_that_changes_its_network_keeps_its_call() {
    // With another address on the same interface Chromium neither closes the connection of the page nor uses the address:
    // nothing comes from it any more, and nothing reaches it.
    let heals = |name: &str| name != "own address";
    let moved: Vec<_> = ALL.iter().copied().filter(|(name, _)| heals(name)).collect();
    moves(&moved, Kind::Browser);
}

/// In `CALLS` calls at once the router forgets its translations `REPEAT` times.
#[test]
#[ignore = "needs baresip, root, ip, nft and conntrack"]
fn all_ports_of_a_nat_are_followed() {
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
    };
    let (calls, times) = (number("CALLS", 5), number("REPEAT", 8));
    let gaps: Vec<Duration> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..calls).map(|_| scope.spawn(|| another_port_each_time(Kind::Udp, times))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a call that is measured")).collect()
    });
    let (median, most) = median_and_99th(&gaps);
    let good = gaps.iter().filter(|gap| **gap < GAP_MAX).count();
    println!("{good} of {} below {GAP_MAX:?}: median {median:?}, 99 % {most:?}", calls * times);
    assert_eq!(gaps.len(), calls * times, "each call ends well");
    assert!(gaps.iter().all(|gap| *gap < Duration::MAX), "each is followed: {gaps:?}");
    // The machine has other things to do now and then.
    assert!(good * 10 >= gaps.len() * 9, "{gaps:?}");
}
