//! The thread that writes recordings. What a disk refuses ends one recording, and no call.

use super::files::{self, Folder, Name};
use super::repair::mend;
use super::seal::{Seal, Whole};
use super::{FRAME_SAMPLES, Format, Phase, RATE_HZ, Shared, State, Work};
use coeur_media::record::{Container, Recorder, wav};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

/// Silence that stands for what was lost at once; a worker that slept longer has not lost sound but time.
const GAP_FRAMES_MAX: u64 = 3_000;
/// Places that are marked in one file.
const MARKS_MAX: usize = 1_000;
/// Room on the disk is asked for again after so many pieces of all recordings.
const LOOK_EVERY: u32 = 25;

/// Writes until it is stopped.
pub struct Writer {
    work: Receiver<Work>,
    shared: Arc<Shared>,
    folder: Folder,
    format: Format,
    /// What stays free, for the journal and the records of calls.
    reserve_bytes: u64,
    seal: Seal,
    open: BTreeMap<u64, Open>,
    looked: u32,
}

/// One recording that is written.
struct Open {
    state: Arc<State>,
    /// `None`: it was never begun, or has failed.
    tape: Option<Tape>,
}

struct Tape {
    name: Name,
    file: File,
    recorder: Recorder,
    /// Frames that are on it, silence for lost ones included.
    frames: u64,
    lost_frames: u64,
    /// A write has failed, of which nobody knows how much is on the disk.
    is_torn: bool,
    /// Where something was left out: behind so many frames, and how many.
    marks: Vec<(u64, u64)>,
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        work: Receiver<Work>,
        shared: Arc<Shared>,
        folder: Folder,
        format: Format,
        reserve_bytes: u64,
        seal: Seal,
    ) -> Self {
        Self { work, shared, folder, format, reserve_bytes, seal, open: BTreeMap::new(), looked: 0 }
    }

    pub fn write(mut self) {
        while let Ok(work) = self.work.recv() {
            match work {
                Work::Begin(state) => {
                    self.open.insert(state.serial, Open { state, tape: None });
                }
                Work::Sound { serial, at, pcm } => {
                    self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.sound(serial, at, &pcm);
                }
                Work::LeftOut { serial, at, frames } => {
                    let tape = self.open.get_mut(&serial).and_then(|open| open.tape.as_mut());
                    tape.filter(|tape| tape.marks.len() < MARKS_MAX)
                        .into_iter()
                        .for_each(|tape| tape.marks.push((at, frames)));
                }
                Work::End { serial } => self.end(serial, "ended"),
                Work::Stop(done) => {
                    let all: Vec<u64> = self.open.keys().copied().collect();
                    all.into_iter().for_each(|serial| self.end(serial, "interrupted"));
                    self.seal.stop();
                    // Who has asked may have given up.
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// The file is made with the first sound: who hangs up during the announcement leaves none.
    fn sound(&mut self, serial: u64, at: u64, pcm: &[i16]) {
        let Some(open) = self.open.get(&serial).filter(|open| !open.state.is_failed.load(Ordering::Relaxed))
        else {
            return;
        };
        let state = open.state.clone();
        let tape = match &open.tape {
            Some(_) => Ok(None),
            None => Tape::create(&self.folder, self.format, &state).map(Some),
        };
        let written = tape.and_then(|tape| {
            let open = self.open.get_mut(&serial).ok_or(io::ErrorKind::NotFound)?;
            open.tape = tape.or(open.tape.take());
            let tape = open.tape.as_mut().ok_or(io::ErrorKind::NotFound)?;
            self.looked += 1;
            if self.looked >= LOOK_EVERY || tape.frames == 0 {
                self.looked = 0;
                has_room(&tape.file, self.reserve_bytes)?;
            }
            tape.sound(at, pcm)?;
            state.recorded_ms.store(tape.frames * 20, Ordering::Relaxed);
            Ok(())
        });
        if let Err(why) = written {
            self.failed(serial, &why);
        }
    }

    /// What is there is kept; the call goes on, and so do other recordings as far as the disk lets them.
    fn failed(&mut self, serial: u64, why: &io::Error) {
        self.shared.counts.failed.fetch_add(1, Ordering::Relaxed);
        let Some(open) = self.open.get_mut(&serial) else { return };
        tracing::error!(call = %open.state.call, %why, "a recording has ended: the disk refuses it; the call goes on");
        *open.state.why.lock() = Some(why.to_string());
        open.state.is_failed.store(true, Ordering::Relaxed);
        let (state, tape) = (open.state.clone(), open.tape.take());
        if let Some(tape) = tape {
            tape.finish(&state, &format!("failed: {why}"), &self.seal);
        }
    }

    fn end(&mut self, serial: u64, how: &str) {
        let Some(open) = self.open.remove(&serial) else { return };
        if let Some(tape) = open.tape {
            tape.finish(&open.state, how, &self.seal);
        }
        self.shared.forget(&open.state);
    }
}

impl Tape {
    fn create(folder: &Folder, format: Format, state: &State) -> io::Result<Self> {
        let (container, extension) = match format {
            Format::Wav => (Container::Wav, "wav"),
            // Random bits of the call's name; some tools of others warn of 0.
            Format::Ogg => (Container::OggOpus { serial: (state.call.0 as u32).max(1) }, "ogg"),
        };
        let mut out = Vec::new();
        let recorder = Recorder::new(container, RATE_HZ, &mut out)
            .map_err(|_| io::Error::other("there is no encoder"))?;
        let note = format!("{} {}\n", crate::house::unix_time_ms(), state.asked_by);
        let (name, mut file) = folder.create(state.call, extension, &note)?;
        file.write_all(&out)?;
        *state.file.lock() = Some(name.sealed());
        out.clear();
        Ok(Self { name, file, recorder, frames: 0, lost_frames: 0, is_torn: false, marks: Vec::new(), out })
    }

    /// What was lost before it is silence, so that both sides stay in time.
    fn sound(&mut self, at: u64, pcm: &[i16]) -> io::Result<()> {
        let lost = at.saturating_sub(self.frames).min(GAP_FRAMES_MAX);
        for _ in 0..lost {
            self.frame(&[0; 2 * FRAME_SAMPLES]);
        }
        self.lost_frames += lost;
        pcm.chunks_exact(2 * FRAME_SAMPLES).for_each(|frame| self.frame(frame));
        let written = self.file.write_all(&self.out);
        self.out.clear();
        self.is_torn |= written.is_err();
        written
    }

    fn frame(&mut self, both: &[i16]) {
        let (mut left, mut right) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        for (at, pair) in both.chunks_exact(2).enumerate() {
            (left[at], right[at]) = (pair[0], pair[1]);
        }
        // Frames are of the right length; one that Opus refuses is left out.
        let _ = self.recorder.push(&left, &right, &mut self.out);
        self.frames += 1;
    }

    fn finish(self, state: &State, how: &str, seal: &Seal) {
        let Self { name, mut file, recorder, frames, lost_frames, is_torn, marks, mut out } = self;
        let mut recorded_ms = frames * 20;
        let header = recorder.finish(&mut out);
        if header.is_some() {
            let at = marks.iter().map(|(at, _)| (at * FRAME_SAMPLES as u64) as u32).collect::<Vec<_>>();
            out.extend(wav::marks(&at));
        }
        let mut end = |file: &mut File| {
            if is_torn {
                recorded_ms = mend(file, &name)?;
                return Ok(());
            }
            file.write_all(&out)?;
            let Some(mut header) = header else { return Ok(()) };
            wav::set_length(&mut header, file.stream_position()?);
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)
        };
        if let Err(why) = end(&mut file) {
            tracing::warn!(call = %state.call, %why, "the end of a recording is not written; it is readable without");
            // A torn page, or a header without a length. Where that cannot be mended either, the next start tries again.
            recorded_ms = mend(&mut file, &name).unwrap_or(recorded_ms);
        }
        state.phase.store(Phase::Paused as u8, Ordering::Relaxed);
        seal.whole(Whole {
            name,
            recorded_ms,
            lost_ms: lost_frames * 20,
            pauses: marks.into_iter().map(|(at, frames)| (at * 20, frames * 20)).collect(),
            ended: how.into(),
        });
    }
}

fn has_room(file: &File, reserve_bytes: u64) -> io::Result<()> {
    let free = files::free_bytes(file)?;
    if free >= reserve_bytes {
        return Ok(());
    }
    let text = format!(
        "{} MB are free, and {} stay so for the journal",
        free / 1_000_000,
        reserve_bytes / 1_000_000
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::{Kept, Recordings};
    use coeur_exchange::call_record::CallRecordId;

    /// A disk may take a part of what it refuses.
    #[test]
    fn a_file_whose_last_write_has_failed_says_how_much_of_it_is_there() {
        for (format, heard_ms) in [(Format::Wav, 399), (Format::Ogg, 0)] {
            let path = std::env::temp_dir().join(format!("coeur-torn-{format:?}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            let folder = Folder(path.clone());
            let (rows, kept) = std::sync::mpsc::channel();
            let keep = move |row: &coeur_storage::RecordingRow| {
                rows.send(row.clone()).unwrap();
                Kept::Yes
            };
            let (seal, sealing) = Seal::new(folder.clone(), Box::new(keep));
            let sealing = std::thread::spawn(sealing);
            let (recordings, writer) = Recordings::new(folder.clone(), format, 0, seal);
            let reel = recordings.begin(CallRecordId(7), "policy".into());
            let mut tape = Tape::create(&folder, format, &reel.state).unwrap();
            tape.sound(0, &[5; 2 * FRAME_SAMPLES * 20]).unwrap();
            let length = tape.file.metadata().unwrap().len();
            tape.file.set_len(length - 3).unwrap();
            tape.is_torn = true;
            // Of these nothing has come to the disk.
            tape.frames += 5;
            tape.finish(&reel.state, "failed: full", &writer.seal);
            writer.seal.stop();
            sealing.join().unwrap();
            let row = kept.try_recv().unwrap();
            assert_eq!(row.recorded_ms, heard_ms, "{format:?}");
            let bytes = std::fs::read(path.join(&*row.file)).unwrap();
            if format == Format::Wav {
                assert_eq!(bytes[40..44], (bytes.len() as u32 - wav::HEADER_BYTES as u32).to_le_bytes());
                assert_eq!(bytes.len() as u64, length - 4);
            }
            std::fs::remove_dir_all(&path).unwrap();
        }
    }
}
