//! One leg: the dialog with one side of a call, with its media and what was described of it.

use super::callee::Callee;
use super::control::Ordered;
use super::describe::Text;
use super::describe::profile::Profile;
use super::direct::Direct;
use super::follow::Follow;
use super::hold::Hears;
use super::keys::Keys;
use super::name::Name;
use super::notify::Subscription;
use super::refresh::SessionTimer;
use super::reliable::Reliable;
use crate::call_record::{AgreedStream, USER_AGENT_BYTES_MAX};
use crate::flow::{Hop, ShardId};
use crate::media::{Fingerprint, MediaId, OpenStream, StreamAddress};
use crate::proxy::next_hop;
use crate::route_token::End;
use crate::service::Service;
use crate::session_id::Uuid;
use crate::world::World;
use coeur_sip::dialog::Dialog;
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, Transport, Writer};

/// Names a leg for as long as it lives: its slot may belong to another afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LegId {
    pub(super) slot: u32,
    pub(super) serial: u32,
}

/// About 800 bytes, what its dialog keeps, and the two descriptions (some 500 bytes each for audio).
pub(super) struct Leg {
    pub(super) call: u32,
    pub(super) id: LegId,
    /// Its tag is our local tag.
    pub(super) name: Name,
    /// Who is there, and over which flow it spoke when the leg began.
    pub(super) end: End,
    /// Where our requests go while the device has not moved.
    pub(super) hop: Hop,
    /// Of the caller from the beginning; of a callee once it has answered.
    pub(super) dialog: Option<Dialog>,
    pub(super) media: Media,
    pub(super) session: Session,
    /// What is described here has the certificate of the other side and not ours, so that the two devices agree on keys.
    pub(super) end_to_end: bool,
    /// The same of its credentials and candidates, with our port as the last: the two check each other (see `direct`).
    pub(super) wire: bool,
    /// What its peer speaks, as far as we know.
    pub(super) profile: Profile,
    /// While it is being called.
    pub(super) callee: Option<Box<Callee>>,
    pub(super) timer: SessionTimer,
    /// RFC 3311: its Allow names UPDATE.
    pub(super) allows_update: bool,
    pub(super) keys: Keys,
    /// At most [`USER_AGENT_BYTES_MAX`] bytes.
    pub(super) user_agent: Box<[u8]>,
    /// RFC 3262 section 3: it requires that provisional answers are reliable.
    pub(super) wants_reliable: bool,
    /// An offer after the first was answered before the call was: the answer to the INVITE says no more of media
    /// (RFC 6337 section 3.1.1).
    pub(super) is_ahead: bool,
    /// What the other side has described meanwhile it has not heard.
    pub(super) owes_offer: bool,
    /// RFC 3262: what we said provisionally and it has not acknowledged; only for who requires it.
    pub(super) reliable: Option<Box<Reliable>>,
    /// The server transaction of an INVITE that we answered 2xx and that is not acknowledged: no BYE before (RFC 3261
    /// section 15).
    pub(super) unacknowledged: Option<u32>,
    /// The call is over; a BYE goes out once its ACK is there.
    pub(super) leaving: bool,
    /// Nobody is there but a service of ours: no dialog, no ports. What it would have described is [`Session::remote`].
    pub(super) service: Option<Service>,
    /// Our last 2xx offered what a service has described: the answer comes in its ACK.
    pub(super) awaits_answer: bool,
    pub(super) hears: Hears,
    /// What was ordered of it (see `control`).
    pub(super) ordered: Ordered,
    /// In a conference: it speaks now. `None`: it is in none, or has said nothing yet.
    pub(super) speaks: Option<bool>,
    /// RFC 3515: it hears what becomes of its REFER.
    pub(super) subscription: Subscription,
    pub(super) follow: Follow,
    pub(super) direct: Direct,
    /// Its phone did not take the address of the other: it is not asked again.
    pub(super) refuses_direct: bool,
    /// An offer of ours is under way that says where its media is (see `direct`).
    pub(super) offers_direct: bool,
    /// When something is to be tried again (see `join`).
    pub(super) alarm: Monotonic,
    /// When it is to be seen how its call does (see `silence`).
    pub(super) look_at: Monotonic,
    /// The host that its first request names in its Via.
    pub(super) via: Option<std::net::IpAddr>,
    /// RFC 7989: its own, or what we say for it.
    pub(super) uuid: Uuid,
    /// The same of the side that has left its call before it.
    pub(super) spoke_with: Option<Uuid>,
    /// When the wheel will look at it; never later than its next deadline.
    pub(super) armed: Monotonic,
}

/// The endpoint of a leg in the media plane.
pub(super) struct Media {
    pub(super) id: MediaId,
    pub(super) stage: Stage,
    /// What was asked for.
    pub(super) streams: Box<[OpenStream]>,
    /// By `m=` line, once open.
    pub(super) addresses: Box<[Option<StreamAddress>]>,
    /// Keys of the other side are told of in an INFO.
    pub(super) keys_are_told: bool,
    /// Sound of ours can be heard in what is spoken.
    pub(super) is_makeable: bool,
    /// Of our certificate, when the media plane has one.
    pub(super) fingerprint: Option<Fingerprint>,
    /// By `m=` line, as last agreed.
    pub(super) agreed: Box<[Option<AgreedStream>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is bound.
    Closed,
    /// Asked for, for the first time or for more.
    Opening,
    Open,
}

/// What has been described on this leg (RFC 3264).
#[derive(Default)]
pub(super) struct Session {
    /// Of our `o=` line (RFC 8866 section 5.2).
    pub(super) id: u64,
    pub(super) version: u64,
    /// Our last description, as sent.
    pub(super) local: Text,
    /// The peer's last one that was agreed on, as received: what a refused offer falls back to.
    pub(super) remote: Text,
    /// The offer that is written now has new credentials of ICE (RFC 8445 section 9).
    pub(super) restarts_ice: bool,
}

impl Media {
    /// Its name tells the leg, so that events find it without a map.
    pub(super) fn new(shard: ShardId, id: LegId) -> Self {
        let serial = CALLS | u64::from(id.slot & SLOT_MAX) << 32 | u64::from(id.serial);
        Self {
            id: MediaId::new(shard, serial),
            stage: Stage::Closed,
            streams: Box::default(),
            addresses: Box::default(),
            keys_are_told: false,
            is_makeable: false,
            fingerprint: None,
            agreed: Box::default(),
        }
    }

    /// Its name, when the media plane knows it.
    pub(super) fn open_id(&self) -> Option<MediaId> {
        (self.stage != Stage::Closed && !self.addresses.is_empty()).then_some(self.id)
    }

    /// The leg that a name of ours tells.
    pub(super) fn leg_of(id: MediaId) -> Option<LegId> {
        let is_ours = id.0 & CALLS != 0;
        is_ours.then_some(LegId { slot: (id.0 >> 32) as u32 & SLOT_MAX, serial: id.0 as u32 })
    }
}

const CALLS: u64 = 1 << 55;
const SLOT_MAX: u32 = (1 << 23) - 1;

impl Leg {
    pub(super) fn tag(&self) -> [u8; super::name::TAG_LEN] {
        self.name.tag()
    }

    /// The address of its signalling: where its media is expected to be near.
    pub(super) fn near(&self) -> std::net::IpAddr {
        self.end.flow.remote.ip()
    }

    /// Where media is sent that is for us, by `m=` line: our ports, or the other phone's in their place (see `direct`).
    pub(super) fn described_at(&self) -> &[Option<StreamAddress>] {
        self.direct.other.as_ref().map_or(&self.media.addresses, |other| &other.at)
    }

    /// A device of ours, or another shard: we may assert an identity to it (RFC 3325 section 5).
    pub(super) fn is_trusted(&self) -> bool {
        self.end.party.is_some() || self.end.flow.is_inside()
    }

    /// RFC 7989: what the peer names itself.
    pub(super) fn learn_session(&mut self, message: &Message<'_>) {
        self.uuid = Uuid::of_sender(message).unwrap_or(self.uuid);
    }

    /// What the peer says of its abilities.
    pub(super) fn learn(&mut self, message: &Message<'_>) {
        self.learn_session(message);
        if message.has(HeaderName::Allow) {
            self.allows_update = message.allow().any(|method| method == b"UPDATE");
            self.keys.learn(message);
        }
        let named =
            [HeaderName::UserAgent, HeaderName::Server].into_iter().find_map(|name| message.header(name));
        if let Some(named) = named.map(|named| &named[..named.len().min(USER_AGENT_BYTES_MAX)])
            && *self.user_agent != *named
        {
            self.user_agent = named.into();
        }
    }

    /// Our Contact on this leg: its user part is the tag, so that whatever comes back names the leg twice. `None`: there is
    /// no listener.
    pub(super) fn write_contact(&self, world: &World, writer: &mut Writer<'_>) -> Option<()> {
        let listener = next_hop::listener(world, &self.hop)?;
        let secure = self.dialog.as_ref().is_some_and(Dialog::is_secure)
            || self.callee.as_ref().is_some_and(|callee| crate::routing::is_sips(&callee.target.uri));
        writer.begin(HeaderName::Contact).push(if secure { b"<sips:" } else { b"<sip:" }).push(&self.tag());
        writer.push(b"@").push(listener.sent_by.as_bytes());
        match listener.transport {
            Transport::Udp => {}
            // RFC 3261 section 26.2.2: sips means TLS.
            Transport::Tls if secure => {}
            Transport::Wss if secure => {
                writer.push(b";transport=ws");
            }
            other => {
                writer.push(b";transport=").push(other.as_param().as_bytes());
            }
        }
        writer.push(b">").end_line();
        Some(())
    }

    pub(super) fn next_deadline(&self) -> Monotonic {
        let resolving = self.callee.as_ref().map_or(Monotonic::NEVER, |callee| callee.until);
        let reliable = self.reliable.as_ref().map_or(Monotonic::NEVER, |reliable| reliable.next_deadline());
        self.timer
            .next_deadline()
            .min(reliable)
            .min(resolving)
            .min(self.alarm)
            .min(self.look_at)
            .min(self.direct.look_at)
    }
}
