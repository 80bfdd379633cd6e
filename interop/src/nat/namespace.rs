//! One network namespace: commands run in it, threads of ours open sockets in it.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::{Command, Output};

pub struct Namespace {
    name: String,
}

impl Namespace {
    pub fn new(name: &str) -> Self {
        let made = Command::new("ip").args(["netns", "add", name]).output();
        let made = made.expect("ip is installed (Debian package iproute2)");
        assert!(made.status.success(), "a network namespace needs root: {}", words(&made));
        let namespace = Self { name: name.into() };
        namespace.ip("link set lo up");
        namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `ip WORDS` inside.
    pub fn ip(&self, words: &str) {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.run("ip", &words);
    }

    /// Feeds rules to `nft` inside.
    pub fn nft(&self, rules: &str) {
        self.run("nft", &[rules]);
    }

    /// Runs a program to its end, which must be good.
    pub fn run(&self, program: &str, args: &[&str]) {
        let out = self.command(program).args(args).output().expect("ip is installed");
        assert!(out.status.success(), "{program} {args:?} in {}: {}", self.name, words(&out));
    }

    /// A program that will run inside.
    pub fn command(&self, program: &str) -> Command {
        command_in(&self.name, program)
    }

    /// Runs `f` in a thread that is inside: the sockets which it opens belong there for ever, whoever uses them.
    pub fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        enter(&self.name, f)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// A program that will run in the namespace of this name.
pub fn command_in(name: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", name, program]);
    command
}

/// See [`Namespace::enter`].
pub fn enter<R: Send>(name: &str, f: impl FnOnce() -> R + Send) -> R {
    let file = File::open(format!("/run/netns/{name}")).expect("the namespace is there");
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            // SAFETY: the descriptor is open for the whole call; setns changes this thread alone.
            let done = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(done, 0, "setns: {}", std::io::Error::last_os_error());
            f()
        });
        match inside.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn words(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
