//! Our server as a process, prepared and asked through its own command line.

use crate::place::Place;
use crate::{Child, Folder, free_port};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const DOMAIN: &str = "interop.test";

pub struct Coeur {
    folder: Folder,
    child: Option<Child>,
    pub udp: u16,
    pub tcp: u16,
    pub tls: u16,
    pub ws: u16,
    pub http: u16,
    extra: Vec<String>,
    place: Place,
}

impl Coeur {
    /// Starts a server with these accounts (`user`, `secret`).
    pub fn start(name: &str, accounts: &[(&str, &str)]) -> Self {
        Self::start_with(name, accounts, &[])
    }

    pub fn start_with(name: &str, accounts: &[(&str, &str)], extra: &[&str]) -> Self {
        let port = free_port();
        let ports = [port, free_port(), free_port(), free_port()];
        Self::start_at(name, accounts, extra, Place::LOOPBACK, ports)
    }

    /// Starts a server on a host of a network in a box, on the usual ports.
    pub fn start_on(name: &str, accounts: &[(&str, &str)], extra: &[&str], place: Place) -> Self {
        Self::start_at(name, accounts, extra, place, [5_060, 5_061, 8_088, 8_080])
    }

    fn start_at(
        name: &str,
        accounts: &[(&str, &str)],
        extra: &[&str],
        place: Place,
        [plain, tls, ws, http]: [u16; 4],
    ) -> Self {
        let mut server = Self {
            folder: Folder::new(name),
            child: None,
            udp: plain,
            tcp: plain,
            tls,
            ws,
            http,
            extra: extra.iter().map(|s| s.to_string()).collect(),
            place,
        };
        server.cli(&["domain", "add", DOMAIN], "");
        for (user, secret) in accounts {
            server.cli(&["account", "add", &format!("{user}@{DOMAIN}"), "--secret-stdin"], secret);
        }
        server.run();
        server
    }

    /// The time that processors have given the process: what it costs on a machine that has others too.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("the process lives");
        // proc(5): user and system time are the 14th and 15th word, and the name, the second, may have blanks.
        let words = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        let ticks: u64 = words.into_iter().flatten().filter_map(|word| word.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Where a phone of this transport finds it.
    pub fn port_of(&self, transport: &str) -> u16 {
        match transport {
            "udp" => self.udp,
            "tcp" => self.tcp,
            "tls" => self.tls,
            _ => panic!("no phone speaks {transport}"),
        }
    }

    /// Makes `count` accounts at once: `NAME0`, `NAME1` and so on, with the secrets `secret-of-NAME0` and so on.
    pub fn import(&self, name: &str, count: usize) {
        let rows = (0..count).map(|at| format!("{name}{at}@{DOMAIN},secret-of-{name}{at}\n"));
        let file = self.folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, format!("account,secret\n{}", rows.collect::<String>())).expect("a CSV file");
        self.cli(&["account", "import", &file.display().to_string()], "");
    }

    /// Resident memory of the process, in kB.
    pub fn resident_kb(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("the process lives")
    }

    /// Descriptors that the process has open, as it says: others may not look.
    pub fn open_files(&self) -> usize {
        self.metric("process_open_fds") as usize
    }

    /// Runs `coeur ARGS --data DIR` and returns its standard output; panics with its words if it fails.
    pub fn cli(&self, args: &[&str], input: &str) -> String {
        let out = self.asked(args, input);
        assert!(
            out.status.success(),
            "coeur {args:?}: {}\n{}{}",
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The same for what is refused: what it says then; panics when it is done.
    pub fn refused(&self, args: &[&str]) -> String {
        let out = self.asked(args, "");
        assert!(!out.status.success(), "coeur {args:?} was done");
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    /// The same for what may end either way: the number of its end, and its standard output.
    pub fn ends(&self, args: &[&str]) -> (Option<i32>, String) {
        let out = self.asked(args, "");
        eprint!("{}", String::from_utf8_lossy(&out.stderr));
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn asked(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(binary())
            .args(args)
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("coeur can be started");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("coeur reads its input");
        child.wait_with_output().expect("coeur ends")
    }

    /// Starts the process (again), waits until it answers, and tells how long that took.
    pub fn run(&mut self) -> Duration {
        let started = Instant::now();
        let log = std::fs::File::create(self.folder.path().join("coeur.log")).expect("log file");
        let address = self.place.address;
        let child = self
            .place
            .command(&binary().display().to_string())
            .arg("serve")
            .args(["--domain", DOMAIN, "--data"])
            .arg(self.folder.path().join("data"))
            .args(["--listen", &format!("udp://{address}:{}", self.udp)])
            .args(["--listen", &format!("tcp://{address}:{}", self.tcp)])
            .args(["--listen", &format!("tls://{address}:{}", self.tls)])
            .args(["--listen", &format!("ws://{address}:{}", self.ws)])
            .args(["--http", &format!("127.0.0.1:{}", self.http)])
            .args(&self.extra)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("coeur can be started");
        self.child = Some(Child(child));
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if self.is_ready() {
                return started.elapsed();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("coeur was not ready within 20 s:\n{}", self.log());
    }

    fn is_ready(&self) -> bool {
        self.http_get("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    pub fn http_get(&self, path: &str) -> Option<String> {
        use std::io::Read;
        let mut stream = self.place.connect(self.http).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The value of a counter or gauge of `/metrics`, summed over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.http_get("/metrics").expect("/metrics answers");
        page.lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until a counter has this value. Whoever has heard an answer finds it counted, but a phone does not tell us what
    /// it has heard.
    pub fn wait_for_metric(&self, name: &str, value: f64) {
        self.wait_until_metric(name, |seen| seen == value);
    }

    /// At most 5 s.
    pub fn wait_until_metric(&self, name: &str, is_enough: impl Fn(f64) -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && !is_enough(self.metric(name)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let value = self.metric(name);
        assert!(is_enough(value), "{name} is {value}");
    }

    /// False once the process has ended, also while nobody has waited for it.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.0.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").0.id()
    }

    /// SIGTERM, as a supervisor would; returns when the process has ended.
    pub fn terminate(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let stopped = Command::new("kill").arg(child.0.id().to_string()).status();
        assert!(stopped.is_ok_and(|status| status.success()));
        child.0.wait().expect("it ends");
    }

    /// kill -9, as a crash would.
    pub fn kill(&mut self) {
        self.child = None;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("coeur.log")).unwrap_or_default()
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The file of the local CA that signed the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("data/tls/authority.pem")
    }

    /// Asks until `until` holds of the printed registrations, at most 10 s.
    pub fn wait_for_registrations(&self, count: usize) {
        let until = Instant::now() + Duration::from_secs(10);
        let mut seen = 0;
        while Instant::now() < until {
            seen = self.registrations();
            if seen == count {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{seen} registrations instead of {count}:\n{}", self.log());
    }

    pub fn registrations(&self) -> usize {
        let text = self.cli(&["registrations", "--json"], "");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        value.as_array().or_else(|| value["items"].as_array()).map_or(0, Vec::len)
    }
}

/// `target/<profile>/coeur` beside this test, or `$COEUR`. Built when it is missing.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COEUR") {
        return path.into();
    }
    let mut path = std::env::current_exe().expect("the test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("coeur");
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--locked", "-p", "coeur"]).status();
        assert!(built.is_ok_and(|s| s.success()), "cargo build -p coeur");
    }
    path
}
