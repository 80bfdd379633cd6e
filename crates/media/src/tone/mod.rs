//! Sounds that mean something: call progress tones by region, keys (DTMF), and music for who waits ([`piece`]).
//!
//! [`plan`] knows which tones a region has, [`Generator`] makes samples of them. A [`Digit`] is made as sound by
//! [`Generator::digit`], found in sound by [`detect`], sent and received as RTP events (RFC 4733) by [`event`], and written
//! and read in INFO bodies by [`info`]. Each of these is apart, so that any of the three ways of a key becomes any other: a key
//! that one of them gives is handed to another.

pub mod detect;
pub mod event;
mod generator;
pub mod info;
mod piece;
pub mod plan;

pub use generator::Generator;
pub use piece::{PIECE_MS, piece};

/// A key, numbered as its event (RFC 4733 section 3.2, table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

impl Digit {
    const CHARACTERS: [u8; 16] = *b"0123456789*#ABCD";

    /// 0 to 15; other events are no keys.
    pub fn from_event(event: u8) -> Option<Digit> {
        (event < 16).then_some(Digit(event))
    }

    /// `0` to `9`, `*`, `#`, and `A` to `D` in any case.
    pub fn from_char(character: char) -> Option<Digit> {
        let byte = u8::try_from(character.to_ascii_uppercase()).ok()?;
        let at = Digit::CHARACTERS.iter().position(|known| *known == byte)?;
        Digit::from_event(at as u8)
    }

    pub fn all() -> impl Iterator<Item = Digit> {
        (0..16).map(Digit)
    }

    pub fn event(self) -> u8 {
        self.0
    }

    pub fn character(self) -> char {
        char::from(Digit::CHARACTERS[usize::from(self.0)])
    }

    /// Its two frequencies in Hz, of the low and of the high group (ITU-T Q.23 section 6).
    pub fn frequencies_hz(self) -> (u16, u16) {
        let (row, column) = match self.character() {
            '1' => (0, 0),
            '2' => (0, 1),
            '3' => (0, 2),
            'A' => (0, 3),
            '4' => (1, 0),
            '5' => (1, 1),
            '6' => (1, 2),
            'B' => (1, 3),
            '7' => (2, 0),
            '8' => (2, 1),
            '9' => (2, 2),
            'C' => (2, 3),
            '*' => (3, 0),
            '0' => (3, 1),
            '#' => (3, 2),
            // `D` is the last of the sixteen.
            _ => (3, 3),
        };
        (ROWS_HZ[row], COLUMNS_HZ[column])
    }

    /// The key in a row and a column of the pad.
    fn at(row: usize, column: usize) -> Option<Digit> {
        let wanted = (*ROWS_HZ.get(row)?, *COLUMNS_HZ.get(column)?);
        Digit::all().find(|digit| digit.frequencies_hz() == wanted)
    }
}

const ROWS_HZ: [u16; 4] = [697, 770, 852, 941];
const COLUMNS_HZ: [u16; 4] = [1_209, 1_336, 1_477, 1_633];

#[cfg(test)]
mod tests;
