//! What a browser sends when an authenticator has done its part; binary fields in base64url.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

/// A passkey that was made (section 5.2.1).
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(super) client_data: Field,
    pub(super) attestation_object: Field,
    /// What its user calls it.
    #[serde(default)]
    pub(crate) name: String,
}

/// A passkey that has signed (section 5.2.2).
#[derive(Deserialize)]
pub(crate) struct Asserted {
    pub(crate) id: Field,
    pub(super) client_data: Field,
    pub(super) authenticator_data: Field,
    pub(super) signature: Field,
    /// Who it says that it is of.
    #[serde(default)]
    pub(super) user_handle: Option<Field>,
}

/// Bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Field(pub(crate) Vec<u8>);

impl TryFrom<String> for Field {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes());
        bytes.map(Self).map_err(|_| "this is no base64url")
    }
}
