//! A backup of a real server's directory, put back as an administrator would after a disk has died.

mod process;

use process::{Folder, Server, free_port, phone};
use std::os::unix::fs::PermissionsExt;

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The permissions of the files in an archive, each once.
fn modes_within(file: &std::path::Path) -> Vec<u32> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()));
    let modes = archive.entries().unwrap().map(|entry| entry.unwrap().header().mode().unwrap() & 0o777);
    modes.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[test]
fn what_is_backed_up_while_the_server_runs_is_all_there_when_it_is_put_back() {
    let (folder, elsewhere) = (Folder::new("backup"), Folder::new("backup-elsewhere"));
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let port = free_port();
    let listen = format!("udp://127.0.0.1:{port}");
    let (server, _) = Server::start(&folder, &["--http", "off", "--listen", &listen], "ready");
    let made = folder.json(&["account", "add", "alice@example.test", "--json"]);
    std::fs::create_dir_all(folder.0.join("prompts")).unwrap();
    std::fs::write(folder.0.join("prompts/hello.wav"), b"sound").unwrap();
    let file = elsewhere.0.join("all.tar.gz");
    let (name, place) = (file.to_str().unwrap(), elsewhere.0.join("data"));

    let backed = folder.json(&["backup", name, "--json"]);
    assert!(backed["files"].as_u64().unwrap() >= 5, "{backed}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(modes_within(&file), [0o600], "also for whoever unpacks it with tar");
    assert_eq!(folder.coeur(&["backup", name]).status.code(), Some(5), "no file is written over");
    let left: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("copy")), "{left:?}");
    let refused = folder.coeur(&["restore", name, "--replace"]);
    assert_eq!(refused.status.code(), Some(4), "a server runs here: {}", text(&refused));
    server.kill_9();

    let data = place.to_str().unwrap();
    assert!(folder.coeur(&["restore", name, "--data", data]).status.success());
    assert!(folder.coeur(&["check-data", "--data", data]).status.success());
    assert_eq!(std::fs::read(place.join("prompts/hello.wav")).unwrap(), b"sound");
    for name in ["coeur.db", "prompts/hello.wav"] {
        let mode = std::fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    // The secret opens the account that was put back.
    let restored = Folder(place);
    let port = free_port();
    let listen = format!("udp://127.0.0.1:{port}");
    let (_server, _) = Server::start(&restored, &["--http", "off", "--listen", &listen], "1 accounts");
    let mut alice = phone(&made[0], port);
    alice.register(60).unwrap();
}

#[test]
fn a_directory_with_something_in_it_is_put_aside_only_where_that_is_said() {
    let folder = Folder::new("backup-aside");
    assert!(folder.coeur(&["domain", "add", "first.test", "--data"]).status.code() != Some(0));
    let at = |name: &str| folder.0.join(name).display().to_string();
    let (data, file) = (at("data"), at("b.tar.gz"));
    assert!(folder.coeur(&["domain", "add", "first.test", "--data", &data]).status.success());
    assert!(folder.coeur(&["backup", &file, "--data", &data]).status.success());
    assert!(folder.coeur(&["domain", "add", "second.test", "--data", &data]).status.success());

    let refused = folder.coeur(&["restore", &file, "--data", &data]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(text(&refused).contains("--replace"), "{}", text(&refused));
    let done = folder.json(&["restore", &file, "--data", &data, "--replace", "--json"]);
    let domains = folder.json(&["domain", "list", "--json", "--data", &data]);
    assert_eq!(domains.as_array().unwrap().len(), 1, "{domains}");
    let before = folder.json(&["domain", "list", "--json", "--data", done["before"].as_str().unwrap()]);
    assert_eq!(before.as_array().unwrap().len(), 2, "{before}");
}

/// What was compressed; `None`: it is damaged.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut out).ok()?;
    Some(out)
}

#[test]
fn a_backup_that_is_cut_or_changed_anywhere_is_refused_and_leaves_nothing() {
    let folder = Folder::new("backup-damage");
    let at = |name: &str| folder.0.join(name).display().to_string();
    let (data, file, cut, to) = (at("data"), at("b.tar.gz"), at("cut.tar.gz"), at("to"));
    assert!(folder.coeur(&["domain", "add", "first.test", "--data", &data]).status.success());
    assert!(folder.coeur(&["backup", &file, "--data", &data]).status.success());
    let whole = std::fs::read(&file).unwrap();
    let mut refused = 0;
    for place in (0..whole.len()).step_by(whole.len() / 20) {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        for bytes in [&whole[..place], &flipped] {
            std::fs::write(&cut, bytes).unwrap();
            let output = folder.coeur(&["restore", &cut, "--data", &to]);
            // A bit of the header that says when it was packed, or by what, is nobody's data; and among many zeros it does not
            // matter which are said again.
            if output.status.success() && bytes.len() == whole.len() && unpacked(bytes) == unpacked(&whole) {
                std::fs::remove_dir_all(&to).unwrap();
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{place} of {}: {}", whole.len(), text(&output));
            assert!(!std::path::Path::new(&to).exists());
            refused += 1;
        }
    }
    assert!(refused >= 36, "{refused}");
    let names: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("restoring")), "{names:?}");
}

/// A file from elsewhere that wants to write outside of the directory.
#[test]
fn an_archive_that_leads_out_of_the_directory_is_no_backup() {
    let folder = Folder::new("backup-attack");
    let (file, to) = (folder.0.join("evil.tar.gz"), folder.0.join("to"));
    let out =
        flate2::write::GzEncoder::new(std::fs::File::create(&file).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(out);
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..11].copy_from_slice(b"../evil.db\0");
    header.set_size(4);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append(&header, &b"evil"[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let output = folder.coeur(&["restore", file.to_str().unwrap(), "--data", to.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("which no backup has"), "{}", text(&output));
    assert!(!folder.0.join("evil.db").exists() && !to.exists());
}
