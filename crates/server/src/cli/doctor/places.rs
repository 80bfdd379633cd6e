//! Where phones come and where media goes: listeners, ports, addresses, certificates.

use super::Finding;
use crate::cli::words::Word;
use crate::config::Settings;
use crate::config::listen::Listen;
use crate::net::{listen, machine};
use crate::tls::{self, Looked, Source, authority};
use coeur_api::Status;
use coeur_sip::network::is_inside;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: i64 = 86_400;
/// A certificate that is renewed by itself is renewed before this.
const DAYS_LEFT_MIN: i64 = 14;

pub(super) fn server(status: Option<&Status>) -> Finding {
    match status {
        Some(status) => {
            let [accounts, registered] = [status.accounts, status.registrations].map(|n| n.to_string());
            Finding::good("server", Word::DoctorServer.with(&[&status.version, &accounts, &registered]))
        }
        None => Finding::good("server", Word::DoctorNoServer.say().to_owned()),
    }
}

/// A place where our own server listens is as it should be; any other is opened for an instant.
pub(super) fn listeners(settings: &Settings, status: Option<&Status>) -> Vec<Finding> {
    let places = settings.listen.iter().chain(&settings.turn);
    let is_ours = |place: &Listen| {
        let text = place.to_string();
        status.is_some_and(|status| {
            status.listeners.contains(&text) || settings.turn.contains(place) && !status.turn.is_empty()
        })
    };
    places
        .map(|place| match is_ours(place) {
            true => Finding::good("listen", Word::DoctorListens.with(&[&place.to_string()])),
            false => free(*place),
        })
        .collect()
}

fn free(place: Listen) -> Finding {
    match listen::bind(&[place], 1, &[], false) {
        Ok(_) => Finding::good("listen", Word::DoctorPortFree.with(&[&place.to_string()])),
        Err(why) => Finding::bad("listen", why.to_string(), Word::DoctorPortHint),
    }
}

pub(super) fn media_ports(settings: &Settings) -> Finding {
    let ephemeral = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = ephemeral.split_whitespace().filter_map(|word| word.parse().ok());
    let ephemeral = bounds.next().zip(bounds.next()).map(|(first, last)| first..=last);
    media(&settings.media_ports, ephemeral)
}

/// Ports that the kernel gives to whoever asks for any are taken when a call wants them.
fn media(ports: &RangeInclusive<u16>, ephemeral: Option<RangeInclusive<u16>>) -> Finding {
    let (first, last) = (ports.start().to_string(), ports.end().to_string());
    let shared = ephemeral.is_some_and(|taken| taken.start() <= ports.end() && ports.start() <= taken.end());
    match shared {
        true => Finding::warning(
            "media_ports",
            Word::DoctorMediaShared.with(&[&first, &last]),
            Word::DoctorMediaSharedHint,
        ),
        false => Finding::good("media_ports", Word::DoctorMedia.with(&[&first, &last])),
    }
}

/// Whether anybody outside of the own network finds us.
pub(super) fn reach(settings: &Settings) -> Finding {
    let own = machine::look().addresses;
    let advertised: Vec<&str> = settings.advertise.iter().map(|advertise| advertise.host.as_str()).collect();
    reached(&own, &advertised)
}

fn reached(own: &[IpAddr], advertised: &[&str]) -> Finding {
    let public: Vec<String> = own.iter().filter(|ip| !is_inside(**ip)).map(IpAddr::to_string).collect();
    match (advertised, public.as_slice()) {
        ([], []) => Finding::warning("reach", Word::DoctorInside.say().to_owned(), Word::DoctorInsideHint),
        ([], public) => Finding::good("reach", Word::DoctorPublic.with(&[&public.join(" ")])),
        (names, _) => Finding::good("reach", Word::DoctorAdvertised.with(&[&names.join(" ")])),
    }
}

pub(super) fn certificate(
    settings: &Settings,
    domains: &[String],
    status: Option<&Status>,
) -> Option<Finding> {
    let is_sip_secure = settings.listen.iter().chain(&settings.turn).any(|place| place.scheme.is_secure());
    // One of a public authority is told apart: [`public_certificate`].
    let is_public = status.is_some_and(|status| {
        status.certificate.as_ref().is_some_and(|standing| standing.expires_at.is_some())
    });
    if !is_sip_secure && !settings.is_web_encrypted() || is_public && settings.certificate.is_none() {
        return None;
    }
    let Some((chain, key)) = &settings.certificate else {
        let folder = settings.data.join("tls");
        let file = authority::certificate_path(&folder).display().to_string();
        let file = match authority::days_left(&folder, now_unix_s()) {
            Some(days) => Word::DoctorCertificate.with(&[&file, &days.to_string()]),
            None => file,
        };
        return Some(Finding::warning(
            "certificate",
            Word::DoctorLocal.with(&[&file]),
            Word::DoctorLocalHint,
        ));
    };
    let advertised = settings.advertise.iter().map(|advertise| advertise.host.clone());
    let names: Vec<String> = domains.iter().cloned().chain(advertised).collect();
    let now = now_unix_s();
    let source = Source { chain: chain.clone(), key: key.clone() };
    Some(match tls::look(&source, &names) {
        Err(why) => Finding::bad("certificate", why.to_string(), Word::DoctorCertificateHint),
        Ok(looked) => proved(&chain.display().to_string(), &looked, now),
    })
}

fn now_unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64
}

/// How the certificate of a public authority stands, which the server knows.
pub(super) fn public_certificate(settings: &Settings, status: Option<&Status>) -> Option<Finding> {
    if settings.front.acme.names.is_empty() {
        return None;
    }
    let names = settings.front.acme.names.join(" ");
    let standing = status.and_then(|status| status.certificate.as_ref());
    let ends = standing.and_then(|standing| standing.expires_at.clone());
    Some(match (standing.and_then(|standing| standing.failure.as_ref()), ends) {
        (Some(failure), ends) => {
            let text = Word::DoctorAcmeFailed.with(&[&names, failure]);
            match ends {
                Some(_) => Finding::warning("acme", text, Word::DoctorAcmeHint),
                None => Finding::bad("acme", text, Word::DoctorAcmeHint),
            }
        }
        (None, Some(ends)) => Finding::good("acme", Word::DoctorAcme.with(&[&names, &ends])),
        (None, None) => Finding::warning("acme", Word::DoctorAcmeNone.with(&[&names]), Word::DoctorAcmeHint),
    })
}

fn proved(file: &str, looked: &Looked, now_unix_s: i64) -> Finding {
    let days = (looked.ends_unix_s - now_unix_s) / DAY_S;
    let text = Word::DoctorCertificate.with(&[file, &days.to_string()]);
    if !looked.unproved.is_empty() {
        let text = Word::DoctorUnproved.with(&[file, &looked.unproved.join(" ")]);
        return Finding::warning("certificate", text, Word::DoctorUnprovedHint);
    }
    match days < DAYS_LEFT_MIN {
        true => Finding::warning("certificate", text, Word::DoctorCertificateHint),
        false => Finding::good("certificate", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State::{Bad, Good, Warning};

    #[test]
    fn a_port_that_another_has_is_bad_and_one_of_our_server_is_good() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let place: Listen = format!("udp://{}", taken.local_addr().unwrap()).parse().unwrap();
        assert_eq!(free(place).state, Bad);
        drop(taken);
        assert_eq!(free(place).state, Good);
    }

    #[test]
    fn media_ports_that_the_kernel_gives_to_others_are_a_warning() {
        assert_eq!(media(&(20_000..=29_999), Some(32_768..=60_999)).state, Good);
        assert_eq!(media(&(20_000..=33_000), Some(32_768..=60_999)).state, Warning);
        assert_eq!(media(&(20_000..=33_000), None).state, Good);
    }

    #[test]
    fn a_server_with_inside_addresses_alone_is_told_to_say_how_the_world_reaches_it() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(reached(&[ip("127.0.0.1"), ip("192.168.1.5")], &[]).state, Warning);
        assert_eq!(reached(&[ip("127.0.0.1"), ip("8.8.4.4")], &[]).state, Good);
        assert_eq!(reached(&[ip("192.168.1.5")], &["sip.example.org"]).state, Good);
    }

    #[test]
    fn a_certificate_that_ends_soon_or_does_not_prove_a_domain_is_a_warning() {
        let looked = |days: i64, unproved: &[&str]| Looked {
            ends_unix_s: days * DAY_S,
            unproved: unproved.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(proved("c.pem", &looked(60, &[]), 0).state, Good);
        assert_eq!(proved("c.pem", &looked(13, &[]), 0).state, Warning);
        let finding = proved("c.pem", &looked(60, &["example.org"]), 0);
        assert!(finding.state == Warning && finding.text.contains("example.org"));
    }
}
