//! How an endpoint does: what the relay and the slow path know of it, put together.

use super::endpoint::{Endpoint, Opened};
use super::look;
use super::slow::SlowPath;
use coeur_exchange::media::{Claimed, Misfit, Report, StreamKind, StreamReport, Taken, Way};
use coeur_media::quality::{self, Codec};
use coeur_media::relay::{Component, Quality, Relay};
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Of a packet that has to be filled before it leaves; what most phones send.
const PACKET_MS: f64 = 20.0;

pub(super) fn report(endpoint: &Endpoint, relay: &Relay, slow: &dyn SlowPath, now: Monotonic) -> Report {
    let of = |opened: &Option<Opened>| {
        let opened = opened.as_ref()?;
        let quality = relay.quality(opened.key)?;
        let (ice, dtls) = slow.states(opened.owner);
        let drops = relay.dropped(opened.key)?.each().map(|(reason, count)| (reason.name(), count));
        Some(StreamReport {
            kind: opened.wanted.kind,
            received: received(opened, quality),
            sent: sent(opened, quality),
            round_trip_us: quality.round_trip.map(micros),
            heard_from: relay.peer(opened.key, Component::Rtp).map(|peer| peer.address),
            sends_to: relay.sends_to(opened.key, Component::Rtp, now),
            drops: drops.collect(),
            refused: relay.refused(opened.key).map(|refused| (refused.from, refused.why.name())),
            misfit: relay.misfit(opened.key).map(|refused| Misfit {
                from: refused.from,
                why: refused.why.name(),
                rtp: refused.rtp,
            }),
            taken: quality.last_seen.map(|seen| Taken {
                ago_ms: u32::try_from(now.since(seen.at).as_millis()).unwrap_or(u32::MAX),
                payload: seen.payload_type,
                payload_bytes: seen.payload_bytes,
            }),
            claimed: quality
                .claimed
                .map(|claimed| Claimed { packets: claimed.packets, octets: claimed.octets }),
            missed_percent: look::missed(quality),
            srtp_index: relay.srtp_index(opened.key),
            ice,
            dtls,
            recent: opened.looks.recent(opened, relay, now, endpoint.since),
        })
    };
    Report { streams: endpoint.streams.iter().map(of).collect() }
}

fn received(opened: &Opened, quality: &Quality) -> Way {
    let is_rtp = opened.wanted.kind != StreamKind::Other && quality.received_packets > 0;
    let (lost, expected) = (quality.lost(), quality.expected());
    let jitter = quality.jitter();
    let mos = || opinion(opened, lost, expected, jitter, quality.round_trip);
    Way {
        packets: quality.received_packets,
        octets: quality.received_octets,
        lost: is_rtp.then_some(lost),
        jitter_us: is_rtp.then(|| micros(jitter)),
        mos_hundredths: is_rtp.then(mos).flatten(),
    }
}

/// As the other end reports it: of its last report, so that what was lost since is not counted yet.
fn sent(opened: &Opened, quality: &Quality) -> Way {
    let told = quality.heard.filter(|_| quality.sent_packets > 0);
    let lost = |lost: i32| u64::try_from(lost).unwrap_or(0);
    let jitter = |ticks: u32| {
        let clock = format(opened).map_or(8_000, |format| format.clock_rate.max(1));
        Duration::from_micros(u64::from(ticks) * 1_000_000 / u64::from(clock))
    };
    let mos = |block: coeur_media::rtcp::ReportBlock| {
        opinion(opened, lost(block.lost), quality.sent_packets, jitter(block.jitter), quality.round_trip)
    };
    Way {
        packets: quality.sent_packets,
        octets: quality.sent_octets,
        lost: told.map(|block| lost(block.lost)),
        jitter_us: told.map(|block| micros(jitter(block.jitter))),
        mos_hundredths: told.and_then(mos),
    }
}

/// Of audio only. The round trip is that to this end alone, where it is known.
fn opinion(
    opened: &Opened,
    lost: u64,
    expected: u64,
    jitter: Duration,
    round_trip: Option<Duration>,
) -> Option<u16> {
    if opened.wanted.kind != StreamKind::Audio || expected == 0 {
        return None;
    }
    let is_g729 = format(opened).is_some_and(|format| format.name.eq_ignore_ascii_case(b"G729"));
    let codec = if is_g729 { Codec::G729A } else { Codec::G711 };
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let loss_percent = (lost as f64 * 100.0 / expected as f64).min(100.0);
    let delay = quality::delay_ms(ms(round_trip.unwrap_or_default()), ms(jitter), PACKET_MS);
    // Between 100 and 450.
    Some((quality::mos(codec, loss_percent, delay) * 100.0).round() as u16)
}

fn format(opened: &Opened) -> Option<&coeur_exchange::media::Format> {
    opened.described.as_ref()?.formats.iter().find(|format| !format.is_dtmf())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
