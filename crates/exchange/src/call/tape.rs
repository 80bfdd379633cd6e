//! Who is recorded: by the account's policy when a call is answered, by word of the operator, or
//! of a phone (an INFO with `Record: on` or `off`, as desk phones with a record key send it).
//!
//! The policy of an account decides whether its calls may be recorded at all; of two accounts the one that has more recorded
//! counts. Both sides hear that they are recorded, before anything is kept: the media plane sees to that, and no word here can
//! leave it out. A call whose keys we do not have cannot be recorded.
//!
//! What it deliberately does not do: record a call to a service, and go on after a restart with what was recorded on demand.

use super::leg::{LegId, Media};
use super::state::Call;
use super::{Calls, refuse};
use crate::call_record::{CallRecordId, NotRecorded, RecordOrder};
use crate::context::Context;
use crate::event::{Event, LegProtection};
use crate::flow::Flow;
use crate::media::{MediaCommand, MediaId, TapeOrder};
use crate::outbox::Output;
use crate::party::Party;
use coeur_directory::{AccountId, RecordPolicy};
use coeur_sip::{Message, Method, StatusCode};

/// What has become of the recording of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Taped {
    #[default]
    Never,
    /// Until its media, which went from phone to phone, comes through us.
    Waits(Demand),
    Runs(Demand),
    Paused(Demand),
    /// Somebody has ended it, or it cannot be.
    Over,
}

/// Who wants a recording that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// As the record of the recording says it.
    asked_by: Box<str>,
    by: Whose,
    /// It goes on without sound with the next media.
    is_paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Policy,
    Operator,
    /// Of a phone, which with others of its account may pause and end it.
    Account(AccountId),
}

impl Taped {
    /// Its media has to come through us.
    pub(super) fn is_heard(&self) -> bool {
        self.demand().is_some()
    }

    const fn demand(&self) -> Option<&Demand> {
        match self {
            Self::Waits(demand) | Self::Runs(demand) | Self::Paused(demand) => Some(demand),
            Self::Never | Self::Over => None,
        }
    }

    const fn demand_mut(&mut self) -> Option<&mut Demand> {
        match self {
            Self::Waits(demand) | Self::Runs(demand) | Self::Paused(demand) => Some(demand),
            Self::Never | Self::Over => None,
        }
    }
}

/// Whose word it is.
#[derive(Clone, Copy, Debug)]
enum Asker<'n> {
    Policy,
    Operator(&'n str),
    Phone(Party),
}

impl Calls {
    /// Word of the operator. `None`: no call of this shard.
    pub(super) fn record_asked(
        &mut self,
        cx: &mut Context<'_>,
        id: CallRecordId,
        (order, by): (RecordOrder, &str),
    ) -> Option<Result<(), NotRecorded>> {
        let call = self.call_of(id)?;
        Some(self.record(cx, call, order, Asker::Operator(by)))
    }

    /// Both sides have agreed on media: what the policy wants is recorded from the answer on, and what has waited for media to
    /// come through us begins.
    pub(super) fn record_agreed(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        if let Taped::Waits(demand) = &state.taped {
            let demand = demand.clone();
            return self.begin_tape(cx, call, demand);
        }
        let is_due =
            state.taped == Taped::Never && state.record.answered.is_some() && !state.record.is_elsewhere;
        if !is_due || self.record_policy(cx, state) != RecordPolicy::All {
            return;
        }
        if let Err(why) = self.record(cx, call, RecordOrder::Start, Asker::Policy) {
            self.calls[call as usize].taped = Taped::Over;
            let text = format!(
                "a call that is to be recorded by the policy of its account is not: {}",
                why.as_str()
            );
            let subject = self.calls[call as usize].record.id.to_string().into();
            cx.outbox.publish(Event::Notice { flow: None, subject, text: text.into() });
        }
    }

    /// Two calls have become one, `call`, and with the connections of the two who were in each the recording of them has ended:
    /// with those who are in it now it is begun again, if these let it.
    pub(super) fn record_anew(&mut self, cx: &Context<'_>, call: u32, old: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let before = self.calls.get(old as usize).and_then(|old| old.taped.demand());
        let Some(demand) = state.taped.demand().or(before) else {
            // What is over was of the two who were; of those who are, a policy may have another word.
            self.calls[call as usize].taped = Taped::Never;
            return;
        };
        let policy = self.record_policy(cx, state);
        let sides = [Some(state.caller), state.callee].into_iter().flatten();
        let stays = match demand.by {
            Whose::Policy => policy == RecordPolicy::All,
            Whose::Operator => policy != RecordPolicy::Off,
            Whose::Account(account) => {
                policy_of(cx, account) != RecordPolicy::Off
                    && sides.filter_map(|id| self.party_of(state, id)).any(|party| party.account == account)
            }
        };
        let taped = if stays { Taped::Waits(demand.clone()) } else { Taped::Never };
        self.calls[call as usize].taped = taped;
    }

    /// True: the INFO was the record key of a phone, and is answered.
    pub(super) fn record_key(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        flow: Flow,
        message: &Message<'_>,
    ) -> bool {
        if has_two(message) {
            refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Two Record Headers"));
            return true;
        }
        let Some(order) = key(message) else { return false };
        let Some(leg) = self.leg(id) else { return false };
        let call = leg.call;
        let Some(state) = self.calls.get(call as usize) else { return false };
        // The call is another shard's (decision 0032), which hears of it as the other side, from this account.
        if state.record.is_elsewhere {
            return false;
        }
        let party = self.party_of(state, id);
        let result = match party {
            Some(party) => self.record(cx, call, order, Asker::Phone(party)),
            // Who is nobody of ours may not have others recorded.
            None => Err(NotRecorded::Policy),
        };
        match result {
            Ok(()) => refuse(cx, &flow, message, StatusCode::OK, None),
            Err(why) => refuse(cx, &flow, message, StatusCode::FORBIDDEN, Some(why.phrase())),
        }
        true
    }

    fn record(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        order: RecordOrder,
        asker: Asker<'_>,
    ) -> Result<(), NotRecorded> {
        let Some(state) = self.calls.get(call as usize) else { return Err(NotRecorded::NotAnswered) };
        self.may_record(cx, state, order, asker)?;
        // What a phone has begun is from now on the operator's to end.
        if let (RecordOrder::Start | RecordOrder::Resume, Asker::Operator(_)) = (order, asker)
            && let Some(demand) = self.calls[call as usize].taped.demand_mut()
            && matches!(demand.by, Whose::Account(_))
        {
            demand.by = Whose::Operator;
        }
        let Some(state) = self.calls.get(call as usize) else { return Err(NotRecorded::NotAnswered) };
        let (order, taped) = match (order, &state.taped) {
            (RecordOrder::Start, Taped::Never | Taped::Over) => {
                if let Some(why) = self.cannot_be_heard(cx, call) {
                    return Err(why);
                }
                self.media_of(state).ok_or(NotRecorded::NotAnswered)?;
                let demand = demand_of(cx, asker)?;
                cx.counters.calls_recorded += 1;
                self.begin_tape(cx, call, demand);
                return Ok(());
            }
            // Who presses twice means it once.
            (RecordOrder::Start | RecordOrder::Resume, Taped::Runs(_) | Taped::Waits(_)) => {
                if let Some(demand) = self.calls[call as usize].taped.demand_mut() {
                    demand.is_paused = false;
                }
                return Ok(());
            }
            (RecordOrder::Pause, Taped::Paused(_)) => return Ok(()),
            (RecordOrder::Pause, Taped::Waits(_)) => return Err(NotRecorded::NotRunning),
            (RecordOrder::Stop, Taped::Waits(_)) => {
                self.calls[call as usize].taped = Taped::Over;
                self.direct_later(cx, call);
                return Ok(());
            }
            (RecordOrder::Start | RecordOrder::Resume, Taped::Paused(demand)) => {
                (TapeOrder::Resume, Taped::Runs(Demand { is_paused: false, ..demand.clone() }))
            }
            (RecordOrder::Pause, Taped::Runs(demand)) => {
                (TapeOrder::Pause, Taped::Paused(Demand { is_paused: true, ..demand.clone() }))
            }
            (RecordOrder::Stop, Taped::Runs(_) | Taped::Paused(_)) => (TapeOrder::End, Taped::Over),
            (RecordOrder::Pause | RecordOrder::Resume | RecordOrder::Stop, Taped::Never | Taped::Over) => {
                return Err(NotRecorded::NotRunning);
            }
        };
        let [id, with] = self.media_of(state).ok_or(NotRecorded::NotAnswered)?;
        cx.outbox.outputs.push(Output::Media(MediaCommand::Tape { id, with, order }));
        self.calls[call as usize].taped = taped;
        // What was relayed for it may go its own way.
        self.direct_later(cx, call);
        Ok(())
    }

    /// At once, or when media comes through us.
    fn begin_tape(&mut self, cx: &mut Context<'_>, call: u32, demand: Demand) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let is_direct = [Some(state.caller), state.callee].into_iter().flatten().any(|id| self.is_direct(id));
        let (id, pair) = (state.record.id, self.media_of(state));
        match pair.filter(|_| !is_direct) {
            Some([left, right]) => {
                let order = TapeOrder::Begin { call: id, asked_by: demand.asked_by.clone() };
                cx.outbox.outputs.push(Output::Media(MediaCommand::Tape { id: left, with: right, order }));
                if demand.is_paused {
                    let order = TapeOrder::Pause;
                    cx.outbox.outputs.push(Output::Media(MediaCommand::Tape {
                        id: left,
                        with: right,
                        order,
                    }));
                }
                self.calls[call as usize].taped = match demand.is_paused {
                    true => Taped::Paused(demand),
                    false => Taped::Runs(demand),
                };
            }
            None => {
                self.calls[call as usize].taped = Taped::Waits(demand);
                self.direct_later(cx, call);
            }
        }
    }

    fn may_record(
        &self,
        cx: &Context<'_>,
        call: &Call,
        order: RecordOrder,
        asker: Asker<'_>,
    ) -> Result<(), NotRecorded> {
        let is_more = match order {
            RecordOrder::Start | RecordOrder::Resume => true,
            RecordOrder::Pause | RecordOrder::Stop => false,
        };
        let is_allowed = match asker {
            Asker::Policy => true,
            // What runs may be ended though nobody may be recorded any more.
            Asker::Operator(_) => !is_more || self.record_policy(cx, call) != RecordPolicy::Off,
            // A phone has a say where its own account leaves it one, and of nothing that somebody else demands.
            Asker::Phone(party) => match (policy_of(cx, party.account), &call.taped) {
                (RecordPolicy::All, _) => false,
                (RecordPolicy::OnDemand, Taped::Never | Taped::Over) => true,
                (RecordPolicy::OnDemand, Taped::Runs(demand) | Taped::Waits(demand))
                    if is_more && !demand.is_paused =>
                {
                    true
                }
                (
                    RecordPolicy::OnDemand,
                    Taped::Waits(demand) | Taped::Runs(demand) | Taped::Paused(demand),
                ) => demand.by == Whose::Account(party.account),
                (RecordPolicy::Off, taped) => {
                    !is_more
                        && taped.demand().is_some_and(|demand| demand.by == Whose::Account(party.account))
                }
            },
        };
        if is_allowed { Ok(()) } else { Err(NotRecorded::Policy) }
    }

    /// Of the accounts of its sides that which has more recorded.
    pub(super) fn record_policy(&self, cx: &Context<'_>, call: &Call) -> RecordPolicy {
        let of = |id: LegId| self.party_of(call, id).map(|party| party.account);
        let sides = [of(call.caller), call.callee.and_then(of), call.record.called];
        sides.into_iter().flatten().map(|account| policy_of(cx, account)).max().unwrap_or_default()
    }

    /// Who is at this side of a call, for whom another shard may speak.
    fn party_of(&self, call: &Call, id: LegId) -> Option<Party> {
        self.leg(id)?.end.party.or(call.record.caller.filter(|_| id == call.caller))
    }

    /// The media plane cannot. Whoever asks again is asked for: it is not tried again by itself, since that would be without end.
    pub(super) fn not_taped(&mut self, cx: &mut Context<'_>, id: MediaId) {
        let Some(call) = Media::leg_of(id).and_then(|id| self.leg(id)).map(|leg| leg.call) else { return };
        let Some(state) = self.calls.get_mut(call as usize).filter(|call| call.taped.is_heard()) else {
            return;
        };
        state.taped = Taped::Over;
        self.direct_later(cx, call);
    }

    /// Why nothing of a call can be heard, or said into it.
    pub(super) fn cannot_be_heard(&self, cx: &Context<'_>, id: u32) -> Option<NotRecorded> {
        let Some(call) = self.calls.get(id as usize) else { return Some(NotRecorded::NotAnswered) };
        let sealed = |protection: LegProtection| protection == LegProtection::EndToEnd;
        let is_sealed = call.record.protection.is_some_and(|of| sealed(of.caller) || sealed(of.callee));
        // Keys that nobody has asked to be the devices' own come back with the media.
        let comes_back = !cx.world.settings.end_to_end && (self.is_any_direct(id) || self.is_asked(id));
        if is_sealed && !comes_back {
            return Some(NotRecorded::EndToEnd);
        }
        if call.record.answered.is_none() {
            return Some(NotRecorded::NotAnswered);
        }
        let is_service = call.callee.is_some_and(|callee| self.service_of(callee).is_some());
        is_service.then_some(NotRecorded::Service)
    }

    /// The endpoints of both sides, the caller's first.
    fn media_of(&self, call: &Call) -> Option<[MediaId; 2]> {
        let of = |id: LegId| self.leg(id)?.media.open_id();
        Some([of(call.caller)?, of(call.callee?)?])
    }
}

fn demand_of(cx: &Context<'_>, asker: Asker<'_>) -> Result<Demand, NotRecorded> {
    let (asked_by, by) = match asker {
        Asker::Policy => ("policy".into(), Whose::Policy),
        Asker::Operator(name) => (name.into(), Whose::Operator),
        Asker::Phone(party) => match cx.world.directory.account_by_id(party.account) {
            Some(account) => (account.aor.as_str().into(), Whose::Account(party.account)),
            None => return Err(NotRecorded::Policy),
        },
    };
    Ok(Demand { asked_by, by, is_paused: false })
}

pub(super) fn policy_of(cx: &Context<'_>, account: AccountId) -> RecordPolicy {
    cx.world.directory.account_by_id(account).map(|account| account.record).unwrap_or_default()
}

/// What has two readings is not guessed at (decision 0004): one may say on, and the other off.
fn has_two(message: &Message<'_>) -> bool {
    let is_record =
        |header: &coeur_sip::message::Header<'_>| header.name_bytes.eq_ignore_ascii_case(b"Record");
    message.method() == Method::Info && message.headers().filter(is_record).nth(1).is_some()
}

/// No RFC has this header; phones of Snom, Yealink and others send it.
fn key(message: &Message<'_>) -> Option<RecordOrder> {
    if message.method() != Method::Info {
        return None;
    }
    let header = message.headers().find(|header| header.name_bytes.eq_ignore_ascii_case(b"Record"))?;
    match header.value.to_ascii_lowercase().as_slice() {
        b"on" => Some(RecordOrder::Start),
        b"off" => Some(RecordOrder::Stop),
        b"pause" => Some(RecordOrder::Pause),
        b"resume" => Some(RecordOrder::Resume),
        _ => None,
    }
}
