//! Audio formats that the media plane makes of each other, so that two phones without one in common talk all the same
//! (decision 0025). What both understand passes as it is: nothing is converted for the sake of it, and video never.
//!
//! An offer for a leg has the formats of the other side first, and behind them those that can be made of them. When the answer
//! prefers one of these, the side that offered is answered with its own best format instead, and both are converted.

use crate::media::{Conversion, Converted, Peer, Side, Stream};
use coeur_directory::Dtmf;
use coeur_sdp::summary::{MediaKind, OwnedCodec};
use coeur_sdp::{MediaDescription, MediaSummary, Proto, SessionDescription};

/// Encodings that can be made, with what follows their number in `a=rtpmap` and `a=fmtp`: at most four lines are added to a
/// stream for them, and one for keys.
const OPUS: Made = Made {
    name: "opus",
    clock_rate: 48_000,
    rtpmap: "opus/48000/2",
    fmtp: Some("useinbandfec=1"),
    number: None,
};
const G722: Made = Made { name: "G722", clock_rate: 8_000, rtpmap: "G722/8000", fmtp: None, number: Some(9) };
const PCMA: Made = Made { name: "PCMA", clock_rate: 8_000, rtpmap: "PCMA/8000", fmtp: None, number: Some(8) };
const PCMU: Made = Made { name: "PCMU", clock_rate: 8_000, rtpmap: "PCMU/8000", fmtp: None, number: Some(0) };

/// In the order in which they are offered: what a narrow voice gains nothing by costs most.
const OF_NARROW: [Made; 4] = [PCMA, PCMU, G722, OPUS];
const OF_WIDE: [Made; 4] = [OPUS, G722, PCMA, PCMU];

#[derive(Clone, Copy)]
struct Made {
    name: &'static str,
    clock_rate: u32,
    rtpmap: &'static str,
    fmtp: Option<&'static str>,
    /// Static payload type (RFC 3551 section 6).
    number: Option<u8>,
}

impl Made {
    fn is(self, codec: &OwnedCodec) -> bool {
        self.is_of(&codec.name, codec.clock_rate)
    }

    fn is_of(self, name: &str, clock_rate: u32) -> bool {
        self.clock_rate == clock_rate && self.name.eq_ignore_ascii_case(name)
    }
}

fn is_made(codec: &OwnedCodec) -> bool {
    OF_WIDE.iter().any(|made| made.is(codec))
}

/// Whether sound of ours can be heard on a stream as it is spoken.
pub(in crate::call) fn is_makeable(peer: &Peer) -> bool {
    let spoken = |stream: &Stream| {
        let mut formats = stream.formats.iter().filter(|format| !format.is_dtmf());
        formats.next().is_some_and(|format| {
            let name = String::from_utf8_lossy(&format.name);
            OF_WIDE.iter().any(|made| made.is_of(&name, format.clock_rate))
        })
    };
    peer.streams.iter().flatten().any(spoken)
}

fn is_wide(codec: &OwnedCodec) -> bool {
    OPUS.is(codec) || G722.is(codec)
}

fn is_events(codec: &OwnedCodec) -> bool {
    codec.name.eq_ignore_ascii_case("telephone-event")
}

fn codecs(media: &MediaDescription) -> Vec<OwnedCodec> {
    media.view().codecs().map(OwnedCodec::from).collect()
}

/// The codec that is spoken: the first that is one.
fn first(codecs: &[OwnedCodec]) -> Option<&OwnedCodec> {
    codecs.iter().find(|codec| !codec.is_auxiliary())
}

/// Appends what can be made of the formats of each audio stream. `before`: what was offered before, whose numbers stay (RFC
/// 3264 section 8.3.2). `wants_events`: also where the other side has none.
pub(super) fn append(
    offer: &mut SessionDescription,
    before: Option<&SessionDescription>,
    wants_events: bool,
) {
    for (index, media) in offer.media.iter_mut().enumerate() {
        let is_audio =
            MediaKind::parse(&media.kind) == MediaKind::Audio && Proto::parse(&media.proto).is_rtp();
        if is_audio && media.view().codecs().next().is_some() {
            let before = before.and_then(|before| before.media.get(index)).map(codecs);
            append_to(media, &before.unwrap_or_default(), wants_events);
        }
    }
}

fn append_to(media: &mut MediaDescription, before: &[OwnedCodec], wants_events: bool) {
    let had = codecs(media);
    let Some(best) = had.iter().find(|codec| is_made(codec)) else { return };
    let mut numbers = Numbers::of(&had, before);
    for made in if is_wide(best) { OF_WIDE } else { OF_NARROW } {
        if had.iter().any(|codec| made.is(codec)) {
            continue;
        }
        let before = before.iter().find(|codec| made.is(codec)).map(|codec| codec.payload);
        let Some(number) = numbers.free([before, made.number]) else { continue };
        push(media, number, made.rtpmap, made.fmtp);
    }
    // Keys have the clock of the audio beside them (RFC 4733 section 2.1). Who has none of them is asked for none, as a rule.
    if !wants_events && !had.iter().any(is_events) {
        return;
    }
    for clock in [8_000, 48_000] {
        let is_it = |codec: &&OwnedCodec| is_events(codec) && codec.clock_rate == clock;
        if had.iter().any(|codec| is_it(&codec)) {
            continue;
        }
        let before = before.iter().find(is_it).map(|codec| codec.payload);
        if let Some(number) = numbers.free([before, None]) {
            push(media, number, &format!("telephone-event/{clock}"), Some("0-15"));
        }
    }
}

/// Whether a phone for which this is set neither offers nor is offered events.
pub(super) fn bars_events(manner: Dtmf) -> bool {
    match manner {
        Dtmf::Info | Dtmf::Inband => true,
        Dtmf::Auto | Dtmf::Rfc4733 => false,
    }
}

/// Leaves events out, where there is sound beside them.
pub(super) fn without_events(media: &mut MediaDescription) {
    if codecs(media).iter().any(|codec| !codec.is_auxiliary()) {
        media.retain_codecs(|codec: &OwnedCodec| !is_events(codec));
    }
}

fn push(media: &mut MediaDescription, number: u8, rtpmap: &str, fmtp: Option<&str>) {
    media.formats.extend_from_slice(format!(" {number}").as_bytes());
    media.push_flag(&format!("rtpmap:{number} {rtpmap}"));
    if let Some(fmtp) = fmtp {
        media.push_flag(&format!("fmtp:{number} {fmtp}"));
    }
}

/// Payload types that are free.
struct Numbers {
    taken: [bool; 128],
    /// Had another meaning before on this leg (RFC 3264 section 8.3.2).
    before: [bool; 128],
}

impl Numbers {
    fn of(codecs: &[OwnedCodec], before: &[OwnedCodec]) -> Self {
        let mut numbers = Self { taken: [false; 128], before: [false; 128] };
        codecs.iter().for_each(|codec| numbers.taken[usize::from(codec.payload & 127)] = true);
        before.iter().for_each(|codec| numbers.before[usize::from(codec.payload & 127)] = true);
        numbers
    }

    /// One of these, or the first that is free.
    fn free(&mut self, wanted: [Option<u8>; 2]) -> Option<u8> {
        let is_free = |number: &u8| !self.taken[usize::from(number & 127)];
        let wanted = wanted.into_iter().flatten().find(is_free);
        // RFC 3551 section 6, and RFC 5761 section 4: 64 to 95 look like RTCP.
        let dynamic =
            || (96..=127).chain(35..=63).filter(|number| !self.before[usize::from(*number)]).find(is_free);
        let number = wanted.or_else(dynamic)?;
        self.taken[usize::from(number & 127)] = true;
        Some(number)
    }
}

/// Puts into what the other side has answered what `asked`, the offer of this side, can be answered with, when the other has
/// chosen what only we understand: the best of its own formats that can be made, and its keys.
pub(super) fn translate(said: &mut MediaDescription, asked: &MediaSummary) {
    let Some(best) = best_for(&codecs(said), asked) else { return };
    said.retain_codecs(|_| false);
    let events = || asked.codecs.iter().filter(|codec| is_events(codec));
    let events = events().find(|codec| codec.clock_rate == best.clock_rate).or(events().next());
    let kept = [Some(best), events].into_iter().flatten();
    said.set_payloads(kept.clone().map(|codec| codec.payload));
    for codec in kept {
        let channels = codec.parameters.as_deref().map(|channels| format!("/{channels}")).unwrap_or_default();
        said.push_flag(&format!("rtpmap:{} {}/{}{channels}", codec.payload, codec.name, codec.clock_rate));
        if let Some(fmtp) = answered_fmtp(codec) {
            said.push_flag(&format!("fmtp:{} {fmtp}", codec.payload));
        }
    }
    // They were those of the other side for its own format.
    for name in ["ptime", "maxptime"] {
        said.remove_attributes(name.as_bytes());
    }
}

/// Puts events for keys into what the other side has answered without, when `asked`, the offer of this side, has them: the media
/// plane makes of a key what the other side understands (decision 0025).
pub(super) fn add_keys(said: &mut MediaDescription, asked: &MediaSummary) {
    if let Some(best) = keys_for(&codecs(said), asked) {
        let encoding = format!("{}/{}", best.name, best.clock_rate);
        push(said, best.payload, &encoding, answered_fmtp(best).as_deref());
    }
}

/// Whether [`translate`] or [`add_keys`] has something to do where the other side has answered with these.
pub(super) fn changes(answered: &[OwnedCodec], asked: &MediaSummary) -> bool {
    best_for(answered, asked).is_some() || keys_for(answered, asked).is_some()
}

/// What is answered in the place of these. `None`: they are understood, or nothing can be made of them.
fn best_for<'a>(answered: &[OwnedCodec], asked: &'a MediaSummary) -> Option<&'a OwnedCodec> {
    let chosen = first(answered).filter(|_| asked.kind == MediaKind::Audio && !asked.is_rejected)?;
    if asked.codecs.iter().any(|codec| codec.is_same_encoding(chosen)) || !is_made(chosen) {
        return None;
    }
    asked.codecs.iter().find(|codec| is_made(codec))
}

/// Events that are missing beside these.
fn keys_for<'a>(answered: &[OwnedCodec], asked: &'a MediaSummary) -> Option<&'a OwnedCodec> {
    let chosen = first(answered).filter(|_| asked.kind == MediaKind::Audio && !asked.is_rejected)?;
    let events = || asked.codecs.iter().filter(|codec| is_events(codec));
    let best = events().find(|codec| codec.clock_rate == chosen.clock_rate).or(events().next())?;
    let is_free = answered.iter().all(|codec| !is_events(codec) && codec.payload != best.payload);
    (is_made(chosen) && is_free).then_some(best)
}

/// What we say of a format that was offered to us: of Opus how we like to hear it (RFC 7587 section 6.1; a parameter is about
/// who says it), of keys those that were offered.
fn answered_fmtp(codec: &OwnedCodec) -> Option<String> {
    match OPUS.is(codec) {
        true => OPUS.fmtp.map(str::to_owned),
        false => codec.fmtp.clone(),
    }
}

/// Whether two streams that are joined have to be converted: what is spoken on one of them is nothing that was agreed with the
/// other, and can be made; or only one has events for its keys.
pub(super) fn conversion(a: &Agreed<'_>, b: &Agreed<'_>) -> Option<Conversion> {
    if a.said.kind != MediaKind::Audio {
        return None;
    }
    let (of_a, of_b) = (a.codecs(), b.codecs());
    let (spoken_by_a, spoken_by_b) = (of_a.first()?, of_b.first()?);
    let has =
        |codecs: &[&OwnedCodec], codec: &OwnedCodec| codecs.iter().any(|other| other.is_same_encoding(codec));
    let is_understood = has(&of_b, spoken_by_a) && has(&of_a, spoken_by_b);
    let is_possible = [&of_a, &of_b].iter().all(|codecs| codecs.iter().any(|codec| is_made(codec)));
    let is_told = a.is_told() || b.is_told();
    let is_searched =
        |of: &Agreed<'_>, to: &Agreed<'_>| of.is_searched() && (to.has_events() || to.is_told());
    let is_searched = is_possible && (is_searched(a, b) || is_searched(b, a));
    let what = match is_understood {
        false if is_possible => Converted::Sound,
        true if a.has_events() != b.has_events() && (is_possible || is_told) => Converted::Keys,
        true if is_searched => Converted::Keys,
        true | false => return None,
    };
    Some(Conversion { what, a: a.side(), b: b.side() })
}

/// What was agreed about an audio stream of a leg: what its peer said of it, and what we did.
pub(super) struct Agreed<'s> {
    pub(super) said: &'s MediaSummary,
    pub(super) ours: &'s MediaSummary,
    /// It takes keys in an INFO.
    pub(super) takes_keys: bool,
    /// What is set for it says its keys in its sound alone.
    pub(super) is_inband: bool,
}

impl Agreed<'_> {
    /// Codecs that both have said, in the order of the answer, which has no more of them than the offer: the first is spoken.
    fn codecs(&self) -> Vec<&OwnedCodec> {
        let (said, ours) = (&self.said.codecs, &self.ours.codecs);
        let (answer, offer) = if ours.len() < said.len() { (ours, said) } else { (said, ours) };
        let spoken = answer.iter().filter(|codec| !codec.is_auxiliary());
        spoken.filter(|codec| offer.iter().any(|offered| offered.is_same_encoding(codec))).collect()
    }

    /// Both have said that keys may be events.
    fn has_events(&self) -> bool {
        [self.said, self.ours].iter().all(|media| media.codecs.iter().any(is_events))
    }

    /// It has no events, and hears of keys in an INFO.
    fn is_told(&self) -> bool {
        self.takes_keys && !self.has_events()
    }

    /// Not who has agreed on events before that was set, in a call that was kept over a restart: it may say a key in both ways.
    fn is_searched(&self) -> bool {
        self.is_inband && !self.has_events()
    }

    fn side(&self) -> Side {
        let wanted = self.said.packet_time.map_or(20, |time| time.ms);
        let most = self.said.packet_time_max.map_or(60, |time| time.ms).max(10);
        let frame_ms = u8::try_from(wanted.min(most)).unwrap_or(u8::MAX);
        Side { frame_ms, keys_are_told: self.is_told(), keys_in_sound: self.is_searched() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::describe::read;

    fn described(formats: &str, lines: &[&str]) -> String {
        let mut text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n"
        );
        lines.iter().for_each(|line| text += &format!("a={line}\r\n"));
        text
    }

    fn appended(formats: &str, lines: &[&str], before: Option<&str>) -> (String, Vec<String>) {
        let text = described(formats, lines);
        let mut offer = SessionDescription::from(&read(text.as_bytes()).expect("a description").lines());
        let before = before
            .map(|before| SessionDescription::from(&read(before.as_bytes()).expect("a description").lines()));
        append(&mut offer, before.as_ref(), false);
        let media = &offer.media[0];
        let view = media.view();
        let maps = view.attributes(b"rtpmap").map(|map| String::from_utf8_lossy(map).into_owned());
        (String::from_utf8_lossy(&media.formats).into_owned(), maps.collect())
    }

    #[test]
    fn what_can_be_made_stands_behind_what_was_offered() {
        let events = "rtpmap:101 telephone-event/8000";
        let (formats, maps) = appended("8 101", &[events], None);
        assert_eq!(formats, "8 101 0 9 96 97");
        assert_eq!(maps[1..], ["0 PCMU/8000", "9 G722/8000", "96 opus/48000/2", "97 telephone-event/48000"]);
        let (formats, maps) = appended("96", &["rtpmap:96 opus/48000/2"], None);
        assert_eq!(formats, "96 9 8 0", "a wide voice stays wide where it can; no keys were offered");
        assert_eq!(maps[1..], ["9 G722/8000", "8 PCMA/8000", "0 PCMU/8000"]);
        assert_eq!(appended("18", &["rtpmap:18 G729/8000"], None).0, "18", "nothing can be made of it");
        assert_eq!(appended("0 18", &[], None).0, "0 18 8 9 96");
    }

    #[test]
    fn a_number_that_was_offered_stays_and_another_meaning_gets_another() {
        let (formats, _) = appended("0 96", &["rtpmap:96 iLBC/8000"], None);
        assert_eq!(formats, "0 96 8 9 97");
        let before = described("0 8 9 120", &["rtpmap:120 opus/48000/2"]);
        assert_eq!(appended("0", &[], Some(&before)).0, "0 8 9 120");
        let before = described("0 96", &["rtpmap:96 iLBC/8000"]);
        assert_eq!(appended("0", &[], Some(&before)).0, "0 8 9 97", "96 was something else here");
        // Somebody who gives a static number another meaning is no reason to use it in that.
        assert_eq!(appended("0 8", &["rtpmap:8 iLBC/8000"], None).0, "0 8 96 9 97");
    }

    fn translated(said: (&str, &[&str]), asked: (&str, &[&str])) -> String {
        let (said, asked) = (described(said.0, said.1), described(asked.0, asked.1));
        let mut said = SessionDescription::from(&read(said.as_bytes()).expect("a description").lines());
        let asked = read(asked.as_bytes()).expect("a description");
        translate(&mut said.media[0], &asked.summary.media[0]);
        let mut out = Vec::new();
        said.media[0].write(&mut out);
        String::from_utf8_lossy(&out).replace("\r\n", "|")
    }

    const CHROME: (&str, &[&str]) = (
        "111 126 110",
        &[
            "rtpmap:111 opus/48000/2",
            "fmtp:111 minptime=10;useinbandfec=1",
            "rtpmap:110 telephone-event/48000",
            "rtpmap:126 telephone-event/8000",
        ],
    );

    #[test]
    fn who_offered_is_answered_with_its_own_best_format_and_the_keys_of_its_clock() {
        let said = ("8 101", &["rtpmap:101 telephone-event/8000", "ptime:30"][..]);
        let expected = "m=audio 4000 RTP/AVP 111 110|a=rtpmap:111 opus/48000/2|a=fmtp:111 useinbandfec=1|\
            a=rtpmap:110 telephone-event/48000|";
        assert_eq!(translated(said, CHROME), expected);
    }

    #[test]
    fn what_both_understand_is_not_touched() {
        let same = "m=audio 4000 RTP/AVP 0 8|";
        assert_eq!(translated(("0 8", &[]), ("8 0", &[])), same);
        // The first is what is spoken, and it is understood.
        assert_eq!(translated(("0 8", &[]), ("0", &[])), same);
        let g729 = ("18", &["rtpmap:18 G729/8000"][..]);
        assert_eq!(translated(g729, ("0", &[])), "m=audio 4000 RTP/AVP 18|a=rtpmap:18 G729/8000|");
        assert_eq!(translated(("0", &[]), g729), "m=audio 4000 RTP/AVP 0|");
    }

    fn converted(a: [(&str, &[&str]); 2], b: [(&str, &[&str]); 2]) -> Option<Conversion> {
        let texts = [a, b].map(|leg| leg.map(|(formats, lines)| described(formats, lines)));
        let both = texts.each_ref().map(|leg| leg.each_ref().map(|text| read(text.as_bytes()).expect("one")));
        let [a, b] = both.each_ref().map(|[said, ours]| Agreed {
            said: &said.summary.media[0],
            ours: &ours.summary.media[0],
            takes_keys: false,
            is_inband: false,
        });
        conversion(&a, &b)
    }

    #[test]
    fn only_what_is_not_understood_is_converted_with_the_frames_that_each_wants() {
        let opus = ("96", &["rtpmap:96 opus/48000/2", "ptime:40", "maxptime:60"][..]);
        let (pcmu, both) = (("0", &["ptime:30", "maxptime:20"][..]), ("0 8", &[][..]));
        let conversion = converted([opus, opus], [pcmu, both]).expect("a conversion");
        assert_eq!((conversion.a.frame_ms, conversion.b.frame_ms), (40, 20));
        assert_eq!(converted([both, pcmu], [pcmu, both]), None);
        // It was offered both, and answered one: what is not agreed is not in common.
        assert!(converted([both, ("8", &[])], [pcmu, both]).is_some());
        // What comes first is spoken.
        let (wide_first, wide_last) = (("9 0", &[][..]), ("0 9", &[][..]));
        let offered = ("0 8 9 96", &["rtpmap:96 opus/48000/2"][..]);
        assert!(converted([pcmu, pcmu], [wide_first, offered]).is_some());
        assert_eq!(converted([pcmu, pcmu], [wide_last, offered]), None);
        assert_eq!(converted([wide_first, wide_last], [wide_last, offered]), None);
        let g729 = ("18", &["rtpmap:18 G729/8000"][..]);
        assert_eq!(converted([g729, g729], [pcmu, pcmu]), None, "nothing can be made of it");
    }
}
