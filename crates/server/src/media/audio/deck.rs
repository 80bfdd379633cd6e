//! What is played to one stream alone, and what is taped of two: beside the parts, which hand it what they hear and ask it
//! what they are to say, so that a part may change (a call is converted from now on) while a recording goes on.
//!
//! A tape is a pair of endpoints. It begins with an announcement for both; until both have heard that to its end, nothing is
//! kept. What is played stands instead of what comes from the other side, and waits while its listener does not want to hear.

use crate::recordings::{FRAME_SAMPLES, HANDED_FRAMES, Phase, RATE_HZ, Reel};
use coeur_exchange::outbox::MediaId;
use coeur_media::record::{Player, Prompt};
use coeur_media::relay::StreamKey;
use coeur_media::resample::Resampler;

/// What waits to be played to one stream, beside one announcement; more is not. A few bytes each, since sound is shared.
const QUEUE_MAX: usize = 8;
/// Turns of silence that a worker which was late makes up for on a tape: a minute.
const MISSED_TICKS_MAX: u32 = 3_000;

#[derive(Default)]
pub(in crate::media) struct Deck {
    /// At most one for each part: 256, of up to 40 KB.
    tapes: Vec<Tape>,
    /// At most one for each stream.
    players: Vec<Playing>,
    /// Endpoints for which nothing is played any more.
    over: Vec<StreamKey>,
}

/// One recording.
struct Tape {
    /// The caller's endpoint, which is on the left, and the other.
    pair: [MediaId; 2],
    /// Their streams, as far as there is sound now.
    streams: Option<[StreamKey; 2]>,
    reel: Reel,
    /// The streams on which the announcement was begun, as long as they are open.
    announced_on: Option<[StreamKey; 2]>,
    /// Both have heard it.
    is_announced: bool,
    is_paused: bool,
    sides: [Side; 2],
    /// Interleaved, until enough is there to be handed over.
    pcm: Vec<i16>,
    /// Frames that were kept, and that were left out since.
    frames: u64,
    left_out: u64,
}

/// What one side has said in this tick.
struct Side {
    pcm: [i16; FRAME_SAMPLES],
    has_said: bool,
    resampler: Option<(u32, Resampler)>,
}

/// What one stream hears.
struct Playing {
    stream: StreamKey,
    queue: Vec<Piece>,
    resampler: Option<(u32, Resampler)>,
}

struct Piece {
    player: Player,
    is_announcement: bool,
}

impl Deck {
    /// The recording of a pair begins. `announcement` is heard by both first.
    pub(in crate::media) fn begin(&mut self, pair: [MediaId; 2], reel: Reel) {
        self.tapes.push(Tape {
            pair,
            streams: None,
            reel,
            announced_on: None,
            is_announced: false,
            is_paused: false,
            sides: [Side::default(), Side::default()],
            pcm: Vec::with_capacity(2 * FRAME_SAMPLES * HANDED_FRAMES),
            frames: 0,
            left_out: 0,
        });
    }

    /// It is over, and what was said is handed over. Nobody hears any more that it begins.
    pub(in crate::media) fn end(&mut self, pair: [MediaId; 2]) {
        let (ended, kept) = std::mem::take(&mut self.tapes).into_iter().partition(|tape| tape.pair == pair);
        self.tapes = kept;
        // What waits is handed over when it is dropped.
        let ended: Vec<Tape> = ended;
        for tape in ended {
            tape.announced_on.into_iter().flatten().for_each(|stream| self.announce_no_more(stream));
        }
        self.drop_idle();
    }

    fn announce_no_more(&mut self, stream: StreamKey) {
        for playing in self.players.iter_mut().filter(|playing| playing.stream == stream) {
            playing.queue.retain(|piece| !piece.is_announcement);
        }
    }

    /// It cannot be made: there is no sound to be had.
    pub(in crate::media) fn fail(&mut self, pair: [MediaId; 2], why: &str) {
        self.tapes.iter().filter(|tape| tape.pair == pair).for_each(|tape| tape.reel.fail(why));
        self.end(pair);
    }

    pub(in crate::media) fn pause(&mut self, pair: [MediaId; 2], is_paused: bool) {
        if let Some(tape) = self.tapes.iter_mut().find(|tape| tape.pair == pair) {
            tape.pause(is_paused);
        }
    }

    /// The tape of an endpoint, by its pair.
    pub(in crate::media) fn tape_of(&self, id: MediaId) -> Option<[MediaId; 2]> {
        self.tapes.iter().map(|tape| tape.pair).find(|pair| pair.contains(&id))
    }

    pub(in crate::media) fn pairs(&self) -> Vec<[MediaId; 2]> {
        self.tapes.iter().map(|tape| tape.pair).collect()
    }

    /// Where the sound of a pair is. True: the announcement is due there, for the first time or once more, since those who were
    /// hearing it are elsewhere now.
    pub(in crate::media) fn thread(&mut self, pair: [MediaId; 2], streams: Option<[StreamKey; 2]>) -> bool {
        let Some(tape) = self.tapes.iter_mut().find(|tape| tape.pair == pair) else { return false };
        tape.streams = streams;
        let is_due = !tape.is_announced && streams.is_some() && tape.announced_on != streams;
        if is_due {
            let before = std::mem::replace(&mut tape.announced_on, streams);
            before.into_iter().flatten().for_each(|stream| self.announce_no_more(stream));
            self.drop_idle();
        }
        is_due
    }

    /// A stream hears from the beginning that it is recorded, before all else.
    pub(in crate::media) fn announce(&mut self, stream: StreamKey, prompt: Prompt) {
        self.announce_no_more(stream);
        let piece = Piece { player: Player::once(prompt), is_announcement: true };
        self.playing(stream).queue.insert(0, piece);
    }

    /// One more thing is heard on a stream. False: too much waits there.
    pub(in crate::media) fn play(&mut self, stream: StreamKey, prompt: Prompt) -> bool {
        let queue = &mut self.playing(stream).queue;
        let has_room = queue.iter().filter(|piece| !piece.is_announcement).count() < QUEUE_MAX;
        if has_room {
            queue.push(Piece { player: Player::once(prompt), is_announcement: false });
        }
        has_room
    }

    /// What was played last is not heard after all.
    pub(in crate::media) fn take_back(&mut self, stream: StreamKey) {
        self.playing(stream).queue.pop_if(|piece| !piece.is_announcement);
        self.drop_idle();
    }

    fn playing(&mut self, stream: StreamKey) -> &mut Playing {
        let at = self.players.iter().position(|playing| playing.stream == stream).unwrap_or_else(|| {
            self.players.push(Playing { stream, queue: Vec::new(), resampler: None });
            self.players.len() - 1
        });
        &mut self.players[at]
    }

    /// Nothing more is heard on a stream, but what it must hear.
    pub(in crate::media) fn silence(&mut self, stream: StreamKey) {
        for playing in self.players.iter_mut().filter(|playing| playing.stream == stream) {
            playing.queue.retain(|piece| piece.is_announcement);
        }
        self.drop_idle();
    }

    /// The port of a stream is closed. Who was hearing an announcement there has not heard it.
    pub(in crate::media) fn closed(&mut self, stream: StreamKey) {
        for tape in &mut self.tapes {
            tape.announced_on = tape.announced_on.filter(|streams| !streams.contains(&stream));
        }
        self.players.retain(|playing| playing.stream != stream);
        self.over.retain(|other| *other != stream);
    }

    pub(in crate::media) fn plays(&self, stream: StreamKey) -> bool {
        self.players.iter().any(|playing| playing.stream == stream)
    }

    /// Fills `pcm`, one tick, with what is heard next on a stream; left as it is when nothing is.
    pub(in crate::media) fn fill(&mut self, stream: StreamKey, rate_hz: u32, pcm: &mut [i16]) {
        let Some(playing) = self.players.iter_mut().find(|playing| playing.stream == stream) else { return };
        playing.fill(rate_hz, pcm);
        self.drop_idle();
    }

    /// What was heard on a stream in this tick, if it is taped.
    pub(in crate::media) fn heard(&mut self, stream: StreamKey, rate_hz: u32, pcm: &[i16]) {
        for tape in &mut self.tapes {
            let Some(streams) = tape.streams else { continue };
            if let Some(at) = streams.iter().position(|taped| *taped == stream) {
                tape.sides[at].put(rate_hz, pcm);
            }
        }
    }

    /// The tick of a pair of streams is over.
    pub(in crate::media) fn turn(&mut self, streams: [StreamKey; 2]) {
        let players = &self.players;
        let hears = |stream: StreamKey| {
            players.iter().any(|playing| {
                playing.stream == stream && playing.queue.iter().any(|piece| piece.is_announcement)
            })
        };
        let is_of = |tape: &&mut Tape| {
            tape.streams.is_some_and(|taped| taped.iter().all(|one| streams.contains(one)))
        };
        for tape in self.tapes.iter_mut().filter(is_of) {
            let is_announcing = streams.into_iter().any(hears);
            tape.is_announced |= !is_announcing && tape.announced_on == tape.streams;
            tape.turn(is_announcing || !tape.is_announced);
        }
    }

    /// So many turns of a pair were missed: time has passed.
    pub(in crate::media) fn missed(&mut self, streams: [StreamKey; 2], ticks: u32) {
        for _ in 0..ticks.min(MISSED_TICKS_MAX) {
            if self.tapes.is_empty() {
                return;
            }
            self.turn(streams);
        }
    }

    /// Streams on which nothing is played any more, since this was asked last.
    pub(in crate::media) fn take_over(&mut self) -> Vec<StreamKey> {
        std::mem::take(&mut self.over)
    }

    fn drop_idle(&mut self) {
        let over = &mut self.over;
        self.players.retain(|playing| {
            let is_idle = playing.queue.is_empty();
            if is_idle {
                over.push(playing.stream);
            }
            !is_idle
        });
    }
}

impl Tape {
    fn pause(&mut self, is_paused: bool) {
        if std::mem::replace(&mut self.is_paused, is_paused) && !is_paused {
            self.end_pause();
        }
    }

    /// Where something was left out is marked.
    fn end_pause(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            self.reel.left_out(self.frames, left_out);
        }
    }

    fn turn(&mut self, is_announcing: bool) {
        if is_announcing {
            self.sides.iter_mut().for_each(|side| side.has_said = false);
            return self.reel.is(Phase::Announced);
        }
        if self.is_paused {
            // Of what was kept before, nothing waits for the end of the pause.
            self.hand_over();
            self.sides.iter_mut().for_each(|side| side.has_said = false);
            self.left_out += 1;
            return self.reel.is(Phase::Paused);
        }
        self.reel.is(Phase::Recording);
        let [left, right] = &mut self.sides;
        let (left, right) = (left.take(), right.take());
        for (left, right) in left.into_iter().zip(right) {
            self.pcm.extend_from_slice(&[left, right]);
        }
        self.frames += 1;
        if self.pcm.len() >= 2 * FRAME_SAMPLES * HANDED_FRAMES {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.pcm.is_empty() || self.reel.has_failed() {
            return self.pcm.clear();
        }
        let at = self.frames - (self.pcm.len() / (2 * FRAME_SAMPLES)) as u64;
        let room = Vec::with_capacity(2 * FRAME_SAMPLES * HANDED_FRAMES);
        self.reel.sound(at, std::mem::replace(&mut self.pcm, room).into());
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.hand_over();
        self.end_pause();
    }
}

impl Default for Side {
    fn default() -> Self {
        Self { pcm: [0; FRAME_SAMPLES], has_said: false, resampler: None }
    }
}

impl Side {
    /// At whatever rate it was heard.
    fn put(&mut self, rate_hz: u32, pcm: &[i16]) {
        self.has_said = true;
        if rate_hz == RATE_HZ {
            let count = pcm.len().min(FRAME_SAMPLES);
            return self.pcm[..count].copy_from_slice(&pcm[..count]);
        }
        if let Some(resampler) = resampler(&mut self.resampler, rate_hz, RATE_HZ)
            && resampler.output_max(pcm.len()) <= ROOM_SAMPLES
        {
            let mut room = [0; ROOM_SAMPLES];
            let count = resampler.push(pcm, &mut room).min(FRAME_SAMPLES);
            self.pcm[..count].copy_from_slice(&room[..count]);
        }
    }

    /// The frame of this tick: silence of who has said nothing.
    fn take(&mut self) -> [i16; FRAME_SAMPLES] {
        if std::mem::take(&mut self.has_said) { self.pcm } else { [0; FRAME_SAMPLES] }
    }
}

impl Playing {
    fn fill(&mut self, rate_hz: u32, pcm: &mut [i16]) {
        let mut frame = [0; FRAME_SAMPLES];
        if let Some(piece) = self.queue.first_mut() {
            piece.player.fill(&mut frame);
            if piece.player.is_over() {
                self.queue.remove(0);
            }
        }
        if rate_hz == RATE_HZ {
            let count = pcm.len().min(FRAME_SAMPLES);
            return pcm[..count].copy_from_slice(&frame[..count]);
        }
        pcm.fill(0);
        if let Some(resampler) = resampler(&mut self.resampler, RATE_HZ, rate_hz)
            && resampler.output_max(FRAME_SAMPLES) <= ROOM_SAMPLES
        {
            let mut room = [0; ROOM_SAMPLES];
            let count = resampler.push(&frame, &mut room).min(pcm.len());
            pcm[..count].copy_from_slice(&room[..count]);
        }
    }
}

/// 20 ms at 48 kHz, and what a filter gives beside.
const ROOM_SAMPLES: usize = 1_024;

/// The resampler for these rates, which is made when a rate is met for the first time.
fn resampler(kept: &mut Option<(u32, Resampler)>, from_hz: u32, to_hz: u32) -> Option<&mut Resampler> {
    let other_hz = if from_hz == RATE_HZ { to_hz } else { from_hz };
    if kept.as_ref().is_none_or(|(known_hz, _)| *known_hz != other_hz) {
        *kept = Some((other_hz, Resampler::new(from_hz, to_hz, 1).ok()?));
    }
    kept.as_mut().map(|(_, resampler)| resampler)
}
