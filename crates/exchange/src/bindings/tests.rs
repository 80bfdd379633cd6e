use super::*;
use crate::flow::{ListenerId, ShardId};
use coeur_directory::DeviceId;
use coeur_sip::transport::Transport;

const DOMAIN: &[u8] = b"example.com";

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_secs(seconds)
}

fn draft<'a>(user: &'a [u8], contact: &'a [u8], q: u16, connection: u64, granted_s: u32) -> Draft<'a> {
    let connection = match connection {
        0 => ConnectionId::NONE,
        serial => ConnectionId::new(ShardId(0), serial),
    };
    let transport = if connection == ConnectionId::NONE { Transport::Udp } else { Transport::Wss };
    let remote = "192.0.2.7:5062".parse().unwrap();
    Draft {
        user,
        domain: DOMAIN,
        contact,
        uri: (0, contact.len() as u16),
        instance: (0, 0),
        call_id: b"x",
        user_agent: b"",
        path: b"",
        cseq: 1,
        q,
        reg_id: 0,
        device: DeviceId(0),
        flow: Flow { transport, listener: ListenerId(0), connection, remote },
        fallback: Fallback::None,
        granted_s,
    }
}

fn bind(bindings: &Bindings, now: u64, draft: &Draft<'_>) -> Option<Version> {
    bindings.change(draft.user, draft.domain, at(now), |aor| aor.insert(draft))
}

fn uris(bindings: &Bindings, now: u64, user: &[u8]) -> Vec<String> {
    let mut targets = Vec::new();
    bindings.lookup(user, DOMAIN, at(now), &mut targets);
    targets.iter().map(|target| String::from_utf8_lossy(&target.uri).into_owned()).collect()
}

#[test]
fn targets_come_by_q_and_then_the_newest_first() {
    let bindings = Bindings::new();
    for (contact, q) in [("sip:low@h", 100), ("sip:old@h", 1000), ("sip:new@h", 1000)] {
        bind(&bindings, 1, &draft(b"alice", contact.as_bytes(), q, 0, 60));
    }
    bind(&bindings, 1, &draft(b"bob", b"sip:bob@h", 1000, 0, 60));
    assert_eq!(uris(&bindings, 2, b"alice"), ["sip:new@h", "sip:old@h", "sip:low@h"]);
    assert_eq!(uris(&bindings, 2, b"Alice"), [""; 0]);
}

#[test]
fn a_binding_ends_with_its_last_second_and_leaves_nothing() {
    let bindings = Bindings::new();
    bind(&bindings, 100, &draft(b"alice", b"sip:a@h", 1000, 3, 60));
    assert_eq!(uris(&bindings, 159, b"alice"), ["sip:a@h"]);
    assert_eq!(uris(&bindings, 160, b"alice"), [""; 0]);
    assert_eq!(bindings.expire(at(159), |_| ()), 0);
    assert_eq!(bindings.count(), 1);
    let mut gone = Vec::new();
    assert_eq!(bindings.expire(at(161), |view| gone.push(view.uri().to_vec())), 1);
    assert_eq!(gone, [b"sip:a@h"]);
    assert_eq!((bindings.count(), bindings.flow_closed(ConnectionId::new(ShardId(0), 3))), (0, 0));
}

#[test]
fn every_lifetime_ends_whatever_the_rounds_of_the_wheel() {
    let bindings = Bindings::new();
    let lifetimes = [1u32, 255, 256, 257, 511, 512, 513, 3600, 7200];
    for lifetime in lifetimes {
        bind(&bindings, 1000, &draft(format!("u{lifetime}").as_bytes(), b"sip:a@h", 0, 0, lifetime));
    }
    let mut ended = Vec::new();
    for now in 1000..9000 {
        bindings.expire(at(now), |view| ended.push((view.draft().granted_s, now)));
    }
    assert_eq!(ended, lifetimes.map(|lifetime| (lifetime, 1000 + lifetime as u64 + 1)));
}

#[test]
fn a_long_sleep_of_the_process_expires_everything_at_once() {
    let bindings = Bindings::new();
    for user in 0..1000u32 {
        bind(&bindings, 10, &draft(&user.to_be_bytes(), b"sip:a@h", 0, 0, 1 + user));
    }
    assert_eq!(bindings.expire(at(100_000), |_| ()), 1000);
    assert_eq!(bindings.count(), 0);
}

#[test]
fn a_refresh_prolongs_and_a_shorter_one_shortens() {
    let bindings = Bindings::new();
    let draft = draft(b"alice", b"sip:a@h", 0, 0, 600);
    bind(&bindings, 0, &draft);
    let mut refresh = Refresh { cseq: 2, flow: draft.flow, fallback: Fallback::None, granted_s: 1000 };
    bindings.change(b"alice", DOMAIN, at(500), |aor| aor.refresh(0, &refresh));
    assert_eq!(bindings.expire(at(700), |_| ()), 0);
    refresh.granted_s = 10;
    bindings.change(b"alice", DOMAIN, at(700), |aor| aor.refresh(0, &refresh));
    assert_eq!(bindings.expire(at(712), |_| ()), 1);
}

#[test]
fn a_closed_connection_takes_the_flow_and_not_the_binding() {
    let bindings = Bindings::new();
    let browser = draft(b"alice", b"sip:x@x.invalid", 0, 5, 60);
    bind(&bindings, 0, &browser);
    bind(&bindings, 0, &Draft { fallback: Fallback::Contact, ..draft(b"alice", b"sip:tcp@h", 0, 5, 60) });
    bind(&bindings, 0, &draft(b"alice", b"sip:other@h", 0, 6, 60));
    assert_eq!(bindings.flow_closed(ConnectionId::new(ShardId(0), 5)), 2);
    assert_eq!(uris(&bindings, 1, b"alice"), ["sip:other@h", "sip:tcp@h"]);
    assert_eq!(bindings.count(), 3);
    let again = draft(b"alice", b"", 0, 8, 60).flow;
    let refresh = Refresh { cseq: 2, flow: again, fallback: Fallback::None, granted_s: 60 };
    bindings.change(b"alice", DOMAIN, at(2), |aor| aor.refresh(0, &refresh));
    assert_eq!(uris(&bindings, 3, b"alice"), ["sip:x@x.invalid", "sip:other@h", "sip:tcp@h"]);
}

#[test]
fn a_late_word_of_an_old_connection_does_not_touch_the_new_flow() {
    let bindings = Bindings::new();
    bind(&bindings, 0, &draft(b"alice", b"sip:x@x.invalid", 0, 5, 60));
    let flow = draft(b"alice", b"", 0, 6, 60).flow;
    let refresh = Refresh { cseq: 2, flow, fallback: Fallback::None, granted_s: 60 };
    bindings.change(b"alice", DOMAIN, at(1), |aor| aor.refresh(0, &refresh));
    assert_eq!(bindings.flow_closed(ConnectionId::new(ShardId(0), 5)), 0);
    assert_eq!(uris(&bindings, 2, b"alice"), ["sip:x@x.invalid"]);
}

#[test]
fn no_address_of_record_holds_more_than_the_limit() {
    let bindings = Bindings::new();
    for n in 0..BINDINGS_PER_AOR_MAX {
        assert!(bind(&bindings, 0, &draft(b"a", format!("sip:{n}@h").as_bytes(), 0, 0, 60)).is_some());
    }
    assert_eq!(bind(&bindings, 0, &draft(b"a", b"sip:more@h", 0, 0, 60)), None);
    assert_eq!(bindings.count(), BINDINGS_PER_AOR_MAX);
}

#[test]
fn pages_show_every_binding_once() {
    let bindings = Bindings::new();
    for user in 0..5000u32 {
        bind(&bindings, 0, &draft(format!("u{user}").as_bytes(), b"sip:a@h", 0, 0, 60));
    }
    let (mut seen, mut next) = (Vec::new(), Some(Cursor::default()));
    while let Some(cursor) = next {
        next = bindings.page(cursor, 7, at(1), &mut |view| seen.push(view.draft().user.to_vec()));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5000);
}
