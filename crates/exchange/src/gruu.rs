//! Globally routable user agent URIs (RFC 5627): an address that means one instance of a user agent, from anywhere.
//!
//! - A **public** one is `sip:user@domain;gr=<instance>`: it shows the address of record and is the same for ever.
//! - A **temporary** one is `sip:tgruu.<token>@domain;gr`: each REGISTER gets another, none tells whose it is or that
//!   two are of the same. The token is sealed (AES-256-GCM-SIV, the domain authenticated with it) and holds the user
//!   and a mark of instance and Call-ID, so nothing is stored for it. It is good for as long as the instance is
//!   registered under that Call-ID (section 5.4), restarts included.

use crate::mint::Mint;
use crate::world::World;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coeur_directory::Aor;
use coeur_sip::time::Monotonic;
use coeur_sip::uri::{SipUri, unescaped};

const PREFIX: &[u8] = b"tgruu.";
const MARK_LEN: usize = 8;
const TAG_LEN: usize = 16;
/// Bytes of the longest token, sealed and as text.
const SEALED_MAX: usize = NONCE_LEN + MARK_LEN + Aor::BYTES_MAX + TAG_LEN;
const TEXT_MAX: usize = SEALED_MAX.div_ceil(3) * 4;

/// Tells which instance of which address of record a GRUU of ours stands for; `None` when the URI is no GRUU, is not
/// ours, or is a temporary one that has ended. That the instance is registered is for the lookup to see.
pub fn resolve(world: &World, now: Monotonic, uri: &SipUri<'_>) -> Option<(Aor, Box<[u8]>)> {
    let gr = uri.params.find("gr")?;
    if !world.directory.is_ours(uri.host_bytes) {
        return None;
    }
    match gr.value {
        Some(instance) => Some((Aor::of_sip_uri(uri).ok()?, unescaped(instance).collect())),
        None => resolve_temporary(world, now, uri),
    }
}

fn resolve_temporary(world: &World, now: Monotonic, uri: &SipUri<'_>) -> Option<(Aor, Box<[u8]>)> {
    let domain = Aor::new("x", std::str::from_utf8(uri.host_bytes).ok()?).ok()?;
    let domain = domain.domain();
    let token = uri.user?.strip_prefix(PREFIX)?;
    let mut buffer = [0; SEALED_MAX];
    let (mark, user) = open(&world.secrets.gruu, token, domain.as_bytes(), &mut buffer)?;
    let mut found: Option<Box<[u8]>> = None;
    world.bindings.each_of(user, domain.as_bytes(), now, |view| {
        let stored = view.draft();
        if let Some(instance) = view.instance()
            && mark_of(instance, stored.call_id) == mark
        {
            found = Some(instance.into());
        }
    });
    Some((Aor::new(std::str::from_utf8(user).ok()?, domain).ok()?, found?))
}

/// Appends `sip:user@domain;gr=<instance>`.
pub(crate) fn write_public(user: &[u8], domain: &[u8], instance: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"sip:");
    escape_into(user, b"-_.!~*'()&=+$,;?/", out);
    out.push(b'@');
    out.extend_from_slice(domain);
    out.extend_from_slice(b";gr=");
    escape_into(instance, b"-_.!~*'()[]/:&+$", out);
}

/// Appends a temporary GRUU that was never seen before.
pub(crate) fn write_temporary(
    key: &[u8; 32],
    mint: &mut Mint,
    user: &[u8],
    domain: &[u8],
    instance: &[u8],
    call_id: &[u8],
    out: &mut Vec<u8>,
) {
    let mut sealed = [0; SEALED_MAX];
    let mut text = [0; TEXT_MAX];
    let written = seal(key, mint, user, domain, mark_of(instance, call_id), &mut sealed)
        .and_then(|len| URL_SAFE_NO_PAD.encode_slice(&sealed[..len], &mut text).ok());
    // A user of an account fits, so this is always written; a public GRUU instead would be right too.
    let Some(written) = written else { return write_public(user, domain, instance, out) };
    out.extend_from_slice(b"sip:");
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(&text[..written]);
    out.push(b'@');
    out.extend_from_slice(domain);
    out.extend_from_slice(b";gr");
}

fn seal(
    key: &[u8; 32],
    mint: &mut Mint,
    user: &[u8],
    domain: &[u8],
    mark: [u8; MARK_LEN],
    sealed: &mut [u8; SEALED_MAX],
) -> Option<usize> {
    let end = NONCE_LEN + MARK_LEN + user.len();
    sealed.get(..end + TAG_LEN)?;
    let mut nonce = [0; NONCE_LEN];
    mint.fill(&mut nonce);
    sealed[..NONCE_LEN].copy_from_slice(&nonce);
    sealed[NONCE_LEN..][..MARK_LEN].copy_from_slice(&mark);
    sealed[NONCE_LEN + MARK_LEN..end].copy_from_slice(user);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = &mut sealed[NONCE_LEN..end];
    let tag = aead(key)?.seal_in_place_separate_tag(nonce, Aad::from(domain), plain).ok()?;
    sealed[end..end + TAG_LEN].copy_from_slice(tag.as_ref());
    Some(end + TAG_LEN)
}

fn open<'b>(
    key: &[u8; 32],
    token: &[u8],
    domain: &[u8],
    buffer: &'b mut [u8; SEALED_MAX],
) -> Option<([u8; MARK_LEN], &'b [u8])> {
    if token.len() > TEXT_MAX {
        return None;
    }
    let len = URL_SAFE_NO_PAD.decode_slice(token, buffer).ok()?;
    let (nonce, sealed) = buffer[..len].split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = aead(key)?.open_in_place(nonce, Aad::from(domain), sealed).ok()?;
    let (mark, user) = plain.split_first_chunk::<MARK_LEN>()?;
    Some((*mark, user))
}

fn aead(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM_SIV, key).ok().map(LessSafeKey::new)
}

/// Tells the registrations of one account apart (FNV-1a). Nobody outside sees it or chooses it against another
/// account.
fn mark_of(instance: &[u8], call_id: &[u8]) -> [u8; MARK_LEN] {
    let bytes = instance.iter().chain(b"\0").chain(call_id);
    let mark = bytes.fold(0xcbf2_9ce4_8422_2325u64, |mark, byte| {
        (mark ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mark.to_be_bytes()
}

fn escape_into(text: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;

    const KEY: [u8; 32] = [7; 32];

    fn temporary(mint: &mut Mint) -> Vec<u8> {
        let mut out = Vec::new();
        write_temporary(&KEY, mint, b"alice", b"example.com", b"urn:uuid:1", b"call", &mut out);
        out
    }

    fn token(gruu: &[u8]) -> &[u8] {
        let start = b"sip:tgruu.".len();
        &gruu[start..gruu.iter().position(|byte| *byte == b'@').expect("a host")]
    }

    #[test]
    fn a_temporary_gruu_opens_in_its_domain_with_our_key_and_nowhere_else() {
        let mut mint = Mint::new(ShardId(0), [1; 32]);
        let gruu = temporary(&mut mint);
        assert!(gruu.ends_with(b"@example.com;gr"));
        let mut buffer = [0; SEALED_MAX];
        let (mark, user) = open(&KEY, token(&gruu), b"example.com", &mut buffer).expect("ours");
        assert_eq!((mark, user), (mark_of(b"urn:uuid:1", b"call"), &b"alice"[..]));
        assert_ne!(mark, mark_of(b"urn:uuid:1", b"another call"));
        assert!(open(&KEY, token(&gruu), b"example.org", &mut [0; SEALED_MAX]).is_none());
        assert!(open(&[8; 32], token(&gruu), b"example.com", &mut [0; SEALED_MAX]).is_none());
    }

    #[test]
    fn two_temporary_gruus_of_one_registration_do_not_look_alike() {
        let mut mint = Mint::new(ShardId(0), [1; 32]);
        let (a, b) = (temporary(&mut mint), temporary(&mut mint));
        let same = token(&a).iter().zip(token(&b)).filter(|(a, b)| a == b).count();
        assert!(same < 12, "{same} of {} characters are the same", token(&a).len());
    }

    #[test]
    fn a_changed_token_is_no_gruu() {
        let mut mint = Mint::new(ShardId(0), [1; 32]);
        let gruu = temporary(&mut mint);
        for at in 0..token(&gruu).len() {
            let mut changed = token(&gruu).to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let mut buffer = [0; SEALED_MAX];
            let opened = open(&KEY, &changed, b"example.com", &mut buffer);
            // The last character carries bits that nothing uses; then it must not decode at all.
            assert!(opened.is_none(), "character {at}");
        }
        for short in [&b""[..], b"AAAA", &[b'A'; 16], &[b'A'; 2000]] {
            assert!(open(&KEY, short, b"example.com", &mut [0; SEALED_MAX]).is_none());
        }
    }

    #[test]
    fn a_public_gruu_escapes_what_a_uri_cannot_hold() {
        let mut out = Vec::new();
        write_public(b"a b", b"example.com", b"urn:uuid:f81d;\"x", &mut out);
        assert_eq!(out, b"sip:a%20b@example.com;gr=urn:uuid:f81d%3B%22x");
    }
}
