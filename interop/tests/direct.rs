//! Media that goes from phone to phone (decision 0021): two baresip phones behind one NAT, and the cable of the server.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::Coeur;
use coeur_interop::nat::{Host, Internet, Nat, Passed, Wire};
use coeur_interop::place::Place;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

/// RTP on the cable of the server in the last two seconds of a call of six; seconds that each phone heard of the other; and what
/// the server says of the way.
fn talk(name: &str, policy: &str, one_site: bool) -> (usize, [f32; 2], String) {
    let mut internet = Internet::new();
    let server_host = internet.host();
    let (mut first, mut second) = (internet.site(Nat::PortRestricted), internet.site(Nat::PortRestricted));
    let at_alices = first.host();
    let at_bobs = if one_site { first.host() } else { second.host() };
    let flags = ["--direct-media", policy];
    let server = Coeur::start_on(name, &[ALICE, BOB], &flags, Place::on(&server_host));
    let phone = |(user, secret): (&'static str, &'static str), host: &Host, tone_hz| {
        let mut phone = Phone::start(&Setup {
            user,
            secret,
            transport: "udp",
            server_port: server.udp,
            tone_hz,
            auto_answer: true,
            ca_file: None,
            srtp: false,
            place: Place::on(host),
            server: server_host.address,
        });
        phone.registered();
        phone
    };
    let mut bob = phone(BOB, &at_bobs, 660);
    let mut alice = phone(ALICE, &at_alices, 440);
    let wire = Wire::of(&server_host);
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk, and are told where the other is
    let since = Instant::now();
    std::thread::sleep(Duration::from_secs(2));
    let passed = wire.since(since).iter().filter(|passed| Passed::is_rtp(passed)).count();
    let calls = server.cli(&["calls"], "");
    let call = calls.lines().find_map(|line| line.split_whitespace().find(|word| word.len() == 36));
    let shown = server.cli(&["calls", "show", call.expect("a call")], "");
    let path = shown.lines().find(|line| line.contains("media path")).unwrap_or(&shown).trim().to_owned();
    let trace = server.cli(&["trace", "alice"], "");
    let said = path.trim_start_matches("media path").trim();
    assert!(trace.contains(said), "{said}: {trace}");
    alice.command("hangup", "");
    bob.wait_for(&["terminated", "session closed"], 10);
    let heard = [alice.heard_s(660.0), bob.heard_s(440.0)];
    println!("{name}: {passed} packets of RTP at the server; heard {heard:?} s; {path}");
    (passed, heard, path)
}

#[test]
#[ignore = "needs root, ip, nft and baresip"]
fn two_phones_behind_one_nat_hear_each_other_without_the_server() {
    let (passed, heard, path) = talk("direct", "auto", true);
    assert_eq!(passed, 0, "nothing passes the server");
    assert!(heard.iter().all(|seconds| *seconds > 4.0), "{heard:?}");
    assert!(path.contains("direct"), "{path}");
}

#[test]
#[ignore = "needs root, ip, nft and baresip"]
fn where_policy_or_the_networks_forbid_it_media_goes_through_the_server() {
    for (name, policy, one_site, why) in [
        ("direct-no", "no", true, "direct_media is `no`"),
        ("direct-apart", "auto", false, "different networks"),
    ] {
        let (passed, heard, path) = talk(name, policy, one_site);
        assert!(passed > 300, "{passed}: two seconds of two ways, in and out");
        assert!(heard.iter().all(|seconds| *seconds > 4.0), "{heard:?}");
        assert!(path.contains(why), "{path}");
    }
}
