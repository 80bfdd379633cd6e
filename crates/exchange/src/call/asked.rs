//! Who asks for the calls of this shard: the administration door.

use super::Calls;
use super::awaited::What;
use super::end::By;
use super::note::side;
use super::state::Call;
use crate::call_record::{Ask, CallRecordId, LiveCall, LiveState, Side, Ticket, Told};
use crate::context::Context;
use crate::media::MediaCommand;
use crate::outbox::Output;
use coeur_directory::AccountId;

impl Calls {
    pub(crate) fn asked(&mut self, cx: &mut Context<'_>, ticket: Ticket, ask: Ask) {
        let told = match ask {
            Ask::List { account, limit } => self.list(cx, account, limit.min(Ask::CALLS_MAX)),
            Ask::Show(id) => match self.call_of(id) {
                Some(call) => return self.show(cx, ticket, call),
                None => Told::Call(None),
            },
            Ask::HangUp(id) => {
                let call = self.call_of(id);
                if let Some(call) = call {
                    self.calls[call as usize].record.is_hung_up = true;
                    self.end_call(cx, call, By::Us);
                }
                Told::HungUp(call.is_some())
            }
            Ask::Record { id, order, by } => Told::Taped(self.record_asked(cx, id, (order, &by))),
            Ask::Play { id, prompt, to } => Told::Taped(self.play_asked(cx, id, (prompt, to))),
            Ask::Originate(wanted) => Told::Originated(self.originate(cx, &wanted)),
            Ask::Control { id, verb } => Told::Controlled(self.control(cx, id, verb)),
            Ask::Dialogs(id) => Told::Dialogs(self.call_of(id).map(|call| self.dialogs(call))),
        };
        cx.outbox.outputs.push(Output::Told(ticket, told));
    }

    fn list(&self, cx: &Context<'_>, account: Option<AccountId>, limit: usize) -> Told {
        // What is one call for its people is shown once, by the shard that writes its record.
        let calls = self.calls.iter().map(|(_, call)| call).filter(|call| !call.record.is_elsewhere);
        let mut wanted = calls.filter(|call| account.is_none_or(|account| self.is_of(call, account)));
        let calls = wanted.by_ref().take(limit).map(|call| self.live(cx, call)).collect();
        Told::Calls { calls, more: wanted.next().is_some() }
    }

    pub(super) fn call_of(&self, id: CallRecordId) -> Option<u32> {
        self.calls.iter().find(|(_, call)| call.record.id == id).map(|(call, _)| call as u32)
    }

    /// The media plane is asked how the sides do, as far as they have ports.
    fn show(&mut self, cx: &mut Context<'_>, ticket: Ticket, call: u32) {
        let state = &self.calls[call as usize];
        let live = LiveCall { media_path: self.media_path(cx, call), ..self.live(cx, state) };
        let live = Box::new(live);
        let media = [Some(state.caller), state.callee].map(|id| self.leg(id?)?.media.open_id());
        for id in media.into_iter().flatten() {
            cx.outbox.outputs.push(Output::Media(MediaCommand::Report { id }));
        }
        self.await_reports(cx, What::Call(ticket, live), media);
    }

    fn is_of(&self, call: &Call, account: AccountId) -> bool {
        let of = |id| self.leg(id).and_then(|leg| leg.end.party).map(|party| party.account);
        let sides = [of(call.caller), call.callee.and_then(of), call.record.called];
        sides.contains(&Some(account))
    }

    fn live(&self, cx: &Context<'_>, call: &Call) -> LiveCall {
        let of = |id| {
            self.leg(id)
                .map(|leg| side(cx, leg, leg.end.party.or(call.record.caller.filter(|_| id == call.caller))))
        };
        // Who is parked waits in a slot, and has nobody on the other side but who is called back; who is called to call somebody
        // is the caller himself.
        let is_parked = call.parked.is_some() || call.originated.is_some();
        let called = || cx.world.directory.account_by_id(call.record.called.filter(|_| !is_parked)?);
        LiveCall {
            id: call.record.id,
            shard: cx.mint.shard(),
            state: self.state(call),
            caller: of(call.caller).unwrap_or_else(Side::nobody),
            callee: call.callee.and_then(of).or_else(|| Some(Side::silent(called()?.aor.clone()))),
            to: call.parked.as_ref().map_or_else(|| call.record.to.clone(), |parked| parked.uri()),
            started: call.record.started,
            answered: call.record.answered,
            protection: call.record.protection,
            media_path: None,
            transfer_of: call.record.transfer_of,
            speaks: self.leg(call.caller).and_then(|leg| leg.speaks),
        }
    }

    fn state(&self, call: &Call) -> LiveState {
        let legs = || [Some(call.caller), call.callee].into_iter().flatten().filter_map(|id| self.leg(id));
        let mut streams = legs().flat_map(|leg| leg.media.agreed.iter().flatten());
        match call.record.answered {
            None => LiveState::Ringing,
            Some(_) if streams.any(|stream| !(stream.we_send && stream.we_receive)) => LiveState::Held,
            Some(_) if legs().any(|leg| leg.ordered.is_held) => LiveState::Held,
            Some(_) => LiveState::Answered,
        }
    }
}
