//! What SRTP costs for a packet of 172 bytes (20 ms of G.711).
//!
//! `srtp_cost` prints nanoseconds for each suite. `srtp_cost SUITE protect|unprotect PACKETS` does only that, to be counted
//! by callgrind; the difference of two runs is free of what the start costs.

use std::hint::black_box;
use std::time::Instant;

use coeur_media::packet::{HEAD_ROOM, Packet, SLOT_BYTES};
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};

const PLAIN_BYTES: usize = 172;

/// Packets that are prepared for a counted run, however many of them it takes: at most these.
const PREPARED: usize = 6_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [suite, direction, packets] => {
            let suite = Suite::from_name(suite).expect("a suite as in a=crypto");
            let packets = packets.parse().expect("a number of packets");
            let mut run = Run::new(suite, PREPARED);
            if direction == "unprotect" { run.unprotect(packets) } else { run.protect(packets) }
        }
        _ => times(),
    }
}

/// Best of many rounds, each shorter than a time slice, since other programs disturb.
fn times() {
    const PACKETS: usize = 1_000;
    for suite in Suite::ALL {
        let best = |work: fn(&mut Run, usize)| {
            (0..200)
                .map(|_| {
                    let mut run = Run::new(suite, PACKETS);
                    let started = Instant::now();
                    work(&mut run, PACKETS);
                    started.elapsed().as_nanos() / PACKETS as u128
                })
                .min()
        };
        println!(
            "{:24} protect {:>5?} unprotect {:>5?} ns",
            suite.name(),
            best(Run::protect),
            best(Run::unprotect)
        );
    }
}

struct Run {
    sender: Outbound,
    receiver: Inbound,
    slot: Vec<u8>,
    protected: Vec<[u8; PLAIN_BYTES + 16]>,
    length: usize,
}

impl Run {
    fn new(suite: Suite, packets: usize) -> Run {
        let bytes: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes()).map(|at| at as u8).collect();
        let key = MasterKey::new(suite, &bytes).expect("the length of the suite");
        let mut run = Run {
            sender: Outbound::new(&key),
            receiver: Inbound::new(&key),
            slot: vec![0; SLOT_BYTES],
            protected: Vec::new(),
            length: PLAIN_BYTES + suite.rtp_tag_bytes(),
        };
        let mut other = Outbound::new(&key);
        for sequence in 0..packets as u16 {
            let mut packet = plain(&mut run.slot, sequence);
            other.protect_rtp(&mut packet).expect("room and a new number");
            let mut kept = [0; PLAIN_BYTES + 16];
            kept[..packet.len()].copy_from_slice(&packet);
            run.protected.push(kept);
        }
        run
    }

    fn protect(&mut self, packets: usize) {
        for sequence in 0..packets {
            let mut packet = plain(&mut self.slot, sequence as u16);
            black_box(self.sender.protect_rtp(&mut packet)).expect("room and a new number");
        }
    }

    fn unprotect(&mut self, packets: usize) {
        for protected in &self.protected[..packets] {
            self.slot[HEAD_ROOM..HEAD_ROOM + self.length].copy_from_slice(&protected[..self.length]);
            let mut packet = Packet::received(&mut self.slot, self.length);
            black_box(self.receiver.unprotect_rtp(&mut packet)).expect("a genuine packet");
        }
    }
}

fn plain(slot: &mut [u8], sequence: u16) -> Packet<'_> {
    slot[HEAD_ROOM..HEAD_ROOM + 12].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    slot[HEAD_ROOM + 2..HEAD_ROOM + 4].copy_from_slice(&sequence.to_be_bytes());
    Packet::received(slot, PLAIN_BYTES)
}
