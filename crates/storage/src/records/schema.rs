//! The schema and how it came to be. A migration is never changed once released; a new one is added.

use super::{contacts, hooks, inventory, phone_passwords, phones};
use crate::error::StorageError;
use rusqlite::Connection;
use std::path::Path;

/// The schema that the first of the migrations makes. Those before it were never released, and had an audit chain that
/// anybody could write: no such chain is ever taken for one of ours.
const FIRST: u32 = 3;

const MIGRATIONS: &[&str] = &[
    // 3
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
     ) STRICT;
     -- the last numbers given out, so that none is given again when what had it is gone
     CREATE TABLE numbers (kind TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     INSERT INTO numbers VALUES ('account', 0), ('device', 0);",
    // 4: forwarding; what is NULL is the rule of an account that has none
    "ALTER TABLE accounts ADD COLUMN forward_always TEXT;
     ALTER TABLE accounts ADD COLUMN forward_busy TEXT;
     ALTER TABLE accounts ADD COLUMN forward_no_answer TEXT;
     ALTER TABLE accounts ADD COLUMN forward_offline TEXT;
     ALTER TABLE accounts ADD COLUMN forward_after_s INTEGER;
     ALTER TABLE accounts ADD COLUMN do_not_disturb INTEGER NOT NULL DEFAULT 0;",
    // 5: records of calls; names sort by time, accounts and devices may be gone since
    "CREATE TABLE calls (
        id BLOB PRIMARY KEY, ring_after_ms INTEGER, answered_at_ms INTEGER, ended_at_ms INTEGER NOT NULL,
        status INTEGER NOT NULL, ended_by TEXT NOT NULL, reason TEXT, q850_cause INTEGER, wanted TEXT NOT NULL,
        media TEXT, transfer_of BLOB, forwarded_by TEXT, verdict TEXT, worst_mos INTEGER
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE call_sides (
        call BLOB NOT NULL REFERENCES calls(id) ON DELETE CASCADE, side INTEGER NOT NULL, account TEXT, device INTEGER,
        address TEXT NOT NULL, user_agent TEXT NOT NULL, transport TEXT, remote TEXT, call_id TEXT NOT NULL, codec TEXT,
        protection TEXT, received_packets INTEGER, received_lost INTEGER, received_jitter_us INTEGER,
        received_mos INTEGER, sent_packets INTEGER, sent_lost INTEGER, sent_jitter_us INTEGER, sent_mos INTEGER,
        round_trip_us INTEGER, PRIMARY KEY (call, side)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX calls_of_account ON call_sides(account, call) WHERE account IS NOT NULL;",
    // 6: whose calls others may pick up
    "ALTER TABLE accounts ADD COLUMN picked_up INTEGER NOT NULL DEFAULT 0;",
    // 7: in which groups they pick up each other's, names with commas between
    "ALTER TABLE accounts ADD COLUMN pickup_groups TEXT NOT NULL DEFAULT '';",
    // 8: whose calls are recorded, and the recordings there are; a call may have no record any more, or not yet
    "ALTER TABLE accounts ADD COLUMN record TEXT NOT NULL DEFAULT 'off';
     CREATE TABLE recordings (
        call BLOB NOT NULL, part INTEGER NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
        began_at_ms INTEGER NOT NULL, recorded_ms INTEGER NOT NULL, lost_ms INTEGER NOT NULL, pauses TEXT NOT NULL,
        asked_by TEXT NOT NULL, ended TEXT NOT NULL, PRIMARY KEY (call, part)
     ) STRICT, WITHOUT ROWID;",
    // 9: how devices say their keys
    "ALTER TABLE devices ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto';",
    // 10: phones that are told their accounts
    phones::MIGRATION,
    // 11: tenants and users; the first tenant is there before anybody names it
    "CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
     INSERT INTO tenants VALUES (1, 'default');
     CREATE TABLE users (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants(id), kind TEXT NOT NULL,
        login TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, email TEXT NOT NULL, language TEXT NOT NULL,
        role TEXT NOT NULL, enabled INTEGER NOT NULL
     ) STRICT;
     ALTER TABLE domains ADD COLUMN tenant INTEGER NOT NULL DEFAULT 1;
     ALTER TABLE accounts ADD COLUMN owner INTEGER REFERENCES users(id);
     INSERT INTO numbers VALUES ('tenant', 1), ('user', 0);",
    // 12: how people and programs prove who they are
    "CREATE TABLE sign_in_links (user INTEGER PRIMARY KEY, hash BLOB NOT NULL, until_ms INTEGER NOT NULL) STRICT;
     CREATE TABLE passwords (user INTEGER PRIMARY KEY, phc TEXT NOT NULL) STRICT;
     CREATE TABLE authenticators (user INTEGER PRIMARY KEY, secret BLOB NOT NULL, step INTEGER NOT NULL) STRICT;
     CREATE TABLE recovery_codes (
        user INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (user, hash)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE passkeys (
        id BLOB PRIMARY KEY, user INTEGER NOT NULL, public_key BLOB NOT NULL, counter INTEGER NOT NULL,
        name TEXT NOT NULL, added_at_ms INTEGER NOT NULL, used_at_ms INTEGER
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE sessions (
        hash BLOB PRIMARY KEY, user INTEGER NOT NULL, way TEXT NOT NULL, begun_at_ms INTEGER NOT NULL,
        proved_at_ms INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE tokens (
        id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, user INTEGER NOT NULL, name TEXT NOT NULL,
        scopes TEXT NOT NULL, network TEXT, made_at_ms INTEGER NOT NULL, expires_at_ms INTEGER, used_at_ms INTEGER
     ) STRICT;",
    // 13: groups, rights and quota, further addresses
    "ALTER TABLE tenants ADD COLUMN terms TEXT NOT NULL DEFAULT '';
     ALTER TABLE tenants ADD COLUMN numbering TEXT NOT NULL DEFAULT '';
     CREATE TABLE account_groups (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants(id), name TEXT NOT NULL,
        terms TEXT NOT NULL, together_max INTEGER, UNIQUE (tenant, name)
     ) STRICT;
     ALTER TABLE accounts ADD COLUMN terms TEXT NOT NULL DEFAULT '';
     UPDATE accounts SET terms = 'relay=yes' WHERE relay_foreign = 1;
     ALTER TABLE accounts DROP COLUMN relay_foreign;
     ALTER TABLE accounts ADD COLUMN in_groups TEXT NOT NULL DEFAULT '';
     CREATE TABLE aliases (
        user TEXT NOT NULL, domain TEXT NOT NULL REFERENCES domains(name),
        account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE, UNIQUE (domain, user)
     ) STRICT;
     CREATE INDEX aliases_of_account ON aliases(account);
     INSERT INTO numbers VALUES ('group', 0);",
    // 14: what accounts have talked, whatever is kept of their calls
    "CREATE TABLE talked (
        account INTEGER NOT NULL, day INTEGER NOT NULL, seconds INTEGER NOT NULL, PRIMARY KEY (account, day)
     ) STRICT, WITHOUT ROWID;",
    // 15: for whom other servers vouch
    "CREATE TABLE identities (
        issuer TEXT NOT NULL, subject TEXT NOT NULL, user INTEGER NOT NULL, PRIMARY KEY (issuer, subject)
     ) STRICT, WITHOUT ROWID;",
    // 16: what was answered to whoever asks again
    "CREATE TABLE answers (
        asker TEXT NOT NULL, key BLOB NOT NULL, asked BLOB NOT NULL, at_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL, PRIMARY KEY (asker, key)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX answers_by_time ON answers(at_ms);",
    // 17: webhooks and their deliveries
    hooks::MIGRATION,
    // 18: since when an account is whose it is; of those that were there before, always
    "ALTER TABLE accounts ADD COLUMN owned_since_ms INTEGER NOT NULL DEFAULT 0;",
    // 19: contacts
    contacts::MIGRATION,
    // 20: keys of phones
    phones::KEYS,
    // 21: passwords of phones' own pages
    phone_passwords::MIGRATION,
    // 22: numbers that tenants have
    inventory::MIGRATION,
];

/// What a database has in which nothing was made yet.
pub(super) const NONE: u32 = 0;

/// The newest schema.
pub(super) fn known() -> u32 {
    FIRST + MIGRATIONS.len() as u32 - 1
}

/// True when the audit chain of this schema is of the kind that we write.
pub(super) fn has_our_chain(found: u32) -> bool {
    (FIRST..=known()).contains(&found)
}

/// The schema of this database, if this program can use it.
pub(super) fn found(connection: &Connection, path: &Path) -> Result<u32, StorageError> {
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(StorageError::sql("read the schema of", path))?;
    match found {
        NONE => Ok(found),
        _ if found < FIRST => Err(StorageError::TooOld { found }),
        _ if found > known() => Err(StorageError::TooNew { found, known: known() }),
        _ => Ok(found),
    }
}

/// Brings the database from the schema that was found to the newest, each step in a transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path, found: u32) -> Result<(), StorageError> {
    for (migration, makes) in MIGRATIONS.iter().zip(FIRST..).filter(|(_, makes)| *makes > found) {
        let step = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", makes)?;
            transaction.commit()
        };
        step(connection).map_err(StorageError::sql("migrate", path))?;
    }
    Ok(())
}
