//! Traces of networks, and what is heard of them.

use super::*;

const FRAME_MS: u64 = 20;

fn settings() -> Settings {
    Settings { clock_hz: 8_000, frame_ms: 20, delay_ms_min: 20, delay_ms_max: 300 }
}

/// What was heard: the number in each payload, or what stood for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    Frame(u32),
    Spliced(u32),
    Lost,
    Recovered(u32),
    Silence,
}

struct Trace {
    buffer: JitterBuffer,
    /// Arrivals by time: microseconds, number of the frame.
    arrivals: Vec<(u64, u32)>,
    seed: u32,
}

impl Trace {
    fn new() -> Trace {
        Trace { buffer: JitterBuffer::new(settings()), arrivals: Vec::new(), seed: 7 }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u64::from(self.seed >> 8) * below / (1 << 24)
    }

    /// Plays all that arrives, and asks every 20 ms until `end_ms`.
    fn play(&mut self, end_ms: u64) -> Vec<Sound> {
        self.arrivals.sort_unstable();
        let mut arrivals = std::mem::take(&mut self.arrivals).into_iter().peekable();
        let mut heard = Vec::new();
        for tick in 0..end_ms / FRAME_MS {
            let now_us = tick * FRAME_MS * 1_000 + 7_000;
            while let Some((at_us, number)) = arrivals.next_if(|(at_us, _)| *at_us <= now_us) {
                insert(&mut self.buffer, number, number, at_us);
            }
            heard.push(match self.buffer.next(Monotonic::from_micros(now_us)) {
                Heard::Payload(payload) => Sound::Frame(number(payload)),
                Heard::Spliced(payload) => Sound::Spliced(number(payload)),
                Heard::Lost { ms: 20 } => Sound::Lost,
                Heard::LostBefore { ms: 20, next } => Sound::Recovered(number(next)),
                Heard::Silence { ms: 20, .. } => Sound::Silence,
                other => panic!("{other:?}"),
            });
        }
        heard
    }
}

fn insert(buffer: &mut JitterBuffer, sequence: u32, frame: u32, at_us: u64) {
    let arrival = Arrival {
        // It begins anew soon, and so does the timestamp.
        sequence: (sequence as u16).wrapping_add(65_500),
        timestamp: (frame * 160).wrapping_sub(3_200),
        ticks: 160,
        content: Content::Audio(&sequence.to_be_bytes()),
    };
    buffer.insert(arrival, Monotonic::from_micros(at_us));
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.try_into().unwrap())
}

fn frames(heard: &[Sound]) -> Vec<u32> {
    heard
        .iter()
        .filter_map(|sound| match sound {
            Sound::Frame(number) | Sound::Spliced(number) => Some(*number),
            Sound::Lost | Sound::Recovered(_) | Sound::Silence => None,
        })
        .collect()
}

#[test]
fn an_even_stream_is_heard_whole_and_soon() {
    let mut trace = Trace::new();
    trace.arrivals = (0..500).map(|n| (u64::from(n) * 20_000 + 50_000, n)).collect();
    let heard = trace.play(10_040);
    assert_eq!(frames(&heard), (0..498).collect::<Vec<_>>());
    let counters = trace.buffer.counters();
    assert_eq!((counters.lost, counters.late, counters.stretched, counters.left_out), (0, 0, 0, 0));
    // It came at 50 ms and is heard at the second time of asking after that.
    assert_eq!(heard.iter().position(|sound| *sound == Sound::Frame(0)), Some(4));
    assert!(trace.buffer.jitter_ticks() <= 1);
}

#[test]
fn what_arrives_in_another_order_is_heard_in_the_right_one() {
    let mut trace = Trace::new();
    let at = |n: u32| u64::from(if n % 10 == 4 { n + 2 } else { n }) * 20_000 + u64::from(n % 10 == 4);
    trace.arrivals = (0..500).map(|n| (at(n), n)).collect();
    let heard = trace.play(10_000);
    let numbers = frames(&heard);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let counters = trace.buffer.counters();
    assert_eq!(counters.reordered + counters.late, 50);
    // The first one teaches how late they come; from then on all are in time.
    assert!(counters.late <= 1, "{counters:?}");
    assert!(counters.stretched <= 3, "{counters:?}");
}

#[test]
fn a_lost_packet_is_made_up_once_and_its_copy_used() {
    let mut trace = Trace::new();
    trace.arrivals = (0..500).filter(|n| n % 20 != 13).map(|n| (u64::from(n) * 20_000, n)).collect();
    // A second packet waits, so that the one after a loss is there when it is missed.
    trace.buffer.settings.delay_ms_min = 40;
    let heard = trace.play(10_000);
    let made_up = heard.iter().filter(|sound| matches!(sound, Sound::Lost | Sound::Recovered(_))).count();
    assert_eq!(made_up, 25);
    assert_eq!(heard.iter().filter(|sound| matches!(sound, Sound::Recovered(n) if n % 20 == 14)).count(), 25);
    let counters = trace.buffer.counters();
    assert_eq!((counters.lost, counters.late, counters.stretched), (25, 0, 0));
}

#[test]
fn a_loss_found_only_by_waiting_does_not_lengthen_the_delay() {
    let mut trace = Trace::new();
    // Each is played before the next one is there, so that a loss is seen only when time has been made up already.
    trace.buffer.settings.delay_ms_min = 0;
    trace.arrivals = (0..200).filter(|n| n % 20 != 13).map(|n| (u64::from(n) * 20_000 + 1_000, n)).collect();
    let heard = trace.play(4_000);
    let at = |wanted| heard.iter().position(|sound| *sound == Sound::Frame(wanted)).unwrap();
    assert_eq!(at(190) - at(10), 180);
    assert_eq!(trace.buffer.counters().lost, 10);
}

#[test]
fn the_delay_grows_with_the_jitter_and_shrinks_when_it_is_over() {
    let mut trace = Trace::new();
    for n in 0..1_500 {
        let jitter_us = if (250..750).contains(&n) { trace.random(80_000) } else { 0 };
        trace.arrivals.push((u64::from(n) * 20_000 + jitter_us, n));
    }
    let heard = trace.play(30_000);
    let counters = trace.buffer.counters();
    // Three quarters of a second after it began, at most one frame in a hundred is not heard in time.
    let rough = &heard[290..750];
    let missed = rough.iter().filter(|sound| matches!(sound, Sound::Lost | Sound::Recovered(_))).count();
    assert!(missed * 100 <= rough.len(), "{missed} of {}: {counters:?}", rough.len());
    let at = |wanted| heard.iter().position(|sound| *sound == Sound::Frame(wanted)).unwrap() as i64;
    let delay = |wanted: u32| at(wanted) - i64::from(wanted);
    assert!(delay(700) >= delay(200) + 3, "{} {}", delay(200), delay(700));
    assert!(delay(1_490) <= delay(200) + 2, "{} {}", delay(200), delay(1_490));
    assert!(counters.left_out >= 2, "{counters:?}");
    assert!(trace.buffer.jitter_ticks() < 20);
}

#[test]
fn a_clock_that_goes_faster_or_slower_neither_fills_nor_starves_the_buffer() {
    for parts_per_million in [-400i64, 400] {
        let mut trace = Trace::new();
        let step_us = (20_000 + 20_000 * parts_per_million / 1_000_000) as u64;
        trace.arrivals = (0..15_000).map(|n| (u64::from(n) * step_us, n)).collect();
        let heard = trace.play(299_000);
        assert!(trace.buffer.waiting() <= 4, "{}", trace.buffer.waiting());
        let counters = trace.buffer.counters();
        // 400 millionths of 300 seconds are 120 ms: six frames.
        let corrected = if parts_per_million < 0 { counters.left_out } else { counters.stretched };
        assert!((4..=9).contains(&corrected), "{counters:?}");
        assert_eq!((counters.late, counters.lost), (0, 0), "{counters:?}");
        assert!(frames(&heard).windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn silence_that_is_not_sent_is_silence_and_no_loss() {
    let mut buffer = JitterBuffer::new(settings());
    let mut heard = Vec::new();
    // Two spurts of 50 frames with a second between them: numbers go on, time leaps.
    for tick in 0..200u32 {
        let now_us = u64::from(tick) * 20_000;
        let frame = tick;
        if frame < 50 {
            insert(&mut buffer, frame, frame, now_us);
        } else if (100..150).contains(&frame) {
            insert(&mut buffer, frame - 50, frame, now_us);
        }
        heard.push(match buffer.next(Monotonic::from_micros(now_us + 7_000)) {
            Heard::Payload(payload) => Sound::Frame(number(payload)),
            Heard::Lost { .. } => Sound::Lost,
            Heard::Silence { .. } => Sound::Silence,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(frames(&heard), (0..100).collect::<Vec<_>>());
    let counters = buffer.counters();
    assert_eq!((counters.lost, counters.late, counters.begun), (0, 0, 2));
    // What is made up before it is known to be silence fades, and is over after a tenth of a second; twice, once at the end.
    assert_eq!(heard.iter().filter(|sound| **sound == Sound::Lost).count(), 10);
}

#[test]
fn announced_silence_has_the_noise_that_was_told_at_once() {
    let mut buffer = JitterBuffer::new(settings());
    for n in 0..10 {
        insert(&mut buffer, n, n, u64::from(n) * 20_000);
        buffer.next(Monotonic::from_micros(u64::from(n) * 20_000 + 7_000));
    }
    let level = NoiseLevel::from_payload(&[45]).unwrap();
    let timestamp = (10u32 * 160).wrapping_sub(3_200);
    let noise = Arrival { sequence: 65_510, timestamp, ticks: 0, content: Content::Noise(level) };
    buffer.insert(noise, Monotonic::from_millis(200));
    let mut silences = 0;
    for n in 10..40u64 {
        match buffer.next(Monotonic::from_millis(n * 20 + 7)) {
            Heard::Payload(_) => {}
            Heard::Silence { level: Some(told), .. } if told == level => silences += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(silences >= 28, "{silences}");
    assert_eq!(buffer.counters().stretched, 0);
}

#[test]
fn what_comes_twice_late_or_too_long_is_counted_and_not_heard() {
    let mut buffer = JitterBuffer::new(settings());
    insert(&mut buffer, 0, 0, 0);
    insert(&mut buffer, 0, 0, 10);
    insert(&mut buffer, 2, 2, 20);
    for tick in 2..6 {
        buffer.next(Monotonic::from_millis(tick * 20));
    }
    insert(&mut buffer, 1, 1, 90_000);
    let long = vec![0; PAYLOAD_BYTES_MAX + 1];
    buffer.insert(
        Arrival { sequence: 3, timestamp: 0, ticks: 160, content: Content::Audio(&long) },
        Monotonic::from_millis(91),
    );
    let counters = buffer.counters();
    assert_eq!((counters.duplicate, counters.late, counters.overflow, counters.played), (1, 1, 1, 2));
}

#[test]
fn a_burst_after_a_stall_is_caught_up_and_bounded() {
    let mut trace = Trace::new();
    // Nothing for two seconds, then all of it at once.
    let at = |n: u32| u64::from(if (100..200).contains(&n) { 200 } else { n }) * 20_000 + u64::from(n);
    trace.arrivals = (0..600).map(|n| (at(n), n)).collect();
    let heard = trace.play(12_000);
    assert!(frames(&heard).windows(2).all(|pair| pair[0] < pair[1]));
    assert!(trace.buffer.waiting() * 20 <= 340, "{}", trace.buffer.waiting());
    assert!(trace.buffer.counters().overflow > 0);
}

#[test]
fn a_stream_that_leaps_begins_anew() {
    let mut buffer = JitterBuffer::new(settings());
    for n in 0..50u32 {
        insert(&mut buffer, n, n, u64::from(n) * 20_000);
        buffer.next(Monotonic::from_micros(u64::from(n) * 20_000 + 7_000));
    }
    let mut heard = 0;
    for n in 50..100u32 {
        insert(&mut buffer, n + 9_000, n + 4_000_000, u64::from(n) * 20_000);
        heard += usize::from(matches!(
            buffer.next(Monotonic::from_micros(u64::from(n) * 20_000 + 7_000)),
            Heard::Payload(_)
        ));
    }
    assert!(heard > 45, "{heard}");
    assert_eq!(buffer.counters().begun, 2);
}

#[test]
fn any_packets_at_any_time_are_taken_without_a_panic() {
    let mut trace = Trace::new();
    for round in 0..200_000u64 {
        let now = Monotonic::from_micros(round * 3_000);
        let (wild, sequence) = (trace.random(50) == 0, trace.random(65_536));
        let arrival = Arrival {
            sequence: if wild { sequence as u16 } else { (round / 7) as u16 },
            timestamp: if wild { trace.random(1 << 24) as u32 * 256 } else { (round / 7 * 160) as u32 },
            ticks: [160, 0, 80, u32::MAX][trace.random(4) as usize],
            content: Content::Audio(&[1, 2, 3]),
        };
        trace.buffer.insert(arrival, now);
        if round % 7 == 0 {
            trace.buffer.next(now);
        }
        assert!(trace.buffer.waiting() <= PACKETS_MAX);
    }
    assert!(trace.buffer.counters().played > 100);
}
