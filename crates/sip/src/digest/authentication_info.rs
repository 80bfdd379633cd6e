//! Authentication-Info (RFC 3261 section 20.6, RFC 7615): the nonce for the next request, given ahead.

use super::params::{Text, next_param};
use super::{DigestError, params};

/// The `nextnonce` of a header value, if it has one.
pub fn next_nonce(value: &[u8]) -> Result<Option<Text<'_>>, DigestError> {
    let (mut rest, mut found) = (value, None);
    while let Some(param) = next_param(&mut rest)? {
        if param.name.eq_ignore_ascii_case(b"nextnonce") {
            params::set_once(&mut found, param.value, "nextnonce")?;
        }
    }
    Ok(found)
}

/// Appends the header value `nextnonce="..."`; our own nonces need no escaping.
pub fn write_authentication_info(next_nonce: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"nextnonce=\"");
    out.extend_from_slice(next_nonce);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_nonce_is_read_among_other_parameters() {
        let mut value = Vec::new();
        write_authentication_info(b"abc", &mut value);
        assert_eq!(next_nonce(&value).unwrap().unwrap().raw(), b"abc");
        let value = br#"qop=auth, rspauth="6629", nextnonce="x=", nc=00000001"#;
        assert_eq!(next_nonce(value).unwrap().unwrap().raw(), b"x=");
        assert_eq!(next_nonce(b"qop=auth").unwrap(), None);
        assert!(next_nonce(b"nextnonce=\"a\",nextnonce=\"b\"").is_err());
    }
}
