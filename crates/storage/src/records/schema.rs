//! The schema and how it came to be. A migration is never changed once released; a new one is added.

use super::audit;
use crate::error::StorageError;
use crate::seal::SealKey;
use rusqlite::Connection;
use std::path::Path;

enum Migration {
    Sql(&'static str),
    /// The audit rows get tags with a key instead of hashes.
    Tags,
}

const MIGRATIONS: &[Migration] = &[
    // 1
    Migration::Sql(
        "CREATE TABLE domains (
        name TEXT PRIMARY KEY, algorithm TEXT NOT NULL, contacts_max INTEGER NOT NULL,
        expires_min_s INTEGER NOT NULL, expires_default_s INTEGER NOT NULL, expires_max_s INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE accounts (
        id INTEGER PRIMARY KEY, user TEXT NOT NULL, domain TEXT NOT NULL REFERENCES domains(name),
        display_name TEXT NOT NULL, enabled INTEGER NOT NULL, policy TEXT NOT NULL, contacts_max INTEGER,
        relay_foreign INTEGER NOT NULL, UNIQUE (domain, user)
     ) STRICT;
     CREATE TABLE devices (
        id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE, name TEXT NOT NULL,
        policy TEXT NOT NULL, created_at_s INTEGER NOT NULL, proved_sha256 INTEGER NOT NULL, ha1 BLOB NOT NULL
     ) STRICT;
     CREATE INDEX devices_of_account ON devices(account);
     CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, operator TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL
     ) STRICT;",
     ),
    // 2: the last numbers given out, so that none is given again when what had it is gone
    Migration::Sql(
        "CREATE TABLE numbers (kind TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     INSERT INTO numbers SELECT 'account', coalesce(max(id), 0) FROM accounts;
     INSERT INTO numbers SELECT 'device', coalesce(max(id), 0) FROM devices;",
    ),
    // 3
    Migration::Tags,
];

/// The newest schema.
pub(super) fn known() -> u32 {
    MIGRATIONS.len() as u32
}

/// The first schema whose audit rows have tags.
pub(super) const TAGGED: u32 = 3;

/// Brings the database to the newest schema, each step in a transaction. Returns the schema that was found.
pub(super) fn migrate(connection: &mut Connection, path: &Path, key: &SealKey) -> Result<u32, StorageError> {
    let at: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(StorageError::sql("read the schema of", path))?;
    if at > known() {
        return Err(StorageError::TooNew { found: at, known: known() });
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(at as usize) {
        let doing = StorageError::sql("migrate", path);
        let step = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            match migration {
                Migration::Sql(text) => transaction.execute_batch(text)?,
                Migration::Tags => audit::tag_hashed(&transaction, key.chain())?,
            }
            transaction.pragma_update(None, "user_version", number as u32 + 1)?;
            transaction.commit()
        };
        step(connection).map_err(doing)?;
    }
    Ok(at)
}
