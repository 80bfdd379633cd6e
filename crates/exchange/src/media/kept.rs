//! The media of one leg as the journal keeps it, so that it goes on after the process has gone.

use super::{OpenStream, SrtpKey, Stream, StreamAddress};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An endpoint: its ports, what was agreed, and what has been found since. What it is connected with is said anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub signalled_from: Option<IpAddr>,
    /// By `m=` line; `None` where no port was wanted.
    pub streams: Box<[Option<KeptStream>]>,
}

/// At most some 4 kB for each SSRC-rich direction, 1 kB as a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStream {
    pub opened: OpenStream,
    /// Where the port of RTP is bound; that of RTCP, if it has one, is the next.
    pub bound: SocketAddr,
    /// What descriptions name.
    pub address: StreamAddress,
    /// The last agreement, though it may be switched off.
    pub agreed: Option<Box<Stream>>,
    pub is_on: bool,
    pub rtp: KeptPath,
    pub rtcp: KeptPath,
    /// Of SDES and of DTLS alike; `None`: in the clear, none yet, or those of its bundle.
    pub keys: Option<Box<KeptKeys>>,
}

/// Where the other end of a port is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptPath {
    /// Where it was last heard from.
    pub peer: Option<SocketAddr>,
    /// What ICE has selected.
    pub selected: Option<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKeys {
    pub send: KeptKey,
    pub receive: KeptKey,
}

/// A master key with the counts that must not go back (RFC 3711 sections 3.2.1 and 9.2).
#[derive(Clone, PartialEq, Eq)]
pub struct KeptKey {
    pub key: SrtpKey,
    pub rtp_packets: u64,
    pub rtcp_packets: u64,
    /// At most 128.
    pub sources: Box<[KeptSource]>,
}

impl fmt::Debug for KeptKey {
    /// The suite and the counts, nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptKey")
            .field("suite", &self.key.suite)
            .field("rtp_packets", &self.rtp_packets)
            .field("rtcp_packets", &self.rtcp_packets)
            .field("sources", &self.sources)
            .finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptSource {
    pub ssrc: u32,
    /// The rollover counter times 2^16 plus the sequence number, the highest.
    pub rtp_index: Option<u64>,
    pub rtcp_index: Option<u32>,
}
