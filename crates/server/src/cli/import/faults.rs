//! What is wrong with the rows of a file. A mistake is often made in every row: the first of each kind are shown, the
//! others counted.

use super::super::terminal::safe;
use super::super::words::Word;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No row of CSV.
    Unreadable,
    Account,
    Secret,
    Name,
    Policy,
    /// In the file twice.
    Repeated,
    /// Not one of our domains.
    Domain,
    /// The account exists.
    There,
    /// The secret is short; it is taken all the same, since a phone has it.
    Weak,
}

/// Shown of each kind.
const SHOWN: usize = 10;

#[derive(Debug, Default)]
pub struct Faults(BTreeMap<Kind, OfKind>);

#[derive(Debug, Default)]
struct OfKind {
    /// Line and text.
    first: Vec<(u64, String)>,
    count: u64,
    last_line: u64,
}

impl Faults {
    pub fn add(&mut self, line: u64, kind: Kind, text: String) {
        let of_kind = self.0.entry(kind).or_default();
        if of_kind.first.len() < SHOWN {
            of_kind.first.push((line, text));
        }
        of_kind.count += 1;
        of_kind.last_line = of_kind.last_line.max(line);
    }

    pub fn count(&self) -> u64 {
        self.0.values().map(|of_kind| of_kind.count).sum()
    }

    /// For people, kind by kind.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for of_kind in self.0.values() {
            let shown = of_kind.first.iter();
            lines.extend(
                shown.map(|(line, text)| Word::Line.with(&[&line.to_string(), &safe(text.as_bytes())])),
            );
            let more = of_kind.count - of_kind.first.len() as u64;
            if more > 0 {
                lines.push(Word::LikeThese.with(&[&more.to_string(), &of_kind.last_line.to_string()]));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_every_row_is_shown_ten_times_and_counted() {
        let mut faults = Faults::default();
        for line in 2..100_002 {
            faults.add(line, Kind::Account, format!("`user{line}` is no account"));
        }
        faults.add(7, Kind::Policy, "policy `x\u{1b}`".to_owned());
        let lines = faults.lines();
        assert_eq!((faults.count(), lines.len()), (100_001, 12));
        assert_eq!(lines[0], "line 2: `user2` is no account");
        assert_eq!(lines[10], "and 99990 more like these, the last in line 100001");
        assert_eq!(lines[11], "line 7: policy `x\\u{1b}`".replace("\\u{1b}", &safe(b"\x1b")));
    }
}
