//! rtpengine, in user space, told of calls by its ng protocol (bencode over UDP).

use super::convert::payload_type;
use super::{Mode, Opened, Process, Relay, keys};
use coeur_media::codec::Codec;
use coeur_media::srtp::Suite;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

pub struct Rtpengine {
    process: Process,
    ng: UdpSocket,
    asked: u32,
}

const NG: &str = "127.0.0.1:22998";

impl Rtpengine {
    pub fn start(threads: usize) -> Rtpengine {
        let child = Command::new("rtpengine")
            .args(["--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--interface=127.0.0.1"])
            .args([&format!("--listen-ng={NG}"), &format!("--num-threads={threads}")])
            .args(["--port-min=20000", "--port-max=29999", "--timeout=3600", "--silent-timeout=3600"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rtpengine: install the package rtpengine-daemon");
        let ng = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        ng.connect(NG).expect("an address");
        ng.set_read_timeout(Some(Duration::from_millis(500))).expect("a time");
        let mut relay = Rtpengine { process: Process(child), ng, asked: 0 };
        relay.ask(&[("command", "ping")]);
        relay
    }

    fn ask(&mut self, words: &[(&str, &str)]) -> String {
        self.ask_with(words, &[])
    }

    fn ask_with(&mut self, words: &[(&str, &str)], flags: &[String]) -> String {
        self.asked += 1;
        let cookie = format!("{}_{}", std::process::id(), self.asked);
        let list: String = flags.iter().map(|flag| string(flag)).collect();
        let mut sorted: Vec<(&str, String)> =
            words.iter().map(|(key, value)| (*key, string(value))).collect();
        sorted.push(("flags", format!("l{list}e")));
        sorted.sort_unstable();
        let body: String = sorted.iter().map(|(key, value)| format!("{}{value}", string(key))).collect();
        let mut bytes = vec![0; 65_536];
        for _ in 0..20 {
            // Refused while it is not up yet.
            let _ = self.ng.send(format!("{cookie} d{body}e").as_bytes());
            while let Ok(length) = self.ng.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]);
                if let Some(answer) = text.strip_prefix(&format!("{cookie} ")) {
                    return answer.to_owned();
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no answer from rtpengine");
    }
}

impl Relay for Rtpengine {
    fn pid(&self) -> i32 {
        self.process.0.id() as i32
    }

    fn open(&mut self, call: usize, phones: [SocketAddr; 2], mode: Mode) -> Opened {
        let call_id = format!("bench-{call}");
        let profile = if mode.suites[1].is_some() { "RTP/SAVP" } else { "RTP/AVP" };
        let codecs = mode.codecs.unwrap_or([Codec::Pcmu; 2]);
        // The callee is offered the codec that it has, and nothing else.
        let flags = match mode.codecs {
            Some([_, b]) => vec!["codec-mask-all".to_owned(), format!("codec-transcode-{}", b.name())],
            None => Vec::new(),
        };
        let offer = self.ask_with(
            &[
                ("ICE", "remove"),
                ("call-id", &call_id),
                ("command", "offer"),
                ("from-tag", "a"),
                ("sdp", &sdp(phones[0], mode.suites[0].map(|suite| (suite, 1, 0)), codecs[0])),
                ("transport-protocol", profile),
            ],
            &flags,
        );
        let (to_b, key_b) = media(&offer, mode.suites[1]);
        let tag = key_b.as_ref().map_or(1, |(tag, _)| *tag);
        let answer = self.ask(&[
            ("ICE", "remove"),
            ("call-id", &call_id),
            ("command", "answer"),
            ("from-tag", "a"),
            ("sdp", &sdp(phones[1], mode.suites[1].map(|suite| (suite, tag, 1)), codecs[1])),
            ("to-tag", "b"),
        ]);
        let (to_a, key_a) = media(&answer, mode.suites[0]);
        Opened { ports: [to_a, to_b], keys: [key_a.map(|(_, key)| key), key_b.map(|(_, key)| key)] }
    }
}

/// The description of a phone, with suite, tag and side of its key.
fn sdp(phone: SocketAddr, crypto: Option<(Suite, u32, usize)>, codec: Codec) -> String {
    let (profile, crypto) = match crypto {
        Some((suite, tag, side)) => {
            let key = keys::base64(&keys::bytes(side, false));
            ("SAVP", format!("a=crypto:{tag} {} inline:{key}\r\n", suite.name()))
        }
        None => ("AVP", String::new()),
    };
    let (payload, name, clock_hz) = (payload_type(codec), codec.name(), codec.clock_hz());
    let channels = if codec == Codec::Opus { "/2" } else { "" };
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/{profile} {payload}\r\n\
         a=rtpmap:{payload} {name}/{clock_hz}{channels}\r\n{crypto}a=ptime:20\r\na=sendrecv\r\n",
        phone.ip(),
        phone.port()
    )
}

/// Where an answer of rtpengine says that it receives, and tag and key of that suite.
fn media(answer: &str, suite: Option<Suite>) -> (SocketAddr, Option<(u32, Vec<u8>)>) {
    let word = |start: &str, place: usize| {
        let line = answer.lines().find_map(|line| line.strip_prefix(start));
        line.and_then(|line| line.split(' ').nth(place))
            .unwrap_or_else(|| panic!("no {start} in {answer}"))
            .trim()
    };
    let address = format!("{}:{}", word("c=IN IP4 ", 0), word("m=audio ", 0)).parse().expect("an address");
    let key = suite.map(|suite| {
        let is_it = |line: &&str| line.starts_with("a=crypto:") && line.contains(suite.name());
        let line = answer.lines().find(is_it).unwrap_or_else(|| panic!("no key in {answer}"));
        let tag =
            line["a=crypto:".len()..].split(' ').next().and_then(|tag| tag.parse().ok()).expect("a tag");
        let inline = line.split("inline:").nth(1).expect("a key").split('|').next().expect("a key");
        (tag, keys::from_base64(inline))
    });
    (address, key)
}

fn string(text: &str) -> String {
    format!("{}:{text}", text.len())
}
