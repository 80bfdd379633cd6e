//! Calls at the door: those that live are asked of the house, those that are over of the records.

use crate::calls::{CallRecordView, CallRecordsPage, CallRecordsRequest, id_of, id_text};
use crate::door::{Door, ROWS_MAX, aor, not_written};
use crate::feed::{About, Kind};
use crate::model::{RecordingsRequest, Refusal, Reply, Why};
use crate::recordings::{Audience, RecordVerb, RecordingOfCall, RecordingsPage};
use coeur_directory::Aor;
use coeur_storage::{CallQuery, CallRow, Disposition, Keep, Operator, RecordingRow, TalkedRow};
use serde_json::json;

impl Door {
    /// Keeps records of calls. What is not kept may be tried again: what is there already changes nothing.
    pub fn keep_calls(&self, calls: &[CallRow], keep: Keep) -> Result<(), Refusal> {
        let now_ms = self.house().unix_time_ms();
        self.records().add_calls(calls, keep, now_ms).map_err(not_written)
    }

    /// Whether there is a record of this call; when that cannot be read, none.
    pub fn has_call(&self, id: u128) -> bool {
        self.records().call(id).is_ok_and(|found| found.is_some())
    }

    /// How long accounts have talked to elsewhere since this day since the Unix epoch.
    pub fn talked(&self, since_day: u32) -> Result<Vec<TalkedRow>, Refusal> {
        self.records().talked(since_day).map_err(not_written)
    }

    pub(crate) fn calls(&self, account: Option<&str>, limit: usize) -> Result<Reply, Refusal> {
        let account = account.map(|account| self.account(account)).transpose()?;
        self.house().calls(account.as_deref(), limit.clamp(1, ROWS_MAX)).map(Reply::Calls)
    }

    pub(crate) fn show_call(&self, call: &str) -> Result<Reply, Refusal> {
        let found = self.house().call(call)?;
        found.map(|call| Reply::Call(Box::new(call))).ok_or_else(|| self.no_such_call(call))
    }

    pub(crate) fn hang_up(&self, operator: &Operator, call: &str) -> Result<Reply, Refusal> {
        match self.house().hang_up(call)? {
            true => {
                self.note_done(operator, "call.hung_up", call, "");
                Ok(Reply::Done)
            }
            false => Err(self.no_such_call(call)),
        }
    }

    /// Keeps the record of a recording; what is there already changes nothing. False: another recording of the call has its
    /// number.
    pub fn keep_recording(&self, recording: &RecordingRow) -> Result<bool, Refusal> {
        let now_ms = self.house().unix_time_ms();
        let mut records = self.records();
        let there = records.recordings(recording.call).map_err(not_written)?;
        match there.iter().find(|there| there.part == recording.part) {
            Some(there) => Ok(there.sha256 == recording.sha256),
            None => {
                records.add_recording(recording, now_ms).map_err(not_written)?;
                drop(records);
                let id = format!("call_{}", id_text(recording.call));
                let data =
                    json!({ "call_id": id, "part": recording.part, "recorded_ms": recording.recorded_ms });
                self.house().happened(Kind::RecordingKept, id, data, About::default());
                self.house().settle();
                Ok(true)
            }
        }
    }

    /// Nobody is recorded of whom it cannot be written down who wanted it; to end it nothing has to be written.
    pub(crate) fn tape(&self, operator: &Operator, call: &str, order: RecordVerb) -> Result<Reply, Refusal> {
        let now_ms = self.house().unix_time_ms();
        let noted = self.records().note(operator, order.action(), call, "", now_ms).map_err(not_written);
        match (order, noted) {
            (RecordVerb::Start | RecordVerb::Resume, Err(refusal)) => return Err(refusal),
            (RecordVerb::Pause | RecordVerb::Stop, Err(refusal)) => {
                tracing::error!(call, why = refusal.text, "who ends a recording could not be written down");
            }
            (_, Ok(())) => {}
        }
        match self.house().tape(call, order, operator.name())? {
            true => Ok(Reply::Done),
            false => Err(self.no_such_call(call)),
        }
    }

    /// It is done: a disk that is full takes nothing back.
    pub(crate) fn note_done(&self, operator: &Operator, action: &'static str, call: &str, detail: &str) {
        let now_ms = self.house().unix_time_ms();
        if let Err(why) = self.records().note(operator, action, call, detail, now_ms) {
            tracing::error!(call, action, %why, "what was done to a call could not be written down");
        }
    }

    pub(crate) fn play(
        &self,
        operator: &Operator,
        call: &str,
        (sound, to): (Option<&str>, Audience),
    ) -> Result<Reply, Refusal> {
        match self.house().play(call, sound, to)? {
            true => {
                self.note_done(operator, "call.played", call, sound.unwrap_or("nothing any more"));
                Ok(Reply::Done)
            }
            false => Err(self.no_such_call(call)),
        }
    }

    pub(crate) fn call_records(&self, request: &CallRecordsRequest) -> Result<Reply, Refusal> {
        let limit = request.limit.clamp(1, ROWS_MAX);
        let before = request.before.as_deref().map(|before| id_of(before).ok_or_else(|| no_call(before)));
        let query = CallQuery {
            since_ms: request.since_ms,
            until_ms: request.until_ms,
            disposition: request.disposition.as_deref().map(disposition).transpose()?,
            part: request.q.as_deref().map(Into::into),
            is_shown_only: request.shown_only,
            is_own_only: request.own_only,
            before: before.transpose()?,
            account: request.account.as_deref().map(aor).transpose()?.map(|aor: Aor| aor.as_str().into()),
            is_failed: request.failed,
            is_bad: request.bad,
            limit: limit + 1,
        };
        let mut rows = self.found_calls(&query).map_err(not_written)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| id_text(last.id));
        let records = rows.iter().map(CallRecordView::from).collect();
        Ok(Reply::CallRecords(CallRecordsPage { records, next }))
    }

    pub(crate) fn recordings(&self, request: &RecordingsRequest) -> Result<Reply, Refusal> {
        let limit = request.limit.clamp(1, ROWS_MAX);
        let before = request.before.as_deref().map(|text| place_of(text).ok_or_else(|| no_call(text)));
        let mut rows =
            self.records().newest_recordings(before.transpose()?, limit + 1).map_err(not_written)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| format!("{}-{}", id_text(last.call), last.part));
        let view = |row: &RecordingRow| RecordingOfCall {
            call: id_text(row.call),
            part: row.part,
            file: row.into(),
        };
        Ok(Reply::Recordings(RecordingsPage { recordings: rows.iter().map(view).collect(), next }))
    }

    pub(crate) fn show_call_record(&self, call: &str) -> Result<Reply, Refusal> {
        let found = id_of(call).map(|id| self.records().call(id)).transpose().map_err(not_written)?.flatten();
        let row = found.ok_or_else(|| no_call(call))?;
        let recordings = self.records().recordings(row.id).map_err(not_written)?;
        let recordings = recordings.iter().map(Into::into).collect();
        Ok(Reply::CallRecord(Box::new(CallRecordView { recordings, ..(&row).into() })))
    }

    /// One that is over has a record, which is the better answer.
    pub(crate) fn no_such_call(&self, call: &str) -> Refusal {
        let is_over =
            id_of(call).is_some_and(|id| self.records().call(id).is_ok_and(|found| found.is_some()));
        match is_over {
            true => Refusal::new(
                Why::NotFound,
                format!("`{call}` is over; `coeur records show {call}` tells of it"),
            ),
            false => no_call(call),
        }
    }
}

/// `CALL-PART`
fn place_of(text: &str) -> Option<(u128, u16)> {
    let (call, part) = text.rsplit_once('-')?;
    Some((id_of(call)?, part.parse().ok()?))
}

fn disposition(text: &str) -> Result<Disposition, Refusal> {
    Disposition::named(text).ok_or_else(|| {
        let names = Disposition::ALL.map(Disposition::name).join(", ");
        Refusal::new(Why::Invalid, format!("disposition `{text}` is none of {names}"))
    })
}

pub(crate) fn no_call(call: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("`{call}` is no call; `coeur calls` and `coeur records` list them"))
}
