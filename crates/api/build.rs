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

/// What is answered at an address of its own, outside of `/assets`: it is asked for anew each time.
const ROOT: &[&str] = &["index.html", "embed.html", "sw.js", "manifest.webmanifest"];
/// In these `/assets/-/` becomes the place of this build; the offline page is an asset all the same.
const NAMES_PLACE: &str = "offline.html";

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
    let named: Vec<(String, &PathBuf)> = files
        .iter()
        .map(|file| (file.strip_prefix(&console).expect("it is below").to_string_lossy().into_owned(), file))
        .collect();
    let mut hasher = DefaultHasher::new();
    for (name, file) in &named {
        (name, fs::read(file).expect("a file of the console")).hash(&mut hasher);
    }
    for name in ROOT {
        fs::read(console.join(name)).expect("a file of the console").hash(&mut hasher);
    }
    let hash = format!("{:016x}", hasher.finish());
    let here = |file: &Path| {
        let text = fs::read_to_string(file).expect("a file of the console");
        text.replace("/assets/-/", &format!("/assets/{hash}/"))
    };
    let mut rows = String::new();
    for (number, (name, file)) in named.iter().enumerate() {
        let mut plain = file.to_path_buf();
        if name == NAMES_PLACE {
            plain = out.join(NAMES_PLACE);
            fs::write(&plain, here(file)).expect("the folder of the build");
        }
        let bytes = fs::read(&plain).expect("a file of the console");
        let packed = out.join(format!("{number}.gz"));
        fs::write(&packed, gzip(&bytes)).expect("the folder of the build");
        let (plain, packed) = (plain.display().to_string(), packed.display().to_string());
        writeln!(rows, "    File {{ name: {name:?}, plain: include_bytes!({plain:?}), gzip: include_bytes!({packed:?}) }},")
            .expect("a string takes all");
    }
    for name in ROOT {
        fs::write(out.join(name), here(&console.join(name))).expect("the folder of the build");
    }
    let text = format!("const HASH: &str = \"{hash}\";\nstatic FILES: &[File] = &[\n{rows}];\n");
    fs::write(out.join("console.rs"), text).expect("the folder of the build");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the console").flatten() {
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files);
        } else if !NOT_SERVED.contains(&extension.as_str()) && !ROOT.iter().any(|name| path.ends_with(name)) {
            files.push(path);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("memory takes all")
}
