//! The resolver: answers the questions of RFC 3263 through the shard's inbox. Runs on the tokio runtime; a shard only
//! ever hands a question over.

mod table;

pub use table::Table;

use crate::house::deaths::Deaths;
use crate::shard::{Inbox, Notice};
use coeur_exchange::flow::ShardId;
use coeur_exchange::outbox::ResolveToken;
use coeur_sip::resolve::{Answer, Naptr, Outcome, Query, RecordKind, Records, Srv};
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Questions in flight; more are answered `Failed` at once, and the request tries its next target or fails with 503.
/// Worst-case memory: about 8 kB each.
const IN_FLIGHT_MAX: usize = 1_024;
/// The whole answer, all servers and retries together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records taken of one answer; a zone cannot make us try thousands of targets.
const RECORDS_MAX: usize = 32;
/// How long an absence is believed when the zone does not say (RFC 2308 section 5).
const ABSENT_TTL_S: u32 = 60;

pub struct Dns {
    resolver: Option<TokioResolver>,
    table: Table,
    runtime: Handle,
    deaths: Arc<Deaths>,
    inboxes: Arc<[Arc<Inbox>]>,
    in_flight: Arc<Semaphore>,
    pub questions: AtomicU64,
    pub refused: AtomicU64,
}

impl Dns {
    /// Asks the servers of the system; without any, only the table answers.
    pub fn new(table: Table, runtime: Handle, deaths: Arc<Deaths>, inboxes: Arc<[Arc<Inbox>]>) -> Arc<Self> {
        let resolver = {
            let _inside = runtime.enter();
            TokioResolver::builder_tokio().and_then(|builder| builder.build())
        };
        if let Err(error) = &resolver {
            tracing::warn!(%error, "no DNS servers: only addresses and the static table resolve");
        }
        Arc::new(Self {
            resolver: resolver.ok(),
            table,
            runtime,
            deaths,
            inboxes,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            questions: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Questions that wait for an answer from the network.
    pub fn pending(&self) -> usize {
        IN_FLIGHT_MAX - self.in_flight.available_permits()
    }

    /// Answers through the inbox of the shard, always and once.
    pub fn resolve(self: &Arc<Self>, shard: ShardId, token: ResolveToken, query: Query) {
        self.questions.fetch_add(1, Ordering::Relaxed);
        if let Some(outcome) = self.table.answer(&query) {
            return self.tell(shard, token, query, outcome);
        }
        let Ok(permit) = self.in_flight.clone().try_acquire_owned() else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return self.tell(shard, token, query, Outcome::Failed);
        };
        let own = self.clone();
        self.deaths.spawn_task(&self.runtime, "a question for DNS", async move {
            let outcome = own.ask(&query).await;
            drop(permit);
            own.tell(shard, token, query, outcome);
        });
    }

    async fn ask(&self, query: &Query) -> Outcome {
        let Some(resolver) = &self.resolver else { return Outcome::Failed };
        // A name with a dot at its end is never tried in the search list of the host.
        let Ok(name) = Name::from_ascii(format!("{}.", query.name)) else {
            return Outcome::Absent { ttl_s: ABSENT_TTL_S };
        };
        let kind = match query.kind {
            RecordKind::Naptr => RecordType::NAPTR,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
        };
        match tokio::time::timeout(PATIENCE, resolver.lookup(name, kind)).await {
            Ok(Ok(lookup)) => found(query.kind, &lookup),
            Ok(Err(error)) if error.is_no_records_found() => Outcome::Absent { ttl_s: ABSENT_TTL_S },
            Ok(Err(_)) | Err(_) => Outcome::Failed,
        }
    }

    fn tell(&self, shard: ShardId, token: ResolveToken, query: Query, outcome: Outcome) {
        if let Some(inbox) = self.inboxes.get(shard.0 as usize) {
            // A full inbox loses the answer: the transaction's timer then ends the request.
            let _ = inbox.tell(Notice::Resolved { token, answer: Box::new(Answer { query, outcome }) });
        }
    }
}

fn found(kind: RecordKind, lookup: &Lookup) -> Outcome {
    let data = lookup.answers().iter().map(|record| &record.data);
    let records = match kind {
        RecordKind::Naptr => Records::Naptr(data.filter_map(naptr).take(RECORDS_MAX).collect()),
        RecordKind::Srv => Records::Srv(data.filter_map(srv).take(RECORDS_MAX).collect()),
        RecordKind::A => {
            let address = |data: &RData| if let RData::A(a) = data { Some(a.0) } else { None };
            Records::A(data.filter_map(address).take(RECORDS_MAX).collect())
        }
        RecordKind::Aaaa => {
            let address = |data: &RData| if let RData::AAAA(a) = data { Some(a.0) } else { None };
            Records::Aaaa(data.filter_map(address).take(RECORDS_MAX).collect())
        }
    };
    let none = match &records {
        Records::Naptr(list) => list.is_empty(),
        Records::Srv(list) => list.is_empty(),
        Records::A(list) => list.is_empty(),
        Records::Aaaa(list) => list.is_empty(),
    };
    if none {
        return Outcome::Absent { ttl_s: ABSENT_TTL_S };
    }
    let left = lookup.valid_until().saturating_duration_since(Instant::now());
    Outcome::Found { records, ttl_s: left.as_secs().min(u64::from(u32::MAX)) as u32 }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    // RFC 3263 section 4.1 uses replacement only.
    if !naptr.regexp.is_empty() {
        return None;
    }
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: String::from_utf8_lossy(&naptr.flags).into(),
        service: String::from_utf8_lossy(&naptr.services).into(),
        replacement: plain(&naptr.replacement),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: plain(&srv.target) })
}

/// Lower case, no dot at the end; the root stays a dot, which in an SRV means "not offered" (RFC 2782).
fn plain(name: &Name) -> Box<str> {
    let text = name.to_lowercase().to_ascii();
    if text == "." { text.into() } else { text.trim_end_matches('.').into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_answers_at_once_and_through_the_inbox() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inboxes = crate::shard::Prepared::new(1).unwrap().inboxes;
        let table: Table = "phone.test A 192.0.2.7".parse().unwrap();
        let dns = Dns::new(table, runtime.handle().clone(), Arc::default(), inboxes.clone());
        dns.resolve(ShardId(0), ResolveToken(5), Query::new(RecordKind::A, "Phone.test."));
        let mut notices = Vec::new();
        inboxes[0].take(&mut notices);
        let [Notice::Resolved { token: ResolveToken(5), answer }] = &notices[..] else { panic!("no answer") };
        assert!(
            matches!(&answer.outcome, Outcome::Found { records: Records::A(list), .. } if list.len() == 1)
        );
    }
}
