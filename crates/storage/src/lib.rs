//! What outlives the process: records in SQLite, live state in the journal.
//!
//! Records (domains, accounts, devices, settings) change rarely and are read whole at start; [`Records`] is the trait,
//! [`Sqlite`] the embedded default, so that PostgreSQL can follow. Live state (bindings, later calls) changes thousands
//! of times a second; it goes into an append-only, checksummed [`Journal`] with group commit and snapshots, because an
//! SQL upsert for each registration would cost more than the registration.
//!
//! What it deliberately does not do: know what a journal entry means (bytes in, bytes out), keep a password (HA1 values
//! are sealed with a key that lies in a file of its own), block the thread that handles messages.

pub mod disk;
mod error;
pub mod journal;
mod lock;
mod private;
pub mod records;
mod seal;
mod whole;

pub use disk::{Disk, DiskFile, Folder};
pub use error::StorageError;
pub use journal::{Journal, Log, Options, Report, Sequence, check as check_journal};
pub use lock::DataLock;
pub use records::FILE as RECORDS_FILE;
pub use records::{
    ANSWER_BYTES_MAX, ANSWER_KEPT_MS, ANSWERS_MAX, AnswerRow, AuditRow, CallQuery, CallReader, CallRow,
    Chain, DELIVERIES_KEPT_MAX, DeliveryId, DeliveryRow, DeliveryState, Digest, Disposition, HookId,
    HookRecords, HookRow, HookSecrets, IdentityRow, Keep, KeyKind, KeyRow, LABEL_BYTES_MAX, LOW_SCORE,
    LinkKind, LinkRow, MOS_BAD_HUNDREDTHS, Numbered, Operator, PHONES_MAX, PasskeyRow, PhoneId,
    PhonePassword, PhoneRecords, PhoneRow, QUALITY_CALLS_MAX, QUALITY_GROUPS_MAX, Quality, QualityBy,
    QualityGroup, QualityQuery, RecordingRow, Records, RecordsReport, SessionEnd, SessionRow, SideRow,
    SignInChange, Sqlite, TalkedRow, TokenHash, TokenId, TokenRow, Way, WayRow, check as check_records,
    copy as copy_records, described, has_records,
};
pub use seal::SealKey;
pub use whole::write_whole;
