//! Groups, further addresses, rights and quota at the door.

use crate::door::{Door, ROWS_MAX, aor, name, new_aor, not_reserved, not_written};
use crate::groups::{
    DestinationView, GroupAmendment, GroupView, GroupsPage, RightView, RightsView, TermsChange,
};
use crate::ids::Id;
use crate::model::{Refusal, Reply, Why};
use coeur_directory::{
    Account, AliasChange, Aor, Change, Destination, Destinations, Group, GroupChange, GroupId, GroupPatch,
    Numbering, RuleError, Source, TenantId, Terms, TermsPatch,
};
use coeur_storage::Operator;
use std::sync::Arc;

impl Door {
    /// By its number, or by its name where one tenant alone has a group of that name.
    pub fn group(&self, text: &str) -> Result<Arc<Group>, Refusal> {
        let directory = self.directory();
        if let Some(id) = GroupId::parse(text) {
            return directory.group(id).ok_or_else(|| no_group(text));
        }
        let tenants = directory.tenants();
        let mut found = tenants.iter().filter_map(|tenant| directory.group_named(tenant.id, text));
        match (found.next(), found.next()) {
            (Some(group), None) => Ok(group),
            (Some(_), Some(_)) => {
                let text = format!("several tenants have a group `{text}`: name it by its number");
                Err(Refusal::new(Why::Invalid, text))
            }
            (None, _) => Err(no_group(text)),
        }
    }

    pub(crate) fn add_group(
        &self,
        operator: &Operator,
        tenant: Option<&str>,
        given: &str,
    ) -> Result<Reply, Refusal> {
        let (tenant, given) = (self.tenant_or_first(tenant)?, group_name(given)?);
        let id = self.records().next_group_id().map_err(not_written)?;
        let group = Group::new(id, tenant, given);
        self.change(operator, Change::Group(GroupChange::Added(Box::new(group))))?;
        self.show_group(&id.text())
    }

    pub(crate) fn groups(
        &self,
        tenant: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Reply, Refusal> {
        let tenant = tenant.map(|text| self.tenant(text).map(|tenant| tenant.id)).transpose()?;
        let after = after.map(|text| GroupId::parse(text).ok_or_else(|| no_group(text))).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut page = self.directory().groups_page(tenant, after, limit + 1);
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|group| group.id.text());
        Ok(Reply::Groups(GroupsPage {
            groups: page.iter().map(|group| GroupView::of(group)).collect(),
            next,
        }))
    }

    pub(crate) fn show_group(&self, text: &str) -> Result<Reply, Refusal> {
        let group = self.group(text)?;
        Ok(Reply::Group(Box::new(GroupView::with_members(&group, self.directory()))))
    }

    pub(crate) fn change_group(
        &self,
        operator: &Operator,
        text: &str,
        change: &GroupAmendment,
    ) -> Result<Reply, Refusal> {
        let id = self.group(text)?.id;
        let patch = GroupPatch {
            name: change.name.as_deref().map(group_name).transpose()?.map(Box::from),
            terms: terms(&change.terms)?,
            together_max: change.together_max,
        };
        if patch == GroupPatch::default() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given"));
        }
        self.change(operator, Change::Group(GroupChange::Changed { id, patch }))
    }

    pub(crate) fn remove_group(&self, operator: &Operator, text: &str) -> Result<Reply, Refusal> {
        self.change(operator, Change::Group(GroupChange::Removed(self.group(text)?.id)))
    }

    /// Names or numbers, as an account is to be in them: of its own tenant.
    pub(crate) fn groups_for(&self, account: &Aor, texts: &[String]) -> Result<Box<[GroupId]>, Refusal> {
        let directory = self.directory();
        let tenant = directory.domain(account.domain().as_bytes()).map_or(TenantId::FIRST, |d| d.tenant);
        let mut groups: Vec<GroupId> = Vec::new();
        for text in texts {
            let found = match GroupId::parse(text) {
                Some(id) => directory.group(id),
                None => directory.group_named(tenant, text),
            };
            let id = found.ok_or_else(|| no_group(text))?.id;
            if !groups.contains(&id) {
                groups.push(id);
            }
        }
        Ok(groups.into_boxed_slice())
    }

    pub(crate) fn change_alias(
        &self,
        operator: &Operator,
        account: &str,
        alias: &str,
        is_added: bool,
    ) -> Result<Reply, Refusal> {
        let of = self.account(account)?.aor.clone();
        // A number alone is one of the account's domain.
        let alias = if alias.contains('@') { aor(alias)? } else { aor(&format!("{alias}@{}", of.domain()))? };
        not_reserved(&alias)?;
        if is_added {
            new_aor(alias.as_str())?;
        }
        let change = match is_added {
            true => AliasChange::Added { aor: of, alias },
            false => AliasChange::Removed { aor: of, alias },
        };
        self.change(operator, Change::Alias(change))
    }

    /// Why an account may, or may not: each right with who has said it, and a destination where one is named.
    pub(crate) fn rights(&self, account: &str, to: Option<&str>) -> Result<Reply, Refusal> {
        let account = self.account(account)?;
        let right = |right: &str, of: fn(&Terms) -> Option<String>| {
            let said = self.directory().said(&account, of);
            let (source, source_name) = self.source(said.as_ref().map(|(_, source)| *source));
            RightView { right: right.to_owned(), value: said.map(|(value, _)| value), source, source_name }
        };
        let rights = vec![
            right("relay", |terms| terms.relay_foreign.map(|may| if may { "yes" } else { "no" }.to_owned())),
            right("sessions_max", |terms| terms.sessions_max.map(|max| max.to_string())),
            right("minutes_per_day", |terms| terms.minutes_per_day.map(|max| max.to_string())),
            right("minutes_per_month", |terms| terms.minutes_per_month.map(|max| max.to_string())),
            right("destinations", |terms| terms.destinations.as_ref().map(ToString::to_string)),
        ];
        let destination = to.map(|to| self.destination(&account, to));
        Ok(Reply::Rights(Box::new(RightsView { account: account.aor.to_string(), rights, destination })))
    }

    fn destination(&self, account: &Account, to: &str) -> DestinationView {
        let directory = self.directory();
        let digits = to.strip_prefix('+').unwrap_or(to);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let domain = to.rsplit_once('@').map_or(account.aor.domain(), |(_, domain)| domain);
        let user = to.split('@').next().unwrap_or(to).trim_start_matches("sip:");
        let is_account = directory.account(user.as_bytes(), domain.as_bytes()).is_some()
            || directory.account_by_alias(user.as_bytes(), domain.as_bytes()).is_some();
        let class = match (is_account, is_number) {
            (true, _) => Destination::Internal,
            (false, true) => directory.class_of(account, to),
            (false, false) if directory.is_ours(domain.as_bytes()) => Destination::Internal,
            (false, false) => Destination::Elsewhere,
        };
        let number = (is_number && !is_account).then_some(to);
        let ruling = |terms: &Terms| terms.destinations.as_ref().map(|list| list.ruling(class, number));
        let said = directory.said(account, ruling);
        let (source, source_name) = self.source(said.as_ref().map(|(_, source)| *source));
        let allowed = said.as_ref().is_none_or(|(ruling, _)| ruling.allowed);
        let rule = said.and_then(|(ruling, _)| ruling.rule);
        let (number, class) = (to.to_owned(), class.as_str().to_owned());
        DestinationView { number, class, allowed, rule, source, source_name }
    }

    /// As it is written, and its name.
    fn source(&self, source: Option<Source>) -> (Option<String>, Option<String>) {
        match source {
            None => (None, None),
            Some(Source::Account) => (Some("account".to_owned()), None),
            Some(Source::Group(id)) => {
                (Some(id.text()), self.directory().group(id).map(|group| group.name.to_string()))
            }
            Some(Source::Tenant(id)) => {
                (Some(id.text()), self.directory().tenant(id).map(|tenant| tenant.name.to_string()))
            }
        }
    }
}

pub(crate) fn terms(change: &TermsChange) -> Result<TermsPatch, Refusal> {
    let destinations = |text: &Option<String>| text.as_deref().map(Destinations::parse).transpose();
    Ok(TermsPatch {
        relay_foreign: change.relay,
        sessions_max: change.sessions_max,
        minutes_per_day: change.minutes_per_day,
        minutes_per_month: change.minutes_per_month,
        destinations: change.destinations.as_ref().map(destinations).transpose().map_err(bad_rule)?,
    })
}

pub(crate) fn numbering(text: &str) -> Result<Numbering, Refusal> {
    Numbering::parse(text).map_err(bad_rule)
}

fn bad_rule(error: RuleError) -> Refusal {
    Refusal::new(Why::Invalid, error.to_string())
}

pub(crate) fn group_name(text: &str) -> Result<&str, Refusal> {
    let text = name(text)?.trim();
    match text.is_empty() || text == "no" || text.contains(',') || text.starts_with(GroupId::PREFIX) {
        true => Err(Refusal::new(Why::Invalid, format!("`{text}` is no name of a group"))),
        false => Ok(text),
    }
}

pub(crate) fn no_group(text: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("`{text}` is no group; `coeur group list` shows them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::tests::{door, operator};
    use crate::groups::TenantAmendment;
    use crate::model::{AccountChange, NewAccount, Request};

    fn with_alice() -> Door {
        let (door, _) = door(false);
        let account =
            NewAccount { account: "alice@d".into(), policy: "auto".into(), ..NewAccount::default() };
        assert!(door.answer(&operator(), Request::AccountsAdd { accounts: vec![account] }).is_ok());
        assert!(door.answer(&operator(), Request::GroupAdd { tenant: None, name: "Sales".into() }).is_ok());
        door
    }

    fn done(door: &Door, request: Request) {
        if let Err(refusal) = door.answer(&operator(), request) {
            panic!("{}", refusal.text);
        }
    }

    fn rights(door: &Door, to: Option<&str>) -> RightsView {
        let request = Request::AccountRights { account: "alice@d".into(), to: to.map(str::to_owned) };
        match door.answer(&operator(), request) {
            Ok(Reply::Rights(view)) => *view,
            Ok(_) => panic!("another reply"),
            Err(refusal) => panic!("{}", refusal.text),
        }
    }

    fn list(text: &str) -> TermsChange {
        TermsChange { destinations: Some(Some(text.into())), ..TermsChange::default() }
    }

    #[test]
    fn why_an_account_may_is_told_with_who_has_said_it() {
        let door = with_alice();
        let numbering = Some("+33=national".to_owned());
        let change = TenantAmendment { terms: list("internal"), numbering, ..TenantAmendment::default() };
        done(&door, Request::TenantChange { tenant: "ten_1".into(), change });
        let asked = |to| {
            let view = rights(&door, Some(to)).destination.expect("asked");
            (view.class, view.allowed, view.rule, view.source, view.source_name)
        };
        let of_tenant = |class: &str, allowed, rule: Option<&str>| {
            (class.to_owned(), allowed, rule.map(str::to_owned), Some("ten_1".into()), Some("default".into()))
        };
        assert_eq!(asked("+331"), of_tenant("national", false, None));
        assert_eq!(asked("alice"), of_tenant("internal", true, Some("internal")));
        assert_eq!(asked("112"), of_tenant("emergency", true, Some("emergency")));
        assert_eq!(asked("bob@elsewhere.test"), of_tenant("elsewhere", false, None));
        let change = GroupAmendment { terms: list("national,!+339"), ..GroupAmendment::default() };
        done(&door, Request::GroupChange { group: "sales".into(), change });
        let change = AccountChange { groups: Some(vec!["sales".into()]), ..AccountChange::default() };
        done(&door, Request::AccountChange { account: "alice@d".into(), change });
        let (class, allowed, rule, source, name) = asked("+3391");
        assert_eq!((class.as_str(), allowed, rule.as_deref()), ("national", false, Some("!+339")));
        assert_eq!((source.as_deref(), name.as_deref()), (Some("grp_1"), Some("Sales")));
        let terms = TermsChange { sessions_max: Some(Some(2)), ..TermsChange::default() };
        let change = AccountChange { terms, ..AccountChange::default() };
        done(&door, Request::AccountChange { account: "alice@d".into(), change });
        let said = rights(&door, None).rights;
        let of = |right: &str| said.iter().find(|view| view.right == right).cloned().expect("told");
        assert_eq!(of("sessions_max").value.as_deref(), Some("2"));
        assert_eq!(of("sessions_max").source.as_deref(), Some("account"));
        assert_eq!((of("relay").value, of("minutes_per_day").source), (None, None));
    }

    #[test]
    fn what_is_null_is_said_no_more_and_what_is_absent_stays() {
        let read = |text| serde_json::from_str::<TermsChange>(text).expect("valid");
        assert_eq!(read("{}"), TermsChange::default());
        assert_eq!(read(r#"{"sessions_max":null}"#).sessions_max, Some(None));
        assert_eq!(read(r#"{"sessions_max":3}"#).sessions_max, Some(Some(3)));
        let change = TermsChange { relay: Some(None), ..list("all") };
        assert_eq!(read(&serde_json::to_string(&change).expect("text")), change);
    }

    #[test]
    fn a_group_is_named_changed_and_removed_once_nobody_is_in_it() {
        let door = with_alice();
        let ask = |request| door.answer(&operator(), request);
        let change =
            AccountChange { groups: Some(vec!["grp_1".into(), "SALES".into()]), ..Default::default() };
        done(&door, Request::AccountChange { account: "alice@d".into(), change });
        let Ok(Reply::Group(view)) = ask(Request::GroupShow { group: "sales".into() }) else {
            panic!("none")
        };
        assert_eq!((view.id.as_str(), view.accounts), ("grp_1", vec!["alice@d".to_owned()]));
        let refused = ask(Request::GroupRemove { group: "sales".into() }).err().expect("refused");
        assert!(refused.text.contains("alice@d"), "{}", refused.text);
        let change = AccountChange { groups: Some(Vec::new()), ..AccountChange::default() };
        done(&door, Request::AccountChange { account: "alice@d".into(), change });
        let change =
            GroupAmendment { name: Some("Desk".into()), together_max: Some(Some(4)), ..Default::default() };
        done(&door, Request::GroupChange { group: "sales".into(), change });
        let Ok(Reply::Groups(page)) = ask(Request::GroupsList { tenant: None, after: None, limit: 9 }) else {
            panic!("no list")
        };
        assert_eq!((page.groups[0].name.as_str(), page.groups[0].together_max), ("Desk", Some(4)));
        done(&door, Request::GroupRemove { group: "desk".into() });
        for bad in ["", "no", "a,b", "grp_1", "a\u{7}"] {
            assert!(ask(Request::GroupAdd { tenant: None, name: bad.into() }).is_err(), "{bad}");
        }
        let change = GroupAmendment { terms: list("moon"), ..GroupAmendment::default() };
        done(&door, Request::GroupAdd { tenant: None, name: "x".into() });
        assert!(ask(Request::GroupChange { group: "x".into(), change }).is_err());
    }

    #[test]
    fn a_further_address_is_given_and_taken_by_a_number_alone_too() {
        let door = with_alice();
        let alias = |alias: &str, add: bool| {
            let (account, alias) = ("alice@d".to_owned(), alias.to_owned());
            door.answer(
                &operator(),
                match add {
                    true => Request::AliasAdd { account, alias },
                    false => Request::AliasRemove { account, alias },
                },
            )
        };
        assert!(alias("201", true).is_ok() && alias("desk@d", true).is_ok());
        assert_eq!(alias("201", true).err().map(|refusal| refusal.why), Some(Why::Exists));
        assert!(alias("echo", true).is_err() && alias("a@elsewhere", true).is_err());
        let Ok(Reply::Account(view)) =
            door.answer(&operator(), Request::AccountShow { account: "201@d".into() })
        else {
            panic!("it is found by its further address")
        };
        assert_eq!((view.account.as_str(), view.aliases), ("alice@d", vec!["201@d".into(), "desk@d".into()]));
        assert!(alias("201", false).is_ok());
        assert_eq!(alias("201", false).err().map(|refusal| refusal.why), Some(Why::NotFound));
    }
}
