//! One leg: its dialog, where its peer is, and what was described on it.

use super::call::{party, read_party};
use super::{LAYOUT, end, layout};
use crate::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use crate::media::{OpenStream, STREAMS_MAX, StreamAddress, StreamKind};
use crate::party::Party;
use crate::record::fields::{
    Fields, address, flow, integer, list, maybe, text, transport_number, transport_of,
};
use crate::record::read::RecordError;
use coeur_sip::dialog::{Memory, Role};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLeg<'a> {
    /// The record id of its call.
    pub call: u128,
    /// What its tag says besides the key of this piece.
    pub shard: u8,
    pub slot: u32,
    pub flow: Flow,
    pub party: Option<Party>,
    pub host: Option<&'a str>,
    pub hop: Hop,
    pub dialog: Memory<'a>,
    pub streams: Vec<OpenStream>,
    pub addresses: Vec<Option<StreamAddress>>,
    pub session_id: u64,
    pub session_version: u64,
    pub local: &'a [u8],
    pub remote: &'a [u8],
    pub profile: u8,
    pub interval_s: u32,
    pub we_refresh: bool,
    /// See [`super::Written`].
    pub refresh_at_ms: u64,
    pub expires_at_ms: u64,
    pub end_to_end: bool,
    pub user_agent: &'a [u8],
    pub allows_update: bool,
    pub owes_offer: bool,
    /// It was referred before (RFC 3515 section 2.4.6).
    pub referred: bool,
    /// Our 2xx to an INVITE of its peer that is not acknowledged.
    pub answer: Option<KeptAnswer<'a>>,
    /// By order (see `call/control`).
    pub is_held: bool,
    pub is_muted: bool,
}

/// It is repeated until its ACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer<'a> {
    pub bytes: &'a [u8],
    pub source: Flow,
    pub reply: Flow,
    pub until_ms: u64,
}

/// Addresses of one port beside the first.
const OTHERS_MAX: usize = 64;

impl<'a> KeptLeg<'a> {
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(LAYOUT);
        out.extend_from_slice(&self.call.to_le_bytes());
        out.push(self.shard);
        integer(out, self.slot.into());
        connected(out, &self.flow);
        maybe(out, self.party, party);
        maybe(out, self.host, |out, host| text(out, host.as_bytes()));
        hop(out, &self.hop);
        dialog(out, &self.dialog);
        list(out, &self.streams, open_stream);
        list(out, &self.addresses, |out, address| maybe(out, address.as_ref(), stream_address));
        integer(out, self.session_id);
        integer(out, self.session_version);
        text(out, self.local);
        text(out, self.remote);
        out.push(self.profile);
        integer(out, self.interval_s.into());
        integer(out, self.refresh_at_ms);
        integer(out, self.expires_at_ms);
        text(out, self.user_agent);
        // In one byte, which is as it was before for a leg of which nothing was ordered.
        out.push(u8::from(self.end_to_end) | u8::from(self.is_held) << 1 | u8::from(self.is_muted) << 2);
        for flag in [self.we_refresh, self.allows_update, self.owes_offer, self.referred] {
            out.push(u8::from(flag));
        }
        maybe(out, self.answer.as_ref(), |out, answer| {
            text(out, answer.bytes);
            connected(out, &answer.source);
            connected(out, &answer.reply);
            integer(out, answer.until_ms);
        });
    }

    pub fn read(plain: &'a [u8]) -> Result<Self, RecordError> {
        let fields = &mut layout(plain)?;
        let flags;
        let leg = Self {
            call: u128::from_le_bytes(fields.array()?),
            shard: fields.byte()?,
            slot: fields.number()?,
            flow: read_connected(fields)?,
            party: fields.maybe(read_party)?,
            host: fields.maybe(Fields::name)?,
            hop: read_hop(fields)?,
            dialog: read_dialog(fields)?,
            streams: fields.list(STREAMS_MAX, read_open_stream)?,
            addresses: fields.list(STREAMS_MAX, |fields| fields.maybe(read_stream_address))?,
            session_id: fields.integer()?,
            session_version: fields.integer()?,
            local: fields.text()?,
            remote: fields.text()?,
            profile: fields.byte()?,
            interval_s: fields.number()?,
            refresh_at_ms: fields.integer()?,
            expires_at_ms: fields.integer()?,
            user_agent: fields.text()?,
            end_to_end: {
                flags = fields.byte()?;
                flags & 1 != 0
            },
            we_refresh: fields.flag()?,
            allows_update: fields.flag()?,
            owes_offer: fields.flag()?,
            referred: fields.flag()?,
            answer: fields.maybe(|fields| {
                Ok(KeptAnswer {
                    bytes: fields.text()?,
                    source: read_connected(fields)?,
                    reply: read_connected(fields)?,
                    until_ms: fields.integer()?,
                })
            })?,
            is_held: flags & 2 != 0,
            is_muted: flags & 4 != 0,
        };
        if flags > 7 {
            return Err(fields.error("unknown flags of a leg"));
        }
        end(fields, leg)
    }
}

/// A flow, and whether it is a connection that somebody has made to us, or leads to another shard.
fn connected(out: &mut Vec<u8>, over: &Flow) {
    flow(out, over);
    match over.connection {
        ConnectionId::NONE => out.push(0),
        connection if over.is_inside() => out.extend_from_slice(&[2, connection.shard().0]),
        _ => out.push(1),
    }
}

/// A connection of the process before is one that no longer is: never "none", which would mean that we may connect to where it
/// came from, and that whoever comes from there speaks for it.
fn read_connected(fields: &mut Fields<'_>) -> Result<Flow, RecordError> {
    let flow = fields.flow()?;
    match fields.byte()? {
        0 => Ok(Flow { connection: ConnectionId::NONE, ..flow }),
        1 => Ok(Flow { connection: ConnectionId::GONE, ..flow }),
        2 => fields.byte().map(|shard| Flow::inside(ShardId(shard))),
        _ => Err(fields.error("unknown kind of connection")),
    }
}

fn hop(out: &mut Vec<u8>, hop: &Hop) {
    match hop {
        Hop::Flow(over) => {
            out.push(0);
            connected(out, over);
        }
        Hop::Address { transport, listener, address: at, host } => {
            out.push(1);
            out.push(transport_number(*transport));
            integer(out, listener.0.into());
            address(out, at);
            maybe(out, host.as_deref(), |out, host| text(out, host.as_bytes()));
        }
    }
}

fn read_hop(fields: &mut Fields<'_>) -> Result<Hop, RecordError> {
    match fields.byte()? {
        0 => read_connected(fields).map(Hop::Flow),
        1 => Ok(Hop::Address {
            transport: transport_of(fields.byte()?).ok_or(fields.error("unknown transport"))?,
            listener: ListenerId(fields.short()?),
            address: fields.address()?,
            host: fields.maybe(Fields::name)?.map(Into::into),
        }),
        _ => Err(fields.error("unknown hop")),
    }
}

fn dialog(out: &mut Vec<u8>, dialog: &Memory<'_>) {
    out.push(match dialog.role {
        Role::Uac => 0,
        Role::Uas => 1,
    });
    out.push(u8::from(dialog.secure));
    for part in [
        dialog.call_id,
        dialog.local_tag,
        dialog.remote_tag,
        dialog.local_address,
        dialog.remote_address,
        dialog.remote_target,
        dialog.route_set,
    ] {
        text(out, part);
    }
    for cseq in [dialog.local_cseq, dialog.remote_cseq] {
        maybe(out, cseq, |out, cseq| integer(out, cseq.into()));
    }
}

fn read_dialog<'a>(fields: &mut Fields<'a>) -> Result<Memory<'a>, RecordError> {
    let role = match fields.byte()? {
        0 => Role::Uac,
        1 => Role::Uas,
        _ => return Err(fields.error("unknown role")),
    };
    Ok(Memory {
        role,
        secure: fields.flag()?,
        call_id: fields.text()?,
        local_tag: fields.text()?,
        remote_tag: fields.text()?,
        local_address: fields.text()?,
        remote_address: fields.text()?,
        remote_target: fields.text()?,
        route_set: fields.text()?,
        local_cseq: fields.maybe(Fields::number)?,
        remote_cseq: fields.maybe(Fields::number)?,
    })
}

pub(super) fn open_stream(out: &mut Vec<u8>, stream: &OpenStream) {
    out.push(match stream.kind {
        StreamKind::Audio => 0,
        StreamKind::Video => 1,
        StreamKind::Other => 2,
        StreamKind::None => 3,
    });
    out.push(u8::from(stream.rtcp_mux));
    maybe(out, stream.bundled_with, |out, with| out.push(with));
}

pub(super) fn read_open_stream(fields: &mut Fields<'_>) -> Result<OpenStream, RecordError> {
    let kind = match fields.byte()? {
        0 => StreamKind::Audio,
        1 => StreamKind::Video,
        2 => StreamKind::Other,
        3 => StreamKind::None,
        _ => return Err(fields.error("unknown kind of stream")),
    };
    Ok(OpenStream { kind, rtcp_mux: fields.flag()?, bundled_with: fields.maybe(Fields::byte)? })
}

pub(super) fn stream_address(out: &mut Vec<u8>, stream: &StreamAddress) {
    address(out, &stream.rtp);
    address(out, &stream.rtcp);
    list(out, &stream.others, address);
}

pub(super) fn read_stream_address(fields: &mut Fields<'_>) -> Result<StreamAddress, RecordError> {
    Ok(StreamAddress {
        rtp: fields.address()?,
        rtcp: fields.address()?,
        others: fields.list(OTHERS_MAX, Fields::address)?.into(),
    })
}
