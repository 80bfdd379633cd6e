//! Looking at the database without changing it: is it whole, does the audit chain hold, do the credentials open?

use super::audit::{self, Chain};
use super::{FILE, head, rows, schema};
use crate::error::StorageError;
use crate::seal::SealKey;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordsReport {
    pub schema: u32,
    pub domains: u64,
    pub accounts: u64,
    pub devices: u64,
    pub audit: Chain,
    /// In words, for the operator; empty when all is well.
    pub problems: Vec<String>,
}

type Look = fn(&Connection, &Path, &mut RecordsReport) -> rusqlite::Result<()>;

/// Pages are checked for damage until so many are found.
const DAMAGES_MAX: u32 = 20;

/// A server may run on it meanwhile.
pub fn check(folder: &Path) -> Result<RecordsReport, StorageError> {
    let path = folder.join(FILE);
    // A path that is not there is an error of the file, and clearer than SQLite's.
    std::fs::metadata(&path).map_err(StorageError::io("open", &path))?;
    let connection = open(folder, &path)?;
    let mut report = RecordsReport::default();
    // Damage may stop one look and not the next.
    let looks: [Look; 4] = [pages, counts, credentials, chain];
    for look in looks {
        if let Err(why) = look(&connection, folder, &mut report) {
            let error = StorageError::sql("read", &path)(why);
            if !report.problems.contains(&error.to_string()) {
                report.problems.push(error.to_string());
            }
        }
    }
    Ok(report)
}

/// Writes the database, as it is after one of its commits, into a new file. A server may write meanwhile.
pub fn copy(folder: &Path, to: &Path) -> Result<(), StorageError> {
    let path = folder.join(FILE);
    std::fs::metadata(&path).map_err(StorageError::io("open", &path))?;
    let connection = open(folder, &path)?;
    let sql = "VACUUM INTO ?1";
    connection.execute(sql, [to.to_string_lossy()]).map_err(StorageError::sql("copy", &path))?;
    Ok(())
}

/// SQLite makes an index of its write-ahead log even for a reader. Where nothing can be made (a backup that is mounted to
/// be read) nobody writes either, and without a log the file alone is the database.
fn open(folder: &Path, path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(path, flags).map_err(StorageError::sql("open", path))?;
    let Err(why) = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) else {
        return Ok(connection);
    };
    if !matches!(why.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) {
        // Damage: each look tells of its own.
        return Ok(connection);
    }
    let log = folder.join(format!("{FILE}-wal"));
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(StorageError::sql("read", path)(why));
    }
    let uri = format!("file:{}?immutable=1", escaped(path));
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
        .map_err(StorageError::sql("open", path))
}

/// The path as a URI has it: only letters, digits and a few signs stand for themselves.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let each = path.as_os_str().as_bytes().iter();
    each.map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn pages(connection: &Connection, _: &Path, report: &mut RecordsReport) -> rusqlite::Result<()> {
    report.schema = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if report.schema != schema::known() {
        let (found, known) = (report.schema, schema::known());
        report.problems.push(format!("coeur.db has schema {found}, this program knows {known}"));
    }
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({DAMAGES_MAX})"))?;
    for text in statement.query_map([], |row| row.get::<_, String>(0))? {
        match text? {
            text if text == "ok" => {}
            text => report.problems.push(format!("coeur.db is damaged: {text}")),
        }
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let stray = statement.query_map([], |row| row.get::<_, String>(0))?.count();
    if stray > 0 {
        report.problems.push(format!("coeur.db: {stray} rows belong to a domain or an account that is gone"));
    }
    Ok(())
}

fn counts(connection: &Connection, _: &Path, report: &mut RecordsReport) -> rusqlite::Result<()> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0).map(|n| n as u64));
    report.domains = count("SELECT count(*) FROM domains")?;
    report.accounts = count("SELECT count(*) FROM accounts")?;
    report.devices = count("SELECT count(*) FROM devices")?;
    Ok(())
}

fn chain(connection: &Connection, folder: &Path, report: &mut RecordsReport) -> rusqlite::Result<()> {
    // Without the key nothing can be said, and its absence is told with the credentials; an older chain is of another
    // kind, and its schema is told.
    let Ok(key) = SealKey::existing(folder) else { return Ok(()) };
    if !schema::has_our_chain(report.schema) {
        return Ok(());
    }
    report.problems.extend(head::gap(connection, folder, key.chain())?);
    report.audit = audit::follow(connection, key.chain())?;
    for sequence in &report.audit.gaps {
        report.problems.push(format!("audit row {sequence} says that rows before it are missing"));
    }
    if let Some(sequence) = report.audit.broken_at {
        report.problems.push(format!(
            "the audit chain is broken at row {sequence}: that row, or one before it, was changed, removed or added by \
             something else than coeur"
        ));
    }
    Ok(())
}

fn credentials(connection: &Connection, folder: &Path, report: &mut RecordsReport) -> rusqlite::Result<()> {
    let key = match SealKey::existing(folder) {
        Ok(key) => key,
        Err(error) => {
            report.problems.push(format!("{error}: without this key no device can authenticate"));
            return Ok(());
        }
    };
    // The rows of an older schema have other columns, and its age is told.
    if report.schema != schema::known() {
        return Ok(());
    }
    let mut accounts = connection.prepare(rows::ACCOUNTS)?;
    let mut accounts = accounts.query([])?;
    let sql =
        "SELECT id, name, policy, created_at_s, proved_sha256, ha1, dtmf FROM devices WHERE account = ?1";
    let mut devices = connection.prepare(sql)?;
    let mut closed = 0;
    while let Some(row) = accounts.next()? {
        let Some(account) = rows::account(row)? else {
            report.problems.push(format!("account {} has an address that is none", row.get::<_, i64>(0)?));
            continue;
        };
        let mut devices = devices.query([account.id.0 as i64])?;
        while let Some(row) = devices.next()? {
            closed += u64::from(rows::device(row, &account, &key)?.is_none());
        }
    }
    if closed > 0 {
        report.problems.push(format!(
            "{closed} sealed credentials do not open: they were moved, or keys/seal.key belongs to another database"
        ));
    }
    Ok(())
}
