//! Which telephone events a side receives: the `fmtp` of `telephone-event` (RFC 4733 section 2.4.1), `0-15,66`.

/// Events 0 to 15 are the DTMF digits, 16 is a hook flash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvents {
    /// One bit for each of the 256 events.
    bits: [u64; 4],
}

impl TelephoneEvents {
    /// What is meant when no `fmtp` says otherwise (RFC 4733 section 2.4.1).
    pub const DTMF: Self = Self { bits: [0xffff, 0, 0, 0] };

    /// Reads a list of numbers and ranges. Some phones put `events=` in front, as the media type registration does.
    pub fn parse(parameters: &str) -> Option<Self> {
        let list = parameters.trim();
        let list = list.strip_prefix("events=").unwrap_or(list);
        let mut events = Self { bits: [0; 4] };
        for part in list.split(';').next()?.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u8, u8) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first > last {
                return None;
            }
            (first..=last).for_each(|event| events.bits[usize::from(event / 64)] |= 1 << (event % 64));
        }
        Some(events)
    }

    pub const fn has(&self, event: u8) -> bool {
        self.bits[(event / 64) as usize] >> (event % 64) & 1 == 1
    }

    /// Whether all sixteen digits are received.
    pub const fn has_dtmf(&self) -> bool {
        self.bits[0] & 0xffff == 0xffff
    }
}

impl std::fmt::Debug for TelephoneEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries((0..=u8::MAX).filter(|event| self.has(*event))).finish()
    }
}
