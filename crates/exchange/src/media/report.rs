//! What has come of the media of one leg: for the record of its call, and for whoever asks why it is silent.

use super::StreamKind;
use std::net::SocketAddr;

/// The streams of an endpoint, by `m=` line; `None` where no port was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub streams: Box<[Option<StreamReport>]>,
}

/// One stream since it was opened. At most some 2 kB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReport {
    pub kind: StreamKind,
    /// What came from the other end, as measured here.
    pub received: Way,
    /// What went to the other end; loss and jitter as it reports them (RFC 3550 section 6.4).
    pub sent: Way,
    /// To the other end and back, when it reports.
    pub round_trip_us: Option<u64>,
    /// Where it was last heard from.
    pub heard_from: Option<SocketAddr>,
    /// Where packets for it go; `None`: nowhere is known.
    pub sends_to: Option<SocketAddr>,
    /// Packets that went no further, by the reason's name; those that happened.
    pub drops: Box<[(&'static str, u64)]>,
    /// The last packet that was not taken as the other end's: from where, and why.
    pub refused: Option<(SocketAddr, &'static str)>,
    /// The last packet from where the other end may speak that was not as agreed.
    pub misfit: Option<Misfit>,
    /// The last packet that was taken.
    pub taken: Option<Taken>,
    /// What the other end says of its own sending, by RTCP; zeroes: that it sends nothing.
    pub claimed: Option<Claimed>,
    /// The share of what went to it that the other end has missed lately, in hundredths, as it reports it.
    pub missed_percent: Option<u8>,
    /// The highest index of SRTP that came: beyond 2^16 its numbers have rolled over (RFC 3711 section 3.3.1). The largest number:
    /// that is not known, until something of it comes.
    pub srtp_index: Option<u64>,
    pub ice: IceState,
    pub dtls: DtlsState,
    /// The last seconds of it.
    pub recent: Recent,
}

/// A packet that was refused, by what is in the clear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub from: SocketAddr,
    /// The reason's name.
    pub why: &'static str,
    /// Payload type and payload bytes of what has the form of RTP.
    pub rtp: Option<(u8, u16)>,
}

/// A packet that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub ago_ms: u32,
    pub payload: u8,
    pub payload_bytes: u16,
}

/// The counts of a sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    pub packets: u32,
    pub octets: u32,
}

/// What happened to a stream in the last two or three seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// How long that is; 0: it is too new to tell.
    pub span_ms: u32,
    /// For how long it has been as it is agreed now.
    pub settled_ms: u32,
    /// Packets of RTP.
    pub received: u64,
    pub sent: u64,
    /// Packets of RTP that did not come.
    pub lost: u64,
    pub rtcp: u64,
    /// How often it came later or sooner than the packet before by more than the buffers of most phones, and the sum of that.
    pub stalls: u64,
    pub stalled_ms: u64,
    /// Comfort noise (RFC 3389), among `received`.
    pub noise: u64,
    /// Packets of ICE and of DTLS.
    pub stun: u64,
    pub dtls: u64,
    /// Packets that went no further, by the reason's name; those that happened.
    pub drops: Box<[(&'static str, u64)]>,
    pub troubles: Troubles,
    /// How fast its timestamps run, when there were enough packets to tell.
    pub clock_hz: Option<u32>,
}

/// What the network answered to packets that left for the other end: ICMP, and errors of sending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Nobody listens there.
    pub refused: u32,
    /// The same of RTCP on a port of its own.
    pub rtcp_refused: u32,
    /// No route, or a firewall on the way that says so.
    pub unreachable: u32,
    /// Larger than the way takes.
    pub too_large: u32,
    /// A firewall of this machine.
    pub forbidden: u32,
    pub other: u32,
}

impl Recent {
    /// Packets dropped for this reason.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.drops.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count)
    }
}

/// One direction of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    pub packets: u64,
    /// Payload, without headers.
    pub octets: u64,
    /// `None`: nobody has measured it.
    pub lost: Option<u64>,
    pub jitter_us: Option<u64>,
    /// Mean opinion score times 100, 100 to 450, estimated from loss and delay (ITU-T G.107); of audio that was heard.
    pub mos_hundredths: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceState {
    /// Nothing of ICE was agreed.
    #[default]
    Unused,
    /// No pair yet. Checks that came and were not of this session: no integrity, another password, an address that no
    /// peer may have.
    Checking {
        refused: u64,
    },
    Connected {
        remote: SocketAddr,
        refused: u64,
    },
    Failed {
        why: IceFailure,
        refused: u64,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtlsState {
    #[default]
    Unused,
    /// No keys yet. `alert`: one that came in the clear, perhaps of the other end (RFC 8446 section 6).
    Waiting {
        alert: Option<u8>,
    },
    Agreed,
    /// The other end has closed its association; its keys stay.
    Closed,
    Failed {
        why: DtlsFailure,
    },
}

/// Why no pair of candidates works, or works no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceFailure {
    /// A user name fragment or a password that RFC 8839 section 5.4 does not allow.
    Credentials,
    /// RFC 8445 section 7.
    NoPair,
    /// RFC 7675 section 5.1.
    ConsentLost,
}

/// Why no keys were agreed (RFC 5764).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsFailure {
    /// RFC 8122 section 5: none with a hash that is trusted.
    NoFingerprint,
    /// RFC 8122 section 6.2.
    WrongCertificate,
    /// RFC 5764 section 4.1.2.
    NoSrtp,
    Handshake,
    /// It began, and the other end fell silent.
    Timeout,
    /// It never began: nothing came from where the other end may speak from, or nowhere to begin was known.
    NotBegun,
}

impl IceFailure {
    /// A sentence for whoever asks why it is silent.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Credentials => "the description has an ICE user name or password that is none",
            Self::NoPair => {
                "no pair of addresses works: a firewall blocks UDP, or the other end is reached at none it named"
            }
            Self::ConsentLost => "the other end has not confirmed for 30 seconds that it still wants media",
        }
    }
}

impl DtlsFailure {
    /// A sentence for whoever asks why it is silent.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoFingerprint => "the description names no certificate with a hash that is trusted",
            Self::WrongCertificate => "the other end has another certificate than its description names",
            Self::NoSrtp => "the other end wants no SRTP, or none of our protection profiles",
            Self::Handshake => "no common cipher suite, or a wrong message in the handshake",
            Self::Timeout => "the handshake began, and then nothing came from the other end",
            Self::NotBegun => "the other end never began the handshake, or no way to it was found",
        }
    }
}
