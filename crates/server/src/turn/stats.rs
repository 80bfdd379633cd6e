//! What the worker counts. Written by the worker, read by whoever asks.

use crate::shard::stats::Count;
use coeur_media::turn::Counters;

macro_rules! stats {
    ($($field:ident $help:literal),* $(,)?) => {
        #[derive(Default)]
        pub struct Stats {
            /// Allocations that stand.
            pub allocations: Count,
            /// Connections of clients.
            pub connections: Count,
            /// Connections that could not be had: too many, of one source or of all.
            pub connections_refused: Count,
            /// Connections that were closed because nothing, or no message, came.
            pub connections_closed: Count,
            /// Datagrams that the kernel did not take, and what a connection had no room for.
            pub not_sent: Count,
            $(#[doc = $help] pub $field: Count),*
        }

        impl Stats {
            pub(super) fn set(&self, counters: Counters) {
                $(self.$field.set(counters.$field);)*
            }
        }
    };
}

stats! {
    malformed "Messages that are none.",
    challenged "Requests without good credentials.",
    withheld "Challenges and Binding answers beyond the budget.",
    allocated "Allocations made.",
    no_room "Allocations refused by a quota or limit.",
    forbidden "Peers that policy forbids.",
    not_permitted "Data without allocation, permission or channel.",
    no_media "Data of another protocol.",
    over_bandwidth "Data beyond the bandwidth of its allocation.",
    relayed_packets "Packets relayed.",
    relayed_bytes "Bytes relayed.",
}
