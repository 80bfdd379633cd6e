//! Keys of one side in the way in which the other hears them (decision 0025). What has agreed on events (RFC 4733) hears those,
//! also of who says its keys in an INFO; who has none is told in an INFO when it takes one, and hears their sound else.
//!
//! What is set for a device (`coeur device set --dtmf`) stands above what it offers.
//!
//! The media plane lays events and sound into what passes; this file reads and writes the INFO. No RFC describes the bodies:
//! `application/dtmf-relay` has `Signal=` and `Duration=`, `application/dtmf` the one character.

use super::Calls;
use super::client::Purpose;
use super::leg::{Leg, LegId, Media};
use crate::context::Context;
use crate::flow::Flow;
use crate::media::{MediaCommand, MediaId};
use crate::outbox::Output;
use crate::party::Party;
use crate::world::World;
use coeur_directory::Dtmf;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode};
use std::collections::VecDeque;

/// Longest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 256;

/// How long a key is when nothing is said, and how long it may be, in milliseconds.
const MS_DEFAULT: u16 = 160;
const MS_RANGE: std::ops::RangeInclusive<u16> = 40..=5_000;

/// Keys that wait until the INFO before theirs is answered, so that they come in their order; more are not sent. 4 bytes each.
const WAITING_MAX: usize = 32;

/// A key, as its character, and how long it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Press {
    digit: u8,
    ms: u16,
    /// The operator has asked for it, and no phone has pressed it.
    is_ordered: bool,
}

/// What is known of a phone, and what it is to be told.
#[derive(Default)]
pub(super) struct Keys {
    /// What is set for the phone, when its leg began or was taken up again by a new process.
    manner: Dtmf,
    /// RFC 6086 section 3: whether its Allow names INFO; `None`: it has said none, which says nothing (RFC 3261 section 20.5).
    allows_info: Option<bool>,
    /// It has said no to a key in an INFO.
    has_refused: bool,
    /// While an INFO of ours is not answered: what waits for it.
    telling: Option<Box<Telling>>,
}

#[derive(Default)]
struct Telling {
    waiting: VecDeque<Press>,
}

impl Leg {
    /// Whether there is a way in which it hears keys.
    pub(super) fn hears_keys(&self) -> bool {
        has_events(self) || self.media.is_makeable || self.media.keys_are_told
    }
}

impl Keys {
    pub(super) fn of(world: &World, party: Option<Party>) -> Self {
        let manner = party.map(|party| party.dtmf(world)).unwrap_or_default();
        Self { manner, ..Self::default() }
    }

    pub(super) fn manner(&self) -> Dtmf {
        self.manner
    }

    /// What its Allow says.
    pub(super) fn learn(&mut self, message: &Message<'_>) {
        self.allows_info = Some(message.allow().any(|method| method == b"INFO"));
    }

    /// Whether it hears of keys in an INFO.
    pub(super) fn are_taken(&self) -> bool {
        !self.has_refused
            && match self.manner {
                Dtmf::Auto => self.allows_info == Some(true),
                Dtmf::Info => true,
                Dtmf::Rfc4733 | Dtmf::Inband => false,
            }
    }

    /// Whether a key in an INFO would be refused, for all we know, or is not wanted.
    fn are_refused(&self) -> bool {
        self.has_refused
            || match self.manner {
                Dtmf::Auto => self.allows_info == Some(false),
                Dtmf::Info => false,
                Dtmf::Rfc4733 | Dtmf::Inband => true,
            }
    }
}

impl Calls {
    /// True: the INFO of `id` was a key, which `other` hears in another way, and is answered.
    pub(super) fn press(
        &mut self,
        cx: &mut Context<'_>,
        (id, other): (LegId, LegId),
        flow: Flow,
        message: &Message<'_>,
    ) -> bool {
        let Some(press) = read(message).filter(|_| !self.is_direct(other)) else { return false };
        let (Some(from), Some(to)) = (self.leg(id), self.leg(other)) else { return false };
        // Between two phones without events an INFO passes, unless it would be refused and there is sound.
        let is_heard = has_events(to) || to.keys.are_refused() && to.media.is_makeable;
        // It was in its sound as well, and is taken from there: not out of sound that nobody here decodes,
        // nor of who says events, which were agreed before that was set.
        let is_twice = from.keys.manner == Dtmf::Inband && from.media.is_makeable && !has_events(from);
        if !is_heard && !is_twice {
            return false;
        }
        let (tag, media) = (from.tag(), to.media.id);
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return true };
        if !is_twice {
            say(cx, media, press);
        }
        self.answer_plain(cx, server, StatusCode::OK);
        true
    }

    /// The media plane has heard a key on a leg, by an event or in its sound. It says it itself to the other side but where that
    /// is told.
    pub(super) fn key_heard(&mut self, cx: &mut Context<'_>, id: MediaId, digit: u8, ms: u16) {
        let other = Media::leg_of(id).and_then(|id| self.other(id));
        let Some((other, leg)) = other.and_then(|other| Some((other, self.leg_mut(other)?))) else { return };
        if !leg.media.keys_are_told || leg.dialog.is_none() {
            return;
        }
        self.hear_key(cx, other, Press { digit, ms, is_ordered: false });
    }

    /// A side hears a key that nobody has pressed.
    pub(super) fn order_key(&mut self, cx: &mut Context<'_>, id: LegId, digit: u8, ms: u16) {
        self.hear_key(cx, id, Press { digit, ms, is_ordered: true });
    }

    /// A side hears a key in the way in which it can.
    fn hear_key(&mut self, cx: &mut Context<'_>, other: LegId, press: Press) {
        let Some(leg) = self.leg_mut(other) else { return };
        let press = Press { ms: press.ms.clamp(*MS_RANGE.start(), *MS_RANGE.end()), ..press };
        if !leg.media.keys_are_told || leg.keys.has_refused {
            return say(cx, leg.media.id, press);
        }
        match &mut leg.keys.telling {
            Some(telling) if telling.waiting.len() < WAITING_MAX => telling.waiting.push_back(press),
            Some(_) => {}
            None => self.tell_key(cx, other, press),
        }
    }

    /// A key in an INFO; those that come meanwhile wait.
    fn tell_key(&mut self, cx: &mut Context<'_>, id: LegId, press: Press) {
        let Some(leg) = self.leg_mut(id).filter(|leg| !leg.leaving) else { return };
        leg.keys.telling.get_or_insert_default();
        let body = write(press);
        let sent = self.request(cx, id, Method::Info, Purpose::Key(press), body.as_bytes(), |writer| {
            writer.header(HeaderName::ContentType, b"application/dtmf-relay");
        });
        if sent.is_none() {
            self.key_answered(cx, id, press, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    /// An INFO of ours is answered, or never will be.
    pub(super) fn key_answered(&mut self, cx: &mut Context<'_>, id: LegId, press: Press, status: StatusCode) {
        if status.is_provisional() {
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        if is_refusal(status) {
            leg.keys.has_refused = true;
        }
        let (media, has_refused) = (leg.media.id, leg.keys.has_refused);
        if !status.is_success() {
            say(cx, media, press);
        }
        let next = leg.keys.telling.as_mut().and_then(|telling| telling.waiting.pop_front());
        match next {
            Some(next) if !has_refused => self.tell_key(cx, id, next),
            Some(_) | None => {
                let waiting = leg.keys.telling.take().map(|telling| telling.waiting).unwrap_or_default();
                next.into_iter().chain(waiting).for_each(|press| say(cx, media, press));
            }
        }
    }

    /// A key that has passed in an INFO was refused there. True: it is heard as sound instead.
    pub(super) fn key_refused(&mut self, cx: &mut Context<'_>, id: LegId, press: Press) -> bool {
        let Some(leg) = self.leg_mut(id) else { return false };
        leg.keys.has_refused = true;
        if leg.media.is_makeable {
            say(cx, leg.media.id, press);
        }
        leg.media.is_makeable
    }
}

fn say(cx: &mut Context<'_>, id: MediaId, Press { digit, ms, is_ordered }: Press) {
    cx.outbox.outputs.push(Output::Media(MediaCommand::Press { id, digit, ms, is_ordered }));
}

/// Whether it does not know INFO, or not with such a body (RFC 3261 section 21.4, RFC 6086 section 4.2.2).
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status.code(), 400 | 403 | 405 | 406 | 415 | 420 | 469 | 488 | 489 | 501 | 606)
}

fn write(Press { digit, ms, .. }: Press) -> String {
    format!("Signal={}\r\nDuration={ms}\r\n", char::from(digit))
}

/// Whether both have said that they know events.
fn has_events(leg: &Leg) -> bool {
    [&leg.session.remote, &leg.session.local].into_iter().all(|said| {
        let said = said.read();
        said.is_some_and(|said| said.summary.media.iter().any(|media| !media.audio_events.is_empty()))
    })
}

/// The key in an INFO.
pub(super) fn read(message: &Message<'_>) -> Option<Press> {
    let body = message.body();
    if message.method() != Method::Info || body.len() > BODY_BYTES_MAX {
        return None;
    }
    let kind = message.content_type().ok().flatten()?;
    let text = std::str::from_utf8(body).ok()?;
    if kind.is("application", "dtmf") {
        return Some(Press { digit: digit(text.trim())?, ms: MS_DEFAULT, is_ordered: false });
    }
    if !kind.is("application", "dtmf-relay") {
        return None;
    }
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let ms = value("duration").and_then(|ms| ms.parse().ok()).unwrap_or(MS_DEFAULT);
    Some(Press {
        digit: digit(value("signal")?)?,
        ms: ms.clamp(*MS_RANGE.start(), *MS_RANGE.end()),
        is_ordered: false,
    })
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
