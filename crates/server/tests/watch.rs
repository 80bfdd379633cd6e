//! What whoever watches the real server sees: counters, queues, health; in peace and under attack.

mod process;

use process::{Folder, Server, eventually, free_port, http_get, phone};
use std::collections::{BTreeMap, BTreeSet};
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

/// Names and types, and the names of the labels, of everything on the page of a server.
fn exported(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            assert!(help.ends_with('.'), "{name} is not explained: {help:?}");
            assert!(helped.insert(name.to_owned()), "{name} is there twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name));
            metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let parts = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let family = parts.filter(|family| metrics.contains_key(*family)).unwrap_or(name);
            let of = &mut metrics.get_mut(family).unwrap_or_else(|| panic!("{name} has no type")).1;
            of.extend(labels.split(',').filter_map(|label| Some(label.split_once('=')?.0.to_owned())));
        }
    }
    metrics
}

/// The rows `| `name` | type | labels | meaning |` of the document.
fn documented(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics = BTreeMap::new();
    for line in
        text.lines().filter(|line| ["| `coeur_", "| `process_"].iter().any(|row| line.starts_with(row)))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("four cells: {line}") };
        assert!(meaning.ends_with('.'), "{line}");
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        let before = metrics.insert(name.trim_matches('`').to_owned(), (kind.to_owned(), labels));
        assert!(before.is_none(), "{name} is there twice");
    }
    metrics
}

#[test]
fn every_metric_is_in_the_document_and_the_document_names_no_other() {
    let folder = Folder::new("document");
    let (port, http) = (free_port(), free_port());
    let (listen, page) = (format!("udp://127.0.0.1:{port}"), format!("127.0.0.1:{http}"));
    let _server =
        Server::start(&folder, &["--domain", "d.test", "--listen", &listen, "--http", &page], "ready").0;
    let (status, page) = http_get(http, "/metrics");
    assert_eq!(status, 200);
    let (exported, document) = (exported(&page), include_str!("../../../docs/metrics.md"));
    let documented = documented(document);
    let row = |(name, (kind, labels)): (&String, &(String, BTreeSet<String>))| {
        let help = page.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} "))).unwrap_or("?");
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    };
    let missing: Vec<String> =
        exported.iter().filter(|(name, of)| documented.get(*name) != Some(of)).map(row).collect();
    assert!(missing.is_empty(), "missing or different in docs/metrics.md:\n{}", missing.join("\n"));
    let gone: Vec<&String> = documented.keys().filter(|name| !exported.contains_key(*name)).collect();
    assert!(gone.is_empty(), "docs/metrics.md names what is not exported: {gone:?}");
    for (name, (kind, _)) in &exported {
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(
            !["_milliseconds", "_microseconds", "_megabytes"].iter().any(|unit| name.contains(unit)),
            "{name}"
        );
    }
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
    let page = http_get(http, "/metrics").1;
    let buckets: Vec<u64> = page
        .lines()
        .filter_map(|line| line.strip_prefix("coeur_journal_group_seconds_bucket{")?.rsplit_once(' '))
        .map(|(_, value)| value.parse().unwrap())
        .collect();
    let groups = metric(http, "coeur_journal_group_seconds_count");
    assert!(buckets.is_sorted() && buckets.len() > 5, "{buckets:?}");
    assert_eq!(buckets.last(), Some(&groups));
    // A group that takes longer than a second is not usual even here.
    assert!(groups >= 1 && buckets[buckets.len() - 2] > 0, "{buckets:?}");
    assert!(metric(http, "coeur_journal_entries_total") >= groups);
}

#[test]
fn a_running_server_is_alive_and_ready() {
    let folder = Folder::new("health");
    let (port, http) = (free_port(), free_port());
    let (listen, page) = (format!("udp://127.0.0.1:{port}"), format!("127.0.0.1:{http}"));
    let arguments = ["--domain", "d.test", "--listen", &listen, "--http", &page, "--shards", "2"];
    let server = Server::start(&folder, &arguments, "ready").0;
    // Every shard was woken and looked, although nobody sent anything.
    let turns = metric(http, "coeur_shard_turns_total");
    assert_eq!(http_get(http, "/healthz"), (200, "ok\n".to_owned()));
    assert!(metric(http, "coeur_shard_turns_total") >= turns + 2);
    assert_eq!(http_get(http, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(server.terminate().code(), Some(0));
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
            let silenced = eventually(|| metric(http, "coeur_udp_datagrams_dropped_total") > 1_000);
            let registered = alice.register(600);
            flooding.store(false, Ordering::Relaxed);
            assert!(silenced);
            registered.unwrap();
        });
        assert_eq!(folder.json(&["registrations", "--json"]).as_array().unwrap().len(), 1);
    }
    drop(server);
}
