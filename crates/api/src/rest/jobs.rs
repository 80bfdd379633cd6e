//! Long works: they are begun, go on by themselves, and tell how far they are. They are in memory: a restart ends them, and
//! what they had done by then is done.

use super::caller::{Access, Resource};
use super::operation::{Answer, Call, Operation};
use super::page::Page;
use super::problem::{Code, Problem};
use crate::calls::rfc3339;
use crate::feed::Kind;
use crate::ids::{Id as _, JobId};
use crate::model::GivenSecret;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Jobs that are remembered, the newest; an import of 10,000 users holds about 2 MB until its secrets were taken.
const JOBS_MAX: usize = 32;
/// Rows that failed which one job lists; more are counted.
pub(crate) const ERRORS_MAX: usize = 1_000;

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Jobs;
    vec![
        Operation::get(("/jobs", "list_jobs"), Jobs, "Long works, the newest first.", list)
            .answer::<Page<JobResource>>(),
        Operation::get(
            ("/jobs/{job}", "show_job"),
            Jobs,
            "One long work: how far it is, and which rows failed and why.",
            show,
        )
        .answer::<JobResource>(),
        Operation::post(
            ("/jobs/{job}/actions/take_secrets", "take_secrets_of_job"),
            Jobs,
            "The secrets that the work has made. They are given this once, and only to who began it.",
            take,
        )
        .takes(Access::Write)
        .answer::<Taken>(),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Done,
}

#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "JobError")]
pub(crate) struct RowError {
    /// From 1, not counting a head.
    pub row: usize,
    /// What the row is about, such as a login.
    pub subject: String,
    pub code: &'static str,
    pub detail: String,
}

/// A secret that was made for a device.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "MadeSecret")]
pub(crate) struct MadeSecret {
    pub login: String,
    pub account: String,
    pub device_id: String,
    #[schemars(with = "String")]
    pub secret: GivenSecret,
}

pub(crate) struct Job {
    pub number: u64,
    /// `users_import`
    kind: &'static str,
    /// Who began it.
    by: Box<str>,
    started_at_ms: u64,
    progress: Mutex<Progress>,
}

pub(crate) struct Progress {
    pub state: State,
    pub total: usize,
    pub done: usize,
    pub failed: usize,
    pub errors: Vec<RowError>,
    pub secrets: Vec<MadeSecret>,
    ended_at_ms: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub(crate) struct JobResource {
    /// `job_NUMBER`; never that of another one, over restarts neither.
    id: String,
    kind: &'static str,
    /// `running` or `done`.
    state: &'static str,
    by: String,
    started_at: String,
    ended_at: Option<String>,
    /// Rows.
    total: usize,
    done: usize,
    /// Of those that are done.
    failed: usize,
    /// Until it is over, as it goes now.
    eta_s: Option<u64>,
    /// The first 1000 rows that failed; a list of jobs has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<RowError>,
    /// Secrets wait to be taken.
    has_secrets: bool,
}

impl Job {
    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn resource(&self, now_ms: u64, with_errors: bool) -> JobResource {
        let progress = self.progress();
        let left = progress.total.saturating_sub(progress.done) as u64;
        let passed_ms = now_ms.saturating_sub(self.started_at_ms);
        let eta_ms = (passed_ms * left).checked_div(progress.done as u64);
        let (state, eta_s) = match progress.state {
            State::Running => ("running", eta_ms.map(|ms| ms.div_ceil(1_000))),
            State::Done => ("done", None),
        };
        JobResource {
            id: JobId(self.number).text(),
            kind: self.kind,
            state,
            by: self.by.to_string(),
            started_at: rfc3339(self.started_at_ms),
            ended_at: progress.ended_at_ms.map(rfc3339),
            total: progress.total,
            done: progress.done,
            failed: progress.failed,
            eta_s,
            errors: if with_errors { progress.errors.clone() } else { Vec::new() },
            has_secrets: !progress.secrets.is_empty(),
        }
    }
}

/// The number of the newest, and those that are remembered.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<(u64, VecDeque<Arc<Job>>)>);

impl Jobs {
    /// One at a time: each wants the disk for itself.
    pub fn begin(
        &self,
        kind: &'static str,
        by: &str,
        total: usize,
        now_ms: u64,
    ) -> Result<Arc<Job>, Problem> {
        let mut jobs = self.all();
        if jobs.1.iter().any(|job| job.progress().state == State::Running) {
            let busy =
                Problem::because(Code::Unavailable, "another long work goes on; begin when it is over");
            return Err(Problem { retry_after_s: Some(5), ..busy });
        }
        // Behind those of every process before, which nobody has written down: by the clock.
        jobs.0 = now_ms.max(jobs.0 + 1);
        let progress = Progress {
            state: State::Running,
            total,
            done: 0,
            failed: 0,
            errors: Vec::new(),
            secrets: Vec::new(),
            ended_at_ms: None,
        };
        let job = Job {
            number: jobs.0,
            kind,
            by: by.into(),
            started_at_ms: now_ms,
            progress: Mutex::new(progress),
        };
        let job = Arc::new(job);
        jobs.1.push_front(job.clone());
        jobs.1.truncate(JOBS_MAX);
        Ok(job)
    }

    fn all(&self) -> MutexGuard<'_, (u64, VecDeque<Arc<Job>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who listen how far it is.
pub(crate) fn tell(web: &super::Web, job: &Job) {
    let now_ms = web.now_ms();
    let data = serde_json::to_value(job.resource(now_ms, false)).unwrap_or_default();
    web.feed().publish(Kind::JobProgress, JobId(job.number).text(), now_ms, data);
}

/// It is over, however it ended.
pub(crate) struct Running<'w>(pub &'w super::Web, pub Arc<Job>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let now_ms = self.0.now_ms();
        let mut progress = self.1.progress();
        progress.state = State::Done;
        progress.ended_at_ms = Some(now_ms);
        drop(progress);
        tell(self.0, &self.1);
    }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let now_ms = call.web.now_ms();
    let jobs: Vec<JobResource> =
        call.web.jobs().all().1.iter().map(|job| job.resource(now_ms, false)).collect();
    Page::told(jobs, None).answer(call)
}

fn named(call: &Call<'_>) -> Result<Arc<Job>, Problem> {
    let name = call.part("job");
    let number = JobId::parse(name).map(|job| job.0);
    let found = call.web.jobs().all().1.iter().find(|job| Some(job.number) == number).cloned();
    found.ok_or_else(|| Problem::because(Code::NotFound, format!("`{name}` is no job that is remembered")))
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(named(call)?.resource(call.web.now_ms(), true))
}

#[derive(Serialize, JsonSchema)]
struct Taken {
    data: Vec<MadeSecret>,
}

fn take(call: &Call<'_>) -> Result<Answer, Problem> {
    let job = named(call)?;
    if *job.by != *call.caller.operator.name() {
        return Err(Problem::because(Code::Forbidden, "the secrets are for who began the work"));
    }
    let mut progress = job.progress();
    if progress.state == State::Running {
        return Err(Problem::because(Code::Conflict, "the work goes on; take them when it is over"));
    }
    let data = std::mem::take(&mut progress.secrets);
    drop(progress);
    Answer::json(Taken { data })
}
