//! The guard through `Exchange::handle`. Names in brackets are those of the threat model.

use crate::event::Event;
use crate::flow::{Flow, ShardId};
use crate::input::Input;
use crate::testing::{DOMAIN, Office, Phone, Sent, aor, apply, device, tcp, udp, world_with};
use coeur_directory::{Account, AccountId, AccountPatch, AlgorithmPolicy, Change, Domain};
use coeur_sip::Method;
use coeur_sip::digest::Algorithm;
use std::time::Duration;

const HOME: &str = "198.51.100.7:5060";
const URI: &str = "sip:example.org";

fn alice() -> Phone {
    Phone::new("alice", udp(HOME))
}

fn challenged(office: &mut Office, phone: &mut Phone) -> Sent {
    let bare = phone.request(Method::Register, URI, "");
    office.answer(phone.flow, &bare)
}

#[test]
fn a_phone_registers_with_sha256_and_with_md5() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        let mut office = Office::new();
        let mut phone = alice();
        phone.algorithms = vec![algorithm];
        let challenge = challenged(&mut office, &mut phone);
        assert_eq!(challenge.status(), 401);
        assert_eq!(challenge.algorithms(), [Algorithm::Sha256, Algorithm::Md5]);
        let request = phone.answer(&challenge, Method::Register, URI, "");
        assert_eq!(office.answer(phone.flow, &request).status(), 200);
        assert_eq!(office.exchange.counters().authenticated, 1);
    }
}

#[test]
fn a_bare_request_leaves_nothing_behind_and_draws_at_most_one_and_a_half_times_its_bytes() {
    let mut office = Office::new();
    let mut phone = alice();
    for method in [Method::Register, Method::Invite, Method::Message, Method::Options, Method::Subscribe] {
        let bare = phone.request(method, "sip:bob@example.org", "");
        let answer = office.answer(phone.flow, &bare);
        assert!(answer.bytes.len() * 2 <= bare.len() * 3, "{} to {}", answer.bytes.len(), bare.len());
        assert_eq!(answer.algorithms().len(), 2, "{}", answer.text());
        assert_eq!(office.world.bindings.count(), 0);
    }
}

#[test]
fn a_short_request_is_challenged_with_one_algorithm_and_a_shorter_one_not_at_all() {
    let mut office = Office::new();
    let short = b"REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1\r\n\
        From: <sip:alice@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\nCall-ID: a-longer-call-identifier@host\r\n\
        CSeq: 1 REGISTER\r\nContact: <sip:alice@198.51.100.7:5060>;expires=3600\r\nExpires: 3600\r\n\r\n";
    let answer = office.answer(udp(HOME), short);
    assert_eq!(answer.algorithms(), [Algorithm::Md5]);
    assert!(answer.bytes.len() * 2 <= short.len() * 3);
    let tiny = b"REGISTER sip:example.org SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\nf:sip:a@example.org\r\n\
        t:sip:a@example.org\r\ni:1\r\nCSeq:1 REGISTER\r\n\r\n";
    assert!(office.receive(udp(HOME), tiny).is_empty());
    assert_eq!(office.exchange.counters().answers_withheld, 1);
    // A connection cannot be made up, so there it is answered.
    assert_eq!(office.answer(tcp(HOME, 1), tiny).status(), 401);
}

#[test]
fn many_vias_do_not_amplify() {
    let mut office = Office::new();
    let mut phone = alice();
    let vias = "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx\r\n".repeat(200);
    let bare = phone.request(Method::Register, URI, &vias);
    let answer = office.answer(phone.flow, &bare);
    assert!(answer.bytes.len() * 2 <= bare.len() * 3);
}

#[test]
fn absent_and_existing_accounts_get_the_same_bytes() {
    // [T-02]
    let masked = |sent: &Sent, user: &str| {
        let text = sent.text().replace(user, "USER");
        let lines = text.lines().map(|line| match line.split_once("nonce=\"") {
            Some((head, tail)) => format!("{head}{}", &tail[36..]),
            None if line.starts_with("To:") => line.split(";tag").next().unwrap_or_default().to_owned(),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>()
    };
    for method in [Method::Register, Method::Invite, Method::Options, Method::Subscribe, Method::Message] {
        let mut answers = Vec::new();
        for user in ["alice", "nobod"] {
            let mut office = Office::new();
            let mut phone = Phone::new(user, udp(HOME));
            phone.secret = "wrong".into();
            let uri = "sip:bob@example.org";
            let bare = phone.request(method, uri, "");
            let challenge = office.answer(phone.flow, &bare);
            let wrong = phone.answer(&challenge, method, uri, "");
            let refused = office.answer(phone.flow, &wrong);
            answers.push((masked(&challenge, user), masked(&refused, user), refused.is_stale()));
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
}

#[test]
fn a_captured_request_is_never_accepted_again() {
    // [T-05]
    for (wait_s, source) in [(0, HOME), (1, HOME), (61, HOME), (400, HOME), (0, "203.0.113.66:5060")] {
        let mut office = Office::new();
        let mut phone = Phone::new("alice", udp(HOME));
        let challenge = challenged(&mut office, &mut phone);
        let request = phone.answer(&challenge, Method::Register, URI, "");
        assert_eq!(office.answer(phone.flow, &request).status(), 200);
        office.wait(Duration::from_secs(wait_s));
        // Another branch, so that it is no retransmission.
        let replay = String::from_utf8(request).expect("text").replace("z9hG4bKbranch", "z9hG4bKreplay");
        let answer = office.answer(udp(source), replay.as_bytes());
        assert_eq!((answer.status(), answer.is_stale()), (401, true), "after {wait_s} s from {source}");
        assert_eq!(office.exchange.counters().authenticated, 1);
    }
}

#[test]
fn a_captured_answer_fits_no_other_method_and_no_other_target() {
    // [T-05]
    let mut office = Office::new();
    let mut phone = alice();
    let challenge = challenged(&mut office, &mut phone);
    phone.read(&challenge);
    let line = phone.credentials(Method::Register, URI);
    let other_method = phone.request(Method::Message, URI, &line);
    assert_eq!(office.answer(phone.flow, &other_method).status(), 401);
    let other_target = phone.request(Method::Register, "sip:example.org:5070", &line);
    assert_eq!(office.answer(phone.flow, &other_target).status(), 400);
    assert_eq!(office.exchange.counters().authenticated, 0);
}

#[test]
fn a_nonce_serves_again_with_the_next_count_and_on_another_shard() {
    let mut office = Office::new();
    let mut phone = alice();
    assert_eq!(office.register(&mut phone).status(), 200);
    let next = phone.again(Method::Register, URI, "");
    assert_eq!(office.answer(phone.flow, &next).status(), 200);
    // Another shard of the same process, with the same tables.
    office.exchange = crate::Exchange::new(ShardId(1), [8; 32], &office.world);
    let next = phone.again(Method::Register, URI, "");
    assert_eq!(office.answer(phone.flow, &next).status(), 200);
}

#[test]
fn after_a_restart_or_a_reconnection_the_nonce_is_stale_and_the_new_one_works() {
    let mut office = Office::new();
    let mut phone = Phone::new("alice", tcp(HOME, 1));
    assert_eq!(office.register(&mut phone).status(), 200);
    phone.flow = tcp(HOME, 2);
    let reconnected = phone.again(Method::Register, URI, "");
    let challenge = office.answer(phone.flow, &reconnected);
    assert_eq!((challenge.status(), challenge.is_stale()), (401, true));
    let request = phone.answer(&challenge, Method::Register, URI, "");
    assert_eq!(office.answer(phone.flow, &request).status(), 200);

    let now = office.now + Duration::from_secs(5);
    let mut restarted = Office::new();
    restarted.now = now;
    let request = phone.again(Method::Register, URI, "");
    let challenge = restarted.answer(phone.flow, &request);
    assert_eq!((challenge.status(), challenge.is_stale()), (401, true));
    let request = phone.answer(&challenge, Method::Register, URI, "");
    assert_eq!(restarted.answer(phone.flow, &request).status(), 200);
}

#[test]
fn setting_the_clock_back_makes_no_nonce_stale() {
    let mut office = Office::new();
    let mut phone = alice();
    assert_eq!(office.register(&mut phone).status(), 200);
    office.now.wall = office.now.wall - Duration::from_secs(7_200);
    let request = phone.again(Method::Register, URI, "");
    assert_eq!(office.answer(phone.flow, &request).status(), 200);
}

#[test]
fn a_retransmission_is_answered_from_memory() {
    let mut office = Office::new();
    let mut phone = alice();
    let challenge = challenged(&mut office, &mut phone);
    let request = phone.answer(&challenge, Method::Register, URI, "");
    let first = office.answer(phone.flow, &request);
    let second = office.answer(phone.flow, &request);
    assert_eq!(first.bytes, second.bytes);
    assert!(second.after_save);
    assert_eq!(office.exchange.counters().authenticated, 1);
    // A stranger who copies it gets nothing out of the memory.
    assert_eq!(office.answer(udp("203.0.113.66:5060"), &request).status(), 401);
}

#[test]
fn a_device_that_has_proved_sha256_is_never_accepted_with_md5() {
    // [T-06]
    let mut office = Office::new();
    let mut phone = alice();
    assert_eq!(office.register(&mut phone).status(), 200);
    assert!(office.events.iter().any(|event| matches!(event, Event::DeviceProvedSha256 { .. })));
    phone.algorithms = vec![Algorithm::Md5];
    let answer = office.register(&mut phone);
    assert_eq!((answer.status(), answer.algorithms()), (401, vec![Algorithm::Sha256]));
    assert_eq!(office.exchange.counters().downgrade_refused, 1);
    // The operator is told, in words that name nobody; who it was stands apart, since only DEBUG may say it.
    let notices = office.events.iter().filter_map(|event| match event {
        Event::Notice { subject, text, .. } => Some((&**subject, &**text)),
        _ => None,
    });
    let [(subject, text)] = notices.collect::<Vec<_>>()[..] else { panic!("not told once") };
    assert!(subject.starts_with("alice@example.org device ") && !text.contains("alice"), "{subject}: {text}");
    // Said once, the first time only.
    phone.algorithms = vec![Algorithm::Sha256];
    assert_eq!(office.register(&mut phone).status(), 200);
    let proofs =
        office.events.iter().filter(|event| matches!(event, Event::DeviceProvedSha256 { .. })).count();
    assert_eq!(proofs, 1);
}

#[test]
fn the_policy_of_the_domain_shapes_the_challenge_and_that_of_the_account_only_the_answer() {
    for (policy, expected) in
        [(AlgorithmPolicy::Sha256, Algorithm::Sha256), (AlgorithmPolicy::Md5, Algorithm::Md5)]
    {
        let mut domain = Domain::new(DOMAIN);
        domain.algorithm = policy;
        let mut office = Office::in_world(world_with(domain));
        assert_eq!(challenged(&mut office, &mut alice()).algorithms(), [expected]);
    }
    let mut office = Office::new();
    let mut strict = Account::new(AccountId(9), aor("dave"));
    strict.policy = AlgorithmPolicy::Sha256;
    strict.devices = Box::new([device(900, "dave", "secret of dave")]);
    apply(&office.world, Change::AccountAdded(Box::new(strict)));
    let mut phone = Phone::new("dave", udp(HOME));
    assert_eq!(challenged(&mut office, &mut phone).algorithms().len(), 2);
    phone.algorithms = vec![Algorithm::Md5];
    assert_eq!(office.register(&mut phone).status(), 401);
}

#[test]
fn an_old_baresip_is_offered_what_it_can_read() {
    let mut office = Office::new();
    let mut phone = alice();
    phone.user_agent = "baresip v1.0.0 (x86_64/linux)".into();
    assert_eq!(challenged(&mut office, &mut phone).algorithms(), [Algorithm::Md5]);
}

#[test]
fn who_goes_away_from_a_double_challenge_finds_a_single_one() {
    let mut office = Office::new();
    let mut phone = alice();
    assert_eq!(challenged(&mut office, &mut phone).algorithms().len(), 2);
    office.wait(Duration::from_secs(30));
    let single = challenged(&mut office, &mut phone);
    assert_eq!(single.algorithms(), [Algorithm::Md5]);
    let request = phone.answer(&single, Method::Register, URI, "");
    assert_eq!(office.answer(phone.flow, &request).status(), 200);
    assert_eq!(challenged(&mut office, &mut phone).algorithms().len(), 2);
}

#[test]
fn nobody_speaks_for_another() {
    let mut office = Office::new();
    let mut phone = alice();
    let challenge = challenged(&mut office, &mut phone);
    phone.read(&challenge);
    let line = phone.credentials(Method::Register, URI);
    let to_bob = phone.write(Method::Register, URI, "<sip:bob@example.org>", &line);
    assert_eq!(office.answer(phone.flow, &to_bob).status(), 403);
    let mut mallory = Phone::new("bob", udp(HOME));
    let as_bob = mallory.request(Method::Register, URI, &line);
    assert_eq!(office.answer(phone.flow, &as_bob).status(), 403);
    let two = phone.request(Method::Register, URI, &format!("{line}{line}"));
    assert_eq!(office.answer(phone.flow, &two).status(), 400);
    assert_eq!(office.exchange.counters().authenticated, 0);
}

#[test]
fn credentials_for_other_realms_are_passed_over() {
    let mut office = Office::new();
    let mut phone = alice();
    let challenge = challenged(&mut office, &mut phone);
    phone.read(&challenge);
    let line = phone.credentials(Method::Register, URI);
    let foreign = line.replace("example.org\", nonce", "elsewhere.net\", nonce");
    assert_ne!(line, foreign);
    let both = phone.request(Method::Register, URI, &format!("{foreign}{line}"));
    assert_eq!(office.answer(phone.flow, &both).status(), 200);
}

/// RFC 3261 sections 22.2 and 22.3: for itself the server asks with 401, on the way to another with 407.
#[test]
fn the_server_asks_with_401_for_itself_and_with_407_for_others() {
    for (method, uri, status, header) in [
        (Method::Register, URI, 401, "WWW-Authenticate"),
        (Method::Message, URI, 401, "WWW-Authenticate"),
        (Method::Invite, "sip:bob@example.org", 407, "Proxy-Authenticate"),
        (Method::Options, "sip:bob@example.org", 407, "Proxy-Authenticate"),
        (Method::Subscribe, "sip:bob@example.net", 407, "Proxy-Authenticate"),
    ] {
        let mut office = Office::new();
        let mut phone = alice();
        let bare = phone.request(method, uri, "");
        let answer = office.answer(phone.flow, &bare);
        assert_eq!(answer.status(), status, "{method} {uri}");
        assert_eq!(answer.text().matches(&format!("{header}: Digest ")).count(), 2, "{}", answer.text());
        assert!(answer.text().contains("realm=\"example.org\""));
    }
}

/// RFC 3261 section 8.2.7: nothing is kept, and yet a retransmission hears the same To tag.
#[test]
fn a_repeated_bare_request_hears_the_same_tag() {
    let mut office = Office::new();
    let mut phone = alice();
    let bare = phone.request(Method::Invite, "sip:bob@example.org", "");
    let next = phone.request(Method::Invite, "sip:bob@example.org", "");
    let tag =
        |sent: Sent| sent.read(|m| m.to().ok().and_then(|to| to.tag().map(<[u8]>::to_vec))).expect("a tag");
    let first = tag(office.answer(phone.flow, &bare));
    assert_eq!(tag(office.answer(phone.flow, &bare)), first);
    assert_ne!(tag(office.answer(phone.flow, &next)), first);
}

/// RFC 3261 section 22.4: clients confuse the two headers; either is read, whoever asked.
#[test]
fn credentials_are_found_in_the_header_of_the_other_asker() {
    let mut office = Office::new();
    let mut phone = alice();
    let challenge = challenged(&mut office, &mut phone);
    phone.read(&challenge);
    let line = phone.credentials(Method::Register, URI);
    let confused = phone.request(Method::Register, URI, &format!("Proxy-{line}"));
    assert_eq!(office.answer(phone.flow, &confused).status(), 200);
}

/// RFC 7616 section 3.4: what is no list of digest parameters is 400; another scheme is as good as nothing.
#[test]
fn malformed_credentials_are_400_and_another_scheme_is_challenged() {
    for (line, status) in [
        ("Authorization: Digest username=\"alice\", realm\r\n", 400),
        ("Authorization: Digest realm=\"example.org\", realm=\"example.org\"\r\n", 400),
        ("Authorization: NoOneKnowsThisScheme opaque-data=here\r\n", 401),
    ] {
        let mut office = Office::new();
        let mut phone = alice();
        let request = phone.request(Method::Register, URI, line);
        assert_eq!(office.answer(phone.flow, &request).status(), status, "{line}");
    }
}

/// RFC 7616 section 3.4.6, with what sipp and several gateways do: the digest `uri` may name the address that the
/// request was sent to, never another one.
#[test]
fn a_digest_uri_may_name_our_own_address_and_no_other() {
    for (uri, status) in
        [("sip:192.0.2.1:5060", 200), ("sip:192.0.2.9:5060", 400), ("sip:bob@192.0.2.1:5060", 400)]
    {
        let mut office = Office::new();
        let mut phone = alice();
        let challenge = challenged(&mut office, &mut phone);
        phone.read(&challenge);
        let line = phone.credentials(Method::Register, uri);
        let request = phone.request(Method::Register, URI, &line);
        assert_eq!(office.answer(phone.flow, &request).status(), status, "{uri}");
    }
}

/// What a sender learns without a proof: that a domain is not ours. Whether an account is disabled only who knows its
/// secret.
#[test]
fn a_foreign_domain_is_403_at_once_and_a_disabled_account_only_after_its_proof() {
    let mut office = Office::new();
    let mut phone = alice();
    let foreign = String::from_utf8(phone.request(Method::Register, URI, "")).expect("text");
    let foreign = foreign.replace("alice@example.org", "alice@example.net");
    assert_eq!(office.answer(phone.flow, foreign.as_bytes()).status(), 403);
    let patch = AccountPatch { enabled: Some(false), ..AccountPatch::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
    assert_eq!(office.register(&mut phone).status(), 403);
    phone.secret = "guess".into();
    assert_eq!(office.register(&mut phone).status(), 401);
}

#[test]
fn guessing_is_verified_ten_times_a_minute_and_harms_nobody_else() {
    // [T-01] [T-04]
    let mut office = Office::new();
    let mut owner = Phone::new("alice", udp("192.0.2.77:5060"));
    assert_eq!(office.register(&mut owner).status(), 200);
    let mut attacker = alice();
    attacker.secret = "guess".into();
    let challenge = challenged(&mut office, &mut attacker);
    attacker.read(&challenge);
    for _ in 0..600 {
        let guess = attacker.again(Method::Register, URI, "");
        assert_eq!(office.answer(attacker.flow, &guess).status(), 401);
        office.wait(Duration::from_millis(100));
    }
    let counters = office.exchange.counters();
    assert_eq!((counters.authentication_failed, counters.authentication_refused_unverified), (10, 590));
    // Even the right password is not looked at now from there.
    attacker.secret = "secret of alice".into();
    attacker.flow.remote.set_port(5099);
    assert_eq!(office.register(&mut attacker).status(), 401);
    // The owner elsewhere, other users behind the same NAT, and a phone of the owner that was there before.
    assert_eq!(office.register(&mut owner).status(), 200);
    let mut neighbour = Phone::new("bob", udp("198.51.100.7:5061"));
    assert_eq!(office.register(&mut neighbour).status(), 200);
}

#[test]
fn a_phone_that_proved_itself_is_not_locked_out_by_an_attacker_behind_its_own_nat() {
    // [T-04]
    let mut office = Office::new();
    let mut owner = alice();
    assert_eq!(office.register(&mut owner).status(), 200);
    let mut attacker = Phone::new("alice", udp("198.51.100.7:6666"));
    attacker.secret = "guess".into();
    let challenge = challenged(&mut office, &mut attacker);
    attacker.read(&challenge);
    for _ in 0..1_000 {
        let guess = attacker.again(Method::Register, URI, "");
        office.receive(attacker.flow, &guess);
    }
    for user in 0..300 {
        let mut sprayer = Phone::new(&format!("victim{user}"), attacker.flow);
        sprayer.secret = "guess".into();
        let challenge = challenged(&mut office, &mut sprayer);
        let guess = sprayer.answer(&challenge, Method::Register, URI, "");
        office.receive(sprayer.flow, &guess);
    }
    assert_eq!(office.register(&mut owner).status(), 200);
}

#[test]
fn a_flood_of_guesses_leaves_challenges_for_its_neighbours() {
    // [T-01]
    let mut office = Office::new();
    let mut attacker = alice();
    attacker.secret = "guess".into();
    let challenge = challenged(&mut office, &mut attacker);
    attacker.read(&challenge);
    let mut answers = 0;
    for _ in 0..20_000 {
        let guess = attacker.again(Method::Register, URI, "");
        answers += office.receive(attacker.flow, &guess).len();
        office.wait(Duration::from_micros(200));
    }
    assert!((128 + 4 * 64 - 2..=128 + 4 * 64 + 12).contains(&answers), "{answers} answers in 4 s");
    // A phone that was never seen here, behind the same address.
    let mut neighbour = Phone::new("bob", udp("198.51.100.7:5061"));
    assert_eq!(office.register(&mut neighbour).status(), 200);
}

#[test]
fn a_flood_without_credentials_is_answered_within_its_budget() {
    // [T-14]
    let mut office = Office::new();
    let mut phone = alice();
    let mut answers = 0;
    for _ in 0..10_000 {
        let bare = phone.request(Method::Invite, "sip:bob@example.org", "");
        answers += office.receive(phone.flow, &bare).len();
    }
    assert!((8_192..8_300).contains(&answers), "{answers}");
    // A phone elsewhere is served all the same.
    assert_eq!(office.register(&mut Phone::new("bob", udp("203.0.113.5:5060"))).status(), 200);
}

#[test]
fn every_method_is_challenged_inside_and_outside_of_a_dialog() {
    // [A06]
    let methods =
        "INVITE BYE REGISTER OPTIONS MESSAGE SUBSCRIBE NOTIFY PUBLISH REFER INFO UPDATE PRACK FOO api system";
    for flow in [udp(HOME), tcp(HOME, 1)] {
        for name in methods.split(' ') {
            for to in ["<sip:bob@example.org>", "<sip:bob@example.org>;tag=forged"] {
                let method = Method::parse(name.as_bytes()).expect("a token");
                let mut office = Office::new();
                let mut phone = Phone::new("alice", flow);
                phone.cseq = 1;
                let to = if method == Method::Register { "<sip:alice@example.org>" } else { to };
                let answers = office.receive(flow, &phone.write(method, "sip:bob@example.org", to, ""));
                let status = answers.first().map_or(0, Sent::status);
                assert!(answers.len() <= 1 && matches!(status, 401 | 407), "{name} {to}: {status}");
            }
        }
    }
}

#[test]
fn an_account_sends_thirty_messages_in_a_minute() {
    // [T-19]
    let mut office = Office::new();
    let mut phone = alice();
    let uri = "sip:bob@example.org";
    let bare = phone.request(Method::Message, uri, "");
    let challenge = office.answer(phone.flow, &bare);
    phone.read(&challenge);
    let mut passed = 0;
    for _ in 0..5_900 {
        let request = phone.again(Method::Message, uri, "");
        passed += usize::from(office.receive(phone.flow, &request).iter().all(|sent| sent.status() != 403));
        office.wait(Duration::from_millis(10));
    }
    assert_eq!(passed, 30);
}

/// [decision 0060] A page that has signed in needs no SIP password, and is its own account alone.
#[test]
fn a_connection_with_a_ticket_speaks_for_its_device_while_that_has_its_rights() {
    use crate::vouched::Voucher;
    let mut office = Office::new();
    let web = |serial| Flow { transport: coeur_sip::transport::Transport::Wss, ..tcp(HOME, serial) };
    let mut alice = Phone::new("alice", web(1));
    let device = office.world.directory.account_of(&aor("alice")).unwrap().devices[0].id;
    let vouch = |office: &Office, flow: Flow| {
        let voucher = Voucher { aor: aor("alice"), device, user: None };
        office.world.vouched.issue(b"ticket", voucher, office.now.monotonic);
        assert!(office.world.vouched.redeem(b"ticket", flow.connection, office.now.monotonic));
    };
    let ask = |office: &mut Office, phone: &mut Phone| {
        let bare = phone.request(Method::Register, URI, "");
        office.answer(phone.flow, &bare).status()
    };
    assert_eq!(ask(&mut office, &mut alice), 401, "without a ticket");
    vouch(&office, alice.flow);
    assert_eq!(ask(&mut office, &mut alice), 200);
    assert_eq!(office.world.bindings.count(), 1);
    // Its neighbour, another account over its connection, and who names it on a transport that pages do not have.
    assert_eq!(ask(&mut office, &mut Phone::new("alice", web(2))), 401);
    assert_eq!(ask(&mut office, &mut Phone::new("bob", web(1))), 401);
    let mut over_tcp = Phone::new("alice", tcp(HOME, 3));
    vouch(&office, over_tcp.flow);
    assert_eq!(ask(&mut office, &mut over_tcp), 401);

    let disabled = |enabled| AccountPatch { enabled: Some(enabled), ..AccountPatch::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch: disabled(false) });
    assert_eq!(ask(&mut office, &mut alice), 401, "the account is disabled");
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch: disabled(true) });
    assert_eq!(ask(&mut office, &mut alice), 200);
    apply(&office.world, Change::DeviceRevoked { aor: aor("alice"), device });
    assert_eq!(ask(&mut office, &mut alice), 401, "the device is revoked");

    let before = office.world.vouched.connections();
    office.handle(Input::FlowClosed { flow: alice.flow });
    assert_eq!(office.world.vouched.connections(), before - 1);
}
