//! A certificate of a public authority, asked for from Pebble: the ACME server with which Let's Encrypt has clients tested. It refuses
//! one nonce in twenty, asks a name server of its own, and looks at the answer over HTTP itself. `apt install pebble`.

use coeur_interop::coeur::Coeur;
use coeur_interop::{Child, Folder, free_port};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NAME: &str = "sip.coeur.test";
/// Of the certificates that it gives.
const LIFE_S: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(120);

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// The authority, and the name server that it asks, for which every name is this machine.
struct Authority {
    _folder: Folder,
    root: PathBuf,
    directory: String,
    pebble: Child,
    _names: Child,
}

impl Authority {
    /// `http`: where it looks for the answers to its challenges.
    fn new(http: u16) -> Self {
        let folder = Folder::new("pebble");
        let (place, management, names, names_management) =
            (free_port(), free_port(), free_port(), free_port());
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let (root, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&root, own.cert.pem()).expect("written");
        std::fs::write(&key, own.signing_key.serialize_pem()).expect("written");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{place}"), "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": root, "privateKey": key, "httpPort": http, "tlsPort": free_port(),
            "ocspResponderURL": "", "externalAccountBindingRequired": false, "certificateValidityPeriod": LIFE_S,
        }});
        let file = folder.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).expect("written");
        let quiet = |command: &mut Command| {
            Child(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pebble is installed"))
        };
        let _names = quiet(Command::new("pebble-challtestsrv").args([
            "-dns01",
            &format!("127.0.0.1:{names}"),
            "-management",
            &format!("127.0.0.1:{names_management}"),
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        ]));
        let pebble = quiet(
            Command::new("pebble")
                .args(["-config", &file.display().to_string(), "-dnsserver", &format!("127.0.0.1:{names}")])
                .env("PEBBLE_VA_NOSLEEP", "1"),
        );
        let directory = format!("https://127.0.0.1:{place}/dir");
        eventually("pebble listens", || TcpStream::connect(("127.0.0.1", place)).is_ok());
        Self { _folder: folder, root, directory, pebble, _names }
    }
}

fn eventually(what: &str, is: impl Fn() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// One who trusts whoever has signed the first certificate of this chain, and nobody else.
fn open(port: u16, name: &str, chain: &Path) -> Result<Secure, std::io::Error> {
    let all: Vec<CertificateDer> =
        CertificateDer::pem_file_iter(chain).expect("a chain").map(|one| one.expect("PEM")).collect();
    let mut roots = RootCertStore::empty();
    roots.add(all[1].clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut secure = StreamOwned::new(connection, stream);
    secure.flush()?;
    Ok(secure)
}

fn ask(stream: &mut Secure) -> String {
    write!(stream, "GET /sign-in HTTP/1.1\r\nHost: {NAME}\r\n\r\n").expect("written");
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).expect("read");
        answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if length == 0 || body.len() >= wanted.unwrap_or(0) {
            return answer;
        }
    }
}

fn shown(stream: &Secure) -> Vec<u8> {
    stream.conn.peer_certificates().expect("shown")[0].to_vec()
}

#[test]
#[ignore = "needs pebble and pebble-challtestsrv"]
fn a_public_authority_gives_a_certificate_and_renews_it_under_a_connection_that_goes_on_and_its_failure_is_said()
 {
    let (web, plain) = (free_port(), free_port());
    let mut authority = Authority::new(plain);
    let (at, plain_at) = (format!("127.0.0.1:{web}"), format!("127.0.0.1:{plain}"));
    let root = authority.root.display().to_string();
    let extra = [
        "--web",
        &at,
        "--web-plain",
        &plain_at,
        "--acme-name",
        NAME,
        "--acme-directory",
        &authority.directory,
        "--acme-contact",
        "mailto:phones@coeur.test",
        "--outside-authority",
        &root,
    ];
    let server = Coeur::start_with("acme", &[], &extra);
    let folder = server.folder().join("tls/acme");
    let chain = folder.join("chain.pem");
    eventually("a certificate was given", || chain.exists());
    eventually("it is shown to who asks for the name", || open(web, NAME, &chain).is_ok());
    let mut live = open(web, NAME, &chain).expect("vouched for");
    let page = ask(&mut live);
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains("strict-transport-security: max-age="),
        "{page}"
    );
    // Who names another host of ours is shown what he trusted before.
    assert!(open(web, "localhost", &chain).is_err());
    for name in ["account.json", "key.pem"] {
        let mode = std::fs::metadata(folder.join(name)).expect("kept").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let account = std::fs::read(folder.join("account.json")).expect("kept");
    let before = shown(&live);
    eventually("it is renewed", || open(web, NAME, &chain).is_ok_and(|other| shown(&other) != before));
    assert!(ask(&mut live).starts_with("HTTP/1.1 200 "), "the connection goes on");
    assert_eq!(shown(&live), before);
    assert_eq!(std::fs::read(folder.join("account.json")).expect("kept"), account, "the same account");
    let status = || -> serde_json::Value {
        serde_json::from_str(&server.cli(&["status", "--json"], "")).expect("JSON")
    };
    assert!(status()["certificate"]["expires_at"].is_string(), "{}", status());

    authority.pebble.0.kill().expect("it runs");
    authority.pebble.0.wait().expect("it ran");
    eventually("that none was given is said", || status()["certificate"]["failure"].is_string());
    assert!(open(web, NAME, &chain).is_ok(), "what is in use stays");
}
