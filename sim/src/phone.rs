//! A phone as RFC 3261 describes one, written the plain way: text in, text out, its own transactions. It shares only the
//! parser and the digest with the program under test, so that a mistake in our transactions is not made twice.

use crate::chance::Chance;
use crate::network::Packet;
use coeur_sip::digest::{self, Ha1, Session};
use coeur_sip::{HeaderName, HeaderTable, Limits, Message};
use std::collections::VecDeque;
use std::net::SocketAddr;

const T1_US: u64 = 500_000;
const T2_US: u64 = 4_000_000;
/// Timers B, F, H and L: 64*T1.
const GIVE_UP_US: u64 = 64 * T1_US;

/// What a phone does with a call that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    Answers,
    IsBusy,
    RingsOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// The caller waits for a final response.
    Asking,
    Ringing,
    Talking,
    /// Ended by BYE of either side, known to this side.
    Ended,
    Refused(u16),
    Cancelled,
    /// No answer at all within 64*T1.
    GaveUp,
}

pub struct Call {
    pub call_id: String,
    pub caller: bool,
    pub state: CallState,
    pub peer: String,
    local_tag: String,
    remote_tag: String,
    routes: Vec<String>,
    target: String,
    cseq: u32,
    /// When the caller hangs up or the callee answers.
    acts_at_us: u64,
    pub cancel_at_us: Option<u64>,
    /// The ACK for the 2xx, sent again for each repeated 2xx.
    ack: Option<String>,
}

struct Asked {
    method: &'static str,
    branch: String,
    text: String,
    again_at_us: Option<u64>,
    interval_us: u64,
    gives_up_at_us: u64,
    finished: bool,
    call: Option<usize>,
    authorized: bool,
    /// ACK of a failed INVITE, kept to answer its retransmissions.
    ack: Option<String>,
}

struct Answered {
    branch: String,
    method: String,
    text: String,
    call: Option<usize>,
    /// Final answers to INVITE are sent again until the ACK.
    again_at_us: Option<u64>,
    interval_us: u64,
    gives_up_at_us: u64,
    /// The INVITE, for later answers.
    request_head: Vec<(String, String)>,
}

#[derive(Default)]
pub struct Registration {
    pub acknowledged_until_us: Option<u64>,
    pub refused: u32,
    pub last_refusal: String,
    pub gave_up: u32,
    cseq: u32,
    next_at_us: u64,
    pending: bool,
}

pub struct Phone {
    pub user: String,
    pub secret: String,
    pub domain: String,
    pub address: SocketAddr,
    pub server: SocketAddr,
    pub habit: Habit,
    pub expires_s: u32,
    pub registration: Registration,
    pub calls: Vec<Call>,
    /// A phone that is off neither sends nor receives.
    pub off: bool,
    asked: Vec<Asked>,
    answered: VecDeque<Answered>,
    serial: u64,
    pub outgoing: Vec<Packet>,
    pub errors: Vec<String>,
}

impl Phone {
    pub fn new(
        user: &str,
        secret: &str,
        domain: &str,
        address: SocketAddr,
        server: SocketAddr,
        habit: Habit,
    ) -> Self {
        Self {
            user: user.into(),
            secret: secret.into(),
            domain: domain.into(),
            address,
            server,
            habit,
            expires_s: 120,
            registration: Registration::default(),
            calls: Vec::new(),
            off: false,
            asked: Vec::new(),
            answered: VecDeque::new(),
            serial: 0,
            outgoing: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// When this phone next has something to do by itself.
    pub fn next_deadline_us(&self) -> Option<u64> {
        if self.off {
            return None;
        }
        let registration = (!self.registration.pending).then_some(self.registration.next_at_us);
        let asked = self
            .asked
            .iter()
            .filter(|a| !a.finished)
            .flat_map(|a| a.again_at_us.into_iter().chain([a.gives_up_at_us]));
        let answered = self.answered.iter().filter_map(|a| a.again_at_us);
        let calls = self.calls.iter().flat_map(|c| {
            let acts =
                matches!((c.caller, c.state), (true, CallState::Talking) | (false, CallState::Ringing))
                    .then_some(c.acts_at_us);
            let cancels = matches!(c.state, CallState::Ringing)
                .then_some(c.cancel_at_us)
                .flatten()
                .filter(|_| c.caller);
            acts.into_iter().chain(cancels)
        });
        registration.into_iter().chain(asked).chain(answered).chain(calls).min()
    }

    pub fn tick(&mut self, now_us: u64, chance: &mut Chance) {
        if self.off {
            return;
        }
        if !self.registration.pending && now_us >= self.registration.next_at_us {
            self.register(now_us);
        }
        self.repeat_requests(now_us);
        self.repeat_answers(now_us);
        for i in 0..self.calls.len() {
            let call = &self.calls[i];
            match (call.caller, call.state) {
                (true, CallState::Talking) if now_us >= call.acts_at_us => self.hang_up(i, now_us),
                (true, CallState::Ringing) if call.cancel_at_us.is_some_and(|at| now_us >= at) => {
                    self.cancel(i, now_us)
                }
                (false, CallState::Ringing) if now_us >= call.acts_at_us => self.pick_up(i, now_us, chance),
                _ => {}
            }
        }
    }

    fn register(&mut self, now_us: u64) {
        self.registration.pending = true;
        self.registration.cseq += 1;
        let text = self.register_text(None);
        self.ask(now_us, "REGISTER", text, None, false);
    }

    fn register_text(&mut self, authorization: Option<&str>) -> String {
        let (user, domain, address) = (self.user.clone(), self.domain.clone(), self.address);
        let branch = self.next_id("z9hG4bK");
        let line = authorization.map(|a| format!("Authorization: {a}\r\n")).unwrap_or_default();
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {address};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag=r\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: reg-{user}-{address}\r\n\
             CSeq: {} REGISTER\r\nContact: <sip:{user}@{address}>\r\nExpires: {}\r\n{line}Content-Length: 0\r\n\r\n",
            self.registration.cseq, self.expires_s
        )
    }

    /// Calls `peer`; hangs up (or cancels, when `cancel_after_us` comes first) by itself.
    pub fn call(&mut self, peer: &str, now_us: u64, talk_us: u64, cancel_after_us: Option<u64>) {
        let call_id = self.next_id("call-");
        let local_tag = self.next_id("t");
        self.calls.push(Call {
            call_id,
            caller: true,
            state: CallState::Asking,
            peer: peer.into(),
            local_tag,
            remote_tag: String::new(),
            routes: Vec::new(),
            target: format!("sip:{peer}@{}", self.domain),
            cseq: 1,
            acts_at_us: talk_us,
            cancel_at_us: cancel_after_us.map(|after| now_us + after),
            ack: None,
        });
        let index = self.calls.len() - 1;
        let text = self.invite_text(index, None);
        self.ask(now_us, "INVITE", text, Some(index), false);
    }

    fn invite_text(&mut self, index: usize, authorization: Option<&str>) -> String {
        let branch = self.next_id("z9hG4bK");
        let line = authorization.map(|a| format!("Proxy-Authorization: {a}\r\n")).unwrap_or_default();
        let call = &self.calls[index];
        format!(
            "INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag={}\r\nTo: <sip:{}@{domain}>\r\nCall-ID: {}\r\nCSeq: {} INVITE\r\n\
             Contact: <sip:{user}@{}>\r\n{line}Content-Length: 0\r\n\r\n",
            call.target,
            self.address,
            call.local_tag,
            call.peer,
            call.call_id,
            call.cseq,
            self.address,
            user = self.user,
            domain = self.domain,
        )
    }

    fn in_dialog_text(&mut self, index: usize, method: &str, cseq: u32) -> String {
        let branch = self.next_id("z9hG4bK");
        let call = &self.calls[index];
        let routes: String = call.routes.iter().map(|r| format!("Route: {r}\r\n")).collect();
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch={branch}\r\nMax-Forwards: 70\r\n{routes}\
             From: <sip:{user}@{domain}>;tag={}\r\nTo: <sip:{}@{domain}>;tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            call.target,
            self.address,
            call.local_tag,
            call.peer,
            call.remote_tag,
            call.call_id,
            user = self.user,
            domain = self.domain,
        )
    }

    fn hang_up(&mut self, index: usize, now_us: u64) {
        self.calls[index].state = CallState::Ended;
        self.calls[index].cseq += 1;
        let cseq = self.calls[index].cseq;
        let text = self.in_dialog_text(index, "BYE", cseq);
        self.ask(now_us, "BYE", text, Some(index), true);
    }

    /// RFC 3261 section 9.1: same branch, same Via, same CSeq number as the INVITE.
    fn cancel(&mut self, index: usize, now_us: u64) {
        self.calls[index].cancel_at_us = None;
        let Some(invite) = self.asked.iter().rev().find(|a| a.method == "INVITE" && a.call == Some(index))
        else {
            return;
        };
        let text = invite
            .text
            .replacen("INVITE", "CANCEL", 1)
            .replacen(" INVITE\r\n", " CANCEL\r\n", 1)
            .split_inclusive("\r\n")
            .filter(|l| !l.starts_with("Proxy-Authorization") && !l.starts_with("Contact"))
            .collect();
        self.ask(now_us, "CANCEL", text, Some(index), true);
    }

    fn pick_up(&mut self, index: usize, now_us: u64, chance: &mut Chance) {
        let Some(at) = self.answered.iter().position(|a| a.method == "INVITE" && a.call == Some(index))
        else {
            return;
        };
        let (status, reason) = match self.habit {
            Habit::Answers => (200, "OK"),
            Habit::IsBusy => (486, "Busy Here"),
            Habit::RingsOnly => (480, "Temporarily Unavailable"),
        };
        let _ = chance;
        self.calls[index].state = if status == 200 { CallState::Talking } else { CallState::Refused(status) };
        self.finish_invite(at, status, reason, now_us);
    }

    fn finish_invite(&mut self, at: usize, status: u16, reason: &str, now_us: u64) {
        let index = self.answered[at].call;
        let tag = index.map(|i| self.calls[i].local_tag.clone()).unwrap_or_default();
        let text = self.answer_text(&self.answered[at].request_head, status, reason, &tag);
        let answered = &mut self.answered[at];
        answered.text.clone_from(&text);
        answered.interval_us = T1_US;
        answered.again_at_us = Some(now_us + T1_US);
        answered.gives_up_at_us = now_us + GIVE_UP_US;
        self.send(text);
    }

    fn answer_text(&self, head: &[(String, String)], status: u16, reason: &str, tag: &str) -> String {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for (name, value) in head {
            text += &format!("{name}: {value}");
            if name == "To" && !value.contains(";tag=") && status != 100 {
                text += &format!(";tag={tag}");
            }
            text += "\r\n";
        }
        text += &format!("Contact: <sip:{}@{}>\r\nContent-Length: 0\r\n\r\n", self.user, self.address);
        text
    }

    fn ask(
        &mut self,
        now_us: u64,
        method: &'static str,
        text: String,
        call: Option<usize>,
        authorized: bool,
    ) {
        let branch = branch_of(&text);
        self.send(text.clone());
        self.asked.push(Asked {
            method,
            branch,
            text,
            again_at_us: Some(now_us + T1_US),
            interval_us: T1_US,
            gives_up_at_us: now_us + GIVE_UP_US,
            finished: false,
            call,
            authorized,
            ack: None,
        });
    }

    fn repeat_requests(&mut self, now_us: u64) {
        for i in 0..self.asked.len() {
            let asked = &mut self.asked[i];
            if asked.finished {
                continue;
            }
            if now_us >= asked.gives_up_at_us {
                asked.finished = true;
                let (method, call) = (asked.method, asked.call);
                self.gave_up(method, call, now_us);
                continue;
            }
            if asked.again_at_us.is_some_and(|at| now_us >= at) {
                // Timer A doubles without limit (17.1.1.2), timer E up to T2 (17.1.2.2).
                asked.interval_us = if asked.method == "INVITE" {
                    asked.interval_us * 2
                } else {
                    (asked.interval_us * 2).min(T2_US)
                };
                asked.again_at_us = Some(now_us + asked.interval_us);
                let text = asked.text.clone();
                self.send(text);
            }
        }
        self.asked.retain(|a| !a.finished || a.gives_up_at_us + GIVE_UP_US > now_us);
    }

    fn gave_up(&mut self, method: &str, call: Option<usize>, now_us: u64) {
        match (method, call) {
            ("REGISTER", _) => {
                self.registration.pending = false;
                self.registration.gave_up += 1;
                self.registration.next_at_us = now_us + 5_000_000;
            }
            ("INVITE", Some(index)) => self.calls[index].state = CallState::GaveUp,
            _ => {}
        }
    }

    fn repeat_answers(&mut self, now_us: u64) {
        for i in 0..self.answered.len() {
            let answered = &mut self.answered[i];
            let Some(at) = answered.again_at_us else { continue };
            if now_us >= answered.gives_up_at_us {
                answered.again_at_us = None;
            } else if now_us >= at {
                answered.interval_us = (answered.interval_us * 2).min(T2_US);
                answered.again_at_us = Some(now_us + answered.interval_us);
                let text = answered.text.clone();
                self.send(text);
            }
        }
        while self.answered.len() > 64 {
            self.answered.pop_front();
        }
    }

    pub fn receive(&mut self, now_us: u64, bytes: &[u8], chance: &mut Chance) {
        if self.off {
            return;
        }
        let mut table = HeaderTable::new();
        match coeur_sip::parse(bytes, &mut table, &Limits::default()) {
            Ok(message) if message.is_request() => self.receive_request(now_us, &message, chance),
            Ok(message) => self.receive_response(now_us, &message),
            Err(e) => self.errors.push(format!("{} got what is no message: {e:?}", self.user)),
        }
    }

    fn receive_response(&mut self, now_us: u64, message: &Message<'_>) {
        let status = message.status().map_or(0, |s| s.code());
        let branch = first_branch(message);
        let method =
            text_of(message.header(HeaderName::CSeq)).rsplit(' ').next().unwrap_or_default().to_owned();
        let Some(i) = self.asked.iter().position(|a| a.branch == branch && a.method == method) else {
            return;
        };
        if self.asked[i].finished {
            self.repeat_ack(i, status);
            return;
        }
        if status < 200 {
            self.provisional(i, status, now_us);
            return;
        }
        self.asked[i].finished = true;
        self.asked[i].gives_up_at_us = now_us;
        match self.asked[i].method {
            "REGISTER" => self.registered(i, status, message, now_us),
            "INVITE" => self.invited(i, status, message, now_us),
            "BYE" if status != 200 && status != 481 && status != 408 => {
                self.errors.push(format!("{}: BYE answered {status}", self.user));
            }
            _ => {}
        }
    }

    fn repeat_ack(&mut self, i: usize, status: u16) {
        if self.asked[i].method != "INVITE" || status < 200 {
            return;
        }
        let of_call = self.asked[i].call.and_then(|c| self.calls[c].ack.clone());
        let ack = if status < 300 { of_call } else { self.asked[i].ack.clone() };
        if let Some(ack) = ack {
            self.send(ack);
        }
    }

    fn provisional(&mut self, i: usize, status: u16, now_us: u64) {
        let asked = &mut self.asked[i];
        if asked.method == "INVITE" {
            asked.again_at_us = None;
            asked.gives_up_at_us = now_us + 400_000_000;
            if let Some(call) = asked.call.map(|c| &mut self.calls[c])
                && status > 100
                && call.state == CallState::Asking
            {
                call.state = CallState::Ringing;
            }
        } else {
            asked.interval_us = T2_US;
        }
    }

    fn registered(&mut self, i: usize, status: u16, message: &Message<'_>, now_us: u64) {
        match status {
            401 if !self.asked[i].authorized || is_stale(message) => {
                self.registration.cseq += 1;
                let uri = format!("sip:{}", self.domain);
                match self.authorization(message, HeaderName::WwwAuthenticate, "REGISTER", &uri) {
                    Some(authorization) => {
                        let text = self.register_text(Some(&authorization));
                        self.ask(now_us, "REGISTER", text, None, true);
                    }
                    None => self.errors.push(format!("{}: 401 without a challenge", self.user)),
                }
            }
            200 => {
                self.registration.pending = false;
                // RFC 3261 section 10.2.4: what was granted counts, and that is never more than what was asked.
                let granted_s = self.granted_s(message);
                if granted_s == 0 || granted_s > self.expires_s {
                    self.errors.push(format!("{}: granted {granted_s} s of {}", self.user, self.expires_s));
                }
                self.registration.acknowledged_until_us = Some(now_us + u64::from(granted_s) * 1_000_000);
                self.registration.next_at_us = now_us + u64::from(granted_s) * 500_000;
            }
            _ => {
                self.registration.pending = false;
                self.registration.refused += 1;
                self.registration.last_refusal = String::from_utf8_lossy(message.bytes()).into_owned();
                self.registration.next_at_us = now_us + 1_000_000;
            }
        }
    }

    /// The expiry of our own Contact in a 200; 0 when it is not there.
    fn granted_s(&self, message: &Message<'_>) -> u32 {
        let own = format!("sip:{}@{}", self.user, self.address);
        let mut contacts = message.contacts().flatten();
        contacts.find(|contact| contact.uri() == own.as_bytes()).and_then(|c| c.expires()).unwrap_or(0)
    }

    fn invited(&mut self, i: usize, status: u16, message: &Message<'_>, now_us: u64) {
        let Some(index) = self.asked[i].call else { return };
        if status >= 300 {
            let ack = self.ack_of_failure(i, message);
            self.asked[i].ack = Some(ack.clone());
            self.send(ack);
        }
        match status {
            200..=299 => {
                let call = &mut self.calls[index];
                call.remote_tag = tag_of(message, HeaderName::To);
                call.target = contact_of(message);
                call.routes = message.values(HeaderName::RecordRoute).map(|v| text_of(Some(v))).collect();
                call.routes.reverse();
                call.state = CallState::Talking;
                call.acts_at_us += now_us;
                let cseq = call.cseq;
                let ack = self.in_dialog_text(index, "ACK", cseq);
                self.calls[index].ack = Some(ack.clone());
                self.send(ack);
            }
            407 if !self.asked[i].authorized || is_stale(message) => {
                self.calls[index].cseq += 1;
                let uri = self.calls[index].target.clone();
                match self.authorization(message, HeaderName::ProxyAuthenticate, "INVITE", &uri) {
                    Some(authorization) => {
                        let text = self.invite_text(index, Some(&authorization));
                        self.ask(now_us, "INVITE", text, Some(index), true);
                    }
                    None => self.errors.push(format!("{}: 407 without a challenge", self.user)),
                }
            }
            487 => self.calls[index].state = CallState::Cancelled,
            _ => self.calls[index].state = CallState::Refused(status),
        }
    }

    /// RFC 3261 section 17.1.1.3.
    fn ack_of_failure(&self, i: usize, message: &Message<'_>) -> String {
        let invite = &self.asked[i].text;
        let to = text_of(message.header(HeaderName::To));
        let mut text = String::new();
        for line in invite.split_inclusive("\r\n") {
            let keep = ["Via", "From", "Call-ID", "Max-Forwards", "Route"]
                .iter()
                .any(|n| line.starts_with(&format!("{n}:")));
            if let Some(rest) = line.strip_prefix("INVITE ") {
                text += &format!("ACK {rest}");
            } else if line.starts_with("To:") {
                text += &format!("To: {to}\r\n");
            } else if line.starts_with("CSeq:") {
                text += &line.replace("INVITE", "ACK");
            } else if keep {
                text += line;
            }
        }
        text + "Content-Length: 0\r\n\r\n"
    }

    fn receive_request(&mut self, now_us: u64, message: &Message<'_>, chance: &mut Chance) {
        let method = message.method().as_str().to_owned();
        let branch = first_branch(message);
        if method == "ACK" {
            self.acknowledged(message, &branch);
            return;
        }
        if let Some(known) = self.answered.iter().find(|a| a.branch == branch && a.method == method) {
            let text = known.text.clone();
            self.send(text);
            return;
        }
        match method.as_str() {
            "INVITE" => self.called(now_us, message, branch, chance),
            "CANCEL" => self.cancelled(now_us, message, branch),
            "BYE" => {
                let call_id = text_of(message.header(HeaderName::CallId));
                let tag = tag_of(message, HeaderName::To);
                let known = self.calls.iter_mut().find(|c| c.call_id == call_id && c.local_tag == tag);
                let status = if known.is_some() { 200 } else { 481 };
                if let Some(call) = known {
                    call.state = CallState::Ended;
                }
                self.answer_once(message, branch, "BYE", status);
            }
            other => {
                let other = other.to_owned();
                self.answer_once(message, branch, &other, 200);
            }
        }
    }

    fn called(&mut self, now_us: u64, message: &Message<'_>, branch: String, chance: &mut Chance) {
        let local_tag = self.next_id("u");
        let ring_us =
            if self.habit == Habit::RingsOnly { 60_000_000 } else { chance.between(10_000, 3_000_000) };
        self.calls.push(Call {
            call_id: text_of(message.header(HeaderName::CallId)),
            caller: false,
            state: CallState::Ringing,
            peer: String::new(),
            local_tag: local_tag.clone(),
            remote_tag: tag_of(message, HeaderName::From),
            routes: message.values(HeaderName::RecordRoute).map(|v| text_of(Some(v))).collect(),
            target: contact_of(message),
            cseq: 1_000,
            acts_at_us: now_us + ring_us,
            cancel_at_us: None,
            ack: None,
        });
        let head = head_of(message);
        let text = self.answer_text(&head, 180, "Ringing", &local_tag);
        self.answered.push_back(Answered {
            branch,
            method: "INVITE".into(),
            text: text.clone(),
            call: Some(self.calls.len() - 1),
            again_at_us: None,
            interval_us: T1_US,
            gives_up_at_us: now_us + GIVE_UP_US,
            request_head: head,
        });
        self.send(text);
    }

    fn cancelled(&mut self, now_us: u64, message: &Message<'_>, branch: String) {
        let invite = self.answered.iter().position(|a| a.branch == branch && a.method == "INVITE");
        self.answer_once(message, branch, "CANCEL", if invite.is_some() { 200 } else { 481 });
        let Some(at) = invite else { return };
        let Some(index) = self.answered[at].call else { return };
        if self.calls[index].state == CallState::Ringing {
            self.calls[index].state = CallState::Cancelled;
            self.finish_invite(at, 487, "Request Terminated", now_us);
        }
    }

    fn acknowledged(&mut self, message: &Message<'_>, branch: &str) {
        let call_id = text_of(message.header(HeaderName::CallId));
        let tag = tag_of(message, HeaderName::To);
        for answered in &mut self.answered {
            let of_failure = answered.branch == branch;
            let of_success = answered.text.starts_with("SIP/2.0 2")
                && answered
                    .call
                    .is_some_and(|c| self.calls[c].call_id == call_id && self.calls[c].local_tag == tag);
            if answered.method == "INVITE" && (of_failure || of_success) {
                answered.again_at_us = None;
            }
        }
    }

    fn answer_once(&mut self, message: &Message<'_>, branch: String, method: &str, status: u16) {
        let head = head_of(message);
        let tag = self.next_id("x");
        let text = self.answer_text(&head, status, "Answer", &tag);
        self.answered.push_back(Answered {
            branch,
            method: method.into(),
            text: text.clone(),
            call: None,
            again_at_us: None,
            interval_us: 0,
            gives_up_at_us: 0,
            request_head: Vec::new(),
        });
        self.send(text);
    }

    fn authorization(
        &mut self,
        message: &Message<'_>,
        header: HeaderName,
        method: &str,
        uri: &str,
    ) -> Option<String> {
        self.serial += 1;
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.serial.to_be_bytes());
        let understood = message.headers_of(header).flat_map(|h| digest::challenges(h.value)).flatten();
        let challenge = Session::choose(understood)?;
        let mut session = Session::new(&challenge);
        let ha1 =
            Ha1::new(session.algorithm(), self.user.as_bytes(), session.realm(), self.secret.as_bytes());
        let mut out = Vec::new();
        session.write_credentials(
            self.user.as_bytes(),
            &ha1,
            method.as_bytes(),
            uri.as_bytes(),
            b"",
            random,
            &mut out,
        );
        String::from_utf8(out).ok()
    }

    fn next_id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}-{}-{}", self.user, self.address.port(), self.serial)
    }

    fn send(&mut self, text: String) {
        self.outgoing.push(Packet { from: self.address, to: self.server, bytes: text.into_bytes() });
    }
}

/// The response was right, only the nonce was old: the request is made again (RFC 7616 section 3.3).
fn is_stale(message: &Message<'_>) -> bool {
    let challenges = message
        .headers_of(HeaderName::WwwAuthenticate)
        .chain(message.headers_of(HeaderName::ProxyAuthenticate));
    challenges.flat_map(|h| digest::challenges(h.value)).flatten().any(|c| c.stale)
}

/// The headers an answer copies (RFC 3261 section 8.2.6.2), and Record-Route (12.1.1).
fn head_of(message: &Message<'_>) -> Vec<(String, String)> {
    let names = [
        (HeaderName::Via, "Via"),
        (HeaderName::RecordRoute, "Record-Route"),
        (HeaderName::From, "From"),
        (HeaderName::To, "To"),
        (HeaderName::CallId, "Call-ID"),
        (HeaderName::CSeq, "CSeq"),
    ];
    let mut head = Vec::new();
    for (name, written) in names {
        for value in message.headers_of(name) {
            head.push((written.to_owned(), text_of(Some(value.value))));
        }
    }
    head
}

fn text_of(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

fn branch_of(text: &str) -> String {
    let at = text.find("branch=").map_or(text.len(), |at| at + 7);
    text[at..].split(['\r', ';', ',']).next().unwrap_or_default().to_owned()
}

fn first_branch(message: &Message<'_>) -> String {
    branch_of(&text_of(message.header(HeaderName::Via)))
}

fn tag_of(message: &Message<'_>, name: HeaderName) -> String {
    let text = text_of(message.header(name));
    text.split(";tag=").nth(1).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

fn contact_of(message: &Message<'_>) -> String {
    let text = text_of(message.header(HeaderName::Contact));
    text.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned()
}
