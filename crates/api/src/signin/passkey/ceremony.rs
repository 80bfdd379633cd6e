//! Registering a passkey (section 7.1) and signing in with one (section 7.2).
//!
//! Nothing is kept of a challenge before it is answered: it says itself until when and for which browser it counts, under a
//! key of the installation. One that was answered rightly is remembered until then, so that it counts once.

use super::answer::{Asserted, Made};
use super::authenticator::{AuthenticatorData, of_attestation};
use super::client::{self, Kind};
use super::cose::PublicKey;
use crate::model::Refusal;
use crate::signin::book::Book;
use crate::signin::desk::{Desk, Visitor};
use crate::signin::second;
use crate::signin::secret::{self, sha256};
use crate::signin::session::Signed;
use aws_lc_rs::hmac;
use coeur_directory::UserId;
use coeur_storage::{Digest, LABEL_BYTES_MAX, PasskeyRow, SignInChange, Way};
use data_encoding::BASE64URL_NOPAD;
use std::collections::HashMap;

/// Of one user.
pub(crate) const PASSKEYS_PER_USER_MAX: usize = 10;
pub(crate) const CHALLENGE_LIFE_MS: u64 = 5 * 60_000;
const NONCE_BYTES: usize = 16;
/// Challenges that were answered; each took a passkey that is registered here. About 50 bytes each.
const ANSWERED_MAX: usize = 65_536;

/// Where the page is that asks: a passkey is of one host name (the RP ID).
#[derive(Clone, Debug)]
pub(in crate::signin) struct Place {
    /// As `https://sip.example.org:8443`.
    pub(crate) origin: String,
    /// As `sip.example.org`.
    pub(crate) rp_id: String,
}

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Registration,
    SignIn,
}

/// A text of base64url.
pub(crate) struct Challenge(pub(crate) String);

/// Why nothing was opened or kept.
pub(in crate::signin) enum Not {
    /// It proves nothing; which part of it was wrong is no stranger's business.
    Proved,
    /// There are [`PASSKEYS_PER_USER_MAX`] already.
    Room,
    Fresh,
    Refused(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Not::Refused(refusal)
    }
}

/// Challenges that were answered, until they are too old anyway.
#[derive(Default)]
pub(in crate::signin) struct Answered(HashMap<Digest, u64>);

impl Answered {
    /// False: it was answered before, or too many were.
    fn first_time(&mut self, challenge: Digest, now_ms: u64) -> bool {
        self.0.retain(|_, until_ms| *until_ms > now_ms);
        let first = self.0.len() < ANSWERED_MAX && !self.0.contains_key(&challenge);
        if first {
            self.0.insert(challenge, now_ms + CHALLENGE_LIFE_MS);
        }
        first
    }
}

impl Desk {
    /// `binding`: a text that only this browser has. `None`: the installation has no key for it.
    pub(in crate::signin) fn challenge(&self, what: For, binding: &str) -> Option<Challenge> {
        let (nonce, at) = (self.random::<NONCE_BYTES>(), self.now_ms().to_be_bytes());
        let tag = hmac::sign(self.challenge_key.as_ref()?, &message(what, binding, &nonce, &at));
        Some(Challenge(BASE64URL_NOPAD.encode(&[&nonce[..], &at, tag.as_ref()].concat())))
    }

    /// It is one of ours, of now, for this and for this browser.
    fn is_challenge(&self, text: &str, what: For, binding: &str) -> bool {
        let check = || {
            let whole = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
            let (nonce, rest) = whole.split_at_checked(NONCE_BYTES)?;
            let (at, tag) = rest.split_at_checked(8)?;
            hmac::verify(self.challenge_key.as_ref()?, &message(what, binding, nonce, at), tag).ok()?;
            let at_ms = u64::from_be_bytes(at.try_into().ok()?);
            (self.now_ms().saturating_sub(at_ms) < CHALLENGE_LIFE_MS).then_some(())
        };
        check().is_some()
    }

    /// Section 7.1. The user has just proved who he is.
    pub(in crate::signin) fn add_passkey(
        &self,
        signed: &Signed,
        binding: &str,
        place: &Place,
        made: &Made,
        visitor: &Visitor,
    ) -> Result<secret::Text, Not> {
        if !signed.is_fresh(self.now_ms()) {
            return Err(Not::Fresh);
        }
        let row = self.registered(signed.user.id, binding, place, made).ok_or(Not::Proved)?;
        let (user, id) = (row.user, row.id.clone());
        let change = SignInChange::PasskeyAdded(Box::new(row));
        let renewed = self.renew(signed, visitor, |book| {
            let many = book.keys(user).map_or(0, |keys| keys.passkeys.len());
            match (many < PASSKEYS_PER_USER_MAX, book.passkey(&id)) {
                (true, None) => Ok(vec![change]),
                (true, Some(_)) => Err(second::Not::Right),
                (false, _) => Err(second::Not::There),
            }
        });
        renewed.map_err(|not| match not {
            second::Not::There => Not::Room,
            second::Not::Fresh => Not::Fresh,
            second::Not::Refused(refusal) => Not::Refused(refusal),
            second::Not::Right | second::Not::Weak(_) | second::Not::Busy => Not::Proved,
        })
    }

    fn registered(&self, user: UserId, binding: &str, place: &Place, made: &Made) -> Option<PasskeyRow> {
        let challenge = client::read(&made.client_data.0, Kind::Create, &place.origin)?;
        if !self.is_challenge(&challenge, For::Registration, binding) {
            return None;
        }
        let bytes = of_attestation(&made.attestation_object.0)?;
        let data = AuthenticatorData::parse(&bytes)?;
        if data.rp_id_hash != sha256(&[place.rp_id.as_bytes()]) || !data.is_verified() {
            return None;
        }
        let credential = data.credential()?;
        PublicKey::parse(credential.public_key)?;
        let first = self.answered().first_time(secret::hash(&challenge), self.now_ms());
        first.then(|| PasskeyRow {
            id: credential.id.into(),
            user,
            public_key: credential.public_key.into(),
            counter: data.counter,
            name: made
                .name
                .chars()
                .filter(|c| !c.is_control())
                .take(LABEL_BYTES_MAX / 4)
                .collect::<String>()
                .into(),
            added_at_ms: self.now_ms(),
            used_at_ms: None,
        })
    }

    /// Section 7.2. Returns the text of the session, and whose it is.
    pub(in crate::signin) fn enter_by_passkey(
        &self,
        binding: &str,
        place: &Place,
        given: &Asserted,
        visitor: &Visitor,
        old: Option<Digest>,
    ) -> Result<(secret::Text, UserId), Not> {
        let entered = self.asserted(binding, place, given, visitor, old);
        if matches!(entered, Err(Not::Proved)) {
            self.passkey_failed(visitor);
        }
        entered
    }

    fn asserted(
        &self,
        binding: &str,
        place: &Place,
        given: &Asserted,
        visitor: &Visitor,
        old: Option<Digest>,
    ) -> Result<(secret::Text, UserId), Not> {
        let passkey = self.door.book(|book| book.passkey(&given.id.0).cloned())?.ok_or(Not::Proved)?;
        let user = self.enabled(passkey.user).ok_or(Not::Proved)?;
        let challenge = client::read(&given.client_data.0, Kind::Get, &place.origin).ok_or(Not::Proved)?;
        let data = AuthenticatorData::parse(&given.authenticator_data.0).ok_or(Not::Proved)?;
        let key = PublicKey::parse(&passkey.public_key).ok_or(Not::Proved)?;
        let message = [&given.authenticator_data.0[..], &sha256(&[&given.client_data.0])].concat();
        let is_of = |handle: &super::answer::Field| handle.0 == user_handle(user.id);
        let right = self.is_challenge(&challenge, For::SignIn, binding)
            && given.user_handle.as_ref().is_none_or(is_of)
            && data.rp_id_hash == sha256(&[place.rp_id.as_bytes()])
            && data.is_verified()
            && key.has_signed(&message, &given.signature.0)
            && self.answered().first_time(secret::hash(&challenge), self.now_ms());
        if !right {
            return Err(Not::Proved);
        }
        let (counter, at_ms, id) = (data.counter, self.now_ms(), passkey.id);
        let session = self.begin(&user, visitor, old, |book: &Book| {
            let kept = book.passkey(&id).ok_or(Not::Proved)?.counter;
            // Section 6.1.1: of two that count, the one behind is a copy.
            if (counter, kept) != (0, 0) && counter <= kept {
                return Err(Not::Proved);
            }
            Ok((Way::Passkey, vec![SignInChange::PasskeyUsed { id: id.clone(), counter, at_ms }]))
        })?;
        Ok((session, user.id))
    }

    pub(in crate::signin) fn remove_passkey(
        &self,
        signed: &Signed,
        named: &str,
        visitor: &Visitor,
    ) -> Result<secret::Text, second::Not> {
        self.fresh_enough(signed)?;
        let user = signed.user.id;
        self.renew(signed, visitor, |book| {
            let mut keys = book.keys(user).into_iter().flat_map(|keys| &keys.passkeys);
            let id = keys.find(|key| name(&key.id) == named).ok_or(second::Not::There)?.id.clone();
            Ok(vec![SignInChange::PasskeyRemoved { user, id }])
        })
    }
}

/// How a passkey is named to its user.
pub(crate) fn name(id: &[u8]) -> String {
    format!("pky_{}", secret::lower(&sha256(&[id])[..10]))
}

/// What an authenticator keeps of the user (section 5.4.3): nothing that says who he is.
pub(crate) fn user_handle(user: UserId) -> Vec<u8> {
    user.0.to_be_bytes().to_vec()
}

fn message(what: For, binding: &str, nonce: &[u8], at: &[u8]) -> Vec<u8> {
    let what = match what {
        For::Registration => b'r',
        For::SignIn => b's',
    };
    [&[what][..], nonce, at, binding.as_bytes()].concat()
}
