//! What the audit chain says of a change; no secret and no hash is in it.

use super::{SessionRow, SignInChange, TokenId, TokenRow};
use coeur_directory::UserId;

/// Action, subject and detail; `None` where nothing is to be said.
pub(in crate::records) fn described(change: &SignInChange) -> Option<(&'static str, String, String)> {
    let of = |user: &UserId, action, detail: String| Some((action, subject(*user), detail));
    match change {
        SignInChange::LinkOffered { user, until_ms, .. } => {
            Some(("link.offered", whom(*user), format!("until_ms={until_ms}")))
        }
        SignInChange::LinkClosed { user } => Some(("link.closed", whom(*user), String::new())),
        SignInChange::PasswordSet { user, .. } => of(user, "password.set", String::new()),
        SignInChange::AuthenticatorSet { user, .. } => of(user, "authenticator.set", String::new()),
        SignInChange::AuthenticatorRemoved { user } => of(user, "authenticator.removed", String::new()),
        SignInChange::RecoveryCodesSet { user, hashes } => {
            of(user, "recovery_codes.made", format!("codes={}", hashes.len()))
        }
        SignInChange::RecoveryCodeUsed { user, .. } => of(user, "recovery_code.used", String::new()),
        SignInChange::PasskeyAdded(row) => of(&row.user, "passkey.added", format!("name={:?}", row.name)),
        SignInChange::PasskeyRemoved { user, .. } => of(user, "passkey.removed", String::new()),
        SignInChange::IdentityAdded(row) => {
            of(&row.user, "identity.added", format!("issuer={:?} subject={:?}", row.issuer, row.subject))
        }
        SignInChange::SessionBegun(row) => of(&row.user, "session.begun", session(row)),
        SignInChange::SessionEnded { user, why, .. } => of(user, "session.ended", why.as_str().to_owned()),
        SignInChange::TokenMade(row) => Some(("token.made", token(row.id()), of_token(row))),
        SignInChange::TokenUsed { id, first: true, .. } => {
            Some(("token.first_used", token(*id), String::new()))
        }
        SignInChange::TokenRevoked { id } => Some(("token.revoked", token(*id), String::new())),
        SignInChange::Forgotten { user } => of(user, "sign_in.forgotten", String::new()),
        // What they prove is in the row of the session that they open.
        SignInChange::AuthenticatorUsed { .. }
        | SignInChange::PasskeyUsed { .. }
        | SignInChange::SessionSeen { .. }
        | SignInChange::TokenUsed { first: false, .. } => None,
    }
}

fn subject(user: UserId) -> String {
    format!("usr_{}", user.0)
}

/// The first owner has no number yet.
fn whom(user: Option<UserId>) -> String {
    user.map_or("setup".to_owned(), subject)
}

fn token(id: TokenId) -> String {
    format!("tok_{:016x}", id.0)
}

fn session(row: &SessionRow) -> String {
    format!("way={} from={}", row.way.as_str(), row.address)
}

fn of_token(row: &TokenRow) -> String {
    let TokenRow { user, name, scopes, network, expires_at_ms, .. } = row;
    let network = network.as_deref().unwrap_or("anywhere");
    let expires = expires_at_ms.map_or("never".to_owned(), |at| at.to_string());
    format!("user=usr_{} name={name:?} scopes={scopes:?} network={network} expires_at_ms={expires}", user.0)
}
