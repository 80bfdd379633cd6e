//! Requests that the kernel hands to another shard than that of the transaction which they belong to.

mod process;

use coeur::config::listen::Scheme;
use coeur::user_agent::Link;
use coeur::user_agent::message::Heard;
use coeur::user_agent::tls::Trust;
use coeur_sip::digest::{Ha1, Session, challenges};
use process::{Folder, Server, free_port, http_get};
use serde_json::Value;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// With two shards each try misses with a chance of one half.
const TRIES_MAX: usize = 40;

/// A phone that says what the test wants.
struct Raw {
    link: Link,
    scheme: Scheme,
    port: u16,
    user: String,
    secret: String,
    number: u32,
}

impl Raw {
    fn new(account: &Value, scheme: Scheme, port: u16) -> Self {
        let user = account["account"].as_str().unwrap().split('@').next().unwrap().to_owned();
        let secret = account["secret"].as_str().unwrap().to_owned();
        Self { link: open(scheme, port), scheme, port, user, secret, number: 0 }
    }

    /// It speaks from another port from now on: its NAT has forgotten it, or its connection was lost.
    fn moves(&mut self) {
        self.link = open(self.scheme, self.port);
    }

    /// Asks with an answer to the challenge; what was sent last and the first answer to it.
    fn ask(&mut self, method: &str, to: &str, more: &str, body: &str) -> (String, Heard) {
        self.number += 1;
        let first = self.write(method, to, (1, more), body);
        self.link.send(first.as_bytes()).unwrap();
        let refusal = self.answer();
        let proof = self.proof(method, uri_of(method, to), &refusal);
        let second = self.write(method, to, (2, &format!("{more}{proof}")), body);
        self.link.send(second.as_bytes()).unwrap();
        let answer = self.answer();
        (second, answer)
    }

    fn write(&self, method: &str, to: &str, (cseq, more): (u32, &str), body: &str) -> String {
        let (user, local, length) = (&self.user, self.link.local(), body.len());
        let (call, uri) = (format!("{user}{}", self.number), uri_of(method, to));
        let (transport, lower) = (name(self.scheme), name(self.scheme).to_lowercase());
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{call}-{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag={call}\r\nTo: <{to}>\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{user}@{local};transport={lower}>\r\n{more}\
             Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// The header line that answers this challenge.
    fn proof(&self, method: &str, uri: &str, refusal: &Heard) -> String {
        let (asked, given) = match method {
            "REGISTER" => ("WWW-Authenticate", "Authorization"),
            _ => ("Proxy-Authenticate", "Proxy-Authorization"),
        };
        let value = refusal.header(asked).unwrap_or_else(|| panic!("{refusal:?}"));
        let mut session = Session::new(&challenges(value.as_bytes()).next().unwrap().unwrap());
        let (user, secret) = (self.user.as_bytes(), self.secret.as_bytes());
        let ha1 = Ha1::new(session.algorithm(), user, session.realm(), secret);
        let mut written = Vec::new();
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), b"", [7; 16], &mut written);
        format!("{given}: {}\r\n", String::from_utf8(written).unwrap())
    }

    fn hear(&mut self, what: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.link.receive(until).unwrap();
            let message = message.unwrap_or_else(|| panic!("{} waits for {what}", self.user));
            let heard = Heard::read(&message).unwrap();
            if is_it(&heard) {
                return heard;
            }
        }
    }

    /// The next answer.
    fn answer(&mut self) -> Heard {
        self.hear("an answer", |heard| heard.status().is_some())
    }

    fn answer_to(&mut self, method: &str) -> Heard {
        let is_final = |heard: &Heard| heard.status().is_some_and(|status| status >= 200);
        self.hear(&format!("the answer to {method}"), |heard| {
            is_final(heard) && heard.cseq_method() == Some(method)
        })
    }

    fn reply(&mut self, request: &Heard, status: &str) {
        let copied = ["Via", "From", "Call-ID", "CSeq"];
        let mut text = format!("SIP/2.0 {status}\r\nTo: {};tag=callee\r\n", request.header("To").unwrap());
        for name in copied {
            for value in request.all(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str(&format!(
            "Contact: <sip:{}@{}>\r\nContent-Length: 0\r\n\r\n",
            self.user,
            self.link.local()
        ));
        self.link.send(text.as_bytes()).unwrap();
    }
}

fn uri_of<'t>(method: &str, to: &'t str) -> &'t str {
    if method == "REGISTER" { "sip:example.test" } else { to }
}

fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Udp => "UDP",
        Scheme::Tcp => "TCP",
        Scheme::Tls => "TLS",
        Scheme::Ws => "WS",
        Scheme::Wss => "WSS",
    }
}

fn open(scheme: Scheme, port: u16) -> Link {
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    Link::open(scheme, address, "example.test", &Trust::anything().unwrap()).unwrap()
}

/// RFC 3261 section 9.1: what the CANCEL of this INVITE is.
fn cancel_of(invite: &str) -> String {
    let kept = ["Via:", "Max-Forwards:", "From:", "To:", "Call-ID:"];
    let mut lines = invite.split("\r\n");
    let mut cancel = lines.next().unwrap().replacen("INVITE", "CANCEL", 1) + "\r\n";
    for line in lines.filter(|line| kept.iter().any(|name| line.starts_with(name))) {
        cancel.push_str(&format!("{line}\r\n"));
    }
    cancel + "CSeq: 2 CANCEL\r\nContent-Length: 0\r\n\r\n"
}

/// Section 17.1.1.3: what acknowledges this answer to this INVITE.
fn ack_of(invite: &str, answer: &Heard) -> String {
    let to = format!("To: {}", answer.header("To").unwrap());
    let lines = cancel_of(invite).replacen("CANCEL", "ACK", 1).replace("2 CANCEL", "2 ACK");
    let lines: Vec<String> = lines
        .split("\r\n")
        .map(|line| if line.starts_with("To:") { to.clone() } else { line.to_owned() })
        .collect();
    lines.join("\r\n")
}

fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

fn metric(page: u16, line: &str) -> u64 {
    let (_, body) = http_get(page, "/metrics");
    let value = body.lines().find_map(|known| known.strip_prefix(line));
    value.unwrap_or_else(|| panic!("no {line} in {body}")).trim().parse().unwrap()
}

/// Alice calls bob from one port, and gives up from another, until both shards were hit.
fn cancels_from_elsewhere(name: &str, scheme: Scheme, mode: &[&str]) {
    let (folder, port, page, web) = (Folder::new(name), free_port(), free_port(), free_port());
    let http = format!("127.0.0.1:{page}");
    let places = [
        format!("udp://127.0.0.1:{port}"),
        format!("tcp://127.0.0.1:{port}"),
        format!("ws://127.0.0.1:{web}"),
    ];
    let mut arguments = vec!["--domain", "example.test", "--turn", "off", "--http", &http, "--shards", "2"];
    places.iter().for_each(|place| arguments.extend(["--listen", place]));
    arguments.extend(mode);
    let _server = Server::start(&folder, &arguments, "ready").0;
    let made = ["alice", "bob"].map(|user| folder.json(&["account", "add", user, "--json"])[0].clone());
    let mut bob = Raw::new(&made[1], Scheme::Udp, port);
    assert_eq!(bob.ask("REGISTER", "sip:bob@example.test", "Expires: 600\r\n", "").1.status(), Some(200));
    let sought = || metric(page, "coeur_shard_passed_total{what=\"invite_sought\"}");
    let (mut missed, mut met) = (0, 0);
    for tried in 0.. {
        assert!(tried < TRIES_MAX, "{missed} of {tried} were handed to another shard");
        let place = if scheme == Scheme::Ws { web } else { port };
        let mut alice = Raw::new(&made[0], scheme, place);
        alice.number = 100 * (tried as u32 + 1);
        let before = sought();
        let (invite, trying) =
            alice.ask("INVITE", "sip:bob@example.test", "Content-Type: application/sdp\r\n", &sdp(40_000));
        assert_eq!(trying.status(), Some(100));
        let rings = bob.hear("an INVITE", |heard| heard.method() == Some("INVITE"));
        bob.reply(&rings, "180 Ringing");
        alice.hear("ringing", |heard| heard.status() == Some(180));
        alice.moves();
        alice.link.send(cancel_of(&invite).as_bytes()).unwrap();
        assert_eq!(alice.answer_to("CANCEL").status(), Some(200), "try {tried}");
        let went = sought() - before;
        assert!(went <= 1, "it went round {went} times");
        let withdrawn = bob.hear("a CANCEL", |heard| heard.method() == Some("CANCEL"));
        bob.reply(&withdrawn, "200 OK");
        bob.reply(&rings, "487 Request Terminated");
        bob.hear("an ACK", |heard| heard.method() == Some("ACK"));
        let over = alice.answer_to("INVITE");
        assert_eq!(over.status(), Some(487));
        alice.link.send(ack_of(&invite, &over).as_bytes()).unwrap();
        // In a call of ours the tag leads the ACK (decision 0012), through the proxy it is looked for as the CANCEL was.
        let went_too = if mode.is_empty() { went } else { 2 * went };
        assert!(
            process::eventually(|| sought() - before == went_too),
            "{} instead of {went_too}",
            sought() - before
        );
        if went == 0 {
            met += 1
        } else {
            missed += 1
        }
        if missed > 0 && met > 0 {
            assert_eq!(metric(page, "coeur_stray_acks_total"), 0);
            return;
        }
    }
}

/// RFC 3261 sections 9.2 and 17.2.3, decision 0040: a NAT that has forgotten a phone gives it another port, and the kernel
/// hands what comes from there to any of the shards.
#[test]
fn a_cancel_over_udp_that_another_shard_hears_ends_what_rings() {
    cancels_from_elsewhere("cancel-udp", Scheme::Udp, &[]);
}

#[test]
fn a_cancel_over_another_tcp_connection_ends_what_rings() {
    cancels_from_elsewhere("cancel-tcp", Scheme::Tcp, &[]);
}

#[test]
fn a_cancel_over_another_web_socket_ends_what_rings() {
    cancels_from_elsewhere("cancel-ws", Scheme::Ws, &[]);
}

#[test]
fn a_cancel_from_elsewhere_ends_what_rings_through_the_proxy() {
    cancels_from_elsewhere("cancel-proxy", Scheme::Udp, &["--calls", "proxy"]);
}

/// Every shard is asked once, and one of them says that there is no such call.
#[test]
fn a_cancel_of_no_call_goes_round_once_and_draws_one_481() {
    let (folder, port, page) = (Folder::new("cancel-stray"), free_port(), free_port());
    let (http, listen) = (format!("127.0.0.1:{page}"), format!("udp://127.0.0.1:{port}"));
    let arguments =
        ["--domain", "example.test", "--turn", "off", "--http", &http, "--shards", "3", "--listen", &listen];
    let _server = Server::start(&folder, &arguments, "ready").0;
    let account = serde_json::json!({"account": "nobody@example.test", "secret": "none"});
    let mut stranger = Raw::new(&account, Scheme::Udp, port);
    for number in 1..=5 {
        stranger.number = number;
        let invite = stranger.write("INVITE", "sip:bob@example.test", (2, ""), "");
        stranger.link.send(cancel_of(&invite).as_bytes()).unwrap();
        let heard = stranger.answer();
        assert_eq!(
            (heard.status(), heard.branch()),
            (Some(481), Heard::read(invite.as_bytes()).unwrap().branch())
        );
        assert_eq!(metric(page, "coeur_shard_passed_total{what=\"invite_sought\"}"), 2 * u64::from(number));
    }
    assert_eq!(metric(page, "coeur_cancels_total"), 0);
}
