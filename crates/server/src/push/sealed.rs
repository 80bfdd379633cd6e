//! What only the browser can read (RFC 8291): a key agreed on with its public key and its secret, one record of `aes128gcm`
//! (RFC 8188).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyUncompressedBin};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One record holds it all.
const RECORD_BYTES: u32 = 4_096;
/// A point of P-256 without compression.
const POINT_BYTES: usize = 65;

/// What a subscription has besides its place.
pub struct Keys {
    /// `p256dh`.
    pub public: Vec<u8>,
    /// `auth`.
    pub secret: Vec<u8>,
}

/// Of `p256dh.auth`, each in base64url.
pub fn keys(param: &str) -> Option<Keys> {
    let (public, secret) = param.split_once('.')?;
    let read = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let keys = Keys { public: read(public)?, secret: read(secret)? };
    (keys.public.len() == POINT_BYTES && keys.secret.len() == 16).then_some(keys)
}

/// The body of the request. `None`: the public key is no point.
pub fn seal(keys: &Keys, text: &[u8]) -> Option<Vec<u8>> {
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).ok()?;
    let own = PrivateKey::generate(&ECDH_P256).ok()?;
    seal_with(keys, &own, salt, text)
}

fn seal_with(keys: &Keys, own: &PrivateKey, salt: [u8; 16], text: &[u8]) -> Option<Vec<u8>> {
    let public: EcPublicKeyUncompressedBin<'_> = own.compute_public_key().ok()?.as_be_bytes().ok()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &keys.public);
    let shared = agree(own, theirs, (), |shared| Ok(shared.to_vec())).ok()?;
    // RFC 8291 section 3.4.
    let info = [b"WebPush: info\0", &keys.public[..], public.as_ref()].concat();
    let agreed: [u8; 32] = derive(&keys.secret, &shared, &info)?;
    let key: [u8; 16] = derive(&salt, &agreed, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(&salt, &agreed, b"Content-Encoding: nonce\0")?;
    // RFC 8188 section 2: the last record ends with 2.
    let mut record = [text, &[2]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
    // Section 2.1: salt, size of a record, our public key.
    let size = RECORD_BYTES.to_be_bytes();
    Some([&salt[..], &size, &[POINT_BYTES as u8], public.as_ref(), &record].concat())
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    key.expand(&[info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// For tests: reads what was sealed, as a browser does (RFC 8291 section 3.1).
#[cfg(test)]
pub fn open(own: &PrivateKey, secret: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (salt, theirs) = (&body[..16], &body[21..21 + POINT_BYTES]);
    let public: EcPublicKeyUncompressedBin<'_> = own.compute_public_key().ok()?.as_be_bytes().ok()?;
    let shared =
        agree(own, UnparsedPublicKey::new(&ECDH_P256, theirs), (), |shared| Ok(shared.to_vec())).ok()?;
    let info = [b"WebPush: info\0", public.as_ref(), theirs].concat();
    let agreed: [u8; 32] = derive(secret, &shared, &info)?;
    let key: [u8; 16] = derive(salt, &agreed, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(salt, &agreed, b"Content-Encoding: nonce\0")?;
    let mut record = body[21 + POINT_BYTES..].to_vec();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    let text = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
    Some(text.strip_suffix(&[2])?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291 section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc_is_sealed_to_its_bytes() {
        let keys = keys(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4.BTBZMqHH6r4Tts7J_aSIgg",
        )
        .unwrap();
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = seal_with(&keys, &own, salt, b"When I grow up, I want to be a watermelon").unwrap();
        let wanted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed), wanted);
    }

    #[test]
    fn what_is_sealed_its_browser_reads_and_nobody_else() {
        let (own, other) =
            (PrivateKey::generate(&ECDH_P256).unwrap(), PrivateKey::generate(&ECDH_P256).unwrap());
        let public: EcPublicKeyUncompressedBin<'_> = own.compute_public_key().unwrap().as_be_bytes().unwrap();
        let keys = Keys { public: public.as_ref().to_vec(), secret: vec![7; 16] };
        let sealed = seal(&keys, b"{}").unwrap();
        assert_eq!(open(&own, &[7; 16], &sealed).unwrap(), b"{}");
        assert!(open(&other, &[7; 16], &sealed).is_none() && open(&own, &[8; 16], &sealed).is_none());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for param in ["", "a.b", "BCVxsr7N.BTBZMqHH6r4Tts7J_aSIgg"] {
            assert!(keys(param).is_none(), "{param}");
        }
        assert!(seal(&Keys { public: vec![4; 65], secret: vec![0; 16] }, b"").is_none(), "no point");
    }
}
