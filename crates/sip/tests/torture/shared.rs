//! Test data that is not part of the repository: a folder `shared` beside it, or where `COEUR_SHARED` says.

use std::path::{Path, PathBuf};

/// A folder of the shared data, or `None` with a line on standard error that says so.
pub(crate) fn folder(path: &str) -> Option<PathBuf> {
    let given = std::env::var_os("COEUR_SHARED").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let found = given.into_iter().chain(above).map(|shared| shared.join(path)).find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: shared/{path} is absent (set COEUR_SHARED)");
    }
    found
}

/// The files of a folder with their names, in order.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder that was just found")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a readable file"))
        })
        .collect()
}
