//! Events of the exchange as log lines.

use super::offenders::{self, Kind};
use super::rate::Rate;
use super::silences;
use crate::trace::escape::line;
use coeur_exchange::call_record::CallRecord;
use coeur_exchange::event::Event;
use coeur_exchange::flow::ShardId;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Writes events; failures and notices at a bounded rate, with a count of what was left out.
pub struct EventLog {
    failures: Mutex<Rate>,
    notices: Mutex<Rate>,
}

impl Default for EventLog {
    fn default() -> Self {
        let rate = || Mutex::new(Rate::new(20, Duration::from_secs(1)));
        Self { failures: rate(), notices: rate() }
    }
}

impl EventLog {
    /// False for what is only a line of the log, of a level that nobody reads: no thread need wake for it. Each call has some.
    pub fn is_of_use(event: &Event) -> bool {
        match event {
            Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::CallStep(_)
            | Event::Texted(_)
            | Event::CallProtected { .. }
            | Event::Speaks { .. }
            | Event::TestHeard { .. } => tracing::enabled!(tracing::Level::DEBUG),
            Event::DeviceProvedSha256 { .. }
            | Event::RelayRefused { .. }
            | Event::AuthenticationFailed { .. }
            | Event::CallLooked(_)
            | Event::CallEnded(_)
            | Event::Notice { .. } => true,
        }
    }

    pub fn write(&self, shard: ShardId, event: &Event) {
        let shard = shard.0;
        match event {
            Event::Registered { aor, device, flow } => {
                tracing::debug!(shard, %aor, device = device.0, remote = %flow.remote, "registered");
            }
            Event::Unregistered { aor, why } => tracing::debug!(shard, %aor, ?why, "unregistered"),
            Event::DeviceProvedSha256 { aor, device } => {
                tracing::debug!(shard, %aor, device = device.0, "device proved SHA-256");
            }
            Event::RelayRefused { flow } => offenders::note(Kind::Relay, flow.remote.ip()),
            Event::AuthenticationFailed { flow, user, why } => {
                offenders::note(Kind::Password, flow.remote.ip());
                if let Some(left_out) = self.failures.lock().allow(Instant::now()) {
                    let user = line(user);
                    tracing::debug!(shard, remote = %flow.remote, user, why = %why, left_out, "authentication failed");
                }
            }
            Event::CallStep(step) => tracing::debug!(shard, call = %step.call, step = ?step.step, "a call"),
            Event::CallProtected { call_id, protection } => {
                tracing::debug!(
                    shard,
                    call_id = line(call_id),
                    media = protection.state().as_str(),
                    caller = ?protection.caller,
                    callee = ?protection.callee,
                    "call is heard"
                );
            }
            Event::CallLooked(looked) => {
                for verdict in &looked.news {
                    let shown = silences::verdict_view(verdict);
                    // What is a call's own stands apart, as always.
                    tracing::info!(
                        shard,
                        call = %looked.id,
                        side = shown.side,
                        cause = shown.cause,
                        "a side of a call is not heard as it should be"
                    );
                    tracing::debug!(
                        shard,
                        call = %looked.id,
                        caller = line(&looked.caller.call_id),
                        callee = line(&looked.callee.call_id),
                        sentence = shown.sentence,
                        remedy = shown.remedy,
                        "why"
                    );
                }
            }
            Event::Texted(text) => tracing::debug!(shard, step = ?text.step, "a text"),
            Event::Speaks { call, is_speaking } => {
                tracing::debug!(shard, %call, is_speaking, "a member of a conference");
            }
            Event::TestHeard { call } => tracing::debug!(shard, %call, "a phone that is tested is heard"),
            Event::CallEnded(record) => self.ended(ShardId(shard), record),
            Event::Notice { flow, subject, text } => {
                if let Some(left_out) = self.notices.lock().allow(Instant::now()) {
                    tracing::info!(shard, left_out, "{}", line(text.as_bytes()));
                    let remote = flow.map(|flow| flow.remote.to_string()).unwrap_or_default();
                    tracing::debug!(
                        shard,
                        subject = line(subject.as_bytes()),
                        remote,
                        "subject of the notice before"
                    );
                }
            }
        }
    }

    pub fn ended(&self, shard: ShardId, record: &CallRecord) {
        tracing::debug!(
            shard = shard.0,
            call = %record.id,
            call_id = line(&record.call_id),
            to = line(&record.to),
            status = record.status,
            ended_by = ?record.ended_by,
            media = record.protection.map(|protection| protection.state().as_str()),
            "call ended"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::call_record::CallRecordId;

    #[test]
    fn nobody_is_woken_for_a_line_that_is_not_written() {
        let speaks = Event::Speaks { call: CallRecordId(1), is_speaking: true };
        let notice = Event::Notice { flow: None, subject: "a".into(), text: "b".into() };
        for (level, is_read) in [(tracing::Level::INFO, false), (tracing::Level::DEBUG, true)] {
            let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::sink).finish();
            let are_of_use =
                tracing::subscriber::with_default(log, || [&speaks, &notice].map(EventLog::is_of_use));
            assert_eq!(are_of_use, [is_read, true], "{level}");
        }
    }
}
