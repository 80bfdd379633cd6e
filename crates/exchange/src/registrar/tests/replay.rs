//! Random registrations of random phones: whatever they do, the journal tells the same story as the memory.

use super::desk::{Desk, ask, stream, udp};
use crate::bindings::Bindings;
use crate::flow::ConnectionId;
use crate::record::{Dump, Recovery};
use coeur_sip::transport::Transport;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Register { call: u8, cseq: u8, contacts: Vec<(u8, u8, Option<u16>)>, over: u8 },
    RemoveAll { call: u8, cseq: u8 },
    Close { over: u8 },
    Wait { seconds: u16 },
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let contact = (0u8..6, 0u8..3, proptest::option::of(0u16..1000));
    prop_oneof![
        8 => (0u8..3, 1u8..20, proptest::collection::vec(contact, 0..4), 0u8..4)
            .prop_map(|(call, cseq, contacts, over)| Step::Register { call, cseq, contacts, over }),
        1 => (0u8..3, 1u8..20).prop_map(|(call, cseq)| Step::RemoveAll { call, cseq }),
        1 => (1u8..4).prop_map(|over| Step::Close { over }),
        3 => (0u16..400).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Snapshot),
    ]
}

fn flow(over: u8) -> crate::flow::Flow {
    match over {
        0 => udp("203.0.113.9:40000"),
        1 => stream(Transport::Tcp, "203.0.113.9:1", 1),
        serial => stream(Transport::Wss, "203.0.113.9:2", u64::from(serial)),
    }
}

fn lines(contacts: &[(u8, u8, Option<u16>)]) -> String {
    let mut lines = String::from("Supported: path, outbound, gruu\r\nUser-Agent: x\r\n");
    for (host, reg_id, expires) in contacts {
        lines += &format!("Contact: <sip:a@203.0.113.9:{}>", 6000 + u16::from(*host));
        if *reg_id > 0 {
            lines += &format!(";reg-id={reg_id};+sip.instance=\"<urn:uuid:{}>\"", host / 2);
        }
        if let Some(expires) = expires {
            lines += &format!(";expires={expires}");
        }
        lines += "\r\n";
    }
    lines
}

/// Everything that is stored, without the connections, which end with the process.
fn picture(bindings: &Bindings, desk: &Desk) -> Vec<String> {
    let mut out = Vec::new();
    bindings.each_of(b"alice", b"example.com", desk.now.monotonic, |view| {
        let mut draft = view.draft();
        draft.flow.connection = ConnectionId::NONE;
        draft.flow.listener = crate::flow::ListenerId(0);
        out.push(format!("{:?} {:?} {} {draft:?}", view.id(), view.version(), view.remaining_ms()));
    });
    out
}

fn recover<'j>(desk: &Desk, entries: impl Iterator<Item = &'j Vec<u8>>) -> Vec<String> {
    let bindings = Bindings::new();
    let mut recovery = Recovery::new(&bindings, &desk.world.listeners, desk.now);
    entries.for_each(|entry| recovery.apply(entry).expect("our own record"));
    recovery.finish();
    picture(&bindings, desk)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_journal_tells_what_the_memory_holds(steps in proptest::collection::vec(step(), 1..40)) {
        let mut desk = Desk::new();
        desk.rules.contacts_max = 4;
        let mut snapshot: Option<(usize, Vec<Vec<u8>>)> = None;
        for step in steps {
            match step {
                Step::Register { call, cseq, contacts, over } => {
                    let ask = ask(cseq.into(), lines(&contacts)).call_id(&call.to_string()).over(flow(over));
                    let answer = desk.send(ask);
                    prop_assert!(desk.targets().len() <= 4);
                    prop_assert!([200, 400, 403, 423, 500].contains(&answer.status), "{}", answer.text);
                }
                Step::RemoveAll { call, cseq } => {
                    desk.send(ask(cseq.into(), "Contact: *\r\nExpires: 0\r\n").call_id(&call.to_string()));
                }
                Step::Close { over } => desk.with(|registrar, cx| registrar.flow_closed(cx, &flow(over))),
                Step::Wait { seconds } => {
                    desk.wait(seconds.into());
                    desk.with(|registrar, cx| registrar.tick(cx));
                }
                Step::Snapshot => {
                    let mut dump = Dump::begin(&desk.world.bindings);
                    let (mut pages, mut page) = (Vec::new(), Vec::new());
                    while dump.page(desk.now, &mut page) {
                        pages.push(std::mem::take(&mut page));
                    }
                    snapshot = Some((desk.journal.len(), pages));
                }
            }
        }
        let held = picture(&desk.world.bindings, &desk);
        prop_assert_eq!(&recover(&desk, desk.journal.iter()), &held);
        if let Some((at, pages)) = &snapshot {
            prop_assert_eq!(&recover(&desk, pages.iter().chain(&desk.journal[*at..])), &held);
            prop_assert_eq!(&recover(&desk, pages.iter().chain(&desk.journal)), &held);
        }
    }
}
