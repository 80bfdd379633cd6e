//! Files of recordings on a disk that is real, and what becomes of them.

use super::files::Name;
use super::*;
use aws_lc_rs::digest;
use coeur_media::record::{Container, Recorder, wav};
use coeur_storage::RecordingRow;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// 2026-11-26T05:31:40Z.
const CALL: CallRecordId = CallRecordId(1_795_671_100_000 << 80 | 7 << 76 | 0b10 << 62 | 9);

struct Disk {
    folder: PathBuf,
    rows: Arc<Mutex<Vec<RecordingRow>>>,
    /// The records refuse.
    refuses: Arc<AtomicBool>,
}

impl Disk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("coeur-recordings-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, rows: Arc::default(), refuses: Arc::default() }
    }

    fn keep(&self) -> Box<Keep> {
        let (rows, refuses) = (self.rows.clone(), self.refuses.clone());
        Box::new(move |row: &RecordingRow| {
            if refuses.load(Ordering::Relaxed) {
                return Kept::Refused;
            }
            let mut rows = rows.lock();
            match rows.iter().find(|there| there.part == row.part) {
                Some(there) if there.sha256 == row.sha256 => Kept::Yes,
                Some(_) => Kept::Taken,
                None => {
                    rows.push(row.clone());
                    Kept::Yes
                }
            }
        })
    }

    /// What was said is carried out and written, until the threads have nothing more to do.
    fn record(&self, format: Format, reserve_bytes: u64, work: impl FnOnce(&Recordings)) -> Recordings {
        let (seal, sealing) = Seal::new(Folder(self.folder.clone()), self.keep());
        let (recordings, writer) = Recordings::new(Folder(self.folder.clone()), format, reserve_bytes, seal);
        work(&recordings);
        let threads = [std::thread::spawn(move || writer.write()), std::thread::spawn(sealing)];
        recordings.stop();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        recordings
    }

    fn row(&self) -> RecordingRow {
        let rows = self.rows.lock();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        row.clone()
    }

    /// The file of a row, which is the one that was written and its owner's alone.
    #[track_caller]
    fn file(&self, row: &RecordingRow) -> Vec<u8> {
        let path = self.folder.join(&*row.file);
        let bytes = std::fs::read(&path).expect("a file");
        let sum = digest::digest(&digest::SHA256, &bytes);
        let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&*row.sha256, row.bytes), (&*hex, bytes.len() as u64));
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        path.ancestors().skip(1).take(4).for_each(|folder| assert_eq!(mode(folder), 0o700, "{folder:?}"));
        bytes
    }

    fn unfinished(&self) -> usize {
        std::fs::read_dir(self.folder.join("recordings/unfinished")).map_or(0, Iterator::count)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// So many frames, of which all samples are this.
fn frames(count: usize, sample: i16) -> Box<[i16]> {
    vec![sample; 2 * FRAME_SAMPLES * count].into()
}

fn repaired(disk: &Disk) -> usize {
    let folder = Folder(disk.folder.clone());
    Interrupted::find(&folder).repair(&folder, &disk.keep())
}

#[test]
fn a_recording_is_sealed_under_its_day_for_its_owner_alone_and_the_next_of_its_call_beside_it() {
    let disk = Disk::new("sealed");
    disk.record(Format::Wav, 0, |recordings| {
        for _ in 0..2 {
            let reel = recordings.begin(CALL, "alice@example.org".into());
            reel.sound(0, frames(10, 5));
            drop(reel);
        }
    });
    let rows = disk.rows.lock().clone();
    let files: Vec<&str> = rows.iter().map(|row| &*row.file).collect();
    let expected = [1, 2].map(|part| format!("recordings/2026/11/26/{CALL}-{part}.wav"));
    assert_eq!(files, expected);
    for row in &rows {
        let read = wav::read(&disk.file(row)).unwrap();
        assert_eq!((read.pcm.len(), row.recorded_ms), (10 * 2 * FRAME_SAMPLES, 200));
        assert_eq!((&*row.asked_by, &*row.ended), ("alice@example.org", "ended"));
    }
    assert_eq!(disk.unfinished(), 0);
}

#[test]
fn who_hangs_up_during_the_announcement_leaves_no_file() {
    let disk = Disk::new("nothing");
    disk.record(Format::Wav, 0, |recordings| drop(recordings.begin(CALL, "policy".into())));
    assert_eq!((disk.rows.lock().len(), disk.unfinished()), (0, 0));
}

#[test]
fn sound_that_was_lost_is_silence_on_the_file_and_counted() {
    let disk = Disk::new("lost");
    disk.record(Format::Wav, 0, |recordings| {
        let reel = recordings.begin(CALL, "policy".into());
        reel.sound(0, frames(10, 5));
        reel.sound(20, frames(10, 6));
    });
    let row = disk.row();
    assert_eq!((row.recorded_ms, row.lost_ms), (600, 200));
    let pcm = wav::read(&disk.file(&row)).unwrap().pcm;
    let at = |frame: usize| pcm[2 * FRAME_SAMPLES * frame];
    assert_eq!([at(9), at(10), at(19), at(20)], [5, 0, 0, 6]);
}

/// Far more than any disk has is to stay free.
#[test]
fn a_disk_without_room_ends_the_recording_and_it_is_told_why() {
    let disk = Disk::new("full");
    let mut told = None;
    let recordings = disk.record(Format::Wav, u64::MAX, |recordings| {
        let reel = recordings.begin(CALL, "policy".into());
        told = recordings.of(CALL);
        (0..3).for_each(|at| reel.sound(10 * at, frames(10, 5)));
    });
    let told = told.unwrap();
    assert_eq!(told.phase(), Phase::Failed);
    assert!(told.why().unwrap().contains("stay so for the journal"), "{:?}", told.why());
    assert_eq!(recordings.counts().failed.load(Ordering::Relaxed), 1);
    assert!(disk.row().ended.starts_with("failed: "), "{:?}", disk.row());
}

/// A worker that hands over more than the disk takes loses it, and waits for nobody.
#[test]
fn what_waits_for_the_disk_is_bounded() {
    let disk = Disk::new("bounded");
    let recordings = disk.record(Format::Ogg, 0, |recordings| {
        let reel = recordings.begin(CALL, "policy".into());
        (0..WAITING_MAX as u64 + 3).for_each(|at| reel.sound(at.min(1), Box::new([])));
        reel.sound(2, frames(2, 5));
    });
    assert_eq!(recordings.counts().lost_frames.load(Ordering::Relaxed), 2);
}

#[test]
fn what_a_kill_has_left_is_made_whole_at_the_next_start_once() {
    for (extension, container) in [("wav", Container::Wav), ("ogg", Container::OggOpus { serial: 7 })] {
        let disk = Disk::new(&format!("killed-{extension}"));
        let folder = Folder(disk.folder.clone());
        let (name, mut file) = folder.create(CALL, extension, "1795671105000 alice@example.org\n").unwrap();
        let mut bytes = Vec::new();
        let mut recorder = Recorder::new(container, RATE_HZ, &mut bytes).unwrap();
        let side = [7; FRAME_SAMPLES];
        (0..230).for_each(|_| recorder.push(&side, &side, &mut bytes).unwrap());
        // Torn in the middle of a sample, or of a page.
        bytes.truncate(bytes.len() - 3);
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        drop(file);
        assert_eq!(repaired(&disk), 1);
        assert_eq!((repaired(&disk), disk.unfinished()), (0, 0));
        let row = disk.row();
        assert_eq!((&*row.ended, &*row.asked_by), ("interrupted", "alice@example.org"));
        assert_eq!((row.began_at_ms, &*row.file), (1_795_671_105_000, &*name.sealed()));
        let bytes = disk.file(&row);
        match container {
            Container::Wav => {
                assert_eq!(bytes[40..44], (bytes.len() as u32 - 44).to_le_bytes());
                assert_eq!((bytes.len() - 44, row.recorded_ms), (230 * FRAME_SAMPLES * 4 - 4, 4_599));
            }
            Container::OggOpus { .. } => assert_eq!(row.recorded_ms, 3_000, "whole pages of a second"),
        }
    }
}

#[test]
fn a_file_that_got_no_row_gets_it_at_the_next_start() {
    let disk = Disk::new("refused");
    disk.refuses.store(true, Ordering::Relaxed);
    disk.record(Format::Wav, 0, |recordings| recordings.begin(CALL, "policy".into()).sound(0, frames(10, 5)));
    assert!(disk.rows.lock().is_empty() && disk.unfinished() == 2, "the file and its note");
    disk.refuses.store(false, Ordering::Relaxed);
    // What is not ours is left alone.
    let foreign = disk.folder.join("recordings/unfinished/notes.txt");
    std::fs::write(&foreign, b"mine").unwrap();
    assert_eq!(repaired(&disk), 1);
    assert_eq!(disk.row().recorded_ms, 200);
    disk.file(&disk.row());
    assert!(foreign.exists() && Name::parse("notes.txt").is_none());
}

/// The format is another one since the first, or its owner has moved it away: it has a row all the same.
#[test]
fn the_second_recording_of_a_call_has_a_row_whatever_became_of_the_first() {
    for (format, is_moved) in [(Format::Ogg, false), (Format::Wav, true)] {
        let disk = Disk::new(&format!("second-{is_moved}"));
        let record = |format, sample| {
            disk.record(format, 0, |recordings| {
                recordings.begin(CALL, "policy".into()).sound(0, frames(10, sample))
            });
        };
        record(Format::Wav, 5);
        let first = disk.row();
        if is_moved {
            std::fs::remove_file(disk.folder.join(&*first.file)).unwrap();
        }
        record(format, 6);
        let rows = disk.rows.lock().clone();
        assert_eq!(rows.iter().map(|row| row.part).collect::<Vec<_>>(), [1, 2]);
        assert!(rows[1].file.contains("-2."), "{}", rows[1].file);
        disk.file(&rows[1]);
        assert_eq!(disk.unfinished(), 0);
    }
}

/// It was over, and only its row was missing.
#[test]
fn the_marks_of_a_recording_that_is_whole_are_no_sound_after_a_repair() {
    let disk = Disk::new("marks");
    disk.refuses.store(true, Ordering::Relaxed);
    disk.record(Format::Wav, 0, |recordings| {
        let reel = recordings.begin(CALL, "policy".into());
        reel.sound(0, frames(10, 5));
        reel.left_out(10, 50);
        reel.sound(10, frames(10, 6));
    });
    disk.refuses.store(false, Ordering::Relaxed);
    assert_eq!(repaired(&disk), 1);
    let row = disk.row();
    let bytes = disk.file(&row);
    assert_eq!((row.recorded_ms, wav::read(&bytes).unwrap().pcm.len()), (400, 20 * 2 * FRAME_SAMPLES));
    assert!(bytes.ends_with(&wav::marks(&[10 * FRAME_SAMPLES as u32])));
}

/// The start does not wait for old files, so that calls are recorded while they are made whole.
#[test]
fn what_is_recorded_since_the_start_is_not_taken_for_interrupted() {
    let disk = Disk::new("since");
    let folder = Folder(disk.folder.clone());
    let (name, mut file) = folder.create(CALL, "wav", "1 policy\n").unwrap();
    std::io::Write::write_all(&mut file, &wav::header(RATE_HZ, 2, None)).unwrap();
    let found = Interrupted::find(&folder);
    let (new, _) = folder.create(CALL, "ogg", "2 root\n").unwrap();
    assert_eq!((name.part, new.part), (1, 2));
    assert_eq!(found.repair(&folder, &disk.keep()), 1);
    assert_eq!((disk.rows.lock().len(), folder.noted(&new)), (1, (2, "root".into())));
}

#[test]
fn what_a_worker_hands_over_when_it_ends_is_on_the_file_though_the_server_stops() {
    let disk = Disk::new("stops");
    let mut worker = None;
    disk.record(Format::Wav, 0, |recordings| {
        let (reel, shared) = (recordings.begin(CALL, "policy".into()), recordings.0.clone());
        worker = Some(std::thread::spawn(move || {
            while !shared.is_stopping.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            reel.sound(0, frames(10, 5));
        }));
    });
    worker.expect("a worker").join().unwrap();
    assert_eq!((disk.row().recorded_ms, &*disk.row().ended), (200, "ended"));
}

/// It says neither that it is recorded nor why it is not, if it is not counted.
#[test]
fn a_recording_that_cannot_be_made_is_counted() {
    let disk = Disk::new("unmade");
    let recordings = disk.record(Format::Wav, 0, |recordings| {
        recordings.begin(CALL, "policy".into()).fail("no sound of this call is understood here");
    });
    assert_eq!(recordings.counts().failed.load(Ordering::Relaxed), 1);
    assert!(recordings.of(CALL).is_none());
}
