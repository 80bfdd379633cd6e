//! Messages in a stream: each says how long it is (RFC 8489 section 6.2.2, RFC 8656 section 12.5).

/// Bytes of one message. What is relayed is at most as long as a packet of media, and the rest of a message is some hundred
/// bytes; who announces more gets his connection closed.
pub(super) const FRAME_BYTES_MAX: usize = 4_096;

/// Of a STUN message; ChannelData has four.
const HEADER_BYTES: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// So many bytes at the front are one message, its padding included.
    Whole(usize),
    Partial,
    /// Neither STUN nor ChannelData, or too long.
    Wrong,
}

/// What stands at the front of these bytes.
pub(super) fn first(bytes: &[u8]) -> Frame {
    let Some(head) = bytes.first_chunk::<4>() else {
        // Even one byte tells what can be no message.
        let is_possible = bytes.first().is_none_or(|first| *first <= 0x7f);
        return if is_possible { Frame::Partial } else { Frame::Wrong };
    };
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let whole = match head[0] {
        0x00..=0x3f if length.is_multiple_of(4) => HEADER_BYTES + length,
        // RFC 8656 section 12.5: over a stream the data is padded to a multiple of four, and its length is without it.
        0x40..=0x7f => 4 + length.next_multiple_of(4),
        _ => return Frame::Wrong,
    };
    match whole {
        whole if whole > FRAME_BYTES_MAX => Frame::Wrong,
        whole if whole > bytes.len() => Frame::Partial,
        whole => Frame::Whole(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says_and_channel_data_is_padded() {
        let mut stun = vec![0, 1, 0, 4];
        stun.extend_from_slice(&[7; 20]);
        assert_eq!(first(&stun), Frame::Whole(24));
        assert_eq!(first(&[&stun[..], &[9; 9]].concat()), Frame::Whole(24));
        for length in 0..stun.len() {
            assert_eq!(first(&stun[..length]), Frame::Partial, "{length}");
        }
        assert_eq!(first(&[0x40, 0, 0, 1, 9, 0, 0, 0]), Frame::Whole(8));
        assert_eq!(first(&[0x40, 0, 0, 1, 9, 0, 0]), Frame::Partial);
        assert_eq!(first(&[0x40, 0, 0, 0]), Frame::Whole(4));
    }

    #[test]
    fn what_is_no_message_or_too_long_is_wrong() {
        // Text looks like ChannelData of some twenty thousand bytes, and a ClientHello like STUN of an odd length.
        for wrong in
            [&b"GET / HTTP/1.1"[..], b"\x16\x03\x01\x02", &[0xff], &[0, 1, 0, 3], &[0, 1, 0xff, 0xfc]]
        {
            assert_eq!(first(wrong), Frame::Wrong, "{wrong:?}");
        }
        assert_eq!(first(&[0x40, 0, 0x0f, 0xfc]), Frame::Partial);
        assert_eq!(first(&[0x40, 0, 0x0f, 0xfd]), Frame::Wrong);
    }
}
