//! Recordings as JSON, and what is said about them and about what is played into a call.

use crate::calls::rfc3339;
use coeur_storage::RecordingRow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to become of the recording of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordVerb {
    Start,
    /// What is said is left out until it goes on.
    Pause,
    Resume,
    Stop,
}

impl RecordVerb {
    /// Of its audit row.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Start => "recording.start",
            Self::Pause => "recording.pause",
            Self::Resume => "recording.resume",
            Self::Stop => "recording.stop",
        }
    }
}

/// Who hears what is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    Both,
    Caller,
    Callee,
}

/// A recording that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LiveRecording")]
pub struct RecordingView {
    /// `announced`, `recording`, `paused` or `failed`.
    pub state: String,
    /// Of what is kept so far.
    pub recorded_ms: u64,
    /// Relative to the data directory; absent before anything is kept.
    pub file: Option<String>,
    /// `policy`, an account, or an operator.
    pub asked_by: String,
    /// Why it failed.
    pub why: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingsPage {
    pub recordings: Vec<RecordingOfCall>,
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingOfCall {
    pub call: String,
    /// From 1.
    pub part: u16,
    pub file: RecordingFileView,
}

/// A recording that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFileView {
    /// Relative to the data directory.
    pub file: String,
    /// In hexadecimal.
    pub sha256: String,
    pub bytes: u64,
    pub begin_at: String,
    pub recorded_ms: u64,
    /// Silence in it that stands for what was lost.
    pub lost_ms: u64,
    /// Where something was left out: `MS+MS`, behind so much of the file and how much.
    pub pauses: Vec<String>,
    pub asked_by: String,
    /// `ended`, `interrupted`, or `failed:` and why.
    pub ended: String,
}

impl From<&RecordingRow> for RecordingFileView {
    fn from(row: &RecordingRow) -> Self {
        Self {
            file: row.file.to_string(),
            sha256: row.sha256.to_string(),
            bytes: row.bytes,
            begin_at: rfc3339(row.began_at_ms),
            recorded_ms: row.recorded_ms,
            lost_ms: row.lost_ms,
            pauses: row.pauses.split(',').filter(|pause| !pause.is_empty()).map(Into::into).collect(),
            asked_by: row.asked_by.to_string(),
            ended: row.ended.to_string(),
        }
    }
}
