//! Sounds that are made once and sent to all who hear them: music on hold and ringing.
//!
//! Each sound in each codec is a channel, encoded once in 20 ms however many listen: with G.711 a listener costs what a
//! relayed packet costs. A listener's stream stays the relay's, or another part's: what is sent here has an SSRC of its own,
//! and is sent only while nothing comes for this listener from whom it is linked with.

use super::end::{send_goodbye, send_report};
use super::out::Out;
use super::sounds::{Playing, Sounds};
use coeur_exchange::media::Sound;
use coeur_media::codec::{Codec, CodecError, Encoder, PAYLOAD_BYTES_MAX};
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::relay::{Component, Relay, StreamKey};
use coeur_media::rtp::Source;
use coeur_media::talk::TICK_MS;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Who has said nothing for that long is silent.
const SILENT_FOR: Duration = Duration::from_millis(500);
/// Between two reports to a listener (RFC 3550 section 6.2).
const REPORT_EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Broadcast {
    /// At most one for each sound and codec: 8, of up to 60 KB.
    channels: Vec<Channel>,
    /// At most one for each stream. 100 bytes each.
    listeners: Vec<Listener>,
}

struct Channel {
    sound: Sound,
    codec: Codec,
    playing: Playing,
    encoder: Encoder,
    pcm: Box<[i16]>,
    payload: Box<[u8]>,
    /// Of this tick.
    payload_bytes: Option<usize>,
}

struct Listener {
    stream: StreamKey,
    sound: Sound,
    codec: Codec,
    payload_type: u8,
    source: Source,
    /// The next packet is the first after silence (RFC 3551 section 4.1).
    begins: bool,
    report_at: Monotonic,
}

/// How a listener hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Hears {
    pub(super) stream: StreamKey,
    pub(super) sound: Sound,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
}

impl Broadcast {
    pub(super) fn is_idle(&self) -> bool {
        self.listeners.is_empty()
    }

    /// What a stream hears already.
    pub(super) fn hears(&self, stream: StreamKey) -> Option<Hears> {
        let listener = self.listeners.iter().find(|listener| listener.stream == stream)?;
        let Listener { sound, codec, payload_type, .. } = *listener;
        Some(Hears { stream, sound, codec, payload_type })
    }

    /// One more listens; it does not yet.
    pub(super) fn listen(
        &mut self,
        hears: Hears,
        source: Source,
        sounds: &Sounds,
        now: Monotonic,
    ) -> Result<(), CodecError> {
        let Hears { stream, sound, codec, payload_type } = hears;
        if !self.channels.iter().any(|channel| channel.is(sound, codec)) {
            self.channels.push(Channel::new(sound, codec, sounds)?);
        }
        self.listeners.push(Listener {
            stream,
            sound,
            codec,
            payload_type,
            source,
            begins: true,
            report_at: now + REPORT_EVERY / 2,
        });
        Ok(())
    }

    /// It listens no more; what was sent is handed back.
    pub(super) fn leave(&mut self, stream: StreamKey, out: &mut Out<'_>) -> Option<Source> {
        let at = self.listeners.iter().position(|listener| listener.stream == stream)?;
        let listener = self.listeners.swap_remove(at);
        send_goodbye(stream, &listener.source, None, out);
        let listeners = &self.listeners;
        self.channels
            .retain(|channel| listeners.iter().any(|listener| channel.is(listener.sound, listener.codec)));
        Some(listener.source)
    }

    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        self.channels.iter_mut().for_each(Channel::tick);
        for listener in &mut self.listeners {
            let is_of = |channel: &&Channel| channel.is(listener.sound, listener.codec);
            if let Some(channel) = self.channels.iter().find(is_of) {
                listener.hear(channel, out);
            }
        }
    }

    pub(super) fn missed(&mut self, ticks: u32) {
        for listener in &mut self.listeners {
            listener.source.advance(ticks.wrapping_mul(tick_of(listener.codec)));
        }
    }
}

impl Channel {
    fn new(sound: Sound, codec: Codec, sounds: &Sounds) -> Result<Channel, CodecError> {
        // Opus hears 16 kHz well enough, at half of what 48 cost.
        let rate_hz = codec.rate_hz().min(16_000);
        Ok(Channel {
            sound,
            codec,
            playing: sounds.begin(sound, rate_hz),
            encoder: Encoder::new(codec, rate_hz)?,
            pcm: vec![0; rate_hz as usize / 1_000 * usize::from(TICK_MS)].into(),
            payload: vec![0; PAYLOAD_BYTES_MAX].into(),
            payload_bytes: None,
        })
    }

    fn is(&self, sound: Sound, codec: Codec) -> bool {
        (self.sound, self.codec) == (sound, codec)
    }

    fn tick(&mut self) {
        self.playing.fill(&mut self.pcm);
        // A frame that cannot be encoded is silence.
        self.payload_bytes = self.encoder.encode(&self.pcm, &mut self.payload).ok().flatten();
    }
}

impl Listener {
    fn hear(&mut self, channel: &Channel, out: &mut Out<'_>) {
        let is_left_alone = is_left_alone(out.relay, self.stream, out.now) && !out.deck.plays(self.stream);
        let may = is_left_alone && out.relay.may_send(out.now, self.stream);
        match channel.payload_bytes.filter(|_| may) {
            Some(bytes) => {
                let mut slot = [0; SLOT_BYTES];
                let mut packet = Packet::received(&mut slot, 0);
                let marker = std::mem::take(&mut self.begins);
                let payload = &channel.payload[..bytes];
                if self.source.write(&mut packet, out.now, self.payload_type, marker, 0, payload).is_ok() {
                    out.rtp(self.stream, &mut packet);
                }
            }
            None => self.begins = true,
        }
        self.source.advance(tick_of(self.codec));
        if self.report_at.is_due(out.now) {
            self.report_at = out.now + REPORT_EVERY;
            send_report(self.stream, &self.source, None, out);
        }
    }
}

/// Whether nothing comes for this stream from the one that it is linked with.
fn is_left_alone(relay: &Relay, stream: StreamKey, now: Monotonic) -> bool {
    let Some(other) = relay.linked(stream).filter(|other| relay.expects_to_hear(*other)) else { return true };
    let heard_at = relay.peer(other, Component::Rtp).map(|peer| peer.heard_at);
    heard_at.is_none_or(|at| now.since(at) > SILENT_FOR)
}

/// Ticks of the timestamp in one of the clock.
fn tick_of(codec: Codec) -> u32 {
    codec.clock_hz() / 1_000 * u32::from(TICK_MS)
}
