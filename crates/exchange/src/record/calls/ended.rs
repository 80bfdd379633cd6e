//! The record of a call that is over, until it is committed: all of it but what was agreed and measured of its streams, which
//! the media plane says only afterwards. A record that comes back from here has no quality.

use super::call::{
    diversion, party, protection, read_diversion, read_party, read_protection, read_record_id, record_id,
};
use super::{LAYOUT, end, layout};
use crate::call_record::{CallRecord, CallRecordId, Side};
use crate::event::EndedBy;
use crate::forwarding::FORWARDS_MAX;
use crate::record::fields::{Fields, address, integer, list, maybe, text, transport_number, transport_of};
use crate::record::read::RecordError;
use coeur_directory::{AccountId, Aor};
use coeur_sip::time::Wall;

pub fn write(out: &mut Vec<u8>, record: &CallRecord) {
    out.push(LAYOUT);
    side(out, &record.caller);
    maybe(out, record.callee.as_ref(), side);
    text(out, &record.to);
    text(out, &record.call_id);
    integer(out, record.started.as_millis());
    maybe(out, record.rang_after_ms, integer);
    maybe(out, record.answered, |out, at| integer(out, at.as_millis()));
    integer(out, record.ended.as_millis());
    integer(out, record.status.into());
    let ended_by = match record.ended_by {
        EndedBy::Caller => 0,
        EndedBy::Callee => 1,
        EndedBy::Exchange => 2,
        EndedBy::Operator => 3,
    };
    // With a bit that says whether there is more at the end than there was before.
    out.push(ended_by | if record.payer.is_some() { PAID } else { 0 });
    maybe(out, record.reason.as_deref(), text);
    maybe(out, record.protection, protection);
    list(out, &record.forwarded, diversion);
    maybe(out, record.transfer_of, record_id);
    if let Some(payer) = record.payer {
        integer(out, payer.0);
    }
}

pub fn read(id: u128, plain: &[u8]) -> Result<CallRecord, RecordError> {
    let fields = &mut layout(plain)?;
    let flags;
    let mut record = CallRecord {
        id: CallRecordId(id),
        caller: read_side(fields)?,
        callee: fields.maybe(read_side)?,
        to: fields.text()?.into(),
        call_id: fields.text()?.into(),
        started: Wall::from_millis(fields.integer()?),
        rang_after_ms: fields.maybe(Fields::integer)?,
        answered: fields.maybe(Fields::integer)?.map(Wall::from_millis),
        ended: Wall::from_millis(fields.integer()?),
        status: fields.short()?,
        ended_by: {
            flags = fields.byte()?;
            ended_by(flags & !PAID).ok_or(fields.error("unknown end"))?
        },
        reason: fields.maybe(Fields::text)?.map(Into::into),
        protection: fields.maybe(read_protection)?,
        forwarded: fields.list(FORWARDS_MAX, read_diversion)?.into(),
        transfer_of: fields.maybe(read_record_id)?,
        verdict: None,
        payer: None,
    };
    if flags & PAID != 0 {
        record.payer = Some(AccountId(fields.integer()?));
    }
    end(fields, record)
}

/// The bit that says that an account stands at the end.
const PAID: u8 = 0x80;

fn ended_by(number: u8) -> Option<EndedBy> {
    match number {
        0 => Some(EndedBy::Caller),
        1 => Some(EndedBy::Callee),
        2 => Some(EndedBy::Exchange),
        3 => Some(EndedBy::Operator),
        _ => None,
    }
}

fn side(out: &mut Vec<u8>, side: &Side) {
    maybe(out, side.account.as_ref(), |out, account| {
        text(out, account.user().as_bytes());
        text(out, account.domain().as_bytes());
    });
    maybe(out, side.party, party);
    text(out, &side.address);
    text(out, &side.user_agent);
    maybe(out, side.flow, |out, (transport, remote)| {
        out.push(transport_number(transport));
        address(out, &remote);
    });
    text(out, &side.call_id);
}

fn read_side(fields: &mut Fields<'_>) -> Result<Side, RecordError> {
    Ok(Side {
        account: fields.maybe(read_aor)?,
        party: fields.maybe(read_party)?,
        address: fields.text()?.into(),
        user_agent: fields.text()?.into(),
        flow: fields.maybe(|fields| {
            let transport = transport_of(fields.byte()?).ok_or(fields.error("unknown transport"))?;
            Ok((transport, fields.address()?))
        })?,
        call_id: fields.text()?.into(),
        ..Side::nobody()
    })
}

fn read_aor(fields: &mut Fields<'_>) -> Result<Aor, RecordError> {
    let (user, domain) = (fields.text()?, fields.text()?);
    let both = std::str::from_utf8(user).ok().zip(std::str::from_utf8(domain).ok());
    both.and_then(|(user, domain)| Aor::new(user, domain).ok()).ok_or(fields.error("no address of record"))
}
