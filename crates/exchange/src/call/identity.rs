//! Who the other side is told that it speaks with (RFC 3325, RFC 3323). An identity is what was proved, never what a phone
//! says of itself; only the display name is its own choice.

use crate::party::Party;
use crate::world::World;
use coeur_sip::Message;
use coeur_sip::header::NameAddr;

pub(super) struct Identity {
    /// Name and address for From, without a tag.
    pub(super) from: Vec<u8>,
    /// The value of P-Asserted-Identity; empty when it may not be told.
    pub(super) asserted: Vec<u8>,
}

const ANONYMOUS: &[u8] = b"\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Of who sent `message`. `tells`: the other side is a device of ours, to which we may assert an identity; what lies beyond
/// our own devices is outside of the trust domain.
pub(super) fn of_sender(world: &World, message: &Message<'_>, party: Option<Party>, tells: bool) -> Identity {
    let sent = message.from().ok();
    let display = sent.as_ref().and_then(|from| from.display);
    of(world, display, sent.as_ref().map(|from| from.uri), party, message, tells)
}

/// Of who answers.
pub(super) fn of_answerer(
    world: &World,
    response: &Message<'_>,
    party: Option<Party>,
    tells: bool,
) -> Identity {
    let display = response.to().ok().and_then(|to| to.display);
    of(world, display, None, party, response, tells)
}

fn of(
    world: &World,
    display: Option<&[u8]>,
    uri: Option<&[u8]>,
    party: Option<Party>,
    message: &Message<'_>,
    tells: bool,
) -> Identity {
    let hidden = is_hidden(message);
    let account = party.and_then(|party| party.account(world));
    let own = account.map(|account| uri_of(account.aor.user(), account.aor.domain()));
    let proved = own.as_deref().or(uri).unwrap_or(b"sip:anonymous@anonymous.invalid");
    let address = name_addr(display, proved);
    Identity {
        asserted: if hidden || !tells || own.is_none() { Vec::new() } else { address.clone() },
        from: if hidden { ANONYMOUS.to_vec() } else { address },
    }
}

/// RFC 3323 section 4.1.1.3: user-level privacy anonymises From as well.
pub(super) fn is_hidden(message: &Message<'_>) -> bool {
    let privacy = message.privacy();
    privacy.hides_identity() || (privacy.user && !privacy.none)
}

/// The same address under another name, as a quoted string (RFC 3261 section 25.1). What a text cannot hold is left out.
pub(super) fn named(display: &str, address: &[u8]) -> Vec<u8> {
    let uri =
        NameAddr::parse(address).map(|address| address.uri.to_vec()).unwrap_or_else(|_| address.to_vec());
    let mut quoted = String::with_capacity(display.len() + 2);
    quoted.push('"');
    for char in display.chars().filter(|char| !char.is_control()) {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    name_addr(Some(quoted.as_bytes()), &uri)
}

/// RFC 3261 section 25.1: what a user part cannot hold is escaped.
pub(super) fn uri_of(user: &str, domain: &str) -> Vec<u8> {
    let mut uri = b"sip:".to_vec();
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            uri.push(byte);
        } else {
            uri.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    uri.push(b'@');
    uri.extend_from_slice(domain.as_bytes());
    uri
}

fn name_addr(display: Option<&[u8]>, uri: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(uri.len() + 2 + display.map_or(0, |display| display.len() + 1));
    if let Some(display) = display.filter(|display| !display.is_empty()) {
        text.extend_from_slice(display);
        text.push(b' ');
    }
    text.push(b'<');
    text.extend_from_slice(uri);
    text.push(b'>');
    text
}

/// The name and address of a header value, without its parameters.
pub(super) fn bare(value: &NameAddr<'_>) -> Vec<u8> {
    name_addr(value.display, value.uri)
}
