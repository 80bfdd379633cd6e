//! Numbers of the public network: which a tenant has, which are free, whose the others are.

use super::Web;
use super::caller::{Access, Action, Caller, Resource, Role};
use super::change::{self, Change, Rehearsal, TriedRows};
use super::hearing;
use super::jobs::RowError;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::{Code, Problem};
use crate::ids::Id as _;
use crate::model::{Refusal, Reply, Request, Why};
use crate::numbers::{
    NewNumbers, NumberAmendment, NumbersAdded, NumbersReply, NumbersRequest, TenantNumberView,
};
use coeur_directory::{E164, NumberState, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers of a range that are told to be there already, one by one.
const KNOWN_MAX: usize = 1_000;

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Numbers;
    vec![
        Operation::get(("/numbers", "list_numbers"), Numbers, "The numbers that a tenant has, in the order of their digits, with the account that has each.", list)
            .query::<NumbersQuery>()
            .answer::<Page<NumberResource>>(),
        Operation::post(("/numbers", "add_number"), Numbers, "Takes a number into the inventory of a tenant. One that an account has already is assigned from then on.", add)
            .body::<NewNumberBody>()
            .status(201)
            .answer::<NumberResource>()
            .dry(),
        Operation::post(("/numbers:range", "add_numbers"), Numbers, "Takes a range of at most 10,000 numbers into the inventory of a tenant; those that are there already stay as they are.", add_range)
            .body::<NewRangeBody>()
            .answer::<RangeResource>()
            .dry(),
        Operation::get(("/numbers/{number}", "show_number"), Numbers, "One number of an inventory.", show)
            .answer::<NumberResource>(),
        Operation::patch(("/numbers/{number}", "change_number"), Numbers, "Changes what the body names. `account` gives the number to an account, as a further address of it, or takes it back with `null`; from another account it is taken only when that is named as `from`.", patch)
            .body::<NumberPatchBody>()
            .answer::<NumberResource>()
            .dry()
            .conditional(),
        Operation::delete(("/numbers/{number}", "remove_number"), Numbers, "Removes a number that no account has from the inventory.", remove)
            .dry()
            .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Number")]
struct NumberResource {
    /// `num_NUMBER`; an address takes this or the number itself. `null`: an account has it, and no inventory.
    id: Option<String>,
    /// As `ten_1`.
    tenant_id: String,
    /// As ITU-T E.164 has it: a `+` and 2 to 15 digits.
    number: String,
    /// `free`, `assigned` or `unlisted`.
    state: &'static str,
    /// The address of the account that has it; `null`: none.
    account: Option<String>,
    /// As `acc_4`.
    account_id: Option<String>,
    account_name: Option<String>,
    /// Where help is to come when somebody calls for it from this number; at most 300 characters.
    emergency_address: String,
    /// Of the carrier, of a porting; at most 300 characters.
    note: String,
    /// Since when it is in the inventory.
    created_at: Option<String>,
}

impl From<TenantNumberView> for NumberResource {
    fn from(view: TenantNumberView) -> Self {
        let TenantNumberView { id, tenant, number, account, account_id, account_name, .. } = view;
        let state = match (&id, &account) {
            (None, _) => NumberState::Unlisted,
            (Some(_), Some(_)) => NumberState::Assigned,
            (Some(_), None) => NumberState::Free,
        };
        let TenantNumberView { emergency_address, note, created_at, .. } = view;
        Self {
            id,
            tenant_id: tenant,
            number,
            state: state.as_str(),
            account,
            account_id,
            account_name,
            emergency_address,
            note,
            created_at,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    Any,
    Free,
    Assigned,
    /// What an account has and the inventory has not.
    Unlisted,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Any => NumberState::Any,
            Self::Free => NumberState::Free,
            Self::Assigned => NumberState::Assigned,
            Self::Unlisted => NumberState::Unlisted,
        }
        .as_str()
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NumbersQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// By its name or `ten_NUMBER`.
    tenant: Option<String>,
    /// All of the inventory unless said.
    #[serde(default)]
    state: State,
    /// A part of a number, a note, an emergency address or the account that has it, in any case.
    q: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewNumber")]
struct NewNumberBody {
    /// With the code of its country, as people write it: `+33 1 23 45 67 89`.
    number: String,
    /// By its name or `ten_NUMBER`; one's own when absent.
    tenant: Option<String>,
    #[serde(default)]
    emergency_address: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewNumberRange")]
struct NewRangeBody {
    /// With the code of its country.
    first: String,
    /// With as many digits; it is in the range too.
    last: String,
    /// By its name or `ten_NUMBER`; one's own when absent.
    tenant: Option<String>,
    /// Of each that is new.
    #[serde(default)]
    emergency_address: String,
    /// Of each that is new.
    #[serde(default)]
    note: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NumberRange")]
struct RangeResource {
    made: usize,
    /// Those that were there already, which stay as they are: the first 1000.
    known: Vec<String>,
    known_count: usize,
}

/// What is absent stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "NumberPatch")]
struct NumberPatchBody {
    emergency_address: Option<String>,
    note: Option<String>,
    /// `acc_NUMBER` or `user@domain`; `null`: nobody's.
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "super::accounts::said")]
    account: Option<Option<String>>,
    /// The account that has it, from which it may be taken.
    from: Option<String>,
}

fn ask(call: &Call<'_>, request: NumbersRequest) -> Result<NumbersReply, Problem> {
    match call.ask(Request::Numbers(request))? {
        Reply::Numbers(reply) => Ok(reply),
        _ => Err(unexpected()),
    }
}

/// Who is no owner has those of his own tenant.
fn bound(web: &Web, caller: &Caller) -> Option<TenantId> {
    (caller.role != Role::Owner).then(|| hearing::tenant(web, caller))
}

/// Of a list: `None` is of every tenant.
fn tenant(call: &Call<'_>, wanted: Option<String>) -> Result<Option<String>, Problem> {
    let Some(own) = bound(call.web, call.caller) else { return Ok(wanted) };
    let is_own = |text: &str| call.web.door().tenant(text).is_ok_and(|tenant| tenant.id == own);
    match wanted.filter(|text| !is_own(text)) {
        Some(other) => Err(Problem::because(Code::NotFound, format!("`{other}` is no tenant of yours"))),
        None => Ok(Some(own.text())),
    }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let NumbersQuery { limit, cursor, tenant: wanted, state, q } = call.query()?;
    let (tenant, limit) = (tenant(call, wanted)?, page::limit(limit)?);
    let request = NumbersRequest::List { tenant, state: state.name().to_owned(), q, after: cursor, limit };
    let NumbersReply::Page(found) = ask(call, request)? else { return Err(unexpected()) };
    Page::told(found.numbers.into_iter().map(NumberResource::from).collect(), found.next).answer(call)
}

fn named(call: &Call<'_>, number: &str) -> Result<NumberResource, Problem> {
    let request = NumbersRequest::Show { number: number.to_owned() };
    let NumbersReply::Number(view) = ask(call, request)? else { return Err(unexpected()) };
    match bound(call.web, call.caller).is_none_or(|own| view.tenant == own.text()) {
        true => Ok((*view).into()),
        false => Err(Problem::because(Code::NotFound, format!("there is no number `{number}`"))),
    }
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(named(call, call.part("number"))?)
}

fn own_unless(call: &Call<'_>, tenant: Option<String>) -> Option<String> {
    Some(tenant.unwrap_or_else(|| hearing::tenant(call.web, call.caller).text()))
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewNumberBody { number, tenant, emergency_address, note } = call.json()?;
    let tenant = own_unless(call, tenant);
    let new = NewNumbers { tenant, first: number.clone(), last: None, emergency_address, note };
    let request = NumbersRequest::Add(new);
    if call.is_dry {
        return change::rehearse(call, Request::Numbers(request), &Change::Made { what: &number });
    }
    let NumbersReply::Added(NumbersAdded { made, .. }) = ask(call, request)? else {
        return Err(unexpected());
    };
    let made = named(call, &made.into_iter().next().ok_or_else(unexpected)?)?;
    let place = format!("/api/v1/numbers/{}", made.id.as_deref().unwrap_or_default());
    Answer::created(made, &place)
}

fn add_range(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewRangeBody { first, last, tenant, emergency_address, note } = call.json()?;
    let tenant = own_unless(call, tenant);
    let new = NewNumbers { tenant, first, last: Some(last), emergency_address, note };
    let request = NumbersRequest::Add(new.clone());
    if call.is_dry {
        return rehearsed(call, request, &new);
    }
    let NumbersReply::Added(NumbersAdded { made, mut known }) = ask(call, request)? else {
        return Err(unexpected());
    };
    let known_count = known.len();
    known.truncate(KNOWN_MAX);
    Answer::json(RangeResource { made: made.len(), known, known_count })
}

/// Each number that is there already is told as a row that would not be made.
fn rehearsed(call: &Call<'_>, request: NumbersRequest, new: &NewNumbers) -> Result<Answer, Problem> {
    match call.ask_by(&call.caller.operator.rehearsing(), Request::Numbers(request)) {
        Err(Refusal { why: Why::Rehearsed, .. }) => {}
        Err(refusal) => return Err(refusal.into()),
        Ok(_) => return Err(unexpected()),
    }
    let ends = [Some(&*new.first), new.last.as_deref()].map(|end| end.and_then(E164::written));
    let [Some(first), Some(last)] = ends else { return Err(unexpected()) };
    let range = first.range(&last).map_err(|why| Problem::because(Code::Invalid, why.to_string()))?;
    let directory = call.web.door().house().directory();
    let is_known = |(_, number): &(usize, &E164)| directory.number_of(number).is_some();
    let row = |(row, number): (usize, &E164)| RowError {
        row,
        subject: number.to_string(),
        code: Code::Conflict.name(),
        detail: format!("the number {number} is already there"),
    };
    let known: Vec<RowError> = (1..).zip(&range).filter(is_known).map(row).collect();
    let failed = known.len();
    let errors = known.into_iter().take(KNOWN_MAX).collect();
    let rows = Some(TriedRows { total: range.len(), failed, errors });
    Answer::json(Rehearsal { dry_run: true, differences: Vec::new(), rows })
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let NumberPatchBody { emergency_address, note, account, from } = call.json()?;
    if account.is_some() {
        // It is the account whose addresses change.
        call.caller.require(Action::Change, Resource::Accounts, Access::Write)?;
    }
    let number = named(call, call.part("number"))?.number;
    let change = NumberAmendment { emergency_address, note, account, from };
    let request = NumbersRequest::Change { number: number.clone(), change };
    change::patch(call, Request::Numbers(request), || named(call, &number))
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let number = named(call, call.part("number"))?;
    let request = NumbersRequest::Remove { number: number.number.clone() };
    change::remove(call, Request::Numbers(request), number)
}
