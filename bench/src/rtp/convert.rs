//! `coeur-bench convert`: calls between phones of different codecs, 20 ms packets both ways, through our media workers and
//! through rtpengine, in turn: CPU of the relay for each second of a call, and whether each phone hears the tone of the other.
//! `--calls N --secs S --mode pcmu-pcma|pcmu-g722|pcmu-opus|g722-opus`, `--only coeur|rtpengine`, `--workers N`.

use super::{Mode, Relay, in_turn};
use crate::Args;
use crate::sip::Meter;
use coeur_media::codec::{Codec, Decoder, Encoder, PAYLOAD_BYTES_MAX};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(20);
/// Frames of tone that are encoded once and sent again and again.
const FRAMES: usize = 50;
/// Of each phone's side.
const TONES_HZ: [f64; 2] = [440.0, 660.0];

/// As RFC 3551 numbers it; of Opus a dynamic one.
pub const fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 96,
    }
}

pub fn main(a: &Args) {
    let name = a.get("mode", "pcmu-opus");
    let codecs = name
        .split_once('-')
        .and_then(|(one, other)| Some([Codec::from_name(one)?, Codec::from_name(other)?]));
    let codecs = codecs.unwrap_or_else(|| panic!("--mode: {name} is not two of pcmu pcma g722 opus"));
    let (calls, secs) = (a.num("calls", 20.0) as usize, a.num("secs", 5.0));
    in_turn(a, &name, calls, |relay, label| {
        let heard = run(relay, calls, codecs, secs);
        println!("{}", heard.json(label, calls));
        heard.cpu_ms
    });
}

struct Heard {
    /// Of the relay, for a second of a call.
    cpu_ms: f64,
    loss_pct: f64,
    /// Phones that did not hear the tone of the other one.
    deaf: usize,
    fields: String,
}

impl Heard {
    fn json(&self, name: &str, calls: usize) -> String {
        let Heard { cpu_ms, loss_pct, deaf, fields } = self;
        format!(
            "{{\"name\":\"{name}\",\"calls\":{calls},\"cpu_ms_per_call_second\":{cpu_ms:.3},\"loss_pct\":{loss_pct:.3},\"fail\":{deaf},{fields}}}"
        )
    }
}

struct Phone {
    socket: UdpSocket,
    side: usize,
    number: u16,
    ssrc: u32,
    received: u64,
    decoder: Decoder,
    /// What it has heard of late, decoded.
    pcm: Vec<i16>,
}

fn run(relay: &mut dyn Relay, calls: usize, codecs: [Codec; 2], secs: f64) -> Heard {
    let mode = Mode { suites: [None, None], codecs: Some(codecs) };
    let speech = [0, 1].map(|side| tone(codecs[side], TONES_HZ[side]));
    let mut phones = Vec::new();
    for call in 0..calls {
        let both = [0, 1].map(|side| Phone::new(side, call, codecs[side]));
        let addresses = [0, 1].map(|side| both[side].socket.local_addr().expect("bound"));
        let opened = relay.open(call, addresses, mode);
        for (phone, port) in both.iter().zip(opened.ports) {
            phone.socket.connect(port).expect("a socket");
        }
        phones.extend(both);
    }
    let frames = ((secs + 1.0) / FRAME.as_secs_f64()) as u32;
    let (start, mut meter, mut before) = (Instant::now(), None, 0);
    for tick in 0..frames {
        // The first second is to get used to each other.
        if tick == 50 {
            meter = Some(Meter::start(relay.pid()));
            before = phones.iter().map(|phone| phone.received).sum();
        }
        // Phones do not speak all at once.
        for part in 0..4 {
            std::thread::sleep(
                (start + FRAME * tick + FRAME / 4 * part).saturating_duration_since(Instant::now()),
            );
            for (nth, phone) in phones.iter_mut().enumerate() {
                if nth as u32 % 4 == part {
                    phone.send(&speech[phone.side], codecs[phone.side]);
                }
                phone.receive(tick + 50 >= frames);
            }
        }
    }
    let received = phones.iter().map(|phone| phone.received).sum::<u64>() - before;
    let fields = meter.expect("longer than a second").end(received);
    let cpu_us = fields.split(['"', ':', ',']).filter(|word| !word.is_empty()).nth(1);
    let cpu_us: f64 = cpu_us.and_then(|number| number.parse().ok()).expect("cpu_us is the first field");
    let sent = u64::from(frames - 50) * phones.len() as u64;
    let is_deaf = |phone: &&Phone| !phone.hears(TONES_HZ[1 - phone.side], codecs[phone.side].rate_hz());
    Heard {
        cpu_ms: cpu_us * received as f64 / 1e3 / (calls as f64 * secs),
        loss_pct: 100.0 - received as f64 * 100.0 / sent as f64,
        deaf: phones.iter().filter(is_deaf).count(),
        fields,
    }
}

/// Payloads of a tone.
fn tone(codec: Codec, hz: f64) -> Vec<Vec<u8>> {
    let rate_hz = codec.rate_hz();
    let mut encoder = Encoder::new(codec, rate_hz).expect("its own rate");
    let samples = rate_hz as usize / 50;
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    (0..FRAMES)
        .map(|frame| {
            let at = |sample: usize| (frame * samples + sample) as f64 / f64::from(rate_hz);
            let wave = |sample| ((at(sample) * hz * std::f64::consts::TAU).sin() * 8_000.0) as i16;
            let pcm: Vec<i16> = (0..samples).map(wave).collect();
            let bytes = encoder.encode(&pcm, &mut payload).expect("a frame").expect("no silence");
            payload[..bytes].to_vec()
        })
        .collect()
}

impl Phone {
    fn new(side: usize, call: usize, codec: Codec) -> Phone {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let decoder = Decoder::new(codec, codec.rate_hz()).expect("its own rate");
        let ssrc = (call * 2 + side) as u32 + 1;
        Phone { socket, side, number: 0, ssrc, received: 0, decoder, pcm: Vec::new() }
    }

    fn send(&mut self, speech: &[Vec<u8>], codec: Codec) {
        let payload = &speech[usize::from(self.number) % FRAMES];
        let timestamp = u32::from(self.number) * codec.clock_hz() / 50;
        let mut packet = vec![0x80, payload_type(codec)];
        packet.extend(self.number.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        // Loss is counted where it is received.
        let _ = self.socket.send(&packet);
        self.number = self.number.wrapping_add(1);
    }

    fn receive(&mut self, listens: bool) {
        let mut bytes = [0; 2_048];
        while let Ok(length) = self.socket.recv(&mut bytes) {
            // Reports are none.
            if length < 13 || (192..224).contains(&bytes[1]) {
                continue;
            }
            self.received += 1;
            if listens {
                let mut pcm = [0; 5_760];
                let samples = self.decoder.decode(&bytes[12..length], &mut pcm).unwrap_or(0);
                self.pcm.extend(&pcm[..samples]);
            }
        }
    }

    /// More than half of what it has heard is that tone: correlation with its two phases.
    fn hears(&self, hz: f64, rate_hz: u32) -> bool {
        let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
        for (place, sample) in self.pcm.iter().enumerate() {
            let (angle, sample) =
                (place as f64 * hz / f64::from(rate_hz) * std::f64::consts::TAU, f64::from(*sample));
            sine += sample * angle.sin();
            cosine += sample * angle.cos();
            power += sample * sample;
        }
        let of_tone = 2.0 * (sine * sine + cosine * cosine) / self.pcm.len().max(1) as f64;
        power > 0.0 && of_tone > power / 2.0
    }
}
