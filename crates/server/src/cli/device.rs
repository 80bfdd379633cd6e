//! `coeur device ...`.

use super::account::{made, policy_name, say, view};
use super::door::{Way, print_json};
use super::exit::Failure;
use super::grammar::{Device, DeviceVerb, Dtmf};
use super::phone;
use super::table::{duration, table};
use super::terminal::{print, secret_from_stdin};
use super::words::Word;
use coeur_api::{AccountView, DeviceView, GivenSecret, Made, Request};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn run(arguments: Device) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        DeviceVerb::Add { account, name, secret_stdin, policy } => {
            let secret = if secret_stdin { Some(GivenSecret::new(secret_from_stdin()?)) } else { None };
            let account = way.full_account(&account)?;
            made(
                &way,
                Request::DeviceAdd { account, name, secret, policy: policy_name(policy).to_owned() },
                json,
                made_line,
            )
        }
        DeviceVerb::List { account } => {
            let view = view(&way, &account)?;
            if json {
                return print_json(&view.devices);
            }
            print(&devices(&view));
            Ok(())
        }
        DeviceVerb::Set { account, device, dtmf } => {
            let account = way.full_account(&account)?;
            let dtmf = dtmf_name(dtmf).to_owned();
            way.ask(Request::DeviceChange { account: account.clone(), device: device.clone(), dtmf })?;
            say(json, &Word::DeviceChanged.with(&[&device, &account]))
        }
        DeviceVerb::Connect { phone } => phone::connect(&way, phone, json),
        DeviceVerb::Phones => phone::list(&way, json),
        DeviceVerb::Phone { phone } => phone::show(&way, phone, json),
        DeviceVerb::Keys { phone, set, rm } => phone::keys(&way, phone, set, &rm, json),
        DeviceVerb::Password { phone, new } => phone::password(&way, phone, new, json),
        DeviceVerb::Forget { phone } => phone::forget(&way, phone, json),
        DeviceVerb::Sync { account, device, reboot } => phone::sync(&way, &account, device, reboot, json),
        DeviceVerb::Ring { account, device } => phone::ring(&way, &account, device, json),
        DeviceVerb::Seen => phone::seen(&way, json),
        DeviceVerb::Revoke { account, device } => {
            let account = way.full_account(&account)?;
            way.ask(Request::DeviceRevoke { account: account.clone(), device: device.clone() })?;
            say(json, &Word::DeviceRevoked.with(&[&device, &account]))
        }
    }
}

const fn dtmf_name(dtmf: Dtmf) -> &'static str {
    match dtmf {
        Dtmf::Auto => "auto",
        Dtmf::Rfc4733 => "rfc4733",
        Dtmf::Info => "info",
        Dtmf::Inband => "inband",
    }
}

/// Its number too: by it, and not by its name, it is revoked.
fn made_line(made: &Made) -> String {
    let text = match &made.secret {
        Some(secret) => Word::DeviceSecretShownOnce.with(&[&made.account, &made.device, secret.reveal()]),
        None => Word::DeviceMade.with(&[&made.account, &made.device]),
    };
    format!("{text}\n")
}

pub fn devices(view: &AccountView) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let row = |device: &DeviceView| {
        let proved = if device.proved_sha256 { " (SHA-256)" } else { "" };
        // What a server of an older version has not told.
        let keys = if device.dtmf.is_empty() { "auto".to_owned() } else { device.dtmf.clone() };
        let age = Word::Ago.with(&[&duration(now.saturating_sub(device.created_at_s))]);
        vec![device.device.clone(), device.name.clone(), format!("{}{proved}", device.policy), keys, age]
    };
    let heads =
        [Word::Device.say(), Word::Name.say(), Word::Policy.say(), Word::Keys.say(), Word::Created.say()];
    table(&heads, &view.devices.iter().map(row).collect::<Vec<_>>())
}
