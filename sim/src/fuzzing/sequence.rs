//! Sequences: the bytes choose who does what and when, against one real exchange. Beside what [`super::desk`] judges:
//!
//! - a stranger makes us send no request to anybody, whatever he sends (threat: open relay, ended calls);
//! - a phone without credentials makes us relay nothing outside a dialog;
//! - after ten idle minutes no transaction is left.

mod business;
#[cfg(test)]
mod tests;

use super::choices::Choices;
use super::desk::{DOMAIN, Desk, STRANGER, Sent, USERS, opened, stream, udp};
use super::party::{Dialog, Party, Request, answer_lines, written};
use coeur_directory::{Aor, DeviceId};
use coeur_exchange::event::Counters;
use coeur_exchange::input::{Command, Input, MediaEvent, SendFailure};
use coeur_exchange::media::Kept;
use coeur_exchange::outbox::SendToken;
use coeur_exchange::world::CallMode;
use coeur_sip::resolve::{Answer, Outcome, Records};
use coeur_sip::transport::Transport;
use coeur_sip::{HeaderTable, Limits, Method, parse};
use std::sync::atomic::Ordering;

/// Actions of one sequence.
const ACTIONS_MAX: usize = 96;

const METHODS: &[&str] =
    &["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "PUBLISH", "BYE", "INFO", "XYZZY"];
const INSIDE: &[&str] = &["BYE", "INVITE", "ACK", "UPDATE", "INFO", "PRACK", "NOTIFY", "REFER"];
/// Whom calls are for, as back-to-back user agent.
const CALLED: &[&str] = &["alice", "bob", "carol", "bob", "echo", "*8bob", "*8", "park-71", "conference-x"];
const STATUSES: &[u16] = &[180, 200, 486, 100, 183, 302, 401, 404, 408, 430, 487, 500, 503, 600, 699, 202];
const WAITS_MS: &[u64] = &[1, 100, 500, 4_000, 32_000, 65_000, 185_000, 301_000];
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 0 8\r\n";

/// Values that header lines are replaced by.
const HOSTILE: &[&str] = &[
    "",
    "*",
    ",",
    "<sip:",
    "\"",
    "0",
    "-1",
    "4294967296",
    "99999999999999999999999999",
    "1 INVITE",
    "2147483648 INVITE",
    "<sip:alice@fuzz.test>",
    "<sip:alice@fuzz.test>;tag=",
    "<sip:bob@fuzz.test;lr>",
    "<sip:192.0.2.1:5060;lr>",
    "<sip:tokentokentokentoken@192.0.2.1;lr>",
    "<sip:relay@198.51.100.1;lr>",
    "<sip:alice@fuzz.test?Route=%3Csip:x%3E>",
    "sip:%00%ff@fuzz.test",
    "tel:+33123456789",
    "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK",
    "SIP/2.0/TCP [::1]:99999;branch=z9hG4bKc00",
    "SIP/2.0/UDP fuzz.test",
    "<sip:alice@192.0.2.11>;expires=0",
    "<sip:alice@192.0.2.11>;expires=4294967295;q=1.001",
    "<sip:alice@192.0.2.11>;+sip.instance=\"<urn:uuid:1>\";reg-id=1",
    "Digest username=\"alice\"",
    "100rel, path, outbound, gruu",
];

pub fn sequence(data: &[u8]) {
    play(data, CallMode::Proxy);
    play(data, CallMode::B2bua);
}

fn play(data: &[u8], calls: CallMode) -> Counters {
    let mut play = Play {
        choices: Choices::new(data),
        desk: Desk::new(),
        parties: vec![
            Party::new(USERS[0], true, udp([192, 0, 2, 11], 5060)),
            Party::new(USERS[1], true, stream(Transport::Tcp, [192, 0, 2, 12], 1)),
            Party::new(USERS[2], true, stream(Transport::Ws, [192, 0, 2, 13], 2)),
            Party::new("mallory", false, STRANGER),
        ],
        tokens: Vec::new(),
    };
    play.desk.world.settings.calls = calls;
    // Most sequences begin with phones that are there.
    if play.choices.byte() < 224 {
        (0..USERS.len()).for_each(|who| play.register(who, true));
    }
    for _ in 0..ACTIONS_MAX {
        if play.choices.is_empty() {
            break;
        }
        if calls == CallMode::B2bua && play.choices.once_in(2) {
            play.media();
        }
        play.act();
    }
    match calls {
        CallMode::Proxy => play.desk.rest(),
        CallMode::B2bua => {
            // Half of them are killed.
            if data.len() % 2 == 1 {
                let sent = play.desk.crash();
                play.deliver(sent);
            }
            play.desk.end_calls();
        }
    }
    play.desk.exchange().counters().clone()
}

struct Play<'a> {
    choices: Choices<'a>,
    desk: Desk,
    parties: Vec<Party>,
    tokens: Vec<SendToken>,
}

impl Play<'_> {
    fn act(&mut self) {
        match self.desk.world.settings.calls {
            CallMode::B2bua if self.choices.once_in(6) => self.business(),
            CallMode::B2bua | CallMode::Proxy => self.act_apart(),
        }
    }

    fn act_apart(&mut self) {
        let who = self.choices.below(self.parties.len());
        match self.choices.below(20) {
            0 => self.register(who, false),
            1..=4 => self.outside(who),
            5..=7 => self.inside(who),
            8..=11 => self.answer(who),
            12 => self.of_invite(who, "ACK"),
            13 => self.of_invite(who, "CANCEL"),
            14 => {
                let (bytes, may) = (self.parties[who].last_sent.clone(), self.parties[who].last_may_relay);
                self.send(who, &bytes, may);
            }
            15 => {
                let sent = self.desk.pass(self.choices.one_of(WAITS_MS) + u64::from(self.choices.byte()));
                self.deliver(sent);
            }
            16 => self.network_event(who),
            17 => self.resolver(),
            18 => self.world_event(),
            _ => {
                // Mallory's own invention: no template at all.
                let (stranger, bytes) = (self.parties.len() - 1, self.choices.bytes(1_400));
                self.send(stranger, bytes, false);
            }
        }
    }

    /// The media plane does what it was asked for.
    fn media(&mut self) {
        for (id, streams) in self.desk.endpoints.clone() {
            let sent = self.desk.handle(Input::MediaEvent(opened(id, streams)));
            self.deliver(sent);
        }
        for id in std::mem::take(&mut self.desk.kept) {
            let kept = Box::new(Kept { signalled_from: None, streams: Box::default() });
            let sent = self.desk.handle(Input::MediaEvent(MediaEvent::Kept { id, kept }));
            self.deliver(sent);
        }
    }

    /// REGISTER, answering the challenge when `through`; else as it comes, with changed lines.
    fn register(&mut self, who: usize, through: bool) {
        for attempt in 0..2 {
            let mut request = self.request(who, "REGISTER", format!("sip:{DOMAIN}"));
            request.to = request.from.split(";tag=").next().unwrap_or_default().to_owned();
            if !through {
                request.contact = match self.choices.below(6) {
                    0 => "*".into(),
                    1 => format!("{};expires=0", request.contact),
                    2 => format!("{};+sip.instance=\"<urn:uuid:9>\";reg-id=1", request.contact),
                    3 => format!("{}, <sip:second@192.0.2.99>;q=0.3", request.contact),
                    _ => request.contact,
                };
                let expires = self.choices.one_of(&[
                    "Expires: 60",
                    "Expires: 0",
                    "Expires: 4294967295",
                    "Supported: gruu, outbound",
                ]);
                request.extra.push(expires.into());
            }
            let with = attempt == 1 || (!through && self.parties[who].session.is_some());
            self.write_and_send(who, request, with, false, !through);
            if !through {
                return;
            }
        }
    }

    /// A request outside any dialog.
    fn outside(&mut self, who: usize) {
        let (method, callee) = match self.desk.world.settings.calls {
            CallMode::Proxy => {
                let method = self.choices.one_of(METHODS);
                (method, self.choices.one_of(&["alice", "bob", "carol", "echo", "nobody", ""]))
            }
            CallMode::B2bua => ("INVITE", self.choices.one_of(CALLED)),
        };
        let uri = match self.choices.below(8) {
            0 => format!("sip:{callee}@198.51.100.1"),
            1 => "tel:+33123456789".into(),
            _ if callee.is_empty() => format!("sip:{DOMAIN}"),
            _ => format!("sip:{callee}@{DOMAIN}"),
        };
        let mut request = self.request(who, method, uri);
        if self.choices.once_in(16) {
            request.max_forwards = self.choices.byte().into();
        }
        if self.choices.once_in(12) {
            request.to.push_str(";tag=made-up");
        }
        if self.choices.once_in(12) {
            let route = self.choices.one_of(&[
                "<sip:192.0.2.1:5060;lr>",
                "<sip:fuzz.test;lr>",
                "<sip:198.51.100.1;lr>",
            ]);
            request.routes.push(route.into());
        }
        let (with, change) = (!self.choices.once_in(4), self.choices.once_in(3));
        self.write_and_send(who, request, with, false, change);
        // Left to chance alone hardly any would be cancelled while it is open, or ring until timer C.
        match self.choices.below(4) {
            0 if method == "INVITE" => self.of_invite(who, "CANCEL"),
            1 if method == "INVITE" => self.ring_out(),
            _ => {}
        }
    }

    /// Whoever has something to answer says 180, and then nothing for three minutes and some.
    fn ring_out(&mut self) {
        for who in 0..self.parties.len() {
            let Some(bytes) = self.parties[who].inbox.back().cloned() else { continue };
            let mut table = HeaderTable::new();
            let Ok(request) = parse(&bytes, &mut table, &Limits::default()) else { continue };
            let lines = answer_lines(&request, 180, &format!("t{who}"), &self.parties[who].contact());
            self.send(who, &written(&lines, b""), true);
        }
        let sent = self.desk.pass(186_000);
        self.deliver(sent);
    }

    /// A request inside the dialog that this party, or another, knows of.
    fn inside(&mut self, who: usize) {
        let owner = if self.choices.once_in(6) { self.choices.below(self.parties.len()) } else { who };
        let Some(dialog) = self.parties[owner].dialog.clone() else { return };
        let method = self.choices.one_of(INSIDE);
        let Dialog { call_id, local, remote, target, routes } = dialog;
        let mut request = self.request(who, method, target);
        (request.call_id, request.from, request.to, request.routes) = (call_id, local, remote, routes);
        request.cseq = 1 + u32::from(self.choices.byte() % 4);
        let (with, change) = (self.choices.once_in(3), self.choices.once_in(4));
        self.write_and_send(who, request, with, true, change);
    }

    /// ACK or CANCEL of the last INVITE.
    fn of_invite(&mut self, who: usize, method: &'static str) {
        let owner = if self.choices.once_in(6) { self.choices.below(self.parties.len()) } else { who };
        let Some(mut request) = self.parties[owner].invited.clone() else { return };
        request.method = method;
        request.body = "";
        let change = self.choices.once_in(6);
        self.write_and_send(who, request, false, true, change);
    }

    fn request(&mut self, who: usize, method: &'static str, uri: String) -> Request {
        let serial = self.desk.serial();
        let party = &self.parties[who];
        // A stranger says that he is Alice.
        let user = if party.has_account { party.user } else { USERS[0] };
        Request {
            method,
            to: format!("<{uri}>"),
            uri,
            from: format!("<sip:{user}@{DOMAIN}>;tag=f{serial}"),
            call_id: format!("call-{serial}"),
            cseq: 1,
            branch: format!("z9hG4bKq{serial}"),
            contact: party.contact(),
            max_forwards: 70,
            routes: Vec::new(),
            extra: match method {
                "INVITE" => vec!["Content-Type: application/sdp".into()],
                "REFER" => {
                    let to = self.choices.one_of(&["carol", "park-71", "park", "echo", "conference-x"]);
                    vec![format!("Refer-To: <sip:{to}@{DOMAIN}>")]
                }
                _ => Vec::new(),
            },
            body: if method == "INVITE" { OFFER } else { "" },
        }
    }

    fn write_and_send(
        &mut self,
        who: usize,
        mut request: Request,
        credentials: bool,
        inside: bool,
        change: bool,
    ) {
        let party = &mut self.parties[who];
        let given = credentials.then(|| party.credentials(request.method, &request.uri)).flatten();
        let proved = given.is_some();
        request.extra.extend(given);
        if request.method == "INVITE" && !inside {
            party.invited = Some(request.clone());
        }
        let mut lines: Vec<Vec<u8>> =
            request.lines(&party.flow).into_iter().map(String::into_bytes).collect();
        if change {
            self.change(&mut lines);
        }
        let bytes = written(&lines, request.body.as_bytes());
        self.send(who, &bytes, proved || inside);
    }

    /// Damages one line, or doubles or drops it.
    fn change(&mut self, lines: &mut Vec<Vec<u8>>) {
        let at = self.choices.below(lines.len());
        match self.choices.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let junk = self.choices.bytes(64);
                let place = self.choices.below(lines[at].len() + 1).min(lines[at].len());
                lines[at].splice(place..place, junk.iter().copied());
            }
            _ => {
                let value = self.choices.one_of(HOSTILE);
                let name_len = lines[at].iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
                lines[at].truncate(name_len);
                lines[at].extend_from_slice(value.as_bytes());
            }
        }
    }

    /// An answer to the oldest or newest request that waits.
    fn answer(&mut self, who: usize) {
        let (mut status, newest) = (self.choices.one_of(STATUSES), self.choices.once_in(3));
        let mut who = who;
        if self.desk.world.settings.calls == CallMode::B2bua {
            // Left to chance alone hardly any call would be answered.
            let waits = |at: &usize| !self.parties[*at].inbox.is_empty();
            who = (who..self.parties.len()).chain(0..who).find(waits).unwrap_or(who);
            status = if self.choices.once_in(2) { 200 } else { status };
        }
        let inbox = &mut self.parties[who].inbox;
        let waiting = if newest { inbox.back() } else { inbox.front() };
        let Some(request) = waiting.cloned() else { return };
        if status >= 200 && !newest {
            inbox.pop_front();
        }
        let change = self.choices.once_in(5);
        self.reply(who, &request, status, change);
    }

    fn reply(&mut self, who: usize, request: &[u8], status: u16, change: bool) {
        let mut table = HeaderTable::new();
        let Ok(request) = parse(request, &mut table, &Limits::default()) else { return };
        let contact = match status {
            302 => "<sip:carol@fuzz.test>".to_owned(),
            _ => self.parties[who].contact(),
        };
        let mut lines = answer_lines(&request, status, &format!("t{who}"), &contact);
        let describes = request.method() == Method::Invite && matches!(status, 183 | 200 | 202);
        if describes {
            lines.retain(|line| !line.starts_with(b"Content-Length"));
            lines.push(b"Content-Type: application/sdp".to_vec());
            lines.push(format!("Content-Length: {}", OFFER.len()).into_bytes());
        }
        if change {
            self.change(&mut lines);
        }
        let bytes = written(&lines, if describes { OFFER.as_bytes() } else { b"" });
        let mut own = HeaderTable::new();
        if let Ok(message) = parse(&bytes, &mut own, &Limits::default())
            && status < 300
        {
            self.parties[who].learn_dialog(&message, false);
        }
        self.send(who, &bytes, true);
    }

    /// A connection closes, and the phone comes back over another; or something could not be sent.
    fn network_event(&mut self, who: usize) {
        if self.choices.once_in(2) {
            let Some(token) = self.tokens.pop() else { return };
            let failure = self.choices.one_of(&[
                SendFailure::Unreachable,
                SendFailure::FlowClosed,
                SendFailure::Untrusted,
                SendFailure::Congested,
            ]);
            let sent = self.desk.handle(Input::SendFailed { token, failure });
            return self.deliver(sent);
        }
        let flow = self.parties[who].flow;
        if flow.transport != Transport::Udp {
            let sent = self.desk.handle(Input::FlowClosed { flow });
            self.deliver(sent);
            let serial = 1_000 + self.desk.serial();
            self.parties[who].flow = stream(flow.transport, [192, 0, 2, 20 + who as u8], serial);
        }
    }

    fn resolver(&mut self) {
        let Some((token, query)) = self.desk.resolving.pop() else { return };
        let outcome = match self.choices.below(4) {
            0 => Outcome::Failed,
            1 => Outcome::Absent { ttl_s: 0 },
            2 => Outcome::Found { records: Records::A(vec![[198, 51, 100, 1].into()]), ttl_s: 60 },
            _ => Outcome::Found { records: Records::Srv(Vec::new()), ttl_s: u32::MAX },
        };
        let sent = self.desk.handle(Input::Resolved { token, answer: &Answer { query, outcome } });
        self.deliver(sent);
    }

    fn world_event(&mut self) {
        match self.choices.below(6) {
            0 | 1 => {
                let Some((id, streams)) = self.desk.endpoints.last().copied() else { return };
                let event = match self.choices.below(4) {
                    0 => {
                        self.desk.endpoints.retain(|(open, _)| *open != id);
                        MediaEvent::OpenFailed { id }
                    }
                    1 => MediaEvent::Ended { id },
                    _ => opened(id, streams),
                };
                let sent = self.desk.handle(Input::MediaEvent(event));
                self.deliver(sent);
            }
            2 => {
                let user = self.choices.one_of(USERS);
                let device = self.choices.once_in(2).then_some(DeviceId(u64::from(self.choices.byte() % 4)));
                let aor = Aor::new(user, DOMAIN).expect("a valid name");
                let sent = self.desk.handle(Input::Told(Command::Revoked { aor, device }));
                self.deliver(sent);
            }
            3 if self.choices.once_in(8) => {
                let sent = self.desk.handle(Input::Told(Command::Drain));
                self.deliver(sent);
            }
            _ => {
                let writable = self.choices.once_in(2);
                self.desk.world.storage_writable.store(writable, Ordering::Relaxed);
                let bindings = &self.desk.world.bindings;
                bindings.set_saved_up_to(bindings.version());
            }
        }
    }

    /// Sends, judges what it caused, and delivers it.
    fn send(&mut self, who: usize, bytes: &[u8], may_relay: bool) {
        if bytes.is_empty() {
            return;
        }
        let party = &mut self.parties[who];
        party.last_sent = bytes.to_vec();
        party.last_may_relay = may_relay;
        let (flow, may_relay) = (party.flow, may_relay && party.has_account);
        let sent = self.desk.receive(flow, bytes);
        let relayed = sent.iter().find(|sent| sent.status.is_none());
        assert!(
            may_relay || relayed.is_none(),
            "{} without proof:\n{}\nwas relayed:\n{}",
            self.parties[who].user,
            String::from_utf8_lossy(bytes),
            relayed.map(|sent| String::from_utf8_lossy(&sent.bytes)).unwrap_or_default()
        );
        self.deliver(sent);
    }

    fn deliver(&mut self, sent: Vec<Sent>) {
        for each in sent {
            self.tokens.extend(each.token);
            let to = each.to();
            if let Some(party) = self.parties.iter_mut().find(|party| party.flow.remote == to) {
                party.receive(each.bytes);
            }
        }
        let excess = self.tokens.len().saturating_sub(16);
        self.tokens.drain(..excess);
    }
}
