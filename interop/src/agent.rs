//! A user agent of our own over UDP, from any loopback address: a phone that must be served while others attack, or the
//! attacker. It answers challenges and repeats its requests as RFC 3261 section 17.1 says; it blocks, and takes nothing
//! from the server's own roles.

use crate::coeur::{Coeur, DOMAIN};
use crate::nat::Host;
use coeur_sip::digest::{Ha1, Session, challenges};
use coeur_sip::{HeaderName, HeaderTable, Limits, Message, parse};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Something that was received.
#[derive(Clone, Debug)]
pub struct Heard {
    /// 0 for a request.
    pub status: u16,
    pub method: String,
    pub text: String,
}

pub struct Agent {
    pub user: String,
    pub secret: String,
    pub local: SocketAddr,
    /// What it writes into Via and Contact: its own address, unless it knows no better.
    pub shown: String,
    socket: UdpSocket,
    session: Option<Session>,
    cseq: u32,
    /// The Call-ID of registrations, and the start of all others.
    name: String,
}

/// A dialog as its caller sees it.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    pub from: String,
    pub to: String,
    pub routes: Vec<String>,
    pub target: String,
    /// The branch of the INVITE that made it.
    pub branch: String,
    pub cseq: u32,
}

impl Agent {
    pub fn new(server: &Coeur, ip: impl Into<Ipv4Addr>, user: &str, secret: &str) -> Self {
        let socket = UdpSocket::bind((ip.into(), 0)).expect("a loopback address");
        socket.connect(("127.0.0.1", server.udp)).expect("the server's address");
        Self::of(socket, user, secret)
    }

    /// The same on a host of a network in a box.
    pub fn on(host: &Host, server: SocketAddr, user: &str, secret: &str) -> Self {
        let socket = host.namespace.enter(|| {
            let socket = UdpSocket::bind((host.address, 0)).expect("an address of the host");
            socket.connect(server).expect("the server's address");
            socket
        });
        Self::of(socket, user, secret)
    }

    fn of(socket: UdpSocket, user: &str, secret: &str) -> Self {
        let local = socket.local_addr().expect("bound");
        let (name, shown) = (format!("{user}-{}", unique()), local.to_string());
        Self { user: user.into(), secret: secret.into(), local, shown, socket, session: None, cseq: 0, name }
    }

    pub fn send(&self, bytes: &[u8]) {
        // A full queue is loss, and loss is repeated.
        let _ = self.socket.send(bytes);
    }

    /// The next message, if one comes in time.
    pub fn hear(&self, within: Duration) -> Option<Heard> {
        let mut buffer = [0; 65_536];
        self.socket.set_nonblocking(within.is_zero()).expect("a socket");
        // Zero would mean to wait for ever.
        let wait = within.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(wait)).expect("a socket that waits");
        let length = self.socket.recv(&mut buffer).ok()?;
        let mut table = HeaderTable::new();
        let message = parse(&buffer[..length], &mut table, &Limits::default()).ok()?;
        Some(Heard {
            status: message.status().map_or(0, |status| status.code()),
            method: message.method().to_string(),
            text: String::from_utf8_lossy(&buffer[..length]).into_owned(),
        })
    }

    /// Everything that comes within this time.
    pub fn hear_all(&self, within: Duration) -> Vec<Heard> {
        let until = Instant::now() + within;
        std::iter::from_fn(|| self.hear(until.saturating_duration_since(Instant::now()))).collect()
    }

    /// Writes a request of a new transaction; `lines` are whole header lines.
    pub fn write(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        call_id: &str,
        lines: &str,
        body: &str,
    ) -> String {
        self.cseq += 1;
        let (local, user, cseq, name) = (&self.shown, &self.user, self.cseq, &self.name);
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{DOMAIN}>;tag={name}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{local}>\r\nUser-Agent: agent\r\n{lines}{content}Content-Length: {}\r\n\r\n{body}",
            unique(),
            body.len(),
        )
    }

    /// The credentials for the challenge in hand, as a header line.
    pub fn credentials(&mut self, method: &str, uri: &str) -> Option<String> {
        let session = self.session.as_mut()?;
        let ha1 =
            Ha1::new(session.algorithm(), self.user.as_bytes(), session.realm(), self.secret.as_bytes());
        let mut random = [0; 16];
        random[..8].copy_from_slice(&unique().to_be_bytes());
        let (user, mut value) = (self.user.as_bytes(), Vec::new());
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), b"", random, &mut value);
        let name = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        Some(format!("{name}: {}\r\n", String::from_utf8_lossy(&value)))
    }

    /// Reads the challenge of an answer; false when there is none that it understands.
    pub fn learn(&mut self, answer: &Heard) -> bool {
        let session = read(&answer.text, |message| {
            let www = message.headers_of(HeaderName::WwwAuthenticate);
            let all = www.chain(message.headers_of(HeaderName::ProxyAuthenticate));
            let challenge = Session::choose(all.flat_map(|header| challenges(header.value)).flatten())?;
            Some(Session::new(&challenge))
        });
        self.session = session.flatten();
        self.session.is_some()
    }

    /// Sends a request and repeats it until a final answer, at most this long.
    pub fn transact(&mut self, request: &str, patience: Duration) -> Option<Heard> {
        let until = Instant::now() + patience;
        let (branch, mut interval) = (branch_of(request), T1);
        let invite = request.starts_with("INVITE ");
        let mut ringing = false;
        loop {
            if !(invite && ringing) {
                self.send(request.as_bytes());
            }
            let again = Instant::now() + interval;
            while Instant::now() < again.min(until) {
                let left = again.min(until).saturating_duration_since(Instant::now());
                let Some(heard) = self.hear(left) else { continue };
                if heard.status == 0 || branch_of(&heard.text) != branch {
                    continue;
                }
                if heard.status >= 200 {
                    return Some(heard);
                }
                ringing = true;
            }
            if Instant::now() >= until {
                return None;
            }
            interval = (interval * 2).min(if invite { Duration::MAX } else { T2 });
        }
    }

    /// A request outside any dialog, its challenges answered. Gives the last request and its final answer.
    pub fn ask(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        call_id: &str,
        lines: &str,
        body: &str,
        patience: Duration,
    ) -> (String, Option<Heard>) {
        let until = Instant::now() + patience;
        for _ in 0..3 {
            let credentials = self.credentials(method, uri).unwrap_or_default();
            let request = self.write(method, uri, to, call_id, &format!("{credentials}{lines}"), body);
            let answer = self.transact(&request, until.saturating_duration_since(Instant::now()));
            let Some(heard) = &answer else { return (request, None) };
            if method == "INVITE" && heard.status >= 300 {
                self.send(ack_of_failure(&request, heard).as_bytes());
            }
            if !(matches!(heard.status, 401 | 407) && self.learn(heard)) {
                return (request, answer);
            }
        }
        (String::new(), None)
    }

    /// The status of a registration; `None` for silence.
    pub fn register(&mut self, patience: Duration) -> Option<u16> {
        let (uri, to) = (format!("sip:{DOMAIN}"), format!("<sip:{}@{DOMAIN}>", self.user));
        let call_id = self.name.clone();
        let (_, answer) = self.ask("REGISTER", &uri, &to, &call_id, "Expires: 600\r\n", "", patience);
        answer.map(|heard| heard.status)
    }

    /// Takes its registration back.
    pub fn unregister(&mut self, patience: Duration) {
        let (uri, to) = (format!("sip:{DOMAIN}"), format!("<sip:{}@{DOMAIN}>", self.user));
        let call_id = self.name.clone();
        self.ask("REGISTER", &uri, &to, &call_id, "Expires: 0\r\n", "", patience);
    }

    /// Calls a user and acknowledges the 200.
    pub fn call(&mut self, callee: &str, patience: Duration) -> Result<Dialog, Option<u16>> {
        let (dialog, _) = self.call_with(callee, &description(), patience)?;
        let ack = self.inside(&dialog, "ACK");
        self.send(ack.as_bytes());
        Ok(dialog)
    }

    /// Calls a user with this description; the dialog and the 200, which is not acknowledged yet.
    pub fn call_with(
        &mut self,
        callee: &str,
        body: &str,
        patience: Duration,
    ) -> Result<(Dialog, Heard), Option<u16>> {
        let uri = format!("sip:{callee}@{DOMAIN}");
        let call_id = format!("{}-{}", self.name, unique());
        let (request, answer) = self.ask("INVITE", &uri, &format!("<{uri}>"), &call_id, "", body, patience);
        let answer = answer.ok_or(None)?;
        if answer.status >= 300 {
            return Err(Some(answer.status));
        }
        let dialog = Dialog {
            call_id,
            from: header(&answer.text, "From"),
            to: header(&answer.text, "To"),
            routes: headers(&answer.text, "Record-Route").into_iter().rev().collect(),
            target: header(&answer.text, "Contact")
                .trim_start_matches('<')
                .split('>')
                .next()
                .unwrap_or_default()
                .into(),
            branch: branch_of(&request),
            cseq: self.cseq,
        };
        Ok((dialog, answer))
    }

    /// A request inside a dialog.
    pub fn inside(&mut self, dialog: &Dialog, method: &str) -> String {
        self.inside_with(dialog, method, "")
    }

    /// The same with a description.
    pub fn inside_with(&mut self, dialog: &Dialog, method: &str, body: &str) -> String {
        let routes: String = dialog.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let text = self.write(method, &dialog.target, &dialog.to, &dialog.call_id, &routes, body);
        let own = format!("From: {}", header(&text, "From"));
        let text = text.replace(&own, &format!("From: {}", dialog.from));
        if method == "ACK" {
            text.replace(&format!("CSeq: {} ", self.cseq), &format!("CSeq: {} ", dialog.cseq))
        } else {
            text
        }
    }

    /// Ends a call; the status of the BYE.
    pub fn hang_up(&mut self, dialog: &Dialog, patience: Duration) -> Option<u16> {
        let bye = self.inside(dialog, "BYE");
        self.transact(&bye, patience).map(|heard| heard.status)
    }

    /// Answers a request as RFC 3261 section 8.2.6 says.
    pub fn answer(&self, request: &Heard, status: u16) {
        // An offer is answered (RFC 3264).
        let body = if request.method == "INVITE" && status == 200 { description() } else { String::new() };
        self.answer_with(request, status, &body);
    }

    /// The same with a description.
    pub fn answer_with(&self, request: &Heard, status: u16, body: &str) {
        let mut text = format!("SIP/2.0 {status} Answer\r\n");
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in headers(&request.text, name) {
                let tag =
                    if name == "To" && !value.contains(";tag=") && status > 100 { ";tag=callee" } else { "" };
                text.push_str(&format!("{name}: {value}{tag}\r\n"));
            }
        }
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        text.push_str(&format!("Contact: <sip:{}@{}>\r\n{kind}", self.user, self.shown));
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send(text.as_bytes());
    }

    /// Answers what comes until told to stop: every call is taken, everything else is answered 200. Gives what came.
    pub fn serve(&self, stop: &AtomicBool) -> Vec<Heard> {
        let mut seen = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let Some(heard) = self.hear(Duration::from_millis(50)) else { continue };
            if heard.status != 0 {
                continue;
            }
            match heard.method.as_str() {
                "ACK" => {}
                "INVITE" => {
                    self.answer(&heard, 180);
                    self.answer(&heard, 200);
                }
                _ => self.answer(&heard, 200),
            }
            seen.push(heard);
        }
        seen
    }
}

/// A callee who takes every call, in a thread of its own.
pub struct Taking {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Vec<Heard>>>,
}

impl Taking {
    pub fn start(agent: Agent) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let end = stop.clone();
        Self { stop, thread: Some(std::thread::spawn(move || agent.serve(&end))) }
    }

    /// What it received.
    pub fn stop(mut self) -> Vec<Heard> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("stopped once").join().expect("a callee that does not fail")
    }
}

/// Section 17.1.1.3: the same transaction.
pub fn ack_of_failure(request: &str, answer: &Heard) -> String {
    let cseq = header(request, "CSeq");
    let uri = request.split(' ').nth(1).unwrap_or_default();
    format!(
        "ACK {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\n\
         Content-Length: 0\r\n\r\n",
        header(request, "Via"),
        header(request, "From"),
        header(&answer.text, "To"),
        header(request, "Call-ID"),
        cseq.split(' ').next().unwrap_or_default(),
    )
}

/// The first value of a header line; empty when there is none.
pub fn header(text: &str, name: &str) -> String {
    headers(text, name).into_iter().next().unwrap_or_default()
}

fn headers(text: &str, name: &str) -> Vec<String> {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

pub fn branch_of(text: &str) -> String {
    let via = header(text, "Via");
    via.split("branch=").nth(1).unwrap_or_default().split([';', ',']).next().unwrap_or_default().to_owned()
}

fn read<R>(text: &str, look: impl FnOnce(&Message<'_>) -> R) -> Option<R> {
    let mut table = HeaderTable::new();
    Some(look(&parse(text.as_bytes(), &mut table, &Limits::default()).ok()?))
}

/// Never the same in one process, and hardly in two.
pub fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u64::from(std::process::id()) << 32 | NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A description of media that nobody sends.
pub fn description() -> String {
    crate::scenario::SDP.replace("[media_port]", "40000")
}
