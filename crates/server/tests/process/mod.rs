//! `coeur` as a process with a data directory of its own, and phones on the loopback.

// Each test that has this module uses its part of it.
#![allow(dead_code)]

use coeur::config::listen::Scheme;
use coeur::user_agent::tls::Trust;
use coeur::user_agent::{Identity, Link, Phone, Secret};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const COEUR: &str = env!("CARGO_BIN_EXE_coeur");

/// A data directory of its own for each test, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coeur-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn coeur(&self, arguments: &[&str]) -> Output {
        let output = command(&self.0).args(arguments).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
        output
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.coeur(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn command(data: &Path) -> Command {
    let mut command = Command::new(COEUR);
    command.env_clear().env("COEUR_DATA", data).env("LANG", "C.UTF-8").stdin(Stdio::null());
    // Servers of several tests run at once: who wants the API says where.
    command.env("COEUR_WEB", "off");
    command
}

pub struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Reads its log up to the end.
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it and reads its output up to the line that contains `mark`.
    pub fn start(folder: &Folder, arguments: &[&str], mark: &str) -> (Server, String) {
        Self::start_as(command(&folder.0), arguments, mark)
    }

    pub fn start_as(mut command: Command, arguments: &[&str], mark: &str) -> (Server, String) {
        let command = command.arg("serve").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = Server { child: command.spawn().unwrap(), said: Arc::default(), listener: None };
        server.listen();
        let mut lines = BufReader::new(server.child.stdout.take().unwrap()).lines();
        let mut seen = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            seen.push_str(&line);
            seen.push('\n');
            if line.contains(mark) {
                // Whoever reads no longer must not stop the server.
                std::thread::spawn(move || lines.for_each(drop));
                return (server, seen);
            }
        }
        panic!("`{mark}` was not printed: {seen}{}", server.said());
    }

    /// Its log goes on to ours and is kept.
    fn listen(&mut self) {
        let (mut log, said) = (self.child.stderr.take().unwrap(), self.said.clone());
        self.listener = Some(std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = log.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                eprint!("{text}");
                said.lock().unwrap().push_str(&text);
            }
        }));
    }

    /// What it has logged so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Ends it, and gives all that it has logged.
    pub fn last_words(mut self) -> String {
        let listener = self.listener.take();
        let said = self.said.clone();
        assert!(self.terminate().success());
        listener.unwrap().join().unwrap();
        said.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    pub fn terminate(mut self) -> std::process::ExitStatus {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
        self.child.wait().unwrap()
    }

    pub fn kill_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free for UDP and TCP. It is below those that the kernel gives to connections and to sockets that name none
/// (from 32,768), which would take it before its owner is there, and below those of media.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_081;
    const COUNT: u32 = 9_919;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(40);
    loop {
        let port = (FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT) as u16;
        let address = ("127.0.0.1", port);
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
}

pub fn phone(account: &serde_json::Value, port: u16) -> Phone {
    let (user, domain) = account["account"].as_str().unwrap().rsplit_once('@').unwrap();
    let secret = Secret::new(account["secret"].as_str().unwrap().to_owned());
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let link = Link::open(Scheme::Udp, address, domain, &Trust::anything().unwrap()).unwrap();
    let identity = Identity { user: user.into(), domain: domain.into(), digest_user: user.into(), secret };
    Phone::new(identity, link)
}

pub fn start_plain(folder: &Folder, port: u16) -> Server {
    let listen = format!("udp://127.0.0.1:{port}");
    Server::start(
        folder,
        &["--domain", "example.test", "--listen", &listen, "--http", "off", "--shards", "2"],
        "ready",
    )
    .0
}

/// Status and body of `/readyz`, `/metrics` and their like.
pub fn http_get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// At most 5 seconds.
pub fn eventually(mut what: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
