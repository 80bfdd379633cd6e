//! The phone itself: an identity on a link, and the client transaction that all its requests use.

use super::digest::Answers;
use super::link::Link;
use super::message::{Heard, Writer};
use super::{PhoneError, interrupt};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A password; wiped when dropped, never printed.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[derive(Clone)]
pub struct Identity {
    pub user: String,
    pub domain: String,
    /// The name of the digest; the user unless a device has its own.
    pub digest_user: String,
    pub secret: Secret,
}

impl Identity {
    pub fn aor(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

pub struct Phone {
    pub identity: Identity,
    pub(super) link: Link,
    /// Requests heard while waiting for something else. At most [`INBOX_MAX`]; more are left to retransmission.
    pub(super) inbox: VecDeque<Heard>,
    cseq: u32,
    /// Call-ID of its registrations.
    pub(super) registration: String,
    answers: Answers,
}

/// RFC 3261 section 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const INBOX_MAX: usize = 32;
/// Times that a CANCEL over UDP is sent, [`T1`] apart.
const CANCELS: usize = 4;
/// How soon a signal is seen.
const LOOK: Duration = Duration::from_millis(100);

/// What is not the same in every request of the phone.
pub(super) struct Outgoing<'o> {
    pub method: &'o str,
    pub uri: &'o str,
    pub to: &'o str,
    pub from_tag: &'o str,
    pub call_id: &'o str,
    pub headers: &'o [(&'o str, String)],
    pub content: Option<(&'o str, &'o [u8])>,
}

impl Phone {
    pub fn new(identity: Identity, link: Link) -> Self {
        let (inbox, registration, answers) = (VecDeque::new(), token(), Answers::default());
        Self { identity, link, inbox, cseq: 0, registration, answers }
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Where the server reaches us. Over WebSocket the name leads nowhere and the connection is what counts
    /// (RFC 7118 section 5).
    pub(super) fn contact(&self) -> String {
        use crate::config::listen::Scheme;
        let transport = self.link.scheme().name();
        match self.link.scheme() {
            Scheme::Ws | Scheme::Wss => format!("sip:{}@phone.invalid;transport=ws", self.identity.user),
            Scheme::Udp => format!("sip:{}@{}", self.identity.user, self.link.local()),
            Scheme::Tcp | Scheme::Tls => {
                format!("sip:{}@{};transport={transport}", self.identity.user, self.link.local())
            }
        }
    }

    /// Sends a request, answers one challenge, and returns the final response with the CSeq number it answered.
    pub(super) fn request(
        &mut self,
        outgoing: &Outgoing<'_>,
        wait: Duration,
    ) -> Result<(Heard, u32), PhoneError> {
        let until = Instant::now() + wait;
        self.answers.begin();
        loop {
            let (answer, cseq) = self.attempt(outgoing, until)?;
            let challenged = matches!(answer.status(), Some(401 | 407));
            if !(challenged && self.answers.learn(&answer)) {
                return Ok((answer, cseq));
            }
        }
    }

    fn attempt(&mut self, outgoing: &Outgoing<'_>, until: Instant) -> Result<(Heard, u32), PhoneError> {
        self.cseq += 1;
        let cseq = self.cseq;
        let branch = branch();
        let bytes = self.write(outgoing, &branch, cseq);
        self.link.send(&bytes)?;
        let mut interval = T1;
        let mut again = Instant::now() + interval;
        let mut provisional = false;
        loop {
            let stopped = interrupt::happened() && outgoing.method != "BYE";
            if stopped || Instant::now() >= until {
                let why = match stopped {
                    true => PhoneError::Interrupted,
                    false => PhoneError::Silence(outgoing.method.to_owned()),
                };
                return match provisional && outgoing.method == "INVITE" {
                    true => self.cancel(outgoing, &branch, cseq, why),
                    false => Err(why),
                };
            }
            let repeats = self.link.is_unreliable() && !(provisional && outgoing.method == "INVITE");
            let deadline = if repeats { until.min(again) } else { until };
            match self.hear(deadline.min(Instant::now() + LOOK))? {
                Some(heard) if heard.status().is_some() && heard.branch() == Some(&branch) => {
                    if heard.status() < Some(200) {
                        provisional = true;
                        continue;
                    }
                    if outgoing.method == "INVITE" && heard.status() >= Some(300) {
                        self.acknowledge_refusal(outgoing, &heard, &branch, cseq)?;
                    }
                    return Ok((heard, cseq));
                }
                Some(heard) => self.keep(heard),
                None if !repeats || Instant::now() < again => {}
                None => {
                    self.link.send(&bytes)?;
                    interval = (interval * 2).min(T2);
                    again = Instant::now() + interval;
                }
            }
        }
    }

    /// RFC 3261 section 9.1: a phone that rings on is told to stop, and its 487 is awaited for a moment. One that is
    /// answered in this moment is answered.
    fn cancel(
        &mut self,
        outgoing: &Outgoing<'_>,
        branch: &str,
        cseq: u32,
        why: PhoneError,
    ) -> Result<(Heard, u32), PhoneError> {
        let bytes = self.within(outgoing, "CANCEL", outgoing.to, branch, cseq);
        for _ in 0..CANCELS {
            self.link.send(&bytes)?;
            let until = Instant::now() + T1;
            while let Some(heard) = self.hear(until)? {
                let of_invite = heard.header("CSeq").is_some_and(|value| value.ends_with("INVITE"));
                match heard.status() {
                    Some(200..) if of_invite && heard.branch() == Some(branch) => {
                        if heard.status() < Some(300) {
                            return Ok((heard, cseq));
                        }
                        self.acknowledge_refusal(outgoing, &heard, branch, cseq)?;
                        return Err(why);
                    }
                    Some(_) => {}
                    None => self.keep(heard),
                }
            }
            if !self.link.is_unreliable() {
                break;
            }
        }
        Err(why)
    }

    pub(super) fn hear(&mut self, until: Instant) -> Result<Option<Heard>, PhoneError> {
        Ok(self.link.receive(until)?.and_then(|bytes| Heard::read(&bytes)))
    }

    /// Requests are kept for whoever waits for them; stray responses are dropped.
    pub(super) fn keep(&mut self, heard: Heard) {
        if heard.method().is_some() && self.inbox.len() < INBOX_MAX {
            self.inbox.push_back(heard);
        }
    }

    /// The next request, kept or heard.
    pub(super) fn next_request(&mut self, until: Instant) -> Result<Option<Heard>, PhoneError> {
        if let Some(heard) = self.inbox.pop_front() {
            return Ok(Some(heard));
        }
        loop {
            match self.hear(until)? {
                Some(heard) if heard.method().is_some() => return Ok(Some(heard)),
                Some(_) => {}
                None if Instant::now() >= until => return Ok(None),
                None => {}
            }
        }
    }

    fn write(&mut self, outgoing: &Outgoing<'_>, branch: &str, cseq: u32) -> Vec<u8> {
        let mut writer = Writer::request(outgoing.method, outgoing.uri);
        writer
            .header("Via", &self.via(branch))
            .header("Max-Forwards", "70")
            .header("From", &format!("<{}>;tag={}", self.identity.aor(), outgoing.from_tag))
            .header("To", outgoing.to)
            .header("Call-ID", outgoing.call_id)
            .header("CSeq", &format!("{cseq} {}", outgoing.method));
        for (name, value) in outgoing.headers {
            writer.header(name, value);
        }
        writer.header("User-Agent", concat!("coeur/", env!("CARGO_PKG_VERSION")));
        let (content_type, body) =
            outgoing.content.map_or((None, &[][..]), |(kind, body)| (Some(kind), body));
        if let Some((name, value)) = self.answers.header(&self.identity, outgoing.method, outgoing.uri, body)
        {
            writer.header(name, &value);
        }
        writer.finish(content_type, body)
    }

    fn via(&self, branch: &str) -> String {
        use crate::config::listen::Scheme;
        let sent_by = match self.link.scheme() {
            Scheme::Ws | Scheme::Wss => "phone.invalid".to_owned(),
            Scheme::Udp | Scheme::Tcp | Scheme::Tls => self.link.local().to_string(),
        };
        let transport = self.link.scheme().name().to_ascii_uppercase();
        format!("SIP/2.0/{transport} {sent_by};branch={branch};rport")
    }

    /// The ACK of a refusal belongs to the INVITE's transaction (RFC 3261 section 17.1.1.3).
    fn acknowledge_refusal(
        &mut self,
        outgoing: &Outgoing<'_>,
        refusal: &Heard,
        branch: &str,
        cseq: u32,
    ) -> Result<(), PhoneError> {
        let to = refusal.header("To").unwrap_or(outgoing.to);
        let bytes = self.within(outgoing, "ACK", to, branch, cseq);
        Ok(self.link.send(&bytes)?)
    }

    /// An ACK or a CANCEL of the INVITE's own transaction (RFC 3261 sections 9.1 and 17.1.1.3).
    fn within(&self, outgoing: &Outgoing<'_>, method: &str, to: &str, branch: &str, cseq: u32) -> Vec<u8> {
        let mut writer = Writer::request(method, outgoing.uri);
        writer
            .header("Via", &self.via(branch))
            .header("Max-Forwards", "70")
            .header("From", &format!("<{}>;tag={}", self.identity.aor(), outgoing.from_tag))
            .header("To", to)
            .header("Call-ID", outgoing.call_id)
            .header("CSeq", &format!("{cseq} {method}"));
        for (name, value) in outgoing.headers.iter().filter(|(name, _)| *name == "Route") {
            writer.header(name, value);
        }
        writer.finish(None, b"")
    }

    /// The ACK of a 2xx is a request of its own (RFC 3261 section 13.2.2.4).
    pub(super) fn acknowledge(&mut self, outgoing: &Outgoing<'_>, cseq: u32) -> Result<(), PhoneError> {
        let mut writer = Writer::request("ACK", outgoing.uri);
        writer
            .header("Via", &self.via(&branch()))
            .header("Max-Forwards", "70")
            .header("From", &format!("<{}>;tag={}", self.identity.aor(), outgoing.from_tag))
            .header("To", outgoing.to)
            .header("Call-ID", outgoing.call_id)
            .header("CSeq", &format!("{cseq} ACK"));
        for (name, value) in outgoing.headers {
            writer.header(name, value);
        }
        Ok(self.link.send(&writer.finish(None, b""))?)
    }
}

/// What a success is not.
pub(super) fn refused(what: &str, answer: &Heard) -> PhoneError {
    PhoneError::Refused {
        what: what.to_owned(),
        status: answer.status().unwrap_or(0),
        reason: crate::trace::escape::line(answer.reason().as_bytes()),
    }
}

/// RFC 3261 section 8.1.1.7.
fn branch() -> String {
    format!("z9hG4bK{}", token())
}

/// 64 random bits in hex.
pub(super) fn token() -> String {
    let mut bytes = [0u8; 8];
    crate::house::random(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
