//! Why the media of a call has to come through us, by what its two phones have agreed on and who they are.

use super::reach::reach;
use crate::call::describe;
use crate::call::leg::Leg;
use crate::call_record::Relayed;
use crate::media::{Keying, Peer, SrtpKey};
use coeur_sip::Transport;

/// Whether there is something in what the two have agreed on that needs us.
pub(super) fn why_relayed(first: &Leg, second: &Leg) -> Option<Relayed> {
    let (of_a, of_b) = (first.session.remote.read(), second.session.remote.read());
    let (Some(of_a), Some(of_b)) = (of_a, of_b) else { return Some(Relayed::Changing) };
    let (to_a, to_b) = (describe::peer(first, &of_a, &of_b), describe::peer(second, &of_b, &of_a));
    let streams = || to_a.streams.iter().chain(&to_b.streams).flatten();
    let (mut held, mut all) = (streams(), streams());
    let is_of_leg = |keying: &Keying| match keying {
        Keying::Plain | Keying::Sdes { .. } => false,
        Keying::Dtls { .. } | Keying::EndToEnd => true,
    };
    if all.any(|stream| is_of_leg(&stream.keying) || stream.ice.is_some()) {
        return Some(Relayed::Protected);
    }
    if held.any(|stream| !(stream.we_send && stream.we_receive)) || streams().next().is_none() {
        return Some(Relayed::Held);
    }
    if let Some(why) = why_not_told([first, second], [&to_a, &to_b]) {
        return Some(why);
    }
    let pairs = describe::pairs(&to_a, &to_b, [(first, &of_a), (second, &of_b)]);
    if pairs.iter().any(|pair| pair.conversion.is_some() || !pair.payloads.is_empty()) {
        return Some(Relayed::Formats);
    }
    reach(&to_a, &to_b)
}

/// Why neither can be told the key under which the other sends.
fn why_not_told(legs: [&Leg; 2], [a, b]: [&Peer; 2]) -> Option<Relayed> {
    let both = || a.streams.iter().zip(&b.streams).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
    let mut fit = both().map(|(a, b)| match (&a.keying, &b.keying) {
        (Keying::Sdes { receive: of_a, .. }, Keying::Sdes { receive: of_b, .. }) => is_one_kind(of_a, of_b),
        (one, other) => *one == Keying::Plain && *other == Keying::Plain,
    });
    if !fit.all(|fits| fits) {
        return Some(Relayed::Keys);
    }
    if both().all(|(stream, _)| stream.keying == Keying::Plain) {
        return None;
    }
    if !legs.iter().all(|leg| is_private(leg.end.flow.transport)) {
        return Some(Relayed::Signalling);
    }
    legs.iter().any(|leg| keeps_key(&leg.user_agent)).then_some(Relayed::KeepsKey)
}

/// The answer to an offer has its suite (RFC 4568 section 5.1.2), so that there is one for both directions. Identifiers of
/// keys are of a leg: a phone that has announced none reads none.
fn is_one_kind(one: &SrtpKey, other: &SrtpKey) -> bool {
    one.suite == other.suite && one.mki.is_empty() && other.mki.is_empty()
}

/// RFC 4568 section 9.1: a key is as secret as the signalling that it passes in.
const fn is_private(transport: Transport) -> bool {
    match transport {
        Transport::Tls | Transport::TlsSctp | Transport::Wss => true,
        Transport::Udp | Transport::Tcp | Transport::Sctp | Transport::Ws | Transport::Other => false,
    }
}

/// Phones that go on with the key that their other side had first, whatever it says later, against RFC 4568 section 7.1.4:
/// they would hear nothing. baresip takes another one since 3.11.
fn keeps_key(user_agent: &[u8]) -> bool {
    let named = std::str::from_utf8(user_agent).ok().and_then(|named| named.strip_prefix("baresip v"));
    let Some(version) = named else { return false };
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (3, 11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baresip_keeps_its_key_until_3_11_and_others_are_not_known_to() {
        for old in ["baresip v1.0.0 (x86_64/linux)", "baresip v0.6.5", "baresip v3.10.1", "baresip v"] {
            assert!(keeps_key(old.as_bytes()), "{old}");
        }
        for new in
            ["baresip v3.11.0 (arm64/Darwin)", "baresip v4.0", "Linphonec/5.1.65", "Yealink SIP-T54W", ""]
        {
            assert!(!keeps_key(new.as_bytes()), "{new}");
        }
    }
}
