//! From bytes to the handler: classify, parse, find the owner, decide.

use super::handler::Handler;
use super::inbox::{Inbox, Notice};
use super::stats::Stats;
use crate::net::sources::{
    MALFORMED_OF_SHARD, PROVED_SEARCHES_OF_SHARD, Patience, SEARCHES_OF_SHARD, Sources,
};
use crate::net::stun;
use crate::observe::offenders::{self, Kind};
use crate::trace::{Direction, Tap};
use coeur_exchange::flow::{Flow, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::mint::read_hex;
use coeur_exchange::outbox::Outbox;
use coeur_exchange::record::calls::owner;
use coeur_sip::stream::{FrameError, refusal};
use coeur_sip::time::Now;
use coeur_sip::{HeaderTable, Limits, Message};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// What a shard has besides its sockets.
pub struct Core<H> {
    pub id: ShardId,
    pub handler: H,
    pub outbox: Outbox,
    pub now: Now,
    pub stats: Arc<Stats>,
    pub inboxes: Arc<[Arc<Inbox>]>,
    pub tap: OwnTap,
    sources: Arc<Sources>,
    patience: Patience,
    search: Search,
    table: HeaderTable,
    limits: Limits,
}

/// What a shard shares with others.
pub struct Outside {
    pub stats: Arc<Stats>,
    pub inboxes: Arc<[Arc<Inbox>]>,
    pub tap: Option<Arc<Tap>>,
    pub sources: Arc<Sources>,
}

impl<H: Handler> Core<H> {
    pub fn new(id: ShardId, handler: H, now: Now, outside: Outside) -> Self {
        Self {
            id,
            handler,
            outbox: Outbox::default(),
            now,
            stats: outside.stats,
            inboxes: outside.inboxes,
            tap: OwnTap { id, tap: outside.tap },
            sources: outside.sources,
            patience: Patience::new(MALFORMED_OF_SHARD),
            search: Search::default(),
            table: HeaderTable::new(),
            limits: Limits::default(),
        }
    }

    /// One datagram.
    pub fn datagram(&mut self, flow: Flow, bytes: &[u8]) {
        match bytes.first() {
            // Keep-alives, of CRLF or of whatever old phones send (a NUL or nothing): no answer over UDP.
            None | Some(b'\r' | b'\n') if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => {
                self.stats.keep_alives.add(1);
            }
            Some(0..=3) if stun::is_stun(bytes) => self.stun(flow, bytes),
            // RFC 3261 section 7.1: a start line begins with a letter, a method of ours or "SIP/2.0"; what begins
            // with a control character or a byte above ASCII is junk, and is refused before anything is read.
            Some(byte) if !byte.is_ascii_graphic() && !matches!(byte, b'\r' | b'\n') => {
                self.stats.junk.add(1);
                offenders::note(Kind::Junk, flow.remote.ip());
            }
            _ => self.datagram_message(flow, bytes),
        }
    }

    /// A datagram that may be SIP, unless its sender has made too much work for nothing.
    fn datagram_message(&mut self, flow: Flow, bytes: &[u8]) {
        let now_us = self.now.monotonic.as_micros();
        if !self.sources.hears(flow.remote, now_us) {
            return self.stats.datagrams_unheard.add(1);
        }
        let (before, unheard) = (self.handler.conduct(), self.stats.malformed_unheard.value());
        self.message(flow, bytes);
        let after = self.handler.conduct();
        if after.malformed != before.malformed || self.stats.malformed_unheard.value() != unheard {
            self.sources.malformed(flow.remote, now_us);
            offenders::note(Kind::Junk, flow.remote.ip());
        }
        if after.unanswered != before.unanswered {
            self.sources.unanswered(flow.remote, now_us);
        }
        if after.proved != before.proved {
            self.sources.prove(flow.remote, now_us);
        }
    }

    /// One message, framed.
    pub fn message(&mut self, flow: Flow, bytes: &[u8]) {
        self.passed_on(flow, bytes, 0);
    }

    /// One message that this shard or another has received; so many shards have been asked for its INVITE in vain. Whoever
    /// handles it records it for the traces, where it stands among what that shard has received and sent: in the order in
    /// which a call came to know of it.
    pub fn passed_on(&mut self, flow: Flow, bytes: &[u8], asked: u8) {
        match coeur_sip::parse(bytes, &mut self.table, &self.limits) {
            Ok(message) => {
                if let Some(owner) = owner_elsewhere(&message, self.id, self.inboxes.len()) {
                    let response = message.is_response();
                    return self.pass_on(owner, flow, bytes, response, asked);
                }
                // The last one says what is to be said when nobody knows it.
                let is_last = usize::from(asked) + 1 >= self.inboxes.len();
                if !is_last && self.handler.misses_invite(&message) {
                    // It is paid for where it came in.
                    if asked > 0 || self.search.is_worth(&flow, &self.sources, self.now) {
                        return self.ask_next(flow, bytes, asked + 1);
                    }
                    self.stats.invites_unsought.add(1);
                }
                self.tap.received(self.now, &flow, bytes);
                self.handler.handle(self.now, Input::Received { flow, message: &message }, &mut self.outbox);
            }
            Err(error) if error.is_keep_alive() => {
                self.tap.received(self.now, &flow, bytes);
                self.stats.keep_alives.add(1);
            }
            Err(error) => {
                self.tap.received(self.now, &flow, bytes);
                if !is_worth_an_answer(&flow, &self.sources, &mut self.patience, self.now) {
                    return self.stats.malformed_unheard.add(1);
                }
                self.handler.handle(self.now, Input::Malformed { flow, error: &error }, &mut self.outbox);
            }
        }
    }

    /// Hands a message to the shard that owns its transaction, or its call.
    fn pass_on(&self, owner: usize, flow: Flow, bytes: &[u8], response: bool, asked: u8) {
        let (passed, lost) = match response {
            true => (&self.stats.responses_passed_on, &self.stats.responses_passed_lost),
            false => (&self.stats.requests_passed_on, &self.stats.requests_passed_lost),
        };
        passed.add(1);
        if self.inboxes[owner].tell(Notice::Received { flow, bytes: bytes.into(), asked }).is_err() {
            // The other side or our own transaction will repeat it.
            lost.add(1);
            self.tap.received(self.now, &flow, bytes);
        }
    }

    /// Each shard is asked once, one after the other (decision 0040).
    fn ask_next(&self, flow: Flow, bytes: &[u8], asked: u8) {
        self.stats.invites_sought.add(1);
        let next = (usize::from(self.id.0) + 1) % self.inboxes.len();
        if self.inboxes[next].tell(Notice::Received { flow, bytes: bytes.into(), asked }).is_err() {
            // Over UDP its sender repeats it.
            self.stats.invites_sought_lost.add(1);
            self.tap.received(self.now, &flow, bytes);
        }
    }

    /// The header section after which a stream is lost: its sender is told when that is possible.
    pub fn unframed(&mut self, flow: Flow, section: &[u8], error: FrameError) {
        self.tap.received(self.now, &flow, section);
        let error = refusal(section, &mut self.table, &self.limits, error);
        self.handler.handle(self.now, Input::Malformed { flow, error: &error }, &mut self.outbox);
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.handler.handle(self.now, input, &mut self.outbox);
    }

    pub fn tap_sent(&self, flow: &Flow, bytes: &[u8]) {
        self.tap.record(self.now, Direction::Sent, flow, bytes);
    }

    fn stun(&mut self, flow: Flow, bytes: &[u8]) {
        let mut answered = false;
        let span = self.outbox.write(|out| answered = stun::answer(bytes, flow.remote, out));
        if answered {
            self.stats.stun_answered.add(1);
            self.outbox.send(coeur_exchange::flow::Hop::Flow(flow), span, None);
        }
    }
}

/// Where a shard records what it handles and sends, when anything is recorded.
pub struct OwnTap {
    id: ShardId,
    tap: Option<Arc<Tap>>,
}

impl OwnTap {
    pub fn is_off(&self) -> bool {
        self.tap.is_none()
    }

    /// What comes from another shard as if over a flow was on no wire.
    fn received(&self, now: Now, flow: &Flow, bytes: &[u8]) {
        if !flow.is_inside() {
            self.record(now, Direction::Received, flow, bytes);
        }
    }

    fn record(&self, now: Now, direction: Direction, flow: &Flow, bytes: &[u8]) {
        if let Some(tap) = &self.tap {
            let at = UNIX_EPOCH + Duration::from_millis(now.wall.as_millis());
            tap.record(self.id, at, direction, flow, bytes);
        }
    }
}

/// What came malformed over a connection, or from whoever has proved a password, always is; else as far as the patience
/// of the shard lasts.
fn is_worth_an_answer(flow: &Flow, sources: &Sources, patience: &mut Patience, now: Now) -> bool {
    let now_us = now.monotonic.as_micros();
    flow.transport.is_reliable() || patience.take(now_us) || sources.is_proved(flow.remote, now_us)
}

/// How often other shards are asked for an INVITE. Strangers take nothing from those who have proved a password.
struct Search {
    of_strangers: Patience,
    of_proved: Patience,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            of_strangers: Patience::new(SEARCHES_OF_SHARD),
            of_proved: Patience::new(PROVED_SEARCHES_OF_SHARD),
        }
    }
}

impl Search {
    fn is_worth(&mut self, flow: &Flow, sources: &Sources, now: Now) -> bool {
        let now_us = now.monotonic.as_micros();
        let patience = match sources.is_proved(flow.remote, now_us) {
            true => &mut self.of_proved,
            false => &mut self.of_strangers,
        };
        patience.take(now_us)
    }
}

/// The shard that a message is for, when it is another one. A response: whose transaction it answers; our branches are
/// `z9hG4bKc<shard in two hex digits>...` of the proxy, and `z9hG4bKb...` of calls. A request: whose call its To tag, or
/// the dialog that it replaces, names (decision 0012).
fn owner_elsewhere(message: &Message<'_>, own: ShardId, shards: usize) -> Option<usize> {
    if shards == 1 {
        return None;
    }
    let owner = if message.is_response() {
        let branch = message.via().ok()?.branch?;
        let kinds: [&[u8]; 3] = [b"z9hG4bKc", b"z9hG4bKb", b"z9hG4bKn"];
        let digits = kinds.iter().find_map(|kind| branch.strip_prefix(*kind))?;
        read_hex(digits.get(..2)?)? as usize
    } else {
        // A call of a shard that is no more after a restart has gone to another.
        owner(usize::from(coeur_exchange::shard_of_request(message)?.0), shards)
    };
    (owner != own.0 as usize && owner < shards).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::WAKER;
    use coeur_exchange::flow::{ConnectionId, ListenerId};
    use coeur_sip::time::{Monotonic, Wall};
    use coeur_sip::transport::Transport;

    struct Silent;

    impl Handler for Silent {
        fn handle(&mut self, _: Now, _: Input<'_>, _: &mut Outbox) {}

        fn next_deadline(&self) -> Option<Monotonic> {
            None
        }
    }

    /// Two shards, and their polls, which their wakers belong to.
    fn house(tap: &Arc<Tap>) -> ([Core<Silent>; 2], [mio::Poll; 2]) {
        let polls = [0, 1].map(|_| mio::Poll::new().unwrap());
        let inbox = |poll: &mio::Poll| Arc::new(Inbox::new(mio::Waker::new(poll.registry(), WAKER).unwrap()));
        let inboxes: Arc<[Arc<Inbox>]> = polls.iter().map(inbox).collect();
        let sources = Arc::new(Sources::default());
        let core = |id| {
            let (inboxes, tap, sources) = (inboxes.clone(), Some(tap.clone()), sources.clone());
            let outside = Outside { stats: Arc::default(), inboxes, tap, sources };
            Core::new(ShardId(id), Silent, Now::new(Monotonic(1), Wall::from_millis(1)), outside)
        };
        ([core(0), core(1)], polls)
    }

    fn flow(remote: &str) -> Flow {
        Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            connection: ConnectionId::NONE,
            remote: remote.parse().unwrap(),
        }
    }

    /// What a shard does because of a message stands behind it in the traces, whoever has received it, and what it did before
    /// stands before it.
    #[test]
    fn a_message_is_recorded_by_the_shard_that_handles_it_in_the_order_in_which_it_does() {
        let tap = Arc::new(Tap::new(2, 1 << 20));
        let ([mut first, mut second], _polls) = house(&tap);
        let (caller, callee) = (flow("192.0.2.6:5060"), flow("192.0.2.7:5060"));
        let ringing = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb0100000000f3\r\n\
            From: <sip:a@d>;tag=1\r\nTo: <sip:b@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        first.datagram(callee, ringing);
        assert!(tap.entries().is_empty(), "nobody has handled it");
        // The shard of the call was busy with what the caller said.
        second.tap_sent(&caller, b"before");
        let mut notices = Vec::new();
        second.inboxes[1].take(&mut notices);
        for notice in notices {
            let Notice::Received { flow, bytes, asked } = notice else { panic!("something else") };
            second.passed_on(flow, &bytes, asked);
        }
        second.tap_sent(&caller, b"behind");
        let told: Vec<Vec<u8>> = tap.entries().into_iter().map(|entry| entry.bytes).collect();
        assert_eq!(told, [&b"before"[..], &ringing[..], &b"behind"[..]]);
        // What another shard says to this one has been on no wire.
        second.passed_on(Flow::inside(ShardId(0)), ringing, 0);
        assert_eq!(tap.entries().len(), told.len());
    }
}
