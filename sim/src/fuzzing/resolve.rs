//! RFC 3263 with a hostile DNS: whatever is answered, in whatever order, the resolution ends within its limits.

use super::choices::Choices;
use coeur_sip::Uri;
use coeur_sip::resolve::{
    Answer, Blacklist, Destination, Failover, Naptr, Outcome, Progress, Query, RecordKind, Records,
    Resolution, ResolveLimits, Resolved, Srv, Supported,
};
use coeur_sip::time::Monotonic;
use std::net::{Ipv4Addr, Ipv6Addr};

const URIS: &[&[u8]] = &[
    b"sip:example.com",
    b"sips:example.com",
    b"sip:example.com:5070",
    b"sip:example.com;transport=tcp",
    b"sip:a@192.0.2.1;maddr=b.example",
    b"sip:[2001:db8::1]:5061;transport=tls",
    b"sip:x;transport=ws",
];

pub fn resolve(data: &[u8]) {
    let mut choices = Choices::new(data);
    let uri = match choices.below(URIS.len() + 1) {
        0 => choices.bytes(120),
        known => URIS[known - 1],
    };
    let Ok(Uri::Sip(uri)) = Uri::parse(uri) else { return };
    let Ok(destination) = Destination::from_uri(&uri) else { return };
    let limits = ResolveLimits {
        queries_max: choices.below(40),
        records_max: choices.below(20),
        candidates_max: choices.below(40),
    };
    let flags = choices.byte();
    let supported =
        Supported { tls: flags & 1 == 0, tcp: flags & 2 == 0, ipv6: flags & 4 == 0, ..Supported::ALL };
    let (resolution, progress) = Resolution::start(destination, supported, choices.long(), limits);
    let asked = drive(&mut choices, resolution, progress, &supported, &limits);
    assert!(asked <= limits.queries_max, "{asked} queries of {}", limits.queries_max);
}

/// Returns how much was asked.
fn drive(
    choices: &mut Choices<'_>,
    mut resolution: Resolution,
    mut progress: Progress,
    supported: &Supported,
    limits: &ResolveLimits,
) -> usize {
    let (mut open, mut asked): (Vec<Query>, usize) = (Vec::new(), 0);
    loop {
        match progress {
            Progress::Done(Ok(resolved)) => {
                judge(resolved, supported, limits);
                return asked;
            }
            Progress::Done(Err(_)) => return asked,
            Progress::Ask(queries) => {
                asked += queries.len();
                open.extend(queries);
            }
        }
        // Every open question is answered once in the end, so a resolution that waits for nothing has lost itself.
        assert!(!open.is_empty(), "it neither asks nor ends");
        let query = open.swap_remove(choices.below(open.len()));
        if choices.once_in(8) {
            let stray =
                Answer { query: Query::new(RecordKind::A, &name(choices)), outcome: outcome(choices) };
            // It may by chance answer a question that is open.
            if !open.contains(&stray.query) && stray.query != query {
                assert_eq!(resolution.on_answer(&stray), Progress::Ask(Vec::new()));
            }
        }
        progress = resolution.on_answer(&Answer { query, outcome: outcome(choices) });
    }
}

fn judge(resolved: Resolved, supported: &Supported, limits: &ResolveLimits) {
    assert!(!resolved.candidates.is_empty());
    assert!(resolved.candidates.len() <= limits.candidates_max.max(1));
    for candidate in &resolved.candidates {
        assert!(supported.transport(candidate.transport));
    }
    let count = resolved.candidates.len();
    let mut blacklist = Blacklist::new();
    let (now, first) = (Monotonic::from_secs(1), resolved.candidates[0].clone());
    blacklist.insert(now, first.transport, first.address, std::time::Duration::from_secs(30));
    let mut failover = Failover::new(resolved.candidates, now, &blacklist);
    assert_eq!(std::iter::from_fn(|| failover.next().map(|_| ())).count(), count);
}

fn outcome(choices: &mut Choices<'_>) -> Outcome {
    let ttl_s = [0, 1, 300, u32::MAX][choices.below(4)];
    let records = match choices.below(6) {
        0 => return Outcome::Failed,
        1 => return Outcome::Absent { ttl_s },
        2 => Records::Naptr(some(choices, |choices| Naptr {
            order: choices.short(),
            preference: choices.short(),
            flags: choices.one_of(&["s", "S", "u", "a", ""]).into(),
            service: choices.one_of(&["SIP+D2U", "SIP+D2T", "SIPS+D2T", "sips+d2t", "E2U+sip"]).into(),
            replacement: name(choices).into(),
        })),
        3 => Records::Srv(some(choices, |choices| Srv {
            priority: choices.short(),
            weight: choices.one_of(&[0, 1, 10, u16::MAX]),
            port: choices.short(),
            target: name(choices).into(),
        })),
        4 => Records::A(some(choices, |choices| Ipv4Addr::from(choices.long() as u32))),
        _ => Records::Aaaa(some(choices, |choices| Ipv6Addr::from(u128::from(choices.long())))),
    };
    Outcome::Found { records, ttl_s }
}

fn some<T>(choices: &mut Choices<'_>, mut one: impl FnMut(&mut Choices<'_>) -> T) -> Vec<T> {
    (0..choices.below(40)).map(|_| one(choices)).collect()
}

fn name(choices: &mut Choices<'_>) -> String {
    match choices.below(8) {
        0 => "example.com".into(),
        1 => "EXAMPLE.com.".into(),
        2 => ".".into(),
        3 => String::new(),
        4 => "a.example".into(),
        5 => "192.0.2.1".into(),
        6 => "x.".repeat(130),
        _ => String::from_utf8_lossy(choices.bytes(40)).into_owned(),
    }
}
