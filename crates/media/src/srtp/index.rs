//! The index of a packet: rollover counter and sequence number (RFC 3711 section 3.3.1).

/// Guesses the 48-bit index of a packet from the highest index so far, as appendix A does. `None` when it would lie
/// before the first rollover counter.
pub(super) fn guess(highest: Option<u64>, sequence: u16) -> Option<u64> {
    let Some(highest) = highest else {
        return Some(u64::from(sequence));
    };
    let rollovers = highest >> 16;
    let last = highest as u16;
    let guessed = if last < 0x8000 {
        if i32::from(sequence) - i32::from(last) > 0x8000 { rollovers.checked_sub(1)? } else { rollovers }
    } else if i32::from(last) - 0x8000 > i32::from(sequence) {
        rollovers + 1
    } else {
        rollovers
    };
    Some(guessed << 16 | u64::from(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_index_is_guessed() {
        assert_eq!(guess(None, 65_535), Some(65_535));
        assert_eq!(guess(Some(65_535), 0), Some(0x1_0000));
        assert_eq!(guess(Some(0x1_0000), 65_535), Some(65_535));
        assert_eq!(guess(Some(0x5_8000), 0x8001), Some(0x5_8001));
        assert_eq!(guess(Some(0x5_ffff), 0x7ffe), Some(0x6_7ffe));
        assert_eq!(guess(Some(0x5_ffff), 0x7fff), Some(0x5_7fff));
        assert_eq!(guess(Some(0x5_0000), 0x8000), Some(0x5_8000));
        assert_eq!(guess(Some(0x5_0000), 0x8001), Some(0x4_8001));
        assert_eq!(guess(Some(2), 65_535), None);
    }
}
