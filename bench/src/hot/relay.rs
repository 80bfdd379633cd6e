//! One packet of 20 ms G.711 through the table of a media worker: what is ours of the cost of a relayed packet, without the
//! receive and the send of the kernel. The phones, who protect what they send, are not counted.

use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::relay::{Agreed, Expected, KeyChange, Ports, Relay, TransportKey, Verdict};
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Calls that take turns, as those of a worker do.
const CALLS: usize = 500;
const PACKET_BYTES: usize = 172;

/// Packets between two phones in the clear, or (`is_protected`) from SRTP of one suite to SRTP of another.
pub(super) fn run(count: usize, is_protected: bool) {
    let suites = match is_protected {
        false => [None, None],
        true => [Some(Suite::AesCm128HmacSha1_80), Some(Suite::AesCm128HmacSha1_32)],
    };
    let mut relay = Relay::default();
    let mut calls: Vec<[Phone; 2]> = (0..CALLS).map(|call| Phone::pair(&mut relay, call, suites)).collect();
    let mut slot = [0; SLOT_BYTES];
    // Every SSRC is known, and every address believed.
    for at in 0..CALLS * 20 {
        packet(&mut relay, &mut calls, at, &mut slot, warm);
    }
    for at in CALLS * 20..CALLS * 20 + count {
        packet(&mut relay, &mut calls, at, &mut slot, serve);
    }
}

/// What callgrind counts.
#[inline(never)]
fn serve(relay: &mut Relay, now: Monotonic, phone: &Phone, packet: &mut Packet<'_>) -> Verdict {
    // Keeps the compiler from making one function of this and `warm`.
    std::hint::black_box(0);
    relay.receive(now, phone.port, phone.address, packet)
}

/// The same, not counted.
#[inline(never)]
fn warm(relay: &mut Relay, now: Monotonic, phone: &Phone, packet: &mut Packet<'_>) -> Verdict {
    relay.receive(now, phone.port, phone.address, packet)
}

type Receive = fn(&mut Relay, Monotonic, &Phone, &mut Packet<'_>) -> Verdict;

/// The packet of that number: each phone of each call in turn.
fn packet(
    relay: &mut Relay,
    calls: &mut [[Phone; 2]],
    at: usize,
    slot: &mut [u8; SLOT_BYTES],
    receive: Receive,
) {
    let (turn, side, call) = (at / (2 * CALLS), at / CALLS % 2, at % CALLS);
    let phone = &mut calls[call][side];
    let mut bytes = [0xd5; PACKET_BYTES];
    bytes[..2].copy_from_slice(&[0x80, 0]);
    bytes[2..4].copy_from_slice(&(turn as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&(turn as u32 * 160).to_be_bytes());
    bytes[8..12].copy_from_slice(&((call * 2 + side) as u32).to_be_bytes());
    let mut packet = Packet::copied(slot, &bytes).expect("room");
    if let Some(protect) = &mut phone.protect {
        protect.protect_rtp(&mut packet).expect("a new number");
    }
    let now = Monotonic::from_secs(1) + Duration::from_millis(turn as u64 * 20);
    let verdict = receive(relay, now, phone, &mut packet);
    assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
}

/// A phone, and the port that it sends to.
struct Phone {
    address: SocketAddr,
    port: TransportKey,
    protect: Option<Outbound>,
}

impl Phone {
    /// Two phones that hear each other.
    fn pair(relay: &mut Relay, call: usize, suites: [Option<Suite>; 2]) -> [Phone; 2] {
        let legs = [0, 1].map(|side| {
            let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, side as u8 + 1));
            let address = SocketAddr::new(ip, 10_000 + call as u16 * 2);
            let (stream, port, _) = relay.open(Ports::Two, false);
            relay.agree(stream, Some(agreed(address, suites[side])), Monotonic::default());
            let protect = suites[side].map(|suite| Outbound::new(&key(suite)));
            (stream, Phone { address, port: port.expect("a stream with ports of its own"), protect })
        });
        let [(one, of_one), (other, of_other)] = legs;
        relay.link(one, Some(other), Some(&[(0, 0)]));
        relay.link(other, Some(one), Some(&[(0, 0)]));
        [of_one, of_other]
    }
}

fn agreed(phone: SocketAddr, suite: Option<Suite>) -> Agreed {
    let rtp = Expected { signalled: phone, signalled_from: phone.ip(), reachable: true, learnable: false };
    let (receive, send) = match suite {
        None => (KeyChange::Plain, KeyChange::Plain),
        Some(suite) => (
            KeyChange::New(Box::new(Inbound::new(&key(suite)))),
            KeyChange::New(Box::new(Outbound::new(&key(suite)))),
        ),
    };
    Agreed {
        rtp,
        rtcp: rtp,
        rtcp_mux: false,
        ice: false,
        we_send: true,
        we_receive: true,
        receive,
        send,
        clock_hz: 8_000,
        events: None,
        mid: None,
    }
}

fn key(suite: Suite) -> MasterKey {
    // Both suites have 30 bytes of key and salt.
    MasterKey::new(suite, &[7; 30]).expect("30 bytes of key and salt")
}
