//! Groups and further addresses of accounts: rows and audit rows.

use super::audit;
use super::people::terms;
use coeur_directory::{
    AliasChange, Aor, Change, ChangeError, Directory, Group, GroupChange, GroupId, TenantId, Terms,
};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::BTreeMap;

pub(super) fn load(
    connection: &Connection,
    into: &Directory,
    refused: &mut dyn FnMut(String, Result<(), ChangeError>),
) -> rusqlite::Result<()> {
    let sql = "SELECT id, tenant, name, terms, together_max FROM account_groups ORDER BY id";
    for group in connection.prepare(sql)?.query_map([], group)? {
        let group = group?;
        let what = format!("group {}", group.id.0);
        refused(what, into.apply(&Change::Group(GroupChange::Added(Box::new(group)))));
    }
    Ok(())
}

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    let (id, tenant) = (GroupId(row.get::<_, i64>(0)? as u64), TenantId(row.get::<_, i64>(1)? as u64));
    let mut group = Group::new(id, tenant, row.get_ref(2)?.as_str()?);
    group.terms = terms(row, 3)?;
    group.together_max = row.get(4)?;
    Ok(group)
}

pub(super) fn write(transaction: &Transaction<'_>, change: &GroupChange) -> rusqlite::Result<()> {
    match change {
        GroupChange::Added(group) => put(transaction, group),
        GroupChange::Changed { id, patch } => {
            let sql = "SELECT id, tenant, name, terms, together_max FROM account_groups WHERE id = ?1";
            let mut group = transaction.query_row(sql, [id.0 as i64], group)?;
            group.change(patch);
            put(transaction, &group)
        }
        GroupChange::Removed(id) => {
            transaction.execute("DELETE FROM account_groups WHERE id = ?1", [id.0 as i64]).map(drop)
        }
    }
}

fn put(transaction: &Transaction<'_>, group: &Group) -> rusqlite::Result<()> {
    let sql = "INSERT INTO account_groups (id, tenant, name, terms, together_max) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET name = ?3, terms = ?4, together_max = ?5";
    let (id, tenant) = (group.id.0 as i64, group.tenant.0 as i64);
    let values = params![id, tenant, &*group.name, group.terms.to_text(), group.together_max];
    transaction.execute(sql, values).map(drop)
}

/// The numbers of groups as a column holds them.
pub(super) fn text(groups: &[GroupId]) -> String {
    groups.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(",")
}

pub(super) fn of_text(text: &str) -> Box<[GroupId]> {
    text.split(',').filter_map(|id| id.parse().ok()).map(GroupId).collect()
}

/// The terms of an account as they are to be kept after a patch; `None`: they stay.
pub(super) fn patched_terms(
    transaction: &Transaction<'_>,
    aor: &Aor,
    patch: &coeur_directory::TermsPatch,
) -> rusqlite::Result<Option<String>> {
    if *patch == coeur_directory::TermsPatch::default() {
        return Ok(None);
    }
    let sql = "SELECT terms FROM accounts WHERE user = ?1 AND domain = ?2";
    let text: String = transaction.query_row(sql, [aor.user(), aor.domain()], |row| row.get(0))?;
    let mut terms = Terms::of_text(&text).unwrap_or_default();
    terms.change(patch);
    Ok(Some(terms.to_text()))
}

/// All further addresses, by the number of their account, in the order in which they were given.
pub(super) fn aliases(connection: &Connection) -> rusqlite::Result<BTreeMap<u64, Vec<Aor>>> {
    let mut statement = connection.prepare("SELECT account, user, domain FROM aliases ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    let mut aliases: BTreeMap<u64, Vec<Aor>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        if let Ok(alias) = Aor::new(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?) {
            aliases.entry(row.get::<_, i64>(0)? as u64).or_default().push(alias);
        }
    }
    Ok(aliases)
}

pub(super) fn write_alias(transaction: &Transaction<'_>, change: &AliasChange) -> rusqlite::Result<()> {
    match change {
        AliasChange::Added { aor, alias } => insert_alias(transaction, aor, alias),
        AliasChange::Removed { alias, .. } => {
            let sql = "DELETE FROM aliases WHERE user = ?1 AND domain = ?2";
            transaction.execute(sql, [alias.user(), alias.domain()]).map(drop)
        }
        AliasChange::Moved { aor, alias, .. } => {
            let sql = "DELETE FROM aliases WHERE user = ?1 AND domain = ?2";
            transaction.execute(sql, [alias.user(), alias.domain()])?;
            // It is the last of its new account, as in the directory.
            insert_alias(transaction, aor, alias)
        }
    }
}

pub(super) fn insert_alias(transaction: &Transaction<'_>, aor: &Aor, alias: &Aor) -> rusqlite::Result<()> {
    let sql = "INSERT INTO aliases (user, domain, account)
        VALUES (?1, ?2, (SELECT id FROM accounts WHERE user = ?3 AND domain = ?4))";
    transaction.execute(sql, [alias.user(), alias.domain(), aor.user(), aor.domain()]).map(drop)
}

/// `grp_1,grp_2`; `none`.
pub(super) fn named(groups: &[GroupId]) -> String {
    match groups {
        [] => "none".to_owned(),
        groups => groups.iter().map(|group| format!("grp_{}", group.0)).collect::<Vec<_>>().join(","),
    }
}

pub(super) fn described(change: &GroupChange) -> (&'static str, String, String) {
    match change {
        GroupChange::Added(group) => {
            let (tenant, terms) = (group.tenant.0, group.terms.to_text());
            let detail = format!("name={:?} tenant={tenant} terms={terms:?}", group.name);
            ("group.added", format!("grp_{}", group.id.0), detail)
        }
        GroupChange::Changed { id, patch } => {
            let mut words = vec![
                ("name", patch.name.as_ref().map(|name| format!("{name:?}"))),
                ("together_max", audit::maybe(patch.together_max)),
            ];
            words.extend(audit::of_terms(&patch.terms));
            ("group.changed", format!("grp_{}", id.0), audit::detail(words))
        }
        GroupChange::Removed(id) => ("group.removed", format!("grp_{}", id.0), String::new()),
    }
}

pub(super) fn alias_described(change: &AliasChange) -> (&'static str, String, String) {
    match change {
        AliasChange::Added { aor, alias } => ("alias.added", aor.to_string(), format!("alias={alias}")),
        AliasChange::Removed { aor, alias } => ("alias.removed", aor.to_string(), format!("alias={alias}")),
        AliasChange::Moved { from, aor, alias } => {
            ("alias.moved", aor.to_string(), format!("alias={alias} from={from}"))
        }
    }
}
