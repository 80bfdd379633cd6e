//! The client: which challenge to answer, with which count, and when to give up (RFC 3261 section 22.2).

use super::algorithm::hex;
use super::params::Text;
use super::verify::{ha2, response, write_hex};
use super::{Algorithm, Challenge, Ha1, Qop};
use crate::lex;

/// What a client remembers of the server that challenged it: one per realm.
pub struct Session {
    realm: Box<[u8]>,
    nonce: Box<[u8]>,
    opaque: Option<Box<[u8]>>,
    algorithm: Algorithm,
    qop: Protection,
    nonce_count: u32,
    /// Answers sent for the request in hand.
    attempts: u8,
}

#[derive(Clone, Copy)]
enum Protection {
    Rfc2069,
    Auth,
    AuthInt,
}

/// What to do with a 401 or 407.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send the request again, with a higher CSeq number, with [`Session::write_credentials`].
    Answer,
    GiveUp(GiveUp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// No challenge that we can answer.
    NothingUnderstood,
    /// The credentials were refused and it was not the nonce: they are wrong (section 22.1).
    Refused,
    /// Stale again and again.
    TooManyAttempts,
}

/// Answers sent for one request: the first, and one more when the nonce was stale.
const ATTEMPTS_MAX: u8 = 2;

impl Session {
    /// Of the challenges, the one with the strongest algorithm (RFC 7616 section 3.7 has the client choose;
    /// RFC 8760 section 2.4 would take the topmost, which an attacker on the way could reorder). `None` when
    /// there is none.
    pub fn choose<'a>(challenges: impl IntoIterator<Item = Challenge<'a>>) -> Option<Challenge<'a>> {
        // `max_by_key` takes the last of equals; the first is the server's preference.
        challenges.into_iter().reduce(|best, next| if next.algorithm > best.algorithm { next } else { best })
    }

    /// Begins with the chosen challenge to a request that was sent without credentials.
    pub fn new(challenge: &Challenge<'_>) -> Session {
        let mut session = Session {
            realm: challenge.realm.unescaped().into(),
            nonce: Box::default(),
            opaque: None,
            algorithm: challenge.algorithm,
            qop: Protection::Rfc2069,
            nonce_count: 0,
            attempts: 0,
        };
        session.take(challenge);
        session
    }

    /// A new request begins: it may use up its attempts anew.
    pub fn begin_request(&mut self) {
        self.attempts = 0;
    }

    /// A request was challenged (again). `None` stands for challenges without one that we understand.
    pub fn on_challenge(&mut self, challenge: Option<&Challenge<'_>>) -> Decision {
        let Some(challenge) = challenge else { return Decision::GiveUp(GiveUp::NothingUnderstood) };
        let same_nonce = challenge.nonce.raw() == &*self.nonce;
        // A nonce that the server has forgotten between two requests is a new challenge, even if a server
        // forgets to say stale: the first answer to a request is never proof of a wrong password unless it
        // answered this very challenge.
        let answered_freshly = self.attempts > 0 && self.nonce_count <= 1;
        if self.attempts >= ATTEMPTS_MAX {
            let reason = if challenge.stale { GiveUp::TooManyAttempts } else { GiveUp::Refused };
            return Decision::GiveUp(reason);
        }
        if !challenge.stale && (answered_freshly || (same_nonce && self.attempts > 0)) {
            return Decision::GiveUp(GiveUp::Refused);
        }
        self.take(challenge);
        Decision::Answer
    }

    /// The server named the nonce for the next request (Authentication-Info).
    pub fn on_next_nonce(&mut self, nonce: Text<'_>) {
        self.nonce = nonce.raw().into();
        self.nonce_count = 0;
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The realm as plain text, to find or make the [`Ha1`] with.
    pub fn realm(&self) -> &[u8] {
        &self.realm
    }

    /// Appends the value of an Authorization or Proxy-Authorization header and counts the nonce. `ha1` is of
    /// this session's realm and algorithm; `random` makes the client nonce and is new for each call.
    pub fn write_credentials(
        &mut self,
        username: &[u8],
        ha1: &Ha1,
        method: &[u8],
        uri: &[u8],
        body: &[u8],
        random: [u8; 16],
        out: &mut Vec<u8>,
    ) {
        self.nonce_count = self.nonce_count.saturating_add(1);
        self.attempts = self.attempts.saturating_add(1);
        let mut padded = [0; 32];
        padded[..16].copy_from_slice(&random);
        let cnonce_text = hex(&padded);
        let nonce_count_text = nonce_count_text(self.nonce_count);
        let qop = self.protection(Text(&cnonce_text[..32]), &nonce_count_text);
        let ha2 = ha2(ha1.algorithm(), qop.as_ref(), method, uri, body);
        let response = response(ha1, &self.nonce, qop.as_ref(), &ha2);

        out.extend_from_slice(b"Digest username=");
        lex::quote_into(username, out);
        out.extend_from_slice(b", realm=");
        lex::quote_into(&self.realm, out);
        quoted(b", nonce=", &self.nonce, out);
        quoted(b", uri=", uri, out);
        out.extend_from_slice(b", response=\"");
        write_hex(ha1.algorithm(), &response, out);
        out.extend_from_slice(b"\", algorithm=");
        out.extend_from_slice(ha1.algorithm().as_str().as_bytes());
        if let Some(qop) = qop {
            quoted(b", cnonce=", qop.cnonce.raw(), out);
            out.extend_from_slice(if qop.with_body { b", qop=auth-int, nc=" } else { b", qop=auth, nc=" });
            out.extend_from_slice(qop.nonce_count_text);
        }
        if let Some(opaque) = &self.opaque {
            quoted(b", opaque=", opaque, out);
        }
    }

    fn protection<'a>(&self, cnonce: Text<'a>, nonce_count_text: &'a [u8]) -> Option<Qop<'a>> {
        let with_body = match self.qop {
            Protection::Rfc2069 => return None,
            Protection::Auth => false,
            Protection::AuthInt => true,
        };
        Some(Qop { with_body, cnonce, nonce_count: self.nonce_count, nonce_count_text })
    }

    fn take(&mut self, challenge: &Challenge<'_>) {
        if *self.nonce != *challenge.nonce.raw() {
            self.nonce = challenge.nonce.raw().into();
            self.nonce_count = 0;
        }
        self.realm = challenge.realm.unescaped().into();
        self.opaque = challenge.opaque.map(|opaque| opaque.raw().into());
        self.algorithm = challenge.algorithm;
        // `auth` first: proxies on the way change bodies (SDP) and would break `auth-int`.
        self.qop = match (challenge.qop.auth, challenge.qop.auth_int) {
            (true, _) => Protection::Auth,
            (false, true) => Protection::AuthInt,
            (false, false) => Protection::Rfc2069,
        };
    }
}

/// A parameter whose text is already free of what must be escaped, or carries its quoted pairs.
fn quoted(name: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn nonce_count_text(count: u32) -> [u8; 8] {
    let mut padded = [0; 32];
    padded[..4].copy_from_slice(&count.to_be_bytes());
    let mut text = [0; 8];
    text.copy_from_slice(&hex(&padded)[..8]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Credentials, challenges, verify, verify_allowing_rfc2069};

    fn challenge(value: &str) -> Challenge<'_> {
        challenges(value.as_bytes()).next().unwrap().unwrap()
    }

    fn answer(session: &mut Session, ha1: &Ha1, body: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        session.write_credentials(
            b"al\"ice",
            ha1,
            b"REGISTER",
            b"sip:example.com",
            body,
            [7; 16],
            &mut value,
        );
        value
    }

    #[test]
    fn what_the_client_answers_the_server_accepts() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            for qop in ["", ", qop=\"auth\"", ", qop=\"auth-int\"", ", qop=\"auth-int,auth\""] {
                let value = format!(
                    r#"Digest realm="r", nonce="n", opaque="o", algorithm={}{qop}"#,
                    algorithm.as_str()
                );
                let mut session = Session::new(&challenge(&value));
                let ha1 = Ha1::new(algorithm, b"al\"ice", b"r", b"secret");
                let value = answer(&mut session, &ha1, b"body");
                let credentials = Credentials::parse(&value).unwrap();
                assert!(credentials.username.is(b"al\"ice"));
                assert_eq!(credentials.opaque.unwrap().raw(), b"o");
                assert!(verify_allowing_rfc2069(&ha1, &credentials, b"REGISTER", b"body"));
                assert_eq!(verify(&ha1, &credentials, b"REGISTER", b"body"), !qop.is_empty());
                let with_body = qop == ", qop=\"auth-int\"";
                assert_eq!(verify_allowing_rfc2069(&ha1, &credentials, b"REGISTER", b"Body"), !with_body);
            }
        }
    }

    #[test]
    fn the_nonce_count_grows_with_each_use_and_begins_anew_with_a_new_nonce() {
        let mut session = Session::new(&challenge(r#"Digest realm="r", nonce="n", qop="auth""#));
        let ha1 = Ha1::new(Algorithm::Md5, b"a", b"r", b"secret");
        let count = |value: &[u8]| Credentials::parse(value).unwrap().qop.unwrap().nonce_count;
        assert_eq!(count(&answer(&mut session, &ha1, b"")), 1);
        session.begin_request();
        assert_eq!(count(&answer(&mut session, &ha1, b"")), 2);
        session.on_next_nonce(Text(b"m"));
        assert_eq!(count(&answer(&mut session, &ha1, b"")), 1);
    }

    #[test]
    fn the_strongest_challenge_is_chosen_wherever_it_stands() {
        let value =
            r#"Digest realm="r", nonce="1", algorithm=MD5, Digest realm="r", nonce="2", algorithm=SHA-256"#;
        let chosen = Session::choose(challenges(value.as_bytes()).flatten()).unwrap();
        assert_eq!(chosen.algorithm, Algorithm::Sha256);
        assert!(Session::choose([]).is_none());
    }

    #[test]
    fn a_refused_password_is_not_tried_again_but_a_stale_nonce_is_once() {
        let first = challenge(r#"Digest realm="r", nonce="1", qop="auth""#);
        let second = challenge(r#"Digest realm="r", nonce="2", qop="auth""#);
        let stale = challenge(r#"Digest realm="r", nonce="3", qop="auth", stale=true"#);
        let ha1 = Ha1::new(Algorithm::Md5, b"a", b"r", b"secret");

        let mut session = Session::new(&first);
        answer(&mut session, &ha1, b"");
        assert_eq!(session.on_challenge(Some(&second)), Decision::GiveUp(GiveUp::Refused));

        let mut session = Session::new(&first);
        answer(&mut session, &ha1, b"");
        assert_eq!(session.on_challenge(Some(&stale)), Decision::Answer);
        answer(&mut session, &ha1, b"");
        assert_eq!(session.on_challenge(Some(&stale)), Decision::GiveUp(GiveUp::TooManyAttempts));

        session.begin_request();
        answer(&mut session, &ha1, b"");
        assert_eq!(session.on_challenge(Some(&second)), Decision::Answer);
        assert_eq!(session.on_challenge(None), Decision::GiveUp(GiveUp::NothingUnderstood));
    }
}
