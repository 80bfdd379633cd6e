//! What has to be done to make of what there is what a file says. Pure: it asks nobody.

use super::file::{Account, Domain, Group, State, Tenant, User};
use coeur_api::{
    AccountChange, AccountView, DomainView, GroupAmendment, GroupView, NewAccount, NewUser, Request,
    TenantAmendment, TenantView, UserAmendment, UserView, WEB_PHONE,
};
use coeur_directory::Aor;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What there is.
#[derive(Default)]
pub struct Found {
    pub tenants: Vec<TenantView>,
    pub domains: Vec<DomainView>,
    pub groups: Vec<GroupView>,
    pub users: Vec<UserView>,
    pub accounts: Vec<AccountView>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    Make,
    Change,
    Remove,
}

impl Sign {
    pub const fn mark(self) -> char {
        match self {
            Self::Make => '+',
            Self::Change => '~',
            Self::Remove => '-',
        }
    }
}

/// One line of the plan, and the requests that do it.
#[derive(Serialize)]
pub struct Step {
    pub sign: Sign,
    pub kind: &'static str,
    pub name: String,
    pub differences: Vec<Difference>,
    #[serde(skip)]
    pub requests: Vec<Request>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

impl Step {
    /// Another step of the same thing tells of it.
    pub fn is_silent(&self) -> bool {
        self.sign == Sign::Change && self.differences.is_empty()
    }

    fn new(sign: Sign, kind: &'static str, name: &str, requests: Vec<Request>) -> Self {
        Self { sign, kind, name: name.to_owned(), differences: Vec::new(), requests }
    }
}

/// In the order in which it can be done: what others need is made first and removed last, and an address or a place that somebody
/// else is to have is free before.
pub fn plan(wanted: &State, found: &Found, prune: bool) -> Vec<Step> {
    let wanted = &as_it_is_written_here(wanted, found);
    let mut steps = Vec::new();
    steps.extend(wanted.tenants.iter().flatten().flat_map(|one| tenant(one, found)));
    steps.extend(wanted.domains.iter().flatten().filter_map(|one| domain(one, found)));
    steps.extend(wanted.groups.iter().flatten().flat_map(|one| group(one, found)));
    steps.extend(wanted.users.iter().flatten().flat_map(|one| user(one, found)));
    if prune {
        steps.extend(accounts_pruned(wanted, found));
        steps.extend(wanted.accounts.iter().flatten().filter_map(|one| released(one, found)));
    }
    steps.extend(wanted.accounts.iter().flatten().flat_map(|one| account(one, found)));
    if prune {
        steps.extend(pruned(wanted, found));
    }
    told_once(steps)
}

/// Each thing is told once, whatever is to be done for it at which place: what is made with what it is then, and what is
/// changed at two places where it is changed first.
fn told_once(steps: Vec<Step>) -> Vec<Step> {
    let mut told: Vec<Step> = Vec::new();
    let mut places: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    for mut step in steps {
        let place = *places.entry((step.kind, step.name.clone())).or_insert(told.len());
        match told.get_mut(place).filter(|_| step.sign == Sign::Change) {
            Some(first) => {
                let is_new =
                    |one: &Difference| first.differences.iter().all(|known| known.field != one.field);
                let new =
                    std::mem::take(&mut step.differences).into_iter().filter(is_new).collect::<Vec<_>>();
                first.differences.extend(new);
                // Nothing is between the two.
                match first.sign == Sign::Make && place + 1 == told.len() {
                    true => told[place].requests.append(&mut step.requests),
                    false => told.push(step),
                }
            }
            None => told.push(step),
        }
    }
    told
}

/// Names that differ in capitals alone, where these do not count, are one.
fn as_it_is_written_here(wanted: &State, found: &Found) -> State {
    let address = |text: &str| Aor::parse(text).map_or_else(|_| text.to_owned(), |aor| aor.to_string());
    let known = |text: &str, mut all: Vec<&str>| {
        all.retain(|known| known.eq_ignore_ascii_case(text));
        all.first().map_or_else(|| text.to_owned(), |known| (*known).to_owned())
    };
    let logins = || {
        let named = wanted.users.iter().flatten().map(|user| user.login.as_str());
        found.users.iter().map(|view| view.login.as_str()).chain(named).collect()
    };
    let groups = || {
        let named = wanted.groups.iter().flatten().map(|group| group.name.as_str());
        found.groups.iter().map(|view| view.name.as_str()).chain(named).collect()
    };
    let written = |one: &Account| {
        let account = address(&one.account);
        let domain = account.rsplit_once('@').map_or("", |(_, domain)| domain);
        let whole = |alias: &String| match alias.contains('@') {
            true => address(alias),
            false => address(&format!("{alias}@{domain}")),
        };
        Account {
            aliases: one.aliases.as_ref().map(|all| all.iter().map(whole).collect()),
            user: one.user.as_ref().map(|user| known(user, logins())),
            groups: one.groups.as_ref().map(|all| all.iter().map(|group| known(group, groups())).collect()),
            account,
            ..one.clone()
        }
    };
    State {
        accounts: wanted.accounts.as_ref().map(|all| all.iter().map(written).collect()),
        ..wanted.clone()
    }
}

fn tenant(wanted: &Tenant, found: &Found) -> Vec<Step> {
    let there = found.tenants.iter().find(|view| view.name == wanted.name);
    let now = there.cloned().unwrap_or_default();
    let fields = json!({ "numbering": now.numbering, "quota": now.terms });
    let differences = differences(wanted, &fields, "name");
    let terms = wanted.quota.as_ref().map(|quota| quota.change(&now.terms)).unwrap_or_default();
    let numbering = wanted.numbering.clone().filter(|new| *new != now.numbering);
    let change = TenantAmendment { name: None, terms, numbering };
    let change = Request::TenantChange { tenant: wanted.name.clone(), change };
    let add = Request::TenantAdd { name: wanted.name.clone() };
    steps(("tenant", &wanted.name), there.is_some(), add, (differences, change))
}

fn domain(wanted: &Domain, found: &Found) -> Option<Step> {
    if found.domains.iter().any(|view| view.domain.eq_ignore_ascii_case(&wanted.name)) {
        return None;
    }
    let add = Request::DomainAdd { domain: wanted.name.clone(), tenant: wanted.tenant.clone() };
    Some(Step::new(Sign::Make, "domain", &wanted.name, vec![add]))
}

fn group(wanted: &Group, found: &Found) -> Vec<Step> {
    let there = found.groups.iter().find(|view| is_group(wanted, view, found));
    let now = there.cloned().unwrap_or_default();
    let fields = json!({ "quota": now.terms, "together_max": now.together_max.unwrap_or(0) });
    let differences = differences(wanted, &fields, "name");
    let terms = wanted.quota.as_ref().map(|quota| quota.change(&now.terms)).unwrap_or_default();
    let together_max = wanted.together_max.map(|most| (most > 0).then_some(most));
    let together_max = together_max.filter(|most| *most != now.together_max);
    // A new one has no number yet.
    let named = there.map_or(&wanted.name, |view| &view.id).clone();
    let change = GroupAmendment { name: None, terms, together_max };
    let change = Request::GroupChange { group: named, change };
    let add = Request::GroupAdd { tenant: wanted.tenant.clone(), name: wanted.name.clone() };
    steps(("group", &wanted.name), there.is_some(), add, (differences, change))
}

fn is_group(wanted: &Group, view: &GroupView, found: &Found) -> bool {
    let name =
        |id: &str| found.tenants.iter().find(|tenant| tenant.id == id).map(|tenant| tenant.name.clone());
    let tenant = wanted.tenant.clone().or_else(|| found.tenants.first().map(|tenant| tenant.name.clone()));
    view.name.eq_ignore_ascii_case(&wanted.name) && name(&view.tenant) == tenant
}

fn user(wanted: &User, found: &Found) -> Vec<Step> {
    let there = found.users.iter().find(|view| view.login.eq_ignore_ascii_case(&wanted.login));
    let made = UserView {
        kind: "person".to_owned(),
        language: "en".to_owned(),
        role: "user".to_owned(),
        enabled: true,
        ..UserView::default()
    };
    let now = there.cloned().unwrap_or(made);
    let differences = differences(wanted, &value(&now), "login");
    let changed = |new: &Option<String>, now: &str| new.clone().filter(|new| new != now);
    let change = UserAmendment {
        login: None,
        kind: changed(&wanted.kind, &now.kind),
        display_name: changed(&wanted.display_name, &now.display_name),
        email: changed(&wanted.email, &now.email),
        language: changed(&wanted.language, &now.language),
        role: changed(&wanted.role, &now.role),
        enabled: wanted.enabled.filter(|new| *new != now.enabled),
    };
    let change = Request::UserChange { user: wanted.login.clone(), change };
    let user = NewUser { login: wanted.login.clone(), tenant: wanted.tenant.clone(), ..NewUser::default() };
    steps(("user", &wanted.login), there.is_some(), Request::UserAdd { user }, (differences, change))
}

fn of_account<'f>(wanted: &Account, found: &'f Found) -> Option<&'f AccountView> {
    found.accounts.iter().find(|view| view.account == wanted.account)
}

fn account(wanted: &Account, found: &Found) -> Vec<Step> {
    let there = of_account(wanted, found);
    let login = |id: &String| found.users.iter().find(|user| user.id == *id).map(|user| user.login.clone());
    let owner = there.and_then(|view| view.user.as_ref()).and_then(login).unwrap_or_else(|| "no".to_owned());
    let terms = there.map(|view| view.terms.clone()).unwrap_or_default();
    let fields = json!({
        "user": owner,
        "display_name": there.map_or("", |view| &view.display_name),
        "enabled": there.is_none_or(|view| view.enabled),
        "quota": terms,
        "groups": there.map(|view| view.groups.clone()).unwrap_or_default(),
        "record": there.map_or("off", |view| &view.record),
        "dnd": there.is_some_and(|view| view.dnd),
    });
    let mut differences = differences(wanted, &fields, "account");
    let differs = |field: &str| differences.iter().any(|difference| difference.field == field);
    let change = AccountChange {
        user: wanted.user.clone().filter(|_| differs("user")),
        display_name: wanted.display_name.clone().filter(|_| differs("display_name")),
        enabled: wanted.enabled.filter(|_| differs("enabled")),
        terms: wanted.quota.as_ref().map(|quota| quota.change(&terms)).unwrap_or_default(),
        groups: wanted.groups.clone().filter(|_| differs("groups")),
        record: wanted.record.clone().filter(|_| differs("record")),
        dnd: wanted.dnd.filter(|_| differs("dnd")),
        ..AccountChange::default()
    };
    let mut requests = Vec::new();
    if change != AccountChange::default() {
        requests.push(Request::AccountChange { account: wanted.account.clone(), change });
    }
    for (difference, more) in [more_aliases(wanted, there), more_devices(wanted, there)].into_iter().flatten()
    {
        differences.push(difference);
        requests.extend(more);
    }
    let mut steps = Vec::new();
    if there.is_none() {
        let (account, policy) = (wanted.account.clone(), "auto".to_owned());
        let add = NewAccount { account, policy, ..NewAccount::default() };
        steps.push(Step::new(
            Sign::Make,
            "account",
            &wanted.account,
            vec![Request::AccountsAdd { accounts: vec![add] }],
        ));
    }
    if !requests.is_empty() {
        let step = Step::new(Sign::Change, "account", &wanted.account, requests);
        steps.push(Step { differences, ..step });
    }
    steps
}

type Parts = Option<(Difference, Vec<Request>)>;

fn more_aliases(wanted: &Account, there: Option<&AccountView>) -> Parts {
    let named = wanted.aliases.as_ref()?;
    let now = there.map(|view| view.aliases.clone()).unwrap_or_default();
    let new = named.iter().filter(|alias| !now.contains(alias));
    let add = |alias: &String| Request::AliasAdd { account: wanted.account.clone(), alias: alias.clone() };
    let requests = new.map(add).collect();
    told("aliases", now, named.clone(), requests)
}

/// By their names.
fn more_devices(wanted: &Account, there: Option<&AccountView>) -> Parts {
    let named = wanted.devices.as_ref()?;
    let now: Vec<String> = match there {
        Some(view) => view.devices.iter().map(|device| device.name.clone()).collect(),
        // An account is made with it.
        None => vec!["first".to_owned()],
    };
    let add = |name: &String| Request::DeviceAdd {
        account: wanted.account.clone(),
        name: name.clone(),
        secret: None,
        policy: "auto".to_owned(),
    };
    let requests = named.iter().filter(|name| !now.contains(name)).map(add).collect();
    told("devices", now, named.clone(), requests)
}

/// What an account has and the file does not name. The device of web phones makes itself, and stays.
fn released(wanted: &Account, found: &Found) -> Option<Step> {
    let there = of_account(wanted, found)?;
    let account = || wanted.account.clone();
    let goes = |named: &Option<Vec<String>>, name: &String| {
        named.as_ref().is_some_and(|named| !named.contains(name))
    };
    let aliases = there.aliases.iter().filter(|alias| goes(&wanted.aliases, alias));
    let aliases: Vec<Request> =
        aliases.map(|alias| Request::AliasRemove { account: account(), alias: alias.clone() }).collect();
    let devices = there.devices.iter();
    let devices = devices.filter(|device| goes(&wanted.devices, &device.name) && device.name != WEB_PHONE);
    let devices: Vec<Request> = devices
        .map(|device| Request::DeviceRevoke { account: account(), device: device.device.clone() })
        .collect();
    let names = there.devices.iter().map(|device| device.name.clone()).collect();
    let (mut differences, mut requests) = (Vec::new(), Vec::new());
    let parts = [
        told("aliases", there.aliases.clone(), wanted.aliases.clone().unwrap_or_default(), aliases),
        told("devices", names, wanted.devices.clone().unwrap_or_default(), devices),
    ];
    for (difference, more) in parts.into_iter().flatten() {
        differences.push(difference);
        requests.extend(more);
    }
    let step = Step::new(Sign::Change, "account", &wanted.account, requests);
    (!step.requests.is_empty()).then_some(Step { differences, ..step })
}

fn told(field: &str, before: Vec<String>, after: Vec<String>, requests: Vec<Request>) -> Parts {
    let difference = Difference { field: field.to_owned(), before: json!(before), after: json!(after) };
    (!requests.is_empty()).then_some((difference, requests))
}

/// Nothing hangs on an account, and its addresses may be another's.
fn accounts_pruned(wanted: &State, found: &Found) -> Vec<Step> {
    let Some(named) = &wanted.accounts else { return Vec::new() };
    let gone = found.accounts.iter().filter(|view| !named.iter().any(|one| one.account == view.account));
    gone.map(|view| {
        let request = Request::AccountRemove { account: view.account.clone() };
        Step::new(Sign::Remove, "account", &view.account, vec![request])
    })
    .collect()
}

/// Of the kinds that the file has, what it does not name. The first tenant stays.
fn pruned(wanted: &State, found: &Found) -> Vec<Step> {
    let remove = |kind, name: &str, request| Step::new(Sign::Remove, kind, name, vec![request]);
    let mut steps = Vec::new();
    if let Some(named) = &wanted.users {
        let is_named = |view: &UserView| named.iter().any(|one| one.login.eq_ignore_ascii_case(&view.login));
        let gone = found.users.iter().filter(|view| !is_named(view));
        steps.extend(
            gone.map(|view| remove("user", &view.login, Request::UserRemove { user: view.id.clone() })),
        );
    }
    if let Some(named) = &wanted.groups {
        let gone = found.groups.iter().filter(|view| !named.iter().any(|one| is_group(one, view, found)));
        steps.extend(
            gone.map(|view| remove("group", &view.name, Request::GroupRemove { group: view.id.clone() })),
        );
    }
    if let Some(named) = &wanted.domains {
        let is_named =
            |view: &DomainView| named.iter().any(|one| one.name.eq_ignore_ascii_case(&view.domain));
        let gone = found.domains.iter().filter(|view| !is_named(view));
        steps.extend(gone.map(|view| {
            remove("domain", &view.domain, Request::DomainRemove { domain: view.domain.clone() })
        }));
    }
    if let Some(named) = &wanted.tenants {
        let gone = found.tenants.iter().skip(1).filter(|view| !named.iter().any(|one| one.name == view.name));
        steps.extend(
            gone.map(|view| remove("tenant", &view.name, Request::TenantRemove { tenant: view.id.clone() })),
        );
    }
    steps
}

fn steps(
    (kind, name): (&'static str, &str),
    is_there: bool,
    add: Request,
    (differences, change): (Vec<Difference>, Request),
) -> Vec<Step> {
    let mut steps = Vec::new();
    if !is_there {
        steps.push(Step::new(Sign::Make, kind, name, vec![add]));
    }
    if !differences.is_empty() {
        steps.push(Step { differences, ..Step::new(Sign::Change, kind, name, vec![change]) });
    }
    steps
}

/// What the file names and is not so already; `key` names it.
fn differences(wanted: &impl Serialize, now: &Value, key: &str) -> Vec<Difference> {
    let wanted: Map<String, Value> = value(wanted).as_object().cloned().unwrap_or_default();
    let differs = wanted.into_iter().filter(|(field, after)| field != key && now.get(field) != Some(after));
    let told = |(field, after): (String, Value)| Difference {
        before: now.get(&field).cloned().unwrap_or_default(),
        field,
        after,
    };
    differs.map(told).collect()
}

/// No type of the file has a key that is no text, so each can be written.
fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::file::of_text;
    use super::super::foresee::refused;
    use super::*;
    use coeur_api::DeviceView;

    fn found() -> Found {
        let device = |name: &str, number: &str| DeviceView {
            device: number.into(),
            name: name.into(),
            policy: "auto".into(),
            created_at_s: 0,
            proved_sha256: false,
            dtmf: "auto".into(),
        };
        let alice: AccountView = serde_json::from_value(json!({
            "id": "acc_1", "account": "alice@d", "user": "usr_1", "display_name": "Alice", "enabled": true,
            "policy": "auto", "groups": ["sales"], "aliases": ["201@d"], "record": "off", "devices": [],
        }))
        .unwrap();
        let devices = vec![device("first", "1"), device(WEB_PHONE, "2")];
        let user = UserView {
            id: "usr_1".into(),
            login: "alice".into(),
            tenant: "ten_1".into(),
            kind: "person".into(),
            language: "en".into(),
            role: "user".into(),
            enabled: true,
            ..UserView::default()
        };
        Found {
            tenants: vec![TenantView { id: "ten_1".into(), name: "default".into(), ..TenantView::default() }],
            domains: vec![
                serde_json::from_value(
                    json!({ "domain": "d", "tenant": "ten_1", "policy": "auto", "contacts_max": 10 }),
                )
                .unwrap(),
            ],
            groups: vec![GroupView {
                id: "grp_1".into(),
                tenant: "ten_1".into(),
                name: "sales".into(),
                ..GroupView::default()
            }],
            users: vec![user],
            accounts: vec![AccountView { devices, ..alice }],
        }
    }

    /// What of it is refused is known before anything is done.
    #[test]
    fn what_would_be_refused_is_foreseen() {
        let refused = |text: &str| {
            let mut found = found();
            found.users[0].role = "owner".into();
            refused(&plan(&of_text(text).unwrap(), &found, true), &found)
        };
        for (text, why) in [
            ("users = []\naccounts = []", "- user alice: alice is the last owner"),
            ("users = [{ login = 'alice', role = 'user' }]", "~ user alice: alice is the last owner"),
            ("users = [{ login = 'alice', enabled = false }]", "~ user alice: alice is the last owner"),
            (
                "users = [{ login = 'bob', role = 'owner' }]",
                "- user alice: accounts belong to the user alice, such as alice@d",
            ),
            ("groups = []", "- group sales: accounts are in the group sales, such as alice@d"),
            ("domains = []", "- domain d: the domain d still has accounts, such as alice@d"),
            ("accounts = [{ account = 'bob@e' }]", "+ account bob@e: the domain e is not ours"),
            (
                "users = [{ login = 'alice' }, { login = 'x', role = 'king' }]",
                "+ user x: role `king` is none of owner, ",
            ),
            ("users = [{ login = 'alice', kind = 'cat' }]", "~ user alice: kind `cat` is none of person, "),
            (
                "users = [{ login = 'alice', language = 'tlh' }]",
                "~ user alice: language `tlh` is none of en, fr",
            ),
            (
                "accounts = [{ account = 'alice@d', user = 'nobody' }]",
                "~ account alice@d: `nobody` is no user",
            ),
            ("accounts = [{ account = 'alice@d', groups = ['x'] }]", "~ account alice@d: `x` is no group"),
            (
                "accounts = [{ account = 'alice@d', record = 'some' }]",
                "~ account alice@d: record `some` is none",
            ),
            (
                "accounts = [{ account = 'alice@d', quota = { destinations = 'moon' } }]",
                "~ account alice@d: ",
            ),
            ("accounts = [{ account = 'alice@d' }, { account = 'b b@d' }]", "+ account b b@d: "),
            (
                "accounts = [{ account = 'alice@d', aliases = ['201', 'echo'] }]",
                "~ account alice@d: `echo@d`",
            ),
            ("tenants = [{ name = 'default', numbering = 'roman' }]", "~ tenant default: "),
            ("domains = [{ name = 'd' }, { name = 'e', tenant = 'x' }]", "+ domain e: `x` is no tenant"),
            ("domains = [{ name = 'd' }, { name = 'e e' }]", "+ domain e e: \"e e\" is no domain name"),
        ] {
            let all = refused(text);
            assert!(all.len() == 1 && all[0].starts_with(why), "{text}: {all:?}");
        }
        let both = refused(
            "users = [{ login = 'alice' }, { login = 'x', role = 'king' }]\n\
             accounts = [{ account = 'alice@d' }, { account = 'bob@d', user = 'nobody' }]",
        );
        assert_eq!(both.len(), 2, "each is told: {both:?}");
        for text in [
            "users = [{ login = 'bob', role = 'owner' }]\naccounts = []",
            "groups = []\naccounts = [{ account = 'alice@d', groups = [] }]",
            "domains = [{ name = 'e' }]\naccounts = [{ account = 'bob@e' }]",
            "tenants = [{ name = 'Acme' }]\ndomains = [{ name = 'd' }, { name = 'e', tenant = 'acme' }]\n\
             groups = [{ name = 'sales' }, { name = 'Staff', tenant = 'Acme' }]\n\
             users = [{ login = 'alice' }, { login = 'bob', tenant = 'acme', role = 'admin' }]\n\
             accounts = [{ account = 'alice@d' }, { account = 'bob@e', user = 'BOB', groups = ['staff'] }]",
        ] {
            assert_eq!(refused(text), Vec::<String>::new(), "{text}");
        }
    }

    fn lines(text: &str, prune: bool) -> Vec<String> {
        let line = |step: &Step| {
            let fields: Vec<&str> = step.differences.iter().map(|one| one.field.as_str()).collect();
            format!("{} {} {} {}", step.sign.mark(), step.kind, step.name, fields.join(","))
                .trim_end()
                .to_owned()
        };
        let steps = plan(&of_text(text).unwrap_or_else(|why| panic!("{why}")), &found(), prune);
        steps.iter().filter(|step| !step.is_silent()).map(line).collect()
    }

    #[test]
    fn what_is_as_the_file_says_is_left_alone() {
        let text = r#"
            tenants = [{ name = "default" }]
            domains = [{ name = "D" }]
            groups = [{ name = "Sales", together_max = 0 }]
            users = [{ login = "alice", role = "user" }]
            [[accounts]]
            account = "alice@d"
            user = "alice"
            groups = ["sales"]
            aliases = ["201"]
            devices = ["first"]
            quota = {}
        "#;
        assert_eq!(lines(text, true), Vec::<String>::new());
        assert_eq!(
            lines("", true),
            Vec::<String>::new(),
            "of a kind of which nothing is said nothing is pruned"
        );
    }

    #[test]
    fn what_is_not_there_is_made_and_what_differs_is_changed_in_the_order_in_which_it_can_be() {
        let text = r#"
            [[accounts]]
            account = "bob@e"
            user = "bob"
            quota = { sessions_max = 2 }
            devices = ["first", "desk"]
            [[accounts]]
            account = "alice@d"
            display_name = "Alice A."
            groups = []
            [[domains]]
            name = "e"
            [[users]]
            login = "bob"
            role = "operator"
            [[groups]]
            name = "staff"
            quota = { destinations = "internal" }
        "#;
        let expected = [
            "+ domain e",
            "+ group staff quota",
            "+ user bob role",
            "+ account bob@e quota,user,devices",
            "~ account alice@d display_name,groups",
        ];
        assert_eq!(lines(text, false), expected);
    }

    #[test]
    fn what_the_file_does_not_name_goes_only_when_it_is_told_to_and_what_hangs_on_others_first() {
        let text = r#"
            accounts = [{ account = "bob@d", devices = [] }]
            users = []
            domains = [{ name = "d" }]
            tenants = []
        "#;
        assert_eq!(lines(text, false), ["+ account bob@d"]);
        assert_eq!(lines(text, true), ["- account alice@d", "+ account bob@d", "- user alice"]);
        let text = "accounts = [{ account = 'alice@d', aliases = [], devices = ['desk'] }]";
        assert_eq!(lines(text, false), ["~ account alice@d devices"]);
        let steps = plan(&of_text(text).unwrap(), &found(), true);
        let requests: Vec<String> = steps
            .iter()
            .flat_map(|step| &step.requests)
            .map(|request| value(request)["verb"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(requests, ["alias_remove", "device_revoke", "device_add"], "the web phone stays");
        assert_eq!(lines(text, true), ["~ account alice@d aliases,devices"], "told once");
    }

    #[test]
    fn an_address_is_free_before_somebody_else_has_it() {
        let asked = |text: &str| -> Vec<String> {
            let steps = plan(&of_text(text).unwrap(), &found(), true);
            let all = steps.iter().flat_map(|step| &step.requests);
            all.map(|request| value(request)["verb"].as_str().unwrap().to_owned()).collect()
        };
        let bob = "[[accounts]]\naccount = 'bob@d'\naliases = ['201']\n";
        assert_eq!(asked(bob), ["account_remove", "accounts_add", "alias_add"], "alice has left");
        let alice = "[[accounts]]\naccount = 'alice@d'\naliases = []\n";
        assert_eq!(asked(&format!("{bob}{alice}")), ["alias_remove", "accounts_add", "alias_add"]);
    }

    #[test]
    fn capitals_that_do_not_count_are_no_difference() {
        let text = r#"
            [[accounts]]
            account = "alice@D"
            user = "Alice"
            groups = ["Sales"]
            aliases = ["201@D"]
        "#;
        assert_eq!(lines(text, true), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_its_line() {
        for (text, word) in [
            ("accounts = [{ acount = 'x' }]", "acount"),
            ("[[users]]\nlogin = 'a'\n[[users]]\nlogin = 'A'", "twice"),
            ("[[accounts]]\naccount = 'a@d'\nquota = { sessions = 3 }", "sessions"),
        ] {
            let why = of_text(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(why.contains(word), "{why}");
        }
    }
}
