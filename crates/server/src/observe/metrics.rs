//! The page of metrics: everything that is counted and measured, read at the moment of asking.
//!
//! Names follow the conventions of Prometheus: base units, `_total` for counters, labels for what is summed up. The table in
//! `docs/metrics.md` lists them all, and a test holds the two together.

use super::process;
use crate::house::Running;
use crate::house::running::ShardsOutside;
use crate::media::{Media, Stats};
use crate::push::stats::{Outcome, Stats as PushStats};
use crate::recordings::Recordings;
use crate::shard::stats::{self, FAMILIES};
use crate::turn;
use coeur_api::hooks::Hooks;
use coeur_api::{Door, Kind, MetricsText};
use coeur_exchange::event::Counters;
use coeur_exchange::push::Provider;
use coeur_exchange::silence::Cause;
use coeur_media::relay::Reason;
use coeur_storage::journal::LATENCY_BOUNDS_US;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

pub fn page(running: &Running) -> String {
    let mut text = MetricsText::default();
    build(&mut text);
    house(&mut text, running);
    recovery(&mut text, running);
    journal(&mut text, running);
    exchange(&mut text, running);
    silences(&mut text, running);
    recordings(&mut text, &running.recordings);
    sign_in(&mut text, running);
    webhooks(&mut text, running.door.get().and_then(Weak::upgrade).as_deref().map(Door::hooks));
    if let Some(shards) = running.shards.get() {
        queues(&mut text, shards);
        network(&mut text, shards);
        media(&mut text, &shards.services.media);
        match &shards.services.push {
            Some(pushing) => push(&mut text, &pushing.stats),
            None => push(&mut text, &PushStats::default()),
        }
    }
    // Where TURN is off, nothing has happened.
    match running.turn.get() {
        Some(outside) => turn(&mut text, outside.turn.stats()),
        None => turn(&mut text, &turn::Stats::default()),
    }
    of_process(&mut text);
    text.finish()
}

fn build(text: &mut MetricsText) {
    let labels = format!(
        "version=\"{}\",profile=\"{}\",target=\"{}-{}\"",
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) { "debug" } else { "release" },
        std::env::consts::ARCH,
        std::env::consts::OS,
    );
    text.many(
        "coeur_build_info",
        Kind::Gauge,
        "What was built, as labels; always 1.",
        [(labels.as_str(), 1)],
    );
}

fn house(text: &mut MetricsText, running: &Running) {
    let (used, capacity) = running.traced.tap.fill();
    let transactions: u64 = running.shown.iter().map(|shown| shown.transactions()).sum();
    let mut gauge = |name, help, value: u64| text.one(name, Kind::Gauge, help, value);
    gauge("coeur_bindings", "Registered contacts.", running.world.bindings.count() as u64);
    gauge("coeur_accounts", "Accounts.", running.world.directory.accounts() as u64);
    gauge("coeur_uptime_seconds", "Seconds since the start.", running.started.elapsed().as_secs());
    let dead = u64::from(running.deaths.first().is_some());
    gauge("coeur_dying", "1 when a thread has ended by itself: the server stops.", dead);
    gauge("coeur_proxy_requests", "Requests that the proxy has under way.", transactions);
    gauge("coeur_trace_used_bytes", "Bytes of recent messages kept for traces.", used);
    gauge("coeur_trace_capacity_bytes", "Bytes there are for recent messages.", capacity);
    traces(text, running);
}

fn traces(text: &mut MetricsText, running: &Running) {
    if let Some((bytes, done)) = running.traced.shelf() {
        text.one(
            "coeur_trace_disk_bytes",
            Kind::Gauge,
            "Bytes of messages and their indexes on disk.",
            bytes,
        );
        let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
        counter("coeur_trace_disk_messages_total", "Messages written to disk.", done.messages);
        counter(
            "coeur_trace_disk_lost_total",
            "Messages that memory lost before they were on disk.",
            done.lost,
        );
        counter("coeur_trace_disk_failures_total", "Writes of messages that failed.", done.failures);
    }
    {
        let done = running.traced.hep().unwrap_or_default();
        let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
        counter("coeur_hep_sent_total", "Messages sent to the collector of traces.", done.sent);
        counter("coeur_hep_lost_total", "Messages that the collector was not sent.", done.lost);
    }
}

fn sign_in(text: &mut MetricsText, running: &Running) {
    let counters = running.web.get().map(|web| web.desk.counters()).unwrap_or_default();
    let mut counter = |name, help, value| text.one(name, Kind::Counter, help, value);
    counter("coeur_sign_ins_total", "Sessions begun.", counters.signed_in);
    counter("coeur_sign_ins_failed_total", "Wrong passwords and codes.", counters.failed);
    let help = "Attempts that were sent away to wait, since too many had failed before.";
    counter("coeur_sign_ins_slowed_total", help, counters.slowed);
    let help = "Attempts that were sent away, since too many came at once.";
    counter("coeur_sign_ins_busy_total", help, counters.busy);
    counter(
        "coeur_tokens_refused_total",
        "Requests with a token that opens nothing.",
        counters.token_refused,
    );
    let help = "Requests with a session that a page of ours has not made.";
    counter("coeur_requests_forged_total", help, counters.forged);
    text.one("coeur_sessions", Kind::Gauge, "Sessions of browsers that are open.", counters.sessions);
}

fn webhooks(text: &mut MetricsText, hooks: Option<&Hooks>) {
    let none = Hooks::default();
    let hooks = hooks.unwrap_or(&none);
    let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &hooks.counters;
    text.many(
        "coeur_webhook_tries_total",
        Kind::Counter,
        "Times that a place was told an event, by outcome.",
        [
            ("outcome=\"delivered\"", counted(&counters.delivered)),
            ("outcome=\"failed\"", counted(&counters.failed)),
        ],
    );
    text.many(
        "coeur_webhook_lost_total",
        Kind::Counter,
        "Events that a webhook was not told: it failed too often, too many waited, or more came than could be written down.",
        [
            ("why=\"given_up\"", counted(&counters.given_up)),
            ("why=\"too_many\"", counted(&counters.dropped)),
            ("why=\"missed\"", counted(&counters.missed)),
        ],
    );
    text.one(
        "coeur_webhook_waiting",
        Kind::Gauge,
        "Events that webhooks are to be told.",
        hooks.waiting() as u64,
    );
}

fn recovery(text: &mut MetricsText, running: &Running) {
    let restored = &running.restored;
    let mut gauge = |name, help, value: u64| text.one(name, Kind::Gauge, help, value);
    gauge("coeur_recovery_bindings", "Contacts read back at the start.", restored.bindings.bindings as u64);
    gauge("coeur_recovery_calls", "Calls read back at the start.", restored.calls as u64);
    gauge("coeur_recovery_torn_bytes", "End of the journal that a crash tore off.", restored.torn_bytes());
    gauge("coeur_recovery_damaged_bytes", "Acknowledged and not to be read.", restored.damaged_bytes());
    let problems = restored.problems().len() as u64;
    gauge(
        "coeur_recovery_problems",
        "What the log of the start names as damaged, missing or not understood.",
        problems,
    );
    let seconds = restored.took.as_secs_f64();
    text.one("coeur_recovery_seconds", Kind::Gauge, "Time to read the journal at the start.", seconds);
}

fn journal(text: &mut MetricsText, running: &Running) {
    let (entries, bytes) = running.journal.waiting();
    let writable = u64::from(running.journal.is_writable());
    text.one("coeur_journal_writable", Kind::Gauge, "1 when the journal can write.", writable);
    text.one("coeur_journal_waiting_entries", Kind::Gauge, "Entries that wait for the next group.", entries);
    text.one("coeur_journal_waiting_bytes", Kind::Gauge, "Bytes that wait for the next group.", bytes);
    let latency = running.journal.latency();
    let bounds = LATENCY_BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6);
    text.histogram(
        "coeur_journal_group_seconds",
        "Write and sync of a group, failed ones included.",
        bounds.zip(latency.within),
        latency.total_us as f64 / 1e6,
        latency.groups,
    );
    let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
    counter("coeur_journal_entries_total", "Entries in all groups.", latency.entries);
    counter("coeur_journal_failed_groups_total", "Groups that could not be written.", latency.failed_groups);
}

/// The sums of what each shard's exchange has counted.
fn exchange(text: &mut MetricsText, running: &Running) {
    let mut sums = [0u64; Counters::COUNT];
    for shown in running.shown.iter() {
        for (sum, value) in sums.iter_mut().zip(shown.counters()) {
            *sum += value;
        }
    }
    for ((name, help), sum) in Counters::NAMES.iter().zip(Counters::HELP).zip(sums) {
        text.one(&format!("coeur_{name}_total"), Kind::Counter, help.trim(), sum);
    }
}

fn silences(text: &mut MetricsText, running: &Running) {
    let labels: Vec<String> = Cause::ALL.iter().map(|cause| format!("cause=\"{}\"", cause.name())).collect();
    text.many(
        "coeur_calls_silent_total",
        Kind::Counter,
        "Sides of calls that were not heard as they should be, and why; each cause once for a side.",
        labels.iter().map(String::as_str).zip(Cause::ALL.iter().map(|cause| running.silences.told(*cause))),
    );
}

fn recordings(text: &mut MetricsText, recordings: &Recordings) {
    let live = recordings.live() as u64;
    text.one("coeur_recordings", Kind::Gauge, "Calls that are recorded now, paused ones included.", live);
    let counts = recordings.counts();
    let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
    let begun = counts.begun.load(Ordering::Relaxed);
    counter("coeur_recordings_total", "Recordings that were begun.", begun);
    let failed = counts.failed.load(Ordering::Relaxed);
    counter(
        "coeur_recordings_failed_total",
        "Recordings that the disk refused, or that no sound was understood for.",
        failed,
    );
    let lost = counts.lost_frames.load(Ordering::Relaxed);
    counter(
        "coeur_recordings_lost_frames_total",
        "20 ms of sound that a recording lacks, since the disk was too slow.",
        lost,
    );
}

fn push(text: &mut MetricsText, stats: &PushStats) {
    let each = Provider::ALL.into_iter().flat_map(|provider| Outcome::ALL.map(|outcome| (provider, outcome)));
    let lines: Vec<(String, u64)> = each
        .map(|(provider, outcome)| {
            let labels = format!("service=\"{}\",outcome=\"{}\"", provider.as_str(), outcome.as_str());
            (labels, stats.of(provider, outcome))
        })
        .collect();
    text.many(
        "coeur_push_total",
        Kind::Counter,
        "What push services made of wakings, by service and outcome.",
        lines.iter().map(|(labels, count)| (labels.as_str(), *count)),
    );
}

fn queues(text: &mut MetricsText, shards: &ShardsOutside) {
    let labels: Vec<String> = (0..shards.inboxes.len()).map(|shard| format!("shard=\"{shard}\"")).collect();
    let waiting = shards.inboxes.iter().map(|inbox| inbox.len());
    text.many(
        "coeur_inbox_notices",
        Kind::Gauge,
        "What other threads have told a shard and it has not taken yet.",
        labels.iter().map(String::as_str).zip(waiting),
    );
    let refused: u64 = shards.inboxes.iter().map(|inbox| inbox.refused()).sum();
    text.one("coeur_inbox_refused_total", Kind::Counter, "Notices refused by full inboxes.", refused);
    let dns = &shards.services.dns;
    text.one("coeur_dns_pending", Kind::Gauge, "DNS questions that wait for an answer.", dns.pending());
    let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
    let questions = dns.questions.load(Ordering::Relaxed);
    counter("coeur_dns_questions_total", "DNS questions asked by the shards.", questions);
    let refused = dns.refused.load(Ordering::Relaxed);
    counter("coeur_dns_refused_total", "DNS questions not asked, since too many were pending.", refused);
    let lost = shards.services.events_lost.load(Ordering::Relaxed);
    counter("coeur_events_lost_total", "Events that were not logged, since too many waited.", lost);
    let (kept, lost) = (&shards.services.ledger.kept, &shards.services.ledger.lost);
    let (kept, lost) = (kept.load(Ordering::Relaxed), lost.load(Ordering::Relaxed));
    counter("coeur_call_records_total", "Records of calls that were written.", kept);
    counter(
        "coeur_call_records_lost_total",
        "Records of calls for which there was no room while the disk refused.",
        lost,
    );
}

fn network(text: &mut MetricsText, shards: &ShardsOutside) {
    let mut values = stats::sum(&shards.stats).into_iter();
    for family in FAMILIES {
        // One value for each field, in the same order.
        let fields =
            family.fields.iter().zip(values.by_ref()).map(|((_, labels), (_, value))| (*labels, value));
        text.many(family.name, family.kind, family.help, fields);
    }
}

fn media(text: &mut MetricsText, media: &Media) {
    let sum = |of: fn(&Stats) -> u64| media.stats().map(of).sum::<u64>();
    let mut gauge = |name, help, value: u64| text.one(name, Kind::Gauge, help, value);
    gauge(
        "coeur_media_endpoints",
        "Legs of calls whose media has ports.",
        sum(|stats| stats.endpoints.value()),
    );
    gauge("coeur_media_streams", "Streams of these legs.", sum(|stats| stats.streams.value()));
    let parts = sum(|stats| stats.audio_parts.value());
    gauge(
        "coeur_media_audio_parts",
        "Calls, and others, whose sound or keys are understood by the server.",
        parts,
    );
    gauge("coeur_media_port_pairs", "Pairs of ports in use by calls.", media.port_pairs() as u64);
    gauge("coeur_media_commands", "What no media worker has taken yet.", media.waiting() as u64);
    let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
    let received = sum(|stats| stats.packets_received.value());
    counter("coeur_media_packets_received_total", "Packets of media received.", received);
    let sent = sum(|stats| stats.packets_sent.value());
    counter("coeur_media_packets_sent_total", "Packets of media that the kernel took.", sent);
    let handed = sum(|stats| stats.packets_handed.value());
    counter("coeur_media_packets_handed_total", "Packets of ICE and DTLS on media ports.", handed);
    let refused = sum(|stats| stats.opens_refused.value());
    counter("coeur_media_opens_refused_total", "Legs for which no port could be had.", refused);
    let refused = sum(|stats| stats.audio_refused.value());
    counter("coeur_media_audio_refused_total", "Calls not converted, since there were too many.", refused);
    let refused = sum(|stats| stats.connects_refused.value());
    counter("coeur_media_connects_refused_total", "Connections of legs that are not open.", refused);
    let silent = sum(|stats| stats.silent.value());
    let failed = sum(|stats| stats.ice_failed.value());
    counter("coeur_media_ice_failed_total", "Ports to which no way was found by ICE, or was lost.", failed);
    let failed = sum(|stats| stats.dtls_failed.value());
    counter("coeur_media_dtls_failed_total", "Legs that agreed on no keys by DTLS.", failed);
    let doubted = sum(|stats| stats.doubted.value());
    counter(
        "coeur_media_doubted_total",
        "Times that a leg was asked why it is not as it should be.",
        doubted,
    );
    counter("coeur_media_silent_total", "Legs that fell silent though they should be heard.", silent);
    let labels: Vec<String> =
        Reason::ALL.iter().map(|reason| format!("reason=\"{}\"", reason.name())).collect();
    let dropped =
        Reason::ALL.iter().map(|reason| media.stats().map(|stats| stats.dropped(*reason)).sum::<u64>());
    text.many(
        "coeur_media_packets_dropped_total",
        Kind::Counter,
        "Packets of media that went no further, and why.",
        labels.iter().map(String::as_str).zip(dropped),
    );
}

fn turn(text: &mut MetricsText, stats: &turn::Stats) {
    let mut gauge = |name, help, value: u64| text.one(name, Kind::Gauge, help, value);
    gauge("coeur_turn_allocations", "Addresses lent by TURN.", stats.allocations.value());
    gauge("coeur_turn_connections", "Connections of clients of TURN.", stats.connections.value());
    let mut counter = |name, help, value: u64| text.one(name, Kind::Counter, help, value);
    counter("coeur_turn_allocations_total", "Addresses lent since the start.", stats.allocated.value());
    let packets = stats.relayed_packets.value();
    counter("coeur_turn_packets_relayed_total", "Packets relayed by TURN, in both directions.", packets);
    counter(
        "coeur_turn_bytes_relayed_total",
        "Bytes of the packets that TURN relayed.",
        stats.relayed_bytes.value(),
    );
    counter("coeur_turn_challenges_total", "Requests without good credentials.", stats.challenged.value());
    let withheld = stats.withheld.value();
    counter("coeur_turn_withheld_total", "Challenges and STUN answers beyond the budget.", withheld);
    let not_sent = stats.not_sent.value();
    counter(
        "coeur_turn_not_sent_total",
        "What the kernel did not take, or a connection had no room for.",
        not_sent,
    );
    let refused = [
        ("reason=\"no_room\"", stats.no_room.value()),
        ("reason=\"peer\"", stats.forbidden.value()),
        ("reason=\"malformed\"", stats.malformed.value()),
    ];
    let help = "Requests refused: no room by a limit or quota, a peer that policy forbids, no message.";
    text.many("coeur_turn_refused_total", Kind::Counter, help, refused);
    let dropped = [
        ("reason=\"not_permitted\"", stats.not_permitted.value()),
        ("reason=\"no_media\"", stats.no_media.value()),
        ("reason=\"bandwidth\"", stats.over_bandwidth.value()),
    ];
    let help = "Data that went no further: not permitted, of another protocol, beyond the bandwidth.";
    text.many("coeur_turn_packets_dropped_total", Kind::Counter, help, dropped);
    let ended = [
        ("reason=\"refused\"", stats.connections_refused.value()),
        ("reason=\"idle\"", stats.connections_closed.value()),
    ];
    let help = "Connections of TURN that were refused by a limit, or closed because no message came.";
    text.many("coeur_turn_connections_ended_total", Kind::Counter, help, ended);
}

/// What the libraries of Prometheus export for every process, under the same names.
fn of_process(text: &mut MetricsText) {
    let mut gauge = |name, help, value: Option<f64>| {
        if let Some(value) = value {
            text.one(name, Kind::Gauge, help, value);
        }
    };
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    gauge("process_resident_memory_bytes", "Resident memory.", whole(process::resident_bytes()));
    gauge("process_open_fds", "Open file descriptors.", whole(process::open_files()));
    gauge("process_max_fds", "File descriptors that may be open.", whole(process::open_files_max()));
    gauge("process_start_time_seconds", "Start, since 1970.", process::start_time_seconds());
    if let Some(seconds) = process::cpu_seconds() {
        let help = "Time of all cores, in user and system mode.";
        text.one("process_cpu_seconds_total", Kind::Counter, help, seconds);
    }
}
