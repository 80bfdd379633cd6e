//! What is said is on the file, each side on its channel; what is played is heard instead of the other side.

use super::*;
use crate::media::audio::Deck;
use crate::recordings::{Folder, Format as FileFormat, Kept, Phase, Recordings, Seal};
use coeur_exchange::call_record::CallRecordId;
use coeur_exchange::media::{PromptId, TapeOrder};
use coeur_media::record::{Prompt, wav};
use coeur_media::relay::StreamKey;
use coeur_storage::RecordingRow;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// 2026-11-26T05:31:40Z.
const CALL: CallRecordId = CallRecordId(1_795_671_100_000 << 80 | 7 << 76 | 0b10 << 62 | 5);
/// The tone that says that a call is recorded.
const ANNOUNCEMENT_HZ: f64 = 1_400.0;
/// How strong it is, as a share of how our phones speak.
const ANNOUNCED: f64 = 0.64;
/// Of one channel in a tick.
const FRAME: usize = 320;

struct Studio {
    desk: Desk,
    recordings: Recordings,
    rows: Receiver<RecordingRow>,
    folder: PathBuf,
}

impl Studio {
    fn new(name: &str, desk: Desk) -> Self {
        let folder = std::env::temp_dir().join(format!("coeur-taping-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let (rows, kept) = channel();
        let keep = move |row: &RecordingRow| match rows.send(row.clone()) {
            Ok(()) => Kept::Yes,
            Err(_) => Kept::Refused,
        };
        let (seal, sealing) = Seal::new(Folder(folder.clone()), Box::new(keep));
        let (recordings, writer) = Recordings::new(Folder(folder.clone()), FileFormat::Wav, 0, seal);
        std::thread::spawn(move || writer.write());
        std::thread::spawn(sealing);
        let mut studio = Self { desk, recordings, rows: kept, folder };
        studio.desk.worker.endpoints.recordings = Some(studio.recordings.clone());
        studio
    }

    fn tape(&mut self, order: TapeOrder) {
        self.desk.handle(MediaCommand::Tape { id: id(1), with: id(2), order });
    }

    fn begin(&mut self) {
        self.tape(TapeOrder::Begin { call: CALL, asked_by: "operator".into() });
    }

    fn phase(&self) -> Option<Phase> {
        self.recordings.of(CALL).map(|state| state.phase())
    }

    /// Its row, and both channels of its file, once all is written.
    fn file(self) -> (RecordingRow, [Vec<i16>; 2]) {
        self.recordings.stop();
        let row = self.rows.try_recv().expect("a row");
        let bytes = std::fs::read(self.folder.join(&*row.file)).expect("a file");
        assert_eq!(bytes.len() as u64, row.bytes);
        let wav = wav::read(&bytes).unwrap();
        assert_eq!((wav.rate_hz, wav.channels), (16_000, 2));
        std::fs::remove_dir_all(&self.folder).unwrap();
        let channel = |at: usize| wav.pcm.iter().skip(at).step_by(2).copied().collect();
        (row, [channel(0), channel(1)])
    }
}

/// How strong a tone is, as a share of how our phones speak.
fn strength(pcm: &[i16], hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / 16_000.0;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (at, sample) in pcm.iter().enumerate() {
        sine += f64::from(*sample) * (step * at as f64).sin();
        cosine += f64::from(*sample) * (step * at as f64).cos();
    }
    2.0 * sine.hypot(cosine) / pcm.len() as f64 / 8_000.0
}

fn relayed(ports: RangeInclusive<u16>, speaks: Speaks) -> Desk {
    let mut desk = Desk::new(ports, speaks, speaks);
    desk.describe(1, speaks.formats(), |_| {});
    desk.describe(2, speaks.formats(), |_| {});
    desk.connect(None);
    desk
}

#[track_caller]
fn each_side_is_on_its_channel([left, right]: &[Vec<i16>; 2]) {
    let last = |pcm: &[i16]| pcm[pcm.len() - 8_000..].to_vec();
    let (left, right) = (last(left), last(right));
    for (own, foreign, pcm) in [(440.0, 770.0, left), (770.0, 440.0, right)] {
        let (own, foreign) = (strength(&pcm, own), strength(&pcm, foreign));
        assert!(
            (0.6..1.4).contains(&own) && foreign < 0.05,
            "{own:.2} of its own, {foreign:.2} of the other"
        );
    }
}

#[test]
fn each_side_is_on_its_channel_whatever_it_speaks_and_hears_the_other_as_before() {
    for (at, speaks) in [PCMU, PCMA, G722, OPUS].into_iter().enumerate() {
        let first = 49_200 + 20 * at as u16;
        let mut studio = Studio::new(&format!("relayed-{at}"), relayed(first..=first + 19, speaks));
        studio.desk.run(20, |_| false);
        studio.begin();
        studio.desk.run(120, |_| false);
        assert_eq!(studio.phase(), Some(Phase::Recording));
        studio.desk.hear_each_other();
        let of_a = Rtp::parse(&studio.desk.b.packets[0]).unwrap().ssrc();
        let last = Rtp::parse(studio.desk.b.packets.last().unwrap()).unwrap().ssrc();
        assert_eq!(last, of_a, "packets pass as they are");
        let (row, channels) = studio.file();
        each_side_is_on_its_channel(&channels);
        assert_eq!((&*row.asked_by, row.lost_ms, &*row.pauses), ("operator", 0, ""));
        assert_eq!(row.file, format!("recordings/2026/11/26/{CALL}-1.wav").into());
    }
}

#[test]
fn a_call_that_is_converted_is_recorded_too() {
    for (at, (a, b)) in [(OPUS, PCMA), (PCMU, G722)].into_iter().enumerate() {
        let first = 49_280 + 20 * at as u16;
        let mut studio = Studio::new(&format!("converted-{at}"), Desk::converting(first..=first + 19, a, b));
        studio.begin();
        studio.desk.run(120, |_| false);
        studio.desk.hear_each_other();
        each_side_is_on_its_channel(&studio.file().1);
    }
}

/// Twice a tone of half a second; the phones hear it instead of each other, and nothing of that time is on the file.
#[test]
fn both_hear_that_they_are_recorded_before_anything_is_kept() {
    let mut studio = Studio::new("announced", relayed(49_320..=49_339, PCMU));
    studio.desk.run(20, |_| false);
    studio.begin();
    // No word ends the announcement.
    for serial in [1, 2] {
        studio.desk.handle(MediaCommand::Prompt { id: id(serial), prompt: None });
    }
    studio.desk.run(24, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Announced));
    for phone in [&studio.desk.a, &studio.desk.b] {
        let heard = &phone.heard[phone.heard.len() - 2_400..];
        let last: Vec<i16> = heard.iter().flat_map(|sample| [*sample, *sample]).collect();
        let (tone, others) =
            (strength(&last, ANNOUNCEMENT_HZ), strength(&last, 440.0).max(strength(&last, 770.0)));
        assert!((tone - ANNOUNCED).abs() < 0.15 && others < 0.1, "{tone:.2} {others:.2}");
    }
    studio.desk.run(88, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Recording));
    let (row, [left, _]) = studio.file();
    assert!((40..=52).contains(&(row.recorded_ms / 20)), "{}", row.recorded_ms);
    assert!(strength(&left, ANNOUNCEMENT_HZ) < 0.02);
}

/// A side that does not want to hear is not told anything, and so is not recorded.
#[test]
fn nothing_is_kept_while_a_side_cannot_be_told() {
    let mut studio = Studio::new("untold", relayed(49_340..=49_359, PCMU));
    studio.desk.describe(2, PCMU.formats(), |stream| stream.we_send = false);
    studio.begin();
    studio.desk.run(100, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Announced));
    studio.desk.describe(2, PCMU.formats(), |_| {});
    studio.desk.run(98, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Recording));
}

/// What a phone speaks is not understood for a moment, and an operator plays something to it then.
#[test]
fn an_announcement_is_heard_though_nothing_could_be_played_meanwhile() {
    let mut studio = Studio::new("unheard", relayed(49_480..=49_499, PCMU));
    studio.desk.run(20, |_| false);
    studio.begin();
    studio.desk.run(5, |_| false);
    let unknown =
        Format { payload: 18, name: b"G729"[..].into(), clock_rate: 8_000, channels: 1, fmtp: None };
    studio.desk.describe(2, [unknown].into(), |_| {});
    let prompt = played(&studio.desk, 1_000.0, 10);
    studio.desk.handle(MediaCommand::Prompt { id: id(2), prompt: Some(prompt) });
    studio.desk.run(30, |_| false);
    studio.desk.describe(2, PCMU.formats(), |_| {});
    studio.desk.run(20, |_| false);
    let announced = studio.desk.b.hears(ANNOUNCEMENT_HZ);
    assert!(announced > 0.35, "{announced:.2}: the rest of it");
    studio.desk.run(40, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Recording));
}

/// The deck alone: two streams, of which another takes the place of one.
#[test]
fn who_comes_to_hear_elsewhere_before_the_announcement_is_over_hears_all_of_it_there() {
    let studio = Studio::new("elsewhere", relayed(49_500..=49_519, PCMU));
    let (pair, mut deck) = ([id(1), id(2)], Deck::default());
    let announcement = Prompt::of(vec![1_000; 10 * FRAME]);
    deck.begin(pair, studio.recordings.begin(CALL, "operator".into()));
    let run = |deck: &mut Deck, streams: [StreamKey; 2], ticks| {
        if deck.thread(pair, Some(streams)) {
            streams.into_iter().for_each(|stream| deck.announce(stream, announcement.clone()));
        }
        for _ in 0..ticks {
            streams.into_iter().for_each(|stream| deck.fill(stream, 16_000, &mut [0; FRAME]));
            deck.turn(streams);
        }
        studio.phase()
    };
    let [first, second, third] = [1, 2, 3].map(StreamKey);
    assert_eq!(run(&mut deck, [first, second], 8), Some(Phase::Announced));
    assert_eq!(run(&mut deck, [first, third], 8), Some(Phase::Announced), "the third has not heard it");
    // The port of the third is closed, and opened again as the same.
    deck.closed(third);
    assert_eq!(run(&mut deck, [first, third], 8), Some(Phase::Announced), "not in one piece");
    assert_eq!(run(&mut deck, [first, third], 4), Some(Phase::Recording));
    assert_eq!(run(&mut deck, [first, second], 1), Some(Phase::Recording), "they have been told");
}

#[test]
fn an_announcement_ends_with_its_recording_and_is_there_once_however_often_that_begins() {
    let mut studio = Studio::new("often", relayed(49_520..=49_539, PCMU));
    studio.desk.run(20, |_| false);
    (0..20).for_each(|_| studio.begin());
    studio.desk.run(78, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Recording), "it is there once");
    (0..20).for_each(|_| studio.begin());
    studio.desk.run(5, |_| false);
    studio.tape(TapeOrder::End);
    studio.desk.run(40, |_| false);
    studio.desk.hear_each_other();
}

#[test]
fn whatever_is_played_to_a_side_has_one_source() {
    let mut desk = relayed(49_540..=49_559, PCMU);
    desk.run(20, |_| false);
    for _ in 0..5 {
        let prompt = played(&desk, 1_000.0, 5);
        desk.handle(MediaCommand::Prompt { id: id(2), prompt: Some(prompt) });
        desk.run(15, |_| false);
    }
    let ours: BTreeSet<u32> =
        desk.b.packets.iter().map(|packet| Rtp::parse(packet).unwrap().ssrc()).collect();
    assert_eq!(ours.len(), 2, "of the other phone, and of all that was played");
}

#[test]
fn what_is_said_in_a_pause_is_left_out_and_its_place_is_known() {
    let mut studio = Studio::new("paused", relayed(49_360..=49_379, PCMU));
    studio.begin();
    studio.desk.run(113, |_| false);
    studio.tape(TapeOrder::Pause);
    studio.desk.run(60, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Paused));
    studio.tape(TapeOrder::Resume);
    studio.desk.run(50, |_| false);
    let (row, [left, right]) = studio.file();
    let kept = row.recorded_ms / 20;
    assert!((95..=102).contains(&kept), "{kept}");
    let (at, length) = row.pauses.split_once('+').expect("a pause");
    let (at, length): (u64, u64) = (at.parse().unwrap(), length.parse().unwrap());
    assert!((940..=1_060).contains(&at) && (1_180..=1_220).contains(&length), "{}", row.pauses);
    assert_eq!((left.len(), right.len()), (kept as usize * FRAME, kept as usize * FRAME));
}

#[test]
fn a_recording_goes_on_through_a_change_of_codec_and_ends_with_its_call() {
    let mut studio = Studio::new("changing", relayed(49_380..=49_399, PCMU));
    studio.begin();
    studio.desk.run(60, |_| false);
    // One of them wants another codec now: what was passed is converted.
    studio.desk.describe(2, G722.formats(), |_| {});
    studio.desk.b = {
        let port = studio.desk.b.port;
        let old = std::mem::replace(&mut studio.desk.b, Talking::new("127.0.0.4", G722, 770.0));
        Talking {
            phone: old.phone,
            port,
            ..std::mem::replace(&mut studio.desk.b, Talking::new("127.0.0.5", G722, 770.0))
        }
    };
    studio.desk.connect(Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL }));
    studio.desk.run(100, |_| false);
    assert_eq!(studio.phase(), Some(Phase::Recording));
    studio.desk.handle(MediaCommand::Close { id: id(2) });
    assert_eq!(studio.desk.worker.endpoints.audio.next_deadline(), None, "nothing is heard any more");
    let (row, channels) = studio.file();
    each_side_is_on_its_channel(&channels);
    assert_eq!(&*row.ended, "ended");
}

#[test]
fn what_is_played_is_heard_once_instead_of_the_other_side_by_whom_it_is_for() {
    for (at, speaks) in [PCMU, OPUS].into_iter().enumerate() {
        let first = 49_400 + 20 * at as u16;
        let mut desk = relayed(first..=first + 19, speaks);
        desk.run(30, |_| false);
        let prompt = played(&desk, 1_000.0, 50);
        desk.handle(MediaCommand::Prompt { id: id(2), prompt: Some(prompt) });
        desk.run(45, |_| false);
        let (prompt, other) = (desk.b.hears(1_000.0), desk.b.hears(440.0));
        assert!((0.6..1.4).contains(&prompt) && other < 0.1, "{prompt:.2} {other:.2}");
        assert!(desk.a.hears(770.0) > 0.6 && desk.a.hears(1_000.0) < 0.05);
        desk.run(60, |_| false);
        desk.hear_each_other();
        assert_eq!(desk.worker.endpoints.audio.next_deadline(), None, "packets pass unheard again");
    }
}

#[test]
fn what_is_played_ends_with_a_word_and_one_thing_comes_after_the_other() {
    let mut desk = relayed(49_440..=49_459, PCMA);
    desk.run(30, |_| false);
    for hz in [1_000.0, 1_500.0, 2_000.0] {
        let prompt = played(&desk, hz, 40);
        desk.handle(MediaCommand::Prompt { id: id(2), prompt: Some(prompt) });
    }
    desk.run(38, |_| false);
    assert!(desk.b.hears(1_000.0) > 0.6);
    desk.run(40, |_| false);
    assert!(desk.b.hears(1_500.0) > 0.6 && desk.b.hears(1_000.0) < 0.1);
    desk.handle(MediaCommand::Prompt { id: id(2), prompt: None });
    desk.run(40, |_| false);
    desk.hear_each_other();
}

/// A phone that is on hold hears what is played, and the music of the house waits.
#[test]
fn the_timestamps_of_what_is_played_go_on_where_the_other_side_was() {
    let mut desk = relayed(49_460..=49_479, PCMU);
    desk.run(30, |_| false);
    let before = Rtp::parse(desk.b.packets.last().unwrap()).unwrap();
    let (ssrc, timestamp) = (before.ssrc(), before.timestamp());
    let (count, prompt) = (desk.b.packets.len(), played(&desk, 1_000.0, 20));
    desk.handle(MediaCommand::Prompt { id: id(2), prompt: Some(prompt) });
    desk.run(5, |_| false);
    let ours = Rtp::parse(&desk.b.packets[count]).unwrap();
    assert_ne!(ours.ssrc(), ssrc);
    assert!(
        (160..=480).contains(&ours.timestamp().wrapping_sub(timestamp)),
        "{timestamp} {}",
        ours.timestamp()
    );
}

/// So many ticks of a tone, on the shelf.
fn played(desk: &Desk, hz: f64, ticks: usize) -> PromptId {
    let step = std::f64::consts::TAU * hz / 16_000.0;
    let pcm = (0..ticks * FRAME).map(|at| ((step * at as f64).sin() * 8_000.0) as i16).collect();
    desk.worker.endpoints.shelf.put(Prompt::of(pcm))
}
