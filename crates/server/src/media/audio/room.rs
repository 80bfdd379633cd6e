//! A conference: everybody hears all others and not himself, in the format of his own.
//!
//! Sound is mixed at 16 kHz, which is what G.722 has and nearly all of what Opus is worth for speech. Who comes and who goes is
//! told by two short tones, up or down. Who speaks is told to the exchange. Keys are not listened to.
//!
//! A phone that is tested is in one alone, and hears itself.

use super::end::End;
use super::out::Out;
use coeur_exchange::service::{ROOM_MEMBERS_MAX, Room as Name};
use coeur_media::mix::{MixError, Mixer};
use coeur_media::packet::Packet;
use coeur_media::relay::StreamKey;
use coeur_media::rtp::Rtp;
use coeur_media::talk::TICK_MS;

/// Of the sound that is mixed.
pub(super) const RATE_HZ: u32 = 16_000;
const FRAME_SAMPLES: usize = RATE_HZ as usize / 1_000 * TICK_MS as usize;

/// 25 KB, and 60 to 230 KB for each member, of which Opus has most.
pub(in crate::media) struct Room {
    name: Name,
    /// By seat.
    members: [Option<End>; ROOM_MEMBERS_MAX],
    mixer: Mixer,
    chime: Option<Chime>,
    /// Each member hears himself too: a phone that is tested, which is alone.
    hears_itself: bool,
}

impl Room {
    pub(super) fn new(name: Name, hears_itself: bool) -> Result<Room, MixError> {
        Ok(Room {
            name,
            hears_itself,
            members: [const { None }; ROOM_MEMBERS_MAX],
            mixer: Mixer::new(FRAME_SAMPLES, ROOM_MEMBERS_MAX)?,
            chime: None,
        })
    }

    pub(super) fn name(&self) -> Name {
        self.name
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    /// One more; its seat, unless all are taken.
    pub(super) fn enter(&mut self, end: End) -> Option<u8> {
        let seat = self.members.iter().position(Option::is_none)?;
        self.members[seat] = Some(end);
        self.chime = Some(Chime { tones_hz: [660.0, 880.0], at: 0 });
        Some(seat as u8)
    }

    pub(super) fn exit(&mut self, seat: u8, out: &mut Out<'_>) -> Option<End> {
        let mut end = self.members.get_mut(usize::from(seat))?.take()?;
        end.leave(out);
        if self.mixer.forget(usize::from(seat)) {
            out.speakers.push((end.stream, false));
        }
        self.chime = Some(Chime { tones_hz: [880.0, 660.0], at: 0 });
        Some(end)
    }

    pub(super) fn member(&self, stream: StreamKey) -> Option<&End> {
        self.members.iter().flatten().find(|end| end.stream == stream)
    }

    pub(super) fn streams(&self) -> Vec<StreamKey> {
        self.members.iter().flatten().map(|end| end.stream).collect()
    }

    pub(super) fn into_ends(self) -> Vec<End> {
        self.members.into_iter().flatten().collect()
    }

    pub(super) fn receive(&mut self, seat: usize, packet: &Packet<'_>, out: &mut Out<'_>) {
        let (Some(Some(end)), Ok(rtp)) = (self.members.get_mut(seat), Rtp::parse(packet)) else { return };
        end.receive(out.now, &rtp, |_| {});
    }

    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        let mut pcm = [0; FRAME_SAMPLES];
        self.mixer.begin();
        for (seat, member) in self.members.iter_mut().enumerate() {
            let Some(end) = member.as_mut().filter(|end| end.is_heard(out.now)) else { continue };
            end.listen(out.now, &mut pcm, |_| {});
            // There is a place for each seat, and a frame is as long as the mixer's.
            let _ = self.mixer.put(seat, &pcm);
        }
        let members = &self.members;
        self.mixer.changes(|seat, speaks| {
            out.speakers.extend(members[seat].as_ref().map(|end| (end.stream, speaks)));
        });
        let mut chime = [0; FRAME_SAMPLES];
        let chimes = self.chime.as_mut().is_some_and(|playing| playing.fill(&mut chime));
        if !chimes {
            self.chime = None;
        }
        for (seat, member) in self.members.iter_mut().enumerate() {
            let Some(end) = member else { continue };
            let mixer = &mut self.mixer;
            let mut mixed = |pcm: &mut [i16]| match self.hears_itself {
                true => mixer.take_all(pcm).is_ok(),
                false => mixer.take(seat, pcm).is_ok(),
            };
            if out.relay.may_send(out.now, end.stream) && mixed(&mut pcm) {
                if chimes {
                    pcm.iter_mut()
                        .zip(&chime)
                        .for_each(|(sample, chime)| *sample = sample.saturating_add(*chime));
                }
                out.deck.fill(end.stream, RATE_HZ, &mut pcm);
                end.say(&mut pcm, out);
            } else {
                end.skip(1);
            }
            end.report(out);
        }
    }

    pub(super) fn missed(&mut self, ticks: u32) {
        self.members.iter_mut().flatten().for_each(|end| end.skip(ticks));
    }

    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        self.members.iter_mut().flatten().for_each(|end| end.leave(out));
    }
}

/// Two tones of a tenth of a second each.
struct Chime {
    tones_hz: [f64; 2],
    at: usize,
}

const CHIME_SAMPLES: usize = RATE_HZ as usize / 10;
/// Some 20 dB below the loudest.
const CHIME_STRENGTH: f64 = 3_000.0;

impl Chime {
    /// False: it is over.
    fn fill(&mut self, pcm: &mut [i16]) -> bool {
        if self.at >= 2 * CHIME_SAMPLES {
            return false;
        }
        for sample in pcm {
            let (tone, at) = (self.at / CHIME_SAMPLES, self.at % CHIME_SAMPLES);
            self.at += 1;
            let Some(hz) = self.tones_hz.get(tone) else {
                *sample = 0;
                continue;
            };
            let phase = std::f64::consts::TAU * hz * at as f64 / f64::from(RATE_HZ);
            // It swells and fades, so that it does not click.
            let shape = (std::f64::consts::PI * at as f64 / CHIME_SAMPLES as f64).sin();
            *sample = (phase.sin() * shape * CHIME_STRENGTH) as i16;
        }
        true
    }
}
