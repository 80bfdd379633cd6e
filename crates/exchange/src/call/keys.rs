//! Keys in the body of an INFO, for who hears them in another way: where the sound of a call is made by the media plane, they
//! leave as events (RFC 4733) to who has agreed on these. Elsewhere the INFO passes as it is.
//!
//! No RFC describes the bodies. `application/dtmf-relay` has `Signal=` and `Duration=`, `application/dtmf` the one character.

use super::Calls;
use super::leg::{Leg, LegId};
use crate::context::Context;
use crate::flow::Flow;
use crate::media::MediaCommand;
use crate::outbox::Output;
use coeur_sip::{Message, Method, StatusCode};

/// Longest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 256;

/// How long a key is when nothing is said, and how long it may be, in milliseconds.
const MS_DEFAULT: u16 = 160;
const MS_RANGE: std::ops::RangeInclusive<u16> = 40..=5_000;

/// A key, as its character, and how long it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Press {
    digit: u8,
    ms: u16,
}

impl Calls {
    /// True: the INFO of `id` was a key, which `other` hears as an event, and is answered.
    pub(super) fn press(
        &mut self,
        cx: &mut Context<'_>,
        (id, other): (LegId, LegId),
        flow: Flow,
        message: &Message<'_>,
    ) -> bool {
        let Some(press) = read(message) else { return false };
        let (Some(from), Some(to)) = (self.leg(id), self.leg(other)) else { return false };
        // A phone with events that sends an INFO beside them would be heard twice; a page sends the one or the other.
        let says_events = has_events(from) && !from.profile.is_web();
        if !to.media.is_converted || says_events || !has_events(to) {
            return false;
        }
        let (tag, id_to) = (from.tag(), to.media.id);
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return true };
        let Press { digit, ms } = press;
        cx.outbox.outputs.push(Output::Media(MediaCommand::Press { id: id_to, digit, ms }));
        self.answer_plain(cx, server, StatusCode::OK);
        true
    }
}

/// Whether both have said that they know events.
fn has_events(leg: &Leg) -> bool {
    [&leg.session.remote, &leg.session.local].into_iter().all(|said| {
        let said = said.read();
        said.is_some_and(|said| said.summary.media.iter().any(|media| !media.audio_events.is_empty()))
    })
}

fn read(message: &Message<'_>) -> Option<Press> {
    let body = message.body();
    if message.method() != Method::Info || body.len() > BODY_BYTES_MAX {
        return None;
    }
    let kind = message.content_type().ok().flatten()?;
    let text = std::str::from_utf8(body).ok()?;
    if kind.is("application", "dtmf") {
        return Some(Press { digit: digit(text.trim())?, ms: MS_DEFAULT });
    }
    if !kind.is("application", "dtmf-relay") {
        return None;
    }
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let ms = value("duration").and_then(|ms| ms.parse().ok()).unwrap_or(MS_DEFAULT);
    Some(Press { digit: digit(value("signal")?)?, ms: ms.clamp(*MS_RANGE.start(), *MS_RANGE.end()) })
}

/// By its character, or by its number: 10 for `*`, 11 for `#`.
fn digit(text: &str) -> Option<u8> {
    match text {
        "10" => Some(b'*'),
        "11" => Some(b'#'),
        _ => match text.as_bytes() {
            [digit @ (b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b'a'..=b'd')] => {
                Some(digit.to_ascii_uppercase())
            }
            _ => None,
        },
    }
}
