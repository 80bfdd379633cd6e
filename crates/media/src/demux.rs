//! What a datagram is, by its first byte (RFC 7983 section 7) and, for RTP and RTCP, its second (RFC 5761 section 4).

/// The protocols that share one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Stun,
    Zrtp,
    Dtls,
    /// TURN ChannelData. QUIC may begin with the same bytes (RFC 9443); we speak none.
    TurnChannel,
    Rtp,
    Rtcp,
}

/// `None` for an empty datagram and for a first byte that no protocol has: it is dropped without a reply.
pub fn demux(datagram: &[u8]) -> Option<Protocol> {
    match *datagram.first()? {
        0..=3 => Some(Protocol::Stun),
        16..=19 => Some(Protocol::Zrtp),
        20..=63 => Some(Protocol::Dtls),
        64..=79 => Some(Protocol::TurnChannel),
        128..=191 => Some(if is_rtcp(datagram) { Protocol::Rtcp } else { Protocol::Rtp }),
        _ => None,
    }
}

/// RFC 5761 section 4: RTCP packet types are taken from 192 to 223, so RTP uses no payload type from 64 to 95 (with or
/// without the marker bit) on a port that is shared.
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|second| (192..=223).contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_decides() {
        let kinds: Vec<_> = (0..=255).map(|first| demux(&[first, 0])).collect();
        let count = |kind| kinds.iter().filter(|k| **k == kind).count();
        assert_eq!(count(Some(Protocol::Stun)), 4);
        assert_eq!(count(Some(Protocol::Zrtp)), 4);
        assert_eq!(count(Some(Protocol::Dtls)), 44);
        assert_eq!(count(Some(Protocol::TurnChannel)), 16);
        assert_eq!(count(Some(Protocol::Rtp)), 64);
        assert_eq!(count(None), 12 + 48 + 64);
        assert_eq!(kinds[22], Some(Protocol::Dtls));
        assert_eq!(demux(&[]), None);
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_packet_type() {
        let rtcp = (0..=255).filter(|second| demux(&[0x80, *second]) == Some(Protocol::Rtcp));
        assert_eq!(rtcp.collect::<Vec<_>>(), (192..=223).collect::<Vec<_>>());
        assert_eq!(demux(&[0x80]), Some(Protocol::Rtp));
    }
}
