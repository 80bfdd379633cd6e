//! Batches of the journal as another version or a damaged disk may hold them: applying never panics, and what came out
//! of it survives a dump and a second recovery unchanged.

use super::choices::Choices;
use coeur_directory::DeviceId;
use coeur_exchange::bindings::{BindingId, Bindings, Cursor, Draft, Fallback, Refresh, Version, View};
use coeur_exchange::flow::{ConnectionId, Flow, ListenerId};
use coeur_exchange::record::{Batch, Dump, Recovery};
use coeur_exchange::world::Listener;
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use std::net::SocketAddr;

const NOW: Now = Now::new(Monotonic::from_secs(1_000), Wall::from_secs(1_800_001_000));

pub fn record(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (before, after) = (Bindings::new(), Bindings::new());
    let listeners = listeners();
    let mut recovery = Recovery::new(&before, &listeners, NOW);
    while !choices.is_empty() {
        let batch = if choices.once_in(2) { choices.bytes(400).to_vec() } else { batch(&mut choices) };
        if let Err(error) = recovery.apply(&batch) {
            assert!(error.at <= batch.len(), "{error}");
        }
    }
    let recovered = recovery.finish();
    let (rows, pages) = (rows(&before), pages(&before));
    assert_eq!(recovered.bindings, rows.len(), "what is counted is there");

    let mut recovery = Recovery::new(&after, &listeners, NOW);
    for page in &pages {
        recovery.apply(page).expect("what we dump, we read");
    }
    recovery.finish();
    assert_eq!(self::rows(&after), rows);
}

fn rows(bindings: &Bindings) -> Vec<String> {
    let (mut rows, mut names, mut next) = (Vec::new(), Vec::new(), Some(Cursor::default()));
    while let Some(cursor) = next {
        next = bindings.page(cursor, 7, NOW.monotonic, &mut |view: View<'_>| {
            let draft = view.draft();
            names.push((draft.user.to_vec(), draft.domain.to_vec()));
            rows.push(format!(
                "{:?} {:?} {draft:?} {} {} {:?}",
                view.id(),
                view.version(),
                view.remaining_ms(),
                view.age_s(),
                view.flow()
            ));
        });
    }
    for (user, domain) in names {
        bindings.lookup(&user, &domain, NOW.monotonic, &mut Vec::new());
    }
    rows.sort();
    rows
}

fn pages(bindings: &Bindings) -> Vec<Vec<u8>> {
    let (mut pages, mut dump) = (Vec::new(), Dump::begin(bindings));
    loop {
        let mut page = Vec::new();
        if !dump.page(NOW, &mut page) {
            return pages;
        }
        pages.push(page);
    }
}

/// A batch as we write them, with few identities, so that changes of one binding meet each other.
fn batch(choices: &mut Choices<'_>) -> Vec<u8> {
    let (writer, mut out) = (Bindings::new(), Vec::new());
    let age = u64::from(choices.byte());
    let then = Now::new(Monotonic::from_secs(1_000 - age), Wall::from_secs(1_800_001_000 - age));
    let mut batch =
        Batch::of(&mut out, &writer, then, choices.one_of(&[&b"alice"[..], b"bob", b""]), b"fuzz.test");
    for _ in 0..1 + choices.below(4) {
        let id = BindingId(u64::from(choices.byte() % 4));
        let version = Version(
            choices.one_of(&[0, 1, 2, 3, 9, u64::MAX / 2, u64::MAX]).wrapping_sub(choices.byte().into()),
        );
        let granted_s = choices.one_of(&[0, 1, 60, 3_600, u32::MAX]);
        let (flow, cseq) = (flow(choices), choices.byte().into());
        let fallback = if choices.once_in(2) { Fallback::Contact } else { Fallback::None };
        match choices.below(4) {
            0 => batch.unbind(id, version),
            1 => batch.refresh(id, version, &Refresh { cseq, flow, fallback, granted_s }),
            _ => {
                let contact = choices.bytes(60);
                let uri = part(choices, contact.len());
                let draft = Draft {
                    user: b"",
                    domain: b"",
                    contact,
                    uri,
                    instance: part(choices, contact.len()),
                    call_id: choices.bytes(10),
                    user_agent: b"fuzz",
                    path: choices.one_of(&[&b""[..], b"<sip:edge.test;lr>"]),
                    cseq,
                    q: u16::from(choices.byte()),
                    reg_id: choices.byte().into(),
                    device: DeviceId(choices.byte().into()),
                    flow,
                    fallback,
                    granted_s,
                };
                batch.bind(id, version, choices.byte().into(), &draft);
            }
        }
    }
    out
}

fn part(choices: &mut Choices<'_>, length: usize) -> (u16, u16) {
    let start = choices.below(length + 1);
    (start as u16, choices.below(length - start + 1) as u16)
}

fn flow(choices: &mut Choices<'_>) -> Flow {
    let transport = choices.one_of(&[Transport::Udp, Transport::Tcp, Transport::Wss]);
    let remote: SocketAddr = match choices.once_in(3) {
        true => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], choices.short()).into(),
        false => ([192, 0, 2, 7], choices.short()).into(),
    };
    Flow { transport, listener: ListenerId(choices.byte().into()), connection: ConnectionId::NONE, remote }
}

fn listeners() -> Vec<Listener> {
    let listener = |id, transport, bound: SocketAddr| Listener {
        id: ListenerId(id),
        transport,
        bound,
        sent_by: "fuzz.test".into(),
    };
    vec![
        listener(0, Transport::Udp, ([0, 0, 0, 0], 5060).into()),
        listener(1, Transport::Tcp, ([0, 0, 0, 0], 5060).into()),
        listener(2, Transport::Udp, ([0u16; 8], 5060).into()),
    ]
}
