//! A server by which people sign in, as it should be and as an attacker would have it. It stands in for a real one: it looks at
//! what RFC 6749, RFC 7636 and OpenID Connect Core 1.0 have it look at, and signs with keys of its own.

use super::errand::{Leaving, Wanted};
use super::*;
use crate::signin::enter::Entered;
use crate::signin::secret;
use crate::signin::session::FRESH_MS;
use crate::signin::tests::room::{Room, said, visitor};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

const ISSUER: &str = "https://id.example.org";
const BASE: &str = "https://sip.example.org";
const SECRET: &str = "se:cret & more";

/// What was asked for, and what the ID token will say.
type Given = (BTreeMap<String, String>, Value);

/// The other server.
struct Double {
    key: Mutex<(String, EcdsaKeyPair)>,
    /// Codes that were given: what was asked for, and what the ID token will say.
    codes: Mutex<BTreeMap<String, Given>>,
    issuer: Mutex<String>,
    key_fetches: AtomicUsize,
    /// What it says of a user to who asks; `None`: it is not asked.
    more: Mutex<Option<Value>>,
    /// In place of the ID token that it would sign.
    forged: Mutex<Option<String>>,
}

fn key() -> EcdsaKeyPair {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// `application/x-www-form-urlencoded`, or a query.
fn fields(text: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                b'+' => out.push(b' '),
                other => out.push(other),
            }
        }
        String::from_utf8(out).unwrap()
    };
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (plain(k), plain(v))).collect()
}

impl Double {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            key: Mutex::new(("one".to_owned(), key())),
            codes: Mutex::default(),
            issuer: Mutex::new(ISSUER.to_owned()),
            key_fetches: AtomicUsize::new(0),
            more: Mutex::default(),
            forged: Mutex::default(),
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let key = self.key.lock().unwrap();
        let signature = key.1.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", encoded(signature))
    }

    fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": self.key.lock().unwrap().0, "typ": "JWT" })
    }

    /// Somebody proves there who he is, and is sent back with a code.
    fn agree(&self, url: &str, more: Value, now_ms: u64) -> String {
        let (place, query) = url.split_once('?').unwrap();
        assert_eq!(place, format!("{ISSUER}/authorize"));
        let asked = fields(query);
        assert_eq!(
            (asked["response_type"].as_str(), asked["code_challenge_method"].as_str()),
            ("code", "S256")
        );
        assert_eq!(asked["redirect_uri"], format!("{BASE}/auth/oidc/callback"));
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut claims = json!({
            "iss": ISSUER, "aud": asked["client_id"], "nonce": asked["nonce"], "sub": "248289761001",
            "iat": now_ms / 1_000, "exp": now_ms / 1_000 + 300, "auth_time": now_ms / 1_000 - 30,
        });
        let more = more.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(more);
        let code = format!("code-{}", self.codes.lock().unwrap().len());
        self.codes.lock().unwrap().insert(code.clone(), (asked, claims));
        code
    }

    fn token(&self, errand: &Errand) -> (u16, Value) {
        let sent = fields(errand.form.as_ref().unwrap());
        let credentials =
            format!("Basic {}", base64::prelude::BASE64_STANDARD.encode("coeur:se%3Acret%20%26%20more"));
        let is_known = errand.authorization.as_ref().is_some_and(|said| **said == credentials);
        // RFC 6749 section 4.1.2: a code counts once.
        let given = self.codes.lock().unwrap().remove(&sent["code"]);
        let Some((asked, claims)) = given.filter(|_| is_known) else {
            return (400, json!({ "error": "invalid_grant" }));
        };
        let challenge = encoded(digest(&SHA256, sent["code_verifier"].as_bytes()));
        let is_same = sent["redirect_uri"] == asked["redirect_uri"] && challenge == asked["code_challenge"];
        if !is_same || sent["grant_type"] != "authorization_code" {
            return (400, json!({ "error": "invalid_grant" }));
        }
        let forged = self.forged.lock().unwrap().take();
        let token = forged.unwrap_or_else(|| self.sign(&self.header(), &claims));
        (200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }))
    }

    fn answer(&self, errand: &Errand) -> (u16, Value) {
        let path = errand.url.strip_prefix(ISSUER).unwrap_or("?");
        match path {
            "/.well-known/openid-configuration" => {
                let issuer = self.issuer.lock().unwrap().clone();
                let userinfo = self.more.lock().unwrap().as_ref().map(|_| format!("{ISSUER}/userinfo"));
                let place = json!({
                    "userinfo_endpoint": userinfo, "end_session_endpoint": format!("{ISSUER}/end"),
                    "issuer": issuer, "authorization_endpoint": format!("{ISSUER}/authorize"),
                    "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/jwks"),
                });
                (200, place)
            }
            "/jwks" => {
                self.key_fetches.fetch_add(1, Ordering::Relaxed);
                let key = self.key.lock().unwrap();
                let point = key.1.public_key().as_ref();
                let jwk = json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "kid": key.0,
                    "x": encoded(&point[1..33]), "y": encoded(&point[33..65]),
                });
                (200, json!({ "keys": [jwk] }))
            }
            "/token" => self.token(errand),
            "/userinfo" => {
                assert_eq!(errand.authorization.as_ref().map(|said| said.as_str()), Some("Bearer a"));
                (200, self.more.lock().unwrap().clone().unwrap())
            }
            other => panic!("{other}"),
        }
    }
}

impl Fetch for Double {
    fn fetch(&self, errand: Errand) -> Fetched<'_> {
        let (status, body) = self.answer(&errand);
        Box::pin(async move { Ok((status, body.to_string().into_bytes())) })
    }
}

struct Meeting {
    room: Room,
    double: Arc<Double>,
    provider: Provider,
    count: AtomicUsize,
}

impl Meeting {
    fn new(name: &str, roles: &[(&str, Role)], makes_users: bool) -> Self {
        let double = Double::new();
        let settings = ProviderSettings {
            issuer: ISSUER.to_owned(),
            client_id: "coeur".to_owned(),
            client_secret: Some(Zeroizing::new(SECRET.to_owned())),
            label: "Example".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: roles.iter().map(|(group, role)| ((*group).to_owned(), *role)).collect(),
            makes_users,
        };
        let provider = Provider::new(settings, double.clone());
        Self { room: Room::new(name), double, provider, count: AtomicUsize::new(1) }
    }

    fn now_ms(&self) -> u64 {
        self.room.now_s() * 1_000
    }

    async fn leave(&self) -> Leaving {
        let count = self.count.fetch_add(4, Ordering::Relaxed) as u8;
        let random = [0, 1, 2, 3].map(|more| [count + more; 32]);
        let wanted =
            Wanted { from: [192, 0, 2, 1].into(), base: BASE, next: "/users", adds: None, again: false };
        self.provider.leave(wanted, self.now_ms(), random).await.unwrap()
    }

    async fn back(&self, left: &Leaving, code: &str) -> Result<super::errand::Back, Trouble> {
        let state = fields(left.url.split_once('?').unwrap().1)["state"].clone();
        let with = Returned { kept: &left.kept, state: &state, code, issuer: Some(ISSUER) };
        self.provider.come_back(with, self.now_ms()).await
    }

    /// There and back, with these claims besides.
    async fn identity(&self, more: Value) -> Result<Identity, Trouble> {
        let left = self.leave().await;
        let code = self.double.agree(&left.url, more, self.now_ms());
        self.back(&left, &code).await.map(|back| back.identity)
    }

    async fn enter(&self, more: Value) -> Entered {
        let who = self.identity(more).await.unwrap();
        let entered = self.room.desk.enter_by_provider(&self.provider, &who, &visitor("192.0.2.1"), None);
        entered.map_err(|why| why.text).unwrap()
    }

    /// The login and role of who is in.
    fn who(&self, entered: &Entered) -> (String, Role) {
        let Entered::In { session, .. } = entered else { panic!("{}", said(entered)) };
        let user = self.room.signed(session).unwrap().user;
        (user.login.to_string(), user.role)
    }
}

#[tokio::test]
async fn who_comes_first_becomes_a_user_with_the_role_of_his_group_and_is_the_same_by_his_subject_later() {
    let meeting = Meeting::new("oidc-first", &[("Phones", Role::Operator), ("staff", Role::User)], true);
    let first = meeting
        .enter(json!({ "preferred_username": "Carol", "name": "Carol C.", "groups": ["x", "staff"] }))
        .await;
    assert_eq!(meeting.who(&first), ("carol".to_owned(), Role::User));
    let Entered::In { session, .. } = &first else { unreachable!() };
    let signed = meeting.room.signed(session).unwrap();
    assert_eq!(
        (signed.session.way, signed.session.proved_at_ms),
        (coeur_storage::Way::Provider, meeting.now_ms() - 30_000)
    );
    // His name there is another's now, and his groups have changed: he is who he was, with another role.
    let later = meeting.enter(json!({ "preferred_username": "someone", "groups": ["Phones"] })).await;
    assert_eq!(meeting.who(&later), ("carol".to_owned(), Role::Operator));
    let meeting = Meeting { room: meeting.room.again(), ..meeting };
    let after = meeting.enter(json!({ "groups": "Phones" })).await;
    assert_eq!(meeting.who(&after), ("carol".to_owned(), Role::Operator), "it is on the disk");
    assert_eq!(
        said(&meeting.enter(json!({ "groups": [] })).await),
        "refused",
        "no group of his has a role here"
    );
    let other = meeting.enter(json!({ "sub": "2", "email": "dave@example.org", "groups": ["staff"] })).await;
    assert_eq!(meeting.who(&other).0, "dave@example.org");
    let audit = meeting.room.audit();
    assert!(audit.iter().any(|row| row.starts_with("identity.added usr_1 issuer=")), "{audit:?}");
}

#[tokio::test]
async fn a_name_there_opens_nothing_of_who_has_that_name_here_until_he_says_that_he_is_the_same() {
    let meeting = Meeting::new("oidc-name", &[], true);
    let id = meeting.room.user("owner", Role::Owner).await;
    let claims = json!({ "preferred_username": "owner" });
    assert_eq!(said(&meeting.enter(claims.clone()).await), "refused");
    let session = meeting.room.session("owner").await;
    let owner = meeting.room.signed(&session).unwrap().user;
    let who = meeting.identity(claims.clone()).await.unwrap();
    meeting.room.desk.add_identity(&owner, &who).map_err(|why| why.text).unwrap();
    assert_eq!(meeting.who(&meeting.enter(claims.clone()).await), ("owner".to_owned(), Role::Owner));
    meeting.room.user("other", Role::Owner).await;
    let session = meeting.room.session("other").await;
    let other = meeting.room.signed(&session).unwrap().user;
    assert!(meeting.room.desk.add_identity(&other, &who).is_err(), "it is somebody else's");
    // Who is gone here leaves nothing behind.
    meeting.room.enable("owner", false);
    assert_eq!(said(&meeting.enter(claims).await), "refused");
    assert_eq!(id, owner.id);
}

#[tokio::test]
async fn what_the_token_does_not_say_is_asked_for_and_believed_of_the_same_user_alone() {
    let meeting = Meeting::new("oidc-userinfo", &[("staff", Role::Auditor)], true);
    let said_of = |sub: &str| json!({ "sub": sub, "preferred_username": "carol", "groups": ["staff"] });
    *meeting.double.more.lock().unwrap() = Some(said_of("another"));
    let refused = meeting.identity(json!({})).await.unwrap_err().to_string();
    assert!(refused.contains("of another one"), "{refused}");
    *meeting.double.more.lock().unwrap() = Some(said_of("248289761001"));
    let entered = meeting.enter(json!({})).await;
    assert_eq!(meeting.who(&entered), ("carol".to_owned(), Role::Auditor));
    // What is signed is not overruled by what is said.
    let who = meeting.identity(json!({ "preferred_username": "dora" })).await.unwrap();
    assert_eq!((who.login.as_str(), who.groups), ("dora", vec!["staff".to_owned()]));
}

#[tokio::test]
async fn who_signs_out_there_is_signed_out_here_and_by_nothing_but_a_logout_token() {
    let meeting = Meeting::new("oidc-logout", &[], true);
    let entered = meeting.enter(json!({ "preferred_username": "carol" })).await;
    let Entered::In { session, .. } = &entered else { panic!("{}", said(&entered)) };
    let now_s = meeting.now_ms() / 1_000;
    let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let good = json!({
        "iss": ISSUER, "aud": "coeur", "sub": "248289761001", "iat": now_s, "exp": now_s + 120, "jti": "1", "events": event,
    });
    let token = |more: Value| {
        let mut claims = good.as_object().unwrap().clone();
        claims.extend(more.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
        meeting.double.sign(&meeting.double.header(), &Value::Object(claims))
    };
    for (more, why) in [
        (json!({ "iss": "https://evil.example" }), "somebody else"),
        (json!({ "aud": "another" }), "somebody else"),
        (json!({ "exp": now_s - 61 }), "is over"),
        (json!({ "nonce": "n" }), "none of logout"),
        (json!({ "events": null }), "none of logout"),
        (json!({ "events": {} }), "none of logout"),
        (json!({ "sub": null, "sid": "s" }), "of nobody"),
    ] {
        let refused = meeting.provider.signed_out(&token(more.clone()), meeting.now_ms()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{more}: {refused}");
    }
    let ended = |subject: &str| meeting.room.desk.end_by_provider(ISSUER, subject).map_err(|why| why.text);
    assert_eq!(ended("somebody"), Ok(0));
    assert!(meeting.room.signed(session).is_some());
    let subject = meeting.provider.signed_out(&token(json!({})), meeting.now_ms()).await.unwrap();
    assert_eq!(ended(&subject), Ok(1));
    assert!(meeting.room.signed(session).is_none());
    let away = meeting.provider.end(BASE, meeting.now_ms()).await.unwrap().unwrap();
    let asked = fields(away.strip_prefix(&format!("{ISSUER}/end?")).unwrap());
    assert_eq!(asked["post_logout_redirect_uri"], format!("{BASE}/sign-in"));
}

#[tokio::test]
async fn nobody_becomes_a_user_where_that_is_not_set() {
    let meeting = Meeting::new("oidc-closed", &[], false);
    assert_eq!(said(&meeting.enter(json!({ "preferred_username": "carol" })).await), "refused");
    assert_eq!(meeting.room.hut_users(), 0);
}

#[tokio::test]
async fn an_id_token_that_is_of_another_for_another_or_over_is_refused() {
    let meeting = Meeting::new("oidc-claims", &[], true);
    let now_s = meeting.now_ms() / 1_000;
    for (claims, why) in [
        (json!({ "iss": "https://evil.example" }), "of \"https://evil.example\""),
        (json!({ "aud": "another" }), "somebody else"),
        (json!({ "aud": ["coeur", "another"] }), "somebody else"),
        (json!({ "azp": "another" }), "somebody else"),
        (json!({ "exp": now_s - 61 }), "is over"),
        (json!({ "iat": now_s + 61 }), "of tomorrow"),
        (json!({ "nonce": "another" }), "another sign-in"),
        (json!({ "nonce": null }), "another sign-in"),
        (json!({ "sub": "" }), "of nobody"),
    ] {
        let refused = meeting.identity(claims.clone()).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{claims}: {refused}");
    }
    assert!(meeting.identity(json!({ "aud": ["coeur", "another"], "azp": "coeur" })).await.is_ok());
    assert!(meeting.identity(json!({ "exp": now_s - 59 })).await.is_ok(), "clocks differ");
}

/// RFC 8725 sections 2.1 and 3.1.
#[tokio::test]
async fn an_id_token_that_nobody_has_signed_or_another_key_has_is_refused() {
    let meeting = Meeting::new("oidc-forged", &[], true);
    let claims = |nonce: &str| {
        let now_s = meeting.now_ms() / 1_000;
        json!({ "iss": ISSUER, "aud": "coeur", "sub": "1", "nonce": nonce, "exp": now_s + 300, "iat": now_s })
    };
    let stranger = Double::new();
    for kind in ["none", "hmac", "stranger", "changed", "other algorithm"] {
        let left = meeting.leave().await;
        let nonce = fields(left.url.split_once('?').unwrap().1)["nonce"].clone();
        let code = meeting.double.agree(&left.url, json!({}), meeting.now_ms());
        let (said, good) = (claims(&nonce), meeting.double.sign(&meeting.double.header(), &claims(&nonce)));
        let unsigned =
            |header: Value| format!("{}.{}", encoded(header.to_string()), encoded(said.to_string()));
        let forged = match kind {
            "none" => format!("{}.", unsigned(json!({ "alg": "none" }))),
            "hmac" => {
                let text = unsigned(json!({ "alg": "HS256", "kid": "one" }));
                let public = meeting.double.key.lock().unwrap().1.public_key().as_ref().to_vec();
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
                format!("{text}.{}", encoded(aws_lc_rs::hmac::sign(&key, text.as_bytes())))
            }
            "stranger" => stranger.sign(&meeting.double.header(), &said),
            "changed" => {
                let parts: Vec<&str> = good.split('.').collect();
                let other = encoded(said.to_string().replace("\"sub\":\"1\"", "\"sub\":\"2\""));
                format!("{}.{other}.{}", parts[0], parts[2])
            }
            _ => {
                let parts: Vec<&str> = good.split('.').collect();
                format!("{}.{}.{}", encoded(r#"{"alg":"RS256","kid":"one"}"#), parts[1], parts[2])
            }
        };
        *meeting.double.forged.lock().unwrap() = Some(forged);
        assert!(meeting.back(&left, &code).await.is_err(), "{kind}");
        // The same without forgery is taken: it is the signature that was wrong.
        let left = meeting.leave().await;
        let code = meeting.double.agree(&left.url, json!({}), meeting.now_ms());
        assert!(meeting.back(&left, &code).await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn a_code_counts_in_the_browser_that_left_once_and_from_the_server_it_left_for() {
    let meeting = Meeting::new("oidc-state", &[], true);
    let (mine, other) = (meeting.leave().await, meeting.leave().await);
    let code = meeting.double.agree(&other.url, json!({}), meeting.now_ms());
    // The code of a stranger, in my browser.
    let state = fields(other.url.split_once('?').unwrap().1)["state"].clone();
    let planted = Returned { kept: &mine.kept, state: &state, code: &code, issuer: None };
    assert!(meeting.provider.come_back(planted, meeting.now_ms()).await.is_err());
    // The code of another errand: PKCE.
    let third = meeting.leave().await;
    let refused = meeting.back(&third, &code).await.err().unwrap().to_string();
    assert!(refused.contains("the code is not taken"), "{refused}");
    let code = meeting.double.agree(&other.url, json!({}), meeting.now_ms());
    assert!(meeting.back(&other, &code).await.is_ok());
    assert!(meeting.back(&other, &code).await.is_err(), "once");
    let mixed = meeting.leave().await;
    let state = fields(mixed.url.split_once('?').unwrap().1)["state"].clone();
    let with = Returned { kept: &mixed.kept, state: &state, code: "c", issuer: Some("https://evil.example") };
    assert!(meeting.provider.come_back(with, meeting.now_ms()).await.is_err(), "RFC 9207");
    let late = meeting.leave().await;
    let code = meeting.double.agree(&late.url, json!({}), meeting.now_ms());
    meeting.room.pass(10 * 60_000);
    assert!(meeting.back(&late, &code).await.is_err());
}

#[tokio::test]
async fn keys_are_kept_and_asked_for_again_when_one_is_new_and_not_for_each_that_is_made_up() {
    let meeting = Meeting::new("oidc-keys", &[], true);
    for _ in 0..3 {
        assert!(meeting.identity(json!({})).await.is_ok());
    }
    let fetches = || meeting.double.key_fetches.load(Ordering::Relaxed);
    assert_eq!(fetches(), 1);
    *meeting.double.key.lock().unwrap() = ("two".to_owned(), key());
    assert!(meeting.identity(json!({})).await.is_ok(), "at once");
    *meeting.double.key.lock().unwrap() = ("three".to_owned(), key());
    for _ in 0..5 {
        assert!(meeting.identity(json!({})).await.is_err(), "asked for a moment ago");
    }
    assert_eq!(fetches(), 2);
    meeting.room.pass(KEYS_AGAIN_MS);
    assert!(meeting.identity(json!({})).await.is_ok());
    assert_eq!(fetches(), 3);
}

#[tokio::test]
async fn a_server_that_calls_itself_otherwise_is_not_used() {
    let meeting = Meeting::new("oidc-issuer", &[], true);
    *meeting.double.issuer.lock().unwrap() = "https://id.example.org/".to_owned();
    let wanted = Wanted { from: [192, 0, 2, 1].into(), base: BASE, next: "/", adds: None, again: false };
    let refused = meeting.provider.leave(wanted, meeting.now_ms(), [[1; 32]; 4]).await.err().unwrap();
    assert!(refused.to_string().contains("calls itself"), "{refused}");
}

#[tokio::test]
async fn a_session_by_another_server_is_fresh_only_since_its_user_proved_there_who_he_is() {
    let meeting = Meeting::new("oidc-fresh", &[], true);
    let now_s = meeting.now_ms() / 1_000;
    for (proved, fresh) in
        [(json!(now_s - 5), true), (json!(now_s - FRESH_MS / 1_000 - 1), false), (json!(null), false)]
    {
        let entered = meeting.enter(json!({ "preferred_username": "carol", "auth_time": proved })).await;
        let Entered::In { session, .. } = &entered else { panic!("{}", said(&entered)) };
        assert_eq!(meeting.room.signed(session).unwrap().is_fresh(meeting.now_ms()), fresh, "{proved}");
    }
    let wanted = Wanted { from: [192, 0, 2, 1].into(), base: BASE, next: "/", adds: None, again: true };
    let left =
        meeting.provider.leave(wanted, meeting.now_ms(), [[200; 32], [201; 32], [202; 32], [203; 32]]).await;
    let asked = fields(left.unwrap().url.split_once('?').unwrap().1);
    assert_eq!((asked["prompt"].as_str(), asked["max_age"].as_str()), ("login", "0"));
    let _ = secret::RANDOM_BYTES;
}
