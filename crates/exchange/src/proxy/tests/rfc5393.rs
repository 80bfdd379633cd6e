//! RFC 5393: how far one request may spread. Loops and spirals are in `rfc3261_requests`.

use super::*;

fn office_of(phones: usize) -> (Office, Phone, Vec<Flow>) {
    let mut office = Office::new();
    let flows: Vec<Flow> = (0..phones).map(|n| udp(&format!("192.0.2.{}:5060", 100 + n))).collect();
    for flow in &flows {
        register(&mut office, "bob", *flow, "");
    }
    (office, Phone::new("alice", udp(ALICE)), flows)
}

fn breadths(sent: &[Sent]) -> Vec<u32> {
    let requests = sent.iter().filter(|sent| sent.text().starts_with("INVITE "));
    requests.map(|sent| lines(sent, "Max-Breadth")[0].parse().expect("a number")).collect()
}

/// Section 5.3.3: what came is shared out among the branches, and none gets nothing.
#[test]
fn the_breadth_is_shared_among_the_branches() {
    for (phones, extra, wanted) in [
        (1, "", vec![60]),
        (3, "", vec![20, 20, 20]),
        (3, "Max-Breadth: 20\r\n", vec![7, 7, 6]),
        (2, "Max-Breadth: 1000\r\n", vec![30, 30]),
        (3, "Max-Breadth: 3\r\n", vec![1, 1, 1]),
    ] {
        let (mut office, mut alice, _) = office_of(phones);
        let (_, sent) = send(&mut office, &mut alice, Method::Invite, extra);
        assert_eq!(breadths(&sent), wanted, "{extra}");
    }
}

/// Section 5.3.3.1: more branches than breadth are tried one after another.
#[test]
fn more_targets_than_breadth_are_tried_one_after_another() {
    let (mut office, mut alice, flows) = office_of(3);
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "Max-Breadth: 2\r\n");
    assert_eq!(breadths(&sent), [1, 1]);
    let rings: Vec<Sent> = sent.into_iter().filter(|sent| sent.status() == 0).collect();
    assert_eq!(statuses(&office.receive(flow_of(&rings[0]), &reply(&rings[0], 486))), [0]);
    let next = office.receive(flow_of(&rings[1]), &reply(&rings[1], 486));
    assert_eq!(breadths(&next), [2]);
    let third = next.iter().find(|sent| sent.text().starts_with("INVITE ")).expect("the third");
    assert!(flows.contains(&flow_of(third)) && rings.iter().all(|ring| ring.hop != third.hop));
}

/// Section 5.3.3: 440 when none is left.
#[test]
fn no_breadth_is_440() {
    let (mut office, mut alice, _) = office_of(1);
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "Max-Breadth: 0\r\n");
    assert_eq!(statuses(&sent), [440]);
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "Max-Breadth: x\r\n");
    assert_eq!(statuses(&sent), [400]);
}

/// However many contacts an account may have, one request tries so many targets at this proxy and no more.
#[test]
fn one_request_tries_a_limited_number_of_targets() {
    let (mut office, mut alice, flows) = office_of(6);
    office.world.settings.branches_max = 4;
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert_eq!(sent.iter().filter(|sent| flows.contains(&flow_of(sent))).count(), 4);
    assert_eq!(office.exchange.counters().limits_hit, 2);
}
