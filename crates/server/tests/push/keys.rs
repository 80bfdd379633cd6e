//! Keys as an operator has them, and what is signed with them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::path::{Path, PathBuf};

/// A key of Apple's for push: the file, and the public half.
pub fn apple(folder: &Path) -> (PathBuf, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let file = folder.join("AuthKey.p8");
    std::fs::write(&file, pem(pair.to_pkcs8v1().unwrap().as_ref())).unwrap();
    (file, pair.public_key().as_ref().to_vec())
}

/// A service account of Google's whose tokens are asked for at `service`: the file, and the public half.
pub fn google(folder: &Path, service: &str) -> (PathBuf, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let account = serde_json::json!({
        "type": "service_account", "project_id": "coeur-test", "client_email": "push@coeur-test.iam.test",
        "private_key": pem(der.as_ref()), "token_uri": format!("{service}/token"),
    });
    let file = folder.join("account.json");
    std::fs::write(&file, account.to_string()).unwrap();
    (file, pair.public_key().as_ref().to_vec())
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// The claims of a token, which must be signed with this key, and its header.
pub fn verified(token: &str, public: &[u8], is_rsa: bool) -> (serde_json::Value, serde_json::Value) {
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let algorithm: &dyn VerificationAlgorithm =
        if is_rsa { &RSA_PKCS1_2048_8192_SHA256 } else { &ECDSA_P256_SHA256_FIXED };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(algorithm, public);
    key.verify(signed.as_bytes(), &signature).expect("a signature of this key");
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(header), read(claims))
}
