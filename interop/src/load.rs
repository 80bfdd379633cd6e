//! Many phones in few lines: each client is a socket that registers one user after the other over UDP, with MD5 digest
//! (what a client without a User-Agent is asked for), and remembers what was acknowledged. It knows no code of the server, so what it proves it proves from outside.

use crate::coeur::DOMAIN;
use md5::{Digest, Md5};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// RFC 3261 section 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
/// A request is given up after this many transmissions.
const ATTEMPTS: u32 = 6;

pub fn user(number: u32) -> String {
    format!("u{number:06}")
}

/// The accounts of the first `count` users as the CSV of `coeur account import`.
pub fn accounts(count: u32) -> String {
    let row = |number| format!("{0}@{DOMAIN},pw-{0}\n", user(number));
    std::iter::once("account,secret\n".to_owned()).chain((0..count).map(row)).collect()
}

/// A registration that was answered 200: who, and between which moments the server decided it.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    pub user: u32,
    pub asked: Instant,
    pub heard: Instant,
}

/// How far a load has come, seen and stopped from outside.
#[derive(Default)]
pub struct Course {
    /// The next user to register.
    pub next: AtomicU32,
    /// How many were acknowledged.
    pub heard: AtomicU32,
    pub stop: AtomicBool,
}

/// Registers the users below `end` that are left, with so many clients at once, until all are done or the course is
/// stopped. Returns what was acknowledged. Users that were asked for and not acknowledged stay so.
pub fn register_all(
    server: SocketAddr,
    course: &Course,
    end: u32,
    expires_s: u32,
    clients: usize,
) -> Vec<Acknowledged> {
    let work = || {
        let mut client = Client::new(server);
        let mut acknowledged = Vec::new();
        while !course.stop.load(Ordering::Relaxed) {
            let number = course.next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                break;
            }
            let asked = Instant::now();
            if client.register(&user(number), expires_s, &course.stop) == Some(200) {
                course.heard.fetch_add(1, Ordering::Relaxed);
                acknowledged.push(Acknowledged { user: number, asked, heard: Instant::now() });
            }
        }
        acknowledged
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client does not panic")).collect()
    })
}

pub struct Client {
    socket: UdpSocket,
    local: SocketAddr,
    serial: u32,
}

impl Client {
    pub fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(server).expect("loopback");
        let local = socket.local_addr().expect("bound");
        Self { socket, local, serial: 0 }
    }

    /// The status of the last answer; `None` when there was none.
    pub fn register(&mut self, user: &str, expires_s: u32, stop: &AtomicBool) -> Option<u16> {
        let uri = format!("sip:{DOMAIN}");
        let contact = format!("Contact: <sip:{user}@{}>\r\nExpires: {expires_s}\r\n", self.local);
        self.request("REGISTER", &uri, user, user, &contact, stop)
    }

    /// A MESSAGE from one user to another, answered by the other's phone through the server.
    pub fn message(&mut self, from: &str, to: &str) -> Option<u16> {
        let uri = format!("sip:{to}@{DOMAIN}");
        // As long as a real one: a challenge longer than one and a half requests is not sent to a stranger.
        let more = format!("Subject: {}\r\n", "sent after the restart ".repeat(8));
        self.request("MESSAGE", &uri, from, to, &more, &AtomicBool::new(false))
    }

    /// Waits for a request of this method and answers it 200; whether one came within 5 seconds.
    pub fn answer(&mut self, method: &str) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            let Some(text) = self.receive(until) else { continue };
            if !text.starts_with(method) {
                continue;
            }
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let lines = text.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
            let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
            let answer = format!("SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
            return self.socket.send(answer.as_bytes()).is_ok();
        }
        false
    }

    fn request(
        &mut self,
        method: &str,
        uri: &str,
        from: &str,
        to: &str,
        more: &str,
        stop: &AtomicBool,
    ) -> Option<u16> {
        self.serial += 1;
        let call = format!("{}-{}", self.local.port(), self.serial);
        let mut authorization = String::new();
        for cseq in 1..=2 {
            let branch = format!("z9hG4bK-{call}-{cseq}");
            let text = format!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{from}@{DOMAIN}>;tag=f{call}\r\nTo: <sip:{to}@{DOMAIN}>\r\nCall-ID: {call}\r\n\
                 CSeq: {cseq} {method}\r\n{more}{authorization}Content-Length: 0\r\n\r\n",
                self.local
            );
            let answer = self.transact(text.as_bytes(), &branch, stop)?;
            let status: u16 = answer.get(8..11)?.parse().ok()?;
            if cseq == 2 || !matches!(status, 401 | 407) {
                return Some(status);
            }
            authorization = credentials(&answer, method, uri, from)?;
        }
        None
    }

    /// The final answer with this branch.
    fn transact(&mut self, request: &[u8], branch: &str, stop: &AtomicBool) -> Option<String> {
        for attempt in 0..ATTEMPTS {
            // A server that is gone refuses: as good as silence.
            let _ = self.socket.send(request);
            let until = Instant::now() + T1 * 2u32.pow(attempt.min(3));
            while Instant::now() < until {
                if stop.load(Ordering::Relaxed) {
                    return None;
                }
                let Some(text) = self.receive(until) else { continue };
                if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") && text.contains(branch) {
                    return Some(text);
                }
            }
        }
        None
    }

    /// What came within 100 ms, or before `until`.
    fn receive(&mut self, until: Instant) -> Option<String> {
        let wait = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100));
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).ok()?;
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

/// The header that answers the MD5 challenge (RFC 7616 section 3.4.1, qop `auth`).
fn credentials(challenge: &str, method: &str, uri: &str, user: &str) -> Option<String> {
    let header = |line: &&str| line.contains("-Authenticate:") && line.contains("algorithm=MD5");
    let line = challenge.lines().find(header)?;
    let name = if line.starts_with("WWW-") { "Authorization" } else { "Proxy-Authorization" };
    let value = |key: &str| {
        let at = line.find(&format!("{key}=\""))? + key.len() + 2;
        line[at..].split('"').next()
    };
    let (realm, nonce) = (value("realm")?, value("nonce")?);
    let opaque = value("opaque").map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
    let ha1 = md5(&format!("{user}:{realm}:pw-{user}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
    Some(format!(
        "{name}: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5, \
         response=\"{response}\", qop=auth, nc=00000001, cnonce=\"c0ffee\"{opaque}\r\n"
    ))
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
