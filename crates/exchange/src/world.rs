//! What everyone looks up. The directory is written only by the administration door, the bindings only by the
//! registrar; both are shared by all shards and never locked across a call.

use crate::flow::ListenerId;
use crate::machine::Machine;
use coeur_directory::Directory;
use coeur_sip::network::Network;
use coeur_sip::transport::Transport;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

pub struct World {
    pub directory: Directory,
    pub bindings: crate::bindings::Bindings,
    pub listeners: Vec<Listener>,
    /// Under which addresses and names this machine is reached.
    pub machine: Machine,
    pub secrets: Secrets,
    pub settings: Settings,
    /// Tables of the guard that all shards share.
    pub guard: crate::guard::Shared,
    /// What the journal holds of calls.
    pub kept_calls: crate::kept_calls::KeptCalls,
    /// False while the journal cannot write; new registrations are then refused with 503 before any work.
    pub storage_writable: AtomicBool,
    /// Calls that wait for somebody to take them.
    pub waiting: crate::call::Waiting,
    /// Connections that have shown a ticket.
    pub vouched: crate::vouched::Vouched,
    /// How often devices were woken.
    pub push_pace: crate::push::Pace,
}

/// A place where we listen, and the name under which others reach it.
#[derive(Clone, Debug)]
pub struct Listener {
    pub id: ListenerId,
    pub transport: Transport,
    /// Where the socket is bound; never port 0, may be a wildcard address.
    pub bound: SocketAddr,
    /// What Via and Record-Route name: `host:port`, ready to copy (RFC 3261 section 18.1.1).
    pub sent_by: Box<str>,
}

impl Listener {
    /// The host and the port of [`Listener::sent_by`].
    pub fn name(&self) -> (&str, u16) {
        let default = self.transport.default_port();
        match self.sent_by.rsplit_once(':') {
            // The last colon of an IPv6 address without a port is inside of its brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            Some(_) | None => (&self.sent_by, default),
        }
    }
}

/// Keys of this installation. Kept in the data directory so that a restart keeps nonces, routes and GRUUs valid.
#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Secrets {
    /// Signs nonces (section "nonce" of `guard`).
    pub nonce: [u8; 32],
    /// Signs Record-Route parameters and flow tokens.
    pub route: [u8; 32],
    /// Seals temporary GRUUs (RFC 5627 section 5).
    pub gruu: [u8; 32],
}

/// Settings of the exchange, each with its default; units last.
#[derive(Clone, Debug)]
pub struct Settings {
    pub t1_ms: u32,
    pub t2_ms: u32,
    pub t4_ms: u32,
    /// RFC 3261 section 16.6 step 11: more than 3 minutes.
    pub timer_c_ms: u32,
    /// Life of a nonce. Older ones get `stale=true`.
    pub nonce_life_s: u32,
    /// RFC 5393: branches that one request may spread into, all hops together.
    pub max_breadth: u16,
    /// Targets tried by one request at this proxy, redirections included.
    pub branches_max: u16,
    /// Follow 3xx answers ourselves.
    pub recurse_on_redirect: bool,
    /// Inside networks (see [`coeur_sip::network`]) to which requests for other domains may go all the same.
    pub relay_inside: Box<[Network]>,
    /// A MESSAGE larger than this is answered 413 (bytes).
    pub message_body_bytes_max: u32,
    /// MESSAGEs that one account may send in a minute, half of them at once and then one by one; 0 for no limit.
    pub messages_per_minute_max: u32,
    /// A registration is granted up to so much less than it asked for, drawn anew each time, so that phones which came
    /// at once (a restart, a network that is back) do not come at once again and again (threat T-17). A share and not
    /// a time, because phones refresh at a share of what they are granted: with 10 %, 100,000 phones with an hour that
    /// refresh at its half spread over three minutes the first time, and further each time. 0 to 100; 0: none.
    pub expires_jitter_percent: u8,
    /// RFC 5626 section 5.4 `Flow-Timer`, seconds; 0 leaves the header out.
    pub flow_timer_s: u32,
    /// RFC 3608: what phones put as Route into what they send, as a header value; empty leaves the header out.
    pub service_route: Box<str>,
    /// What browsers are told of STUN and TURN.
    pub ice_servers: crate::ice_servers::IceServers,
    /// Who takes a call between two sides.
    pub calls: CallMode,
    /// Calls that one account may have at a time, as caller and as callee together; 0 for no limit.
    pub calls_per_account_max: u32,
    /// Two browsers agree on keys between themselves (decision 0020).
    pub end_to_end: bool,
    /// Media goes from phone to phone where it can (decision 0021).
    pub direct_media: bool,
    /// Users whose names begin so are conferences; empty: none are.
    pub conference_prefix: Box<str>,
    /// How many shards there are; 1 to 64.
    pub shards: u8,
    /// RFC 4028: how long a session lives without a refresh when the phone asks for no less, seconds.
    pub session_expires_s: u32,
    /// RFC 4028 section 5: what asks for less is answered 422. At least 90 seconds.
    pub session_expires_min_s: u32,
    /// Which phones are woken, and how (RFC 8599).
    pub push: crate::push::Settings,
    /// Bytes of final answers kept per shard for retransmissions.
    pub response_memory_bytes: usize,
}

/// Who takes a call between two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallMode {
    /// The proxy: one dialog from phone to phone, which we only relay. Media goes its own way.
    Proxy,
    /// The back-to-back user agent: a dialog with each side, media through us.
    B2bua,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
            timer_c_ms: 185_000,
            nonce_life_s: 300,
            max_breadth: 60,
            branches_max: 32,
            recurse_on_redirect: false,
            relay_inside: Box::default(),
            message_body_bytes_max: 16_384,
            messages_per_minute_max: 30,
            expires_jitter_percent: 10,
            flow_timer_s: 0,
            service_route: "".into(),
            ice_servers: Default::default(),
            calls: CallMode::Proxy,
            calls_per_account_max: 32,
            end_to_end: false,
            direct_media: false,
            conference_prefix: "conference-".into(),
            shards: 1,
            session_expires_s: 1_800,
            session_expires_min_s: 90,
            push: Default::default(),
            response_memory_bytes: 16 << 20,
        }
    }
}
