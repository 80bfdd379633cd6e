//! Cisco SPA, ATA and Multiplatform: a flat profile, elements named by setting and line.

use crate::phone::{Codec, KeyKind, Language, Line, Phone, Srtp, Transport};
use crate::render::PICKUP;
use crate::uri::host_port;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone, left_out: &mut Vec<&'static str>) -> String {
    let mut xml = Xml::new();
    xml.open("flat-profile", &[]);
    house(&mut xml, phone);
    // Before the lines: behind them they are not taken.
    for key in phone.said_keys() {
        let (value, label) = (bare(key.value.as_str()), bare(key.label.as_str()));
        let function = match key.kind {
            KeyKind::None => String::new(),
            KeyKind::Line => continue,
            KeyKind::Speed | KeyKind::Park => format!("fnc=sd;ext={value}@$PROXY;nme={label}"),
            KeyKind::Busy => format!("fnc=sd+blf+cp;sub={value}@$PROXY;nme={label}"),
        };
        xml.leaf(&format!("Extended_Function_{}_", key.position), READ_ONLY, &function);
    }
    for (number, line) in phone.numbered() {
        account(&mut xml, number, line);
    }
    if phone.authority.is_some() {
        left_out.push("the certificate of this server's own authority: load it on the phone's web page");
    }
    xml.finish()
}

const READ_ONLY: &[(&str, &str)] = &[("ua", "na")];

fn house(xml: &mut Xml, phone: &Phone) {
    let mut set = |name: &str, value: &str| xml.leaf(name, READ_ONLY, value);
    let (language, locale) = match phone.locale.language {
        Language::English => ("English-US", "en-US"),
        Language::French => ("French-FR", "fr-FR"),
    };
    set("Language_Selection", language);
    set("Locale", locale);
    set("Time_Zone", &format!("GMT{:+03}:00", phone.locale.country.utc_offset_h()));
    set("Primary_NTP_Server", phone.ntp.as_str());
    set("Attendant_Console_Call_Pickup_Code", PICKUP);
    if let Some(password) = &phone.admin_password {
        set("Admin_Password", password.reveal());
        set("Admin_Passwd", password.reveal());
    }
    if let Some(url) = &phone.settings_url {
        set("Profile_Rule", &format!("{url}$MA.xml"));
        set("Resync_On_Reset", "Yes");
        set("Resync_From_SIP", "Yes");
    }
}

fn account(xml: &mut Xml, number: usize, line: &Line) {
    let mut set = |name: &str, value: &str| xml.leaf(&format!("{name}_{number}_"), READ_ONLY, value);
    set("Line_Enable", "Yes");
    set("Extension", &number.to_string());
    set("Short_Name", line.label.as_str());
    set("Proxy", line.domain.as_str());
    set("Outbound_Proxy", &host_port(&line.server));
    set("Use_Outbound_Proxy", "Yes");
    set("Register_Expires", &line.expires_s.to_string());
    set("Display_Name", line.display_name.as_str());
    set("User_ID", line.user.as_str());
    set("Use_Auth_ID", "Yes");
    set("Auth_ID", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("Password", secret.reveal());
    }
    let transport = match line.server.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    };
    set("SIP_Transport", transport);
    match line.srtp {
        Srtp::Off => {}
        Srtp::Optional => set("Secure_Call_Option", "Optional"),
        Srtp::Required => set("Secure_Call_Option", "Required"),
    }
    if line.srtp != Srtp::Off {
        set("Encryption_Method", "AES 128");
    }
    if let Some(codec) = line.codecs.first() {
        let name = match codec {
            Codec::Opus => "OPUS",
            Codec::G722 => "G722",
            Codec::Pcma => "G711a",
            Codec::Pcmu => "G711u",
        };
        set("Preferred_Codec", name);
    }
    set("DTMF_Tx_Method", "AVT");
    // A check-sync without a proof is obeyed: it makes the phone fetch from where it was told to, and no more.
    set("Auth_Resync-Reboot", "No");
    set("NAT_Keep_Alive_Enable", if line.server.transport == Transport::Udp { "Yes" } else { "No" });
    if !line.voicemail.is_empty() {
        set("Voice_Mail_Server", line.voicemail.as_str());
    }
}

/// Without what ends a part of a function, and without the `$` of macros.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ';' | '=' | '$' | '@')).collect()
}
