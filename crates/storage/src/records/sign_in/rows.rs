//! Rows and statements.

use super::{Digest, IdentityRow, PasskeyRow, SessionRow, SignInChange, TokenRow, Way};
use crate::seal::SealKey;
use coeur_directory::UserId;
use rusqlite::{Connection, Row, Transaction, params};

pub(in crate::records) fn write(
    transaction: &Transaction<'_>,
    key: &SealKey,
    change: &SignInChange,
) -> rusqlite::Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        transaction.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    match change {
        SignInChange::LinkOffered { user, hash, until_ms } => {
            let sql = "INSERT OR REPLACE INTO sign_in_links VALUES (?1, ?2, ?3)";
            run(sql, params![user.map_or(NOBODY_YET, number), hash, *until_ms as i64])
        }
        SignInChange::LinkClosed { user } => {
            run("DELETE FROM sign_in_links WHERE user = ?1", params![user.map_or(NOBODY_YET, number)])
        }
        SignInChange::PasswordSet { user, phc } => {
            run("INSERT OR REPLACE INTO passwords VALUES (?1, ?2)", params![number(*user), &**phc])
        }
        SignInChange::AuthenticatorSet { user, secret, step } => {
            let sealed = key.seal_secret(secret, &authenticator(*user));
            let sql = "INSERT OR REPLACE INTO authenticators VALUES (?1, ?2, ?3)";
            run(sql, params![number(*user), sealed, *step as i64])
        }
        SignInChange::AuthenticatorUsed { user, step } => {
            run("UPDATE authenticators SET step = ?2 WHERE user = ?1", params![number(*user), *step as i64])
        }
        SignInChange::AuthenticatorRemoved { user } => {
            run("DELETE FROM authenticators WHERE user = ?1", params![number(*user)])
        }
        SignInChange::RecoveryCodesSet { user, hashes } => {
            run("DELETE FROM recovery_codes WHERE user = ?1", params![number(*user)])?;
            let sql = "INSERT INTO recovery_codes VALUES (?1, ?2)";
            hashes.iter().try_for_each(|hash| run(sql, params![number(*user), hash]))
        }
        SignInChange::RecoveryCodeUsed { user, hash } => {
            run("DELETE FROM recovery_codes WHERE user = ?1 AND hash = ?2", params![number(*user), hash])
        }
        SignInChange::PasskeyAdded(row) => add_passkey(transaction, row),
        SignInChange::PasskeyUsed { id, counter, at_ms } => {
            let sql = "UPDATE passkeys SET counter = ?2, used_at_ms = ?3 WHERE id = ?1";
            run(sql, params![id, counter, *at_ms as i64])
        }
        SignInChange::PasskeyRemoved { id, .. } => run("DELETE FROM passkeys WHERE id = ?1", params![id]),
        SignInChange::IdentityAdded(row) => {
            let sql = "INSERT INTO identities VALUES (?1, ?2, ?3)";
            run(sql, params![&*row.issuer, &*row.subject, number(row.user)])
        }
        SignInChange::SessionBegun(row) => add_session(transaction, row),
        SignInChange::SessionSeen { hash, at_ms } => {
            run("UPDATE sessions SET seen_at_ms = ?2 WHERE hash = ?1", params![hash, *at_ms as i64])
        }
        SignInChange::SessionEnded { hash, .. } => run("DELETE FROM sessions WHERE hash = ?1", params![hash]),
        SignInChange::TokenMade(row) => add_token(transaction, row),
        SignInChange::TokenUsed { id, at_ms, .. } => {
            run("UPDATE tokens SET used_at_ms = ?2 WHERE id = ?1", params![id.0 as i64, *at_ms as i64])
        }
        SignInChange::TokenRevoked { id } => run("DELETE FROM tokens WHERE id = ?1", params![id.0 as i64]),
        SignInChange::Forgotten { user } => {
            let tables = [
                "sign_in_links",
                "passwords",
                "authenticators",
                "recovery_codes",
                "passkeys",
                "identities",
                "sessions",
                "tokens",
            ];
            tables.iter().try_for_each(|table| {
                run(&format!("DELETE FROM {table} WHERE user = ?1"), params![number(*user)])
            })
        }
    }
}

/// In place of the number of a user: numbers begin at 1.
const NOBODY_YET: i64 = 0;

fn add_passkey(transaction: &Transaction<'_>, row: &PasskeyRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO passkeys (id, user, public_key, counter, name, added_at_ms, used_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![
        row.id,
        number(row.user),
        row.public_key,
        row.counter,
        &*row.name,
        row.added_at_ms as i64,
        row.used_at_ms.map(|at| at as i64)
    ];
    transaction.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn add_session(transaction: &Transaction<'_>, row: &SessionRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO sessions (hash, user, way, begun_at_ms, proved_at_ms, seen_at_ms, address, agent)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        row.hash,
        number(row.user),
        row.way.as_str(),
        row.begun_at_ms as i64,
        row.proved_at_ms as i64,
        row.seen_at_ms as i64,
        &*row.address,
        &*row.agent
    ];
    transaction.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn add_token(transaction: &Transaction<'_>, row: &TokenRow) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO tokens (id, hash, user, name, scopes, network, made_at_ms, expires_at_ms, used_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        row.id().0 as i64,
        row.hash,
        number(row.user),
        &*row.name,
        &*row.scopes,
        row.network.as_deref(),
        row.made_at_ms as i64,
        row.expires_at_ms.map(|at| at as i64),
        row.used_at_ms.map(|at| at as i64)
    ];
    transaction.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Everything, as the changes that make it. A secret that does not open is left out and logged: its user signs in with a
/// recovery code.
pub(in crate::records) fn read(
    connection: &Connection,
    key: &SealKey,
) -> rusqlite::Result<Vec<SignInChange>> {
    let mut all = Vec::new();
    let mut take = |sql: &str, of: &dyn Fn(&Row<'_>) -> rusqlite::Result<Option<SignInChange>>| {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| of(row))?;
        for row in rows {
            all.extend(row?);
        }
        Ok::<_, rusqlite::Error>(())
    };
    take("SELECT user, hash, until_ms FROM sign_in_links", &|row| {
        let user = Some(user(row, 0)?).filter(|user| number(*user) != NOBODY_YET);
        Ok(Some(SignInChange::LinkOffered { user, hash: row.get(1)?, until_ms: natural(row, 2)? }))
    })?;
    take("SELECT user, phc FROM passwords", &|row| {
        Ok(Some(SignInChange::PasswordSet { user: user(row, 0)?, phc: row.get::<_, String>(1)?.into() }))
    })?;
    take("SELECT user, secret, step FROM authenticators", &|row| {
        let (user, sealed) = (user(row, 0)?, row.get::<_, Vec<u8>>(1)?);
        let Some(secret) = key.open_secret(&sealed, &authenticator(user)) else {
            tracing::error!(user = user.0, "the sealed secret of an authenticator does not open");
            return Ok(None);
        };
        Ok(Some(SignInChange::AuthenticatorSet { user, secret, step: natural(row, 2)? }))
    })?;
    recovery_codes(connection, &mut all)?;
    let mut take = |sql: &str, of: &dyn Fn(&Row<'_>) -> rusqlite::Result<SignInChange>| {
        let mut statement = connection.prepare(sql)?;
        for row in statement.query_map([], |row| of(row))? {
            all.push(row?);
        }
        Ok::<_, rusqlite::Error>(())
    };
    take("SELECT id, user, public_key, counter, name, added_at_ms, used_at_ms FROM passkeys", &|row| {
        passkey(row).map(Box::new).map(SignInChange::PasskeyAdded)
    })?;
    take("SELECT user, issuer, subject FROM identities", &|row| {
        let (issuer, subject): (String, String) = (row.get(1)?, row.get(2)?);
        let row = IdentityRow { user: user(row, 0)?, issuer: issuer.into(), subject: subject.into() };
        Ok(SignInChange::IdentityAdded(Box::new(row)))
    })?;
    let sql = "SELECT hash, user, way, begun_at_ms, proved_at_ms, seen_at_ms, address, agent FROM sessions";
    take(sql, &|row| session(row).map(Box::new).map(SignInChange::SessionBegun))?;
    let sql = "SELECT hash, user, name, scopes, network, made_at_ms, expires_at_ms, used_at_ms FROM tokens";
    take(sql, &|row| token(row).map(Box::new).map(SignInChange::TokenMade))?;
    Ok(all)
}

fn recovery_codes(connection: &Connection, all: &mut Vec<SignInChange>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT user, hash FROM recovery_codes ORDER BY user")?;
    let mut rows = statement.query([])?;
    let mut of_user: Option<(UserId, Vec<Digest>)> = None;
    let mut done = |of_user: Option<(UserId, Vec<Digest>)>| {
        all.extend(of_user.map(|(user, hashes)| SignInChange::RecoveryCodesSet { user, hashes }));
    };
    while let Some(row) = rows.next()? {
        let (user, hash) = (user(row, 0)?, row.get(1)?);
        match &mut of_user {
            Some((same, hashes)) if *same == user => hashes.push(hash),
            Some(_) | None => done(of_user.replace((user, vec![hash]))),
        }
    }
    done(of_user);
    Ok(())
}

fn passkey(row: &Row<'_>) -> rusqlite::Result<PasskeyRow> {
    Ok(PasskeyRow {
        id: row.get::<_, Vec<u8>>(0)?.into(),
        user: user(row, 1)?,
        public_key: row.get::<_, Vec<u8>>(2)?.into(),
        counter: row.get(3)?,
        name: row.get::<_, String>(4)?.into(),
        added_at_ms: natural(row, 5)?,
        used_at_ms: row.get::<_, Option<i64>>(6)?.map(|at| at as u64),
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        hash: row.get(0)?,
        user: user(row, 1)?,
        // What an older program cannot read is the weakest of the ways.
        way: Way::parse(&row.get::<_, String>(2)?).unwrap_or(Way::Password),
        begun_at_ms: natural(row, 3)?,
        proved_at_ms: natural(row, 4)?,
        seen_at_ms: natural(row, 5)?,
        address: row.get::<_, String>(6)?.into(),
        agent: row.get::<_, String>(7)?.into(),
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        hash: row.get(0)?,
        user: user(row, 1)?,
        name: row.get::<_, String>(2)?.into(),
        scopes: row.get::<_, String>(3)?.into(),
        network: row.get::<_, Option<String>>(4)?.map(Box::from),
        made_at_ms: natural(row, 5)?,
        expires_at_ms: row.get::<_, Option<i64>>(6)?.map(|at| at as u64),
        used_at_ms: row.get::<_, Option<i64>>(7)?.map(|at| at as u64),
    })
}

/// A secret that is moved to the row of another user does not open there.
fn authenticator(user: UserId) -> Vec<u8> {
    [b"authenticator", &user.0.to_be_bytes()[..]].concat()
}

fn number(user: UserId) -> i64 {
    user.0 as i64
}

fn user(row: &Row<'_>, at: usize) -> rusqlite::Result<UserId> {
    natural(row, at).map(UserId)
}

fn natural(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|value| value as u64)
}
