//! The steps of RFC 3263 sections 4.1 and 4.2.

use super::ResolveError;
use super::destination::{Destination, HostText, Supported};
use super::failover::Candidate;
use super::query::{Answer, Naptr, Outcome, Query, RecordKind, Records, Srv, plain};
use super::srv;
use crate::transport::Transport;
use std::net::{IpAddr, SocketAddr};

/// How much one resolution may ask and keep. Worst-case memory some 40 kB while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolveLimits {
    /// Questions asked for one destination. Default 32.
    pub queries_max: usize,
    /// Records read of one answer; the rest is left. Default 16.
    pub records_max: usize,
    /// Candidates handed out. Default 32.
    pub candidates_max: usize,
}

impl Default for ResolveLimits {
    fn default() -> ResolveLimits {
        ResolveLimits { queries_max: 32, records_max: 16, candidates_max: 32 }
    }
}

/// The list, and how many seconds it holds (the least TTL of what it is made of; `u32::MAX` without DNS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub candidates: Vec<Candidate>,
    pub ttl_s: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Ask these, and hand in the answers; answers to earlier questions may still be due.
    Ask(Vec<Query>),
    Done(Result<Resolved, ResolveError>),
}

/// The resolution of one destination.
pub struct Resolution {
    destination: Destination,
    supported: Supported,
    limits: ResolveLimits,
    random: u64,
    stage: Stage,
    outstanding: Vec<Query>,
    asked: usize,
    ttl_s: u32,
    dns_failed: bool,
}

enum Stage {
    Naptr,
    Srv(Vec<Service>),
    Addresses(Vec<Endpoint>),
    Done,
}

/// One SRV name, in order of preference.
struct Service {
    transport: Transport,
    query: Query,
    records: Vec<Srv>,
}

/// One host to find the addresses of, in order of preference.
struct Endpoint {
    transport: Transport,
    port: u16,
    name: Box<str>,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

impl Resolution {
    /// Begins. `random` decides among SRV records of equal priority.
    pub fn start(
        destination: Destination,
        supported: Supported,
        random: u64,
        limits: ResolveLimits,
    ) -> (Resolution, Progress) {
        let mut resolution = Resolution {
            destination,
            supported,
            limits,
            random,
            stage: Stage::Done,
            outstanding: Vec::new(),
            asked: 0,
            ttl_s: u32::MAX,
            dns_failed: false,
        };
        let progress = resolution.begin();
        (resolution, progress)
    }

    /// Takes an answer; one that was not asked for, or has been answered, changes nothing.
    pub fn on_answer(&mut self, answer: &Answer) -> Progress {
        let Some(at) = self.outstanding.iter().position(|query| *query == answer.query) else {
            return Progress::Ask(Vec::new());
        };
        self.outstanding.swap_remove(at);
        match &answer.outcome {
            Outcome::Found { ttl_s, .. } | Outcome::Absent { ttl_s } => self.ttl_s = self.ttl_s.min(*ttl_s),
            Outcome::Failed => self.dns_failed = true,
        }
        let max = self.limits.records_max;
        match (&mut self.stage, &answer.outcome) {
            (Stage::Naptr, Outcome::Found { records: Records::Naptr(records), .. }) => {
                let records = records[..records.len().min(max)].to_vec();
                return self.on_naptr(records);
            }
            (Stage::Naptr, _) => return self.without_naptr(),
            (Stage::Srv(services), Outcome::Found { records: Records::Srv(records), .. }) => {
                for service in services.iter_mut().filter(|service| service.query == answer.query) {
                    service.records = records[..records.len().min(max)].to_vec();
                }
            }
            (Stage::Addresses(endpoints), Outcome::Found { records: Records::A(addresses), .. }) => {
                for endpoint in endpoints.iter_mut().filter(|endpoint| endpoint.name == answer.query.name) {
                    endpoint.v4 = addresses.iter().take(max).map(|address| IpAddr::V4(*address)).collect();
                }
            }
            (Stage::Addresses(endpoints), Outcome::Found { records: Records::Aaaa(addresses), .. }) => {
                for endpoint in endpoints.iter_mut().filter(|endpoint| endpoint.name == answer.query.name) {
                    endpoint.v6 = addresses.iter().take(max).map(|address| IpAddr::V6(*address)).collect();
                }
            }
            // Absent, failed, or records of another kind than asked: nothing found.
            (Stage::Srv(_) | Stage::Addresses(_) | Stage::Done, _) => {}
        }
        if !self.outstanding.is_empty() {
            return Progress::Ask(Vec::new());
        }
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Srv(services) => self.on_services(services),
            Stage::Addresses(endpoints) => self.on_addresses(endpoints),
            Stage::Naptr | Stage::Done => Progress::Ask(Vec::new()),
        }
    }

    fn begin(&mut self) -> Progress {
        let transport = self.destination.default_transport();
        let may_ask_naptr = self.destination.transport.is_none() && self.destination.port.is_none();
        let name = match &self.destination.host {
            HostText::Address(address) => return self.numeric(transport, *address),
            HostText::Name(name) => name.clone(),
        };
        // Section 4.1: NAPTR only when neither transport nor port is given.
        if may_ask_naptr {
            self.stage = Stage::Naptr;
            return self.ask(vec![Query::new(RecordKind::Naptr, &name)]);
        }
        if !self.supported.transport(transport) {
            return Progress::Done(Err(ResolveError::UnsupportedTransport));
        }
        // Section 4.2: with a port there is no SRV. WebSockets have no SRV service (RFC 7118).
        match (self.destination.port, service_prefix(transport)) {
            (None, Some(prefix)) => self.ask_services(vec![(transport, format!("{prefix}{name}"))]),
            (port, _) => {
                self.ask_addresses(vec![(transport, port.unwrap_or(transport.default_port()), name)])
            }
        }
    }

    /// A numeric host is its own answer (section 4.2).
    fn numeric(&self, transport: Transport, address: IpAddr) -> Progress {
        let reachable = if address.is_ipv4() { self.supported.ipv4 } else { self.supported.ipv6 };
        if !self.supported.transport(transport) {
            return Progress::Done(Err(ResolveError::UnsupportedTransport));
        }
        if !reachable {
            return Progress::Done(Err(ResolveError::NoSuchHost));
        }
        let port = self.destination.port.unwrap_or(transport.default_port());
        let candidate = Candidate { transport, address: SocketAddr::new(address, port), host: None };
        Progress::Done(Ok(Resolved { candidates: vec![candidate], ttl_s: u32::MAX }))
    }

    /// Section 4.1: services that we speak (and only SIPS ones for sips), in the domain's order.
    fn on_naptr(&mut self, mut records: Vec<Naptr>) -> Progress {
        records.sort_by_key(|record| (record.order, record.preference));
        let services: Vec<_> = records
            .iter()
            .filter(|record| record.flags.eq_ignore_ascii_case("s"))
            .filter_map(|record| Some((transport_of_service(&record.service)?, plain(&record.replacement))))
            .filter(|(transport, _)| self.usable(*transport))
            .collect();
        if services.is_empty() { self.without_naptr() } else { self.ask_services(services) }
    }

    /// Section 4.1: no NAPTR record helps, so SRV is asked for each transport that we speak, UDP first as the
    /// least that every server has, and TLS alone for sips.
    fn without_naptr(&mut self) -> Progress {
        let HostText::Name(name) = self.destination.host.clone() else {
            return Progress::Done(Err(ResolveError::NoSuchHost));
        };
        let services: Vec<_> = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .filter(|transport| self.usable(*transport))
            .filter_map(|transport| Some((transport, format!("{}{name}", service_prefix(transport)?))))
            .collect();
        if services.is_empty() {
            return Progress::Done(Err(ResolveError::UnsupportedTransport));
        }
        self.ask_services(services)
    }

    fn usable(&self, transport: Transport) -> bool {
        self.supported.transport(transport) && (!self.destination.secure || transport.is_secure())
    }

    fn ask_services(&mut self, services: Vec<(Transport, String)>) -> Progress {
        let services: Vec<_> = services
            .into_iter()
            .map(|(transport, name)| Service {
                transport,
                query: Query::new(RecordKind::Srv, &name),
                records: Vec::new(),
            })
            .collect();
        let queries = services.iter().map(|service| service.query.clone()).collect();
        self.stage = Stage::Srv(services);
        self.ask(queries)
    }

    fn on_services(&mut self, services: Vec<Service>) -> Progress {
        let found = services.iter().any(|service| !service.records.is_empty());
        if !found {
            return self.without_srv();
        }
        let mut endpoints = Vec::new();
        for service in services {
            for record in srv::order(service.records, &mut self.random) {
                // The target "." says that there is decidedly no such service (RFC 2782).
                if !record.target.is_empty() && &*record.target != "." {
                    endpoints.push((service.transport, record.port, plain(&record.target).into_boxed_str()));
                }
            }
        }
        endpoints.truncate(self.limits.candidates_max);
        self.ask_addresses(endpoints)
    }

    /// Section 4.2: no SRV record, so the name itself is the host, on the default port.
    fn without_srv(&mut self) -> Progress {
        let transport = self.destination.default_transport();
        if !self.supported.transport(transport) {
            return Progress::Done(Err(ResolveError::UnsupportedTransport));
        }
        let HostText::Name(name) = self.destination.host.clone() else {
            return Progress::Done(Err(ResolveError::NoSuchHost));
        };
        self.ask_addresses(vec![(transport, transport.default_port(), name)])
    }

    fn ask_addresses(&mut self, endpoints: Vec<(Transport, u16, Box<str>)>) -> Progress {
        let mut queries = Vec::new();
        for (_, _, name) in &endpoints {
            let kinds = [(RecordKind::Aaaa, self.supported.ipv6), (RecordKind::A, self.supported.ipv4)];
            for (kind, _) in kinds.into_iter().filter(|(_, supported)| *supported) {
                queries.push(Query::new(kind, name));
            }
        }
        if queries.is_empty() {
            return self.fail();
        }
        let endpoint = |(transport, port, name)| Endpoint { transport, port, name, v4: vec![], v6: vec![] };
        self.stage = Stage::Addresses(endpoints.into_iter().map(endpoint).collect());
        self.ask(queries)
    }

    /// Families alternate within each host, IPv6 first, so that one broken family costs one attempt
    /// (RFC 7984 section 4, RFC 8305 section 4).
    fn on_addresses(&mut self, endpoints: Vec<Endpoint>) -> Progress {
        let host = match &self.destination.host {
            HostText::Name(name) => Some(name.clone()),
            HostText::Address(_) => None,
        };
        let mut candidates: Vec<Candidate> = Vec::new();
        for endpoint in endpoints {
            for at in 0..endpoint.v4.len().max(endpoint.v6.len()) {
                for address in [endpoint.v6.get(at), endpoint.v4.get(at)].into_iter().flatten() {
                    let address = SocketAddr::new(*address, endpoint.port);
                    let candidate = Candidate { transport: endpoint.transport, address, host: host.clone() };
                    if !candidates.contains(&candidate) {
                        candidates.push(candidate);
                    }
                }
            }
        }
        candidates.truncate(self.limits.candidates_max);
        if candidates.is_empty() {
            return self.fail();
        }
        Progress::Done(Ok(Resolved { candidates, ttl_s: self.ttl_s }))
    }

    fn fail(&mut self) -> Progress {
        self.stage = Stage::Done;
        let error = if self.dns_failed { ResolveError::DnsFailed } else { ResolveError::NoSuchHost };
        Progress::Done(Err(error))
    }

    /// Asks each question once.
    fn ask(&mut self, mut queries: Vec<Query>) -> Progress {
        let mut at = 0;
        while at < queries.len() {
            if queries[..at].contains(&queries[at]) {
                queries.remove(at);
            } else {
                at += 1;
            }
        }
        let room = self.limits.queries_max.saturating_sub(self.asked);
        if room == 0 {
            self.stage = Stage::Done;
            return Progress::Done(Err(ResolveError::TooManyQueries));
        }
        // The least wanted are left out.
        queries.truncate(room);
        self.asked += queries.len();
        self.outstanding.clone_from(&queries);
        Progress::Ask(queries)
    }
}

/// RFC 3263 section 4.1 and RFC 3261 section 26.2: the names below which SRV records stand.
fn service_prefix(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp."),
        Transport::Tcp => Some("_sip._tcp."),
        Transport::Tls => Some("_sips._tcp."),
        Transport::Ws | Transport::Wss | Transport::Sctp | Transport::TlsSctp | Transport::Other => None,
    }
}

fn transport_of_service(service: &str) -> Option<Transport> {
    [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(service))
        .map(|(_, transport)| transport)
}

#[cfg(test)]
mod tests;
