//! Which streams of a worker are converted, or listened to: what the exchange has said of a pair becomes a [`Transcoder`], or
//! [`Keys`] where keys alone are, and ends with it. A key that is to be said where packets pass makes [`Keys`] of a pair too, until
//! something is agreed anew. What is listened to beside becomes a [`Tap`].

use super::keys::{Asked, Keys, Presser};
use super::room::RATE_HZ;
use super::tap::{self, Tap, Tapped};
use super::transcoder::{Talker, Transcoder};
use super::{Audio, End, Full, Out, Part};
use crate::media::endpoint::Opened;
use crate::media::endpoints::Endpoints;
use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{Conversion, Converted, Format, Keying, Side, Stream, StreamKind};
use coeur_exchange::outbox::MediaId;
use coeur_exchange::service::Room;
use coeur_media::codec::{Codec, CodecError, OpusSettings, comfort};
use coeur_media::packet::Packet;
use coeur_media::relay::StreamKey;
use coeur_media::talk::{Events, Hears, Passes, Says, Way};
use coeur_media::tone::Digit;
use coeur_media::tone::detect::Key;
use coeur_media::transcode::{self, rate_between};

/// What one end of a pair is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    stream: StreamKey,
    hears: Hears,
    says: Says,
    keys_are_told: bool,
}

/// The conference in which an endpoint is.
#[derive(Clone, Copy)]
struct Seating {
    room: Room,
    hears_itself: bool,
}

impl Endpoints {
    /// RTP of a stream that is taken.
    pub(in crate::media) fn taken(&mut self, stream: StreamKey, packet: &mut Packet<'_>) {
        self.with_audio(|audio, out| audio.receive(stream, packet, out));
    }

    /// The audio parts have their turns.
    pub(in crate::media) fn tick(&mut self) {
        self.with_audio(|audio, out| audio.tick(out));
        self.convert_what_is_over();
    }

    /// The audio parts, with what they reach of the worker; keys that they find are told.
    pub(in crate::media) fn with_audio<T>(&mut self, work: impl FnOnce(&mut Audio, &mut Out<'_>) -> T) -> T {
        let mut keys = std::mem::take(&mut self.keys);
        let mut speakers = std::mem::take(&mut self.speakers);
        let mut out = Out {
            relay: &mut self.relay,
            sockets: &self.sockets,
            stats: &self.stats,
            deck: &mut self.deck,
            now: self.now.monotonic,
            wall: self.now.wall,
            speakers: &mut speakers,
            keys: &mut keys,
        };
        let result = work(&mut self.audio, &mut out);
        for (stream, key) in keys.drain(..) {
            self.tell_key(stream, key);
        }
        self.keys = keys;
        for (stream, is_speaking) in speakers.drain(..) {
            if let Some((id, _)) = self.owner(stream) {
                self.tell(MediaEvent::Speaks { id, is_speaking });
            }
        }
        self.speakers = speakers;
        result
    }

    /// A key that the other end of an endpoint is to hear.
    pub(in crate::media) fn press(&mut self, id: MediaId, digit: u8, ms: u16, is_ordered: bool) {
        let Some(digit) = Digit::from_char(char::from(digit)) else { return };
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let is_audio = |opened: &&Opened| opened.is_on && opened.wanted.kind == StreamKind::Audio;
        // On the first: it is one key.
        let Some(opened) = endpoint.each().map(|(_, opened)| opened).find(is_audio) else { return };
        let (stream, index) = (opened.key, endpoint.each().position(|(_, other)| other.key == opened.key));
        let has_no_keys = match self.audio.taker(stream).and_then(|key| self.audio.part(key)) {
            None => true,
            Some(Part::Tap(tap)) => tap.keys().is_none(),
            Some(Part::Transcoder(_) | Part::Keys(_) | Part::Room(_)) => false,
        };
        let is_relayed = endpoint.room.is_none() && has_no_keys;
        if let Some(index) = index.filter(|_| is_relayed) {
            self.press_first(id, index);
        }
        let asked = Asked { digit, ms: u32::from(ms), is_ordered };
        self.with_audio(|audio, out| audio.press(stream, asked, out));
    }

    /// Keys are to be said on a stream whose packets pass.
    fn press_first(&mut self, id: MediaId, index: usize) {
        let link = |endpoints: &mut Self, id: MediaId, index: usize| {
            let link = endpoints.endpoints.get_mut(&id)?.opened_mut(index)?.link.as_mut()?;
            link.is_pressed = true;
            Some((link.with, usize::from(link.stream)))
        };
        if let Some((with, stream)) = link(self, id, index)
            && with != id
        {
            link(self, with, stream);
            self.convert(id);
        }
    }

    fn tell_key(&self, stream: StreamKey, key: Key) {
        let Some((id, _)) = self.owner(stream) else { return };
        match key {
            // Its length is known when it is over.
            Key::Pressed(_) => {}
            Key::Released { digit, ms } => {
                let duration_ms = u16::try_from(ms).unwrap_or(u16::MAX);
                self.tell(MediaEvent::Dtmf { id, digit: digit.character() as u8, duration_ms });
            }
        }
    }

    /// Makes the streams of an endpoint what their links say: taken by a transcoder, listened to, or relayed. What is as it was
    /// goes on.
    pub(in crate::media) fn convert(&mut self, id: MediaId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        if let Some(room) = endpoint.room {
            let seating = Seating { room, hears_itself: endpoint.hears_itself };
            return self.seat(id, seating);
        }
        let streams: Vec<StreamKey> = endpoint.each().map(|(_, opened)| opened.key).collect();
        let wanted: Vec<Option<Work>> = endpoint.each().map(|(_, opened)| self.work(id, opened)).collect();
        for (stream, wanted) in streams.into_iter().zip(wanted) {
            let before = self.audio.taker(stream);
            let stays = match (before.and_then(|key| self.audio.part(key)), &wanted) {
                (Some(Part::Transcoder(transcoder)), Some(Work::Sound(wanted))) => {
                    is_same(transcoder, wanted)
                }
                (Some(Part::Keys(keys)), Some(Work::Keys(wanted))) => are_same(keys, wanted),
                (Some(Part::Tap(tap)), Some(Work::Listen(wanted, keys))) => {
                    is_same_tap(tap, wanted)
                        && match (tap.keys(), keys) {
                            (Some(keys), Some(wanted)) => are_same(keys, wanted),
                            (None, None) => true,
                            (Some(_), None) | (None, Some(_)) => false,
                        }
                }
                (None, None) => true,
                (Some(Part::Room(_) | Part::Transcoder(_) | Part::Keys(_) | Part::Tap(_)), Some(_))
                | (Some(_), None)
                | (None, Some(_)) => false,
            };
            if stays {
                continue;
            }
            self.with_audio(|audio, out| audio.leave(stream, out));
            if let Some(wanted) = wanted {
                self.begin(wanted);
            }
        }
    }

    /// The first stream of audio of an endpoint that is on is in a conference; what is as it was goes on.
    fn seat(&mut self, id: MediaId, seating: Seating) {
        let Seating { room, hears_itself } = seating;
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let mut seats = endpoint.each().map(|(_, opened)| (opened.key, member(opened))).collect::<Vec<_>>();
        let first = seats.iter().position(|(_, wanted)| wanted.is_some());
        for (at, (stream, wanted)) in seats.drain(..).enumerate() {
            let wanted = wanted.filter(|_| first == Some(at));
            let stays = match (self.audio.member(room, stream), &wanted) {
                (Some(end), Some(wanted)) => *end.hears() == wanted.hears && *end.says() == wanted.says,
                (None, None) => self.audio.taker(stream).is_none(),
                (Some(_), None) | (None, Some(_)) => false,
            };
            if stays {
                continue;
            }
            let entered = self.with_audio(|audio, out| {
                audio.leave(stream, out);
                let Some(wanted) = wanted else { return Ok(()) };
                // Its formats were found to be ones of ours.
                let talker = talker(audio, wanted, out).map_err(|_| Full)?;
                audio.enter((room, hears_itself), talker.end, out)
            });
            if entered.is_err() {
                tracing::warn!(
                    "a conference is not entered: the media worker has all the audio that it can do"
                );
                self.stats.audio_refused.add(1);
            }
        }
    }

    /// What becomes of a stream and the one that it is linked with. `None`: packets pass, or nothing is agreed.
    fn conversion(&self, opened: &Opened) -> Option<Work> {
        let link = opened.link.as_ref()?;
        let pressed = Conversion { what: Converted::Keys, a: Side::USUAL, b: Side::USUAL };
        let Conversion { what, a, b } = link.conversion.or(link.is_pressed.then_some(pressed))?;
        let other = self.endpoints.get(&link.with)?.opened(usize::from(link.stream))?;
        let (here, there) = (opened.described.as_ref()?, other.described.as_ref()?);
        if !opened.is_on || !other.is_on {
            return None;
        }
        Some(match what {
            Converted::Sound => {
                Work::Sound([wanted(opened.key, here, there, a)?, wanted(other.key, there, here, b)?])
            }
            Converted::Keys => {
                let back: Vec<(u8, u8)> =
                    link.payloads.iter().map(|(ours, theirs)| (*theirs, *ours)).collect();
                Work::Keys([
                    pressed_by((opened.key, here, a), (there, b), &link.payloads),
                    pressed_by((other.key, there, b), (here, a), &back),
                ])
            }
        })
    }

    /// The same, with what is listened to beside it.
    fn work(&self, id: MediaId, opened: &Opened) -> Option<Work> {
        match (self.conversion(opened), self.listened(id, opened)) {
            (Some(Work::Keys(keys)), Some(both)) => Some(Work::Listen(both, Some(keys))),
            (None, Some(both)) => Some(Work::Listen(both, None)),
            (work, _) => work,
        }
    }

    /// How both streams are heard while their packets pass. `None`: they need not be, or cannot be.
    fn listened(&self, id: MediaId, opened: &Opened) -> Option<[Wanted; 2]> {
        let link = opened.link.as_ref()?;
        let other = self.endpoints.get(&link.with)?.opened(usize::from(link.stream))?;
        let (here, there) = (opened.described.as_ref()?, other.described.as_ref()?);
        // Of what passes under keys that we do not have nothing is heard.
        let is_sealed = |stream: &Stream| matches!(stream.keying, Keying::EndToEnd);
        let can_be = opened.is_on && other.is_on && opened.key != other.key;
        if !can_be || is_sealed(here) || is_sealed(there) {
            return None;
        }
        if !self.is_listened_to(id, link.with, [opened.key, other.key]) {
            return None;
        }
        let listened = |key, stream| spoken(key, stream, (tap::RATE_HZ, tap::RATE_HZ), Side::USUAL);
        let mut both = [listened(opened.key, here)?, listened(other.key, there)?];
        both.iter_mut().for_each(|wanted| wanted.hears.keys_in_sound = false);
        Some(both)
    }

    fn begin(&mut self, work: Work) {
        let streams = match &work {
            Work::Sound(wanted) | Work::Listen(wanted, _) => wanted.each_ref().map(|wanted| wanted.stream),
            Work::Keys(wanted) => wanted.each_ref().map(|wanted| wanted.stream),
        };
        for stream in streams {
            self.with_audio(|audio, out| audio.leave(stream, out));
        }
        let added = self.with_audio(|audio, out| {
            let part = match work {
                Work::Sound(wanted) => {
                    let [first, second] = wanted.map(|wanted| talker(audio, wanted, out));
                    // The formats were found to be ones of ours.
                    let talkers = [first.map_err(|_| Full)?, second.map_err(|_| Full)?];
                    Part::Transcoder(Box::new(Transcoder::new(talkers)))
                }
                Work::Keys(both) => Part::Keys(Box::new(pressers(audio, both, out))),
                Work::Listen(both, keys) => {
                    let [first, second] = both.map(|wanted| tapped(audio, wanted));
                    let ends = [first.map_err(|_| Full)?, second.map_err(|_| Full)?];
                    Part::Tap(Box::new(Tap::new(ends, keys.map(|both| pressers(audio, both, out)))))
                }
            };
            audio.add(part, out)
        });
        if added.is_err() {
            tracing::warn!(
                "a call is not converted or recorded: the media worker has all the audio that it can do"
            );
            self.stats.audio_refused.add(1);
        }
    }
}

/// What is to be done with a pair of streams.
enum Work {
    Sound([Wanted; 2]),
    Keys([Pressed; 2]),
    /// Packets pass, with their keys laid in where these are said apart, and are heard.
    Listen([Wanted; 2], Option<[Pressed; 2]>),
}

/// What is to be done with the keys of one stream.
struct Pressed {
    stream: StreamKey,
    passes: Passes,
    says: Option<Says>,
}

/// `numbers`: payload types that differ, as (those of the sender, those of the receiver).
fn pressed_by(
    (stream, from, of): (StreamKey, &Stream, Side),
    (to, told): (&Stream, Side),
    numbers: &[(u8, u8)],
) -> Pressed {
    let renamed =
        |payload: u8| numbers.iter().find(|(ours, _)| *ours == payload).map_or(payload, |found| found.1);
    let has = |payload: u8| to.formats.iter().any(|format| format.payload == payload);
    let formats = from.formats.iter().filter_map(codec);
    let formats = formats.map(|(payload, codec)| (payload, renamed(payload), codec));
    let clock_hz =
        from.formats.iter().find(|format| !format.is_dtmf()).map_or(8_000, |format| format.clock_rate);
    let way = match events(to, clock_hz) {
        Some(events) => Way::Events(events),
        None if told.keys_are_told => Way::Told,
        None => Way::Sound,
    };
    let passes = Passes {
        formats: formats.filter(|(_, payload, _)| has(*payload)).collect(),
        clock_hz,
        events: events(from, clock_hz),
        keys_in_sound: of.keys_in_sound && way != Way::Sound,
        way,
    };
    let says = to.formats.iter().find_map(codec).map(|(payload, codec)| {
        let rate_hz = codec.rate_hz().min(RATE_HZ);
        Says {
            payload,
            format: transcode::Format { codec, frame_ms: frame_ms(told.frame_ms, codec) },
            events: events(to, codec.clock_hz()),
            rate_hz,
            opus: opus(to, payload, rate_hz),
        }
    });
    Pressed { stream, passes, says }
}

fn pressers(audio: &mut Audio, [first, second]: [Pressed; 2], out: &Out<'_>) -> Keys {
    let (of_first, of_second) = (first.stream, second.stream);
    Keys::new([presser(audio, first, of_second, out), presser(audio, second, of_first, out)])
}

fn tapped(audio: &mut Audio, wanted: Wanted) -> Result<Tapped, CodecError> {
    let mut seed = [0; 4];
    crate::house::random(&mut seed);
    let source = audio.played(wanted.stream);
    Tapped::new(wanted.stream, wanted.hears, wanted.says, source, u32::from_ne_bytes(seed))
}

fn is_same_tap(tap: &Tap, wanted: &[Wanted; 2]) -> bool {
    let has = |wanted: &Wanted| {
        let is_it = |end: &Tapped| {
            end.stream == wanted.stream && *end.hears() == wanted.hears && *end.says() == wanted.says
        };
        tap.ends().iter().any(is_it)
    };
    wanted.iter().all(has)
}

fn presser(audio: &mut Audio, pressed: Pressed, other: StreamKey, out: &Out<'_>) -> Presser {
    let Pressed { stream, passes, says } = pressed;
    let source = audio.source(other, says.map_or(passes.clock_hz, |says| says.format.codec.clock_hz()));
    Presser::new(stream, passes, out.relay.has_said_events(stream), says, source)
}

fn are_same(keys: &Keys, wanted: &[Pressed; 2]) -> bool {
    let has = |wanted: &Pressed| {
        keys.ends().iter().any(|end| end.stream() == wanted.stream && *end.passes() == wanted.passes)
    };
    wanted.iter().all(has)
}

/// How a stream is heard and spoken to in a conference.
fn member(opened: &Opened) -> Option<Wanted> {
    let here = opened.described.as_ref().filter(|_| opened.is_on)?;
    let is_audio = opened.wanted.kind == StreamKind::Audio;
    let mut wanted = spoken(opened.key, here, (RATE_HZ, RATE_HZ), Side::USUAL).filter(|_| is_audio)?;
    wanted.hears.keys_in_sound = false;
    Some(wanted)
}

fn talker(audio: &mut Audio, wanted: Wanted, out: &Out<'_>) -> Result<Talker, CodecError> {
    let mut seed = [0; 4];
    crate::house::random(&mut seed);
    let source = audio.source(wanted.stream, wanted.says.format.codec.clock_hz());
    let Wanted { stream, hears, says, keys_are_told } = wanted;
    let end = End::new(stream, hears, says, source, out.now, u32::from_ne_bytes(seed))?;
    Ok(Talker { end, keys_are_told })
}

fn is_same(transcoder: &Transcoder, wanted: &[Wanted; 2]) -> bool {
    let has = |wanted: &Wanted| {
        transcoder.talkers().iter().any(|talker| {
            talker.end.stream == wanted.stream
                && *talker.end.hears() == wanted.hears
                && *talker.end.says() == wanted.says
                && talker.keys_are_told == wanted.keys_are_told
        })
    };
    wanted.iter().all(has)
}

/// What is heard and said on a stream whose other end speaks `here`, when it is to be understood by `there`. `None`: one of
/// them has nothing that we can make.
fn wanted(stream: StreamKey, here: &Stream, there: &Stream, side: Side) -> Option<Wanted> {
    let (_, mine) = here.formats.iter().find_map(codec)?;
    let (_, theirs) = there.formats.iter().find_map(codec)?;
    spoken(stream, here, (rate_between(mine, theirs), rate_between(theirs, mine)), side)
}

/// The same, with the rates of the samples that are heard and of those that are said.
fn spoken(stream: StreamKey, here: &Stream, (heard_hz, said_hz): (u32, u32), side: Side) -> Option<Wanted> {
    let formats: Box<[(u8, Codec)]> = here.formats.iter().filter_map(codec).collect();
    let (payload, mine) = *formats.first()?;
    let events = events(here, mine.clock_hz());
    let is_8_khz = |format: &&Format| format.name.eq_ignore_ascii_case(b"CN") && format.clock_rate == 8_000;
    let noise = here.formats.iter().find(is_8_khz).map(|format| format.payload);
    let hears = Hears {
        formats,
        events,
        noise: noise.or((mine.clock_hz() == 8_000).then_some(comfort::PAYLOAD_TYPE)),
        rate_hz: heard_hz,
        keys_in_sound: events.is_none(),
    };
    let says = Says {
        payload,
        format: transcode::Format { codec: mine, frame_ms: frame_ms(side.frame_ms, mine) },
        events,
        rate_hz: said_hz,
        opus: opus(here, payload, said_hz),
    };
    Some(Wanted { stream, hears, says, keys_are_told: side.keys_are_told })
}

pub(super) fn codec(format: &Format) -> Option<(u8, Codec)> {
    let name = std::str::from_utf8(&format.name).ok()?;
    let codec = Codec::from_name(name)?;
    (format.clock_rate == codec.clock_hz()).then_some((format.payload, codec))
}

/// Those at the clock of the audio first: only they have a timestamp in common with it (RFC 7587 section 6, RFC 4733 section
/// 2.1); some phones have no others.
fn events(stream: &Stream, clock_hz: u32) -> Option<Events> {
    let all = || stream.formats.iter().filter(|format| format.is_dtmf() && format.clock_rate >= 1_000);
    let best = all().find(|format| format.clock_rate == clock_hz).or(all().next())?;
    Some(Events { payload: best.payload, clock_hz: best.clock_rate })
}

/// Frames that the codec has, near what was asked for.
fn frame_ms(asked: u8, codec: Codec) -> u8 {
    match (asked, codec) {
        (0..=19, _) => 10,
        (60.., _) => 60,
        (40..=59, _) => 40,
        (30..=39, Codec::Pcmu | Codec::Pcma | Codec::G722) => 30,
        (20..=39, _) => 20,
    }
}

/// What the other end asks of our encoder (RFC 7587 section 6.1).
fn opus(stream: &Stream, payload: u8, rate_hz: u32) -> Option<OpusSettings> {
    let format = stream.formats.iter().find(|format| format.payload == payload)?;
    if codec(format)?.1 != Codec::Opus {
        return None;
    }
    let fmtp = format.fmtp.as_deref().and_then(|fmtp| std::str::from_utf8(fmtp).ok()).unwrap_or_default();
    let parameter = |name: &str| -> Option<u32> {
        let mut all = fmtp.split(';').filter_map(|pair| pair.trim().split_once('='));
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.trim().parse().ok()
    };
    let usual = OpusSettings::speech(rate_hz);
    let most = parameter("maxaveragebitrate").unwrap_or(usual.bits_per_second).max(6_000);
    Some(OpusSettings {
        bits_per_second: usual.bits_per_second.min(most),
        discontinuous: parameter("usedtx") == Some(1),
        ..usual
    })
}
