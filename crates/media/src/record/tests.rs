//! Files as they are written, and prompts as they are played.

use super::wav::{Wav, WavError};
use super::*;
use crate::codec::signal::{amplitude, power, sinad_db, tone};

fn recorded(container: Container, rate_hz: u32, frames: usize, pause: std::ops::Range<usize>) -> Vec<u8> {
    let samples = rate_hz as usize / 50;
    let (left, right) =
        (tone(440.0, 8_000.0, rate_hz, frames * samples), tone(1_000.0, 8_000.0, rate_hz, frames * samples));
    let mut file = Vec::new();
    let mut recorder = Recorder::new(container, rate_hz, &mut file).unwrap();
    for (at, (left, right)) in left.chunks_exact(samples).zip(right.chunks_exact(samples)).enumerate() {
        if at == pause.start && !pause.is_empty() {
            recorder.pause();
        }
        if at == pause.end {
            recorder.resume();
        }
        recorder.push(left, right, &mut file).unwrap();
    }
    assert_eq!(recorder.recorded_ms(), 20 * (frames - pause.len()) as u64);
    if let Some(header) = recorder.finish(&mut file) {
        file[..header.len()].copy_from_slice(&header);
    }
    file
}

#[test]
fn a_wav_is_read_as_it_was_written_and_a_pause_leaves_no_gap() {
    let file = recorded(Container::Wav, 16_000, 100, 40..60);
    let Wav { rate_hz, channels, pcm } = wav::read(&file).unwrap();
    assert_eq!((rate_hz, channels, pcm.len()), (16_000, 2, 80 * 640));
    let left: Vec<i16> = pcm.iter().step_by(2).copied().collect();
    assert_eq!(left[..40 * 320], tone(440.0, 8_000.0, 16_000, 40 * 320)[..]);
    assert_eq!(left[40 * 320..], tone(440.0, 8_000.0, 16_000, 100 * 320)[60 * 320..]);
    assert_eq!(file[40..44], (80u32 * 1_280).to_le_bytes());
    assert_eq!(file[4..8], (80u32 * 1_280 + 36).to_le_bytes());
}

#[test]
fn a_wav_whose_writer_died_is_read_to_its_end() {
    let mut file = Vec::new();
    let mut recorder = Recorder::new(Container::Wav, 8_000, &mut file).unwrap();
    recorder.push(&[5; 160], &[6; 160], &mut file).unwrap();
    assert_eq!(wav::read(&file).unwrap().pcm.len(), 320);
}

#[test]
fn files_that_are_no_wav_of_ours_are_refused_with_the_reason() {
    let good = recorded(Container::Wav, 8_000, 2, 0..0);
    for length in 0..44 {
        assert!(wav::read(&good[..length]).is_err(), "{length}");
    }
    assert_eq!(wav::read(&good[..44]), Err(WavError::Empty));
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        wav::read(&file)
    };
    assert_eq!(with(0, b"OggS"), Err(WavError::NotWav));
    assert_eq!(with(20, &3u16.to_le_bytes()), Err(WavError::Format));
    assert_eq!(with(34, &24u16.to_le_bytes()), Err(WavError::Format));
    assert_eq!(with(24, &44_100u32.to_le_bytes()), Err(WavError::Rate));
    assert_eq!(with(22, &6u16.to_le_bytes()), Err(WavError::Channels));
    assert_eq!(with(16, &u32::MAX.to_le_bytes()), Err(WavError::NotWav));
    let mut law = good.clone();
    law[20..22].copy_from_slice(&6u16.to_le_bytes());
    law[34..36].copy_from_slice(&8u16.to_le_bytes());
    assert_eq!(wav::read(&law).unwrap().pcm.len(), 2 * 2 * 2 * 160);
}

/// The pages of a file, each checked: flags, granule, number of packets that end in it.
fn pages(mut file: &[u8]) -> Vec<(u8, u64, usize)> {
    let mut pages = Vec::new();
    while !file.is_empty() {
        assert_eq!(&file[..5], b"OggS\0");
        let count = usize::from(file[26]);
        let segments = &file[27..27 + count];
        let length = 27 + count + segments.iter().map(|bytes| usize::from(*bytes)).sum::<usize>();
        let mut page = file[..length].to_vec();
        let told = u32::from_le_bytes(page[22..26].try_into().unwrap());
        page[22..26].fill(0);
        assert_eq!(ogg::checksum(&page), told);
        assert_eq!(u32::from_le_bytes(page[18..22].try_into().unwrap()), pages.len() as u32);
        assert_eq!(u32::from_le_bytes(page[14..18].try_into().unwrap()), 77);
        let granule = u64::from_le_bytes(page[6..14].try_into().unwrap());
        pages.push((page[5], granule, segments.iter().filter(|bytes| **bytes < 255).count()));
        file = &file[length..];
    }
    pages
}

#[test]
fn an_ogg_has_its_headers_then_pages_of_a_second_and_an_end() {
    for rate_hz in [8_000, 16_000, 48_000] {
        let file = recorded(Container::OggOpus { serial: 77 }, rate_hz, 230, 100..130);
        let pages = pages(&file);
        assert_eq!(pages[0], (2, 0, 1));
        assert_eq!(pages[1], (0, 0, 1));
        assert_eq!(pages[2..], [(0, 48_000, 50), (0, 96_000, 50), (0, 144_000, 50), (4, 192_000, 50)]);
        assert_eq!(&file[28..37], b"OpusHead\x01");
        assert_eq!(file[37], 2, "channels");
        assert!(u16::from_le_bytes([file[38], file[39]]) > 0, "what the encoder looks ahead");
    }
}

#[test]
fn an_ogg_that_was_cut_is_whole_up_to_its_last_page() {
    let file = recorded(Container::OggOpus { serial: 77 }, 16_000, 230, 0..0);
    assert_eq!(ogg::whole(&file), (file.len(), 230 * 960));
    let cut = ogg::whole(&file[..file.len() - 1]);
    assert!(cut.0 < file.len() && cut.1 == 192_000, "{cut:?}");
    assert_eq!(ogg::whole(&file[..cut.0]), cut);
    let mut damaged = file.clone();
    damaged[cut.0 - 5] ^= 1;
    assert_eq!(ogg::whole(&damaged).1, 144_000);
    assert_eq!(ogg::whole(b"RIFF"), (0, 0));
}

#[test]
fn marks_lie_behind_the_samples_and_readers_pass_over_them() {
    let file = recorded(Container::Wav, 16_000, 10, 0..0);
    let marks = wav::marks(&[320, 1_600]);
    assert_eq!((&marks[..4], marks.len()), (&b"cue "[..], 8 + 4 + 2 * 24));
    assert_eq!(marks[12 + 24 + 20..], 1_600u32.to_le_bytes());
    let mut marked = [file.clone(), marks].concat();
    let mut header: [u8; wav::HEADER_BYTES] = marked[..wav::HEADER_BYTES].try_into().unwrap();
    wav::set_length(&mut header, marked.len() as u64);
    marked[..wav::HEADER_BYTES].copy_from_slice(&header);
    assert_eq!(marked[4..8], (marked.len() as u32 - 8).to_le_bytes());
    assert_eq!(wav::read(&marked), wav::read(&file));
    assert!(wav::marks(&[]).is_empty());
}

#[test]
fn the_checksum_is_that_of_the_polynomial() {
    // The check value of this CRC without its final inversion and start value, by long division.
    let divided = |bytes: &[u8]| {
        let mut sum = 0u32;
        for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).chain([0; 32]) {
            let carry = sum >> 31;
            sum = sum << 1 | u32::from(bit);
            if carry == 1 {
                sum ^= 0x04c1_1db7;
            }
        }
        sum
    };
    for bytes in [&b"123456789"[..], b"OggS", &[0xff; 40], b""] {
        assert_eq!(ogg::checksum(bytes), divided(bytes));
    }
}

#[test]
fn a_prompt_of_any_rate_is_played_at_any_other_once_or_without_end() {
    for from_hz in [8_000, 16_000, 48_000u32] {
        let mut file = wav::header(from_hz, 1, Some(u64::from(from_hz) * 2)).to_vec();
        wav::write(&tone(500.0, 8_000.0, from_hz, from_hz as usize), &mut file);
        for to_hz in [8_000, 16_000, 48_000u32] {
            let prompt = Prompt::read(&file, to_hz).unwrap();
            assert!(prompt.samples().abs_diff(to_hz as usize) <= 1, "{from_hz} {to_hz} {}", prompt.samples());
            let mut player = Player::once(prompt.clone());
            let mut pcm = vec![0; to_hz as usize * 5 / 4];
            assert_eq!(player.fill(&mut pcm), prompt.samples());
            assert!(player.is_over());
            assert!(sinad_db(&pcm[to_hz as usize / 10..to_hz as usize * 9 / 10], 500.0, to_hz) > 40.0);
            assert_eq!(power(&pcm[to_hz as usize + 1..]), 0.0);
            let mut player = Player::repeated(prompt);
            assert_eq!(player.fill(&mut pcm), pcm.len());
            assert!(!player.is_over());
        }
    }
    assert!(Prompt::read(b"no wav", 8_000).is_err());
}

/// Pages with a checksum, of one stream: flags, the sample behind them, lengths of segments, what they are of.
fn paged(all: &[(u8, u64, &[u8], &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (number, (flags, granule, segments, body)) in (0u32..).zip(all) {
        let start = file.len();
        file.extend_from_slice(b"OggS\x00");
        file.push(*flags);
        file.extend_from_slice(&granule.to_le_bytes());
        file.extend_from_slice(&[7, 0, 0, 0]);
        file.extend_from_slice(&number.to_le_bytes());
        file.extend_from_slice(&[0; 4]);
        file.push(segments.len() as u8);
        file.extend_from_slice(segments);
        file.extend_from_slice(body);
        let sum = ogg::checksum(&file[start..]).to_le_bytes();
        file[start + 22..start + 26].copy_from_slice(&sum);
    }
    file
}

/// A header that says so many channels, this gain and this mapping.
fn head(channels: u8, gain: i16, family: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.extend_from_slice(&[channels, 0, 0, 0x80, 0xbb, 0, 0]);
    head.extend_from_slice(&gain.to_le_bytes());
    head.push(family);
    head
}

const TAGS: &[u8] = b"OpusTags\x00\x00\x00\x00\x00\x00\x00\x00";
/// 20 ms of silence at 48 kHz (RFC 6716 section 3.1).
const SILENT: &[u8] = &[0xf8, 0xff, 0xfe];

fn why(file: &[u8]) -> Option<OpusFileError> {
    match Prompt::read(file, 8_000) {
        Ok(_) => None,
        Err(PromptError::Opus(why)) => Some(why),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_prompt_of_opus_in_ogg_is_heard_at_any_rate_from_its_first_sample_to_its_last() {
    let file = recorded(Container::OggOpus { serial: 7 }, 16_000, 100, 0..0);
    for to_hz in [8_000, 16_000, 48_000u32] {
        let prompt = Prompt::read(&file, to_hz).unwrap();
        // What the last page says, but for what the encoder puts before the sound.
        let samples = (ogg::whole(&file).1 as usize - 312) * to_hz as usize / 48_000;
        assert!(prompt.samples().abs_diff(samples) <= 1, "{} {samples}", prompt.samples());
        let mut pcm = vec![0; prompt.samples()];
        Player::once(prompt).fill(&mut pcm);
        // Both channels in one.
        let heard = &pcm[to_hz as usize / 2..];
        let (low, high) = (amplitude(heard, 440.0, to_hz), amplitude(heard, 1_000.0, to_hz));
        assert!((3_000.0..5_000.0).contains(&low) && (3_000.0..5_000.0).contains(&high), "{low} {high}");
    }
}

#[test]
fn an_ogg_that_is_cut_damaged_chained_or_of_something_else_says_so() {
    use OpusFileError::{Channels, Cut, Damaged, Empty, NotOpus, Several, TooLong};
    let file = recorded(Container::OggOpus { serial: 7 }, 16_000, 100, 0..0);
    for length in (0..file.len()).step_by(13) {
        assert!(Prompt::read(&file[..length], 8_000).is_err(), "cut after {length} bytes");
    }
    assert_eq!(why(&file[..file.len() - 1]), Some(Cut));
    assert_eq!(why(&file[..file.len() / 2]), Some(Cut));
    let mut damaged = file.clone();
    damaged[file.len() / 2] ^= 1;
    assert_eq!(why(&damaged), Some(Damaged));
    assert_eq!(why(&[&file[..], &file].concat()), Some(Several));
    assert_eq!(why(&[&file[..], b"tail"].concat()), Some(Damaged));
    let good = head(1, 0, 0);
    let of = |head: &[u8], granule: u64, segments: &[u8], body: &[u8]| {
        let head_length = [head.len() as u8];
        let pages = [(2, 0, &head_length[..], head), (0, 0, &[16][..], TAGS), (4, granule, segments, body)];
        why(&paged(&pages))
    };
    assert_eq!(of(&good, 960, &[3], SILENT), None);
    assert_eq!(of(&head(6, 0, 1), 960, &[3], SILENT), Some(Channels));
    assert_eq!(of(&head(3, 0, 0), 960, &[3], SILENT), Some(Channels));
    assert_eq!(of(b"\x01vorbis\x00\x00\x00\x00\x02", 960, &[3], SILENT), Some(NotOpus));
    assert_eq!(of(&good, 0, &[], b""), Some(Empty));
    assert_eq!(of(&good, 960, &[255], &[0; 255]), Some(Damaged), "a packet without an end");
    let other = [(2, 0, &[19][..], &good[..]), (2, 0, &[16][..], TAGS)];
    assert_eq!(why(&paged(&other)), Some(Several));
    assert_eq!(why(&paged(&[(2, 0, &[19], &good), (4, 0, &[3], SILENT)])), Some(Damaged), "no comments");
    // Half a minute in a page: 250 packets of six empty frames of 20 ms (RFC 6716 section 3.2.5).
    let long: Vec<u8> = (0..250).flat_map(|_| [0xfb, 6]).collect();
    let segments = [2; 250];
    let half_minutes = |count: u64| {
        let mut all = vec![(2, 0, &[19][..], &good[..]), (0, 0, &[16][..], TAGS)];
        (1..=count).for_each(|at| {
            all.push((if at == count { 4 } else { 0 }, at * 1_440_000, &segments[..], &long[..]));
        });
        why(&paged(&all))
    };
    assert_eq!((half_minutes(10), half_minutes(11)), (None, Some(TooLong)));
}

/// Pictures of an album are comments of several pages (RFC 7845 section 5.2).
#[test]
fn comments_of_several_pages_are_passed_over_and_the_gain_counts() {
    let loud = |gain: i16| {
        let file = recorded(Container::OggOpus { serial: 7 }, 16_000, 50, 0..0);
        let head = head(2, gain, 0);
        let tags = [TAGS, &[0; 600]].concat();
        // What follows the two pages of headers of ours, under other numbers: its packets are taken over.
        let mut at = 0;
        let mut all: Vec<(u8, u64, Vec<u8>, Vec<u8>)> = vec![
            (2, 0, vec![19], head),
            (0, u64::MAX, vec![255, 255], tags[..510].to_vec()),
            (1, 0, vec![(tags.len() - 510) as u8], tags[510..].to_vec()),
        ];
        while let Some(page) = ogg::page_at(&file[at..]) {
            if page.number > 1 {
                let flags = if page.ends { 4 } else { 0 };
                all.push((flags, page.granule.unwrap(), page.segments.into(), page.body.into()));
            }
            at += page.length;
        }
        let all: Vec<_> =
            all.iter().map(|(flags, granule, s, b)| (*flags, *granule, &s[..], &b[..])).collect();
        let prompt = Prompt::read(&paged(&all), 16_000).unwrap();
        let mut pcm = vec![0; prompt.samples()];
        Player::once(prompt).fill(&mut pcm);
        amplitude(&pcm[8_000..], 440.0, 16_000)
    };
    let (usual, quiet) = (loud(0), loud(-6 * 256));
    assert!((1.9..2.1).contains(&(usual / quiet)), "{usual} {quiet}: half of it is 6 dB less");
}

/// A cover is a comment, and longer than any packet of sound (RFC 7845 section 5.2).
#[test]
fn a_picture_of_an_album_of_200_kb_is_passed_over_and_a_packet_of_sound_as_long_is_none() {
    let long = [TAGS, &[b'A'; 200_000]].concat();
    // In pages that are full, the last of them not.
    let pages = |packet: &[u8]| {
        let mut all: Vec<(u8, u64, Vec<u8>, Vec<u8>)> = Vec::new();
        for (at, body) in packet.chunks(255 * 255).enumerate() {
            let mut segments = vec![255; body.len() / 255];
            if body.len() < 255 * 255 {
                segments.push((body.len() % 255) as u8);
            }
            all.push((u8::from(at > 0), u64::MAX, segments, body.to_vec()));
        }
        all
    };
    let file = |comments: &[u8], sound: &[u8]| {
        let mut all = vec![(2, 0, vec![19], head(1, 0, 0))];
        all.extend(pages(comments));
        all.extend(pages(sound));
        all.push((4, 960, vec![SILENT.len() as u8], SILENT.to_vec()));
        let all: Vec<_> =
            all.iter().map(|(flags, granule, s, b)| (*flags, *granule, &s[..], &b[..])).collect();
        paged(&all)
    };
    assert_eq!(why(&file(&long, SILENT)), None);
    assert_eq!(Prompt::read(&file(&long, SILENT), 48_000).map(|prompt| prompt.samples()), Ok(960));
    assert_eq!(why(&file(TAGS, &long)), Some(OpusFileError::Damaged));
}

#[test]
fn the_announcement_is_heard_over_what_is_said() {
    let mut announcement = Announcement::new(8_000);
    let mut pcm = tone(300.0, 4_000.0, 8_000, 16 * 8_000);
    pcm.chunks_mut(1_000).for_each(|piece| announcement.add(piece));
    assert!(amplitude(&pcm[..4_000], 1_400.0, 8_000) > 4_000.0);
    assert!(amplitude(&pcm[8_000..100_000], 1_400.0, 8_000) < 1.0);
    assert!(amplitude(&pcm[15 * 8_000..15 * 8_000 + 4_000], 1_400.0, 8_000) > 4_000.0);
    assert!(amplitude(&pcm[..4_000], 300.0, 8_000) > 3_900.0);
}
