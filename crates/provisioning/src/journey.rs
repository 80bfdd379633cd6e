//! What was seen while a phone was connected, and what that means: from the link to a phone that rings.

use crate::fault::Fault;

/// Sights of one journey: those in the middle go when there are more, the first stays. About 2 kB.
pub const STEPS_MAX: usize = 64;

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    LinkMade {
        expires_at_ms: u64,
    },
    /// It has its settings.
    Fetched,
    /// Somebody asked for a link that was over, or used.
    AskedTooLate,
    AskedAgain,
    /// What asks is of another maker than the link.
    OtherVendor,
    OtherMac,
    /// Its firmware reads another language than its maker's phones usually do.
    OtherFirmware,
    TlsFailed(TlsFault),
    PasswordRefused,
    AccountDisabled,
    Registered,
    /// Its connection is gone, or its time.
    Unregistered,
    Rung,
    /// It said no.
    CallRefused,
    /// It rang, and nobody took the call.
    NoAnswer,
    /// A call did not get to it.
    Unreachable,
    /// It refused the call for what it should speak (RFC 3261 section 21.4.26, 488).
    MediaRefused,
    Answered,
    /// Sound came from it.
    Heard,
    NotHeard,
}

impl Seen {
    /// For programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LinkMade { .. } => "link_made",
            Self::Fetched => "fetched",
            Self::AskedTooLate => "asked_too_late",
            Self::AskedAgain => "asked_again",
            Self::OtherVendor => "other_vendor",
            Self::OtherMac => "other_mac",
            Self::OtherFirmware => "other_firmware",
            Self::TlsFailed(TlsFault::Untrusted) => "tls_untrusted",
            Self::TlsFailed(TlsFault::Expired) => "tls_expired",
            Self::TlsFailed(TlsFault::Other) => "tls_failed",
            Self::PasswordRefused => "password_refused",
            Self::AccountDisabled => "account_disabled",
            Self::Registered => "registered",
            Self::Unregistered => "unregistered",
            Self::Rung => "ringing",
            Self::CallRefused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::MediaRefused => "media_refused",
            Self::Answered => "answered",
            Self::Heard => "heard",
            Self::NotHeard => "not_heard",
        }
    }

    /// What is wrong when a call that was to test it ends so; `None`: nothing, or this ends no call.
    pub const fn fault_of_call(&self) -> Option<Fault> {
        match self {
            Self::CallRefused => Some(Fault::CallRefused),
            Self::NoAnswer => Some(Fault::NoAnswer),
            Self::Unreachable => Some(Fault::Unreachable),
            Self::MediaRefused => Some(Fault::MediaRefused),
            Self::NotHeard => Some(Fault::NotHeard),
            Self::LinkMade { .. }
            | Self::Fetched
            | Self::AskedTooLate
            | Self::AskedAgain
            | Self::OtherVendor
            | Self::OtherMac
            | Self::OtherFirmware
            | Self::TlsFailed(_)
            | Self::PasswordRefused
            | Self::AccountDisabled
            | Self::Registered
            | Self::Unregistered
            | Self::Rung
            | Self::Answered
            | Self::Heard => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// It does not know who signed our certificate.
    Untrusted,
    /// It takes our certificate for one that is over, or not begun: its clock is wrong, as long as ours is right.
    Expired,
    /// Anything else: mostly versions that have nothing in common.
    Other,
}

/// A phone's way from its link to its first sound. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    seen: Vec<(u64, Seen)>,
}

/// How long a phone may take to ask for its link: a person walks to it and scans.
const FETCH_PATIENCE_MS: u64 = 180_000;
/// How long it may take from its settings to its registration: some start anew.
const REGISTER_PATIENCE_MS: u64 = 120_000;
/// How soon a connection is lost that a router has dropped.
const LOSS_MS: u64 = 600_000;

impl Journey {
    pub fn see(&mut self, at_ms: u64, seen: Seen) {
        if self.seen.len() == STEPS_MAX {
            self.seen.remove(1);
        }
        self.seen.push((at_ms, seen));
    }

    /// The first first.
    pub fn seen(&self) -> &[(u64, Seen)] {
        &self.seen
    }

    pub fn last(&self) -> Option<&Seen> {
        self.seen.last().map(|(_, seen)| seen)
    }

    /// It has its settings, and was not registered since.
    pub fn is_on_its_way(&self) -> bool {
        let last = self.seen.iter().rev().find(|(_, seen)| matches!(seen, Seen::Fetched | Seen::Registered));
        last.is_some_and(|(_, seen)| *seen == Seen::Fetched)
    }

    pub fn is_registered(&self) -> bool {
        let mut ends = self.seen.iter().rev().map(|(_, seen)| seen);
        ends.find(|seen| matches!(seen, Seen::Registered | Seen::Unregistered)) == Some(&Seen::Registered)
    }

    /// What is wrong now; `None`: nothing, or nothing yet. What was seen later says more than what was seen before.
    pub fn fault(&self, now_ms: u64) -> Option<Fault> {
        for (at, (at_ms, seen)) in self.seen.iter().enumerate().rev() {
            match seen {
                Seen::LinkMade { expires_at_ms } if now_ms >= *expires_at_ms => {
                    return Some(Fault::LinkExpired);
                }
                Seen::LinkMade { .. } => return late(*at_ms, now_ms, FETCH_PATIENCE_MS, Fault::NotFetched),
                Seen::Fetched => {
                    return late(*at_ms, now_ms, REGISTER_PATIENCE_MS, Fault::NothingHeard);
                }
                Seen::AskedTooLate => return Some(Fault::LinkExpired),
                // A phone that has its settings asks again for what it had; only before it registers is that of weight.
                Seen::AskedAgain if self.fetched_before(at) => continue,
                Seen::AskedAgain => return Some(Fault::LinkUsed),
                Seen::OtherVendor => return Some(Fault::WrongVendor),
                Seen::OtherMac => return Some(Fault::WrongMac),
                Seen::OtherFirmware => return Some(Fault::OtherFirmware),
                Seen::TlsFailed(TlsFault::Untrusted) => return Some(Fault::AuthorityNotTrusted),
                Seen::TlsFailed(TlsFault::Expired) => return Some(Fault::WrongClock),
                Seen::TlsFailed(TlsFault::Other) => return Some(Fault::TlsRefused),
                Seen::PasswordRefused => return Some(Fault::WrongPassword),
                Seen::AccountDisabled => return Some(Fault::AccountDisabled),
                Seen::Unregistered => return self.lost(at, *at_ms),
                Seen::CallRefused | Seen::Unreachable | Seen::MediaRefused | Seen::NotHeard => {
                    return seen.fault_of_call();
                }
                // That nobody was near is nothing wrong with the phone.
                Seen::Registered | Seen::Rung | Seen::NoAnswer | Seen::Answered | Seen::Heard => return None,
            }
        }
        None
    }

    fn fetched_before(&self, at: usize) -> bool {
        self.seen[..at].iter().any(|(_, seen)| *seen == Seen::Fetched)
    }

    /// A phone that was registered for long has been switched off; one that goes at once is cut off.
    fn lost(&self, at: usize, at_ms: u64) -> Option<Fault> {
        let registered = self.seen[..at].iter().rev().find(|(_, seen)| *seen == Seen::Registered);
        let was_short = registered.is_none_or(|(since_ms, _)| at_ms.saturating_sub(*since_ms) < LOSS_MS);
        was_short.then_some(Fault::ConnectionLost)
    }
}

fn late(since_ms: u64, now_ms: u64, patience_ms: u64, fault: Fault) -> Option<Fault> {
    (now_ms.saturating_sub(since_ms) >= patience_ms).then_some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey(seen: &[(u64, Seen)]) -> Journey {
        let mut journey = Journey::default();
        seen.iter().for_each(|(at_s, seen)| journey.see(at_s * 1_000, seen.clone()));
        journey
    }

    fn fault(seen: &[(u64, Seen)], now_s: u64) -> Option<Fault> {
        let mut all = vec![(0, Seen::LinkMade { expires_at_ms: 900_000 })];
        all.extend_from_slice(seen);
        journey(&all).fault(now_s * 1_000)
    }

    #[test]
    fn each_fault_is_told_by_what_was_seen_and_by_nothing_else() {
        type Case = (&'static [(u64, Seen)], u64, Option<Fault>);
        let cases: [Case; 25] = [
            (&[], 10, None),
            (&[], 180, Some(Fault::NotFetched)),
            (&[], 900, Some(Fault::LinkExpired)),
            (&[(901, Seen::AskedTooLate)], 902, Some(Fault::LinkExpired)),
            (&[(5, Seen::AskedAgain)], 6, Some(Fault::LinkUsed)),
            (&[(5, Seen::Fetched), (6, Seen::AskedAgain)], 7, None),
            (&[(5, Seen::OtherVendor)], 6, Some(Fault::WrongVendor)),
            (&[(5, Seen::OtherMac)], 6, Some(Fault::WrongMac)),
            (&[(5, Seen::OtherFirmware)], 6, Some(Fault::OtherFirmware)),
            (&[(5, Seen::Fetched)], 124, None),
            (&[(5, Seen::Fetched)], 125, Some(Fault::NothingHeard)),
            (
                &[(5, Seen::Fetched), (6, Seen::TlsFailed(TlsFault::Untrusted))],
                7,
                Some(Fault::AuthorityNotTrusted),
            ),
            (&[(5, Seen::Fetched), (6, Seen::TlsFailed(TlsFault::Expired))], 7, Some(Fault::WrongClock)),
            (&[(5, Seen::Fetched), (6, Seen::TlsFailed(TlsFault::Other))], 7, Some(Fault::TlsRefused)),
            (&[(5, Seen::Fetched), (6, Seen::PasswordRefused)], 7, Some(Fault::WrongPassword)),
            (&[(5, Seen::Fetched), (6, Seen::AccountDisabled)], 7, Some(Fault::AccountDisabled)),
            (&[(5, Seen::Fetched), (6, Seen::PasswordRefused), (7, Seen::Registered)], 9_000, None),
            (&[(6, Seen::Registered), (66, Seen::Unregistered)], 67, Some(Fault::ConnectionLost)),
            (&[(6, Seen::Registered), (9_000, Seen::Unregistered)], 9_001, None),
            (
                &[(6, Seen::Registered), (7, Seen::Rung), (8, Seen::MediaRefused)],
                9,
                Some(Fault::MediaRefused),
            ),
            (&[(7, Seen::Rung), (8, Seen::Answered), (9, Seen::NotHeard)], 10, Some(Fault::NotHeard)),
            (&[(7, Seen::NotHeard), (8, Seen::Rung), (9, Seen::Heard)], 10, None),
            (&[(7, Seen::Rung), (8, Seen::CallRefused)], 10, Some(Fault::CallRefused)),
            (&[(7, Seen::Registered), (8, Seen::Unreachable)], 10, Some(Fault::Unreachable)),
            (&[(7, Seen::Rung), (8, Seen::NoAnswer)], 10, None),
        ];
        for (seen, now_s, expected) in cases {
            assert_eq!(fault(seen, now_s), expected, "{seen:?} at {now_s} s");
        }
    }

    #[test]
    fn a_journey_without_end_keeps_its_beginning_and_what_came_last() {
        let mut journey = journey(&[(0, Seen::LinkMade { expires_at_ms: 1 })]);
        (1..1_000).for_each(|at| journey.see(at, Seen::PasswordRefused));
        assert_eq!(journey.seen().len(), STEPS_MAX);
        assert!(matches!(journey.seen()[0].1, Seen::LinkMade { .. }));
        assert_eq!(journey.seen()[STEPS_MAX - 1].0, 999);
    }
}
