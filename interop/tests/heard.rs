//! It is heard: two baresip phones behind routers of every kind talk through the server, without a setting, and each hears
//! the other's tone.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::Coeur;
use coeur_interop::nat::{Host, Internet, Nat};
use coeur_interop::place::Place;
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

/// Seconds of the other's tone that each hears in a call of 4 s.
struct Heard {
    by_alice: f32,
    by_bob: f32,
}

struct Lab {
    server: Coeur,
    server_host: Host,
}

impl Lab {
    fn new(internet: &mut Internet, name: &str) -> Self {
        let server_host = internet.host();
        let server = Coeur::start_on(name, &[ALICE, BOB], &[], Place::on(&server_host));
        Self { server, server_host }
    }

    fn phone(&self, account: (&str, &str), transport: &str, host: &Host, tone_hz: u32) -> Phone {
        self.registered(account, transport, host, tone_hz, Phone::start)
    }

    fn registered(
        &self,
        (user, secret): (&str, &str),
        transport: &str,
        host: &Host,
        tone_hz: u32,
        start: fn(&Setup<'_>) -> Phone,
    ) -> Phone {
        let secure = transport == "tls";
        let mut phone = start(&Setup {
            user,
            secret,
            transport,
            server_port: if secure { self.server.tls } else { self.server.udp },
            tone_hz,
            auto_answer: true,
            ca_file: secure.then(|| self.server.ca_file()),
            srtp: false,
            place: Place::on(host),
            server: self.server_host.address,
        });
        phone.registered();
        phone
    }
}

fn talk(mut alice: Phone, mut bob: Phone) -> Heard {
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    alice.command("hangup", "");
    bob.wait_for(&["terminated", "session closed"], 10);
    Heard { by_alice: alice.heard_s(660.0), by_bob: bob.heard_s(440.0) }
}

fn heard_behind(a: Nat, b: Nat, transport: &str) -> Heard {
    let mut internet = Internet::new();
    let lab = Lab::new(&mut internet, "heard");
    let (mut site_a, mut site_b) = (internet.site(a), internet.site(b));
    let (host_a, host_b) = (site_a.host(), site_b.host());
    let bob = lab.phone(BOB, transport, &host_b, 660);
    let alice = lab.phone(ALICE, transport, &host_a, 440);
    talk(alice, bob)
}

/// Plain phones of UDP in every pair of a shape with itself and with the worst one; a phone whose router lets no UDP out has
/// no way for media, whoever it asks.
#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn phones_of_udp_behind_every_kind_of_router_hear_each_other() {
    let mut silent = Vec::new();
    for nat in Nat::ALL.into_iter().filter(|nat| *nat != Nat::NoUdp) {
        for other in [nat, Nat::Symmetric] {
            let heard = heard_behind(nat, other, "udp");
            println!(
                "{nat:?} - {other:?}: alice hears {:.1} s, bob hears {:.1} s",
                heard.by_alice, heard.by_bob
            );
            if heard.by_alice < 2.0 || heard.by_bob < 2.0 {
                silent.push((nat, other));
            }
        }
    }
    assert!(silent.is_empty(), "not heard both ways: {silent:?}");
}

#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn phones_of_tcp_and_tls_behind_a_carriers_router_hear_each_other() {
    for transport in ["tcp", "tls"] {
        let heard = heard_behind(Nat::CarrierGrade, Nat::Symmetric, transport);
        assert!(
            heard.by_alice > 2.0 && heard.by_bob > 2.0,
            "{transport}: {} {}",
            heard.by_alice,
            heard.by_bob
        );
    }
}

/// Two phones of one site: their router need not send back what it has translated (hairpin).
#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn two_phones_of_one_site_hear_each_other() {
    for nat in [Nat::PortRestricted, Nat::Symmetric, Nat::CarrierGrade] {
        let mut internet = Internet::new();
        let lab = Lab::new(&mut internet, "hairpin");
        let mut site = internet.site(nat);
        let (host_a, host_b) = (site.host(), site.host());
        let bob = lab.phone(BOB, "udp", &host_b, 660);
        let alice = lab.phone(ALICE, "udp", &host_a, 440);
        let heard = talk(alice, bob);
        assert!(heard.by_alice > 2.0 && heard.by_bob > 2.0, "{nat:?}: {} {}", heard.by_alice, heard.by_bob);
    }
}

/// One at home, one on the open internet, both directions of a call.
#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn a_phone_at_home_and_one_with_a_public_address_hear_each_other() {
    for alice_at_home in [true, false] {
        let mut internet = Internet::new();
        let lab = Lab::new(&mut internet, "half");
        let mut site = internet.site(Nat::PortRestricted);
        let (home, public) = (site.host(), internet.host());
        let (host_a, host_b) = if alice_at_home { (&home, &public) } else { (&public, &home) };
        let bob = lab.phone(BOB, "udp", host_b, 660);
        let alice = lab.phone(ALICE, "udp", host_a, 440);
        let heard = talk(alice, bob);
        assert!(heard.by_alice > 2.0 && heard.by_bob > 2.0, "{} {}", heard.by_alice, heard.by_bob);
    }
}

/// That it speaks ICE is known from its registration alone (RFC 5768): it has called nobody yet. The tunnel takes no INVITE
/// over UDP that is so long (RFC 3261 section 18.1.1).
#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn a_phone_with_ice_behind_a_router_is_called_and_heard() {
    for (nat, transport) in [
        (Nat::PortRestricted, "udp"),
        (Nat::Symmetric, "udp"),
        (Nat::CarrierGrade, "tls"),
        (Nat::SmallMtu, "tcp"),
    ] {
        let mut internet = Internet::new();
        let lab = Lab::new(&mut internet, "ice");
        let mut site = internet.site(nat);
        let (home, public) = (site.host(), internet.host());
        let bob = lab.registered(BOB, transport, &home, 660, Phone::start_with_ice);
        let alice = lab.phone(ALICE, "udp", &public, 440);
        let heard = talk(alice, bob);
        println!("{nat:?} {transport}: {:.1} {:.1}", heard.by_alice, heard.by_bob);
        assert!(heard.by_alice > 2.0 && heard.by_bob > 2.0, "{nat:?} {transport}");
    }
}

/// Our INVITE with ICE has some 1,490 bytes. A router may cut it, since it is not forbidden to.
#[test]
#[ignore = "needs baresip, root, ip and nft"]
fn a_phone_is_called_over_udp_through_a_tunnel_that_drops_what_may_not_be_cut() {
    let mut internet = Internet::new();
    let lab = Lab::new(&mut internet, "tunnel");
    let mut site = internet.site(Nat::PortRestricted);
    site.tunnel();
    let (home, public) = (site.host(), internet.host());
    let bob = lab.registered(BOB, "udp", &home, 660, Phone::start_with_ice);
    let alice = lab.phone(ALICE, "udp", &public, 440);
    let heard = talk(alice, bob);
    println!("{:.1} {:.1}", heard.by_alice, heard.by_bob);
    assert!(heard.by_alice > 2.0 && heard.by_bob > 2.0);
}
