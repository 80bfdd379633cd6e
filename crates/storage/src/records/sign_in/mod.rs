//! How people and programs prove who they are: passwords, second factors, passkeys, sessions, tokens. What is here opens
//! nothing by itself: of what is random only a hash is kept, of a password what argon2id makes of it, and the secret of an
//! authenticator is sealed with the key of the installation.
//!
//! What is kept is read back as the changes that would make it ([`super::Records::sign_in`]), so that whoever keeps it in
//! memory has one way to take it up.

mod described;
mod rows;
#[cfg(test)]
mod tests;

pub(super) use described::described;
pub(super) use rows::{read, write};

use coeur_directory::UserId;
use zeroize::Zeroizing;

/// SHA-256 of something that nobody can guess, or that was made slow to try.
pub type Digest = [u8; 32];

/// Bytes of the name that a browser or a person gives to a session, passkey or token.
pub const LABEL_BYTES_MAX: usize = 200;

#[derive(Clone)]
pub enum SignInChange {
    /// A link by which a user gives himself a password, or, where it is for nobody yet, the first owner is made. One that was
    /// offered to the same before is void.
    LinkOffered {
        user: Option<UserId>,
        hash: Digest,
        until_ms: u64,
    },
    /// It was used, or is not wanted any more.
    LinkClosed {
        user: Option<UserId>,
    },
    /// `phc`: the string of the Password Hashing Competition, with algorithm, parameters and salt.
    PasswordSet {
        user: UserId,
        phc: Box<str>,
    },
    /// An authenticator of RFC 6238, proved with the code of `step`.
    AuthenticatorSet {
        user: UserId,
        secret: Zeroizing<Vec<u8>>,
        step: u64,
    },
    /// No code of this step or an earlier one counts any more.
    AuthenticatorUsed {
        user: UserId,
        step: u64,
    },
    AuthenticatorRemoved {
        user: UserId,
    },
    /// In place of those there were.
    RecoveryCodesSet {
        user: UserId,
        hashes: Vec<Digest>,
    },
    RecoveryCodeUsed {
        user: UserId,
        hash: Digest,
    },
    PasskeyAdded(Box<PasskeyRow>),
    PasskeyUsed {
        id: Box<[u8]>,
        counter: u32,
        at_ms: u64,
    },
    PasskeyRemoved {
        user: UserId,
        id: Box<[u8]>,
    },
    /// Another server vouches for him.
    IdentityAdded(Box<IdentityRow>),
    SessionBegun(Box<SessionRow>),
    /// Not in the audit chain: it only keeps the session from ending while it is used.
    SessionSeen {
        hash: Digest,
        at_ms: u64,
    },
    SessionEnded {
        user: UserId,
        hash: Digest,
        why: SessionEnd,
    },
    TokenMade(Box<TokenRow>),
    /// In the audit chain when it is the first time.
    TokenUsed {
        id: TokenId,
        at_ms: u64,
        first: bool,
    },
    TokenRevoked {
        id: TokenId,
    },
    /// Of whoever is gone: nothing is left.
    Forgotten {
        user: UserId,
    },
}

/// The first eight bytes of the hash of a token: it names the token to people and opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub u64);

impl TokenId {
    pub fn of(hash: &Digest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *hash;
        // The tables of SQLite have signed numbers.
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    SignedOut,
    /// By its user or an administrator, from elsewhere.
    Revoked,
    /// Too long not used, or too old.
    Expired,
    /// Its name was changed, since its rights were.
    Renewed,
}

impl SessionEnd {
    pub fn as_str(self) -> &'static str {
        match self {
            SessionEnd::SignedOut => "signed out",
            SessionEnd::Revoked => "revoked",
            SessionEnd::Expired => "expired",
            SessionEnd::Renewed => "renewed",
        }
    }
}

/// Who somebody is at another server: by both together he is known, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    pub user: UserId,
    pub issuer: Box<str>,
    pub subject: Box<str>,
}

/// By what somebody has proved who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Password,
    PasswordAndCode,
    PasswordAndRecoveryCode,
    Passkey,
    /// Another server has said it: OpenID Connect.
    Provider,
    /// A link that was offered.
    Link,
}

impl Way {
    pub const ALL: [Way; 6] = [
        Way::Password,
        Way::PasswordAndCode,
        Way::PasswordAndRecoveryCode,
        Way::Passkey,
        Way::Provider,
        Way::Link,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Way::Password => "password",
            Way::PasswordAndCode => "password_and_code",
            Way::PasswordAndRecoveryCode => "password_and_recovery_code",
            Way::Passkey => "passkey",
            Way::Provider => "provider",
            Way::Link => "link",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Of the text in the cookie.
    pub hash: Digest,
    pub user: UserId,
    pub way: Way,
    pub begun_at_ms: u64,
    /// When who it is was last proved: what is dangerous wants it fresh.
    pub proved_at_ms: u64,
    pub seen_at_ms: u64,
    pub address: Box<str>,
    pub agent: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRow {
    /// The credential id, at most 1,023 bytes (WebAuthn, section 4).
    pub id: Box<[u8]>,
    pub user: UserId,
    /// `COSE_Key`, as the authenticator gave it.
    pub public_key: Box<[u8]>,
    pub counter: u32,
    pub name: Box<str>,
    pub added_at_ms: u64,
    pub used_at_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Of the token.
    pub hash: Digest,
    /// On whose behalf it speaks; when that user is gone or disabled, it opens nothing.
    pub user: UserId,
    pub name: Box<str>,
    /// As `calls:read accounts:write`.
    pub scopes: Box<str>,
    /// From where alone it counts, as `192.0.2.0/24`.
    pub network: Option<Box<str>>,
    pub made_at_ms: u64,
    pub expires_at_ms: Option<u64>,
    pub used_at_ms: Option<u64>,
}

impl TokenRow {
    pub fn id(&self) -> TokenId {
        TokenId::of(&self.hash)
    }
}
