//! Who asks, and what he may: what the table of roles ([`coeur_directory::reach`], `docs/roles.md`) and the scopes of a token
//! both allow. What reaches no farther than what is one's own has addresses of its own, below `/me`.

use super::problem::{Code, Problem};
use super::{Peer, Web};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
pub use coeur_directory::{Action, Role};
use coeur_directory::{Reach, reach};
use coeur_storage::Operator;
use std::net::IpAddr;
use std::time::Duration;

/// How long the connection of somebody who is known may go on without asking anything more.
const KNOWN_LIFE: Duration = Duration::from_secs(300);

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
    Terms "terms", Devices "devices", Contacts "contacts", Numbers "numbers", Registrations "registrations", Calls "calls", CallRecords "call_records", Messages "messages",
    Recordings "recordings", Traces "traces", AuditLog "audit_log", Me "me", Events "events", Jobs "jobs", Webhooks "webhooks",
    Tokens "api_tokens", Settings "settings", Provisioning "phones", PhoneTickets "phone_tickets",
}

impl Resource {
    /// Its row in the table of roles. `None`: what is one's own, which everybody has.
    const fn row(self) -> Option<coeur_directory::Resource> {
        use coeur_directory::Resource as Row;
        Some(match self {
            // Which events are told is a question of each event's own resource.
            Self::Status | Self::Events => Row::Status,
            Self::Tenants => Row::Tenant,
            Self::Domains => Row::Domain,
            // Jobs are imports of users.
            Self::Users | Self::Jobs => Row::User,
            Self::Groups => Row::Group,
            Self::Accounts => Row::Account,
            Self::Terms => Row::Terms,
            // A ticket of a phone is as good as a secret of a device.
            Self::Devices | Self::PhoneTickets => Row::Device,
            Self::Contacts => Row::Contact,
            Self::Numbers => Row::Number,
            Self::Registrations => Row::Registration,
            Self::Calls => Row::Call,
            // Who has written to whom, as who has called whom; what it says is told to nobody.
            Self::CallRecords | Self::Messages => Row::CallRecord,
            Self::Recordings => Row::Recording,
            Self::Traces => Row::Trace,
            Self::AuditLog => Row::Audit,
            Self::Webhooks => Row::Webhook,
            Self::Tokens => Row::Token,
            Self::Settings => Row::Setting,
            Self::Provisioning => Row::Provisioning,
            Self::Me => return None,
        })
    }
}

/// Whether a role does this beyond what is its own.
pub fn may(role: Role, action: Action, resource: Resource) -> bool {
    match resource.row() {
        Some(row) => reach(role, action, row) >= Reach::Tenant,
        None => true,
    }
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
    pub proof: Proof,
    pub limits: Bounds,
}

/// What a token counts for beyond its scopes: whatever it makes counts for no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// From where alone it counts, as `192.0.2.0/24`.
    pub network: Option<String>,
    pub expires_at_ms: Option<u64>,
}

/// How lately somebody has proved who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A program: its scopes say what it may.
    Token,
    /// A person, within the last ten minutes.
    Fresh,
    Old,
}

impl Caller {
    pub fn may(&self, action: Action, resource: Resource, access: Access) -> bool {
        let scoped = |scopes: &[Scope]| scopes.iter().any(|scope| scope.allows(resource, access));
        // A program is for what its scopes say.
        let without = self.role != Role::Api;
        may(self.role, action, resource) && self.scopes.as_deref().map_or(without, scoped)
    }

    /// For what is dangerous: a browser that was left open does not do it. A program needs the scope `admin` for it.
    pub fn require_fresh(&self, resource: Resource) -> Result<(), Problem> {
        let scoped = |scopes: &[Scope]| scopes.iter().any(|scope| scope.allows(resource, Access::Admin));
        match self.proof {
            Proof::Fresh => Ok(()),
            Proof::Old => Err(Problem::new(Code::StepUpRequired)),
            Proof::Token if self.scopes.as_deref().is_none_or(scoped) => Ok(()),
            Proof::Token => {
                let right = Scope { resource: Some(resource), access: Access::Admin };
                Err(Problem::because(Code::Forbidden, format!("this takes the right `{right}`")))
            }
        }
    }

    /// For what opens everything that somebody may: a password, a sign-in without second factor. A program that may less makes no
    /// such thing.
    pub fn require_all_scopes(&self) -> Result<(), Problem> {
        let all = Scope { resource: None, access: Access::Admin };
        match self.scopes.as_deref().is_none_or(|scopes| scopes.contains(&all)) {
            true => Ok(()),
            false => {
                Err(Problem::because(Code::Forbidden, format!("a token needs the scope `{all}` for this")))
            }
        }
    }

    pub fn may_read(&self, resource: Resource) -> bool {
        self.may(Action::Read, resource, Access::Read)
    }

    /// Whether he reads of this what is his own, as everybody does where the table of roles says so.
    pub fn may_read_own(&self, resource: Resource) -> bool {
        self.may_own(Action::Read, resource)
    }

    /// Whether he does this to what is his own.
    pub fn may_own(&self, action: Action, resource: Resource) -> bool {
        resource.row().is_none_or(|row| reach(self.role, action, row) >= Reach::Own)
    }

    pub fn require(&self, action: Action, resource: Resource, access: Access) -> Result<(), Problem> {
        if self.may(action, resource, access) {
            return Ok(());
        }
        let right = Scope { resource: Some(resource), access };
        let text = format!(
            "this takes the right `{right}`, and a role that may {} {}",
            action.as_str(),
            resource.name()
        );
        Err(Problem::because(Code::Forbidden, text))
    }
}

/// What a gate judges by.
pub struct Asked<'r> {
    pub method: &'r Method,
    pub path: &'r str,
    pub headers: &'r HeaderMap,
    /// Where who asks is: the other end of the connection, or whom a proxy of ours names.
    pub remote: IpAddr,
    /// The connection is over TLS, to us or to a proxy of ours.
    pub encrypted: bool,
    pub now_ms: u64,
}

impl<'r> Asked<'r> {
    /// From this machine, and for nobody else.
    pub fn is_from_this_machine(&self) -> bool {
        self.remote.to_canonical().is_loopback() && !crate::front::is_forwarded(self.headers)
    }

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
                proof: Proof::Token,
                limits: Bounds::default(),
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
    let encrypted = peer.is_secure();
    let address = address(remote);
    let is_tried = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
    let asking = web.clone();
    let ask = move || {
        let web = asking;
        let asked = Asked {
            method: &method,
            path: uri.path(),
            headers: &headers,
            remote,
            encrypted,
            now_ms: web.now_ms(),
        };
        web.gate().caller(&asked)
    };
    let asked = tokio::task::spawn_blocking(ask).await;
    let asked = asked.unwrap_or_else(|_| Err(Problem::new(Code::Inside)));
    // Only who is nobody is told to wait: behind one address there may be many, and one of them a program with an old token.
    if is_tried && asked.as_ref().is_err_and(|problem| problem.code == Code::NotSignedIn) {
        web.rates().may_try(&address, web.now_ms())?;
        web.rates().was_refused(&address, web.now_ms());
    }
    let caller = asked?;
    peer.life.prolong(KNOWN_LIFE);
    Ok(caller)
}

/// By which somebody who has proved nothing is counted.
pub(crate) fn known_address(extensions: &axum::http::Extensions) -> Option<String> {
    extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| address(peer.remote.ip()))
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
        let limits = Bounds::default();
        Caller { operator: Operator::program(), role, scopes, user: None, proof: Proof::Token, limits }
    }

    #[test]
    fn a_role_and_a_scope_must_both_allow() {
        let may = |caller: &Caller, action, resource, access| caller.may(action, resource, access);
        let admin = caller(Role::Admin, Some(&["accounts:write", "calls:read"]));
        assert!(admin.may_read(Resource::Accounts));
        assert!(may(&admin, Action::Change, Resource::Accounts, Access::Write));
        assert!(!may(&admin, Action::Remove, Resource::Accounts, Access::Admin));
        assert!(!may(&admin, Action::Control, Resource::Calls, Access::Write));
        assert!(!admin.may_read(Resource::Domains));
        let auditor = caller(Role::Auditor, Some(&["*:admin"]));
        assert!(auditor.may_read(Resource::AuditLog));
        assert!(!may(&auditor, Action::Change, Resource::Accounts, Access::Write));
        assert!(!caller(Role::Api, None).may_read(Resource::Status), "a program is for what its scopes say");
        assert!(caller(Role::Api, Some(&["status:read"])).may_read(Resource::Status));
        let nothing = caller(Role::Owner, Some(&[]));
        assert!(!nothing.may_read(Resource::Status), "a token without a scope is for nothing");
    }

    /// `docs/roles.md` is compared with the table in `crates/directory`.
    #[test]
    fn the_api_has_no_table_of_its_own_and_what_is_ones_own_is_everybodys() {
        for role in Role::ALL {
            for action in Action::ALL {
                for resource in Resource::ALL.iter().copied() {
                    let expected = match resource.row() {
                        Some(row) => reach(role, action, row) >= Reach::Tenant,
                        None => true,
                    };
                    assert_eq!(may(role, action, resource), expected, "{role:?} {action:?} {resource:?}");
                }
            }
        }
        let rows = |resource: &Resource| resource.row();
        let named: Vec<_> = Resource::ALL.iter().filter_map(rows).collect();
        let missing = |row: &&coeur_directory::Resource| !named.contains(row);
        let missing: Vec<_> = coeur_directory::Resource::ALL.iter().filter(missing).collect();
        assert!(missing.is_empty(), "{missing:?} has no name here");
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
