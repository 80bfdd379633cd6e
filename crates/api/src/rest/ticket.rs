//! A ticket opens one WebSocket, once, within half a minute, for a page that can send neither a header nor, being of another site, a
//! cookie. It stands for what its owner has proved himself with: taken back, that closes the socket too.

use super::caller::Resource;
use super::operation::{Answer, Call, Operation};
use super::problem::{Code, Problem};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            ("/me/socket_ticket", "make_socket_ticket"),
            Resource::Me,
            "A ticket for the WebSocket `/ws`, good once and for 30 seconds: `?ticket=`.",
            make,
        )
        .answer::<SocketTicket>(),
    ]
}

const LIFE_MS: u64 = 30_000;
/// At a time; about 1 kB each.
const TICKETS_MAX: usize = 256;
/// Of one operator; for one more his oldest goes.
const TICKETS_OF_ONE_MAX: usize = 4;

/// By what they hash to.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tickets: BTreeMap<[u8; 32], Ticket>,
    made: u64,
}

struct Ticket {
    /// The name of the operator that he is.
    of: Box<str>,
    /// By which its owner is known.
    proof: HeaderMap,
    until_ms: u64,
    /// How many were made before.
    place: u64,
}

#[derive(Serialize, JsonSchema)]
struct SocketTicket {
    ticket: String,
    expires_in_s: u64,
}

fn make(call: &Call<'_>) -> Result<Answer, Problem> {
    let mut bytes = [0; 32];
    call.web.random(&mut bytes);
    let ticket = URL_SAFE_NO_PAD.encode(bytes);
    call.web.tickets().keep(&ticket, call.caller.operator.name(), call.headers, call.web.now_ms())?;
    Answer::json(SocketTicket { ticket, expires_in_s: LIFE_MS / 1_000 })
}

impl Tickets {
    fn keep(&self, ticket: &str, of: &str, headers: &HeaderMap, now_ms: u64) -> Result<(), Problem> {
        let mut proof = HeaderMap::new();
        for name in [header::AUTHORIZATION, header::COOKIE] {
            if let Some(value) = headers.get(&name) {
                proof.insert(name, value.clone());
            }
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.make_room(of, now_ms);
        if kept.tickets.len() >= TICKETS_MAX {
            return Err(Problem {
                retry_after_s: Some(30),
                ..Problem::because(Code::Unavailable, "too many tickets are under way")
            });
        }
        let ticket_of = Ticket { of: of.into(), proof, until_ms: now_ms + LIFE_MS, place: kept.made };
        kept.made += 1;
        kept.tickets.insert(hash(ticket), ticket_of);
        Ok(())
    }

    /// Puts in the place of whatever the request says of its sender what the ticket stands for.
    pub(crate) fn redeem(&self, head: &mut Parts, now_ms: u64) {
        let query = head.uri.query().unwrap_or("");
        let Some(text) = query.split('&').find_map(|part| part.strip_prefix("ticket=")) else { return };
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).tickets.remove(&hash(text));
        // Who comes with one that is none is nobody, whatever else he says.
        for name in ["authorization", "cookie", "origin", "sec-fetch-site"] {
            head.headers.remove(name);
        }
        if let Some(ticket) = found.filter(|ticket| ticket.until_ms > now_ms) {
            head.headers.extend(ticket.proof);
            head.extensions.insert(Redeemed);
        }
    }
}

impl Kept {
    /// For one more of his.
    fn make_room(&mut self, of: &str, now_ms: u64) {
        self.tickets.retain(|_, ticket| ticket.until_ms > now_ms);
        let his = |(_, ticket): &(&[u8; 32], &Ticket)| *ticket.of == *of;
        if self.tickets.iter().filter(his).count() < TICKETS_OF_ONE_MAX {
            return;
        }
        let oldest = self.tickets.iter().filter(his).min_by_key(|(_, ticket)| ticket.place);
        oldest.map(|(name, _)| *name).and_then(|name| self.tickets.remove(&name));
    }
}

#[derive(Clone, Copy)]
struct Redeemed;

pub(crate) fn was_redeemed(head: &Parts) -> bool {
    head.extensions.get::<Redeemed>().is_some()
}

fn hash(ticket: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, ticket.as_bytes()).as_ref());
    bytes
}
