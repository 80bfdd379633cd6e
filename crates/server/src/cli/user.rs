//! `coeur user ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{User, UserVerb, YesNo};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::{NewUser, Reply, Request, UserAmendment, UserView};

const PAGE: usize = 5_000;

pub fn run(arguments: User) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        UserVerb::Add { login, display_name, kind, email, language, role, tenant } => {
            let (kind, language, role) =
                (kind.word().to_owned(), language.word().to_owned(), role.word().to_owned());
            let user = NewUser { login, tenant, kind, display_name, email, language, role };
            let made = view(way.ask(Request::UserAdd { user })?)?;
            if json { print_json(&made) } else { say(json, &Word::UserMade.with(&[&made.login, &made.id])) }
        }
        UserVerb::List { tenant } => list(&way, tenant, json),
        UserVerb::Show { user } => {
            let view = view(way.ask(Request::UserShow { user })?)?;
            if json {
                return print_json(&view);
            }
            print(&users(std::slice::from_ref(&view)));
            let rows: Vec<Vec<String>> = view.accounts.iter().map(|account| vec![account.clone()]).collect();
            print(&format!("\n{}", table(&[Word::Accounts.say()], &rows)));
            Ok(())
        }
        UserVerb::Set { user, login, display_name, kind, email, language, role, enabled } => {
            let change = UserAmendment {
                login,
                kind: kind.map(|kind| kind.word().to_owned()),
                display_name,
                email,
                language: language.map(|language| language.word().to_owned()),
                role: role.map(|role| role.word().to_owned()),
                enabled: enabled.map(|word| word == YesNo::Yes),
            };
            way.ask(Request::UserChange { user: user.clone(), change })?;
            say(json, &Word::AccountChanged.with(&[&user]))
        }
        UserVerb::Rm { user } => {
            way.ask(Request::UserRemove { user: user.clone() })?;
            say(json, &Word::AccountRemoved.with(&[&user]))
        }
    }
}

fn view(reply: Reply) -> Result<UserView, Failure> {
    match reply {
        Reply::User(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

fn list(way: &Way, tenant: Option<String>, json: bool) -> Result<(), Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        match way.ask(Request::UsersList { tenant: tenant.clone(), after, limit: PAGE })? {
            Reply::Users(page) => {
                all.extend(page.users);
                after = page.next;
            }
            other => return Err(unexpected(&other)),
        }
        if after.is_none() {
            break;
        }
    }
    if json {
        return print_json(&all);
    }
    print(&users(&all));
    Ok(())
}

fn users(views: &[UserView]) -> String {
    let row = |view: &UserView| {
        let disabled = if view.enabled { "" } else { Word::Disabled.say() };
        let kind = if view.kind == "role" { Word::Desk.say() } else { Word::Person.say() };
        vec![
            view.id.clone(),
            view.login.clone(),
            view.display_name.clone(),
            role(&view.role),
            kind.to_owned(),
            view.tenant.clone(),
            view.email.clone(),
            view.language.clone(),
            disabled.to_owned(),
        ]
    };
    let heads = [
        Word::Number,
        Word::Login,
        Word::Name,
        Word::Role,
        Word::Kind,
        Word::Tenant,
        Word::Email,
        Word::Tongue,
        Word::Marks,
    ];
    table(&heads.map(Word::say), &views.iter().map(row).collect::<Vec<_>>())
}

/// What a server of another version says stays as it is.
fn role(said: &str) -> String {
    let word = match said {
        "owner" => Word::Owner,
        "admin" => Word::Admin,
        "operator" => Word::Operator,
        "supervisor" => Word::Supervisor,
        "user" => Word::User,
        "auditor" => Word::Auditor,
        "provisioning" => Word::Provisioning,
        "api" => Word::Program,
        other => return other.to_owned(),
    };
    word.say().to_owned()
}
