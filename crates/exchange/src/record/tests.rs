use super::{Batch, Dump, Recovered, Recovery};
use crate::bindings::{BindingId, Bindings, Boot, Draft, Fallback, Refresh, Target, Version};
use crate::flow::{ConnectionId, Flow, ListenerId, ShardId};
use crate::world::Listener;
use coeur_directory::DeviceId;
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::Duration;

const DOMAIN: &[u8] = b"example.com";

fn at(seconds: u64) -> Now {
    Now::new(Monotonic::from_secs(seconds), Wall::from_secs(1_800_000_000 + seconds))
}

fn listeners() -> Vec<Listener> {
    [
        (0, Transport::Udp, "0.0.0.0:5060"),
        (1, Transport::Tcp, "0.0.0.0:5060"),
        (2, Transport::Udp, "[::]:5060"),
    ]
    .into_iter()
    .map(|(id, transport, bound)| Listener {
        id: ListenerId(id),
        transport,
        bound: bound.parse().unwrap(),
        sent_by: bound.into(),
    })
    .collect()
}

fn flow(transport: Transport, remote: &str) -> Flow {
    let listener = ListenerId(if transport == Transport::Udp { 0 } else { 1 });
    let connection = match transport {
        Transport::Udp => ConnectionId::NONE,
        _ => ConnectionId::new(ShardId(1), 7),
    };
    Flow { transport, listener, connection, remote: remote.parse::<SocketAddr>().unwrap() }
}

fn draft<'a>(user: &'a [u8], contact: &'a [u8], granted_s: u32) -> Draft<'a> {
    Draft {
        user,
        domain: DOMAIN,
        contact,
        uri: (1, contact.len() as u16 - 2),
        instance: (0, 0),
        call_id: b"a84b4c76e66710@pc33.example.com",
        user_agent: b"baresip v1.0.0 (x86_64/linux)",
        path: b"",
        cseq: 1,
        q: 1000,
        reg_id: 0,
        device: DeviceId(0),
        flow: flow(Transport::Udp, "192.0.2.7:5062"),
        fallback: Fallback::None,
        granted_s,
    }
}

/// A registrar reduced to its journal.
struct Journalled {
    bindings: Bindings,
    journal: Vec<Vec<u8>>,
}

impl Journalled {
    fn new(boot: Boot) -> Self {
        Self { bindings: Bindings::of_boot(boot), journal: Vec::new() }
    }

    fn bind(&mut self, now: Now, draft: &Draft<'_>) -> BindingId {
        let mut bytes = Vec::new();
        let id = self.bindings.change(draft.user, DOMAIN, now.monotonic, |aor| {
            let version = aor.insert(draft).unwrap();
            let id = BindingId(version.0);
            Batch::of(&mut bytes, &self.bindings, now, draft.user, DOMAIN).bind(id, version, 0, draft);
            id
        });
        self.journal.push(bytes);
        id
    }

    fn refresh(&mut self, now: Now, user: &[u8], index: usize, refresh: &Refresh) {
        let mut bytes = Vec::new();
        self.bindings.change(user, DOMAIN, now.monotonic, |aor| {
            let id = aor.view(index).id();
            let version = aor.refresh(index, refresh);
            Batch::of(&mut bytes, &self.bindings, now, user, DOMAIN).refresh(id, version, refresh);
        });
        self.journal.push(bytes);
    }

    fn unbind(&mut self, now: Now, user: &[u8], index: usize) {
        let mut bytes = Vec::new();
        self.bindings.change(user, DOMAIN, now.monotonic, |aor| {
            let (id, version) = aor.remove(index);
            Batch::of(&mut bytes, &self.bindings, now, user, DOMAIN).unbind(id, version);
        });
        self.journal.push(bytes);
    }

    fn count_of(&self, now: Now, user: &[u8]) -> usize {
        self.bindings.change(user, DOMAIN, now.monotonic, |aor| aor.len())
    }
}

fn recover<'j>(
    entries: impl IntoIterator<Item = &'j Vec<u8>>,
    boot: Boot,
    now: Now,
) -> (Bindings, Recovered) {
    let bindings = Bindings::of_boot(boot);
    let listeners = listeners();
    let mut recovery = Recovery::new(&bindings, &listeners, now);
    for entry in entries {
        recovery.apply(entry).unwrap();
    }
    let recovered = recovery.finish();
    (bindings, recovered)
}

fn dump(bindings: &Bindings, now: Now) -> Vec<Vec<u8>> {
    let mut dump = Dump::begin(bindings);
    let mut pages = Vec::new();
    let mut page = Vec::new();
    while dump.page(now, &mut page) {
        pages.push(std::mem::take(&mut page));
    }
    pages
}

fn targets(bindings: &Bindings, now: Now, user: &[u8]) -> Vec<Target> {
    let mut out = Vec::new();
    bindings.lookup(user, DOMAIN, now.monotonic, &mut out);
    out
}

fn remaining_s(bindings: &Bindings, now: Now, user: &[u8]) -> Vec<u32> {
    let mut out = Vec::new();
    bindings.each_of(user, DOMAIN, now.monotonic, |view| out.push(view.remaining_s()));
    out
}

#[test]
fn a_binding_comes_back_with_what_remained_of_its_lifetime() {
    let mut before = Journalled::new(Boot::default());
    before.bind(at(100), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 3600));
    let restart = Now::new(Monotonic::from_secs(1), at(1100).wall);
    let (after, recovered) = recover(&before.journal, Boot::default(), restart);
    assert_eq!(recovered, Recovered { bindings: 1, changes: 1, expired: 0 });
    assert_eq!(remaining_s(&after, restart, b"alice"), [2600]);
    let target = &targets(&after, restart, b"alice")[0];
    assert_eq!(&*target.uri, b"sip:a@192.0.2.7:5062");
    assert_eq!(target.flow, Some(flow(Transport::Udp, "192.0.2.7:5062")));
}

/// Its first registration was before the process began.
#[test]
fn a_binding_comes_back_as_old_as_it_is() {
    let mut before = Journalled::new(Boot::default());
    before.bind(at(100), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 3600));
    let age_s = |bindings: &Bindings, now: Now| {
        let mut ages = Vec::new();
        bindings.each_of(b"alice", DOMAIN, now.monotonic, |view| ages.push(view.age_s()));
        ages
    };
    let (restart, later) = (Monotonic::from_secs(1), Monotonic::from_secs(11));
    let (after, _) = recover(&before.journal, Boot::default(), Now::new(restart, at(1100).wall));
    assert_eq!(age_s(&after, Now::new(later, at(1110).wall)), [1010]);
}

#[test]
fn what_expired_while_nobody_was_there_does_not_come_back() {
    let mut before = Journalled::new(Boot::default());
    before.bind(at(100), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60));
    let (after, recovered) = recover(&before.journal, Boot::default(), at(160));
    assert_eq!(recovered, Recovered { bindings: 0, changes: 1, expired: 1 });
    assert!(targets(&after, at(160), b"alice").is_empty());
}

#[test]
fn a_refresh_saves_a_binding_whose_first_lifetime_is_over() {
    let mut before = Journalled::new(Boot::default());
    let draft = draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60);
    before.bind(at(100), &draft);
    let refresh = Refresh { cseq: 2, flow: draft.flow, fallback: Fallback::None, granted_s: 60 };
    before.refresh(at(150), b"alice", 0, &refresh);
    let (after, _) = recover(&before.journal, Boot::default(), at(170));
    assert_eq!(remaining_s(&after, at(170), b"alice"), [40]);
}

/// The wall clock is set while the process runs or before it restarts; the machine has not booted since.
#[test]
fn within_one_boot_a_jump_of_the_wall_clock_changes_no_lifetime() {
    let mut before = Journalled::new(Boot { id: 9, started_ms: 1_000_000 });
    before.bind(at(100), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 3600));
    for wall in [Wall(0), Wall::from_secs(4_000_000_000)] {
        // 500 s after the registration: the new process began at 1600 s of the boot.
        let restart = Now::new(Monotonic::from_secs(0), wall);
        let (after, _) = recover(&before.journal, Boot { id: 9, started_ms: 1_600_000 }, restart);
        assert_eq!(remaining_s(&after, restart, b"alice"), [3100]);
    }
}

#[test]
fn after_a_reboot_with_the_clock_set_back_no_lifetime_exceeds_what_was_granted() {
    let mut before = Journalled::new(Boot { id: 9, started_ms: 0 });
    before.bind(at(100), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 3600));
    let restart = Now::new(Monotonic(0), Wall::from_secs(10));
    let (after, _) = recover(&before.journal, Boot { id: 10, started_ms: 0 }, restart);
    assert_eq!(remaining_s(&after, restart, b"alice"), [3600]);
}

#[test]
fn a_stream_comes_back_without_its_flow_and_is_a_target_only_where_its_contact_can_be_called() {
    let mut before = Journalled::new(Boot::default());
    let mut draft = draft(b"alice", b"<sip:a@192.0.2.7:5062;transport=tcp>", 60);
    draft.flow = flow(Transport::Tcp, "192.0.2.7:40000");
    before.bind(at(0), &draft);
    draft.fallback = Fallback::Contact;
    before.bind(at(0), &draft);
    assert!(targets(&before.bindings, at(1), b"alice").iter().all(|target| target.flow.is_some()));
    let (after, _) = recover(&before.journal, Boot::default(), at(1));
    assert_eq!(after.count(), 2);
    let targets = targets(&after, at(1), b"alice");
    assert_eq!(targets.iter().map(|target| target.flow).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_udp_flow_finds_the_listener_of_its_family_again() {
    let mut before = Journalled::new(Boot::default());
    let mut draft = draft(b"alice", b"<sip:a@[2001:db8::7]:5062>", 60);
    draft.flow = flow(Transport::Udp, "[2001:db8::7]:5062");
    draft.flow.listener = ListenerId(9);
    before.bind(at(0), &draft);
    let (after, _) = recover(&before.journal, Boot::default(), at(1));
    let flow = targets(&after, at(1), b"alice")[0].flow.unwrap();
    assert_eq!((flow.listener, flow.remote), (ListenerId(2), draft.flow.remote));
}

/// Two shards may append in the other order than they acted.
#[test]
fn the_order_of_appending_does_not_matter() {
    let mut before = Journalled::new(Boot::default());
    let draft = draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60);
    before.bind(at(0), &draft);
    let refresh = Refresh { cseq: 2, flow: draft.flow, fallback: Fallback::None, granted_s: 600 };
    before.refresh(at(0), b"alice", 0, &refresh);
    let (after, _) = recover(before.journal.iter().rev(), Boot::default(), at(10));
    assert_eq!(remaining_s(&after, at(10), b"alice"), [590]);
    before.unbind(at(0), b"alice", 0);
    let (after, _) = recover(before.journal.iter().rev(), Boot::default(), at(10));
    assert_eq!(after.count(), 0);
}

#[test]
fn an_old_registration_does_not_come_back_over_a_snapshot_taken_after_its_removal() {
    let mut before = Journalled::new(Boot::default());
    before.bind(at(0), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60));
    before.unbind(at(0), b"alice", 0);
    let mut journal = dump(&before.bindings, at(0));
    assert_eq!(journal.len(), 1);
    journal.push(before.journal[0].clone());
    let (after, _) = recover(&journal, Boot::default(), at(10));
    assert_eq!(after.count(), 0);
}

#[test]
fn versions_go_on_where_they_were() {
    let mut before = Journalled::new(Boot::default());
    let first = before.bind(at(0), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60));
    let (after, _) = recover(&before.journal, Boot::default(), at(1));
    let mut after = Journalled { bindings: after, journal: Vec::new() };
    assert!(after.bind(at(1), &draft(b"bob", b"<sip:b@192.0.2.8:5062>", 60)) > first);
}

#[test]
fn a_snapshot_of_many_pages_is_the_whole() {
    let mut before = Journalled::new(Boot::default());
    for n in 0..50_000u32 {
        before.bind(at(0), &draft(format!("u{n}").as_bytes(), b"<sip:u@192.0.2.7:5062>", 60));
    }
    let pages = dump(&before.bindings, at(1));
    assert!(pages.len() > 64);
    let (after, _) = recover(&pages, Boot::default(), at(2));
    assert_eq!(after.count(), 50_000);
    assert_eq!(remaining_s(&after, at(2), b"u49999"), [58]);
}

#[test]
fn damage_is_an_error_and_what_was_cut_says_where() {
    let mut before = Journalled::new(Boot::default());
    before.bind(at(0), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60));
    let bytes = &before.journal[0];
    let bindings = Bindings::new();
    let mut recovery = Recovery::new(&bindings, &[], at(0));
    for end in 0..bytes.len() {
        // Cut exactly between two changes, a batch is whole: the journal's own length and checksum tell.
        let _ = recovery.apply(&bytes[..end]);
    }
    assert_eq!(bindings.count(), 0);
    assert_eq!(recovery.apply(b"").unwrap_err().to_string(), "entry of the journal: cut short at byte 0");
    assert_eq!(recovery.apply(&[9]).unwrap_err().what, "unknown format");
}

#[derive(Clone, Debug)]
enum Step {
    Bind { user: u8, granted_s: u32, transport: bool },
    Refresh { user: u8, index: u8, granted_s: u32 },
    Unbind { user: u8, index: u8 },
    Wait { seconds: u8 },
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4, 1u32..400, any::<bool>())
            .prop_map(|(user, granted_s, transport)| Step::Bind { user, granted_s, transport }),
        4 => (0u8..4, 0u8..4, 1u32..400)
            .prop_map(|(user, index, granted_s)| Step::Refresh { user, index, granted_s }),
        2 => (0u8..4, 0u8..4).prop_map(|(user, index)| Step::Unbind { user, index }),
        2 => (0u8..200).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Snapshot),
    ]
}

/// What must be equal: everything that is stored but the flows of streams.
fn picture(bindings: &Bindings, now: Now) -> Vec<String> {
    let mut lines = Vec::new();
    for user in 0..4u8 {
        bindings.each_of(&[b'a' + user], DOMAIN, now.monotonic, |view| {
            let mut draft = view.draft();
            draft.flow.connection = ConnectionId::NONE;
            lines.push(format!("{:?} {:?} {} {draft:?}", view.id(), view.version(), view.remaining_ms()));
        });
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_replay_equals_what_was_there_also_over_a_newer_snapshot(
        steps in proptest::collection::vec(step(), 1..60),
        replayed_from in any::<prop::sample::Index>(),
    ) {
        let mut live = Journalled::new(Boot { id: 1, started_ms: 0 });
        let mut now = at(1000);
        let mut snapshot: Option<(usize, Vec<Vec<u8>>)> = None;
        for step in steps {
            match step {
                Step::Bind { user, granted_s, transport } => {
                    let user = [b'a' + user];
                    let mut draft = draft(&user, b"<sip:a@192.0.2.7:5062>", granted_s);
                    if transport {
                        draft.flow = flow(Transport::Tcp, "192.0.2.7:40000");
                    }
                    if live.count_of(now, &user) < 4 {
                        live.bind(now, &draft);
                    }
                }
                Step::Refresh { user, index, granted_s } => {
                    let user = [b'a' + user];
                    let flow = flow(Transport::Udp, "192.0.2.9:6000");
                    let refresh = Refresh { cseq: 5, flow, fallback: Fallback::None, granted_s };
                    if (index as usize) < live.count_of(now, &user) {
                        live.refresh(now, &user, index as usize, &refresh);
                    }
                }
                Step::Unbind { user, index } => {
                    let user = [b'a' + user];
                    if (index as usize) < live.count_of(now, &user) {
                        live.unbind(now, &user, index as usize);
                    }
                }
                Step::Wait { seconds } => {
                    now = now + Duration::from_secs(seconds as u64);
                    live.bindings.expire(now.monotonic, |_| ());
                }
                Step::Snapshot => snapshot = Some((live.journal.len(), dump(&live.bindings, now))),
            }
        }
        let boot = Boot { id: 1, started_ms: 0 };
        let wanted = picture(&live.bindings, now);
        let (whole, _) = recover(&live.journal, boot, now);
        prop_assert_eq!(&picture(&whole, now), &wanted);
        if let Some((at, pages)) = snapshot {
            let from = replayed_from.index(at + 1);
            let (compacted, _) = recover(pages.iter().chain(&live.journal[from..]), boot, now);
            prop_assert_eq!(&picture(&compacted, now), &wanted);
            let (twice, _) = recover(pages.iter().chain(&live.journal).chain(&live.journal), boot, now);
            prop_assert_eq!(&picture(&twice, now), &wanted);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at_byte in 0usize..120, to in any::<u8>()) {
        let bindings = Bindings::new();
        let mut recovery = Recovery::new(&bindings, &[], at(0));
        let _ = recovery.apply(&bytes);
        let mut live = Journalled::new(Boot::default());
        live.bind(at(0), &draft(b"alice", b"<sip:a@192.0.2.7:5062>", 60));
        if let Some(byte) = live.journal[0].get_mut(at_byte) {
            *byte = to;
        }
        let _ = recovery.apply(&live.journal[0]);
        recovery.finish();
        let mut found = Vec::new();
        bindings.lookup(b"alice", DOMAIN, at(0).monotonic, &mut found);
        prop_assert!(bindings.version() >= Version(0));
    }
}
