//! Compiles libopus with the C compiler, as decision 0017 says.
//!
//! The source lies in the package `opusic-sys`, which Cargo has fetched and checked; its own build would want cmake. Which
//! files there are, the source tree says itself in its lists for make; what each is compiled with follows its
//! `CMakeLists.txt`: floating point, no neural network, SIMD chosen at run time on x86-64, NEON on 64-bit ARM, plain C
//! elsewhere.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "opusic-sys";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let source = source_of_libopus();
    let lists = Lists::read(&source);
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let mut plain =
        vec!["CELT_SOURCES", "SILK_SOURCES", "SILK_SOURCES_FLOAT", "OPUS_SOURCES", "OPUS_SOURCES_FLOAT"];
    // Of several archives the linker looks in the order in which they were made: who calls comes first.
    match arch.as_str() {
        "x86_64" => plain.extend(["CELT_SOURCES_X86_RTCD", "SILK_SOURCES_X86_RTCD"]),
        "aarch64" => plain.extend(["CELT_SOURCES_ARM_NEON_INTR", "SILK_SOURCES_ARM_NEON_INTR"]),
        _ => {}
    }
    compile(&source, &arch, "coeur_opus", &[], lists.files(&plain));
    if arch == "x86_64" {
        let wide = ["CELT_SOURCES_AVX2", "SILK_SOURCES_AVX2", "SILK_SOURCES_FLOAT_AVX2"];
        compile(&source, &arch, "coeur_opus_avx2", &["-mavx2", "-mfma", "-mavx"], lists.files(&wide));
        let narrow = ["CELT_SOURCES_SSE4_1", "SILK_SOURCES_SSE4_1"];
        compile(&source, &arch, "coeur_opus_sse4", &["-msse4.1"], lists.files(&narrow));
        let base = ["CELT_SOURCES_SSE", "CELT_SOURCES_SSE2"];
        compile(&source, &arch, "coeur_opus_sse2", &[], lists.files(&base));
    }
}

fn compile(source: &Path, arch: &str, name: &str, flags: &[&str], files: Vec<PathBuf>) {
    let mut build = cc::Build::new();
    for folder in ["include", "celt", "silk", "silk/float", "src", "."] {
        build.include(source.join(folder));
    }
    build.define("OPUS_BUILD", None).define("VAR_ARRAYS", None).define("DISABLE_DEBUG_FLOAT", None);
    // A broken assumption about a packet ends the process instead of its memory.
    build.define("ENABLE_HARDENING", None);
    build.define("HAVE_LRINT", None).define("HAVE_LRINTF", None).define("HAVE_STDINT_H", None);
    build.define("PACKAGE_VERSION", "\"1.6.1\"");
    match arch {
        "x86_64" => {
            build.define("OPUS_HAVE_RTCD", None).define("CPU_INFO_BY_C", None);
            for level in ["SSE", "SSE2", "SSE4_1", "AVX2"] {
                build.define(&format!("OPUS_X86_MAY_HAVE_{level}"), None);
            }
            build.define("OPUS_X86_PRESUME_SSE", None).define("OPUS_X86_PRESUME_SSE2", None);
        }
        "aarch64" => {
            for fact in
                ["MAY_HAVE_NEON_INTR", "PRESUME_NEON", "PRESUME_NEON_INTR", "PRESUME_AARCH64_NEON_INTR"]
            {
                build.define(&format!("OPUS_ARM_{fact}"), None);
            }
        }
        _ => {}
    }
    for flag in flags {
        build.flag(flag);
    }
    // Audio is heard in debug builds too, and unoptimised it takes a core for ten calls.
    build.opt_level(3).debug(false).warnings(false).flag_if_supported("-fvisibility=hidden");
    build.flag_if_supported("-fstack-protector-strong");
    build.files(files).compile(name);
}

/// The lists of source files: `NAME = \`, then a path in each line, all but the last with `\`.
struct Lists {
    source: PathBuf,
    text: String,
}

impl Lists {
    fn read(source: &Path) -> Lists {
        let names = ["celt_sources.mk", "silk_sources.mk", "opus_sources.mk"];
        let texts = names.map(|name| std::fs::read_to_string(source.join(name)).expect("a list of sources"));
        Lists { source: source.to_path_buf(), text: texts.join("\n") }
    }

    fn files(&self, names: &[&str]) -> Vec<PathBuf> {
        names.iter().flat_map(|name| self.list(name)).collect()
    }

    fn list(&self, name: &str) -> Vec<PathBuf> {
        let begins = |line: &&str| line.split('=').next().is_some_and(|left| left.trim() == name);
        let mut lines = self.text.lines().skip_while(|line| !begins(line)).peekable();
        assert!(lines.peek().is_some(), "libopus has a list {name}");
        let mut files = Vec::new();
        for line in lines {
            let words = line.split('=').next_back().unwrap_or_default().trim();
            let file = words.trim_end_matches('\\').trim();
            if !file.is_empty() {
                files.push(self.source.join(file));
            }
            if !words.ends_with('\\') {
                break;
            }
        }
        files
    }
}

/// Where Cargo has laid the package. It is asked without the network first: what is being built has been fetched.
fn source_of_libopus() -> PathBuf {
    let metadata =
        metadata(&["--offline"]).or_else(|| metadata(&[])).expect("cargo metadata tells where packages lie");
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let manifest = packages
        .iter()
        .find(|package| package["name"] == PACKAGE)
        .and_then(|package| package["manifest_path"].as_str())
        .expect("opusic-sys is a build dependency");
    let source = Path::new(manifest).with_file_name("opus");
    assert!(source.join("include/opus.h").exists(), "{} holds libopus", source.display());
    source
}

fn metadata(more: &[&str]) -> Option<serde_json::Value> {
    let cargo = env::var_os("CARGO").expect("cargo runs this");
    let host = env::var("HOST").expect("cargo names the host");
    let folder = env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the folder");
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", &host])
        .args(more)
        .current_dir(folder)
        .output()
        .ok()?;
    if out.status.success() { serde_json::from_slice(&out.stdout).ok() } else { None }
}
