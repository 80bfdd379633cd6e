//! Somebody who sends: a phone with an account, or a stranger. It remembers what it received, so that what it sends
//! next can belong to it.

use super::desk::{DOMAIN, secret_of};
use coeur_exchange::flow::Flow;
use coeur_sip::digest::{Ha1, Session, challenges};
use coeur_sip::{HeaderName, HeaderTable, Limits, Message, Method, parse};
use std::collections::VecDeque;

/// Requests that wait for an answer, at most.
const INBOX_MAX: usize = 8;

pub struct Party {
    pub user: &'static str,
    /// A stranger knows no secret.
    pub has_account: bool,
    pub flow: Flow,
    pub session: Option<Session>,
    pub inbox: VecDeque<Vec<u8>>,
    pub dialog: Option<Dialog>,
    /// The last INVITE sent, for its ACK and CANCEL.
    pub invited: Option<Request>,
    pub last_sent: Vec<u8>,
    /// The proof of what was sent last: it counts for a repetition too.
    pub last_may_relay: bool,
}

/// What a request inside a dialog needs; written from this side.
#[derive(Clone)]
pub struct Dialog {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
}

/// A request as it will be written.
#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    pub uri: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    pub branch: String,
    pub contact: String,
    pub max_forwards: u32,
    pub routes: Vec<String>,
    pub extra: Vec<String>,
    pub body: &'static str,
}

impl Party {
    pub fn new(user: &'static str, has_account: bool, flow: Flow) -> Self {
        Self {
            user,
            has_account,
            flow,
            session: None,
            inbox: VecDeque::new(),
            dialog: None,
            invited: None,
            last_sent: Vec::new(),
            last_may_relay: false,
        }
    }

    pub fn contact(&self) -> String {
        let transport = match self.flow.transport {
            coeur_sip::Transport::Udp => "",
            coeur_sip::Transport::Tcp => ";transport=tcp",
            _ => ";transport=ws",
        };
        format!("<sip:{}@{}{transport}>", self.user, self.flow.remote)
    }

    /// Something arrived.
    pub fn receive(&mut self, bytes: Vec<u8>) {
        let mut table = HeaderTable::new();
        let Ok(message) = parse(&bytes, &mut table, &Limits::default()) else { return };
        if message.is_response() {
            self.learn_challenge(&message);
            self.learn_dialog(&message, true);
            return;
        }
        if message.method() != Method::Ack {
            if self.inbox.len() == INBOX_MAX {
                self.inbox.pop_front();
            }
            self.inbox.push_back(bytes);
        }
    }

    fn learn_challenge(&mut self, message: &Message<'_>) {
        let www = message.headers_of(HeaderName::WwwAuthenticate);
        let all = www.chain(message.headers_of(HeaderName::ProxyAuthenticate));
        let understood = all.flat_map(|header| challenges(header.value)).flatten();
        if let Some(challenge) = Session::choose(understood) {
            self.session = Some(Session::new(&challenge));
        }
    }

    /// RFC 3261 section 12.1, both roles.
    pub fn learn_dialog(&mut self, message: &Message<'_>, as_caller: bool) {
        let (from, to) = (text(message, HeaderName::From), text(message, HeaderName::To));
        if as_caller && !to.contains(";tag=") {
            return;
        }
        let mut routes: Vec<String> = message
            .values(HeaderName::RecordRoute)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect();
        if as_caller {
            routes.reverse();
        }
        let contact = text(message, HeaderName::Contact);
        let target = contact.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
        let (local, remote) = if as_caller { (from, to) } else { (to, from) };
        let target = if target.is_empty() { format!("sip:{DOMAIN}") } else { target };
        self.dialog =
            Some(Dialog { call_id: text(message, HeaderName::CallId), local, remote, target, routes });
    }

    /// The credentials of a request, when there is a challenge to answer and a secret to answer it with.
    pub fn credentials(&mut self, method: &str, uri: &str) -> Option<String> {
        let session = self.session.as_mut().filter(|_| self.has_account)?;
        let secret = secret_of(self.user);
        let ha1 = Ha1::new(session.algorithm(), self.user.as_bytes(), session.realm(), secret.as_bytes());
        let (user, mut value) = (self.user.as_bytes(), Vec::new());
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), b"", [7; 16], &mut value);
        let name = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        Some(format!("{name}: {}", String::from_utf8_lossy(&value)))
    }
}

impl Request {
    pub fn lines(&self, via: &Flow) -> Vec<String> {
        let transport = match via.transport {
            coeur_sip::Transport::Udp => "UDP",
            coeur_sip::Transport::Tcp => "TCP",
            _ => "WS",
        };
        let mut lines = vec![
            format!("{} {} SIP/2.0", self.method, self.uri),
            format!("Via: SIP/2.0/{transport} {};rport;branch={}", via.remote, self.branch),
            format!("From: {}", self.from),
            format!("To: {}", self.to),
            format!("Call-ID: {}", self.call_id),
            format!("CSeq: {} {}", self.cseq, self.method),
            format!("Contact: {}", self.contact),
            format!("Max-Forwards: {}", self.max_forwards),
        ];
        lines.extend(self.routes.iter().map(|route| format!("Route: {route}")));
        lines.extend(self.extra.iter().cloned());
        lines.push(format!("Content-Length: {}", self.body.len()));
        lines
    }
}

/// Lines and a body as bytes.
pub fn written(lines: &[Vec<u8>], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// An answer as RFC 3261 section 8.2.6 wants it, as lines.
pub fn answer_lines(request: &Message<'_>, status: u16, tag: &str, contact: &str) -> Vec<Vec<u8>> {
    let mut lines = vec![format!("SIP/2.0 {status} Answer").into_bytes()];
    let copied = [
        (HeaderName::Via, "Via"),
        (HeaderName::RecordRoute, "Record-Route"),
        (HeaderName::From, "From"),
        (HeaderName::To, "To"),
        (HeaderName::CallId, "Call-ID"),
        (HeaderName::CSeq, "CSeq"),
    ];
    for (name, written) in copied {
        for header in request.headers_of(name) {
            let mut line = [written.as_bytes(), b": ", header.value].concat();
            if name == HeaderName::To && status > 100 && !header.value.windows(5).any(|part| part == b";tag=")
            {
                line.extend_from_slice(format!(";tag={tag}").as_bytes());
            }
            lines.push(line);
        }
    }
    lines.push(format!("Contact: {contact}").into_bytes());
    lines.push(b"Content-Length: 0".to_vec());
    lines
}

fn text(message: &Message<'_>, name: HeaderName) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}
