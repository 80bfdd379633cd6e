//! What requests hold in memory is bounded, for all and for each account, and given back.

use super::*;
use crate::proxy::held::{Held, Share};

fn offices_most(requests: usize, bytes: usize) -> (Office, Phone, Phone) {
    let (mut office, alice) = office();
    let carol = register(&mut office, "carol", udp("192.0.2.33:5060"), "");
    office.exchange.proxy.held = Held::with_most(Share { requests, bytes });
    (office, alice, carol)
}

/// The status of the final answer that an INVITE draws at once; 0 when it was relayed.
fn invite_with(office: &mut Office, phone: &mut Phone, body: &[u8]) -> u16 {
    let (_, sent) = send_to(office, phone, Method::Invite, URI, "", body);
    sent.iter().map(Sent::status).find(|status| *status != 100).expect("an answer or a request")
}

fn rest(office: &mut Office) {
    for _ in 0..400 {
        tick(office, Duration::from_secs(1));
    }
    assert_eq!(office.exchange.transactions(), 0);
    assert_eq!(office.exchange.proxy.held.total(), (Share::default(), 0));
}

#[test]
fn one_account_cannot_open_so_many_requests_that_none_is_left_for_others() {
    let (mut office, mut alice, mut carol) = offices_most(8, usize::MAX);
    assert_eq!([0; 3].map(|_| invite_with(&mut office, &mut alice, b"")), [0, 0, 503]);
    assert_eq!(office.exchange.counters().limits_hit, 1);
    assert_eq!([0; 3].map(|_| invite_with(&mut office, &mut carol, b"")), [0, 0, 503]);
    rest(&mut office);
    assert_eq!(invite_with(&mut office, &mut alice, b""), 0, "all was given back");
}

#[test]
fn one_account_cannot_fill_the_memory_with_large_bodies() {
    let body = vec![b'x'; 30_000];
    // A request over UDP is kept as it came and as it was sent.
    let (mut office, mut alice, mut carol) = offices_most(usize::MAX, 4 * 140_000);
    assert_eq!([0; 3].map(|_| invite_with(&mut office, &mut alice, &body)), [0, 0, 503]);
    assert_eq!(invite_with(&mut office, &mut carol, &body), 0);
    rest(&mut office);
}

/// Answered, refused, cancelled, forked, and never answered; INVITE and MESSAGE; over UDP and TCP.
#[test]
fn what_a_request_held_is_given_back_however_it_ends() {
    for status in [180, 200, 302, 486, 503, 603] {
        for (flow, method) in [
            (udp("192.0.2.34:5060"), Method::Invite),
            (tcp("192.0.2.34:5060", 4), Method::Invite),
            (udp("192.0.2.34:5060"), Method::Message),
        ] {
            let (mut office, mut alice) = office();
            register(&mut office, "bob", flow, "");
            alice.cseq += 100;
            let (request, sent) = send_to(&mut office, &mut alice, method, URI, "", &[b'x'; 5_000]);
            let branches: Vec<Sent> = sent.into_iter().filter(|sent| sent.status() == 0).collect();
            assert_eq!(branches.len(), 2);
            let (Share { requests, bytes }, accounts) = office.exchange.proxy.held.total();
            assert!(requests == 1 && accounts == 1 && bytes > 3 * 5_000, "{requests} {bytes}");
            for branch in &branches {
                let long = format!("X-Long: {}\r\n", "x".repeat(3_000));
                office.receive(flow_of(branch), &reply_with(branch, status, &long, ""));
                office.receive(flow_of(branch), &reply(branch, status));
            }
            if status == 180 && method == Method::Invite {
                office.receive(udp(ALICE), &cancel_of(&request));
            }
            rest(&mut office);
        }
    }
}
