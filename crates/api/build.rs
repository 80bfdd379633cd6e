//! Packs `console/` into the program: each file as it is and compressed, under a name for the whole, so that a browser may
//! keep all of it for ever and still has the new one after an upgrade. Needs nothing but the files.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What is in `console/` for whoever works on it.
const NOT_SERVED: &[&str] = &["mjs", "md"];

fn main() {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it"));
    println!("cargo:rerun-if-changed={}", console.display());
    let mut files = Vec::new();
    collect(&console, &mut files);
    // As text: a path is sorted part by part, and `pages.js` is behind `pages/` then.
    files.sort_by_key(|file| file.to_string_lossy().into_owned());
    let mut hasher = DefaultHasher::new();
    let mut rows = String::new();
    for (number, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&console).expect("it is below").to_string_lossy().into_owned();
        let bytes = fs::read(file).expect("a file of the console");
        (&name, &bytes).hash(&mut hasher);
        let packed = out.join(format!("{number}.gz"));
        fs::write(&packed, gzip(&bytes)).expect("the folder of the build");
        let (plain, packed) = (file.display().to_string(), packed.display().to_string());
        writeln!(rows, "    File {{ name: {name:?}, plain: include_bytes!({plain:?}), gzip: include_bytes!({packed:?}) }},")
            .expect("a string takes all");
    }
    let hash = hasher.finish();
    let index = fs::read_to_string(console.join("index.html")).expect("console/index.html");
    let index = index.replace("/assets/-/", &format!("/assets/{hash:016x}/"));
    fs::write(out.join("index.html"), index).expect("the folder of the build");
    let text = format!("const HASH: &str = \"{hash:016x}\";\nstatic FILES: &[File] = &[\n{rows}];\n");
    fs::write(out.join("console.rs"), text).expect("the folder of the build");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the console").flatten() {
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files);
        } else if !NOT_SERVED.contains(&extension.as_str()) && !path.ends_with("index.html") {
            files.push(path);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("memory takes all")
}
