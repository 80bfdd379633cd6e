//! A trace as steps: what a phone says, and what the server is expected to say.

use super::CouldNot;
use super::text::{Kind, Text};
use crate::config::listen::{Listen, Scheme};
use coeur_api::{ConversationView, MessageView};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub call_id: String,
    pub peers: Vec<Peer>,
    pub steps: Vec<Step>,
    /// Messages in the trace, repeated ones counted.
    pub count: usize,
    pub began_at_us: u64,
    /// Where the server listened, as phones reached it.
    pub listen: Vec<Listen>,
    /// The name by which it called itself, where it is no address.
    pub advertise: Option<String>,
}

/// A phone, or whoever else was there: one way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub scheme: Scheme,
    pub address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// In the trace, from 1.
    pub number: usize,
    /// In [`Script::peers`].
    pub peer: usize,
    /// Since the message before it.
    pub gap: Duration,
    pub act: Act,
    pub text: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was received.
    Say,
    /// It was sent.
    Expect,
}

impl Script {
    /// Of a whole conversation. What was repeated is said and expected once.
    pub fn of(view: &ConversationView) -> Result<Self, CouldNot> {
        let messages = &view.messages;
        if messages.len() != view.messages_count {
            return Err(CouldNot::Cut { shown: messages.len(), count: view.messages_count });
        }
        match messages.first() {
            None => return Err(CouldNot::NobodySpoke),
            Some(first) if first.direction == "sent" => return Err(CouldNot::BegunByServer),
            Some(_) => {}
        }
        let mut script = Self {
            call_id: view.call_id.clone(),
            peers: Vec::new(),
            steps: Vec::new(),
            count: messages.len(),
            began_at_us: view.began_at_us,
            listen: Vec::new(),
            advertise: None,
        };
        let mut before_us = view.began_at_us;
        for (at, message) in messages.iter().enumerate() {
            let gap = Duration::from_micros(message.at_us.saturating_sub(before_us));
            before_us = before_us.max(message.at_us);
            if !message.retransmission {
                let step = script.step(at + 1, gap, message);
                script.steps.push(step.ok_or(CouldNot::Unreadable { number: at + 1 })?);
            }
        }
        script.steps = in_order(script.steps);
        script.find_listeners(messages);
        script.forget_others();
        Ok(script)
    }

    /// The answer to a REGISTER lists all contacts of an account (RFC 3261 section 10.3); those that other phones have registered
    /// are not there in a replay.
    fn forget_others(&mut self) {
        let contacts =
            |text: &Text| -> Vec<String> { text.all("contact").flat_map(uris).map(str::to_owned).collect() };
        let said = self.steps.iter().filter(|step| step.act == Act::Say);
        let own: BTreeSet<String> = said.flat_map(|step| contacts(&step.text)).collect();
        for step in self.steps.iter_mut().filter(|step| step.act == Act::Expect) {
            if matches!(step.text.kind(), Some(Kind::Response { method, .. }) if method == "REGISTER") {
                step.text.headers.retain(|header| {
                    header.name != "contact" || uris(&header.value).any(|uri| own.contains(uri))
                });
            }
        }
    }

    fn step(&mut self, number: usize, gap: Duration, message: &MessageView) -> Option<Step> {
        let peer = Peer { scheme: Scheme::parse(&message.transport)?, address: message.remote.parse().ok()? };
        let known = self.peers.iter().position(|known| *known == peer);
        let peer = known.unwrap_or_else(|| {
            self.peers.push(peer);
            self.peers.len() - 1
        });
        let act = if message.direction == "sent" { Act::Expect } else { Act::Say };
        Some(Step { number, peer, gap, act, text: Text::read(&message.text)? })
    }

    /// One that listens on all addresses is one that listens on the address which it names itself, where it names one.
    fn find_listeners(&mut self, messages: &[MessageView]) {
        let host = self.steps.iter().find_map(own_host).or_else(|| self.steps.iter().find_map(own_contact));
        let named = host.as_deref().and_then(|host| host.parse::<IpAddr>().ok());
        if named.is_none() {
            self.advertise = host;
        }
        let on_all = |ip: IpAddr| match named {
            Some(named) if named.is_ipv4() == ip.is_ipv4() => named,
            Some(_) | None if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
            Some(_) | None => Ipv6Addr::LOCALHOST.into(),
        };
        let mut listen: BTreeSet<Listen> = BTreeSet::new();
        for message in messages {
            if let Ok(mut place) = message.listener.parse::<Listen>() {
                if place.address.ip().is_unspecified() {
                    place.address.set_ip(on_all(place.address.ip()));
                }
                listen.insert(place);
            }
        }
        self.listen = listen.into_iter().collect();
        // What is of a listener that is no more is said to another of its kind, or to a new one.
        for peer in &self.peers {
            if !self.listen.iter().any(|place| is_way(place, peer)) {
                let ip = on_all(match peer.address {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                });
                let address = SocketAddr::new(ip, peer.scheme.default_port());
                self.listen.push(Listen { scheme: peer.scheme, address });
            }
        }
    }

    /// Where this peer reaches the server.
    pub fn place_for(&self, peer: &Peer) -> Option<Listen> {
        self.listen.iter().find(|place| is_way(place, peer)).copied()
    }

    /// The answer to a request of a phone, as the server sent it: the last one.
    pub fn answer_to(&self, request: &Text) -> Option<&Text> {
        let Some(Kind::Request { method }) = request.kind() else { return None };
        let is_answer = |text: &&Text| match text.kind() {
            Some(Kind::Response { method: of, .. }) => {
                of == method
                    && text.value("call-id") == request.value("call-id")
                    && text.sequence() == request.sequence()
            }
            Some(Kind::Request { .. }) | None => false,
        };
        let mut sent = self.steps.iter().filter(|step| step.act == Act::Expect).map(|step| &step.text);
        sent.rfind(is_answer)
    }
}

/// The clocks of shards count milliseconds, and one may look at its own less often than another.
const SKEW: Duration = Duration::from_millis(5);
/// Messages that may stand in the wrong order: those of one call within that time.
const NEAR_MAX: usize = 64;

/// What came because of another stands behind it.
fn in_order(steps: Vec<Step>) -> Vec<Step> {
    let mut at = Duration::ZERO;
    let mut rest: Vec<(Duration, Step)> = Vec::with_capacity(steps.len());
    for step in steps {
        at += step.gap;
        rest.push((at, step));
    }
    let mut ordered: Vec<Step> = Vec::with_capacity(rest.len());
    let mut done = 0;
    while let Some((first, _)) = rest.get(done) {
        let until = *first + SKEW;
        let near = rest[done..].iter().take(NEAR_MAX).take_while(|(at, _)| *at <= until).count();
        let near = &rest[done..done + near];
        let is_ready =
            |(_, step): &(Duration, Step)| !near.iter().any(|(_, other)| is_cause(other, step, &ordered));
        // Should each wait for another, they stay as they were.
        let next = done + near.iter().position(is_ready).unwrap_or(0);
        rest[done..=next].rotate_right(1);
        ordered.push(rest[done].1.clone());
        done += 1;
    }
    ordered
}

fn is_cause(cause: &Step, effect: &Step, before: &[Step]) -> bool {
    let (Some(first), Some(second)) = (cause.text.kind(), effect.text.kind()) else { return false };
    let same_call = cause.text.value("call-id") == effect.text.value("call-id")
        && cause.text.sequence() == effect.text.sequence();
    match (&first, &second) {
        // What one says another is told, once for each time.
        _ if first == second && cause.act == Act::Say && effect.act == Act::Expect => {
            let count = |act| {
                let same = before
                    .iter()
                    .filter(|step| step.act == act && step.text.kind().as_ref() == Some(&second));
                same.count()
            };
            cause.peer != effect.peer && count(Act::Say) <= count(Act::Expect)
        }
        _ if cause.act == effect.act || cause.peer != effect.peer || !same_call => false,
        (Kind::Request { method }, Kind::Response { method: of, .. }) => method == of,
        // RFC 3261 sections 13.2.2.4 and 17.1.1.3.
        (Kind::Response { status: 200.., method }, Kind::Request { method: ack }) => {
            method == "INVITE" && ack == "ACK"
        }
        (_, _) => false,
    }
}

fn is_way(place: &Listen, peer: &Peer) -> bool {
    place.scheme == peer.scheme && place.address.is_ipv4() == peer.address.is_ipv4()
}

/// Of a Contact value: what stands in angle brackets.
fn uris(value: &str) -> impl Iterator<Item = &str> {
    value.split('<').skip(1).filter_map(|rest| rest.split('>').next())
}

/// In the topmost Via of a request of the server.
fn own_host(step: &Step) -> Option<String> {
    if step.act != Act::Expect || !matches!(step.text.kind(), Some(Kind::Request { .. })) {
        return None;
    }
    let via = step.text.value("via")?;
    host_of(via.split_once(' ')?.1.split([';', ',']).next()?.trim())
}

/// Without its port.
fn host_of(place: &str) -> Option<String> {
    let host = match place.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => place.split(':').next()?,
    };
    Some(host.to_owned())
}

/// In the Contact of an answer of its own, where it has sent no request: a service of ours, or a call that was refused.
fn own_contact(step: &Step) -> Option<String> {
    if step.act != Act::Expect || !matches!(step.text.kind(), Some(Kind::Response { .. })) {
        return None;
    }
    let uri = uris(step.text.value("contact")?).next()?;
    let (_, place) = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"))?.split_once('@')?;
    // What a proxy passes on has the Contact of the phone behind it.
    uri.contains(":b2b-").then(|| place.split(';').next())?.and_then(host_of)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn message(direction: &str, remote: &str, at_us: u64, text: &str) -> MessageView {
        MessageView {
            at_us,
            direction: direction.into(),
            transport: "udp".into(),
            remote: remote.into(),
            listener: "udp://0.0.0.0:5070".into(),
            text: text.into(),
            ..MessageView::default()
        }
    }

    pub fn conversation(messages: Vec<MessageView>) -> ConversationView {
        ConversationView {
            call_id: "c".into(),
            began_at_us: messages.first().map_or(0, |first| first.at_us),
            messages_count: messages.len(),
            messages,
            ..ConversationView::default()
        }
    }

    fn invite(via: &str) -> String {
        format!("INVITE sip:b@d SIP/2.0\nVia: SIP/2.0/UDP {via};branch=z9hG4bKx\nCall-ID: c\nCSeq: 1 INVITE")
    }

    const BUSY: &str = "SIP/2.0 486 Busy Here\nCall-ID: c\nCSeq: 1 INVITE";

    #[test]
    fn what_was_received_is_said_and_what_was_sent_is_expected_once_each() {
        let mut again = message("received", "192.0.2.7:5060", 500_000, &invite("192.0.2.7"));
        again.retransmission = true;
        let script = Script::of(&conversation(vec![
            message("received", "192.0.2.7:5060", 0, &invite("192.0.2.7")),
            again,
            message("sent", "192.0.2.8:5060", 700_000, &invite("192.0.2.1:5070")),
            message("received", "192.0.2.8:5060", 800_000, BUSY),
            message("sent", "192.0.2.7:5060", 900_000, BUSY),
        ]));
        let script = script.unwrap();
        let steps: Vec<_> = script
            .steps
            .iter()
            .map(|step| (step.number, step.peer, step.act, step.gap.as_millis()))
            .collect();
        use Act::{Expect, Say};
        assert_eq!(steps, [(1, 0, Say, 0), (3, 1, Expect, 200), (4, 1, Say, 100), (5, 0, Expect, 100)]);
        // It listened on all addresses, and called itself by one.
        assert_eq!(script.listen, ["udp://192.0.2.1:5070".parse().unwrap()]);
        assert_eq!(script.place_for(&script.peers[1]), Some(script.listen[0]));
        assert_eq!(script.answer_to(&script.steps[0].text).map(Text::label), Some("486 Busy Here"));
    }

    #[test]
    fn what_came_because_of_another_stands_behind_it_whatever_the_clocks_of_shards_say() {
        let of_bob =
            |text: &str| text.replace("Call-ID: c", "Call-ID: of-bob").replace("CSeq: 1 ", "CSeq: 9 ");
        let (alice, bob) = ("192.0.2.7:5060", "192.0.2.8:5060");
        let ack = "ACK sip:b@d SIP/2.0\nCall-ID: c\nCSeq: 1 ACK";
        // As two shards have written it.
        let script = Script::of(&conversation(vec![
            message("received", alice, 0, &invite("192.0.2.7")),
            message("received", alice, 1_000, ack),
            message("sent", alice, 1_000, BUSY),
            message("sent", bob, 1_000, &of_bob(ack)),
            message("received", bob, 2_000, &of_bob(BUSY)),
            message("sent", bob, 2_000, &of_bob(&invite("192.0.2.1"))),
        ]));
        let labels: Vec<(Act, String)> =
            script.unwrap().steps.iter().map(|step| (step.act, step.text.label().to_owned())).collect();
        let labels: Vec<(Act, &str)> = labels.iter().map(|(act, label)| (*act, &**label)).collect();
        use Act::{Expect, Say};
        assert_eq!(
            labels,
            [
                (Say, "INVITE sip:b@d"),
                (Expect, "INVITE sip:b@d"),
                (Say, "486 Busy Here"),
                (Expect, "486 Busy Here"),
                (Say, "ACK sip:b@d"),
                (Expect, "ACK sip:b@d"),
            ]
        );
    }

    #[test]
    fn a_server_that_has_a_name_keeps_it() {
        let script = Script::of(&conversation(vec![
            message("received", "192.0.2.7:5060", 0, &invite("192.0.2.7")),
            message("sent", "192.0.2.8:5060", 1, &invite("sip.example.org:5070")),
        ]));
        let script = script.unwrap();
        assert_eq!(script.advertise.as_deref(), Some("sip.example.org"));
        assert_eq!(script.listen, ["udp://127.0.0.1:5070".parse().unwrap()]);
    }

    #[test]
    fn where_the_server_has_asked_nobody_its_name_is_that_of_its_contact() {
        let answer = |user: &str| {
            format!(
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:a@d>;tag=1\r\nTo: <sip:b@d>;tag=2\r\n\
                 Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:{user}@192.0.2.1:5070>\r\n\r\n"
            )
        };
        let of = |user: &str| {
            Script::of(&conversation(vec![
                message("received", "192.0.2.7:5060", 0, &invite("192.0.2.7")),
                message("sent", "192.0.2.7:5060", 1, &answer(user)),
            ]))
            .unwrap()
        };
        assert_eq!(of("b2b-0000000001e45b98").listen, ["udp://192.0.2.1:5070".parse().unwrap()]);
        assert_eq!(of("bob").listen, ["udp://127.0.0.1:5070".parse().unwrap()], "of a phone behind a proxy");
    }

    #[test]
    fn what_is_not_whole_or_not_begun_by_a_phone_is_refused() {
        let mut cut = conversation(vec![message("received", "192.0.2.7:5060", 0, BUSY)]);
        cut.messages_count = 9;
        assert_eq!(Script::of(&cut), Err(CouldNot::Cut { shown: 1, count: 9 }));
        assert_eq!(Script::of(&conversation(Vec::new())), Err(CouldNot::NobodySpoke));
        let own = conversation(vec![message("sent", "192.0.2.7:5060", 0, &invite("192.0.2.1"))]);
        assert_eq!(Script::of(&own), Err(CouldNot::BegunByServer));
        let noise = conversation(vec![message("received", "192.0.2.7:5060", 0, "noise")]);
        assert_eq!(Script::of(&noise), Err(CouldNot::Unreadable { number: 1 }));
    }
}
