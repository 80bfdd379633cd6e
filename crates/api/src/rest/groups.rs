//! Groups, which give the accounts that are in them rights and quota.

use super::caller::{Access, Action, Resource};
use super::change::{self, Change};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, OfTenant, Page};
use super::problem::Problem;
use crate::groups::{GroupAmendment, GroupView, TermsChange, TermsView};
use crate::model::{Reply, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Groups;
    vec![
        Operation::get(
            ("/groups", "list_groups"),
            Groups,
            "Groups, in the order in which they were made.",
            list,
        )
        .query::<OfTenant>()
        .answer::<Page<GroupResource>>(),
        Operation::post(("/groups", "add_group"), Groups, "Makes a group.", add)
            .body::<NewGroupBody>()
            .status(201)
            .answer::<GroupResource>()
            .dry(),
        Operation::get(
            ("/groups/{group}", "show_group"),
            Groups,
            "One group, with the accounts that are in it.",
            show,
        )
        .answer::<GroupResource>(),
        Operation::patch(
            ("/groups/{group}", "change_group"),
            Groups,
            "Changes what the body names; `null` takes a limit away.",
            patch,
        )
        .body::<GroupPatchBody>()
        .answer::<GroupResource>()
        .dry()
        .conditional(),
        Operation::delete(
            ("/groups/{group}", "remove_group"),
            Groups,
            "Removes a group in which nobody is any more.",
            remove,
        )
        .takes(Access::Admin)
        .dry()
        .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Group")]
struct GroupResource {
    /// `grp_NUMBER`; an address takes this, or the name where one tenant alone has a group of that name.
    id: String,
    /// As `ten_1`.
    tenant_id: String,
    name: String,
    /// Rights and quota of each of its accounts that says nothing itself.
    terms: TermsView,
    /// Calls of all members together at a time; `null`: no limit.
    together_max: Option<u32>,
    /// The accounts that are in it; a list has none.
    accounts: Vec<String>,
}

impl From<GroupView> for GroupResource {
    fn from(GroupView { id, tenant, name, terms, together_max, accounts }: GroupView) -> Self {
        Self { id, tenant_id: tenant, name, terms, together_max, accounts }
    }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: OfTenant = call.query()?;
    let limit = page::limit(query.limit)?;
    let request = Request::GroupsList { tenant: query.tenant, after: query.cursor, limit };
    let Reply::Groups(found) = call.ask(request)? else { return Err(unexpected()) };
    Page::told(found.groups.into_iter().map(GroupResource::from).collect(), found.next).answer(call)
}

fn named(call: &Call<'_>, group: &str) -> Result<GroupResource, Problem> {
    let Reply::Group(found) = call.ask(Request::GroupShow { group: group.to_owned() })? else {
        return Err(unexpected());
    };
    Ok((*found).into())
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(named(call, call.part("group"))?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewGroup")]
struct NewGroupBody {
    /// Unique in its tenant; capitals do not count.
    name: String,
    /// By its name or `ten_NUMBER`; the first one when absent.
    tenant: Option<String>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewGroupBody { name, tenant } = call.json()?;
    let request = Request::GroupAdd { tenant, name: name.clone() };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &name });
    }
    let Reply::Group(made) = call.ask(request)? else { return Err(unexpected()) };
    let made = GroupResource::from(*made);
    let place = format!("/api/v1/groups/{}", made.id);
    Answer::created(made, &place)
}

/// What is absent stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "GroupPatch")]
struct GroupPatchBody {
    name: Option<String>,
    terms: TermsChange,
    /// Calls of all members together at a time; `null`: no limit.
    #[schemars(with = "Option<u32>")]
    #[serde(deserialize_with = "super::accounts::said")]
    together_max: Option<Option<u32>>,
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let GroupPatchBody { name, terms, together_max } = call.json()?;
    if terms != TermsChange::default() || together_max.is_some() {
        call.caller.require(Action::Change, Resource::Terms, Access::Write)?;
    }
    // By its number: the name may be what is changed.
    let id = named(call, call.part("group"))?.id;
    let change = GroupAmendment { name, terms, together_max };
    change::patch(call, Request::GroupChange { group: id.clone(), change }, || named(call, &id))
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    // With it goes what it gave.
    call.caller.require(Action::Change, Resource::Terms, Access::Write)?;
    let group = named(call, call.part("group"))?;
    change::remove(call, Request::GroupRemove { group: group.id.clone() }, group)
}
