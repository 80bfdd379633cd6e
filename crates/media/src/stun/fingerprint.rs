//! FINGERPRINT (RFC 8489 section 14.7): the CRC-32 of ITU V.42, XORed so that it differs from that of other protocols.

const XOR: u32 = 0x5354_554e;

/// The fingerprint of the bytes before its attribute; the length in their header counts the attribute already.
pub(super) fn fingerprint(before: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)];
    !before.iter().fold(!0, step) ^ XOR
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_crc_is_reached() {
        assert_eq!(fingerprint(b"123456789") ^ XOR, 0xcbf4_3926);
    }
}
