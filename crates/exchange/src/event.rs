//! What others may want to know: logs, metrics, traces, later webhooks. Rare things are events; things that happen
//! per message are counters ([`Counters`]), which the server reads, so that the hot path publishes nothing.

use crate::call_record::CallRecord;
use crate::flow::Flow;
use crate::media::{Stream, StreamReport};
use crate::party::Party;
use crate::silence::Verdict;
use coeur_directory::{Aor, DeviceId};
use std::net::SocketAddr;

#[derive(Clone, Debug)]
pub enum Event {
    Registered {
        aor: Aor,
        device: DeviceId,
        flow: Flow,
    },
    Unregistered {
        aor: Aor,
        why: UnregisteredWhy,
    },
    /// An answer to a challenge was refused. Published at most at a bounded rate per source; always counted.
    AuthenticationFailed {
        flow: Flow,
        user: Box<[u8]>,
        why: Box<str>,
    },
    /// An account asked for another domain and may not. Published at most at a bounded rate; always counted.
    RelayRefused {
        flow: Flow,
    },
    /// A device answered SHA-256 for the first time: from now on nothing weaker is accepted of it.
    DeviceProvedSha256 {
        aor: Aor,
        device: DeviceId,
    },
    /// A call that lives has come to another point. Published for those who listen, and for nobody else.
    CallStep(CallStep),
    /// A text (MESSAGE, RFC 3428) of an account of ours has come to another point, outside of calls. What it says is never told.
    Texted(Box<Texted>),
    /// A call is answered, or what protects its media has changed since.
    CallProtected {
        /// Of the caller's leg.
        call_id: Box<[u8]>,
        protection: Protection,
    },
    /// It was seen how a call does: some seconds after its answer, and whenever it is not as it should be for a reason that
    /// was not told before.
    CallLooked(Box<Looked>),
    /// Who is in a conference has begun to speak, or has ended.
    Speaks {
        call: crate::call_record::CallRecordId,
        is_speaking: bool,
    },
    /// Something else than silence has come from the phone that is tested by this call.
    TestHeard {
        call: crate::call_record::CallRecordId,
    },
    /// A call is over, or was never answered.
    CallEnded(Box<CallRecord>),
    /// A sentence for the operator, which names nobody; whom it is about, and from where he came, stand apart.
    Notice {
        flow: Option<Flow>,
        subject: Box<str>,
        text: Box<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStep {
    pub call: crate::call_record::CallRecordId,
    pub step: Step,
    /// `None`: it is nobody of ours.
    pub caller: Option<Party>,
    /// `None`: nobody of ours, or nobody yet.
    pub callee: Option<Party>,
    /// The call from which it came by a transfer.
    pub transfer_of: Option<crate::call_record::CallRecordId>,
    /// Whom the caller wanted, as he wrote it; of [`Step::Started`] alone.
    pub to: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Started,
    Ringing,
    Answered,
    Held {
        by_caller: bool,
    },
    Resumed {
        by_caller: bool,
    },
    /// One of its sides was in another call before.
    Transferred,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texted {
    /// The same in all that is told of one text, and of no other.
    pub id: [u8; 18],
    pub step: TextStep,
    pub from: Party,
    /// Whose the first place is to which it goes; `None`: nobody of ours, or nobody at all.
    pub to: Option<Party>,
    /// Whom the sender wanted, as he wrote it.
    pub to_uri: Box<[u8]>,
    /// As the sender wrote it; empty: nothing.
    pub content_type: Box<[u8]>,
    /// Of the body.
    pub bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextStep {
    /// It is on its way, or waits for a phone that is woken.
    Accepted,
    /// A device has taken it (2xx).
    Delivered,
    /// Nobody has, and the sender was told this status.
    Failed { status: u16 },
}

/// How a call does.
#[derive(Clone, Debug)]
pub struct Looked {
    pub id: crate::call_record::CallRecordId,
    pub caller: LegLook,
    pub callee: LegLook,
    /// What is wrong, the most certain first.
    pub verdicts: Box<[Verdict]>,
    /// Of these what was not told before.
    pub news: Box<[Verdict]>,
    /// Which way its media goes, and why; `None`: it is not answered.
    pub path: Option<crate::call_record::MediaPath>,
}

/// One side of it: what was promised, what left, what arrived.
#[derive(Clone, Debug, Default)]
pub struct LegLook {
    pub call_id: Box<[u8]>,
    pub signals_from: Option<SocketAddr>,
    /// Where its description says that it hears.
    pub said: Option<SocketAddr>,
    pub agreed: Option<Box<Stream>>,
    pub report: Option<Box<StreamReport>>,
}

/// How the media of a call is protected, leg by leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    pub caller: LegProtection,
    pub callee: LegProtection,
}

/// Of the least protected stream of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegProtection {
    /// Whoever is on the way hears it.
    Clear,
    /// Keys in the signalling (RFC 4568): whoever reads that hears it.
    Sdes,
    /// Keys agreed on the way of the media (RFC 5764).
    Dtls,
    /// The same, between the two devices: we have none of them.
    EndToEnd,
}

/// What a call may say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaState {
    /// Encrypted on each leg, with keys that we hold.
    Hop,
    /// There is a leg in clear.
    Mixed,
    /// From device to device, with keys that we do not have.
    EndToEnd,
}

impl Protection {
    pub fn state(self) -> MediaState {
        match self.caller.min(self.callee) {
            LegProtection::Clear => MediaState::Mixed,
            LegProtection::Sdes | LegProtection::Dtls => MediaState::Hop,
            LegProtection::EndToEnd => MediaState::EndToEnd,
        }
    }
}

impl MediaState {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hop => "hop",
            Self::Mixed => "mixed",
            Self::EndToEnd => "e2e",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndedBy {
    Caller,
    Callee,
    /// A timer, a limit, a right that was lost, or a failure on the way.
    Exchange,
    /// The administration door.
    Operator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnregisteredWhy {
    Asked,
    Expired,
    Replaced,
    FlowClosed,
    Revoked,
}

macro_rules! counters {
    ($($(#[doc = $help:literal])* $name:ident),* $(,)?) => {
        /// Counted since the process started, per shard; names are those of the metrics (`coeur_<name>_total`), and the
        /// comment of each is its explanation there.
        #[derive(Clone, Debug, Default)]
        pub struct Counters { $($(#[doc = $help])* pub $name: u64),* }
        impl Counters {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
            pub const HELP: &'static [&'static str] = &[$(concat!($($help),*)),*];
            pub const COUNT: usize = Self::NAMES.len();
            /// In the order of `NAMES`.
            pub fn values(&self) -> [u64; Self::COUNT] { [$(self.$name),*] }
        }
    };
}

counters! {
    /// Requests that were parsed, retransmissions included.
    requests_received,
    /// Responses that were parsed.
    responses_received,
    /// Messages that are no valid SIP.
    malformed,
    /// Malformed messages that were answered.
    malformed_answered,
    /// 401 and 407 sent.
    challenges_sent,
    /// 401 and 407 not sent, after too many that were not answered.
    challenges_withheld,
    /// Answers not sent, since they were larger than a request deserves that has proved nothing.
    answers_withheld,
    /// Requests whose sender proved a password.
    authenticated,
    /// Answers to a challenge that were wrong.
    authentication_failed,
    /// Answers to a challenge that has grown old.
    authentication_stale,
    /// Answers to a challenge that were not looked at, after too many wrong ones.
    authentication_refused_unverified,
    /// Answers to a challenge compared with a device's secret or a stand-in's: the work of a guess.
    digests_compared,
    /// Answers to a challenge that had been used before.
    nonce_replayed,
    /// MD5 from a device that has proved SHA-256.
    downgrade_refused,
    /// Contacts added.
    registrations,
    /// Contacts refreshed or replaced.
    registrations_refreshed,
    /// Contacts removed on request or by revocation.
    registrations_removed,
    /// Contacts removed because their time was over.
    registrations_expired,
    /// REGISTER requests refused after authentication.
    registrations_refused,
    /// Retransmissions answered from memory.
    retransmissions_answered,
    /// Server transactions begun by the proxy.
    transactions_server,
    /// Client transactions begun by the proxy.
    transactions_client,
    /// Requests that the proxy took up.
    proxied_requests,
    /// Responses that the proxy passed on.
    proxied_responses,
    /// ACKs that the proxy passed on.
    proxied_acks,
    /// Responses to no request of ours.
    stray_responses,
    /// Responses to a request of ours from a place where it was not sent.
    responses_from_elsewhere,
    /// ACKs of no call.
    stray_acks,
    /// Requests under way that ended because their device or account was revoked.
    transactions_revoked,
    /// Branches beside the first of a request.
    forked_branches,
    /// Requests refused because they had been here before.
    loops_detected,
    /// Requests refused with no hop left.
    too_many_hops,
    /// Requests refused because their sender may not relay to a foreign domain.
    relay_refused,
    /// Routes that look like ours and are not.
    route_forged,
    /// CANCEL requests that found their INVITE.
    cancels,
    /// INVITEs given up after three minutes without an answer.
    timer_c_fired,
    /// Calls that were begun.
    calls_started,
    /// Calls that were answered.
    calls_answered,
    /// Calls that were answered and have ended.
    calls_ended,
    /// INVITEs of accounts that were refused before there was a call.
    calls_unreached,
    /// Of these, those without a record, since the account had as many within a minute.
    calls_unreached_unrecorded,
    /// Calls that went to somebody else by the rules of the account that was called.
    calls_forwarded,
    /// Calls that went on after a restart.
    calls_restored,
    /// Calls of which one side was joined with somebody else.
    calls_transferred,
    /// Calls that were answered by somebody who was not called.
    calls_picked_up,
    /// Calls of which one side was parked.
    calls_parked,
    /// Calls of which the other side is on another shard.
    calls_across_shards,
    /// Calls that a service of ours answered: echo, conferences.
    calls_served,
    /// Times that somebody began to speak in a conference.
    conference_spurts,
    /// Recordings of calls that were begun, one that goes on after a stop counted anew.
    calls_recorded,
    /// Calls, or changes of calls, for whose media no port was to be had.
    media_refused,
    /// Calls that ended because a side did not refresh its session.
    sessions_expired,
    /// Sides of calls that were followed to where their device has registered from another network.
    phones_followed,
    /// Devices for whose waking a push service was asked.
    pushes,
    /// Wakings that were not asked for, since the device was woken too often.
    pushes_withheld,
    /// Calls and messages that waited for a device which was woken, and that reached it.
    devices_woken,
    /// Devices that were woken in vain.
    devices_not_woken,
    /// Places at push services that are known no more.
    push_destinations_ended,
    /// Messages that could not be sent.
    send_failures,
    /// Requests refused because a limit was reached.
    limits_hit,
    /// Phones that were asked to fetch their settings.
    check_syncs_sent,
    /// Of these, those that have said yes.
    check_syncs_obeyed,
}
