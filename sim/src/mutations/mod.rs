//! Requests in which one element is wrong: an answer to the test suite PROTOS c07-sip (Oulu, 2002), which is not to be
//! had any more. 54 groups, one for each element of an INVITE and its session description; in each the element is
//! replaced in turn by every value of [`values`], so that a case differs from a valid request in one place alone. Some
//! 4,500 cases, the same for the same seed.
//!
//! What it deliberately does not do: judge. `tests/mutations.rs` sends the cases to an exchange, and
//! `interop/tests/mutations.rs` to a real server.

mod template;
mod values;

pub use template::{CREDENTIALS, GROUPS, Place, uri_of};

use crate::chance::Chance;

/// One request.
pub struct Case {
    /// The element that is wrong.
    pub group: &'static str,
    /// Its number in the group; 0 is the valid request.
    pub number: usize,
    /// The method of the valid request.
    pub method: &'static str,
    pub bytes: Vec<u8>,
}

/// All cases, from a sender in this place.
pub fn cases(seed: u64, place: &Place) -> impl Iterator<Item = Case> {
    GROUPS.iter().enumerate().flat_map(move |(at, group)| {
        let mut chance = Chance::new(seed << 8 | at as u64);
        let valid = template::value_of(group.name, place);
        let values: Vec<Vec<u8>> = values::all(&valid, &mut chance);
        std::iter::once(valid.clone()).chain(values).enumerate().map(move |(number, value)| {
            let serial = (at as u64) << 32 | number as u64;
            let bytes = template::write(place, serial, group, &value);
            Case { group: group.name, number, method: group.method, bytes }
        })
    })
}

impl Case {
    /// The request with this header line where [`CREDENTIALS`] stood.
    pub fn with(&self, credentials: &str) -> Vec<u8> {
        let mark = CREDENTIALS.as_bytes();
        match self.bytes.windows(mark.len()).position(|window| window == mark) {
            Some(at) => [&self.bytes[..at], credentials.as_bytes(), &self.bytes[at + mark.len()..]].concat(),
            None => self.bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_sip::{HeaderTable, Limits, parse};
    use std::collections::BTreeSet;

    fn place() -> Place {
        Place {
            domain: "fuzz.test".into(),
            user: "alice".into(),
            local: "192.0.2.11:5060".into(),
            transport: "UDP",
            proves_itself: false,
        }
    }

    #[test]
    fn there_are_54_groups_and_some_4500_cases_of_which_none_is_twice() {
        let all: Vec<Case> = cases(1, &place()).collect();
        let groups: BTreeSet<_> = all.iter().map(|case| case.group).collect();
        let different: BTreeSet<_> = all.iter().map(|case| &case.bytes).collect();
        assert_eq!((groups.len(), GROUPS.len()), (54, 54));
        assert!((4_300..=4_700).contains(&all.len()), "{} cases", all.len());
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn the_first_case_of_each_group_is_valid_and_a_seed_gives_the_same_again() {
        for case in cases(1, &place()).filter(|case| case.number == 0) {
            let mut table = HeaderTable::new();
            let message = parse(&case.bytes, &mut table, &Limits::default());
            let message = message.unwrap_or_else(|error| panic!("{}: {error}", case.group));
            assert!(message.essentials().is_ok() && message.parse_request_uri().is_ok(), "{}", case.group);
        }
        let bytes = |seed| cases(seed, &place()).map(|case| case.bytes).collect::<Vec<_>>();
        assert_eq!(bytes(3), bytes(3));
        assert_ne!(bytes(3), bytes(4));
    }
}
