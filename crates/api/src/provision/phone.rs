//! From what is kept of a phone to what its file is written from.

use super::keys;
use crate::model::{Refusal, Why};
use coeur_directory::{Account, Directory};
use coeur_provisioning::{
    Authority, Codec, Country, Language, Line, Locale, Mac, Phone, Secret, Server, Srtp, Text, Transport,
    Vendor,
};
use coeur_storage::PhoneRow;
use std::sync::Arc;

/// Where phones reach this server, as whoever makes a link is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhonePlace {
    /// Of the pages, without a `/` at its end: `https://sip.example.org`.
    pub web: String,
    /// Of SIP.
    pub host: String,
    pub udp: Option<u16>,
    pub tcp: Option<u16>,
    pub tls: Option<u16>,
    /// The certificate of our own authority (PEM), where it signed ours: no phone knows it by itself.
    pub authority: Option<String>,
}

/// Seconds. Phones behind routers keep themselves reachable by other means.
const EXPIRES_S: u32 = 600;
const NTP: &str = "pool.ntp.org";

impl PhonePlace {
    /// The best that a phone of this maker takes as it comes: TLS where it believes our certificate, or can be told to.
    pub(super) fn transport(&self, vendor: Vendor) -> Transport {
        let believes = self.authority.is_none() || matches!(vendor, Vendor::Yealink | Vendor::Poly);
        match (self.tls, self.tcp) {
            (Some(_), _) if believes => Transport::Tls,
            // A phone that keeps a connection needs no hole in a router for its calls.
            (_, Some(_)) => Transport::Tcp,
            (_, None) => Transport::Udp,
        }
    }

    pub(super) fn port(&self, transport: Transport) -> Option<u16> {
        match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
        }
    }

    pub(super) fn folder(&self, token: &str) -> String {
        format!("{}/p/{token}/", self.web)
    }
}

/// The phone of these rows. `secrets`: one for each line, or none at all. `own`: the token of its own address.
pub(super) fn phone(
    row: &PhoneRow,
    directory: &Directory,
    place: &PhonePlace,
    secrets: Vec<Secret>,
    own: Option<&str>,
) -> Result<Phone, Refusal> {
    let vendor = vendor(&row.vendor)?;
    let transport = Transport::parse(&row.transport).unwrap_or(Transport::Udp);
    let port = place.port(transport).ok_or_else(|| {
        let text = format!("this server does not listen on {}; choose another transport", transport.as_str());
        Refusal::new(Why::Invalid, text)
    })?;
    let server = Server { host: Text::new(&place.host), port, transport };
    let mut secrets = secrets.into_iter();
    let mut lines = Vec::with_capacity(row.lines.len());
    for (aor, _) in &row.lines {
        let account = directory
            .account_of(aor)
            .ok_or_else(|| Refusal::new(Why::NotFound, format!("there is no account {aor}")))?;
        lines.push(line(&account, &server, secrets.next()));
    }
    let settings_url = own.map(|token| Text::new(&place.folder(token)));
    let authority = place.authority.as_ref().zip(settings_url.as_ref()).map(|(pem, folder)| Authority {
        url: Text::new(&format!("{folder}{AUTHORITY_FILE}")),
        pem: pem.clone(),
    });
    Ok(Phone {
        vendor,
        model: Text::new(&row.model),
        mac: row.mac.as_deref().and_then(|mac| Mac::parse(mac).ok()),
        lines,
        keys: row.keys.iter().map(|key| keys::of_model(key, &row.lines)).collect(),
        locale: Locale {
            language: language(&row.language),
            country: Country::parse(&row.country).unwrap_or_default(),
        },
        ntp: Text::new(NTP),
        admin_password: None,
        settings_url,
        authority,
    })
}

/// Beside the settings of each phone.
pub(super) const AUTHORITY_FILE: &str = "authority.pem";

fn line(account: &Arc<Account>, server: &Server, secret: Option<Secret>) -> Line {
    let aor = &account.aor;
    let name = if account.display_name.is_empty() { aor.user() } else { &account.display_name };
    Line {
        label: Text::new(name),
        display_name: Text::new(name),
        user: Text::new(aor.user()),
        domain: Text::new(aor.domain()),
        secret,
        server: server.clone(),
        // Keys in signalling that others can read protect nothing.
        srtp: if server.transport == Transport::Tls { Srtp::Required } else { Srtp::Off },
        expires_s: EXPIRES_S,
        voicemail: Text::default(),
        codecs: Codec::BEST_FIRST.to_vec(),
    }
}

pub(super) fn vendor(name: &str) -> Result<Vendor, Refusal> {
    Vendor::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Vendor::ALL.iter().map(|vendor| vendor.as_str()).collect();
        Refusal::new(Why::Invalid, format!("the maker {name:?} is none of {}", known.join(", ")))
    })
}

pub(super) fn language(name: &str) -> Language {
    if name.to_ascii_lowercase().starts_with("fr") { Language::French } else { Language::English }
}
