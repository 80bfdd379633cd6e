//! Web phones: JsSIP and SIP.js in headless Chromium, each in a browser of its own, driven through `browser/drive.mjs`.

use crate::coeur::{Coeur, DOMAIN};
use crate::place::Place;
use crate::{Child, Folder, tone};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// The tones that are listened for, Hz.
const TONES_HZ: [u32; 3] = [440, 660, 1_000];

pub struct Browsers {
    _child: Child,
    folder: Folder,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    JsSip,
    SipJs,
}

pub struct Setup<'a> {
    pub name: &'a str,
    pub library: Library,
    /// `ws://...` or `wss://...`
    pub server: String,
    pub user: &'a str,
    pub secret: &'a str,
    pub domain: &'a str,
    pub video: bool,
    /// No way but TURN, and that over `udp`, `tcp` or `tls`; `any`: all ways, TURN among them. None: no STUN and no TURN.
    pub relay: Option<&'a str>,
    /// The tone it speaks, Hz.
    pub tone_hz: u32,
}

impl<'a> Setup<'a> {
    /// A phone of this account over WS on loopback, with sound alone, called as its account is.
    pub fn on_loopback(
        server: &Coeur,
        (user, secret): (&'a str, &'a str),
        library: Library,
        tone_hz: u32,
    ) -> Self {
        Self {
            name: user,
            library,
            server: format!("ws://localhost:{}", server.ws),
            user,
            secret,
            domain: DOMAIN,
            video: false,
            relay: None,
            tone_hz,
        }
    }
}

/// What a web phone knows of its call.
#[derive(Clone, Debug)]
pub struct Report(pub Value);

impl Browsers {
    /// Starts the driver; `cargo xtask interop` has put what it needs into `browser/node_modules`.
    pub fn start() -> Self {
        Self::start_on(&Place::LOOPBACK)
    }

    /// On a host of a network in a box.
    pub fn start_on(place: &Place) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let mut child = place
            .command("node")
            .arg("drive.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { _child: Child(child), folder: Folder::new("browser"), input, output }
    }

    /// A browser with a phone that has registered.
    pub fn phone(&mut self, setup: &Setup<'_>) {
        self.phone_speaking(setup, None);
    }

    /// The same with one that knows this audio codec only, such as `opus`.
    pub fn phone_speaking(&mut self, setup: &Setup<'_>, codec: Option<&str>) {
        let file = self.folder.path().join(format!("{}.wav", setup.name));
        std::fs::write(&file, tone::wav(setup.tone_hz)).expect("tone file");
        let library = match setup.library {
            Library::JsSip => "jssip",
            Library::SipJs => "sip.js",
        };
        self.ask(&json!({
            "start": setup.name, "library": library, "server": setup.server, "user": setup.user,
            "secret": setup.secret, "domain": setup.domain, "video": setup.video, "tone": file, "tones_hz": TONES_HZ,
            "codec": codec,
            "relay": setup.relay,
        }));
    }

    pub fn call(&mut self, phone: &str, user: &str) {
        self.ask(&json!({ "call": phone, "user": user }));
    }

    pub fn hold(&mut self, phone: &str, on: bool) {
        self.ask(&json!({ "hold": phone, "on": on }));
    }

    pub fn hang_up(&mut self, phone: &str) {
        self.ask(&json!({ "hang_up": phone }));
    }

    pub fn report(&mut self, phone: &str) -> Report {
        Report(self.ask(&json!({ "report": phone })))
    }

    /// A picture of the page, for people.
    pub fn picture(&mut self, phone: &str, file: &Path) {
        self.ask(&json!({ "picture": phone, "file": file }));
    }

    /// Asks again and again until the report is as wanted.
    pub fn wait(&mut self, phone: &str, seconds: u64, wanted: impl Fn(&Report) -> bool) -> Report {
        let until = Instant::now() + Duration::from_secs(seconds);
        loop {
            let report = self.report(phone);
            if wanted(&report) {
                return report;
            }
            assert!(Instant::now() < until, "{phone}: not within {seconds} s: {report:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.input, "{question}").expect("the driver lives");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the driver lives");
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("{question}: {e}: {line}"));
        assert!(answer["error"].is_null(), "{question}: {}", answer["error"]);
        answer["ok"].take()
    }
}

impl Report {
    pub fn is_confirmed(&self) -> bool {
        self.0["state"] == "confirmed"
    }

    pub fn has_ended(&self) -> bool {
        self.0["state"] == "ended"
    }

    /// Seconds of this tone that came out of the call.
    pub fn heard_s(&self, tone_hz: u32) -> f64 {
        self.0["heard_s"][tone_hz.to_string()].as_f64().unwrap_or(0.0)
    }

    /// RTP packets received (`getStats`).
    pub fn audio_packets(&self) -> u64 {
        self.0["audio"]["packets"].as_u64().unwrap_or(0)
    }

    /// Its end of the way of media: `host`, `srflx` or `relay`, and the address.
    pub fn local_candidate(&self) -> &str {
        self.0["pair"]["local"].as_str().unwrap_or_default()
    }

    /// The same of the other end.
    pub fn remote_candidate(&self) -> &str {
        self.0["pair"]["remote"].as_str().unwrap_or_default()
    }

    pub fn video_frames(&self) -> u64 {
        self.0["video"]["frames"].as_u64().unwrap_or(0)
    }
}

/// True when the packages of the web phones are installed.
pub fn is_ready() -> bool {
    let modules: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/node_modules");
    modules.join("jssip").is_dir()
}
