//! Identifiers that we make. All come from one seeded generator, so a simulation makes the same ones again.

use crate::flow::ShardId;
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

pub struct Mint {
    shard: ShardId,
    random: ChaCha12Rng,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Mint {
    pub fn new(shard: ShardId, seed: [u8; 32]) -> Self {
        Self { shard, random: ChaCha12Rng::from_seed(seed) }
    }

    pub fn shard(&self) -> ShardId {
        self.shard
    }

    pub fn u64(&mut self) -> u64 {
        self.random.next_u64()
    }

    pub fn u32(&mut self) -> u32 {
        self.random.next_u32()
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    /// A tag with 64 random bits behind the shard (RFC 3261 section 19.3 asks for 32).
    pub fn tag(&mut self) -> [u8; 18] {
        let mut tag = [0; 18];
        write_hex(self.shard.0 as u64, &mut tag[..2]);
        write_hex(self.u64(), &mut tag[2..]);
        tag
    }
}

/// Writes the low digits of `value`, most significant first, filling `out`.
pub fn write_hex(value: u64, out: &mut [u8]) {
    let digits = out.len();
    for (i, byte) in out.iter_mut().enumerate() {
        let shift = 4 * (digits - 1 - i);
        *byte = if shift >= 64 { b'0' } else { HEX[(value >> shift) as usize & 15] };
    }
}

/// Reads lower-case hex; `None` for anything else.
pub fn read_hex(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    bytes.iter().try_fold(0u64, |value, b| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'f' => b - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_tags_and_another_seed_others() {
        let mut a = Mint::new(ShardId(3), [7; 32]);
        let mut b = Mint::new(ShardId(3), [7; 32]);
        let mut c = Mint::new(ShardId(3), [8; 32]);
        let first = a.tag();
        assert_eq!(first, b.tag());
        assert_ne!(first, c.tag());
        assert_eq!(&first[..2], b"03");
    }

    #[test]
    fn hex_reads_back_what_it_wrote() {
        let mut out = [0; 12];
        write_hex(0x00de_adbe_ef01, &mut out);
        assert_eq!(&out, b"00deadbeef01");
        assert_eq!(read_hex(&out), Some(0x00de_adbe_ef01));
        assert_eq!(read_hex(b"DE"), None);
        assert_eq!(read_hex(b""), None);
    }
}
