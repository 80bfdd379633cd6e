//! Snom: an element for each setting, with the number of the identity where it belongs to one.

use crate::identify::snom_file;
use crate::phone::{Codec, Country, KeyKind, Language, Line, Phone, Srtp};
use crate::phonebook;
use crate::render::PICKUP;
use crate::uri::host_port;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone, left_out: &mut Vec<&'static str>) -> String {
    let mut xml = Xml::new();
    xml.open("settings", &[]);
    xml.open("phone-settings", &[("e", "2")]);
    for (number, line) in phone.numbered() {
        identity(&mut xml, &number.to_string(), line);
    }
    house(&mut xml, phone);
    xml.close();
    if phone.said_keys().next().is_some() {
        keys(&mut xml, phone);
    }
    if phone.authority.is_some() {
        left_out.push("the certificate of this server's own authority: load it on the phone's web page");
    }
    xml.finish()
}

/// `R`: whoever holds the phone does not change it.
fn identity(xml: &mut Xml, number: &str, line: &Line) {
    let mut set = |name: &str, value: &str| xml.leaf(name, &[("idx", number), ("perm", "R")], value);
    set("user_active", "on");
    set("user_realname", line.display_name.as_str());
    set("user_idle_text", line.label.as_str());
    set("user_name", line.user.as_str());
    set("user_pname", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("user_pass", secret.reveal());
    }
    set("user_host", line.domain.as_str());
    set(
        "user_outbound",
        &format!("{};transport={}", host_port(&line.server), line.server.transport.as_str()),
    );
    set("user_expiry", &line.expires_s.to_string());
    let (srtp, savp) = match line.srtp {
        Srtp::Off => ("off", "off"),
        Srtp::Optional => ("on", "optional"),
        Srtp::Required => ("on", "mandatory"),
    };
    set("user_srtp", srtp);
    set("user_savp", savp);
    set("user_auth_tag", "on");
    set("user_symmetrical_rtp", "on");
    set("user_dtmf_info", "off");
    let codecs: Vec<&str> = line.codecs.iter().map(|codec| Codec::as_str(*codec)).collect();
    set("codec_priority_list", &format!("{},telephone-event", codecs.join(",")));
    if !line.voicemail.is_empty() {
        set("user_mailbox", line.voicemail.as_str());
    }
}

fn house(xml: &mut Xml, phone: &Phone) {
    let mut set = |name: &str, value: &str| xml.leaf(name, &[("perm", "RW")], value);
    let (phone_language, web_language) = match phone.locale.language {
        Language::English => ("English", "English"),
        Language::French => ("Francais", "Francais"),
    };
    set("language", phone_language);
    set("web_language", web_language);
    let (tones, zone) = match phone.locale.country {
        Country::France => ("FRA", "FRA+1"),
        Country::Belgium => ("BEL", "BEL+1"),
        Country::Switzerland => ("SWI", "CHE+1"),
        Country::Germany => ("GER", "GER+1"),
        Country::UnitedKingdom => ("GBR", "GBR-0"),
    };
    set("tone_scheme", tones);
    set("timezone", zone);
    set("ntp_server", phone.ntp.as_str());
    if let Some(password) = &phone.admin_password {
        set("admin_mode_password", password.reveal());
        set("webserver_admin_name", "admin");
        set("webserver_admin_password", password.reveal());
    }
    if let Some(url) = phonebook::address(phone) {
        set("dkey_directory", &format!("url {url}"));
    }
    if let Some(url) = &phone.settings_url {
        set("setting_server", &format!("{url}{}", snom_file(phone.mac)));
        set("update_policy", "settings_only");
        set("pnp_config", "off");
    }
}

fn keys(xml: &mut Xml, phone: &Phone) {
    xml.open("functionKeys", &[("e", "2")]);
    for key in phone.said_keys() {
        let value = key.value.as_str();
        let action = match key.kind {
            KeyKind::None => "none".to_owned(),
            KeyKind::Line => "line".to_owned(),
            KeyKind::Speed => format!("speed {value}"),
            KeyKind::Busy => format!("blf {value}|{PICKUP}"),
            KeyKind::Park => format!("orbit {value}"),
        };
        let (index, context) = (format!("{}", key.position - 1), format!("{}", key.line));
        let attributes =
            [("idx", index.as_str()), ("context", &context), ("label", key.label.as_str()), ("perm", "R")];
        xml.leaf("fkey", &attributes, &action);
    }
    xml.close();
}
