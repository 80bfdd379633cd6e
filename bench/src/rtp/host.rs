//! Our media workers and nothing else, in a process of their own: told of calls by lines on its input.

use super::convert::payload_type;
use super::{Mode, Opened, Process, Relay, keys};
use coeur::media::{Media, NoSlowPath, Settings};
use coeur::shard::Clock;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{
    Conversion, Converted, Format, Keying, OpenStream, Pair, Peer, Side, SrtpKey, SrtpSuite, Stream,
    StreamKind,
};
use coeur_exchange::outbox::{MediaCommand, MediaId};
use coeur_media::codec::Codec;
use coeur_media::srtp::Suite;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// `coeur-bench media-host WORKERS`: each line `CALL PHONE PHONE SRTP SRTP CODEC CODEC` is answered by the two ports.
pub fn main(args: &[String]) {
    let workers: usize = args.first().and_then(|n| n.parse().ok()).unwrap_or(1);
    let (events, told) = channel();
    let settings = Settings { workers, ..Settings::default() };
    let spawn = |name: &str, body| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn::<Box<dyn FnOnce() + Send>, ()>(body)
            .map(drop)
    };
    let tell = Arc::new(move |_, event| events.send(event).unwrap_or_default());
    let media =
        Media::start(&settings, Clock::default(), tell, &spawn, || Box::new(NoSlowPath)).expect("workers");
    for line in stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let [call, a, b, a_srtp, b_srtp, a_codec, b_codec] = words[..] else { panic!("{line}") };
        let call: u64 = call.parse().expect("a number");
        let shard = ShardId((call as usize % workers) as u8);
        let ids = [MediaId::new(shard, call * 2), MediaId::new(shard, call * 2 + 1)];
        let mut answer = String::new();
        let phones = [(ids[0], a, a_srtp, a_codec), (ids[1], b, b_srtp, b_codec)];
        for (side, (id, phone, srtp, codec)) in phones.into_iter().enumerate() {
            let phone: SocketAddr = phone.parse().expect("an address");
            let formats = Codec::from_name(codec).map(format).into_iter().collect();
            let port = open(&media, &told, id, phone, suite(srtp).map(|suite| (suite, side)), formats);
            answer.push_str(&format!("{port} "));
        }
        let sound = Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL };
        let conversion = (a_codec != b_codec).then_some(sound);
        let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion }].into();
        media.handle(MediaCommand::Connect { a: ids[0], b: ids[1], streams });
        println!("{answer}");
        stdout().flush().expect("a reader");
    }
}

/// The suites of the bench.
fn suite(name: &str) -> Option<SrtpSuite> {
    match name {
        "AES_CM_128_HMAC_SHA1_80" => Some(SrtpSuite::AesCm128HmacSha1_80),
        "AES_CM_128_HMAC_SHA1_32" => Some(SrtpSuite::AesCm128HmacSha1_32),
        "-" => None,
        other => panic!("{other}"),
    }
}

fn format(codec: Codec) -> Format {
    Format {
        payload: payload_type(codec),
        name: codec.name().as_bytes().into(),
        clock_rate: codec.clock_hz(),
        channels: if codec == Codec::Opus { 2 } else { 1 },
        fmtp: None,
    }
}

fn open(
    media: &Media,
    told: &Receiver<MediaEvent>,
    id: MediaId,
    phone: SocketAddr,
    srtp: Option<(SrtpSuite, usize)>,
    formats: Box<[Format]>,
) -> SocketAddr {
    let audio = OpenStream { kind: StreamKind::Audio, rtcp_mux: false, bundled_with: None };
    media.handle(MediaCommand::Open { id, near: phone.ip(), streams: [audio].into() });
    let port = loop {
        match told.recv().expect("workers") {
            MediaEvent::Opened { streams, .. } => break streams[0].as_ref().expect("a port").rtp,
            MediaEvent::OpenFailed { .. } => panic!("no port"),
            _ => {}
        }
    };
    let key = |suite, side, heard| SrtpKey {
        suite,
        key_and_salt: keys::bytes(side, heard).into(),
        mki: Box::default(),
    };
    let keying = match srtp {
        Some((suite, side)) => {
            Keying::Sdes { send: key(suite, side, true), receive: key(suite, side, false) }
        }
        None => Keying::Plain,
    };
    let stream = Stream {
        rtp: phone,
        rtcp: SocketAddr::new(phone.ip(), phone.port().wrapping_add(1)),
        rtcp_mux: false,
        we_send: true,
        we_receive: true,
        keying,
        ice: None,
        formats,
        mid: None,
    };
    let peer = Peer { signalled_from: phone.ip(), streams: [Some(stream)].into() };
    media.handle(MediaCommand::Describe { id, peer: Box::new(peer) });
    port
}

/// The host as a child of the bench.
pub struct Host {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Host {
    pub fn start(workers: usize) -> Host {
        let mut child = Command::new(std::env::current_exe().expect("our path"))
            .args(["media-host", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child of ours");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Host { process: Process(child), input, output: BufReader::new(output) }
    }
}

impl Relay for Host {
    fn pid(&self) -> i32 {
        self.process.0.id() as i32
    }

    fn open(&mut self, call: usize, phones: [SocketAddr; 2], mode: Mode) -> Opened {
        let srtp = mode.suites.map(|suite| suite.map_or("-", Suite::name));
        let codecs = mode.codecs.map_or(["-"; 2], |codecs| codecs.map(Codec::name));
        let words = [srtp[0], srtp[1], codecs[0], codecs[1]].join(" ");
        writeln!(self.input, "{call} {} {} {words}", phones[0], phones[1]).expect("the host");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the host");
        let ports: Vec<SocketAddr> =
            line.split_whitespace().map(|port| port.parse().expect("a port")).collect();
        let keys = [0, 1].map(|side| mode.suites[side].map(|_| keys::bytes(side, true)));
        Opened { ports: ports.try_into().expect("two ports"), keys }
    }
}
