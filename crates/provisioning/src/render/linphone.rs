//! Linphone's remote provisioning: sections and entries. An entry that does not say `overwrite` changes nothing that is there.

use crate::phone::{Codec, Line, Phone, Srtp};
use crate::uri::{name_addr, server};
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone) -> String {
    let mut xml = Xml::new();
    xml.open("config", &[("xmlns", "http://www.linphone.org/xsds/lpconfig.xsd")]);
    general(&mut xml, phone);
    for (number, line) in phone.numbered() {
        account(&mut xml, number - 1, line);
    }
    for (codec, number) in phone.lines[0].codecs.iter().zip(0..) {
        section(&mut xml, &format!("audio_codec_{number}"), &codec_entries(*codec));
    }
    xml.finish()
}

fn general(xml: &mut Xml, phone: &Phone) {
    let first = &phone.lines[0];
    let encryption = if first.srtp == Srtp::Off { "none" } else { "srtp" };
    let mandatory = if first.srtp == Srtp::Required { "1" } else { "0" };
    let entries = [
        ("default_proxy", "0"),
        ("media_encryption", encryption),
        ("media_encryption_mandatory", mandatory),
        ("use_info", "0"),
        ("use_rfc2833", "1"),
    ];
    section(xml, "sip", &entries.map(|(name, value)| (name, value.to_owned())));
    // The link is used up: it is not to be asked again. One for later is told where there is one.
    let url = phone.settings_url.as_ref().map(|url| format!("{url}{}", crate::link_file(phone.vendor)));
    let transient = if url.is_some() { "0" } else { "1" };
    let mut misc = vec![("transient_provisioning", transient.to_owned())];
    misc.extend(url.map(|url| ("config-uri", url)));
    section(xml, "misc", &misc);
}

fn account(xml: &mut Xml, number: usize, line: &Line) {
    let way = format!("<{}>", server(&line.server));
    let entries = [
        ("reg_proxy", way.clone()),
        ("reg_route", way),
        ("reg_identity", name_addr(line)),
        ("reg_expires", line.expires_s.to_string()),
        ("reg_sendregister", "1".to_owned()),
        ("publish", "0".to_owned()),
        ("avpf", "0".to_owned()),
        ("realm", line.domain.to_string()),
        ("push_notification_allowed", "0".to_owned()),
        ("dial_escape_plus", "0".to_owned()),
    ];
    section(xml, &format!("proxy_{number}"), &entries);
    let mut entries = vec![
        ("username", line.user.to_string()),
        ("userid", line.user.to_string()),
        ("realm", line.domain.to_string()),
        ("domain", line.domain.to_string()),
    ];
    if let Some(secret) = &line.secret {
        entries.push(("passwd", secret.reveal().to_owned()));
    }
    section(xml, &format!("auth_info_{number}"), &entries);
}

fn codec_entries(codec: Codec) -> [(&'static str, String); 4] {
    let (mime, rate, channels) = match codec {
        Codec::Opus => ("opus", "48000", "2"),
        Codec::G722 => ("G722", "8000", "1"),
        Codec::Pcma => ("PCMA", "8000", "1"),
        Codec::Pcmu => ("PCMU", "8000", "1"),
    };
    [("mime", mime), ("rate", rate), ("channels", channels), ("enabled", "1")]
        .map(|(name, value)| (name, value.to_owned()))
}

fn section(xml: &mut Xml, name: &str, entries: &[(&str, String)]) {
    xml.open("section", &[("name", name)]);
    for (name, value) in entries {
        xml.leaf("entry", &[("name", name), ("overwrite", "true")], value);
    }
    xml.close();
}
