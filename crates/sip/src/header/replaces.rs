//! Replaces (RFC 3891), Join (RFC 3911) and Target-Dialog (RFC 4538): the name of another dialog.

use super::{HeaderError, Params};
use crate::lex;

/// Call-ID and the two tags, as the one who names the dialog's other side sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialogId<'a> {
    pub call_id: &'a [u8],
    /// `to-tag`, or `local-tag` of Target-Dialog.
    pub local_tag: &'a [u8],
    /// `from-tag`, or `remote-tag` of Target-Dialog.
    pub remote_tag: &'a [u8],
}

/// Replaces: the dialog that the INVITE takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    pub dialog: DialogId<'a>,
    /// `early-only` (RFC 3891 section 3).
    pub early_only: bool,
    pub params: Params<'a>,
}

impl<'a> Replaces<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Replaces<'a>, HeaderError> {
        let (dialog, params) = DialogId::parse_tags(value, "to-tag", "from-tag")?;
        Ok(Replaces { dialog, early_only: params.has("early-only"), params })
    }
}

impl<'a> DialogId<'a> {
    /// Reads Join, which has the shape of Replaces.
    pub fn parse_join(value: &'a [u8]) -> Result<DialogId<'a>, HeaderError> {
        Ok(DialogId::parse_tags(value, "to-tag", "from-tag")?.0)
    }

    /// Reads Target-Dialog.
    pub fn parse_target(value: &'a [u8]) -> Result<DialogId<'a>, HeaderError> {
        Ok(DialogId::parse_tags(value, "local-tag", "remote-tag")?.0)
    }

    fn parse_tags(
        value: &'a [u8],
        local: &str,
        remote: &str,
    ) -> Result<(DialogId<'a>, Params<'a>), HeaderError> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let call_id = lex::trim(&value[..end]);
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        // Exactly one of each tag (RFC 3891 section 6.1).
        let local_tag = params.only(local)?.and_then(|param| param.value);
        let remote_tag = params.only(remote)?.and_then(|param| param.value);
        match (local_tag, remote_tag) {
            (Some(local_tag), Some(remote_tag))
                if !call_id.is_empty() && !call_id.iter().any(|&byte| lex::is_lws(byte)) =>
            {
                Ok((DialogId { call_id, local_tag, remote_tag }, params))
            }
            _ => Err(HeaderError::new(0, "Malformed Dialog Identifier")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_call_id_and_both_tags() {
        let replaces =
            Replaces::parse(b"98732@a.example ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only").unwrap();
        assert_eq!(
            replaces.dialog,
            DialogId { call_id: b"98732@a.example", local_tag: b"ff87ff", remote_tag: b"r33th4x0r" }
        );
        assert!(replaces.early_only);
        assert!(DialogId::parse_target(b"x;local-tag=1;remote-tag=2").is_ok());
    }

    #[test]
    fn a_missing_or_doubled_tag_is_an_error() {
        for value in [
            &b"x;to-tag=1"[..],
            b"x;to-tag=1;to-tag=2;from-tag=3",
            b";to-tag=1;from-tag=2",
            b"x y;to-tag=1;from-tag=2",
        ] {
            assert!(Replaces::parse(value).is_err(), "{}", String::from_utf8_lossy(value));
        }
    }
}
