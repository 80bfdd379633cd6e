//! What a user may do at the administration door, by role: one table, and nothing that is not in it.
//!
//! A role says how far each [`Action`] on each [`Resource`] reaches ([`Reach`]); [`may`] compares that with whose the thing
//! is. What an account may do in a call is another matter: see [`crate::Terms`].

use crate::tenant::TenantId;
use crate::user::UserId;

/// What a user, or a token of the API, is in the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Whoever answers for the installation: everything, in every tenant.
    Owner,
    /// Everything of one tenant but what keeps the installation running.
    Admin,
    /// Keeps phones and calls working.
    Operator,
    /// Sees who calls whom and how well, and steps into calls.
    Supervisor,
    /// His own accounts, devices, calls and contacts.
    User,
    /// Reads what was done and by whom; changes nothing.
    Auditor,
    /// What hands out phones: devices and their configuration.
    Provisioning,
    /// A program that makes accounts and calls.
    Api,
}

/// Kinds of things at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Tenant,
    Domain,
    User,
    Account,
    /// Rights and quota of an account, a group or a tenant.
    Terms,
    Device,
    Group,
    Contact,
    /// Of the public network, that a tenant has.
    Number,
    Registration,
    Call,
    CallRecord,
    Recording,
    Trace,
    Audit,
    Setting,
    Token,
    Webhook,
    /// Templates and links by which phones are set up.
    Provisioning,
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Read,
    Create,
    Change,
    Remove,
    /// Acts on what lives, such as a call: hangs up, records, plays, transfers.
    Control,
}

/// How far a role may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    Nothing,
    /// What belongs to the user himself.
    Own,
    /// What is of the tenant of the user.
    Tenant,
    Everything,
}

/// Who wants to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub role: Role,
    pub tenant: TenantId,
    /// `None`: a program.
    pub user: Option<UserId>,
}

/// Whose a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belongs {
    /// A thing of the installation, such as a setting, is of [`TenantId::FIRST`].
    pub tenant: TenantId,
    /// `None`: nobody's.
    pub user: Option<UserId>,
}

/// Denied unless the table allows it.
pub fn may(actor: &Actor, action: Action, resource: Resource, of: Belongs) -> bool {
    match reach(actor.role, action, resource) {
        Reach::Nothing => false,
        Reach::Own => actor.user.is_some() && actor.user == of.user,
        Reach::Tenant => of.tenant == actor.tenant,
        Reach::Everything => true,
    }
}

/// Whether this role may give another one, or take it: nobody lifts himself or others above himself.
pub fn may_give(giver: Role, given: Role) -> bool {
    match giver {
        Role::Owner => true,
        Role::Admin => given != Role::Owner,
        Role::Operator | Role::Supervisor | Role::User | Role::Auditor | Role::Provisioning | Role::Api => {
            false
        }
    }
}

/// The farthest that the table allows.
pub fn reach(role: Role, action: Action, resource: Resource) -> Reach {
    row(resource)[role as usize].reach(action)
}

/// The actions of one role on one resource, by how far each reaches.
#[derive(Clone, Copy)]
struct Cell {
    everything: u8,
    tenant: u8,
    own: u8,
}

const READ: u8 = 1;
const CREATE: u8 = 2;
const CHANGE: u8 = 4;
const REMOVE: u8 = 8;
const CONTROL: u8 = 16;
const WRITE: u8 = READ | CREATE | CHANGE | REMOVE;
const FULL: u8 = WRITE | CONTROL;

const NONE: Cell = Cell { everything: 0, tenant: 0, own: 0 };
const READS: Cell = tenant(READ);
const WRITES: Cell = tenant(WRITE);

const fn everything(actions: u8) -> Cell {
    Cell { everything: actions, ..NONE }
}

const fn tenant(actions: u8) -> Cell {
    Cell { tenant: actions, ..NONE }
}

const fn own(actions: u8) -> Cell {
    Cell { own: actions, ..NONE }
}

impl Cell {
    const fn reach(self, action: Action) -> Reach {
        let bit = match action {
            Action::Read => READ,
            Action::Create => CREATE,
            Action::Change => CHANGE,
            Action::Remove => REMOVE,
            Action::Control => CONTROL,
        };
        match (self.everything & bit != 0, self.tenant & bit != 0, self.own & bit != 0) {
            (true, _, _) => Reach::Everything,
            (_, true, _) => Reach::Tenant,
            (_, _, true) => Reach::Own,
            (false, false, false) => Reach::Nothing,
        }
    }
}

/// In the order of [`Role::ALL`]; `docs/roles.md` shows the same to people.
#[rustfmt::skip]
const fn row(resource: Resource) -> [Cell; 8] {
    const OWNER: Cell = everything(FULL);
    const OWN_CONTACTS: Cell = Cell { everything: 0, tenant: READ, own: WRITE };
    match resource {
        //                          owner  admin                  operator                supervisor              user                    auditor provisioning  api
        Resource::Tenant       => [OWNER, tenant(READ),           NONE,                   NONE,                   NONE,                   READS,  NONE,         NONE],
        Resource::Domain       => [OWNER, tenant(READ | CHANGE),  READS,                  NONE,                   NONE,                   READS,  READS,        READS],
        Resource::User         => [OWNER, WRITES,                 READS,                  READS,                  own(READ | CHANGE),     READS,  NONE,         READS],
        Resource::Account      => [OWNER, WRITES,                 tenant(READ | CHANGE),  READS,                  own(READ | CHANGE),     READS,  READS,        WRITES],
        Resource::Terms        => [OWNER, tenant(READ | CHANGE),  READS,                  READS,                  own(READ),              READS,  NONE,         READS],
        Resource::Device       => [OWNER, WRITES,                 WRITES,                 READS,                  own(WRITE),             READS,  WRITES,       WRITES],
        Resource::Group        => [OWNER, WRITES,                 READS,                  READS,                  NONE,                   READS,  NONE,         WRITES],
        Resource::Contact      => [OWNER, WRITES,                 WRITES,                 OWN_CONTACTS,           OWN_CONTACTS,           NONE,   NONE,         WRITES],
        Resource::Number       => [OWNER, WRITES,                 tenant(READ | CHANGE),  READS,                  NONE,                   READS,  NONE,         WRITES],
        Resource::Registration => [OWNER, READS,                  READS,                  READS,                  own(READ),              READS,  READS,        READS],
        Resource::Call         => [OWNER, tenant(FULL),           tenant(READ | CONTROL), tenant(READ | CONTROL), own(READ | CREATE | CONTROL), NONE, NONE,     tenant(READ | CREATE | CONTROL)],
        Resource::CallRecord   => [OWNER, tenant(READ | REMOVE),  READS,                  READS,                  own(READ),              READS,  NONE,         READS],
        Resource::Recording    => [OWNER, tenant(READ | REMOVE),  NONE,                   READS,                  own(READ),              NONE,   NONE,         NONE],
        Resource::Trace        => [OWNER, READS,                  READS,                  NONE,                   NONE,                   NONE,   NONE,         NONE],
        Resource::Audit        => [OWNER, READS,                  NONE,                   NONE,                   NONE,                   READS,  NONE,         NONE],
        Resource::Setting      => [OWNER, READS,                  READS,                  NONE,                   NONE,                   READS,  NONE,         NONE],
        Resource::Token        => [OWNER, WRITES,                 NONE,                   NONE,                   own(WRITE),             READS,  NONE,         NONE],
        Resource::Webhook      => [OWNER, tenant(FULL),           READS,                  NONE,                   NONE,                   READS,  NONE,         tenant(FULL)],
        Resource::Provisioning => [OWNER, WRITES,                 WRITES,                 NONE,                   own(READ | CREATE),     NONE,   WRITES,       READS],
        Resource::Status       => [OWNER, READS,                  READS,                  READS,                  NONE,                   READS,  READS,        READS],
    }
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Owner,
        Self::Admin,
        Self::Operator,
        Self::Supervisor,
        Self::User,
        Self::Auditor,
        Self::Provisioning,
        Self::Api,
    ];

    pub const fn as_str(self) -> &'static str {
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

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl Resource {
    pub const ALL: [Self; 20] = [
        Self::Tenant,
        Self::Domain,
        Self::User,
        Self::Account,
        Self::Terms,
        Self::Device,
        Self::Group,
        Self::Contact,
        Self::Number,
        Self::Registration,
        Self::Call,
        Self::CallRecord,
        Self::Recording,
        Self::Trace,
        Self::Audit,
        Self::Setting,
        Self::Token,
        Self::Webhook,
        Self::Provisioning,
        Self::Status,
    ];

    /// As scopes of tokens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenants",
            Self::Domain => "domains",
            Self::User => "users",
            Self::Account => "accounts",
            Self::Terms => "terms",
            Self::Device => "devices",
            Self::Group => "groups",
            Self::Contact => "contacts",
            Self::Number => "numbers",
            Self::Registration => "registrations",
            Self::Call => "calls",
            Self::CallRecord => "records",
            Self::Recording => "recordings",
            Self::Trace => "traces",
            Self::Audit => "audit",
            Self::Setting => "settings",
            Self::Token => "tokens",
            Self::Webhook => "webhooks",
            Self::Provisioning => "provisioning",
            Self::Status => "status",
        }
    }
}

impl Action {
    pub const ALL: [Self; 5] = [Self::Read, Self::Create, Self::Change, Self::Remove, Self::Control];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Control => "control",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: TenantId = TenantId(1);
    const ELSEWHERE: TenantId = TenantId(2);
    const SELF: UserId = UserId(7);

    fn every() -> impl Iterator<Item = (Role, Action, Resource)> {
        let pairs = |role| {
            Action::ALL
                .into_iter()
                .flat_map(move |action| Resource::ALL.map(|resource| (role, action, resource)))
        };
        Role::ALL.into_iter().flat_map(pairs)
    }

    fn actor(role: Role) -> Actor {
        Actor { role, tenant: HERE, user: Some(SELF) }
    }

    /// One row of the page: the letters of what may be done, those of another reach behind `own:` or `all:`.
    fn cell(role: Role, resource: Resource) -> String {
        let letters = |wanted: Reach| {
            let letter = |action: Action| match action {
                Action::Read => 'r',
                Action::Create => 'c',
                Action::Change => 'u',
                Action::Remove => 'd',
                Action::Control => 'x',
            };
            let reached = Action::ALL.into_iter().filter(|action| reach(role, *action, resource) == wanted);
            reached.map(letter).collect::<String>()
        };
        let parts = [("all:", Reach::Everything), ("", Reach::Tenant), ("own:", Reach::Own)];
        let parts = parts.map(|(prefix, reach)| (prefix, letters(reach)));
        let said: Vec<String> = parts
            .into_iter()
            .filter(|(_, letters)| !letters.is_empty())
            .map(|(prefix, letters)| format!("{prefix}{letters}"))
            .collect();
        if said.is_empty() { "-".to_owned() } else { said.join(" ") }
    }

    #[test]
    fn the_page_for_people_shows_the_table_as_it_is() {
        let page = include_str!("../../../docs/roles.md");
        let heads: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        let mut table = format!("| | {} |\n|{}\n", heads.join(" | "), "--|".repeat(9));
        for resource in Resource::ALL {
            let cells: Vec<String> = Role::ALL.iter().map(|role| cell(*role, resource)).collect();
            table.push_str(&format!("| {} | {} |\n", resource.as_str(), cells.join(" | ")));
        }
        assert!(page.contains(&table), "docs/roles.md should have:\n{table}");
    }

    #[test]
    fn only_an_owner_reaches_another_tenant() {
        for (role, action, resource) in every() {
            let others = Belongs { tenant: ELSEWHERE, user: None };
            assert_eq!(
                may(&actor(role), action, resource, others),
                role == Role::Owner,
                "{role:?} {action:?} {resource:?}"
            );
        }
    }

    #[test]
    fn what_is_ones_own_is_that_of_the_same_user_and_a_program_owns_nothing() {
        for (role, action, resource) in
            every().filter(|(role, action, resource)| reach(*role, *action, *resource) == Reach::Own)
        {
            let of = |user| Belongs { tenant: HERE, user };
            assert!(may(&actor(role), action, resource, of(Some(SELF))));
            assert!(!may(&actor(role), action, resource, of(Some(UserId(8)))));
            let program = Actor { user: None, ..actor(role) };
            assert!(!may(&program, action, resource, of(None)), "{role:?} {action:?} {resource:?}");
        }
    }

    #[test]
    fn an_auditor_changes_nothing_and_nobody_but_owner_and_admin_changes_rights() {
        for (role, action, resource) in every() {
            let reached = reach(role, action, resource);
            if role == Role::Auditor && action != Action::Read {
                assert_eq!(reached, Reach::Nothing, "{action:?} {resource:?}");
            }
            let is_of_rights = resource == Resource::Terms || resource == Resource::Tenant;
            if is_of_rights && action != Action::Read && !matches!(role, Role::Owner | Role::Admin) {
                assert_eq!(reached, Reach::Nothing, "{role:?} {action:?} {resource:?}");
            }
        }
    }

    #[test]
    fn nobody_gives_more_than_he_has() {
        for given in Role::ALL {
            assert!(may_give(Role::Owner, given));
            assert_eq!(may_give(Role::Admin, given), given != Role::Owner);
            for giver in
                [Role::Operator, Role::Supervisor, Role::User, Role::Auditor, Role::Provisioning, Role::Api]
            {
                assert!(!may_give(giver, given));
            }
        }
    }

    #[test]
    fn every_role_is_named_and_found_by_its_name() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!((role as usize, Role::parse(role.as_str())), (at, Some(role)));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
