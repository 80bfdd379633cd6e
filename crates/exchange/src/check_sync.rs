//! A phone is asked to fetch its settings: a NOTIFY of the event `check-sync` outside of any dialog, over the flow on which the
//! phone has registered. The event is of no RFC; makers of phones agree on it, and on its parameter `reboot`. Each NOTIFY is a
//! client transaction of its own (RFC 3261 section 17.1.2).
//!
//! What it deliberately does not do: answer a challenge. A phone that wants a proof for this is told of, and must be set to
//! want none.

use crate::context::Context;
use crate::event::Event;
use crate::flow::{Flow, Hop, ShardId};
use crate::mint::{read_hex, write_hex};
use crate::proxy::{next_hop, timing};
use crate::world::Listener;
use coeur_directory::{Aor, DeviceId};
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{ClientAction, NonInviteClient};
use coeur_sip::{Message, Method, Writer};

/// NOTIFYs that wait for their answers at a time, about 1 kB each, 1 MB. More are not sent, and said so.
const WAITING_MAX: usize = 1_024;

/// `z9hG4bK` `n` shard(2) random(16), all lower-case hex.
const BRANCH_LEN: usize = PREFIX.len() + 2 + 16;
const PREFIX: &[u8] = b"z9hG4bKn";

/// The shard that has sent the NOTIFY of this branch.
pub(crate) fn shard_of_branch(branch: &[u8]) -> Option<ShardId> {
    let digits = branch.strip_prefix(PREFIX).filter(|_| branch.len() == BRANCH_LEN)?;
    Some(ShardId(read_hex(&digits[..2])? as u8))
}

/// The NOTIFYs of a shard that are not answered. In no order of weight: there are few.
#[derive(Default)]
pub(crate) struct CheckSync {
    waiting: Vec<Waiting>,
}

struct Waiting {
    branch: [u8; BRANCH_LEN],
    machine: NonInviteClient,
    flow: Flow,
    aor: Aor,
}

impl CheckSync {
    /// Asks the phones of a device, or of every device of an account.
    pub(crate) fn ask(&mut self, cx: &mut Context<'_>, aor: &Aor, device: Option<DeviceId>, reboot: bool) {
        let mut targets = Vec::new();
        let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
        cx.world.bindings.lookup(user, domain, cx.now.monotonic, &mut targets);
        for target in targets.iter().filter(|target| device.is_none_or(|device| device == target.device)) {
            // Without a flow of ours nothing leads to it that did not come from it.
            let Some(flow) = target.flow else { continue };
            if self.waiting.len() >= WAITING_MAX {
                return say(cx, &flow, aor, "too many phones are asked to fetch their settings at once");
            }
            let Some(listener) = next_hop::listener(cx.world, &Hop::Flow(flow)) else { continue };
            self.send(cx, listener, (flow, &target.uri, target.path.as_deref()), aor, reboot);
        }
    }

    fn send(
        &mut self,
        cx: &mut Context<'_>,
        listener: &Listener,
        (flow, uri, path): (Flow, &[u8], Option<&[u8]>),
        aor: &Aor,
        reboot: bool,
    ) {
        let mut branch = [0; BRANCH_LEN];
        branch[..PREFIX.len()].copy_from_slice(PREFIX);
        write_hex(u64::from(cx.mint.shard().0), &mut branch[PREFIX.len()..PREFIX.len() + 2]);
        write_hex(cx.mint.u64(), &mut branch[PREFIX.len() + 2..]);
        let (tag, call_id) = (cx.mint.tag(), cx.mint.tag());
        let span = cx.outbox.write(|out| {
            let mut writer = Writer::request(out, Method::Notify, uri);
            writer.begin(HeaderName::Via).push(b"SIP/2.0/").push(listener.transport.as_str().as_bytes());
            writer
                .push(b" ")
                .push(listener.sent_by.as_bytes())
                .push(b";rport;branch=")
                .push(&branch)
                .end_line();
            writer.number(HeaderName::MaxForwards, 70);
            if let Some(path) = path {
                writer.header(HeaderName::Route, path);
            }
            writer.begin(HeaderName::From).push(b"<sip:").push(aor.domain().as_bytes());
            writer.push(b">;tag=").push(&tag).end_line();
            writer.begin(HeaderName::To).push(b"<sip:").push(aor.as_str().as_bytes()).push(b">").end_line();
            writer.begin(HeaderName::CallId).push(&call_id).end_line();
            writer.cseq(1, Method::Notify);
            writer.begin(HeaderName::Contact).push(b"<sip:").push(listener.sent_by.as_bytes());
            writer.push(b";transport=").push(listener.transport.as_str().to_ascii_lowercase().as_bytes());
            writer.push(b">").end_line();
            writer.begin(HeaderName::Event).push(b"check-sync;reboot=");
            writer.push(if reboot { b"true" } else { b"false" }).end_line();
            // RFC 6665 section 4.1.3: every NOTIFY says how its subscription does. There was none.
            writer.header(HeaderName::SubscriptionState, b"terminated");
            writer.end(b"");
        });
        let reliable = flow.transport.is_reliable();
        let machine =
            NonInviteClient::start(cx.now.monotonic, &timing(cx.world), reliable, cx.outbox.bytes(span));
        cx.outbox.send(Hop::Flow(flow), span, None);
        cx.counters.check_syncs_sent += 1;
        self.waiting.push(Waiting { branch, machine, flow, aor: aor.clone() });
    }

    /// Whether a response is one of a phone that was asked.
    pub(crate) fn response(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let branch = message.via().ok().and_then(|via| via.branch).unwrap_or_default();
        let Some(at) = self.waiting.iter().position(|waiting| waiting.branch == branch) else { return };
        let waiting = &mut self.waiting[at];
        // Nobody else than who was asked answers.
        if waiting.flow.remote.ip() != flow.remote.ip() {
            return;
        }
        let Some(status) = message.status() else { return };
        match waiting.machine.on_response(cx.now.monotonic, &timing(cx.world), status.code()) {
            ClientAction::Deliver if status.is_success() => cx.counters.check_syncs_obeyed += 1,
            ClientAction::Deliver if status.is_final() => {
                let text = match status.code() {
                    401 | 403 | 407 => {
                        "a phone wants a proof before it fetches its settings: let it obey check-sync without one"
                    }
                    _ => "a phone has refused to fetch its settings: it does not know check-sync",
                };
                let (flow, aor) = (waiting.flow, waiting.aor.clone());
                say(cx, &flow, &aor, text);
            }
            ClientAction::Deliver
            | ClientAction::DeliverAndAck
            | ClientAction::Nothing
            | ClientAction::SendAgain
            | ClientAction::TimedOut
            | ClientAction::TransportFailed
            | ClientAction::Ended => {}
        }
        self.forget();
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        for waiting in &mut self.waiting {
            match waiting.machine.on_timer(now, &timing) {
                ClientAction::SendAgain => {
                    let span = cx.outbox.write(|out| out.extend_from_slice(waiting.machine.stored()));
                    cx.outbox.send(Hop::Flow(waiting.flow), span, None);
                }
                ClientAction::TimedOut => {
                    let text = "a phone that was asked to fetch its settings does not answer";
                    say(cx, &waiting.flow, &waiting.aor, text);
                }
                ClientAction::Nothing
                | ClientAction::Deliver
                | ClientAction::DeliverAndAck
                | ClientAction::TransportFailed
                | ClientAction::Ended => {}
            }
        }
        self.forget();
    }

    pub(crate) fn next_deadline(&self) -> Option<Monotonic> {
        self.waiting.iter().filter_map(|waiting| waiting.machine.next_deadline()).min()
    }

    /// A machine without a deadline has ended.
    fn forget(&mut self) {
        self.waiting.retain(|waiting| waiting.machine.next_deadline().is_some());
    }
}

fn say(cx: &mut Context<'_>, flow: &Flow, aor: &Aor, text: &str) {
    cx.outbox.publish(Event::Notice { flow: Some(*flow), subject: aor.as_str().into(), text: text.into() });
}

#[cfg(test)]
mod tests;
