//! The passwords of phones' own web pages and menus: sealed for their phone, so that who reads the database opens none.

use super::PhoneId;
use crate::seal::SealKey;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use zeroize::Zeroizing;

/// Has no `Debug`: it may be in no log.
pub struct PhonePassword {
    pub now: Zeroizing<String>,
    /// What the phone has until it fetches the one of now.
    pub before: Option<Zeroizing<String>>,
    /// When the phone was first told the one of now.
    pub told_at_s: Option<u64>,
}

/// Of schema 21.
pub(super) const MIGRATION: &str = "ALTER TABLE phones ADD COLUMN password BLOB;
     ALTER TABLE phones ADD COLUMN password_before BLOB;
     ALTER TABLE phones ADD COLUMN password_told_at_s INTEGER;";

/// For which it is sealed: moved to another phone it does not open.
fn context(phone: PhoneId) -> Vec<u8> {
    format!("phone password {}", phone.0).into_bytes()
}

/// As it lies on disk.
pub(super) struct Sealed {
    now: Vec<u8>,
    before: Option<Vec<u8>>,
    told_at_s: Option<u64>,
}

pub(super) fn sealed(key: &SealKey, phone: PhoneId, password: &PhonePassword) -> Sealed {
    let seal = |text: &Zeroizing<String>| key.seal_secret(text.as_bytes(), &context(phone));
    let PhonePassword { now, before, told_at_s } = password;
    Sealed { now: seal(now), before: before.as_ref().map(seal), told_at_s: *told_at_s }
}

/// In place of the one of before; false: there is no such phone.
pub(super) fn put(
    transaction: &Transaction<'_>,
    phone: PhoneId,
    password: &Sealed,
    at_s: u64,
) -> rusqlite::Result<bool> {
    let sql = "UPDATE phones SET password = ?2, password_before = ?3, password_told_at_s = ?4, changed_at_s = ?5 WHERE id = ?1";
    let changed = transaction.execute(
        sql,
        params![
            phone.0 as i64,
            password.now,
            password.before,
            password.told_at_s.map(|at| at as i64),
            at_s as i64
        ],
    )?;
    Ok(changed == 1)
}

/// From then on the phone has the one of now, and that of before is worth nothing.
pub(super) fn told(connection: &Connection, phone: PhoneId, at_s: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE phones SET password_told_at_s = ?2, password_before = NULL WHERE id = ?1";
    connection.execute(sql, params![phone.0 as i64, at_s as i64]).map(|_| ())
}

/// `None`: it has none, or what it has does not open with our key.
pub(super) fn of(
    connection: &Connection,
    key: &SealKey,
    phone: PhoneId,
) -> rusqlite::Result<Option<PhonePassword>> {
    let sql = "SELECT password, password_before, password_told_at_s FROM phones WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let open =
            |at| {
                let sealed = row.get::<_, Option<Vec<u8>>>(at)?;
                let opened = sealed.and_then(|sealed| key.open_secret(&sealed, &context(phone)));
                Ok::<_, rusqlite::Error>(opened.and_then(|text| {
                    std::str::from_utf8(&text).ok().map(|text| Zeroizing::new(text.to_owned()))
                }))
            };
        let Some(now) = open(0)? else { return Ok(None) };
        let told_at_s = row.get::<_, Option<i64>>(2)?.map(|at| at as u64);
        Ok(Some(PhonePassword { now, before: open(1)?, told_at_s }))
    };
    connection.prepare_cached(sql)?.query_row([phone.0 as i64], read).optional().map(Option::flatten)
}
