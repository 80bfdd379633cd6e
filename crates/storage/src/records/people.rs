//! Tenants and users: rows and audit rows.

use coeur_directory::{
    Change, ChangeError, Directory, Language, Numbering, Role, Tenant, TenantChange, TenantId, Terms, User,
    UserChange, UserId, UserKind,
};
use rusqlite::{Connection, Row, Transaction, params};

/// Reads all of them into a directory that has the first tenant alone.
pub(super) fn load(
    connection: &Connection,
    into: &Directory,
    refused: &mut dyn FnMut(String, Result<(), ChangeError>),
) -> rusqlite::Result<()> {
    let mut tenants = connection.prepare("SELECT id, name, terms, numbering FROM tenants ORDER BY id")?;
    for tenant in tenants.query_map([], tenant)? {
        let tenant = tenant?;
        let what = format!("tenant {}", tenant.id.0);
        let change = match into.tenant(tenant.id) {
            Some(_) => TenantChange::Changed(tenant),
            None => TenantChange::Added(tenant),
        };
        refused(what, into.apply(&Change::Tenant(change)));
    }
    let sql =
        "SELECT id, tenant, kind, login, display_name, email, language, role, enabled FROM users ORDER BY id";
    for user in connection.prepare(sql)?.query_map([], user)? {
        let user = user?;
        let what = format!("user {}", user.id.0);
        refused(what, into.apply(&Change::User(UserChange::Added(Box::new(user)))));
    }
    Ok(())
}

fn tenant(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    let mut tenant = Tenant::new(TenantId(row.get::<_, i64>(0)? as u64), row.get_ref(1)?.as_str()?);
    tenant.terms = terms(row, 2)?;
    tenant.numbering = Numbering::parse(row.get_ref(3)?.as_str()?).unwrap_or_default();
    Ok(tenant)
}

/// What we did not write lets nobody do more: it says nothing.
pub(super) fn terms(row: &Row<'_>, column: usize) -> rusqlite::Result<Terms> {
    Ok(Terms::of_text(row.get_ref(column)?.as_str()?).unwrap_or_default())
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
    // A word that we do not know can only come from a newer program, which `TooNew` keeps away; a role that is none may
    // the least.
    let mut user = User::new(
        UserId(row.get::<_, i64>(0)? as u64),
        text(3)?,
        Role::parse(text(7)?).unwrap_or(Role::User),
    );
    user.tenant = TenantId(row.get::<_, i64>(1)? as u64);
    user.kind = UserKind::parse(text(2)?).unwrap_or_default();
    user.display_name = text(4)?.into();
    user.email = text(5)?.into();
    user.language = Language::parse(text(6)?).unwrap_or_default();
    user.enabled = row.get(8)?;
    Ok(user)
}

pub(super) fn write_tenant(transaction: &Transaction<'_>, change: &TenantChange) -> rusqlite::Result<()> {
    let put = |tenant: &Tenant, sql: &str| {
        let (terms, numbering) = (tenant.terms.to_text(), tenant.numbering.to_string());
        transaction.execute(sql, params![tenant.id.0 as i64, &*tenant.name, terms, numbering]).map(drop)
    };
    match change {
        TenantChange::Added(tenant) => {
            put(tenant, "INSERT INTO tenants (id, name, terms, numbering) VALUES (?1, ?2, ?3, ?4)")
        }
        TenantChange::Changed(tenant) => {
            put(tenant, "UPDATE tenants SET name = ?2, terms = ?3, numbering = ?4 WHERE id = ?1")
        }
        TenantChange::Removed(id) => {
            transaction.execute("DELETE FROM tenants WHERE id = ?1", [id.0 as i64]).map(drop)
        }
    }
}

pub(super) fn write_user(transaction: &Transaction<'_>, change: &UserChange) -> rusqlite::Result<()> {
    match change {
        UserChange::Added(user) => {
            let sql =
                "INSERT INTO users (id, tenant, kind, login, display_name, email, language, role, enabled)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let values = params![
                user.id.0 as i64,
                user.tenant.0 as i64,
                user.kind.as_str(),
                &*user.login,
                &*user.display_name,
                &*user.email,
                user.language.as_str(),
                user.role.as_str(),
                user.enabled
            ];
            transaction.prepare_cached(sql)?.execute(values).map(drop)
        }
        UserChange::Changed { id, patch } => {
            let sql = "UPDATE users SET kind = coalesce(?2, kind), login = coalesce(?3, login),
                display_name = coalesce(?4, display_name), email = coalesce(?5, email),
                language = coalesce(?6, language), role = coalesce(?7, role), enabled = coalesce(?8, enabled)
                WHERE id = ?1";
            let values = params![
                id.0 as i64,
                patch.kind.map(UserKind::as_str),
                patch.login.as_deref(),
                patch.display_name.as_deref(),
                patch.email.as_deref(),
                patch.language.map(Language::as_str),
                patch.role.map(Role::as_str),
                patch.enabled
            ];
            transaction.execute(sql, values).map(drop)
        }
        UserChange::Removed(id) => {
            transaction.execute("DELETE FROM users WHERE id = ?1", [id.0 as i64]).map(drop)
        }
    }
}

pub(super) fn tenant_described(change: &TenantChange) -> (&'static str, String, String) {
    let named = |tenant: &Tenant| {
        let (terms, numbering) = (tenant.terms.to_text(), &tenant.numbering);
        let detail = format!("name={:?} terms={terms:?} numbering={:?}", tenant.name, numbering.to_string());
        (format!("ten_{}", tenant.id.0), detail)
    };
    let (action, (subject, detail)) = match change {
        TenantChange::Added(tenant) => ("tenant.added", named(tenant)),
        TenantChange::Changed(tenant) => ("tenant.changed", named(tenant)),
        TenantChange::Removed(id) => ("tenant.removed", (format!("ten_{}", id.0), String::new())),
    };
    (action, subject, detail)
}

/// What is personal stands in the record and not in the audit chain, which is never cut: an address of e-mail is not told.
pub(super) fn user_described(change: &UserChange) -> (&'static str, String, String) {
    match change {
        UserChange::Added(user) => {
            let (tenant, role, kind) = (user.tenant.0, user.role.as_str(), user.kind.as_str());
            let detail = format!("login={:?} tenant={tenant} role={role} kind={kind}", user.login);
            ("user.added", format!("usr_{}", user.id.0), detail)
        }
        UserChange::Changed { id, patch } => {
            let words = [
                patch.login.as_ref().map(|login| format!("login={login:?}")),
                patch.role.map(|role| format!("role={}", role.as_str())),
                patch.kind.map(|kind| format!("kind={}", kind.as_str())),
                patch.enabled.map(|enabled| format!("enabled={enabled}")),
                patch.language.map(|language| format!("language={}", language.as_str())),
                patch.display_name.as_ref().map(|_| "display_name".to_owned()),
                patch.email.as_ref().map(|_| "email".to_owned()),
            ];
            let detail = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
            ("user.changed", format!("usr_{}", id.0), detail)
        }
        UserChange::Removed(id) => ("user.removed", format!("usr_{}", id.0), String::new()),
    }
}
