//! Records: what changes rarely and is kept in a database.

mod answers;
mod audit;
mod call_rows;
mod calls;
mod check;
mod contacts;
mod groups;
mod head;
mod hooks;
mod inventory;
mod numbers;
mod people;
mod phone_passwords;
mod phones;
mod quality;
mod recordings;
mod rows;
mod schema;
mod sign_in;
mod sqlite;

pub use answers::{ANSWER_BYTES_MAX, ANSWER_KEPT_MS, ANSWERS_MAX, AnswerRow};
pub use audit::{AuditRow, Chain, described};
pub use calls::{CallQuery, CallRow, Disposition, Keep, MOS_BAD_HUNDREDTHS, SideRow, TalkedRow, WayRow};
pub use check::{RecordsReport, check, copy};
pub use hooks::{
    DELIVERIES_KEPT_MAX, DeliveryId, DeliveryRow, DeliveryState, HookId, HookRecords, HookRow, HookSecrets,
};
pub use numbers::Numbered;
pub use phone_passwords::PhonePassword;
pub use phones::{
    KeyKind, KeyRow, LinkKind, LinkRow, PHONES_MAX, PhoneId, PhoneRecords, PhoneRow, TokenHash,
};
pub use quality::{
    LOW_SCORE, QUALITY_CALLS_MAX, QUALITY_GROUPS_MAX, Quality, QualityBy, QualityGroup, QualityQuery,
};
pub use recordings::RecordingRow;
pub use sign_in::{
    Digest, IdentityRow, LABEL_BYTES_MAX, PasskeyRow, SessionEnd, SessionRow, SignInChange, TokenId,
    TokenRow, Way,
};
pub use sqlite::FILE;
pub use sqlite::{Sqlite, has_records};

use crate::error::StorageError;
use coeur_directory::{
    AccountId, Change, ContactId, DeviceId, Directory, GroupId, NumberId, TenantId, UserId,
};

/// Who makes a change: made by the door that has checked the right to make it, written in the audit row.
#[derive(Clone, Debug)]
pub struct Operator {
    name: Box<str>,
    is_rehearsing: bool,
}

impl Operator {
    /// The owner of the data directory, acting through the command line or the control socket, whose file permissions are
    /// the check.
    pub fn owner_of_data(user: &str) -> Self {
        Self { name: user.into(), is_rehearsing: false }
    }

    /// Somebody whom the API knows, with the right to make the change: a user, or a token by its name.
    pub fn signed_in(who: &str) -> Self {
        Self { name: who.into(), is_rehearsing: false }
    }

    /// The program itself: first start, things that devices prove.
    pub fn program() -> Self {
        Self { name: "coeur".into(), is_rehearsing: false }
    }

    /// The same, who only wants to know whether a change could be made: it is checked and not written.
    pub fn rehearsing(&self) -> Self {
        Self { is_rehearsing: true, ..self.clone() }
    }

    pub fn is_rehearsing(&self) -> bool {
        self.is_rehearsing
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Reads what is written already, beside who writes.
pub trait CallReader: Send {
    /// As [`Records::calls`].
    fn calls(&mut self, query: &CallQuery) -> Result<Vec<CallRow>, StorageError>;

    /// As [`Records::quality`].
    fn quality(&mut self, query: &QualityQuery) -> Result<Quality, StorageError>;
}

/// Where the records are. One implementation each for SQLite and, later, PostgreSQL. What each must keep through kills
/// and failures is written as a test that takes any of them: `coeur_sim::records`.
pub trait Records: PhoneRecords + HookRecords + Send {
    /// Reads everything into an empty directory. Returns what could not be used, in words.
    fn load(&mut self, into: &Directory) -> Result<Vec<String>, StorageError>;

    /// Commits changes with one audit row each, all or none. When this returns `Ok` they are durable.
    /// `progress` is told how many are written; it is called often.
    fn commit(
        &mut self,
        operator: &Operator,
        changes: &[Change],
        at_ms: u64,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), StorageError>;

    /// Numbers that nothing has or has had, not even what was removed: the journal names devices by number.
    fn next_number(&mut self, of: Numbered) -> Result<u64, StorageError>;

    fn next_account_id(&mut self) -> Result<AccountId, StorageError> {
        self.next_number(Numbered::Account).map(AccountId)
    }
    fn next_device_id(&mut self) -> Result<DeviceId, StorageError> {
        self.next_number(Numbered::Device).map(DeviceId)
    }
    fn next_tenant_id(&mut self) -> Result<TenantId, StorageError> {
        self.next_number(Numbered::Tenant).map(TenantId)
    }
    fn next_user_id(&mut self) -> Result<UserId, StorageError> {
        self.next_number(Numbered::User).map(UserId)
    }
    fn next_group_id(&mut self) -> Result<GroupId, StorageError> {
        self.next_number(Numbered::Group).map(GroupId)
    }

    fn next_contact_id(&mut self) -> Result<ContactId, StorageError> {
        self.next_number(Numbered::Contact).map(ContactId)
    }

    fn next_number_id(&mut self) -> Result<NumberId, StorageError> {
        self.next_number(Numbered::Number).map(NumberId)
    }

    fn setting(&mut self, key: &str) -> Result<Option<String>, StorageError>;

    /// Keeps records of calls, all or none; one whose name is there already changes nothing. What is older or more than is to
    /// be kept goes with it, at least as fast as new ones come.
    fn add_calls(&mut self, calls: &[CallRow], keep: Keep, now_ms: u64) -> Result<(), StorageError>;

    /// How long accounts have talked to elsewhere since this day since the Unix epoch.
    fn talked(&mut self, since_day: u32) -> Result<Vec<TalkedRow>, StorageError>;

    /// The newest first.
    fn calls(&mut self, query: &CallQuery) -> Result<Vec<CallRow>, StorageError>;

    fn call(&mut self, id: u128) -> Result<Option<CallRow>, StorageError>;

    /// How the calls of a time sounded, in groups.
    fn quality(&mut self, query: &QualityQuery) -> Result<Quality, StorageError>;

    /// Somebody else who reads the records of calls, so that a long question holds nobody who writes. `None`: this one only.
    fn reader(&self) -> Option<Box<dyn CallReader>> {
        None
    }

    /// Keeps the record of a recording, with an audit row; one that is there already changes nothing.
    fn add_recording(&mut self, recording: &RecordingRow, at_ms: u64) -> Result<(), StorageError>;

    /// Recordings behind this one, by call and part, those of the newest calls first.
    fn newest_recordings(
        &mut self,
        before: Option<(u128, u16)>,
        limit: usize,
    ) -> Result<Vec<RecordingRow>, StorageError>;

    /// The recordings of a call, the first first.
    fn recordings(&mut self, call: u128) -> Result<Vec<RecordingRow>, StorageError>;

    /// An audit row of what changes nothing here, such as that somebody wanted a call recorded.
    fn note(
        &mut self,
        operator: &Operator,
        action: &'static str,
        subject: &str,
        detail: &str,
        at_ms: u64,
    ) -> Result<(), StorageError>;

    /// Commits what changes in how people sign in, with the audit rows of it, all or none.
    fn keep_sign_in(
        &mut self,
        operator: &Operator,
        changes: &[SignInChange],
        at_ms: u64,
    ) -> Result<(), StorageError>;

    /// Both kinds of changes in one commit, all or none: who is made is made with the way by which he comes in.
    fn commit_with_sign_in(
        &mut self,
        operator: &Operator,
        changes: &[Change],
        ways: &[SignInChange],
        at_ms: u64,
    ) -> Result<(), StorageError>;

    /// All that was kept by it, as the changes that make it.
    fn sign_in(&mut self) -> Result<Vec<SignInChange>, StorageError>;

    /// Keeps what was answered, for whoever asks again.
    fn keep_answer(&mut self, answer: &AnswerRow) -> Result<(), StorageError>;

    /// What was answered within the last day, the oldest first.
    fn answers(&mut self, now_ms: u64) -> Result<Vec<AnswerRow>, StorageError>;

    /// A key of this installation for HMAC-SHA-256, always the same for one purpose.
    fn mac_key(&self, purpose: &'static str) -> Option<aws_lc_rs::hmac::Key>;

    /// The audit rows of this time or later, by their sequence, the newest first: a clock may have been set back between two.
    fn audit(
        &mut self,
        since_ms: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StorageError>;

    /// Checks the chain from the first row; the sequence of the first row that does not follow from the one before.
    fn verify_audit(&mut self) -> Result<Option<u64>, StorageError>;
}
