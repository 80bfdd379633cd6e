//! What a side hears while nothing comes from the other: music when it is on hold (RFC 3264 section 8.4), ringing while a
//! phone rings to which it is transferred. It is heard only as long as the other side is silent, so a phone with music of
//! its own is heard with that.

use super::leg::LegId;
use super::{Calls, describe};
use crate::context::Context;
use crate::event::Step;
use crate::media::{MediaCommand, Sound};
use crate::outbox::Output;

/// What the media plane was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hears {
    sound: Option<Sound>,
    /// Both sides have spoken: only who could speak is on hold. Who is called to listen to an announcement is not.
    has_talked: bool,
    /// By the other side's phone, whatever is ordered.
    is_held: bool,
}

impl Hears {
    /// Of a call that was answered before a restart.
    pub(super) fn resumed() -> Self {
        Self { sound: None, has_talked: true, is_held: false }
    }
}

impl Calls {
    /// Both sides have described what they agree on.
    pub(super) fn hold(&mut self, cx: &mut Context<'_>, a: LegId, b: LegId) {
        let (Some(first), Some(second)) = (self.leg(a), self.leg(b)) else { return };
        let both = (first.session.remote.read(), second.session.remote.read());
        let (Some(of_a), Some(of_b)) = both else { return };
        let talk = describe::hears(&of_a) && describe::hears(&of_b);
        // Who is held by order hears music, and the other waits in silence.
        let is_ordered = first.ordered.is_held || second.ordered.is_held;
        let held = [(a, describe::holds(&of_b, &of_a)), (b, describe::holds(&of_a, &of_b))];
        for (id, is_held) in held {
            let Some(leg) = self.leg_mut(id) else { continue };
            leg.hears.has_talked |= talk;
            let is_held = is_held && leg.hears.has_talked;
            let has_music = if is_ordered { leg.ordered.is_held } else { is_held };
            let (was_held, call) = (std::mem::replace(&mut leg.hears.is_held, is_held), leg.call);
            self.play(cx, id, has_music.then_some(Sound::Music));
            let by_caller = self.calls.get(call as usize).is_some_and(|call| call.callee == Some(id));
            // The door tells of what was ordered there.
            match (was_held, is_held) {
                (false, true) => self.tell(cx, call, Step::Held { by_caller }),
                (true, false) => self.tell(cx, call, Step::Resumed { by_caller }),
                (false, false) | (true, true) => {}
            }
        }
    }

    /// A side hears this while nothing comes from the other.
    pub(super) fn play(&mut self, cx: &mut Context<'_>, id: LegId, sound: Option<Sound>) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.service.is_none()) else { return };
        if std::mem::replace(&mut leg.hears.sound, sound) != sound {
            let command = MediaCommand::Play { id: leg.media.id, sound };
            cx.outbox.outputs.push(Output::Media(command));
        }
    }

    /// The side that waits hears that whom it is transferred to is called.
    pub(super) fn play_ringing(&mut self, cx: &mut Context<'_>, call: u32) {
        let transfer = self.calls.get(call as usize).and_then(|call| call.transfer.as_ref());
        if let Some(remaining) = transfer.map(|transfer| transfer.remaining) {
            self.play(cx, remaining, Some(Sound::Ringing));
        }
    }

    /// A transfer has come to nothing: both hear what they heard before.
    pub(super) fn play_as_before(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        if let Some(callee) = state.callee {
            let caller = state.caller;
            self.hold(cx, caller, callee);
        }
    }
}
