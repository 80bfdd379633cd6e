//! Control of calls at the door: the house does it, and who wanted it is written down.

use crate::call_control::{CallVerb, NewCall};
use crate::door::Door;
use crate::feed::{About, Kind};
use crate::ids::Id as _;
use crate::model::{Refusal, Reply, Why};
use coeur_directory::{Account, DeviceId};
use coeur_storage::Operator;
use serde_json::json;

/// Bytes of an address that is wanted; of a name that is shown.
const ADDRESS_BYTES_MAX: usize = 512;
const DISPLAY_BYTES_MAX: usize = 64;

impl Door {
    pub(crate) fn originate(&self, operator: &Operator, wanted: &NewCall) -> Result<Reply, Refusal> {
        let account = self.account(&wanted.from)?;
        let device = wanted.device.as_deref().map(|device| device_of(&account, device)).transpose()?;
        let display = wanted.caller_display.as_deref().unwrap_or("");
        if display.len() > DISPLAY_BYTES_MAX || display.chars().any(char::is_control) {
            return Err(invalid("caller_display is a name of 64 bytes at most, without control characters"));
        }
        if !(1..=180).contains(&wanted.timeout_s) {
            return Err(invalid("timeout_s is 1 to 180"));
        }
        let to = address(&wanted.to, account.aor.domain())?;
        let call = self.house().originate(&account, device, &to, wanted)?;
        let from = account.aor.as_str();
        self.note_done(operator, "call.originated", &call, &format!("{from} to {to}"));
        Ok(Reply::CallBegun { call, from: from.to_owned(), to_uri: to })
    }

    pub(crate) fn control_call(
        &self,
        operator: &Operator,
        call: &str,
        verb: &CallVerb,
    ) -> Result<Reply, Refusal> {
        if !self.house().control_call(call, verb)? {
            return Err(self.no_such_call(call));
        }
        self.note_done(operator, verb.action(), call, &verb.detail());
        let kind = match verb {
            CallVerb::Hold { .. } => Some(Kind::CallHeld),
            CallVerb::Resume { .. } => Some(Kind::CallResumed),
            CallVerb::Transfer { .. } | CallVerb::Attend { .. } => Some(Kind::CallTransferred),
            CallVerb::Mute { .. } | CallVerb::Unmute { .. } | CallVerb::Dtmf { .. } => None,
        };
        if let Some(kind) = kind {
            let id = format!("call_{call}");
            let data = json!({ "call_id": id, "by": operator.name(), "what": verb.detail() });
            // Whose sides they are the house alone knows: it is the installation's.
            self.house().happened(kind, id, data, About::default());
        }
        Ok(Reply::Done)
    }
}

/// By its id, number or name.
fn device_of(account: &Account, text: &str) -> Result<DeviceId, Refusal> {
    let id = DeviceId::parse(text).or_else(|| text.parse().ok().map(DeviceId));
    let is_it = |device: &&coeur_directory::Device| Some(device.id) == id || *device.name == *text;
    let found = account.devices.iter().find(is_it).map(|device| device.id);
    found.ok_or_else(|| {
        Refusal::new(Why::NotFound, format!("`{text}` is no device of {}", account.aor.as_str()))
    })
}

/// Of a name or number alone that of the account's domain.
pub fn address(text: &str, domain: &str) -> Result<String, Refusal> {
    let is_plain = |char: char| char.is_ascii_graphic() && !matches!(char, '<' | '>' | '"' | ',');
    if text.is_empty() || text.len() > ADDRESS_BYTES_MAX || !text.chars().all(is_plain) {
        return Err(invalid(
            "an address is a number, a name, user@domain, or a SIP or tel URI of 512 bytes at most",
        ));
    }
    Ok(match (text.contains(':'), text.contains('@')) {
        (true, _) => text.to_owned(),
        (false, true) => format!("sip:{text}"),
        (false, false) => format!("sip:{text}@{domain}"),
    })
}

fn invalid(text: &str) -> Refusal {
    Refusal::new(Why::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_completed_with_the_domain_and_has_nothing_in_it_that_ends_a_header() {
        let of = |text: &str| address(text, "d").ok();
        assert_eq!(of("201").as_deref(), Some("sip:201@d"));
        assert_eq!(of("bob@e").as_deref(), Some("sip:bob@e"));
        assert_eq!(of("tel:+331").as_deref(), Some("tel:+331"));
        for text in ["", "a b", "a\r\nX: y", "a>b", "\"a\"", &"a".repeat(513)] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }
}
