//! What nobody can guess: 256 random bits as text, and what is kept of them.
//!
//! Of such a text a plain SHA-256 is kept. A slow hash would add nothing, since nobody tries 2^256 texts, and looking a
//! hash up in a map tells nothing of the text by its time, since who asks does not choose the hash.

use aws_lc_rs::digest::{SHA256, digest};
use coeur_storage::Digest;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use zeroize::Zeroizing;

/// A text that opens something, on its way to whom it is for. It has no `Debug`.
pub(crate) type Text = Zeroizing<String>;

pub(super) const RANDOM_BYTES: usize = 32;

/// For a cookie or a link.
pub(super) fn text(random: &[u8; RANDOM_BYTES]) -> Text {
    Zeroizing::new(BASE64URL_NOPAD.encode(random))
}

pub(super) fn hash(text: &str) -> Digest {
    sha256(&[text.as_bytes()])
}

pub(super) fn sha256(parts: &[&[u8]]) -> Digest {
    let whole = Zeroizing::new(parts.concat());
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, &whole).as_ref());
    out
}

/// What a form or a header must carry beside the cookie of a session: a page of a stranger can make a browser send the
/// cookie, and cannot read it. Derived from the session, so that it is gone with it.
pub(super) fn csrf(session: &str) -> Text {
    Zeroizing::new(BASE64URL_NOPAD.encode(&sha256(&[b"coeur csrf ", session.as_bytes()])))
}

/// Begins each token of the API: who finds one in public knows whose it is.
pub const TOKEN_PREFIX: &str = "coeur_";
/// Characters of 256 bits, and of a checksum of 32 bits, five each.
const TOKEN_RANDOM_CHARS: usize = 52;
const TOKEN_CHECK_CHARS: usize = 7;

/// As `coeur_` with 52 characters of chance and 7 of a checksum: a slip of the pen, or what only looks like one, is known
/// without asking anything.
pub(super) fn api_token(random: &[u8; RANDOM_BYTES]) -> Text {
    let body = lower(random);
    let check = checksum(&body);
    Zeroizing::new(format!("{TOKEN_PREFIX}{body}{check}"))
}

pub(super) fn is_api_token(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(TOKEN_PREFIX) else { return false };
    rest.len() == TOKEN_RANDOM_CHARS + TOKEN_CHECK_CHARS
        && rest.is_ascii()
        && checksum(&rest[..TOKEN_RANDOM_CHARS]) == rest[TOKEN_RANDOM_CHARS..]
}

fn checksum(body: &str) -> String {
    lower(&crc32c::crc32c(body.as_bytes()).to_be_bytes())
}

/// Base32 in small letters.
pub(super) fn lower(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_checksum_and_one_with_a_slip_is_not() {
        let token = api_token(&[7; RANDOM_BYTES]);
        assert_eq!(token.len(), TOKEN_PREFIX.len() + TOKEN_RANDOM_CHARS + TOKEN_CHECK_CHARS);
        assert!(is_api_token(&token));
        for at in TOKEN_PREFIX.len()..token.len() {
            let mut other = token.as_bytes().to_vec();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            assert!(!is_api_token(std::str::from_utf8(&other).unwrap()), "{at}");
        }
        assert!(!is_api_token(&token[..token.len() - 1]) && !is_api_token("coeur_") && !is_api_token(""));
    }

    #[test]
    fn the_csrf_token_does_not_tell_the_session() {
        let session = text(&[1; RANDOM_BYTES]);
        assert_ne!(csrf(&session), session);
        assert_ne!(
            *csrf(&session),
            BASE64URL_NOPAD.encode(&hash(&session)),
            "what is kept is not what is told"
        );
    }
}
