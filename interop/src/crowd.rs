//! Many calls at once: pairs of talkers, shared out among a few threads.

use crate::coeur::Coeur;
use crate::talker::Pair;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub struct Crowd {
    pairs: Vec<Pair>,
}

/// Threads that set calls up and end them, which is mostly waiting, and that talk.
const SETTING_UP: usize = 16;
const TALKING: usize = 4;
/// How often it is looked whether somebody hears something: how fine it is measured.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A crowd that talks.
pub struct Talking {
    stop: AtomicBool,
    since: Mutex<Option<Instant>>,
    heard: AtomicUsize,
}

impl Talking {
    /// How many have heard the other since it began to count.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    /// From now on it counts who hears something.
    pub fn begin_to_count(&self) {
        *self.since.lock().expect("nobody fails who holds it") = Some(Instant::now());
    }
}

impl Crowd {
    /// So many calls that are answered, each between two accounts and two addresses of its own.
    pub fn start(server: &Coeur, count: usize) -> Self {
        assert!(count <= 60_000, "addresses of two octets");
        server.import("caller", count);
        server.import("callee", count);
        let call = |number: usize| {
            let names = ["caller", "callee"].map(|name| format!("{name}{number}"));
            let secrets = names.each_ref().map(|name| format!("secret-of-{name}"));
            let accounts = [0, 1].map(|side| (names[side].as_str(), secrets[side].as_str()));
            let (high, low) = ((number / 250) as u8, (number % 250) as u8 + 1);
            Pair::start(server, accounts, [[127, 1, high, low], [127, 2, high, low]], false)
        };
        let next = AtomicUsize::new(0);
        let pairs = Mutex::new(Vec::with_capacity(count));
        std::thread::scope(|scope| {
            for _ in 0..SETTING_UP {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let pair = call(number);
                        pairs.lock().expect("nobody fails who holds it").push(pair);
                    }
                });
            }
        });
        Self { pairs: pairs.into_inner().expect("nobody has failed") }
    }

    /// All speak, a packet at each `every`, while `then` runs. What that gave back, and of each who has heard the other since
    /// it began to count how long that took.
    pub fn talk_while<R>(&mut self, every: Duration, then: impl FnOnce(&Talking) -> R) -> (R, Vec<Duration>) {
        let talking =
            Talking { stop: AtomicBool::new(false), since: Mutex::new(None), heard: AtomicUsize::new(0) };
        let share = self.pairs.len().div_ceil(TALKING).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .pairs
                .chunks_mut(share)
                .map(|pairs| scope.spawn(|| talk(pairs, every, &talking)))
                .collect();
            let done = then(&talking);
            talking.stop.store(true, Ordering::Relaxed);
            let heard = threads.into_iter().flat_map(|thread| thread.join().expect("a thread that talks"));
            (done, heard.collect())
        })
    }

    /// Every caller hangs up: how many were answered, and told to the other side.
    pub fn hang_up(&mut self) -> usize {
        let share = self.pairs.len().div_ceil(SETTING_UP).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .pairs
                .chunks_mut(share)
                .map(|pairs| {
                    scope.spawn(|| pairs.iter_mut().filter_map(Pair::hang_up).filter(|ok| *ok == 200).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread that hangs up")).sum()
        })
    }
}

fn talk(pairs: &mut [Pair], every: Duration, talking: &Talking) -> Vec<Duration> {
    let mut heard: Vec<[Option<Duration>; 2]> = vec![[None; 2]; pairs.len()];
    let mut next = Instant::now();
    while !talking.stop.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            pairs.iter_mut().for_each(Pair::say);
            next += every;
        }
        let since = *talking.since.lock().expect("nobody fails who holds it");
        for (pair, heard) in pairs.iter_mut().zip(&mut heard) {
            let before = [pair.alice.heard, pair.bob.heard];
            pair.listen();
            let has_heard = [pair.alice.heard > before[0], pair.bob.heard > before[1]];
            for side in [0, 1] {
                if let Some(since) = since.filter(|_| has_heard[side] && heard[side].is_none()) {
                    heard[side] = Some(since.elapsed());
                    talking.heard.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    heard.into_iter().flatten().flatten().collect()
}

/// The median, and what 99 of 100 do not exceed.
pub fn median_and_99th(spans: &[Duration]) -> (Duration, Duration) {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        let index = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
    };
    (at(0.5), at(0.99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_spans_the_50th_and_the_99th_are_told() {
        let spans: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(median_and_99th(&spans), (Duration::from_millis(50), Duration::from_millis(99)));
        assert_eq!(median_and_99th(&[]), (Duration::ZERO, Duration::ZERO));
    }
}
