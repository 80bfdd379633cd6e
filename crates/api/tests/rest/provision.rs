//! Phones that fetch their settings, and others who would like to.

use crate::served::CALL;
use crate::served::{Answer, Served};
use coeur_api::feed::{Happened, Listener};
use coeur_api::provision::{
    ConnectRequest, LineRequest, LinkView, PhoneView, PhonesReply, PhonesRequest, TrialEnd, TrialStep,
};
use coeur_api::{NewAccount, Refusal, RegistrationView, Reply, Request, VerdictView, Why};
use coeur_directory::{Aor, Ha1Set};
use coeur_storage::Operator;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const YEALINK: &str = "Yealink SIP-T54W 96.86.0.75 24:9a:d8:88:d0:f4";

fn served(name: &str) -> Served {
    let served = Served::new(&format!("prov-{name}"));
    let accounts = ["alice@d", "desk@d"].map(|account| NewAccount {
        account: account.to_owned(),
        display_name: "Zoé & Co".to_owned(),
        policy: "auto".to_owned(),
        ..NewAccount::default()
    });
    let made = ask(&served, Request::AccountsAdd { accounts: accounts.to_vec() });
    assert!(made.is_ok());
    served
}

fn ask(served: &Served, request: Request) -> Result<Reply, Refusal> {
    served.door.answer(&Operator::owner_of_data("test"), request)
}

fn phones(served: &Served, request: PhonesRequest) -> Result<PhonesReply, Refusal> {
    ask(served, Request::Phones(request)).map(|reply| match reply {
        Reply::Phones(reply) => reply,
        _ => panic!("another reply"),
    })
}

fn connect(served: &Served, request: ConnectRequest) -> Result<LinkView, Refusal> {
    phones(served, PhonesRequest::Connect(request)).map(|reply| match reply {
        PhonesReply::Linked(link) => link,
        _ => panic!("another reply"),
    })
}

fn request(vendor: &str) -> ConnectRequest {
    ConnectRequest {
        account: "alice@d".to_owned(),
        vendor: Some(vendor.to_owned()),
        language: "fr".to_owned(),
        country: "FR".to_owned(),
        ..ConnectRequest::default()
    }
}

fn yealink() -> ConnectRequest {
    ConnectRequest { mac: Some("249ad888d0f4".to_owned()), model: "T54W".to_owned(), ..request("yealink") }
}

/// What stands behind the host in the address of the link.
fn path(link: &LinkView) -> String {
    link.url.reveal().strip_prefix("https://sip.example.org").unwrap().to_owned()
}

fn get(served: &Served, path: &str, user_agent: &str) -> Answer {
    served.send("GET", path, &[("User-Agent", user_agent)], "")
}

fn linphone(served: &Served, path: &str) -> Answer {
    let headers = [("User-Agent", "Linphone/5.1.65"), ("X-Linphone-Provisioning", "1")];
    served.send("GET", path, &headers, "")
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
}

fn show(served: &Served, phone: &str) -> PhoneView {
    match phones(served, PhonesRequest::Show { phone: phone.to_owned() }) {
        Ok(PhonesReply::Phone(view)) => view,
        _ => panic!("no phone"),
    }
}

fn steps(served: &Served, phone: &str) -> Vec<String> {
    show(served, phone).steps.into_iter().map(|step| step.step).collect()
}

fn later(served: &Served, seconds: u64) {
    served.hut.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
}

/// Whether this is the secret of a device of alice's.
fn opens(served: &Served, device: &str, secret: &str) -> bool {
    let account = served.hut.directory.account_of(&Aor::parse("alice@d").unwrap()).unwrap();
    let device = account.devices.iter().find(|known| known.id.0.to_string() == device).unwrap();
    device.ha1.sha256.expose() == Ha1Set::of_secret("alice", "d", secret).sha256.expose()
}

#[test]
fn a_telephone_is_told_its_account_once_and_its_own_address_gives_no_secret() {
    let served = served("once");
    let link = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    let folder = path(&link);
    assert!(folder.len() == 36 && folder.ends_with('/'), "{folder}");
    assert_eq!(get(&served, &format!("{folder}y000000000096.cfg"), YEALINK).status, 404);
    let given = get(&served, &format!("{folder}249ad888d0f4.cfg"), YEALINK);
    assert_eq!((given.status, given.header("cache-control")), (200, Some("no-store")), "{given:?}");
    assert_eq!(value(&given.body, "account.1.display_name"), Some("Zoé & Co"));
    let secret = value(&given.body, "account.1.password").unwrap();
    assert!(secret.len() == 32 && opens(&served, &link.device, secret));
    let own = value(&given.body, "static.auto_provision.server.url").unwrap();
    let own = own.strip_prefix("https://sip.example.org").unwrap();
    assert!(own.len() == folder.len() && own != folder);

    later(&served, 121);
    let again = get(&served, &format!("{folder}249ad888d0f4.cfg"), YEALINK);
    assert_eq!((again.status, again.code().as_str()), (410, "link_over"));
    let nightly = get(&served, &format!("{own}249ad888d0f4.cfg"), YEALINK);
    assert_eq!(nightly.status, 200);
    assert_eq!(value(&nightly.body, "account.1.password"), None, "it keeps the one that it has");
    assert_eq!(
        value(&nightly.body, "static.auto_provision.server.url").unwrap(),
        format!("https://sip.example.org{own}")
    );
    assert!(opens(&served, &link.device, secret));
    let pem = get(&served, &format!("{own}authority.pem"), YEALINK);
    assert!(pem.status == 200 && pem.body.starts_with("-----BEGIN"), "{pem:?}");
    assert_eq!(steps(&served, &link.phone), ["link_made", "fetched", "asked_again", "fetched"]);
}

#[test]
fn a_link_that_is_over_gives_nothing_and_a_newer_one_ends_it() {
    let served = served("over");
    let first = connect(&served, request("other")).map_err(|why| why.text).unwrap();
    let again = ConnectRequest { device: Some(first.device.clone()), ..request("other") };
    let second = connect(&served, again.clone()).map_err(|why| why.text).unwrap();
    assert_eq!((&second.phone, &second.device), (&first.phone, &first.device));
    assert_eq!(get(&served, &path(&first), "curl").status, 410);
    later(&served, 15 * 60);
    let over = get(&served, &path(&second), "curl");
    assert_eq!((over.status, over.code().as_str()), (410, "link_over"));
    let view = show(&served, &second.phone);
    assert_eq!(view.fault.as_deref(), Some("link_expired"));
    assert_eq!(view.sentence.as_deref(), Some("Le lien a expiré."));
    let third = connect(&served, again).map_err(|why| why.text).unwrap();
    let card = get(&served, &path(&third), "curl");
    assert!(card.status == 200 && card.body.contains("mot de passe"), "{card:?}");
}

#[test]
fn what_the_one_before_was_told_is_worth_nothing_once_a_new_link_is_used() {
    let served = served("rotated");
    let first = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    let file = |link: &LinkView| get(&served, &format!("{}249ad888d0f4.cfg", path(link)), YEALINK).body;
    let old = value(&file(&first), "account.1.password").unwrap().to_owned();
    let out = format!("alice@d/{}", first.device);
    let revoked = served.hut.revoked.lock().unwrap().clone();
    assert_eq!(revoked, std::slice::from_ref(&out), "whoever had typed a secret in by hand");
    let again = ConnectRequest { device: Some(first.device.clone()), ..yealink() };
    let second = connect(&served, again).map_err(|why| why.text).unwrap();
    assert!(opens(&served, &first.device, &old), "a link that nobody has used changes nothing");
    let new = value(&file(&second), "account.1.password").unwrap().to_owned();
    assert!(opens(&served, &first.device, &new) && !opens(&served, &first.device, &old));
    assert_eq!(*served.hut.revoked.lock().unwrap(), [out.clone(), out]);
}

#[test]
fn another_phone_than_the_link_was_made_for_gets_nothing_and_it_is_told_why() {
    let served = served("other");
    let link = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    let folder = path(&link);
    let other_mac = get(&served, &format!("{folder}249ad8000001.cfg"), "Yealink SIP-T54W 96.86.0.75");
    assert_eq!((other_mac.status, other_mac.code().as_str()), (403, "forbidden"));
    assert_eq!(show(&served, &link.phone).fault.as_deref(), Some("wrong_mac"));
    let liar = get(&served, &format!("{folder}249ad888d0f4.cfg"), "Yealink SIP-T54W 96 24:9a:d8:00:00:01");
    assert_eq!(liar.status, 403);
    let snom = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 1.0 249ad888d0f4 SXM)";
    assert_eq!(get(&served, &format!("{folder}249ad888d0f4.cfg"), snom).status, 403);
    assert_eq!(show(&served, &link.phone).fault.as_deref(), Some("wrong_vendor"));
    for beside in ["index.html", "249ad888d0f4.boot", "../../etc/passwd", "%2e%2e%2fx"] {
        assert_eq!(get(&served, &format!("{folder}{beside}"), YEALINK).status, 404, "{beside}");
    }
    assert_eq!(
        get(&served, &format!("{folder}249ad888d0f4.cfg"), YEALINK).status,
        200,
        "nothing was used up"
    );
}

#[test]
fn there_is_no_file_at_an_address_that_could_be_guessed() {
    let served = served("guess");
    connect(&served, yealink()).map_err(|why| why.text).unwrap();
    for guess in [
        "/249ad888d0f4.cfg",
        "/p/249ad888d0f4.cfg",
        "/p/249ad888d0f4/249ad888d0f4.cfg",
        "/p/pho_1/249ad888d0f4.cfg",
        "/p/1/249ad888d0f4.cfg",
        "/p//249ad888d0f4.cfg",
        "/cfg249ad888d0f4.xml",
        "/p/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/249ad888d0f4.cfg",
    ] {
        let answer = get(&served, guess, YEALINK);
        assert_eq!(answer.status, 404, "{guess}");
        assert!(!answer.body.contains("password"), "{guess}");
    }
}

#[test]
fn who_guesses_tokens_is_no_longer_answered_for_a_minute() {
    let served = served("guesses");
    let statuses: Vec<u16> =
        (0..25).map(|at| get(&served, &format!("/p/{at:032}/linphone.xml"), "curl").status).collect();
    assert_eq!(statuses, [[404; 20].as_slice(), [429; 5].as_slice()].concat());
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    assert_eq!(linphone(&served, &path(&link)).status, 429);
    later(&served, 60);
    assert_eq!(linphone(&served, &path(&link)).status, 200);
}

#[test]
fn a_browser_or_a_preview_that_opens_a_link_for_linphone_does_not_use_it_up() {
    let served = served("preview");
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    assert!(link.code.as_ref().unwrap().reveal().starts_with("linphone-config:https://"));
    for agent in ["Mozilla/5.0 (X11; Linux x86_64)", "TelegramBot (like TwitterBot)", ""] {
        let refused = get(&served, &path(&link), agent);
        assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"), "{agent}");
    }
    let head = served.send("HEAD", &path(&link), &[("X-Linphone-Provisioning", "1")], "");
    assert_eq!(head.status, 405);
    assert_eq!(get(&served, &path(&link), "Unknown").status, 200, "as Linphone 5.1 asks");
    let given = linphone(&served, &path(&link));
    assert_eq!(given.header("content-type"), Some("application/xml; charset=utf-8"));
    assert!(given.body.contains("&lt;sip:sip.example.org:5060;transport=tcp&gt;"), "{}", given.body);
}

#[test]
fn the_same_phone_may_ask_again_at_once_and_has_then_the_newer_secret() {
    let served = served("again");
    let link = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    let file = format!("{}249ad888d0f4.cfg", path(&link));
    let [first, second] = [0, 1].map(|_| get(&served, &file, YEALINK).body);
    let secret = |body: &str| value(body, "account.1.password").unwrap().to_owned();
    assert_ne!(secret(&first), secret(&second));
    assert!(opens(&served, &link.device, &secret(&second)));
}

#[test]
fn a_telephone_whose_address_nobody_has_typed_says_it_when_it_comes() {
    let served = served("learned");
    let link = connect(&served, request("yealink")).map_err(|why| why.text).unwrap();
    assert_eq!(get(&served, &format!("{}249ad888d0f4.cfg", path(&link)), YEALINK).status, 200);
    let view = show(&served, &link.phone);
    assert_eq!((view.mac.as_deref(), view.model.as_str()), (Some("24:9a:d8:88:d0:f4"), "SIP-T54W"));
    assert_eq!(get(&served, &format!("{}249ad8000001.cfg", path(&link)), "").status, 403);
}

#[test]
fn a_phone_has_several_accounts_each_with_a_secret_of_its_own() {
    let served = served("lines");
    let also = vec![LineRequest { account: "desk@d".to_owned(), device: None }];
    let link = connect(&served, ConnectRequest { also, ..yealink() }).map_err(|why| why.text).unwrap();
    let body = get(&served, &format!("{}249ad888d0f4.cfg", path(&link)), YEALINK).body;
    let users = [1, 2].map(|line| value(&body, &format!("account.{line}.user_name")).unwrap().to_owned());
    assert_eq!(users, ["alice", "desk"]);
    assert_ne!(value(&body, "account.1.password"), value(&body, "account.2.password"));
    assert_eq!(show(&served, &link.phone).lines.len(), 2);
}

#[test]
fn a_disabled_account_is_told_to_nobody() {
    let served = served("disabled");
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    let change = coeur_api::AccountChange { enabled: Some(false), ..Default::default() };
    assert!(ask(&served, Request::AccountChange { account: "alice@d".into(), change }).is_ok());
    assert_eq!(linphone(&served, &path(&link)).status, 403);
    assert_eq!(show(&served, &link.phone).fault.as_deref(), Some("account_disabled"));
}

#[test]
fn the_steps_of_a_phone_are_seen_until_it_is_registered() {
    let served = served("steps");
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    later(&served, 2);
    assert_eq!(linphone(&served, &path(&link)).status, 200);
    served.door.password_refused(b"alice", served.hut.now_ms.load(Ordering::Relaxed));
    assert_eq!(show(&served, &link.phone).fault.as_deref(), Some("wrong_password"));
    served.hut.registered.lock().unwrap().push(RegistrationView {
        account: "alice@d".into(),
        contact: "sip:alice@192.0.2.9".into(),
        flow: "tls 192.0.2.9:40000".into(),
        device: link.device.clone(),
        expires_in_s: 600,
    });
    let view = show(&served, &link.phone);
    assert!(view.registered && view.fault.is_none());
    assert_eq!(steps(&served, &link.phone), ["link_made", "fetched", "password_refused", "registered"]);
}

#[test]
fn what_cannot_be_told_is_refused_before_anything_is_made() {
    let served = served("refused");
    let cases = [
        (ConnectRequest { vendor: Some("nokia".into()), ..request("") }, Why::Invalid),
        (ConnectRequest { mac: Some("no".into()), ..request("yealink") }, Why::Invalid),
        (ConnectRequest { mac: Some("020000000001".into()), vendor: None, ..request("") }, Why::Invalid),
        (ConnectRequest { account: "nobody@d".into(), ..request("yealink") }, Why::NotFound),
        (ConnectRequest { device: Some("999".into()), ..request("yealink") }, Why::NotFound),
        (ConnectRequest { transport: Some("sctp".into()), ..request("yealink") }, Why::Invalid),
        (
            ConnectRequest {
                also: vec![LineRequest { account: "desk@d".into(), device: None }],
                model: "HT801".into(),
                ..request("grandstream")
            },
            Why::Invalid,
        ),
    ];
    for (request, why) in cases {
        let refusal = connect(&served, request.clone()).err().unwrap_or_else(|| panic!("{request:?}"));
        assert_eq!(refusal.why, why, "{request:?}: {}", refusal.text);
    }
    let account = served.hut.directory.account_of(&Aor::parse("alice@d").unwrap()).unwrap();
    assert_eq!(account.devices.len(), 1);
}

#[test]
fn what_a_phone_would_be_told_is_shown_without_a_secret_and_nothing_is_made() {
    let served = served("render");
    let Ok(PhonesReply::Rendered(view)) = phones(&served, PhonesRequest::Render(yealink())) else {
        panic!("not rendered")
    };
    assert_eq!(value(&view.settings, "account.1.password"), Some("SECRET"));
    let Ok(PhonesReply::List(list)) = phones(&served, PhonesRequest::List) else { panic!("no list") };
    assert_eq!(list, []);
}

#[test]
fn a_phone_that_is_removed_is_told_nothing_any_more() {
    let served = served("removed");
    let link = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    assert!(phones(&served, PhonesRequest::Remove { phone: link.phone.clone() }).is_ok());
    assert_eq!(get(&served, &format!("{}249ad888d0f4.cfg", path(&link)), YEALINK).status, 404);
    let gone = phones(&served, PhonesRequest::Show { phone: link.phone });
    assert_eq!(gone.err().map(|why| why.why), Some(Why::NotFound));
}

/// The events of a phone: the end of the type, and the step.
fn told(listener: &mut Listener) -> Vec<(String, String)> {
    let events = std::iter::from_fn(|| listener.look()).flatten();
    let step = |event: Arc<Happened>| {
        let kind = event.kind.name().strip_prefix("provisioning.")?;
        Some((kind.to_owned(), event.data["step"].as_str()?.to_owned()))
    };
    events.filter_map(step).collect()
}

#[test]
fn a_phone_is_connected_over_the_api_and_each_of_its_lines_has_a_credential_of_its_own() {
    let served = served("rest");
    let body = serde_json::json!({
        "account": "alice@d", "also": [{ "account": "desk@d" }], "vendor": "yealink", "model": "T54W", "mac": "249ad888d0f4",
    });
    let rendered = served.give("POST", "/api/v1/phones:render", body.clone());
    assert_eq!(value(rendered.json()["settings"].as_str().unwrap(), "account.2.password"), Some("SECRET"));
    let made = served.give("POST", "/api/v1/phones", body);
    assert_eq!(made.status, 201, "{made:?}");
    let link = made.json();
    let phone = served.ask("GET", made.header("location").unwrap()).json();
    let lines = phone["lines"].as_array().unwrap();
    assert_eq!(
        (lines.len(), &lines[0]["account"], &lines[1]["account"]),
        (2, &"alice@d".into(), &"desk@d".into())
    );
    assert_ne!(lines[0]["device_id"], lines[1]["device_id"]);
    assert_eq!(link["device_id"], lines[0]["device_id"]);
    let device = format!("/api/v1/accounts/alice@d/devices/{}", link["device_id"].as_str().unwrap());
    let shown = served.ask("GET", &format!("{device}/connect"));
    assert_eq!((&shown.json()["id"], &shown.json()["steps"][0]["step"]), (&phone["id"], &"link_made".into()));
    let synced = served.give("POST", &format!("{device}/actions/sync"), serde_json::json!({}));
    assert_eq!(synced.json()["asked"], 0, "{synced:?}");
    let again = served.give(
        "POST",
        &format!("{device}/actions/connect"),
        serde_json::json!({ "vendor": "linphone" }),
    );
    assert_eq!((again.status, &again.json()["phone_id"]), (201, &phone["id"]), "{again:?}");
    assert_eq!(served.ask("GET", "/api/v1/unclaimed_phones").json()["data"], serde_json::json!([]));
    assert_eq!(
        served.ask("DELETE", &format!("/api/v1/phones/{}", phone["id"].as_str().unwrap())).status,
        204
    );
    assert_eq!(served.ask("GET", &format!("{device}/connect")).code(), "not_found");
}

#[test]
fn each_step_of_a_phone_is_an_event_and_what_fails_is_explained() {
    let served = served("events");
    let mut listener = served.hut.feed.listen(None);
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    assert_eq!(linphone(&served, &path(&link)).status, 200);
    served.door.password_refused(b"alice", served.hut.now_ms.load(Ordering::Relaxed));
    let alice = Aor::parse("alice@d").unwrap();
    let device = coeur_directory::DeviceId(link.device.parse().unwrap());
    served.door.device_registered(&alice, device, served.hut.now_ms.load(Ordering::Relaxed));
    served.hut.registered.lock().unwrap().push(RegistrationView {
        account: "alice@d".into(),
        contact: "sip:alice@192.0.2.9".into(),
        flow: "tls 192.0.2.9:40000".into(),
        device: link.device.clone(),
        expires_in_s: 600,
    });
    served.door.device_registered(&alice, device, served.hut.now_ms.load(Ordering::Relaxed));
    served.door.device_registered(&alice, device, served.hut.now_ms.load(Ordering::Relaxed));
    let expected = [
        ("requested", "link_made"),
        ("requested", "fetched"),
        ("failed", "password_refused"),
        ("applied", "registered"),
    ];
    assert_eq!(told(&mut listener), expected.map(|(kind, step)| (kind.to_owned(), step.to_owned())));
}

#[test]
fn what_is_wrong_with_a_phone_is_said_in_the_language_of_who_asks() {
    let served = served("tongue");
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    assert_eq!(linphone(&served, &path(&link)).status, 200);
    let now_ms = served.hut.now_ms.load(Ordering::Relaxed);
    served.door.tls_failed("127.0.0.1".parse().unwrap(), coeur_provisioning::TlsFault::Untrusted, now_ms);
    let ask = |language: &str| {
        let place = format!("/api/v1/phones/{}", link.phone);
        served.owner("GET", &place, &[("Accept-Language", language)], "").json()["fault"].clone()
    };
    assert_eq!(ask("en")["code"], "authority_not_trusted");
    assert_eq!(ask("en")["sentence"], "The phone does not trust this server's certificate.");
    assert_eq!(ask("fr")["sentence"], "Le téléphone ne fait pas confiance au certificat de ce serveur.");
}

fn registered_now(served: &Served, device: &str) {
    served.hut.registered.lock().unwrap().push(RegistrationView {
        account: "alice@d".into(),
        contact: "sip:alice@192.0.2.9".into(),
        flow: "tls 192.0.2.9:40000".into(),
        device: device.into(),
        expires_in_s: 600,
    });
}

#[test]
fn a_phone_that_is_rung_tells_step_by_step_and_one_test_of_it_goes_on_at_a_time() {
    let served = served("ring");
    let link = connect(&served, request("snom")).map_err(|why| why.text).unwrap();
    let device = format!("/api/v1/accounts/alice@d/devices/dev_{}", link.device);
    let (begin, how) = (format!("{device}/actions/ring"), format!("{device}/ring"));
    assert_eq!(served.ask("GET", &how).status, 404, "it was not tested");

    let gone = served.ask("POST", &begin);
    assert_eq!((gone.status, &gone.json()["result"]), (202, &"unreachable".into()), "{gone:?}");
    assert_eq!(gone.json()["call_id"], serde_json::Value::Null);
    assert!(served.hut.ordered.lock().unwrap().is_empty(), "nobody was called");

    registered_now(&served, &link.device);
    let mut listener = served.hut.feed.listen(None);
    let begun = served.ask("POST", &begin).json();
    assert_eq!((&begun["is_over"], &begun["result"]), (&false.into(), &serde_json::Value::Null), "{begun}");
    assert_eq!(begun["call_id"], format!("call_{CALL}"));
    let again = served.ask("POST", &begin);
    assert_eq!((again.status, again.code().as_str()), (409, "conflict"), "{again:?}");
    let other = "01980000-0000-7000-8000-000000000009";
    served.door.trial_stepped(other, 1, &TrialStep::Heard);
    let now_ms = served.hut.now_ms.load(Ordering::Relaxed);
    served.door.trial_stepped(CALL, now_ms, &TrialStep::Ringing);
    served.door.trial_stepped(CALL, now_ms, &TrialStep::Answered);
    let verdict = VerdictView {
        side: "caller".to_owned(),
        cause: "nothing_comes".to_owned(),
        ..VerdictView::default()
    };
    let end = TrialEnd { status: 200, rang: true, packets: Some(0), verdict: Some(verdict) };
    served.door.trial_stepped(CALL, now_ms, &TrialStep::Over(end));
    let shown = served.owner("GET", &how, &[("Accept-Language", "fr")], "").json();
    assert_eq!((&shown["result"], &shown["packets"]), (&"not_heard".into(), &0.into()), "{shown}");
    assert_eq!(shown["verdict"]["cause"], "nothing_comes");
    assert!(shown["fault"]["remedy"].as_str().unwrap().starts_with("Recommencez en parlant"), "{shown}");
    assert_eq!(
        steps(&served, &link.phone),
        ["link_made", "unreachable", "registered", "ringing", "answered", "not_heard"]
    );
    assert_eq!(show(&served, &link.phone).fault.as_deref(), Some("not_heard"));
    let ordered = served.hut.ordered.lock().unwrap().clone();
    assert_eq!(
        ordered,
        ["watch true".to_owned(), format!("ring alice@d/{}", link.device), "watch false".to_owned()]
    );
    let events: Vec<String> =
        told(&mut listener).into_iter().map(|(kind, step)| format!("{kind} {step}")).collect();
    assert_eq!(events, ["applied registered", "applied ringing", "applied answered", "failed not_heard"]);
    let next = served.ask("POST", &begin);
    assert_eq!(next.status, 202, "the one of before is over");
}

#[test]
fn a_telephone_fetches_whom_it_can_call_at_its_own_address_and_nowhere_else() {
    let served = served("phonebook");
    assert_eq!(served.give("POST", "/api/v1/users", serde_json::json!({ "login": "alice" })).status, 201);
    let owned = serde_json::json!({ "user": "alice" });
    assert_eq!(served.give("PATCH", "/api/v1/accounts/alice@d", owned).status, 200);
    let card = |name: &str| serde_json::json!({ "name": name, "numbers": [{ "number": "+33123" }] });
    assert_eq!(served.give("POST", "/api/v1/contacts", card("Baker")).status, 201);
    assert_eq!(served.give_as("user:1", "POST", "/api/v1/me/contacts", card("My aunt")).status, 201);
    // Whoever guesses a name learns nothing, and uses nothing up.
    assert_eq!(get(&served, "/p/0123456789abcdef0123456789abcdef/phonebook.xml", YEALINK).status, 404);
    let link = connect(&served, yealink()).map_err(|why| why.text).unwrap();
    let folder = path(&link);
    assert_eq!(
        get(&served, &format!("{folder}phonebook.xml"), YEALINK).status,
        404,
        "a link is for settings"
    );
    let given = get(&served, &format!("{folder}249ad888d0f4.cfg"), YEALINK);
    let url = value(&given.body, "remote_phonebook.data.1.url").unwrap_or_else(|| panic!("{given:?}"));
    let url = url.strip_prefix("https://sip.example.org").unwrap().to_owned();
    let fetched = get(&served, &url, YEALINK);
    assert_eq!((fetched.status, fetched.header("cache-control")), (200, Some("no-store")), "{fetched:?}");
    for part in
        ["<Name>Baker</Name>", "<Name>My aunt</Name>", "<Name>Zoé &amp; Co</Name>", ">+33123<", ">desk<"]
    {
        assert!(fetched.body.contains(part), "{part}: {fetched:?}");
    }
    assert_eq!(get(&served, &url, "Grandstream GXP2170 1.0.11").status, 403, "another phone");
    // A phone that somebody else uses too shows nobody's own contacts.
    let also = vec![LineRequest { account: "desk@d".to_owned(), device: None }];
    let shared = ConnectRequest { mac: Some("249ad888d0f5".to_owned()), also, ..yealink() };
    let shared = connect(&served, shared).map_err(|why| why.text).unwrap();
    let other = YEALINK.replace("d0:f4", "d0:f5");
    let given = get(&served, &format!("{}249ad888d0f5.cfg", path(&shared)), &other);
    let theirs = value(&given.body, "remote_phonebook.data.1.url").unwrap();
    let theirs = get(&served, theirs.strip_prefix("https://sip.example.org").unwrap(), &other);
    assert!(theirs.body.contains("Baker") && !theirs.body.contains("My aunt"), "{theirs:?}");
    let disabled = serde_json::json!({ "enabled": false });
    assert_eq!(served.give("PATCH", "/api/v1/accounts/alice@d", disabled).status, 200);
    assert_eq!(get(&served, &url, YEALINK).status, 403);
}

/// A telephone with two lines that has fetched its settings: its place in the API, and its own address.
fn fetched(served: &Served) -> (String, String) {
    let also = vec![LineRequest { account: "desk@d".to_owned(), device: None }];
    let link = connect(served, ConnectRequest { also, ..yealink() }).map_err(|why| why.text).unwrap();
    let given = get(served, &format!("{}249ad888d0f4.cfg", path(&link)), YEALINK);
    let own = value(&given.body, "static.auto_provision.server.url").unwrap();
    let own = format!("{}249ad888d0f4.cfg", own.strip_prefix("https://sip.example.org").unwrap());
    registered_now(served, &link.device);
    (format!("/api/v1/phones/{}", link.phone), own)
}

#[test]
fn keys_that_are_set_are_in_what_the_phone_fetches_and_it_is_asked_to_fetch() {
    let served = served("keys");
    let (place, own) = fetched(&served);
    later(&served, 10);
    let keys = serde_json::json!([
        { "position": 2, "kind": "blf", "line": 2, "target": "alice@d", "label": "Zoé & Co" },
        { "position": 1, "kind": "line" },
        { "position": 4, "kind": "speed_dial", "target": "+33123456789" },
        { "position": 30, "kind": "none" },
    ]);
    let body = serde_json::json!({ "keys": keys });
    let tried = served.give("PATCH", &format!("{place}?dry_run=true"), body.clone());
    assert_eq!((tried.status, &tried.json()["differences"][0]["before"]), (200, &serde_json::json!([])));
    assert!(served.hut.ordered.lock().unwrap().is_empty(), "nothing was done");
    let set = served.give("PATCH", &place, body.clone());
    assert_eq!(set.status, 200, "{set:?}");
    let shown = set.json();
    assert_eq!(
        (&shown["keys"][1], &shown["unsupported_keys"]),
        (
            &serde_json::json!({ "position": 2, "kind": "blf", "line": 2, "target": "alice@d", "label": "Zoé & Co" }),
            &serde_json::json!([30])
        )
    );
    assert!(shown["changed_at"].as_str() > shown["fetched_at"].as_str(), "{shown}");
    assert_eq!(*served.hut.ordered.lock().unwrap(), ["sync alice@d/3"], "over one line");
    let file = get(&served, &own, YEALINK).body;
    for (key, wanted) in [
        ("linekey.1.type", "15"),
        ("linekey.2.type", "16"),
        ("linekey.2.line", "2"),
        ("linekey.2.value", "alice"),
        ("linekey.2.label", "Zoé & Co"),
        ("linekey.2.extension", "*8"),
        ("linekey.4.type", "13"),
        ("linekey.4.value", "+33123456789"),
        ("linekey.4.label", "+33123456789"),
    ] {
        assert_eq!(value(&file, key), Some(wanted), "{key}");
    }
    assert!(!file.contains("linekey.30.") && !file.contains("linekey.3."), "{file}");
    assert_eq!(value(&file, "account.1.password"), None, "it keeps the one that it has");
    // What is the same is not told again; what is left out is told to do nothing, and shown no more.
    assert_eq!(served.give("PATCH", &place, body).status, 200);
    assert_eq!(served.hut.ordered.lock().unwrap().len(), 1);
    let less =
        served.give("PATCH", &place, serde_json::json!({ "keys": [{ "position": 2, "kind": "none" }] }));
    assert_eq!(less.json()["keys"].as_array().map(Vec::len), Some(1), "{less:?}");
    let file = get(&served, &own, YEALINK).body;
    let types = [1, 2, 4].map(|key| value(&file, &format!("linekey.{key}.type")).unwrap().to_owned());
    assert_eq!(types, ["0", "0", "0"]);
    assert_eq!(value(&file, "linekey.4.value"), None);
    let none = served.give("PATCH", &place, serde_json::json!({ "keys": null }));
    assert_eq!(none.json()["keys"], serde_json::json!([]));
    let audit = served.ask("GET", "/api/v1/audit_log").json();
    let rows: Vec<&str> =
        audit["data"].as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
    assert_eq!(rows.iter().filter(|action| **action == "phone.keys").count(), 3, "{rows:?}");
}

#[test]
fn keys_that_cannot_be_are_refused_at_their_field_in_the_language_of_who_asks() {
    let served = served("key-faults");
    let other = serde_json::json!({ "name": "Other" });
    assert_eq!(served.give("POST", "/api/v1/tenants", other).status, 201);
    let domain = serde_json::json!({ "domain": "o.test", "tenant": "Other" });
    assert_eq!(served.give("POST", "/api/v1/domains", domain).status, 201);
    let account = serde_json::json!({ "account": "eve@o.test" });
    assert_eq!(served.give("POST", "/api/v1/accounts", account).status, 201);
    let (place, _) = fetched(&served);
    let key = |position: i64, kind: &str, line: i64, target: &str| serde_json::json!({ "position": position, "kind": kind, "line": line, "target": target });
    let long = "9".repeat(129);
    let cases = [
        (vec![key(0, "line", 1, "")], "#/keys/0/position"),
        (vec![key(41, "line", 1, "")], "#/keys/0/position"),
        (vec![key(1, "line", 1, ""), key(1, "none", 1, "")], "#/keys/1/position"),
        (vec![key(1, "Line", 1, "")], "#/keys/0/kind"),
        (vec![key(1, "line", 0, "")], "#/keys/0/line"),
        (vec![key(1, "line", 3, "")], "#/keys/0/line"),
        (vec![key(1, "line", 1, "201")], "#/keys/0/target"),
        (vec![key(1, "blf", 1, "")], "#/keys/0/target"),
        (vec![key(1, "blf", 1, "nobody")], "#/keys/0/target"),
        (vec![key(1, "blf", 1, "eve@o.test")], "#/keys/0/target"),
        (vec![key(1, "speed_dial", 1, "a b")], "#/keys/0/target"),
        (vec![key(1, "speed_dial", 1, "201|evil")], "#/keys/0/target"),
        (vec![key(1, "speed_dial", 1, "201\nadmin = x")], "#/keys/0/target"),
        (vec![key(1, "speed_dial", 1, &long)], "#/keys/0/target"),
        ((1..=41).map(|at| key(at, "none", 1, "")).collect(), "#/keys"),
    ];
    for (keys, pointer) in cases {
        let refused = served.give("PATCH", &place, serde_json::json!({ "keys": keys }));
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (400, &serde_json::json!(pointer)),
            "{refused:?}"
        );
    }
    for label in ["x".repeat(65).as_str(), "a\u{202e}b", "a\u{2028}b", "a\u{200b}b"] {
        let label = serde_json::json!({ "keys": [{ "position": 1, "kind": "none", "label": label }] });
        assert_eq!(served.give("PATCH", &place, label).json()["errors"][0]["pointer"], "#/keys/0/label");
    }
    let twice = serde_json::json!({ "keys": [key(3, "none", 1, ""), key(3, "none", 1, "")] }).to_string();
    let headers = [("Accept-Language", "fr"), ("Content-Type", "application/json")];
    let french = served.owner("PATCH", &place, &headers, &twice).json();
    assert_eq!(french["detail"], "la position 3 est donnée deux fois", "{french}");
    assert_eq!(served.ask("GET", &place).json()["keys"], serde_json::json!([]));
    assert!(served.hut.ordered.lock().unwrap().is_empty(), "nobody was asked to fetch");
    let whole =
        serde_json::json!({ "keys": [{ "position": 1, "kind": "speed_dial", "target": "sip:bob@d" }] });
    assert_eq!(served.give("PATCH", &place, whole).json()["keys"][0]["target"], "bob@d");
}

#[test]
fn who_may_not_change_phones_sets_no_keys() {
    let served = served("key-rights");
    let (place, _) = fetched(&served);
    let body = serde_json::json!({ "keys": [{ "position": 1, "kind": "line" }] });
    for role in ["auditor", "supervisor", "user:1", "api", "admin/phones:read"] {
        assert_eq!(served.give_as(role, "PATCH", &place, body.clone()).status, 403, "{role}");
    }
    assert_eq!(served.give_as("provisioning", "PATCH", &place, body).status, 200);
}

/// A telephone of this maker that was connected: its place in the API, and the first file that it was told.
fn told_first(served: &Served, vendor: &str, mac: &str, file: &str, agent: &str) -> (String, String) {
    let request = ConnectRequest { mac: Some(mac.to_owned()), ..request(vendor) };
    let link = connect(served, request).map_err(|why| why.text).unwrap();
    let path = path(&link);
    let folder = path.rsplit_once('/').unwrap().0;
    let given = get(served, &format!("{folder}/{file}"), agent);
    assert_eq!(given.status, 200, "{vendor}: {given:?}");
    (format!("/api/v1/phones/{}", link.phone), given.body)
}

#[test]
fn each_telephone_is_told_a_password_of_its_own_and_who_may_change_phones_reads_it() {
    let served = served("password");
    let mut seen = Vec::new();
    for (vendor, mac, file, agent, login) in [
        ("yealink", "249ad888d0f4", "249ad888d0f4.cfg", YEALINK, "admin"),
        ("grandstream", "c074ad000001", "cfgc074ad000001.xml", "Grandstream Model HW GXP2170", "admin"),
        ("snom", "000413000001", "snom.xml", "", "admin"),
        ("poly", "0004f2000001", "settings.cfg", "", "Polycom"),
        ("cisco", "00562b000002", "00562b000002.xml", "", "admin"),
        ("fanvil", "0c383e000001", "0c383e000001.cfg", "", "admin"),
        ("gigaset", "7c2f80000001", "7c2f80000001.xml", "", "admin"),
    ] {
        let (place, body) = told_first(&served, vendor, mac, file, agent);
        let shown = served.ask("POST", &format!("{place}/actions/show_password"));
        assert_eq!((shown.status, shown.header("cache-control")), (200, Some("no-store")), "{shown:?}");
        let shown = shown.json();
        let password = shown["password"].as_str().unwrap().to_owned();
        assert!(password.len() == 14 && body.contains(&password), "{vendor}: {password}\n{body}");
        assert!(!seen.contains(&password), "{vendor} has that of another phone");
        assert_eq!((&shown["login"], shown["told_at"].is_string()), (&login.into(), true), "{shown}");
        for place in [place.as_str(), "/api/v1/phones", "/api/v1/audit_log", "/api/v1/accounts/alice@d"] {
            assert!(!served.ask("GET", place).body.contains(&password), "{place} tells it");
        }
        seen.push(password);
    }
    // Nobody else reads it, and each reading is known.
    let place = "/api/v1/phones/pho_1/actions/show_password";
    for role in ["auditor", "supervisor", "user:1", "api", "admin/phones:read"] {
        let rotate = place.replace("show", "rotate");
        let refused = [
            served.give_as(role, "POST", place, serde_json::json!({})),
            served.give_as(role, "POST", &rotate, serde_json::json!({})),
        ];
        assert_eq!(refused.map(|answer| answer.status), [403, 403], "{role}");
    }
    assert_eq!(served.give_as("provisioning", "POST", place, serde_json::json!({})).status, 200);
    let audit = served.ask("GET", "/api/v1/audit_log").json();
    let rows = audit["data"].as_array().unwrap();
    let readers: Vec<&str> = rows
        .iter()
        .filter(|row| row["action"] == "phone.password_read" && row["subject"] == "phone 1")
        .filter_map(|row| row["operator"].as_str())
        .collect();
    assert!(readers.len() == 2 && readers.contains(&"provisioning"), "{readers:?}");
    // A program has no such page.
    let link = connect(&served, request("linphone")).map_err(|why| why.text).unwrap();
    let none = served.ask("POST", &format!("/api/v1/phones/{}/actions/show_password", link.phone));
    assert_eq!(none.status, 400, "{none:?}");
    // One that has not come yet has none.
    let link = connect(&served, request("yealink")).map_err(|why| why.text).unwrap();
    let none = served.ask("POST", &format!("/api/v1/phones/{}/actions/show_password", link.phone));
    assert_eq!(none.status, 404, "{none:?}");
    let rendered = served.give(
        "POST",
        "/api/v1/phones:render",
        serde_json::json!({ "account": "alice@d", "vendor": "yealink" }),
    );
    let settings = rendered.json()["settings"].as_str().unwrap().to_owned();
    assert_eq!(value(&settings, "static.security.user_password"), Some("admin:SECRET"));
}

#[test]
fn a_password_that_was_made_anew_is_fetched_once_at_the_phones_own_address_and_the_one_before_is_known_until_then()
 {
    let served = served("password-new");
    let (place, own) = fetched(&served);
    let told = |body: &str| value(body, "static.security.user_password").map(str::to_owned);
    let password = |action: &str| served.ask("POST", &format!("{place}/actions/{action}_password")).json();
    let first = password("show");
    later(&served, 121);
    assert_eq!(told(&get(&served, &own, YEALINK).body), None, "its own address gives no secret");
    let second = password("rotate");
    assert_eq!(*served.hut.ordered.lock().unwrap(), ["sync alice@d/3"], "it is asked to fetch");
    assert_eq!((&second["before"], &second["told_at"]), (&first["password"], &serde_json::Value::Null));
    // Nobody has told the phone of the second.
    let third = password("rotate");
    assert_eq!((&third["before"], third["password"] != second["password"]), (&first["password"], true));
    let wanted = Some(format!("admin:{}", third["password"].as_str().unwrap()));
    assert_eq!(told(&get(&served, &own, YEALINK).body), wanted);
    let now = password("show");
    assert_eq!((&now["password"], &now["before"]), (&third["password"], &serde_json::Value::Null));
    assert!(now["told_at"].is_string(), "{now}");
    assert_eq!(told(&get(&served, &own, YEALINK).body), wanted, "a phone asks twice");
    later(&served, 121);
    assert_eq!(told(&get(&served, &own, YEALINK).body), None, "and then no more");
    let audit = served.ask("GET", "/api/v1/audit_log").json();
    let of =
        |action: &str| audit["data"].as_array().unwrap().iter().filter(|row| row["action"] == action).count();
    assert_eq!(
        [of("phone.password_made"), of("phone.password_rotated"), of("phone.password_read")],
        [1, 2, 2]
    );
}
