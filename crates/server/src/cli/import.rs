//! Reading the CSV file of `coeur account import`.

use std::collections::BTreeMap;
use std::io::Read;

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

/// What is wrong with a row, by its line in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub line: u64,
    pub text: String,
}

const COLUMNS: [&str; 4] = ["account", "secret", "display_name", "policy"];

/// Reads all rows; an error is of the file as a whole.
pub fn read(file: impl Read) -> Result<(Vec<Row>, Vec<RowError>), String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(file);
    let columns = columns(reader.headers().map_err(|why| why.to_string())?)?;
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    let mut lines_by_account: BTreeMap<String, u64> = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(why) => {
                let line = why.position().map_or(0, csv::Position::line);
                errors.push(RowError { line, text: why.to_string() });
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match row(&record, &columns, line) {
            Ok(row) => match lines_by_account.insert(row.account.clone(), line) {
                Some(first) => {
                    errors
                        .push(RowError { line, text: format!("{} is in line {first} already", row.account) });
                }
                None => rows.push(row),
            },
            Err(text) => errors.push(RowError { line, text }),
        }
    }
    Ok((rows, errors))
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

fn row(record: &csv::StringRecord, columns: &[Option<usize>; 4], line: u64) -> Result<Row, String> {
    let cell = |column: usize| columns[column].and_then(|place| record.get(place)).unwrap_or("");
    let account = account(cell(0).trim())?;
    let secret = cell(1);
    if secret.chars().any(char::is_control) {
        return Err("the secret has a control character".to_owned());
    }
    let policy = match cell(3).trim() {
        "" | "auto" => "auto",
        "sha256" => "sha256",
        "md5" => "md5",
        other => return Err(format!("policy `{other}` is none of auto, sha256, md5")),
    };
    Ok(Row { line, account, secret: secret.to_owned(), display_name: cell(2).trim().to_owned(), policy })
}

/// `user@domain`; the directory checks the parts again when the change is made.
pub fn account(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("sip:").unwrap_or(text);
    let Some((user, domain)) = text.rsplit_once('@') else {
        return Err(format!("`{text}` is no account; write user@domain"));
    };
    if user.is_empty()
        || user.len() > 64
        || user.chars().any(|c| c.is_control() || c.is_whitespace() || c == '@')
    {
        return Err(format!("`{user}` is no user name"));
    }
    let domain = crate::config::settings::domain(domain)?;
    Ok(format!("{user}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_rows_are_read_in_any_order_of_columns() {
        let file = "secret,account,policy\ns3,alice@Example.ORG,md5\n,bob@example.org,\n";
        let (rows, errors) = read(file.as_bytes()).unwrap();
        assert_eq!(errors, []);
        assert_eq!(rows[0].account, "alice@example.org");
        assert_eq!((rows[0].line, rows[0].secret.as_str(), rows[0].policy), (2, "s3", "md5"));
        assert_eq!((rows[1].line, rows[1].secret.as_str(), rows[1].policy), (3, "", "auto"));
    }

    #[test]
    fn every_bad_row_is_reported_with_its_line() {
        let file = "account,policy\nalice,auto\nbob@d,sha1\ncarol@d\n\"dave@d\",\ncarol@d,\n@d,\n";
        let (rows, errors) = read(file.as_bytes()).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 5]);
        let lines: Vec<u64> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 3, 6, 7]);
        assert!(errors[0].text.contains("write user@domain"));
        assert!(errors[2].text.contains("line 4 already"));
    }

    #[test]
    fn an_unknown_column_is_an_error_with_a_suggestion() {
        assert!(read("account,secrt\n".as_bytes()).unwrap_err().contains("did you mean `secret`?"));
        assert!(read("secret\n".as_bytes()).unwrap_err().contains("`account` is missing"));
    }
}
