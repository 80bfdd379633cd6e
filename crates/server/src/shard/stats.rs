//! What a shard counts. Written by the shard, read by whoever asks.

use coeur_api::Kind;
use std::sync::atomic::{AtomicU64, Ordering};

/// One metric, with a field of [`Stats`] for each set of its labels.
pub struct Family {
    pub kind: Kind,
    pub name: &'static str,
    pub help: &'static str,
    /// Field and labels, as `reason="junk"`; empty labels for a metric that has one value.
    pub fields: &'static [(&'static str, &'static str)],
}

macro_rules! stats {
    ($($kind:ident $name:literal $help:literal { $($field:ident $labels:literal),* $(,)? })*) => {
        /// Counted since the process started; [`FAMILIES`] says under which name each field is read.
        #[derive(Default)]
        pub struct Stats { $($(pub $field: Count,)*)* }
        impl Stats {
            /// Fields and values, in the order of [`FAMILIES`].
            pub fn values(&self) -> Vec<(&'static str, u64)> {
                vec![$($((stringify!($field), self.$field.value()),)*)*]
            }
        }
        pub const FAMILIES: &[Family] = &[$(Family {
            kind: Kind::$kind,
            name: $name,
            help: $help,
            fields: &[$((stringify!($field), $labels)),*],
        }),*];
    };
}

stats! {
    Counter "coeur_udp_datagrams_received_total" "Datagrams received." { datagrams_received "" }
    Counter "coeur_udp_datagrams_sent_total" "Datagrams that the kernel took." { datagrams_sent "" }
    Counter "coeur_udp_send_failures_total" "Datagrams that the kernel did not take." { datagrams_failed "" }
    Counter "coeur_udp_datagrams_dropped_total" "Datagrams that were not read." {
        datagrams_truncated "reason=\"truncated\"",
        datagrams_unheard "reason=\"over_budget\"",
        junk "reason=\"junk\"",
    }
    Counter "coeur_udp_malformed_unheard_total" "Malformed messages of strangers, more than a shard answers." {
        malformed_unheard ""
    }
    Counter "coeur_udp_receive_batches_total" "Receives that brought datagrams." { receive_batches "" }
    Counter "coeur_stream_messages_received_total" "Messages received over TCP, TLS, WS and WSS." {
        stream_messages_received ""
    }
    Counter "coeur_stream_messages_sent_total" "Messages sent over TCP, TLS, WS and WSS." { stream_messages_sent "" }
    Counter "coeur_keep_alives_received_total" "CRLF keep-alives received." { keep_alives "" }
    Counter "coeur_stun_answers_total" "STUN Binding requests answered." { stun_answered "" }
    Gauge "coeur_connections" "Open connections." {
        connections_tcp "transport=\"tcp\"",
        connections_tls "transport=\"tls\"",
        connections_ws "transport=\"ws\"",
        connections_wss "transport=\"wss\"",
    }
    Counter "coeur_connections_turn_total" "Connections that spoke TURN over TLS where SIP is spoken." {
        connections_turn ""
    }
    Counter "coeur_connections_accepted_total" "Connections accepted." { connections_accepted "" }
    Counter "coeur_connections_opened_total" "Connections that we opened." { connections_opened "" }
    Counter "coeur_connections_closed_total" "Connections that ended." { connections_closed "" }
    Counter "coeur_connections_refused_total" "Connections closed at once: one source or one shard had too many." {
        connections_refused_source "reason=\"source\"",
        connections_refused_full "reason=\"shard\"",
    }
    Counter "coeur_connections_given_up_total" "Connections that we closed, and why." {
        deadline_handshake "reason=\"handshake_deadline\"",
        deadline_first_request "reason=\"first_request_deadline\"",
        deadline_message "reason=\"message_deadline\"",
        deadline_idle "reason=\"idle\"",
        closed_slow_reader "reason=\"slow_reader\"",
        closed_framing "reason=\"framing\"",
    }
    Counter "coeur_connect_failures_total" "Connections that we could not open." { connections_connect_failed "" }
    Counter "coeur_accept_failures_total" "Accepts that failed, usually for want of file descriptors." {
        accept_errors ""
    }
    Counter "coeur_tls_handshakes_total" "TLS handshakes that ended well." { handshakes_tls "" }
    Counter "coeur_tls_handshake_failures_total" "TLS handshakes that did not end well, and why." {
        tls_not_tls "reason=\"not_tls\"",
        tls_incompatible "reason=\"incompatible\"",
        tls_refused "reason=\"our_certificate_refused\"",
        tls_untrusted "reason=\"peer_untrusted\"",
        tls_alert "reason=\"alert\"",
        tls_closed "reason=\"closed\"",
        tls_deadline "reason=\"deadline\"",
        tls_other "reason=\"other\"",
    }
    Counter "coeur_tls_broken_total" "TLS connections that broke after their handshake." { tls_broken "" }
    Counter "coeur_websocket_handshakes_total" "WebSocket openings that ended well." { handshakes_web_socket "" }
    Counter "coeur_websocket_handshake_failures_total" "WebSocket openings that were refused, and why." {
        handshakes_web_socket_failed "reason=\"no_handshake\"",
        origins_refused "reason=\"origin\"",
        tickets_refused "reason=\"ticket\"",
    }
    Counter "coeur_shard_turns_total" "Turns of the loops of all shards." { loops "" }
    Counter "coeur_shard_passed_total" "Messages passed to the shard that owns their transaction or connection." {
        responses_passed_on "what=\"response\"",
        requests_passed_on "what=\"request\"",
        sends_passed_on "what=\"send\"",
        invites_sought "what=\"invite_sought\"",
    }
    Counter "coeur_shard_passed_lost_total" "Messages not passed, since the other shard's inbox was full." {
        responses_passed_lost "what=\"response\"",
        requests_passed_lost "what=\"request\"",
        sends_passed_lost "what=\"send\"",
        invites_sought_lost "what=\"invite_sought\"",
    }
    Counter "coeur_shard_unsought_total" "CANCEL and ACK of strangers whose INVITE no other shard was asked for: too many." {
        invites_unsought ""
    }
    Gauge "coeur_answers_held" "Answers that wait for their save." { held "" }
    Counter "coeur_answers_not_held_total" "Answers replaced because too many waited." { held_full "" }
    Counter "coeur_answers_replaced_total" "Answers replaced because their save failed." { answers_replaced "" }
    Counter "coeur_saves_total" "Saves given to the journal." { saves "" }
    Counter "coeur_saves_refused_total" "Saves that the journal did not take." { saves_refused "" }
    Counter "coeur_sends_without_way_total" "Datagrams for an address family without a listener." {
        sends_without_way ""
    }
}

/// Sums over all shards, in the order of [`FAMILIES`].
pub fn sum(shards: &[std::sync::Arc<Stats>]) -> Vec<(&'static str, u64)> {
    let mut sums = Stats::default().values();
    for stats in shards {
        for (sum, (_, value)) in sums.iter_mut().zip(stats.values()) {
            sum.1 += value;
        }
    }
    sums
}

/// One writer, many readers: no read-modify-write is needed.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    pub fn subtract(&self, less: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(less), Ordering::Relaxed);
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
