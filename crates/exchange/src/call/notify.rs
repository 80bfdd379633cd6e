//! What becomes of a REFER, as NOTIFY with a piece of SIP (RFC 3515 section 2.4.4, RFC 3420).

use super::Calls;
use super::client::Purpose;
use super::leg::LegId;
use crate::context::Context;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode};

/// The implicit subscription of a REFER, of which a leg has one at a time.
#[derive(Default)]
pub(super) struct Subscription {
    /// There was a REFER before: its events need an `id` from now on (RFC 3515 section 2.4.6).
    before: bool,
    /// The CSeq of the REFER, where it is needed.
    id: Option<u32>,
    open: bool,
    /// What was told last; ringing twice is no news.
    told: u16,
}

impl Subscription {
    /// There was a REFER.
    pub(super) fn was_begun(&self) -> bool {
        self.before
    }

    /// After a restart; whom a REFER of before has led to nobody hears.
    pub(super) fn resumed(before: bool) -> Self {
        Self { before, ..Self::default() }
    }

    /// `wanted`: who refers has not asked for silence (RFC 4488, RFC 7614).
    pub(super) fn begin(&mut self, message: &Message<'_>, wanted: bool) {
        self.id = self.before.then_some(message.cseq().number);
        self.before = true;
        self.open = wanted;
        self.told = 0;
    }
}

/// RFC 3515 section 2.4.4: how long it may take, seconds; a phone rings for at most three minutes.
const ACTIVE: &[u8] = b"active;expires=180";
const OVER: &[u8] = b"terminated;reason=noresource";

impl Calls {
    /// Tells a leg what has become of its REFER; a final status ends the subscription. False: it does not want to know.
    pub(super) fn notify(&mut self, cx: &mut Context<'_>, id: LegId, status: StatusCode) -> bool {
        self.notify_saying(cx, id, status, status.reason_phrase())
    }

    /// The same in these words.
    pub(super) fn notify_saying(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: StatusCode,
        phrase: &str,
    ) -> bool {
        let Some(leg) = self.leg_mut(id) else { return false };
        let subscription = &mut leg.subscription;
        if !subscription.open || subscription.told == status.code() {
            return false;
        }
        subscription.open = !status.is_final();
        subscription.told = status.code();
        let number = subscription.id;
        let fragment = format!("SIP/2.0 {} {phrase}\r\n", status.code());
        let sent = self.request(cx, id, Method::Notify, Purpose::Notify, fragment.as_bytes(), |writer| {
            writer.begin(HeaderName::Event).push(b"refer");
            if let Some(number) = number {
                writer.push(b";id=").digits(u64::from(number));
            }
            writer.end_line();
            writer.header(HeaderName::SubscriptionState, if status.is_final() { OVER } else { ACTIVE });
            writer.header(HeaderName::ContentType, b"message/sipfrag;version=2.0");
        });
        sent.is_some()
    }

    /// The answer to a NOTIFY, or that there is none. A refusal ends the subscription and not the call (RFC 5057 section
    /// 5.1); a leg that was only kept for it is left now.
    pub(super) fn notified(&mut self, cx: &mut Context<'_>, id: LegId, status: StatusCode) {
        let Some(leg) = self.leg_mut(id) else { return };
        if !status.is_success() {
            leg.subscription.open = false;
        }
        if leg.leaving && leg.unacknowledged.is_none() {
            self.leave(cx, id);
        }
    }
}
