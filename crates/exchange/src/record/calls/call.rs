//! The call itself: who talks with whom, and what its record will say.

use super::{LAYOUT, end, layout};
use crate::call_record::CallRecordId;
use crate::event::{LegProtection, Protection};
use crate::forwarding::{Cause, Diversion, FORWARDS_MAX};
use crate::party::Party;
use crate::record::fields::{Fields, integer, list, maybe, text};
use crate::record::read::RecordError;
use coeur_directory::{AccountId, DeviceId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCall<'a> {
    /// Its sides, by the random part of their names.
    pub caller_leg: u64,
    pub callee_leg: u64,
    /// Who calls, where his leg does not say it.
    pub caller: Option<Party>,
    pub called: Option<AccountId>,
    pub to: &'a [u8],
    pub call_id: &'a [u8],
    pub started_ms: u64,
    pub rang_after_ms: Option<u64>,
    pub answered_ms: u64,
    pub protection: Option<Protection>,
    /// Whose sessions are counted for it; two as a rule.
    pub counted: Vec<AccountId>,
    /// Another shard has the record of it (decision 0032).
    pub is_elsewhere: bool,
    pub forwarded: Vec<Diversion>,
    pub transfer_of: Option<CallRecordId>,
    pub payer: Option<AccountId>,
}

/// Accounts that one call is counted for.
const COUNTED_MAX: usize = 64;

impl<'a> KeptCall<'a> {
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(LAYOUT);
        out.extend_from_slice(&self.caller_leg.to_le_bytes());
        out.extend_from_slice(&self.callee_leg.to_le_bytes());
        maybe(out, self.caller, party);
        maybe(out, self.called, |out, account| integer(out, account.0));
        text(out, self.to);
        text(out, self.call_id);
        integer(out, self.started_ms);
        maybe(out, self.rang_after_ms, integer);
        integer(out, self.answered_ms);
        maybe(out, self.protection, protection);
        list(out, &self.counted, |out, account| integer(out, account.0));
        // With a bit that says whether there is more at the end than there was before.
        out.push(u8::from(self.is_elsewhere) | u8::from(self.payer.is_some()) << 1);
        list(out, &self.forwarded, diversion);
        maybe(out, self.transfer_of, record_id);
        if let Some(payer) = self.payer {
            integer(out, payer.0);
        }
    }

    pub fn read(plain: &'a [u8]) -> Result<Self, RecordError> {
        let fields = &mut layout(plain)?;
        let flags;
        let mut call = Self {
            caller_leg: u64::from_le_bytes(fields.array()?),
            callee_leg: u64::from_le_bytes(fields.array()?),
            caller: fields.maybe(read_party)?,
            called: fields.maybe(Fields::integer)?.map(AccountId),
            to: fields.text()?,
            call_id: fields.text()?,
            started_ms: fields.integer()?,
            rang_after_ms: fields.maybe(Fields::integer)?,
            answered_ms: fields.integer()?,
            protection: fields.maybe(read_protection)?,
            counted: fields.list(COUNTED_MAX, |fields| fields.integer().map(AccountId))?,
            is_elsewhere: {
                flags = fields.byte()?;
                flags & 1 != 0
            },
            forwarded: fields.list(FORWARDS_MAX, read_diversion)?,
            transfer_of: fields.maybe(read_record_id)?,
            payer: None,
        };
        match flags {
            0 | 1 => {}
            2 | 3 => call.payer = Some(AccountId(fields.integer()?)),
            _ => return Err(fields.error("unknown flags of a call")),
        }
        end(fields, call)
    }
}

pub(super) fn party(out: &mut Vec<u8>, party: Party) {
    integer(out, party.account.0);
    integer(out, party.device.0);
}

pub(super) fn read_party(fields: &mut Fields<'_>) -> Result<Party, RecordError> {
    Ok(Party { account: AccountId(fields.integer()?), device: DeviceId(fields.integer()?) })
}

pub(super) fn protection(out: &mut Vec<u8>, protection: Protection) {
    for leg in [protection.caller, protection.callee] {
        out.push(match leg {
            LegProtection::Clear => 0,
            LegProtection::Sdes => 1,
            LegProtection::Dtls => 2,
            LegProtection::EndToEnd => 3,
        });
    }
}

pub(super) fn read_protection(fields: &mut Fields<'_>) -> Result<Protection, RecordError> {
    let mut leg = || match fields.byte()? {
        0 => Ok(LegProtection::Clear),
        1 => Ok(LegProtection::Sdes),
        2 => Ok(LegProtection::Dtls),
        3 => Ok(LegProtection::EndToEnd),
        _ => Err(fields.error("unknown protection")),
    };
    Ok(Protection { caller: leg()?, callee: leg()? })
}

pub(super) fn record_id(out: &mut Vec<u8>, id: CallRecordId) {
    out.extend_from_slice(&id.0.to_le_bytes());
}

pub(super) fn read_record_id(fields: &mut Fields<'_>) -> Result<CallRecordId, RecordError> {
    Ok(CallRecordId(u128::from_le_bytes(fields.array()?)))
}

pub(super) fn diversion(out: &mut Vec<u8>, diversion: &Diversion) {
    integer(out, diversion.account.0);
    text(out, diversion.aor.as_bytes());
    out.push(match diversion.cause {
        Cause::Always => 0,
        Cause::DoNotDisturb => 1,
        Cause::Busy => 2,
        Cause::NoAnswer => 3,
        Cause::Offline => 4,
    });
    text(out, diversion.to.as_bytes());
}

pub(super) fn read_diversion(fields: &mut Fields<'_>) -> Result<Diversion, RecordError> {
    Ok(Diversion {
        account: AccountId(fields.integer()?),
        aor: fields.name()?.into(),
        cause: match fields.byte()? {
            0 => Cause::Always,
            1 => Cause::DoNotDisturb,
            2 => Cause::Busy,
            3 => Cause::NoAnswer,
            4 => Cause::Offline,
            _ => return Err(fields.error("unknown cause")),
        },
        to: fields.name()?.into(),
    })
}
