//! A certificate of a public authority, asked for by the server itself: from Pebble, the authority with which Let's Encrypt has clients
//! tested, over real HTTP and TLS. Where the names lead a name server of the test says (`pebble-challtestsrv`).

use coeur_interop::coeur::Coeur;
use coeur_interop::{Child, Folder, free_port};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "sip.example.org";

/// An authority with its name server, and the file by which its own HTTPS is believed.
struct Authority {
    directory: String,
    own: PathBuf,
    _running: [Child; 2],
}

impl Authority {
    /// It looks for proofs at these ports of this machine (over HTTP, over TLS), and what it gives counts for `life_s`.
    fn start(folder: &Path, [http, tls]: [u16; 2], life_s: u64) -> Self {
        let (port, management, names) = (free_port(), free_port(), free_port());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let [own, key, config] =
            ["pebble.pem", "pebble-key.pem", "pebble.json"].map(|name| folder.join(name));
        std::fs::write(&own, made.cert.pem()).expect("a file");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
        let text = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": own, "privateKey": key, "httpPort": http, "tlsPort": tls,
            "ocspResponderURL": "", "externalAccountBindingRequired": false, "certificateValidityPeriod": life_s,
        }});
        std::fs::write(&config, text.to_string()).expect("a file");
        let names_at = format!("127.0.0.1:{names}");
        let mut resolver = Command::new("pebble-challtestsrv");
        resolver
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", &names_at, "-http01", ""])
            .args(["-https01", "", "-tlsalpn01", "", "-management", &format!("127.0.0.1:{}", free_port())]);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&config).args(["-dnsserver", &names_at]).env("PEBBLE_VA_NOSLEEP", "1");
        // One of twenty requests is to be made once more (RFC 8555 section 6.5).
        pebble.env("PEBBLE_WFE_NONCEREJECT", "5");
        let running = [resolver, pebble].map(|mut program| {
            let quiet = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            Child(quiet.spawn().expect("pebble is installed"))
        });
        wait_for("the authority", Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).ok());
        let directory = format!("https://localhost:{port}/dir");
        Self { directory, own, _running: running }
    }
}

fn start(name: &str, authority: &Authority, web: u16, plain: Option<u16>, challenge: &str) -> Coeur {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let (web, plain) = (at(web), plain.map_or("off".to_owned(), at));
    let own = authority.own.display().to_string();
    let settings = ["--web", &web, "--https", "yes", "--web-plain", &plain, "--acme-name", NAME];
    let more = [
        "--acme-challenge",
        challenge,
        "--acme-directory",
        &authority.directory,
        "--outside-authority",
        &own,
    ];
    Coeur::start_with(name, &[("alice", "correct-horse-1")], &[&settings[..], &more].concat())
}

/// Issuer, names and number of the certificate that this port shows to who asks for the name.
fn shown(port: u16) -> [String; 3] {
    let line = format!(
        "openssl s_client -connect 127.0.0.1:{port} -servername {NAME} </dev/null 2>/dev/null | openssl x509 -noout -issuer -ext subjectAltName -serial"
    );
    let out = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    ["issuer=", "DNS:", "serial="]
        .map(|word| text.lines().find(|line| line.contains(word)).unwrap_or_default().trim().to_owned())
}

fn wait_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// The port of the console and that of SIP over TLS show it, and its successor once two thirds of its life are over.
#[test]
#[ignore = "needs pebble and openssl"]
fn a_certificate_is_given_by_an_authority_shown_and_renewed() {
    let (folder, ports) = (Folder::new("acme-authority"), [free_port(), free_port()]);
    let authority = Authority::start(folder.path(), [ports[1], free_port()], 45);
    let server = start("acme-given", &authority, ports[0], Some(ports[1]), "auto");
    let given = |port: u16| {
        let of_authority = |found: &[String; 3]| found[0].contains("Pebble") && found[1].contains(NAME);
        wait_for("a certificate of the authority", Duration::from_secs(60), || {
            Some(shown(port)).filter(of_authority)
        })
    };
    let first = given(ports[0]);
    assert_eq!(given(server.tls)[0], first[0], "phones are shown it too");
    wait_for("another certificate", Duration::from_secs(90), || {
        Some(shown(ports[0])).filter(|now| now[0].contains("Pebble") && now[2] != first[2])
    });
}

/// Nobody has port 80: the authority looks at the port of HTTPS, and nobody else is shown what it is shown.
#[test]
#[ignore = "needs pebble and openssl"]
fn a_name_is_proved_over_tls_where_nobody_has_port_80() {
    let (folder, web) = (Folder::new("acme-authority"), free_port());
    let authority = Authority::start(folder.path(), [free_port(), web], 3_600);
    let _server = start("acme-tls", &authority, web, None, "auto");
    wait_for("a certificate of the authority", Duration::from_secs(60), || {
        Some(shown(web)).filter(|found| found[0].contains("Pebble") && found[1].contains(NAME))
    });
    let line = format!(
        "openssl s_client -connect 127.0.0.1:{web} -servername {NAME} -alpn acme-tls/1 </dev/null 2>&1"
    );
    let out = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("no peer certificate available"), "nothing is being proved: {text}");
}

/// The name does not lead to us: what was shown stays, and who looks after the server is told why.
#[test]
#[ignore = "needs pebble and openssl"]
fn a_name_that_cannot_be_proved_leaves_the_certificate_that_there_was_and_says_why() {
    let (folder, ports) = (Folder::new("acme-authority"), [free_port(), free_port()]);
    let authority = Authority::start(folder.path(), [free_port(), free_port()], 3_600);
    let server = start("acme-refused", &authority, ports[0], Some(ports[1]), "auto");
    let by_tls = start("acme-refused-tls", &authority, free_port(), None, "tls");
    let said = failure(&server);
    assert!(
        said.contains("over HTTP (port 80)") && said.contains(NAME) && said.contains("refused"),
        "{said}"
    );
    let said = failure(&by_tls);
    assert!(said.contains("over TLS (port 443)") && said.contains("Failed to connect"), "{said}");
    let [issuer, ..] = shown(ports[0]);
    assert!(!issuer.is_empty() && !issuer.contains("Pebble"), "the local authority vouches on: {issuer}");
}

/// What `coeur status` says of the last attempt that failed.
fn failure(server: &Coeur) -> String {
    wait_for("a failure that is told", Duration::from_secs(60), || {
        let status: serde_json::Value = serde_json::from_str(&server.cli(&["status", "--json"], "")).ok()?;
        Some(status["certificate"]["failure"].as_str()?.to_owned())
    })
}
