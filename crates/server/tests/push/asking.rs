//! What each service is asked, and what becomes of its answers.

use super::keys::{apple, google, verified};
use super::process::{Folder, eventually};
use super::services::{Answers, Asked, Service};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coeur::push::Pushing;
use coeur::push::settings::{Place, Wanted, WantedApns};
use coeur::push::stats::Outcome;
use coeur_directory::Aor;
use coeur_exchange::bindings::BindingId;
use coeur_exchange::push::{Destination, Provider, Reason, Wake};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Everything that asks, and what it has said of destinations that are none any more.
struct House {
    pushing: Pushing,
    ended: Arc<Mutex<Vec<Wake>>>,
    folder: Folder,
    _runtime: tokio::runtime::Runtime,
}

impl House {
    fn new(folder: Folder, wanted: &Wanted) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let opened = wanted.open(&folder.0).unwrap();
        let ended: Arc<Mutex<Vec<Wake>>> = Arc::default();
        let told = ended.clone();
        let tell = Arc::new(move |wake: &Wake| told.lock().unwrap().push(wake.clone()));
        let pushing = Pushing::start(opened, runtime.handle(), &Arc::default(), tell);
        Self { pushing, ended, folder, _runtime: runtime }
    }

    fn counts(&self, provider: Provider) -> [u64; 6] {
        Outcome::ALL.map(|outcome| self.pushing.stats.of(provider, outcome))
    }

    /// Wakes, and waits for what becomes of it.
    fn wake(&self, wake: Wake) {
        let provider = wake.destination.provider;
        let decided = |counts: [u64; 6]| counts[..4].iter().sum::<u64>();
        let before = decided(self.counts(provider));
        self.pushing.push(wake);
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while decided(self.counts(provider)) == before && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn wake(provider: Provider, param: &str, id: &str, reason: Reason) -> Wake {
    Wake {
        destination: Destination { provider, is_sandbox: false, param: param.into(), id: id.into() },
        reason,
        aor: Aor::new("bob", "example.test").unwrap(),
        binding: BindingId(7),
        id: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
        lifetime_s: 20,
    }
}

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn folder() -> Folder {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let nth = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = Folder::new(&format!("push-{nth}"));
    std::fs::create_dir_all(folder.0.join("keys")).unwrap();
    folder
}

/// A service that answers so, and a house that asks it; and the key by which it knows who asks.
fn with(provider: Provider, answers: &[Answers]) -> (Service, House, Vec<u8>) {
    let folder = folder();
    let service = Service::start(&folder.0, answers, Box::new(|_: &Asked| {}));
    let mut wanted = Wanted { authority: Some(service.authority.clone()), ..Wanted::default() };
    let mut public = Vec::new();
    let url = service.url();
    match provider {
        Provider::Apns => {
            let (file, key) = apple(&folder.0);
            public = key;
            wanted.apns = Some(WantedApns { team: "TEAM123456".into(), key_id: "KEY1234567".into(), file });
            wanted.services = vec![Place { service: "apns".into(), url }];
        }
        Provider::Fcm => {
            let (file, key) = google(&folder.0, &url);
            public = key;
            wanted.fcm = Some(file);
            wanted.services = vec![Place { service: "fcm".into(), url }];
        }
        Provider::WebPush => {
            wanted.web = Some("mailto:admin@example.test".into());
            wanted.inside = vec!["127.0.0.0/8".parse().unwrap()];
        }
    }
    let house = House::new(folder, &wanted);
    (service, house, public)
}

fn to_apple(reason: Reason) -> Wake {
    wake(Provider::Apns, "TEAM123456.org.example.remote&voip", "aa00:remote&bb11:voip", reason)
}

#[test]
fn apple_is_asked_over_http_2_with_a_token_of_the_operators_key() {
    let (service, house, public) = with(Provider::Apns, &[]);
    house.wake(to_apple(Reason::Call));
    house.wake(to_apple(Reason::Message));
    let asked = service.wakings();
    assert_eq!((house.counts(Provider::Apns)[0], asked.len()), (2, 2));
    let (call, text) = (&asked[0], &asked[1]);
    assert!(call.is_http2);
    assert_eq!((&*call.path, &*text.path), ("/3/device/bb11", "/3/device/aa00"));
    let sent = |asked: &Asked| {
        ["apns-topic", "apns-push-type", "apns-priority", "apns-id"].map(|name| asked.header(name).to_owned())
    };
    assert_eq!(sent(call), ["org.example.voip", "voip", "10", UUID]);
    assert_eq!(sent(text), ["org.example", "alert", "10", UUID]);
    assert!(call.header("apns-collapse-id").len() <= 64);
    let token = call.header("authorization").strip_prefix("bearer ").unwrap();
    let (header, claims) = verified(token, &public, false);
    assert_eq!(
        (&header["alg"], &header["kid"], &claims["iss"]),
        (&"ES256".into(), &"KEY1234567".into(), &"TEAM123456".into())
    );
    assert_eq!(
        text.header("authorization"),
        call.header("authorization"),
        "one that is renewed too often is refused"
    );
    let told = call.json();
    assert_eq!((&told["aps"]["alert"]["loc-key"], &told["uuid"]), (&"IC_MSG".into(), &UUID.into()));
    assert!(
        call.body.len() < 4_096 && !String::from_utf8_lossy(&call.body).contains("bob"),
        "it is told nothing"
    );
}

#[test]
fn google_is_asked_with_a_token_that_it_gives_for_the_key_of_a_service_account() {
    let (service, house, public) = with(Provider::Fcm, &[]);
    house.wake(wake(Provider::Fcm, "coeur-test", "fcm-token", Reason::Call));
    house.wake(wake(Provider::Fcm, "coeur-test", "fcm-token", Reason::Call));
    assert_eq!(house.counts(Provider::Fcm)[0], 2);
    let asked = service.asked.lock().unwrap().clone();
    let paths: Vec<&str> = asked.iter().map(|asked| &*asked.path).collect();
    let send = "/v1/projects/coeur-test/messages:send";
    assert_eq!(paths, ["/token", send, send], "the token is asked for once");
    let form = String::from_utf8(asked[0].body.clone()).unwrap();
    let assertion = form.split_once("&assertion=").expect("an assertion");
    assert_eq!(assertion.0, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    let (header, claims) = verified(assertion.1, &public, true);
    assert_eq!((&header["alg"], &claims["iss"]), (&"RS256".into(), &"push@coeur-test.iam.test".into()));
    assert_eq!(claims["aud"], format!("{}/token", service.url()));
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
    assert_eq!(asked[1].header("authorization"), "Bearer ya29.token");
    let message = &asked[1].json()["message"];
    assert_eq!((&message["token"], &message["android"]["priority"]), (&"fcm-token".into(), &"high".into()));
    assert_eq!((&message["android"]["ttl"], &message["data"]["reason"]), (&"20s".into(), &"call".into()));
    assert!(!message.to_string().contains("bob"), "it is told nothing");
}

/// RFC 8030 section 5, RFC 8292 sections 2 and 3. What is sealed is that of RFC 8291 (see `push/sealed.rs`).
#[test]
fn a_browsers_service_is_asked_with_our_own_key_and_told_what_only_the_browser_can_read() {
    let (service, house, _) = with(Provider::WebPush, &[Answers::Says(201, "")]);
    let place = format!("{}/subscription/1", service.url());
    let keys = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4.BTBZMqHH6r4Tts7J_aSIgg";
    house.wake(wake(Provider::WebPush, keys, &place, Reason::Call));
    house.wake(wake(Provider::WebPush, "", &place, Reason::Refresh));
    assert_eq!(house.counts(Provider::WebPush)[0], 2);
    let asked = service.wakings();
    let (call, bare) = (&asked[0], &asked[1]);
    assert_eq!(call.path, "/subscription/1");
    let sent = ["ttl", "urgency", "content-encoding"].map(|name| call.header(name));
    assert_eq!(sent, ["20", "high", "aes128gcm"]);
    assert_eq!((&call.body[16..21], call.body[21]), (&[0, 0, 16, 0, 65][..], 4), "RFC 8188 section 2.1");
    assert!(!String::from_utf8_lossy(&call.body).contains("bob"));
    assert_eq!((bare.body.len(), bare.header("urgency"), bare.header("content-encoding")), (0, "normal", ""));
    let vapid = call.header("authorization").strip_prefix("vapid t=").expect("VAPID");
    let (token, key) = vapid.split_once(", k=").expect("a key");
    let (_, claims) = verified(token, &URL_SAFE_NO_PAD.decode(key).unwrap(), false);
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&service.url().into(), &"mailto:admin@example.test".into())
    );
    let kept = house.folder.0.join("keys/web_push");
    assert!(kept.exists());
    let again = Wanted { web: Some("mailto:a@b".into()), ..Wanted::default() }.open(&house.folder.0).unwrap();
    assert_eq!(again.offered(20).web_push_key.as_ref(), key, "the key stays");
}

#[test]
fn a_destination_that_a_service_knows_no_more_is_told() {
    let place = |service: &Service| format!("{}/subscription/1", service.url());
    let cases: [(Provider, Answers); 5] = [
        (Provider::Apns, Answers::Says(410, r#"{"reason":"Unregistered"}"#)),
        (Provider::Apns, Answers::Says(400, r#"{"reason":"BadDeviceToken"}"#)),
        (Provider::Fcm, Answers::Says(404, r#"{"error":{"details":[{"errorCode":"UNREGISTERED"}]}}"#)),
        (Provider::WebPush, Answers::Says(410, "")),
        (Provider::WebPush, Answers::Says(404, "")),
    ];
    for (provider, answer) in cases {
        let (service, house, _) = with(provider, std::slice::from_ref(&answer));
        let asked = match provider {
            Provider::Apns => to_apple(Reason::Call),
            Provider::Fcm => wake(provider, "", "token", Reason::Call),
            Provider::WebPush => wake(provider, "", &place(&service), Reason::Call),
        };
        house.wake(asked.clone());
        let ended = house.ended.lock().unwrap();
        assert_eq!((ended.len(), house.counts(provider)[1]), (1, 1), "{provider:?} {answer:?}");
        assert_eq!((ended[0].binding, &ended[0].destination), (asked.binding, &asked.destination));
        assert_eq!(service.wakings().len(), 1, "it is not asked again");
    }
}

#[test]
fn a_service_that_is_busy_or_broken_is_asked_again_while_it_is_of_use() {
    let (service, house, _) =
        with(Provider::Fcm, &[Answers::Says(503, ""), Answers::Later(429, 1), Answers::Says(200, "")]);
    house.wake(wake(Provider::Fcm, "", "token", Reason::Call));
    assert_eq!((house.counts(Provider::Fcm), service.wakings().len()), ([1, 0, 0, 0, 2, 0], 3));
    for patience in [Answers::Says(500, ""), Answers::Later(429, 600)] {
        let (service, house, _) = with(Provider::Fcm, std::slice::from_ref(&patience));
        house.wake(wake(Provider::Fcm, "", "token", Reason::Call));
        let asked = if matches!(patience, Answers::Later(..)) { 1 } else { 3 };
        assert_eq!((house.counts(Provider::Fcm)[3], service.wakings().len()), (1, asked), "{patience:?}");
    }
}

#[test]
fn a_service_that_does_not_answer_is_not_waited_for_longer_than_it_is_of_use() {
    let (_service, house, _) = with(Provider::Fcm, &[Answers::Slow(Duration::from_secs(60))]);
    let brief = Wake { lifetime_s: 1, ..wake(Provider::Fcm, "", "token", Reason::Call) };
    house.wake(brief);
    assert_eq!(house.counts(Provider::Fcm), [0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_token_that_has_grown_old_is_made_anew_once() {
    let stale = Answers::Says(403, r#"{"reason":"ExpiredProviderToken"}"#);
    let (service, house, _) = with(Provider::Apns, &[stale.clone(), Answers::Says(200, "")]);
    house.wake(to_apple(Reason::Call));
    assert_eq!((house.counts(Provider::Apns)[0], service.wakings().len()), (1, 2));
    let (service, house, _) = with(Provider::Apns, &[stale]);
    house.wake(to_apple(Reason::Call));
    assert_eq!((house.counts(Provider::Apns)[2], service.wakings().len()), (1, 2), "not for ever");
}

/// Server-side request forgery: a phone names the place of its subscription.
#[test]
fn a_phone_that_names_a_place_inside_makes_us_ask_nobody_there() {
    let folder = folder();
    let service = Service::start(&folder.0, &[], Box::new(|_: &Asked| {}));
    let wanted = Wanted {
        web: Some("mailto:admin@example.test".into()),
        authority: Some(service.authority.clone()),
        ..Wanted::default()
    };
    let house = House::new(folder, &wanted);
    let port = service.address.port();
    let places = [
        format!("https://127.0.0.1:{port}/x"),
        format!("https://localhost:{port}/x"),
        format!("https://[::ffff:127.0.0.1]:{port}/x"),
        format!("http://127.0.0.1:{port}/x"),
        format!("https://push.example@127.0.0.1:{port}/x"),
        "file:///etc/passwd".to_owned(),
    ];
    for place in &places {
        house.wake(Wake { lifetime_s: 1, ..wake(Provider::WebPush, "", place, Reason::Call) });
    }
    let counts = house.counts(Provider::WebPush);
    assert_eq!((counts[0], counts[2] + counts[3]), (0, places.len() as u64));
    assert!(service.asked.lock().unwrap().is_empty());
}

#[test]
fn more_wakings_than_can_wait_are_dropped_and_counted_and_nobody_is_held_up() {
    let (service, house, _) =
        with(Provider::Fcm, &[Answers::Slow(Duration::from_secs(2)), Answers::Says(200, "")]);
    for _ in 0..6_000 {
        house.pushing.push(wake(Provider::Fcm, "", "token", Reason::Call));
    }
    let dropped = house.counts(Provider::Fcm)[5];
    assert!(dropped > 0 && dropped < 6_000, "{dropped}");
    assert!(eventually(|| !service.asked.lock().unwrap().is_empty()), "the others are asked for");
}
