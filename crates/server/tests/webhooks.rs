//! Webhooks of the real binary, told to a place of HTTPS on the loopback.

mod process;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use process::{Folder, Server, free_port};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody else's place: what it is told, and what it answers.
struct Place {
    address: SocketAddr,
    authority: PathBuf,
    status: Arc<AtomicU16>,
    told: Receiver<Told>,
}

struct Told {
    headers: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Place {
    fn open(folder: &Folder) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let authority = folder.0.with_extension("pem");
        std::fs::write(&authority, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = channel();
        let status = Arc::new(AtomicU16::new(204));
        let answers = status.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(tls, stream.unwrap()));
                let Some(heard) = read(&mut stream) else { continue };
                let status = answers.load(Ordering::Relaxed);
                // A server that is killed takes no answer.
                let _ = write!(stream.get_mut(), "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                if tell.send(heard).is_err() {
                    return;
                }
            }
        });
        Self { address, authority, status, told }
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("nothing was told")
    }
}

fn read(stream: &mut impl BufRead) -> Option<Told> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    let mut told = Told { headers, body: String::new() };
    let mut body = vec![0; told.header("content-length").parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    told.body = String::from_utf8(body).ok()?;
    Some(told)
}

fn start(folder: &Folder, place: &Place) -> Server {
    let listen = format!("udp://127.0.0.1:{}", free_port());
    let authority = place.authority.display().to_string();
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", "off"];
    let hooks = ["--webhook-inside", "127.0.0.0/8", "--webhook-authority", &authority];
    Server::start(folder, &[&arguments[..], &hooks[..]].concat(), "ready").0
}

fn is_signed(told: &Told, secret: &str) -> bool {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let (name, at) = (told.header("webhook-id"), told.header("webhook-timestamp"));
    let tag = told.header("webhook-signature").strip_prefix("v1,").unwrap();
    let signed = format!("{name}.{at}.{}", told.body);
    hmac::verify(&key, signed.as_bytes(), &BASE64.decode(tag).unwrap()).is_ok()
}

#[test]
fn what_was_acknowledged_is_told_after_a_kill_signed_and_under_the_same_name() {
    let folder = Folder::new("webhooks");
    let place = Place::open(&folder);
    place.status.store(500, Ordering::Relaxed);
    let server = start(&folder, &place);
    let url = format!("https://{}/hook", place.address);
    let made = folder.json(&["webhook", "add", &url, "--type", "config.changed", "--json"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    folder.json(&["account", "add", "alice@example.test", "--json"]);
    let first = place.next();
    assert!(first.body.contains("alice@example.test") && is_signed(&first, secret), "{}", first.body);
    let all: Vec<String> = (0..5).map(|n| format!("a{n}@example.test")).collect();
    for account in &all {
        folder.json(&["account", "add", account, "--json"]);
    }
    server.kill_9();
    while place.told.try_recv().is_ok() {}
    place.status.store(204, Ordering::Relaxed);
    let server = start(&folder, &place);
    let mut heard: Vec<Told> = Vec::new();
    // Each may come twice: what was answered is known once it is written.
    let is_missing = |heard: &[Told], account: &String| !heard.iter().any(|told| told.body.contains(account));
    while is_missing(&heard, &"alice@example.test".to_owned())
        || all.iter().any(|one| is_missing(&heard, one))
    {
        heard.push(place.next());
    }
    assert!(heard.iter().all(|told| is_signed(told, secret)));
    let again = heard.iter().find(|told| told.body.contains("alice@")).unwrap();
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(again.body, first.body);
    let shown: Value = folder.json(&["webhook", "show", id, "--json"]);
    assert!(shown.get("secret").is_none() && shown["enabled"] == true, "{shown}");
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_place_inside_is_refused_where_it_is_not_listed() {
    let folder = Folder::new("webhooks-inside");
    let listen = format!("udp://127.0.0.1:{}", free_port());
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", "off"];
    let server = Server::start(&folder, &arguments, "ready").0;
    for url in ["https://127.0.0.1:8443/", "https://[::ffff:10.0.0.1]/", "http://shop.example/"] {
        let refused = folder.coeur(&["webhook", "add", url]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("webhook_inside"), "{url}: {said}");
    }
    assert_eq!(server.terminate().code(), Some(0));
}
