//! A business phone: it answers what it is asked, repeats what is not answered, and does what its owner wants.

use crate::fuzzing::desk::{DOMAIN, udp};
use crate::fuzzing::party::{Party, Request, answer_lines, written};
use crate::network::Packet;
use coeur_exchange::flow::Flow;
use coeur_sip::{HeaderName, HeaderTable, Limits, Message, Method, parse};
use std::net::SocketAddr;

/// RFC 3261 section 17.1.1.1.
const T1_US: u64 = 500_000;
const T2_US: u64 = 4_000_000;
const GIVE_UP_US: u64 = 64 * T1_US;

pub struct Station {
    party: Party,
    pub flow: Flow,
    /// Where it wants to hear.
    pub media: SocketAddr,
    /// It rings until it is told to pick up.
    pub rings_on: bool,
    serial: u32,
    registered: bool,
    asked: Vec<Asked>,
    answered: Vec<Answered>,
    dialogs: Vec<Talk>,
    pub outgoing: Vec<Packet>,
}

/// A request of its own.
struct Asked {
    request: Request,
    bytes: Vec<u8>,
    repeats: Option<Repeats>,
    rings: bool,
    /// It has been answered for good.
    is_over: bool,
    ack: Option<Vec<u8>>,
    authorized: bool,
}

/// A request of somebody else with the answer that it got.
struct Answered {
    branch: Vec<u8>,
    method: Vec<u8>,
    cseq: u32,
    request: Vec<u8>,
    bytes: Vec<u8>,
    /// An INVITE that rings.
    rings: bool,
    repeats: Option<Repeats>,
}

#[derive(Clone, Copy)]
struct Repeats {
    at_us: u64,
    interval_us: u64,
    until_us: u64,
}

impl Repeats {
    const fn new(now_us: u64) -> Self {
        Self { at_us: now_us + T1_US, interval_us: T1_US, until_us: now_us + GIVE_UP_US }
    }

    /// Whether something is sent again now.
    fn are_due(&mut self, now_us: u64) -> bool {
        let due = now_us >= self.at_us && now_us < self.until_us;
        if due {
            self.interval_us = (2 * self.interval_us).min(T2_US);
            self.at_us = now_us + self.interval_us;
        }
        due
    }
}

#[derive(Clone)]
struct Talk {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    is_over: bool,
}

impl Station {
    pub fn new(user: &'static str, at: u8) -> Self {
        let flow = udp([192, 0, 2, 11 + at], 5060);
        let media = SocketAddr::new(flow.remote.ip(), 4_000 + 2 * u16::from(at));
        Self {
            party: Party::new(user, true, flow),
            flow,
            media,
            rings_on: false,
            serial: 0,
            registered: false,
            asked: Vec::new(),
            answered: Vec::new(),
            dialogs: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    pub const fn is_registered(&self) -> bool {
        self.registered
    }

    /// Calls in which it is.
    pub fn talks(&self) -> usize {
        self.dialogs.iter().filter(|talk| !talk.is_over).count()
    }

    /// Somebody whom it calls rings.
    pub fn hears_ringing(&self) -> bool {
        self.asked.iter().any(|asked| asked.rings && !asked.is_over)
    }

    /// Calls of its own that are not answered yet.
    pub fn invites_open(&self) -> usize {
        self.asked.iter().filter(|asked| asked.request.method == "INVITE" && !asked.is_over).count()
    }

    pub fn register(&mut self, now_us: u64) {
        let mut request = self.new_request("REGISTER", format!("sip:{DOMAIN}"));
        request.to = request.from.split(";tag=").next().unwrap_or_default().to_owned();
        self.ask(request, now_us);
    }

    pub fn invite(&mut self, callee: &str, now_us: u64) {
        let request = self.new_request("INVITE", format!("sip:{callee}@{DOMAIN}"));
        self.ask(request, now_us);
    }

    /// In the call that it was in first.
    pub fn refer(&mut self, to: &str, now_us: u64) {
        let Some(at) = self.dialogs.iter().position(|talk| !talk.is_over) else { return };
        let mut request = self.inside(at, "REFER");
        request.extra.push(format!("Refer-To: {to}"));
        self.ask(request, now_us);
    }

    pub fn hang_up(&mut self, now_us: u64) {
        let Some(at) = self.dialogs.iter().position(|talk| !talk.is_over) else { return };
        self.dialogs[at].is_over = true;
        let request = self.inside(at, "BYE");
        self.ask(request, now_us);
    }

    /// The last dialog that it has begun, answered or early, as a Replaces inside of a URI names it (RFC 5589 section 7).
    pub fn last_dialog_escaped(&self) -> String {
        let tag = |address: &str| address.split(";tag=").nth(1).unwrap_or_default().to_owned();
        self.dialogs.last().map_or_else(String::new, |talk| {
            let (to, from) = (tag(&talk.remote), tag(&talk.local));
            format!("{}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}", talk.call_id)
        })
    }

    /// Answers what rings.
    pub fn pick_up(&mut self, now_us: u64) {
        self.rings_on = false;
        let Some(at) = self.answered.iter().position(|answered| answered.rings) else { return };
        let request = self.answered.remove(at).request;
        read(&request, |message| self.answer(message, 200, now_us));
    }

    pub fn tick(&mut self, now_us: u64) {
        let mut again = Vec::new();
        for asked in self.asked.iter_mut().filter(|asked| !asked.is_over) {
            if asked.repeats.as_mut().is_some_and(|repeats| repeats.are_due(now_us)) {
                again.push(asked.bytes.clone());
            }
        }
        for answered in &mut self.answered {
            if answered.repeats.as_mut().is_some_and(|repeats| repeats.are_due(now_us)) {
                again.push(answered.bytes.clone());
            }
        }
        again.into_iter().for_each(|bytes| self.send(bytes));
    }

    pub fn receive(&mut self, bytes: &[u8], now_us: u64) {
        self.party.receive(bytes.to_vec());
        self.party.inbox.clear();
        read(bytes, |message| match message.is_response() {
            true => self.answered_by(message, now_us),
            false => self.asked_by(message, now_us),
        });
    }

    fn answered_by(&mut self, message: &Message<'_>, now_us: u64) {
        let status = message.status().map_or(0, |status| status.code());
        let (branch, method) = (branch(message), Some(message.cseq().method.as_str().to_owned()));
        let is_it = |asked: &Asked| {
            asked.request.branch.as_bytes() == branch && Some(asked.request.method) == method.as_deref()
        };
        let Some(at) = self.asked.iter().position(is_it) else { return };
        let invites = self.asked[at].request.method == "INVITE";
        if status < 200 {
            if invites {
                self.asked[at].repeats = None;
                self.asked[at].rings |= status == 180;
                if status == 180 && !self.asked[at].is_over {
                    self.begins(message, at, true);
                }
            }
            return;
        }
        if invites && self.asked[at].ack.is_none() {
            self.asked[at].ack = Some(self.ack_of(message, at, status));
        }
        if let Some(ack) = self.asked[at].ack.clone() {
            self.send(ack);
        }
        if std::mem::replace(&mut self.asked[at].is_over, true) {
            return;
        }
        match (self.asked[at].request.method, status) {
            ("REGISTER", 200) => self.registered = true,
            (_, 401 | 407) if !self.asked[at].authorized => self.ask_again(at, now_us),
            ("INVITE", 200..=299) => self.begins(message, at, false),
            ("INVITE", _) => {
                let call_id = self.asked[at].request.call_id.clone();
                self.dialogs
                    .iter_mut()
                    .filter(|talk| talk.call_id == call_id)
                    .for_each(|talk| talk.is_over = true);
            }
            _ => {}
        }
    }

    fn ask_again(&mut self, at: usize, now_us: u64) {
        let mut request = self.asked[at].request.clone();
        request.cseq += 1;
        self.serial += 1;
        request.branch = format!("z9hG4bK{}{}", self.party.user, self.serial);
        request.extra.extend(self.party.credentials(request.method, &request.uri));
        self.ask(request, now_us);
        if let Some(asked) = self.asked.last_mut() {
            asked.authorized = true;
        }
    }

    /// RFC 3261 section 12.1.2. An early one is known by name and is no call yet.
    fn begins(&mut self, message: &Message<'_>, at: usize, early: bool) {
        let request = &self.asked[at].request;
        let talk = Talk {
            call_id: request.call_id.clone(),
            local: request.from.clone(),
            remote: text(message, HeaderName::To),
            target: contact(message),
            cseq: request.cseq,
            is_over: early,
        };
        self.dialogs.retain(|known| known.call_id != talk.call_id);
        self.dialogs.push(talk);
    }

    fn ack_of(&mut self, message: &Message<'_>, at: usize, status: u16) -> Vec<u8> {
        let mut ack = Request { method: "ACK", ..self.asked[at].request.clone() };
        ack.to = text(message, HeaderName::To);
        ack.extra.clear();
        if status < 300 {
            self.serial += 1;
            ack.branch = format!("z9hG4bK{}{}", self.party.user, self.serial);
            ack.uri = contact(message);
        }
        self.write(&ack)
    }

    fn asked_by(&mut self, message: &Message<'_>, now_us: u64) {
        let (call_id, cseq) = (text(message, HeaderName::CallId), message.cseq().number);
        let branch = branch(message);
        let invite_of = |answered: &&mut Answered| {
            answered.method == b"INVITE" && answered.cseq == cseq && answered.bytes_name(&call_id)
        };
        if message.method() == Method::Ack {
            self.answered.iter_mut().filter(invite_of).for_each(|answered| answered.repeats = None);
            return;
        }
        let method = message.method().as_str().as_bytes();
        let known = self.answered.iter().find(|known| known.branch == branch && known.method == method);
        if let Some(bytes) = known.map(|known| known.bytes.clone()) {
            return self.send(bytes);
        }
        let is_inside = message.to_tag().is_some();
        let talk = self.dialogs.iter_mut().find(|talk| talk.call_id == call_id && !talk.is_over);
        let status = match message.method() {
            Method::Bye => talk.map_or(481, |talk| {
                talk.is_over = true;
                200
            }),
            Method::Invite if is_inside && talk.is_none() => 481,
            Method::Invite if !is_inside && self.rings_on => 180,
            _ => 200,
        };
        self.answer(message, status, now_us);
        if message.method() == Method::Cancel
            && let Some(at) = self.answered.iter().position(|known| known.rings && known.branch == branch)
        {
            let invite = self.answered.remove(at).request;
            read(&invite, |invite| self.answer(invite, 487, now_us));
        }
    }

    fn answer(&mut self, message: &Message<'_>, status: u16, now_us: u64) {
        let tag = format!("of-{}-{}", self.party.user, text(message, HeaderName::CallId).len());
        let invites = message.method() == Method::Invite;
        let mut lines = answer_lines(message, status, &tag, &self.party.contact());
        let body = if invites && status == 200 { self.description() } else { String::new() };
        // The last is the length of a body that is none.
        lines.pop();
        if !body.is_empty() {
            lines.push(b"Content-Type: application/sdp".to_vec());
        }
        lines.push(format!("Content-Length: {}", body.len()).into_bytes());
        let bytes = written(&lines, body.as_bytes());
        if invites && status == 200 && message.to_tag().is_none() {
            self.dialogs.push(Talk {
                call_id: text(message, HeaderName::CallId),
                local: format!("{};tag={tag}", text(message, HeaderName::To)),
                remote: text(message, HeaderName::From),
                target: contact(message),
                cseq: 0,
                is_over: false,
            });
        }
        self.answered.push(Answered {
            branch: branch(message),
            method: message.method().as_str().as_bytes().to_vec(),
            cseq: message.cseq().number,
            request: message.bytes().to_vec(),
            bytes: bytes.clone(),
            rings: invites && status == 180,
            // Who rings says so again, since nobody acknowledges it (RFC 3261 section 13.3.1.1 has it each minute).
            repeats: invites.then(|| Repeats::new(now_us)),
        });
        self.send(bytes);
    }

    fn new_request(&mut self, method: &'static str, uri: String) -> Request {
        self.serial += 1;
        let (user, serial) = (self.party.user, self.serial);
        Request {
            method,
            to: format!("<{uri}>"),
            uri,
            from: format!("<sip:{user}@{DOMAIN}>;tag=f{user}{serial}"),
            call_id: format!("call-{user}-{serial}"),
            cseq: 1,
            branch: format!("z9hG4bK{user}{serial}"),
            contact: self.party.contact(),
            max_forwards: 70,
            routes: Vec::new(),
            extra: Vec::new(),
            body: "",
        }
    }

    fn inside(&mut self, at: usize, method: &'static str) -> Request {
        self.dialogs[at].cseq += 1;
        let Talk { call_id, local, remote, target, cseq, .. } = self.dialogs[at].clone();
        Request { from: local, to: remote, call_id, cseq, ..self.new_request(method, target) }
    }

    fn ask(&mut self, request: Request, now_us: u64) {
        let bytes = self.write(&request);
        self.send(bytes.clone());
        let repeats = Some(Repeats::new(now_us));
        self.asked.push(Asked {
            request,
            bytes,
            repeats,
            rings: false,
            is_over: false,
            ack: None,
            authorized: false,
        });
    }

    fn write(&mut self, request: &Request) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = request.lines(&self.flow).into_iter().map(String::into_bytes).collect();
        let body = if request.method == "INVITE" { self.description() } else { String::new() };
        lines.pop();
        if !body.is_empty() {
            lines.push(b"Content-Type: application/sdp".to_vec());
        }
        lines.push(format!("Content-Length: {}", body.len()).into_bytes());
        written(&lines, body.as_bytes())
    }

    fn description(&mut self) -> String {
        self.serial += 1;
        let (ip, port, version) = (self.media.ip(), self.media.port(), self.serial);
        format!(
            "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8\r\n"
        )
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.outgoing.push(Packet { from: self.flow.remote, to: SocketAddr::from(super::SERVER), bytes });
    }
}

impl Answered {
    fn bytes_name(&self, call_id: &str) -> bool {
        read(&self.request, |message| text(message, HeaderName::CallId) == call_id).unwrap_or(false)
    }
}

fn read<T>(bytes: &[u8], use_it: impl FnOnce(&Message<'_>) -> T) -> Option<T> {
    let mut table = HeaderTable::new();
    parse(bytes, &mut table, &Limits::default()).ok().map(|message| use_it(&message))
}

fn branch(message: &Message<'_>) -> Vec<u8> {
    message.via().ok().and_then(|via| via.branch).unwrap_or_default().to_vec()
}

fn text(message: &Message<'_>, name: HeaderName) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn contact(message: &Message<'_>) -> String {
    let text = text(message, HeaderName::Contact);
    text.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned()
}
