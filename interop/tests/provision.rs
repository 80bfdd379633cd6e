//! Real programs are told their accounts by a link, register with what they were told, and are rung.

use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::linphone::Linphone;
use coeur_interop::{baresip, free_port, tone};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

struct Provisioner {
    server: Coeur,
    web: u16,
}

/// One link, as `coeur device connect --json` gives it.
struct Link {
    phone: String,
    url: String,
    device: String,
}

impl Provisioner {
    fn start(name: &str) -> Self {
        let web = free_port();
        let address = format!("127.0.0.1:{web}");
        let accounts = [("alice", "typed-by-hand-1"), ("bob", "typed-by-hand-2")];
        Self { server: Coeur::start_with(name, &accounts, &["--web", &address]), web }
    }

    fn connect(&self, arguments: &[&str]) -> Link {
        let arguments = [&["device", "connect"], arguments, &["--json"]].concat();
        let link: serde_json::Value = serde_json::from_str(&self.server.cli(&arguments, "")).expect("JSON");
        let text = |key: &str| link[key].as_str().expect("a text").to_owned();
        Link { phone: text("phone"), url: text("url"), device: text("device") }
    }

    fn phone(&self, link: &Link) -> serde_json::Value {
        let shown = self.server.cli(&["device", "phone", &link.phone, "--json"], "");
        serde_json::from_str(&shown).expect("JSON")
    }

    /// As a program that is not Linphone.
    fn get(&self, url: &str) -> (u16, String) {
        let path = url.split_once(&format!(":{}", self.web)).expect("the address of the pages").1;
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).expect("the pages are served");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

fn steps(phone: &serde_json::Value) -> Vec<&str> {
    let steps = phone["steps"].as_array().expect("steps");
    steps.iter().filter_map(|step| step["step"].as_str()).collect()
}

#[test]
#[ignore = "needs linphonec"]
fn linphonec_is_told_its_account_by_a_link_and_registers_with_it() {
    let provisioner = Provisioner::start("provision-linphone");
    let link = provisioner.connect(&["alice"]);
    assert_eq!(provisioner.get(&link.url).0, 403, "a browser uses nothing up");
    let mut phone = Linphone::told_by(&link.url);
    phone.registered();
    provisioner.server.wait_for_registrations(1);
    let shown = provisioner.phone(&link);
    assert_eq!(shown["registered"], true, "{shown}");
    assert_eq!(steps(&shown), ["link_made", "fetched", "registered"], "{shown}");
    let devices = provisioner.server.cli(&["registrations", "--json"], "");
    let devices: serde_json::Value = serde_json::from_str(&devices).expect("JSON");
    assert_eq!(devices[0]["device"], link.device.as_str(), "{devices}");
    println!("{shown}");
}

#[test]
#[ignore = "needs baresip"]
fn baresip_registers_with_the_line_that_a_link_gives() {
    let provisioner = Provisioner::start("provision-baresip");
    let link = provisioner.connect(&["bob", "--vendor", "baresip", "--transport", "udp"]);
    let (status, accounts) = provisioner.get(&link.url);
    assert_eq!(status, 200);
    let secret =
        accounts.split_once("auth_pass=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a secret").0;
    let setup = baresip::Setup::on_loopback(&provisioner.server, ("bob", secret), "udp", 440);
    let mut phone = baresip::Phone::start_told(&setup, &accounts);
    phone.registered();
    provisioner.server.wait_for_registrations(1);
    assert_eq!(provisioner.phone(&link)["registered"], true);
    let (again, _) = provisioner.get(&link.url);
    assert_eq!(again, 200, "the same source may ask again at once");
    assert!(accounts.contains(&format!("sip:bob@{DOMAIN}")));
}

impl Provisioner {
    /// A phone of bob's that has fetched its settings and is registered.
    fn baresip_of_bob(&self) -> (Link, baresip::Phone) {
        let link = self.connect(&["bob", "--vendor", "baresip", "--transport", "udp"]);
        let (status, accounts) = self.get(&link.url);
        assert_eq!(status, 200);
        let secret = accounts
            .split_once("auth_pass=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .expect("a secret")
            .0;
        let setup = baresip::Setup::on_loopback(&self.server, ("bob", secret), "udp", 440);
        // What a link tells leaves open who answers.
        let accounts = accounts.replace(";auth_user", ";answermode=auto;auth_user");
        let mut phone = baresip::Phone::start_told(&setup, &accounts);
        phone.registered();
        self.server.wait_for_registrations(1);
        (link, phone)
    }

    /// How the command ends, and what it says.
    fn ring(&self, link: &Link) -> (Option<i32>, serde_json::Value) {
        let (code, told) = self.server.ends(&["device", "ring", "bob", &link.device, "--json"]);
        println!("coeur device ring bob {}: {code:?} {told}", link.device);
        (code, serde_json::from_str(&told).expect("JSON"))
    }
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_that_is_tested_rings_is_taken_and_is_heard() {
    let provisioner = Provisioner::start("provision-ring");
    let (link, phone) = provisioner.baresip_of_bob();
    let (code, told) = provisioner.ring(&link);
    assert_eq!((code, &told["result"]), (Some(0), &"heard".into()), "{told}\n{}", provisioner.server.log());
    let packets = told["packets"].as_u64().expect("measured");
    assert!(told["rang"] == true && told["answered"] == true && packets > 300, "{told}");
    let shown = provisioner.phone(&link);
    let told: Vec<&str> = steps(&shown).into_iter().skip_while(|step| *step != "registered").collect();
    assert!(told.ends_with(&["answered", "heard"]), "{told:?}");
    assert!(shown.get("fault").is_none(), "{shown}");
    let log = phone.log();
    assert!(log.contains("echo@") && log.contains("Call established"), "{log}");
    let heard = phone.heard_s(440.0);
    println!("it has heard itself for {heard} s");
    assert!(heard > 5.0, "{heard}");
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_whose_microphone_is_dead_is_not_heard_and_what_to_do_is_said() {
    let provisioner = Provisioner::start("provision-mute");
    let (link, phone) = provisioner.baresip_of_bob();
    phone.says(&tone::wav(0));
    let (code, told) = provisioner.ring(&link);
    assert_eq!((code, &told["result"]), (Some(1), &"not_heard".into()), "{told}");
    assert!(told["packets"].as_u64().expect("measured") > 300 && told.get("verdict").is_none(), "{told}");
    let shown = provisioner.phone(&link);
    assert_eq!((&shown["fault"], steps(&shown).last()), (&"not_heard".into(), Some(&"not_heard")), "{shown}");
    assert!(shown["remedy"].as_str().expect("what to do").contains("icrophone"), "{shown}");
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_that_is_gone_is_unreachable_whether_its_registration_is_gone_or_not() {
    let provisioner = Provisioner::start("provision-gone");
    let link = provisioner.connect(&["bob", "--vendor", "baresip", "--transport", "udp"]);
    let (code, told) = provisioner.ring(&link);
    assert_eq!((code, &told["result"]), (Some(1), &"unreachable".into()), "it never came: {told}");
    let (link, phone) = provisioner.baresip_of_bob();
    // Killed, it says no good-bye.
    drop(phone);
    let (code, told) = provisioner.ring(&link);
    assert_eq!((code, &told["result"]), (Some(1), &"unreachable".into()), "{told}");
    assert_eq!(told["status"], 408, "nothing has come back in 20 s: {told}");
    assert_eq!(provisioner.phone(&link)["fault"], "unreachable");
}

/// RFC 8446 section 6.2: unknown_ca.
#[test]
#[ignore = "needs openssl"]
fn a_phone_that_does_not_trust_the_certificate_is_told_so_by_its_own_alert() {
    let provisioner = Provisioner::start("provision-tls");
    let link = provisioner.connect(&["bob", "--vendor", "baresip", "--transport", "tls"]);
    assert_eq!(provisioner.get(&link.url).0, 200);
    for version in ["-tls1_2", "-tls1_3"] {
        let address = format!("127.0.0.1:{}", provisioner.server.port_of("tls"));
        let client = std::process::Command::new("openssl")
            .args(["s_client", "-connect", &address, version, "-verify_return_error", "-no-CAfile"])
            .args(["-no-CApath", "-no-CAstore"])
            .stdin(std::process::Stdio::null())
            .output()
            .expect("openssl is installed");
        assert!(!client.status.success(), "it has no authority to trust");
        let until = Instant::now() + Duration::from_secs(5);
        while provisioner.phone(&link)["fault"] != "authority_not_trusted" {
            assert!(Instant::now() < until, "{version}: {}", provisioner.phone(&link));
            std::thread::sleep(Duration::from_millis(100));
        }
        let shown = provisioner.phone(&link);
        assert_eq!(steps(&shown), ["link_made", "fetched", "tls_untrusted"], "{version}: {shown}");
        println!("{version}: {}", shown["sentence"]);
    }
}
