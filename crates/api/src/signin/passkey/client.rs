//! `clientDataJSON`: what the browser says that it was asked, by whom (section 5.8.1).

use serde::Deserialize;

/// What a browser has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Get,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Create => "webauthn.create",
            Kind::Get => "webauthn.get",
        }
    }
}

#[derive(Deserialize)]
struct ClientData<'t> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'t, str>,
    #[serde(borrow)]
    challenge: std::borrow::Cow<'t, str>,
    #[serde(borrow)]
    origin: std::borrow::Cow<'t, str>,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// Sections 7.1 and 7.2: it was for this, with our challenge, and asked by a page of ours that was in no frame of another's.
/// Returns the challenge in base64url.
pub(super) fn read(json: &[u8], kind: Kind, origin: &str) -> Option<String> {
    let data: ClientData<'_> = serde_json::from_slice(json).ok()?;
    let right = data.kind == kind.as_str() && data.origin == origin && !data.cross_origin;
    right.then(|| data.challenge.into_owned())
}
