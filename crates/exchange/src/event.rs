//! What others may want to know: logs, metrics, traces, later webhooks. Rare things are events; things that happen
//! per message are counters ([`Counters`]), which the server reads, so that the hot path publishes nothing.

use crate::flow::Flow;
use coeur_directory::{Aor, DeviceId};

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
    /// A device answered SHA-256 for the first time: from now on nothing weaker is accepted of it.
    DeviceProvedSha256 {
        aor: Aor,
        device: DeviceId,
    },
    /// A sentence for the operator, with the subject's address; already free of control characters.
    Notice {
        flow: Option<Flow>,
        text: Box<str>,
    },
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
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counted since the process started, per shard; names are those of the metrics (`coeur_<name>_total`).
        #[derive(Clone, Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: u64),* }
        impl Counters {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
            pub fn values(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($name), self.$name)),*] }
        }
    };
}

counters! {
    requests_received, responses_received, malformed, malformed_answered,
    challenges_sent, challenges_withheld, authenticated, authentication_failed, authentication_stale,
    authentication_refused_unverified, nonce_replayed, downgrade_refused,
    registrations, registrations_refreshed, registrations_removed, registrations_expired, registrations_refused,
    retransmissions_answered, transactions_server, transactions_client,
    proxied_requests, proxied_responses, proxied_acks, stray_responses, stray_acks,
    transactions_revoked, forked_branches, loops_detected, too_many_hops, relay_refused, route_forged,
    cancels, timer_c_fired, calls_started, calls_answered, calls_ended, calls_echoed,
    send_failures, save_failures, limits_hit,
}
