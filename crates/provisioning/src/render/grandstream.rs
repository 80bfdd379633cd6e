//! Grandstream: one envelope, two vocabularies. Newer telephones (GRP) name items, the others and the analogue adapters
//! number them (P-values). What is not named keeps its value.

use crate::model::{is_adapter, speaks_by_name};
use crate::phone::{Codec, Country, KeyKind, Language, Line, Phone, Srtp, Transport};
use crate::render::{PICKUP, bit};
use crate::uri::host_port;
use crate::xml::Xml;

/// Minutes between two fetches of the phonebook.
const PHONEBOOK_EVERY_MIN: &str = "240";

pub(super) fn settings(phone: &Phone, left_out: &mut Vec<&'static str>) -> String {
    let mut xml = Xml::new();
    xml.open("gs_provision", &[("version", "1")]);
    if let Some(mac) = phone.mac {
        xml.leaf("mac", &[], &mac.lower());
    }
    if speaks_by_name(phone) {
        xml.open("config", &[("version", "2")]);
        by_name(&mut xml, phone);
    } else {
        xml.open("config", &[("version", "1")]);
        by_number(&mut xml, phone, left_out);
    }
    xml.finish()
}

fn by_name(xml: &mut Xml, phone: &Phone) {
    let mut set = |name: &str, value: &str| xml.leaf("item", &[("name", name)], value);
    for (number, line) in phone.numbered() {
        named_account(&mut |name, value| set(&format!("account.{number}.{name}"), value), line);
    }
    for key in phone.said_keys() {
        let mut set = |name: &str, value: &str| set(&format!("pks.vpk.{}.{name}", key.position), value);
        set("keyMode", key_mode(key.kind));
        if key.kind == KeyKind::None {
            continue;
        }
        set("account", &format!("Account{}", key.line));
        set("description", key.label.as_str());
        set("value", key.value.as_str());
    }
    set("dateTime.ntp.server.1", phone.ntp.as_str());
    set("language.gui", language(phone.locale.language));
    if let Some(password) = &phone.admin_password {
        set("users.admin.password", password.reveal());
    }
    if let Some(url) = &phone.settings_url {
        let (method, path) = method_and_path(url.as_str());
        set("provisioning.config.protocol", if method == "2" { "HTTPS" } else { "HTTP" });
        set("provisioning.config.serverPath", path);
        let mode = if method == "2" { "EnabledUseHTTPS" } else { "EnabledUseHTTP" };
        set("phonebook.download.mode", mode);
        set("phonebook.download.server", path);
        set("phonebook.download.interval", PHONEBOOK_EVERY_MIN);
    }
}

fn named_account(set: &mut dyn FnMut(&str, &str), line: &Line) {
    set("enable", "Yes");
    set("name", line.label.as_str());
    set("sip.server.1.address", line.domain.as_str());
    set("sip.outboundProxy.1.address", &host_port(&line.server));
    set("sip.userid", line.user.as_str());
    set("sip.subscriber.userid", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("sip.subscriber.password", secret.reveal());
    }
    set("sip.subscriber.name", line.display_name.as_str());
    let transport = match line.server.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TlsOrTcp",
    };
    set("sip.transport", transport);
    set("sip.registration", "Yes");
    set("sip.registerExpiration", &minutes(line));
    set("sip.keepAlive.enable", "Yes");
    set("sip.blf.callPickup.prefix", PICKUP);
    if !line.voicemail.is_empty() {
        set("sip.voicemail.number", line.voicemail.as_str());
    }
    let srtp = match line.srtp {
        Srtp::Off => "Disabled",
        Srtp::Optional => "EnabledButNotForced",
        Srtp::Required => "EnabledAndForced",
    };
    set("audio.srtpMode", srtp);
    for (codec, place) in line.codecs.iter().zip(1..) {
        let name = match codec {
            Codec::Opus => "Opus",
            Codec::G722 => "G722",
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        };
        set(&format!("codec.choice.{place}"), name);
    }
    set("dtmf.sendInAudio", "No");
    set("dtmf.sendInRtp", "Yes");
    set("dtmf.sendInSip", "No");
    set("network.dnsMode", "ARecord");
    set("network.supportRport", "Yes");
}

fn by_number(xml: &mut Xml, phone: &Phone, left_out: &mut Vec<&'static str>) {
    let adapter = is_adapter(phone.model.as_str());
    for (number, line) in phone.numbered() {
        match (number, adapter) {
            (1, _) => first_account(xml, line),
            (2, true) => second_port(xml, line, left_out),
            (_, true) => left_out.push("the ports of an adapter from the third on"),
            (_, false) => further_account(xml, number, line),
        }
    }
    if phone.lines.len() > 1 && !adapter {
        left_out.push("SRTP, codecs and keys (DTMF) of the accounts from the second on: set them on the phone's web page");
    }
    let mut set = |number: u32, value: &str| xml.leaf(&format!("P{number}"), &[], value);
    for key in phone.said_keys() {
        // The modes of keys that speak are confirmed for speed dial and the busy lamp alone.
        let mode = match key.kind {
            KeyKind::None | KeyKind::Line => continue,
            KeyKind::Speed => "10",
            KeyKind::Busy => "11",
            KeyKind::Park => "19",
        };
        let base = 23_000 + 5 * (u32::from(key.position) - 1);
        set(base, mode);
        set(base + 1, &key.line.saturating_sub(1).to_string());
        set(base + 2, key.label.as_str());
        set(base + 3, key.value.as_str());
    }
    set(30, phone.ntp.as_str());
    set(1362, language(phone.locale.language));
    if adapter && phone.locale.country != Country::UnitedKingdom {
        // The line as European telephones expect it (CTR21), and the number shown as ETSI has it.
        set(854, "4");
        set(863, "1");
    }
    if let Some(password) = &phone.admin_password {
        set(2, password.reveal());
    }
    if let Some(url) = &phone.settings_url {
        let (method, path) = method_and_path(url.as_str());
        set(212, method);
        set(237, path);
        if !adapter {
            // 3 is HTTPS; the phone writes the name of the file behind the path itself.
            set(330, if method == "2" { "3" } else { "1" });
            set(331, path);
            set(332, PHONEBOOK_EVERY_MIN);
        }
    }
}

fn first_account(xml: &mut Xml, line: &Line) {
    let mut set = |number: u32, value: &str| xml.leaf(&format!("P{number}"), &[], value);
    set(271, "1");
    set(270, line.label.as_str());
    set(47, line.domain.as_str());
    set(48, &host_port(&line.server));
    set(35, line.user.as_str());
    set(36, line.user.as_str());
    if let Some(secret) = &line.secret {
        set(34, secret.reveal());
    }
    set(3, line.display_name.as_str());
    set(130, transport(line.server.transport));
    // The scheme stays `sip` over TLS too.
    set(2329, "0");
    set(103, "0");
    set(31, "1");
    set(32, &minutes(line));
    set(52, if line.server.transport == Transport::Udp { "2" } else { "0" });
    set(850, "101");
    set(851, "102");
    set(852, "100");
    for (codec, number) in line.codecs.iter().zip([57, 58, 59, 60]) {
        set(number, payload(*codec));
    }
    set(99, bit(!line.voicemail.is_empty()));
    if !line.voicemail.is_empty() {
        set(33, line.voicemail.as_str());
    }
    let srtp = match line.srtp {
        Srtp::Off => "0",
        Srtp::Optional => "1",
        Srtp::Required => "2",
    };
    set(183, srtp);
}

/// Of a telephone, from the second on: `P` and its number plus two, then what is set.
fn further_account(xml: &mut Xml, number: usize, line: &Line) {
    let mut set = |what: &str, value: &str| xml.leaf(&format!("P{}{what}", number + 2), &[], value);
    set("01", "1");
    set("02", line.domain.as_str());
    set("03", &host_port(&line.server));
    set("04", line.user.as_str());
    set("05", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("06", secret.reveal());
    }
    set("07", line.display_name.as_str());
    set("17", line.label.as_str());
    if !line.voicemail.is_empty() {
        set("26", line.voicemail.as_str());
    }
    set("48", transport(line.server.transport));
}

/// Of an adapter. Its transport has a number that we do not know.
fn second_port(xml: &mut Xml, line: &Line, left_out: &mut Vec<&'static str>) {
    let mut set = |number: u32, value: &str| xml.leaf(&format!("P{number}"), &[], value);
    set(747, line.domain.as_str());
    set(748, &host_port(&line.server));
    set(735, line.user.as_str());
    set(736, line.user.as_str());
    if let Some(secret) = &line.secret {
        set(734, secret.reveal());
    }
    left_out.push("the transport of an adapter's second port: set it on its web page where it is not UDP");
}

fn minutes(line: &Line) -> String {
    line.expires_s.div_ceil(60).max(1).to_string()
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "0",
        Transport::Tcp => "1",
        Transport::Tls => "2",
    }
}

const fn payload(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "123",
        Codec::G722 => "9",
        Codec::Pcma => "8",
        Codec::Pcmu => "0",
    }
}

const fn key_mode(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::None => "None",
        KeyKind::Line => "Line",
        KeyKind::Speed => "SpeedDial",
        KeyKind::Busy => "BLF",
        KeyKind::Park => "CallPark",
    }
}

const fn language(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::French => "fr",
    }
}

/// The method (1 HTTP, 2 HTTPS) and the path, which they want without a scheme and without the last `/`.
fn method_and_path(url: &str) -> (&'static str, &str) {
    let (method, path) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(path), _) => ("2", path),
        (None, Some(path)) => ("1", path),
        (None, None) => ("2", url),
    };
    (method, path.trim_end_matches('/'))
}
