//! What is seen of a phone on its way is told to those who listen, step by step.

use super::connect::name_of;
use crate::about::of_account;
use crate::door::Door;
use crate::feed::Kind;
use coeur_directory::{Aor, DeviceId};
use coeur_provisioning::{Fault, Language, Seen, TlsFault};
use coeur_storage::PhoneId;
use serde_json::json;
use std::net::IpAddr;

impl Door {
    pub(super) fn phone_seen(&self, phone: PhoneId, at_ms: u64, seen: Seen) {
        if self.journeys().see(phone, at_ms, seen.clone()) {
            self.tell_phone(phone, at_ms, &seen);
        }
    }

    /// Somebody has used this user's name and a wrong password.
    pub fn password_refused(&self, user: &[u8], at_ms: u64) {
        let meant = self.journeys().password_refused(user, at_ms);
        meant.into_iter().for_each(|phone| self.tell_phone(phone, at_ms, &Seen::PasswordRefused));
    }

    /// A device of this account has refused a call for what it should speak.
    pub fn media_refused(&self, account: &Aor, at_ms: u64) {
        let meant = self.journeys().media_refused(account, at_ms);
        meant.into_iter().for_each(|phone| self.tell_phone(phone, at_ms, &Seen::MediaRefused));
    }

    /// A connection over TLS from this address has failed.
    pub fn tls_failed(&self, address: IpAddr, fault: TlsFault, at_ms: u64) {
        let meant = self.journeys().tls_failed(address.to_canonical(), fault, at_ms);
        meant.into_iter().for_each(|phone| self.tell_phone(phone, at_ms, &Seen::TlsFailed(fault)));
    }

    /// A device has registered. Its phone is there when all of its lines are.
    pub fn device_registered(&self, account: &Aor, device: DeviceId, at_ms: u64) {
        for (phone, lines) in self.journeys().on_their_way(account, device) {
            let is_there = lines.iter().all(|(aor, own)| self.is_registered(aor, *own));
            self.look_at_phone(phone, at_ms, is_there);
        }
    }

    /// Its journey, with what is known now.
    pub(super) fn look_at_phone(
        &self,
        phone: PhoneId,
        at_ms: u64,
        is_registered: bool,
    ) -> coeur_provisioning::Journey {
        let Some((journey, news)) = self.journeys().look(phone, at_ms, is_registered) else {
            return coeur_provisioning::Journey::default();
        };
        if let Some(seen) = &news {
            self.tell_phone(phone, at_ms, seen);
        }
        journey
    }

    fn tell_phone(&self, phone: PhoneId, at_ms: u64, seen: &Seen) {
        let name = name_of(phone);
        let fault = self.journeys().fault(phone, at_ms);
        let said = |fault: Fault| {
            json!({
                "code": fault.as_str(),
                "sentence": fault.sentence(Language::English),
                "remedy": fault.remedy(Language::English),
            })
        };
        let data = json!({ "phone_id": name, "step": seen.as_str(), "fault": fault.map(said) });
        let directory = self.directory();
        let about = self.journeys().account(phone).map(|aor| of_account(directory, &aor)).unwrap_or_default();
        self.house().happened(kind(seen), name, data, about);
    }
}

pub(super) const fn kind(seen: &Seen) -> Kind {
    match seen {
        Seen::LinkMade { .. } | Seen::Fetched => Kind::ProvisioningRequested,
        Seen::Registered | Seen::Rung | Seen::Answered | Seen::Heard => Kind::ProvisioningApplied,
        Seen::AskedTooLate
        | Seen::AskedAgain
        | Seen::OtherVendor
        | Seen::OtherMac
        | Seen::OtherFirmware
        | Seen::TlsFailed(_)
        | Seen::PasswordRefused
        | Seen::AccountDisabled
        | Seen::Unregistered
        | Seen::CallRefused
        | Seen::NoAnswer
        | Seen::Unreachable
        | Seen::MediaRefused
        | Seen::NotHeard => Kind::ProvisioningFailed,
    }
}
