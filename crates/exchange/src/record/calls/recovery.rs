//! From the journal back to calls: the last piece of each key, put together.

use super::call::KeptCall;
use super::leg::KeptLeg;
use super::{Key, Written, header};
use crate::call_record::{CallRecord, CallRecordId, Side};
use crate::event::EndedBy;
use crate::kept_calls::KeptCalls;
use crate::party::Party;
use crate::record::fields::Fields;
use crate::record::read::RecordError;
use coeur_sip::time::{Now, Wall};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Takes the entries of the journal, oldest first. Worst-case memory: what the pieces of all calls take, some 5 kB a call.
#[derive(Default)]
pub struct Recovery {
    sealed: BTreeMap<Key, (Written, Box<[u8]>)>,
}

/// A piece, opened.
pub struct Piece {
    pub written: Written,
    pub plain: Zeroizing<Vec<u8>>,
}

/// A call of which all is there that it cannot do without.
pub struct RecoveredCall {
    pub id: CallRecordId,
    pub call: Piece,
    /// The caller's and the callee's.
    pub legs: [Piece; 2],
    /// Missing when the process went before the media plane had said it.
    pub media: [Option<Piece>; 2],
}

#[derive(Default)]
pub struct RecoveredCalls {
    /// By the shard that owns them now.
    pub calls: Vec<Vec<RecoveredCall>>,
    /// Records that may not be committed yet, and those of calls that cannot go on.
    pub ended: Vec<CallRecord>,
    /// Calls that cannot go on since a part is missing or cannot be read.
    pub lost: usize,
    /// Pieces that do not open with our key, or are of a layout that is not known.
    pub unreadable: usize,
}

/// A leg that could be read.
struct Found {
    piece: Piece,
    /// That its tag names.
    shard: u8,
    party: Option<Party>,
}

impl Recovery {
    /// Applies one entry, all of it or, when it cannot be read, nothing.
    pub fn apply(&mut self, entry: &[u8]) -> Result<(), RecordError> {
        let mut fields = Fields::new(entry);
        let written = header(&mut fields)?;
        let mut pieces = Vec::new();
        while !fields.is_empty() {
            let (key, gone) = Key::read(&mut fields)?;
            pieces.push((key, if gone { None } else { Some(fields.text()?) }));
        }
        for (key, sealed) in pieces {
            match sealed {
                Some(sealed) => self.sealed.insert(key, (written, sealed.into())),
                None => self.sealed.remove(&key),
            };
        }
        Ok(())
    }

    /// Puts together what belongs together, and hands what is whole to `kept`, which keeps it for the next snapshot. A shard
    /// that is no more leaves its calls to the one that gets the requests for it (see [`owner`]).
    pub fn finish(mut self, kept: &KeptCalls, shards: usize, now: Now) -> RecoveredCalls {
        let mut recovered =
            RecoveredCalls { calls: (0..shards).map(|_| Vec::new()).collect(), ..RecoveredCalls::default() };
        let keys: Vec<Key> = self.sealed.keys().copied().collect();
        for key in keys {
            match key {
                Key::Call(id) => self.call(CallRecordId(id), kept, now, &mut recovered),
                Key::Ended(id) => self.ended(id, kept, &mut recovered),
                Key::Leg(_) | Key::Media(_) => {}
            }
        }
        recovered
    }

    fn ended(&mut self, id: u128, kept: &KeptCalls, recovered: &mut RecoveredCalls) {
        let record =
            self.open(kept, Key::Ended(id)).and_then(|piece| super::read_ended(id, &piece.plain).ok());
        match record {
            Some(record) => {
                self.adopt(kept, 0, Key::Ended(id));
                recovered.ended.push(record);
            }
            None => recovered.unreadable += 1,
        }
    }

    fn call(&mut self, id: CallRecordId, kept: &KeptCalls, now: Now, recovered: &mut RecoveredCalls) {
        let Some(call) = self.open(kept, Key::Call(id.0)) else {
            recovered.unreadable += 1;
            return;
        };
        let Ok(told) = KeptCall::read(&call.plain) else {
            recovered.unreadable += 1;
            return;
        };
        let names = [told.caller_leg, told.callee_leg];
        let legs = names.map(|name| self.leg(kept, id, name));
        let who = legs.each_ref().map(|leg| leg.as_ref()?.party);
        let [Some(Found { piece: caller, shard, .. }), Some(Found { piece: callee, .. })] = legs else {
            recovered.lost += 1;
            if !told.is_elsewhere {
                recovered.ended.push(ended_by_crash(id, &told, who, now.wall));
            }
            return;
        };
        let media = names.map(|name| self.open(kept, Key::Media(name)));
        let shard = owner(usize::from(shard), recovered.calls.len());
        self.adopt(kept, shard, Key::Call(id.0));
        for name in names {
            self.adopt(kept, shard, Key::Leg(name));
            self.adopt(kept, shard, Key::Media(name));
        }
        recovered.calls[shard].push(RecoveredCall { id, call, legs: [caller, callee], media });
    }

    /// A leg of this call.
    fn leg(&self, kept: &KeptCalls, call: CallRecordId, name: u64) -> Option<Found> {
        let piece = self.open(kept, Key::Leg(name))?;
        let leg = KeptLeg::read(&piece.plain).ok().filter(|leg| leg.call == call.0)?;
        let (shard, party) = (leg.shard, leg.party);
        Some(Found { piece, shard, party })
    }

    fn open(&self, kept: &KeptCalls, key: Key) -> Option<Piece> {
        let (written, sealed) = self.sealed.get(&key)?;
        Some(Piece { written: *written, plain: kept.open(key, sealed)? })
    }

    fn adopt(&mut self, kept: &KeptCalls, shard: usize, key: Key) {
        if let Some((written, sealed)) = self.sealed.remove(&key) {
            kept.adopt(shard, key, written, sealed);
        }
    }
}

/// The shard that a tag of ours leads to: the one it names, or, when there are fewer now, one that is there.
pub fn owner(named: usize, shards: usize) -> usize {
    if named < shards { named } else { named % shards.max(1) }
}

/// `who`: of the sides whose leg is there.
fn ended_by_crash(
    id: CallRecordId,
    told: &KeptCall<'_>,
    [caller, callee]: [Option<Party>; 2],
    now: Wall,
) -> CallRecord {
    CallRecord {
        id,
        caller: Side { party: caller.or(told.caller), ..Side::nobody() },
        callee: callee.map(|party| Side { party: Some(party), ..Side::nobody() }),
        to: told.to.into(),
        call_id: told.call_id.into(),
        started: Wall::from_millis(told.started_ms),
        rang_after_ms: told.rang_after_ms,
        answered: Some(Wall::from_millis(told.answered_ms)),
        ended: now,
        status: 200,
        ended_by: EndedBy::Exchange,
        reason: None,
        protection: told.protection,
        forwarded: told.forwarded.clone().into(),
        transfer_of: told.transfer_of,
        verdict: None,
        // How long it lasted is not known.
        payer: None,
    }
}
