//! RFC 5626 section 7: an instance with several flows is one target; its flows are alternatives.

use super::*;

const FIRST: &str = "192.0.2.31:40001";
const SECOND: &str = "192.0.2.31:40002";

/// Bob's phone keeps two flows; the one registered last is preferred.
fn two_flows(extra: &str) -> (Office, Phone, Flow, Flow) {
    let mut office = Office::new();
    let flows = [tcp(FIRST, 1), tcp(SECOND, 2)];
    for (reg_id, flow) in flows.iter().enumerate() {
        let mut phone = Phone::new("bob", *flow);
        phone.call = format!("-{reg_id}");
        phone.contact = "sip:bob@10.0.0.9:5060;transport=tcp".into();
        phone.contact_params = format!(";+sip.instance=\"<urn:uuid:1>\";reg-id={}", reg_id + 1);
        let extra = format!("Supported: outbound, path\r\n{extra}");
        let challenge = office.answer(*flow, &phone.request(Method::Register, "sip:example.org", ""));
        let request = phone.answer(&challenge, Method::Register, "sip:example.org", &extra);
        assert_eq!(office.answer(*flow, &request).status(), 200);
    }
    (office, Phone::new("alice", udp(ALICE)), flows[1], flows[0])
}

fn ring(office: &mut Office, alice: &mut Phone, method: Method<'_>, preferred: Flow) -> Sent {
    let (_, sent) = send(office, alice, method, "");
    let requests: Vec<&Sent> = sent.iter().filter(|sent| sent.status() == 0).collect();
    assert!(requests.len() == 1 && goes_to(requests[0], preferred), "one flow at a time: {sent:?}");
    requests[0].clone()
}

#[test]
fn an_instance_rings_over_one_flow() {
    let (mut office, mut alice, preferred, _) = two_flows("");
    ring(&mut office, &mut alice, Method::Invite, preferred);
}

/// A flow that is gone: the next is tried, each once.
#[test]
fn a_flow_that_cannot_be_used_gives_way_to_the_next() {
    for method in [Method::Invite, Method::Message] {
        let (mut office, mut alice, preferred, other) = two_flows("");
        let request = ring(&mut office, &mut alice, method, preferred);
        let next = send_failed(&mut office, &request);
        assert!(next.len() == 1 && goes_to(&next[0], other), "{next:?}");
        assert_eq!(statuses(&send_failed(&mut office, &next[0])), [500], "{method}");
    }
}

/// 430 (Flow Failed) of an edge proxy, and 408, say the same; so does a 503 behind a Path, where a proxy may have made
/// it.
#[test]
fn answers_that_speak_of_the_flow_give_way_to_the_next() {
    let path = "Path: <sip:edge.example.net;lr;ob>\r\n";
    for (status, path) in [(430, ""), (408, ""), (503, path), (430, path)] {
        for method in [Method::Invite, Method::Message] {
            let (mut office, mut alice, preferred, other) = two_flows(path);
            let request = ring(&mut office, &mut alice, method, preferred);
            let sent = office.receive(preferred, &reply(&request, status));
            let next = to(&sent, other);
            assert!(next.status() == 0, "{status}: {sent:?}");
            let ok = office.answer(other, &reply(next, 200));
            assert!(goes_to(&ok, udp(ALICE)) && ok.status() == 200);
        }
    }
}

/// A timeout of ours too.
#[test]
fn a_silent_flow_gives_way_to_the_next() {
    let (mut office, mut alice, preferred, other) = two_flows("");
    ring(&mut office, &mut alice, Method::Invite, preferred);
    let mut sent = Vec::new();
    for _ in 0..33 {
        sent.extend(tick(&mut office, Duration::from_secs(1)));
    }
    assert!(sent.len() == 1 && goes_to(&sent[0], other), "{sent:?}");
}

/// Any other final answer is the instance's: its other flows would only ring again.
#[test]
fn an_instance_that_has_answered_is_not_tried_again() {
    for (status, wanted) in [(486, 486), (404, 404), (503, 500), (480, 480), (302, 302), (603, 603)] {
        let (mut office, mut alice, preferred, other) = two_flows("");
        let request = ring(&mut office, &mut alice, Method::Invite, preferred);
        let sent = office.receive(preferred, &reply(&request, status));
        assert_eq!(statuses(&sent), [0, wanted], "{sent:?}");
        assert!(sent.iter().all(|sent| !goes_to(sent, other)));
    }
}

/// A phone that rang until timer C, or until the caller gave up, has its flow.
#[test]
fn a_phone_that_rang_in_vain_is_not_rung_over_its_other_flow() {
    let (mut office, mut alice, preferred, _) = two_flows("");
    let request = ring(&mut office, &mut alice, Method::Invite, preferred);
    office.answer(preferred, &reply(&request, 180));
    let cancel = tick(&mut office, Duration::from_secs(186));
    assert!(cancel[0].text().starts_with("CANCEL "), "{cancel:?}");
    let sent = office.receive(preferred, &reply(&request, 487));
    assert_eq!(statuses(&sent), [0, 408], "{sent:?}");
}

/// 430 is between edge and home proxy: the caller hears 480.
#[test]
fn a_430_with_no_flow_left_is_480_to_the_caller() {
    let (mut office, mut alice, preferred, other) = two_flows("");
    let request = ring(&mut office, &mut alice, Method::Invite, preferred);
    let sent = office.receive(preferred, &reply(&request, 430));
    let next = to(&sent, other).clone();
    assert_eq!(statuses(&office.receive(other, &reply(&next, 430))), [0, 480]);
}

/// RFC 4321 section 1.3: the caller of a MESSAGE gives up after 64*T1, however many flows are left to try by then.
#[test]
fn a_message_is_forgotten_when_its_caller_has_given_up() {
    let (mut office, mut alice, preferred, other) = two_flows("");
    let request = ring(&mut office, &mut alice, Method::Message, preferred);
    tick(&mut office, Duration::from_secs(20));
    let sent = office.receive(preferred, &reply(&request, 430));
    let next = to(&sent, other).clone();
    for _ in 0..13 {
        tick(&mut office, Duration::from_secs(1));
    }
    assert_eq!(office.exchange.transactions(), 0);
    assert!(office.receive(other, &reply(&next, 200)).is_empty(), "nobody waits for it");
}

/// A closed connection is no target at all, so the next flow is the first.
#[test]
fn a_closed_flow_is_not_tried() {
    let (mut office, mut alice, preferred, other) = two_flows("");
    office.handle(Input::FlowClosed { flow: preferred });
    ring(&mut office, &mut alice, Method::Invite, other);
}

/// RFC 3327 section 5.3: the Path of the binding is the Route of its requests.
#[test]
fn the_path_of_a_binding_is_its_route() {
    let (mut office, mut alice, preferred, _) =
        two_flows("Path: <sip:edge.example.net;lr;ob>, <sip:b.example.net;lr>\r\n");
    let request = ring(&mut office, &mut alice, Method::Invite, preferred);
    assert_eq!(lines(&request, "Route"), ["<sip:edge.example.net;lr;ob>,<sip:b.example.net;lr>"]);
    assert!(request.text().starts_with("INVITE sip:bob@10.0.0.9:5060;transport=tcp SIP/2.0\r\n"));
}
