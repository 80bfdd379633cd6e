//! Which tones a region has (ITU-T E.180 and its supplement 2, "Various tones used in national networks").

/// Where the listener lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Region {
    /// What ITU-T E.180 recommends, as most of Europe has it: 425 Hz.
    #[default]
    Itu,
    France,
    UnitedKingdom,
    /// The United States and Canada.
    NorthAmerica,
}

impl Region {
    pub const ALL: [Region; 4] = [Region::Itu, Region::France, Region::UnitedKingdom, Region::NorthAmerica];

    /// By the two letters of ISO 3166-1; what is not known hears what the ITU recommends.
    pub fn from_country(code: &str) -> Region {
        match code.to_ascii_uppercase().as_str() {
            "FR" => Region::France,
            "GB" => Region::UnitedKingdom,
            "US" | "CA" => Region::NorthAmerica,
            _ => Region::Itu,
        }
    }

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Region::Itu => "ITU",
            Region::France => "FR",
            Region::UnitedKingdom => "GB",
            Region::NorthAmerica => "US",
        }
    }
}

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    Dial,
    /// The other end rings.
    RingBack,
    Busy,
    /// There is no way there (`congestion`, also "fast busy").
    Congestion,
    /// Somebody else calls.
    CallWaiting,
}

impl Signal {
    pub const ALL: [Signal; 5] =
        [Signal::Dial, Signal::RingBack, Signal::Busy, Signal::Congestion, Signal::CallWaiting];
}

/// One part of a cadence: frequencies in Hz, of which 0 is none, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub frequencies_hz: [u16; 2],
    pub ms: u16,
}

/// The parts of a tone, which are repeated without end.
pub fn cadence(region: Region, signal: Signal) -> &'static [Part] {
    match (region, signal) {
        (Region::Itu, Signal::Dial) => const { &[on(425, 0, 1_000)] },
        (Region::Itu, Signal::RingBack) => const { &[on(425, 0, 1_000), off(4_000)] },
        (Region::Itu, Signal::Busy) => const { &[on(425, 0, 500), off(500)] },
        (Region::Itu, Signal::Congestion) => const { &[on(425, 0, 250), off(250)] },
        (Region::Itu, Signal::CallWaiting) => {
            const { &[on(425, 0, 200), off(200), on(425, 0, 200), off(4_400)] }
        }
        (Region::France, Signal::Dial) => const { &[on(440, 0, 1_000)] },
        (Region::France, Signal::RingBack) => const { &[on(440, 0, 1_500), off(3_500)] },
        (Region::France, Signal::Busy) => const { &[on(440, 0, 500), off(500)] },
        (Region::France, Signal::Congestion) => const { &[on(440, 0, 250), off(250)] },
        (Region::France, Signal::CallWaiting) => const { &[on(440, 0, 300), off(10_000)] },
        (Region::UnitedKingdom, Signal::Dial) => const { &[on(350, 440, 1_000)] },
        (Region::UnitedKingdom, Signal::RingBack) => {
            const { &[on(400, 450, 400), off(200), on(400, 450, 400), off(2_000)] }
        }
        (Region::UnitedKingdom, Signal::Busy) => const { &[on(400, 0, 375), off(375)] },
        (Region::UnitedKingdom, Signal::Congestion) => {
            const { &[on(400, 0, 400), off(350), on(400, 0, 225), off(525)] }
        }
        (Region::UnitedKingdom, Signal::CallWaiting) => const { &[on(400, 0, 100), off(3_000)] },
        (Region::NorthAmerica, Signal::Dial) => const { &[on(350, 440, 1_000)] },
        (Region::NorthAmerica, Signal::RingBack) => const { &[on(440, 480, 2_000), off(4_000)] },
        (Region::NorthAmerica, Signal::Busy) => const { &[on(480, 620, 500), off(500)] },
        (Region::NorthAmerica, Signal::Congestion) => const { &[on(480, 620, 250), off(250)] },
        (Region::NorthAmerica, Signal::CallWaiting) => const { &[on(440, 0, 300), off(10_000)] },
    }
}

const fn on(first_hz: u16, second_hz: u16, ms: u16) -> Part {
    Part { frequencies_hz: [first_hz, second_hz], ms }
}

const fn off(ms: u16) -> Part {
    Part { frequencies_hz: [0, 0], ms }
}
