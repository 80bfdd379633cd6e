//! The real server: a phone registers over TCP, its connection goes, and who calls it reaches it all the same.

use super::handset::{Handset, sdp};
use super::keys::google;
use super::process::{Folder, Server, eventually, free_port, http_get};
use super::services::{Answers, Asked, Service};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

struct House {
    server: Server,
    service: Service,
    port: u16,
    http: u16,
    folder: Folder,
    /// What an operator keeps elsewhere than in the data directory.
    files: Folder,
}

/// A server that wakes Androids by a double of Google's service; `heard` hears of each waking.
fn start(
    name: &str,
    more: &[&str],
    prepare: impl Fn(&Folder, &Folder),
    answers: &[Answers],
    heard: impl Fn(&Asked) + Send + Sync + 'static,
) -> House {
    let (folder, files) = (Folder::new(name), Folder::new(&format!("{name}-files")));
    prepare(&folder, &files);
    let service = Service::start(&files.0, answers, Box::new(heard));
    let (account, _) = google(&files.0, &service.url());
    let (port, http) = (free_port(), free_port());
    let (tcp, udp) = (format!("tcp://127.0.0.1:{port}"), format!("udp://127.0.0.1:{port}"));
    let (metrics, fcm) = (format!("127.0.0.1:{http}"), format!("fcm={}", service.url()));
    let (account, authority) = (account.display().to_string(), service.authority.display().to_string());
    let mut arguments = vec![
        "--domain",
        "example.test",
        "--listen",
        &tcp,
        "--listen",
        &udp,
        "--http",
        &metrics,
        "--shards",
        "2",
        "--push-fcm",
        &account,
        "--push-services",
        &fcm,
        "--push-authority",
        &authority,
    ];
    arguments.extend(more);
    let (server, _) = Server::start(&folder, &arguments, "ready");
    House { server, service, port, http, folder, files }
}

impl House {
    fn account(&self, user: &str) -> serde_json::Value {
        self.folder.json(&["account", "add", user, "--json"])[0].take()
    }

    fn metric(&self, name: &str) -> u64 {
        let page = http_get(self.http, "/metrics").1;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {page}")).parse().unwrap()
    }
}

const PUSH: &str = ";pn-provider=fcm;pn-param=coeur-test;pn-prid=token-of-bob";

#[test]
fn a_phone_without_a_connection_is_woken_and_the_call_is_answered_over_the_new_one() {
    let (woken, wakes) = mpsc::channel();
    let woken = Mutex::new(woken);
    let house = start(
        "push-call",
        &[],
        |_, _| {},
        &[],
        move |asked| {
            woken.lock().unwrap().send(asked.clone()).unwrap();
        },
    );
    let (alice, bob) = (house.account("alice"), house.account("bob"));
    let mut phone = Handset::connect(&bob, house.port);
    let registered = phone.register(PUSH);
    assert!(registered.starts_with("SIP/2.0 200") && registered.contains("+sip.pns=\"fcm\""), "{registered}");
    drop(phone);
    let mut caller = Handset::connect(&alice, house.port);
    assert!(caller.register("").starts_with("SIP/2.0 200"));
    let port = house.port;
    let callee = std::thread::spawn(move || {
        let asked: Asked = wakes.recv_timeout(Duration::from_secs(10)).expect("a waking");
        let mut phone = Handset::connect(&bob, port);
        assert!(phone.register(PUSH).starts_with("SIP/2.0 200"));
        let invite = phone.next();
        assert!(invite.starts_with("INVITE ") && !invite.contains("pn-"), "{invite}");
        phone.reply(&invite, "180 Ringing", "");
        phone.reply(&invite, "200 OK", &sdp(40_000));
        assert!(phone.next().starts_with("ACK "));
        asked
    });
    let first = caller.ask("INVITE", "sip:bob@example.test", "", &sdp(40_002));
    let mut heard = vec![first];
    while !heard.last().unwrap().starts_with("SIP/2.0 200") {
        heard.push(caller.next());
    }
    let statuses: Vec<&str> = heard.iter().map(|answer| &answer[8..11]).collect();
    assert_eq!(statuses, ["182", "180", "200"]);
    assert!(heard.iter().all(|answer| !answer.contains("pn-")));
    let asked = callee.join().unwrap();
    assert_eq!(asked.json()["message"]["token"], "token-of-bob");
    assert_eq!(house.service.wakings().len(), 1);
    assert_eq!(house.metric("coeur_push_total{service=\"fcm\",outcome=\"delivered\"}"), 1);
    assert!(eventually(|| house.metric("coeur_devices_woken_total") == 1));
}

/// Also one whose service knows it no more: then at once.
#[test]
fn who_does_not_wake_is_unavailable_after_the_time_that_is_set_and_who_cannot_at_once() {
    for (name, answers) in
        [("push-silent", Answers::Says(200, "")), ("push-gone", Answers::Says(404, "UNREGISTERED"))]
    {
        let is_gone = name == "push-gone";
        let house = start(name, &["--push-wait-s", "5"], |_, _| {}, &[answers], |_| {});
        let (alice, bob) = (house.account("alice"), house.account("bob"));
        let mut phone = Handset::connect(&bob, house.port);
        phone.register(PUSH);
        drop(phone);
        let mut caller = Handset::connect(&alice, house.port);
        caller.register("");
        let asked = Instant::now();
        let mut last = caller.ask("INVITE", "sip:bob@example.test", "", &sdp(40_002));
        while last.starts_with("SIP/2.0 1") {
            last = caller.next();
        }
        assert!(last.starts_with("SIP/2.0 480"), "{last}");
        assert_eq!(asked.elapsed() >= Duration::from_secs(5), !is_gone);
        assert_eq!(house.service.wakings().len(), 1);
        assert_eq!(house.metric("coeur_push_destinations_ended_total"), u64::from(is_gone));
    }
}

/// After a restart as well: where it is woken is in the journal.
#[test]
fn a_text_reaches_a_phone_that_sleeps_also_when_the_server_was_killed_meanwhile() {
    let (woken, wakes) = mpsc::channel();
    let woken = Mutex::new(woken);
    let mut house = start("push-text", &[], |_, _| {}, &[], move |_| woken.lock().unwrap().send(()).unwrap());
    let (alice, bob) = (house.account("alice"), house.account("bob"));
    let mut phone = Handset::connect(&bob, house.port);
    phone.register(PUSH);
    drop(phone);
    house.server.kill_9();
    let (tcp, fcm) = (format!("tcp://127.0.0.1:{}", house.port), format!("fcm={}", house.service.url()));
    let (file, authority) = (house.files.0.join("account.json"), house.service.authority.clone());
    let arguments = [
        "--listen",
        &tcp,
        "--http",
        "off",
        "--shards",
        "2",
        "--push-fcm",
        file.to_str().unwrap(),
        "--push-services",
        &fcm,
        "--push-authority",
        authority.to_str().unwrap(),
    ];
    house.server = Server::start(&house.folder, &arguments, "ready").0;
    let mut caller = Handset::connect(&alice, house.port);
    caller.register("");
    let port = house.port;
    let callee = std::thread::spawn(move || {
        wakes.recv_timeout(Duration::from_secs(10)).expect("a waking");
        let mut phone = Handset::connect(&bob, port);
        phone.register(PUSH);
        let text = phone.next();
        assert!(text.starts_with("MESSAGE "), "{text}");
        phone.reply(&text, "200 OK", "");
    });
    let answer = caller.ask("MESSAGE", "sip:bob@example.test", "", "");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    callee.join().unwrap();
}

const SLEEPERS: usize = 1_000;
/// Phones that come back at a time.
const HANDS: usize = 200;
const CALLERS: usize = 20;

/// All are woken, each once, and each is called. How long it took is printed; nothing depends on it.
#[test]
fn a_thousand_phones_that_sleep_are_woken_and_called() {
    let (woken, wakes) = mpsc::channel::<String>();
    let woken = Mutex::new(woken);
    let secret = |nth: usize| format!("a secret of phone {nth}");
    let import = |folder: &Folder, files: &Folder| {
        let mut rows = "account,secret\n".to_owned();
        (0..SLEEPERS).for_each(|nth| rows.push_str(&format!("s{nth}@example.test,{}\n", secret(nth))));
        rows.push_str("alice@example.test,the secret of alice\n");
        let file = files.0.join("accounts.csv");
        std::fs::write(&file, rows).unwrap();
        assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
        assert!(folder.coeur(&["account", "import", file.to_str().unwrap()]).status.success());
    };
    let more = ["--calls-per-account", "0", "--push-wait-s", "30"];
    let house = start("push-thousand", &more, import, &[], move |asked| {
        let token = asked.json()["message"]["token"].as_str().unwrap().to_owned();
        woken.lock().unwrap().send(token).unwrap();
    });
    let port = house.port;
    let push = |nth: usize| format!(";pn-provider=fcm;pn-param=coeur-test;pn-prid={nth}");
    for nth in 0..SLEEPERS {
        let mut phone = Handset::of(&format!("s{nth}"), &secret(nth), port);
        let registered = phone.register(&push(nth));
        assert!(registered.starts_with("SIP/2.0 200"), "{registered}");
    }
    let (wakes, called) = (Arc::new(Mutex::new(wakes)), Arc::new(Mutex::new(BTreeMap::new())));
    let hands: Vec<_> = (0..HANDS)
        .map(|_| {
            let (wakes, called) = (wakes.clone(), called.clone());
            std::thread::spawn(move || {
                let until = Instant::now() + Duration::from_secs(120);
                while called.lock().unwrap().len() < SLEEPERS && Instant::now() < until {
                    let token = wakes.lock().unwrap().recv_timeout(Duration::from_millis(50));
                    let Ok(nth) = token.map(|token| token.parse::<usize>().unwrap()) else { continue };
                    let mut phone = Handset::of(&format!("s{nth}"), &secret(nth), port);
                    assert!(phone.register(&push(nth)).starts_with("SIP/2.0 200"));
                    let invite = phone.next();
                    assert!(invite.starts_with("INVITE "), "{invite}");
                    let at = Instant::now();
                    phone.reply(&invite, "486 Busy Here", "");
                    assert!(phone.next().starts_with("ACK "));
                    let before = called.lock().unwrap().insert(nth, (at, phone));
                    assert!(before.is_none(), "{nth} was called twice");
                }
            })
        })
        .collect();
    // Over several connections, as callers are.
    let mut callers: Vec<Handset> = (0..CALLERS)
        .map(|_| {
            let mut alice = Handset::of("alice", "the secret of alice", port);
            alice.ask("OPTIONS", "sip:nobody@example.test", "", "");
            alice.hear_no_more();
            alice
        })
        .collect();
    let mut asked = Vec::new();
    for nth in 0..SLEEPERS {
        asked.push(Instant::now());
        callers[nth % CALLERS].ask_only("INVITE", &format!("sip:s{nth}@example.test"), "", &sdp(40_002));
    }
    hands.into_iter().for_each(|hand| hand.join().unwrap());
    let mut called = called.lock().unwrap();
    assert_eq!((called.len(), house.service.wakings().len()), (SLEEPERS, SLEEPERS), "all, each once");
    for (nth, (_, phone)) in called.iter_mut() {
        phone.wait_at_most(Duration::from_millis(1));
        assert_eq!(phone.next_if_any(), None, "nothing more is said to {nth}");
    }
    let mut took: Vec<Duration> =
        called.iter().map(|(nth, (at, _))| at.duration_since(asked[*nth])).collect();
    took.sort();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "from INVITE to INVITE at {SLEEPERS} phones: p50 {:?}, p95 {:?}, most {:?}",
        at(50),
        at(95),
        at(100)
    );
}
