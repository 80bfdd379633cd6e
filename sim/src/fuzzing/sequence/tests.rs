use super::*;
use crate::chance::Chance;

/// Bytes made up at random reach every role, so that a fuzzer that knows more reaches its corners.
#[test]
fn random_sequences_register_call_cancel_and_relay() {
    let reached = |counters: &Counters| {
        vec![
            ("registrations", counters.registrations),
            ("proxied_requests", counters.proxied_requests),
            ("proxied_responses", counters.proxied_responses),
            ("cancels", counters.cancels),
            ("retransmissions_answered", counters.retransmissions_answered),
            ("malformed_answered", counters.malformed_answered),
            ("relay_refused", counters.relay_refused),
            ("timer_c_fired", counters.timer_c_fired),
        ]
    };
    play_until_all_are_reached(CallMode::Proxy, 100..=600, reached);
}

#[test]
fn random_sequences_answer_pick_up_park_transfer_and_take_calls_up_again() {
    let reached = |counters: &Counters| {
        vec![
            ("calls_started", counters.calls_started),
            ("calls_answered", counters.calls_answered),
            ("calls_served", counters.calls_served),
            ("calls_picked_up", counters.calls_picked_up),
            ("calls_parked", counters.calls_parked),
            ("calls_transferred", counters.calls_transferred),
            ("calls_restored", counters.calls_restored),
        ]
    };
    play_until_all_are_reached(CallMode::B2bua, 500..=2_000, reached);
}

/// Sequences of that many bytes, until none of these counts is 0 any more.
fn play_until_all_are_reached(
    calls: CallMode,
    bytes: std::ops::RangeInclusive<u64>,
    reached: impl Fn(&Counters) -> Vec<(&'static str, u64)>,
) {
    let mut chance = Chance::new(1);
    let mut missing: Vec<&str> = reached(&Counters::default()).into_iter().map(|(name, _)| name).collect();
    for sequences in 0.. {
        if missing.is_empty() {
            break;
        }
        assert!(sequences < 300, "never reached: {missing:?}");
        let length = chance.between(*bytes.start(), *bytes.end());
        let data: Vec<u8> = (0..length).map(|_| chance.below(256) as u8).collect();
        for (name, count) in reached(&play(&data, calls)) {
            missing.retain(|each| *each != name || count == 0);
        }
    }
}
