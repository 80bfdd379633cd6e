//! Two ends that do not understand each other: each hears the other in a format of its own, keys included.

use super::end::End;
use super::out::Out;
use coeur_media::packet::Packet;
use coeur_media::relay::StreamKey;
use coeur_media::rtp::Rtp;
use coeur_media::tone::Digit;
use coeur_media::tone::detect::Key;

/// 48 kHz of a tick.
const SAMPLES_MAX: usize = 960;

pub(in crate::media) struct Transcoder {
    ends: [Talker; 2],
}

pub(super) struct Talker {
    pub(super) end: End,
    /// It is told of keys in another way.
    pub(super) keys_are_told: bool,
}

impl Transcoder {
    pub(super) fn new(ends: [Talker; 2]) -> Self {
        Self { ends }
    }

    pub(super) fn talkers(&self) -> &[Talker; 2] {
        &self.ends
    }

    pub(super) fn streams(&self) -> [StreamKey; 2] {
        self.ends.each_ref().map(|talker| talker.end.stream)
    }

    pub(super) fn into_ends(self) -> [End; 2] {
        self.ends.map(|talker| talker.end)
    }

    pub(super) fn receive(&mut self, at: usize, packet: &Packet<'_>, out: &mut Out<'_>) {
        let Ok(rtp) = Rtp::parse(packet) else { return };
        let [hears, says] = self.from(at);
        // What would be said to nobody is not kept.
        if !out.relay.may_send(out.now, says.end.stream) {
            return;
        }
        let stream = hears.end.stream;
        hears.end.receive(out.now, &rtp, |key| pass_key(key, stream, says, out.keys));
    }

    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        for at in 0..2 {
            let [hears, says] = self.from(at);
            let may_send = out.relay.may_send(out.now, says.end.stream);
            let (stream, to) = (hears.end.stream, says.end.stream);
            let is_played = out.deck.plays(to) && may_send;
            let is_heard = hears.end.is_heard(out.now) && may_send;
            if !is_heard {
                hears.end.rest();
            }
            if !(is_heard || is_played || says.end.has_keys() && may_send) {
                says.end.skip(1);
                continue;
            }
            let mut room = [0; SAMPLES_MAX];
            let pcm = &mut room[..samples(says.end.says().rate_hz)];
            if is_heard {
                hears.end.listen(out.now, pcm, |key| pass_key(key, stream, says, out.keys));
                out.deck.heard(stream, says.end.says().rate_hz, pcm);
            }
            if is_played {
                out.deck.fill(to, says.end.says().rate_hz, pcm);
            }
            says.end.say(pcm, out);
        }
        self.ends.iter_mut().for_each(|talker| talker.end.report(out));
        out.deck.turn(self.streams());
    }

    /// A key for the end at this place.
    pub(super) fn press(&mut self, at: usize, digit: Digit, ms: u32) {
        self.ends[at].end.press(digit, ms);
    }

    pub(super) fn missed(&mut self, ticks: u32, out: &mut Out<'_>) {
        self.ends.iter_mut().for_each(|talker| talker.end.skip(ticks));
        out.deck.missed(self.streams(), ticks);
    }

    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        self.ends.iter_mut().for_each(|talker| talker.end.leave(out));
    }

    /// The end at this place, and the other.
    fn from(&mut self, at: usize) -> [&mut Talker; 2] {
        let [first, second] = &mut self.ends;
        if at == 0 { [first, second] } else { [second, first] }
    }
}

/// A key that was heard is said to the other end, unless that is told of it; and we are told.
fn pass_key(key: Key, from: StreamKey, to: &mut Talker, told: &mut Vec<(StreamKey, Key)>) {
    if !to.keys_are_told {
        to.end.key(key);
    }
    told.push((from, key));
}

fn samples(rate_hz: u32) -> usize {
    rate_hz as usize / 1_000 * usize::from(coeur_media::talk::TICK_MS)
}
