//! Names of things in the API: a prefix that says what it is, and its number, which nothing else ever has.

use super::problem::{Code, Problem};
use crate::calls::{id_of, id_text};

pub(crate) const ACCOUNT: &str = "acc";
pub(crate) const DEVICE: &str = "dev";
const CALL: &str = "call";

pub(crate) fn name(prefix: &str, number: u64) -> String {
    format!("{prefix}_{number}")
}

/// `None`: it is written otherwise than we write it.
pub(crate) fn number(prefix: &str, text: &str) -> Option<u64> {
    let number = text.strip_prefix(prefix)?.strip_prefix('_')?.parse().ok()?;
    (name(prefix, number) == text).then_some(number)
}

/// A call by the name that the door gives it.
pub(crate) fn call(door_name: &str) -> String {
    format!("{CALL}_{door_name}")
}

/// The name that the door knows, of `call_NAME`, or of the name alone as the command line shows it.
pub(crate) fn call_of(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix("call_").unwrap_or(text);
    let known = id_of(bare).map(id_text);
    known.ok_or_else(|| Problem::because(Code::NotFound, format!("`{text}` is no name of a call")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_not_otherwise() {
        assert_eq!(number(ACCOUNT, &name(ACCOUNT, 17)), Some(17));
        for bad in
            ["acc_", "acc_-1", "acc_017", "acc17", "dev_17", "acc_+17", "17", "acc_99999999999999999999"]
        {
            assert_eq!(number(ACCOUNT, bad), None, "{bad}");
        }
        let id = "01980000-0000-7000-8000-000000000001";
        assert_eq!(call_of(&call(id)).unwrap(), id);
        assert_eq!(call_of(id).unwrap(), id);
        assert_eq!(call_of("call_x").unwrap_err().code, Code::NotFound);
    }
}
