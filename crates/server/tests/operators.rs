//! What happens to people who run this: a full disk, Ctrl-C in the middle, a slip in a name, a script that reads JSON.

mod process;

use process::{Folder, Server, eventually, free_port, phone, start_plain};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn started(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = process::command(&folder.0);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn devices(folder: &Folder, account: &str) -> usize {
    folder.json(&["device", "list", account, "--json"]).as_array().unwrap().len()
}

fn tests_left(folder: &Folder) -> bool {
    out(&folder.coeur(&["account", "list"])).contains("selftest-")
}

#[test]
fn a_secret_that_could_not_be_shown_is_told_with_its_device() {
    let folder = Folder::new("full");
    folder.coeur(&["domain", "add", "d.test"]);
    folder.coeur(&["account", "add", "alice"]);
    std::fs::write(folder.0.join("people.csv"), "account\nbob@d.test\n").unwrap();
    let file = folder.0.join("people.csv").display().to_string();
    for (arguments, whose) in [
        (&["device", "add", "alice"][..], "alice@d.test device 2"),
        (&["account", "add", "carol", "--json"], "carol@d.test device 3"),
        (&["account", "import", &file, "--json"], "bob@d.test device 4"),
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = process::command(&folder.0).args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(err(&output).contains("No space left") && err(&output).contains(whose), "{output:?}");
    }
}

#[test]
fn a_call_that_is_interrupted_hangs_up_and_takes_its_device_along() {
    let (folder, port) = (Folder::new("interrupt"), free_port());
    let _server = start_plain(&folder, port);
    folder.json(&["account", "add", "alice", "--json"]);
    for name in ["-INT", "-TERM"] {
        let call = started(&folder, &["call", "alice", "echo", "--seconds", "60"]);
        // The call before has its BYE.
        let answered = || {
            let ladder = out(&folder.coeur(&["trace", "alice"]));
            ladder.contains("ACK") && !ladder.contains("BYE")
        };
        assert!(eventually(answered) && devices(&folder, "alice") == 2);
        signal(&call, name);
        let ended = call.wait_with_output().unwrap();
        assert!(out(&ended).contains("packets sent"), "{ended:?}");
        assert_eq!(devices(&folder, "alice"), 1);
        assert!(out(&folder.coeur(&["trace", "alice"])).contains("BYE"));
    }
    // Whoever is killed leaves it to the next.
    let mut call = started(&folder, &["call", "alice", "echo", "--seconds", "60"]);
    assert!(eventually(|| devices(&folder, "alice") == 2));
    call.kill().unwrap();
    call.wait().unwrap();
    assert_eq!(devices(&folder, "alice"), 2);
    assert!(folder.coeur(&["call", "alice", "echo", "--seconds", "1"]).status.success());
    assert_eq!(devices(&folder, "alice"), 1);
}

/// RFC 3261 section 9.1. And who calls needs no registration: an account with all its contacts can be tried too.
#[test]
fn a_call_that_rings_on_is_cancelled_and_none_registers() {
    let (folder, port) = (Folder::new("rings"), free_port());
    let _server = start_plain(&folder, port);
    folder.json(&["account", "add", "alice", "--json"]);
    let bob = folder.json(&["account", "add", "bob", "--json"]);
    // It hears and does not answer.
    let mut silent = phone(&bob[0], port);
    silent.register(60).unwrap();
    let call = started(&folder, &["call", "alice", "bob"]);
    // Each side of a call is a dialog of its own.
    let trying = || out(&folder.coeur(&["trace", "alice", "--last", "2"])).contains("100 Trying");
    assert!(eventually(trying));
    signal(&call, "-INT");
    let ended = call.wait_with_output().unwrap();
    assert!(ended.status.code() == Some(1) && err(&ended).contains("interrupted"), "{ended:?}");
    let ladder = out(&folder.coeur(&["trace", "alice", "--last", "9"]));
    assert!(ladder.contains("CANCEL") && !ladder.contains("REGISTER alice"), "{ladder}");
    assert_eq!(devices(&folder, "alice"), 1);
}

#[test]
fn a_call_whose_server_stops_first_leaves_no_device() {
    let (folder, port) = (Folder::new("stops"), free_port());
    let server = start_plain(&folder, port);
    folder.json(&["account", "add", "alice", "--json"]);
    let before = devices(&folder, "alice");
    let call = started(&folder, &["call", "alice", "echo", "--seconds", "60"]);
    assert!(eventually(|| out(&folder.coeur(&["calls"])).contains("alice")));
    assert_eq!(devices(&folder, "alice"), before + 1);
    server.terminate();
    signal(&call, "-INT");
    let ended = call.wait_with_output().unwrap();
    assert!(!err(&ended).contains("is still there"), "{ended:?}");
    assert_eq!(devices(&folder, "alice"), before);
}

#[test]
fn a_self_test_that_is_interrupted_or_killed_leaves_no_account() {
    let (folder, port) = (Folder::new("interrupt-test"), free_port());
    let _server = start_plain(&folder, port);
    let test = started(&folder, &["selftest"]);
    assert!(eventually(|| tests_left(&folder)));
    signal(&test, "-INT");
    test.wait_with_output().unwrap();
    assert!(!tests_left(&folder));
    let mut test = started(&folder, &["selftest"]);
    assert!(eventually(|| tests_left(&folder)));
    test.kill().unwrap();
    test.wait().unwrap();
    assert!(tests_left(&folder));
    let passed = folder.coeur(&["selftest"]);
    assert!(passed.status.success() && !tests_left(&folder), "{passed:?}");
}

#[test]
fn tables_show_what_is_special_about_an_account_and_programs_read_json() {
    let folder = Folder::new("marks");
    folder.coeur(&["domain", "add", "d.test"]);
    folder.coeur(&["account", "add", "alice"]);
    let set =
        ["account", "set", "alice", "--enabled", "no", "--relay", "yes", "--contacts-max", "3", "--json"];
    assert_eq!(folder.json(&set)["done"], true);
    for arguments in [&["account", "list"][..], &["account", "show", "alice"]] {
        let text = out(&folder.coeur(arguments));
        assert!(text.contains("disabled, may relay, at most 3 contacts"), "{text}");
    }
    let refused = folder.coeur(&["account", "rm", "nobody", "--json"]);
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!((refused.status.code(), &error["exit"]), (Some(3), &3.into()));
    assert!(error["error"].as_str().unwrap().contains("nobody@d.test"), "{error}");
}

#[test]
fn pickup_groups_are_set_shown_in_either_language_and_ended() {
    let folder = Folder::new("groups");
    folder.coeur(&["domain", "add", "d.test"]);
    folder.coeur(&["account", "add", "alice"]);
    let set = |groups: &str| folder.coeur(&["account", "set", "alice", "--pickup-groups", groups]);
    assert!(set("support,Sales").status.success());
    assert_eq!(folder.json(&["account", "show", "alice", "--json"])["pickup_groups"][1], "support");
    for (language, words) in [("en", "pickup in sales+support"), ("fr", "interception dans sales+support")] {
        let mut list = process::command(&folder.0);
        let text = out(&list.args(["account", "list"]).env("COEUR_LANG", language).output().unwrap());
        assert!(text.contains(words), "{text}");
    }
    let refused = set("a b");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(err(&refused).contains("is no name of a pickup group"), "{refused:?}");
    assert!(set("no").status.success());
    assert_eq!(folder.json(&["account", "show", "alice", "--json"])["pickup_groups"], Value::Array(vec![]));
}

#[test]
fn an_unknown_name_is_no_empty_list() {
    let (folder, port) = (Folder::new("unknown"), free_port());
    let _server = start_plain(&folder, port);
    for arguments in
        [&["registrations", "--account", "nobody"][..], &["account", "list", "--domain", "nope.org"]]
    {
        let output = folder.coeur(arguments);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(3), ""), "{arguments:?}");
    }
    assert!(folder.coeur(&["account", "list", "--domain", "Example.TEST"]).status.success());
}

#[test]
fn names_that_mislead_and_secrets_that_are_guessed_are_told() {
    let folder = Folder::new("notes");
    folder.coeur(&["domain", "add", "d.test"]);
    let reserved = folder.coeur(&["account", "add", "echo@d.test"]);
    assert!(
        reserved.status.code() == Some(2) && err(&reserved).contains("answering service"),
        "{reserved:?}"
    );
    folder.coeur(&["account", "add", "alice"]);
    let namesake = folder.coeur(&["account", "add", "Alice"]);
    assert!(
        namesake.status.success() && err(&namesake).contains("alice@d.test is another account"),
        "{namesake:?}"
    );
    std::fs::write(folder.0.join("people.csv"), "account,secret\nbob@d.test,x\ncarol@d.test,y\n").unwrap();
    let weak = folder.coeur(&["account", "import", &folder.0.join("people.csv").display().to_string()]);
    assert!(weak.status.success(), "{weak:?}");
    for words in ["line 2: bob@d.test: its secret has fewer than 8 characters", "line 3: carol@d.test: its"] {
        assert!(err(&weak).contains(words), "{weak:?}");
    }
}

#[test]
fn what_follows_a_trace_reads_one_object_a_line() {
    let (folder, port) = (Folder::new("follow"), free_port());
    let _server = start_plain(&folder, port);
    let alice = folder.json(&["account", "add", "alice", "--json"]);
    phone(&alice[0], port).register(60).unwrap();
    let mut follow = started(&folder, &["trace", "--follow", "--json"]);
    let mut line = String::new();
    BufReader::new(follow.stdout.take().unwrap()).read_line(&mut line).unwrap();
    follow.kill().unwrap();
    follow.wait().unwrap();
    let view: Value = serde_json::from_str(&line).unwrap();
    assert!(view["ladder"].as_str().unwrap().contains("REGISTER"), "{view}");
}

#[test]
fn a_second_demonstration_in_a_folder_says_only_that_it_is_in_use() {
    let (folder, port) = (Folder::new("second-demo"), free_port());
    let listen = format!("udp://127.0.0.1:{port}");
    let arguments = ["--demo", "--domain", "127.0.0.1", "--http", "off", "--listen", &listen];
    let (_server, _) = Server::start(&folder, &arguments, "self test");
    let second = folder.coeur(&["serve", "--demo", "--listen", &listen]);
    assert_eq!((second.status.code(), out(&second).as_str()), (Some(4), ""), "{second:?}");
    assert!(err(&second).contains("is in use by process"), "{second:?}");
}

#[test]
fn a_data_directory_that_cannot_be_one_is_told_in_plain_words_before_anything_starts() {
    let folder = Folder::new("misplaced");
    let file = folder.0.join("c.toml");
    std::fs::write(&file, "").unwrap();
    let long = folder.0.join("x".repeat(120));
    for (data, words) in
        [(&file, "this is a file; --data names a directory"), (&long, "choose a shorter one")]
    {
        let data = data.display().to_string();
        for arguments in [
            &["serve", "--data", &data][..],
            &["domain", "add", "d.test", "--data", &data],
            &["check-config", "--data", &data],
        ] {
            let output = folder.coeur(arguments);
            assert!(output.status.code() == Some(2) && err(&output).contains(words), "{output:?}");
        }
    }
    assert!(!long.exists());
}

#[test]
fn commands_read_the_data_directory_of_the_settings_file() {
    let folder = Folder::new("of-file");
    let (file, data) = (folder.0.join("c.toml"), folder.0.join("data"));
    std::fs::write(&file, format!("data = \"{}\"\nshards = 1\n", data.display())).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = process::command(&folder.0);
        command.env_remove("COEUR_DATA").env("COEUR_CONFIG", &file).args(arguments).output().unwrap()
    };
    assert!(run(&["domain", "add", "d.test"]).status.success());
    assert!(data.join("coeur.db").exists());
    assert!(out(&run(&["domain", "list"])).contains("d.test"));
    std::fs::remove_file(&file).unwrap();
    let unread = run(&["domain", "list"]);
    assert!(unread.status.code() == Some(2) && err(&unread).contains("cannot be read"), "{unread:?}");
}

/// Only root can become somebody else.
#[test]
fn who_may_not_look_into_a_folder_hears_that_and_not_that_it_is_empty() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = Folder::new("locked");
    folder.coeur(&["domain", "add", "d.test"]);
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o700)).unwrap();
    let Ok(output) = process::command(&folder.0).args(["account", "list"]).uid(65_534).output() else {
        eprintln!("not root: nothing was tested");
        return;
    };
    assert!(output.status.code() == Some(4) && err(&output).contains("Permission denied"), "{output:?}");
}

#[test]
fn who_makes_trouble_stands_in_the_log_with_his_address_and_no_account_does() {
    let (folder, port) = (Folder::new("trouble"), free_port());
    let server = start_plain(&folder, port);
    let mut alice = folder.json(&["account", "add", "alice", "--json"]);
    assert!(phone(&alice[0], port).text("sip:bob@elsewhere.test", "hello").is_err());
    alice[0]["secret"] = "a guess".into();
    assert!(phone(&alice[0], port).register(60).is_err());
    let junk = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..3 {
        junk.send_to(b"\x80\x01", ("127.0.0.1", port)).unwrap();
    }
    for what in ["junk instead of SIP", "wrong passwords", "requests for other domains"] {
        let line = |log: &str| log.lines().filter(|line| line.contains(&format!("refused: {what}"))).count();
        assert!(eventually(|| line(&server.said()) == 1), "{what}: {}", server.said());
    }
    let log = server.said();
    assert!(log.contains("source=127.0.0.1") && !log.contains("alice"), "{log}");
}

/// SQLite wants to make an index beside the database, which cannot be there.
#[test]
fn a_backup_that_is_mounted_to_be_read_is_checked_and_is_whole() {
    let folder = Folder::new("backup");
    folder.coeur(&["domain", "add", "d.test"]);
    folder.coeur(&["account", "add", "alice"]);
    let coeur = process::command(&folder.0);
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" || exit 99; exec \"$2\" check-data --data \"$1\"";
    let mounted = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([folder.0.as_os_str(), coeur.get_program()])
        .output();
    match mounted {
        Ok(output) if output.status.code() == Some(0) => {
            assert!(
                out(&output).contains("nothing is damaged") && out(&output).contains("1 accounts"),
                "{output:?}"
            );
        }
        // The sandbox of the machine allows no mount; our own codes are others.
        Ok(output)
            if !out(&output).contains("records") && err(&output).contains("unshare")
                || output.status.code() == Some(99) =>
        {
            eprintln!("no mount namespace: nothing was tested");
        }
        Ok(output) => panic!("{output:?}"),
        Err(_) => eprintln!("no unshare: nothing was tested"),
    }
}

/// Passes datagrams between one phone and the server, and keeps what the two said.
struct Wire {
    port: u16,
    said: Arc<Mutex<String>>,
}

impl Wire {
    fn to(server: u16) -> Self {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        there.connect(("127.0.0.1", server)).unwrap();
        let (port, said) = (here.local_addr().unwrap().port(), Arc::new(Mutex::new(String::new())));
        for socket in [&here, &there] {
            socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        }
        let told = said.clone();
        std::thread::spawn(move || {
            let (mut buffer, mut phone) = ([0; 4_096], None);
            // As long as somebody looks. A server that is gone is an error, and may have said something before.
            while Arc::strong_count(&told) > 1 {
                if let Ok((length, from)) = here.recv_from(&mut buffer) {
                    phone = Some(from);
                    told.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
                    let _ = there.send(&buffer[..length]);
                }
                if let Ok(length) = there.recv(&mut buffer) {
                    told.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
                    phone.map(|phone| here.send_to(&buffer[..length], phone));
                }
            }
        });
        Self { port, said }
    }

    fn has(&self, words: &str) -> bool {
        self.said.lock().unwrap().contains(words)
    }
}

#[test]
fn a_server_that_is_stopped_ends_its_echo_call_and_tells_a_caller_who_waits() {
    let (folder, port) = (Folder::new("stopped"), free_port());
    let server = start_plain(&folder, port);
    let alice = folder.json(&["account", "add", "alice", "--json"]);
    let carol = folder.json(&["account", "add", "carol", "--json"]);
    let bob = folder.json(&["account", "add", "bob", "--json"]);
    let mut silent = phone(&bob[0], port);
    silent.register(60).unwrap();
    let (talking, waiting) = (Wire::to(port), Wire::to(port));
    let mut phones = [
        (phone(&alice[0], talking.port), "sip:echo@example.test"),
        (phone(&carol[0], waiting.port), "sip:bob@example.test"),
    ];
    std::thread::scope(|scope| {
        for (phone, to) in &mut phones {
            // What becomes of the call is on the wire.
            scope.spawn(move || phone.call(to, Duration::from_secs(2)).map(drop).is_ok());
        }
        assert!(eventually(|| talking.has("ACK sip:b2b-") && waiting.has("SIP/2.0 100 ")));
        assert!(server.terminate().success());
        assert!(eventually(|| talking.has("BYE sip:alice@")), "{}", talking.said.lock().unwrap());
        assert!(eventually(|| waiting.has("SIP/2.0 503 ")), "{}", waiting.said.lock().unwrap());
    });
}
