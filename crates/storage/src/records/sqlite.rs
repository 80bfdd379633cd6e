//! Records in embedded SQLite: write-ahead log, synchronous, bound parameters only.

use super::audit::{self, AuditRow};
use super::head::{self, Head};
use super::numbers::{self, Numbered, Numbers};
use super::{
    AnswerRow, CallQuery, CallReader, CallRow, DeliveryId, DeliveryRow, HookId, HookRecords, HookRow, Keep,
    KeyRow, LinkRow, Operator, PhoneId, PhonePassword, PhoneRecords, PhoneRow, Quality, QualityQuery,
    RecordingRow, Records, SignInChange, TalkedRow, TokenHash, answers, call_rows, contacts, groups, hooks,
    inventory, people, phone_passwords, phones, quality, recordings, rows, schema, sign_in,
};
use crate::error::StorageError;
use crate::private;
use crate::seal::SealKey;
use coeur_directory::{
    Account, AccountId, AccountPatch, Aor, Change, Device, DeviceId, Directory, Domain, Terms,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Sqlite {
    connection: Connection,
    folder: PathBuf,
    path: PathBuf,
    key: SealKey,
    numbers: Numbers,
    /// The end of the audit chain.
    head: Head,
    /// Records of calls; counted when the first is written.
    calls: Option<u64>,
    /// What the audit chain lacks, found at the start, in words.
    gap: Option<String>,
}

/// Name of the database in the data directory.
pub const FILE: &str = "coeur.db";

impl Sqlite {
    /// Opens (and migrates, or makes) `coeur.db` in the data directory. Without the key that sealed what is in it nothing is
    /// touched: the start would take all credentials for strangers', and their registrations away.
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        private::data_folder(folder).map_err(StorageError::io("create", folder))?;
        let path = folder.join(FILE);
        // SQLite gives the write-ahead log and its index the mode of the database.
        let narrowed = private::file(&path).and_then(|()| {
            ["coeur.db-wal", "coeur.db-shm"].iter().try_for_each(|name| private::narrow(&folder.join(name)))
        });
        narrowed.map_err(StorageError::io("open", &path))?;
        let mut connection = connect(&path).map_err(StorageError::sql("open", &path))?;
        let found = schema::found(&connection, &path)?;
        let key = match found {
            schema::NONE => SealKey::existing_or_made(folder)?,
            _ => SealKey::existing(folder)?,
        };
        schema::migrate(&mut connection, &path, found)?;
        rows::try_key(&connection, &key).map_err(StorageError::sql("read", &path))?.map_or(Ok(()), Err)?;
        let mut records = Self {
            connection,
            folder: folder.to_owned(),
            path,
            key,
            numbers: Numbers::default(),
            head: Head { rows: 0, tag: Vec::new() },
            calls: None,
            gap: None,
        };
        records.read_ends().map_err(StorageError::sql("read", &records.path))?;
        records.look_back()?;
        Ok(records)
    }

    /// How SQLite would do it.
    #[cfg(test)]
    pub(super) fn plan(&self, sql: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare(sql)?;
        statement.raw_query().mapped(|row| row.get("detail")).collect()
    }

    /// The last numbers given out, and the last row of the audit chain.
    fn read_ends(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
        let row: Option<(i64, Vec<u8>)> =
            self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        self.numbers = Numbers::read(&self.connection)?;
        self.head =
            row.map_or(Head { rows: 0, tag: Vec::new() }, |(rows, tag)| Head { rows: rows as u64, tag });
        Ok(())
    }

    /// Is the audit chain as long as it was? What is missing is written down once, as a row of the chain, and told to
    /// whoever loads.
    fn look_back(&mut self) -> Result<(), StorageError> {
        let found = head::gap(&self.connection, &self.folder, self.key.chain());
        let found = found.map_err(StorageError::sql("read the audit rows of", &self.path))?;
        let Some(text) = found else {
            if self.head.rows == 0 {
                self.write_head();
            }
            return Ok(());
        };
        self.gap = Some(format!("the audit chain in {} is cut: {text}", self.path.display()));
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let described = (audit::GAP, "coeur.db".to_owned(), text);
        let noted = self.append_with((&Operator::program(), at_ms), described, |_| Ok(true));
        if let Err(why) = noted {
            // A disk that is full must not keep the server from its phones; the next start finds it again.
            tracing::error!(%why, "the audit chain could not be written");
        }
        Ok(())
    }

    /// A row of the chain that is of no change in the directory, with what is written beside it, if that is new.
    fn append_with(
        &mut self,
        (operator, at_ms): (&Operator, u64),
        described: (&str, String, String),
        beside: impl Fn(&Transaction<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), StorageError> {
        let doing = StorageError::sql("write the audit row into", &self.path);
        let mut head = self.head.clone();
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            if !beside(&transaction)? {
                return Ok(());
            }
            append(&transaction, &self.key, &mut head, operator, at_ms, described)?;
            transaction.commit()
        };
        write(&mut self.connection).map_err(doing)?;
        self.head = head;
        self.write_head();
        Ok(())
    }

    /// The rows are committed: a head that stays behind only leaves more of them to be cut unseen.
    fn write_head(&self) {
        if let Err(why) = self.head.write(&self.folder, self.key.chain()) {
            tracing::error!(%why, "audit.head in {} could not be written", self.folder.display());
        }
    }
}

/// Appends a row to the audit chain, of which `head` is the end.
fn append(
    transaction: &Transaction<'_>,
    key: &SealKey,
    head: &mut Head,
    operator: &Operator,
    at_ms: u64,
    (action, subject, detail): (&str, String, String),
) -> rusqlite::Result<()> {
    let mut row = AuditRow {
        sequence: head.rows + 1,
        at_ms,
        operator: operator.name().into(),
        action: action.into(),
        subject,
        detail,
        tag: Vec::new(),
    };
    row.tag = row.tag_after(key.chain(), &head.tag);
    insert_audit(transaction, &row)?;
    *head = Head { rows: row.sequence, tag: row.tag };
    Ok(())
}

/// Whether there is a database in this data directory.
pub fn has_records(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// On a disk that is full there is no room for the index of the write-ahead log (32 kB). It is then kept in memory, for
/// which SQLite wants the database for itself: the lock of the data directory gives us that, and only the tools of
/// others are kept out.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    prepare(Connection::open(path)?, "NORMAL").or_else(|why| match why.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull) => {
            prepare(Connection::open(path)?, "EXCLUSIVE")
        }
        Some(_) | None => Err(why),
    })
}

fn prepare(connection: Connection, locking: &str) -> rusqlite::Result<Connection> {
    // The first read opens the index.
    connection.execute_batch(&format!(
        "PRAGMA locking_mode = {locking}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; SELECT count(*) FROM sqlite_schema;"
    ))?;
    Ok(connection)
}

/// A second connection: with a write-ahead log it reads while the first one writes, and neither waits.
struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// None where the first one has the database for itself.
    fn beside(first: &Connection, path: &Path) -> rusqlite::Result<Option<Self>> {
        let locking: String = first.query_row("PRAGMA locking_mode", [], |row| row.get(0))?;
        if !locking.eq_ignore_ascii_case("normal") {
            return Ok(None);
        }
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;")?;
        Ok(Some(Self { connection, path: path.to_owned() }))
    }
}

impl CallReader for Reader {
    fn calls(&mut self, query: &CallQuery) -> Result<Vec<CallRow>, StorageError> {
        call_rows::find(&self.connection, query).map_err(StorageError::sql("read the calls of", &self.path))
    }

    fn quality(&mut self, query: &QualityQuery) -> Result<Quality, StorageError> {
        quality::of(&self.connection, query).map_err(StorageError::sql("count the calls of", &self.path))
    }
}

impl Records for Sqlite {
    fn load(&mut self, into: &Directory) -> Result<Vec<String>, StorageError> {
        let doing = "read the accounts of";
        let mut unusable = Vec::new();
        unusable.extend(self.gap.clone());
        self.load_into(into, &mut unusable).map_err(StorageError::sql(doing, &self.path))?;
        Ok(unusable)
    }

    fn commit(
        &mut self,
        operator: &Operator,
        changes: &[Change],
        at_ms: u64,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), StorageError> {
        let mut head = self.head.clone();
        let doing = "write the change into";
        let transaction = self.connection.transaction().map_err(StorageError::sql(doing, &self.path))?;
        for (done, change) in changes.iter().enumerate() {
            write(&transaction, &self.key, change, at_ms).map_err(StorageError::sql(doing, &self.path))?;
            append(&transaction, &self.key, &mut head, operator, at_ms, audit::described(change))
                .map_err(StorageError::sql("write the audit row into", &self.path))?;
            if done % 1_000 == 999 {
                progress(done + 1);
            }
        }
        numbers::keep(&transaction, changes).map_err(StorageError::sql(doing, &self.path))?;
        transaction.commit().map_err(StorageError::sql(doing, &self.path))?;
        progress(changes.len());
        self.head = head;
        self.write_head();
        Ok(())
    }

    fn next_number(&mut self, of: Numbered) -> Result<u64, StorageError> {
        Ok(self.numbers.next(of))
    }

    fn setting(&mut self, key: &str) -> Result<Option<String>, StorageError> {
        self.connection
            .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(StorageError::sql("read a setting of", &self.path))
    }

    fn add_calls(&mut self, calls: &[CallRow], keep: Keep, now_ms: u64) -> Result<(), StorageError> {
        let before = match self.calls {
            Some(count) => count,
            None => call_rows::count(&self.connection)
                .map_err(StorageError::sql("count the calls of", &self.path))?,
        };
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let count = before + call_rows::add(&transaction, calls)?;
            let removed = call_rows::remove_old(&transaction, keep, count, (now_ms, calls.len()))?;
            transaction.commit()?;
            Ok(count.saturating_sub(removed))
        };
        let count = write(&mut self.connection).map_err(StorageError::sql("write calls into", &self.path))?;
        self.calls = Some(count);
        Ok(())
    }

    fn talked(&mut self, since_day: u32) -> Result<Vec<TalkedRow>, StorageError> {
        call_rows::talked(&self.connection, since_day)
            .map_err(StorageError::sql("read what accounts have talked of", &self.path))
    }

    fn calls(&mut self, query: &CallQuery) -> Result<Vec<CallRow>, StorageError> {
        call_rows::find(&self.connection, query).map_err(StorageError::sql("read the calls of", &self.path))
    }

    fn call(&mut self, id: u128) -> Result<Option<CallRow>, StorageError> {
        call_rows::of(&self.connection, id).map_err(StorageError::sql("read the calls of", &self.path))
    }

    fn quality(&mut self, query: &QualityQuery) -> Result<Quality, StorageError> {
        quality::of(&self.connection, query).map_err(StorageError::sql("count the calls of", &self.path))
    }

    fn reader(&self) -> Option<Box<dyn CallReader>> {
        Reader::beside(&self.connection, &self.path)
            .inspect_err(|why| tracing::warn!(%why, "records of calls are read by who writes them"))
            .unwrap_or_default()
            .map(|reader| Box::new(reader) as Box<dyn CallReader>)
    }

    fn add_recording(&mut self, recording: &RecordingRow, at_ms: u64) -> Result<(), StorageError> {
        let described = ("recording.kept", recording.subject(), recording.detail());
        let add = |transaction: &Transaction<'_>| recordings::add(transaction, recording);
        self.append_with((&Operator::program(), at_ms), described, add)
    }

    fn recordings(&mut self, call: u128) -> Result<Vec<RecordingRow>, StorageError> {
        recordings::of(&self.connection, call)
            .map_err(StorageError::sql("read the recordings of", &self.path))
    }

    fn newest_recordings(
        &mut self,
        before: Option<(u128, u16)>,
        limit: usize,
    ) -> Result<Vec<RecordingRow>, StorageError> {
        recordings::newest(&self.connection, before, limit)
            .map_err(StorageError::sql("read the recordings of", &self.path))
    }

    fn note(
        &mut self,
        operator: &Operator,
        action: &'static str,
        subject: &str,
        detail: &str,
        at_ms: u64,
    ) -> Result<(), StorageError> {
        self.append_with((operator, at_ms), (action, subject.to_owned(), detail.to_owned()), |_| Ok(true))
    }

    fn keep_sign_in(
        &mut self,
        operator: &Operator,
        changes: &[SignInChange],
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let mut head = self.head.clone();
        let mut write = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for change in changes {
                sign_in::write(&transaction, &self.key, change)?;
                if let Some(described) = sign_in::described(change) {
                    append(&transaction, &self.key, &mut head, operator, at_ms, described)?;
                }
            }
            transaction.commit()
        };
        write(&mut self.connection).map_err(StorageError::sql("write the change into", &self.path))?;
        self.head = head;
        self.write_head();
        Ok(())
    }

    fn commit_with_sign_in(
        &mut self,
        operator: &Operator,
        changes: &[Change],
        ways: &[SignInChange],
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let mut head = self.head.clone();
        let mut write_both = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for change in changes {
                write(&transaction, &self.key, change, at_ms)?;
                append(&transaction, &self.key, &mut head, operator, at_ms, audit::described(change))?;
            }
            numbers::keep(&transaction, changes)?;
            for change in ways {
                sign_in::write(&transaction, &self.key, change)?;
                if let Some(described) = sign_in::described(change) {
                    append(&transaction, &self.key, &mut head, operator, at_ms, described)?;
                }
            }
            transaction.commit()
        };
        write_both(&mut self.connection).map_err(StorageError::sql("write the change into", &self.path))?;
        self.head = head;
        self.write_head();
        Ok(())
    }

    fn sign_in(&mut self) -> Result<Vec<SignInChange>, StorageError> {
        sign_in::read(&self.connection, &self.key)
            .map_err(StorageError::sql("read how people sign in from", &self.path))
    }

    fn keep_answer(&mut self, answer: &AnswerRow) -> Result<(), StorageError> {
        let write = |connection: &mut Connection, key: &SealKey| {
            let transaction = connection.transaction()?;
            answers::keep(&transaction, key, answer)?;
            transaction.commit()
        };
        write(&mut self.connection, &self.key).map_err(StorageError::sql("write an answer into", &self.path))
    }

    fn answers(&mut self, now_ms: u64) -> Result<Vec<AnswerRow>, StorageError> {
        answers::all(&self.connection, &self.key, now_ms)
            .map_err(StorageError::sql("read answers from", &self.path))
    }

    fn mac_key(&self, purpose: &'static str) -> Option<aws_lc_rs::hmac::Key> {
        self.key.mac_key(purpose)
    }

    fn audit(
        &mut self,
        since_ms: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StorageError> {
        let doing = "read the audit rows of";
        let sql = "SELECT sequence, at_ms, operator, action, subject, detail, hash FROM audit WHERE at_ms >= ?1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3";
        let mut statement =
            self.connection.prepare_cached(sql).map_err(StorageError::sql(doing, &self.path))?;
        // A time that no row can have is later than all of them.
        let since_ms = i64::try_from(since_ms).unwrap_or(i64::MAX);
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let rows = statement
            .query_map([since_ms, before, limit as i64], audit::read)
            .map_err(StorageError::sql(doing, &self.path))?;
        rows.collect::<Result<_, _>>().map_err(StorageError::sql(doing, &self.path))
    }

    fn verify_audit(&mut self) -> Result<Option<u64>, StorageError> {
        let chain = audit::follow(&self.connection, self.key.chain());
        Ok(chain.map_err(StorageError::sql("read the audit rows of", &self.path))?.broken_at)
    }
}

impl PhoneRecords for Sqlite {
    fn owned_since_ms(&mut self, aor: &Aor) -> Result<u64, StorageError> {
        call_rows::owned_since_ms(&self.connection, aor.as_str())
            .map_err(StorageError::sql("read whose accounts are from", &self.path))
    }

    fn put_phone(
        &mut self,
        operator: &Operator,
        phone: &PhoneRow,
        link: &LinkRow,
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let described = ("phone.linked", phone.subject(), phone.detail());
        let put = |transaction: &Transaction<'_>| phones::put(transaction, phone, link).map(|()| true);
        self.append_with((operator, at_ms), described, put)
    }

    fn next_phone_id(&mut self) -> Result<PhoneId, StorageError> {
        phones::next(&self.connection).map_err(StorageError::sql("read the numbers of", &self.path))
    }

    fn phones(&mut self) -> Result<Vec<PhoneRow>, StorageError> {
        phones::all(&self.connection).map_err(StorageError::sql("read the phones of", &self.path))
    }

    fn phone(&mut self, id: PhoneId) -> Result<Option<PhoneRow>, StorageError> {
        phones::of(&self.connection, id).map_err(StorageError::sql("read the phones of", &self.path))
    }

    fn phone_of(&mut self, device: DeviceId) -> Result<Option<PhoneRow>, StorageError> {
        phones::of_device(&self.connection, device)
            .map_err(StorageError::sql("read the phones of", &self.path))
    }

    fn link(&mut self, hash: &TokenHash) -> Result<Option<LinkRow>, StorageError> {
        phones::link(&self.connection, hash).map_err(StorageError::sql("read the links of", &self.path))
    }

    fn fetched(
        &mut self,
        link: &LinkRow,
        phone: &PhoneRow,
        own: Option<&TokenHash>,
        at_ms: u64,
    ) -> Result<bool, StorageError> {
        let by = link.used_by.as_deref().unwrap_or("-");
        let detail = format!("by={by} user_agent={:?}", phone.user_agent);
        let described = ("phone.fetched", phone.subject(), detail);
        let is_noted = Cell::new(false);
        let note = |transaction: &Transaction<'_>| {
            is_noted.set(phones::fetched(transaction, link, phone, own)?);
            Ok(is_noted.get())
        };
        self.append_with((&Operator::program(), at_ms), described, note)?;
        Ok(is_noted.get())
    }

    fn put_keys(
        &mut self,
        operator: &Operator,
        phone: PhoneId,
        keys: &[KeyRow],
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let described = ("phone.keys", format!("phone {}", phone.0), phones::keys_detail(keys));
        let put = |transaction: &Transaction<'_>| phones::put_keys(transaction, phone, keys, at_ms / 1_000);
        self.append_with((operator, at_ms), described, put)
    }

    fn phone_password(&mut self, phone: PhoneId) -> Result<Option<PhonePassword>, StorageError> {
        phone_passwords::of(&self.connection, &self.key, phone)
            .map_err(StorageError::sql("read the passwords of phones of", &self.path))
    }

    fn put_phone_password(
        &mut self,
        operator: &Operator,
        phone: PhoneId,
        action: &'static str,
        password: &PhonePassword,
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let described = (action, format!("phone {}", phone.0), String::new());
        let sealed = phone_passwords::sealed(&self.key, phone, password);
        let put =
            |transaction: &Transaction<'_>| phone_passwords::put(transaction, phone, &sealed, at_ms / 1_000);
        self.append_with((operator, at_ms), described, put)
    }

    fn phone_password_told(&mut self, phone: PhoneId, at_s: u64) -> Result<(), StorageError> {
        phone_passwords::told(&self.connection, phone, at_s)
            .map_err(StorageError::sql("write the passwords of phones of", &self.path))
    }

    fn remove_phone(&mut self, operator: &Operator, id: PhoneId, at_ms: u64) -> Result<(), StorageError> {
        let described = ("phone.removed", format!("phone {}", id.0), String::new());
        self.append_with((operator, at_ms), described, |transaction| phones::remove(transaction, id))
    }
}

impl HookRecords for Sqlite {
    fn hooks(&mut self) -> Result<Vec<HookRow>, StorageError> {
        hooks::all(&self.connection, &self.key).map_err(StorageError::sql("read the webhooks of", &self.path))
    }

    fn next_hook_id(&mut self) -> Result<HookId, StorageError> {
        let next = hooks::next(&self.connection, "webhook");
        next.map(HookId).map_err(StorageError::sql("read the numbers of", &self.path))
    }

    fn put_hook(
        &mut self,
        operator: &Operator,
        hook: &HookRow,
        (action, detail): (&'static str, &str),
        at_ms: u64,
    ) -> Result<(), StorageError> {
        let described = (action, format!("hook_{}", hook.id.0), detail.to_owned());
        let mut head = self.head.clone();
        let mut write = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            hooks::put(&transaction, &self.key, hook)?;
            append(&transaction, &self.key, &mut head, operator, at_ms, described.clone())?;
            transaction.commit()
        };
        write(&mut self.connection).map_err(StorageError::sql("write the webhook into", &self.path))?;
        self.head = head;
        self.write_head();
        Ok(())
    }

    fn remove_hook(&mut self, operator: &Operator, id: HookId, at_ms: u64) -> Result<(), StorageError> {
        let described = ("webhook.removed", format!("hook_{}", id.0), String::new());
        self.append_with((operator, at_ms), described, |transaction| hooks::remove(transaction, id))
    }

    fn next_delivery_id(&mut self) -> Result<DeliveryId, StorageError> {
        let next = hooks::next(&self.connection, "delivery");
        next.map(DeliveryId).map_err(StorageError::sql("read the numbers of", &self.path))
    }

    fn put_deliveries(&mut self, deliveries: &[DeliveryRow]) -> Result<(), StorageError> {
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            hooks::put_deliveries(&transaction, deliveries)?;
            transaction.commit()
        };
        write(&mut self.connection).map_err(StorageError::sql("write deliveries into", &self.path))
    }

    fn delivery(&mut self, id: DeliveryId) -> Result<Option<DeliveryRow>, StorageError> {
        hooks::delivery(&self.connection, id).map_err(StorageError::sql("read the deliveries of", &self.path))
    }

    fn deliveries(
        &mut self,
        hook: HookId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StorageError> {
        hooks::deliveries(&self.connection, hook, before, limit)
            .map_err(StorageError::sql("read the deliveries of", &self.path))
    }

    fn waiting_deliveries(&mut self) -> Result<Vec<(HookId, DeliveryId, u64)>, StorageError> {
        hooks::waiting(&self.connection).map_err(StorageError::sql("read the deliveries of", &self.path))
    }
}

impl Sqlite {
    fn load_into(&self, into: &Directory, unusable: &mut Vec<String>) -> rusqlite::Result<()> {
        let mut refused = |what: String, result: Result<(), coeur_directory::ChangeError>| {
            if let Err(error) = result {
                unusable.push(format!("{what}: {error}"));
            }
        };
        people::load(&self.connection, into, &mut refused)?;
        groups::load(&self.connection, into, &mut refused)?;
        contacts::load(&self.connection, into, &mut refused)?;
        inventory::load(&self.connection, into, &mut refused)?;
        let mut aliases = groups::aliases(&self.connection)?;
        for domain in self.connection.prepare(rows::DOMAINS)?.query_map([], rows::domain)? {
            let domain = domain?;
            refused(domain.name.to_string(), into.apply(&Change::DomainAdded(domain)));
        }
        // Both in the order of the account, so that one pass over each is enough.
        let mut accounts = self.connection.prepare(&format!("{} ORDER BY id", rows::ACCOUNTS))?;
        let mut accounts = accounts.query([])?;
        let sql = "SELECT id, name, policy, created_at_s, proved_sha256, ha1, dtmf, account FROM devices ORDER BY account, id";
        let mut devices = self.connection.prepare(sql)?;
        let mut devices = devices.query([])?;
        let mut device_row = devices.next()?;
        while let Some(row) = accounts.next()? {
            let Some(mut account) = rows::account(row)? else {
                refused(
                    format!("account {}", row.get::<_, i64>(0)?),
                    Err(coeur_directory::ChangeError::BadDomain("".into())),
                );
                continue;
            };
            let mut of_account = Vec::new();
            while let Some(row) = device_row {
                if row.get::<_, i64>(7)? as u64 != account.id.0 {
                    break;
                }
                match rows::device(row, &account, &self.key)? {
                    Some(device) => of_account.push(device),
                    None => {
                        tracing::error!(
                            account = account.id.0,
                            "a sealed credential does not open: it was moved, or the key file is another's"
                        )
                    }
                }
                device_row = devices.next()?;
            }
            account.devices = of_account.into_boxed_slice();
            account.aliases = aliases.remove(&account.id.0).unwrap_or_default().into_boxed_slice();
            refused(
                format!("account {}", account.id.0),
                into.apply(&Change::AccountAdded(Box::new(account))),
            );
        }
        Ok(())
    }
}

fn write(transaction: &Transaction<'_>, key: &SealKey, change: &Change, at_ms: u64) -> rusqlite::Result<()> {
    match change {
        Change::DomainAdded(domain) | Change::DomainChanged(domain) => put_domain(transaction, domain),
        Change::DomainRemoved(name) => {
            transaction.execute("DELETE FROM domains WHERE name = ?1", [&**name]).map(|_| ())
        }
        Change::AccountAdded(account) => {
            insert_account(transaction, account, at_ms)?;
            account
                .aliases
                .iter()
                .try_for_each(|alias| groups::insert_alias(transaction, &account.aor, alias))?;
            account
                .devices
                .iter()
                .try_for_each(|d| insert_device(transaction, key, account.id, &account.aor, d))
        }
        Change::AccountChanged { aor, patch } => patch_account(transaction, aor, patch, at_ms),
        Change::AccountRemoved(aor) => transaction
            .execute(
                "DELETE FROM accounts WHERE user = ?1 AND domain = ?2",
                params![aor.user(), aor.domain()],
            )
            .map(|_| ()),
        Change::DeviceAdded { aor, device } => {
            let sql = "SELECT id FROM accounts WHERE user = ?1 AND domain = ?2";
            let id: i64 = transaction.query_row(sql, params![aor.user(), aor.domain()], |row| row.get(0))?;
            insert_device(transaction, key, AccountId(id as u64), aor, device)
        }
        Change::DeviceChanged { device, dtmf, .. } => transaction
            .execute("UPDATE devices SET dtmf = ?2 WHERE id = ?1", params![device.0 as i64, dtmf.as_str()])
            .map(|_| ()),
        Change::DeviceRevoked { device, .. } => {
            transaction.execute("DELETE FROM devices WHERE id = ?1", [device.0 as i64]).map(|_| ())
        }
        Change::DeviceProvedSha256 { device, .. } => transaction
            .execute("UPDATE devices SET proved_sha256 = 1 WHERE id = ?1", [device.0 as i64])
            .map(|_| ()),
        Change::DeviceKeyed { aor, device, ha1 } => {
            let sql = "SELECT id FROM accounts WHERE user = ?1 AND domain = ?2";
            let id: i64 = transaction.query_row(sql, params![aor.user(), aor.domain()], |row| row.get(0))?;
            let sealed = key.seal(ha1, &rows::seal_context(AccountId(id as u64), *device, aor));
            let sql = "UPDATE devices SET ha1 = ?2, proved_sha256 = 0 WHERE id = ?1";
            transaction.execute(sql, params![device.0 as i64, sealed]).map(|_| ())
        }
        Change::SettingChanged { key, value } => transaction
            .execute(
                "INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)",
                params![&**key, &**value],
            )
            .map(|_| ()),
        Change::Tenant(change) => people::write_tenant(transaction, change),
        Change::User(change) => people::write_user(transaction, change),
        Change::Group(change) => groups::write(transaction, change),
        Change::Alias(change) => groups::write_alias(transaction, change),
        Change::Contact(change) => contacts::write(transaction, change),
        Change::Number(change) => inventory::write(transaction, change),
    }
}

fn put_domain(transaction: &Transaction<'_>, domain: &Domain) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO domains (name, algorithm, contacts_max, expires_min_s, expires_default_s, expires_max_s, tenant)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE SET algorithm = ?2, contacts_max = ?3,
        expires_min_s = ?4, expires_default_s = ?5, expires_max_s = ?6, tenant = ?7";
    let values = params![
        &*domain.name,
        domain.algorithm.as_str(),
        domain.contacts_max,
        domain.expires_min_s,
        domain.expires_default_s,
        domain.expires_max_s,
        domain.tenant.0 as i64
    ];
    transaction.execute(sql, values).map(|_| ())
}

fn insert_account(transaction: &Transaction<'_>, account: &Account, at_ms: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO accounts (id, user, domain, display_name, enabled, policy, contacts_max, terms,
        forward_always, forward_busy, forward_no_answer, forward_offline, forward_after_s, do_not_disturb,
        picked_up, pickup_groups, record, owner, in_groups, owned_since_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
    let rules = account.forwarding.as_deref().cloned().unwrap_or_default();
    transaction
        .prepare_cached(sql)?
        .execute(params![
            account.id.0 as i64,
            account.aor.user(),
            account.aor.domain(),
            &*account.display_name,
            account.enabled,
            account.policy.as_str(),
            account.contacts_max,
            account.terms.as_deref().map(Terms::to_text).unwrap_or_default(),
            rules.always.as_deref(),
            rules.busy.as_deref(),
            rules.no_answer.as_deref(),
            rules.offline.as_deref(),
            rules.after_s,
            rules.do_not_disturb,
            account.picked_up,
            account.pickup_groups.as_str(),
            account.record.as_str(),
            account.user.map(|user| user.0 as i64),
            groups::text(&account.groups),
            at_ms as i64
        ])
        .map(|_| ())
}

fn insert_device(
    transaction: &Transaction<'_>,
    key: &SealKey,
    account: AccountId,
    aor: &Aor,
    device: &Device,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO devices (id, account, name, policy, created_at_s, proved_sha256, ha1, dtmf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    transaction
        .prepare_cached(sql)?
        .execute(params![
            device.id.0 as i64,
            account.0 as i64,
            &*device.name,
            device.policy.as_str(),
            device.created_at_s as i64,
            device.proved_sha256(),
            key.seal(&device.ha1, &rows::seal_context(account, device.id, aor)),
            device.dtmf.as_str()
        ])
        .map(|_| ())
}

fn patch_account(
    transaction: &Transaction<'_>,
    aor: &Aor,
    patch: &AccountPatch,
    at_ms: u64,
) -> rusqlite::Result<()> {
    let sql =
        "UPDATE accounts SET display_name = coalesce(?3, display_name), enabled = coalesce(?4, enabled),
        policy = coalesce(?5, policy), contacts_max = CASE WHEN ?6 THEN ?7 ELSE contacts_max END,
        terms = coalesce(?8, terms),
        forward_always = CASE WHEN ?9 THEN ?10 ELSE forward_always END,
        forward_busy = CASE WHEN ?11 THEN ?12 ELSE forward_busy END,
        forward_no_answer = CASE WHEN ?13 THEN ?14 ELSE forward_no_answer END,
        forward_offline = CASE WHEN ?15 THEN ?16 ELSE forward_offline END,
        forward_after_s = coalesce(?17, forward_after_s), do_not_disturb = coalesce(?18, do_not_disturb),
        picked_up = coalesce(?19, picked_up), pickup_groups = coalesce(?20, pickup_groups),
        record = coalesce(?21, record), owner = CASE WHEN ?22 THEN ?23 ELSE owner END,
        in_groups = coalesce(?24, in_groups),
        owned_since_ms = CASE WHEN ?22 AND owner IS NOT ?23 THEN ?25 ELSE owned_since_ms END
        WHERE user = ?1 AND domain = ?2";
    let rules = &patch.forwarding;
    fn target(rule: &Option<Option<Box<str>>>) -> Option<&str> {
        rule.as_ref().and_then(|target| target.as_deref())
    }
    let values = params![
        aor.user(),
        aor.domain(),
        patch.display_name.as_deref(),
        patch.enabled,
        patch.policy.map(|p| p.as_str()),
        patch.contacts_max.is_some(),
        patch.contacts_max.flatten(),
        groups::patched_terms(transaction, aor, &patch.terms)?,
        rules.always.is_some(),
        target(&rules.always),
        rules.busy.is_some(),
        target(&rules.busy),
        rules.no_answer.is_some(),
        target(&rules.no_answer),
        rules.offline.is_some(),
        target(&rules.offline),
        rules.after_s,
        rules.do_not_disturb,
        patch.picked_up,
        patch.pickup_groups.as_ref().map(|groups| groups.as_str()),
        patch.record.map(|record| record.as_str()),
        patch.user.is_some(),
        patch.user.flatten().map(|user| user.0 as i64),
        patch.groups.as_deref().map(groups::text),
        at_ms as i64
    ];
    transaction.execute(sql, values).map(|_| ())
}

fn insert_audit(transaction: &Transaction<'_>, row: &AuditRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO audit (sequence, at_ms, operator, action, subject, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    transaction
        .prepare_cached(sql)?
        .execute(params![
            row.sequence as i64,
            row.at_ms as i64,
            row.operator,
            row.action,
            row.subject,
            row.detail,
            row.tag
        ])
        .map(|_| ())
}
