//! What a delivery is signed with, as Standard Webhooks has it: HMAC-SHA256 over the name, the time and the body, so that the
//! receiver knows who sent it, and when.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

/// Of a secret that is made here. Standard Webhooks asks for 24 to 64.
pub(super) const SECRET_BYTES: usize = 32;
const PREFIX: &str = "whsec_";

/// As it is shown, once.
pub(super) fn text(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(format!("{PREFIX}{}", BASE64.encode(secret)))
}

/// The header `webhook-signature`: one signature for each secret that is good now, with a space between them.
pub(super) fn signatures<'s>(
    secrets: impl Iterator<Item = &'s [u8]>,
    (name, at_s, body): (&str, u64, &str),
) -> String {
    let signed = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, format!("{name}.{at_s}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(tag))
    };
    secrets.map(signed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (standard-webhooks, `spec/standard-webhooks.md`), whose secret, name, time and body are
    /// there with the signature that they make.
    #[test]
    fn a_delivery_is_signed_as_the_example_of_the_standard_is() {
        let secret = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let told = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures([&secret[..]].into_iter(), told), expected);
        assert_eq!(&*text(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let both = signatures([&[1; 32][..], &[2; 32][..]].into_iter(), ("a", 1, "{}"));
        let (new, old) = both.split_once(' ').unwrap();
        assert!(new.starts_with("v1,") && old.starts_with("v1,") && new != old);
    }
}
