//! The state of each SSRC under one master key, and that state as plain data.

/// SSRCs of one context. A sender needs one for each stream, layer and retransmission, and some change theirs at each
/// hold. Worst-case memory: 128 times 120 bytes for inbound, 88 for outbound, 15 KiB and 11 KiB; most contexts hold one or
/// two. A new SSRC enters only with an authenticated packet.
pub const SOURCES_MAX: usize = 128;

/// What the journal keeps of one SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SourceState {
    pub ssrc: u32,
    /// Highest index of SRTP: the rollover counter times 2^16 plus the sequence number.
    pub rtp_index: Option<u64>,
    /// Highest index of SRTCP.
    pub rtcp_index: Option<u32>,
}

/// What the journal keeps of one context besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SrtpState {
    /// Packets under this master key, for its lifetime.
    pub rtp_packets: u64,
    pub rtcp_packets: u64,
    /// At most [`SOURCES_MAX`].
    pub sources: Vec<SourceState>,
}

/// How far the counts of a context are, without a look at each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    pub sources: usize,
    pub rtp_packets: u64,
    pub rtcp_packets: u64,
}

/// A source that knows its SSRC.
pub(super) trait Source {
    fn ssrc(&self) -> u32;
}

/// Up to [`SOURCES_MAX`] sources. Found by a walk that begins at the last one found: most contexts hold one or two.
pub(super) struct Sources<S> {
    all: Vec<S>,
    last: usize,
}

impl<S: Source> Sources<S> {
    pub(super) fn new() -> Sources<S> {
        Sources { all: Vec::with_capacity(1), last: 0 }
    }

    pub(super) fn find(&mut self, ssrc: u32) -> Option<&mut S> {
        if self.all.get(self.last).is_none_or(|source| source.ssrc() != ssrc) {
            self.last = self.all.iter().position(|source| source.ssrc() == ssrc)?;
        }
        self.all.get_mut(self.last)
    }

    pub(super) fn is_full(&self) -> bool {
        self.all.len() >= SOURCES_MAX
    }

    /// Adds a source that is not there; `None` when there are too many.
    pub(super) fn add(&mut self, source: S) -> Option<&mut S> {
        if self.is_full() {
            return None;
        }
        self.last = self.all.len();
        self.all.push(source);
        self.all.last_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.all.iter()
    }
}
