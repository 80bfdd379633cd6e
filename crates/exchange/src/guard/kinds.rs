//! Kinds of clients, by the User-Agent they write: which challenge they can read.
//!
//! A User-Agent is a claim. It chooses between challenges that are both ours to give, never an answer that is
//! accepted, so a lie weakens nobody but its author.

/// What a challenge offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Two header lines, SHA-256 first (RFC 8760 section 2.3): the client takes the first it can.
    Both,
    Sha256,
    Md5,
}

/// Clients that give up on any challenge that is not MD5, with the version that learned SHA-256.
/// baresip: observed with 1.0.0, learned in 3.11.0 (pull request 1103 of its library). sipp: up to 3.6.1.
const MD5_ALONE: &[(&[u8], [u32; 2])] = &[(b"baresip", [3, 11]), (b"sipp", [3, 7])];

/// The offer for a kind of client that is known; `None` for all others.
pub fn offer_for(user_agent: Option<&[u8]>) -> Option<Offer> {
    let user_agent = user_agent?;
    let (name, learned) = MD5_ALONE.iter().find(|(name, _)| starts_with(user_agent, name))?;
    (version(&user_agent[name.len()..]) < *learned).then_some(Offer::Md5)
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Major and minor number after a name: ` v1.0.0 (x86_64/linux)`, `/3.7.2`. No number counts as 0.0: the oldest.
fn version(rest: &[u8]) -> [u32; 2] {
    let mut digits = rest.iter().skip_while(|byte| matches!(byte, b' ' | b'/' | b'v' | b'V'));
    let mut parts = [0u32; 2];
    for part in &mut parts {
        for byte in digits.by_ref() {
            if !byte.is_ascii_digit() {
                break;
            }
            *part = part.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_baresip_is_offered_md5_alone_and_a_new_one_both() {
        assert_eq!(offer_for(Some(b"baresip v1.0.0 (x86_64/linux)")), Some(Offer::Md5));
        assert_eq!(offer_for(Some(b"baresip v3.10.1 (x86_64/Linux)")), Some(Offer::Md5));
        assert_eq!(offer_for(Some(b"baresip")), Some(Offer::Md5));
        assert_eq!(offer_for(Some(b"baresip v3.11.0 (x86_64/Linux)")), None);
        assert_eq!(offer_for(Some(b"baresip v4.0.0")), None);
        assert_eq!(offer_for(Some(b"SIPp/3.6.1")), Some(Offer::Md5));
    }

    #[test]
    fn others_are_of_no_known_kind() {
        for other in
            [&b"JsSIP 3.13.8"[..], b"SIP.js/0.21.2", b"Linphonec/5.1.65 (belle-sip/5.1.65)", b"", b"\xff"]
        {
            assert_eq!(offer_for(Some(other)), None);
        }
        assert_eq!(offer_for(None), None);
    }
}
