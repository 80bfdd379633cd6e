//! Phones and the flows over which the real server reaches them.

mod process;

use coeur::config::listen::Scheme;
use coeur::user_agent::tls::Trust;
use coeur::user_agent::{Identity, Link, Phone, Secret};
use coeur_sip::digest::{Ha1, Session, challenges};
use process::{Folder, Server, eventually, free_port, http_get, phone};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A phone over TCP that says in its REGISTER what the test wants, and gives the requests it hears to the test.
struct Handset {
    stream: TcpStream,
    user: String,
    secret: String,
    cseq: u32,
    heard: String,
}

impl Handset {
    fn new(account: &serde_json::Value, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let user = account["account"].as_str().unwrap().split('@').next().unwrap().to_owned();
        let secret = account["secret"].as_str().unwrap().to_owned();
        Self { stream, user, secret, cseq: 0, heard: String::new() }
    }

    /// Registers with these parameters of Contact, and answers one challenge.
    fn register(&mut self, call_id: &str, contact_params: &str) -> String {
        let challenged = self.attempt(call_id, contact_params, "");
        if !challenged.starts_with("SIP/2.0 401") {
            return challenged;
        }
        let value = challenged.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).unwrap();
        let mut session = Session::new(&challenges(value.as_bytes()).next().unwrap().unwrap());
        let (user, secret) = (self.user.as_bytes(), self.secret.as_bytes());
        let ha1 = Ha1::new(session.algorithm(), user, session.realm(), secret);
        let mut written = Vec::new();
        session.write_credentials(user, &ha1, b"REGISTER", b"sip:example.test", b"", [7; 16], &mut written);
        let credentials = format!("Authorization: {}\r\n", String::from_utf8(written).unwrap());
        self.attempt(call_id, contact_params, &credentials)
    }

    fn attempt(&mut self, call_id: &str, contact_params: &str, credentials: &str) -> String {
        self.cseq += 1;
        let (user, cseq, local) = (&self.user, self.cseq, self.stream.local_addr().unwrap());
        let request = format!(
            "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bK{call_id}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag=1\r\nTo: <sip:{user}@example.test>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nSupported: path, outbound, gruu\r\n\
             Contact: <sip:{user}@{local};transport=tcp;ob>{contact_params};expires=600\r\n{credentials}\
             Content-Length: 0\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        self.next().expect("an answer")
    }

    /// The next message, or nothing when none comes for a while.
    fn next(&mut self) -> Option<String> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(head) = self.heard.find("\r\n\r\n") {
                let length =
                    self.heard[..head].lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let end = head + 4 + length.unwrap().trim().parse::<usize>().unwrap();
                if self.heard.len() >= end {
                    return Some(self.heard.drain(..end).collect());
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Answers a request that was heard.
    fn accept(&mut self, request: &str) {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let copied = |line: &&str| copied.iter().any(|name| line.starts_with(name));
        let headers: String = request.split_inclusive("\r\n").filter(copied).collect();
        let answer = format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        self.stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// Sends a text to bob, answers it on whichever flow it comes, and tells which that was.
fn flow_of_next_text(flows: &mut [Handset], sender: &mut Phone) -> usize {
    for flow in flows.iter() {
        flow.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    }
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| sender.text("sip:bob@example.test", "which way?"));
        let (stop, mut came) = (Instant::now() + PATIENCE, None);
        while came.is_none() && Instant::now() < stop {
            for (place, flow) in flows.iter_mut().enumerate() {
                if let Some(request) = flow.next().filter(|request| request.starts_with("MESSAGE ")) {
                    flow.accept(&request);
                    came = Some(place);
                }
            }
        }
        sent.join().unwrap().unwrap();
        came.expect("the text came over a flow")
    })
}

#[test]
fn a_device_with_two_flows_is_reached_over_the_other_when_one_is_gone() {
    let folder = Folder::new("two-flows");
    let port = free_port();
    let (udp, tcp) = (format!("udp://127.0.0.1:{port}"), format!("tcp://127.0.0.1:{port}"));
    let arguments = ["--domain", "example.test", "--listen", &udp, "--listen", &tcp, "--http", "off"];
    let _server = Server::start(&folder, &arguments, "ready").0;
    let bob = folder.json(&["account", "add", "bob", "--json"]);
    let alice = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&alice[0], port);
    alice.register(600).unwrap();
    let params = |reg_id: usize| {
        format!(";reg-id={reg_id};+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"")
    };
    let mut flows = vec![Handset::new(&bob[0], port), Handset::new(&bob[0], port)];
    for (place, flow) in flows.iter_mut().enumerate() {
        let answer = flow.register(&format!("flow{place}"), &params(place + 1));
        assert!(answer.starts_with("SIP/2.0 200") && answer.contains("Require: outbound"), "{answer}");
    }
    let registered = || {
        let views = folder.json(&["registrations", "--json"]);
        let bobs = |view: &&serde_json::Value| view["account"] == "bob@example.test";
        views.as_array().unwrap().iter().filter(bobs).count()
    };
    assert_eq!(registered(), 2, "one device, two flows");

    let first = flow_of_next_text(&mut flows, &mut alice);
    drop(flows.remove(first));
    assert_eq!(flow_of_next_text(&mut flows, &mut alice), 0, "over the one that is left");
    // It comes back with its reg-id, which replaces the flow that is gone.
    let mut again = Handset::new(&bob[0], port);
    assert!(again.register("again", &params(first + 1)).starts_with("SIP/2.0 200"));
    assert_eq!(registered(), 2);
}

fn phone_over(
    scheme: Scheme,
    account: &serde_json::Value,
    port: u16,
    trust: &Trust,
) -> std::io::Result<Phone> {
    let (user, domain) = account["account"].as_str().unwrap().rsplit_once('@').unwrap();
    let secret = Secret::new(account["secret"].as_str().unwrap().to_owned());
    let link = Link::open(scheme, ([127, 0, 0, 1], port).into(), domain, trust)?;
    let identity = Identity { user: user.into(), domain: domain.into(), digest_user: user.into(), secret };
    Ok(Phone::new(identity, link))
}

#[test]
fn a_phone_behind_tls_or_websocket_is_reached_on_the_connection_it_registered_over() {
    let folder = Folder::new("called-back");
    let (port, tls, wss, http) = (free_port(), free_port(), free_port(), free_port());
    let listen: Vec<String> = [("udp", port), ("tls", tls), ("wss", wss)]
        .iter()
        .map(|(scheme, port)| format!("{scheme}://127.0.0.1:{port}"))
        .collect();
    let page = format!("127.0.0.1:{http}");
    let mut arguments = vec!["--domain", "example.test", "--http", &page];
    arguments.extend(listen.iter().flat_map(|listen| ["--listen", listen.as_str()]));
    let _server = Server::start(&folder, &arguments, "ready").0;
    let alice = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&alice[0], port);
    let trust = Trust::file(&folder.0.join("tls/authority.pem")).unwrap();
    for (scheme, port) in [(Scheme::Tls, tls), (Scheme::Wss, wss)] {
        let user = format!("bob-{}", scheme.name());
        let made = folder.json(&["account", "add", &user, "--json"]);
        let mut bob = phone_over(scheme, &made[0], port, &trust).unwrap();
        bob.register(600).unwrap();
        let reading = std::thread::spawn(move || bob.read_text(PATIENCE));
        alice.text(&format!("sip:{user}@example.test"), "hello").unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), "hello");
    }
    let metrics = http_get(http, "/metrics").1;
    for line in ["coeur_connections_accepted_total 2", "coeur_connections_opened_total 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[test]
fn an_answer_over_udp_goes_to_the_source_with_rport_and_to_sent_by_without() {
    let folder = Folder::new("rport");
    let port = free_port();
    let listen = format!("udp://127.0.0.1:{port}");
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", "off"];
    let _server = Server::start(&folder, &arguments, "ready").0;
    let open = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let (sender, named) = (open(), open());
    let (source, other) = (sender.local_addr().unwrap(), named.local_addr().unwrap());
    let server: SocketAddr = ([127, 0, 0, 1], port).into();
    let ask = |via: &str| {
        let request = format!(
            "OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:example.test>\r\nCall-ID: a-long-enough-call-identifier\r\n\
             CSeq: 1 OPTIONS\r\nUser-Agent: so that the answer is no larger\r\nContent-Length: 0\r\n\r\n"
        );
        sender.send_to(request.as_bytes(), server).unwrap();
    };
    let hear = |socket: &UdpSocket| {
        let mut buffer = [0; 2_048];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(from, server, "an answer leaves from the socket that received (RFC 3581 section 4)");
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Via: SIP/2.0/UDP ")).unwrap().to_owned()
    };
    // RFC 3581 section 4: to the source address and port, and both are said.
    ask("192.0.2.9:5999;branch=z9hG4bK1;rport");
    let via = hear(&sender);
    assert!(via.starts_with("192.0.2.9:5999;branch=z9hG4bK1;"), "{via}");
    assert!(
        via.contains(&format!(";rport={}", source.port())) && via.contains(";received=127.0.0.1"),
        "{via}"
    );
    // RFC 3261 section 18.2.2: without rport to the port that sent-by names, at the address it came from.
    ask(&format!("192.0.2.9:{};branch=z9hG4bK2", other.port()));
    let via = hear(&named);
    assert!(via.ends_with(";branch=z9hG4bK2;received=127.0.0.1"), "{via}");
    // Section 18.2.1: nothing is added where sent-by is the source already.
    ask(&format!("{source};branch=z9hG4bK3"));
    assert_eq!(hear(&sender), format!("{source};branch=z9hG4bK3"));
}

/// Makes a certificate for `example.test` by a new authority, and writes chain, key and authority into files.
fn write_certificate(folder: &Folder) -> (String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["example.test".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &authority).unwrap();
    let files = ["chain.pem", "key.pem", "ca.pem"].map(|name| folder.0.join(name));
    for (file, text) in files.iter().zip([leaf.pem(), key.serialize_pem(), authority.pem()]) {
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    (files[0].display().to_string(), files[1].display().to_string())
}

#[test]
fn a_certificate_given_by_file_is_shown_and_read_again_on_sighup_while_connections_stay() {
    let (folder, of_keys) = (Folder::new("certificate"), Folder::new("certificate-files"));
    let (chain, key) = write_certificate(&of_keys);
    let port = free_port();
    let listen = format!("tls://127.0.0.1:{port}");
    let arguments =
        ["--domain", "example.test", "--listen", &listen, "--http", "off", "--cert", &chain, "--key", &key];
    let server = Server::start(&folder, &arguments, "ready").0;
    assert!(!folder.0.join("tls").exists(), "no local authority is made when a certificate is given");
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let connect = || {
        let trust = Trust::file(&of_keys.0.join("ca.pem"))?;
        phone_over(Scheme::Tls, &made[0], port, &trust)
    };
    let hang_up = || {
        let told = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap();
        assert!(told.success());
    };
    let mut before = connect().unwrap();
    before.register(600).unwrap();
    // Of another authority: whoever trusts that one alone is refused until the server has read its files again.
    write_certificate(&of_keys);
    assert!(connect().is_err());
    hang_up();
    assert!(eventually(|| connect().is_ok()));
    connect().unwrap().register(600).unwrap();
    before.register(600).unwrap();
    // What is no certificate changes nothing, and is said.
    std::fs::write(&chain, "nothing").unwrap();
    hang_up();
    assert!(eventually(|| server.said().contains("the certificate cannot be read; the one in use stays")));
    connect().unwrap().register(600).unwrap();
}

#[test]
fn the_self_test_passes_over_ipv6_alone() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6: nothing was tested");
        return;
    }
    let folder = Folder::new("ipv6");
    let listen: Vec<String> =
        Scheme::ALL.iter().map(|scheme| format!("{}://[::1]:0", scheme.name())).collect();
    let mut arguments = vec!["--domain", "example.test", "--http", "off"];
    arguments.extend(listen.iter().flat_map(|listen| ["--listen", listen.as_str()]));
    let _server = Server::start(&folder, &arguments, "ready").0;
    let steps = folder.json(&["selftest", "--json"]);
    let steps = steps.as_array().unwrap();
    assert_eq!(steps.len(), 8, "{steps:?}");
    assert!(steps.iter().all(|step| step["error"].is_null()), "{steps:?}");
}
