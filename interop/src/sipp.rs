//! sipp processes.

use crate::scenario::Scenario;
use crate::{Child, Folder};
use std::process::{Command, Stdio};

/// What a sipp run is given besides its scenario.
#[derive(Clone)]
pub struct Run {
    pub user: String,
    pub secret: String,
    pub local_port: u16,
    pub target_port: u16,
    pub calls: u32,
    pub rate_per_s: u32,
    /// `u1` UDP with one socket, `t1` TCP with one connection.
    pub transport: &'static str,
    pub keys: Vec<(&'static str, String)>,
    pub timeout_s: u32,
}

impl Run {
    pub fn new(user: &str, secret: &str, local_port: u16, target_port: u16) -> Self {
        Self {
            user: user.into(),
            secret: secret.into(),
            local_port,
            target_port,
            calls: 1,
            rate_per_s: 50,
            transport: "u1",
            keys: Vec::new(),
            timeout_s: 60,
        }
    }

    pub fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    pub fn transport(mut self, transport: &'static str) -> Self {
        self.transport = transport;
        self
    }

    pub fn key(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.keys.retain(|(known, _)| *known != name);
        self.keys.push((name, value.into()));
        self
    }
}

pub struct Sipp {
    child: Child,
    folder: Folder,
}

impl Sipp {
    pub fn start(scenario: &Scenario, run: &Run) -> Self {
        let folder = Folder::new("sipp");
        let file = folder.path().join("scenario.xml");
        std::fs::write(&file, scenario.xml()).expect("scenario file");
        let out = std::fs::File::create(folder.path().join("out.log")).expect("log file");
        let mut command = Command::new("sipp");
        command
            .arg(format!("127.0.0.1:{}", run.target_port))
            .arg("-sf")
            .arg(&file)
            .args(["-i", "127.0.0.1", "-p", &run.local_port.to_string(), "-t", run.transport])
            .args(["-s", &run.user, "-au", &run.user, "-ap", &run.secret])
            .args(["-m", &run.calls.to_string(), "-r", &run.rate_per_s.to_string(), "-l", "200"])
            .args(["-timeout", &run.timeout_s.to_string(), "-timeout_error", "-nostdin"])
            .args(["-trace_err", "-error_file"])
            .arg(folder.path().join("errors.log"))
            .args(["-trace_msg", "-message_file"])
            .arg(folder.path().join("messages.log"))
            .current_dir(folder.path())
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("log file"))
            .stderr(out);
        for (name, value) in &run.keys {
            command.args(["-key", name, value]);
        }
        let child = Child(command.spawn().expect("sipp is installed (Debian package sip-tester)"));
        Self { child, folder }
    }

    /// Waits for the end; every call must have succeeded.
    pub fn succeed(mut self) -> String {
        let status = self.child.0.wait().expect("sipp ends");
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let messages = read("messages.log");
        assert!(
            status.success(),
            "sipp ended with {status}\n{}\n--- messages ---\n{}",
            read("errors.log"),
            tail(&messages, 6_000)
        );
        messages
    }
}

fn tail(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}
