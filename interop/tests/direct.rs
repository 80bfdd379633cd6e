//! Media that goes from phone to phone (decisions 0021 and 0043): two phones behind one NAT, and the cable of the server.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::linphone::{self, Linphone};
use coeur_interop::nat::{Host, Internet, Nat, Passed, Wire};
use coeur_interop::place::Place;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

/// RTP on the cable of the server in the last two seconds of a call of six; seconds that each phone heard of the other; and what
/// the server says of the way.
fn talk(name: &str, policy: &str, one_site: bool) -> (usize, [f32; 2], String) {
    talk_over(name, policy, one_site, "udp")
}

/// The same over `udp`, or over `tls` with SRTP.
fn talk_over(name: &str, policy: &str, one_site: bool, transport: &'static str) -> (usize, [f32; 2], String) {
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
            transport,
            server_port: server.port_of(transport),
            tone_hz,
            auto_answer: true,
            ca_file: (transport == "tls").then(|| server.ca_file()),
            srtp: transport == "tls",
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
    let path = path_of(&server, &call_of(&server));
    let trace = server.cli(&["trace", "alice"], "");
    let said = path.trim_start_matches("media path").trim();
    assert!(trace.contains(said), "{said}: {trace}");
    alice.command("hangup", "");
    bob.wait_for(&["terminated", "session closed"], 10);
    let heard = [alice.heard_s(660.0), bob.heard_s(440.0)];
    println!("{name}: {passed} packets of RTP at the server; heard {heard:?} s; {path}");
    (passed, heard, path)
}

/// The one call that there is.
fn call_of(server: &Coeur) -> String {
    let calls = server.cli(&["calls"], "");
    let call = calls.lines().find_map(|line| line.split_whitespace().find(|word| word.len() == 36));
    call.expect("a call").to_owned()
}

fn path_of(server: &Coeur, call: &str) -> String {
    let shown = server.cli(&["calls", "show", call], "");
    shown.lines().find(|line| line.contains("media path")).unwrap_or(&shown).trim().to_owned()
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

/// RTP on the cable of the server in two seconds, after some in which the phones are told where to send.
fn passed(wire: &Wire) -> usize {
    std::thread::sleep(Duration::from_secs(3));
    let since = Instant::now();
    std::thread::sleep(Duration::from_secs(2));
    wire.since(since).iter().filter(|passed| Passed::is_rtp(passed)).count()
}

/// A phone of TLS and SRTP that takes another key in a call.
fn secure(
    server: &Coeur,
    (user, secret): (&str, &str),
    host: &Host,
    server_host: &Host,
    tone_hz: u32,
) -> Linphone {
    let mut phone = Linphone::start(&linphone::Setup {
        user,
        secret,
        transport: "tls",
        server_port: server.port_of("tls"),
        tone_hz,
        auto_answer: true,
        ca_file: Some(server.ca_file()),
        srtp: true,
        place: Place::on(host),
        server: server_host.address,
    });
    phone.registered();
    phone
}

/// TLS and SRTP: each is told the key of the other, comes back to new keys of ours for a recording and a hold, goes its own way
/// again, and goes on over kill -9 of the server.
#[test]
#[ignore = "needs root, ip, nft and linphonec"]
fn two_phones_of_tls_and_srtp_hear_each_other_without_the_server_and_over_kill_9_and_are_recorded_when_it_is_wished()
 {
    let mut internet = Internet::new();
    let server_host = internet.host();
    let mut site = internet.site(Nat::PortRestricted);
    let (at_alices, at_bobs) = (site.host(), site.host());
    let flags = ["--direct-media", "auto"];
    let mut server = Coeur::start_on("direct-srtp", &[ALICE, BOB], &flags, Place::on(&server_host));
    server.cli(&["account", "set", &format!("bob@{DOMAIN}"), "--record", "on-demand"], "");
    let (mut alice, mut bob) = (
        secure(&server, ALICE, &at_alices, &server_host, 440),
        secure(&server, BOB, &at_bobs, &server_host, 660),
    );
    let wire = Wire::of(&server_host);
    alice.command(&format!("call sip:bob@{DOMAIN}"));
    alice.established();
    bob.established();
    let call = call_of(&server);
    let direct = (passed(&wire), path_of(&server, &call));
    server.cli(&["calls", "record", &call, "start"], "");
    let recorded = (passed(&wire), path_of(&server, &call));
    server.cli(&["calls", "record", &call, "stop"], "");
    let again = (passed(&wire), path_of(&server, &call));
    alice.command("pause");
    let held = (passed(&wire), path_of(&server, &call));
    alice.command("resume");
    let resumed = (passed(&wire), path_of(&server, &call));
    server.kill();
    server.run();
    let restarted = (passed(&wire), path_of(&server, &call));
    let protection = server.cli(&["calls", "show", &call], "");
    println!("{:#?}\n{protection}", [&direct, &recorded, &again, &held, &resumed, &restarted]);
    let heard = [alice.heard_s(660.0), bob.heard_s(440.0)];
    println!("heard {heard:?}");
    for (passed, path) in [&direct, &again, &resumed, &restarted] {
        assert_eq!(*passed, 0, "{path}");
        assert!(path.contains("direct: ") && path.contains("has seen their keys"), "{path}");
    }
    assert!(held.0 >= 90 && held.1.contains("on hold"), "music for bob: {held:?}");
    assert!(recorded.0 > 300 && recorded.1.contains("is recorded"), "{recorded:?}");
    assert!(protection.contains("hop"), "{protection}");
    assert!(heard.iter().all(|seconds| *seconds > 20.0), "{heard:?} of thirty, five of them on hold");
}

/// baresip 1.0 goes on with the key that its other side had first, so that it would hear nothing.
#[test]
#[ignore = "needs root, ip, nft and baresip"]
fn two_phones_that_take_no_other_key_in_a_call_are_relayed_and_hear_each_other() {
    let (passed, heard, path) = talk_over("direct-keeps", "auto", true, "tls");
    assert!(passed > 300, "{passed}: two seconds of two ways, in and out");
    assert!(heard.iter().all(|seconds| *seconds > 4.0), "{heard:?}");
    assert!(path.contains("not to take another SRTP key"), "{path}");
}
