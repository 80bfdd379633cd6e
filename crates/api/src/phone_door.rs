//! The web phone at the door: a ticket for a page, which so needs no SIP password.

use crate::door::{Door, device_name, not_written};
use crate::model::{GivenSecret, IceServerView, Refusal, Reply, Why};
use coeur_directory::{Account, AlgorithmPolicy, Change, DeviceId};
use coeur_storage::Operator;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The device of all web phones of an account: revoked, it ends them all.
pub const WEB_PHONE: &str = "web phone";

/// What a page needs to open its WebSocket and to be heard.
#[derive(Clone, Serialize, Deserialize)]
pub struct PhoneTicket {
    pub account: String,
    pub display_name: String,
    pub device: String,
    /// Goes into the query of the WebSocket's address (`?ticket=`), once, within `expires_in_s`.
    pub ticket: GivenSecret,
    pub expires_in_s: u64,
    /// Where SIP over WebSocket is spoken, on the host of the page.
    pub sockets: Vec<PhoneSocket>,
    pub ice_server: Option<IceServerView>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhoneSocket {
    /// `wss` and not `ws`.
    pub is_secure: bool,
    pub port: u16,
}

impl Door {
    /// For an account that is enabled. Its web phone is made with the first.
    pub(crate) fn phone_ticket(
        &self,
        operator: &Operator,
        account: &str,
        user: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let user = user.map(|user| self.user(user)).transpose()?;
        if let Some(out) = user.as_ref().filter(|user| !user.enabled) {
            return Err(Refusal::new(Why::Forbidden, format!("{} is disabled", out.login)));
        }
        let user = user.map(|user| user.id);
        let account = self.account(account)?;
        if !account.enabled {
            return Err(Refusal::new(Why::Forbidden, format!("{} is disabled", account.aor)));
        }
        let device = match web_phone(&account) {
            Some(device) => device,
            None => self.add_web_phone(operator, &account)?,
        };
        let issued = self.house().ticket(&account.aor, device, user).ok_or_else(|| {
            let text = "no server runs that speaks SIP over WebSocket; give it --listen ws://… or wss://…";
            Refusal::new(Why::NotSetUp, text)
        })?;
        Ok(Reply::PhoneTicket(Box::new(PhoneTicket {
            account: account.aor.to_string(),
            display_name: account.display_name.to_string(),
            device: device_name(device),
            ice_server: self.house().ice_server(&account.aor, device),
            ..issued
        })))
    }

    /// Somebody speaks for an account that is not his: a row of the audit chain, each time.
    pub(crate) fn note_ticket_of_another(&self, operator: &Operator, account: &str) -> Result<(), Refusal> {
        let (account, now_ms) = (self.account(account)?, self.house().unix_time_ms());
        let detail = "a web phone of somebody else's account";
        self.records()
            .note(operator, "phone.ticket", account.aor.as_str(), detail, now_ms)
            .map_err(not_written)
    }

    /// Its secret is shown to nobody.
    fn add_web_phone(&self, operator: &Operator, account: &Account) -> Result<DeviceId, Refusal> {
        let (device, _secret) = self.device(&account.aor, WEB_PHONE, None, AlgorithmPolicy::Sha256)?;
        let id = device.id;
        let change = Change::DeviceAdded { aor: account.aor.clone(), device: Box::new(device) };
        self.change(operator, change)?;
        Ok(id)
    }
}

fn web_phone(account: &Account) -> Option<DeviceId> {
    account.devices.iter().find(|device| &*device.name == WEB_PHONE).map(|device| device.id)
}
