//! A phone is rung to see whether it rings and is heard: what the exchange tells of such a call becomes steps for whoever
//! watches, and one result. One at a time for each device.

use super::connect::{device_of, name_of, unreadable};
use super::views::{RingView, StepView};
use crate::about::of_account;
use crate::calls::rfc3339;
use crate::door::Door;
use crate::ids::Id as _;
use crate::model::{Refusal, VerdictView, Why};
use coeur_directory::{Aor, DeviceId};
use coeur_provisioning::{Fault, Language, Seen};
use coeur_storage::{Operator, PhoneId};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Devices of which the last test is remembered, some 500 bytes each, 500 kB. The oldest go.
const TRIALS_MAX: usize = 1_000;
/// Longer than a phone rings and talks: what is not over by then was lost on the way here, and stands in nobody's way.
const LONGEST_MS: u64 = 60_000;

/// What the exchange has seen of the call by which a phone is tested.
#[derive(Clone, Debug)]
pub enum TrialStep {
    Ringing,
    Answered,
    /// Something else than silence came from it.
    Heard,
    Over(TrialEnd),
}

/// What the record of that call says.
#[derive(Clone, Debug)]
pub struct TrialEnd {
    /// 200 when it was answered, else how it failed.
    pub status: u16,
    pub rang: bool,
    /// RTP that came; `None`: not measured.
    pub packets: Option<u64>,
    /// Why it is silent, if it is.
    pub verdict: Option<VerdictView>,
}

#[derive(Default)]
pub(crate) struct Trials(Mutex<BTreeMap<DeviceId, Trial>>);

struct Trial {
    account: Aor,
    phone: Option<PhoneId>,
    /// Of its call; empty: there was none to be made.
    call: String,
    began_ms: u64,
    steps: Vec<(u64, Seen)>,
    end: Option<TrialEnd>,
}

/// A step that is to be told.
struct News {
    device: DeviceId,
    account: Aor,
    phone: Option<PhoneId>,
    call: String,
    seen: Seen,
    status: Option<u16>,
}

impl Trials {
    fn all(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Trial>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial {
    fn is_under_way(&self, now_ms: u64) -> bool {
        self.end.is_none() && now_ms.saturating_sub(self.began_ms) < LONGEST_MS
    }

    fn has(&self, seen: &Seen) -> bool {
        self.steps.iter().any(|(_, known)| known == seen)
    }

    /// What of this step is new, and is noted.
    fn take(&mut self, at_ms: u64, step: &TrialStep) -> Vec<Seen> {
        let mut news = Vec::new();
        match step {
            TrialStep::Ringing => news.push(Seen::Rung),
            TrialStep::Answered => news.push(Seen::Answered),
            TrialStep::Heard => news.push(Seen::Heard),
            TrialStep::Over(end) if end.status == 200 && self.has(&Seen::Heard) => {}
            TrialStep::Over(end) => news.push(result(end)),
        }
        news.retain(|seen| !self.has(seen));
        self.steps.extend(news.iter().map(|seen| (at_ms, seen.clone())));
        if let TrialStep::Over(end) = step {
            self.end = Some(end.clone());
        }
        news
    }

    fn view(&self, device: DeviceId) -> RingView {
        let result =
            self.end.as_ref().map(|_| self.steps.last().map_or(Seen::Unreachable, |(_, seen)| seen.clone()));
        let fault = result.as_ref().and_then(Seen::fault_of_call);
        let end = self.end.as_ref();
        RingView {
            account: self.account.to_string(),
            device: device.0.to_string(),
            call: self.call.clone(),
            began_at: rfc3339(self.began_ms),
            steps: self
                .steps
                .iter()
                .map(|(at_ms, seen)| StepView { at: rfc3339(*at_ms), step: seen.as_str().to_owned() })
                .collect(),
            over: end.is_some(),
            result: result.map(|seen| seen.as_str().to_owned()),
            rang: self.has(&Seen::Rung) || self.has(&Seen::Answered) || end.is_some_and(|end| end.rang),
            answered: self.has(&Seen::Answered),
            heard: self.has(&Seen::Heard),
            status: end.map(|end| end.status).filter(|status| *status != 0),
            packets: end.and_then(|end| end.packets),
            verdict: end.and_then(|end| end.verdict.clone()).filter(|_| !self.has(&Seen::Heard)),
            fault: fault.map(|fault| fault.as_str().to_owned()),
        }
    }
}

/// What became of a call from which nothing but silence came.
fn result(end: &TrialEnd) -> Seen {
    match (end.status, end.rang) {
        (200, _) => Seen::NotHeard,
        (408, true) => Seen::NoAnswer,
        (488 | 606, _) => Seen::MediaRefused,
        // Ours, where it could not be sent or nothing came back (RFC 3261 sections 8.1.3.1 and 16.7).
        (0 | 408 | 430 | 500 | 503 | 504, _) => Seen::Unreachable,
        (_, _) => Seen::CallRefused,
    }
}

impl Door {
    /// Begins a test.
    pub(super) fn ring(&self, operator: &Operator, account: &str, device: &str) -> Result<RingView, Refusal> {
        let account = self.account(account)?;
        let device = device_of(&account, device)?;
        let phone = self.records().phone_of(device).map_err(unreadable)?;
        let is_registered = self.is_registered(&account.aor, device);
        let now_ms = self.house().unix_time_ms();
        if let Some(phone) = &phone {
            // What came before the call is seen before it.
            let is_there = phone.lines.iter().all(|(aor, own)| self.is_registered(aor, *own));
            self.look_at_phone(phone.id, now_ms, is_there);
        }
        let phone = phone.map(|phone| phone.id);
        let mut trial = Trial {
            account: account.aor.clone(),
            phone,
            call: String::new(),
            began_ms: now_ms,
            steps: Vec::new(),
            end: None,
        };
        // Until the call has its name here: what is told of it meanwhile waits for that.
        let mut all = self.trials().all();
        if all.get(&device).is_some_and(|trial| trial.is_under_way(now_ms)) {
            let text = "this phone is being tested; what comes of it is told in half a minute";
            return Err(Refusal::new(Why::Exists, text));
        }
        let mut news = Vec::new();
        if is_registered {
            self.house().watch_calls(true);
            trial.call = self.house().ring(&account, device).inspect_err(|_| self.unwatch(&all, now_ms))?;
        } else {
            let end = TrialEnd { status: 0, rang: false, packets: None, verdict: None };
            news = trial.take(now_ms, &TrialStep::Over(end));
        }
        let (call, view) = (trial.call.clone(), trial.view(device));
        if all.len() >= TRIALS_MAX && !all.contains_key(&device) {
            let oldest = all.iter().min_by_key(|(_, trial)| trial.began_ms).map(|(device, _)| *device);
            oldest.map(|device| all.remove(&device));
        }
        all.insert(device, trial);
        drop(all);
        let detail = format!("device={}", device.0);
        let noted = self.records().note(operator, "phone.rung", account.aor.as_str(), &detail, now_ms);
        noted.map_err(unreadable)?;
        for seen in news {
            let news =
                News { device, account: account.aor.clone(), phone, call: call.clone(), seen, status: None };
            self.tell_trial(now_ms, &news);
        }
        Ok(view)
    }

    /// The last test of a device.
    pub(super) fn rung(&self, account: &str, device: &str) -> Result<RingView, Refusal> {
        let account = self.account(account)?;
        let device = device_of(&account, device)?;
        let none = || Refusal::new(Why::NotFound, "this phone was not tested since the server started");
        self.trials().all().get(&device).map(|trial| trial.view(device)).ok_or_else(none)
    }

    /// Whether this is the call of a test that is under way.
    pub fn is_trial(&self, call: &str) -> bool {
        self.trials().all().values().any(|trial| trial.end.is_none() && trial.call == call)
    }

    /// Something was seen of a call. Of one that is no test nothing is made.
    pub fn trial_stepped(&self, call: &str, at_ms: u64, step: &TrialStep) {
        let mut all = self.trials().all();
        let found = all.iter_mut().find(|(_, trial)| trial.end.is_none() && trial.call == call);
        let Some((device, trial)) = found else {
            // The end of the last one may have been lost.
            return self.unwatch(&all, at_ms);
        };
        let status = match step {
            TrialStep::Over(end) => Some(end.status),
            TrialStep::Ringing | TrialStep::Answered | TrialStep::Heard => None,
        };
        let (device, account, phone) = (*device, trial.account.clone(), trial.phone);
        let news = trial.take(at_ms, step);
        if status.is_some() {
            self.unwatch(&all, at_ms);
        }
        drop(all);
        for seen in news {
            let call = call.to_owned();
            self.tell_trial(at_ms, &News { device, account: account.clone(), phone, call, seen, status });
        }
    }

    /// Nobody needs to follow calls any more, unless another test is under way.
    fn unwatch(&self, all: &BTreeMap<DeviceId, Trial>, now_ms: u64) {
        if !all.values().any(|trial| trial.is_under_way(now_ms)) {
            self.house().watch_calls(false);
        }
    }

    /// To those who listen, and into the journey of its phone.
    fn tell_trial(&self, at_ms: u64, news: &News) {
        let News { device, account, phone, call, seen, status } = news;
        if let Some(phone) = phone {
            self.journeys().see(*phone, at_ms, seen.clone());
        }
        let said = |fault: Fault| {
            json!({
                "code": fault.as_str(),
                "sentence": fault.sentence(Language::English),
                "remedy": fault.remedy(Language::English),
            })
        };
        let data = json!({
            "phone_id": phone.map(name_of),
            "account": account.as_str(),
            "device_id": device.text(),
            "call_id": (!call.is_empty()).then(|| format!("call_{call}")),
            "step": seen.as_str(),
            "status": status.filter(|status| *status != 0),
            "fault": seen.fault_of_call().map(said),
        });
        let subject = phone.map_or_else(|| device.text(), name_of);
        self.house().happened(
            super::telling::kind(seen),
            subject,
            data,
            of_account(self.directory(), account),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: u16, rang: bool) -> TrialStep {
        TrialStep::Over(TrialEnd { status, rang, packets: Some(7), verdict: None })
    }

    #[test]
    fn each_way_in_which_a_test_ends_has_its_name() {
        use TrialStep::{Answered, Heard, Ringing};
        let cases: [(&[TrialStep], &str, &str); 9] = [
            (&[Ringing, Answered, Heard, end(200, true)], "heard", "ringing answered heard"),
            (&[Answered, Heard, Heard, end(200, false)], "heard", "answered heard"),
            (&[Ringing, Answered, end(200, true)], "not_heard", "ringing answered not_heard"),
            (&[Ringing, Ringing, end(408, true)], "no_answer", "ringing no_answer"),
            (&[end(408, false)], "unreachable", "unreachable"),
            (&[end(500, false)], "unreachable", "unreachable"),
            (&[Ringing, end(486, true)], "refused", "ringing refused"),
            (&[end(480, false)], "refused", "refused"),
            (&[end(488, false)], "media_refused", "media_refused"),
        ];
        for (steps, result, told) in cases {
            let mut trial = Trial {
                account: Aor::new("alice", "d").unwrap(),
                phone: None,
                call: "1".to_owned(),
                began_ms: 0,
                steps: Vec::new(),
                end: None,
            };
            let (last, before) = steps.split_last().unwrap();
            before.iter().for_each(|step| drop(trial.take(1, step)));
            let view = trial.view(DeviceId(3));
            assert!(!view.over && view.result.is_none() && trial.is_under_way(59_000));
            assert!(!trial.is_under_way(60_000), "what was lost stands in nobody's way");
            trial.take(2, last);
            let view = trial.view(DeviceId(3));
            let all: Vec<&str> = view.steps.iter().map(|step| step.step.as_str()).collect();
            assert_eq!((view.result.as_deref(), all.join(" ").as_str()), (Some(result), told), "{steps:?}");
            assert!(view.over && !trial.is_under_way(3));
            assert_eq!(view.fault.is_none(), result == "heard", "{view:?}");
        }
    }
}
