//! SQLite against what any implementation of the records must keep.

use coeur_sim::records::{Place, conform};
use coeur_storage::{Records, Sqlite};
use std::path::{Path, PathBuf};

/// A data directory; what a kill would leave of it lies beside it. A copy of the files is what the next process finds,
/// because the system keeps what was written, synced or not.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(seed: u64) -> Self {
        let path = std::env::temp_dir().join(format!("coeur-sim-records-{}-{seed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self { path }
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn kept(&self) -> PathBuf {
        self.path.join("kept")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Place for Folder {
    fn open(&mut self) -> Box<dyn Records> {
        Box::new(Sqlite::open(&self.data()).expect("the data directory opens"))
    }

    fn keep(&self) {
        let _ = std::fs::remove_dir_all(self.kept());
        copy(&self.data(), &self.kept());
    }

    fn killed(&mut self) {
        std::fs::remove_dir_all(self.data()).expect("there");
        std::fs::rename(self.kept(), self.data()).expect("kept before");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder of ours");
    for entry in std::fs::read_dir(from).expect("there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file of ours");
        }
    }
}

#[test]
fn sqlite_keeps_what_records_must_keep_through_failures_and_kills() {
    for seed in 0..6 {
        conform(&mut Folder::new(seed), seed, 40);
    }
}
