//! RTP packets (RFC 3550 section 5.1) as views over received bytes, and their header fields written in place.
//!
//! [`Rtp::parse`] checks what is in the clear also when SRTP has encrypted the rest: version, CSRC list, header
//! extension. Padding is under the encryption, so [`Rtp::payload`] checks it when it is asked for.

mod extension;
mod source;

pub use extension::{Element, Elements, Extension};
pub use source::{SEED_BYTES, Source};

/// Bytes of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// Ticks of a second of a payload type that means the same everywhere (RFC 3551 section 6, tables 4 and 5).
pub fn static_clock_hz(payload_type: u8) -> Option<u32> {
    Some(match payload_type {
        0 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 13 | 15 | 18 => 8_000,
        6 => 16_000,
        10 | 11 => 44_100,
        16 => 11_025,
        17 => 22_050,
        14 | 25 | 26 | 28 | 31..=34 => 90_000,
        _ => return None,
    })
}

/// Bytes that are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// The header says more than there is.
    Truncated,
    /// The version is not 2.
    Version,
}

/// A packet whose header has been read; nothing is copied.
#[derive(Clone, Copy)]
pub struct Rtp<'a> {
    bytes: &'a [u8],
    header_bytes: usize,
}

impl<'a> Rtp<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Rtp<'a>, RtpError> {
        Ok(Rtp { bytes, header_bytes: header_bytes(bytes)? })
    }

    /// Length of the header with its CSRC list and extension.
    pub fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    /// 0 to 127.
    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7f
    }

    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub fn timestamp(&self) -> u32 {
        word(self.bytes, 4)
    }

    pub fn ssrc(&self) -> u32 {
        word(self.bytes, 8)
    }

    /// Contributing sources, at most 15.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + 'a {
        let count = usize::from(self.bytes[0] & 0x0f);
        let bytes = self.bytes;
        (0..count).map(move |at| word(bytes, HEADER_BYTES + 4 * at))
    }

    /// The header extension (section 5.3.1), when the X bit says that there is one.
    pub fn extension(&self) -> Option<Extension<'a>> {
        if self.bytes[0] & 0x10 == 0 {
            return None;
        }
        let start = HEADER_BYTES + 4 * usize::from(self.bytes[0] & 0x0f);
        let profile = u16::from_be_bytes([self.bytes[start], self.bytes[start + 1]]);
        Some(Extension::new(profile, &self.bytes[start + 4..self.header_bytes]))
    }

    /// All that follows the header: payload and padding, or what SRTP made of them.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.header_bytes..]
    }

    /// The payload without padding; `None` when the padding count is zero or longer than the body (section 5.1).
    pub fn payload(&self) -> Option<&'a [u8]> {
        let body = self.body();
        if self.bytes[0] & 0x20 == 0 {
            return Some(body);
        }
        let padding = usize::from(*body.last()?);
        if padding == 0 { None } else { body.get(..body.len().checked_sub(padding)?) }
    }
}

/// Length of the whole header of an RTP packet, which lies in `bytes`.
pub fn header_bytes(bytes: &[u8]) -> Result<usize, RtpError> {
    let first = *bytes.first().ok_or(RtpError::Truncated)?;
    if first >> 6 != 2 {
        return Err(RtpError::Version);
    }
    let fixed = HEADER_BYTES + 4 * usize::from(first & 0x0f);
    let total = if first & 0x10 == 0 {
        fixed
    } else {
        let length = bytes.get(fixed + 2..fixed + 4).ok_or(RtpError::Truncated)?;
        fixed + 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]))
    };
    if bytes.len() < total { Err(RtpError::Truncated) } else { Ok(total) }
}

/// The header fields of a packet, to be changed where they lie.
pub struct RtpMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> RtpMut<'a> {
    pub fn parse(bytes: &'a mut [u8]) -> Result<RtpMut<'a>, RtpError> {
        header_bytes(bytes)?;
        Ok(RtpMut { bytes })
    }

    /// Sets the payload type (7 bits; the eighth is ignored) and leaves the marker.
    pub fn set_payload_type(&mut self, payload_type: u8) {
        self.bytes[1] = self.bytes[1] & 0x80 | payload_type & 0x7f;
    }

    pub fn set_marker(&mut self, marker: bool) {
        self.bytes[1] = self.bytes[1] & 0x7f | u8::from(marker) << 7;
    }

    pub fn set_sequence(&mut self, sequence: u16) {
        self.bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    pub fn set_timestamp(&mut self, timestamp: u32) {
        self.bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }

    pub fn set_ssrc(&mut self, ssrc: u32) {
        self.bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }
}

/// The 32-bit word at `at`, which must lie in `bytes`.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Marker, payload type 8, two CSRCs, a one-byte extension, payload "abc" and one byte of padding.
    const FULL: &[u8] = b"\xb2\x88\x12\x34\x00\x00\x10\x00\xde\xad\xbe\xef\
        \x00\x00\x00\x01\x00\x00\x00\x02\
        \xbe\xde\x00\x01\x10\xaa\x00\x00\
        abc\x01";

    #[test]
    fn every_field_of_the_header_is_read_where_it_lies() {
        let rtp = Rtp::parse(FULL).unwrap();
        assert!(rtp.marker());
        assert_eq!(
            (rtp.payload_type(), rtp.sequence(), rtp.timestamp(), rtp.ssrc()),
            (8, 0x1234, 4096, 0xdead_beef)
        );
        assert_eq!(rtp.csrcs().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rtp.header_bytes(), 28);
        assert_eq!(rtp.payload(), Some(&b"abc"[..]));
        let elements: Vec<_> = rtp.extension().unwrap().elements().collect();
        assert_eq!(elements, [Element { id: 1, data: b"\xaa" }]);
    }

    #[test]
    fn a_header_that_says_more_than_there_is_is_refused_at_every_length() {
        for length in 0..28 {
            assert!(Rtp::parse(&FULL[..length]).is_err(), "{length}");
        }
        assert!(Rtp::parse(&FULL[..28]).is_ok());
        assert_eq!(Rtp::parse(b"\x40aaaaaaaaaaaaaaaaaa").err(), Some(RtpError::Version));
    }

    #[test]
    fn padding_of_nothing_or_of_more_than_the_body_is_no_payload() {
        let mut packet = FULL.to_vec();
        for (count, payload) in [(0, None), (4, Some(0)), (5, None), (255, None)] {
            *packet.last_mut().unwrap() = count;
            assert_eq!(Rtp::parse(&packet).unwrap().payload().map(<[u8]>::len), payload, "{count}");
        }
        assert_eq!(Rtp::parse(&FULL[..28]).unwrap().payload(), None);
    }

    #[test]
    fn fields_are_written_in_place_and_nothing_else_changes() {
        let mut packet = FULL.to_vec();
        let mut rtp = RtpMut::parse(&mut packet).unwrap();
        rtp.set_payload_type(0xff);
        rtp.set_sequence(0xffff);
        rtp.set_timestamp(7);
        rtp.set_ssrc(9);
        let rtp = Rtp::parse(&packet).unwrap();
        assert!(rtp.marker());
        assert_eq!((rtp.payload_type(), rtp.sequence(), rtp.timestamp(), rtp.ssrc()), (127, 65535, 7, 9));
        assert_eq!((packet[0], &packet[12..]), (FULL[0], &FULL[12..]));
        RtpMut::parse(&mut packet).unwrap().set_marker(false);
        assert_eq!(packet[1], 127);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), first in any::<u8>()) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() {
                *byte = 0x80 | first & 0x3f;
            }
            if let Ok(rtp) = Rtp::parse(&bytes) {
                prop_assert!(rtp.csrcs().count() <= 15);
                let _ = rtp.payload();
                if let Some(extension) = rtp.extension() {
                    prop_assert!(extension.elements().map(|e| e.data.len()).sum::<usize>() <= bytes.len());
                }
            }
        }
    }
}
