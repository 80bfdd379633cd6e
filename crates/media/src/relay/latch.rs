//! Whose packets count as the other end's, and where it is sent to: symmetric RTP (RFC 4961) that nobody else can take.
//!
//! The other end has said an address in its description. Behind a NAT that address is not the one its packets come
//! from, so a relay must go by what arrives (RFC 7362 section 4), and whoever sends first could listen, or be heard ("RTP
//! bleed"). Who may become the [`Peer`], best first ([`Grade`]):
//!
//! - whoever authenticates its packets by SRTP, from wherever;
//! - the address of the description;
//! - a port of the host of that address or of the host that the signalling came from: the first to send is heard, and sent
//!   to once it is believed ([`super::belief`]): a neighbour behind the same public address may be faster than the phone.
//!   Where the address of the description can be reached, it is not heard before either;
//! - only where the description names an inside address of a device that signals from elsewhere, and only for a while: a
//!   source that nothing announced, once it has sent [`LEARNED_AFTER_PACKETS`] packets in sequence. That is the
//!   residual risk: a stranger who guesses the port of such a device, its payload type and the moment hears it until the
//!   device itself is heard, from where on it hears nothing.
//!
//! With a peer the address moves by new signalling, to a better grade, or by SRTP; and without a word of signalling to
//! another port of those hosts whose packets go on where the peer, silent now, has stopped: the same SSRC, the next numbers.
//! So does a phone whose NAT has forgotten its port. From any other host such packets are heard, and signalling is told of
//! it ([`Latch::take_stray`]), but nothing is sent there before that agrees. Who sees no packet guesses one in some 90
//! billion; who sees them could forge their address as well. Nothing is ever sent to a source that is no peer.
//!
//! With ICE its checks say who is heard, and where is sent to. Between two checks, which may be seconds, a NAT can give the
//! phone another port. So a packet that SRTP authenticates, or that goes on where a silent peer of the same host has stopped,
//! is heard from there, and ICE is told ([`Latch::take_moved`]), which then moves or asks.

use super::Reason;
use super::belief::Belief;
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What signalling says about where packets of one port come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The address in the description.
    pub signalled: SocketAddr,
    pub signalled_from: IpAddr,
    /// Whether `signalled` may be sent to before anything came from there: not when it is an inside address of a device
    /// elsewhere, where it would reach somebody else or nobody.
    pub reachable: bool,
    /// Whether a source that nothing announced may be learned.
    pub learnable: bool,
}

/// How the address of the other end is known, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// By signalling that is no longer the last: whoever that names takes its place at once.
    Former,
    Learned,
    Host,
    Signalled,
    Proved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    pub grade: Grade,
    pub heard_at: Monotonic,
}

/// What a packet is, as far as it tells one sender from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Rtp(Seen),
    /// `is_peers`: its sender is the one of the RTP that counts; `None`: none has counted.
    Rtcp {
        is_peers: Option<bool>,
    },
    Other,
}

/// What is in the clear of a packet of RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub ssrc: u32,
    pub sequence: u16,
    /// Its payload type was agreed and its direction is open.
    pub wanted: bool,
}

/// Packets of one source in sequence after which it is learned.
pub const LEARNED_AFTER_PACKETS: u8 = 5;
/// Two packets of a source that is learned follow each other within this time. A sender of 60 ms packets does.
pub(super) const LEARNING_PAUSE: Duration = Duration::from_millis(200);
/// Time after signalling in which a source can be learned.
const LEARNING_OPEN: Duration = Duration::from_secs(30);
/// Sources watched at once, by a hash of their host, so that one that sprays crowds out few. 320 bytes.
const WATCHED: usize = 8;
/// Silence of the peer after which another may take its place where that is allowed at all: longer than jitter, shorter
/// than the ear.
const QUIET: Duration = Duration::from_millis(200);
/// Silence of the peer after which a packet authenticated by SRTP moves the address. A copy that overtakes its original
/// moves nothing while the original's sender is heard.
const PROOF_QUIET: Duration = Duration::from_millis(60);
/// Signalling is told of strangers no more often than this.
const STRAY_EVERY: Duration = Duration::from_millis(100);
/// Packets of other sources that are tried against the key: so many at once, and one each interval.
const TRIALS_MAX: u32 = 20;
const TRIAL_EVERY: Duration = Duration::from_millis(50);
/// Addresses that ICE has validated for one port.
pub const VALIDATED_MAX: usize = 8;

pub(super) struct Latch {
    expected: Expected,
    peer: Option<Peer>,
    belief: Belief,
    /// When a source that goes on where the peer has stopped, but may not take its place, was heard.
    guest_heard_at: Monotonic,
    /// A source was not taken while nobody else was heard; when that may be told again.
    is_strayed: bool,
    stray_after: Monotonic,
    /// There was signalling since the peer was heard: the same host may go on from another port.
    loose: bool,
    /// The description names a new address, which was not heard yet.
    is_elsewhere: bool,
    learning_until: Monotonic,
    watched: Option<Box<[Option<Watched>; WATCHED]>>,
    trials: Trials,
    ice: Option<Validated>,
    /// The peer speaks from elsewhere than ICE has selected, and ICE has not been told.
    has_moved: bool,
}

#[derive(Clone, Copy)]
struct Watched {
    address: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
    at: Monotonic,
}

/// What ICE has found (RFC 8445 section 8.1): only these are heard, the selected one is sent to.
#[derive(Default)]
struct Validated {
    addresses: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
}

impl Latch {
    pub(super) fn new(expected: Expected, ice: bool, now: Monotonic) -> Self {
        Self {
            expected,
            peer: None,
            belief: Belief::default(),
            guest_heard_at: Monotonic::default(),
            is_strayed: false,
            stray_after: now,
            loose: false,
            is_elsewhere: false,
            learning_until: now + LEARNING_OPEN,
            watched: expected.learnable.then(Box::default),
            trials: Trials { left: TRIALS_MAX, at: now },
            ice: ice.then(Validated::default),
            has_moved: false,
        }
    }

    /// New signalling. What it leaves as it was keeps its peer. A new address of the description is sent to at once (RFC 3264
    /// section 8.3.1) where it can be; until a packet comes from where the new signalling points to, the old peer still
    /// counts: what it sent is under way, and a registration over another network moves no media by itself.
    pub(super) fn expect(&mut self, expected: Expected, ice: bool, now: Monotonic) {
        if self.expected == expected {
            self.loose = true;
        } else {
            self.is_elsewhere = self.expected.signalled != expected.signalled && expected.reachable;
            if let Some(peer) = &mut self.peer {
                peer.grade = Grade::Former;
            }
        }
        self.expected = expected;
        self.learning_until = now + LEARNING_OPEN;
        self.watched = expected.learnable.then(Box::default);
        match (ice, &self.ice) {
            (true, None) => self.ice = Some(Validated::default()),
            (true, Some(_)) => {}
            (false, _) => self.ice = None,
        }
    }

    /// ICE has validated `address`; `selected`: it is where packets go from now on.
    pub(super) fn validate(&mut self, address: SocketAddr, selected: bool) {
        let Some(ice) = &mut self.ice else { return };
        if !ice.addresses.contains(&address) {
            if ice.addresses.len() == VALIDATED_MAX {
                // The oldest gives way, but never the one that media uses.
                let oldest = ice.addresses.iter().position(|old| Some(*old) != ice.selected);
                ice.addresses.remove(oldest.unwrap_or(0));
            }
            ice.addresses.push(address);
        }
        if selected {
            ice.selected = Some(address);
        }
    }

    /// Nothing may be sent any more until another address is selected (RFC 7675 section 5.1).
    pub(super) fn unselect(&mut self) {
        if let Some(ice) = &mut self.ice {
            ice.selected = None;
        }
    }

    pub(super) fn selected(&self) -> Option<SocketAddr> {
        self.ice.as_ref().and_then(|ice| ice.selected)
    }

    /// Takes the other end for where it was before this process began. It is graded by what signalling says of it;
    /// where that names another host it was learned, or proved by its key, and proves itself again.
    pub(super) fn restore(&mut self, address: SocketAddr, is_protected: bool, now: Monotonic) {
        let unannounced = if is_protected { Grade::Proved } else { Grade::Learned };
        self.take(address, self.grade(address, None).unwrap_or(unannounced), now);
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    pub(super) fn is_peer(&self, from: SocketAddr) -> bool {
        self.peer.is_some_and(|peer| peer.address == from)
    }

    /// When the other end was heard last.
    pub(super) fn heard_at(&self) -> Option<Monotonic> {
        self.peer.map(|peer| peer.heard_at.max(self.guest_heard_at))
    }

    /// True when the packet of now is of a source that was not taken while the peer is silent, or is only heard: signalling
    /// may know who it is. At most once each [`STRAY_EVERY`].
    pub(super) fn take_stray(&mut self) -> bool {
        std::mem::take(&mut self.is_strayed)
    }

    /// Where the peer speaks from now on, which ICE has not selected: once each time that it moves.
    pub(super) fn take_moved(&mut self) -> Option<SocketAddr> {
        self.peer.filter(|_| std::mem::take(&mut self.has_moved)).map(|peer| peer.address)
    }

    pub(super) fn has_ice(&self) -> bool {
        self.ice.is_some()
    }

    /// Whether a DTLS record from there is looked at (an unauthenticated ClientHello among them).
    pub(super) fn may_speak_dtls(&self, from: SocketAddr) -> bool {
        match &self.ice {
            Some(ice) => ice.addresses.contains(&from),
            None => self.concerns(from),
        }
    }

    /// Where packets for the other end go.
    pub(super) fn send_to(&self, now: Monotonic) -> Option<SocketAddr> {
        if let Some(ice) = &self.ice {
            return ice.selected;
        }
        match self.peer {
            Some(peer) if !self.is_elsewhere && self.belief.holds(now) => Some(peer.address),
            Some(_) | None => self.expected.reachable.then_some(self.expected.signalled),
        }
    }

    /// Whether a plain packet counts as the other end's. `beside`: the host of its RTP, for the port of RTCP.
    pub(super) fn admit(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        word: Word,
        beside: Option<IpAddr>,
    ) -> Result<(), Reason> {
        if self.is_peer(from) {
            self.heard(now);
            self.belief.heard(word);
            return Ok(());
        }
        let continues = self.belief.is_continued_by(word);
        if let Some(ice) = &self.ice {
            let Some(selected) = ice.selected.filter(|_| !ice.addresses.contains(&from)) else {
                return self.admit_validated(now, from, word);
            };
            return match continues && self.is_quiet(now) {
                true => self.admit_elsewhere(now, from, selected, word),
                false => Err(Reason::NotFromPeer),
            };
        }
        let succeeds = continues && self.is_quiet(now) && !self.has_grade(Grade::Proved);
        match self.grade(from, beside) {
            // The description says where it is, so that it has no first word to lose from elsewhere.
            Some(Grade::Host)
                if self.peer.is_none() && self.expected.reachable && !matches!(word, Word::Other) =>
            {
                if !self.belief.prefers(now, from, word) {
                    return Err(Reason::Learning);
                }
                self.take(from, Grade::Host, now);
                self.belief.heard(word);
                Ok(())
            }
            Some(grade) if succeeds || self.may_take(grade, now) => {
                self.take(from, grade, now);
                if grade == Grade::Host && !continues {
                    self.belief.doubt(now, word);
                }
                self.belief.heard(word);
                Ok(())
            }
            Some(Grade::Host) if self.belief.prefers(now, from, word) => {
                self.take(from, Grade::Host, now);
                self.belief.heard(word);
                Ok(())
            }
            Some(_) if self.belief.watches(from) => Err(Reason::Learning),
            Some(_) => Err(Reason::NotFromPeer),
            None if succeeds => {
                self.guest_heard_at = now;
                self.belief.heard(word);
                self.strays(now);
                Ok(())
            }
            None => self.learn(now, from, word).inspect_err(|_| self.strays(now)),
        }
    }

    /// What ICE has validated is the other end's, and nothing else while nothing is selected.
    fn admit_validated(&mut self, now: Monotonic, from: SocketAddr, word: Word) -> Result<(), Reason> {
        if !self.ice.as_ref().is_some_and(|ice| ice.addresses.contains(&from)) {
            return Err(Reason::NotFromPeer);
        }
        self.take(from, Grade::Signalled, now);
        self.belief.heard(word);
        Ok(())
    }

    /// A packet that goes on where the silent peer has stopped, from where ICE has found nobody. Of a host that ICE or
    /// signalling knows it moves the peer; of another it is heard, and signalling is asked.
    fn admit_elsewhere(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        selected: SocketAddr,
        word: Word,
    ) -> Result<(), Reason> {
        match from.ip() == selected.ip() || from.ip() == self.expected.signalled_from {
            true => {
                self.take(from, Grade::Signalled, now);
                self.has_moved = true;
            }
            false => {
                self.guest_heard_at = now;
                self.strays(now);
            }
        }
        self.belief.heard(word);
        Ok(())
    }

    /// Whether a protected packet is tried against the key. From the hosts that signalling names always; from elsewhere
    /// some, once there is a peer only with its SSRC (`is_known`), so that a spray costs little and crowds out nobody.
    pub(super) fn may_try(&mut self, now: Monotonic, from: SocketAddr, is_known: bool) -> bool {
        if let Some(ice) = &self.ice {
            return ice.addresses.contains(&from)
                || (is_known && ice.selected.is_some() && self.trials.take(now));
        }
        self.concerns(from) || ((is_known || self.peer.is_none()) && self.trials.take(now))
    }

    /// Whether a wrong packet from there says something about the other end rather than about a stranger.
    pub(super) fn concerns(&self, from: SocketAddr) -> bool {
        self.is_peer(from) || self.grade(from, None).is_some()
    }

    /// A packet from there was authenticated; `newest`: none with a higher number came before.
    pub(super) fn proved(&mut self, now: Monotonic, from: SocketAddr, newest: bool) {
        if self.is_peer(from) {
            return self.heard(now);
        }
        let moves = self.peer.is_none_or(|peer| {
            newest && (peer.grade == Grade::Former || now.since(peer.heard_at) >= PROOF_QUIET)
        });
        if moves {
            self.take(from, Grade::Proved, now);
            self.has_moved |= self.selected().is_some_and(|selected| selected != from);
        }
    }

    fn heard(&mut self, now: Monotonic) {
        self.loose = false;
        if let Some(peer) = &mut self.peer {
            peer.heard_at = now;
        }
    }

    fn take(&mut self, address: SocketAddr, grade: Grade, now: Monotonic) {
        self.peer = Some(Peer { address, grade, heard_at: now });
        self.belief.trust();
        (self.loose, self.is_elsewhere) = (false, false);
    }

    fn is_quiet(&self, now: Monotonic) -> bool {
        self.peer.is_some_and(|peer| now.since(peer.heard_at) >= QUIET)
    }

    fn has_grade(&self, grade: Grade) -> bool {
        self.peer.is_some_and(|peer| peer.grade == grade)
    }

    fn strays(&mut self, now: Monotonic) {
        if (self.peer.is_none() || self.is_quiet(now)) && self.stray_after.is_due(now) {
            (self.is_strayed, self.stray_after) = (true, now + STRAY_EVERY);
        }
    }

    fn grade(&self, from: SocketAddr, beside: Option<IpAddr>) -> Option<Grade> {
        let Expected { signalled, signalled_from, .. } = self.expected;
        if from == signalled {
            Some(Grade::Signalled)
        } else if from.ip() == signalled.ip() || from.ip() == signalled_from || Some(from.ip()) == beside {
            Some(Grade::Host)
        } else {
            None
        }
    }

    /// Whether a source of that grade, which is not the peer, may take its place.
    fn may_take(&self, grade: Grade, now: Monotonic) -> bool {
        let Some(peer) = self.peer else { return true };
        let quiet = now.since(peer.heard_at) >= QUIET;
        match (grade, peer.grade) {
            (Grade::Signalled | Grade::Host, Grade::Learned | Grade::Former) => true,
            // At once where the description and the signalling name the same host. Else the address of the description is
            // one behind a NAT, from which a packet can hardly come, but be forged.
            (Grade::Signalled, Grade::Host) => {
                quiet || self.expected.signalled.ip() == self.expected.signalled_from
            }
            (Grade::Host, Grade::Host | Grade::Signalled) => quiet && self.loose,
            (Grade::Signalled, Grade::Proved | Grade::Signalled) => quiet,
            (Grade::Host, Grade::Proved) | (Grade::Learned | Grade::Proved | Grade::Former, _) => false,
        }
    }

    /// A source that nothing announced.
    fn learn(&mut self, now: Monotonic, from: SocketAddr, word: Word) -> Result<(), Reason> {
        let is_vacant =
            self.peer.is_none_or(|peer| peer.grade == Grade::Former && now.since(peer.heard_at) >= QUIET);
        let open = is_vacant && !self.learning_until.is_due(now);
        let (Some(watched), Word::Rtp(seen @ Seen { wanted: true, .. }), true) =
            (&mut self.watched, word, open)
        else {
            return Err(Reason::NotFromPeer);
        };
        let slot = &mut watched[place(from.ip())];
        let packets = match slot {
            Some(before) if before.follows(now, from, seen) => before.packets + 1,
            // Another that is being learned is not crowded out.
            Some(before) if before.packets > 1 && now.since(before.at) < LEARNING_PAUSE => {
                return Err(Reason::NotFromPeer);
            }
            Some(_) | None => 1,
        };
        *slot = Some(Watched { address: from, ssrc: seen.ssrc, sequence: seen.sequence, packets, at: now });
        if packets < LEARNED_AFTER_PACKETS {
            return Err(Reason::Learning);
        }
        self.take(from, Grade::Learned, now);
        self.belief.heard(word);
        Ok(())
    }
}

impl Watched {
    /// The same sender, a little later.
    fn follows(&self, now: Monotonic, from: SocketAddr, seen: Seen) -> bool {
        let ahead = seen.sequence.wrapping_sub(self.sequence);
        from == self.address
            && seen.ssrc == self.ssrc
            && (1..=4).contains(&ahead)
            && now.since(self.at) < LEARNING_PAUSE
    }
}

fn place(ip: IpAddr) -> usize {
    let mixed = match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => (u128::from(ip) ^ u128::from(ip) >> 64) as u64,
    };
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as usize % WATCHED
}

struct Trials {
    left: u32,
    at: Monotonic,
}

impl Trials {
    fn take(&mut self, now: Monotonic) -> bool {
        let more = now.since(self.at).as_micros() / TRIAL_EVERY.as_micros();
        if more > 0 {
            self.left = TRIALS_MAX.min(self.left.saturating_add(more.min(u128::from(TRIALS_MAX)) as u32));
            self.at = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}
