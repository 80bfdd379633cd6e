//! Calls as an operator sees them: those that live, over the control socket, and the records of those that are over.

mod process;

use process::{Folder, free_port, phone, start_plain};
use serde_json::Value;
use std::time::Duration;

const TALK: Duration = Duration::from_secs(4);

/// Two accounts, and two phones that talk for [`TALK`]; `meanwhile` is given the name of their call.
fn talk(folder: &Folder, port: u16, meanwhile: impl FnOnce(&str)) {
    let made: Vec<Value> =
        ["alice", "bob"].map(|name| folder.json(&["account", "add", name, "--json"])[0].clone()).into();
    let mut bob = phone(&made[1], port);
    bob.register(60).unwrap();
    let mut alice = phone(&made[0], port);
    let answering = std::thread::spawn(move || bob.take_a_call(Duration::from_secs(20)));
    let calling = std::thread::spawn(move || alice.call("sip:bob@example.test", TALK));
    let mut call = String::new();
    until("the call is answered", || {
        let calls = folder.json(&["calls", "--json"]);
        let answered = calls.as_array().unwrap().iter().find(|call| call["state"] == "answered");
        call = answered.map(|call| call["call"].as_str().unwrap().to_owned()).unwrap_or_default();
        answered.is_some()
    });
    meanwhile(&call);
    // Its end is what the test is about, not what each phone says of it.
    let _ = (calling.join().unwrap(), answering.join().unwrap());
}

fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(process::eventually(is_so), "not so within 5 seconds: {what}");
}

fn records(folder: &Folder, filter: &[&str]) -> Vec<Value> {
    let arguments = [&["records", "--json"], filter].concat();
    folder.json(&arguments).as_array().unwrap().clone()
}

#[test]
fn a_call_is_seen_while_it_lives_and_its_record_says_how_it_was_also_after_a_restart() {
    let (folder, port) = (Folder::new("calls-seen"), free_port());
    let server = start_plain(&folder, port);
    let mut name = String::new();
    talk(&folder, port, |call| {
        name = call.to_owned();
        until("packets are counted on both sides", || {
            let shown = folder.json(&["calls", "show", call, "--json"]);
            let heard = |side: &str| shown[side]["streams"][0]["received"]["packets"].as_u64().unwrap_or(0);
            heard("caller") > 10 && heard("callee") > 10
        });
        let shown = folder.json(&["calls", "show", call, "--json"]);
        assert_eq!((&shown["srtp"], shown["shard"].is_number()), (&"mixed".into(), true));
        for (side, account) in [("caller", "alice@example.test"), ("callee", "bob@example.test")] {
            let (side, stream) = (&shown[side], &shown[side]["streams"][0]);
            assert_eq!((&side["account"], &side["transport"]), (&account.into(), &"udp".into()));
            assert_eq!((&stream["codec"], &stream["protection"]), (&"PCMU/8000".into(), &"clear".into()));
            assert_eq!(stream["heard_from"], stream["promised"], "no NAT between");
            assert!(stream["received"]["mos"].as_f64().unwrap() > 3.0, "{stream}");
        }
        let text = folder.coeur(&["calls", "show", call]);
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        assert!(text.contains("alice@example.test") && text.contains("heard from"), "{text}");
        let list = folder.coeur(&["calls", "--account", "bob"]);
        assert!(String::from_utf8_lossy(&list.stdout).contains(call));
    });
    until("the record is written", || !records(&folder, &[]).is_empty());
    assert_eq!(folder.json(&["calls", "--json"]), Value::Array(Vec::new()));
    let record = records(&folder, &["--since", "1h", "--account", "alice"]).remove(0);
    assert_eq!((&record["id"], &record["disposition"]), (&name.as_str().into(), &"answered".into()));
    assert!(record["talk_ms"].as_u64().unwrap() >= 3_000, "{record}");
    for side in ["caller", "callee"] {
        let way = &record[side]["received"];
        assert!(way["packets"].as_u64().unwrap() > 100 && way["loss_pct"].is_number(), "{record}");
    }
    assert!(records(&folder, &["--failed"]).is_empty() && records(&folder, &["--bad"]).is_empty());
    let quality = folder.json(&["quality", "--since", "1h", "--by", "codec", "--json"]);
    assert_eq!((&quality["total"]["count"], &quality["groups"][0]["count"]), (&1.into(), &2.into()));
    assert_eq!((&quality["groups"][0]["name"], &quality["total"]["bad"]), (&"PCMU/8000".into(), &0.into()));
    let shown = folder.coeur(&["quality", "--by", "program"]).stdout;
    assert!(String::from_utf8_lossy(&shown).lines().count() >= 3, "{shown:?}");
    let gone = folder.coeur(&["calls", "show", &name]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("`coeur records show"), "{gone:?}");
    let csv = folder.coeur(&["records", "--csv"]).stdout;
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.starts_with("id,start_at,") && csv.contains(&format!("\r\ncall_{name},")), "{csv}");
    // As the API writes it, and as the tables do.
    for name in [format!("call_{name}"), name.to_string()] {
        assert_eq!(folder.coeur(&["records", "show", &name]).status.code(), Some(0), "{name}");
    }
    server.terminate();
    assert_eq!(folder.json(&["records", "show", &name, "--json"]), record, "read without a server too");
}

/// What was measured comes from the media worker after the word to stop.
#[test]
fn a_call_that_ends_because_the_server_stops_has_its_record_with_what_was_measured() {
    let (folder, port) = (Folder::new("calls-stop"), free_port());
    let mut server = Some(start_plain(&folder, port));
    talk(&folder, port, |call| {
        until("packets are counted", || {
            let shown = folder.json(&["calls", "show", call, "--json"]);
            shown["callee"]["streams"][0]["received"]["packets"].as_u64() > Some(10)
        });
        server.take().unwrap().terminate();
    });
    let record = records(&folder, &[]).remove(0);
    assert_eq!((&record["hangup_by"], &record["disposition"]), (&"exchange".into(), &"answered".into()));
    assert!(record["callee"]["received"]["packets"].as_u64() > Some(10), "{record}");
}

/// What the next process would take up.
#[test]
fn check_data_counts_the_calls_that_a_killed_server_has_left() {
    let (folder, port) = (Folder::new("calls-killed"), free_port());
    let mut server = Some(start_plain(&folder, port));
    talk(&folder, port, |call| {
        until("packets are counted", || {
            let shown = folder.json(&["calls", "show", call, "--json"]);
            shown["callee"]["streams"][0]["received"]["packets"].as_u64() > Some(10)
        });
        server.take().unwrap().kill_9();
        let checked = folder.json(&["check-data", "--json"]);
        assert_eq!(
            (&checked["journal"]["calls"], &checked["problems"]),
            (&1.into(), &Value::Array(Vec::new()))
        );
    });
}

#[test]
fn a_call_is_hung_up_by_its_name_and_no_other_is() {
    let (folder, port) = (Folder::new("calls-hangup"), free_port());
    let _server = start_plain(&folder, port);
    talk(&folder, port, |call| {
        let wrong = folder.coeur(&["calls", "hangup", "019ac0de-1234-7abc-8def-0123456789ab"]);
        assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
        assert_eq!(folder.json(&["calls", "--json"]).as_array().unwrap().len(), 1);
        assert!(folder.coeur(&["calls", "hangup", call]).status.success());
    });
    until("the record is written", || !records(&folder, &[]).is_empty());
    assert_eq!(records(&folder, &[])[0]["hangup_by"], "operator");
}
