//! Keys of the phones, and base64 for SDP.

use coeur_media::srtp::{MasterKey, Suite};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The key under which the phone of that side sends, or (`heard`) hears from our host.
pub fn bytes(side: usize, heard: bool) -> Vec<u8> {
    let mark = if heard { 0xaa } else { 0 };
    (0..30).map(|i| (i * 7 + 3 + side * 50) as u8 ^ mark).collect()
}

/// Both suites of the bench have 30 bytes of key and salt.
pub fn master(suite: Suite, bytes: &[u8]) -> MasterKey {
    MasterKey::new(suite, bytes).expect("30 bytes of key and salt")
}

/// 30 bytes make 40 letters and no padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        out.extend((0..4).map(|i| LETTERS[(bits >> (18 - 6 * i)) as usize & 63] as char));
    }
    out
}

pub fn from_base64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::new());
    for letter in text.bytes().map_while(|byte| LETTERS.iter().position(|letter| *letter == byte)) {
        bits = bits << 6 | letter as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_it_was() {
        let key = bytes(1, true);
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(from_base64(&base64(&key)), key);
    }
}
