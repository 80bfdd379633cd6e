//! The keys of a phone: what an operator sets, read before it is kept, and what of it the phone can be told.

use super::connect::unreadable;
use super::views::{KeyView, PhoneView};
use crate::door::Door;
use crate::model::{Refusal, Why};
use coeur_directory::{Aor, Directory, is_plain};
use coeur_provisioning::{Key, KeyKind, Text, can_say};
use coeur_storage::{KeyKind as Kept, KeyRow, Operator, PhoneRow};

/// Of one phone: the most that one of our makers has on the phone itself.
pub const KEYS_MAX: usize = 40;
const TARGET_BYTES_MAX: usize = 128;
const LABEL_CHARS_MAX: usize = 64;

/// What is wrong with the list of keys that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFault {
    /// Which one, from 0; `None`: the list.
    pub at: Option<usize>,
    /// As it was given, by which people know a key.
    pub position: u32,
    pub field: &'static str,
    pub english: String,
    pub french: String,
}

impl KeyFault {
    fn new(at: (usize, u32), field: &'static str, english: String, french: String) -> Self {
        Self { at: Some(at.0), position: at.1, field, english, french }
    }
}

impl From<KeyFault> for Refusal {
    fn from(fault: KeyFault) -> Self {
        let at = fault.at.map_or(String::new(), |_| format!("key {}: ", fault.position));
        Self::new(Why::Invalid, format!("{at}{}", fault.english))
    }
}

impl Door {
    /// What is wrong with these keys for this phone, if anything is.
    pub(crate) fn key_fault(&self, phone: &str, keys: &[KeyView]) -> Result<Option<KeyFault>, Refusal> {
        Ok(read(keys, &self.phone_row(phone)?, self.house().directory()).err())
    }

    /// Puts these in place of all keys of a phone, and asks it to fetch them where it is registered.
    pub(super) fn set_keys(
        &self,
        operator: &Operator,
        phone: &str,
        keys: &[KeyView],
    ) -> Result<PhoneView, Refusal> {
        let row = self.phone_row(phone)?;
        let rows = read(keys, &row, self.house().directory())?;
        if operator.is_rehearsing() {
            return Err(Refusal::new(Why::Rehearsed, "it would be done"));
        }
        let rows = with_cleared(rows, &row.keys);
        if rows != row.keys {
            let at_ms = self.house().unix_time_ms();
            self.records().put_keys(operator, row.id, &rows, at_ms).map_err(unreadable)?;
            self.ask_to_fetch(operator, &row);
        }
        Ok(self.phone_view(&self.phone_row(phone)?))
    }

    /// By the first of its lines over which it can be reached: one is enough, and more would let it fetch as often.
    pub(super) fn ask_to_fetch(&self, operator: &Operator, row: &PhoneRow) {
        for (aor, device) in &row.lines {
            let told = self.sync(operator, aor.as_str(), Some(&device.0.to_string()), false);
            match told {
                Ok(0) => {}
                Ok(_) => return,
                // It fetches when it starts next.
                Err(why) => tracing::warn!(why = why.text, phone = row.id.0, "a phone is not asked to fetch"),
            }
        }
    }
}

/// A phone keeps what it is not told, so a key that is no more is told to do nothing.
fn with_cleared(mut rows: Vec<KeyRow>, before: &[KeyRow]) -> Vec<KeyRow> {
    let gone = before.iter().filter(|old| rows.iter().all(|row| row.position != old.position));
    let cleared = |old: &KeyRow| KeyRow {
        position: old.position,
        kind: Kept::Cleared,
        line: 1,
        target: "".into(),
        label: "".into(),
    };
    let cleared: Vec<KeyRow> = gone.map(cleared).collect();
    rows.extend(cleared);
    rows.sort_by_key(|row| row.position);
    rows
}

fn read(keys: &[KeyView], phone: &PhoneRow, directory: &Directory) -> Result<Vec<KeyRow>, KeyFault> {
    if keys.len() > KEYS_MAX {
        return Err(KeyFault {
            at: None,
            position: 0,
            field: "",
            english: format!("a phone has at most {KEYS_MAX} keys"),
            french: format!("un téléphone a au plus {KEYS_MAX} touches"),
        });
    }
    let mut rows: Vec<KeyRow> = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        let row = read_one(at, key, phone, directory)?;
        if rows.iter().any(|other| other.position == row.position) {
            return Err(KeyFault::new(
                (at, key.position),
                "position",
                format!("position {} is there twice", row.position),
                format!("la position {} est donnée deux fois", row.position),
            ));
        }
        rows.push(row);
    }
    rows.sort_by_key(|row| row.position);
    Ok(rows)
}

fn read_one(at: usize, key: &KeyView, phone: &PhoneRow, directory: &Directory) -> Result<KeyRow, KeyFault> {
    let KeyView { position, line, .. } = *key;
    let at = (at, position);
    let position = u8::try_from(position).ok().filter(|known| (1..=KEYS_MAX as u8).contains(known));
    let position = position.ok_or_else(|| {
        KeyFault::new(
            at,
            "position",
            format!("a position is from 1 to {KEYS_MAX}"),
            format!("une position va de 1 à {KEYS_MAX}"),
        )
    })?;
    let kind = kind(&key.kind).ok_or_else(|| {
        KeyFault::new(
            at,
            "kind",
            format!("`{}` is none of line, blf, speed_dial, none", key.kind),
            format!("« {} » n'est pas l'un de line, blf, speed_dial, none", key.kind),
        )
    })?;
    let number = u8::try_from(line).ok().filter(|line| *line >= 1);
    let of = number.and_then(|line| phone.lines.get(usize::from(line) - 1));
    let (Some(line), Some((account, _))) = (number, of) else {
        let most = phone.lines.len();
        return Err(KeyFault::new(
            at,
            "line",
            format!("this phone has the lines 1 to {most}"),
            format!("ce téléphone a les lignes 1 à {most}"),
        ));
    };
    let target = key.target.trim();
    // An address as SIP writes it; the phone's file has it without.
    let target = target.strip_prefix("sip:").unwrap_or(target);
    check_target(at, kind, target)?;
    if kind == Kept::Blf && !is_of_its_tenant(target, account, directory) {
        return Err(KeyFault::new(
            at,
            "target",
            format!("`{target}` is no address of the tenant of {account}"),
            format!("« {target} » n'est pas une adresse de l'organisation de {account}"),
        ));
    }
    let label = key.label.trim();
    if label.chars().count() > LABEL_CHARS_MAX || !is_plain(label) {
        return Err(KeyFault::new(
            at,
            "label",
            format!(
                "a label has at most {LABEL_CHARS_MAX} characters, and none that control, are not seen or turn the direction of writing"
            ),
            format!(
                "un libellé a au plus {LABEL_CHARS_MAX} caractères, sans caractère de contrôle, invisible ou qui change le sens de l'écriture"
            ),
        ));
    }
    Ok(KeyRow { position, kind, line, target: target.into(), label: label.into() })
}

fn kind(name: &str) -> Option<Kept> {
    [Kept::Line, Kept::Blf, Kept::SpeedDial, Kept::None].into_iter().find(|kind| kind.as_str() == name)
}

/// What a phone can dial or watch: a number, a name or an address, without what ends a part of some maker's file.
fn check_target(at: (usize, u32), kind: Kept, target: &str) -> Result<(), KeyFault> {
    let fault =
        |english: &str, french: &str| Err(KeyFault::new(at, "target", english.to_owned(), french.to_owned()));
    let is_wanted = matches!(kind, Kept::Blf | Kept::SpeedDial);
    if target.is_empty() {
        return match is_wanted {
            true => fault("such a key needs somebody to call", "une telle touche a besoin d'un destinataire"),
            false => Ok(()),
        };
    }
    if !is_wanted {
        return fault("such a key calls nobody", "une telle touche n'appelle personne");
    }
    let is_dial = |c: char| c.is_ascii_alphanumeric() || "+*#.-_~@".contains(c);
    let is_dialled = target.len() <= TARGET_BYTES_MAX
        && target.chars().all(is_dial)
        && (!target.contains('@') || Aor::parse(target).is_ok());
    match is_dialled {
        true => Ok(()),
        false => fault(
            "this is no number, name or address that a phone can dial",
            "ce n'est ni un numéro, ni un nom, ni une adresse qu'un téléphone peut composer",
        ),
    }
}

fn is_of_its_tenant(target: &str, account: &Aor, directory: &Directory) -> bool {
    let aor = match target.contains('@') {
        true => Aor::parse(target),
        false => Aor::new(target, account.domain()),
    };
    let Ok(aor) = aor else { return false };
    let by_alias = || directory.account_by_alias(aor.user().as_bytes(), aor.domain().as_bytes());
    let watched = directory.account_of(&aor).or_else(by_alias);
    let own = directory.account_of(account);
    watched.zip(own).is_some_and(|(watched, own)| directory.tenant_of(&watched) == directory.tenant_of(&own))
}

/// As its file is written from it.
pub(super) fn of_model(row: &KeyRow, lines: &[(Aor, coeur_directory::DeviceId)]) -> Key {
    let kind = match row.kind {
        Kept::Line => KeyKind::Line,
        Kept::Blf => KeyKind::Busy,
        Kept::SpeedDial => KeyKind::Speed,
        Kept::None | Kept::Cleared => KeyKind::None,
    };
    // Of its own domain a phone knows names, and shows them.
    let domain =
        usize::from(row.line).checked_sub(1).and_then(|at| lines.get(at)).map(|(aor, _)| aor.domain());
    let value = match (row.target.split_once('@'), domain) {
        (Some((user, of)), Some(domain)) if of.eq_ignore_ascii_case(domain) => user,
        (Some(_) | None, _) => &row.target,
    };
    Key {
        position: row.position,
        kind,
        line: row.line,
        value: Text::new(value),
        label: Text::new(if row.label.is_empty() { value } else { &row.label }),
    }
}

/// As they were set, and the positions of those that such a phone cannot be told.
pub(super) fn shown(row: &PhoneRow, vendor: Option<coeur_provisioning::Vendor>) -> (Vec<KeyView>, Vec<u8>) {
    let set = row.keys.iter().filter(|key| key.kind != Kept::Cleared);
    let said = |key: &KeyRow| {
        vendor.is_some_and(|vendor| can_say(vendor, &row.model, row.lines.len(), &of_model(key, &row.lines)))
    };
    let unsupported = set.clone().filter(|key| !said(key)).map(|key| key.position).collect();
    let view = |key: &KeyRow| KeyView {
        position: u32::from(key.position),
        kind: key.kind.as_str().to_owned(),
        line: u32::from(key.line),
        target: key.target.to_string(),
        label: key.label.to_string(),
    };
    (set.map(view).collect(), unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u8, kind: Kept) -> KeyRow {
        KeyRow { position, kind, line: 1, target: "".into(), label: "".into() }
    }

    #[test]
    fn a_wrong_key_is_named_by_the_position_that_was_given() {
        let fault = KeyFault::new((2, 41), "position", "no".to_owned(), "non".to_owned());
        assert_eq!(Refusal::from(fault).text, "key 41: no");
    }

    #[test]
    fn a_key_that_is_no_more_is_told_to_do_nothing_and_one_that_comes_back_is_told_again() {
        let before = [row(1, Kept::Line), row(2, Kept::Blf), row(5, Kept::Cleared)];
        let after = with_cleared(vec![row(2, Kept::None), row(5, Kept::Line)], &before);
        assert_eq!(after, [row(1, Kept::Cleared), row(2, Kept::None), row(5, Kept::Line)]);
    }
}
