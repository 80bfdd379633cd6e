//! Records of calls that are over: written in batches, by name, so that one that comes twice is there once; kept for a time
//! and up to a number.

/// A call that is over. A name is a UUID of version 7, whose first 48 bits are the millisecond in which the call began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    pub id: u128,
    /// From its begin to the first sign of a ringing phone.
    pub ring_after_ms: Option<u64>,
    pub answered_at_ms: Option<u64>,
    pub ended_at_ms: u64,
    /// 200 when it was answered, else what the caller was told.
    pub status: u16,
    /// `caller`, `callee`, `exchange` or `operator`.
    pub ended_by: Box<str>,
    /// A Reason header (RFC 3326), as a side said it.
    pub reason: Option<Box<str>>,
    /// Its Q.850 cause.
    pub q850_cause: Option<u32>,
    /// Whom the caller wanted: a URI.
    pub to: Box<str>,
    /// `hop`, `mixed` or `e2e`.
    pub media: Option<Box<str>>,
    pub transfer_of: Option<u128>,
    /// Accounts by whose rules it went on, with commas.
    pub forwarded_by: Option<Box<str>>,
    /// Why it was silent, in words.
    pub verdict: Option<Box<str>>,
    pub caller: SideRow,
    pub callee: Option<SideRow>,
    /// The account whose minutes it costs. It is added to what that has talked, and not read back.
    pub payer: Option<u64>,
}

/// How long an account has talked to elsewhere on one day since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkedRow {
    pub account: u64,
    pub day: u32,
    pub seconds: u64,
}

/// What has been talked is kept for so many days, whatever is kept of the calls: more than any month has.
pub(super) const TALKED_DAYS: u32 = 40;

impl CallRow {
    /// What it adds to what an account has talked: on the day of its end, and as people count, with a second that has begun.
    pub fn talked(&self) -> Option<TalkedRow> {
        let (account, answered_at_ms) = (self.payer?, self.answered_at_ms?);
        let seconds = self.ended_at_ms.saturating_sub(answered_at_ms).div_ceil(1_000);
        let day = u32::try_from(self.ended_at_ms / 86_400_000).unwrap_or(u32::MAX);
        Some(TalkedRow { account, day, seconds })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideRow {
    /// `user@domain`; `None`: nobody of ours.
    pub account: Option<Box<str>>,
    pub device: Option<u64>,
    /// Name and address as the side said them.
    pub address: Box<str>,
    pub user_agent: Box<str>,
    pub transport: Option<Box<str>>,
    pub remote: Option<Box<str>>,
    pub call_id: Box<str>,
    pub codec: Option<Box<str>>,
    /// `clear`, `sdes` or `dtls`.
    pub protection: Option<Box<str>>,
    /// What came from this side.
    pub received: WayRow,
    /// What went to it.
    pub sent: WayRow,
    pub round_trip_us: Option<u64>,
}

/// One direction of the audio of a side; what is `None` was not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WayRow {
    pub packets: Option<u64>,
    pub lost: Option<u64>,
    pub jitter_us: Option<u64>,
    /// 100 to 450.
    pub mos_hundredths: Option<u16>,
}

/// How many are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub days: u32,
    pub calls: u64,
}

/// Which calls. The newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    /// Begun at this time or later.
    pub since_ms: Option<u64>,
    /// Begun before.
    pub until_ms: Option<u64>,
    pub disposition: Option<Disposition>,
    /// A part of an address, a Call-ID or the address of a phone, in any case (of ASCII).
    pub part: Option<Box<str>>,
    /// That part is sought in what the two sides show each other alone: in no Call-ID, address of a phone, or name of an account
    /// behind what a side calls itself.
    pub is_shown_only: bool,
    /// Before this one: the last of the page before.
    pub before: Option<u128>,
    pub account: Option<Box<str>>,
    /// Only those that began since that account is whose it is: what was before, at the same address, is another's.
    pub is_own_only: bool,
    /// Only those that were not answered.
    pub is_failed: bool,
    /// Only those of which people complain: a direction below [`MOS_BAD_HUNDREDTHS`], or a verdict.
    pub is_bad: bool,
    pub limit: usize,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Answered,
    Busy,
    NoAnswer,
    Cancelled,
    Failed,
}

impl Disposition {
    pub const ALL: [Self; 5] = [Self::Answered, Self::Busy, Self::NoAnswer, Self::Cancelled, Self::Failed];

    pub fn of(status: u16, is_answered: bool) -> Self {
        match status {
            _ if is_answered => Self::Answered,
            486 | 600 | 603 => Self::Busy,
            408 | 480 => Self::NoAnswer,
            487 => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Below 3.60 many users are dissatisfied (ITU-T G.107 annex B).
pub const MOS_BAD_HUNDREDTHS: u16 = 360;

impl CallRow {
    pub fn started_at_ms(&self) -> u64 {
        (self.id >> 80) as u64
    }

    /// Of the four directions the worst that was measured.
    pub fn worst_mos_hundredths(&self) -> Option<u16> {
        let sides = [Some(&self.caller), self.callee.as_ref()].into_iter().flatten();
        sides.flat_map(|side| [side.received, side.sent]).filter_map(|way| way.mos_hundredths).min()
    }
}

/// The least name that a call can have which began at this time.
pub(super) fn first_of(at_ms: u64) -> u128 {
    u128::from(at_ms.min((1 << 48) - 1)) << 80
}
