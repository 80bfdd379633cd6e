//! Session timers (RFC 4028), each leg its own: who refreshes is agreed with each side, and a side that does not refresh is
//! noticed. A peer that knows no session timer is refreshed by us.

use super::Calls;
use super::client::{Machine, Purpose};
use super::describe::{self, Body, Text};
use super::leg::LegId;
use crate::context::Context;
use crate::world::World;
use coeur_sip::header::{HeaderName, Refresher};
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, Method, StatusCode, Writer};
use std::time::Duration;

/// When a refresh cannot leave now, it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(3);

pub(super) struct SessionTimer {
    interval_s: u32,
    we_refresh: bool,
    refresh_at: Monotonic,
    /// Not refreshed by then: the session is over.
    expires_at: Monotonic,
    /// A refresh of ours is under way; true: with an offer, as INVITE.
    under_way: Option<bool>,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self {
            interval_s: 0,
            we_refresh: false,
            refresh_at: Monotonic::NEVER,
            expires_at: Monotonic::NEVER,
            under_way: None,
        }
    }
}

impl SessionTimer {
    pub(super) fn next_deadline(&self) -> Monotonic {
        self.refresh_at.min(self.expires_at)
    }

    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// True while an offer of ours is on its way to the peer.
    pub(super) fn offers(&self) -> bool {
        self.under_way == Some(true)
    }

    pub(super) fn begin_offer(&mut self) {
        self.under_way = Some(true);
    }

    pub(super) fn end_offer(&mut self) {
        self.under_way = None;
    }

    /// What the journal keeps of it: interval in seconds, whether we refresh, when the next refresh and the end are.
    pub(super) fn kept(&self) -> (u32, bool, Monotonic, Monotonic) {
        (self.interval_s, self.we_refresh, self.refresh_at, self.expires_at)
    }

    /// As it was kept. A refresh that was under way is due again.
    pub(super) fn resumed(
        interval_s: u32,
        we_refresh: bool,
        refresh_at: Monotonic,
        expires_at: Monotonic,
    ) -> Self {
        Self { interval_s, we_refresh, refresh_at, expires_at, under_way: None }
    }

    /// The session is over then.
    pub(super) fn end_at(&mut self, at: Monotonic) {
        self.expires_at = at;
    }

    /// Section 10: who refreshes does so at half of the interval; who does not ends the session shortly before its end.
    fn start(&mut self, now: Monotonic, interval_s: u32, we_refresh: bool) {
        let interval = Duration::from_secs(u64::from(interval_s));
        let margin = Duration::from_secs(32).min(interval / 3);
        *self = Self {
            interval_s,
            we_refresh,
            refresh_at: if we_refresh { now + interval / 2 } else { Monotonic::NEVER },
            expires_at: now + if we_refresh { interval } else { interval - margin },
            under_way: None,
        };
    }

    /// Header lines of a request of ours inside the dialog (section 7.4): who refreshes stays who it is.
    pub(super) fn request_lines(&self, world: &World) -> Vec<u8> {
        let interval = if self.interval_s == 0 { world.settings.session_expires_s } else { self.interval_s };
        let refresher = if self.we_refresh { Refresher::Uac } else { Refresher::Uas };
        let mut lines = Vec::with_capacity(96);
        let mut writer = Writer::new(&mut lines);
        write_session_expires(&mut writer, interval, refresher);
        writer.number(HeaderName::MinSe, world.settings.session_expires_min_s.min(interval));
        lines
    }
}

impl Calls {
    /// Header lines for a 2xx to this request (section 9), whose timer begins now.
    pub(super) fn timer_as_server(&mut self, cx: &Context<'_>, id: LegId, request: &Message<'_>) -> Vec<u8> {
        let settings = &cx.world.settings;
        let mut lines = Vec::with_capacity(96);
        let mut writer = Writer::new(&mut lines);
        let supports = request.supports("timer") || request.requires("timer");
        let asked = request.session_expires().ok().flatten();
        let min = request.min_se().ok().flatten().map_or(0, |min| min.interval);
        let ours = settings.session_expires_s.max(min);
        let interval =
            asked.map_or(ours, |asked| asked.interval.min(ours).max(settings.session_expires_min_s));
        let refresher = match asked.and_then(|asked| asked.refresher) {
            _ if !supports => Refresher::Uas,
            Some(refresher) => refresher,
            None => Refresher::Uac,
        };
        write_session_expires(&mut writer, interval, refresher);
        if supports && refresher == Refresher::Uac {
            writer.header(HeaderName::Require, b"timer");
        }
        if let Some(leg) = self.leg_mut(id) {
            leg.timer.start(cx.now.monotonic, interval, refresher == Refresher::Uas);
        }
        lines
    }

    /// What the 2xx to a request of ours says (section 7.2). Without a word of it the peer knows no timer, and we refresh.
    pub(super) fn begin_timer_as_client(&mut self, cx: &Context<'_>, id: LegId, response: &Message<'_>) {
        let (interval, we_refresh) = match response.session_expires() {
            Ok(Some(agreed)) => (agreed.interval, agreed.refresher != Some(Refresher::Uas)),
            Ok(None) | Err(_) => (cx.world.settings.session_expires_s, true),
        };
        let now = cx.now.monotonic;
        if let Some(leg) = self.leg_mut(id) {
            // A peer that asks for less than it may would make us refresh all the time.
            leg.timer.start(now, interval.max(30), we_refresh);
        }
        self.arm_leg(now, id);
    }

    /// The timer of a leg has fired.
    pub(super) fn session_due(&mut self, cx: &mut Context<'_>, id: LegId) {
        let now = cx.now.monotonic;
        let Some(leg) = self.leg_mut(id) else { return };
        let call = leg.call;
        if leg.timer.expires_at.is_due(now) {
            cx.counters.sessions_expired += 1;
            leg.timer.stop();
            if let Some(call) = self.calls.get_mut(call as usize) {
                // Section 10.
                call.reason = Some((*b"SIP;cause=408;text=\"Session expired\"").into());
            }
            return self.end_call(cx, call, super::end::By::Us);
        }
        if leg.timer.refresh_at.is_due(now) {
            self.refresh(cx, id);
        }
    }

    /// UPDATE without an offer where the peer knows it, else the description as it is (section 7.4); with one that the peer
    /// has not heard yet.
    pub(super) fn refresh(&mut self, cx: &mut Context<'_>, id: LegId) {
        let now = cx.now.monotonic;
        // Whatever comes of it: a deadline that stands still would keep us busy.
        self.legs[id.slot as usize].timer.refresh_at = now + TRY_AGAIN;
        let Some(other) = self.other(id) else { return };
        let Some(described) = self.leg(other).map(|leg| leg.session.remote.clone()) else { return };
        let leg = &self.legs[id.slot as usize];
        let state = self.calls.get(leg.call as usize);
        let busy = leg.unacknowledged.is_some()
            || state.is_none_or(|call| call.setup.is_some() || call.modify.is_some() || call.late.is_some());
        if busy {
            return;
        }
        let leg = &mut self.legs[id.slot as usize];
        let invite = !leg.allows_update;
        let offers = invite || leg.owes_offer;
        leg.timer.refresh_at = Monotonic::NEVER;
        leg.timer.under_way = Some(offers);
        let timer = leg.timer.request_lines(cx.world);
        let body = match described.read().filter(|_| offers) {
            Some(described) => describe::offer(cx.mint, leg, &described),
            None => Text::default(),
        };
        let method = if invite { Method::Invite } else { Method::Update };
        let sent = self.request(cx, id, method, Purpose::Refresh, body.bytes(), |writer| {
            writer.raw(&timer);
            describe::write_type(writer, body.bytes());
        });
        if sent.is_some() {
            return;
        }
        if let Some(leg) = self.leg_mut(id) {
            leg.timer.under_way = None;
            leg.timer.refresh_at = now + TRY_AGAIN;
        }
    }

    pub(super) fn refresh_accepted(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
    ) {
        let invite = matches!(self.clients[slot as usize].machine, Machine::Invite(_));
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(dialog) = leg.dialog.clone() else { return };
        leg.learn(message);
        leg.owes_offer = false;
        let described = match describe::body(message) {
            Body::Description(described) if !describe::is_same(leg.session.remote.bytes(), described) => {
                Some(Text::from(described))
            }
            Body::None | Body::Description(_) | Body::Other => None,
        };
        if invite {
            self.acknowledge(cx, slot, &dialog, message, b"");
        }
        self.begin_timer_as_client(cx, id, message);
        if let (Some(described), Some(other)) =
            (described.filter(|described| described.read().is_some()), self.other(id))
        {
            // It may have moved its media meanwhile; the same offer can be answered with another address.
            self.legs[id.slot as usize].session.remote = described;
            self.agree(cx, id, other);
        }
    }

    /// Section 14.1 of RFC 3261: after glare it is tried again, sooner by who did not choose the Call-ID. What else fails is
    /// not tried again; the session ends when its time is over.
    pub(super) fn refresh_failed(&mut self, cx: &mut Context<'_>, id: LegId, status: StatusCode) {
        let random = u64::from(cx.mint.u32());
        let now = cx.now.monotonic;
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let ours = self.calls.get(call as usize).is_some_and(|call| call.callee == Some(id));
        let wait_ms = if ours { 2_100 + random % 1_900 / 10 * 10 } else { random % 2_000 / 10 * 10 };
        let timer = &mut self.legs[id.slot as usize].timer;
        timer.under_way = None;
        match status {
            StatusCode::REQUEST_PENDING => timer.refresh_at = now + Duration::from_millis(wait_ms),
            // It knows no UPDATE after all.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                self.legs[id.slot as usize].allows_update = false;
                self.legs[id.slot as usize].timer.refresh_at = now;
            }
            _ => {}
        }
        self.arm_leg(now, id);
    }
}

fn write_session_expires(writer: &mut Writer<'_>, interval: u32, refresher: Refresher) {
    writer.begin(HeaderName::SessionExpires).digits(u64::from(interval));
    let who: &[u8] = match refresher {
        Refresher::Uac => b";refresher=uac",
        Refresher::Uas => b";refresher=uas",
    };
    writer.push(who).end_line();
}
