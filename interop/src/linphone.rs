//! linphonec phones: a configuration file, files instead of a sound card, and commands on the standard input.

use crate::coeur::Coeur;
use crate::place::Place;
use crate::{Child, Folder, free_port, tone};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

pub struct Linphone {
    child: Child,
    folder: Folder,
    input: ChildStdin,
    /// How far its words were read by waits (bytes).
    read_to: usize,
    pub user: String,
}

pub struct Setup<'a> {
    pub user: &'a str,
    pub secret: &'a str,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    pub server_port: u16,
    /// The tone it speaks, Hz.
    pub tone_hz: u32,
    pub auto_answer: bool,
    pub ca_file: Option<PathBuf>,
    /// Its media is protected by SRTP with keys in the description (RFC 4568), or it does not talk.
    pub srtp: bool,
    pub place: Place,
    /// Where the server is, as the phone is told.
    pub server: Ipv4Addr,
}

impl<'a> Setup<'a> {
    /// On loopback; it answers by itself.
    pub fn on_loopback(
        server: &Coeur,
        (user, secret): (&'a str, &'a str),
        transport: &'a str,
        tone_hz: u32,
    ) -> Self {
        Self {
            user,
            secret,
            transport,
            server_port: server.port_of(transport),
            tone_hz,
            auto_answer: true,
            ca_file: (transport == "tls").then(|| server.ca_file()),
            srtp: false,
            place: Place::LOOPBACK,
            server: Place::LOOPBACK.address,
        }
    }
}

impl Linphone {
    pub fn start(setup: &Setup<'_>) -> Self {
        Self::run(setup.place.clone(), setup.user, &configuration(setup), setup.tone_hz, setup.auto_answer)
    }

    /// One that knows nothing but where it is told its account.
    pub fn told_by(url: &str) -> Self {
        let (udp, tcp, tls, rtp) = (free_port(), free_port(), free_port(), free_port());
        let at = Place::LOOPBACK.address;
        let configuration = format!(
            "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\nbind_address={at}\nguess_hostname=0\n\
             [rtp]\naudio_rtp_port={rtp}\n\n[misc]\nconfig-uri={url}\n"
        );
        Self::run(Place::LOOPBACK, "told", &configuration, 440, true)
    }

    fn run(place: Place, user: &str, configuration: &str, tone_hz: u32, auto_answer: bool) -> Self {
        let folder = Folder::new("linphone");
        // It starts no network without a place for its databases.
        std::fs::create_dir_all(folder.path().join(".local/share/linphone")).expect("a folder");
        std::fs::write(folder.path().join("tone.wav"), tone::wav(tone_hz)).expect("tone file");
        std::fs::write(folder.path().join("linphonerc"), configuration).expect("configuration file");
        let out = std::fs::File::create(folder.path().join("words.log")).expect("log file");
        let mut command = place.command("linphonec");
        command.arg("-c").arg("linphonerc").args(["-d", "1", "-l", "linphone.log"]);
        if auto_answer {
            command.arg("-a");
        }
        let mut child = command
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(out.try_clone().expect("log file"))
            .stderr(out)
            .spawn()
            .expect("linphonec is installed (Debian package linphone-cli)");
        let input = child.stdin.take().expect("piped");
        let mut phone = Self { child: Child(child), folder, input, read_to: 0, user: user.into() };
        phone.command("soundcard use files");
        let file = |name: &str| phone.folder.path().join(name).display().to_string();
        let (tone, heard) = (file("tone.wav"), file("heard.wav"));
        phone.command(&format!("play {tone}"));
        phone.command(&format!("record {heard}"));
        phone
    }

    pub fn command(&mut self, command: &str) {
        writeln!(self.input, "{command}")
            .and_then(|()| self.input.flush())
            .expect("linphonec reads its input");
    }

    fn words(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("words.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it says this, since the last wait; asks with `question` meanwhile.
    pub fn wait_for(&mut self, said: &str, question: Option<&str>, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        loop {
            let words = self.words();
            let rest = words.get(self.read_to..).unwrap_or_default();
            if let Some(at) = rest.find(said) {
                self.read_to += at + said.len();
                return;
            }
            assert!(
                Instant::now() < until,
                "{}: no {said:?} within {seconds} s:\n{words}\n{}",
                self.user,
                self.log()
            );
            if let Some(question) = question {
                self.command(question);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn registered(&mut self) {
        self.wait_for("registered, identity=", Some("status register"), 20);
    }

    pub fn established(&mut self) {
        self.wait_for("Media streams established", None, 20);
    }

    /// Stops the phone and returns how many seconds of this tone it heard.
    pub fn heard_s(mut self, frequency_hz: f32) -> f32 {
        self.command("quit");
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && self.child.0.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let wav = tone::read(&self.folder.path().join("heard.wav"));
        wav.map_or(0.0, |wav| tone::seconds_of(&wav, frequency_hz))
    }

    /// What it sent and received, the end of it.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.folder.path().join("linphone.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let sip = text.lines().filter(|line| !line.contains("mediastreamer") && !line.contains("alsa"));
        let lines: Vec<&str> = sip.collect();
        lines[lines.len().saturating_sub(150)..].join("\n")
    }
}

fn configuration(setup: &Setup<'_>) -> String {
    let Setup { user, secret, transport, server_port, ca_file, server, .. } = setup;
    let at = setup.place.address;
    let encryption = if setup.srtp { "media_encryption=srtp\nmedia_encryption_mandatory=1\n" } else { "" };
    let (udp, tcp, tls, rtp) = (free_port(), free_port(), free_port(), free_port());
    // Its TLS library does not read addresses in certificates, so the name cannot be compared; who signed it can.
    let ca = ca_file.as_ref().map_or(String::new(), |file| {
        format!("verify_server_certs=1\nverify_server_cn=0\nroot_ca={}\n", file.display())
    });
    format!(
        "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\nbind_address={at}\nguess_hostname=0\n\
         default_proxy=0\n{encryption}{ca}\n[rtp]\naudio_rtp_port={rtp}\n\n\
         [proxy_0]\nreg_proxy=<sip:{server}:{server_port};transport={transport}>\n\
         reg_route=<sip:{server}:{server_port};transport={transport};lr>\nreg_identity=sip:{user}@interop.test\n\
         reg_expires=600\nreg_sendregister=1\npublish=0\n\n\
         [auth_info_0]\nusername={user}\npasswd={secret}\nrealm=interop.test\ndomain=interop.test\n"
    )
}
