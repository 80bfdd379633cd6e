//! User name fragment and password of one side (RFC 8839 section 5.4).

use zeroize::Zeroizing;

/// Why a fragment or a password cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsError {
    /// A fragment has 4 to 256 characters, letters, digits, `+` and `/`.
    Fragment,
    /// A password has 22 to 256 of these.
    Password,
}

/// `a=ice-ufrag` and `a=ice-pwd`. No `Debug`: the password is a secret.
#[derive(Clone)]
pub struct Credentials {
    fragment: String,
    password: Zeroizing<String>,
}

impl Credentials {
    pub fn new(fragment: &str, password: &str) -> Result<Credentials, CredentialsError> {
        let is_ice = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        if !(4..=256).contains(&fragment.len()) || !is_ice(fragment) {
            return Err(CredentialsError::Fragment);
        }
        if !(22..=256).contains(&password.len()) || !is_ice(password) {
            return Err(CredentialsError::Password);
        }
        Ok(Credentials { fragment: fragment.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }

    /// Of 24 random bytes: a fragment of 48 bits and a password of 144 (RFC 8445 section 5.3 asks for 24 and 128).
    pub fn from_random(bytes: &[u8; 24]) -> Credentials {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
        Credentials { fragment: encode(&bytes[..6]), password: Zeroizing::new(encode(&bytes[6..])) }
    }

    pub fn fragment(&self) -> &str {
        &self.fragment
    }

    pub fn password(&self) -> &str {
        &self.password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_the_lengths_and_letters_of_the_rfc() {
        let password = "0123456789012345678901";
        let refusal = |fragment: &str, password: &str| Credentials::new(fragment, password).err();
        assert_eq!(refusal("abc+", password), None);
        assert_eq!(refusal("abc", password), Some(CredentialsError::Fragment));
        assert_eq!(refusal("abc:", password), Some(CredentialsError::Fragment));
        assert_eq!(refusal(&"a".repeat(257), password), Some(CredentialsError::Fragment));
        assert_eq!(refusal("abcd", &password[1..]), Some(CredentialsError::Password));
        assert_eq!(refusal("abcd", "0123456789012345678 01"), Some(CredentialsError::Password));
        let random = Credentials::from_random(&[0xfb; 24]);
        assert_eq!((random.fragment().len(), random.password().len()), (8, 24));
        assert_eq!(refusal(random.fragment(), random.password()), None);
    }
}
