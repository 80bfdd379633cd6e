//! What is complete once the media plane has reported on the legs of a call, or has not in time: the record of a call that is
//! over, and the answer to who asks for one that lives. What nobody has reported stays "not measured".

use super::{Calls, Owner};
use crate::call_record::{CallRecord, LiveCall, Side, Ticket, Told};
use crate::context::Context;
use crate::event::Event;
use crate::media::{MediaId, Report};
use crate::outbox::Output;
use slab::Slab;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a worker may take to answer: it does within a turn, unless it drowns or has died.
const PATIENCE: Duration = Duration::from_secs(1);
/// Things that wait at a time; what comes when so many wait is complete at once. Some 3 kB each, so 30 MB.
const WAITS_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Awaited {
    waits: Slab<Wait>,
    /// Which side of what waits for the report of an endpoint.
    sides: BTreeMap<(MediaId, u32), Place>,
    records: usize,
}

struct Wait {
    serial: u32,
    what: What,
    /// Whose reports are to come.
    media: [Option<MediaId>; 2],
}

pub(super) enum What {
    Record(Box<CallRecord>),
    Call(Ticket, Box<LiveCall>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Caller,
    Callee,
}

impl Awaited {
    pub(super) fn records(&self) -> usize {
        self.records
    }
}

impl Calls {
    /// Waits for the reports of these endpoints, the caller's first, which have been asked for.
    pub(super) fn await_reports(&mut self, cx: &mut Context<'_>, what: What, media: [Option<MediaId>; 2]) {
        if media == [None, None] || self.awaited.waits.len() >= WAITS_MAX {
            return complete(cx, what);
        }
        let serial = self.next_serial();
        self.awaited.records += usize::from(matches!(what, What::Record(_)));
        let slot = self.awaited.waits.insert(Wait { serial, what, media }) as u32;
        for (id, place) in media.into_iter().zip([Place::Caller, Place::Callee]) {
            self.awaited.sides.extend(id.map(|id| ((id, slot), place)));
        }
        let now = cx.now.monotonic;
        self.wheel.arm(now, now + PATIENCE, Owner::Awaited(slot), serial);
    }

    /// Word from the media plane of an endpoint, also when it was closed.
    pub(super) fn reported(&mut self, cx: &mut Context<'_>, id: MediaId, report: &Report) {
        let waiting = self.awaited.sides.range((id, 0)..=(id, u32::MAX));
        let waiting: Vec<(u32, Place)> = waiting.map(|((_, slot), place)| (*slot, *place)).collect();
        for (slot, place) in waiting {
            self.awaited.sides.remove(&(id, slot));
            let Some(wait) = self.awaited.waits.get_mut(slot as usize) else { continue };
            wait.media.iter_mut().filter(|awaited| **awaited == Some(id)).for_each(|awaited| *awaited = None);
            if let Some(side) = wait.what.side(place) {
                side.report = Some(Box::new(report.clone()));
            }
            if wait.media == [None, None] {
                self.stop_waiting(cx, slot);
            }
        }
    }

    /// Nothing more has come in time.
    pub(super) fn awaited_due(&mut self, cx: &mut Context<'_>, slot: u32, serial: u32) {
        if self.awaited.waits.get(slot as usize).is_some_and(|wait| wait.serial == serial) {
            self.stop_waiting(cx, slot);
        }
    }

    fn stop_waiting(&mut self, cx: &mut Context<'_>, slot: u32) {
        let Some(wait) = self.awaited.waits.try_remove(slot as usize) else { return };
        for id in wait.media.into_iter().flatten() {
            self.awaited.sides.remove(&(id, slot));
        }
        self.awaited.records -= usize::from(matches!(wait.what, What::Record(_)));
        complete(cx, wait.what);
    }
}

impl What {
    fn side(&mut self, place: Place) -> Option<&mut Side> {
        let (caller, callee) = match self {
            Self::Record(record) => (&mut record.caller, &mut record.callee),
            Self::Call(_, call) => (&mut call.caller, &mut call.callee),
        };
        match place {
            Place::Caller => Some(caller),
            Place::Callee => callee.as_mut(),
        }
    }
}

fn complete(cx: &mut Context<'_>, what: What) {
    match what {
        What::Record(record) => cx.outbox.publish(Event::CallEnded(record)),
        What::Call(ticket, mut call) => {
            call.media_path = call.media_path.map(|path| path.seen(passes(&call)));
            cx.outbox.outputs.push(Output::Told(ticket, Told::Call(Some(call))));
        }
    }
}

/// Whether media has come from a side lately. `None`: not measured.
fn passes(call: &LiveCall) -> Option<bool> {
    let sides = [Some(&call.caller), call.callee.as_ref()].into_iter().flatten();
    let reports = sides.filter_map(|side| side.report.as_deref());
    let received =
        reports.flat_map(|report| report.streams.iter().flatten()).map(|stream| stream.recent.received);
    received.reduce(|one, other| one + other).map(|packets| packets > 0)
}
