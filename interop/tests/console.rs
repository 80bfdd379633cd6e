//! The console in headless Chromium, on a real server with real calls: every page in both languages, light and dark, wide and
//! narrow; by keyboard alone; under what strangers say of themselves. What a browser does is in `browser/console/`.

use coeur_interop::agent::Agent;
use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::free_port;
use coeur_interop::talker::Pair;
use coeur_storage::{CallRow, Keep, Records as _, SideRow, Sqlite, WayRow};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "electric-owl-3");
const PATIENCE: Duration = Duration::from_secs(10);

/// A server, and where its console is.
struct Site {
    server: Coeur,
    url: String,
}

impl Site {
    fn start(name: &str) -> Self {
        Self::start_for(name, &[ALICE, BOB])
    }

    fn start_for(name: &str, accounts: &[(&str, &str)]) -> Self {
        Self::start_with(name, accounts, &[])
    }

    fn start_with(name: &str, accounts: &[(&str, &str)], more: &[&str]) -> Self {
        let port = free_port();
        let place = format!("127.0.0.1:{port}");
        let server = Coeur::start_with(name, accounts, &[&["--web", place.as_str()], more].concat());
        Self { server, url: format!("http://localhost:{port}") }
    }

    /// Where the first owner gives himself a name and a password.
    fn link(&self) -> String {
        self.link_of(&["setup-link", "--json"])
    }

    fn link_of(&self, command: &[&str]) -> String {
        let text = self.server.cli(command, "");
        let value: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        value["path"].as_str().unwrap_or_else(|| panic!("no link: {text}")).to_owned()
    }

    /// One value of each row that a command lists.
    fn rows(&self, command: &[&str], list: &str, key: &str) -> Vec<String> {
        let text = self.server.cli(command, "");
        let value: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        let rows = value.as_array().or_else(|| value[list].as_array()).cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row[key].as_str()).map(String::from).collect()
    }

    /// What the browser finds; panics with its words when something is not as it should be.
    fn look(&self, scenario: &str, mut options: serde_json::Value) {
        options["url"] = self.url.clone().into();
        options["link"] = self.link().into();
        let out = Command::new("node")
            .args(["console.mjs", scenario, &options.to_string()])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"))
            .output()
            .expect("node is installed");
        let said = String::from_utf8_lossy(&out.stdout);
        println!("{scenario}: {said}");
        assert!(out.status.success(), "{scenario}: {said}{}", String::from_utf8_lossy(&out.stderr));
    }
}

/// A call that lives, after one that is over: the names of both.
fn calls(site: &Site) -> (Pair, String, String) {
    let addresses = [[127, 0, 0, 41], [127, 0, 0, 42]];
    let mut first = Pair::start(&site.server, [ALICE, BOB], addresses, false);
    first.talk(Duration::from_secs(2), || {});
    assert_eq!(first.hang_up(), Some(200));
    drop(first);
    let mut second = Pair::start(&site.server, [ALICE, BOB], addresses, false);
    second.talk(Duration::from_secs(2), || {});
    let first = |command: &[&str], list: &str, key: &str| {
        format!("call_{}", site.rows(command, list, key).first().unwrap_or_else(|| panic!("no {key}")))
    };
    let live = first(&["calls", "--json"], "calls", "call");
    let over = first(&["records", "--json"], "records", "id");
    (second, live, over)
}

/// Where pictures of the pages are kept: where `INTEROP_PICTURES` says, if it does.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("INTEROP_PICTURES").map(PathBuf::from)
}

#[test]
#[ignore = "needs node and chromium"]
fn every_page_is_drawn_and_readable_for_all_in_both_languages_light_and_dark_wide_and_narrow() {
    let site = Site::start("console-pages");
    let (_pair, live, over) = calls(&site);
    let account = format!("/accounts/alice@{DOMAIN}");
    let details = [
        format!("/calls/{live}"),
        format!("/calls/{live}?tab=ladder"),
        format!("/calls/{live}?tab=quality"),
        format!("/calls/{live}?tab=routing"),
        format!("/records/{over}"),
        format!("/records/{over}?tab=ladder"),
        format!("/records/{over}?tab=quality"),
        account.clone(),
        format!("{account}?tab=forwarding"),
        format!("{account}?tab=rights"),
    ];
    site.look("everyPage", json!({ "details": details, "pictures": pictures() }));
}

#[test]
#[ignore = "needs node and chromium"]
fn an_account_and_a_phone_are_made_and_taken_back_by_keyboard_alone() {
    Site::start("console-keyboard").look("keyboard", json!({}));
}

#[test]
#[ignore = "needs node and chromium"]
fn a_ladder_of_five_hundred_messages_keeps_in_the_document_what_can_be_seen() {
    Site::start("console-ladder").look("ladder", json!({}));
}

#[test]
#[ignore = "needs node and chromium"]
fn who_is_not_signed_in_is_sent_to_do_so_and_comes_back() {
    Site::start("console-signed-out").look("signedOut", json!({}));
}

/// Pictures that are seen on both sides, a call that is passed on without asking, and one after asking.
#[test]
#[ignore = "needs node and chromium"]
fn three_tabs_see_each_other_and_pass_a_call_on_with_and_without_asking() {
    let site = Site::start_for("console-three", &[ALICE, BOB, CAROL]);
    let accounts = ["alice", "bob", "carol"].map(|user| format!("{user}@{DOMAIN}"));
    site.look("three", json!({ "accounts": accounts, "pictures": pictures() }));
}

/// Held by a page of another site, which signs it in by a ticket.
#[test]
#[ignore = "needs node and chromium"]
fn a_page_of_another_site_holds_the_phone_calls_by_it_and_nobody_else_may() {
    let port = free_port();
    let origins = ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}"));
    let listed = ["--embed-origins", &origins[0], "--embed-origins", &origins[1]];
    let site = Site::start_with("console-embed", &[ALICE, BOB], &listed);
    site.server.cli(&["user", "add", "crm", "--role", "api"], "");
    let made = site.server.cli(
        &["token", "create", "--user", "crm", "--name", "crm", "--scope", "phone_tickets:write", "--json"],
        "",
    );
    let made: serde_json::Value = serde_json::from_str(&made).unwrap_or_else(|why| panic!("{why}: {made}"));
    let token = made["token"].as_str().unwrap_or_else(|| panic!("no token: {made}"));
    site.look("embed", json!({ "port": port, "token": token, "pictures": pictures() }));
}

/// By the real server and a double of a push service; see `browser/console/woken.mjs` for what stands in for Chromium's own.
#[test]
#[ignore = "needs node and chromium"]
fn a_web_phone_whose_page_is_closed_is_woken_for_a_call_and_takes_it() {
    let folder = std::env::temp_dir().join(format!("coeur-console-push-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let push =
        ["--push-web", "mailto:ops@example.org", "--push-inside", "127.0.0.0/8", "--push-authority", &cert];
    let site = Site::start_with("console-push", &[ALICE, BOB], &push);
    let accounts = ["alice", "bob"].map(|user| format!("{user}@{DOMAIN}"));
    site.look("woken", json!({ "accounts": accounts, "cert": cert, "key": key, "pictures": pictures() }));
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// The code is read from a picture of the page by another program (`zbarimg`).
#[test]
#[ignore = "needs node, chromium, zbar-tools and baresip"]
fn a_user_connects_a_phone_by_the_code_in_his_space_and_sees_nothing_of_others() {
    let site = Site::start("console-mine");
    site.server.cli(&["user", "add", "mina", "--role", "user"], "");
    site.server.cli(&["account", "set", &format!("alice@{DOMAIN}"), "--user", "mina"], "");
    let invite = site.link_of(&["setup-link", "--user", "mina", "--json"]);
    let (account, other) = (format!("alice@{DOMAIN}"), format!("bob@{DOMAIN}"));
    let folder = site.server.folder();
    let mut phone = Phone::start(&Setup::on_loopback(&site.server, ALICE, "udp", 440));
    phone.registered();
    site.look("mine", json!({ "invite": invite, "account": account, "other": other, "folder": folder, "pictures": pictures() }));
}

#[test]
#[ignore = "needs node and chromium"]
fn contacts_are_made_imported_found_and_taken_back_and_suggested_where_one_dials() {
    let site = Site::start("console-contacts");
    site.look("contacts", json!({ "account": format!("alice@{DOMAIN}") }));
}

#[test]
#[ignore = "needs node and chromium"]
fn a_range_of_numbers_is_taken_in_and_one_given_to_an_account_moved_and_taken_back() {
    let site = Site::start("console-numbers");
    site.look("numbers", json!({ "account": format!("alice@{DOMAIN}"), "other": format!("bob@{DOMAIN}") }));
}

#[test]
#[ignore = "needs node and chromium"]
fn who_manages_connects_a_phone_of_an_account_makes_a_token_and_a_webhook_and_takes_them_back() {
    let site = Site::start_with("console-manage", &[ALICE], &["--webhook-inside", "127.0.0.0/8"]);
    site.look("manage", json!({ "account": format!("alice@{DOMAIN}") }));
}

/// Calls of a week, written as the server writes them.
fn fifty_thousand_calls(site: &mut Site) {
    site.server.terminate();
    let mut records =
        Sqlite::open(&site.server.folder().join("data")).expect("the records of a server that has stopped");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as u64;
    let call = |number: u64| {
        let began_ms = now_ms - (CALLS - number) * (6 * 86_400_000 / CALLS) - 60_000;
        // A UUID of version 7, variant 10.
        let id = u128::from(began_ms) << 80 | 7 << 76 | 2 << 62 | u128::from(number);
        let callee = if number % 1_000 == 7 { "needle" } else { "bob" };
        let side = |user: &str, mos: u16| SideRow {
            account: Some(format!("{user}@{DOMAIN}").into()),
            address: format!("\"{user} {number}\" <sip:{user}@{DOMAIN}>").into(),
            user_agent: "a phone".into(),
            call_id: format!("{number}@console").into(),
            codec: Some("opus".into()),
            received: WayRow { mos_hundredths: Some(mos), ..WayRow::default() },
            ..SideRow::default()
        };
        let is_answered = !number.is_multiple_of(5);
        CallRow {
            id,
            ring_after_ms: Some(200),
            answered_at_ms: is_answered.then_some(began_ms + 3_000),
            ended_at_ms: began_ms + 30_000,
            status: if is_answered { 200 } else { 486 },
            ended_by: "caller".into(),
            reason: None,
            q850_cause: None,
            to: format!("sip:{callee}@{DOMAIN}").into(),
            media: Some("hop".into()),
            transfer_of: None,
            forwarded_by: None,
            verdict: None,
            caller: side("alice", if number % 500 == 1 { 250 } else { 430 }),
            callee: Some(side(callee, 430)),
            payer: None,
        }
    };
    let keep = Keep { days: 60, calls: 1_000_000 };
    for from in (0..CALLS).step_by(1_000) {
        let rows: Vec<CallRow> = (from..from + 1_000).map(call).collect();
        records.add_calls(&rows, keep, now_ms).expect("they are written");
    }
    drop(records);
    site.server.run();
}

const CALLS: u64 = 50_000;

#[test]
#[ignore = "needs node and chromium"]
fn fifty_thousand_calls_are_filtered_mapped_over_the_week_and_taken_away() {
    let mut site = Site::start("console-records");
    fifty_thousand_calls(&mut site);
    site.look("records", json!({ "calls": CALLS }));
}

/// Of a file of a spreadsheet: tried, made within a minute with progress that is seen, and what failed taken away.
#[test]
#[ignore = "needs node and chromium"]
fn ten_thousand_users_are_imported_from_a_file_with_progress_and_what_failed_is_given_back() {
    Site::start("console-import").look("imports", json!({}));
}

#[test]
#[ignore = "needs node and chromium"]
fn what_happens_is_shown_as_it_happens_and_what_was_missed_comes_after_a_cut() {
    Site::start("console-live").look("live", json!({ "domain": DOMAIN }));
}

#[test]
#[ignore = "needs node and chromium"]
fn the_console_can_be_installed_opens_without_a_network_and_is_woken() {
    Site::start("console-pwa").look("pwa", json!({}));
}

/// From the link of the first owner to a call that both sides hear, in six clicks; then what a phone does.
#[test]
#[ignore = "needs node and chromium"]
fn somebody_new_hears_a_call_between_two_tabs_in_six_clicks() {
    let site = Site::start("console-phone");
    let accounts = ["alice", "bob"].map(|user| format!("{user}@{DOMAIN}"));
    site.look("phone", json!({ "accounts": accounts, "pictures": pictures() }));
}

/// Thirty ways to be a script; `N` is a mark of its own in each.
const HOSTILE: [&str; 30] = [
    "<script>window.ran=1</script>N",
    "<img src=x onerror=window.ran=1>N",
    "<svg onload=window.ran=1>N",
    "<svg><script>window.ran=1</script></svg>N",
    "<iframe srcdoc='<script>parent.ran=1</script>'>N",
    "<body onload=window.ran=1>N",
    "<input autofocus onfocus=window.ran=1>N",
    "<details open ontoggle=window.ran=1>N",
    "<a href=javascript:window.ran=1>N</a>",
    "javascript:window.ran=1//N",
    "'-(window.ran=1)-'N",
    "';window.ran=1;//N",
    "${window.ran=1}N",
    "`${window.ran=1}`N",
    "{{window.ran=1}}N",
    "{{constructor.constructor('window.ran=1')()}}N",
    "</script><script>window.ran=1</script>N",
    "</title><script>window.ran=1</script>N",
    "</textarea><script>window.ran=1</script>N",
    "--><script>window.ran=1</script>N",
    "]]><script>window.ran=1</script>N",
    "<math><mtext><script>window.ran=1</script></mtext></math>N",
    "<object data=javascript:window.ran=1>N",
    "<embed src=javascript:window.ran=1>N",
    "<link rel=stylesheet href=//192.0.2.66/N>",
    "<base href=//192.0.2.66/N>",
    "<meta http-equiv=refresh content=0;url=//192.0.2.66/N>",
    "&lt;script&gt;window.ran=1&lt;/script&gt;N",
    "%3Cscript%3Ewindow.ran=1%3C/script%3EN",
    "<x style=animation-name:x onanimationstart=window.ran=1>N",
];

/// What a phone says of itself, in a call that nobody takes and in what is kept of it; and what an administrator may be
/// brought to paste.
#[test]
#[ignore = "needs node and chromium"]
fn thirty_hostile_strings_in_every_field_of_sip_are_shown_and_run_nothing() {
    let site = Site::start("console-hostile");
    let mut alice = Agent::new(&site.server, [127, 0, 0, 51], ALICE.0, ALICE.1);
    assert_eq!(alice.register(PATIENCE), Some(200));
    let mut marks = Vec::new();
    for (at, text) in HOSTILE.iter().enumerate() {
        marks.push(format!("mark{at}x"));
        say(&mut alice, &text.replace('N', &marks[at]), at);
    }
    let account = format!("alice@{DOMAIN}");
    site.server.cli(&["account", "set", &account, "--display-name", HOSTILE[1]], "");
    site.server.cli(&["device", "add", &account, "--name", HOSTILE[2]], "");
    // A call to an account without a phone leaves a trace, and no record.
    let mut details: Vec<String> = (0..HOSTILE.len()).map(|at| format!("/traces/hostile-{at}x")).collect();
    details.push(format!("/accounts/{account}"));
    site.look("hostile", json!({ "details": details, "marks": marks }));
}

/// A call to bob, who has no phone.
fn say(alice: &mut Agent, text: &str, at: usize) {
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    let uri = format!("sip:bob@{DOMAIN}");
    let credentials = alice.credentials("INVITE", &uri).expect("it has registered");
    let lines = format!("{credentials}Subject: {text}\r\nOrganization: {text}\r\n");
    let to = format!("\"{quoted}\" <{uri}>");
    let request = alice.write("INVITE", &uri, &to, &format!("hostile-{at}x"), &lines, DESCRIPTION);
    let request = request.replacen("From: <", &format!("From: \"{quoted}\" <"), 1).replacen(
        "User-Agent: agent",
        &format!("User-Agent: {text}"),
        1,
    );
    let heard = alice.transact(&request, PATIENCE).map(|heard| heard.status);
    assert_eq!(heard, Some(480), "{text}");
}

const DESCRIPTION: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.51\r\ns=-\r\nc=IN IP4 127.0.0.51\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
