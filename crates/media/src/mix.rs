//! The sound of a conference: everybody hears all others and not himself.
//!
//! A [`Mixer`] is told of each member's frame, one tick of 10 to 60 ms after the other, sums them once and takes each member's own
//! part away again, so that the work grows with the members and not with their square. Sums are saturated. Who speaks is told
//! by how loud each has been lately. All members are at one rate; a transcoder's resampler brings them there.
//!
//! Not here: echo cancellation, automatic gain, panning, video.

/// Most members of one mixer: their frames take 123 KB at 48 kHz and 20 ms.
pub const MEMBERS_MAX: usize = 64;

/// By how much of the new frame the loudness of a member moves: half in 140 ms of 20 ms frames when it rises or falls.
const SMOOTHING: f32 = 0.1;

/// Below this mean square, some -50 dB below the loudest sine, nobody speaks.
const SPEECH_POWER_MIN: f32 = 5_000.0;

/// Who has begun to speak goes on until he was below this for so many ticks: a breath is no end, and a noise at the edge does
/// not begin and end with each tick.
const SILENCE_POWER_MAX: f32 = SPEECH_POWER_MIN / 4.0;
const SILENCE_TICKS: u8 = 25;

/// That a member or a frame does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MixError {
    /// More than [`MEMBERS_MAX`], or none of these.
    NoSuchMember,
    /// Not as long as the frames of this mixer.
    WrongLength,
}

/// One conference, or one part of it.
pub struct Mixer {
    frame_samples: usize,
    members: Box<[Member]>,
    /// The frames of all members, one behind the other.
    frames: Box<[i16]>,
    sum: Box<[i32]>,
    summed: bool,
}

#[derive(Clone, Copy, Default)]
struct Member {
    heard: bool,
    /// Lately, and in this tick.
    power: f32,
    power_now: f32,
    speaks: bool,
    quiet_ticks: u8,
}

impl Mixer {
    /// For frames of so many samples (all channels together) and up to [`MEMBERS_MAX`] members.
    pub fn new(frame_samples: usize, members: usize) -> Result<Mixer, MixError> {
        if members > MEMBERS_MAX {
            return Err(MixError::NoSuchMember);
        }
        if frame_samples == 0 || frame_samples > 2 * 48 * crate::codec::FRAME_MS_MAX {
            return Err(MixError::WrongLength);
        }
        Ok(Mixer {
            frame_samples,
            members: vec![Member::default(); members].into(),
            frames: vec![0; frame_samples * members].into(),
            sum: vec![0; frame_samples].into(),
            summed: true,
        })
    }

    /// Begins a tick: what is not put is silent.
    pub fn begin(&mut self) {
        self.members.iter_mut().for_each(|member| member.heard = false);
        self.summed = false;
    }

    /// The frame of a member; one that is put twice counts once.
    pub fn put(&mut self, member: usize, pcm: &[i16]) -> Result<(), MixError> {
        let frame =
            self.frames.chunks_exact_mut(self.frame_samples).nth(member).ok_or(MixError::NoSuchMember)?;
        if pcm.len() != frame.len() {
            return Err(MixError::WrongLength);
        }
        frame.copy_from_slice(pcm);
        self.members[member].heard = true;
        self.summed = false;
        Ok(())
    }

    /// What `member` hears: all others.
    pub fn take(&mut self, member: usize, pcm: &mut [i16]) -> Result<(), MixError> {
        let own = self.members.get(member).ok_or(MixError::NoSuchMember)?.heard;
        if pcm.len() != self.frame_samples {
            return Err(MixError::WrongLength);
        }
        self.add_up();
        if own {
            let frame = &self.frames[member * self.frame_samples..][..self.frame_samples];
            for ((out, sum), own) in pcm.iter_mut().zip(&self.sum).zip(frame) {
                *out = saturate(sum - i32::from(*own));
            }
        } else {
            self.everybody(pcm);
        }
        Ok(())
    }

    /// What a listener hears who says nothing, or a recorder.
    pub fn take_all(&mut self, pcm: &mut [i16]) -> Result<(), MixError> {
        if pcm.len() != self.frame_samples {
            return Err(MixError::WrongLength);
        }
        self.add_up();
        self.everybody(pcm);
        Ok(())
    }

    /// The loudest member who speaks.
    pub fn speaker(&self) -> Option<usize> {
        let speaking = self.members.iter().enumerate().filter(|(_, member)| member.power >= SPEECH_POWER_MIN);
        speaking.max_by(|first, second| first.1.power.total_cmp(&second.1.power)).map(|(at, _)| at)
    }

    /// Who has begun to speak in this tick, and who has ended. To be asked once a tick, when all is put.
    pub fn changes(&mut self, mut told: impl FnMut(usize, bool)) {
        self.add_up();
        for (at, member) in self.members.iter_mut().enumerate() {
            if let Some(speaks) = member.change() {
                told(at, speaks);
            }
        }
    }

    /// The place of a member is free. True: he was speaking.
    pub fn forget(&mut self, member: usize) -> bool {
        self.members.get_mut(member).is_some_and(|member| std::mem::take(member).speaks)
    }

    /// How loud a member has been lately, in decibels below a sine that just fits; 0 to 127.
    pub fn level_db(&self, member: usize) -> Option<u8> {
        let power = self.members.get(member)?.power.max(1e-9) / (32_767.0f32.powi(2) / 2.0);
        Some((-10.0 * power.log10()).clamp(0.0, 127.0) as u8)
    }

    /// Sums what has been put, once a tick.
    fn add_up(&mut self) {
        if self.summed {
            return;
        }
        self.summed = true;
        self.sum.fill(0);
        for (member, frame) in self.members.iter_mut().zip(self.frames.chunks_exact(self.frame_samples)) {
            let mut power = 0.0;
            if member.heard {
                for (sum, sample) in self.sum.iter_mut().zip(frame) {
                    *sum += i32::from(*sample);
                }
                let energy: i64 = frame.iter().map(|sample| i64::from(*sample).pow(2)).sum();
                power = energy as f32 / frame.len() as f32;
            }
            member.power_now = power;
            member.power += (power - member.power) * SMOOTHING;
        }
    }

    fn everybody(&self, pcm: &mut [i16]) {
        pcm.iter_mut().zip(&self.sum).for_each(|(out, sum)| *out = saturate(*sum));
    }
}

impl Member {
    fn change(&mut self) -> Option<bool> {
        self.quiet_ticks = match self.power_now < SILENCE_POWER_MAX {
            true => self.quiet_ticks.saturating_add(1),
            false => 0,
        };
        let speaks = match self.speaks {
            true => self.quiet_ticks < SILENCE_TICKS,
            false => self.power.min(self.power_now) >= SPEECH_POWER_MIN,
        };
        (std::mem::replace(&mut self.speaks, speaks) != speaks).then_some(speaks)
    }
}

fn saturate(sum: i32) -> i16 {
    sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::signal::{amplitude, tone};

    const FRAME: usize = 320;

    #[test]
    fn everybody_hears_all_others_and_not_himself() {
        let mut mixer = Mixer::new(FRAME, 5).unwrap();
        let tones: Vec<_> =
            (0..5).map(|n| tone(500.0 + 300.0 * f64::from(n), 3_000.0, 16_000, 50 * FRAME)).collect();
        let mut heard = vec![Vec::new(); 5];
        let mut all = Vec::new();
        let mut room = [0; FRAME];
        for at in 0..50 {
            mixer.begin();
            // The last one says nothing.
            for (member, tone) in tones.iter().enumerate().take(4) {
                mixer.put(member, &tone[at * FRAME..][..FRAME]).unwrap();
            }
            for (member, heard) in heard.iter_mut().enumerate() {
                mixer.take(member, &mut room).unwrap();
                heard.extend_from_slice(&room);
            }
            mixer.take_all(&mut room).unwrap();
            all.extend_from_slice(&room);
        }
        for (listener, heard) in heard.iter().enumerate() {
            for speaker in 0..5 {
                let strength = amplitude(heard, 500.0 + 300.0 * speaker as f64, 16_000);
                let wanted = if speaker == listener || speaker == 4 { 0.0 } else { 3_000.0 };
                assert!((strength - wanted).abs() < 5.0, "{listener} hears {speaker}: {strength}");
            }
        }
        assert_eq!(heard[4], all);
    }

    #[test]
    fn sums_saturate_and_one_own_part_is_taken_away_before() {
        let mut mixer = Mixer::new(4, 3).unwrap();
        mixer.begin();
        mixer.put(0, &[30_000, -30_000, 30_000, 1]).unwrap();
        mixer.put(1, &[30_000, -30_000, -30_000, 2]).unwrap();
        mixer.put(2, &[10_000, -10_000, 0, 3]).unwrap();
        let mut out = [0; 4];
        mixer.take(2, &mut out).unwrap();
        assert_eq!(out, [32_767, -32_768, 0, 3]);
        // The whole is beyond the range, what is left for this one is not cut twice.
        mixer.take(0, &mut out).unwrap();
        assert_eq!(out, [32_767, -32_768, -30_000, 5]);
        mixer.take_all(&mut out).unwrap();
        assert_eq!(out, [32_767, -32_768, 0, 6]);
    }

    #[test]
    fn who_speaks_is_the_loudest_and_nobody_when_all_are_silent() {
        let mut mixer = Mixer::new(FRAME, 3).unwrap();
        let (loud, soft) = (tone(400.0, 8_000.0, 16_000, FRAME), tone(400.0, 2_000.0, 16_000, FRAME));
        let mut room = [0; FRAME];
        let mut tick = |mixer: &mut Mixer, frames: [Option<&[i16]>; 3]| {
            mixer.begin();
            for (member, frame) in frames.into_iter().enumerate() {
                if let Some(frame) = frame {
                    mixer.put(member, frame).unwrap();
                }
            }
            mixer.take(0, &mut room).unwrap();
        };
        assert_eq!(mixer.speaker(), None);
        (0..25).for_each(|_| tick(&mut mixer, [Some(&soft), Some(&loud), None]));
        assert_eq!(mixer.speaker(), Some(1));
        assert!(mixer.level_db(1).unwrap().abs_diff(12) <= 2 && mixer.level_db(2) == Some(127));
        (0..40).for_each(|_| tick(&mut mixer, [Some(&soft), None, None]));
        assert_eq!(mixer.speaker(), Some(0));
        (0..100).for_each(|_| tick(&mut mixer, [None, None, None]));
        assert_eq!(mixer.speaker(), None);
    }

    #[test]
    fn who_speaks_begins_once_goes_on_through_a_breath_and_ends_once() {
        let mut mixer = Mixer::new(FRAME, 3).unwrap();
        let (loud, edge) = (tone(400.0, 8_000.0, 16_000, FRAME), tone(400.0, 80.0, 16_000, FRAME));
        let mut told = Vec::new();
        let mut ticks = |count: usize, frame: Option<&[i16]>| {
            for _ in 0..count {
                mixer.begin();
                frame.into_iter().for_each(|frame| mixer.put(1, frame).unwrap());
                mixer.changes(|member, speaks| told.push((member, speaks)));
            }
            std::mem::take(&mut told)
        };
        assert_eq!(ticks(50, Some(&loud)), [(1, true)]);
        assert_eq!(ticks(15, None), [], "a breath");
        assert_eq!(ticks(50, Some(&loud)), []);
        // Loud enough to go on, and not to begin.
        assert_eq!(ticks(500, Some(&edge)), []);
        assert_eq!(ticks(100, None), [(1, false)]);
        assert_eq!(ticks(500, Some(&edge)), []);
        assert_eq!(ticks(2, Some(&loud)), [(1, true)]);
        assert!(mixer.forget(1) && !mixer.forget(1) && !mixer.forget(9));
    }

    #[test]
    fn members_and_lengths_that_are_not_there_are_refused() {
        assert_eq!(Mixer::new(FRAME, MEMBERS_MAX + 1).err(), Some(MixError::NoSuchMember));
        assert_eq!(Mixer::new(0, 1).err(), Some(MixError::WrongLength));
        let mut mixer = Mixer::new(FRAME, 2).unwrap();
        assert_eq!(mixer.put(2, &[0; FRAME]), Err(MixError::NoSuchMember));
        assert_eq!(mixer.put(0, &[0; FRAME - 1]), Err(MixError::WrongLength));
        assert_eq!(mixer.take(2, &mut [0; FRAME]), Err(MixError::NoSuchMember));
        assert_eq!(mixer.take(1, &mut [0; 1]), Err(MixError::WrongLength));
    }
}
