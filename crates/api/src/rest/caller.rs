//! Who asks, and what he may. Nobody may anything that no row of [`Role::may`] names.

use super::problem::{Code, Problem};
use super::{Peer, Web};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use coeur_storage::Operator;
use std::net::IpAddr;
use std::time::Duration;

/// How long the connection of somebody who is known may go on without asking anything more.
const KNOWN_LIFE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Of the installation.
    Owner,
    Admin,
    /// Day-to-day work: calls and devices, no settings.
    Operator,
    /// Listens to calls and reads their records.
    Supervisor,
    /// A person with an account.
    User,
    /// Reads everything, changes nothing.
    Auditor,
    /// Makes users, accounts and devices for another system.
    Provisioning,
    /// A program: whatever the scopes of its token say, and nothing without any.
    Api,
}

impl Role {
    pub const ALL: [Role; 8] = [
        Role::Owner,
        Role::Admin,
        Role::Operator,
        Role::Supervisor,
        Role::User,
        Role::Auditor,
        Role::Provisioning,
        Role::Api,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Supervisor => "supervisor",
            Self::User => "user",
            Self::Auditor => "auditor",
            Self::Provisioning => "provisioning",
            Self::Api => "api",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    pub fn may(self, resource: Resource, access: Access) -> bool {
        use Resource as R;
        let reads = access == Access::Read;
        if resource == R::Me {
            // What is a person's own; a program is nobody.
            return access != Access::Admin;
        }
        match self {
            Self::Owner | Self::Admin | Self::Api => true,
            Self::Operator => match resource {
                R::Users | R::Accounts | R::Devices | R::Groups | R::Contacts => access != Access::Admin,
                R::Calls | R::Recordings => true,
                R::Domains
                | R::Tenants
                | R::Registrations
                | R::CallRecords
                | R::Traces
                | R::Status
                | R::Events
                | R::Jobs => reads,
                R::AuditLog | R::Tokens | R::Webhooks | R::Settings | R::Me => false,
            },
            Self::Supervisor => match resource {
                R::Calls => access != Access::Admin,
                R::Users
                | R::Accounts
                | R::Groups
                | R::Contacts
                | R::Registrations
                | R::CallRecords
                | R::Recordings
                | R::Status
                | R::Events => reads,
                R::Devices
                | R::Domains
                | R::Tenants
                | R::Traces
                | R::AuditLog
                | R::Tokens
                | R::Webhooks
                | R::Settings
                | R::Me
                | R::Jobs => false,
            },
            // What is a person's own has addresses of its own.
            Self::User => false,
            Self::Auditor => reads,
            Self::Provisioning => match resource {
                R::Users | R::Accounts | R::Devices | R::Groups | R::Contacts | R::Jobs => {
                    access != Access::Admin
                }
                R::Domains | R::Tenants | R::Registrations | R::Status => reads,
                R::Calls
                | R::CallRecords
                | R::Recordings
                | R::Traces
                | R::AuditLog
                | R::Tokens
                | R::Webhooks
                | R::Settings
                | R::Me
                | R::Events => false,
            },
        }
    }
}

macro_rules! resources {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// What rights are about; the name is that of the scope and of the address.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Resource { $($variant),* }

        impl Resource {
            pub const ALL: &'static [Resource] = &[$(Resource::$variant),*];
            pub const fn name(self) -> &'static str { match self { $(Resource::$variant => $name),* } }
        }
    };
}

resources! {
    Status "status", Tenants "tenants", Domains "domains", Users "users", Groups "groups", Accounts "accounts",
    Devices "devices", Contacts "contacts", Registrations "registrations", Calls "calls", CallRecords "call_records",
    Recordings "recordings", Traces "traces", AuditLog "audit_log", Me "me", Events "events", Jobs "jobs", Webhooks "webhooks",
    Tokens "api_tokens", Settings "settings",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    Write,
    /// What cannot be undone, or gives rights to others.
    Admin,
}

impl Access {
    pub const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Admin];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// What a token is for: `accounts:write`, `*:read`. A wider access has the narrower ones in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// `None`: all of them.
    pub resource: Option<Resource>,
    pub access: Access,
}

impl Scope {
    pub fn parse(text: &str) -> Option<Self> {
        let (resource, access) = text.split_once(':')?;
        let access = Access::ALL.into_iter().find(|known| known.name() == access)?;
        let resource = match resource {
            "*" => None,
            name => Some(*Resource::ALL.iter().find(|known| known.name() == name)?),
        };
        Some(Self { resource, access })
    }

    fn allows(self, resource: Resource, access: Access) -> bool {
        self.resource.is_none_or(|own| own == resource) && self.access >= access
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.resource.map_or("*", Resource::name), self.access.name())
    }
}

/// Somebody who is known. An extractor: a handler that takes one is not reached by anybody else.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who stands in the audit row.
    pub operator: Operator,
    pub role: Role,
    /// `None`: whatever the role may. Else both must allow.
    pub scopes: Option<Box<[Scope]>>,
    /// The user that he is, where he is one: the number of `usr_NUMBER`.
    pub user: Option<u64>,
}

impl Caller {
    pub fn may(&self, resource: Resource, access: Access) -> bool {
        let scoped = |scopes: &[Scope]| scopes.iter().any(|scope| scope.allows(resource, access));
        let without = self.role != Role::Api;
        self.role.may(resource, access) && self.scopes.as_deref().map_or(without, scoped)
    }

    pub fn require(&self, resource: Resource, access: Access) -> Result<(), Problem> {
        if self.may(resource, access) {
            return Ok(());
        }
        let right = Scope { resource: Some(resource), access };
        Err(Problem::because(Code::Forbidden, format!("this takes the right `{right}`")))
    }
}

/// What a gate judges by.
pub struct Asked<'r> {
    pub method: &'r Method,
    pub path: &'r str,
    pub headers: &'r HeaderMap,
    /// Where the connection comes from.
    pub remote: IpAddr,
    pub now_ms: u64,
}

impl<'r> Asked<'r> {
    /// RFC 6750 section 2.1. Never from a cookie or the address.
    pub fn bearer(&self) -> Option<&'r str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// Knows who somebody is. May read a disk: it is asked where blocking is allowed.
pub trait Gate: Send + Sync {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem>;
}

/// The one token of an installation that has no others yet; who has it is the owner.
pub struct OneToken {
    sha256: [u8; 32],
}

impl OneToken {
    pub fn new(token: &str) -> Self {
        Self { sha256: hash(token) }
    }
}

impl Gate for OneToken {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        // Compared by what they hash to, so that the time it takes tells nothing of the token.
        let is_right = asked.bearer().is_some_and(|token| hash(token) == self.sha256);
        match is_right {
            true => Ok(Caller {
                operator: Operator::signed_in("first token"),
                role: Role::Owner,
                scopes: None,
                user: None,
            }),
            false => Err(Problem::new(Code::NotSignedIn)),
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// Asks the gate, on a thread that may wait.
pub(crate) async fn known(parts: &Parts, web: &Web) -> Result<Caller, Problem> {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<Peer>>().cloned() else {
        return Err(Problem::new(Code::Inside));
    };
    let (web, method) = (web.clone(), parts.method.clone());
    let (uri, headers, remote) = (parts.uri.clone(), parts.headers.clone(), peer.remote.ip());
    let address = address(remote);
    web.rates().may_try(&address, web.now_ms())?;
    let is_tried = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
    let asking = web.clone();
    let ask = move || {
        let web = asking;
        let asked =
            Asked { method: &method, path: uri.path(), headers: &headers, remote, now_ms: web.now_ms() };
        web.gate().caller(&asked)
    };
    let asked = tokio::task::spawn_blocking(ask).await;
    let asked = asked.unwrap_or_else(|_| Err(Problem::new(Code::Inside)));
    if is_tried && asked.as_ref().is_err_and(|problem| problem.code == Code::NotSignedIn) {
        web.rates().was_refused(&address, web.now_ms());
    }
    let caller = asked?;
    peer.life.prolong(KNOWN_LIFE);
    Ok(caller)
}

/// Whoever has an address of IPv6 has all of its network (RFC 4291 section 2.5.4).
fn address(of: IpAddr) -> String {
    match of {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", address.to_bits() >> 64),
    }
}

impl FromRequestParts<Web> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        known(parts, web).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, scopes: Option<&[&str]>) -> Caller {
        let scopes = scopes.map(|texts| texts.iter().map(|text| Scope::parse(text).unwrap()).collect());
        Caller { operator: Operator::program(), role, scopes, user: None }
    }

    #[test]
    fn a_role_and_a_scope_must_both_allow() {
        let admin = caller(Role::Admin, Some(&["accounts:write", "calls:read"]));
        assert!(admin.may(Resource::Accounts, Access::Read) && admin.may(Resource::Accounts, Access::Write));
        assert!(!admin.may(Resource::Accounts, Access::Admin) && !admin.may(Resource::Calls, Access::Write));
        assert!(!admin.may(Resource::Domains, Access::Read));
        let auditor = caller(Role::Auditor, Some(&["*:admin"]));
        assert!(auditor.may(Resource::AuditLog, Access::Read));
        assert!(!auditor.may(Resource::Accounts, Access::Write));
        assert!(
            !caller(Role::Api, None).may(Resource::Status, Access::Read),
            "a program is for what its scopes say"
        );
        assert!(caller(Role::Api, Some(&["status:read"])).may(Resource::Status, Access::Read));
        let nothing = caller(Role::Owner, Some(&[]));
        assert!(!nothing.may(Resource::Status, Access::Read), "a token without a scope is for nothing");
    }

    #[test]
    fn a_user_may_nothing_but_what_is_his_own_and_only_the_owner_and_admins_see_to_tokens() {
        for role in Role::ALL {
            let may = Access::ALL.map(|access| role.may(Resource::Me, access));
            assert_eq!(may, [true, true, false], "what is one's own gives rights to nobody else");
        }
        for resource in Resource::ALL.iter().filter(|resource| **resource != Resource::Me) {
            for access in Access::ALL {
                assert!(!Role::User.may(*resource, access), "{resource:?}");
                assert!(Role::Owner.may(*resource, access), "{resource:?}");
            }
        }
        let may = |role: &Role| role.may(Resource::Tokens, Access::Write);
        assert_eq!(
            Role::ALL.into_iter().filter(may).collect::<Vec<_>>(),
            [Role::Owner, Role::Admin, Role::Api]
        );
    }

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["accounts:read", "*:admin", "call_records:write"] {
            assert_eq!(Scope::parse(text).map(|scope| scope.to_string()).as_deref(), Some(text));
        }
        for text in ["", "accounts", "accounts:", "accounts:all", "nothing:read", "*"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
