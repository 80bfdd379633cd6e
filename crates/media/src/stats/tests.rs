use super::*;

const PACKET_MS: u64 = 20;

/// A stream of 20 ms packets at 8,000 Hz whose first has the number `sequence` and was sent at zero.
fn stream(sequence: u16) -> ReceiveStats {
    ReceiveStats::new(7, 8_000, sequence, 0, 160, Monotonic::from_millis(0))
}

/// Receives the packet that was sent `nth` after the first, `late_ms` later than that.
fn receive(stats: &mut ReceiveStats, first: u16, nth: u16, late_ms: u64) -> Arrival {
    let now = Monotonic::from_millis(u64::from(nth) * PACKET_MS + late_ms);
    stats.receive(first.wrapping_add(nth), u32::from(nth) * 160, 160, now)
}

#[test]
fn losses_are_counted_over_a_wrap_of_the_sequence_number() {
    let mut stats = stream(65_500);
    for nth in (1..1_000).filter(|nth| nth % 10 != 0) {
        assert_eq!(receive(&mut stats, 65_500, nth, 0), Arrival::InOrder);
    }
    assert_eq!((stats.expected(), stats.received(), stats.lost()), (1_000, 901, 99));
    assert_eq!(stats.octets(), 901 * 160);
    assert!((stats.loss_percent() - 9.9).abs() < 1e-9);
    let block = stats.report_block(Monotonic::from_millis(20_000));
    assert_eq!((block.highest_sequence, block.lost, block.fraction_lost), (66_499, 99, 25));
}

#[test]
fn the_fraction_is_of_the_packets_since_the_last_report() {
    let mut stats = stream(0);
    (1..100).for_each(|nth| assert_eq!(receive(&mut stats, 0, nth, 0), Arrival::InOrder));
    assert_eq!(stats.report_block(Monotonic(0)).fraction_lost, 0);
    (100..200)
        .filter(|nth| nth % 2 == 1)
        .for_each(|nth| assert_eq!(receive(&mut stats, 0, nth, 0), Arrival::InOrder));
    assert_eq!(stats.report_block(Monotonic(0)).fraction_lost, 128);
    let nothing_since = stats.report_block(Monotonic(0));
    assert_eq!((nothing_since.fraction_lost, nothing_since.lost), (0, 50));
}

#[test]
fn duplicates_and_late_packets_are_no_loss() {
    let mut stats = stream(10);
    assert_eq!(receive(&mut stats, 10, 2, 0), Arrival::InOrder);
    assert_eq!(receive(&mut stats, 10, 1, 40), Arrival::OutOfOrder);
    assert_eq!(receive(&mut stats, 10, 1, 40), Arrival::Duplicate);
    assert_eq!(receive(&mut stats, 10, 2, 40), Arrival::Duplicate);
    assert_eq!((stats.lost(), stats.duplicates(), stats.out_of_order()), (0, 2, 1));
    assert_eq!(stats.received(), 3);
}

#[test]
fn another_numbering_needs_two_packets_in_sequence() {
    let mut stats = stream(10);
    (1..50).for_each(|nth| assert_eq!(receive(&mut stats, 10, nth, 0), Arrival::InOrder));
    assert_eq!(receive(&mut stats, 30_000, 50, 0), Arrival::Stray);
    assert_eq!(receive(&mut stats, 10, 51, 0), Arrival::InOrder);
    assert_eq!(receive(&mut stats, 30_000, 52, 0), Arrival::Stray);
    assert_eq!(receive(&mut stats, 30_000, 53, 0), Arrival::Restarted);
    assert_eq!((stats.expected(), stats.received(), stats.lost()), (53, 52, 1));
    assert_eq!(receive(&mut stats, 30_000, 54, 0), Arrival::InOrder);
    assert_eq!(stats.lost(), 1, "counting goes on");
}

#[test]
fn packets_sent_again_far_behind_are_late_and_no_other_numbering() {
    let mut stats = stream(10);
    (1..400).for_each(|nth| assert_eq!(receive(&mut stats, 10, nth, 0), Arrival::InOrder));
    for nth in 200..210 {
        let late_ms = u64::from(400 - nth) * PACKET_MS;
        assert_eq!(receive(&mut stats, 10, nth, late_ms), Arrival::OutOfOrder, "{nth}");
    }
    assert_eq!(receive(&mut stats, 10, 400, 0), Arrival::InOrder);
    // The same numbers with a timestamp that fits nothing are another numbering.
    assert_eq!(stats.receive(210, 5, 160, Monotonic::from_millis(9_000)), Arrival::OutOfOrder);
    assert_eq!(stats.receive(210, 4_000_000_000, 160, Monotonic::from_millis(9_000)), Arrival::Stray);
    assert_eq!(stats.receive(211, 4_000_000_160, 160, Monotonic::from_millis(9_020)), Arrival::Restarted);
}

#[test]
fn a_phone_that_begins_again_where_it_began_is_followed_after_half_a_second() {
    let mut stats = stream(10);
    (1..200).for_each(|nth| assert_eq!(receive(&mut stats, 10, nth, 0), Arrival::InOrder));
    let again = |nth: u16, stats: &mut ReceiveStats| receive(stats, 10, nth, 4_000);
    (1..25).for_each(|nth| assert_ne!(again(nth, &mut stats), Arrival::Restarted));
    assert_eq!(again(25, &mut stats), Arrival::Restarted);
    assert_eq!(again(26, &mut stats), Arrival::InOrder);
    assert_eq!(stats.lost(), -24, "those that counted as late came besides");
}

#[test]
fn an_even_stream_has_no_jitter_and_an_uneven_one_what_the_formula_says() {
    let mut stats = stream(0);
    (1..200).for_each(|nth| assert_eq!(receive(&mut stats, 0, nth, 0), Arrival::InOrder));
    assert_eq!(stats.jitter(), Duration::ZERO);
    // Every second packet 10 ms (80 ticks) late: each difference is 80, and the estimate goes there.
    let mut model = 0.0f64;
    for nth in 200..400 {
        receive(&mut stats, 0, nth, u64::from(nth % 2) * 10);
        let difference = if nth == 200 { 0.0 } else { 80.0 };
        model += (difference - model) / 16.0;
    }
    assert!((f64::from(stats.jitter_ticks()) - model).abs() <= 1.0, "{} {model}", stats.jitter_ticks());
    assert_eq!(stats.jitter().as_millis(), 9);
}

/// Of 25 packets one steps by 480 ms and 24 by 20 ms, in the mean 38 ms.
#[test]
fn bursts_of_half_a_second_are_stalls_though_their_jitter_is_small() {
    let mut stats = stream(0);
    for nth in 1..200 {
        receive(&mut stats, 0, nth, 0);
    }
    assert_eq!((stats.stalls(), stats.stalled()), (0, Duration::ZERO));
    for nth in 200..300 {
        receive(&mut stats, 0, nth, u64::from(24 - nth % 25) * 20);
    }
    assert!(stats.jitter().as_millis() < 100, "{:?}", stats.jitter());
    assert_eq!((stats.stalls(), stats.stalled()), (4, Duration::from_millis(4 * 480)));
}

#[test]
fn stalls_of_any_length_have_a_sum() {
    let mut stats = stream(0);
    stats.stalled_ticks = u64::MAX;
    assert!(stats.stalled() > Duration::from_secs(1 << 30));
}

#[test]
fn a_new_origin_of_the_timestamp_is_no_jitter() {
    let mut stats = stream(0);
    stats.receive(1, 4_000_000_000, 160, Monotonic::from_millis(20));
    stats.receive(2, 4_000_000_160, 160, Monotonic::from_millis(40));
    assert_eq!(stats.jitter(), Duration::ZERO);
}

#[test]
fn a_report_block_gives_the_round_trip_without_the_time_at_the_other_end() {
    let mut stats = stream(0);
    let ntp = 0x1111_2222_3333_4444;
    stats.sender_reported(ntp, Monotonic::from_millis(1_030));
    let block = stats.report_block(Monotonic::from_millis(3_530));
    assert_eq!(block.last_sender_report, 0x2222_3333);
    assert_eq!(block.delay_since, 65_536 * 5 / 2);
    let sent = Monotonic::from_millis(1_000);
    assert_eq!(round_trip(&block, sent, Monotonic::from_millis(3_560)), Some(Duration::from_millis(60)));
    assert_eq!(round_trip(&block, sent, Monotonic::from_millis(3_000)), None);
    let none = ReportBlock { last_sender_report: 0, ..block };
    assert_eq!(round_trip(&none, sent, Monotonic::from_millis(3_560)), None);
}

/// A description may name any clock, and a sender any timestamp.
#[test]
fn no_clock_and_no_timestamps_are_too_much_for_the_jitter() {
    let mut stats = ReceiveStats::new(7, u32::MAX, 0, 0, 160, Monotonic(0));
    for nth in 1..100u16 {
        let timestamp = if nth % 2 == 0 { 0 } else { 0x7fff_ffff };
        stats.receive(nth, timestamp, 160, Monotonic(0));
    }
    assert!(stats.jitter() > Duration::ZERO);
}
