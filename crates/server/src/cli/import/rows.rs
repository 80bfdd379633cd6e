//! Reading the file.

use super::faults::{Faults, Kind};
use coeur_api::{NAME_BYTES_MAX, SECRET_BYTES_MAX};
use coeur_directory::{Aor, ECHO_USER};
use std::collections::BTreeMap;

/// One good row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    pub account: String,
    /// Empty: to be made.
    pub secret: String,
    pub display_name: String,
    pub policy: &'static str,
}

impl Row {
    pub fn domain(&self) -> &str {
        self.account.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

const COLUMNS: [&str; 4] = ["account", "secret", "display_name", "policy"];

/// Reads all rows; an error is of the file as a whole.
pub fn read(file: &[u8]) -> Result<(Vec<Row>, Faults), String> {
    // Spreadsheets put a mark before UTF-8, and in many countries separate by semicolons.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let heads = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separator = if heads.contains(&b';') && !heads.contains(&b',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::Headers)
        .delimiter(separator)
        .from_reader(file);
    let columns = columns(reader.headers().map_err(|why| why.to_string())?)?;
    let (mut rows, mut faults) = (Vec::new(), Faults::default());
    let mut lines_by_account: BTreeMap<String, u64> = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(why) => {
                let line = why.position().map_or(0, csv::Position::line);
                faults.add(line, Kind::Unreadable, why.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match row(&record, &columns, line) {
            Ok(row) => match lines_by_account.insert(row.account.clone(), line) {
                Some(first) => {
                    faults.add(line, Kind::Repeated, format!("{} is in line {first} already", row.account));
                }
                None => rows.push(row),
            },
            Err((kind, text)) => faults.add(line, kind, text),
        }
    }
    Ok((rows, faults))
}

/// Place of each of [`COLUMNS`] in the file.
fn columns(heads: &csv::StringRecord) -> Result<[Option<usize>; 4], String> {
    for head in heads {
        if !COLUMNS.contains(&head) {
            let near = crate::config::suggest::nearest(head, COLUMNS);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(format!("line 1: there is no column `{head}`{hint} Columns: {}", COLUMNS.join(", ")));
        }
    }
    let columns = COLUMNS.map(|name| heads.iter().position(|head| head == name));
    match columns[0] {
        Some(_) => Ok(columns),
        None => Err(format!("line 1: the column `account` is missing. Columns: {}", COLUMNS.join(", "))),
    }
}

fn row(record: &csv::StringRecord, columns: &[Option<usize>; 4], line: u64) -> Result<Row, (Kind, String)> {
    let cell = |column: usize| columns[column].and_then(|place| record.get(place)).unwrap_or("");
    let account = account(cell(0).trim()).map_err(|text| (Kind::Account, text))?;
    let (secret, display_name) = (cell(1), cell(2).trim());
    if secret.chars().any(char::is_control) {
        return Err((Kind::Secret, "the secret has a control character".to_owned()));
    }
    if secret.len() > SECRET_BYTES_MAX {
        return Err((Kind::Secret, format!("the secret is longer than {SECRET_BYTES_MAX} bytes")));
    }
    if display_name.len() > NAME_BYTES_MAX || display_name.chars().any(char::is_control) {
        let text = format!("the name is longer than {NAME_BYTES_MAX} bytes or has a control character");
        return Err((Kind::Name, text));
    }
    let policy = match cell(3).trim() {
        "" | "auto" => "auto",
        "sha256" => "sha256",
        "md5" => "md5",
        other => return Err((Kind::Policy, format!("policy `{other}` is none of auto, sha256, md5"))),
    };
    Ok(Row { line, account, secret: secret.to_owned(), display_name: display_name.to_owned(), policy })
}

/// `user@domain`, as the directory takes it.
fn account(text: &str) -> Result<String, String> {
    if !text.contains('@') {
        return Err(format!("`{text}` is no account; write user@domain"));
    }
    let aor = Aor::parse(text).map_err(|why| format!("`{text}`: {why}"))?;
    crate::config::settings::domain(aor.domain())?;
    if aor.user() == ECHO_USER {
        return Err(format!(
            "`{text}`: `{ECHO_USER}` is the answering service of the server; take another name"
        ));
    }
    Ok(aor.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_rows_are_read_in_any_order_of_columns() {
        let file = "secret,account,policy\ns3,alice@Example.ORG,md5\n,bob@example.org,\n";
        let (rows, faults) = read(file.as_bytes()).unwrap();
        assert_eq!(faults.count(), 0);
        assert_eq!(rows[0].account, "alice@example.org");
        assert_eq!((rows[0].line, rows[0].secret.as_str(), rows[0].policy), (2, "s3", "md5"));
        assert_eq!((rows[1].line, rows[1].secret.as_str(), rows[1].policy), (3, "", "auto"));
    }

    #[test]
    fn what_a_spreadsheet_writes_is_read() {
        let file = "\u{feff}account;secret\r\nalice@example.org;s3\r\n";
        let (rows, faults) = read(file.as_bytes()).unwrap();
        assert_eq!((rows[0].account.as_str(), rows[0].secret.as_str()), ("alice@example.org", "s3"));
        assert_eq!(faults.count(), 0);
    }

    #[test]
    fn every_bad_row_is_reported_with_its_line() {
        let long = "x".repeat(201);
        let file = format!(
            "account,policy,secret,display_name\nalice,auto\nbob@d,sha1\ncarol@d\n\"dave@d\",\ncarol@d,\n@d,\n\
             erin@d,,{long}\nfrank@d,,,{long}\n"
        );
        let (rows, faults) = read(file.as_bytes()).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 5]);
        let lines = faults.lines();
        let starts = [
            "line 2: `alice`",
            "line 7: `@d`",
            "line 8: ",
            "line 9: ",
            "line 3: policy",
            "line 6: carol@d is",
        ];
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        assert_eq!(lines.len(), starts.len());
    }

    #[test]
    fn the_name_of_the_answering_service_is_no_account() {
        let (rows, faults) = read("account\necho@d\nbob@d\n".as_bytes()).unwrap();
        assert_eq!((rows.len(), faults.count()), (1, 1));
        assert!(faults.lines()[0].contains("line 2: `echo@d`: `echo` is the answering service"));
    }

    #[test]
    fn an_unknown_column_is_an_error_with_a_suggestion() {
        assert!(read("account,secrt\n".as_bytes()).unwrap_err().contains("did you mean `secret`?"));
        assert!(read("secret\n".as_bytes()).unwrap_err().contains("`account` is missing"));
    }
}
