//! The password of a phone's own web page and menu: made by us for each phone, since that of its maker is known to all.
//!
//! A phone is told it when it fetches its secrets, and, when it was made anew, once more at its own address (decision 0054): who
//! finds that address later learns nothing.

use super::connect::{name_of, unreadable};
use super::fetch::AGAIN_S;
use super::phone::vendor;
use super::views::PasswordView;
use crate::calls::rfc3339;
use crate::door::Door;
use crate::model::{GivenSecret, Refusal, Why};
use coeur_provisioning::{Secret, Vendor, admin_name};
use coeur_storage::{Operator, PhonePassword, PhoneRow};
use zeroize::Zeroizing;

impl Door {
    /// In clear, with a row of the audit that says so first.
    pub(super) fn show_password(&self, operator: &Operator, phone: &str) -> Result<PasswordView, Refusal> {
        let row = self.phone_row(phone)?;
        let login = login(&row)?;
        let mut records = self.records();
        let Some(password) = records.phone_password(row.id).map_err(unreadable)? else {
            let text = "it has no password yet: one is made when the phone fetches its settings";
            return Err(Refusal::new(Why::NotFound, text));
        };
        let at_ms = self.house().unix_time_ms();
        let subject = format!("phone {}", row.id.0);
        records.note(operator, "phone.password_read", &subject, "", at_ms).map_err(unreadable)?;
        Ok(view(&row, login, &password))
    }

    /// A new one, which the phone is asked to fetch; until it has, the one of before opens it.
    pub(super) fn rotate_password(&self, operator: &Operator, phone: &str) -> Result<PasswordView, Refusal> {
        let row = self.phone_row(phone)?;
        let login = login(&row)?;
        let at_ms = self.house().unix_time_ms();
        let password = {
            let mut records = self.records();
            let known = records.phone_password(row.id).map_err(unreadable)?;
            let before = known.and_then(|known| match known.told_at_s {
                Some(_) => Some(known.now),
                // The phone has never heard of that one.
                None => known.before,
            });
            let password = PhonePassword { now: self.new_password(), before, told_at_s: None };
            let put =
                records.put_phone_password(operator, row.id, "phone.password_rotated", &password, at_ms);
            put.map_err(unreadable)?;
            password
        };
        self.ask_to_fetch(operator, &row);
        Ok(view(&row, login, &password))
    }

    /// What a phone that fetches its settings now is told. `None`: such a phone has none, or has it already.
    pub(super) fn password_to_tell(
        &self,
        row: &PhoneRow,
        vendor: Vendor,
        has_secrets: bool,
        now_ms: u64,
    ) -> Result<Option<Secret>, Refusal> {
        if admin_name(vendor).is_none() {
            return Ok(None);
        }
        let mut records = self.records();
        let password = match records.phone_password(row.id).map_err(unreadable)? {
            Some(known) => known,
            None => {
                let made = PhonePassword { now: self.new_password(), before: None, told_at_s: None };
                let by = Operator::program();
                let put = records.put_phone_password(&by, row.id, "phone.password_made", &made, now_ms);
                put.map_err(unreadable)?;
                made
            }
        };
        let now_s = now_ms / 1_000;
        // A phone asks twice.
        let is_due = password.told_at_s.is_none_or(|told_at_s| now_s.saturating_sub(told_at_s) < AGAIN_S);
        if password.told_at_s.is_none() {
            records.phone_password_told(row.id, now_s).map_err(unreadable)?;
        }
        Ok((has_secrets || is_due).then(|| Secret::new(password.now.to_string())))
    }

    /// 64 bits and more, in letters and digits that are not taken for each other, of each kind that makers ask for, and that can be
    /// typed at a phone.
    fn new_password(&self) -> Zeroizing<String> {
        const CAPITALS: &[u8; 16] = b"ABCDEFGHJKMNPRTX";
        const DIGITS: &[u8; 8] = b"23456789";
        const ALL: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = Zeroizing::new([0; 14]);
        self.house().random(&mut *random);
        let mut text = Zeroizing::new(String::with_capacity(random.len()));
        for (at, byte) in random.iter().enumerate() {
            let of: &[u8] = match at {
                0 => CAPITALS,
                1 => DIGITS,
                _ => ALL,
            };
            text.push(char::from(of[usize::from(*byte) % of.len()]));
        }
        text
    }
}

fn login(row: &PhoneRow) -> Result<&'static str, Refusal> {
    let vendor = vendor(&row.vendor)?;
    admin_name(vendor).ok_or_else(|| {
        Refusal::new(Why::Invalid, format!("{vendor} has no web page or menu with a password that we set"))
    })
}

fn view(row: &PhoneRow, login: &'static str, password: &PhonePassword) -> PasswordView {
    let given = |text: &Zeroizing<String>| GivenSecret::new(text.to_string());
    PasswordView {
        phone: name_of(row.id),
        login: login.to_owned(),
        password: given(&password.now),
        before: password.before.as_ref().map(given),
        told_at: password.told_at_s.map(|at_s| rfc3339(at_s.saturating_mul(1_000))),
    }
}
