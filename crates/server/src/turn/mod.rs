//! STUN and TURN (RFC 8489, RFC 8656): who can reach nobody but us is lent an address.
//!
//! The rules are the machine's ([`coeur_media::turn`]); here are its sockets. One worker, a thread with a poll of its own,
//! owns the places where clients come (UDP, TCP, TLS), their connections, and the relayed ports, which it takes from the range
//! of media; a packet is received, decided and sent by that thread, without a lock. What the rest of the server wants of it
//! comes through a bounded queue with one wake for a batch.
//!
//! Credentials are made here and nowhere else ([`Office`]), for a device of an account, with a key of this process: a
//! restart lets all of them die, as it does the allocations. Whom clients may reach is in [`peers`].
//!
//! What it deliberately does not do: more than one thread (calls have their own ways through the media workers; here is only
//! who has no other), and what the machine does not do.

mod frame;
mod office;
mod orders;
pub mod peers;
mod places;
mod relays;
mod slots;
mod stats;
mod stream;
mod streams;
mod worker;

pub use office::{Office, host, urls};
pub use places::{Bound, bind};
pub use stats::Stats;

use crate::media::Ports;
use crate::shard::Clock;
use crate::tls::Tls;
use coeur_directory::{Aor, DeviceId};
use coeur_media::address::PeerPolicy;
use coeur_media::turn::{CREDENTIALS_TIME, Limits};
use coeur_sip::time::Wall;
use orders::{Order, Orders};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use worker::Worker;

/// Realm of the credentials (RFC 8489 section 9.2). Nobody reads it, and a short one keeps challenges short.
const REALM: &str = "coeur";

/// One connection of a client, or one that speaks TURN where SIP is spoken; see [`Turn::adopt`].
pub struct Adopted {
    pub socket: std::net::TcpStream,
    pub tls: Option<Box<rustls::Connection>>,
    /// What was read of it already.
    pub read: Vec<u8>,
    pub place: Option<crate::net::per_source::Place>,
}

pub struct Settings {
    pub limits: Limits,
    pub policy: Arc<PeerPolicy>,
    /// Of the range of media.
    pub ports: RangeInclusive<u16>,
    /// Relayed addresses, at most one of a family.
    pub relayed: Vec<Relayed>,
}

/// A relayed address is of this host, and may be known to others under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed {
    pub local: IpAddr,
    pub shown: IpAddr,
}

/// The running server, to all others.
pub struct Turn {
    orders: Arc<Orders>,
    stats: Arc<Stats>,
}

/// Starts a thread of that name.
type Spawn<'s> = dyn Fn(&'static str, Box<dyn FnOnce() + Send>) -> io::Result<()> + 's;

impl Turn {
    pub(crate) fn start(
        bound: Vec<Bound>,
        office: &Office,
        settings: Settings,
        ports: Arc<Ports>,
        tls: Option<Arc<Tls>>,
        clock: Clock,
        spawn: &Spawn<'_>,
    ) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let orders = Arc::new(Orders::new(mio::Waker::new(poll.registry(), worker::WAKER)?));
        let stats = Arc::new(Stats::default());
        let machine = office.machine(&settings);
        let hands = worker::Hands { orders: orders.clone(), stats: stats.clone(), ports, tls, clock };
        let mut worker = Worker::new(poll, bound, machine, settings, hands)?;
        spawn("coeur-turn", Box::new(move || worker.run()))?;
        Ok(Self { orders, stats })
    }

    /// A device, or a whole account, has lost its rights: at once its allocations end, and its credentials open none.
    pub fn revoke(&self, now: Wall, aor: &Aor, device: Option<DeviceId>) {
        self.orders.give(Order::Revoke {
            now,
            account: aor.to_string(),
            device: device.map(|device| device.0),
        });
    }

    pub fn set_policy(&self, policy: Arc<PeerPolicy>) {
        self.orders.give(Order::Policy(policy));
    }

    /// Takes over a connection whose client has spoken TURN where others speak SIP (RFC 7443 gives such a client a name in
    /// the handshake of TLS; networks that allow port 443 alone are why).
    pub fn adopt(&self, adopted: Adopted) {
        self.orders.give(Order::Adopt(Box::new(adopted)));
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The thread ends and closes its sockets.
    pub fn stop(&self) {
        self.orders.give(Order::Stop);
    }
}

/// Until when credentials that are issued now open allocations.
fn expiry(now: Wall) -> Wall {
    now + CREDENTIALS_TIME
}
