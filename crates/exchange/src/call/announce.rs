//! What is played to a side of a call by word of the operator. Media that goes from phone to phone (see `direct`) is brought back
//! first, and goes its own way again once all has been heard.

use super::Calls;
use super::leg::LegId;
use crate::call_record::{CallRecordId, Hearer, NotRecorded};
use crate::context::Context;
use crate::media::{MediaCommand, PromptId};
use crate::outbox::Output;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Nobody tells when a sound has ended; none is longer (see the house).
const SOUND_MAX: Duration = Duration::from_secs(5 * 60);
/// Sounds, and rows of keys, that wait until the media of one call comes through us; more are refused. 64 bytes each.
const WAITING_MAX: usize = 8;

/// Between two keys; the media plane has its own.
const KEY_PAUSE: Duration = Duration::from_millis(200);

/// What is to be heard.
#[derive(Clone)]
enum Heard {
    Prompt(PromptId),
    /// Keys, and how long each is (see `control`).
    Keys(Box<[u8]>, u16),
}

/// What a call of which media might go directly has been promised.
#[derive(Default)]
pub(super) struct Announced {
    waiting: Vec<(Heard, Hearer)>,
    /// All is heard then.
    until: Monotonic,
    /// The last keys are heard then, or wait until they can be.
    keys_until: Monotonic,
}

impl Announced {
    /// Media has to come through us.
    pub(super) fn is_heard(&self, now: Monotonic) -> bool {
        !self.waiting.is_empty() || self.until > now
    }

    /// More keys at once than the media plane has room for would be lost in their midst.
    pub(super) fn says_keys(&self, now: Monotonic) -> bool {
        let waits = |(heard, _): &(Heard, Hearer)| matches!(heard, Heard::Keys(..));
        self.keys_until > now || self.waiting.iter().any(waits)
    }

    /// The other side may go on hearing.
    fn stop(&mut self, to: Hearer) {
        match to {
            Hearer::Both => *self = Self::default(),
            Hearer::Caller => self.keep_for(Hearer::Callee),
            Hearer::Callee => self.keep_for(Hearer::Caller),
        }
    }

    /// What waits for both is for one of them alone.
    fn keep_for(&mut self, side: Hearer) {
        self.waiting.retain(|(_, hearer)| matches!(hearer, Hearer::Both) || *hearer == side);
        for (_, hearer) in &mut self.waiting {
            *hearer = side;
        }
    }
}

impl Calls {
    /// Word of the operator. `None`: no call of this shard.
    pub(super) fn play_asked(
        &mut self,
        cx: &mut Context<'_>,
        id: CallRecordId,
        (prompt, to): (Option<PromptId>, Hearer),
    ) -> Option<Result<(), NotRecorded>> {
        let call = self.call_of(id)?;
        if let Some(why) = self.cannot_be_heard(cx, call) {
            return Some(Err(why));
        }
        let Some(prompt) = prompt else {
            self.calls[call as usize].asks.announced.stop(to);
            self.say_prompt(cx, call, None, to);
            self.direct_later(cx, call);
            return Some(Ok(()));
        };
        Some(self.announce_soon(cx, call, Heard::Prompt(prompt), to))
    }

    /// Keys that a side is to hear.
    pub(super) fn keys_asked(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        to: Hearer,
        (digits, ms): (&[u8], u16),
    ) -> Result<(), NotRecorded> {
        self.announce_soon(cx, call, Heard::Keys(digits.into(), ms), to)
    }

    /// At once, or when the media has come back.
    fn announce_soon(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        heard: Heard,
        to: Hearer,
    ) -> Result<(), NotRecorded> {
        let is_waited_for = !self.calls[call as usize].asks.announced.waiting.is_empty();
        if is_waited_for || self.is_any_direct(call) || self.is_asked(call) {
            let waiting = &mut self.calls[call as usize].asks.announced.waiting;
            if waiting.len() >= WAITING_MAX {
                return Err(NotRecorded::Direct);
            }
            waiting.push((heard, to));
            self.direct_later(cx, call);
            return Ok(());
        }
        self.announce(cx, call, heard, to);
        Ok(())
    }

    /// The media of a call comes through us: what has waited for that is heard.
    pub(super) fn announce_waiting(&mut self, cx: &mut Context<'_>, call: u32) {
        let waiting = std::mem::take(&mut self.calls[call as usize].asks.announced.waiting);
        for (heard, to) in waiting {
            self.announce(cx, call, heard, to);
        }
        let until = self.calls[call as usize].asks.announced.until;
        if until > cx.now.monotonic {
            self.direct_at(cx, call, until);
        }
    }

    /// Sounds are heard one behind the other.
    fn announce(&mut self, cx: &mut Context<'_>, call: u32, heard: Heard, to: Hearer) {
        let length = match &heard {
            Heard::Prompt(_) => SOUND_MAX,
            Heard::Keys(digits, ms) => {
                (Duration::from_millis(u64::from(*ms)) + KEY_PAUSE) * digits.len() as u32
            }
        };
        let announced = &mut self.calls[call as usize].asks.announced;
        let most = cx.now.monotonic + SOUND_MAX * (WAITING_MAX as u32 + 1);
        announced.until = (announced.until.max(cx.now.monotonic) + length).min(most);
        let until = announced.until;
        if let Heard::Keys(..) = &heard {
            announced.keys_until = cx.now.monotonic + length;
        }
        match heard {
            Heard::Prompt(prompt) => self.say_prompt(cx, call, Some(prompt), to),
            Heard::Keys(digits, ms) => {
                for id in self.hearers(call, to) {
                    digits.iter().for_each(|digit| self.order_key(cx, id, *digit, ms));
                }
            }
        }
        self.direct_at(cx, call, until);
    }

    fn hearers(&self, call: u32, to: Hearer) -> Vec<LegId> {
        let Some(state) = self.calls.get(call as usize) else { return Vec::new() };
        let callee = state.callee.filter(|_| to != Hearer::Caller);
        let caller = Some(state.caller).filter(|_| to != Hearer::Callee);
        [callee, caller].into_iter().flatten().collect()
    }

    fn say_prompt(&self, cx: &mut Context<'_>, call: u32, prompt: Option<PromptId>, to: Hearer) {
        for id in self.hearers(call, to).into_iter().filter_map(|id| self.leg(id)?.media.open_id()) {
            cx.outbox.outputs.push(Output::Media(MediaCommand::Prompt { id, prompt }));
        }
    }
}
