//! The audit chain: the tag of each row is a MAC over the row and the tag before it, under a key of the installation that
//! is not in the database. So a row that is changed, removed, moved or added by something else than this program is
//! found. Rows cut off from the end leave a whole chain; [`super::head`] finds those.
//!
//! What it does not stop: whoever can read `keys/seal.key` too can write any chain.

use super::{contacts, groups, inventory, people};
use aws_lc_rs::hmac;
use coeur_directory::{AccountPatch, Change, TermsPatch};
use rusqlite::{Connection, Row};
use std::fmt::Display;

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
        Change::AccountChanged { aor, patch } => ("account.changed", aor.to_string(), account_detail(patch)),
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
        Change::Contact(change) => contacts::described(change),
        Change::Number(change) => inventory::described(change),
    }
}

/// What is said of an account, and nothing of what stays as it is.
fn account_detail(patch: &AccountPatch) -> String {
    let rules = &patch.forwarding;
    let to = |rule: &Option<Option<Box<str>>>| maybe(rule.as_ref().map(|to| to.as_deref()));
    let mut words = vec![
        ("user", maybe(patch.user.map(|user| user.map(|user| format!("usr_{}", user.0))))),
        ("display_name", patch.display_name.as_ref().map(|name| format!("{name:?}"))),
        ("enabled", said(patch.enabled)),
        ("policy", said(patch.policy.map(|policy| policy.as_str()))),
        ("contacts_max", maybe(patch.contacts_max)),
        ("groups", patch.groups.as_deref().map(groups::named)),
        ("picked_up", said(patch.picked_up)),
        ("pickup_groups", said(patch.pickup_groups.as_ref().map(|groups| groups.as_str()))),
        ("record", said(patch.record.map(|record| record.as_str()))),
        ("forward_always", to(&rules.always)),
        ("forward_busy", to(&rules.busy)),
        ("forward_no_answer", to(&rules.no_answer)),
        ("forward_offline", to(&rules.offline)),
        ("forward_after_s", said(rules.after_s)),
        ("dnd", said(rules.do_not_disturb)),
    ];
    words.extend(of_terms(&patch.terms));
    detail(words)
}

/// As [`coeur_directory::Terms::to_text`] names them.
pub(super) fn of_terms(patch: &TermsPatch) -> [(&'static str, Option<String>); 5] {
    let may = patch.relay_foreign.map(|may| may.map(|may| if may { "yes" } else { "no" }));
    [
        ("relay", maybe(may)),
        ("sessions", maybe(patch.sessions_max)),
        ("day", maybe(patch.minutes_per_day)),
        ("month", maybe(patch.minutes_per_month)),
        ("to", maybe(patch.destinations.clone())),
    ]
}

/// `name=value`, for each that has one.
pub(super) fn detail(words: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let word = |(name, value): (&str, Option<String>)| Some(format!("{name}={}", value?));
    words.into_iter().filter_map(word).collect::<Vec<_>>().join(" ")
}

fn said(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// `none` for what is taken away.
pub(super) fn maybe(value: Option<Option<impl Display>>) -> Option<String> {
    value.map(|value| value.map_or_else(|| "none".to_owned(), |value| value.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{Aor, ForwardingPatch, GroupChange, GroupId, GroupPatch, UserId};

    #[test]
    fn what_was_changed_is_told_in_words_and_what_was_not_is_not() {
        let aor = Aor::parse("alice@example.org").expect("valid");
        let patch = AccountPatch {
            user: Some(Some(UserId(2))),
            display_name: Some("Alice \"A\" B".into()),
            enabled: Some(false),
            contacts_max: Some(None),
            groups: Some(Box::new([GroupId(1), GroupId(3)])),
            terms: TermsPatch { sessions_max: Some(Some(2)), ..TermsPatch::default() },
            forwarding: ForwardingPatch {
                always: Some(Some("sip:bob@example.org".into())),
                busy: Some(None),
                ..ForwardingPatch::default()
            },
            ..AccountPatch::default()
        };
        let (_, _, detail) = described(&Change::AccountChanged { aor, patch });
        assert_eq!(
            detail,
            "user=usr_2 display_name=\"Alice \\\"A\\\" B\" enabled=false contacts_max=none groups=grp_1,grp_3 \
             forward_always=sip:bob@example.org forward_busy=none sessions=2"
        );
        let patch = GroupPatch { together_max: Some(Some(5)), ..GroupPatch::default() };
        let (_, _, detail) = described(&Change::Group(GroupChange::Changed { id: GroupId(1), patch }));
        assert_eq!(detail, "together_max=5");
    }
}
