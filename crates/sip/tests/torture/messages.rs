//! The 49 messages of RFC 4475, byte for byte as its appendix A holds them: one file each below `messages`.

use std::path::Path;

use crate::shared;

/// Every message with its name, in the order of the names.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    shared::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/messages"))
}

pub(crate) fn of_name(name: &str) -> Vec<u8> {
    let found = all().into_iter().find(|(known, _)| known == name);
    found.map(|(_, bytes)| bytes).expect("a message of the RFC")
}
