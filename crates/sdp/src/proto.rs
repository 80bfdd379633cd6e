//! The transport protocol of an `m=` line (RFC 8866 section 8.2.3).

/// The RTP profiles that Coeur bridges, and everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// RFC 3551.
    RtpAvp,
    /// With feedback, RFC 4585.
    RtpAvpf,
    /// Encrypted, RFC 3711.
    RtpSavp,
    /// Both, RFC 5124.
    RtpSavpf,
    /// Encrypted with keys from DTLS, RFC 5764.
    UdpTlsRtpSavp,
    UdpTlsRtpSavpf,
    /// No RTP over UDP (`udptl`, `UDP/DTLS/SCTP`, `TCP/RTP/AVP`, ...): the bytes stay in the description.
    Other,
}

impl Proto {
    const RTP: [Self; 6] = [
        Self::RtpAvp,
        Self::RtpAvpf,
        Self::RtpSavp,
        Self::RtpSavpf,
        Self::UdpTlsRtpSavp,
        Self::UdpTlsRtpSavpf,
    ];

    /// Reads a name in any case, as some phones write it in lower case.
    pub fn parse(name: &[u8]) -> Self {
        let known = Self::RTP.into_iter().find(|proto| name.eq_ignore_ascii_case(proto.as_str().as_bytes()));
        known.unwrap_or(Self::Other)
    }

    pub const fn is_rtp(self) -> bool {
        !matches!(self, Self::Other)
    }

    /// Whether the media is encrypted or the stream is refused (RFC 3711, RFC 5124, RFC 5764).
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::RtpSavp | Self::RtpSavpf | Self::UdpTlsRtpSavp | Self::UdpTlsRtpSavpf)
    }

    /// Whether `a=rtcp-fb` may be used (RFC 4585 section 4.2).
    pub const fn has_feedback(self) -> bool {
        matches!(self, Self::RtpAvpf | Self::RtpSavpf | Self::UdpTlsRtpSavpf)
    }

    /// Whether the name itself asks for keys from DTLS.
    pub const fn is_dtls(self) -> bool {
        matches!(self, Self::UdpTlsRtpSavp | Self::UdpTlsRtpSavpf)
    }

    /// As written; empty for [`Proto::Other`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::UdpTlsRtpSavp => "UDP/TLS/RTP/SAVP",
            Self::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Other => "",
        }
    }
}
