//! The way to the administration door: the control socket when a server runs on this data directory, else the
//! directory itself.

use super::exit::{Exit, Failure};
use super::grammar::Place;
use crate::config::Key;
use coeur_api::{
    ACCOUNTS_PER_REQUEST_MAX, Client, ClientError, Door, Operator, Refusal, Reply, Request, Status, Why,
};
use coeur_storage::StorageError;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub enum Way {
    Server(Client),
    Directory(Box<Door>),
}

impl Way {
    /// A directory without records is refused: with a slip in `--data`, an empty list would say that all is gone.
    pub fn open(place: &Place) -> Result<Way, Failure> {
        let directory = data_directory(place)?;
        fits(&directory)?;
        if !coeur_storage::has_records(&directory) {
            // Whoever may not look does not know what is there.
            if let Err(why) = std::fs::read_dir(&directory)
                && why.kind() == std::io::ErrorKind::PermissionDenied
            {
                return Err(unreachable(&directory, &why.to_string()));
            }
            let text = "there are no records; begin with `coeur domain add DOMAIN`, or give --data DIR";
            return Err(unreachable(&directory, text));
        }
        Self::open_or_make(place)
    }

    /// Makes the data directory if it is not there.
    pub fn open_or_make(place: &Place) -> Result<Way, Failure> {
        let directory = data_directory(place)?;
        fits(&directory)?;
        let until = Instant::now() + PATIENCE;
        open_waiting(&directory, || {
            std::thread::sleep(LOOK_EVERY);
            Instant::now() < until
        })
    }

    /// For what only a running server can tell.
    pub fn open_server(place: &Place) -> Result<Way, Failure> {
        let directory = data_directory(place)?;
        fits(&directory)?;
        match Client::connect(&directory) {
            Ok(Some(client)) => Ok(Way::Server(client)),
            Ok(None) => Err(unreachable(
                &directory,
                "no server runs on it; start one (coeur serve) or give --data DIR",
            )),
            Err(why) => Err(unreachable(&directory, &why.to_string())),
        }
    }

    pub fn ask(&self, request: Request) -> Result<Reply, Failure> {
        match self {
            Way::Server(client) => client.ask(&request).map_err(|error| match error {
                ClientError::Refused(refusal) => refuse(refusal),
                ClientError::Broken(why) => {
                    Failure::new(Exit::Unreachable, format!("the server does not answer: {why}"))
                }
            }),
            Way::Directory(door) => door.answer(&operator(), request).map_err(refuse),
        }
    }

    pub fn status(&self) -> Result<Status, Failure> {
        match self.ask(Request::Status)? {
            Reply::Status(status) => Ok(status),
            other => Err(unexpected(&other)),
        }
    }

    /// Refuses a domain that is not ours: its empty list would say that nobody has an account there.
    pub fn known_domain(&self, domain: &str) -> Result<(), Failure> {
        let Reply::Domains(domains) = self.ask(Request::DomainsList)? else {
            return Err(Failure::failed("the server gave no list of domains"));
        };
        let name = domain.trim_end_matches('.');
        match domains.iter().any(|view| view.domain.eq_ignore_ascii_case(name)) {
            true => Ok(()),
            false => Err(Failure::new(Exit::NotFound, format!("the domain {domain} is not ours"))),
        }
    }

    /// `alice` is `alice@d` where there is one domain only, or only one that has an account of this name, further addresses among
    /// them.
    pub fn full_account(&self, text: &str) -> Result<String, Failure> {
        self.whole(text, false)
    }

    /// The same of an account that may not be there yet.
    pub fn full_new_account(&self, text: &str) -> Result<String, Failure> {
        self.whole(text, true)
    }

    fn whole(&self, text: &str, may_be_new: bool) -> Result<String, Failure> {
        if text.contains('@') {
            return Ok(text.to_owned());
        }
        let Reply::Domains(domains) = self.ask(Request::DomainsList)? else {
            return Err(Failure::failed("the server gave no list of domains"));
        };
        let all: Vec<String> = domains.iter().map(|domain| format!("{text}@{}", domain.domain)).collect();
        if let [only] = all.as_slice() {
            return Ok(only.clone());
        }
        let known = self.known(&all)?;
        match (known.as_slice(), all.is_empty()) {
            ([account], _) => Ok(account.clone()),
            ([], true) if may_be_new => Err(Failure::new(
                Exit::Usage,
                "there is no domain yet; make one with `coeur domain add DOMAIN`",
            )),
            ([], false) if may_be_new => Err(Failure::new(
                Exit::Usage,
                format!("there are several domains: write which, such as {}", some(&all)),
            )),
            ([], _) => {
                let text = format!(
                    "there is no account `{text}`, in none of the domains; `coeur account list` shows them"
                );
                Err(Failure::new(Exit::NotFound, text))
            }
            (several, _) => {
                let text = format!("`{text}` is in several domains: write which, such as {}", some(several));
                Err(Failure::new(Exit::Usage, text))
            }
        }
    }

    /// Which of these addresses reach an account: its own, else further ones.
    fn known(&self, all: &[String]) -> Result<Vec<String>, Failure> {
        let mut known = Vec::new();
        for some in all.chunks(ACCOUNTS_PER_REQUEST_MAX) {
            match self.ask(Request::AccountsKnown { accounts: some.to_vec() })? {
                Reply::Known(those) => known.extend(those),
                _ => return Err(Failure::failed("the server gave no list of accounts")),
            }
        }
        if !known.is_empty() {
            return Ok(known);
        }
        for address in all {
            match self.ask(Request::AccountShow { account: address.clone() }) {
                Ok(_) => known.push(address.clone()),
                Err(failure) if failure.exit == Exit::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(known)
    }
}

/// The first of them.
fn some(all: &[String]) -> String {
    let shown = all.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.len() > 5 { format!("{shown}, ...") } else { shown }
}

/// A server that stops is not to be spoken with any more before it has let go of its records, and one that starts has them before
/// it can be spoken with; another command has them for a moment. So long they are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `waits` is false when it has been waited for long enough.
fn open_waiting(directory: &Path, mut waits: impl FnMut() -> bool) -> Result<Way, Failure> {
    loop {
        match Client::connect(directory) {
            Ok(Some(client)) => return Ok(Way::Server(client)),
            Ok(None) => {}
            Err(why) => return Err(unreachable(directory, &why.to_string())),
        }
        match crate::house::offline(directory) {
            Ok(door) => return Ok(Way::Directory(Box::new(door))),
            Err(StorageError::Locked { .. }) if waits() => {}
            Err(why) => return Err(Failure::new(Exit::Unreachable, why.to_string())),
        }
    }
}

/// `--data`, `COEUR_DATA`, the file of `COEUR_CONFIG`, else the first default that exists.
pub fn data_directory(place: &Place) -> Result<PathBuf, Failure> {
    let given = place.data.clone().or_else(|| std::env::var_os("COEUR_DATA").map(PathBuf::from));
    let given = match (given, std::env::var_os("COEUR_CONFIG")) {
        (None, Some(file)) if !file.is_empty() => of_file(Path::new(&file))?,
        (given, _) => given,
    };
    Ok(given.unwrap_or_else(|| {
        let defaults = [crate::config::settings::DEFAULT_DATA, crate::demo::DATA_DIRECTORY];
        let found = defaults.iter().map(PathBuf::from).find(|path| path.is_dir());
        found.unwrap_or_else(|| defaults[0].into())
    }))
}

/// The key `data` of a settings file. Its other keys are the server's, and so are their errors.
fn of_file(path: &Path) -> Result<Option<PathBuf>, Failure> {
    let (layer, errors) = crate::config::file::read(path);
    match (layer.one(Key::Data), errors.first()) {
        (Some((data, _)), _) => Ok(Some(data.into())),
        (None, Some(error)) => Err(Failure::new(Exit::Usage, error.to_string())),
        (None, None) => Ok(None),
    }
}

/// Refuses what cannot be a data directory, before anything is made or opened.
pub fn fits(directory: &Path) -> Result<(), Failure> {
    use std::os::unix::ffi::OsStrExt;
    if std::fs::metadata(directory).is_ok_and(|found| !found.is_dir()) {
        let text = format!("{}: this is a file; --data names a directory", directory.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    let bytes = directory.join(coeur_api::SOCKET_NAME).as_os_str().as_bytes().len();
    if bytes > SOCKET_PATH_BYTES_MAX {
        let text = format!(
            "{}: this path is too long by {} bytes for the control socket inside; choose a shorter one",
            directory.display(),
            bytes - SOCKET_PATH_BYTES_MAX
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(())
}

/// `sun_path` of Linux, less its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

pub fn refuse(refusal: Refusal) -> Failure {
    let exit = match refusal.why {
        Why::Invalid | Why::Weak => Exit::Usage,
        Why::NotFound => Exit::NotFound,
        Why::Exists => Exit::Exists,
        Why::NotNow => Exit::NotNow,
        Why::Forbidden | Why::Unavailable | Why::NotSetUp | Why::Rehearsed => Exit::Failed,
    };
    Failure::new(exit, refusal.text)
}

/// A server of another version may answer what we do not know.
pub fn unexpected(_: &Reply) -> Failure {
    Failure::failed(
        "the server answered something else than asked; is it of another version than this command?",
    )
}

fn unreachable(directory: &Path, text: &str) -> Failure {
    Failure::new(Exit::Unreachable, format!("{}: {text}", directory.display()))
}

/// For the audit row: who holds the lock of the data directory.
fn operator() -> Operator {
    let user = std::env::var("USER").unwrap_or_else(|_| "?".to_owned());
    Operator::owner_of_data(&format!("command line, {user}"))
}

/// Prints what `--json` asks for.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    super::terminal::print(&json_text(value)?);
    Ok(())
}

pub fn json_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|why| Failure::failed(why.to_string()))?;
    // Names are what the network said.
    Ok(format!("{}\n", crate::trace::escape::json(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_storage::DataLock;

    #[test]
    fn a_command_waits_for_who_is_about_to_let_go_of_the_records_and_not_for_ever() {
        let folder = std::env::temp_dir().join(format!("coeur-way-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let mut held = Some(DataLock::take(&folder).unwrap());
        let mut looked = 0;
        let way = open_waiting(&folder, || {
            looked += 1;
            if looked == 3 {
                held = None;
            }
            true
        });
        assert!(matches!(way, Ok(Way::Directory(_))) && looked == 3);
        drop(way);
        let _held = DataLock::take(&folder).unwrap();
        let refused = open_waiting(&folder, || false).err().unwrap();
        assert!(
            refused.exit == Exit::Unreachable && refused.text.contains("is in use by process"),
            "{}",
            refused.text
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
