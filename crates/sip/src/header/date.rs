//! Date (RFC 3261 section 20.17): `rfc1123-date`, always GMT.

use super::HeaderError;
use crate::lex;

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub unix_seconds: u64,
}

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

impl Date {
    /// Reads `Sat, 13 Nov 2010 23:29:00 GMT`, years 1970 to 9999. Any other zone is an error (baddate of
    /// RFC 4475): nothing else is a SIP-date.
    pub fn parse(value: &[u8]) -> Result<Date, HeaderError> {
        Date::read(value).ok_or(HeaderError::new(0, "Malformed Date"))
    }

    fn read(value: &[u8]) -> Option<Date> {
        let text: &[u8; 29] = value.try_into().ok()?;
        let number = |from: usize, to: usize| lex::number_u32(&text[from..to]).map(u64::from);
        let separators = &text[3..5] == b", "
            && text[7] == b' '
            && text[11] == b' '
            && text[16] == b' '
            && text[19] == b':'
            && text[22] == b':'
            && &text[25..] == b" GMT";
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(&text[8..11]))? as u64 + 1;
        let (day, year) = (number(5, 7)?, number(12, 16)?);
        let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
        let good = separators && year >= 1970 && hour < 24 && minute < 60 && second <= 60;
        if !good || day == 0 || day > month_days(year, month) {
            return None;
        }
        let days = days_before(year, month) + day - 1;
        let named = DAYS[(days % 7) as usize].eq_ignore_ascii_case(&text[..3]);
        named.then_some(Date { unix_seconds: days * 86_400 + hour * 3600 + minute * 60 + second })
    }

    /// Appends the date as the header writes it.
    pub fn write(self, out: &mut Vec<u8>) {
        let (days, seconds) = (self.unix_seconds / 86_400, self.unix_seconds % 86_400);
        let mut year = 1970 + days / 366;
        while days_before(year + 1, 1) <= days {
            year += 1;
        }
        let mut month = 12;
        while days_before(year, month) > days {
            month -= 1;
        }
        out.extend_from_slice(DAYS[(days % 7) as usize]);
        out.extend_from_slice(b", ");
        two_digits(days - days_before(year, month) + 1, out);
        out.push(b' ');
        out.extend_from_slice(MONTHS[month as usize - 1]);
        out.push(b' ');
        lex::push_number(year, out);
        for (mark, part) in [(b' ', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
            out.push(mark);
            two_digits(part, out);
        }
        out.extend_from_slice(b" GMT");
    }
}

const fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + is_leap(year) as u64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first day of a month.
const fn days_before(year: u64, month: u64) -> u64 {
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let mut days = (year - 1970) * 365 + leaps;
    let mut earlier = 1;
    while earlier < month {
        days += month_days(year, earlier);
        earlier += 1;
    }
    days
}

fn two_digits(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_alike() {
        for (text, unix_seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Tue, 29 Feb 2000 12:00:01 GMT", 951_825_601),
            ("Thu, 31 Dec 2026 23:59:59 GMT", 1_798_761_599),
        ] {
            assert_eq!(Date::parse(text.as_bytes()), Ok(Date { unix_seconds }), "{text}");
            let mut out = Vec::new();
            Date { unix_seconds }.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn another_zone_or_an_impossible_day_is_an_error() {
        for text in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 32 Jan 2010 16:00:00 GMT",
            "Mon, 29 Feb 2010 16:00:00 GMT",
            "Sat, 01 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "",
        ] {
            assert!(Date::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
