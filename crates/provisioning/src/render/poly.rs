//! Poly (UC Software): a master file that lists others, and parameters as XML attributes. What is not in a file is not
//! set, so the secret is in each.

use crate::phone::{Country, KeyKind, Language, Line, Phone, Srtp, Transport};
use crate::render::{PICKUP, bit};
use crate::xml::Xml;

pub(super) fn master(settings: &str) -> String {
    let mut xml = Xml::new();
    let attributes = [
        ("APP_FILE_PATH", ""),
        ("CONFIG_FILES", settings),
        ("MISC_FILES", ""),
        ("LOG_FILE_DIRECTORY", ""),
        ("OVERRIDES_DIRECTORY", ""),
        ("CONTACTS_DIRECTORY", ""),
        ("CALL_LISTS_DIRECTORY", ""),
    ];
    xml.empty("APPLICATION", &attributes);
    xml.finish()
}

pub(super) fn settings(phone: &Phone) -> String {
    let mut all: Vec<(String, String)> = Vec::new();
    for (number, line) in phone.numbered() {
        registration(&mut all, number, line);
    }
    // Of all lines, as the strictest wants it.
    let strictest = phone.lines.iter().map(|line| line.srtp).fold(Srtp::Off, stricter);
    let mut set = |key: &str, value: &str| all.push((key.to_owned(), value.to_owned()));
    set("sec.srtp.enable", bit(strictest != Srtp::Off));
    set("sec.srtp.offer", bit(strictest != Srtp::Off));
    set("sec.srtp.require", bit(strictest == Srtp::Required));
    set("tone.dtmf.viaRtp", "1");
    for (codec, key) in
        [("opus", "Opus"), ("g722", "G722"), ("pcma", "G711_A"), ("pcmu", "G711_Mu"), ("g729", "G729_AB")]
    {
        let place = phone.lines[0].codecs.iter().position(|one| one.as_str() == codec);
        set(&format!("voice.codecPref.{key}"), &place.map_or(0, |place| place + 1).to_string());
    }
    set("tcpIpApp.sntp.address", phone.ntp.as_str());
    set("tcpIpApp.sntp.gmtOffset", &(i32::from(phone.locale.country.utc_offset_h()) * 3_600).to_string());
    set("tcpIpApp.sntp.daylightSavings.enable", "1");
    set("lcl.ml.lang", language(phone));
    for (key, number) in phone.said_keys().filter(|key| key.kind == KeyKind::Busy).zip(1..) {
        set(&format!("attendant.resourceList.{number}.address"), key.value.as_str());
        set(&format!("attendant.resourceList.{number}.label"), key.label.as_str());
        set(&format!("attendant.resourceList.{number}.type"), "normal");
    }
    set("call.directedCallPickupString", PICKUP);
    device(&mut set, phone);
    let attributes: Vec<(&str, &str)> =
        all.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let mut xml = Xml::new();
    xml.empty("coeur", &attributes);
    xml.finish()
}

fn registration(all: &mut Vec<(String, String)>, number: usize, line: &Line) {
    let mut set = |key: &str, value: &str| all.push((format!("reg.{number}.{key}"), value.to_owned()));
    set("address", &format!("{}@{}", line.user, line.domain));
    set("displayName", line.display_name.as_str());
    set("label", line.label.as_str());
    set("auth.userId", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("auth.password", secret.reveal());
    }
    set("type", "private");
    set("server.1.address", line.domain.as_str());
    set("server.1.port", &line.server.port.to_string());
    set("server.1.transport", transport(line.server.transport));
    set("server.1.expires", &line.expires_s.to_string());
    set("server.1.register", "1");
    set("outboundProxy.address", line.server.host.as_str());
    set("outboundProxy.port", &line.server.port.to_string());
    set("outboundProxy.transport", transport(line.server.transport));
    if !line.voicemail.is_empty() {
        all.push((format!("msg.mwi.{number}.callBackMode"), "contact".to_owned()));
        all.push((format!("msg.mwi.{number}.callBack"), line.voicemail.to_string()));
    }
}

fn device(set: &mut dyn FnMut(&str, &str), phone: &Phone) {
    if let Some(authority) = &phone.authority {
        set("sec.TLS.customCaCert.1", authority.pem.trim());
    }
    // Each key of `device` counts only where it is said that it does.
    let mut device = Vec::new();
    if let Some(password) = &phone.admin_password {
        device.push(("device.auth.localAdminPassword", password.reveal()));
    }
    if let Some(url) = &phone.settings_url {
        let is_secure = url.as_str().starts_with("https:");
        device.push(("device.prov.serverName", url.as_str()));
        device.push(("device.prov.serverType", if is_secure { "HTTPS" } else { "HTTP" }));
        device.push(("device.prov.tagSerialNo", "1"));
    }
    if !device.is_empty() {
        set("device.set", "1");
    }
    for (key, value) in device {
        set(&format!("{key}.set"), "1");
        set(key, value);
    }
}

const fn stricter(one: Srtp, other: Srtp) -> Srtp {
    match (one, other) {
        (Srtp::Required, _) | (_, Srtp::Required) => Srtp::Required,
        (Srtp::Optional, _) | (_, Srtp::Optional) => Srtp::Optional,
        (Srtp::Off, Srtp::Off) => Srtp::Off,
    }
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDPOnly",
        Transport::Tcp => "TCPOnly",
        Transport::Tls => "TLS",
    }
}

const fn language(phone: &Phone) -> &'static str {
    match (phone.locale.language, phone.locale.country) {
        (Language::French, _) => "French_France",
        (Language::English, Country::UnitedKingdom) => "English_United_Kingdom",
        (Language::English, _) => "English_United_States",
    }
}
