//! A phone asks for its settings.

use super::connect::unreadable;
use super::hash;
use super::phone::{AUTHORITY_FILE, phone, vendor};
use crate::contacts;
use crate::contacts_door::Reader;
use crate::door::Door;
use crate::model::{GivenSecret, Refusal};
use coeur_directory::{Change, Ha1Set, NumberLabel, new_secret};
use coeur_provisioning::{
    Asked, File, Mac, NumberKind, PHONEBOOK_ENTRIES_MAX, PHONEBOOK_FILE, PhonebookEntry, PhonebookNumber,
    Secret, Seen, Text, Vendor, asked, has_phonebook, identify, link_file, phonebook, render,
};
use coeur_storage::{LinkKind, LinkRow, Operator, PhoneRow};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// How long the one who has used a link may ask again: phones ask twice, or lose a connection.
pub(super) const AGAIN_S: u64 = 120;
/// Bytes of a User-Agent that are kept.
const USER_AGENT_BYTES_MAX: usize = 200;

/// One request of a phone.
pub(crate) struct Fetch<'f> {
    pub token: &'f str,
    pub file: &'f str,
    pub user_agent: &'f str,
    pub from: IpAddr,
    /// Nobody on the way reads it.
    pub is_private: bool,
    /// Linphone says that it asks as itself and not as a browser.
    pub is_provisioning: bool,
}

/// What came of it, and how each is counted.
macro_rules! outcomes {
    ($($(#[doc = $doc:literal])* $outcome:ident $word:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Outcome { $($(#[doc = $doc])* $outcome),* }

        impl Outcome {
            pub const ALL: &'static [Outcome] = &[$(Outcome::$outcome),*];
            /// For programs.
            pub const fn as_str(self) -> &'static str { match self { $(Outcome::$outcome => $word),* } }
        }
    };
}

outcomes! {
    /// The settings were given with new secrets.
    Secrets "secrets",
    /// A file without a secret was given.
    Settings "settings",
    /// The list of whom the phone can call was given.
    Phonebook "phonebook",
    /// Something that such phones ask for too, and that there is not.
    Beside "beside",
    Unknown "unknown",
    Over "over",
    Used "used",
    OtherPhone "other_phone",
    /// A browser, or a program that shows what is behind a link.
    NotThePhone "not_the_phone",
    /// In clear, from elsewhere than a local network.
    Exposed "exposed",
    Disabled "disabled",
    /// Too many that are none were asked for.
    Limited "limited",
    /// It could not be done now.
    Failed "failed",
}

/// How often each was the outcome since the start.
#[derive(Default)]
pub struct Counts([AtomicU64; Outcome::ALL.len()]);

impl Counts {
    pub(crate) fn add(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }
}

pub(crate) struct Given {
    pub content_type: &'static str,
    pub body: GivenSecret,
}

impl Door {
    /// Blocks while a link is used up on disk.
    pub(crate) fn fetch(&self, fetch: &Fetch<'_>) -> Result<Given, Outcome> {
        let result = self.fetch_counted(fetch);
        self.fetches().add(result.as_ref().map_or_else(|outcome| *outcome, |(_, outcome)| *outcome));
        result.map(|(given, _)| given)
    }

    fn fetch_counted(&self, fetch: &Fetch<'_>) -> Result<(Given, Outcome), Outcome> {
        let now_ms = self.house().unix_time_ms();
        if self.misses().is_blocked(fetch.from, now_ms) {
            return Err(Outcome::Limited);
        }
        let Some((link, row)) = self.linked(fetch).map_err(|why| failed(&why))? else {
            self.misses().note(fetch.from, now_ms);
            return Err(Outcome::Unknown);
        };
        let vendor = vendor(&row.vendor).map_err(|why| failed(&why))?;
        if fetch.file == AUTHORITY_FILE {
            return self.authority();
        }
        self.is_meant(fetch, vendor, &row, now_ms)?;
        if fetch.file == PHONEBOOK_FILE && link.kind == LinkKind::Own && has_phonebook(vendor) {
            return self.phonebook_of(&row);
        }
        let place = self.house().phone_place().ok_or(Outcome::Failed)?;
        let mac = row.mac.as_deref().and_then(|mac| Mac::parse(mac).ok());
        match asked(vendor, mac, name(fetch, vendor)) {
            Asked::Beside => Err(Outcome::Beside),
            Asked::Master => {
                let phone = phone(&row, self.house().directory(), &place, Vec::new(), None);
                let rendered = render(&phone.map_err(|why| failed(&why))?).map_err(|_| Outcome::Failed)?;
                Ok((given(rendered.master.unwrap_or(rendered.settings)), Outcome::Settings))
            }
            Asked::Settings => self.settings(fetch, vendor, link, row, now_ms),
            Asked::OtherMac(_) => Err(self.other(&row, now_ms, Seen::OtherMac)),
            Asked::OtherFirmware => Err(self.other(&row, now_ms, Seen::OtherFirmware)),
            Asked::Foreign => Err(Outcome::Beside),
        }
    }

    /// What stands in the phonebook of the tenant of its first line; of one person's phone, his own contacts too. A phone that
    /// several use shows nobody's own.
    fn phonebook_of(&self, row: &PhoneRow) -> Result<(Given, Outcome), Outcome> {
        let directory = self.house().directory();
        let accounts = row.lines.iter().map(|(aor, _)| directory.account_of(aor));
        let accounts: Vec<_> = accounts.collect::<Option<_>>().ok_or(Outcome::Failed)?;
        if !accounts.iter().all(|account| account.enabled) {
            return Err(Outcome::Disabled);
        }
        let first = accounts.first().ok_or(Outcome::Failed)?;
        let user = first.user.filter(|user| accounts.iter().all(|account| account.user == Some(*user)));
        // A phone that was there when the account was somebody else's may be with him still.
        let mut since_ms = 0;
        for account in &accounts {
            let of_it = self.records().owned_since_ms(&account.aor);
            since_ms = since_ms.max(of_it.map_err(|why| failed(&unreadable(why)))?);
        }
        let user = user.filter(|_| row.created_at_s.saturating_mul(1_000) >= since_ms / 1_000 * 1_000);
        let domain = Some(first.aor.domain().into());
        let reader = Reader { tenant: directory.tenant_of(first), user, domain };
        let entries = self.phonebook(&reader, None, PHONEBOOK_ENTRIES_MAX);
        let entries: Vec<PhonebookEntry> = entries.iter().map(entry).collect();
        let place = self.house().phone_place().ok_or(Outcome::Failed)?;
        let phone = phone(row, directory, &place, Vec::new(), None).map_err(|why| failed(&why))?;
        let file = phonebook(&phone, &entries).ok_or(Outcome::Beside)?;
        Ok((given(file), Outcome::Phonebook))
    }

    fn linked(&self, fetch: &Fetch<'_>) -> Result<Option<(LinkRow, PhoneRow)>, Refusal> {
        let mut records = self.records();
        let Some(link) = records.link(&hash(fetch.token)).map_err(unreadable)? else { return Ok(None) };
        Ok(records.phone(link.phone).map_err(unreadable)?.map(|row| (link, row)))
    }

    /// Public, and needed by some before they can ask for anything over TLS.
    fn authority(&self) -> Result<(Given, Outcome), Outcome> {
        let pem = self.house().phone_place().and_then(|place| place.authority).ok_or(Outcome::Beside)?;
        let body = GivenSecret::new(pem);
        Ok((Given { content_type: "application/x-pem-file", body }, Outcome::Settings))
    }

    /// Whether what asks is such a phone as the link was made for, in a place where it may be told.
    fn is_meant(
        &self,
        fetch: &Fetch<'_>,
        vendor: Vendor,
        row: &PhoneRow,
        now_ms: u64,
    ) -> Result<(), Outcome> {
        if !fetch.is_private && !is_local(fetch.from) {
            return Err(Outcome::Exposed);
        }
        let sighting = identify(fetch.user_agent);
        if sighting.vendor.is_some_and(|seen| seen != vendor && vendor != Vendor::Other) {
            return Err(self.other(row, now_ms, Seen::OtherVendor));
        }
        if let (Some(seen), Some(known)) = (sighting.mac, &row.mac)
            && seen.lower() != **known
        {
            return Err(self.other(row, now_ms, Seen::OtherMac));
        }
        match vendor == Vendor::Linphone && !is_linphone(fetch) {
            true => Err(Outcome::NotThePhone),
            false => Ok(()),
        }
    }

    fn other(&self, row: &PhoneRow, now_ms: u64, seen: Seen) -> Outcome {
        self.phone_seen(row.id, now_ms, seen);
        Outcome::OtherPhone
    }

    fn settings(
        &self,
        fetch: &Fetch<'_>,
        vendor: Vendor,
        mut link: LinkRow,
        mut row: PhoneRow,
        now_ms: u64,
    ) -> Result<(Given, Outcome), Outcome> {
        let now_s = now_ms / 1_000;
        let from = fetch.from.to_canonical().to_string();
        self.is_open(&link, &from, now_ms)?;
        let directory = self.house().directory();
        let enabled = |line: &(coeur_directory::Aor, _)| {
            directory.account_of(&line.0).is_some_and(|account| account.enabled)
        };
        if !row.lines.iter().all(enabled) {
            self.phone_seen(row.id, now_ms, Seen::AccountDisabled);
            return Err(Outcome::Disabled);
        }
        let sighting = identify(fetch.user_agent);
        if row.model.is_empty() {
            row.model = sighting.model.as_str().into();
        }
        // A phone whose address nobody has typed says it when it comes.
        let mac = sighting.mac.or_else(|| Mac::find(fetch.file)).filter(|_| vendor.is_desk_phone());
        row.mac = row.mac.or_else(|| mac.map(|mac| mac.lower().into()));
        row.user_agent = cut(fetch.user_agent).into();
        row.fetched_at_s = Some(now_s);
        if link.used_at_s.is_none() {
            (link.used_at_s, link.used_by) = (Some(now_s), Some(from.into()));
        }
        let is_once = link.kind == LinkKind::Once;
        let own = is_once.then(|| self.token());
        let own_hash = own.as_deref().map(hash);
        // Used before anything is given: a crash between the two costs a link, and gives no secret twice.
        let noted = self.records().fetched(&link, &row, own_hash.as_ref(), now_ms);
        if !noted.map_err(|why| failed(&unreadable(why)))? {
            self.phone_seen(row.id, now_ms, Seen::AskedAgain);
            return Err(Outcome::Used);
        }
        let has_secrets = is_once || !vendor.keeps_what_is_not_named();
        let secrets = if has_secrets { self.rekey(&row).map_err(|why| failed(&why))? } else { Vec::new() };
        if is_once {
            // Whoever had the secret of before is out, also one that was typed in by hand.
            row.lines.iter().for_each(|(aor, device)| self.house().revoked(aor, Some(*device)));
        }
        let place = self.house().phone_place().ok_or(Outcome::Failed)?;
        // One that comes to its own address knows it.
        let own = own.as_deref().or(Some(fetch.token));
        let mut phone = phone(&row, directory, &place, secrets, own).map_err(|why| failed(&why))?;
        let password = self.password_to_tell(&row, vendor, has_secrets, now_ms);
        phone.admin_password = password.map_err(|why| failed(&why))?;
        let rendered = render(&phone).map_err(|_| Outcome::Failed)?;
        self.journeys().fetched_from(row.id, fetch.from.to_canonical());
        self.phone_seen(row.id, now_ms, Seen::Fetched);
        tracing::info!(phone = row.id.0, vendor = %vendor, has_secrets, "a phone has fetched its settings");
        let outcome = if has_secrets { Outcome::Secrets } else { Outcome::Settings };
        Ok((given(rendered.settings), outcome))
    }

    fn is_open(&self, link: &LinkRow, from: &str, now_ms: u64) -> Result<(), Outcome> {
        let now_s = now_ms / 1_000;
        match (link.kind, link.used_at_s) {
            (LinkKind::Own, _) => Ok(()),
            (LinkKind::Once, None) if now_s >= link.expires_at_s => {
                self.phone_seen(link.phone, now_ms, Seen::AskedTooLate);
                Err(Outcome::Over)
            }
            (LinkKind::Once, None) => Ok(()),
            (LinkKind::Once, Some(used_at_s)) => {
                let is_same = link.used_by.as_deref() == Some(from) && link.expires_at_s > 0;
                if is_same && now_s.saturating_sub(used_at_s) < AGAIN_S {
                    return Ok(());
                }
                self.phone_seen(link.phone, now_ms, Seen::AskedAgain);
                Err(Outcome::Used)
            }
        }
    }

    /// A new secret for each line: of the old ones there is nothing that could be told.
    fn rekey(&self, row: &PhoneRow) -> Result<Vec<Secret>, Refusal> {
        let mut secrets = Vec::with_capacity(row.lines.len());
        for (aor, device) in &row.lines {
            let mut random = [0; 20];
            self.house().random(&mut random);
            let secret = Secret::new(new_secret(&random));
            let ha1 = Ha1Set::of_secret(aor.user(), aor.domain(), secret.reveal());
            self.change(
                &Operator::program(),
                Change::DeviceKeyed { aor: aor.clone(), device: *device, ha1 },
            )?;
            secrets.push(secret);
        }
        Ok(secrets)
    }
}

/// Newer ones say so in a header, and 5.1 calls itself this way while it has no account. Browsers, and messengers that show
/// what is behind a link, do not.
fn is_linphone(fetch: &Fetch<'_>) -> bool {
    let said = identify(fetch.user_agent).vendor;
    fetch.is_provisioning || fetch.user_agent == "Unknown" || said == Some(Vendor::Linphone)
}

/// A link of a program is a file; of one that was typed without it, the file is meant.
fn name<'f>(fetch: &Fetch<'f>, vendor: Vendor) -> &'f str {
    if fetch.file.is_empty() { link_file(vendor) } else { fetch.file }
}

fn given(file: File) -> Given {
    Given { content_type: file.content_type, body: GivenSecret::new(file.body.reveal().to_owned()) }
}

fn entry(entry: &contacts::PhonebookEntry) -> PhonebookEntry {
    let number = |number: &contacts::NumberView| PhonebookNumber {
        kind: match NumberLabel::parse(&number.label).unwrap_or_default() {
            NumberLabel::Work => NumberKind::Work,
            NumberLabel::Mobile => NumberKind::Mobile,
            NumberLabel::Home => NumberKind::Home,
            NumberLabel::Other => NumberKind::Other,
        },
        number: Text::new(&number.number),
    };
    PhonebookEntry { name: Text::new(&entry.name), numbers: entry.numbers.iter().map(number).collect() }
}

fn failed(why: &Refusal) -> Outcome {
    tracing::warn!(why = why.text, "a phone is not told its settings");
    Outcome::Failed
}

fn cut(user_agent: &str) -> String {
    let mut kept = String::new();
    for c in user_agent.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > USER_AGENT_BYTES_MAX {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Of this machine, or of a network that does not reach beyond a site (RFC 1918, RFC 4193, RFC 3927, RFC 6598).
fn is_local(from: IpAddr) -> bool {
    match from.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_of_a_site_are_local() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.9",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for far in ["192.0.2.1", "100.128.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(!is_local(far.parse().unwrap()), "{far}");
        }
    }
}
