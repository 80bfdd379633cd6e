//! Each cause by the evidence that tells it, and what must not be taken for a fault.

use super::*;
use crate::media::{
    Claimed, DtlsFailure, DtlsRole, DtlsState, Format, IceFailure, IceState, Keying, Misfit, Recent, SrtpKey,
    SrtpSuite, StreamKind, Taken, Troubles, Way,
};
use std::collections::BTreeSet;

const PHONE: &str = "203.0.113.7:4000";
const ROUTER: &str = "203.0.113.7";
const INSIDE: &str = "192.168.1.20:4000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// One side of a call that has gone on for a while.
struct Phone {
    said: Said,
    agreed: Option<Stream>,
    report: StreamReport,
}

/// G.711 in both directions, 50 packets a second, for 10 s.
fn phone() -> Phone {
    let format = |payload, name: &str| Format {
        payload,
        name: name.as_bytes().into(),
        clock_rate: 8_000,
        channels: 1,
        fmtp: None,
    };
    let way = Way { packets: 500, octets: 80_000, lost: Some(0), jitter_us: Some(900), mos_hundredths: None };
    Phone {
        said: Said {
            from: address(PHONE).ip(),
            is_readable: true,
            media: Some(address(PHONE)),
            contact: Some(address(PHONE).ip()),
            via: Some(address(PHONE).ip()),
            is_rejected: false,
            owes_ack: false,
            moved_to: None,
        },
        agreed: Some(Stream {
            rtp: address(PHONE),
            rtcp: address("203.0.113.7:4001"),
            rtcp_mux: false,
            we_send: true,
            we_receive: true,
            keying: Keying::Plain,
            ice: None,
            formats: [format(0, "PCMU"), format(101, "telephone-event")].into(),
            mid: None,
        }),
        report: StreamReport {
            kind: StreamKind::Audio,
            received: way,
            sent: way,
            round_trip_us: None,
            heard_from: Some(address(PHONE)),
            sends_to: Some(address(PHONE)),
            drops: Box::default(),
            refused: None,
            misfit: None,
            taken: Some(Taken { ago_ms: 10, payload: 0, payload_bytes: 160 }),
            claimed: None,
            missed_percent: None,
            srtp_index: None,
            ice: IceState::Unused,
            dtls: DtlsState::Unused,
            recent: Recent {
                span_ms: 2_000,
                settled_ms: 10_000,
                received: 100,
                sent: 100,
                clock_hz: Some(8_000),
                ..Recent::default()
            },
        },
    }
}

impl Phone {
    fn agreed(&mut self) -> &mut Stream {
        self.agreed.as_mut().expect("agreed")
    }

    fn recent(&mut self) -> &mut Recent {
        &mut self.report.recent
    }

    /// It was heard, and is not any more.
    fn falls_silent(&mut self) {
        (self.recent().received, self.recent().clock_hz) = (0, None);
    }

    fn was_never_heard(&mut self) {
        self.falls_silent();
        (self.report.received, self.report.heard_from, self.report.taken) = (Way::default(), None, None);
    }

    fn drops(&mut self, reason: &'static str, count: u64) {
        self.recent().drops = [(reason, count)].into();
    }

    fn misfit(&mut self, why: &'static str, rtp: Option<(u8, u16)>) {
        self.drops(why, 100);
        self.report.misfit = Some(Misfit { from: address(PHONE), why, rtp });
    }

    fn sdes(&mut self) {
        let suite = SrtpSuite::AesCm128HmacSha1_80;
        let key = |byte| SrtpKey { suite, key_and_salt: vec![byte; 30].into(), mki: Box::default() };
        self.agreed().keying = Keying::Sdes { send: key(1), receive: key(2) };
    }

    fn dtls(&mut self, role: DtlsRole, state: DtlsState) {
        self.agreed().keying = Keying::Dtls { role, fingerprints: Box::default() };
        self.report.dtls = state;
        self.was_never_heard();
    }

    fn is_inside(&mut self) {
        self.was_never_heard();
        self.agreed().rtp = address(INSIDE);
        let inside = address(INSIDE);
        (self.said.media, self.said.contact, self.said.via) =
            (Some(inside), Some(inside.ip()), Some(inside.ip()));
    }

    fn leg(&self) -> Leg<'_> {
        Leg { said: self.said.clone(), agreed: self.agreed.as_ref(), report: Some(&self.report) }
    }
}

fn judged(caller: &Phone, callee: &Phone) -> Vec<Verdict> {
    judge(&Ends { caller: caller.leg(), callee: callee.leg() })
}

/// What is said of a call whose caller is so, and whose callee is well.
fn of(change: impl FnOnce(&mut Phone)) -> Vec<Verdict> {
    let (mut caller, callee) = (phone(), phone());
    change(&mut caller);
    judged(&caller, &callee)
}

type Change = fn(&mut Phone);
type Fault = (Cause, Change);

const FAULTS: &[Fault] = &[
    (Cause::Rejected, |phone| {
        (phone.agreed, phone.said.is_rejected) = (None, true);
    }),
    (Cause::KeysDoNotFit, |phone| phone.agreed = None),
    (Cause::Forbidden, |phone| phone.recent().troubles = Troubles { forbidden: 50, ..Troubles::default() }),
    (Cause::WrongCertificate, |phone| {
        let state = DtlsState::Failed { why: DtlsFailure::WrongCertificate };
        phone.dtls(DtlsRole::Server, state);
    }),
    (Cause::DtlsFailed, |phone| phone.dtls(DtlsRole::Client, DtlsState::Waiting { alert: Some(40) })),
    (Cause::PlainForSrtp, |phone| {
        phone.sdes();
        phone.was_never_heard();
        phone.misfit(drops::UNAUTHENTICATED, Some((0, 160)));
    }),
    (Cause::SrtpForPlain, |phone| {
        phone.report.taken = Some(Taken { ago_ms: 5, payload: 8, payload_bytes: 170 });
    }),
    (Cause::WrongKey, |phone| {
        phone.sdes();
        phone.was_never_heard();
        phone.misfit(drops::UNAUTHENTICATED, Some((0, 170)));
    }),
    (Cause::KeyChanged, |phone| {
        phone.sdes();
        phone.falls_silent();
        phone.misfit(drops::UNAUTHENTICATED, Some((0, 170)));
    }),
    (Cause::Replayed, |phone| {
        phone.sdes();
        phone.falls_silent();
        phone.misfit(drops::REPLAYED, Some((0, 170)));
    }),
    (Cause::KeyLimit, |phone| {
        phone.sdes();
        phone.falls_silent();
        phone.drops(drops::KEY_LIMIT, 100);
    }),
    (Cause::UnknownPayload, |phone| {
        phone.was_never_heard();
        phone.misfit(drops::UNKNOWN_PAYLOAD, Some((18, 20)));
    }),
    (Cause::NoCommonFormat, |phone| {
        phone.was_never_heard();
        phone.misfit(drops::UNKNOWN_PAYLOAD, Some((0, 160)));
    }),
    (Cause::NotRtp, |phone| {
        phone.was_never_heard();
        phone.misfit(drops::MALFORMED, None);
    }),
    (Cause::OtherProfile, |phone| {
        phone.was_never_heard();
        phone.drops(drops::UNEXPECTED, 4);
    }),
    (Cause::RtpOnRtcpPort, |phone| {
        phone.was_never_heard();
        phone.misfit(drops::WRONG_PORT, Some((0, 160)));
    }),
    (Cause::WrongClock, |phone| phone.recent().clock_hz = Some(16_000)),
    (Cause::ConsentLost, |phone| {
        phone.falls_silent();
        phone.report.ice = IceState::Failed { why: IceFailure::ConsentLost, refused: 0 };
    }),
    (Cause::IceCredentials, |phone| {
        phone.was_never_heard();
        phone.report.ice = IceState::Checking { refused: 9 };
    }),
    (Cause::IceNoPair, |phone| {
        phone.was_never_heard();
        phone.report.ice = IceState::Checking { refused: 0 };
    }),
    (Cause::IceNoChecks, |phone| {
        phone.was_never_heard();
        phone.report.ice = IceState::Checking { refused: 0 };
        phone.drops(drops::NOT_FROM_PEER, 100);
    }),
    (Cause::DtlsNotBegun, |phone| {
        phone.dtls(DtlsRole::Server, DtlsState::Waiting { alert: None });
        phone.drops(drops::NO_KEYS, 100);
    }),
    (Cause::DtlsStuck, |phone| {
        phone.dtls(DtlsRole::Server, DtlsState::Waiting { alert: None });
        phone.recent().dtls = 6;
    }),
    (Cause::SaysItSendsNothing, |phone| {
        phone.was_never_heard();
        phone.report.claimed = Some(Claimed::default());
    }),
    (Cause::LargeLost, |phone| {
        (phone.recent().received, phone.recent().lost) = (60, 40);
        phone.report.claimed = Some(Claimed { packets: 500, octets: 500_000 });
    }),
    (Cause::OnlyRtcp, |phone| {
        phone.was_never_heard();
        phone.report.claimed = Some(Claimed { packets: 400, octets: 64_000 });
    }),
    (Cause::DeviceMoved, |phone| {
        phone.falls_silent();
        phone.said.moved_to = Some(address("198.51.100.9:5060"));
    }),
    (Cause::MappingChanged, |phone| {
        phone.falls_silent();
        phone.drops(drops::NOT_FROM_PEER, 100);
        phone.report.refused = Some((address("203.0.113.7:4444"), drops::NOT_FROM_PEER));
    }),
    (Cause::StrangeSource, |phone| {
        phone.was_never_heard();
        phone.drops(drops::NOT_FROM_PEER, 100);
        phone.report.refused = Some((address("198.51.100.9:4444"), drops::NOT_FROM_PEER));
    }),
    (Cause::PortClosed, |phone| {
        phone.was_never_heard();
        phone.recent().troubles = Troubles { refused: 40, ..Troubles::default() };
    }),
    (Cause::Unreachable, |phone| {
        phone.was_never_heard();
        phone.recent().troubles = Troubles { unreachable: 3, ..Troubles::default() };
    }),
    (Cause::TooLarge, |phone| phone.recent().troubles = Troubles { too_large: 30, ..Troubles::default() }),
    (Cause::SipAlg, |phone| {
        phone.is_inside();
        let router = Some(ROUTER.parse().expect("an address"));
        (phone.said.via, phone.said.contact) = (router, router);
    }),
    (Cause::PrivateAddress, Phone::is_inside),
    (Cause::NoAddress, |phone| {
        phone.agreed().we_receive = false;
        phone.drops(drops::NO_ADDRESS, 100);
        phone.recent().sent = 0;
    }),
    (Cause::NotJoined, |phone| {
        phone.falls_silent();
        phone.drops(drops::NOT_CONNECTED, 100);
    }),
    (Cause::NotSent, |phone| phone.drops(drops::NOT_SENT, 100)),
    (Cause::Stopped, Phone::falls_silent),
    (Cause::NothingComes, Phone::was_never_heard),
    (Cause::NotHeardThere, |phone| phone.report.missed_percent = Some(100)),
    (Cause::Loss, |phone| (phone.recent().received, phone.recent().lost) = (60, 40)),
    (Cause::LossThere, |phone| phone.report.missed_percent = Some(40)),
    (Cause::Jitter, |phone| phone.report.received.jitter_us = Some(180_000)),
    (Cause::Jitter, |phone| (phone.recent().stalls, phone.recent().stalled_ms) = (5, 2_400)),
    (Cause::NoAck, |phone| phone.said.owes_ack = true),
];

/// What is said before ICE has found a way waits for nobody.
#[test]
fn what_was_dropped_before_an_address_was_known_is_no_fault_once_it_is() {
    let verdicts = of(|phone| phone.drops(drops::NO_ADDRESS, 100));
    assert!(verdicts.iter().all(|verdict| verdict.cause != Cause::NoAddress), "{verdicts:?}");
}

#[test]
fn each_fault_draws_its_cause_first_and_names_its_side() {
    for (cause, change) in FAULTS {
        let verdicts = of(change);
        assert_eq!(verdicts.first().map(|first| first.cause), Some(*cause), "{cause:?}: {verdicts:?}");
        assert_eq!(verdicts[0].side, Side::Caller);
        assert!(verdicts[0].values.len() <= VALUES_MAX);
        let (caller, mut callee) = (phone(), phone());
        change(&mut callee);
        let verdicts = judged(&caller, &callee);
        assert_eq!((verdicts[0].cause, verdicts[0].side), (*cause, Side::Callee));
    }
}

/// A port that is not to be had is told where it is asked for.
#[test]
fn every_cause_but_one_is_drawn_by_evidence() {
    let drawn: BTreeSet<Cause> = FAULTS.iter().map(|(cause, _)| *cause).collect();
    let missing: Vec<&Cause> = Cause::ALL.iter().filter(|cause| !drawn.contains(cause)).collect();
    assert_eq!(missing, [&Cause::NoPorts]);
}

#[test]
fn what_is_as_it_was_wished_draws_nothing() {
    let well: &[(&str, Change)] = &[
        ("a healthy call", |_| {}),
        ("held", |phone| {
            (phone.agreed().we_receive, phone.agreed().we_send) = (false, false);
            phone.falls_silent();
        }),
        ("one way, as it wished", |phone| {
            phone.agreed().we_receive = false;
            phone.was_never_heard();
        }),
        ("muted, and sending", |phone| phone.report.missed_percent = Some(0)),
        ("silence is suppressed by comfort noise", |phone| {
            phone.falls_silent();
            phone.report.taken = Some(Taken { ago_ms: 2_500, payload: 13, payload_bytes: 1 });
        }),
        ("silence is suppressed as Opus does", |phone| {
            phone.falls_silent();
            phone.report.taken = Some(Taken { ago_ms: 2_100, payload: 111, payload_bytes: 1 });
        }),
        ("behind a router, and heard", |phone| {
            phone.agreed().rtp = address(INSIDE);
            phone.said.media = Some(address(INSIDE));
        }),
        ("strangers spray", |phone| {
            phone.drops(drops::NOT_FROM_PEER, 10_000);
            phone.report.refused = Some((address("198.51.100.9:4444"), drops::NOT_FROM_PEER));
        }),
        ("its port of RTCP is closed", |phone| {
            phone.recent().troubles = Troubles { rtcp_refused: 1, ..Troubles::default() };
        }),
        ("it has just been agreed", |phone| {
            phone.was_never_heard();
            phone.recent().settled_ms = 800;
        }),
        ("registered elsewhere, and heard", |phone| {
            phone.said.moved_to = Some(address("198.51.100.9:5060"));
        }),
        ("a browser that likes Opus most and speaks G.711", |phone| {
            let opus = Format {
                payload: 111,
                name: b"opus".as_slice().into(),
                clock_rate: 48_000,
                channels: 2,
                fmtp: None,
            };
            let others = phone.agreed().formats.iter().cloned();
            phone.agreed().formats = std::iter::once(opus).chain(others.collect::<Vec<_>>()).collect();
        }),
        ("encrypted, as agreed", |phone| {
            phone.sdes();
            phone.report.taken = Some(Taken { ago_ms: 5, payload: 0, payload_bytes: 170 });
        }),
    ];
    for (what, change) in well {
        assert_eq!(of(change), [], "{what}");
    }
}

#[test]
fn a_refused_stream_is_told_of_the_side_that_refused_it() {
    let (mut caller, mut callee) = (phone(), phone());
    (caller.agreed, callee.agreed) = (None, None);
    callee.said.is_rejected = true;
    let verdicts = judged(&caller, &callee);
    assert_eq!(
        verdicts.iter().map(|v| (v.side, v.cause)).collect::<Vec<_>>(),
        [(Side::Callee, Cause::Rejected)]
    );
}

#[test]
fn two_phones_behind_firewalls_are_told_both() {
    let (mut caller, mut callee) = (phone(), phone());
    caller.was_never_heard();
    callee.was_never_heard();
    let verdicts = judged(&caller, &callee);
    let sides: Vec<(Side, Cause)> = verdicts.iter().map(|v| (v.side, v.cause)).collect();
    assert_eq!(sides, [(Side::Caller, Cause::NothingComes), (Side::Callee, Cause::NothingComes)]);
    assert_eq!(&*verdicts[0].values[0], PHONE);
}

#[test]
fn a_phone_that_has_moved_with_its_media_and_falls_silent_there_has_only_stopped() {
    let verdicts = of(|phone| {
        phone.falls_silent();
        phone.said.moved_to = Some(address("198.51.100.9:5060"));
        phone.report.heard_from = Some(address("198.51.100.9:4000"));
    });
    assert_eq!(verdicts.iter().map(|verdict| verdict.cause).collect::<Vec<_>>(), [Cause::Stopped]);
}

#[test]
fn the_tag_of_srtp_is_told_from_whole_frames_only_where_frames_have_one_size() {
    for bytes in [164, 170, 176, 90, 250] {
        assert!(has_tag(0, bytes) && !has_none(0, bytes), "{bytes}");
    }
    for bytes in [80, 160, 240, 320] {
        assert!(!has_tag(8, bytes) && has_none(8, bytes), "{bytes}");
    }
    assert!(!has_tag(111, 170) && !has_none(111, 160), "Opus has frames of any size");
}
