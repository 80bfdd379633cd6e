//! Whether a request may be relayed at all (RFC 3261 section 16.3), with the loop check of RFC 5393.

use super::branch::BranchName;
use crate::world::World;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, StatusCode};
use std::hash::Hasher;

pub(super) struct Passed {
    pub(super) max_forwards: u8,
    pub(super) breadth: u32,
    pub(super) loop_hash: u32,
}

/// What is left of section 16.3 once [`crate::dispatch`] has looked at every request: steps 3 and 5 are done there. The
/// status of the refusal otherwise.
pub(super) fn check(world: &World, message: &Message<'_>) -> Result<Passed, StatusCode> {
    // Where it is absent the copy begins with 70 (section 16.6 step 3).
    let hops = message.max_forwards().map_err(|_| StatusCode::BAD_REQUEST)?;
    let max_forwards = hops.map_or(70, |hops| hops.saturating_sub(1));
    // Step 4.
    let loop_hash = loop_hash(message);
    if has_loop(world, message, loop_hash) {
        return Err(StatusCode::LOOP_DETECTED);
    }
    // RFC 5393 section 5.3.3.
    let default = u32::from(world.settings.max_breadth);
    let breadth = message.max_breadth().map_err(|_| StatusCode::BAD_REQUEST)?.unwrap_or(default);
    if breadth == 0 {
        return Err(StatusCode::MAX_BREADTH_EXCEEDED);
    }
    Ok(Passed { max_forwards, breadth: breadth.min(default), loop_hash })
}

/// What routing depends on (RFC 5393 section 4.2.2): when all of it is the same, so is the decision, and the request
/// turns in a circle; when something differs it is a spiral and may pass.
fn loop_hash(message: &Message<'_>) -> u32 {
    // Fixed keys: another process behind the same name must find the same. Nothing is gained by a collision.
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    hasher.write(message.request_uri());
    for name in [HeaderName::CallId, HeaderName::CSeq, HeaderName::From, HeaderName::To, HeaderName::Route] {
        hasher.write(message.header(name).unwrap_or_default());
        hasher.write_u8(0);
    }
    hasher.finish() as u32
}

fn has_loop(world: &World, message: &Message<'_>, loop_hash: u32) -> bool {
    message.vias().flatten().skip(1).chain(message.via().ok().copied()).any(|via| {
        let ours = via.branch.and_then(BranchName::read).is_some_and(|name| name.loop_hash == loop_hash);
        ours && world.listeners.iter().any(|listener| listener.sent_by.as_bytes() == via.sent_by)
    })
}
