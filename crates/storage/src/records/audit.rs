//! The audit chain: the tag of each row is a MAC over the row and the tag before it, under a key of the installation that
//! is not in the database. So a row that is changed, removed, moved or added by something else than this program is
//! found. Rows cut off from the end leave a whole chain; [`super::head`] finds those.
//!
//! What it does not stop: whoever can read `keys/seal.key` too can write any chain.

use super::{groups, people};
use aws_lc_rs::hmac;
use coeur_directory::Change;
use rusqlite::{Connection, Row};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub sequence: u64,
    pub at_ms: u64,
    pub operator: String,
    pub action: String,
    /// What it was done to, such as an address of record.
    pub subject: String,
    pub detail: String,
    pub tag: Vec<u8>,
}

impl AuditRow {
    /// Over the tag before and all fields, each text with its length, so that no two rows give the same bytes.
    pub(super) fn tag_after(&self, key: &hmac::Key, previous: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(key);
        context.update(previous);
        context.update(&self.sequence.to_be_bytes());
        context.update(&self.at_ms.to_be_bytes());
        for text in [&self.operator, &self.action, &self.subject, &self.detail] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }
}

/// The chain as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Rows that follow from those before them.
    pub rows: u64,
    /// Tag of the last of these.
    pub end: Vec<u8>,
    /// The sequence of the first row that does not follow from the one before.
    pub broken_at: Option<u64>,
    /// Rows in which the program itself wrote down that others are missing: see [`super::head`].
    pub gaps: Vec<u64>,
}

/// The action of a row that tells of rows that are missing.
pub(super) const GAP: &str = "audit.gap";

const ROWS: &str =
    "SELECT sequence, at_ms, operator, action, subject, detail, hash FROM audit ORDER BY sequence";

/// Follows the chain from the first row.
pub(super) fn follow(connection: &Connection, key: &hmac::Key) -> rusqlite::Result<Chain> {
    let mut statement = connection.prepare_cached(ROWS)?;
    let mut chain = Chain::default();
    for row in statement.query_map([], read)? {
        let row = row?;
        if row.sequence != chain.rows + 1 || row.tag != row.tag_after(key, &chain.end) {
            chain.broken_at = Some(row.sequence);
            break;
        }
        if row.action == GAP {
            chain.gaps.push(row.sequence);
        }
        chain.rows += 1;
        chain.end = row.tag;
    }
    Ok(chain)
}

/// `sequence, at_ms, operator, action, subject, detail, hash`
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        sequence: row.get::<_, i64>(0)? as u64,
        at_ms: row.get::<_, i64>(1)? as u64,
        operator: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        tag: row.get(6)?,
    })
}

/// Action, subject and detail of a change. No secret is in it.
pub fn described(change: &Change) -> (&'static str, String, String) {
    match change {
        Change::DomainAdded(d) => ("domain.added", d.name.to_string(), domain_detail(d)),
        Change::DomainChanged(d) => ("domain.changed", d.name.to_string(), domain_detail(d)),
        Change::DomainRemoved(name) => ("domain.removed", name.to_string(), String::new()),
        Change::AccountAdded(a) => {
            ("account.added", a.aor.to_string(), format!("id={} devices={}", a.id.0, a.devices.len()))
        }
        Change::AccountChanged { aor, patch } => ("account.changed", aor.to_string(), format!("{patch:?}")),
        Change::AccountRemoved(aor) => ("account.removed", aor.to_string(), String::new()),
        Change::DeviceAdded { aor, device } => {
            ("device.added", aor.to_string(), format!("id={} name={:?}", device.id.0, device.name))
        }
        Change::DeviceChanged { aor, device, dtmf } => {
            ("device.changed", aor.to_string(), format!("id={} dtmf={}", device.0, dtmf.as_str()))
        }
        Change::DeviceRevoked { aor, device } => {
            ("device.revoked", aor.to_string(), format!("id={}", device.0))
        }
        Change::DeviceProvedSha256 { aor, device } => {
            ("device.proved_sha256", aor.to_string(), format!("id={}", device.0))
        }
        Change::DeviceKeyed { aor, device, .. } => {
            ("device.keyed", aor.to_string(), format!("id={}", device.0))
        }
        Change::SettingChanged { key, value } => ("setting.changed", key.to_string(), value.to_string()),
        Change::Tenant(change) => people::tenant_described(change),
        Change::User(change) => people::user_described(change),
        Change::Group(change) => groups::described(change),
        Change::Alias(change) => groups::alias_described(change),
    }
}

fn domain_detail(domain: &coeur_directory::Domain) -> String {
    format!(
        "tenant={} algorithm={} contacts_max={} expires_s={}..{}..{}",
        domain.tenant.0,
        domain.algorithm.as_str(),
        domain.contacts_max,
        domain.expires_min_s,
        domain.expires_default_s,
        domain.expires_max_s
    )
}
