//! Calls that meet although they are on different shards (decision 0032): what one shard wants of a call of another it asks for
//! as a phone would, with an INVITE that has Replaces, over a flow inside of the process. From then on two legs face each
//! other, one on each shard, and everything that either side does passes through them as through any call.
//!
//! The flow is the proof that one of our shards asks. For whom, its Request-URI says: who asked has proved there who he is,
//! and whether he may is looked at where the dialog is.

use super::name::Name;
use super::{Calls, refuse};
use crate::context::Context;
use crate::flow::{Flow, ShardId};
use crate::mint::{read_hex, write_hex};
use crate::party::Party;
use crate::routing::Target;
use crate::service::{Room, Service};
use coeur_directory::{AccountId, DeviceId};
use coeur_sip::header::{DialogId, HeaderName};
use coeur_sip::{Message, Method, StatusCode, Writer};

const SCHEME: &[u8] = b"sip:";
/// RFC 2606: nobody has this name.
const HOST: &[u8] = b"@inside.invalid";
/// An account and a device, 16 hex digits each.
const PARTY_LEN: usize = 32;
const DIALOG: &[u8] = b"dialog";
const RINGING: &[u8] = b"ringing-";
const PARKED: &[u8] = b"parked-";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The dialog that Replaces names.
    Dialog,
    /// What rings for this caller.
    Ringing(Name),
    /// Who is parked.
    Parked(Name),
}

/// 16 hex digits.
const ROOM_LEN: usize = 16;

/// Who asks for a dialog, and who is to be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    /// Whose rights count.
    pub(super) by: Party,
    pub(super) who: Party,
}

/// The place of something of another shard among those that are called.
pub(super) fn target(shard: ShardId, what: What, asker: Asker) -> Target {
    let what = match what {
        What::Dialog => DIALOG.to_vec(),
        What::Ringing(name) => [RINGING, &name.tag()].concat(),
        What::Parked(name) => [PARKED, &name.tag()].concat(),
    };
    let mut parties = [0; 2 * PARTY_LEN];
    for (party, digits) in [asker.by, asker.who].iter().zip(parties.chunks_mut(PARTY_LEN)) {
        write_hex(party.account.0, &mut digits[..16]);
        write_hex(party.device.0, &mut digits[16..]);
    }
    let uri = [SCHEME, &what, b".", &parties, HOST].concat();
    Target { flow: Some(Flow::inside(shard)), ..Target::of_uri(&uri) }
}

/// A room of another shard among those that are called, and who is to be in it.
pub(super) fn room_target(shard: ShardId, Room(room): Room, who: Party) -> Target {
    let mut digits = [0; ROOM_LEN + PARTY_LEN];
    for (number, digits) in [room, who.account.0, who.device.0].into_iter().zip(digits.chunks_mut(16)) {
        write_hex(number, digits);
    }
    let uri = [SCHEME, &digits, HOST].concat();
    Target { flow: Some(Flow::inside(shard)), ..Target::of_uri(&uri) }
}

/// Whether who is called there is a room.
pub(super) fn is_room(uri: &[u8]) -> bool {
    room_asked_for(uri).is_some()
}

/// The room that is asked for over a flow inside, and for whom.
fn room_asked_for(uri: &[u8]) -> Option<(Room, Party)> {
    let digits = uri.strip_prefix(SCHEME)?.strip_suffix(HOST)?;
    let (room, who) = digits.split_at_checked(ROOM_LEN).filter(|(_, who)| who.len() == PARTY_LEN)?;
    Some((Room(read_hex(room)?), party_of(who)?))
}

/// What is asked for over a flow inside, and by whom.
fn asked_by(uri: &[u8]) -> Option<(What, Asker)> {
    let asked = uri.strip_prefix(SCHEME)?.strip_suffix(HOST)?;
    let (what, parties) = asked.split_at_checked(memchr::memchr(b'.', asked)?)?;
    let what = match what {
        DIALOG => What::Dialog,
        what => match what.strip_prefix(RINGING) {
            Some(tag) => What::Ringing(Name::of_tag(tag)?),
            None => What::Parked(Name::of_tag(what.strip_prefix(PARKED)?)?),
        },
    };
    let (by, who) = parties.strip_prefix(b".")?.split_at_checked(PARTY_LEN)?;
    Some((what, Asker { by: party_of(by)?, who: party_of(who)? }))
}

fn party_of(digits: &[u8]) -> Option<Party> {
    let (account, device) = digits.split_at_checked(PARTY_LEN / 2)?;
    Some(Party { account: AccountId(read_hex(account)?), device: DeviceId(read_hex(device)?) })
}

/// Our name in a dialog that somebody names.
pub(super) fn name_in(dialog: &DialogId<'_>) -> Option<Name> {
    [dialog.local_tag, dialog.remote_tag].into_iter().find_map(Name::of_tag)
}

/// The header lines that name the dialog to the other shard (RFC 3891 section 6.1). `None`: there is more in it than a name.
pub(super) fn replaces_lines(dialog: &DialogId<'_>) -> Option<Vec<u8>> {
    let parts = [dialog.call_id, dialog.local_tag, dialog.remote_tag];
    if parts.concat().iter().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b';' | b',')) {
        return None;
    }
    let mut lines = Vec::with_capacity(192);
    let mut writer = Writer::new(&mut lines);
    writer.begin(HeaderName::Replaces).push(dialog.call_id);
    writer.push(b";to-tag=").push(dialog.local_tag).push(b";from-tag=").push(dialog.remote_tag).end_line();
    writer.header(HeaderName::Require, b"replaces");
    Some(lines)
}

impl Calls {
    /// What another shard begins here.
    pub(crate) fn asked_inside(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let asked = room_asked_for(message.request_uri()).filter(|_| message.method() == Method::Invite);
        if let Some((room, who)) = asked {
            return self.serve(cx, flow, message, who, Service::Conference(room));
        }
        match asked_by(message.request_uri()).filter(|_| message.method() == Method::Invite) {
            Some((What::Dialog, asker)) => self.replace_for(cx, flow, message, asker),
            Some((What::Ringing(name), asker)) => self.pick_up(cx, flow, message, asker.who, name),
            Some((What::Parked(name), asker)) => self.retrieve(cx, flow, message, asker.who, name),
            None => refuse(cx, &flow, message, StatusCode::NOT_FOUND, None),
        }
    }

    /// A call that waits is wanted by a phone of ours: it is taken here, or from the shard where it is.
    pub(super) fn take_waiting(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        what: What,
    ) {
        let name = match what {
            What::Ringing(name) | What::Parked(name) => name,
            // That one is handed over as a whole (decision 0012).
            What::Dialog => return self.replace(cx, flow, message, party),
        };
        if name.shard != cx.mint.shard() {
            let targets = vec![target(name.shard, what, Asker { by: party, who: party })];
            return self.start(cx, flow, message, party, (targets, None));
        }
        match what {
            What::Parked(name) => self.retrieve(cx, flow, message, party, name),
            What::Ringing(_) | What::Dialog => self.pick_up(cx, flow, message, party, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_a_dialog_of_another_shard_is_read_back() {
        let by = Party { account: AccountId(7), device: DeviceId(0xffff_ffff_ffff) };
        let name = Name { shard: ShardId(3), slot: 1, random: 2 };
        let asker = Asker { by, who: Party { account: AccountId(8), device: DeviceId(0) } };
        for what in [What::Dialog, What::Ringing(name), What::Parked(name)] {
            let target = target(name.shard, what, asker);
            assert_eq!(target.flow, Some(Flow::inside(ShardId(3))));
            assert_eq!(asked_by(&target.uri), Some((what, asker)));
        }
        for other in [&b"sip:alice@example.org"[..], b"sip:dialog.00@inside.invalid", b"sip:@inside.invalid"]
        {
            assert_eq!(asked_by(other), None);
        }
    }

    #[test]
    fn who_wants_to_be_in_a_room_of_another_shard_is_read_back() {
        let who = Party { account: AccountId(7), device: DeviceId(0xffff_ffff_ffff) };
        let target = room_target(ShardId(3), Room(u64::MAX - 1), who);
        assert_eq!(target.flow, Some(Flow::inside(ShardId(3))));
        assert_eq!(room_asked_for(&target.uri), Some((Room(u64::MAX - 1), who)));
        assert_eq!(asked_by(&target.uri), None);
        assert_eq!(room_asked_for(b"sip:alice@example.org"), None);
    }

    /// It comes from a URI, in which anything can be escaped.
    #[test]
    fn a_dialog_with_more_in_it_than_a_name_is_not_written() {
        let dialog = |call_id| DialogId { call_id, local_tag: b"a", remote_tag: b"b" };
        let lines = replaces_lines(&dialog(b"call@host")).expect("a name");
        assert_eq!(lines, b"Replaces: call@host;to-tag=a;from-tag=b\r\nRequire: replaces\r\n");
        for call_id in [&b"call\r\nContact: <sip:x>"[..], b"call;early-only", b"a,b", b"a b"] {
            assert_eq!(replaces_lines(&dialog(call_id)), None);
        }
    }
}
