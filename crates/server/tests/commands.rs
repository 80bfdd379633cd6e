//! Every command as a newcomer uses it: what is printed, what is refused and with which words, and the exit code.

mod process;

use process::{Folder, Server, eventually, free_port, phone, start_plain};
use serde_json::Value;
use std::io::Write;
use std::process::{Output, Stdio};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run_with_input(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let mut command = process::command(&folder.0);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn demo(folder: &Folder, port: u16) -> (Server, String) {
    let listen = format!("udp://127.0.0.1:{port}");
    let arguments = ["--demo", "--domain", "127.0.0.1", "--http", "off", "--listen", &listen];
    Server::start(folder, &arguments, "self test")
}

#[test]
fn a_second_demonstration_says_how_to_get_another_secret_and_that_works() {
    let (folder, port) = (Folder::new("demo2"), free_port());
    let (server, first) = demo(&folder, port);
    let secret = |seen: &str| seen.lines().find(|line| line.contains("alice@")).unwrap().to_owned();
    assert_eq!(secret(&first).rsplit(' ').next().unwrap().len(), 32, "{first}");
    server.terminate();
    let (_server, second) = demo(&folder, port);
    let line = secret(&second);
    let (_, command) = line.split_once("shown at the first start; another one: coeur ").expect(&second);
    assert!(command.starts_with("device add alice"), "{line}");
    let made = folder.coeur(&command.split(' ').collect::<Vec<_>>());
    let text = out(&made);
    let device = serde_json::json!([{
        "account": "alice@127.0.0.1",
        "secret": text.split_once("secret ").unwrap().1.split(' ').next().unwrap(),
    }]);
    phone(&device[0], port).register(60).unwrap();
}

#[test]
fn accounts_and_devices_come_and_go_over_the_running_server_and_without_one() {
    let (folder, port) = (Folder::new("verbs"), free_port());
    let server = start_plain(&folder, port);
    for running in [true, false] {
        let made = folder.json(&["account", "add", "alice", "--display-name", "Alice A.", "--json"]);
        assert_eq!(
            (&made[0]["account"], made[0]["secret"].as_str().unwrap().len()),
            (&"alice@example.test".into(), 32)
        );
        let given = run_with_input(&folder, &["account", "add", "bob", "--secret-stdin"], "s3cr3t of bob\n");
        assert_eq!(out(&given), "bob@example.test made\n");
        assert_eq!(
            run_with_input(&folder, &["account", "add", "eve", "--secret-stdin"], "").status.code(),
            Some(2)
        );
        for add in [&["account", "add", "eve"][..], &["device", "add", "alice", "--name", "desk"]] {
            let weak = run_with_input(&folder, &[add, &["--secret-stdin"]].concat(), "seven77\n");
            assert_eq!(weak.status.code(), Some(2), "{weak:?}");
            assert!(err(&weak).contains("fewer than 8 characters"), "{weak:?}");
        }
        let names = |value: &Value| {
            value.as_array().unwrap().iter().map(|v| v["account"].to_string()).collect::<String>()
        };
        assert_eq!(
            names(&folder.json(&["account", "list", "--json"])),
            "\"alice@example.test\"\"bob@example.test\""
        );
        assert!(out(&folder.coeur(&["account", "list"])).contains("alice@example.test  Alice A.  auto    1"));
        let shown = folder.json(&["account", "show", "alice", "--json"]);
        assert_eq!(shown["display_name"], "Alice A.");
        assert!(shown["devices"][0].get("secret").is_none());

        let made = folder.json(&["device", "add", "alice", "--name", "desk", "--policy", "sha256", "--json"]);
        let device = made[0]["device"].as_str().unwrap().to_owned();
        let devices = folder.json(&["device", "list", "alice", "--json"]);
        assert_eq!((devices.as_array().unwrap().len(), &devices[1]["name"]), (2, &"desk".into()));
        assert_eq!(devices[1]["dtmf"], "auto");
        assert_eq!(
            out(&folder.coeur(&["device", "set", "alice", &device, "--dtmf", "inband"])),
            format!("device {device} of alice@example.test changed\n")
        );
        assert_eq!(folder.json(&["device", "list", "alice", "--json"])[1]["dtmf"], "inband");
        assert!(out(&folder.coeur(&["device", "list", "alice"])).contains("inband"));
        assert_eq!(folder.coeur(&["device", "set", "alice", "99", "--dtmf", "info"]).status.code(), Some(3));
        assert_eq!(folder.coeur(&["device", "set", "alice", &device, "--dtmf", "x"]).status.code(), Some(2));
        assert_eq!(
            out(&folder.coeur(&["device", "revoke", "alice", &device])),
            format!("device {device} of alice@example.test revoked\n")
        );
        assert_eq!(folder.coeur(&["device", "revoke", "alice", &device]).status.code(), Some(3));
        let refused = folder.coeur(&["device", "revoke", "alice", "desk"]);
        assert!(err(&refused).contains("`coeur device list alice@example.test` shows them"), "{refused:?}");
        for user in ["alice", "bob"] {
            assert_eq!(folder.coeur(&["account", "rm", user]).status.code(), Some(0));
        }
        assert_eq!(folder.coeur(&["account", "rm", "alice"]).status.code(), Some(3));
        let audit = folder.json(&["audit", "--since", "1h", "--json"]);
        let done = |at: usize| (audit[at]["action"].clone(), audit[at]["subject"].clone());
        assert_eq!(done(0), ("account.removed".into(), "bob@example.test".into()));
        assert_eq!(done(2), ("device.revoked".into(), "alice@example.test".into()));
        assert_eq!(done(3), ("device.changed".into(), "alice@example.test".into()));
        assert_eq!(audit[3]["detail"], format!("id={device} dtmf=inband"));
        assert!(audit[0]["sequence"].as_u64() > audit[1]["sequence"].as_u64(), "{audit}");
        assert_eq!(folder.json(&["audit", "--limit", "1", "--json"]).as_array().unwrap().len(), 1);
        for (limit, told) in [("3", "coeur: there are more than 3; --limit shows them\n"), ("10000", "")] {
            assert_eq!(err(&folder.coeur(&["audit", "--since", "1h", "--limit", limit])), told);
        }
        assert!(out(&folder.coeur(&["audit"])).contains("account.removed"));
        assert_eq!(folder.coeur(&["audit", "--since", "soon"]).status.code(), Some(2));
        if running {
            let done = std::process::Command::new("kill").arg(server.pid().to_string()).status().unwrap();
            assert!(done.success() && eventually(|| !folder.0.join("coeur.sock").exists()));
        }
    }
}

#[test]
fn a_call_to_echo_is_heard_traced_and_leaves_no_device_behind() {
    let (folder, port) = (Folder::new("call"), free_port());
    let server = start_plain(&folder, port);
    folder.json(&["account", "add", "alice", "--json"]);
    let call = folder.coeur(&["call", "alice", "echo", "--seconds", "1"]);
    assert!(call.status.success() && out(&call).contains(" packets sent, "), "{call:?}");
    assert_eq!(folder.json(&["device", "list", "alice", "--json"]).as_array().unwrap().len(), 1);
    assert!(eventually(|| folder.json(&["registrations", "--json"]) == serde_json::json!([])));
    let trace = folder.coeur(&["trace", "alice"]);
    assert!(out(&trace).starts_with("INVITE  alice@example.test -> echo@example.test"), "{}", out(&trace));
    let ladder = folder.json(&["trace", "alice", "--json", "--last", "9"]);
    assert!(ladder.as_array().unwrap().len() == 1 && ladder[0]["ladder"].is_string());
    assert_eq!(folder.coeur(&["trace", "nobody-here"]).status.code(), Some(3));
    let json = folder.json(&["call", "alice", "echo", "--seconds", "1", "--json"]);
    assert!(json.is_object(), "{json}");
    assert_eq!(folder.coeur(&["call", "nobody", "echo"]).status.code(), Some(3));
    folder.json(&["account", "add", "bob", "--json"]);
    let refused = folder.coeur(&["call", "alice", "bob"]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("480"), "{refused:?}");
    assert!(err(&refused).contains("No phone of bob@example.test is registered"), "{refused:?}");
    // What was said outlives the server, also one that was killed.
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.kill_9();
    let trace = folder.coeur(&["trace", "bob"]);
    assert!(out(&trace).starts_with("INVITE  alice@example.test -> bob@example.test"), "{trace:?}");
    let text = folder.coeur(&["trace", "bob", "--format", "text"]);
    assert!(out(&text).contains("SIP/2.0 480 "), "{text:?}");
    assert_eq!(folder.coeur(&["trace", "nobody-here"]).status.code(), Some(3));
}

#[test]
fn what_needs_a_server_or_data_says_so_and_makes_nothing() {
    let folder = Folder::new("nothing");
    let data = folder.0.join("data");
    let run = |arguments: &[&str]| process::command(&data).args(arguments).output().unwrap();
    for arguments in
        [&["registrations"][..], &["trace", "--follow"], &["selftest"], &["call", "alice", "echo"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        assert!(err(&output).contains("no server runs on it; start one (coeur serve) or give --data DIR"));
    }
    for arguments in [
        &["account", "list"][..],
        &["account", "add", "a@b.test"],
        &["device", "list", "a@b.test"],
        &["domain", "list"],
        &["trace"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        assert!(
            err(&output).contains("begin with `coeur domain add DOMAIN`, or give --data DIR"),
            "{output:?}"
        );
    }
    assert!(!data.exists(), "a slip in --data makes no directory");
    assert_eq!(run(&["domain", "add", "b.test"]).status.code(), Some(0));
    assert_eq!(run(&["account", "list", "--json"]).stdout, b"[]\n");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[test]
fn a_busy_port_is_named_with_who_has_it_and_nothing_is_started() {
    let (folder, port) = (Folder::new("busy"), free_port());
    let server = start_plain(&folder, port);
    let other = Folder::new("busy-other");
    let listen = format!("udp://127.0.0.1:{port}");
    let refused = other.coeur(&["serve", "--domain", "b.test", "--listen", &listen, "--http", "off"]);
    assert_eq!(refused.status.code(), Some(1));
    // The memory and descriptors of a server are private; of it only root sees more than whose it is.
    let busy = format!("{listen}: port {port} is in use by ");
    let holder =
        if is_root() { format!("coeur (process {})", server.pid()) } else { "a process of user ".into() };
    assert!(err(&refused).contains(&format!("{busy}{holder}")), "{refused:?}");
    let refused = folder.coeur(&["serve", "--listen", "udp://127.0.0.1:0", "--http", "off"]);
    let holder =
        format!("is in use by process {}: stop it, or choose another folder with --data", server.pid());
    assert!(refused.status.code() == Some(4) && err(&refused).contains(&holder), "{refused:?}");
}

#[test]
fn settings_come_from_flag_environment_and_file_in_this_order_and_a_slip_is_named() {
    let (folder, etc) = (Folder::new("settings"), Folder::new("settings-file"));
    let file = etc.0.join("coeur.toml");
    let port = free_port();
    std::fs::write(&file, format!("domain = [\"file.test\"]\nlisten = \"udp://127.0.0.1:{port}\"\nhttp = \"off\"\nshards = 3\nlog = \"error\"\n")).unwrap();
    let with = |arguments: &[&str]| {
        let mut command = process::command(&folder.0);
        command.env("COEUR_CONFIG", &file).env("COEUR_SHARDS", "2").args(arguments);
        command
    };
    let shown = with(&["check-config", "--json", "--log", "warn"]).output().unwrap();
    let value: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&value["shards"], &value["log"], &value["http"]), (&2.into(), &"warn".into(), &"off".into()));
    let (server, seen) = Server::start_as(with(&[]), &[], "ready");
    assert!(seen.contains(&format!("listening on udp://127.0.0.1:{port}")), "{seen}");
    assert_eq!(folder.json(&["domain", "list", "--json"])[0]["domain"], "file.test");
    server.terminate();

    let refused = |command: &mut std::process::Command, words: &str| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(err(&output).contains(words), "{output:?}");
    };
    refused(with(&["check-config"]).env("COEUR_SHARD", "2"), "did you mean COEUR_SHARDS?");
    refused(&mut with(&["check-config", "--lissten", "x"]), "'--listen'");
    refused(&mut with(&["chek-config"]), "'check-config'");
    refused(&mut with(&["serve", "--listen", "127.0.0.1:5060"]), "write it as udp://192.0.2.1:5060");
    std::fs::write(&file, "domian = [\"x.test\"]\nshards = 0\n").unwrap();
    refused(&mut with(&["serve"]), "coeur.toml:1: unknown key `domian`; did you mean `domain`?");
}

#[test]
fn every_shell_gets_its_completion_and_every_command_its_help() {
    let folder = Folder::new("help");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(&folder.coeur(&["completion", shell]));
        assert!(script.contains("registrations") && script.contains("secret-stdin"), "{shell}");
    }
    for arguments in [&["help"][..], &["--help"], &["account", "import", "--help"], &["help", "call"]] {
        let help = folder.coeur(arguments);
        assert!(help.status.success() && out(&help).contains("Examples:"), "{help:?}");
    }
    assert_eq!(folder.coeur(&[]).status.code(), Some(2));
}

#[test]
fn the_doctor_names_a_busy_port_and_knows_the_places_of_its_own_server() {
    let folder = house_with_a_domain("doctor");
    let taken = std::net::UdpSocket::bind(("127.0.0.1", free_port())).unwrap();
    let busy = format!("udp://{}", taken.local_addr().unwrap());
    let ask = |listen: &str| folder.coeur(&["doctor", "--json", "--turn", "off", "--listen", listen]);
    let about = |output: &Output, name: &str| -> Value {
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        findings.as_array().unwrap().iter().find(|finding| finding["about"] == name).unwrap().clone()
    };
    let found = ask(&busy);
    assert_eq!(found.status.code(), Some(1), "{}", out(&found));
    let finding = about(&found, "listen");
    assert!(finding["state"] == "bad" && finding["hint"].is_string(), "{finding}");
    drop(taken);

    let listen = format!("udp://127.0.0.1:{}", free_port());
    let (_server, _) =
        Server::start(&folder, &["--http", "off", "--turn", "off", "--listen", &listen], "ready");
    let found = ask(&listen);
    assert!(found.status.success(), "{}", out(&found));
    assert_eq!(about(&found, "listen")["state"], "good");
    assert!(about(&found, "server")["text"].as_str().unwrap().contains("0 accounts"));

    // Without its flags it is looked at what that server has, and said what was looked at.
    let found = folder.coeur(&["doctor", "--json"]);
    let listens = about(&found, "listen");
    assert!(listens["state"] == "good" && listens["text"].as_str().unwrap().contains(&listen), "{listens}");
    let looked = about(&found, "settings");
    let looked = looked["text"].as_str().unwrap();
    assert!(looked.contains(folder.0.to_str().unwrap()) && looked.contains("--listen"), "{looked}");
    let checked = folder.json(&["check-config", "--json"]);
    assert_eq!(checked["config"], Value::Null);
    assert!(checked["server"]["set_by"].as_array().unwrap().contains(&"--listen".into()), "{checked}");
    let text = out(&folder.coeur(&["check-config"]));
    assert!(text.starts_with("settings file: none; data directory: /"), "{text}");
}

#[test]
fn every_command_has_its_manual_page() {
    let folder = Folder::new("man");
    let pages = folder.0.join("share/man1");
    let made = folder.coeur(&["man", pages.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    for (page, text) in
        [("coeur.1", "serve"), ("coeur-account-add.1", "secret"), ("coeur-status.1", "uptime_s")]
    {
        let written = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(written.contains(".TH ") && written.contains(text), "{page}: {written}");
    }
}

#[test]
fn status_tells_of_a_server_that_runs_and_of_no_other() {
    let folder = house_with_a_domain("status");
    assert_eq!(folder.coeur(&["status"]).status.code(), Some(4));
    let listen = format!("udp://127.0.0.1:{}", free_port());
    let (_server, _) = Server::start(&folder, &["--http", "off", "--listen", &listen], "ready");
    let status = folder.json(&["status", "--json"]);
    assert_eq!((&status["listeners"][0], &status["accounts"]), (&listen.as_str().into(), &0.into()));
    let table = out(&folder.coeur(&["status"]));
    assert!(table.contains(&listen) && table.contains("example.test"), "{table}");
}

fn import(folder: &Folder, text: &str, more: &[&str]) -> Output {
    let file = folder.0.join("people.csv");
    std::fs::write(&file, text).unwrap();
    let arguments: Vec<&str> =
        ["account", "import", file.to_str().unwrap()].iter().chain(more).copied().collect();
    folder.coeur(&arguments)
}

fn house_with_a_domain(name: &str) -> Folder {
    let folder = Folder::new(name);
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    folder
}

fn accounts(folder: &Folder) -> usize {
    folder.json(&["account", "list", "--json"]).as_array().unwrap().len()
}

#[test]
fn a_mistake_in_every_row_of_an_import_is_ten_lines_and_a_count() {
    let folder = house_with_a_domain("same");
    let rows = (0..100_000).map(|number| format!("user{number}@elsewhere.test,s\n"));
    let refused =
        import(&folder, &std::iter::once("account,secret\n".to_owned()).chain(rows).collect::<String>(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    let text = err(&refused);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 12, "{text}");
    assert!(lines[0].ends_with("people.csv: line 2: the domain elsewhere.test is not ours: add it first (coeur domain add elsewhere.test)"));
    assert!(lines[10].ends_with("and 99990 more like these, the last in line 100001"));
    assert!(lines[11].contains("100000 rows have errors; nothing was imported"));
}

#[test]
fn an_import_makes_all_or_nothing_unless_errors_may_be_left_out() {
    let folder = house_with_a_domain("all");
    let file = "account,secret,display_name,policy\na@example.test,s,,\nb@example.test,,Bob,sha256\nno account,s,,\n\
                a@example.test,s,,\nc@example.test,s,,sha1\nd@elsewhere.test,s,,\n";
    let refused = import(&folder, file, &[]);
    let text = err(&refused);
    for line in [
        "line 4: `no account`",
        "line 5: a@example.test is in line 2 already",
        "line 6: policy `sha1`",
        "line 7: the domain",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert_eq!((refused.status.code(), accounts(&folder)), (Some(1), 0));
    let done = import(&folder, file, &["--skip-errors"]);
    assert_eq!((done.status.code(), accounts(&folder)), (Some(0), 2));
    let text = out(&done);
    assert!(text.contains("b@example.test: secret ") && !text.contains("a@example.test: secret"), "{text}");
    assert!(
        text.contains("2 accounts imported") && text.contains("4 rows had errors and were left out"),
        "{text}"
    );
    // Once more: what is there is an error of the row, found before anything is made.
    let again = import(&folder, "account\nz@example.test\na@example.test\n", &[]);
    assert!(err(&again).contains("line 3: the account a@example.test is already there"), "{again:?}");
    assert_eq!((again.status.code(), accounts(&folder)), (Some(1), 2));
    let unknown = import(&folder, "acount,secret\n", &[]);
    assert!(
        unknown.status.code() == Some(2) && err(&unknown).contains("did you mean `account`?"),
        "{unknown:?}"
    );
    assert_eq!(folder.coeur(&["account", "import", "/no/such.csv"]).status.code(), Some(2));
}

/// The disk gives out in the middle, here as a limit on the size of files.
#[test]
fn an_import_that_stops_says_from_which_line_and_the_same_file_finishes_it() {
    use std::os::unix::process::CommandExt;
    const ACCOUNTS: usize = 9_000;
    let folder = house_with_a_domain("stops");
    let rows = (0..ACCOUNTS).map(|number| format!("user{number}@example.test,s\n"));
    let file = folder.0.join("people.csv");
    std::fs::write(&file, std::iter::once("account,secret\n".to_owned()).chain(rows).collect::<String>())
        .unwrap();
    let mut command = process::command(&folder.0);
    command.args(["account", "import"]).arg(&file);
    // SAFETY: one system call between fork and exec, which allocates nothing.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 3 << 20, rlim_max: 3 << 20 };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        })
    };
    let stopped = command.output().unwrap();
    let text = err(&stopped);
    assert_eq!(stopped.status.code(), Some(1), "{text}");
    let made = accounts(&folder);
    assert!(made > 0 && made < ACCOUNTS, "{made} were made before the limit");
    let words =
        format!("The {made} accounts before line {} are imported. None from line {0} on is", made + 2);
    assert!(text.contains(&words) && text.contains("coeur.db"), "{text}");
    let rest = folder.coeur(&["account", "import", "--skip-errors", file.to_str().unwrap()]);
    assert!(out(&rest).contains(&format!("{} accounts imported", ACCOUNTS - made)), "{rest:?}");
    assert_eq!(accounts(&folder), ACCOUNTS);
}

#[test]
fn an_account_that_is_no_longer_enabled_loses_its_registrations_at_once_and_is_itself_again_when_it_is() {
    let (folder, port) = (Folder::new("enabled"), free_port());
    let server = start_plain(&folder, port);
    let made = folder.json(&["account", "add", "alice", "--json"]);
    let registered = || folder.json(&["registrations", "--json"]).as_array().unwrap().len();
    phone(&made[0], port).register(600).unwrap();
    assert_eq!(registered(), 1);
    let set = folder.coeur(&["account", "set", "alice", "--enabled", "no"]);
    assert_eq!(out(&set), "alice@example.test changed\n");
    assert!(eventually(|| registered() == 0));
    assert!(phone(&made[0], port).register(600).is_err());
    let change = ["--enabled", "yes", "--relay", "yes", "--contacts-max", "3", "--display-name", "Alice A."];
    assert!(folder.coeur(&[&["account", "set", "alice"][..], &change].concat()).status.success());
    let shown = folder.json(&["account", "show", "alice", "--json"]);
    assert_eq!(shown["enabled"], true);
    assert_eq!((&shown["relay"], &shown["contacts_max"]), (&true.into(), &3.into()));
    folder.json(&["account", "add", "bob", "--json"]);
    let change = [
        "--forward-busy",
        "bob",
        "--forward-no-answer",
        "tel:+33123",
        "--forward-after-s",
        "9",
        "--dnd",
        "yes",
    ];
    assert!(folder.coeur(&[&["account", "set", "alice"][..], &change].concat()).status.success());
    let forwarded = folder.json(&["account", "show", "alice", "--json"]);
    assert_eq!(forwarded["forward_busy"], "sip:bob@example.test");
    assert_eq!((&forwarded["forward_after_s"], &forwarded["dnd"]), (&9.into(), &true.into()));
    let text = out(&folder.coeur(&["account", "show", "alice"]));
    assert!(
        text.contains("do not disturb, when busy to sip:bob@example.test, after 9 s to tel:+33123"),
        "{text}"
    );
    let change = ["--forward-busy", "no", "--forward-no-answer", "no", "--dnd", "no"];
    assert!(folder.coeur(&[&["account", "set", "alice"][..], &change].concat()).status.success());
    let forwarded = folder.json(&["account", "show", "alice", "--json"]);
    assert!(forwarded.get("forward_busy").is_none() && forwarded["dnd"] == false, "{forwarded}");
    assert_eq!(shown["display_name"], "Alice A.");
    phone(&made[0], port).register(600).unwrap();
    // The policy is changed, and the device is asked for SHA-256 all the same.
    assert!(eventually(|| folder.json(&["device", "list", "alice", "--json"])[0]["proved_sha256"] == true));
    let weaker = folder.coeur(&["account", "set", "alice", "--policy", "md5"]);
    assert!(weaker.status.success() && err(&weaker).contains("has answered SHA-256 once"), "{weaker:?}");
    let stronger = folder.coeur(&["account", "set", "alice", "--policy", "auto"]);
    assert!(stronger.status.success() && !err(&stronger).contains("note:"), "{stronger:?}");
    server.terminate();

    // While no server runs, the door is the data directory: the next start forgets what may no longer be there.
    assert!(folder.coeur(&["account", "set", "alice", "--enabled", "no", "--relay", "no"]).status.success());
    let _server = start_plain(&folder, port);
    assert!(eventually(|| registered() == 0));
    assert_eq!(folder.json(&["account", "show", "alice", "--json"])["relay"], false);
    let nothing = folder.coeur(&["account", "set", "alice"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", err(&nothing));
    assert_eq!(folder.coeur(&["account", "set", "nobody", "--relay", "yes"]).status.code(), Some(3));
}

#[test]
fn a_name_alone_is_found_in_the_one_domain_that_has_it_and_several_are_no_none() {
    let folder = house_with_a_domain("names");
    for arguments in [
        &["domain", "add", "other.test"][..],
        &["account", "add", "alice@example.test"],
        &["account", "add", "bob@example.test"],
        &["account", "add", "bob@other.test"],
        &["account", "alias", "alice", "--add", "201"],
    ] {
        assert!(folder.coeur(arguments).status.success(), "{arguments:?}");
    }
    for name in ["alice", "201"] {
        assert_eq!(folder.json(&["account", "show", name, "--json"])["account"], "alice@example.test");
    }
    for (arguments, code, why) in [
        (["account", "show", "bob"], 2, "`bob` is in several domains: write which, such as bob@example.test"),
        (["account", "show", "nobody"], 3, "there is no account `nobody`"),
        (["account", "add", "carol"], 2, "several domains: write which, such as carol@example.test"),
    ] {
        let refused = folder.coeur(&arguments);
        assert_eq!(refused.status.code(), Some(code), "{refused:?}");
        assert!(err(&refused).contains(why), "{refused:?}");
    }
}

/// Known words are looked at before anything is done, and a refusal has another code than a difference.
#[test]
fn a_file_to_apply_that_would_be_refused_does_nothing_and_says_each_reason() {
    let folder = house_with_a_domain("apply");
    let file = folder.0.join("state.toml");
    let apply = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        folder.coeur(&[&["apply", "-f", file.to_str().unwrap()], more].concat())
    };
    let bad = "users = [{ login = 'x', role = 'king' }]\n\
               accounts = [{ account = 'bob@example.test', user = 'nobody' }]";
    for more in [&["--dry-run"][..], &[]] {
        let refused = apply(bad, more);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = err(&refused);
        for reason in ["+ user x: role `king` is none of", "+ account bob@example.test: `nobody` is no user"]
        {
            assert!(said.contains(reason), "{said}");
        }
        assert!(said.contains("nothing was done"), "{said}");
        assert!(!out(&folder.coeur(&["user", "list"])).contains('x') && accounts(&folder) == 0);
    }
    let good = bad.replace("king", "admin").replace("nobody", "x");
    assert_eq!(apply(&good, &["--dry-run"]).status.code(), Some(1));
    assert_eq!(apply(&good, &[]).status.code(), Some(0));
    assert_eq!(apply(&good, &["--dry-run"]).status.code(), Some(0));
}

#[test]
fn contacts_come_from_a_file_are_found_changed_and_written_back() {
    let folder = house_with_a_domain("contacts");
    let file = "BEGIN:VCARD\nVERSION:2.1\nN:Martin;Zoe\nTEL;CELL:+33 6 12\nTEL:letters\nEND:VCARD\n\
        BEGIN:VCARD\nNOTE:nobody\nEND:VCARD\n";
    let import = |more: &[&str]| run_with_input(&folder, &[&["contact", "import", "-"], more].concat(), file);
    let done = import(&[]);
    assert_eq!(
        out(&done),
        "1 contacts made, 0 were there already, 1 cards refused, 1 numbers left out\n",
        "{done:?}"
    );
    assert_eq!(err(&done), "line 7: a contact has a name or an organisation\n");
    assert!(out(&import(&[])).starts_with("0 contacts made, 1 were there already"));
    let more = ["--organisation", "Mairie", "--number", "201", "--number", "home:bob@example.org"];
    let made = folder.coeur(&[&["contact", "add", "Bob"][..], &more].concat());
    assert_eq!(out(&made), "contact Bob made: ctc_2\n", "{made:?}");
    let found = folder.json(&["contact", "list", "--find", "MAIR", "--json"]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["numbers"][1]["number"], "sip:bob@example.org");
    assert!(out(&folder.coeur(&["contact", "list"])).contains("work:201 home:sip:bob@example.org"));
    assert!(folder.coeur(&["contact", "set", "ctc_2", "--no-numbers", "--note", "gone"]).status.success());
    assert!(out(&folder.coeur(&["contact", "show", "ctc_2"])).ends_with("\ngone\n"));
    let exported = out(&folder.coeur(&["contact", "export"]));
    assert!(exported.contains("FN:Zoe Martin\r\nTEL;TYPE=cell;VALUE=uri:tel:+33612\r\n"), "{exported}");
    // Those of one user are another book.
    folder.coeur(&["user", "add", "alice"]);
    assert!(out(&import(&["--user", "alice"])).starts_with("1 contacts made"));
    assert_eq!(folder.json(&["contact", "list", "--user", "alice", "--json"]).as_array().unwrap().len(), 1);
    assert!(folder.coeur(&["contact", "rm", "ctc_2"]).status.success());
    assert_eq!(folder.coeur(&["contact", "show", "ctc_2"]).status.code(), Some(3));
    for wrong in [&["contact", "add", "x", "--number", "letters"][..], &["contact", "set", "ctc_1"]] {
        assert!(!folder.coeur(wrong).status.success(), "{wrong:?}");
    }
    let none = run_with_input(&folder, &["contact", "import", "-"], "name,number\n");
    assert_eq!((none.status.code(), err(&none).as_str()), (Some(2), "coeur: -: there is no vCard in it\n"));
}

#[test]
fn numbers_are_taken_in_given_moved_and_taken_back() {
    let folder = house_with_a_domain("numbers");
    for name in ["alice", "bob"] {
        assert!(folder.coeur(&["account", "add", name]).status.success());
    }
    let added = folder.coeur(&["number", "add", "+33100", "+33 1-09", "--note", "Carrier"]);
    assert_eq!(out(&added), "10 numbers added, 0 were there already\n", "{added:?}");
    assert!(out(&folder.coeur(&["number", "add", "+33105", "+33110"])).starts_with("1 numbers added, 5 "));
    assert_eq!(folder.coeur(&["number", "add", "+33105"]).status.code(), Some(5), "it is there");
    let given = folder.coeur(&["number", "assign", "+33105", "alice@example.test"]);
    assert_eq!(out(&given), "+33105 is the number of alice@example.test\n", "{given:?}");
    let aliases = |account: &str| folder.json(&["account", "show", account, "--json"])["aliases"].clone();
    assert_eq!(aliases("alice")[0], "+33105@example.test");
    let taken = folder.coeur(&["number", "assign", "+33105", "bob@example.test"]);
    assert!(!taken.status.success() && err(&taken).contains("alice@example.test"), "{taken:?}");
    let moved = ["number", "assign", "+33105", "bob@example.test", "--from", "alice@example.test"];
    assert!(folder.coeur(&moved).status.success());
    assert_eq!(aliases("bob")[0], "+33105@example.test");
    let count =
        |state: &str| folder.json(&["number", "list", "--state", state, "--json"]).as_array().unwrap().len();
    assert_eq!((count("any"), count("free"), count("assigned"), count("unlisted")), (11, 10, 1, 0));
    let held = folder.coeur(&["number", "rm", "+33105"]);
    assert!(!held.status.success() && err(&held).contains("bob@example.test"), "{held:?}");
    assert_eq!(out(&folder.coeur(&["number", "release", "+33105"])), "+33105 is free\n");
    let address = ["--emergency-address", "1 rue X"];
    assert!(folder.coeur(&[&["number", "set", "+33105"][..], &address].concat()).status.success());
    assert!(out(&folder.coeur(&["number", "show", "+33105"])).contains("Carrier  1 rue X"));
    assert!(folder.coeur(&["number", "rm", "+33105"]).status.success());
    assert_eq!(folder.coeur(&["number", "show", "+33105"]).status.code(), Some(3));
}
