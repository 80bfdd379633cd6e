//! Records of calls as a file, page by page: a file may be longer than memory, and whoever reads it slowly is waited for.

use super::call_records::{CallRecordResource, Disposition};
use super::caller::{Access, Action, Caller, Resource, known};
use super::operation::{self, Streaming};
use super::problem::{Code, Problem};
use super::{Web, fence, ids, when};
use crate::calls::{CallRecordView, CallRecordsPage, CallRecordsRequest};
use crate::ids::Id as _;
use crate::model::{Reply, Request};
use crate::sheet::{self, Separator};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use coeur_directory::AccountId;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Deserialize;
use std::io;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};

/// Records that are read at once: about 1 MB of text.
const PAGE: usize = 1_000;
/// Pages that wait for a slow reader.
const PAGES_WAITING_MAX: usize = 2;

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Csv,
    Jsonl,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Between {
    #[default]
    Comma,
    Semicolon,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    #[serde(default)]
    format: Format,
    /// What stands between two cells of CSV.
    #[serde(default)]
    separator: Between,
    /// CSV begins with a mark by which spreadsheets know UTF-8.
    #[serde(default)]
    bom: bool,
    /// Its id or its address; one that is gone since by its address.
    account: Option<String>,
    /// Only calls that began then or later, as RFC 3339 writes times.
    since: Option<String>,
    /// Only calls that began before.
    until: Option<String>,
    disposition: Option<Disposition>,
    /// Only calls that were not answered.
    #[serde(default)]
    failed: bool,
    /// Only calls of which people complain: a direction with an estimated score below 3.6, or somebody not heard.
    #[serde(default)]
    bad: bool,
    /// A part of a name, an address, a Call-ID or the address of a phone, in any case.
    q: Option<String>,
}

pub(super) fn stream(web: Web, caller: Caller, head: Parts) -> Streaming {
    Box::pin(async move {
        let query: ExportQuery = operation::query(head.uri.query().unwrap_or(""))?;
        let (format, separator) = (query.format, query.separator);
        let request = wanted(&web, &query)?;
        let place = web.listens(&head).ok_or_else(|| Problem {
            retry_after_s: Some(10),
            ..Problem::because(Code::TooMany, "too many listen or export already")
        })?;
        let (pages, waiting) = channel::<io::Result<Bytes>>(PAGES_WAITING_MAX);
        let writer = Writer { format, separator: separator.into(), pages };
        let mut asker = Asker { web, caller, head, runtime: Handle::current() };
        // What is refused is refused before anything is sent.
        let read = move || asker.page(&request).map(|page| (asker, request, page));
        let read =
            tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(Problem::new(Code::Inside)));
        let (asker, request, first) = read?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            writer.write((asker, request), first, query.bom);
        });
        let body =
            unfold(waiting, |mut waiting| async move { waiting.recv().await.map(|page| (page, waiting)) });
        let kind = match format {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Jsonl => "application/jsonl",
        };
        let mut response = Body::from_stream(body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Ok::<Response, Problem>(response)
    })
}

fn wanted(web: &Web, query: &ExportQuery) -> Result<CallRecordsRequest, Problem> {
    let time = |name, text: &Option<String>| text.as_deref().map(|text| when(name, text)).transpose();
    let address = |name: &String| {
        let by_id = AccountId::parse(name).and_then(|id| web.door().directory().account_by_id(id));
        by_id.map_or_else(|| name.clone(), |account| account.aor.to_string())
    };
    Ok(CallRecordsRequest {
        since_ms: time("since", &query.since)?,
        until_ms: time("until", &query.until)?,
        account: query.account.as_ref().map(address),
        failed: query.failed,
        bad: query.bad,
        disposition: query.disposition.as_ref().map(|disposition| disposition.name().to_owned()),
        q: query.q.clone(),
        shown_only: false,
        own_only: false,
        before: None,
        limit: PAGE,
    })
}

/// Who reads, and how he has shown who he is.
struct Asker {
    web: Web,
    caller: Caller,
    head: Parts,
    runtime: Handle,
}

impl Asker {
    /// Asks for each page anew whether he still may: his token may be taken back. It makes the connection live on, too.
    fn page(&mut self, request: &CallRecordsRequest) -> Result<CallRecordsPage, Problem> {
        self.caller = self.runtime.block_on(known(&self.head, &self.web))?;
        self.caller.require(Action::Read, Resource::CallRecords, Access::Read)?;
        let request = Request::CallRecords(request.clone());
        match fence::ask((&self.web, &self.caller), &self.caller.operator, request)? {
            Reply::CallRecords(page) => Ok(page),
            _ => Err(operation::unexpected()),
        }
    }
}

struct Writer {
    format: Format,
    separator: Separator,
    pages: Sender<io::Result<Bytes>>,
}

impl Writer {
    /// Until all is read, or nobody reads any more. What fails on the way, or that he may read no more, breaks the connection
    /// off: half a file must not look like a whole one.
    fn write(
        &self,
        (mut asker, mut request): (Asker, CallRecordsRequest),
        first: CallRecordsPage,
        bom: bool,
    ) {
        if !self.send(self.head(bom)) {
            return;
        }
        let mut page = first;
        loop {
            if !self.send(self.rows(page.records)) {
                return;
            }
            let Some(next) = page.next else { return };
            request.before = Some(next);
            page = match asker.page(&request) {
                Ok(page) => page,
                Err(_) => {
                    let _ = self.pages.blocking_send(Err(io::Error::other("the records cannot be read")));
                    return;
                }
            };
        }
    }

    fn head(&self, bom: bool) -> String {
        match self.format {
            Format::Csv if bom => format!("\u{feff}{}", sheet::heads(self.separator)),
            Format::Csv => sheet::heads(self.separator),
            Format::Jsonl => String::new(),
        }
    }

    fn rows(&self, mut records: Vec<CallRecordView>) -> String {
        match self.format {
            Format::Csv => {
                records.iter_mut().for_each(|record| record.id = ids::call(&record.id));
                sheet::rows(&records, self.separator)
            }
            Format::Jsonl => {
                let rows = records.into_iter().map(CallRecordResource::from);
                // A record has no key that is no text, so it can be written.
                let line = |row| serde_json::to_string(&row).map(|line| line + "\n").unwrap_or_default();
                rows.map(line).collect()
            }
        }
    }

    /// False: nobody reads any more.
    fn send(&self, text: String) -> bool {
        text.is_empty() || self.pages.blocking_send(Ok(Bytes::from(text))).is_ok()
    }
}

impl From<Between> for Separator {
    fn from(between: Between) -> Self {
        match between {
            Between::Comma => Self::Comma,
            Between::Semicolon => Self::Semicolon,
        }
    }
}
