//! The cryptography of a handshake, by aws-lc-rs (RFC 8422, RFC 5288, RFC 9147).
//!
//! `dimpl` brings a provider of its own with two more implementations of AES and of certificates. This one keeps a single
//! cryptographic backend in the tree, and offers only what WebRTC peers speak: ECDHE with ECDSA, AES-GCM.
//! Randomness is that of aws-lc-rs, for keys and signatures as everywhere.

use super::certificate::{Curve, public_key};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad as SealedAad, LessSafeKey, Nonce as SealedNonce, UnboundKey,
};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::{digest, hmac, signature};
use dimpl::crypto::{
    Aad, ActiveKeyExchange, Buf, Cipher, CryptoProvider, Dtls12CipherSuite, Dtls13CipherSuite, HashAlgorithm,
    HashContext, HashProvider, HmacProvider, KeyProvider, NamedGroup, Nonce, SecureRandom,
    SignatureAlgorithm, SignatureVerifier, SigningKey, SupportedDtls12CipherSuite,
    SupportedDtls13CipherSuite, SupportedKxGroup, TmpBuf,
};
use dimpl::{CryptoError, CryptoOperation};
use std::fmt;

pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: &[&Group::X25519, &Group::P256, &Group::P384],
        signature_verification: &AwsLc,
        key_provider: &AwsLc,
        secure_random: &AwsLc,
        hash_provider: &AwsLc,
        hmac_provider: &AwsLc,
        cipher_suites: &[&Suite::Aes256, &Suite::Aes128],
        dtls13_cipher_suites: &[&Suite::Aes256, &Suite::Aes128],
    }
}

/// What has no state of its own.
#[derive(Debug)]
struct AwsLc;

impl SecureRandom for AwsLc {
    fn fill(&self, buf: &mut [u8]) -> Result<(), CryptoError> {
        SystemRandom::new().fill(buf).map_err(|_| failed(CryptoOperation::FillRandom))
    }
}

impl HmacProvider for AwsLc {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let algorithm = match hash {
            HashAlgorithm::SHA256 => hmac::HMAC_SHA256,
            HashAlgorithm::SHA384 => hmac::HMAC_SHA384,
            other => return Err(CryptoError::UnsupportedHmacHash(other)),
        };
        let tag = hmac::sign(&hmac::Key::new(algorithm, key), data);
        out[..tag.as_ref().len()].copy_from_slice(tag.as_ref());
        Ok(tag.as_ref().len())
    }
}

impl HashProvider for AwsLc {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        let algorithm = match algorithm {
            HashAlgorithm::SHA384 => &digest::SHA384,
            // The suites below name no third one.
            _ => &digest::SHA256,
        };
        Box::new(Hash(digest::Context::new(algorithm)))
    }
}

struct Hash(digest::Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        out.clear();
        out.extend_from_slice(self.0.clone().finish().as_ref());
    }
}

impl KeyProvider for AwsLc {
    fn load_private_key(&self, key: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let pair = signature::EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, key);
        Ok(Box::new(OurKey(pair.map_err(|_| CryptoError::InvalidPrivateKey)?)))
    }
}

/// A key of [`super::Identity`], which are on P-256.
struct OurKey(signature::EcdsaKeyPair);

impl SigningKey for OurKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        if hash != HashAlgorithm::SHA256 {
            return Err(CryptoError::SigningKeyHashMismatch {
                key_hash: HashAlgorithm::SHA256,
                requested: hash,
            });
        }
        let signature = self.0.sign(&SystemRandom::new(), data).map_err(|_| failed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

impl SignatureVerifier for AwsLc {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        if algorithm != SignatureAlgorithm::ECDSA {
            return Err(CryptoError::UnsupportedSignatureAlgorithm(algorithm));
        }
        let key = public_key(certificate).ok_or(CryptoError::UnsupportedPublicKeyAlgorithm)?;
        let (group, verifier): (_, &signature::EcdsaVerificationAlgorithm) = match (key.curve, hash) {
            (Curve::P256, HashAlgorithm::SHA256) => {
                (NamedGroup::Secp256r1, &signature::ECDSA_P256_SHA256_ASN1)
            }
            (Curve::P256, HashAlgorithm::SHA384) => {
                (NamedGroup::Secp256r1, &signature::ECDSA_P256_SHA384_ASN1)
            }
            (Curve::P384, HashAlgorithm::SHA256) => {
                (NamedGroup::Secp384r1, &signature::ECDSA_P384_SHA256_ASN1)
            }
            (Curve::P384, HashAlgorithm::SHA384) => {
                (NamedGroup::Secp384r1, &signature::ECDSA_P384_SHA384_ASN1)
            }
            _ => return Err(CryptoError::UnsupportedHmacHash(hash)),
        };
        let key = signature::UnparsedPublicKey::new(verifier, key.point);
        key.verify(data, signature).map_err(|_| CryptoError::SignatureVerificationFailed {
            signature: algorithm,
            hash,
            group,
        })
    }
}

/// Groups of the key exchange (RFC 8422 section 5.1.1).
#[derive(Debug)]
enum Group {
    X25519,
    P256,
    P384,
}

impl Group {
    const fn algorithm(&self) -> &'static agreement::Algorithm {
        match self {
            Group::X25519 => &X25519,
            Group::P256 => &ECDH_P256,
            Group::P384 => &ECDH_P384,
        }
    }
}

impl SupportedKxGroup for Group {
    fn name(&self) -> NamedGroup {
        match self {
            Group::X25519 => NamedGroup::X25519,
            Group::P256 => NamedGroup::Secp256r1,
            Group::P384 => NamedGroup::Secp384r1,
        }
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let private = EphemeralPrivateKey::generate(self.algorithm(), &SystemRandom::new())
            .map_err(|_| failed(CryptoOperation::GenerateEphemeralKey))?;
        let point = private.compute_public_key().map_err(|_| failed(CryptoOperation::ComputePublicKey))?;
        public.clear();
        public.extend_from_slice(point.as_ref());
        Ok(Box::new(Exchange { group: self.name(), algorithm: self.algorithm(), private, public }))
    }
}

struct Exchange {
    group: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    private: EphemeralPrivateKey,
    public: Buf,
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    /// A point that is not on the curve, or makes a secret of zeros, is refused by the library (RFC 7748 section 6.1).
    fn complete(self: Box<Self>, theirs: &[u8], out: &mut Buf) -> Result<(), CryptoError> {
        let invalid = CryptoError::InvalidPublicKey(self.group);
        let theirs = UnparsedPublicKey::new(self.algorithm, theirs);
        agreement::agree_ephemeral(self.private, theirs, invalid, |secret| {
            out.clear();
            out.extend_from_slice(secret);
            Ok(())
        })
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}

/// AES-GCM with either length of key, in both versions.
#[derive(Debug)]
enum Suite {
    Aes128,
    Aes256,
}

impl Suite {
    const fn hash(&self) -> HashAlgorithm {
        match self {
            Suite::Aes128 => HashAlgorithm::SHA256,
            Suite::Aes256 => HashAlgorithm::SHA384,
        }
    }

    const fn key_bytes(&self) -> usize {
        match self {
            Suite::Aes128 => 16,
            Suite::Aes256 => 32,
        }
    }

    fn cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        let algorithm = match self {
            Suite::Aes128 => &AES_128_GCM,
            Suite::Aes256 => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| failed(CryptoOperation::CreateCipher))?;
        Ok(Box::new(Gcm(LessSafeKey::new(key))))
    }
}

impl SupportedDtls12CipherSuite for Suite {
    fn suite(&self) -> Dtls12CipherSuite {
        match self {
            Suite::Aes128 => Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256,
            Suite::Aes256 => Dtls12CipherSuite::ECDHE_ECDSA_AES256_GCM_SHA384,
        }
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash()
    }

    /// No key for a separate integrity, the key, the fixed part of the nonce (RFC 5288 section 3).
    fn key_lengths(&self) -> (usize, usize, usize) {
        (0, self.key_bytes(), 4)
    }

    fn explicit_nonce_len(&self) -> usize {
        8
    }

    fn tag_len(&self) -> usize {
        16
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        self.cipher(key)
    }
}

impl SupportedDtls13CipherSuite for Suite {
    fn suite(&self) -> Dtls13CipherSuite {
        match self {
            Suite::Aes128 => Dtls13CipherSuite::AES_128_GCM_SHA256,
            Suite::Aes256 => Dtls13CipherSuite::AES_256_GCM_SHA384,
        }
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash()
    }

    fn key_len(&self) -> usize {
        self.key_bytes()
    }

    fn iv_len(&self) -> usize {
        12
    }

    fn tag_len(&self) -> usize {
        16
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        self.cipher(key)
    }

    /// The mask of record numbers: one block of AES (RFC 9147 section 4.2.3).
    fn encrypt_sn(&self, key: &[u8], sample: &[u8; 16]) -> [u8; 16] {
        let algorithm = match self {
            Suite::Aes128 => &AES_128,
            Suite::Aes256 => &AES_256,
        };
        let mut block = *sample;
        // The caller's key has our length, a sample is one block: nothing here can fail. If it did, a mask of zeros
        // would make the record unreadable and nothing else.
        let masked = UnboundCipherKey::new(algorithm, key)
            .and_then(EncryptingKey::ecb)
            .and_then(|key| key.encrypt(&mut block));
        if masked.is_err() {
            block = [0; 16];
        }
        block
    }
}

struct Gcm(LessSafeKey);

impl Cipher for Gcm {
    fn encrypt(&mut self, plain: &mut Buf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let nonce = SealedNonce::try_assume_unique_for_key(&nonce).map_err(|_| CryptoError::InvalidNonce)?;
        self.0
            .seal_in_place_append_tag(nonce, SealedAad::from(&aad[..]), plain)
            .map_err(|_| failed(CryptoOperation::Encrypt))
    }

    fn decrypt(&mut self, sealed: &mut TmpBuf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let nonce = SealedNonce::try_assume_unique_for_key(&nonce).map_err(|_| CryptoError::InvalidNonce)?;
        let plain = self
            .0
            .open_in_place(nonce, SealedAad::from(&aad[..]), sealed.as_mut())
            .map_err(|_| failed(CryptoOperation::Decrypt))?
            .len();
        sealed.truncate(plain);
        Ok(())
    }
}

/// The library wants its parts printable; what is secret in ours is not printed.
macro_rules! printed_by_name {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

printed_by_name!(Hash, OurKey, Exchange, Gcm);

const fn failed(operation: CryptoOperation) -> CryptoError {
    CryptoError::OperationFailed(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_accepts_the_provider() {
        provider().validate().expect("a provider that passes the library's own vectors");
    }
}
