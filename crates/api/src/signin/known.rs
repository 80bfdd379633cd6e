//! Browsers that were signed in before: a long-lived cookie that opens nothing. Whoever brings it does not wait because
//! others guess at his login ([`super::throttle`]). It is made from the user and his password as it is kept, so that it is
//! worth nothing any more when the password is changed.

use super::desk::Desk;
use super::secret;
use aws_lc_rs::hmac;
use coeur_directory::User;
use data_encoding::BASE64URL_NOPAD;

const NONCE_BYTES: usize = 16;

impl Desk {
    pub(super) fn known(&self, user: &User) -> secret::Text {
        let nonce = self.random::<NONCE_BYTES>();
        let tag = self.known_tag(user, &nonce);
        let whole = [&nonce[..], tag.as_ref().map_or(&[][..], |tag| tag.as_ref())].concat();
        secret::Text::new(BASE64URL_NOPAD.encode(&whole))
    }

    pub(super) fn is_known(&self, user: &User, cookie: Option<&str>) -> bool {
        let check = || {
            let whole = BASE64URL_NOPAD.decode(cookie?.as_bytes()).ok()?;
            let (nonce, tag) = whole.split_at_checked(NONCE_BYTES)?;
            let (key, message) = self.known_message(user, nonce)?;
            hmac::verify(&key, &message, tag).ok()
        };
        check().is_some()
    }

    fn known_tag(&self, user: &User, nonce: &[u8]) -> Option<hmac::Tag> {
        let (key, message) = self.known_message(user, nonce)?;
        Some(hmac::sign(&key, &message))
    }

    fn known_message(&self, user: &User, nonce: &[u8]) -> Option<(hmac::Key, Vec<u8>)> {
        let phc = self.door.book(|book| book.keys(user.id).and_then(|keys| keys.phc.clone())).ok()?;
        let phc = phc.as_deref().unwrap_or("");
        let message = [nonce, &user.id.0.to_be_bytes(), phc.as_bytes()].concat();
        Some((self.known_key.clone()?, message))
    }
}
