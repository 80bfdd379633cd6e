//! Two browsers that check each other's addresses themselves (decision 0042): in one network their media meets no server, and where
//! they do not reach each other it goes through it as it is.

use coeur_interop::browser::{Browsers, Library, Report, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::nat::{Host, Internet, Nat, Passed, Site, Wire};
use coeur_interop::place::Place;
use coeur_interop::tone;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const WSS: u16 = 8_089;

/// A call of alice (440 Hz) with bob (660 Hz), each in a browser on a host of its own.
struct Talk {
    server: Coeur,
    wire: Wire,
    alice: Browsers,
    bob: Browsers,
    call: String,
    _server_host: Host,
    _sites: Vec<Site>,
    _hosts: [Host; 2],
    _internet: Internet,
}

fn browser(
    server: &Coeur,
    server_host: &Host,
    at: &Host,
    account: (&str, &str),
    library: Library,
    hz: u32,
) -> Browsers {
    let mut browsers = Browsers::start_on(&Place::on(at));
    browsers.phone(&Setup {
        server: format!("wss://{}:{WSS}", server_host.address),
        ..Setup::on_loopback(server, account, library, hz)
    });
    browsers
}

impl Talk {
    /// `one_site`: both are behind one NAT, else behind two that let nobody in whom they have not spoken to.
    fn new(name: &str, one_site: bool, [of_alice, of_bob]: [Library; 2]) -> Self {
        let mut internet = Internet::new();
        let server_host = internet.host();
        let mut sites = vec![internet.site(Nat::Symmetric), internet.site(Nat::Symmetric)];
        let at_alices = sites[0].host();
        let at_bobs = sites[usize::from(!one_site)].host();
        let wss = format!("wss://{}:{WSS}", server_host.address);
        let flags = ["--listen", &wss, "--origin", "localhost", "--direct-media", "auto"];
        let server = Coeur::start_on(name, &[ALICE, BOB], &flags, Place::on(&server_host));
        server.cli(&["account", "set", &format!("bob@{DOMAIN}"), "--record", "on-demand"], "");
        let bob = browser(&server, &server_host, &at_bobs, BOB, of_bob, 660);
        let alice = browser(&server, &server_host, &at_alices, ALICE, of_alice, 440);
        let wire = Wire::of(&server_host);
        let mut talk = Self {
            server,
            wire,
            alice,
            bob,
            call: String::new(),
            _server_host: server_host,
            _sites: sites,
            _hosts: [at_alices, at_bobs],
            _internet: internet,
        };
        talk.alice.call("alice", "bob");
        talk.hear("the beginning", 30);
        let calls: serde_json::Value =
            serde_json::from_str(&talk.server.cli(&["calls", "--json"], "")).expect("JSON");
        talk.call = calls[0]["call"].as_str().expect("a call").to_owned();
        talk
    }

    /// Each hears two seconds more of the other; how long that took.
    fn hear(&mut self, what: &str, seconds: u64) -> Duration {
        let since = Instant::now();
        let (by_alice, by_bob) =
            (self.alice.report("alice").heard_s(660), self.bob.report("bob").heard_s(440));
        self.alice.wait("alice", seconds, |report| report.heard_s(660) > by_alice + 2.0);
        self.bob.wait("bob", seconds, |report| report.heard_s(440) > by_bob + 2.0);
        println!("{what}: heard again within {:.1?}", since.elapsed());
        since.elapsed()
    }

    fn reports(&mut self) -> [Report; 2] {
        [self.alice.report("alice"), self.bob.report("bob")]
    }

    /// RTP on the cable of the server in two seconds.
    fn passed(&self) -> usize {
        let since = Instant::now();
        std::thread::sleep(Duration::from_secs(2));
        self.wire.since(since).iter().filter(|passed| Passed::is_rtp(passed)).count()
    }

    /// As the server shows it: which way, and how protected.
    fn shown(&self) -> String {
        self.server.cli(&["calls", "show", &self.call], "")
    }

    fn hang_up(&mut self) {
        self.alice.hang_up("alice");
        self.bob.wait("bob", 10, |report| report.has_ended());
    }
}

#[test]
#[ignore = "needs root, ip, nft, node and chromium"]
fn two_browsers_of_one_network_hear_each_other_without_the_server() {
    for libraries in
        [[Library::JsSip, Library::JsSip], [Library::JsSip, Library::SipJs], [Library::SipJs, Library::JsSip]]
    {
        let mut talk = Talk::new("direct-web", true, libraries);
        let (passed, shown, reports) = (talk.passed(), talk.shown(), talk.reports());
        println!("{libraries:?}: {passed} packets of RTP at the server; {shown}\n{reports:#?}");
        assert_eq!(passed, 0, "nothing passes the server");
        for report in &reports {
            assert!(
                report.local_candidate().starts_with("host ")
                    && report.remote_candidate().starts_with("host "),
                "{report:#?}"
            );
        }
        assert!(shown.contains("no media passes") && shown.contains("e2e"), "{shown}");
        talk.hang_up();
    }
}

#[test]
#[ignore = "needs root, ip, nft, node and chromium"]
fn two_browsers_that_do_not_reach_each_other_hear_each_other_through_the_server_as_it_is() {
    let mut talk = Talk::new("direct-web-apart", false, [Library::JsSip; 2]);
    let (passed, shown, reports) = (talk.passed(), talk.shown(), talk.reports());
    println!("{passed} packets of RTP at the server; {shown}\n{reports:#?}");
    assert!(passed > 300, "{passed}: two seconds of two ways, in and out");
    assert!(shown.contains("no direct way") && shown.contains("e2e"), "{shown}");
    talk.hang_up();
}

/// Their keys and their media come back for a recording, and stay.
#[test]
#[ignore = "needs root, ip, nft, node and chromium"]
fn two_browsers_in_a_direct_call_are_recorded_when_it_is_wished() {
    let mut talk = Talk::new("direct-web-record", true, [Library::JsSip; 2]);
    assert_eq!(talk.passed(), 0);
    talk.server.cli(&["calls", "record", &talk.call, "start"], "");
    let since = Instant::now();
    std::thread::sleep(Duration::from_secs(1)); // the offers are under way
    talk.hear("a recording", 20);
    println!("in all {:.1?}", since.elapsed());
    let (passed, shown) = (talk.passed(), talk.shown());
    println!("{passed} packets of RTP at the server; {shown}");
    assert!(passed > 300 && shown.contains("relayed") && shown.contains("hop"), "{passed} {shown}");
    std::thread::sleep(Duration::from_secs(3)); // they talk
    talk.server.cli(&["calls", "record", &talk.call, "stop"], "");
    std::thread::sleep(Duration::from_secs(1)); // it is written
    let shown = talk.shown();
    assert!(talk.passed() > 300, "it stays: {shown}");
    assert!(shown.contains("has come back"), "{shown}");
    talk.hang_up();
    let folder = talk.server.folder().join("data/recordings");
    let file = newest(&folder);
    let [left, right] = [(0, 440.0), (1, 660.0)]
        .map(|(channel, hz)| tone::seconds_of(&tone::read_channel(&file, channel).expect("a WAV"), hz));
    println!("{}: alice {left} s, bob {right} s", file.display());
    assert!(left > 2.0 && right > 2.0, "{left} {right}");
}

fn newest(folder: &std::path::Path) -> std::path::PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path),
            }
        }
    }
    found.sort();
    found.into_iter().rfind(|path| path.extension().is_some_and(|end| end == "wav")).expect("a recording")
}

#[test]
#[ignore = "needs root, ip, nft, node and chromium"]
fn a_direct_call_of_two_browsers_is_held_and_resumed() {
    let mut talk = Talk::new("direct-web-hold", true, [Library::JsSip; 2]);
    talk.alice.hold("alice", true);
    std::thread::sleep(Duration::from_secs(2)); // it is on hold
    let held = talk.reports().map(|report| [report.heard_s(440), report.heard_s(660)]);
    std::thread::sleep(Duration::from_secs(2)); // and nobody is heard
    let still = talk.reports().map(|report| [report.heard_s(440), report.heard_s(660)]);
    println!("held {held:?} {still:?}");
    assert!(still[1][0] - held[1][0] < 0.3, "bob hears nothing of alice: {held:?} {still:?}");
    talk.alice.hold("alice", false);
    talk.hear("resumed", 15);
    let (passed, shown) = (talk.passed(), talk.shown());
    assert_eq!(passed, 0, "{shown}");
    assert!(shown.contains("no media passes") && shown.contains("e2e"), "{shown}");
    talk.hang_up();
}

/// Direct media never notices that the server has died; the wire is there again, and so is the call.
#[test]
#[ignore = "needs root, ip, nft, node and chromium"]
fn calls_of_two_browsers_with_keys_of_their_own_go_on_over_kill_9() {
    for one_site in [true, false] {
        let mut talk = Talk::new("direct-web-kill", one_site, [Library::JsSip; 2]);
        talk.server.kill();
        talk.server.run();
        talk.hear("after kill -9", 20);
        let (passed, shown) = (talk.passed(), talk.shown());
        println!("one site: {one_site}: {passed} packets; {shown}");
        assert_eq!(passed == 0, one_site, "{passed}");
        assert!(shown.contains("e2e"), "{shown}");
        std::thread::sleep(Duration::from_secs(12)); // they register again
        talk.hear("12 s later", 20);
        let (passed, shown) = (talk.passed(), talk.shown());
        assert_eq!(passed == 0, one_site, "{passed} {shown}");
        assert!(shown.contains("e2e"), "they stay as they are: {shown}");
        talk.hang_up();
    }
}
