//! `coeur-bench rtp`: calls of 20 ms G.711 both ways through our media workers and through rtpengine, in turn: CPU of the
//! relay for each packet that it forwarded, loss, added latency. `--calls N --secs S --mode rtp-rtp|rtp-srtp|srtp-srtp|srtp-other`,
//! `--only coeur|rtpengine`, `--workers N`. Needs the package rtpengine-daemon for the comparison. Both run in user space,
//! with as many threads.

mod convert;
mod host;
mod keys;
mod peer;
mod traffic;

use crate::Args;
use coeur_media::codec::Codec;
use coeur_media::srtp::Suite;
use std::net::SocketAddr;
use std::process::Child;

pub use convert::main as convert;
pub use host::main as host;

/// What each of the two phones of a call speaks: SRTP of a suite, with keys by SDES, or RTP; and its codec, where these are
/// not both PCMU and nothing is to be converted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub suites: [Option<Suite>; 2],
    pub codecs: Option<[Codec; 2]>,
}

impl Mode {
    fn named(name: &str) -> Mode {
        let usual = Some(Suite::AesCm128HmacSha1_80);
        let suites = match name {
            "rtp-rtp" => [None, None],
            "rtp-srtp" => [None, usual],
            "srtp-srtp" => [usual, usual],
            // Nobody can hand keys through: both relays take SRTP off and put it on.
            "srtp-other" => [usual, Some(Suite::AesCm128HmacSha1_32)],
            other => panic!("--mode: {other} is none of rtp-rtp rtp-srtp srtp-srtp srtp-other"),
        };
        Mode { suites, codecs: None }
    }
}

/// What a relay says about a call that it was told to relay, side by side.
pub struct Opened {
    /// Where each phone sends.
    pub ports: [SocketAddr; 2],
    /// The key under which each phone hears.
    pub keys: [Option<Vec<u8>>; 2],
}

/// Something that relays calls between two phones, in a process of its own.
pub trait Relay {
    fn pid(&self) -> i32;
    fn open(&mut self, call: usize, phones: [SocketAddr; 2], mode: Mode) -> Opened;
}

/// Ends when dropped.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn main(a: &Args) {
    let name = a.get("mode", "rtp-rtp");
    let mode = Mode::named(&name);
    let calls = a.num("calls", 100.0) as usize;
    let (secs, warm) = (a.num("secs", 5.0), a.num("warm", 1.0));
    in_turn(a, &name, calls, |relay, label| {
        let run = traffic::run(relay, calls, mode, secs, warm);
        println!("{}", run.json(label, calls));
        run.cpu_us
    });
}

/// Both relays, or the one that `--only` names, and how much ours takes of what the other does. `run` measures one and gives
/// its CPU.
fn in_turn(a: &Args, name: &str, calls: usize, run: impl Fn(&mut dyn Relay, &str) -> f64) {
    let (only, workers) = (a.get("only", ""), a.num("workers", 2.0) as usize);
    let mut cpu = Vec::new();
    for label in ["rtpengine", "coeur"] {
        if !only.is_empty() && only != label {
            continue;
        }
        let mut relay: Box<dyn Relay> = match label {
            "coeur" => Box::new(host::Host::start(workers)),
            _ => Box::new(peer::Rtpengine::start(workers)),
        };
        cpu.push(run(&mut *relay, &format!("{label}/{name}")));
    }
    if let [theirs, ours] = cpu[..] {
        println!("{{\"name\":\"ratio/{name}\",\"calls\":{calls},\"ours_to_theirs\":{:.3}}}", ours / theirs);
    }
}
