use super::*;
use crate::call_record::{CallRecord, CallRecordId, Side};
use crate::event::{EndedBy, LegProtection, Protection};
use crate::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use crate::forwarding::{Cause, Diversion};
use crate::kept_calls::KeptCalls;
use crate::media::*;
use crate::mint::Mint;
use crate::party::Party;
use crate::world::Secrets;
use coeur_directory::{AccountId, Aor, DeviceId};
use coeur_sip::Transport;
use coeur_sip::dialog::{Memory, Role};
use coeur_sip::time::Wall;
use std::net::SocketAddr;

const NOW: Now = Now::new(Monotonic::from_secs(1_000), Wall::from_secs(1_800_000_000));

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn party(number: u64) -> Party {
    Party { account: AccountId(number), device: DeviceId(number * 100) }
}

fn flow(transport: Transport, connection: ConnectionId) -> Flow {
    Flow { transport, listener: ListenerId(3), connection, remote: address("[fd00::7]:5061") }
}

fn call() -> KeptCall<'static> {
    KeptCall {
        caller_leg: 7,
        callee_leg: 8,
        caller: Some(party(1)),
        called: Some(AccountId(2)),
        to: b"sip:bob@example.org",
        call_id: b"call",
        started_ms: 1,
        rang_after_ms: Some(200),
        answered_ms: 3_000,
        protection: Some(Protection { caller: LegProtection::Sdes, callee: LegProtection::Dtls }),
        counted: vec![AccountId(1), AccountId(2)],
        is_elsewhere: true,
        forwarded: vec![diversion()],
        transfer_of: Some(CallRecordId(77)),
        payer: Some(AccountId(9)),
    }
}

fn stream_address() -> StreamAddress {
    let others = [address("10.0.0.1:20000")].into();
    StreamAddress { rtp: address("192.0.2.1:20000"), rtcp: address("192.0.2.1:20001"), others }
}

fn open(kind: StreamKind) -> OpenStream {
    OpenStream { kind, rtcp_mux: true, bundled_with: Some(0) }
}

fn leg(answered: bool) -> KeptLeg<'static> {
    let over = flow(Transport::Tls, ConnectionId::GONE);
    KeptLeg {
        call: 9,
        shard: 5,
        slot: 77,
        flow: over,
        party: Some(party(1)),
        host: Some("pbx.example"),
        hop: if answered {
            Hop::Flow(over)
        } else {
            Hop::Address {
                transport: Transport::Udp,
                listener: ListenerId(0),
                address: over.remote,
                host: Some("x".into()),
            }
        },
        dialog: Memory {
            role: if answered { Role::Uas } else { Role::Uac },
            secure: true,
            call_id: b"call",
            local_tag: b"b2b-x",
            remote_tag: b"tag",
            local_address: b"<sip:a@b>",
            remote_address: b"<sip:c@d>",
            remote_target: b"sip:c@192.0.2.7",
            route_set: b"",
            local_cseq: answered.then_some(512),
            remote_cseq: Some(3),
        },
        streams: [StreamKind::Audio, StreamKind::Video, StreamKind::Other, StreamKind::None].map(open).into(),
        addresses: vec![Some(stream_address()), None],
        session_id: u64::MAX >> 2,
        session_version: 2,
        local: b"v=0 ours",
        remote: b"v=0 theirs",
        profile: 3,
        interval_s: 1_800,
        we_refresh: true,
        refresh_at_ms: 5,
        expires_at_ms: 0,
        end_to_end: true,
        user_agent: b"phone/1",
        allows_update: true,
        owes_offer: false,
        referred: true,
        answer: answered.then_some(KeptAnswer {
            bytes: b"SIP/2.0 200",
            source: over,
            reply: over,
            until_ms: 9,
        }),
        is_held: answered,
        is_muted: !answered,
    }
}

fn key(suite: SrtpSuite) -> SrtpKey {
    let key_and_salt = vec![7; suite.key_bytes() + suite.salt_bytes()].into();
    SrtpKey { suite, key_and_salt, mki: [1, 2][..suite.key_bytes() / 16].into() }
}

fn stream(keying: Keying, ice: bool) -> Stream {
    let side = |ufrag: &str| IceCredentials { ufrag: ufrag.into(), password: IcePassword("p".into()) };
    let candidate =
        Candidate { component: 1, priority: 9, address: address("10.0.0.2:9"), foundation: "f".into() };
    let format = Format {
        payload: 96,
        name: b"opus"[..].into(),
        clock_rate: 48_000,
        channels: 2,
        fmtp: Some(b"x=1"[..].into()),
    };
    Stream {
        rtp: address("10.0.0.2:4000"),
        rtcp: address("10.0.0.2:4001"),
        rtcp_mux: false,
        we_send: true,
        we_receive: false,
        keying,
        ice: ice.then(|| {
            Box::new(Ice {
                ours: side("a"),
                theirs: side("b"),
                their_lite: true,
                controlling: true,
                wire: true,
                candidates: [candidate].into(),
            })
        }),
        formats: [format].into(),
        mid: ice.then(|| Box::new(Mid { extension: 4, value: b"0"[..].into() })),
    }
}

fn kept_stream(keying: Keying, ice: bool, keys: Option<SrtpSuite>) -> KeptStream {
    let kept_key = |suite| KeptKey {
        key: key(suite),
        rtp_packets: 1 << 40,
        rtcp_packets: 3,
        sources: [KeptSource { ssrc: 0xdead_beef, rtp_index: Some(3 << 16 | 9), rtcp_index: None }].into(),
    };
    KeptStream {
        opened: open(StreamKind::Audio),
        bound: address("0.0.0.0:20000"),
        address: stream_address(),
        agreed: Some(Box::new(stream(keying, ice))),
        is_on: true,
        rtp: KeptPath { peer: Some(address("10.0.0.3:7")), selected: Some(address("10.0.0.4:8")) },
        rtcp: KeptPath::default(),
        keys: keys.map(|suite| Box::new(KeptKeys { send: kept_key(suite), receive: kept_key(suite) })),
    }
}

fn media() -> Kept {
    let fingerprint = Fingerprint { hash: "sha-256".into(), bytes: vec![9; 32].into() };
    let dtls = |role| Keying::Dtls { role, fingerprints: [fingerprint.clone()].into() };
    let sdes = |suite| Keying::Sdes { send: key(suite), receive: key(suite) };
    let suites = [
        SrtpSuite::AesCm128HmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32,
        SrtpSuite::AesCm256HmacSha1_80,
        SrtpSuite::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm,
    ];
    let mut streams: Vec<_> =
        suites.into_iter().map(|suite| Some(kept_stream(sdes(suite), false, Some(suite)))).collect();
    streams.push(None);
    streams.push(Some(kept_stream(Keying::Plain, false, None)));
    streams.push(Some(kept_stream(dtls(DtlsRole::Client), true, Some(SrtpSuite::AeadAes128Gcm))));
    streams.push(Some(kept_stream(dtls(DtlsRole::Server), true, None)));
    Kept { signalled_from: Some(address("10.0.0.9:0").ip()), streams: streams.into() }
}

fn diversion() -> Diversion {
    Diversion { account: AccountId(2), aor: "bob@b".into(), cause: Cause::Busy, to: "sip:carol@b".into() }
}

fn side() -> Side {
    Side {
        account: Some(Aor::new("alice", "example.org").expect("an address")),
        party: Some(party(1)),
        address: b"<sip:alice@example.org>"[..].into(),
        user_agent: b"phone"[..].into(),
        flow: Some((Transport::Wss, address("192.0.2.7:41000"))),
        call_id: b"call"[..].into(),
        ..Side::nobody()
    }
}

fn record(id: u128) -> CallRecord {
    CallRecord {
        id: CallRecordId(id),
        caller: side(),
        callee: Some(Side { account: None, flow: None, ..side() }),
        to: b"sip:bob@example.org"[..].into(),
        call_id: b"call"[..].into(),
        started: Wall::from_secs(1),
        rang_after_ms: None,
        answered: Some(Wall::from_secs(2)),
        ended: Wall::from_secs(3),
        status: 486,
        ended_by: EndedBy::Operator,
        reason: Some(b"Q.850;cause=16"[..].into()),
        protection: None,
        forwarded: [diversion()].into(),
        transfer_of: None,
        verdict: None,
        payer: Some(AccountId(3)),
    }
}

fn plain(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn every_piece_reads_back_as_it_was_written() {
    let bytes = plain(|out| call().write(out));
    assert_eq!(KeptCall::read(&bytes), Ok(call()));
    for answered in [true, false] {
        let bytes = plain(|out| leg(answered).write(out));
        assert_eq!(KeptLeg::read(&bytes), Ok(leg(answered)));
    }
    let bytes = plain(|out| write_media(out, &media()));
    assert_eq!(read_media(&bytes), Ok(media()));
    let bytes = plain(|out| write_ended(out, &record(4)));
    assert_eq!(read_ended(4, &bytes), Ok(record(4)));
}

/// Of another version, or cut off, or longer than it should be: an error, whatever the byte.
#[test]
fn a_piece_that_is_cut_short_or_longer_or_of_another_layout_is_refused() {
    let pieces = [
        plain(|out| call().write(out)),
        plain(|out| leg(true).write(out)),
        plain(|out| write_media(out, &media())),
        plain(|out| write_ended(out, &record(4))),
    ];
    let reads: [fn(&[u8]) -> bool; 4] = [
        |bytes| KeptCall::read(bytes).is_ok(),
        |bytes| KeptLeg::read(bytes).is_ok(),
        |bytes| read_media(bytes).is_ok(),
        |bytes| read_ended(4, bytes).is_ok(),
    ];
    for (piece, read) in pieces.iter().zip(reads) {
        assert!(read(piece));
        assert!((0..piece.len()).all(|length| !read(&piece[..length])), "cut short");
        assert!(!read(&[&piece[..], b"x"].concat()), "longer");
        let other = [&[LAYOUT + 1], &piece[1..]].concat();
        assert!(!read(&other), "another layout");
        for at in 0..piece.len() {
            for bit in 0..8 {
                let mut changed = piece.clone();
                changed[at] ^= 1 << bit;
                // Whatever comes of it, it is no panic.
                let _ = read(&changed);
            }
        }
    }
}

fn kept() -> KeptCalls {
    KeptCalls::new(&Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] })
}

/// A call with its legs and one of the two media, as one entry.
fn entry(kept: &KeptCalls, mint: &mut Mint) -> Vec<u8> {
    let written = Written::at(&Bindings::new(), NOW);
    let mut out = Vec::new();
    kept.set(mint, Key::Call(9), (written, &plain(|out| call().write(out))), &mut out);
    for name in [7, 8] {
        kept.set(mint, Key::Leg(name), (written, &plain(|out| leg(true).write(out))), &mut out);
    }
    kept.set(mint, Key::Media(7), (written, &plain(|out| write_media(out, &media()))), &mut out);
    out
}

fn recover(entries: &[Vec<u8>], shards: usize) -> (RecoveredCalls, KeptCalls) {
    let (mut recovery, after) = (Recovery::default(), kept());
    entries.iter().for_each(|entry| recovery.apply(entry).expect("what we write, we read"));
    (recovery.finish(&after, shards, NOW), after)
}

fn dumped(kept: &KeptCalls) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    kept.dump(&mut |entry| entries.push(entry.to_vec()));
    entries
}

#[test]
fn a_call_comes_back_from_its_entries_and_from_a_snapshot_of_them() {
    let (before, mut mint) = (kept(), Mint::new(ShardId(5), [1; 32]));
    let entries = [entry(&before, &mut mint)];
    for entries in [entries.to_vec(), dumped(&before)] {
        let (recovered, after) = recover(&entries, 8);
        assert_eq!((recovered.calls[5].len(), recovered.lost, recovered.unreadable), (1, 0, 0));
        let call = &recovered.calls[5][0];
        assert_eq!(
            (call.id, call.media[0].is_some(), call.media[1].is_some()),
            (CallRecordId(9), true, false)
        );
        assert_eq!(dumped(&after), dumped(&before), "what came back is in the next snapshot");
    }
}

#[test]
fn what_has_not_changed_is_not_written_again_and_what_is_gone_stays_gone() {
    let (kept, mut mint) = (kept(), Mint::new(ShardId(5), [1; 32]));
    let first = entry(&kept, &mut mint);
    assert!(!first.is_empty() && entry(&kept, &mut mint).is_empty());
    let written = Written::at(&Bindings::new(), NOW);
    let mut end = Vec::new();
    for key in [Key::Call(9), Key::Leg(7), Key::Leg(8), Key::Media(7), Key::Media(8)] {
        kept.forget(5, key, written, &mut end);
    }
    let (recovered, after) = recover(&[first, end], 8);
    assert!(recovered.calls.iter().all(Vec::is_empty) && recovered.ended.is_empty());
    assert_eq!((after.count(), kept.count()), ((0, 0), (0, 0)));
}

#[test]
fn a_call_of_a_shard_that_is_no_more_goes_to_one_that_is_there() {
    let entries = [entry(&kept(), &mut Mint::new(ShardId(5), [1; 32]))];
    for shards in 1..=6 {
        let (recovered, _) = recover(&entries, shards);
        let at = recovered.calls.iter().position(|calls| calls.len() == 1);
        assert_eq!(at, Some(owner(5, shards)), "{shards} shards");
    }
}

#[test]
fn a_call_without_one_of_its_legs_ends_with_a_record() {
    let (before, mut mint) = (kept(), Mint::new(ShardId(5), [1; 32]));
    let first = entry(&before, &mut mint);
    let written = Written::at(&Bindings::new(), NOW);
    let told = KeptCall { is_elsewhere: false, ..call() };
    let mut gone = Vec::new();
    before.set(&mut mint, Key::Call(9), (written, &plain(|out| told.write(out))), &mut gone);
    before.forget(5, Key::Leg(8), written, &mut gone);
    let (recovered, _) = recover(&[first, gone], 8);
    assert_eq!((recovered.lost, recovered.ended.len()), (1, 1));
    let record = &recovered.ended[0];
    assert_eq!((record.id, record.ended_by, record.status), (CallRecordId(9), EndedBy::Exchange, 200));
}

#[test]
fn a_record_comes_back_until_it_is_committed() {
    let (before, mut mint) = (kept(), Mint::new(ShardId(5), [1; 32]));
    let (written, mut first) = (Written::at(&Bindings::new(), NOW), Vec::new());
    before.set(&mut mint, Key::Ended(4), (written, &plain(|out| write_ended(out, &record(4)))), &mut first);
    assert_eq!(recover(&[first.clone()], 1).0.ended, [record(4)]);
    let committed = before.committed([CallRecordId(4), CallRecordId(5)].into_iter(), written);
    assert!(recover(&[first, committed], 1).0.ended.is_empty());
    assert!(before.committed([CallRecordId(4)].into_iter(), written).is_empty(), "said once");
}

/// What is stolen with the journal alone tells nothing, and no piece can stand for another.
/// A database that refuses for days must not fill the memory.
#[test]
fn records_that_wait_to_be_committed_are_bounded() {
    let (kept, mut mint, mut entry) = (kept(), Mint::new(ShardId(0), [3; 32]), Vec::new());
    let written = Written::at(&Bindings::new(), NOW);
    for id in 0..65_600 {
        entry.clear();
        kept.set(&mut mint, Key::Ended(id), (written, b"a"), &mut entry);
    }
    assert_eq!(kept.count(), (0, 65_536));
    assert!(entry.is_empty(), "what is not kept is not written either");
    kept.set(&mut mint, Key::Leg(1), (written, b"a"), &mut entry);
    assert_eq!(kept.count().0, 1, "calls that live are");
}

#[test]
fn a_piece_opens_with_our_key_under_its_own_name_and_not_otherwise() {
    let (ours, mut mint) = (kept(), Mint::new(ShardId(5), [1; 32]));
    let entry = entry(&ours, &mut mint);
    assert!(
        memchr::memmem::find(&entry, b"v=0 ours").is_none()
            && memchr::memmem::find(&entry, &[7; 30]).is_none()
    );
    let theirs = KeptCalls::new(&Secrets { nonce: [1; 32], route: [9; 32], gruu: [3; 32] });
    let mut recovery = Recovery::default();
    recovery.apply(&entry).expect("an entry");
    let recovered = recovery.finish(&theirs, 8, NOW);
    assert_eq!((recovered.unreadable, recovered.calls.iter().map(Vec::len).sum::<usize>()), (1, 0));
    let mut fields = Fields::new(&entry);
    header(&mut fields).expect("a header");
    let (key, _) = Key::read(&mut fields).expect("a key");
    let sealed = fields.text().expect("sealed");
    assert!(ours.open(key, sealed).is_some() && ours.open(Key::Call(10), sealed).is_none());
}

#[test]
fn an_entry_that_is_cut_short_or_of_another_version_changes_nothing() {
    let entry = entry(&kept(), &mut Mint::new(ShardId(5), [1; 32]));
    let mut recovery = Recovery::default();
    let header_bytes = plain(|out| begin(out, &Written::at(&Bindings::new(), NOW))).len();
    for length in (0..entry.len()).filter(|length| *length != header_bytes) {
        let whole_pieces = recovery.apply(&entry[..length]).is_ok();
        assert!(!whole_pieces || length > header_bytes);
    }
    let mut recovery = Recovery::default();
    for (at, value) in [(0, 3), (header_bytes, 9)] {
        let mut other = entry.clone();
        other[at] = value;
        let why = recovery.apply(&other).expect_err("another version").to_string();
        assert!(why.contains("unknown"), "{why}");
    }
    let recovered = recovery.finish(&kept(), 8, NOW);
    assert!(recovered.calls.iter().all(Vec::is_empty));
}

#[test]
fn a_deadline_is_as_far_away_after_a_restart_as_the_time_that_passed_leaves_it() {
    let bindings = |id, started_ms| Bindings::of_boot(crate::bindings::Boot { id, started_ms });
    let at = |secs, wall| Now::new(Monotonic::from_secs(secs), Wall::from_secs(wall));
    let then = at(100, 5_000);
    let written = Written::at(&bindings(7, 50_000), then);
    let deadline_ms = written.deadline_ms(then, Monotonic::from_secs(160));
    // The same boot: whatever the wall clock says. Another: only that can tell.
    for (boot, now, left_s) in
        [((7, 155_000), at(5, 9_999), 50), ((8, 0), at(5, 5_020), 40), ((8, 0), at(5, 9_999), 0)]
    {
        let later = Written::at(&bindings(boot.0, boot.1), now);
        assert_eq!(written.deadline(deadline_ms, &later, now), now.monotonic + Duration::from_secs(left_s));
    }
    assert_eq!(written.deadline_ms(then, Monotonic::NEVER), 0);
    assert_eq!(written.deadline(0, &written, then), Monotonic::NEVER);
}
