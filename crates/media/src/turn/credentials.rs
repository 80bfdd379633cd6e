//! Short-lived credentials, as web servers hand them to browsers: the user name says until when, the password is made of it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coeur_sip::time::Wall;
use zeroize::Zeroizing;

/// User name and password for one client. No `Debug`: the password is a secret.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Zeroizing<String>,
}

impl Credentials {
    /// `expiry:account` and the HMAC-SHA256 of it. Until when it opens an allocation is said by `expires`: a call's set-up
    /// takes minutes. An allocation that stands is refreshed with it for as long as it is used.
    pub fn issue(secret: &[u8], account: &str, expires: Wall) -> Credentials {
        let username = format!("{}:{account}", expires.as_secs());
        let password = password(&hmac::Key::new(hmac::HMAC_SHA256, secret), &username);
        Credentials { username, password }
    }
}

pub(super) fn password(secret: &hmac::Key, username: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(hmac::sign(secret, username.as_bytes())))
}

/// Until when, and whose. Not yet believed.
pub(super) fn parts(username: &str) -> Option<(Wall, &str)> {
    let (expires, account) = username.split_once(':')?;
    let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || account.is_empty() {
        return None;
    }
    Some((Wall::from_secs(expires.parse().ok()?), account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_says_until_when_and_whose() {
        let issued = Credentials::issue(b"secret", "alice@example.org", Wall::from_secs(1_700_000_000));
        assert_eq!(issued.username, "1700000000:alice@example.org");
        assert_eq!(issued.password.len(), 44);
        let expected = (Wall::from_secs(1_700_000_000), "alice@example.org");
        assert_eq!(parts(&issued.username), Some(expected));
        for wrong in ["", ":", "1:", ":a", "+1:a", "1", "x:a", "99999999999999999999999:a"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        let other = Credentials::issue(b"other", "alice@example.org", Wall::from_secs(1_700_000_000));
        assert_ne!(issued.password, other.password);
    }
}
