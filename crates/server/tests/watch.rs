//! What whoever watches the real server sees: counters, queues, health; in peace and under attack.

mod process;

use process::{Folder, Server, eventually, free_port, http_get, phone};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The value of a metric, all labels together.
fn metric(http: u16, name: &str) -> u64 {
    let page = http_get(http, "/metrics").1;
    let values = page.lines().filter_map(|line| {
        let (found, value) = line.rsplit_once(' ')?;
        (found == name || found.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))).then_some(value)
    });
    let values: Vec<u64> = values.map(|value| value.parse().unwrap()).collect();
    assert!(!values.is_empty(), "{name} is missing in {page}");
    values.iter().sum()
}

#[test]
fn whoever_has_an_answer_finds_it_counted() {
    let folder = Folder::new("counted");
    let (port, http) = (free_port(), free_port());
    let (listen, page) = (format!("udp://127.0.0.1:{port}"), format!("127.0.0.1:{http}"));
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", &page, "--shards", "2"];
    let _server = Server::start(&folder, &arguments, "ready").0;
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&made[0], port);
    let (mut received, mut refreshed) = (0, 0);
    for round in 0..20 {
        alice.register(600).unwrap();
        let now = metric(http, "coeur_requests_received_total");
        assert!(now > received, "round {round}: {now} requests after {received}");
        received = now;
        refreshed += u64::from(round > 0);
        assert_eq!(metric(http, "coeur_registrations_refreshed_total"), refreshed);
    }
    assert_eq!(metric(http, "coeur_registrations_total"), 1);
}

#[test]
fn a_registered_phone_is_served_during_a_flood_from_its_address_also_after_a_restart() {
    let folder = Folder::new("flood");
    let (port, http) = (free_port(), free_port());
    let (listen, page) = (format!("udp://127.0.0.1:{port}"), format!("127.0.0.1:{http}"));
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", &page, "--shards", "1"];
    let mut server = Server::start(&folder, &arguments, "ready").0;
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&made[0], port);
    alice.register(600).unwrap();
    for restarted in [false, true] {
        if restarted {
            server.kill_9();
            server = Server::start(&folder, &arguments, "ready").0;
        }
        let flooding = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
                while flooding.load(Ordering::Relaxed) {
                    for _ in 0..10 {
                        let malformed = b"REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n";
                        let _ = flood.send_to(malformed, ("127.0.0.1", port));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let silenced = eventually(|| metric(http, "coeur_net_datagrams_unheard") > 1_000);
            let registered = alice.register(600);
            flooding.store(false, Ordering::Relaxed);
            assert!(silenced);
            registered.unwrap();
        });
        assert_eq!(folder.json(&["registrations", "--json"]).as_array().unwrap().len(), 1);
    }
    drop(server);
}
