//! Gigaset DECT (N610 to N870): parameters with names and numbers. Each line is the account of a handset; where its requests
//! go is a provider of its own.

use crate::phone::{Line, Phone, Srtp, Transport};
use crate::render::bit;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone, left_out: &mut Vec<&'static str>) -> String {
    let mut xml = Xml::new();
    xml.open("provisioning", &[("version", "1.1"), ("productID", "e2")]);
    xml.open("nvm", &[]);
    let mut set = |name: &str, value: &str| xml.empty("param", &[("name", name), ("value", value)]);
    for (number, line) in phone.numbered() {
        provider(&mut |name, value| set(&format!("SipProvider.{number}.{name}"), value), line);
        account(&mut |name, value| set(&format!("SipAccount.{number:05}.{name}"), value), number, line);
    }
    if let Some(password) = &phone.admin_password {
        set("WebUIAccounts.1.Password", password.reveal());
    }
    if let Some(url) = &phone.settings_url {
        set("Provisioning.global.ProvisioningServer", url.as_str());
    }
    left_out.push("language, tones and time: set them on the base's web page");
    if phone.authority.is_some() {
        left_out.push("the certificate of this server's own authority: load it on the base's web page");
    }
    xml.finish()
}

fn provider(set: &mut dyn FnMut(&str, &str), line: &Line) {
    let (host, port) = (line.server.host.as_str(), line.server.port.to_string());
    set("Name", line.label.as_str());
    set("Domain", line.domain.as_str());
    set("ProxyServerAddress", host);
    set("ProxyServerPort", &port);
    set("RegServerAddress", host);
    set("RegServerPort", &port);
    set("RegServerRefreshTimer", &line.expires_s.to_string());
    let transport = match line.server.transport {
        Transport::Udp => "1",
        Transport::Tcp => "2",
        Transport::Tls => "3",
    };
    set("TransportProtocol", transport);
    set("UseSIPS", "0");
    set("SRTP_Enabled", bit(line.srtp != Srtp::Off));
    set("AcceptNonSRTPCalls", bit(line.srtp != Srtp::Required));
    set("DTMFTransmission", "2");
    set("MWISubscription", bit(!line.voicemail.is_empty()));
}

fn account(set: &mut dyn FnMut(&str, &str), number: usize, line: &Line) {
    set("AuthName", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("AuthPassword", secret.reveal());
    }
    set("UserName", line.user.as_str());
    set("DisplayName", line.display_name.as_str());
    set("ProviderId", &number.to_string());
    set("VoiceMailMailbox", line.voicemail.as_str());
    set("VoiceMailActive", bit(!line.voicemail.is_empty()));
}
