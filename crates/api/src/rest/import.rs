//! Many users at once, from CSV or JSON Lines. The rows are read first: what is no file of ours makes nothing. Then they are made
//! in the background, some hundred in one commit; where one of these cannot be, they are made one by one, and what is wrong with
//! which row is kept.

use super::Web;
use super::caller::{Access, Action, Caller, Resource, Role};
use super::change::{Rehearsal, TriedRows};
use super::fence;
use super::jobs::{self, ERRORS_MAX, Job, JobResource, MadeSecret, RowError, Running};
use super::operation::{Answer, Call, Operation};
use super::problem::{Code, Problem};
use super::users::within;
use crate::ids::{Id as _, JobId};
use crate::model::{GivenSecret, NewAccount, Refusal, Reply, Request, Why};
use crate::onboard::{NewPerson, PersonMade};
use crate::people::NewUser;
use axum::http::{HeaderValue, StatusCode, header};
use coeur_storage::Operator;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of one commit.
const ROWS_PER_COMMIT: usize = 250;
const ROWS_MAX: usize = 100_000;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            ("/users:import", "import_users"),
            Resource::Users,
            "Makes many users with their accounts, from CSV with a head or JSON Lines; goes on as a job.",
            import,
        )
        .body::<RowBody>()
        .status(202)
        .answer::<JobResource>()
        .dry()
        .large(),
    ]
}

/// One row; CSV has these names in its head.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ImportRow")]
struct RowBody {
    login: String,
    display_name: String,
    email: String,
    /// `en` or `fr`.
    language: String,
    /// `user` when empty; none that may more than who asks.
    role: String,
    /// By its name or `ten_NUMBER`.
    tenant: Option<String>,
    /// `user@domain`: an account of his that is made with him.
    account: Option<String>,
    /// Further addresses of the account, with spaces between them; a number alone is of its domain.
    aliases: String,
    /// Of the first device, 8 characters or more; made when absent, and taken from the job.
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
}

fn import(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.require(Action::Create, Resource::Accounts, Access::Write)?;
    let rows = read(call)?;
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(Problem::because(Code::Invalid, format!("an import has 1 to {ROWS_MAX} rows")));
    }
    if call.is_dry {
        return tried(call, &rows);
    }
    if rows.iter().any(|person| person.user.role == Role::Owner.as_str()) {
        call.caller.require_fresh(Resource::Users)?;
    }
    let name = call.caller.operator.name();
    let job = call.web.jobs().begin("users_import", name, rows.len(), call.web.now_ms())?;
    let answer = JobResource::from_job(&job, call.web.now_ms());
    let place = format!("/api/v1/jobs/{}", JobId(job.number).text());
    let (web, caller) = (call.web.clone(), call.caller.clone());
    let work = move || make(&Running(&web, job), &web, &caller, rows);
    // It goes on when this request is answered.
    drop(tokio::runtime::Handle::current().spawn_blocking(work));
    let mut answer = Answer { status: StatusCode::ACCEPTED, ..Answer::json(answer)? };
    answer.headers.extend(HeaderValue::try_from(place).ok().map(|place| (header::LOCATION, place)));
    Ok(answer)
}

impl JobResource {
    fn from_job(job: &Arc<Job>, now_ms: u64) -> Self {
        job.resource(now_ms, false)
    }
}

/// All rows, or what is wrong with the first that cannot be read.
fn read(call: &Call<'_>) -> Result<Vec<NewPerson>, Problem> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let wrong = |row: usize, why: String| Problem::at(format!("#/{row}"), format!("row {}: {why}", row + 1));
    let rows: Result<Vec<RowBody>, Problem> = match kind.as_str() {
        "text/csv" => {
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&**call.body);
            let rows = reader.deserialize().take(ROWS_MAX + 1).enumerate();
            rows.map(|(at, row)| row.map_err(|why| wrong(at, why.to_string()))).collect()
        }
        "application/jsonl" | "application/x-ndjson" | "application/json-lines" | "application/json" => {
            let lines = call.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            let rows = lines.take(ROWS_MAX + 1).enumerate();
            rows.map(|(at, line)| serde_json::from_slice(line).map_err(|why| wrong(at, why.to_string())))
                .collect()
        }
        _ => {
            let hint = (
                "Send CSV as `text/csv`, or JSON Lines as `application/jsonl`.",
                "Envoyez du CSV en `text/csv`, ou des lignes JSON en `application/jsonl`.",
            );
            return Err(Problem { hint: Some(hint), ..Problem::new(Code::WrongType) });
        }
    };
    Ok(rows?.into_iter().map(RowBody::person).collect())
}

impl RowBody {
    fn person(self) -> NewPerson {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let account = some(self.account).map(|account| NewAccount {
            account,
            display_name: self.display_name.clone(),
            user: None,
            secret: self.secret.filter(|secret| !secret.reveal().is_empty()),
            policy: "auto".to_owned(),
            ..NewAccount::default()
        });
        let user = NewUser {
            login: self.login,
            tenant: some(self.tenant),
            kind: String::new(),
            display_name: self.display_name,
            email: self.email,
            language: self.language,
            role: self.role,
        };
        let aliases = self.aliases.split_whitespace().map(str::to_owned).collect();
        NewPerson { user, account, aliases }
    }
}

fn make(running: &Running<'_>, web: &Web, caller: &Caller, rows: Vec<NewPerson>) {
    let job = &running.1;
    for (at, part) in rows.chunks(ROWS_PER_COMMIT).enumerate() {
        let first = at * ROWS_PER_COMMIT;
        let may = part.iter().all(|person| may_make(caller, person).is_ok());
        match may.then(|| ask((web, caller), &caller.operator, part)) {
            Some(Ok(made)) => note(job, &made),
            Some(Err(_)) | None => {
                for (index, person) in part.iter().enumerate() {
                    one(job, web, caller, (first + index, person));
                }
            }
        }
        jobs::tell(web, job);
    }
}

/// Each row as if it were meant, and nothing is written. Some hundred at once, and one by one where these would not all be made.
fn tried(call: &Call<'_>, rows: &[NewPerson]) -> Result<Answer, Problem> {
    let operator = call.caller.operator.rehearsing();
    let mut tried = TriedRows { total: rows.len(), failed: 0, errors: Vec::new() };
    let mut names = Names::default();
    for (at, part) in rows.chunks(ROWS_PER_COMMIT).enumerate() {
        let are_new: Vec<_> = part.iter().map(|person| names.add(person)).collect();
        let could = part.iter().all(|person| may_make(call.caller, person).is_ok())
            && are_new.iter().all(Result::is_ok)
            && would((call.web, call.caller), &operator, part).is_ok();
        if could {
            continue;
        }
        for (index, (person, is_new)) in part.iter().zip(are_new).enumerate() {
            let would = || would((call.web, call.caller), &operator, std::slice::from_ref(person));
            let Err(problem) = may_make(call.caller, person).and(is_new).and_then(|()| would()) else {
                continue;
            };
            tried.failed += 1;
            if tried.errors.len() < ERRORS_MAX {
                tried.errors.push(RowError::of(at * ROWS_PER_COMMIT + index, person, problem));
            }
        }
    }
    let rehearsal = Rehearsal { dry_run: true, differences: Vec::new(), rows: Some(tried) };
    Ok(Answer { status: StatusCode::OK, ..Answer::json(rehearsal)? })
}

fn would(of: (&Web, &Caller), operator: &Operator, people: &[NewPerson]) -> Result<(), Problem> {
    match ask(of, operator, people) {
        Err(Refusal { why: Why::Rehearsed, .. }) | Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// What earlier rows of the same file take.
#[derive(Default)]
struct Names<'r> {
    logins: BTreeSet<&'r str>,
    accounts: BTreeSet<&'r str>,
}

impl<'r> Names<'r> {
    fn add(&mut self, person: &'r NewPerson) -> Result<(), Problem> {
        let login = person.user.login.as_str();
        let account = person.account.as_ref().map(|account| account.account.as_str());
        let is_new = self.logins.insert(login);
        match account {
            _ if !is_new => Err(Problem::because(Code::Conflict, format!("`{login}` is in an earlier row"))),
            Some(account) if !self.accounts.insert(account) => {
                Err(Problem::because(Code::Conflict, format!("`{account}` is in an earlier row")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn may_make(caller: &Caller, person: &NewPerson) -> Result<(), Problem> {
    if person.account.is_none() && !person.aliases.is_empty() {
        let text = "further addresses are those of an account, and none is named";
        return Err(Problem::at("#/aliases", text));
    }
    role_of(person).and_then(|role| within(caller, role.as_str()))
}

impl RowError {
    /// `row` counts from 0.
    fn of(row: usize, person: &NewPerson, problem: Problem) -> Self {
        let (subject, code) = (person.user.login.clone(), problem.code.name());
        Self { row: row + 1, subject, code, detail: problem.detail.unwrap_or_default() }
    }
}

fn role_of(person: &NewPerson) -> Result<Role, Problem> {
    let name = if person.user.role.is_empty() { "user" } else { &person.user.role };
    Role::parse(name).ok_or_else(|| Problem::at("#/role", format!("`{name}` is no role")))
}

fn one(job: &Job, web: &Web, caller: &Caller, (row, person): (usize, &NewPerson)) {
    let made = may_make(caller, person)
        .and_then(|()| Ok(ask((web, caller), &caller.operator, std::slice::from_ref(person))?));
    match made {
        Ok(made) => note(job, &made),
        Err(problem) => {
            let mut progress = job.progress();
            progress.done += 1;
            progress.failed += 1;
            if progress.errors.len() < ERRORS_MAX {
                progress.errors.push(RowError::of(row, person, problem));
            }
        }
    }
}

fn ask(
    (web, caller): (&Web, &Caller),
    operator: &Operator,
    people: &[NewPerson],
) -> Result<Vec<PersonMade>, Refusal> {
    match fence::ask((web, caller), operator, Request::PeopleAdd { people: people.to_vec() })? {
        Reply::People(made) => Ok(made),
        _ => Err(Refusal::new(Why::Unavailable, "the door gave an answer of another kind")),
    }
}

fn note(job: &Job, made: &[PersonMade]) {
    let mut progress = job.progress();
    progress.done += made.len();
    for person in made {
        let Some(account) = &person.account else { continue };
        let Some(secret) = account.secret.clone() else { continue };
        progress.secrets.push(MadeSecret {
            login: person.user.login.clone(),
            account: account.account.clone(),
            device_id: format!("{}{}", coeur_directory::DeviceId::PREFIX, account.device),
            secret,
        });
    }
}
