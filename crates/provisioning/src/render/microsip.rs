//! MicroSIP: sections of `key=value`, one for each account.

use crate::phone::{Line, Phone, Srtp};
use crate::uri::host_port;

pub(super) fn settings(phone: &Phone) -> String {
    let mut file = format!("[Settings]\r\naccountId={}\r\n", 1);
    for (number, line) in phone.numbered() {
        account(&mut file, number, line);
    }
    file
}

/// A value ends with its line, and a [`crate::Text`] has no end of line in it.
fn account(file: &mut String, number: usize, line: &Line) {
    file.push_str(&format!("\r\n[Account{number}]\r\n"));
    let mut set = |key: &str, value: &str| file.push_str(&format!("{key}={value}\r\n"));
    set("label", line.label.as_str());
    set("server", line.domain.as_str());
    set("proxy", &host_port(&line.server));
    set("domain", line.domain.as_str());
    set("username", line.user.as_str());
    set("authID", line.user.as_str());
    if let Some(secret) = &line.secret {
        set("password", secret.reveal());
    }
    set("displayName", line.display_name.as_str());
    set("transport", line.server.transport.as_str());
    let srtp = match line.srtp {
        Srtp::Off => "",
        Srtp::Optional => "optional",
        Srtp::Required => "mandatory",
    };
    set("SRTP", srtp);
    set("registerRefresh", &line.expires_s.to_string());
    if !line.voicemail.is_empty() {
        set("voicemailNumber", line.voicemail.as_str());
    }
}
