//! baresip: a line of `accounts` for each account.

use crate::phone::{Codec, Line, Phone, Srtp};
use crate::uri::{name_addr, quoted, server};

pub(super) fn settings(phone: &Phone) -> String {
    phone.lines.iter().map(account).collect()
}

fn account(line: &Line) -> String {
    let mut out = name_addr(line);
    let mut add = |name: &str, value: &str| out.push_str(&format!(";{name}={value}"));
    add("auth_user", &quoted(line.user.as_str()));
    if let Some(secret) = &line.secret {
        add("auth_pass", &quoted(secret.reveal()));
    }
    add("outbound", &quoted(&server(&line.server)));
    add("regint", &line.expires_s.to_string());
    if line.srtp != Srtp::Off {
        add("mediaenc", if line.srtp == Srtp::Required { "srtp-mand" } else { "srtp" });
    }
    let codecs: Vec<&str> = line.codecs.iter().map(|codec| Codec::as_str(*codec)).collect();
    add("audio_codecs", &codecs.join(","));
    out.push('\n');
    out
}
