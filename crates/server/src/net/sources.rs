//! Which senders of datagrams are heard (threat T-13, decision 0007).
//!
//! A sender is charged for what costs us work and earns him nothing: for a message that is malformed, and for a request
//! whose challenge was withheld because too many before it were not answered. Who has used up a budget is not heard until
//! some of it has come back: his datagrams are dropped before they are parsed. Whoever has proved a password from this
//! address and port has budgets of his own, so that neither a stranger behind the same NAT nor one who makes up the
//! address can silence him.
//!
//! | table, shared by all shards | slots | bytes |
//! |---|---|---|
//! | malformed messages of a sender | 16,384 | 128 KiB |
//! | unanswered requests of a sender | 16,384 | 128 KiB |
//! | flows from which a password was proved | 262,144 | 2 MiB |
//!
//! While nobody is over a budget a datagram costs one comparison here, and at no time an allocation, a lock or a system
//! call; the test `costs` measures it.

use coeur_exchange::guard::limits::{Bucket, Buckets, Known, Rate};
use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

/// Malformed messages of an IPv4 address or IPv6 /64. A NAT with a thousand phones that all keep sending something
/// malformed every 15 s stays below.
pub const MALFORMED: Rate = Rate { burst: 1_000, each_us: 10_000 };
/// The same, of an address and port from which a password was proved.
pub const MALFORMED_KNOWN: Rate = Rate { burst: 10_000, each_us: 1_000 };
/// Requests beyond the challenges that the guard lets wait for an answer (8,192 at once, 512 more each second). When the
/// power comes back to twenty thousand phones behind one NAT they stay below.
pub const UNANSWERED: Rate = Rate { burst: 50_000, each_us: 200 };
/// Malformed messages of strangers that one shard reads to the end and answers, whoever sends them: from very many
/// sources each stays below its own budget.
pub const MALFORMED_OF_SHARD: Rate = Rate { burst: 2_000, each_us: 500 };
/// CANCEL and ACK of strangers for whose INVITE one shard asks the others. A phone whose NAT has given it another port is a
/// stranger until it registers from there; a thousand of them that give up in one second are more than any office has.
pub const SEARCHES_OF_SHARD: Rate = Rate { burst: 1_000, each_us: 1_000 };
/// The same of those who have proved a password from their address, which a datagram can have from somebody else.
pub const PROVED_SEARCHES_OF_SHARD: Rate = Rate { burst: 10_000, each_us: 100 };

const SENDERS: usize = 1 << 14;
const FLOWS: usize = 1 << 18;

pub struct Sources {
    hasher: DefaultHashBuilder,
    malformed: Buckets,
    unanswered: Buckets,
    proved: Known,
    /// Nobody is over a budget from this moment on (microseconds of the monotonic clock).
    watch_until_us: AtomicU64,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            malformed: Buckets::new(SENDERS),
            unanswered: Buckets::new(SENDERS),
            proved: Known::new(FLOWS),
            watch_until_us: AtomicU64::new(0),
        }
    }
}

impl Sources {
    /// False while this sender is over a budget.
    #[inline]
    pub fn hears(&self, from: SocketAddr, now_us: u64) -> bool {
        now_us >= self.watch_until_us.load(Ordering::Relaxed) || self.has_room(from, now_us)
    }

    /// A message from here was malformed.
    pub fn malformed(&self, from: SocketAddr, now_us: u64) {
        let (who, rate) = self.account(from, now_us);
        self.charge(&self.malformed, who, rate, now_us);
    }

    /// A request from here was not worth a challenge.
    pub fn unanswered(&self, from: SocketAddr, now_us: u64) {
        let (who, _) = self.account(from, now_us);
        self.charge(&self.unanswered, who, UNANSWERED, now_us);
    }

    /// Somebody has proved a password from here.
    pub fn prove(&self, from: SocketAddr, now_us: u64) {
        self.proved.note(self.flow(from), now_us);
    }

    pub fn is_proved(&self, from: SocketAddr, now_us: u64) -> bool {
        self.proved.has(self.flow(from), now_us)
    }

    #[cold]
    fn has_room(&self, from: SocketAddr, now_us: u64) -> bool {
        let (who, rate) = self.account(from, now_us);
        self.malformed.has_room(who, rate, now_us) && self.unanswered.has_room(who, UNANSWERED, now_us)
    }

    fn charge(&self, buckets: &Buckets, who: u64, rate: Rate, now_us: u64) {
        if !buckets.take(who, rate, now_us) {
            // By then the bucket is empty; whoever goes on is noticed again by the first one that is let through.
            self.watch_until_us.fetch_max(now_us + rate.burst * rate.each_us, Ordering::Relaxed);
        }
    }

    /// Who pays for what comes from here, and how many malformed messages he may send.
    fn account(&self, from: SocketAddr, now_us: u64) -> (u64, Rate) {
        let flow = self.flow(from);
        if self.proved.has(flow, now_us) {
            return (flow, MALFORMED_KNOWN);
        }
        (self.hasher.hash_one(network(from.ip())), MALFORMED)
    }

    /// Keyed by random numbers, so that nobody can choose an address that shares a slot with another.
    fn flow(&self, from: SocketAddr) -> u64 {
        self.hasher.hash_one((bits(from.ip()), from.port()))
    }
}

/// The network that one sender can speak from: an IPv4 address, or a /64 of IPv6 (see `guard::Source`).
fn network(ip: IpAddr) -> u128 {
    let bits = bits(ip);
    if ip.is_ipv4() { bits } else { bits & !u128::from(u64::MAX) }
}

/// Listeners of IPv6 take no IPv4, so the families never meet in one form.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// What is left of what a shard does for strangers.
pub struct Patience {
    bucket: Bucket,
    rate: Rate,
}

impl Patience {
    pub fn new(rate: Rate) -> Self {
        Self { bucket: Bucket::default(), rate }
    }

    pub fn take(&mut self, now_us: u64) -> bool {
        self.bucket.take(self.rate, now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;
    const START_US: u64 = 1_000 * SECOND_US;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Sends malformed messages from here, one each 10 us for `ms`, and counts those that were heard.
    fn flood(sources: &Sources, from: SocketAddr, start_us: u64, ms: u64) -> u64 {
        let times = (start_us..start_us + ms * 1_000).step_by(10);
        let heard = times.filter(|now_us| {
            let heard = sources.hears(from, *now_us);
            if heard {
                sources.malformed(from, *now_us);
            }
            heard
        });
        heard.count() as u64
    }

    #[test]
    fn a_stranger_who_makes_work_is_heard_as_often_as_his_budget_says() {
        let sources = Sources::default();
        let heard = flood(&sources, address("192.0.2.1:5060"), START_US, 20_000);
        // The burst, then one each 10 ms for 20 s, and one for each time the watch is renewed.
        assert!((2_990..=3_010).contains(&heard), "{heard} of 2,000,000");
        // Port and IPv6 interface do not make another sender.
        assert!(!sources.hears(address("192.0.2.1:9"), START_US + 20 * SECOND_US - 1));
        assert!(sources.hears(address("192.0.2.2:5060"), START_US + 20 * SECOND_US - 1));
        let after = START_US + 40 * SECOND_US;
        assert!(sources.hears(address("192.0.2.1:5060"), after), "it is forgiven");
        flood(&sources, address("[2001:db8::1]:5060"), after, 1_000);
        assert!(!sources.hears(address("[2001:db8::2]:5060"), after + SECOND_US - 1));
        assert!(sources.hears(address("[2001:db8:0:1::2]:5060"), after + SECOND_US));
    }

    #[test]
    fn whoever_proved_a_password_is_heard_while_a_stranger_uses_his_address() {
        let sources = Sources::default();
        let (phone, stranger) = (address("192.0.2.1:40000"), address("192.0.2.1:40001"));
        sources.prove(phone, START_US);
        flood(&sources, stranger, START_US, 1_000);
        let now_us = START_US + SECOND_US - 1;
        assert!(!sources.hears(stranger, now_us));
        assert!(sources.hears(phone, now_us));
        // A phone that misbehaves has a budget too, and it is nobody else's.
        let heard = flood(&sources, phone, now_us, 1_000);
        assert!((10_000..=11_010).contains(&heard), "{heard} of 100,000");
        let other = address("192.0.2.1:40002");
        sources.prove(other, now_us);
        assert!(sources.hears(other, now_us + SECOND_US));
    }

    #[test]
    fn thousands_of_phones_that_come_at_once_are_heard_and_an_endless_flood_is_not() {
        let sources = Sources::default();
        let from = |port: u64| SocketAddr::new([192, 0, 2, 1].into(), 1_024 + (port % 60_000) as u16);
        let asks = |asks: u64, now_us: u64| {
            sources.hears(from(asks), now_us) && {
                sources.unanswered(from(asks), now_us);
                true
            }
        };
        // 20,000 phones, all of which repeat their first request once.
        assert!((0..40_000).all(|ask| asks(ask, START_US + ask * 25)));
        // 100,000 requests a second for 10 s.
        let later = START_US + 100 * SECOND_US;
        let heard = (0..1_000_000).filter(|ask| asks(*ask, later + ask * 10)).count();
        assert!((99_900..=100_100).contains(&heard), "{heard}");
    }

    #[test]
    fn a_flood_from_very_many_sources_silences_nobody() {
        let sources = Sources::default();
        for i in 0..200_000u32 {
            let from = SocketAddr::new(std::net::Ipv4Addr::from(0x0a00_0000 + i).into(), 5060);
            sources.malformed(from, START_US + u64::from(i));
        }
        let victims =
            (0..1_000u32).map(|i| SocketAddr::new(std::net::Ipv4Addr::from(0xc000_0200 + i).into(), 9));
        assert_eq!(victims.filter(|victim| !sources.hears(*victim, START_US + SECOND_US)).count(), 0);
    }

    #[test]
    fn one_shard_reads_only_so_many_malformed_messages() {
        let mut patience = Patience::new(MALFORMED_OF_SHARD);
        let taken =
            (START_US..START_US + SECOND_US).step_by(10).filter(|now_us| patience.take(*now_us)).count();
        assert!((3_999..=4_001).contains(&taken), "{taken} of 100,000");
    }

    #[test]
    #[ignore = "measures time: run it alone, with --release --nocapture"]
    fn costs() {
        let addresses: Vec<SocketAddr> = (0..100_000u32)
            .map(|i| {
                SocketAddr::new(
                    std::net::Ipv4Addr::from(0x0a00_0000 + i * 7).into(),
                    1_024 + (i % 60_000) as u16,
                )
            })
            .collect();
        let measure = |name: &str, few: usize, f: &mut dyn FnMut(SocketAddr, u64)| {
            const ROUNDS: usize = 400_000;
            let mut best = f64::MAX;
            for _ in 0..20 {
                let start = std::time::Instant::now();
                for (i, from) in addresses[..few].iter().cycle().take(ROUNDS).enumerate() {
                    f(*from, START_US + i as u64);
                }
                best = best.min(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
            }
            println!("{name}, {few} senders: {best:.1} ns");
        };
        for few in [1, 1_000, 100_000] {
            let sources = Sources::default();
            let mut heard = 0u64;
            measure("hears, nobody over budget", few, &mut |from, now| {
                heard += u64::from(sources.hears(from, now))
            });
            measure("prove", few, &mut |from, now| sources.prove(from, now));
            measure("malformed", few, &mut |from, now| sources.malformed(from, now));
            sources.watch_until_us.store(u64::MAX, Ordering::Relaxed);
            measure("hears, somebody over budget", few, &mut |from, now| {
                heard += u64::from(sources.hears(from, now));
            });
            assert!(heard > 0);
        }
    }
}
