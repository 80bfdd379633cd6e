//! Zoiper 5: accounts as XML, in the file that its desktop program reads and its codes can lead to.

use crate::phone::{Phone, Srtp};
use crate::uri::host_port;
use crate::xml::Xml;

pub(super) fn settings(phone: &Phone) -> String {
    let line = &phone.lines[0];
    let mut xml = Xml::new();
    xml.open("options", &[]);
    xml.open("accounts", &[]);
    xml.open("account", &[]);
    let mut set = |name: &str, value: &str| xml.leaf(name, &[], value);
    set("name", line.label.as_str());
    set("protocol", "sip");
    set("username", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("password", secret.reveal());
    }
    set("authentication_username", line.user.as_str());
    set("SIP_domain", line.domain.as_str());
    set("SIP_use_outbound_proxy", "true");
    set("SIP_outbound_proxy", &host_port(&line.server));
    set("SIP_transport_type", line.server.transport.as_str());
    set("SIP_use_auth_username", "true");
    set("SIP_auth_username", line.user.as_str());
    set("SIP_srtp_mode", if line.srtp == Srtp::Off { "none" } else { "sdes" });
    set("SIP_dtmf_style", "outband");
    set("SIP_use_rport", "true");
    if !line.voicemail.is_empty() {
        set("voicemail_check_extension", line.voicemail.as_str());
    }
    xml.finish()
}
