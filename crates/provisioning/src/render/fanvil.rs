//! Fanvil, newer firmware (2.2.10 and later): one tree. Its keys have types that we do not know.

use crate::phone::{Codec, Country, Language, Line, Phone, Srtp, Transport};
use crate::phonebook;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone, left_out: &mut Vec<&'static str>) -> String {
    let mut xml = Xml::new();
    xml.open("sysConf", &[]);
    xml.leaf("Version", &[], "2.0002");
    xml.open("sip", &[]);
    for (number, line) in phone.numbered() {
        account(&mut xml, &number.to_string(), line);
        if line.srtp == Srtp::Required {
            left_out.push("that SRTP is required: it is offered");
        }
    }
    xml.close();
    house(&mut xml, phone);
    if phone.authority.is_some() {
        left_out.push("the certificate of this server's own authority: load it on the phone's web page");
    }
    xml.finish()
}

fn account(xml: &mut Xml, number: &str, line: &Line) {
    xml.open("line", &[("index", number)]);
    let mut set = |name: &str, value: &str| xml.leaf(name, &[], value);
    set("PhoneNumber", line.user.as_str());
    set("DisplayName", line.display_name.as_str());
    set("SipName", line.label.as_str());
    set("RegisterAddr", line.domain.as_str());
    set("RegisterPort", &line.server.port.to_string());
    set("RegisterUser", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("RegisterPswd", secret.reveal());
    }
    set("RegisterTTL", &line.expires_s.to_string());
    set("EnableReg", "1");
    set("ProxyAddr", line.server.host.as_str());
    set("ProxyPort", &line.server.port.to_string());
    let transport = match line.server.transport {
        Transport::Udp => "0",
        Transport::Tcp => "1",
        Transport::Tls => "3",
    };
    set("Transport", transport);
    set("DTMFMode", "1");
    set("EnableOSRTP", if line.srtp == Srtp::Off { "0" } else { "1" });
    if !line.voicemail.is_empty() {
        set("MWINum", line.voicemail.as_str());
    }
    xml.close();
}

fn house(xml: &mut Xml, phone: &Phone) {
    xml.open("mm", &[]);
    let tones = match phone.locale.country {
        Country::France => Some("25"),
        Country::Belgium | Country::Switzerland | Country::Germany | Country::UnitedKingdom => None,
    };
    if let Some(tones) = tones {
        xml.leaf("SelectYourTone", &[], tones);
    }
    xml.open("capability", &[]);
    let names = |codec: &Codec| match codec {
        Codec::Opus => "opus",
        Codec::G722 => "G722",
        Codec::Pcma => "PCMA",
        Codec::Pcmu => "PCMU",
    };
    let codecs: Vec<&str> = phone.lines[0].codecs.iter().map(names).collect();
    xml.leaf("AudioCodecSets", &[], &codecs.join(","));
    xml.close();
    xml.close();
    xml.open("phone", &[]);
    if let Some(password) = &phone.admin_password {
        xml.leaf("MenuPassword", &[], password.reveal());
    }
    xml.open("display", &[]);
    let language = match phone.locale.language {
        Language::English => "en",
        Language::French => "fr",
    };
    xml.leaf("DefaultLanguage", &[], language);
    xml.close();
    xml.open("date", &[]);
    xml.leaf("SNTPServer", &[], phone.ntp.as_str());
    xml.close();
    if let Some(url) = phonebook::address(phone) {
        xml.open("xmlContact", &[("index", "1")]);
        xml.leaf("Name", &[], phonebook::title(phone.locale.language));
        xml.leaf("Addr", &[], &url);
        // Whichever line is chosen.
        xml.leaf("Sipline", &[], "-1");
        xml.leaf("BindLine", &[], "-1");
        xml.close();
    }
    xml.close();
    if let Some(password) = &phone.admin_password {
        xml.open("web", &[]);
        xml.open("account", &[("index", "1")]);
        xml.leaf("Name", &[], "admin");
        xml.leaf("Password", &[], password.reveal());
        xml.leaf("Level", &[], "10");
        xml.close();
        xml.close();
    }
    if let Some(url) = &phone.settings_url {
        xml.open("ap", &[]);
        xml.leaf("FlashServerIP", &[], url.as_str());
        xml.leaf("FlashFileName", &[], "$mac.cfg");
        xml.leaf("FlashProtocol", &[], if url.as_str().starts_with("https:") { "5" } else { "4" });
        xml.open("pnp", &[]);
        xml.leaf("PNPEnable", &[], "0");
        xml.close();
        xml.close();
    }
}
