//! SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a keyed hash that an outsider cannot
//! make collide.

pub(super) struct SipHash128 {
    v: [u64; 4],
    /// Bytes that do not yet fill a word, in its low end.
    tail: u64,
    length: usize,
}

impl SipHash128 {
    pub(super) fn new(k0: u64, k1: u64) -> SipHash128 {
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        SipHash128 { v, tail: 0, length: 0 }
    }

    /// Whole words are taken at once wherever the last piece ended: what is left over waits in `tail`.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        let held = 8 * (self.length % 8) as u32;
        self.length = self.length.wrapping_add(bytes.len());
        for word in words {
            let word = u64::from_le_bytes(*word);
            self.word(self.tail | word << held);
            // A shift by all 64 bits leaves nothing.
            self.tail = word.checked_shr(64 - held).unwrap_or(0);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.short(u64::from_le_bytes(last), 8 * rest.len() as u32, held);
    }

    #[inline]
    pub(super) fn write_byte(&mut self, byte: u8) {
        let held = 8 * (self.length % 8) as u32;
        self.length = self.length.wrapping_add(1);
        self.short(u64::from(byte), 8, held);
    }

    #[inline]
    pub(super) fn write_u32(&mut self, number: u32) {
        let held = 8 * (self.length % 8) as u32;
        self.length = self.length.wrapping_add(4);
        self.short(u64::from(number), 32, held);
    }

    /// Adds less than a word: `bits` of `part`, behind the `held` bits of the tail.
    #[inline]
    fn short(&mut self, part: u64, bits: u32, held: u32) {
        self.tail |= part << held;
        if held + bits >= 64 {
            self.word(self.tail);
            self.tail = part.checked_shr(64 - held).unwrap_or(0);
        }
    }

    pub(super) fn finish(mut self) -> [u64; 2] {
        let last = self.tail | ((self.length as u64) << 56);
        self.word(last);
        self.v[2] ^= 0xee;
        self.rounds::<4>();
        let low = self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3];
        self.v[1] ^= 0xdd;
        self.rounds::<4>();
        [low, self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]]
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds::<2>();
        self.v[0] ^= word;
    }

    #[inline(always)]
    fn rounds<const N: usize>(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        for _ in 0..N {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.v = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(message: &[u8]) -> [u64; 2] {
        let mut hash = SipHash128::new(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        hash.write(message);
        hash.finish()
    }

    #[test]
    fn the_published_vectors_hold() {
        // vectors_sip128 of the reference implementation, messages 00 01 02 ... of length 0, 1 and 15.
        let bytes: Vec<u8> = (0..15).collect();
        let expected = |hex: u128| {
            let bytes = hex.to_be_bytes();
            let half = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            [half(0), half(8)]
        };
        assert_eq!(hash(b""), expected(0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293));
        assert_eq!(hash(&bytes[..1]), expected(0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45));
        assert_eq!(hash(&bytes), expected(0x5493_e999_33b0_a811_7e08_ec0f_97cf_c3d9));
    }

    #[test]
    fn pieces_hash_as_the_whole() {
        let message: Vec<u8> = (0..60).collect();
        for cut in 0..message.len() {
            let mut hash_of_pieces = SipHash128::new(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
            hash_of_pieces.write(&message[..cut]);
            hash_of_pieces.write(&message[cut..]);
            assert_eq!(hash_of_pieces.finish(), hash(&message));
        }
    }
}
