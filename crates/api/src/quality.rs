//! How calls sounded, as JSON: counts and scores of groups of them, never a list of all.

use crate::calls::{CallRecordView, rfc3339};
use crate::door::{Door, not_written};
use crate::model::{Refusal, Reply, Why};
use coeur_storage::{QualityBy, QualityGroup, QualityQuery};
use serde::{Deserialize, Serialize};

/// Where nothing is said: the last week.
const SINCE_MS: u64 = 7 * 86_400_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallQualityRequest {
    /// Begun at this time or later; `None`: a week before `until_ms`.
    pub since_ms: Option<u64>,
    /// Begun before; `None`: until now.
    pub until_ms: Option<u64>,
    /// `hour`, `codec`, `transport`, `program`, `account`, `cause` or `network`.
    pub by: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallQualityView {
    pub since_at: String,
    pub until_at: String,
    pub by: String,
    pub total: QualityGroupView,
    pub groups: Vec<QualityGroupView>,
    /// There are more calls or groups than were counted.
    pub more: bool,
    /// The worst calls.
    pub worst: Vec<CallRecordView>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QualityGroupView {
    /// `None`: not known, nobody of ours, or a group by something else.
    pub name: Option<String>,
    /// By network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_pct: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u32>,
    pub count: u64,
    /// How many of them have a score.
    pub scored: u64,
    pub mos_median: Option<f64>,
    pub mos_p5: Option<f64>,
    pub bad: u64,
    /// Of `count`.
    pub bad_pct: f64,
}

const BY: [(&str, QualityBy); 7] = [
    ("hour", QualityBy::Hour),
    ("codec", QualityBy::Codec),
    ("transport", QualityBy::Transport),
    ("program", QualityBy::Program),
    ("account", QualityBy::Account),
    ("cause", QualityBy::Cause),
    ("network", QualityBy::Network),
];

impl QualityGroupView {
    fn new(group: QualityGroup, by: QualityBy) -> Self {
        let score = |hundredths: Option<u16>| hundredths.map(|score| f64::from(score) / 100.0);
        let mut view = Self {
            name: None,
            loss_pct: None,
            jitter_ms: None,
            count: group.count,
            scored: group.scored,
            mos_median: score(group.median_hundredths),
            mos_p5: score(group.p5_hundredths),
            bad: group.bad,
            bad_pct: (group.bad as f64 * 1_000.0 / group.count.max(1) as f64).round() / 10.0,
        };
        let name = group.name.as_deref();
        match by {
            QualityBy::Hour => view.name = name.and_then(|ms| ms.parse().ok()).map(rfc3339),
            QualityBy::Network => {
                let cell = name.and_then(|cell| cell.split_once(' '));
                view.loss_pct = cell.and_then(|(loss, _)| loss.parse().ok()).map(|loss: f64| loss / 10.0);
                view.jitter_ms = cell.and_then(|(_, jitter)| jitter.parse().ok());
            }
            QualityBy::Codec
            | QualityBy::Transport
            | QualityBy::Program
            | QualityBy::Account
            | QualityBy::Cause => view.name = name.map(Into::into),
        }
        view
    }
}

impl Door {
    pub(crate) fn call_quality(&self, request: &CallQualityRequest) -> Result<Reply, Refusal> {
        let wanted = if request.by.is_empty() { "hour" } else { &request.by };
        let known = BY.iter().find(|(name, _)| *name == wanted);
        let (name, by) = known.ok_or_else(|| {
            let names = BY.map(|(name, _)| name).join(", ");
            Refusal::new(Why::Invalid, format!("`{wanted}` is none of {names}"))
        })?;
        let until_ms = request.until_ms.unwrap_or_else(|| self.house().unix_time_ms());
        let since_ms = request.since_ms.unwrap_or(until_ms.saturating_sub(SINCE_MS));
        if since_ms > until_ms {
            return Err(Refusal::new(Why::Invalid, "it ends before it begins"));
        }
        let causes = match by {
            QualityBy::Cause => self.house().silences(),
            _ => Vec::new(),
        };
        let causes = causes.into_iter().map(|(name, sentence)| (name.into(), sentence.into())).collect();
        let query = QualityQuery { since_ms, until_ms, by: *by, causes };
        let found = self.counted_quality(&query).map_err(not_written)?;
        let view = CallQualityView {
            since_at: rfc3339(since_ms),
            until_at: rfc3339(until_ms),
            by: (*name).to_owned(),
            total: QualityGroupView { name: None, ..QualityGroupView::new(found.total, QualityBy::Cause) },
            groups: found.groups.into_iter().map(|group| QualityGroupView::new(group, *by)).collect(),
            more: found.is_cut,
            worst: found.worst.iter().map(CallRecordView::from).collect(),
        };
        Ok(Reply::CallQuality(Box::new(view)))
    }
}
