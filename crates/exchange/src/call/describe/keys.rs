//! What is ours on one leg and secret: SRTP keys (RFC 4568) and ICE credentials (RFC 8839). All come from the [`Mint`], for
//! one leg each, and stay what they are until the leg's own peer asks for others: a repeated key keeps its context.

use crate::media::{Fingerprint, MKI_BYTES_MAX, SrtpKey, SrtpSuite, StreamAddress};
use crate::mint::{Mint, write_hex};
use coeur_sdp::attribute::{
    self, Candidate, CandidateKind, CandidateTransport, Crypto, HashFunction, IceOptions, IcePassword,
    IceUfrag, KeyParameter, MasterKeyIdentifier, Setup, Suite,
};
use coeur_sdp::derive::LegIce;
use coeur_sdp::summary::{DtlsKeying, IceSummary, Keys};
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// Offered in this order. The first is what every phone with SDES takes, and many take the first that they know.
const OFFERED: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm];

/// Of the longest suite (bytes).
const KEY_AND_SALT_MAX: usize = 46;

/// Fresh keys to offer.
pub(super) fn offered(mint: &mut Mint) -> Vec<Crypto> {
    OFFERED.into_iter().zip(1..).filter_map(|(suite, tag)| fresh(mint, tag, suite)).collect()
}

/// A key of ours for this suite. `None` cannot be: the length is the suite's.
pub(super) fn fresh(mint: &mut Mint, tag: u32, suite: Suite) -> Option<Crypto> {
    let mut bytes = Zeroizing::new([0; KEY_AND_SALT_MAX]);
    let bytes = bytes.get_mut(..suite.key_bytes() + suite.salt_bytes())?;
    mint.fill(bytes);
    Some(Crypto::new(tag, suite, attribute::SrtpKey::new(suite, bytes)?))
}

/// Whether the media plane can do it: one key, whose identifier, which its packets may carry (RFC 4568 section 6.1), is
/// short enough.
pub(super) fn is_taken(crypto: &Crypto) -> bool {
    let is_short =
        |key: &KeyParameter| key.identifier.is_none_or(|mki| usize::from(mki.bytes) <= MKI_BYTES_MAX);
    suite_of(crypto.suite).is_some() && crypto.keys.len() == 1 && crypto.keys.iter().all(is_short)
}

/// The key of ours and the one of theirs that were agreed: the answer repeats the tag of its choice (RFC 4568 section
/// 5.1.2), and has only that one.
pub(super) fn agreed<'k>(ours: &'k [Crypto], theirs: &'k [Crypto]) -> Option<(&'k Crypto, &'k Crypto)> {
    let answers = |one: &Crypto, other: &Crypto| one.tag == other.tag && one.suite == other.suite;
    ours.iter().find_map(|our| {
        let their = theirs.iter().find(|their| answers(our, their) && is_taken(their))?;
        (ours.len() == 1 || theirs.len() == 1).then_some((our, their))
    })
}

/// For the media plane.
pub(super) fn key_of(crypto: &Crypto) -> Option<SrtpKey> {
    let KeyParameter { key, identifier, .. } = crypto.keys.first()?;
    // Exact, so that no copy is left behind by growing.
    let mut joined = Vec::with_capacity(KEY_AND_SALT_MAX);
    joined.extend_from_slice(key.expose_key());
    joined.extend_from_slice(key.expose_salt());
    let mki = identifier.map_or_else(Box::default, written);
    Some(SrtpKey { suite: suite_of(crypto.suite)?, key_and_salt: joined.into(), mki })
}

/// As packets carry it: in network order, with zeros before it up to the length that was announced (RFC 4568 section 6.1).
fn written(mki: MasterKeyIdentifier) -> Box<[u8]> {
    let value = mki.value.to_be_bytes();
    let bytes = usize::from(mki.bytes);
    let mut written = vec![0; bytes.saturating_sub(value.len())];
    written.extend_from_slice(&value[value.len().saturating_sub(bytes)..]);
    written.into()
}

const fn suite_of(suite: Suite) -> Option<SrtpSuite> {
    match suite {
        Suite::AesCm128HmacSha1_80 => Some(SrtpSuite::AesCm128HmacSha1_80),
        Suite::AesCm128HmacSha1_32 => Some(SrtpSuite::AesCm128HmacSha1_32),
        Suite::Aes256CmHmacSha1_80 => Some(SrtpSuite::AesCm256HmacSha1_80),
        Suite::AeadAes128Gcm => Some(SrtpSuite::AeadAes128Gcm),
        Suite::AeadAes256Gcm => Some(SrtpSuite::AeadAes256Gcm),
        Suite::Aes256CmHmacSha1_32 => None,
    }
}

/// Our certificate, in this role. `None`: the media plane has none, or one of a hash that nobody knows.
pub(super) fn dtls(fingerprint: Option<&Fingerprint>, setup: Setup) -> Option<DtlsKeying> {
    let fingerprint = fingerprint?;
    let hash = HashFunction::ALL.into_iter().find(|hash| hash.as_str() == &*fingerprint.hash)?;
    let digest = fingerprint.bytes.to_vec();
    let fingerprints = vec![attribute::Fingerprint { hash, digest }];
    Some(DtlsKeying { fingerprints, setup: Some(setup), tls_id: None })
}

/// A certificate of theirs that no second one can be made for: SHA-1 counts as none.
pub(super) fn has_dtls(keys: &Keys) -> bool {
    keys.dtls.as_ref().is_some_and(|dtls| dtls.fingerprints.iter().any(|found| !found.hash.is_weak()))
}

/// 64 bits and 128 bits (RFC 8445 section 5.3 asks for 24 and 128).
pub(super) fn credentials(mint: &mut Mint) -> Option<(IceUfrag, IcePassword)> {
    let (mut ufrag, mut password) = ([0; 16], Zeroizing::new([0; 32]));
    write_hex(mint.u64(), &mut ufrag);
    write_hex(mint.u64(), &mut password[..16]);
    write_hex(mint.u64(), &mut password[16..]);
    // Hex digits, and enough of them.
    let password = IcePassword::new(std::str::from_utf8(password.as_slice()).ok()?)?;
    Some((IceUfrag(String::from_utf8_lossy(&ufrag).into_owned()), password))
}

/// The credentials that these lines of ours have.
pub(super) fn credentials_of(ice: &IceSummary) -> (IceUfrag, IcePassword) {
    (ice.ufrag.clone(), ice.password.clone())
}

/// We are lite (RFC 8445 section 2.5): reached at our addresses, which are all that there are.
pub(super) fn ice((ufrag, password): (IceUfrag, IcePassword), at: &StreamAddress) -> LegIce {
    let others = at.others.iter().map(|other| {
        let rtcp = SocketAddr::new(other.ip(), if at.rtcp == at.rtp { other.port() } else { at.rtcp.port() });
        (*other, rtcp)
    });
    let mut candidates = Vec::new();
    for (index, (rtp, rtcp)) in std::iter::once((at.rtp, at.rtcp)).chain(others).enumerate() {
        candidates.push(candidate(index, 1, rtp));
        if rtcp != rtp {
            candidates.push(candidate(index, 2, rtcp));
        }
    }
    let options = IceOptions(vec![IceOptions::ICE2.into()]);
    LegIce { ufrag, password, options, is_lite: true, candidates, has_ended: true }
}

/// RFC 8445 section 5.1.2.1: type preference 126 of hosts, then the order of addresses, then the component.
fn candidate(index: usize, component: u16, at: SocketAddr) -> Candidate {
    let local = 65_535 - index.min(65_535) as u32;
    Candidate {
        foundation: (index + 1).to_string(),
        component,
        transport: CandidateTransport::Udp,
        priority: 126 << 24 | local << 8 | (256 - u32::from(component)),
        address: at.ip().to_string(),
        port: at.port(),
        kind: CandidateKind::Host,
        related: None,
        extensions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_sdp::attribute::Attribute;

    fn crypto(rest: &str) -> Crypto {
        let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}{rest}");
        Crypto::parse(line.as_bytes()).expect("a crypto line")
    }

    /// RFC 4568 section 6.1: `|2^20|1:4` of RFC 4568 section 9.1 stands in each packet as 00 00 00 01.
    #[test]
    fn an_identifier_of_a_key_reaches_the_media_plane_as_its_packets_carry_it() {
        let mki = |rest: &str| key_of(&crypto(rest)).expect("a key").mki.to_vec();
        assert_eq!(mki(""), [0; 0]);
        assert_eq!(mki("|2^20|1:4"), [0, 0, 0, 1]);
        assert_eq!(mki("|513:2"), [2, 1]);
        assert_eq!(mki("|7:16"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn one_key_with_a_short_identifier_is_taken() {
        assert!(is_taken(&crypto("|2^20|1:4")) && is_taken(&crypto("|1:16")));
        assert!(!is_taken(&crypto("|1:17")));
    }
}
