//! Short-lived credentials, as web servers hand them to browsers: the user name says until when, the password is made of it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coeur_sip::time::Wall;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long credentials open allocations: long enough to set up a call, or to wait for one until a registration is refreshed
/// (threat A25 allows ten minutes).
pub const CREDENTIALS_TIME: Duration = Duration::from_secs(600);

/// User name and password for one client. No `Debug`: the password is a secret.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Zeroizing<String>,
}

impl Credentials {
    /// `expiry:device:account` and the HMAC-SHA256 of it. Until when it opens an allocation is said by `expires`, at most
    /// [`CREDENTIALS_TIME`] from now: a call's set-up takes minutes. An allocation that stands is refreshed with it for as
    /// long as it is used.
    pub fn issue(secret: &[u8], account: &str, device: u64, expires: Wall) -> Credentials {
        let username = format!("{}:{device}:{account}", expires.as_secs());
        let password = password(&hmac::Key::new(hmac::HMAC_SHA256, secret), &username);
        Credentials { username, password }
    }
}

pub(super) fn password(secret: &hmac::Key, username: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(hmac::sign(secret, username.as_bytes())))
}

/// What a user name says. Not yet believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'u> {
    pub(super) expires: Wall,
    pub(super) device: u64,
    pub(super) account: &'u str,
}

pub(super) fn parts(username: &str) -> Option<Parts<'_>> {
    let (expires, rest) = username.split_once(':')?;
    let (device, account) = rest.split_once(':')?;
    if account.is_empty() {
        return None;
    }
    Some(Parts { expires: Wall::from_secs(number(expires)?), device: number(device)?, account })
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_says_until_when_and_whose() {
        let expires = Wall::from_secs(1_700_000_000);
        let issued = Credentials::issue(b"secret", "alice@example.org", 7, expires);
        assert_eq!(issued.username, "1700000000:7:alice@example.org");
        assert_eq!(issued.password.len(), 44);
        let expected = Parts { expires, device: 7, account: "alice@example.org" };
        assert_eq!(parts(&issued.username), Some(expected));
        for wrong in ["", ":", "1:", ":a", "+1:1:a", "1:-1:a", "1:a", "1::a", "1:1:", "1", "x:1:a"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        assert_eq!(parts("99999999999999999999999:1:a"), None);
        let other = Credentials::issue(b"other", "alice@example.org", 7, expires);
        assert_ne!(issued.password, other.password);
    }
}
