//! The real binary over disks that are full, broken or not to be written: it says so to whoever can act, calls go on,
//! and nothing that was acknowledged is lost.
//!
//! A disk is filled in two ways. A limit on the size of files, set on the running process, needs no rights and fails
//! every write with EFBIG. A small tmpfs fails as real disks do, with ENOSPC; it needs the right to mount, and without
//! it that test says so and ends.

mod process;

use coeur::user_agent::{Phone, PhoneError};
use process::{Folder, Server, eventually, free_port, http_get, phone};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn when_no_file_may_grow_the_new_is_refused_the_known_served_and_all_works_again_by_itself() {
    let (folder, ports) = (Folder::new("fsize"), Ports::new());
    life_on_a_full_disk(&folder, &ports, "file sizes", &mut |server, full| {
        let soft = if full { 0 } else { libc::RLIM_INFINITY };
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: libc::RLIM_INFINITY };
        let pid = server.pid() as libc::pid_t;
        // SAFETY: the kernel reads our structure and writes none back.
        let done = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
        assert_eq!(done, 0, "a limit of a process of our own: {}", std::io::Error::last_os_error());
    });
}

#[test]
fn when_the_disk_is_full_the_new_is_refused_the_known_served_and_all_works_again_by_itself() {
    let (folder, ports) = (Folder::new("enospc"), Ports::new());
    let Some(mounted) = Mounted::tmpfs(&folder.0, "16m") else { return };
    let filler = folder.0.join("filler");
    life_on_a_full_disk(&folder, &ports, "free space", &mut |_, full| match full {
        true => fill(&filler),
        false => std::fs::remove_file(&filler).unwrap(),
    });
    drop(mounted);
}

#[test]
fn a_restart_on_a_full_disk_serves_what_was_registered() {
    let (folder, ports) = (Folder::new("restart"), Ports::new());
    let Some(mounted) = Mounted::tmpfs(&folder.0, "16m") else { return };
    let server = ports.start(&folder);
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&made[0], ports.sip);
    alice.register(600).unwrap();
    // Gracefully: the index of SQLite's log is gone, and there is no room for a new one.
    server.terminate();
    fill(&folder.0.join("filler"));
    let output = folder.coeur(&["account", "add", "bob"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("(free space on that disk)"), "{output:?}");
    assert_eq!(folder.json(&["account", "list", "--json"]).as_array().unwrap().len(), 1);

    let _server = ports.start(&folder);
    assert_eq!(folder.json(&["registrations", "--json"])[0]["account"], "alice@example.test");
    let answer = alice.register_heard(600).unwrap();
    // The first one finds out that nothing can be written.
    assert!(answer.header("Warning").is_none());
    assert!(alice.register_heard(600).unwrap().header("Warning").is_some());
    drop(mounted);
}

#[test]
fn a_restart_where_no_file_may_grow_serves_what_was_registered() {
    use std::os::unix::process::CommandExt;
    let (folder, ports) = (Folder::new("restart-fsize"), Ports::new());
    let server = ports.start(&folder);
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let mut alice = phone(&made[0], ports.sip);
    alice.register(600).unwrap();
    server.terminate();
    let mut command = process::command(&folder.0);
    // SAFETY: one system call between fork and exec, which allocates nothing.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        })
    };
    let _server = ports.start_as(command);
    assert_eq!(folder.json(&["registrations", "--json"])[0]["account"], "alice@example.test");
    alice.register(600).unwrap();
    assert!(alice.register_heard(600).unwrap().header("Warning").is_some());
}

#[test]
fn a_first_start_on_a_full_disk_names_the_file_and_what_to_do() {
    let folder = Folder::new("first");
    let Some(mounted) = Mounted::tmpfs(&folder.0, "1m") else { return };
    fill(&folder.0.join("filler"));
    for arguments in [&["serve", "--domain", "example.test"][..], &["domain", "add", "example.test"]] {
        let output = folder.coeur(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains("coeur.db: ") && text.contains("(free space on that disk)"), "{text}");
    }
    drop(mounted);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_refused_with_its_name_and_what_to_do() {
    let folder = Folder::new("readonly");
    let refused = |arguments: &[&str], path: &Path, remedy: &str| {
        let output = process::command(path).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains(&path.display().to_string()) && text.contains(remedy), "{text}");
        assert!(output.stdout.is_empty());
    };
    let file = folder.0.join("file");
    std::fs::write(&file, b"").unwrap();
    let data = folder.0.join("data");
    assert!(process::command(&data).args(["domain", "add", "example.test"]).status().unwrap().success());
    let mounted = Mounted::tmpfs(&data, "16m");
    if let Some(mounted) = &mounted {
        assert!(process::command(&data).args(["domain", "add", "example.test"]).status().unwrap().success());
        mounted.remount("ro");
    }
    for arguments in [&["serve", "--http", "off"][..], &["domain", "add", "other.test"]] {
        refused(arguments, &file.join("data"), "Not a directory");
        if mounted.is_some() {
            refused(arguments, &data, "(mount it writable)");
        }
    }
}

/// Another user's folder. Only root can become another user, so anyone else is that user already: in `/`, which is root's.
#[test]
fn a_data_directory_of_somebody_else_is_refused_with_its_name_and_what_to_do() {
    use std::os::unix::process::CommandExt;
    let folder = Folder::new("foreign");
    let (data, nobody) = (folder.0.join("data"), 65_534);
    // SAFETY: the call only asks.
    let is_root = unsafe { libc::geteuid() } == 0;
    let data = if is_root { data } else { "/coeur-data".into() };
    let mut command = process::command(&data);
    if is_root {
        assert!(process::command(&data).args(["domain", "add", "example.test"]).status().unwrap().success());
        // The binary may lie where nobody else may go.
        let copy = folder.0.join("coeur");
        std::fs::copy(env!("CARGO_BIN_EXE_coeur"), &copy).unwrap();
        command = Command::new(copy);
        command.env_clear().env("COEUR_DATA", &data).uid(nobody).gid(nobody);
    }
    let output = command.args(["serve", "--http", "off"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    let remedy = "(give this user the folder, or choose another with --data)";
    assert!(text.contains(&data.display().to_string()) && text.contains(remedy), "{text}");
}

struct Ports {
    sip: u16,
    http: u16,
}

impl Ports {
    fn new() -> Self {
        Self { sip: free_port(), http: free_port() }
    }

    fn start(&self, folder: &Folder) -> Server {
        self.start_as(process::command(&folder.0))
    }

    fn start_as(&self, command: Command) -> Server {
        let (listen, http) = (format!("udp://127.0.0.1:{}", self.sip), format!("127.0.0.1:{}", self.http));
        let settings = ["--domain", "example.test", "--listen", &listen, "--http", &http, "--shards", "2"];
        Server::start_as(command, &settings, "ready").0
    }

    fn metric(&self, name: &str) -> u64 {
        let page = http_get(self.http, "/metrics").1;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is missing in\n{page}"))
    }
}

/// `remedy` is what every refusal must tell the operator to do; `set_full` fills the disk and frees it.
fn life_on_a_full_disk(
    folder: &Folder,
    ports: &Ports,
    remedy: &str,
    set_full: &mut dyn FnMut(&Server, bool),
) {
    let server = ports.start(folder);
    let made = ["alice", "bob", "carol"].map(|user| folder.json(&["account", "add", user, "--json"]));
    let [mut alice, mut bob, mut carol] = made.each_ref().map(|made| phone(&made[0], ports.sip));
    alice.register(600).unwrap();
    bob.register(600).unwrap();
    // A restart: what is read back is known to be saved, and no segment is open that has some room left.
    server.terminate();
    let mut server = ports.start(folder);

    set_full(&server, true);
    for _ in 0..3 {
        assert_eq!(refused(&mut carol), 503);
    }
    let answer = alice.register_heard(600).unwrap();
    assert_eq!(answer.header("Warning"), Some("399 coeur \"Kept In Memory Only\""));
    assert!(call(&mut alice, &mut bob), "calls go on");
    let (status, text) = http_get(ports.http, "/readyz");
    assert!(status == 503 && text.contains("/journal/journal-"), "{status} {text}");
    assert_eq!(http_get(ports.http, "/healthz").0, 200);
    assert_eq!(ports.metric("coeur_journal_writable"), 0);
    assert!(ports.metric("coeur_journal_failed_groups_total") > 0);
    assert!(server.said().contains("the journal cannot write"), "{}", server.said());
    assert!(server.said().contains(remedy), "{}", server.said());

    let output = folder.coeur(&["account", "add", "dave"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("write the change into") && text.contains("coeur.db"), "{text}");
    assert_eq!(folder.coeur(&["account", "show", "dave"]).status.code(), Some(3));
    assert!(server.is_running());

    set_full(&server, false);
    assert!(eventually(|| http_get(ports.http, "/readyz").0 == 200), "{}", server.said());
    assert!(server.said().contains("the journal is writable again"));
    carol.register(600).unwrap();
    assert!(folder.coeur(&["account", "add", "dave"]).status.success());
    // carol's first attempts are in memory and were answered 503; her last one was answered 200. What counts is disk.
    server.kill_9();
    let _server = ports.start(folder);
    let views = folder.json(&["registrations", "--json"]);
    let users: Vec<_> =
        views.as_array().unwrap().iter().map(|view| view["account"].as_str().unwrap()).collect();
    assert_eq!(users, ["alice@example.test", "bob@example.test", "carol@example.test"]);
    assert_eq!(folder.coeur(&["account", "show", "dave"]).status.code(), Some(0));
}

/// The status with which this phone's registration is refused.
fn refused(phone: &mut Phone) -> u16 {
    match phone.register(600) {
        Err(PhoneError::Refused { status, .. }) => status,
        other => panic!("not refused: {other:?}"),
    }
}

fn call(caller: &mut Phone, callee: &mut Phone) -> bool {
    let to = callee.identity.aor();
    std::thread::scope(|scope| {
        let answering = scope.spawn(move || callee.take_a_call(Duration::from_secs(10)));
        let called = caller.call(&to, Duration::from_millis(100));
        called.is_ok() && answering.join().unwrap().is_ok()
    })
}

/// A tmpfs, gone with its owner.
struct Mounted(std::path::PathBuf);

impl Mounted {
    /// `None`, and a word of it, where mounting is not ours to do.
    fn tmpfs(path: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        match Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output() {
            Ok(output) if output.status.success() => Some(Self(path.to_owned())),
            other => {
                eprintln!("NOT TESTED: a tmpfs needs the right to mount: {other:?}");
                None
            }
        }
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let output = Command::new("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that a failed test has left behind may still be there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes until there is no room, down to the last byte.
fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    for bytes in [65_536, 4_096, 1] {
        while file.write_all(&vec![b'x'; bytes]).is_ok() {}
    }
}
