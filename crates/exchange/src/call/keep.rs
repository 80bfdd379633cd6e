//! What the journal is told of calls (decision 0018). After each input, whatever it changed of a call that is answered is
//! saved in one entry, and what is over is said to be gone. The verbs know nothing of it: the slabs note what they touched.
//!
//! Nothing is saved of a call that is being set up, nor of one with a service of ours, nor while an offer is under way inside
//! of it: after a restart both sides are as they were before that (RFC 3264 section 8).

use super::Calls;
use super::leg::{Leg, LegId};
use super::state::Call;
use crate::call_record::CallRecord;
use crate::context::Context;
use crate::media::{Kept, MediaCommand};
use crate::outbox::Output;
use crate::record::TEXT_BYTES_MAX;
use crate::record::calls::{KeptAnswer, KeptCall, KeptLeg, Key, Written, write_ended, write_media};
use hashbrown::HashMap;

/// What is in the journal of the calls of this shard, beside the pieces themselves.
#[derive(Default)]
pub(super) struct Journal {
    /// The record ids of the calls that are kept, by slot. 32 bytes each.
    calls: HashMap<u32, u128>,
    /// The names of the legs that are kept, by slot. 16 bytes each.
    legs: HashMap<u32, u64>,
    /// The entry of this input.
    entry: Vec<u8>,
    plain: Vec<u8>,
    changed: Vec<u32>,
}

impl Journal {
    /// What was kept by the process before is kept still.
    pub(super) fn adopt(&mut self, call: u32, id: u128, legs: impl Iterator<Item = (u32, u64)>) {
        self.calls.insert(call, id);
        self.legs.extend(legs);
    }
}

/// CSeq numbers are kept rounded up beyond the next multiple of this: most requests of ours change nothing that
/// is kept, and after a restart none has a number that was used (RFC 3261 section 12.2.1.1 allows gaps).
const CSEQ_STEP: u32 = 256;
/// RFC 3261 section 8.1.1.5.
const CSEQ_MAX: u32 = 0x7fff_ffff;

impl Calls {
    /// Saves what the input has changed; its outputs begin at `first`.
    pub(crate) fn keep(&mut self, cx: &mut Context<'_>, first: usize) {
        let mut journal = std::mem::take(&mut self.journal);
        let written = Written::at(&cx.world.bindings, cx.now);
        let (mut legs, mut calls) = (std::mem::take(&mut journal.changed), Vec::new());
        self.legs.take_changed(&mut legs);
        self.calls.take_changed(&mut calls);
        calls.extend(legs.iter().filter_map(|slot| Some(self.legs.get(*slot as usize)?.call)));
        for slots in [&mut legs, &mut calls] {
            slots.sort_unstable();
            slots.dedup();
        }
        legs.drain(..).for_each(|slot| self.drop_leg(cx, &mut journal, slot, written));
        calls.into_iter().for_each(|slot| self.keep_call(cx, &mut journal, slot, written));
        journal.changed = legs;
        if !journal.entry.is_empty() {
            let span = cx.outbox.write(|out| out.extend_from_slice(&journal.entry));
            cx.outbox.save_before_held(first, span);
            journal.entry.clear();
        }
        self.journal = journal;
    }

    /// What the media plane has of a leg.
    pub(super) fn keep_media(&mut self, cx: &mut Context<'_>, id: LegId, kept: &Kept) {
        let Some(name) = self.journal.legs.get(&id.slot).copied() else { return };
        let written = Written::at(&cx.world.bindings, cx.now);
        let Journal { entry, plain, .. } = &mut self.journal;
        plain.clear();
        write_media(plain, kept);
        cx.world.kept_calls.set(cx.mint, Key::Media(name), (written, plain), entry);
        wipe(plain);
    }

    /// The record of a call that is over: until it is committed it must not be lost.
    pub(super) fn keep_record(&mut self, cx: &mut Context<'_>, record: &CallRecord) {
        let written = Written::at(&cx.world.bindings, cx.now);
        let Journal { entry, plain, .. } = &mut self.journal;
        plain.clear();
        write_ended(plain, record);
        cx.world.kept_calls.set(cx.mint, Key::Ended(record.id.0), (written, plain), entry);
    }

    /// A leg that was kept is no more, or is of no call.
    fn drop_leg(&mut self, cx: &mut Context<'_>, journal: &mut Journal, slot: u32, written: Written) {
        let Some(name) = journal.legs.get(&slot).copied() else { return };
        let leg = self.legs.get(slot as usize).filter(|leg| leg.name.random == name);
        if leg.is_some_and(|leg| leg.call != super::end::NO_CALL) {
            return;
        }
        if leg.is_none() {
            journal.legs.remove(&slot);
            self.restored.legs.remove(&name);
        }
        let shard = usize::from(cx.mint.shard().0);
        for key in [Key::Leg(name), Key::Media(name)] {
            cx.world.kept_calls.forget(shard, key, written, &mut journal.entry);
        }
    }

    fn keep_call(&self, cx: &mut Context<'_>, journal: &mut Journal, slot: u32, written: Written) {
        let call = self.calls.get(slot as usize);
        let (kept, now) = (journal.calls.get(&slot).copied(), call.map(|call| call.record.id.0));
        if let Some(kept) = kept.filter(|kept| now != Some(*kept)) {
            journal.calls.remove(&slot);
            let shard = usize::from(cx.mint.shard().0);
            cx.world.kept_calls.forget(shard, Key::Call(kept), written, &mut journal.entry);
        }
        let Some(call) = call.filter(|call| call.is_quiet()) else { return };
        let Some(callee) = call.callee else { return };
        let sides = [call.caller, callee];
        let of =
            |id: LegId| self.leg(id).and_then(|leg| KeptLeg::of(self, cx, leg, call.record.id.0, &written));
        let [Some(caller), Some(other)] = sides.map(of) else { return };
        let told = KeptCall::of(cx, call, sides.map(|id| self.legs[id.slot as usize].name.random));
        let Some(told) = told else { return };
        let Journal { calls, legs, entry, plain, .. } = journal;
        calls.insert(slot, call.record.id.0);
        plain.clear();
        told.write(plain);
        cx.world.kept_calls.set(cx.mint, Key::Call(call.record.id.0), (written, plain), entry);
        if [&caller, &other].into_iter().any(|kept| kept.texts_bytes() > TEXTS_BYTES_MAX) {
            return sides.into_iter().for_each(|id| self.drop_texts(cx, journal, id, written));
        }
        for (id, kept) in sides.into_iter().zip([caller, other]) {
            let leg = &self.legs[id.slot as usize];
            plain.clear();
            kept.write(plain);
            cx.world.kept_calls.set(cx.mint, Key::Leg(leg.name.random), (written, plain), entry);
            if legs.insert(id.slot, leg.name.random) != Some(leg.name.random) {
                // From now on the media plane tells by itself what has changed.
                cx.outbox.outputs.push(Output::Media(MediaCommand::Keep { id: leg.media.id }));
            }
        }
        wipe(plain);
    }

    /// A leg whose texts are too long is not kept, whatever was before: its call ends with a kill, and has its record.
    fn drop_texts(&self, cx: &mut Context<'_>, journal: &mut Journal, id: LegId, written: Written) {
        let Some(name) = journal.legs.get(&id.slot).copied() else { return };
        let shard = usize::from(cx.mint.shard().0);
        cx.world.kept_calls.forget(shard, Key::Leg(name), written, &mut journal.entry);
    }
}

impl Call {
    /// Answered, and no offer under way.
    fn is_quiet(&self) -> bool {
        self.setup.is_none() && self.record.answered.is_some() && self.modify.is_none() && self.late.is_none()
    }
}

/// Of all texts of a leg together, so that with the rest it is one text of an entry when it is sealed. Of a call with longer
/// ones, which no phone writes, only what its record says is kept.
const TEXTS_BYTES_MAX: usize = 48 << 10;

impl<'a> KeptCall<'a> {
    fn of(cx: &Context<'_>, call: &'a Call, [caller_leg, callee_leg]: [u64; 2]) -> Option<Self> {
        let record = &call.record;
        let began = cx.now.monotonic_at(record.started);
        let fits = [&record.to, &record.call_id].iter().all(|text| text.len() <= TEXT_BYTES_MAX);
        Some(Self {
            caller_leg,
            callee_leg,
            caller: record.caller,
            called: record.called,
            to: &record.to,
            call_id: &record.call_id,
            started_ms: record.started.as_millis(),
            rang_after_ms: record.rang.map(|rang| rang.since(began).as_millis() as u64),
            answered_ms: record.answered?.as_millis(),
            protection: record.protection,
            counted: call.counted.clone(),
            is_elsewhere: record.is_elsewhere,
            forwarded: record.forwarded.to_vec(),
            transfer_of: record.transfer_of,
            payer: record.payer,
        })
        .filter(|_| fits)
    }
}

impl<'a> KeptLeg<'a> {
    /// `None`: there is no dialog yet.
    fn of(calls: &'a Calls, cx: &Context<'_>, leg: &'a Leg, call: u128, written: &Written) -> Option<Self> {
        let mut dialog = leg.dialog.as_ref()?.memory();
        dialog.local_cseq = dialog.local_cseq.map(|last| rounded(last).min(CSEQ_MAX));
        let deadline_ms = |at| written.deadline_ms(cx.now, at);
        let (interval_s, we_refresh, refresh_at, expires_at) = leg.timer.kept();
        let answer = leg.unacknowledged.and_then(|server| calls.kept_answer(server));
        let answer = answer.map(|(bytes, source, reply, until)| KeptAnswer {
            bytes,
            source,
            reply,
            until_ms: deadline_ms(until),
        });
        Some(Self {
            call,
            shard: leg.name.shard.0,
            slot: leg.name.slot,
            flow: leg.end.flow,
            party: leg.end.party,
            host: leg.end.host.as_deref(),
            hop: leg.hop.clone(),
            dialog,
            streams: leg.media.streams.to_vec(),
            addresses: leg.media.addresses.to_vec(),
            session_id: leg.session.id,
            session_version: leg.session.version,
            local: leg.session.local.bytes(),
            remote: leg.session.remote.bytes(),
            profile: leg.profile.to_number(),
            interval_s,
            we_refresh,
            refresh_at_ms: deadline_ms(refresh_at),
            expires_at_ms: deadline_ms(expires_at),
            end_to_end: leg.end_to_end,
            user_agent: &leg.user_agent,
            allows_update: leg.allows_update,
            owes_offer: leg.owes_offer,
            referred: leg.subscription.was_begun(),
            answer,
            is_held: leg.ordered.is_held,
            is_muted: leg.ordered.is_muted,
        })
    }

    fn texts_bytes(&self) -> usize {
        let dialog = &self.dialog;
        let of_dialog = [dialog.call_id, dialog.local_tag, dialog.remote_tag, dialog.local_address];
        let more = [dialog.remote_address, dialog.remote_target, dialog.route_set, self.local, self.remote];
        let answer = self.answer.as_ref().map_or(0, |answer| answer.bytes.len());
        of_dialog.iter().chain(&more).map(|text| text.len()).sum::<usize>() + answer
    }
}

fn rounded(last: u32) -> u32 {
    (last / CSEQ_STEP).saturating_add(2).saturating_mul(CSEQ_STEP)
}

/// What was written may have had keys.
fn wipe(plain: &mut Vec<u8>) {
    // All that it has room for, at once: byte by byte, as `Zeroize` does it, took as long as sealing.
    plain.clear();
    plain.resize(plain.capacity(), 0);
    zeroize::optimization_barrier(&plain[..]);
    plain.clear();
}
