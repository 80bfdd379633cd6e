//! Do the domains lead here? A phone that knows a domain alone asks for its SRV records, then for its addresses (RFC 3263).

use super::Finding;
use crate::cli::door::Way;
use crate::cli::grammar::Place;
use crate::cli::words::Word;
use crate::config::Settings;
use crate::net::machine;
use coeur_api::{Reply, Request};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// For all that is asked of one domain.
const PATIENCE: Duration = Duration::from_secs(5);
const SERVICES: [&str; 3] = ["_sip._udp", "_sip._tcp", "_sips._tcp"];

/// The domains in the records where no server runs.
pub(super) fn kept(place: &Place) -> Option<Vec<String>> {
    match Way::open(place).and_then(|way| way.ask(Request::DomainsList)) {
        Ok(Reply::Domains(domains)) => Some(domains.into_iter().map(|view| view.domain).collect()),
        Ok(_) | Err(_) => None,
    }
}

/// Addresses and names of inside use are nobody's to look up.
fn is_looked_up(domain: &str) -> bool {
    let bare = domain.trim_matches(['[', ']']);
    let reserved = ["localhost", "local", "test", "example", "invalid", "internal"];
    bare.parse::<IpAddr>().is_err()
        && !reserved.iter().any(|last| bare == *last || bare.ends_with(&format!(".{last}")))
}

pub(super) fn domains(settings: &Settings, domains: &[String]) -> Vec<Finding> {
    let asked: Vec<&String> = domains.iter().filter(|domain| is_looked_up(domain)).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let own = machine::look().addresses;
    let advertised: Vec<&str> = settings.advertise.iter().map(|advertise| advertise.host.as_str()).collect();
    let look = async {
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let Ok(resolver) = resolver else {
            return vec![Finding::warning("dns", Word::DoctorNoDns.say().to_owned(), Word::DoctorNoDnsHint)];
        };
        let mut findings = Vec::new();
        for domain in asked {
            let found = tokio::time::timeout(PATIENCE, found(&resolver, domain)).await.unwrap_or_default();
            findings.push(leads(domain, &found, &own, &advertised));
        }
        findings
    };
    runtime.block_on(look)
}

/// What the domain leads to: hosts of its SRV records, and addresses of those and of itself.
#[derive(Default)]
struct Found {
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

async fn found(resolver: &TokioResolver, domain: &str) -> Found {
    let mut found = Found::default();
    for service in SERVICES {
        let name = format!("{service}.{domain}.");
        let Ok(lookup) = resolver.lookup(name, RecordType::SRV).await else { continue };
        found.hosts.extend(lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(srv.target.to_utf8().trim_end_matches('.').to_owned()),
            _ => None,
        }));
    }
    let names = found.hosts.iter().cloned().chain([domain.to_owned()]).collect::<Vec<_>>();
    for name in names {
        if let Ok(lookup) = resolver.lookup_ip(format!("{name}.")).await {
            found.addresses.extend(lookup.iter());
        }
    }
    found
}

fn leads(domain: &str, found: &Found, own: &[IpAddr], advertised: &[&str]) -> Finding {
    let is_here = found.addresses.iter().any(|address| own.contains(address))
        || found.hosts.iter().any(|host| advertised.contains(&host.as_str()))
        || found.addresses.iter().any(|address| advertised.contains(&address.to_string().as_str()))
        || advertised.contains(&domain);
    let list: Vec<String> = found.addresses.iter().map(IpAddr::to_string).collect();
    match (found.addresses.is_empty() && found.hosts.is_empty(), is_here) {
        (true, _) => Finding::warning("dns", Word::DoctorNoName.with(&[domain]), Word::DoctorNoNameHint),
        (false, true) => Finding::good("dns", Word::DoctorLeadsHere.with(&[domain, &list.join(" ")])),
        (false, false) => Finding::warning(
            "dns",
            Word::DoctorLeadsAway.with(&[domain, &list.join(" ")]),
            Word::DoctorLeadsAwayHint,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State::{Good, Warning};

    #[test]
    fn a_domain_leads_here_by_its_address_or_by_the_name_that_we_are_known_under() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let found = |hosts: &[&str], addresses: &[&str]| Found {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            addresses: addresses.iter().map(|address| ip(address)).collect(),
        };
        let own = [ip("192.0.2.1")];
        let state = |found: &Found, advertised: &[&str]| leads("example.org", found, &own, advertised).state;
        assert_eq!(state(&found(&[], &["192.0.2.1"]), &[]), Good);
        assert_eq!(state(&found(&["sip.example.org"], &["198.51.100.9"]), &["sip.example.org"]), Good);
        assert_eq!(state(&found(&[], &["198.51.100.9"]), &["198.51.100.9"]), Good);
        assert_eq!(state(&found(&[], &["198.51.100.9"]), &[]), Warning);
        assert_eq!(state(&found(&[], &[]), &[]), Warning);
    }

    #[test]
    fn names_that_nobody_outside_may_have_are_not_asked_for() {
        for name in ["192.0.2.1", "[2001:db8::1]", "localhost", "phones.local", "a.test", "example"] {
            assert!(!is_looked_up(name), "{name}");
        }
        assert!(is_looked_up("example.org") && is_looked_up("testament.fr"));
    }
}
