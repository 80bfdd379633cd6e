//! The laboratory: every kind of phone behind every kind of router calls a desk phone on the open internet, without a
//! setting: who is heard.
//!
//! The server stands between the two, and each leg has a way of media of its own; so what is heard in a cell of this table is
//! heard whoever the other one is. `docs/laboratory.md` has the table. `INTEROP_LABORATORY=all` runs all of it,
//! `INTEROP_LABORATORY=write` writes it too; else a part of it is run, which must be as it stands there.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::browser::{self, Browsers, Library};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::nat::{Host, Internet, Nat};
use coeur_interop::place::Place;
use std::path::Path;
use std::time::Duration;

/// Where the phone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Behind(Nat),
    /// The desk phone is in the same network: no router need send back what comes from inside (hairpin).
    SameSite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// SIP and RTP over UDP.
    Plain,
    /// SIP over TLS, SRTP with keys by SDES.
    Secure,
    /// As [`Kind::Plain`], with ICE; its SIP is over TCP where its INVITE is longer than the way (RFC 3261 section 18.1.1).
    Ice,
    /// JsSIP in Chromium: WSS, ICE, DTLS-SRTP, and TURN as it was told when it registered.
    Browser,
}

const KINDS: [Kind; 4] = [Kind::Plain, Kind::Secure, Kind::Ice, Kind::Browser];

/// What is run where not all is asked for: the worst of each sort.
const PART: [Shape; 5] = [
    Shape::Behind(Nat::Symmetric),
    Shape::Behind(Nat::NoUdp),
    Shape::Behind(Nat::SmallMtu),
    Shape::Behind(Nat::Alg),
    Shape::SameSite,
];

/// Seconds of the other's tone that make a call heard; the calls have four.
const HEARD_S: f32 = 2.0;

#[test]
#[ignore = "needs baresip, chromium, node, root, ip and nft"]
fn every_kind_of_phone_behind_every_kind_of_router_is_as_the_laboratory_says() {
    let wanted = std::env::var("INTEROP_LABORATORY").unwrap_or_default();
    let all = || Nat::ALL.into_iter().map(Shape::Behind).chain([Shape::SameSite]).collect();
    let shapes: Vec<Shape> = if wanted.is_empty() { PART.to_vec() } else { all() };
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/laboratory.md");
    let written = std::fs::read_to_string(&document).unwrap_or_default();
    let (mut rows, mut other) = (Vec::new(), Vec::new());
    for shape in shapes {
        let row = row(shape);
        println!("{row}");
        if !written.contains(&row) {
            other.push(row.clone());
        }
        rows.push(row);
    }
    if wanted == "write" {
        std::fs::write(&document, page(&rows)).expect("the document");
    } else {
        assert!(other.is_empty(), "not as docs/laboratory.md says:\n{}", other.join("\n"));
    }
}

fn page(rows: &[String]) -> String {
    let (head, tail) = (include_str!("laboratory/head.md"), include_str!("laboratory/tail.md"));
    format!("{head}{}\n{tail}", rows.join("\n"))
}

/// One line of the table: each kind of phone behind this router, all at once.
fn row(shape: Shape) -> String {
    let mut internet = Internet::new();
    let lab = Lab::new(&mut internet);
    let nat = match shape {
        Shape::Behind(nat) => nat,
        Shape::SameSite => Nat::PortRestricted,
    };
    // A site for each, since some routers know one host alone.
    let mut sites: Vec<_> = KINDS.iter().map(|_| internet.site(nat)).collect();
    let hosts: Vec<(Host, Host)> = sites
        .iter_mut()
        .map(|site| {
            let phone = site.host();
            (phone, if shape == Shape::SameSite { site.host() } else { internet.host() })
        })
        .collect();
    let lab = &lab;
    let cells: Vec<String> = std::thread::scope(|scope| {
        let mut cells = Vec::new();
        for (number, (kind, (phone, desk))) in KINDS.into_iter().zip(&hosts).enumerate() {
            cells.push(scope.spawn(move || match why_not(kind, shape) {
                Some(why) => format!("no: {why}"),
                None => lab.call(kind, shape, number, phone, desk),
            }));
        }
        // A phone that does not even register, or ring, has panicked and said why.
        cells.into_iter().map(|cell| cell.join().unwrap_or_else(|_| "FAILED".to_owned())).collect()
    });
    format!("| {} | {} |", words(shape), cells.join(" | "))
}

/// What no server can mend.
fn why_not(kind: Kind, shape: Shape) -> Option<&'static str> {
    match (shape, kind) {
        (Shape::Behind(Nat::NoUdp), Kind::Plain) => Some("it has nothing but UDP"),
        (Shape::Behind(Nat::NoUdp), Kind::Secure | Kind::Ice) => Some("its media has nothing but UDP"),
        (Shape::Behind(_) | Shape::SameSite, Kind::Plain | Kind::Secure | Kind::Ice | Kind::Browser) => None,
    }
}

fn transport(kind: Kind, shape: Shape) -> &'static str {
    match kind {
        Kind::Ice if shape == Shape::Behind(Nat::SmallMtu) => "tcp",
        Kind::Plain | Kind::Ice => "udp",
        Kind::Secure => "tls",
        Kind::Browser => "wss",
    }
}

fn words(shape: Shape) -> &'static str {
    match shape {
        Shape::Behind(Nat::FullCone) => "full cone",
        Shape::Behind(Nat::AddressRestricted) => "address restricted",
        Shape::Behind(Nat::PortRestricted) => "port restricted",
        Shape::Behind(Nat::Symmetric) => "symmetric",
        Shape::Behind(Nat::Forgetful) => "forgets after five seconds",
        Shape::Behind(Nat::Firewall) => "firewall",
        Shape::Behind(Nat::Double) => "two routers",
        Shape::Behind(Nat::CarrierGrade) => "carrier-grade, symmetric",
        Shape::Behind(Nat::NoUdp) => "no UDP",
        Shape::Behind(Nat::SmallMtu) => "tunnel of 1,280 bytes that tells nothing",
        Shape::Behind(Nat::Alg) => "SIP-ALG that rewrites",
        Shape::SameSite => "both in one site (hairpin)",
    }
}

struct Lab {
    server: Coeur,
    server_host: Host,
}

impl Lab {
    fn new(internet: &mut Internet) -> Self {
        let server_host = internet.host();
        let names = ["phone0", "phone1", "phone2", "phone3", "desk0", "desk1", "desk2", "desk3"];
        let accounts = names.map(|name| (name, "correct-horse-1"));
        let wss = format!("wss://{}:8089", server_host.address);
        let flags = ["--listen", &wss, "--origin", "localhost"];
        let server = Coeur::start_on("laboratory", &accounts, &flags, Place::on(&server_host));
        Self { server, server_host }
    }

    /// They talk for four seconds: `heard`, or who has not heard whom.
    fn call(&self, kind: Kind, shape: Shape, number: usize, phone: &Host, desk: &Host) -> String {
        let (user, callee) = (format!("phone{number}"), format!("desk{number}"));
        let transport = transport(kind, shape);
        let desk = self.phone(&callee, Kind::Plain, "udp", desk, 660);
        let (by_phone, by_desk) = match kind {
            Kind::Browser => self.browser_calls(&user, &callee, phone, desk),
            Kind::Plain | Kind::Secure | Kind::Ice => {
                let caller = self.phone(&user, kind, transport, phone, 440);
                phone_calls(caller, &callee, desk)
            }
        };
        println!("{kind:?}: the phone hears {by_phone:.1} s, the desk {by_desk:.1} s");
        match (by_phone > HEARD_S, by_desk > HEARD_S) {
            (true, true) if kind == Kind::Ice && transport == "tcp" => "heard, with SIP over TCP".to_owned(),
            (true, true) => "heard".to_owned(),
            (true, false) => "SILENT at the desk".to_owned(),
            (false, true) => "SILENT at the phone".to_owned(),
            (false, false) => "SILENT".to_owned(),
        }
    }

    fn phone(&self, user: &str, kind: Kind, transport: &str, host: &Host, tone_hz: u32) -> Phone {
        let is_secure = kind == Kind::Secure;
        let setup = Setup {
            user,
            secret: "correct-horse-1",
            transport,
            server_port: if is_secure { self.server.tls } else { self.server.udp },
            tone_hz,
            auto_answer: true,
            ca_file: is_secure.then(|| self.server.ca_file()),
            srtp: is_secure,
            place: Place::on(host),
            server: self.server_host.address,
        };
        let mut phone = if kind == Kind::Ice { Phone::start_with_ice(&setup) } else { Phone::start(&setup) };
        phone.registered();
        phone
    }

    fn browser_calls(&self, user: &str, callee: &str, host: &Host, mut desk: Phone) -> (f32, f32) {
        let mut browsers = Browsers::start_on(&Place::on(host));
        browsers.phone(&browser::Setup {
            name: user,
            library: Library::JsSip,
            server: format!("wss://{}:8089", self.server_host.address),
            user,
            secret: "correct-horse-1",
            domain: DOMAIN,
            video: false,
            relay: Some("any"),
            tone_hz: 440,
        });
        browsers.call(user, callee);
        // Where no UDP passes, a browser looks for it in vain before it offers what it has.
        desk.wait_for(&["Call established"], 60);
        std::thread::sleep(Duration::from_secs(5)); // they talk
        let by_browser = browsers.report(user).heard_s(660);
        println!("the way of the browser: {}", browsers.report(user).local_candidate());
        browsers.hang_up(user);
        desk.wait_for(&["terminated", "session closed"], 10);
        (by_browser as f32, desk.heard_s(440.0))
    }
}

fn phone_calls(mut phone: Phone, callee: &str, mut desk: Phone) -> (f32, f32) {
    phone.command("dial", &format!("sip:{callee}@{DOMAIN}"));
    phone.established();
    desk.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    phone.command("hangup", "");
    desk.wait_for(&["terminated", "session closed"], 10);
    (phone.heard_s(660.0), desk.heard_s(440.0))
}
