//! Answers to digest challenges, for one phone.

use super::message::Heard;
use super::phone::Identity;
use coeur_sip::digest::{Challenge, Decision, Ha1, Session, challenges};

#[derive(Default)]
pub struct Answers {
    session: Option<Session>,
    /// Authorization or Proxy-Authorization, as the last challenge was.
    header: &'static str,
}

impl Answers {
    /// A new request begins.
    pub fn begin(&mut self) {
        if let Some(session) = &mut self.session {
            session.begin_request();
        }
    }

    /// Takes the challenge of a 401 or 407. False when none can be answered, or when the secret is wrong.
    pub fn learn(&mut self, refusal: &Heard) -> bool {
        let (asked, given) = match refusal.status() {
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            Some(_) | None => ("WWW-Authenticate", "Authorization"),
        };
        let offered: Vec<Challenge<'_>> = refusal
            .all(asked)
            .flat_map(|value| challenges(value.as_bytes()))
            .filter_map(Result::ok)
            .collect();
        let chosen = Session::choose(offered);
        self.header = given;
        match (&mut self.session, chosen) {
            (Some(session), chosen) => session.on_challenge(chosen.as_ref()) == Decision::Answer,
            (None, Some(chosen)) => {
                self.session = Some(Session::new(&chosen));
                true
            }
            (None, None) => false,
        }
    }

    /// Name and value of the header that proves who we are, once we have been asked.
    pub fn header(
        &mut self,
        identity: &Identity,
        method: &str,
        uri: &str,
        body: &[u8],
    ) -> Option<(&'static str, String)> {
        let session = self.session.as_mut()?;
        let (user, secret) = (identity.digest_user.as_bytes(), identity.secret.reveal().as_bytes());
        let ha1 = Ha1::new(session.algorithm(), user, session.realm(), secret);
        let mut random = [0; 16];
        crate::house::random(&mut random);
        let mut value = Vec::new();
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), body, random, &mut value);
        Some((self.header, String::from_utf8(value).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_agent::Secret;

    #[test]
    fn the_strongest_challenge_is_answered_once() {
        let refusal = b"SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"d\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\nWWW-Authenticate: Digest realm=\"d\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n\r\n";
        let refusal = Heard::read(refusal).unwrap();
        let identity = Identity {
            user: "alice".into(),
            domain: "d".into(),
            digest_user: "alice".into(),
            secret: Secret::new("s".into()),
        };
        let mut answers = Answers::default();
        assert!(answers.header(&identity, "REGISTER", "sip:d", b"").is_none());
        assert!(answers.learn(&refusal));
        let (name, value) = answers.header(&identity, "REGISTER", "sip:d", b"").unwrap();
        assert_eq!(name, "Authorization");
        assert!(value.contains("algorithm=SHA-256") && value.contains("nc=00000001"), "{value}");
        assert!(!answers.learn(&refusal), "the same challenge again means that the secret is wrong");
    }
}
