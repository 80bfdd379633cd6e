//! The Date header (RFC 3261 section 20.17), written once a second.

use coeur_sip::time::Wall;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

#[derive(Default)]
pub(super) struct DateCache {
    second: Option<u64>,
    text: [u8; 29],
}

impl DateCache {
    /// `Sat, 13 Nov 2010 23:29:00 GMT`.
    pub(super) fn at(&mut self, wall: Wall) -> &[u8] {
        let second = wall.as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = write(second);
        }
        &self.text
    }
}

fn write(second: u64) -> [u8; 29] {
    // Nobody's clock is beyond the year 9999; one that is shows its last day.
    let second = second.min(253_402_300_799);
    let (days, of_day) = (second / 86_400, second % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    text[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    digits(day, &mut text[5..7]);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1]);
    digits(year, &mut text[12..16]);
    digits(of_day / 3_600, &mut text[17..19]);
    digits(of_day / 60 % 60, &mut text[20..22]);
    digits(of_day % 60, &mut text[23..25]);
    text
}

/// Year, month, day of a count of days since 1970, counted in eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn digits(mut value: u64, out: &mut [u8]) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases: [(u64, &[u8; 29]); 5] = [
            (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, b"Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_690_940, b"Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_798_761_599, b"Thu, 31 Dec 2026 23:59:59 GMT"),
            (u64::MAX, b"Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (second, wanted) in cases {
            assert_eq!(std::str::from_utf8(&write(second)), std::str::from_utf8(wanted));
        }
    }
}
