//! Yealink: lines of `key = value` behind a first line that names the version. What is not named keeps its value.

use crate::phone::{Country, KeyKind, Language, Line, Phone, Srtp, Transport};
use crate::phonebook;
use crate::render::{PICKUP, bit};
use std::fmt::Display;

pub(super) fn settings(phone: &Phone) -> String {
    let mut file = Lines("#!version:1.0.0.1\n".to_owned());
    for (number, line) in phone.numbered() {
        account(&mut file, number, line);
    }
    keys(&mut file, phone);
    house(&mut file, phone);
    file.0
}

struct Lines(String);

impl Lines {
    /// A value ends with its line, and a [`crate::Text`] has no end of line in it. `%NULL%` alone would reset the key.
    fn set(&mut self, key: &str, value: impl Display) {
        let value = value.to_string();
        let value = if value == "%NULL%" { "NULL" } else { &value };
        self.0.push_str(&format!("{key} = {value}\n"));
    }
}

fn account(file: &mut Lines, number: usize, line: &Line) {
    let mut set = |key: &str, value: &str| file.set(&format!("account.{number}.{key}"), value);
    set("enable", "1");
    set("label", line.label.as_str());
    set("display_name", line.display_name.as_str());
    set("user_name", line.user.as_str());
    set("auth_name", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("password", secret.reveal());
    }
    set("sip_server.1.address", line.domain.as_str());
    set("sip_server.1.port", &line.server.port.to_string());
    set("sip_server.1.transport_type", transport(line.server.transport));
    set("sip_server.1.expires", &line.expires_s.to_string());
    set("outbound_proxy_enable", "1");
    set("outbound_proxy.1.address", line.server.host.as_str());
    set("outbound_proxy.1.port", &line.server.port.to_string());
    set("srtp_encryption", srtp(line.srtp));
    set("dtmf.type", "1");
    set("nat.rport", "1");
    set("nat.udp_update_enable", bit(line.server.transport == Transport::Udp));
    set("subscribe_mwi", bit(!line.voicemail.is_empty()));
    for codec in ["opus", "g722", "pcma", "pcmu", "g729"] {
        let place = line.codecs.iter().position(|one| one.as_str() == codec);
        set(&format!("codec.{codec}.enable"), bit(place.is_some()));
        if let Some(place) = place {
            set(&format!("codec.{codec}.priority"), &(place + 1).to_string());
        }
    }
    if !line.voicemail.is_empty() {
        file.set(&format!("voice_mail.number.{number}"), &line.voicemail);
    }
}

fn keys(file: &mut Lines, phone: &Phone) {
    for key in phone.said_keys() {
        let mut set = |name: &str, value: &str| file.set(&format!("linekey.{}.{name}", key.position), value);
        set("type", kind(key.kind));
        if key.kind == KeyKind::None {
            continue;
        }
        set("line", &key.line.to_string());
        set("value", key.value.as_str());
        set("label", key.label.as_str());
        if key.kind == KeyKind::Busy {
            set("extension", PICKUP);
        }
    }
}

fn house(file: &mut Lines, phone: &Phone) {
    // Calls come from us alone: what a scanner sends does not ring.
    file.set("sip.trust_ctrl", "1");
    file.set("features.direct_ip_call_enable", "0");
    let language = match phone.locale.language {
        Language::English => "English",
        Language::French => "French",
    };
    file.set("lang.gui", language);
    file.set("lang.wui", language);
    file.set("voice.tone.country", tones(phone.locale.country));
    file.set("local_time.time_zone", format!("{:+}", phone.locale.country.utc_offset_h()));
    file.set("local_time.summer_time", "2");
    file.set("local_time.ntp_server1", &phone.ntp);
    if let Some(password) = &phone.admin_password {
        file.set("static.security.user_password", format!("admin:{}", password.reveal()));
    }
    if let Some(authority) = &phone.authority {
        file.set("static.trusted_certificates.url", &authority.url);
        file.set("static.security.trust_certificates", "1");
    }
    if let Some(url) = phonebook::address(phone) {
        file.set("remote_phonebook.data.1.url", url);
        file.set("remote_phonebook.data.1.name", phonebook::title(phone.locale.language));
        file.set("features.remote_phonebook.enable", "1");
    }
    if let Some(url) = &phone.settings_url {
        file.set("static.auto_provision.server.url", url);
        file.set("static.auto_provision.power_on", "1");
        file.set("static.auto_provision.pnp_enable", "0");
    }
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "0",
        Transport::Tcp => "1",
        Transport::Tls => "2",
    }
}

const fn srtp(srtp: Srtp) -> &'static str {
    match srtp {
        Srtp::Off => "0",
        Srtp::Optional => "1",
        Srtp::Required => "2",
    }
}

const fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::None => "0",
        KeyKind::Line => "15",
        KeyKind::Speed => "13",
        KeyKind::Busy => "16",
        KeyKind::Park => "10",
    }
}

const fn tones(country: Country) -> &'static str {
    match country {
        Country::France => "France",
        Country::Belgium => "Belgium",
        Country::Switzerland => "Switzerland",
        Country::Germany => "Germany",
        Country::UnitedKingdom => "Great Britain",
    }
}
