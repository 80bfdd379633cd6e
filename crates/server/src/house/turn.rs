//! STUN and TURN in the house: where they are spoken, who gets credentials, whom their clients may reach.

use super::Running;
use crate::cli::exit::Failure;
use crate::config::listen::Scheme;
use crate::config::{Listen, Settings};
use crate::net;
use crate::net::listen::local_address;
use crate::net::streams::Adopt;
use crate::shard::Clock;
use crate::tls::Tls;
use crate::turn::peers::{self, Wanted};
use crate::turn::{Bound, Office, Relayed, Turn, bind};
use coeur_directory::{Aor, DeviceId};
use coeur_exchange::ice_servers::IceServers;
use coeur_exchange::world::Listener;
use coeur_media::turn::Limits;
use coeur_sip::time::Wall;
use coeur_sip::transport::Transport;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Of the pairs of ports of media, those that TURN may lend: the others are for calls.
const SHARE_OF_PORTS: usize = 4;

/// The places are open, and nobody is answered yet.
pub struct Prepared {
    bound: Vec<Bound>,
    pub office: Arc<Office>,
    relayed: Vec<Relayed>,
}

/// The running server of TURN, and what its policy is made of.
pub struct TurnOutside {
    pub turn: Turn,
    wanted: Wanted,
    /// Under which addresses this host is known besides those of its interfaces.
    known: Vec<IpAddr>,
    /// Those of media, without those where we listen.
    ports: Vec<RangeInclusive<u16>>,
}

/// `None` where TURN is off, or no place of it could be had.
pub fn prepare(
    settings: &Settings,
    listeners: &[Listener],
    next_port: bool,
) -> Result<Option<Prepared>, Failure> {
    let bound = bind(&settings.turn, settings.chosen.turn, next_port)
        .map_err(|why| Failure::failed(format!("turn {why}")))?;
    if bound.is_empty() {
        return Ok(None);
    }
    let relayed = relayed(settings, &bound);
    // Networks that let out nothing but the web let this one out, if it is on its port.
    let secure = |transport| listeners.iter().find(|listener| listener.transport == transport);
    let beside = secure(Transport::Wss).or(secure(Transport::Tls));
    let beside = beside.map(|listener| Listen { scheme: Scheme::Tls, address: listener.bound });
    let places = bound.iter().map(|bound| &bound.place).chain(&beside);
    let urls = crate::turn::urls(places, |place| host(settings, place.address.ip()));
    Ok(Some(Prepared { bound, office: Arc::new(Office::new(urls)), relayed }))
}

/// Takes over connections that have spoken TURN where SIP is spoken, once there is somebody who does; they are closed
/// where there is none.
pub fn adopt(running: &Arc<Running>) -> Arc<Adopt> {
    let running = running.clone();
    Arc::new(move |adopted| {
        if let Some(outside) = running.turn.get() {
            outside.turn.adopt(adopted);
        }
    })
}

/// The name under which others reach it, else its address.
fn host(settings: &Settings, bound: IpAddr) -> String {
    let named = settings.advertise.iter().find(|advertise| advertise.scheme.is_none());
    match named.or(settings.advertise.first()) {
        Some(advertise) => advertise.host.clone(),
        None if bound.is_unspecified() => crate::turn::host(local_address(bound.is_ipv6())),
        None => crate::turn::host(bound),
    }
}

/// Of each family in which clients come: the address where they come, else that by which this host reaches the world.
fn relayed(settings: &Settings, bound: &[Bound]) -> Vec<Relayed> {
    let of = |is_ipv4: bool| {
        let mut ips = bound.iter().map(|bound| bound.place.address.ip()).filter(|ip| ip.is_ipv4() == is_ipv4);
        let first = ips.next()?;
        let named = std::iter::once(first).chain(ips).find(|ip| !ip.is_unspecified());
        let local = named.unwrap_or_else(|| local_address(!is_ipv4));
        let shown = super::start::advertised(settings).find(|ip| ip.is_ipv4() == is_ipv4);
        Some(Relayed { local, shown: shown.unwrap_or(local) })
    };
    [true, false].into_iter().filter_map(of).collect()
}

impl Prepared {
    /// What browsers are told when they register.
    pub fn ice_servers(&self) -> IceServers {
        let office = self.office.clone();
        IceServers::new(Arc::new(move |user, domain, device, now| {
            // An account is ASCII, and its parts were read as such.
            let account = format!("{}@{}", String::from_utf8_lossy(user), String::from_utf8_lossy(domain));
            office.ice_servers(now, &account, device.0)
        }))
    }

    /// Where relayed addresses are, for those who hear of them in calls.
    pub fn lent(&self, settings: &Settings) -> Vec<(IpAddr, u16, u16)> {
        let ips: Vec<IpAddr> =
            self.relayed.iter().flat_map(|relayed| [relayed.local, relayed.shown]).collect();
        peers::media(&ips, &peers::ports(&settings.media_ports, []))
    }

    /// Once the calls of before have their ports again.
    pub fn start(
        self,
        settings: &Settings,
        running: &Running,
        tls: Option<Arc<Tls>>,
        clock: Clock,
    ) -> std::io::Result<TurnOutside> {
        let shards = running.shards.get().ok_or(std::io::ErrorKind::NotConnected)?;
        let known: Vec<IpAddr> = running
            .world
            .listeners
            .iter()
            .map(|listener| listener.bound.ip())
            .chain(self.bound.iter().map(|bound| bound.place.address.ip()))
            .chain(self.relayed.iter().flat_map(|relayed| [relayed.local, relayed.shown]))
            .chain(super::start::advertised(settings))
            .collect();
        let ports = self.ports(settings, &running.world.listeners);
        let policy = peers::policy(&settings.turn_peers, &own(&known), &ports);
        let wanted = turn_settings(settings, policy, self.relayed);
        let spawn = |name, body: Box<dyn FnOnce() + Send>| running.deaths.spawn(name, body);
        let media = shards.services.media.ports().clone();
        let turn = Turn::start(self.bound, &self.office, wanted, media, tls, clock, &spawn)?;
        Ok(TurnOutside { turn, wanted: settings.turn_peers.clone(), known, ports })
    }

    /// Where media is, and nobody of ours listens for datagrams.
    fn ports(&self, settings: &Settings, listeners: &[Listener]) -> Vec<RangeInclusive<u16>> {
        let sip = listeners.iter().filter(|listener| listener.transport == Transport::Udp);
        let turn = self.bound.iter().filter(|bound| bound.place.scheme == Scheme::Udp);
        let taken = sip.map(|listener| listener.bound).chain(turn.map(|bound| bound.place.address));
        peers::ports(&settings.media_ports, taken.map(|address| address.port()))
    }
}

fn turn_settings(
    settings: &Settings,
    policy: coeur_media::address::PeerPolicy,
    relayed: Vec<Relayed>,
) -> crate::turn::Settings {
    let ports = settings.media_ports.clone();
    let limits = Limits { allocations_max: (ports.len() / 2 / SHARE_OF_PORTS).max(1), ..Limits::default() };
    crate::turn::Settings { limits, policy: Arc::new(policy), ports, relayed }
}

/// These addresses, and those of the interfaces as they are now.
fn own(known: &[IpAddr]) -> Vec<IpAddr> {
    let mut own: Vec<IpAddr> = known.iter().copied().chain(net::machine::look().addresses).collect();
    own.retain(|ip| !ip.is_unspecified());
    own.sort_unstable();
    own.dedup();
    own
}

impl TurnOutside {
    pub fn revoke(&self, now: Wall, aor: &Aor, device: Option<DeviceId>) {
        self.turn.revoke(now, aor, device);
    }

    /// The addresses of this machine have changed: those that are ours now are no peers.
    pub fn look_again(&self) {
        self.turn.set_policy(Arc::new(peers::policy(&self.wanted, &own(&self.known), &self.ports)));
    }
}
