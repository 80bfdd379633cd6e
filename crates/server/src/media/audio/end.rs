//! A stream that is heard and spoken on here. Its other end takes us for who it talks to, so that we report to it as well
//! (RFC 3550 section 6.4).

use super::out::Out;
use coeur_media::codec::CodecError;
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::relay::StreamKey;
use coeur_media::rtcp::{ReportBlock, Reporter, write_goodbye, write_report};
use coeur_media::rtp::{Rtp, Source};
use coeur_media::talk::{Ear, Hears, Mouth, Says};
use coeur_media::tone::Digit;
use coeur_media::tone::detect::Key;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Between two reports, on average (RFC 3550 section 6.2: the least, since the share of two members needs less).
const REPORT_EVERY_MS: u64 = 5_000;

/// Silence of the other end after which nothing is made of it: it is on hold, or has gone.
const IDLE: Duration = Duration::from_millis(600);

pub(in crate::media) struct End {
    pub(in crate::media) stream: StreamKey,
    ear: Ear,
    mouth: Mouth,
    heard_at: Option<Monotonic>,
    report_at: Monotonic,
    random: u32,
}

impl End {
    /// `source` is what was sent before on this stream, `seed` random.
    pub(super) fn new(
        stream: StreamKey,
        hears: Hears,
        says: Says,
        source: Source,
        now: Monotonic,
        seed: u32,
    ) -> Result<End, CodecError> {
        let mut end = End {
            stream,
            ear: Ear::new(hears, seed)?,
            mouth: Mouth::new(says, source)?,
            heard_at: None,
            report_at: now,
            random: seed,
        };
        // The first comes sooner (section 6.2).
        end.report_at = now + end.interval() / 2;
        Ok(end)
    }

    pub(super) fn hears(&self) -> &Hears {
        self.ear.hears()
    }

    pub(super) fn says(&self) -> &Says {
        self.mouth.says()
    }

    /// What the next who speaks here goes on with.
    pub(super) fn into_source(self) -> Source {
        self.mouth.into_source()
    }

    /// Takes a packet of the other end.
    pub(super) fn receive(&mut self, now: Monotonic, packet: &Rtp<'_>, found: impl FnMut(Key)) {
        self.heard_at = Some(now);
        self.ear.receive(now, packet, found);
    }

    /// Whether there is anything to hear.
    pub(super) fn is_heard(&self, now: Monotonic) -> bool {
        self.heard_at.is_some_and(|at| now.since(at) <= IDLE)
    }

    /// Nobody listens to it for now.
    pub(super) fn rest(&mut self) {
        if self.heard_at.take().is_some() {
            self.ear.rest();
        }
    }

    /// Fills `pcm` with what the other end says: one tick.
    pub(super) fn listen(&mut self, now: Monotonic, pcm: &mut [i16], found: impl FnMut(Key)) {
        self.ear.listen(now, pcm, found);
    }

    /// A key that the other end is to hear.
    pub(super) fn key(&mut self, key: Key) {
        self.mouth.key(key);
    }

    /// The same of a length that is known.
    pub(super) fn press(&mut self, digit: Digit, ms: u32) {
        self.mouth.press(digit, ms);
    }

    /// Whether a key is to be said, so that there is something to say though nothing is heard.
    pub(super) fn has_keys(&self) -> bool {
        self.mouth.has_keys()
    }

    /// Says one tick to the other end.
    pub(super) fn say(&mut self, pcm: &mut [i16], out: &mut Out<'_>) {
        let stream = self.stream;
        self.mouth.say(out.now, pcm, |packet| out.rtp(stream, packet));
    }

    /// So many ticks pass in which nothing is said.
    pub(super) fn skip(&mut self, ticks: u32) {
        self.mouth.skip(ticks);
    }

    /// Reports to the other end when it is time to.
    pub(super) fn report(&mut self, out: &mut Out<'_>) {
        if !self.report_at.is_due(out.now) {
            return;
        }
        self.report_at = out.now + self.interval();
        let block = out.relay.report_block(self.stream, out.now);
        send_report(self.stream, self.mouth.source(), block, out);
    }

    /// We speak here no more (section 6.6).
    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        let block = out.relay.report_block(self.stream, out.now);
        send_goodbye(self.stream, self.mouth.source(), block, out);
    }

    /// Half to one and a half of the average, over e - 3/2 (section 6.3.1): ends that began together do not report together.
    fn interval(&mut self) -> Duration {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let share = u64::from(self.random >> 22);
        Duration::from_micros(REPORT_EVERY_MS * 1_000 * (512 + share) / 1_024 * 1_000 / 1_218)
    }
}

/// What we say of what we send on a stream, and of what we hear there.
pub(super) fn send_report(to: StreamKey, of: &Source, block: Option<ReportBlock>, out: &mut Out<'_>) {
    write(to, of, block, out, false);
}

/// The same, at the end. Who has sent nothing leaves without a word.
pub(super) fn send_goodbye(to: StreamKey, of: &Source, block: Option<ReportBlock>, out: &mut Out<'_>) {
    if of.sender_info(out.now, out.wall).is_some() {
        write(to, of, block, out, true);
    }
}

fn write(to: StreamKey, of: &Source, block: Option<ReportBlock>, out: &mut Out<'_>, is_last: bool) {
    let mut name = [0; 8];
    let reporter = Reporter {
        ssrc: of.ssrc(),
        cname: cname(of.ssrc(), &mut name),
        sending: of.sender_info(out.now, out.wall),
    };
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::received(&mut slot, 0);
    let written = write_report(&mut packet, &reporter, block.as_slice())
        .and_then(|()| if is_last { write_goodbye(&mut packet, &reporter) } else { Ok(()) });
    if written.is_ok() {
        out.rtcp(to, &mut packet);
    }
}

/// Random for each stream, as its SSRC is (RFC 7022 section 4.2).
fn cname(ssrc: u32, room: &mut [u8; 8]) -> &str {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for (at, place) in room.iter_mut().enumerate() {
        *place = DIGITS[(ssrc >> (28 - 4 * at) & 15) as usize];
    }
    // Digits are text.
    std::str::from_utf8(room).unwrap_or_default()
}
