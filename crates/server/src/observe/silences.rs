//! How calls do: what was seen of the latest, for `coeur trace`, and how often each cause of silence was told.

use coeur_api::{SoundView, VerdictView};
use coeur_exchange::call_record::CallRecordId;
use coeur_exchange::event::{LegLook, Looked};
use coeur_exchange::media::{DtlsState, IceState, Keying, Stream};
use coeur_exchange::silence::{Cause, Side, Verdict};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cli::causes;
use crate::cli::words::Language;
use crate::trace::escape::line;

/// Calls that are remembered, some 3 kB each.
const CALLS_MAX: usize = 1_000;

pub struct Silences {
    told: [AtomicU64; Cause::COUNT],
    looks: Mutex<VecDeque<Arc<Looked>>>,
}

impl Default for Silences {
    fn default() -> Self {
        Self { told: [const { AtomicU64::new(0) }; Cause::COUNT], looks: Mutex::default() }
    }
}

impl Silences {
    /// A call was looked at. What was known of it before is replaced.
    pub fn note(&self, looked: &Looked) {
        for verdict in &looked.news {
            self.told[verdict.cause as usize].fetch_add(1, Ordering::Relaxed);
        }
        let mut looks = self.looks.lock();
        looks.retain(|before| before.id != looked.id);
        if looks.len() >= CALLS_MAX {
            looks.pop_front();
        }
        looks.push_back(Arc::new(looked.clone()));
    }

    /// What was seen of the call that has a leg of one of these names.
    pub fn of(&self, call_ids: &[Vec<u8>]) -> Option<Arc<Looked>> {
        let is_one =
            |leg: &LegLook| !leg.call_id.is_empty() && call_ids.iter().any(|id| **id == *leg.call_id);
        let looks = self.looks.lock();
        looks.iter().rev().find(|looked| is_one(&looked.caller) || is_one(&looked.callee)).cloned()
    }

    /// Of the calls of which somebody is not heard now: what is most certain, in one line.
    pub fn verdicts(&self) -> BTreeMap<CallRecordId, String> {
        let looks = self.looks.lock();
        looks.iter().filter_map(|looked| Some((looked.id, verdict_text(looked.verdicts.first()?)))).collect()
    }

    pub fn told(&self, cause: Cause) -> u64 {
        self.told[cause as usize].load(Ordering::Relaxed)
    }
}

/// As the door shows it. JSON stays English; who has a language finds the words by the name of the cause.
pub fn verdict_view(verdict: &Verdict) -> VerdictView {
    let values: Vec<String> = verdict.values.iter().map(|value| line(value.as_bytes())).collect();
    let texts: Vec<&str> = values.iter().map(String::as_str).collect();
    VerdictView {
        side: side(verdict.side).to_owned(),
        cause: verdict.cause.name().to_owned(),
        sentence: causes::sentence(verdict.cause, &texts, Language::English),
        remedy: causes::remedy(verdict.cause, Language::English).to_owned(),
        values,
    }
}

/// One line for the record of a call: `callee: what is the matter`.
pub fn verdict_text(verdict: &Verdict) -> String {
    let shown = verdict_view(verdict);
    format!("{}: {}", shown.side, shown.sentence)
}

pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Caller => "caller",
        Side::Callee => "callee",
    }
}

/// What was promised, what left and what arrived of one side.
pub fn sound_view(side: Side, look: &LegLook) -> SoundView {
    let report = look.report.as_deref();
    let address =
        |address: Option<std::net::SocketAddr>| address.map(|at| at.to_string()).unwrap_or_default();
    let drops = report.map(|report| report.drops.iter().map(|(name, count)| format!("{count} {name}")));
    SoundView {
        side: self::side(side).to_owned(),
        call_id: line(&look.call_id),
        signals_from: address(look.signals_from),
        said: address(look.said),
        promised: look.agreed.as_deref().map(promise).unwrap_or_default(),
        sent_packets: report.map_or(0, |report| report.sent.packets),
        sends_to: address(report.and_then(|report| report.sends_to)),
        received_packets: report.map_or(0, |report| report.received.packets),
        heard_from: address(report.and_then(|report| report.heard_from)),
        dropped: drops.map(|drops| drops.collect::<Vec<_>>().join(", ")).unwrap_or_default(),
        path: report.map(|report| path(report.ice, report.dtls)).unwrap_or_default(),
    }
}

/// `PCMU/8000 srtp sendrecv`, as that side sees it.
fn promise(stream: &Stream) -> String {
    let format = stream.formats.iter().find(|format| !format.is_dtmf());
    let format = format.map(|format| format!("{}/{} ", line(&format.name), format.clock_rate));
    let keying = match stream.keying {
        Keying::Plain => "rtp",
        Keying::Sdes { .. } => "srtp",
        Keying::Dtls { .. } => "dtls",
        Keying::EndToEnd => "dtls end to end",
    };
    let direction = match (stream.we_receive, stream.we_send) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    format!("{}{keying} {direction}", format.unwrap_or_default())
}

fn path(ice: IceState, dtls: DtlsState) -> String {
    let ice = match ice {
        IceState::Unused => "",
        IceState::Checking { .. } => "ice checking",
        IceState::Connected { .. } => "ice connected",
        IceState::Failed { .. } => "ice failed",
    };
    let dtls = match dtls {
        DtlsState::Unused => "",
        DtlsState::Waiting { .. } => "dtls waiting",
        DtlsState::Agreed | DtlsState::Closed => "dtls agreed",
        DtlsState::Failed { .. } => "dtls failed",
    };
    [ice, dtls].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(id: u128, call_id: &[u8], cause: Option<Cause>) -> Looked {
        let verdict = |cause| Verdict { side: Side::Callee, cause, values: ["a\u{1b}".into()].into() };
        let verdicts: Box<[Verdict]> = cause.map(verdict).into_iter().collect();
        Looked {
            id: CallRecordId(id),
            caller: LegLook { call_id: call_id.into(), ..LegLook::default() },
            callee: LegLook::default(),
            news: verdicts.clone(),
            verdicts,
            path: None,
        }
    }

    #[test]
    fn the_last_look_at_a_call_is_found_by_the_name_of_a_leg_and_causes_are_counted() {
        let silences = Silences::default();
        silences.note(&looked(1, b"one", None));
        silences.note(&looked(1, b"one", Some(Cause::Stopped)));
        silences.note(&looked(2, b"two", Some(Cause::Stopped)));
        let found = silences.of(&[b"none".to_vec(), b"one".to_vec()]).expect("it was looked at");
        assert_eq!(found.verdicts.len(), 1);
        assert!(silences.of(&[b"none".to_vec(), Vec::new()]).is_none());
        let verdicts = silences.verdicts();
        assert!(verdicts[&CallRecordId(1)].starts_with("callee: ") && verdicts.len() == 2, "{verdicts:?}");
        assert_eq!((silences.told(Cause::Stopped), silences.told(Cause::Loss)), (2, 0));
        for id in 10..10 + CALLS_MAX as u128 {
            silences.note(&looked(id, b"many", None));
        }
        assert!(silences.of(&[b"one".to_vec()]).is_none(), "the oldest make room");
    }

    #[test]
    fn what_is_shown_moves_no_terminal() {
        let look = looked(1, b"c\x1b[2J", Some(Cause::NoCommonFormat));
        let shown = verdict_view(&look.verdicts[0]);
        assert!(shown.sentence.contains("a\\x1b") && !shown.values[0].contains('\u{1b}'), "{shown:?}");
        assert!(!sound_view(Side::Caller, &look.caller).call_id.contains('\u{1b}'));
    }
}
