//! `coeur ca ...`: the certificate of the local authority, read from the data directory. Nothing here reads its key.

use super::account::say;
use super::door::{data_directory, print_json};
use super::exit::{Exit, Failure};
use super::grammar::{Ca, CaVerb};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use crate::house::certificates;
use crate::tls::authority;
use coeur_api::rfc3339;
use serde_json::json;
use std::path::Path;

pub fn run(arguments: Ca) -> Result<(), Failure> {
    let json = arguments.place.json;
    let data = data_directory(&arguments.place)?;
    let file = authority::certificate_path(&certificates::folder(&data));
    if !file.exists() {
        return Err(Failure::new(Exit::NotFound, Word::NoAuthority.with(&[&file.display().to_string()])));
    }
    match arguments.verb {
        CaVerb::Show => show(&file, json),
        CaVerb::Export { to } => {
            let pem = std::fs::read_to_string(&file).map_err(|why| failed(&file, &why))?;
            let Some(to) = to else {
                print(&pem);
                return Ok(());
            };
            std::fs::write(&to, pem).map_err(|why| failed(&to, &why))?;
            say(json, &Word::AuthorityWritten.with(&[&to.display().to_string()]))
        }
    }
}

fn show(file: &Path, json: bool) -> Result<(), Failure> {
    let certificate = authority::read_file(file).map_err(|why| Failure::failed(why.to_string()))?;
    let sha256 = authority::fingerprint(&certificate);
    let ends_unix_s = authority::validity(&certificate).map_or(0, |(_, ends)| ends);
    let ends = rfc3339(u64::try_from(ends_unix_s).unwrap_or(0) * 1_000);
    let path = file.display().to_string();
    if json {
        return print_json(&json!({ "certificate": path, "sha256": sha256, "expires_at": ends }));
    }
    let rows = [(Word::TrustsLocal, path), (Word::Fingerprint, sha256), (Word::Ends, ends)];
    let rows = rows.map(|(word, text)| vec![word.say().to_owned(), text]);
    print(&table(&[Word::LocalAuthority.say(), ""], &rows));
    Ok(())
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::failed(format!("{}: {why}", path.display()))
}
