//! How far the audit chain has come, written beside the database: `audit.head` has the number of rows and the tag of the
//! last, under the key of the chain. So rows cut off from the end are missed.
//!
//! It is written after the rows are committed, so it may be behind by what was committed last before a crash or on a full
//! disk, and never ahead: a table with fewer rows, or with another row in that place, was cut. When a server finds that at
//! its start it writes it down as a row of its own ([`super::audit::GAP`]) and goes on; that row is then missed as any
//! other would be.
//!
//! What it does not find: a database and an `audit.head` that are both put back as they once were. Only a witness on
//! another machine could.

use crate::private;
use aws_lc_rs::hmac;
use rusqlite::{Connection, OptionalExtension};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Clone)]
pub(super) struct Head {
    pub(super) rows: u64,
    pub(super) tag: Vec<u8>,
}

const NAME: &str = "audit.head";

impl Head {
    /// `None`: nothing was written yet. An error says what is wrong with the file.
    fn read(folder: &Path, key: &hmac::Key) -> Result<Option<Self>, String> {
        let text = match std::fs::read_to_string(folder.join(NAME)) {
            Ok(text) => text,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(format!("audit.head cannot be read: {why}")),
        };
        let read = || {
            let mut words = text.split_ascii_whitespace();
            let head = Self { rows: words.next()?.parse().ok()?, tag: bytes(words.next()?)? };
            let mac = bytes(words.next()?)?;
            hmac::verify(key, &head.payload(), &mac).ok()?;
            Some(head)
        };
        read()
            .map(Some)
            .ok_or_else(|| "audit.head was not written with the key of this installation".to_owned())
    }

    pub(super) fn write(&self, folder: &Path, key: &hmac::Key) -> io::Result<()> {
        let mac = hmac::sign(key, &self.payload());
        let text = format!("{} {} {}\n", self.rows, hex(&self.tag), hex(mac.as_ref()));
        let new = folder.join("audit.head.new");
        let options = || {
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(private::FILE).open(&new)
        };
        let mut file = options()?;
        file.write_all(text.as_bytes())?;
        // A name that points to nothing after a power cut would look like damage.
        file.sync_data()?;
        std::fs::rename(&new, folder.join(NAME))
    }

    fn payload(&self) -> Vec<u8> {
        [b"head", &self.rows.to_be_bytes()[..], &self.tag].concat()
    }
}

/// What the table lacks of what was once in it, in words; `None` when the two agree.
pub(super) fn gap(
    connection: &Connection,
    folder: &Path,
    key: &hmac::Key,
) -> rusqlite::Result<Option<String>> {
    // The head first: a server that writes meanwhile is only further by then.
    let head = Head::read(folder, key);
    let rows: i64 =
        connection.query_row("SELECT coalesce(max(sequence), 0) FROM audit", [], |row| row.get(0))?;
    let rows = rows as u64;
    let head = match head {
        Err(text) => return Ok(Some(text)),
        Ok(None) if rows == 0 => return Ok(None),
        Ok(None) => return Ok(Some(format!("audit.head is missing, and there are {rows} audit rows"))),
        Ok(Some(head)) => head,
    };
    if rows < head.rows {
        let (cut, had) = (head.rows - rows, head.rows);
        return Ok(Some(format!("the last {cut} of {had} audit rows are missing")));
    }
    let sql = "SELECT hash FROM audit WHERE sequence = ?1";
    let tag: Option<Vec<u8>> = connection.query_row(sql, [head.rows as i64], |row| row.get(0)).optional()?;
    let same = head.rows == 0 || tag.is_some_and(|tag| tag == head.tag);
    Ok((!same).then(|| format!("audit row {} is not the one that was written", head.rows)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
