//! What a shard counts. Written by the shard, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counted since the process started; names are those of the metrics (`coeur_net_<name>`).
        #[derive(Default)]
        pub struct Stats { $($(#[$doc])* pub $name: Count),* }
        impl Stats {
            pub fn values(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($name), self.$name.value())),*] }
        }
    };
}

stats! {
    datagrams_received, datagrams_sent, datagrams_failed, datagrams_truncated, datagrams_unheard, malformed_unheard, receive_batches,
    stream_messages_received, stream_messages_sent, keep_alives, stun_answered,
    connections_accepted, connections_refused_source, connections_refused_full, connections_opened,
    connections_connect_failed, connections_closed,
    /// A gauge.
    connections_open,
    handshakes_tls, handshakes_tls_failed, handshakes_web_socket_failed, origins_refused,
    deadline_handshake, deadline_first_request, deadline_message, deadline_idle, closed_slow_reader,
    closed_framing,
    responses_passed_on, responses_passed_lost, sends_passed_on, sends_passed_lost,
    held, held_full, saves, saves_refused, answers_replaced,
    sends_without_way, accept_errors, junk, loops,
}

/// One writer, many readers: no read-modify-write is needed.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
