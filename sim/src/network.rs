//! Datagrams under way. Each takes its own time, so they overtake each other; some are lost, some arrive twice.

use crate::chance::Chance;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// How the network treats datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub lost_per_mille: u32,
    pub doubled_per_mille: u32,
    pub delay_us_min: u64,
    pub delay_us_max: u64,
}

impl Weather {
    pub const FAIR: Self =
        Self { lost_per_mille: 0, doubled_per_mille: 0, delay_us_min: 500, delay_us_max: 1_500 };
    pub const ROUGH: Self =
        Self { lost_per_mille: 100, doubled_per_mille: 50, delay_us_min: 500, delay_us_max: 80_000 };
}

pub struct Network {
    weather: Weather,
    under_way: BinaryHeap<Reverse<(u64, u64, Packet)>>,
    serial: u64,
    pub sent: u64,
    pub lost: u64,
}

impl Network {
    pub fn new(weather: Weather) -> Self {
        Self { weather, under_way: BinaryHeap::new(), serial: 0, sent: 0, lost: 0 }
    }

    pub fn send(&mut self, now_us: u64, chance: &mut Chance, packet: Packet) {
        self.sent += 1;
        if chance.happens(self.weather.lost_per_mille) {
            self.lost += 1;
            return;
        }
        let copies = if chance.happens(self.weather.doubled_per_mille) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = chance.between(self.weather.delay_us_min, self.weather.delay_us_max);
            self.serial += 1;
            self.under_way.push(Reverse((now_us + delay, self.serial, packet.clone())));
        }
    }

    pub fn next_arrival_us(&self) -> Option<u64> {
        self.under_way.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next datagram that has arrived by `now_us`.
    pub fn arrived(&mut self, now_us: u64) -> Option<Packet> {
        if self.next_arrival_us()? > now_us {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, packet))| packet)
    }

    /// From now on the weather is this.
    pub fn becomes(&mut self, weather: Weather) {
        self.weather = weather;
    }
}
