//! How calls sounded: counted here, so that nobody fetches all of them to count.

use super::call_records::CallRecordResource;
use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::problem::Problem;
use super::when;
use crate::model::{Reply, Request};
use crate::quality::{CallQualityRequest, CallQualityView, QualityGroupView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/call_quality", "show_call_quality"),
            Resource::CallRecords,
            "How the calls of a time sounded: by hour, by what the phones are, by cause; and the worst of them.",
            show,
        )
        .query::<QualityQuery>()
        .answer::<CallQualityResource>(),
    ]
}

/// By what calls are grouped.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum QualityBy {
    /// In which they began, in UTC; the last thousand hours.
    Hour,
    /// Here and below each of the two sides of a call counts for itself.
    Codec,
    Transport,
    /// The first word of the User-Agent, without its version.
    Program,
    Account,
    /// Only calls of which people complain: by the cause of the verdict on them, else `low_score`.
    Cause,
    /// What is lost and how unevenly it comes, of the worse way of each side, in steps.
    Network,
}

impl QualityBy {
    fn name(&self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Codec => "codec",
            Self::Transport => "transport",
            Self::Program => "program",
            Self::Account => "account",
            Self::Cause => "cause",
            Self::Network => "network",
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CallQualityQuery")]
struct QualityQuery {
    /// Only calls that began then or later, as RFC 3339 writes times; a week before `until` unless said.
    since: Option<String>,
    /// Only calls that began before; now unless said.
    until: Option<String>,
    /// `hour` unless said.
    by: Option<QualityBy>,
}

/// Of calls that were answered, measured or judged: of others there is nothing to say.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallQuality")]
struct CallQualityResource {
    since_at: String,
    until_at: String,
    by: String,
    /// All calls of the time, each counted once.
    total: GroupResource,
    /// The largest first, a thousand at most; hours in their order, those without a call left out.
    groups: Vec<GroupResource>,
    /// There are more groups, or more than 100,000 calls, of which the newest were counted.
    has_more: bool,
    /// Twenty calls of which people complain: those with a verdict, then those with the lowest score.
    worst: Vec<CallRecordResource>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallQualityGroup")]
struct GroupResource {
    /// `null`: not known, or nobody of ours; an hour is the time of its begin.
    name: Option<String>,
    /// By network: percent, rounded down to halves; 12 is that and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_pct: Option<f64>,
    /// By network: rounded down to a multiple of 4; 156 is that and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter_ms: Option<u32>,
    /// Calls, or sides of calls.
    count: u64,
    /// How many of them have an estimated score (ITU-T G.107, 1 to 4.5): that of the worst way.
    scored: u64,
    /// Half of those that have a score have this one or a lower one.
    mos_median: Option<f64>,
    /// One of twenty has this one or a lower one.
    mos_p5: Option<f64>,
    /// How many have a score below 3.6 or a verdict, that somebody was not heard.
    bad: u64,
    /// Percent of `count`.
    bad_pct: f64,
}

impl From<QualityGroupView> for GroupResource {
    fn from(view: QualityGroupView) -> Self {
        let QualityGroupView { name, loss_pct, jitter_ms, count, scored, mos_median, mos_p5, bad, bad_pct } =
            view;
        Self { name, loss_pct, jitter_ms, count, scored, mos_median, mos_p5, bad, bad_pct }
    }
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: QualityQuery = call.query()?;
    let time = |name, text: &Option<String>| text.as_deref().map(|text| when(name, text)).transpose();
    let request = CallQualityRequest {
        since_ms: time("since", &query.since)?,
        until_ms: time("until", &query.until)?,
        by: query.by.unwrap_or(QualityBy::Hour).name().to_owned(),
    };
    let Reply::CallQuality(found) = call.ask(Request::CallQuality(request))? else {
        return Err(unexpected());
    };
    let CallQualityView { since_at, until_at, by, total, groups, more, worst } = *found;
    Answer::json(CallQualityResource {
        since_at,
        until_at,
        by,
        total: total.into(),
        groups: groups.into_iter().map(Into::into).collect(),
        has_more: more,
        worst: worst.into_iter().map(CallRecordResource::from).collect(),
    })
}
