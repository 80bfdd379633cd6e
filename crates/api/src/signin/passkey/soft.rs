//! An authenticator and the browser before it, in software: they do what sections 6.3.2 and 6.3.3 say, and whatever a test
//! wants of them besides.

use super::answer::{Asserted, Field, Made};
use super::ceremony::Place;
use crate::signin::secret::sha256;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ciborium::{Value, cbor};

pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
}

pub(crate) struct Soft {
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    pub(crate) counter: u32,
    /// Present, verified.
    pub(crate) flags: u8,
    pub(crate) origin: Option<String>,
    pub(crate) rp_id: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) cross_origin: bool,
    pub(crate) user_handle: Option<Vec<u8>>,
}

impl Soft {
    pub(crate) fn new(id: &[u8]) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self::with(Key::Es256(key), id)
    }

    pub(crate) fn with(key: Key, id: &[u8]) -> Self {
        Self {
            key,
            id: id.to_vec(),
            counter: 0,
            flags: 0x05,
            origin: None,
            rp_id: None,
            kind: None,
            cross_origin: false,
            user_handle: None,
        }
    }

    pub(crate) fn make(&self, place: &Place, challenge: &str) -> Made {
        let mut data = self.data(place, 0x40);
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose());
        let object = cbor!({ "fmt" => "none", "attStmt" => {}, "authData" => Value::Bytes(data) }).unwrap();
        Made {
            client_data: Field(self.client_data(place, challenge, "webauthn.create")),
            attestation_object: Field(encoded(&object)),
            name: "my <b>phone</b>\u{7}".to_owned(),
        }
    }

    pub(crate) fn sign(&self, place: &Place, challenge: &str) -> Asserted {
        let (data, client_data) = (self.data(place, 0), self.client_data(place, challenge, "webauthn.get"));
        let message = [&data[..], &sha256(&[&client_data])].concat();
        Asserted {
            id: Field(self.id.clone()),
            client_data: Field(client_data),
            authenticator_data: Field(data),
            signature: Field(self.signature(&message)),
            user_handle: self.user_handle.clone().map(Field),
        }
    }

    fn data(&self, place: &Place, more: u8) -> Vec<u8> {
        let rp_id = self.rp_id.as_deref().unwrap_or(&place.rp_id);
        let mut data = sha256(&[rp_id.as_bytes()]).to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, place: &Place, challenge: &str, kind: &str) -> Vec<u8> {
        let json = serde_json::json!({
            "type": self.kind.unwrap_or(kind),
            "challenge": challenge,
            "origin": self.origin.as_deref().unwrap_or(&place.origin),
            "crossOrigin": self.cross_origin,
            "other_keys_can_be_added_here": "do not compare",
        });
        json.to_string().into_bytes()
    }

    pub(crate) fn cose(&self) -> Vec<u8> {
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        let key = match &self.key {
            Key::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => bytes(x), -3 => bytes(y) })
            }
            Key::EdDsa(pair) => cbor!({ 1 => 1, 3 => -8, -1 => 6, -2 => bytes(pair.public_key().as_ref()) }),
            Key::Rs256(pair) => {
                // RFC 8017, A.1.1: n, 256 bytes, then e with its tag and length, 65537.
                let der = pair.public_key().as_ref();
                let (head, e) = der.split_at(der.len() - 3);
                let n = &head[head.len() - 258..head.len() - 2];
                cbor!({ 1 => 3, 3 => -257, -1 => bytes(n), -2 => bytes(e) })
            }
        };
        encoded(&key.unwrap())
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

pub(crate) fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
