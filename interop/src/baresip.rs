//! baresip phones: a configuration folder, a tone instead of a microphone, and the control port (netstrings of JSON).

use crate::coeur::Coeur;
use crate::place::Place;
use crate::{Child, Folder, free_port, tone};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

pub struct Phone {
    child: Child,
    folder: Folder,
    control: TcpStream,
    /// How far its log was read by waits (bytes).
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
    /// On loopback, where the server is; it answers by itself and talks in the clear.
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

impl Phone {
    pub fn start(setup: &Setup<'_>) -> Self {
        Self::start_speaking(setup, "PCMU")
    }

    /// One that knows these audio codecs only, such as `opus/48000/2` or
    /// `G722/16000/1,PCMA`; of one that it does not find it takes all.
    pub fn start_speaking(setup: &Setup<'_>, codecs: &str) -> Self {
        Self::start_as(setup, Network::Address(setup.place.address), codecs, false)
    }

    /// One that speaks ICE (RFC 8445), without any STUN or TURN.
    pub fn start_with_ice(setup: &Setup<'_>) -> Self {
        Self::start_as(setup, Network::Address(setup.place.address), "PCMU", true)
    }

    /// One that uses whatever network its host has; it looks for another one each minute, and then registers and offers its
    /// calls anew.
    pub fn start_roaming(setup: &Setup<'_>) -> Self {
        Self::start_as(setup, Network::Any, "PCMU", false)
    }

    /// One that registers each minute: baresip 1.0 does not mind that its connection has gone until its registration is due.
    pub fn start_registering_often(setup: &Setup<'_>) -> Self {
        Self::start_as(setup, Network::AddressOften(setup.place.address), "PCMU", false)
    }

    /// [`Phone::start_roaming`] with ICE.
    pub fn start_roaming_with_ice(setup: &Setup<'_>) -> Self {
        Self::start_as(setup, Network::Any, "PCMU", true)
    }

    /// What it says from its next call on is this WAV file.
    pub fn says(&self, wav: &[u8]) {
        std::fs::write(self.folder.path().join(TONE), wav).expect("sound file");
    }

    /// One whose file of accounts is this text.
    pub fn start_told(setup: &Setup<'_>, accounts: &str) -> Self {
        let network = Network::Address(setup.place.address);
        let (folder, control_port) = (Folder::new("baresip"), free_port());
        write_configuration(folder.path(), setup, network, "PCMU", false, control_port);
        std::fs::write(folder.path().join("accounts"), accounts).expect("accounts file");
        Self::run(setup, network, folder, control_port)
    }

    fn start_as(setup: &Setup<'_>, network: Network, codecs: &str, ice: bool) -> Self {
        let (folder, control_port) = (Folder::new("baresip"), free_port());
        write_configuration(folder.path(), setup, network, codecs, ice, control_port);
        Self::run(setup, network, folder, control_port)
    }

    fn run(setup: &Setup<'_>, network: Network, folder: Folder, control_port: u16) -> Self {
        let log = std::fs::File::create(folder.path().join("baresip.log")).expect("log file");
        let child = setup
            .place
            .command("baresip")
            .arg("-f")
            .arg(folder.path())
            .args(network.arguments())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("baresip is installed (Debian package baresip)");
        let child = Child(child);
        let until = Instant::now() + Duration::from_secs(10);
        let control = loop {
            match setup.place.connect(control_port) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
                Err(e) => panic!("baresip's control port: {e}\n{}", read(folder.path())),
            }
        };
        Self { child, folder, control, read_to: 0, user: setup.user.into() }
    }

    /// Sends a command such as `dial`, `hangup`, `accept`.
    pub fn command(&mut self, command: &str, parameters: &str) {
        let json = serde_json::json!({ "command": command, "params": parameters, "token": "1" }).to_string();
        write!(self.control, "{}:{json},", json.len()).expect("baresip's control port");
    }

    /// Waits until the phone's log says one of these, such as `200 OK` or `Call established`, since the last wait.
    pub fn wait_for(&mut self, said: &[&str], seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        loop {
            let log = read(self.folder.path());
            let rest = log.get(self.read_to..).unwrap_or_default();
            if let Some(end) = said.iter().filter_map(|text| Some(rest.find(text)? + text.len())).min() {
                self.read_to += end;
                return;
            }
            assert!(Instant::now() < until, "{}: no {said:?} within {seconds} s:\n{log}", self.user);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn registered(&mut self) {
        self.wait_for(&["200 OK"], 10);
    }

    pub fn established(&mut self) {
        self.wait_for(&["Call established"], 10);
    }

    /// Bytes of sound that it has heard so far, all calls together.
    pub fn heard_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.folder.path()).expect("folder").flatten();
        let heard = files.filter(|entry| entry.file_name().to_string_lossy().ends_with("-dec.wav"));
        heard.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    }

    /// Stops the phone and returns how many seconds of this tone it heard.
    pub fn heard_s(self, frequency_hz: f32) -> f32 {
        self.heard(|wav| tone::seconds_of(wav, frequency_hz))
    }

    /// The same of several tones at once, without another.
    pub fn heard_together_s(self, frequencies_hz: &[f32], without_hz: f32) -> f32 {
        self.heard(|wav| tone::seconds_of_all(wav, frequencies_hz, without_hz))
    }

    /// Seconds of each of these tones that it has heard so far, while it runs: what is not written yet is missing.
    pub fn heard_now(&self, frequencies_hz: &[f32]) -> Vec<f32> {
        let files = std::fs::read_dir(self.folder.path()).expect("folder").flatten();
        let heard = files.filter(|entry| entry.file_name().to_string_lossy().ends_with("-dec.wav"));
        let heard: Vec<tone::Wav> = heard.filter_map(|entry| tone::read(&entry.path())).collect();
        let most = |hz: &f32| heard.iter().map(|wav| tone::seconds_of(wav, *hz)).fold(0.0, f32::max);
        frequencies_hz.iter().map(most).collect()
    }

    fn heard(mut self, seconds: impl Fn(&tone::Wav) -> f32) -> f32 {
        self.command("quit", "");
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && self.child.0.try_wait().is_ok_and(|s| s.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut heard: f32 = 0.0;
        for entry in std::fs::read_dir(self.folder.path()).expect("folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with("-dec.wav")
                && let Some(wav) = tone::read(&entry.path())
            {
                heard = heard.max(seconds(&wav));
            }
        }
        heard
    }

    pub fn log(&self) -> String {
        read(self.folder.path())
    }
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("baresip.log")).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Network {
    Address(Ipv4Addr),
    AddressOften(Ipv4Addr),
    Any,
}

impl Network {
    fn arguments(self) -> Vec<String> {
        match self {
            Self::Address(address) | Self::AddressOften(address) => vec!["-n".into(), address.to_string()],
            Self::Any => Vec::new(),
        }
    }

    fn lines(self) -> String {
        match self {
            Self::Address(address) | Self::AddressOften(address) => {
                format!("sip_listen {address}:0\nnet_interface {address}\n")
            }
            Self::Any => "sip_listen 0.0.0.0:0\n".into(),
        }
    }

    /// Seconds. One that roams registers often.
    fn registers_for_s(self) -> u32 {
        match self {
            Self::Address(_) => 600,
            Self::AddressOften(_) | Self::Any => 60,
        }
    }
}

/// What it says, in its folder.
const TONE: &str = "tone.wav";

fn write_configuration(
    folder: &Path,
    setup: &Setup<'_>,
    network: Network,
    codecs: &str,
    ice: bool,
    control_port: u16,
) {
    let wav = folder.join(TONE);
    std::fs::write(&wav, tone::wav(setup.tone_hz)).expect("tone file");
    let ca = setup.ca_file.as_ref().map(|f| format!("sip_cafile {}\n", f.display())).unwrap_or_default();
    let srtp = if setup.srtp { "module srtp.so\n" } else { "" };
    let (ice, traversal) = if ice { ("module ice.so\n", ";medianat=ice") } else { ("", "") };
    let (network, server, regint) = (network.lines(), setup.server, network.registers_for_s());
    let config = format!(
        "poll_method epoll\n{network}{ca}\
         audio_source aufile,{}\naudio_player aubridge,none\naudio_alert aubridge,none\n\
         audio_srate 8000-48000\naudio_channels 1-2\nausrc_srate 8000\nausrc_channels 1\nrtp_ports {}-{}\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         {srtp}{ice}module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nmodule_tmp uuid.so\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\nsnd_path {}\n",
        wav.display(),
        30_000 + (control_port % 500) * 40,
        30_000 + (control_port % 500) * 40 + 38,
        folder.display()
    );
    std::fs::write(folder.join("config"), config).expect("config file");
    let encryption = if setup.srtp { ";mediaenc=srtp-mand" } else { "" };
    let answer = if setup.auto_answer { ";answermode=auto" } else { "" };
    let account = format!(
        "<sip:{}@interop.test;transport={}>;auth_pass={};outbound=\"sip:{server}:{};transport={}\";regint={regint};\
         audio_codecs={codecs}{answer}{encryption}{traversal}\n",
        setup.user, setup.transport, setup.secret, setup.server_port, setup.transport
    );
    std::fs::write(folder.join("accounts"), account).expect("accounts file");
    std::fs::write(folder.join("contacts"), "").expect("contacts file");
}
