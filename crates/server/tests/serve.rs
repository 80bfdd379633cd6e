//! The real binary, started as a stranger would, and used through its command line and with phones.

mod process;

use coeur::config::listen::{Listen, Scheme};
use coeur::config::{Key, Layer, load};
use coeur::house::start::start;
use coeur::tls::{Tls, authority, roots};
use process::{Folder, Server, eventually, free_port, phone, start_plain};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn the_demonstration_tests_itself_over_every_transport_on_ports_that_were_busy() {
    let folder = Folder::new("demo");
    let ports: Vec<u16> = (0..4).map(|_| free_port()).collect();
    let busy = UdpSocket::bind(("127.0.0.1", ports[0])).unwrap();
    let listen: Vec<String> = Scheme::ALL
        .iter()
        .zip([ports[0], ports[0], ports[1], ports[2], ports[3]])
        .map(|(scheme, port)| Listen { scheme: *scheme, address: ([127, 0, 0, 1], port).into() }.to_string())
        .collect();
    let http = format!("127.0.0.1:{}", free_port());
    let mut arguments = vec!["--demo", "--domain", "127.0.0.1", "--http", &http];
    arguments.extend(listen.iter().flat_map(|listen| ["--listen", listen.as_str()]));
    let (server, seen) = Server::start(&folder, &arguments, "self test");
    assert!(seen.contains(&format!("{} is busy", listen[0])), "{seen}");
    assert!(seen.contains("alice@127.0.0.1") && seen.contains("█ ▄▄▄▄▄ █"), "{seen}");
    drop(busy);

    let output = folder.coeur(&["selftest", "--json"]);
    let steps: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<String> = steps
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| !step["error"].is_null())
        .map(ToString::to_string)
        .collect();
    assert_eq!(steps.as_array().unwrap().len(), 8, "{steps}");
    assert_eq!(failed, Vec::<String>::new());

    let traced = folder.coeur(&["trace", "--full", "--last", "50"]);
    let text = String::from_utf8(traced.stdout).unwrap();
    assert!(text.contains("INVITE") && text.contains("response=***"), "{text}");
    assert!(!text.contains("hello"), "the text of a MESSAGE must not be shown");
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!folder.0.join("coeur.sock").exists());
}

#[test]
fn a_registration_answered_200_is_there_after_kill_9() {
    let folder = Folder::new("kill9");
    let port = free_port();
    let server = start_plain(&folder, port);
    let made = folder.json(&["account", "add", "alice", "--json"]);
    phone(&made[0], port).register(600).unwrap();
    server.kill_9();

    let started = Instant::now();
    let server = start_plain(&folder, port);
    let views = folder.json(&["registrations", "--json"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(views.as_array().unwrap().len(), 1, "{views}");
    assert_eq!(views[0]["account"], "alice@example.test");
    let left = views[0]["expires_in_s"].as_u64().unwrap();
    // Up to a tenth less is granted than was asked.
    assert!((510..=600).contains(&left), "{left}");
    drop(server);
}

#[test]
fn all_registrations_are_listed_page_by_page_and_a_short_list_says_that_there_are_more() {
    let folder = Folder::new("pages");
    let port = free_port();
    let _server = start_plain(&folder, port);
    let users: Vec<String> = (0..8).map(|number| format!("user{number}")).collect();
    for user in &users {
        let made = folder.json(&["account", "add", user, "--json"]);
        phone(&made[0], port).register(600).unwrap();
    }
    let listed = |limit: &str| {
        let output = folder.coeur(&["registrations", "--json", "--limit", limit]);
        let views: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (views.as_array().unwrap().len(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(listed("8"), (8, String::new()));
    assert_eq!(listed("100"), (8, String::new()));
    assert_eq!(listed("3"), (3, "coeur: there are more than 3; --limit shows them\n".to_owned()));
    let all = folder.json(&["registrations", "--json"]);
    let accounts: Vec<&str> = all.as_array().unwrap().iter().filter_map(|v| v["account"].as_str()).collect();
    assert_eq!(accounts, users.iter().map(|user| format!("{user}@example.test")).collect::<Vec<_>>());
}

#[test]
fn a_revoked_device_is_unregistered_at_once_and_also_when_it_was_revoked_while_no_server_ran() {
    let folder = Folder::new("revoke");
    let port = free_port();
    let server = start_plain(&folder, port);
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let second = folder.json(&["device", "add", "alice", "--json"]);
    phone(&made[0], port).register(600).unwrap();
    phone(&second[0], port).register(600).unwrap();
    let registered = || folder.json(&["registrations", "--json"]).as_array().unwrap().len();
    assert_eq!(registered(), 2);
    assert!(
        folder.coeur(&["device", "revoke", "alice", made[0]["device"].as_str().unwrap()]).status.success()
    );
    assert!(eventually(|| registered() == 1));
    assert!(phone(&made[0], port).register(600).is_err());
    server.terminate();

    assert!(
        folder.coeur(&["device", "revoke", "alice", second[0]["device"].as_str().unwrap()]).status.success()
    );
    for restored in [1, 0] {
        let mut layer = Layer::default();
        layer.flag(Key::Data, [folder.0.display().to_string()]);
        layer.flag(Key::Listen, [format!("udp://127.0.0.1:{port}")]);
        layer.flag(Key::Http, ["off".to_owned()]);
        let server = start(&load(layer, &[]).unwrap(), false).unwrap();
        assert_eq!(server.running.restored.bindings.bindings, restored, "it goes out of the journal too");
        assert_eq!(server.running.world.bindings.count(), 0, "before anybody is answered");
        server.stop();
    }
}

/// The certificate that the server shows now: each look is that of a new client.
fn shown(port: u16, authority: &Path) -> Vec<u8> {
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, authority).unwrap();
    let client = Tls::new(&[], trusted).unwrap();
    let mut connection = client.connect(Some("sip.test"), [127, 0, 0, 1].into()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).unwrap();
    }
    connection.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_renewed_certificate_is_shown_without_a_signal() {
    let (folder, of_keys, port) = (Folder::new("renewed"), Folder::new("renewed-keys"), free_port());
    let (keys, names) = (of_keys.0.join("certificate"), ["sip.test".to_owned()]);
    let source = authority::ensure(&keys, &names).unwrap();
    let (cert, key) = (source.chain.display().to_string(), source.key.display().to_string());
    let listen = format!("tls://127.0.0.1:{port}");
    let arguments = ["--domain", "example.test", "--listen", &listen, "--cert", &cert, "--key", &key];
    let _server = Server::start(&folder, &[&arguments[..], &["--http", "off"]].concat(), "ready").0;
    let authority = authority::certificate_path(&keys);
    let first = shown(port, &authority);
    assert_eq!(shown(port, &authority), first);
    authority::renew(&keys, &names).unwrap();
    assert!(eventually(|| shown(port, &authority) != first), "the old one is still shown");
}

#[test]
fn exit_codes_say_what_happened() {
    let folder = Folder::new("codes");
    let code = |arguments: &[&str]| folder.coeur(arguments).status.code().unwrap();
    assert_eq!(code(&["domain", "add", "example.test"]), 0);
    assert_eq!(code(&["domain", "add", "example.test"]), 5);
    assert_eq!(code(&["account", "show", "nobody@example.test"]), 3);
    assert_eq!(code(&["account", "add", "no account", "--policy", "sha1"]), 2);
    assert_eq!(code(&["registrations"]), 4);
    let file = folder.0.join("people.csv");
    std::fs::write(&file, "account,secret\na@example.test,s\nb@elsewhere.test,s\n").unwrap();
    let file = file.to_str().unwrap();
    let refused = folder.coeur(&["account", "import", file]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("line 3: the domain elsewhere.test is not ours")
    );
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(code(&["account", "show", "a@example.test"]), 3);
    assert_eq!(code(&["account", "import", "--skip-errors", file]), 0);
    assert_eq!(code(&["account", "show", "a@example.test"]), 0);
    assert_eq!(code(&["check-config", "--shards", "0"]), 2);
}
