//! A POST that is sent twice is done once: who sends an Idempotency-Key is answered a second time what he was answered
//! first (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! Answers are kept in memory and, but for very long ones, sealed on disk, since a secret that is shown once may be in one. What
//! a request has changed and its answer are two writes: a crash between them does what is sent again a second time.
//!
//! What was only begun (202) goes on in memory: a restart ends it, so its answer is of one process too. Given again it would
//! name a work that is gone and would never be done.

use super::operation::{Answer, Call};
use super::problem::{Code, Problem};
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use coeur_storage::AnswerRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long an answer is kept.
const KEPT_MS: u64 = 24 * 3_600_000;
/// Answers that are kept, and their bytes together: the oldest go first.
const ANSWERS_MAX: usize = 10_000;
const BYTES_MAX: usize = 32 << 20;
const KEY_BYTES_MAX: usize = 200;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: BTreeMap<Name, Known>,
    /// In the order in which they came.
    order: VecDeque<(u64, Name)>,
    bytes: usize,
}

/// Who asks, and SHA-256 of his key.
type Name = (Box<str>, [u8; 32]);

/// What is kept on disk of an answer.
#[derive(Serialize, Deserialize)]
struct Written {
    status: u16,
    place: Option<String>,
    body: Option<Value>,
}

struct Known {
    /// Of what was asked.
    asked: [u8; 32],
    /// `None`: it is being done.
    answer: Option<(StatusCode, Option<HeaderValue>, Option<Value>)>,
    bytes: usize,
}

impl Answers {
    /// As they were before a restart.
    pub fn restored(rows: Vec<AnswerRow>) -> Self {
        let answers = Self::default();
        for row in rows {
            let name = (row.asker, row.key);
            let Some(answer) = read(&row.answer) else { continue };
            if matches!(answers.known(&name, row.asked, row.at_ms), Ok(None)) {
                answers.keep(&name, &answer);
            }
        }
        answers
    }

    /// `Ok(None)`: it is to be done now, and [`Answers::keep`] or [`Answers::forget`] comes behind.
    fn known(&self, name: &Name, asked: [u8; 32], now_ms: u64) -> Result<Option<Answer>, Problem> {
        let mut kept = self.kept();
        kept.make_room(now_ms);
        match kept.answers.get(name) {
            Some(known) if known.asked != asked => {
                let text = "this Idempotency-Key has come with another request before";
                Err(Problem::because(Code::Unprocessable, text))
            }
            Some(Known { answer: None, .. }) => {
                Err(Problem::because(Code::Conflict, "a request with this Idempotency-Key is being done"))
            }
            Some(Known { answer: Some((status, place, body)), .. }) => {
                let place = place.clone().map(|place| (header::LOCATION, place));
                let again =
                    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
                let headers = place.into_iter().chain([again]).collect();
                Ok(Some(Answer { status: *status, headers, body: body.clone() }))
            }
            None => {
                let bytes = 256 + name.0.len();
                kept.answers.insert(name.clone(), Known { asked, answer: None, bytes });
                kept.order.push_back((now_ms, name.clone()));
                kept.bytes += bytes;
                Ok(None)
            }
        }
    }

    fn keep(&self, name: &Name, answer: &Answer) {
        let mut kept = self.kept();
        let place = answer.headers.iter().find(|(name, _)| *name == header::LOCATION);
        let more = answer.body.as_ref().map_or(0, |body| body.to_string().len());
        let Some(known) = kept.answers.get_mut(name) else { return };
        known.answer = Some((answer.status, place.map(|(_, place)| place.clone()), answer.body.clone()));
        known.bytes += more;
        kept.bytes += more;
    }

    /// It was not done: the next one with this key is the first.
    fn forget(&self, name: &Name) {
        let mut kept = self.kept();
        let bytes = kept.answers.remove(name).map_or(0, |known| known.bytes);
        kept.bytes -= bytes;
        kept.order.retain(|(_, known)| known != name);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn make_room(&mut self, now_ms: u64) {
        while let Some((at_ms, _)) = self.order.front() {
            let is_old = now_ms.saturating_sub(*at_ms) > KEPT_MS;
            if !is_old && self.order.len() < ANSWERS_MAX && self.bytes < BYTES_MAX {
                return;
            }
            let Some((_, name)) = self.order.pop_front() else { return };
            self.bytes -= self.answers.remove(&name).map_or(0, |known| known.bytes);
        }
    }
}

/// Does it, unless it was done. What was refused, or failed, may be tried again with the same key.
pub(crate) fn once(
    call: &Call<'_>,
    does: impl FnOnce() -> Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    let Some(key) = call.headers.get(&KEY) else { return does() };
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::because(Code::Invalid, format!("an Idempotency-Key has 1 to {KEY_BYTES_MAX} characters"))
    })?;
    let name: Name = (call.caller.operator.name().into(), hash(&[key.as_bytes()]));
    let (answers, asked) = (call.web.answers(), asked(call));
    if let Some(known) = answers.known(&name, asked, call.web.now_ms())? {
        return Ok(known);
    }
    let mut place = Place { answers, name: Some(name) };
    let answer = does()?;
    if let Some(name) = place.name.take() {
        answers.keep(&name, &answer);
        if answer.status == StatusCode::ACCEPTED {
            return Ok(answer);
        }
        write(call, name, asked, &answer);
    }
    Ok(answer)
}

/// A disk that is full is no reason to take back what was done.
fn write(call: &Call<'_>, (asker, key): Name, asked: [u8; 32], answer: &Answer) {
    let place = answer.headers.iter().find(|(name, _)| *name == header::LOCATION);
    let place = place.and_then(|(_, place)| place.to_str().ok()).map(str::to_owned);
    let written = Written { status: answer.status.as_u16(), place, body: answer.body.clone() };
    let Ok(answer) = serde_json::to_vec(&written) else { return };
    let row = AnswerRow { asker, key, asked, at_ms: call.web.now_ms(), answer };
    if let Err(why) = call.web.door().records().keep_answer(&row) {
        tracing::warn!(%why, "an answer is in memory alone");
    }
}

fn read(bytes: &[u8]) -> Option<Answer> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    // Earlier versions have written what was only begun, too.
    let status =
        StatusCode::from_u16(written.status).ok().filter(|status| *status != StatusCode::ACCEPTED)?;
    let place = written.place.and_then(|place| HeaderValue::try_from(place).ok());
    let headers = place.map(|place| (header::LOCATION, place)).into_iter().collect();
    Some(Answer { status, headers, body: written.body })
}

/// Forgets what was not done, also when it ended in a panic.
struct Place<'w> {
    answers: &'w Answers,
    name: Option<Name>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.answers.forget(name);
        }
    }
}

fn asked(call: &Call<'_>) -> [u8; 32] {
    hash(&[call.address.as_bytes(), call.query.as_bytes(), call.body])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Name {
        ("a".into(), hash(&[n.to_string().as_bytes()]))
    }

    fn answer() -> Answer {
        Answer { status: StatusCode::OK, headers: Vec::new(), body: Some(Value::from("x".repeat(10_000))) }
    }

    #[test]
    fn answers_are_kept_for_a_day_and_within_their_bounds() {
        let answers = Answers::default();
        assert!(answers.known(&name(0), [1; 32], 0).is_ok_and(|known| known.is_none()));
        assert!(answers.known(&name(0), [1; 32], 0).is_err(), "it is being done");
        answers.keep(&name(0), &answer());
        assert!(answers.known(&name(0), [1; 32], KEPT_MS).is_ok_and(|known| known.is_some()));
        assert!(answers.known(&name(0), [2; 32], KEPT_MS).is_err(), "another request");
        assert!(answers.known(&name(0), [2; 32], KEPT_MS + 1).is_ok_and(|known| known.is_none()));
        for n in 1..5_000 {
            assert!(answers.known(&name(n), [1; 32], 2 * KEPT_MS).is_ok_and(|known| known.is_none()));
            answers.keep(&name(n), &answer());
        }
        let kept = answers.kept();
        assert!(kept.bytes < BYTES_MAX + 20_000 && kept.answers.len() == kept.order.len(), "{}", kept.bytes);
        assert!(kept.answers.len() < 4_000 && kept.answers.contains_key(&name(4_999)));
    }
}
