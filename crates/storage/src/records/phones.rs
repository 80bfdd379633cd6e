//! Phones that are told their accounts by us, and the links where they fetch what they are told. Of a link only the hash of
//! its token is kept: who reads the database opens none.

use super::{Operator, PhonePassword};
use crate::error::StorageError;
use coeur_directory::{Aor, DeviceId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Phones of one list: 1 kB each at most, 10 MB.
pub const PHONES_MAX: usize = 10_000;

/// Links of one phone that are kept: the last ones, for what is asked of an older one to be told as used.
const LINKS_OF_PHONE_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneId(pub u64);

/// SHA-256 of the token of a link.
pub type TokenHash = [u8; 32];

/// A phone, as `coeur-provisioning` reads its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneRow {
    pub id: PhoneId,
    pub vendor: Box<str>,
    pub model: Box<str>,
    /// Twelve digits, lower case; `None`: not known yet.
    pub mac: Option<Box<str>>,
    /// `en` or `fr`.
    pub language: Box<str>,
    /// ISO 3166.
    pub country: Box<str>,
    /// `udp`, `tcp` or `tls`.
    pub transport: Box<str>,
    /// Its accounts, the first first. Never empty when it is read: a phone goes with its last device.
    pub lines: Vec<(Aor, DeviceId)>,
    pub created_at_s: u64,
    /// What it said of itself when it fetched last; empty: it has not.
    pub user_agent: Box<str>,
    pub fetched_at_s: Option<u64>,
    /// Its keys that were set, by their positions; [`PhoneRecords::put_phone`] leaves them as they are.
    pub keys: Vec<KeyRow>,
    /// When what it is told was changed last.
    pub changed_at_s: Option<u64>,
}

/// A programmable key of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// From 1.
    pub position: u8,
    pub kind: KeyKind,
    /// The line that it uses, from 1.
    pub line: u8,
    pub target: Box<str>,
    pub label: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Line,
    Blf,
    SpeedDial,
    None,
    /// It was set, and is no more: the phone is told that it does nothing, and nobody is shown it.
    Cleared,
}

impl KeyKind {
    const ALL: [Self; 5] = [Self::Line, Self::Blf, Self::SpeedDial, Self::None, Self::Cleared];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Blf => "blf",
            Self::SpeedDial => "speed_dial",
            Self::None => "none",
            Self::Cleared => "cleared",
        }
    }
}

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Gives the settings with new secrets, once, until it is over.
    Once,
    /// The phone's own, for as long as the phone is there.
    Own,
}

impl LinkKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Own => "own",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    pub hash: TokenHash,
    pub phone: PhoneId,
    pub kind: LinkKind,
    /// Of [`LinkKind::Once`].
    pub expires_at_s: u64,
    /// When it gave the settings first.
    pub used_at_s: Option<u64>,
    /// From where, as an IP address.
    pub used_by: Option<Box<str>>,
}

/// Who keeps no phones says so by these: there are none.
pub trait PhoneRecords {
    /// Makes the phone, or, if there is one of this number, puts this in its place, and a link to it. Links of before that
    /// give secrets are over.
    fn put_phone(
        &mut self,
        _operator: &Operator,
        _phone: &PhoneRow,
        _link: &LinkRow,
        _at_ms: u64,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    /// A number that no phone has or has had.
    fn next_phone_id(&mut self) -> Result<PhoneId, StorageError> {
        Ok(PhoneId(1))
    }

    /// By their numbers.
    fn phones(&mut self) -> Result<Vec<PhoneRow>, StorageError> {
        Ok(Vec::new())
    }

    fn phone(&mut self, _id: PhoneId) -> Result<Option<PhoneRow>, StorageError> {
        Ok(None)
    }

    /// The phone with this line.
    fn phone_of(&mut self, _device: DeviceId) -> Result<Option<PhoneRow>, StorageError> {
        Ok(None)
    }

    fn link(&mut self, _hash: &TokenHash) -> Result<Option<LinkRow>, StorageError> {
        Ok(None)
    }

    /// Notes that a phone has fetched its settings, what it is, and its own link where it was given one; a link that is good
    /// once is used from then on. False, and nothing is changed: somebody else has used it since it was read. With an audit row.
    fn fetched(
        &mut self,
        _link: &LinkRow,
        _phone: &PhoneRow,
        _own: Option<&TokenHash>,
        _at_ms: u64,
    ) -> Result<bool, StorageError> {
        Ok(true)
    }

    /// Puts these in place of all keys of a phone. With an audit row.
    fn put_keys(
        &mut self,
        _operator: &Operator,
        _phone: PhoneId,
        _keys: &[KeyRow],
        _at_ms: u64,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    /// Of its own web page and menu.
    fn phone_password(&mut self, _phone: PhoneId) -> Result<Option<PhonePassword>, StorageError> {
        Ok(None)
    }

    /// In place of the one of before, and under this action in the audit.
    fn put_phone_password(
        &mut self,
        _operator: &Operator,
        _phone: PhoneId,
        _action: &'static str,
        _password: &PhonePassword,
        _at_ms: u64,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    /// Notes that the phone was told the one of now.
    fn phone_password_told(&mut self, _phone: PhoneId, _at_s: u64) -> Result<(), StorageError> {
        Ok(())
    }

    /// Since when an account is whose it is.
    fn owned_since_ms(&mut self, _aor: &Aor) -> Result<u64, StorageError> {
        Ok(0)
    }

    fn remove_phone(&mut self, _operator: &Operator, _id: PhoneId, _at_ms: u64) -> Result<(), StorageError> {
        Ok(())
    }
}

pub(super) const MIGRATION: &str = "CREATE TABLE phones (
        id INTEGER PRIMARY KEY, vendor TEXT NOT NULL, model TEXT NOT NULL, mac TEXT UNIQUE, language TEXT NOT NULL,
        country TEXT NOT NULL, transport TEXT NOT NULL, created_at_s INTEGER NOT NULL, user_agent TEXT NOT NULL,
        fetched_at_s INTEGER
     ) STRICT;
     CREATE TABLE phone_lines (
        phone INTEGER NOT NULL REFERENCES phones(id) ON DELETE CASCADE, place INTEGER NOT NULL,
        device INTEGER NOT NULL UNIQUE REFERENCES devices(id) ON DELETE CASCADE, PRIMARY KEY (phone, place)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE phone_links (
        hash BLOB PRIMARY KEY, phone INTEGER NOT NULL REFERENCES phones(id) ON DELETE CASCADE, kind TEXT NOT NULL,
        expires_at_s INTEGER NOT NULL, used_at_s INTEGER, used_by TEXT, made INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX links_of_phone ON phone_links(phone, made);
     INSERT INTO numbers VALUES ('phone', 0);";

/// Of schema 20.
pub(super) const KEYS: &str = "CREATE TABLE phone_keys (
        phone INTEGER NOT NULL REFERENCES phones(id) ON DELETE CASCADE, position INTEGER NOT NULL, kind TEXT NOT NULL,
        line INTEGER NOT NULL, target TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY (phone, position)
     ) STRICT, WITHOUT ROWID;
     ALTER TABLE phones ADD COLUMN changed_at_s INTEGER;";

pub(super) fn put_keys(
    transaction: &Transaction<'_>,
    phone: PhoneId,
    keys: &[KeyRow],
    at_s: u64,
) -> rusqlite::Result<bool> {
    let id = phone.0 as i64;
    let changed = "UPDATE phones SET changed_at_s = ?2 WHERE id = ?1";
    if transaction.execute(changed, params![id, at_s as i64])? == 0 {
        return Ok(false);
    }
    transaction.execute("DELETE FROM phone_keys WHERE phone = ?1", [id])?;
    let sql =
        "INSERT INTO phone_keys (phone, position, kind, line, target, label) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = transaction.prepare_cached(sql)?;
    for key in keys {
        statement.execute(params![
            id,
            key.position,
            key.kind.as_str(),
            key.line,
            &*key.target,
            &*key.label
        ])?;
    }
    Ok(true)
}

/// Of its audit row.
pub(super) fn keys_detail(keys: &[KeyRow]) -> String {
    let key = |key: &KeyRow| {
        let target = if key.target.is_empty() { String::new() } else { format!(":{}", key.target) };
        format!("{}={}/{}{target}", key.position, key.kind.as_str(), key.line)
    };
    keys.iter().map(key).collect::<Vec<_>>().join(" ")
}

fn keys(connection: &Connection, phone: PhoneId) -> rusqlite::Result<Vec<KeyRow>> {
    let sql = "SELECT position, kind, line, target, label FROM phone_keys WHERE phone = ?1 ORDER BY position";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let kind = row.get_ref(1)?.as_str()?;
        // A word that is none of ours does nothing.
        let kind = KeyKind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap_or(KeyKind::None);
        Ok(KeyRow { position: row.get(0)?, kind, line: row.get(2)?, target: row.get(3)?, label: row.get(4)? })
    };
    statement.query_map([phone.0 as i64], read)?.collect()
}

pub(super) fn put(transaction: &Transaction<'_>, phone: &PhoneRow, link: &LinkRow) -> rusqlite::Result<()> {
    let id = phone.id.0 as i64;
    // A telephone that is given to somebody else, and a device that moves to another telephone, are no longer where they were.
    transaction
        .execute("DELETE FROM phones WHERE mac = ?1 AND id <> ?2", params![phone.mac.as_deref(), id])?;
    let sql = "INSERT INTO phones (id, vendor, model, mac, language, country, transport, created_at_s, user_agent, fetched_at_s)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET vendor = ?2, model = ?3, mac = ?4,
        language = ?5, country = ?6, transport = ?7";
    transaction.execute(
        sql,
        params![
            id,
            &*phone.vendor,
            &*phone.model,
            phone.mac.as_deref(),
            &*phone.language,
            &*phone.country,
            &*phone.transport,
            phone.created_at_s as i64,
            &*phone.user_agent,
            phone.fetched_at_s.map(|at| at as i64)
        ],
    )?;
    transaction.execute("DELETE FROM phone_lines WHERE phone = ?1", [id])?;
    for ((_, device), place) in phone.lines.iter().zip(1..) {
        transaction.execute("DELETE FROM phone_lines WHERE device = ?1", [device.0 as i64])?;
        transaction.execute(
            "INSERT INTO phone_lines (phone, place, device) VALUES (?1, ?2, ?3)",
            params![id, place, device.0 as i64],
        )?;
    }
    without_lines(transaction)?;
    // What was not fetched of an older link is fetched of none.
    let over = "UPDATE phone_links SET expires_at_s = 0 WHERE phone = ?1 AND kind = 'once'";
    transaction.execute(over, [id])?;
    add_link(transaction, link)?;
    let numbers = "UPDATE numbers SET last = ?1 WHERE kind = 'phone' AND last < ?1";
    transaction.execute(numbers, [id]).map(|_| ())
}

/// Phones whose last device is gone.
fn without_lines(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM phones WHERE id NOT IN (SELECT phone FROM phone_lines)";
    transaction.execute(sql, []).map(|_| ())
}

fn add_link(transaction: &Transaction<'_>, link: &LinkRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO phone_links (hash, phone, kind, expires_at_s, used_at_s, used_by, made)
        VALUES (?1, ?2, ?3, ?4, NULL, NULL, (SELECT coalesce(max(made), 0) + 1 FROM phone_links WHERE phone = ?2))";
    let id = link.phone.0 as i64;
    transaction.execute(sql, params![link.hash, id, link.kind.as_str(), link.expires_at_s as i64])?;
    let old = "DELETE FROM phone_links WHERE phone = ?1 AND made <=
        (SELECT max(made) FROM phone_links WHERE phone = ?1) - ?2";
    transaction.execute(old, params![id, LINKS_OF_PHONE_MAX as i64]).map(|_| ())
}

pub(super) fn fetched(
    transaction: &Transaction<'_>,
    link: &LinkRow,
    phone: &PhoneRow,
    own: Option<&TokenHash>,
) -> rusqlite::Result<bool> {
    let id = phone.id.0 as i64;
    // Of two who ask at one moment the second finds it used.
    let sql = "UPDATE phone_links SET used_at_s = coalesce(used_at_s, ?2), used_by = coalesce(used_by, ?3)
        WHERE hash = ?1 AND (kind = 'own' OR used_by IS NULL OR used_by = ?3)";
    let used = params![link.hash, link.used_at_s.map(|at| at as i64), link.used_by.as_deref()];
    if transaction.execute(sql, used)? == 0 {
        return Ok(false);
    }
    let sql = "UPDATE phones SET model = ?2, mac = coalesce(mac, ?3), user_agent = ?4, fetched_at_s = ?5 WHERE id = ?1";
    transaction.execute(
        sql,
        params![
            id,
            &*phone.model,
            phone.mac.as_deref(),
            &*phone.user_agent,
            phone.fetched_at_s.map(|at| at as i64)
        ],
    )?;
    if let Some(own) = own {
        // The one of before goes: there is one at a time.
        transaction.execute("DELETE FROM phone_links WHERE phone = ?1 AND kind = 'own'", [id])?;
        let own = LinkRow {
            hash: *own,
            phone: phone.id,
            kind: LinkKind::Own,
            expires_at_s: 0,
            used_at_s: None,
            used_by: None,
        };
        add_link(transaction, &own)?;
    }
    Ok(true)
}

pub(super) fn remove(transaction: &Transaction<'_>, id: PhoneId) -> rusqlite::Result<bool> {
    transaction.execute("DELETE FROM phones WHERE id = ?1", [id.0 as i64]).map(|removed| removed == 1)
}

pub(super) fn next(connection: &Connection) -> rusqlite::Result<PhoneId> {
    let sql = "SELECT last FROM numbers WHERE kind = 'phone'";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|last| PhoneId(last as u64 + 1))
}

const PHONES: &str =
    "SELECT id, vendor, model, mac, language, country, transport, created_at_s, user_agent, fetched_at_s,
    changed_at_s FROM phones";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<PhoneRow>> {
    let sql = format!("{PHONES} ORDER BY id LIMIT {PHONES_MAX}");
    let found: Vec<PhoneRow> =
        connection.prepare_cached(&sql)?.query_map([], read)?.collect::<Result<_, _>>()?;
    let found = found.into_iter().map(|phone| with_lines(connection, phone));
    found.filter_map(Result::transpose).collect()
}

pub(super) fn of(connection: &Connection, id: PhoneId) -> rusqlite::Result<Option<PhoneRow>> {
    let sql = format!("{PHONES} WHERE id = ?1");
    let found = connection.prepare_cached(&sql)?.query_row([id.0 as i64], read).optional()?;
    found.map_or(Ok(None), |phone| with_lines(connection, phone))
}

pub(super) fn of_device(connection: &Connection, device: DeviceId) -> rusqlite::Result<Option<PhoneRow>> {
    let sql = "SELECT phone FROM phone_lines WHERE device = ?1";
    let found: Option<i64> = connection.query_row(sql, [device.0 as i64], |row| row.get(0)).optional()?;
    found.map_or(Ok(None), |id| of(connection, PhoneId(id as u64)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<PhoneRow> {
    Ok(PhoneRow {
        id: PhoneId(row.get::<_, i64>(0)? as u64),
        vendor: row.get(1)?,
        model: row.get(2)?,
        mac: row.get(3)?,
        language: row.get(4)?,
        country: row.get(5)?,
        transport: row.get(6)?,
        lines: Vec::new(),
        created_at_s: row.get::<_, i64>(7)? as u64,
        user_agent: row.get(8)?,
        fetched_at_s: row.get::<_, Option<i64>>(9)?.map(|at| at as u64),
        keys: Vec::new(),
        changed_at_s: row.get::<_, Option<i64>>(10)?.map(|at| at as u64),
    })
}

/// `None`: its devices are gone, and it with them.
fn with_lines(connection: &Connection, mut phone: PhoneRow) -> rusqlite::Result<Option<PhoneRow>> {
    let sql = "SELECT accounts.user, accounts.domain, devices.id FROM phone_lines
        JOIN devices ON devices.id = phone_lines.device JOIN accounts ON accounts.id = devices.account
        WHERE phone = ?1 ORDER BY place";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([phone.id.0 as i64])?;
    while let Some(row) = rows.next()? {
        let Ok(aor) = Aor::new(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?) else { continue };
        phone.lines.push((aor, DeviceId(row.get::<_, i64>(2)? as u64)));
    }
    phone.keys = keys(connection, phone.id)?;
    Ok((!phone.lines.is_empty()).then_some(phone))
}

pub(super) fn link(connection: &Connection, hash: &TokenHash) -> rusqlite::Result<Option<LinkRow>> {
    let sql = "SELECT hash, phone, kind, expires_at_s, used_at_s, used_by FROM phone_links WHERE hash = ?1";
    let read = |row: &Row<'_>| {
        Ok(LinkRow {
            hash: row.get(0)?,
            phone: PhoneId(row.get::<_, i64>(1)? as u64),
            kind: if row.get_ref(2)?.as_str()? == "own" { LinkKind::Own } else { LinkKind::Once },
            expires_at_s: row.get::<_, i64>(3)? as u64,
            used_at_s: row.get::<_, Option<i64>>(4)?.map(|at| at as u64),
            used_by: row.get(5)?,
        })
    };
    connection.prepare_cached(sql)?.query_row([hash], read).optional()
}

impl PhoneRow {
    /// Of its audit rows.
    pub(super) fn subject(&self) -> String {
        format!("phone {}", self.id.0)
    }

    pub(super) fn detail(&self) -> String {
        let lines: Vec<String> =
            self.lines.iter().map(|(aor, device)| format!("{aor}/{}", device.0)).collect();
        let mac = self.mac.as_deref().unwrap_or("-");
        format!("vendor={} model={:?} mac={mac} lines={}", self.vendor, self.model, lines.join(","))
    }
}
