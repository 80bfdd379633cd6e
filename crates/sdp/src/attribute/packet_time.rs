//! `a=ptime` and `a=maxptime` (RFC 8866 sections 6.4 and 6.5): milliseconds of media in a packet.

use super::Attribute;
use crate::description::push_number;
use crate::parse::number;

/// How much the sender of the description would like to receive in each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketTime {
    pub ms: u16,
}

/// How much it can receive at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPacketTime {
    pub ms: u16,
}

impl Attribute for PacketTime {
    const NAME: &'static [u8] = b"ptime";

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self { ms: ms(value)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        push_number(self.ms.into(), out);
    }
}

impl Attribute for MaxPacketTime {
    const NAME: &'static [u8] = b"maxptime";

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self { ms: ms(value)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        push_number(self.ms.into(), out);
    }
}

/// A fraction, as some codecs had in RFC 4566, is cut off.
fn ms(value: &[u8]) -> Option<u16> {
    let whole = value.trim_ascii().split(|b| *b == b'.').next()?;
    number(whole).filter(|ms| *ms > 0)
}
