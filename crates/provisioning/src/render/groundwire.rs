//! Groundwire and the other programs of Acrobits: one account as XML.

use crate::phone::{Phone, Transport};
use crate::uri::host_port;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone) -> String {
    let line = &phone.lines[0];
    let mut xml = Xml::new();
    xml.open("account", &[]);
    let mut set = |name: &str, value: &str| xml.leaf(name, &[], value);
    set("title", line.label.as_str());
    set("username", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("password", secret.reveal());
    }
    set("authUsername", line.user.as_str());
    set("userDisplayName", line.display_name.as_str());
    set("host", line.domain.as_str());
    set("proxy", &host_port(&line.server));
    let transport = match line.server.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        // With the scheme `sip`, not `sips`.
        Transport::Tls => "tls+sip:",
    };
    set("transport", transport);
    set("expires", &line.expires_s.to_string());
    if !line.voicemail.is_empty() {
        set("voiceMailNumber", line.voicemail.as_str());
        set("subscribeForVoicemail", "1");
    }
    set("allowMessage", "1");
    xml.finish()
}
