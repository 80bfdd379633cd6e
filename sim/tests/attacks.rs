//! Attacks on the real exchange with a clock that is driven. Names in brackets are those of the threat model. What
//! needs sockets, connections or real time is in `interop/tests/attacks.rs`.

mod bench;

use bench::{ALICE, BOB, Bench, bytes_of, party, status, stranger, to, two_phones};
use coeur_sim::chance::Chance;
use coeur_sim::fuzzing::desk::{DOMAIN, STRANGER, Sent, stream, udp};
use coeur_sim::fuzzing::party::Request;
use coeur_sip::transport::Transport;

/// Every method that a phone begins something with.
const METHODS: &[&str] =
    &["REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "REFER", "PUBLISH", "XYZZY"];

#[test]
fn a_captured_request_of_any_method_is_never_accepted_again() {
    // [T-05]
    let later_s = [0, 1, 10, 61, 301];
    let sources = [ALICE, udp([192, 0, 2, 11], 6666), STRANGER];
    let mut replays = 0;
    for method in METHODS {
        for wait_s in later_s {
            for source in sources {
                let mut bench = Bench::new();
                let (mut alice, _) = two_phones(&mut bench);
                let captured = bench.request(&alice, method, &format!("sip:{}", uri_of(method)));
                let (captured, _) = bench.prove(&mut alice, captured);
                let before = bench.authenticated();
                bench.desk.wait_ms(wait_s * 1_000);
                for replay in replays_of(&captured) {
                    let sent = bench.desk.receive(source, &bytes_of(&replay, &source));
                    assert!(sent.iter().all(|each| each.status.is_some()), "{method} was relayed again");
                    assert!(
                        status(&sent) >= 400,
                        "{method} after {wait_s} s from {source:?}: {}",
                        status(&sent)
                    );
                    replays += 1;
                }
                assert_eq!(bench.authenticated(), before, "{method} after {wait_s} s from {source:?}");
            }
        }
    }
    println!("T-05: {replays} replays, 0 accepted");
}

fn uri_of(method: &str) -> String {
    if method == "REGISTER" { DOMAIN.into() } else { format!("bob@{DOMAIN}") }
}

/// The captured request as it is on a new transaction, and with its method, target and nonce count changed.
fn replays_of(captured: &Request) -> Vec<Request> {
    let again = |change: &dyn Fn(&mut Request)| {
        let mut replay = Request { branch: "z9hG4bKreplay".into(), ..captured.clone() };
        change(&mut replay);
        replay
    };
    let count = |count: &'static str| {
        move |replay: &mut Request| {
            let line = replay.extra.last_mut().expect("the credentials");
            *line = line.replace("nc=00000001", &format!("nc={count}"));
        }
    };
    vec![
        again(&|_| {}),
        again(&|replay| replay.cseq += 1),
        again(&|replay| replay.call_id.push('x')),
        again(&|replay| replay.method = if replay.method == "MESSAGE" { "INVITE" } else { "MESSAGE" }),
        again(&|replay| replay.uri = format!("sip:carol@{DOMAIN}")),
        again(&|replay| replay.from = replay.from.replace("alice", "carol")),
        again(&count("00000000")),
        again(&count("00000002")),
        again(&count("00000064")),
        again(&count("ffffffff")),
    ]
}

#[test]
fn a_challenge_stripped_of_its_better_half_gets_a_weaker_answer_that_is_refused() {
    // [T-06] Somebody in the middle takes the SHA-256 challenge away from a device that has proved it.
    let mut bench = Bench::new();
    let mut alice = party(0, ALICE);
    bench.register(&mut alice);
    for _ in 0..20 {
        let mut request = bench.request(&alice, "REGISTER", &format!("sip:{DOMAIN}"));
        let challenge = bench.desk.receive(ALICE, &bytes_of(&request, &ALICE)).remove(0);
        let text = String::from_utf8(challenge.bytes).expect("text");
        let stripped = text.replace("algorithm=SHA-256", "algorithm=MD5");
        alice.session = None;
        alice.receive(stripped.into_bytes());
        (request.branch, request.cseq) = (format!("{}x", request.branch), 2);
        request.extra.push(alice.credentials("REGISTER", &request.uri).expect("a challenge"));
        assert!(request.extra.last().is_some_and(|line| line.contains("MD5")));
        assert_eq!(status(&bench.send(&mut alice, &request)), 401);
    }
    let counters = bench.desk.exchange().counters();
    assert_eq!((counters.authenticated, counters.downgrade_refused), (1, 20));
}

#[test]
fn guessed_tags_end_no_call() {
    // [T-08] Call-ID, addresses and even the signed route are known; tags and branches are guessed.
    const FORGERIES: u64 = 20_000;
    let mut bench = Bench::new();
    let (mut alice, mut bob) = two_phones(&mut bench);
    bench.call(&mut alice, &mut bob);
    let known = bench.inside(&alice, "BYE");
    let (mut chance, mut mallory) = (Chance::new(8), stranger());
    for _ in 0..FORGERIES {
        let mut forged = known.clone();
        forged.method = ["BYE", "CANCEL", "ACK", "INVITE", "UPDATE", "INFO"][chance.below(6) as usize];
        forged.from = forged.from.replace(";tag=", &format!(";tag={:x}", chance.below(u64::MAX)));
        if chance.happens(500) {
            forged.to = format!("<sip:bob@{DOMAIN}>;tag={:x}", chance.below(u64::MAX));
        }
        if chance.happens(300) {
            forged.routes.clear();
        }
        forged.branch = format!("z9hG4bK{:x}", chance.below(u64::MAX));
        mallory.flow = [STRANGER, ALICE, udp([192, 0, 2, 11], 6666)][chance.below(3) as usize];
        let sent = bench.desk.receive(mallory.flow, &bytes_of(&forged, &mallory.flow));
        let relayed = sent.iter().any(|each| each.status.is_none());
        assert!(!relayed, "{}", String::from_utf8_lossy(&bytes_of(&forged, &mallory.flow)));
    }
    let bye = bench.inside(&alice, "BYE");
    assert!(to(&bench.send(&mut alice, &bye), &bob).is_some(), "the call stands until Alice ends it");
    println!("T-08: {FORGERIES} requests with guessed tags, 0 relayed");
}

#[test]
fn sniffed_tags_end_no_call_from_elsewhere() {
    // [T-08] Everything was read on the wire: tags, Call-ID, branch, route.
    let mut bench = Bench::new();
    let (mut alice, mut bob) = two_phones(&mut bench);
    bench.call(&mut alice, &mut bob);
    for side in [&alice, &bob] {
        for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "ACK", "CANCEL", "PRACK"] {
            let forged = bench.inside(side, method);
            let sent = bench.desk.receive(STRANGER, &bytes_of(&forged, &STRANGER));
            assert!(sent.iter().all(|each| each.status.is_some()), "{method} was relayed");
            let expected: &[u16] = if method == "ACK" { &[0] } else { &[401, 407, 481] };
            assert!(expected.contains(&status(&sent)), "{method}: {}", status(&sent));
        }
    }
}

#[test]
fn an_account_of_its_own_ends_nobody_elses_call() {
    // [T-08] The attacker has read everything on the wire and has an account: it proves itself, as itself.
    let mut bench = Bench::new();
    let (mut alice, mut bob) = two_phones(&mut bench);
    bench.call(&mut alice, &mut bob);
    let mut carol = party(2, udp([192, 0, 2, 13], 5060));
    bench.register(&mut carol);
    for (side, name) in [(&alice, "alice"), (&bob, "bob")] {
        for method in ["BYE", "INVITE", "INFO", "REFER"] {
            let mut forged = bench.inside(side, method);
            forged.from = forged.from.replace(name, "carol");
            let (_, sent) = bench.prove(&mut carol, forged);
            assert!(
                sent.iter().all(|each| each.status.is_some()),
                "{method} of {name} was relayed for carol"
            );
        }
    }
}

#[test]
fn a_cancel_from_elsewhere_ends_no_ringing_call() {
    // [T-08]
    let mut bench = Bench::new();
    let (mut alice, mut bob) = two_phones(&mut bench);
    let (invite, received) = bench.ring(&mut alice, &mut bob);
    for source in [STRANGER, stream(Transport::Tcp, [192, 0, 2, 11], 9), BOB] {
        let mut cancel = Request { method: "CANCEL", body: "", ..invite.clone() };
        cancel.extra.clear();
        // The Via must be Alice's own to name her transaction.
        let sent = bench.desk.receive(source, &bytes_of(&cancel, &ALICE));
        assert_eq!(status(&sent), 481, "{source:?}");
        assert!(sent.iter().all(|each| each.status.is_some()));
    }
    bench.answer(&mut bob, &mut alice, &received, 200);
    assert_eq!(bench.desk.exchange().counters().calls_answered, 1);
}

#[test]
fn each_limit_holds_to_the_byte() {
    // [T-16]
    const MESSAGE: usize = 65_536;
    let flow = stream(Transport::Tcp, [203, 0, 113, 9], 1);
    let mut bench = Bench::new();
    let base = |extra: &str, uri: &str, body: usize| {
        format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 203.0.113.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@{DOMAIN}>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n{extra}\
             Content-Length: {body}\r\n\r\n{}",
            "b".repeat(body)
        )
    };
    let uri = format!("sip:{DOMAIN}");
    let room = MESSAGE - (base("", &uri, 65_000).len() - 65_000);
    let header = |bytes: usize| format!("Q: {}\r\n", "q".repeat(bytes - 5));
    let headers = |count: usize| "Q: 1\r\n".repeat(count - 7);
    let start_line = |bytes: usize| format!("sip:{DOMAIN};p={}", "p".repeat(bytes - 34));
    let cases: [(&str, String, String); 4] = [
        ("message", base("", &uri, room), base("", &uri, room + 1)),
        ("header", base(&header(8_192), &uri, 0), base(&header(8_193), &uri, 0)),
        ("headers", base(&headers(256), &uri, 0), base(&headers(257), &uri, 0)),
        ("start line", base("", &start_line(4_096), 0), base("", &start_line(4_097), 0)),
    ];
    for (name, at_the_limit, above) in cases {
        assert_eq!(status(&bench.desk.receive(flow, at_the_limit.as_bytes())), 200, "{name} at the limit");
        let refused = bench.desk.receive(flow, above.as_bytes());
        assert_ne!(status(&refused), 200, "{name} above the limit");
    }
    assert_eq!(bench.desk.exchange().counters().malformed, 4);
}

#[test]
fn a_contact_that_leads_back_to_us_is_refused_in_every_spelling() {
    // [T-18]
    let mut bench = Bench::new();
    let mut alice = party(0, ALICE);
    for contact in [
        "<sip:bob@192.0.2.1>",
        "<sip:bob@192.0.2.1:5060>",
        "<sip:bob@192.0.2.1:5062;transport=ws>",
        "<sip:192.0.2.1:5060;lr>",
        "<sip:bob@[::ffff:192.0.2.1]>",
        "<sip:bob@fuzz.test>",
        "<sip:bob@FUZZ.TEST:5060>",
        "<sips:bob@fuzz.test>",
        "sip:bob@192.0.2.1",
        "\"x\" <sip:b%6Fb@192.0.2.1;transport=tcp>;q=0.1",
    ] {
        let mut request = bench.request(&alice, "REGISTER", &format!("sip:{DOMAIN}"));
        request.contact = contact.into();
        let (_, sent) = bench.prove(&mut alice, request);
        assert_eq!(status(&sent), 403, "{contact}");
    }
    assert_eq!(bench.desk.world.bindings.count(), 0);
}

#[test]
fn a_thousand_contacts_are_ten_and_send_nothing_to_a_third_party() {
    // [T-18]
    let mut bench = Bench::new();
    let (mut alice, mut bob) = (party(0, ALICE), party(1, BOB));
    bench.register(&mut alice);
    let mut accepted = 0;
    for at in 0..100 {
        let mut request = bench.request(&bob, "REGISTER", &format!("sip:{DOMAIN}"));
        let contacts: Vec<String> =
            (0..10).map(|i| format!("<sip:v{at}-{i}@198.51.100.{}>", i + 1)).collect();
        request.contact = contacts.join(", ");
        let (_, sent) = bench.prove(&mut bob, request);
        accepted += usize::from(status(&sent) == 200);
    }
    let bindings = bench.desk.world.bindings.count();
    assert!(accepted > 0 && bindings <= 11, "{accepted} accepted, {bindings} bindings");
    let invite = bench.request(&alice, "INVITE", &format!("sip:bob@{DOMAIN}"));
    let (_, sent) = bench.prove(&mut alice, invite);
    let copies: Vec<_> = sent.iter().filter(|each| each.status.is_none()).collect();
    assert!(!copies.is_empty() && copies.len() <= 10, "{} copies", copies.len());
    for copy in &copies {
        assert_eq!(copy.to(), BOB.remote, "a victim was sent something");
    }
    println!("T-18: 1,000 contacts offered, {bindings} bindings, one call is {} copies", copies.len());
}

#[test]
fn a_path_to_a_third_party_sends_nothing_there() {
    // [T-18]
    let mut bench = Bench::new();
    let (mut alice, mut bob) = (party(0, ALICE), party(1, BOB));
    bench.register(&mut alice);
    let mut request = bench.request(&bob, "REGISTER", &format!("sip:{DOMAIN}"));
    request.extra.extend(["Supported: path".into(), "Path: <sip:victim@198.51.100.1;lr>".into()]);
    let (_, sent) = bench.prove(&mut bob, request);
    assert_eq!(status(&sent), 200);
    let invite = bench.request(&alice, "INVITE", &format!("sip:bob@{DOMAIN}"));
    let (_, sent) = bench.prove(&mut alice, invite);
    let copies: Vec<_> = sent.iter().filter(|each| each.status.is_none()).map(Sent::to).collect();
    assert_eq!(copies, [BOB.remote]);
}

#[test]
fn a_request_that_comes_back_is_a_loop_and_a_spiral_stays_within_its_breadth() {
    // [T-18] RFC 5393 section 3: an account with many contacts, each of which sends the request back to the account.
    // Contacts that lead back to us are refused, so a proxy outside does it, with the account's own credentials.
    let mut bench = Bench::new();
    let mut alice = party(0, ALICE);
    for at in 0..5 {
        let mut request = bench.request(&alice, "REGISTER", &format!("sip:{DOMAIN}"));
        request.contact = format!("<sip:a{at}@{}>", ALICE.remote);
        bench.prove(&mut alice, request);
    }
    let invite = bench.request(&alice, "INVITE", &format!("sip:alice@{DOMAIN}"));
    let (invite, sent) = bench.prove(&mut alice, invite);
    let copies = requests_of(sent);
    assert_eq!(copies.len(), 5);
    for copy in &copies {
        let back = sent_back(copy, &invite, &mut alice.session, 0, 0);
        let sent = bench.send_bytes(&mut alice, &back);
        assert_eq!(status(&sent), 482, "the same request is a loop");
    }
    let (mut level, mut widest) = (copies, 0);
    for depth in 1..8 {
        let mut next = Vec::new();
        for (at, copy) in level.iter().enumerate() {
            let back = sent_back(copy, &invite, &mut alice.session, depth, at);
            next.extend(requests_of(bench.send_bytes(&mut alice, &back)));
        }
        level = next;
        widest = widest.max(level.len());
        assert!(level.len() <= 60, "{} branches at depth {depth}", level.len());
    }
    assert!(widest > 5, "a spiral may pass");
    println!("T-18: a request that comes back 7 times is at most {widest} branches wide");
}

fn requests_of(sent: Vec<Sent>) -> Vec<Vec<u8>> {
    sent.into_iter().filter(|each| each.status.is_none()).map(|each| each.bytes).collect()
}

/// What a proxy at Alice's address makes of a copy that came to it: the same for the account, behind its own Via, with
/// fresh credentials; for a spiral with another Request-URI each time.
fn sent_back(
    copy: &[u8],
    invite: &Request,
    session: &mut Option<coeur_sip::digest::Session>,
    depth: usize,
    at: usize,
) -> Vec<u8> {
    let text = String::from_utf8_lossy(copy);
    let (_, rest) = text.split_once("\r\n").expect("a start line");
    let uri = if depth == 0 { invite.uri.clone() } else { format!("{};p={depth}-{at}", invite.uri) };
    let mut prover = party(0, ALICE);
    prover.session = session.take();
    let credentials = prover.credentials("INVITE", &uri).expect("a nonce is in hand");
    *session = prover.session;
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKo{depth}-{at}{}\r\n{credentials}\r\n{rest}",
        ALICE.remote,
        copy.len()
    )
    .into_bytes()
}

#[test]
fn ten_thousand_messages_are_thirty_and_none_goes_abroad() {
    // [T-19]
    let mut bench = Bench::new();
    let (mut alice, bob) = two_phones(&mut bench);
    let (mut passed, mut refused) = (0, 0);
    for at in 0..10_000 {
        let uri = format!("sip:bob@{DOMAIN}");
        let mut request = bench.request(&alice, "MESSAGE", &uri);
        request.extra.push(alice.credentials("MESSAGE", &uri).expect("a nonce is in hand"));
        let sent = bench.send(&mut alice, &request);
        match status(&sent) {
            403 => refused += 1,
            0 if to(&sent, &bob).is_some() => passed += 1,
            other => panic!("message {at}: {other}"),
        }
        bench.desk.wait_ms(6);
    }
    assert_eq!((passed, refused), (30, 9_970));
    bench.desk.wait_ms(60_000);
    // What cannot go over TLS is refused before anybody is asked who he is (RFC 5630 section 5.1.1).
    let request = bench.request(&alice, "MESSAGE", "sips:victim@example.net");
    let sent = bench.send(&mut alice, &request);
    assert_eq!((status(&sent), sent.len()), (403, 1));
    for uri in ["sip:victim@198.51.100.1", "sip:victim@example.net", "tel:+33123456789"] {
        let request = bench.request(&alice, "MESSAGE", uri);
        let (_, sent) = bench.prove(&mut alice, request);
        assert!(matches!(status(&sent), 403 | 404), "{uri}: {}", status(&sent));
        assert!(sent.iter().all(|each| each.status.is_some()) && bench.desk.resolving.is_empty(), "{uri}");
    }
    println!("T-19: 10,000 messages in a minute: {passed} passed, {refused} refused");
}

#[test]
fn nothing_that_a_stranger_sends_draws_more_than_one_and_a_half_times_its_bytes() {
    // [T-32]
    let mut bench = Bench::new();
    let (mut alice, mut bob) = two_phones(&mut bench);
    bench.call(&mut alice, &mut bob);
    let sniffed = bench.inside(&alice, "BYE");
    let (mut came, mut left, mut worst) = (0, 0, 0.0f64);
    let mut judge = |bench: &mut Bench, bytes: &[u8]| {
        let answered: usize = bench.desk.receive(STRANGER, bytes).iter().map(|each| each.bytes.len()).sum();
        // What follows later is of the stranger's making too.
        let later: usize = bench.desk.pass(40_000).iter().map(|each| each.bytes.len()).sum();
        let ratio = (answered + later) as f64 / bytes.len() as f64;
        assert!(
            ratio <= 1.5,
            "{} bytes for {}: {ratio:.2}",
            answered + later,
            String::from_utf8_lossy(bytes)
        );
        (came, left, worst) = (came + bytes.len(), left + answered + later, worst.max(ratio));
    };
    for method in METHODS.iter().chain(&["BYE", "CANCEL", "ACK", "INFO", "UPDATE", "PRACK", "NOTIFY"]) {
        for uri in [
            format!("sip:{DOMAIN}"),
            format!("sip:bob@{DOMAIN}"),
            "sip:x@198.51.100.1".into(),
            "tel:+1".into(),
        ] {
            let mut mallory = stranger();
            mallory.user = "alice";
            let request = bench.request(&mallory, method, &uri);
            judge(&mut bench, &bytes_of(&request, &STRANGER));
            judge(&mut bench, small(method, &uri, "").as_bytes());
            judge(&mut bench, small(method, &uri, ";tag=x").as_bytes());
            for extra in
                ["Proxy-Require: a, b, c\r\n", "Max-Forwards: 0\r\n", "Route: <sip:x@192.0.2.1;lr>\r\n"]
            {
                judge(&mut bench, small(method, &uri, "").replace("i:1", &format!("{extra}i:1")).as_bytes());
            }
        }
        let forged = Request { method, body: "", ..sniffed.clone() };
        judge(&mut bench, &bytes_of(&forged, &STRANGER));
    }
    for junk in [
        "\r\n",
        "\r\n\r\n",
        "X",
        "OPTIONS",
        "OPTIONS sip:a SIP/2.0\r\n\r\n",
        "OPTIONS sip:a SIP/3.0\r\nv:SIP/2.0/UDP h\r\n\r\n",
    ] {
        judge(&mut bench, junk.as_bytes());
    }
    println!(
        "T-32: {came} bytes came, {left} left ({:.2}), the worst request drew {worst:.2}",
        left as f64 / came as f64
    );
}

/// As short as a request can be.
fn small(method: &str, uri: &str, tag: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nv:SIP/2.0/UDP h;rport;branch=z9hG4bK1\r\nf:<sip:a@{DOMAIN}>;tag=1\r\n\
         t:<sip:a@{DOMAIN}>{tag}\r\ni:1\r\nCSeq:1 {method}\r\n\r\n"
    )
}
