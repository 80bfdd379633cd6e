//! Names of calls in the API; those of what has a number are in [`crate::ids`].

use super::problem::{Code, Problem};
use crate::calls::{ID_PREFIX, id_of, id_text};

/// A call by the name that the door gives it.
pub(crate) fn call(door_name: &str) -> String {
    format!("{ID_PREFIX}{door_name}")
}

/// The name that the door knows, of `call_NAME`, or of the name alone as the command line shows it.
pub(crate) fn call_of(text: &str) -> Result<String, Problem> {
    let known = id_of(text).map(id_text);
    known.ok_or_else(|| Problem::because(Code::NotFound, format!("`{text}` is no name of a call")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_not_otherwise() {
        let id = "01980000-0000-7000-8000-000000000001";
        assert_eq!(call_of(&call(id)).unwrap(), id);
        assert_eq!(call_of(id).unwrap(), id);
        assert_eq!(call_of("call_x").unwrap_err().code, Code::NotFound);
    }
}
