//! Two legs of a call on one relay, with a clock that is driven.

mod attacks;
mod foreign;
mod hold;
mod keys;
mod latching;
mod mirror;
mod moving;
mod pace;
mod ports;
mod reasons;
mod taken;
mod telling;

use super::*;
use crate::packet::{Packet, SLOT_BYTES};
use crate::srtp::{Inbound, MasterKey, Outbound, Suite};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Phones A and B say these addresses, and signal from the same hosts.
const A: &str = "192.0.2.1:4000";
const B: &str = "198.51.100.2:5000";
/// Where phone B receives RTCP.
const B_RTCP: &str = "198.51.100.2:5001";
const STRANGER: &str = "203.0.113.66:6666";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> Expected {
    let signalled = address(text);
    Expected { signalled, signalled_from: signalled.ip(), reachable: true, learnable: false }
}

/// A phone with the inside address `said`, behind a NAT from whose `outside` its signalling comes.
fn behind_nat(said: &str, outside: &str) -> Expected {
    let signalled_from: IpAddr = outside.parse().unwrap();
    Expected { signalled: address(said), signalled_from, reachable: false, learnable: true }
}

fn plain(expected: Expected) -> Agreed {
    let rtcp = expected.at(SocketAddr::new(expected.signalled.ip(), expected.signalled.port() + 1));
    Agreed {
        rtp: expected,
        rtcp,
        rtcp_mux: false,
        ice: false,
        we_send: true,
        we_receive: true,
        receive: KeyChange::Plain,
        send: KeyChange::Plain,
        clock_hz: 8_000,
        events: None,
        mid: None,
    }
}

fn muxed(agreed: Agreed) -> Agreed {
    Agreed { rtcp: agreed.rtp, rtcp_mux: true, ..agreed }
}

fn key(suite: Suite, seed: u8) -> MasterKey {
    let bytes: Vec<u8> =
        (0..suite.key_bytes() + suite.salt_bytes()).map(|i| (i as u8).wrapping_mul(7) ^ seed).collect();
    MasterKey::new(suite, &bytes).unwrap()
}

/// We receive under the key of `seed`, and send under the next.
fn sdes(agreed: Agreed, suite: Suite, seed: u8) -> Agreed {
    Agreed {
        receive: KeyChange::New(Box::new(Inbound::new(&key(suite, seed)))),
        send: KeyChange::New(Box::new(Outbound::new(&key(suite, seed + 1)))),
        ..agreed
    }
}

fn rtp(payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

/// An empty receiver report.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

fn protect(context: &mut Outbound, bytes: &[u8]) -> Vec<u8> {
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, bytes).unwrap();
    if crate::demux::is_rtcp(bytes) {
        context.protect_rtcp(&mut packet)
    } else {
        context.protect_rtp(&mut packet)
    }
    .unwrap();
    packet.to_vec()
}

fn unprotect(context: &mut Inbound, bytes: &[u8]) -> Vec<u8> {
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, bytes).unwrap();
    let done = if crate::demux::is_rtcp(bytes) {
        context.unprotect_rtcp(&mut packet).map(drop)
    } else {
        context.unprotect_rtp(&mut packet).map(drop)
    };
    done.unwrap();
    packet.to_vec()
}

/// One leg: its stream and its ports.
#[derive(Clone, Copy)]
struct Leg {
    stream: StreamKey,
    rtp: TransportKey,
    rtcp: Option<TransportKey>,
}

struct Desk {
    relay: Relay,
    now: Monotonic,
    a: Leg,
    b: Leg,
}

impl Desk {
    /// Connected, G.711 on payload type 0, nothing agreed yet.
    fn bare() -> Self {
        let mut relay = Relay::default();
        let mut open = || {
            let (stream, rtp, rtcp) = relay.open(Ports::Two, false);
            Leg { stream, rtp: rtp.unwrap(), rtcp }
        };
        let (a, b) = (open(), open());
        let mut desk = Self { relay, now: Monotonic::from_secs(100), a, b };
        desk.relay.link(a.stream, Some(b.stream), Some(&[(0, 0)]));
        desk.relay.link(b.stream, Some(a.stream), Some(&[(0, 0)]));
        desk
    }

    fn new(a: Agreed, b: Agreed) -> Self {
        let mut desk = Self::bare();
        desk.agree_a(a);
        desk.agree_b(b);
        desk
    }

    /// Two phones without NAT.
    fn plain() -> Self {
        Self::new(plain(at(A)), plain(at(B)))
    }

    fn agree_a(&mut self, agreed: Agreed) {
        self.relay.agree(self.a.stream, Some(agreed), self.now);
    }

    fn agree_b(&mut self, agreed: Agreed) {
        self.relay.agree(self.b.stream, Some(agreed), self.now);
    }

    fn wait_ms(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn receive(&mut self, to: TransportKey, from: &str, bytes: &[u8]) -> (Verdict, Vec<u8>) {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, bytes).unwrap();
        let verdict = self.relay.receive(self.now, to, address(from), &mut packet);
        (verdict, packet.to_vec())
    }

    /// A packet for the port of leg A.
    fn at_a(&mut self, from: &str, bytes: &[u8]) -> Verdict {
        self.receive(self.a.rtp, from, bytes).0
    }

    fn at_b(&mut self, from: &str, bytes: &[u8]) -> Verdict {
        self.receive(self.b.rtp, from, bytes).0
    }

    /// Phone A speaks, in sequence and long enough to be believed; the last number is 0.
    fn speaks_a(&mut self, from: &str, ssrc: u32) {
        for sequence in [65_532, 65_533, 65_534, 65_535, 0] {
            assert_eq!(self.at_a(from, &rtp(0, sequence, ssrc)), self.out_b(B));
        }
    }

    /// Leaves by the RTP port of leg A.
    fn out_a(&self, to: &str) -> Verdict {
        Verdict::Forward { transport: self.a.rtp, to: address(to) }
    }

    fn out_b(&self, to: &str) -> Verdict {
        Verdict::Forward { transport: self.b.rtp, to: address(to) }
    }

    fn peer_a(&self) -> Option<SocketAddr> {
        self.relay.peer(self.a.stream, Component::Rtp).map(|peer| peer.address)
    }
}

fn dropped(reason: Reason) -> Verdict {
    Verdict::Dropped(reason)
}
