//! A Debian package of the program: the binary, its unit for systemd, settings, manual pages, completions.

use super::Tally;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What is made, and from what.
pub struct Package<'a> {
    pub binary: &'a Path,
    /// Of `dpkg-deb`: how small it is to be.
    pub compression: &'a [&'a str],
}

const SMALL: &[&str] = &["-Zxz"];
const FAST: &[&str] = &["-Zgzip", "-z1"];
const OUT: &str = "target/package";

/// `cargo xtask package`: from a release build. Returns whether it was made.
pub fn make() -> bool {
    let built = Command::new("cargo").args(["build", "--release", "--locked", "-p", "coeur"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return false;
    }
    match build(&Package { binary: Path::new("target/release/coeur"), compression: SMALL }) {
        Ok(file) => println!("{}", file.display()),
        Err(why) => {
            eprintln!("package: {why}");
            return false;
        }
    }
    true
}

/// The package of a debug build, unpacked again and looked at as an administrator would.
pub fn check(tally: &mut Tally) {
    println!("== package");
    let started = Instant::now();
    let lacking: Vec<&str> =
        ["dpkg-deb", "strip", "systemd-analyze"].into_iter().filter(|tool| !has(tool)).collect();
    if !lacking.is_empty() {
        tally.skipped += 1;
        tally.notes.push(format!("package: skipped, {} are not here", lacking.join(", ")));
        return;
    }
    match looked_at() {
        Ok(()) => tally.passed += 1,
        Err(why) => {
            tally.failed += 1;
            println!("== package: FAILED: {why}");
        }
    }
    println!("== package: done ({:.0?})", started.elapsed());
}

fn looked_at() -> Result<(), String> {
    let file = build(&Package { binary: Path::new("target/debug/coeur"), compression: FAST })?;
    let root = Path::new(OUT).join("unpacked");
    fresh(&root)?;
    run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&root))?;
    run(Command::new(root.join("usr/bin/coeur")).arg("--version"))?;
    let config = root.join("etc/coeur/coeur.toml");
    run(Command::new(root.join("usr/bin/coeur")).arg("check-config").arg("--config").arg(config))?;
    for page in ["coeur.1.gz", "coeur-serve.1.gz", "coeur-account-add.1.gz"] {
        let page = root.join("usr/share/man/man1").join(page);
        page.is_file().then_some(()).ok_or(format!("{} is not there", page.display()))?;
    }
    verified(&root)
}

/// systemd reads the unit, with the unpacked binary in the place of the installed one.
fn verified(root: &Path) -> Result<(), String> {
    let unit = root.join("usr/lib/systemd/system/coeur.service");
    let text = fs::read_to_string(&unit).map_err(|why| format!("{}: {why}", unit.display()))?;
    let binary = fs::canonicalize(root.join("usr/bin/coeur")).map_err(|why| why.to_string())?;
    let text = text.replace("/usr/bin/coeur", &binary.display().to_string());
    let unit = root.join("coeur.service");
    fs::write(&unit, text).map_err(|why| format!("{}: {why}", unit.display()))?;
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
    let verified = verified.map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // It reads the units of this machine too, which are not ours.
    match verified.status.success() && !said.contains("coeur.service") {
        true => Ok(()),
        false => Err(format!("systemd does not take the unit: {said}")),
    }
}

/// Lays the files out and packs them. The binary is stripped.
pub fn build(package: &Package<'_>) -> Result<PathBuf, String> {
    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?;
    let version = env!("CARGO_PKG_VERSION");
    let root = Path::new(OUT).join("root");
    fresh(&root)?;
    let binary = root.join("usr/bin/coeur");
    folder_of(&binary)?;
    run(Command::new("strip").arg("-o").arg(&binary).arg(package.binary))?;
    for (from, to) in [
        ("packaging/coeur.service", "usr/lib/systemd/system/coeur.service"),
        ("packaging/coeur.sysusers", "usr/lib/sysusers.d/coeur.conf"),
        ("packaging/coeur.toml", "etc/coeur/coeur.toml"),
        ("packaging/debian/copyright", "usr/share/doc/coeur/copyright"),
        ("CHANGELOG.md", "usr/share/doc/coeur/CHANGELOG.md"),
        ("packaging/debian/postinst", "DEBIAN/postinst"),
        ("packaging/debian/prerm", "DEBIAN/prerm"),
        ("packaging/debian/postrm", "DEBIAN/postrm"),
    ] {
        let to = root.join(to);
        folder_of(&to)?;
        fs::copy(from, &to).map_err(|why| format!("{from}: {why}"))?;
        let script = to.parent().is_some_and(|folder| folder.ends_with("DEBIAN"));
        mode(&to, if script { 0o755 } else { 0o644 })?;
    }
    pages(&binary, &root)?;
    let needs = needs(&binary)?;
    let size_kb: u64 = fs::metadata(&binary).map_or(0, |found| found.len()) / 1024;
    let control = format!(
        "Package: coeur\nVersion: {version}\nArchitecture: {architecture}\nSection: comm\nPriority: optional\n\
         Maintainer: The Coeur project <coeur@localhost>\nInstalled-Size: {size_kb}\nDepends: {needs}\n\
         Description: SIP accounts for people and organisations\n \
         Registrar, calls between any two devices, media relay, STUN and TURN, and what an account needs,\n \
         in one program.\n"
    );
    fs::write(root.join("DEBIAN/control"), control).map_err(|why| why.to_string())?;
    fs::write(root.join("DEBIAN/conffiles"), "/etc/coeur/coeur.toml\n").map_err(|why| why.to_string())?;
    let file = Path::new(OUT).join(format!("coeur_{version}_{architecture}.deb"));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group"])
        .args(package.compression)
        .arg("--build")
        .arg(&root)
        .arg(&file))?;
    Ok(file)
}

/// What the program writes about itself: manual pages and completions.
fn pages(binary: &Path, root: &Path) -> Result<(), String> {
    let man = root.join("usr/share/man/man1");
    run(Command::new(binary).arg("man").arg(&man))?;
    let pages: Vec<PathBuf> = fs::read_dir(&man)
        .map_err(|why| why.to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    run(Command::new("gzip").arg("-9n").args(&pages))?;
    for (shell, file) in [
        ("bash", "usr/share/bash-completion/completions/coeur"),
        ("zsh", "usr/share/zsh/vendor-completions/_coeur"),
        ("fish", "usr/share/fish/vendor_completions.d/coeur.fish"),
    ] {
        let file = root.join(file);
        folder_of(&file)?;
        let script = said(Command::new(binary).args(["completion", shell]))?;
        fs::write(&file, script + "\n").map_err(|why| why.to_string())?;
    }
    Ok(())
}

/// The libraries that it is linked to, with the versions that it needs, as the distribution knows them.
fn needs(binary: &Path) -> Result<String, String> {
    const UNKNOWN: &str = "libc6, libgcc-s1";
    if !has("dpkg-shlibdeps") {
        return Ok(UNKNOWN.to_owned());
    }
    // It looks for a source package around itself.
    let around = Path::new(OUT).join("source");
    fresh(&around)?;
    let control = around.join("debian/control");
    folder_of(&control)?;
    fs::write(&control, "Source: coeur\n\nPackage: coeur\nArchitecture: any\n")
        .map_err(|why| why.to_string())?;
    let binary = fs::canonicalize(binary).map_err(|why| why.to_string())?;
    let found = said(Command::new("dpkg-shlibdeps").arg("-O").arg(binary).current_dir(&around))?;
    Ok(found.trim().strip_prefix("shlibs:Depends=").unwrap_or(UNKNOWN).to_owned())
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

fn fresh(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))
}

fn folder_of(file: &Path) -> Result<(), String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))
}

fn mode(file: &Path, bits: u32) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(bits))
        .map_err(|why| format!("{}: {why}", file.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    said(command).map(drop)
}

/// What it prints; an error where it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|why| format!("{name}: {why}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
