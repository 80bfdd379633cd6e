//! Media that goes from phone to phone without us (decision 0021), where the setting lets it and the two can reach each other.
//!
//! A call begins relayed. Once it is answered and rests, each phone is offered the address of the other in the place of our
//! port, one after the other; whatever changes then (an offer of either side, a transfer, parking) is described with our ports
//! again, and what it was that changed is seen a moment later. So what has been announced on a leg is where its media is, and
//! nothing needs both at once.
//!
//! While it is direct we hear nothing of the media: it is not measured, nobody is told why it is silent, and a phone that moves
//! is followed only when it says so.

use super::leg::{Leg, LegId, Stage};
use super::{Calls, describe};
use crate::call_record::{MediaPath, Relayed};
use crate::context::Context;
use crate::media::{Keying, Peer, Stream, StreamAddress};
use coeur_sip::StatusCode;
use coeur_sip::network::{Network, is_inside};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What a leg has to do with it.
pub(super) struct Direct {
    /// Where the other phone hears: what is described on this leg in the place of our ports.
    pub(super) at: Option<Box<[Option<StreamAddress>]>>,
    /// Of the caller's leg: when it is to be seen which way media should go.
    pub(super) look_at: Monotonic,
}

/// What a call has asked its two phones for.
#[derive(Default)]
pub(super) struct Asks {
    /// How often a phone has said no since one said yes.
    refusals: u8,
    /// How often one of the two was told another address since both knew the right one.
    corrections: u8,
    /// Not before then is a phone asked to come back.
    back_at: Monotonic,
}

impl Default for Direct {
    fn default() -> Self {
        Self { at: None, look_at: Monotonic::NEVER }
    }
}

/// From a change to the look at what follows from it: what comes with it comes first.
const LOOK_AFTER: Duration = Duration::from_millis(300);
/// A phone that has refused to come back is asked again after this, then after twice as long, and so on.
const ASK_BACK_AFTER: Duration = Duration::from_secs(30);
/// So often it is asked again: half an hour in all. Whether the call goes on says the session timer.
const ASK_BACK_MAX: u8 = 6;
/// 491 is a moment's matter (RFC 3261 section 14.1); what has said it more often in a row says no.
const GLARES_MAX: u8 = 4;
/// Two phones that answer each new address with another one of their own would go on for ever.
const CORRECTIONS_MAX: u8 = 3;

impl Calls {
    /// Something was agreed, or is about to change.
    pub(super) fn direct_later(&mut self, cx: &mut Context<'_>, call: u32) {
        self.direct_at(cx, call, cx.now.monotonic + LOOK_AFTER);
    }

    fn direct_at(&mut self, cx: &mut Context<'_>, call: u32, at: Monotonic) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let (caller, callee) = (state.caller, state.callee);
        let is_any = [Some(caller), callee].into_iter().flatten().any(|id| self.is_direct(id));
        if !(cx.world.settings.direct_media || is_any) {
            return;
        }
        let now = cx.now.monotonic;
        if let Some(leg) = self.leg_mut(caller) {
            leg.direct.look_at = at;
            self.arm_leg(now, caller);
        }
    }

    /// Whether a leg was told of the other phone's address.
    pub(super) fn is_direct(&self, id: LegId) -> bool {
        self.leg(id).is_some_and(|leg| leg.direct.at.is_some())
    }

    /// What is described next on these legs has our ports.
    pub(super) fn relay_again(&mut self, ids: [LegId; 2]) {
        for id in ids {
            if let Some(leg) = self.leg_mut(id) {
                leg.direct.at = None;
            }
        }
    }

    /// Brings the legs of a call to where its media should go, one offer at a time.
    pub(super) fn direct_due(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let (caller, callee) = (state.caller, state.callee);
        let wanted = self.relayed(cx, call).is_none();
        for id in [Some(caller), callee].into_iter().flatten() {
            if self.is_told(id, wanted) {
                continue;
            }
            if self.is_busy(id) {
                return self.direct_later(cx, call);
            }
            let back_at = self.calls[call as usize].asks.back_at;
            if !wanted && !back_at.is_due(cx.now.monotonic) {
                return self.direct_at(cx, call, back_at);
            }
            if wanted && self.is_direct(id) && self.is_corrected_too_often(call) {
                return self.refuse_direct(cx, id);
            }
            return self.describe_way(cx, id, wanted);
        }
        self.calls[call as usize].asks.corrections = 0;
        if wanted {
            self.tell_direct(cx, call);
        }
    }

    /// Whether a leg was told last where its media should go: to us, or to where the other phone hears now.
    fn is_told(&self, id: LegId, wants_direct: bool) -> bool {
        let told = self.leg(id).and_then(|leg| leg.direct.at.as_deref());
        match (told, wants_direct) {
            (told, false) => told.is_none(),
            (None, true) => false,
            (Some(told), true) => self.addresses_of_other(id).is_some_and(|are| is_same_place(told, &are)),
        }
    }

    fn is_corrected_too_often(&mut self, call: u32) -> bool {
        let asks = &mut self.calls[call as usize].asks;
        asks.corrections = asks.corrections.saturating_add(1);
        asks.corrections > CORRECTIONS_MAX
    }

    fn refuse_direct(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.refuses_direct = true;
        let call = leg.call;
        self.direct_later(cx, call);
    }

    fn describe_way(&mut self, cx: &mut Context<'_>, id: LegId, is_direct: bool) {
        let at = if is_direct { self.addresses_of_other(id) } else { None };
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.dialog.is_some() && !leg.leaving) else { return };
        if is_direct && at.is_none() {
            return self.refuse_direct(cx, id);
        }
        leg.direct.at = at;
        leg.offers_direct = true;
        let flow = leg.end.flow;
        self.offer_anew(cx, id, flow);
    }

    /// Its phone has taken an offer of ours.
    pub(super) fn direct_taken(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.offers_direct) else { return };
        leg.offers_direct = false;
        let call = leg.call;
        if let Some(state) = self.calls.get_mut(call as usize) {
            state.asks.refusals = 0;
        }
    }

    /// Its phone has refused an offer of ours; what it had before counts. `to_direct`: the offer named the other phone.
    pub(super) fn direct_refused(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: StatusCode,
        to_direct: bool,
    ) {
        let (now, random) = (cx.now.monotonic, u64::from(cx.mint.u32()));
        let Some(leg) = self.leg_mut(id) else { return };
        if !std::mem::take(&mut leg.offers_direct) {
            return;
        }
        let (call, is_direct) = (leg.call, leg.direct.at.is_some());
        let Some(asks) = self.calls.get_mut(call as usize).map(|state| &mut state.asks) else { return };
        asks.refusals = asks.refusals.saturating_add(1);
        let refusals = asks.refusals;
        if status == StatusCode::REQUEST_PENDING && refusals <= GLARES_MAX {
            // RFC 3261 section 14.1: glare.
            return self.direct_at(cx, call, now + Duration::from_millis(2_100 + random % 190 * 10));
        }
        if is_direct && matches!(status.code(), 408 | 481) {
            // RFC 3261 section 12.2.1.2. We hear nothing of its media, which could say otherwise.
            return self.end_if_gone(cx, id, status);
        }
        if is_direct && !to_direct {
            asks.back_at = match refusals {
                0..=ASK_BACK_MAX => now + ASK_BACK_AFTER * (1 << (refusals.max(1) - 1)),
                _ => Monotonic::NEVER,
            };
        } else {
            asks.refusals = 0;
        }
        self.refuse_direct(cx, id);
    }

    /// Which way the media of an answered call goes, as it is shown.
    pub(super) fn media_path(&self, cx: &Context<'_>, call: u32) -> Option<MediaPath> {
        let state = self.calls.get(call as usize).filter(|call| call.record.answered.is_some())?;
        let is_direct = self.is_told(state.caller, true) && self.is_told(state.callee?, true);
        Some(match self.relayed(cx, call) {
            None if is_direct => MediaPath::Direct,
            None => MediaPath::Relayed(Relayed::Changing),
            Some(why) => MediaPath::Relayed(why),
        })
    }

    /// Why the media of a call has to come through us; `None`: it need not.
    fn relayed(&self, cx: &Context<'_>, call: u32) -> Option<Relayed> {
        if !cx.world.settings.direct_media {
            return Some(Relayed::Policy);
        }
        let state = self.calls.get(call as usize)?;
        let is_changing = state.setup.is_some()
            || state.modify.is_some()
            || state.late.is_some()
            || state.transfer.is_some()
            || state.leads_to.is_some()
            || state.record.answered.is_none();
        let Some(callee) = state.callee.filter(|_| !is_changing && state.parked.is_none()) else {
            return Some(Relayed::Changing);
        };
        let (Some(first), Some(second)) = (self.leg(state.caller), self.leg(callee)) else {
            return Some(Relayed::Changing);
        };
        if state.taped.is_heard() {
            return Some(Relayed::Recorded);
        }
        let both = [first, second];
        if both.iter().any(|leg| leg.service.is_some()) {
            return Some(Relayed::Service);
        }
        if both.iter().any(|leg| leg.end.party.is_none() || leg.end.flow.is_inside()) {
            return Some(Relayed::NotOurs);
        }
        if both.iter().any(|leg| leg.refuses_direct) {
            return Some(Relayed::Refused);
        }
        let is_open = |leg: &&Leg| leg.media.stage == Stage::Open && leg.dialog.is_some() && !leg.leaving;
        if !both.iter().all(is_open) {
            return Some(Relayed::Changing);
        }
        why_relayed(first, second)
    }

    fn addresses_of_other(&self, id: LegId) -> Option<Box<[Option<StreamAddress>]>> {
        let (leg, other) = (self.leg(id)?, self.leg(self.other(id)?)?);
        let (own, theirs) = (leg.session.remote.read()?, other.session.remote.read()?);
        let peer = describe::peer(other, &theirs, &own);
        let address =
            |stream: &Stream| StreamAddress { rtp: stream.rtp, rtcp: stream.rtcp, others: Box::default() };
        Some(peer.streams.iter().map(|stream| stream.as_ref().map(address)).collect())
    }
}

/// Whether media goes to the same places. What one side does not have is no other place.
fn is_same_place(told: &[Option<StreamAddress>], are: &[Option<StreamAddress>]) -> bool {
    let place = |at: &StreamAddress| (at.rtp.ip().to_canonical(), at.rtp.port());
    told.iter().zip(are).all(|(told, is)| match (told, is) {
        (Some(told), Some(is)) => place(told) == place(is),
        (Some(_), None) | (None, Some(_) | None) => true,
    })
}

/// Whether there is something in what the two have agreed on that needs us.
fn why_relayed(first: &Leg, second: &Leg) -> Option<Relayed> {
    let (of_a, of_b) = (first.session.remote.read(), second.session.remote.read());
    let (Some(of_a), Some(of_b)) = (of_a, of_b) else { return Some(Relayed::Changing) };
    let (to_a, to_b) = (describe::peer(first, &of_a, &of_b), describe::peer(second, &of_b, &of_a));
    let streams = || to_a.streams.iter().chain(&to_b.streams).flatten();
    let (mut held, mut all) = (streams(), streams());
    if all.any(|stream| stream.keying != Keying::Plain || stream.ice.is_some()) {
        return Some(Relayed::Protected);
    }
    if held.any(|stream| !(stream.we_send && stream.we_receive)) || streams().next().is_none() {
        return Some(Relayed::Held);
    }
    let pairs = describe::pairs(&to_a, &to_b, [(first, &of_a), (second, &of_b)]);
    if pairs.iter().any(|pair| pair.conversion.is_some() || !pair.payloads.is_empty()) {
        return Some(Relayed::Formats);
    }
    reach(&to_a, &to_b)
}

/// Whether the two reach each other, for all that shows of where they are. `None`: they do.
fn reach(a: &Peer, b: &Peer) -> Option<Relayed> {
    // RFC 3605 lets RTCP go to any address: the other phone would be aimed at whoever stands there.
    if [a, b].iter().flat_map(|peer| peer.streams.iter().flatten()).any(has_rtcp_elsewhere) {
        return Some(Relayed::Networks);
    }
    let both = a
        .streams
        .iter()
        .flatten()
        .flat_map(|first| b.streams.iter().flatten().map(move |second| (first, second)));
    for (first, second) in both {
        let (of_a, of_b) = (first.rtp.ip().to_canonical(), second.rtp.ip().to_canonical());
        if of_a.is_ipv4() != of_b.is_ipv4() {
            return Some(Relayed::Families);
        }
        let places = (Place::new(of_a, a.signalled_from), Place::new(of_b, b.signalled_from));
        let do_reach = match places {
            (Place::Outside, Place::Outside) => true,
            // Each is what it says, or both are behind one NAT.
            (Place::Inside { nat: one }, Place::Inside { nat: other }) => {
                one == other && is_one_net(of_a, of_b)
            }
            (Place::Outside | Place::Inside { .. } | Place::Behind, _) => false,
        };
        // Two of one address are behind something that would have to turn their packets round.
        if !do_reach || of_a == of_b {
            return Some(Relayed::Networks);
        }
    }
    None
}

fn has_rtcp_elsewhere(stream: &Stream) -> bool {
    stream.rtcp.ip().to_canonical() != stream.rtp.ip().to_canonical()
}

/// Where a phone is, by the address that it describes and the one that it speaks from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An address that all reach, and it speaks from there.
    Outside,
    /// One of a private network; behind that NAT, or where we are.
    Inside { nat: Option<IpAddr> },
    /// It does not know its address, or says one that is not its own, or one that is of no network of phones.
    Behind,
}

impl Place {
    fn new(at: IpAddr, from: IpAddr) -> Self {
        let from = from.to_canonical();
        let is_private = PRIVATE.iter().any(|network| network.contains(at));
        match at == from {
            true if is_private => Self::Inside { nat: None },
            // What has a private address itself may hide any number of networks.
            false if is_private && !is_inside(from) => Self::Inside { nat: Some(from) },
            true if !is_inside(at) => Self::Outside,
            true | false => Self::Behind,
        }
    }
}

/// Networks in which phones are: of loopback, of one link, of translators, of tests (RFC 6890) each host may have the same.
const PRIVATE: [Network; 5] = [
    // RFC 1918.
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    // RFC 6598.
    v4([100, 64, 0, 0], 10),
    // RFC 4193.
    Network::new(IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Network {
    Network::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

/// One local network, by what is usual: the first 24 bits of IPv4, 64 of IPv6.
fn is_one_net(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u32::from(a) >> 8 == u32::from(b) >> 8,
        (IpAddr::V6(a), IpAddr::V6(b)) => u128::from(a) >> 64 == u128::from(b) >> 64,
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(from: &str, at: &[&str]) -> Peer {
        let stream = |at: &&str| {
            let rtp = at.parse().expect("an address");
            Some(Stream {
                rtp,
                rtcp: rtp,
                rtcp_mux: true,
                we_send: true,
                we_receive: true,
                keying: Keying::Plain,
                ice: None,
                formats: Box::default(),
                mid: None,
            })
        };
        Peer { signalled_from: from.parse().expect("an address"), streams: at.iter().map(stream).collect() }
    }

    #[test]
    fn only_two_that_show_where_they_are_reach_each_other() {
        use Relayed::{Families, Networks};
        for (a, b, expected) in [
            // Outside, and in one network with us.
            (("8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "9.9.9.9:1"), None),
            (("2606::1", "[2606::1]:1"), ("2607::1", "[2607::1]:1"), None),
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.1.6", "192.168.1.6:1"), None),
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.2.6", "192.168.2.6:1"), Some(Networks)),
            // Behind one NAT, behind two, and behind one with two networks.
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "192.168.1.6:1"), None),
            (("8.8.8.8", "192.168.1.5:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "10.0.0.6:1"), Some(Networks)),
            // One address twice: behind a translator or a carrier, or one host that is reached by itself alone.
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.1.5", "192.168.1.5:2"), Some(Networks)),
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "192.168.1.5:2"), Some(Networks)),
            (("8.8.8.8", "8.8.8.8:1"), ("8.8.8.8", "8.8.8.8:2"), Some(Networks)),
            // The same behind what hides all networks behind one address that is private itself.
            (("172.17.0.1", "192.168.1.5:1"), ("172.17.0.1", "192.168.1.6:1"), Some(Networks)),
            // Shared and local networks, and what is special and no network of phones.
            (("100.64.7.5", "100.64.7.5:1"), ("100.64.7.6", "100.64.7.6:1"), None),
            (("fd00::5", "[fd00::5]:1"), ("fd00::6", "[fd00::6]:1"), None),
            (("127.0.0.1", "127.0.0.1:1"), ("127.0.0.2", "127.0.0.2:1"), Some(Networks)),
            (("8.8.8.8", "127.0.0.1:1"), ("8.8.8.8", "127.0.0.2:1"), Some(Networks)),
            (("8.8.8.8", "169.254.1.5:1"), ("8.8.8.8", "169.254.1.6:1"), Some(Networks)),
            (("8.8.8.8", "192.0.0.4:1"), ("8.8.8.8", "192.0.0.5:1"), Some(Networks)),
            (("8.8.8.8", "198.18.0.5:1"), ("8.8.8.8", "198.18.0.6:1"), Some(Networks)),
            (("2606::1", "[fe80::5]:1"), ("2606::1", "[fe80::6]:1"), Some(Networks)),
            // One of each.
            (("8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            (("192.168.1.5", "192.168.1.5:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            // Somebody else's address.
            (("8.8.8.8", "1.1.1.1:1"), ("9.9.9.9", "9.9.9.9:1"), Some(Networks)),
            (("8.8.8.8", "1.1.1.1:1"), ("8.8.8.8", "1.1.1.1:2"), Some(Networks)),
            (("8.8.8.8", "8.8.8.8:1"), ("2606::1", "[2606::1]:1"), Some(Families)),
            (("::ffff:8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "9.9.9.9:1"), None),
        ] {
            let both = [peer(a.0, &[a.1]), peer(b.0, &[b.1])];
            assert_eq!(reach(&both[0], &both[1]), expected, "{a:?} {b:?}");
            assert_eq!(reach(&both[1], &both[0]), expected, "{b:?} {a:?}");
        }
        // One stream elsewhere is enough.
        let (a, b) = (peer("8.8.8.8", &["8.8.8.8:1", "1.1.1.1:1"]), peer("9.9.9.9", &["9.9.9.9:1"]));
        assert_eq!(reach(&a, &b), Some(Networks));
    }

    #[test]
    fn nobody_is_told_to_send_rtcp_where_the_media_of_the_other_is_not() {
        for (rtcp, expected) in [
            ("8.8.8.8:53", None),
            ("[::ffff:8.8.8.8]:53", None),
            ("1.1.1.1:53", Some(Relayed::Networks)),
            ("192.168.1.1:53", Some(Relayed::Networks)),
            ("[2606::1]:53", Some(Relayed::Networks)),
        ] {
            let (mut a, b) = (peer("8.8.8.8", &["8.8.8.8:1"]), peer("9.9.9.9", &["9.9.9.9:1"]));
            a.streams[0].as_mut().expect("a stream").rtcp = rtcp.parse().expect("an address");
            assert_eq!(reach(&a, &b), expected, "{rtcp}");
            assert_eq!(reach(&b, &a), expected, "{rtcp}");
        }
    }
}
