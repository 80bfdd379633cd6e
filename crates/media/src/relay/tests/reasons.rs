//! Each reason has a packet that meets it, and is counted for the stream whose it is.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_reason_is_met_and_counted() {
    let mut met = BTreeSet::new();
    let mut meet = |desk: &mut Desk, verdict: Verdict, of: Option<StreamKey>| {
        let Verdict::Dropped(reason) = verdict else { panic!("{verdict:?}") };
        if let Some(stream) = of {
            assert_eq!(desk.relay.dropped(stream).unwrap().of(reason), 1, "{reason:?}");
        }
        assert_eq!(desk.relay.all_dropped().of(reason), 1, "{reason:?}");
        assert!(met.insert(reason), "{reason:?} twice");
    };
    let suite = Suite::AesCm128HmacSha1_80;
    let (a_rtp, b_rtp) = (rtp(0, 1, 7), rtp(0, 1, 8));

    let mut desk = Desk::bare();
    let verdict = desk.at_a(A, &a_rtp);
    let (a, b) = (desk.a.stream, desk.b.stream);
    meet(&mut desk, verdict, Some(a));
    desk.agree_a(plain(at(A)));
    let verdict = desk.at_a(A, &a_rtp);
    meet(&mut desk, verdict, Some(b));

    let mut desk = Desk::plain();
    let rtcp_port = desk.a.rtcp.unwrap();
    for (port, from, bytes) in [
        (desk.a.rtp, STRANGER, &a_rtp[..]),
        (desk.a.rtp, A, &a_rtp[..11]),
        (desk.a.rtp, A, b"\xff\xff"),
        (rtcp_port, A, &a_rtp[..]),
        (desk.a.rtp, A, &rtp(77, 1, 7)[..]),
    ] {
        let verdict = desk.receive(port, from, bytes).0;
        meet(&mut desk, verdict, Some(a));
    }
    desk.at_a(A, &a_rtp);
    let verdict = desk.at_a(A, &rtp(0, 30_000, 7));
    meet(&mut desk, verdict, Some(a));
    desk.relay.lost(desk.a.rtp, Reason::NotSent);
    meet(&mut desk, dropped(Reason::NotSent), Some(a));
    desk.relay.link(a, None, None);
    let verdict = desk.at_a(A, &a_rtp);
    meet(&mut desk, verdict, Some(a));
    desk.agree_a(Agreed { we_send: false, we_receive: false, ..plain(at(A)) });
    let verdict = desk.at_a(A, &a_rtp);
    meet(&mut desk, verdict, Some(a));
    let verdict = desk.at_b(B, &b_rtp);
    meet(&mut desk, verdict, Some(a));
    desk.relay.close(a);
    let verdict = desk.at_a(A, &a_rtp);
    meet(&mut desk, verdict, None);

    let mut desk = Desk::new(plain(behind_nat("10.0.0.1:4000", "203.0.113.5")), plain(at(B)));
    for (port, from) in [(desk.a.rtp, STRANGER), (desk.b.rtp, B)] {
        let verdict = desk.receive(port, from, &a_rtp).0;
        meet(&mut desk, verdict, Some(a));
    }

    let mut desk = Desk::plain();
    desk.agree_a(Agreed { receive: KeyChange::Awaited, send: KeyChange::Awaited, ..plain(at(A)) });
    for (port, from) in [(desk.a.rtp, A), (desk.b.rtp, B)] {
        let verdict = desk.receive(port, from, &a_rtp).0;
        meet(&mut desk, verdict, Some(a));
    }

    let mut desk = Desk::new(sdes(plain(at(A)), suite, 1), plain(at(B)));
    let mut phone = Outbound::new(&key(suite, 1));
    let authentic = protect(&mut phone, &a_rtp);
    let verdict = desk.at_a(A, &a_rtp);
    meet(&mut desk, verdict, Some(a));
    desk.at_a(A, &authentic);
    let verdict = desk.at_a(A, &authentic);
    meet(&mut desk, verdict, Some(a));
    desk.at_b(B, &b_rtp);
    let verdict = desk.at_b(B, &b_rtp);
    meet(&mut desk, verdict, Some(a));
    let verdict =
        (1_000..1_200).map(|ssrc| desk.at_b(B, &rtp(0, 1, ssrc))).find(|v| matches!(v, Verdict::Dropped(_)));
    let verdict = verdict.unwrap();
    let counted = desk.relay.dropped(a).unwrap().of(Reason::KeyLimit);
    assert_eq!(verdict, dropped(Reason::KeyLimit));
    assert_eq!(counted, 1);
    meet(&mut desk, verdict, Some(a));

    let mut desk = Desk::plain();
    let mut verdicts = (0..10_000).map(|sequence| desk.at_a(A, &rtp(0, sequence, 7)));
    let verdict = verdicts.find(|verdict| matches!(verdict, Verdict::Dropped(_))).unwrap();
    meet(&mut desk, verdict, Some(a));

    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !met.contains(reason)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn reasons_have_names_for_a_label() {
    let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::COUNT);
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}
