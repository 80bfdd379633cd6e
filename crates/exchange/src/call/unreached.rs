//! An INVITE that is refused before there is a call: to nobody, to who is not registered, against a right, a limit, or with
//! media that nothing can be done with. It has a record as a call has that rang, so that whoever runs this sees what people
//! fail to reach. Who has proved nothing leaves none.

use super::Calls;
use crate::call_record::{CallRecord, CallRecordId, Side, USER_AGENT_BYTES_MAX};
use crate::context::Context;
use crate::event::{EndedBy, Event};
use crate::flow::Flow;
use crate::guard::unreached::Unreached;
use crate::party::Party;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, StatusCode};

/// Bytes of one text of such a record: of a table row there are no more either.
const TEXT_BYTES_MAX: usize = 512;

impl Calls {
    /// This INVITE of `party` was answered `status`, and nothing was begun for it.
    pub(crate) fn unreached(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        party: Party,
        status: StatusCode,
    ) {
        if asks_for_another_try(status) {
            return;
        }
        match cx.world.guard.unreached(cx.now.monotonic, party.account, message) {
            Unreached::Again => return,
            Unreached::First => cx.counters.calls_unreached += 1,
            Unreached::TooMany => {
                cx.counters.calls_unreached += 1;
                cx.counters.calls_unreached_unrecorded += 1;
                return;
            }
        }
        let record = CallRecord {
            id: CallRecordId::new(cx.mint, cx.now.wall),
            caller: caller(cx, flow, message, party),
            callee: None,
            to: short(message.request_uri()),
            call_id: short(message.call_id()),
            started: cx.now.wall,
            rang_after_ms: None,
            answered: None,
            ended: cx.now.wall,
            status: status.code(),
            ended_by: EndedBy::Exchange,
            reason: None,
            protection: None,
            forwarded: Box::default(),
            transfer_of: None,
            verdict: None,
            payer: None,
        };
        self.keep_record(cx, &record);
        cx.outbox.publish(Event::CallEnded(Box::new(record)));
    }
}

/// A phone answers these by itself with another INVITE, and that one counts: a proof, and a longer session (RFC 4028
/// section 7.3).
fn asks_for_another_try(status: StatusCode) -> bool {
    let asks_for_proof = matches!(status.code(), 401 | 407);
    asks_for_proof || status == StatusCode::SESSION_INTERVAL_TOO_SMALL || status.code() < 300
}

fn caller(cx: &Context<'_>, flow: &Flow, message: &Message<'_>, party: Party) -> Side {
    // Without its tag, as a dialog has it.
    let address = message.from().map(|from| match from.display.filter(|display| !display.is_empty()) {
        Some(display) => [display, b" <", from.uri, b">"].concat(),
        None => [b"<", from.uri, b">"].concat(),
    });
    let agent = message.header(HeaderName::UserAgent).unwrap_or_default();
    Side {
        account: party.account(cx.world).map(|account| account.aor.clone()),
        party: Some(party),
        address: short(&address.unwrap_or_default()),
        user_agent: agent[..agent.len().min(USER_AGENT_BYTES_MAX)].into(),
        flow: Some((flow.transport, flow.remote)),
        call_id: short(message.call_id()),
        ..Side::nobody()
    }
}

fn short(text: &[u8]) -> Box<[u8]> {
    text[..text.len().min(TEXT_BYTES_MAX)].into()
}
