//! SRTP and SRTCP (RFC 3711, 6188, 7714): packets are protected and unprotected where they lie.
//!
//! An [`Outbound`] protects what we send under one master key, an [`Inbound`] unprotects what a peer sends under his.
//! Both hold the state of each SSRC: rollover counter, replay window, SRTCP index. Nothing that is not authenticated
//! changes any of it. [`SrtpState`] is that state as plain data, without keys, for the journal.
//!
//! What it deliberately does not do: a key derivation rate other than zero (section 4.3.1), the F8 and NULL ciphers,
//! unauthenticated or unencrypted SRTP, encrypted header extensions (RFC 6904, 9335), EKT. No description that asks for
//! one of them is accepted. An MKI of the peer is understood; we send none.

mod cipher;
mod inbound;
mod index;
mod keys;
mod outbound;
mod replay;
mod sources;
mod suite;
#[cfg(test)]
mod tests;

pub use inbound::{Inbound, Received};
pub use keys::{KeyError, MKI_BYTES_MAX, MasterKey};
pub use outbound::Outbound;
pub use sources::{Progress, SOURCES_MAX, SourceState, SrtpState};
pub use suite::Suite;

/// Why a packet was not protected or unprotected. It is to be dropped; its bytes may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpError {
    /// No RTP or RTCP header, or too short to carry a tag.
    Malformed,
    /// The tag is wrong: another key, an altered packet or a wrong rollover counter.
    Unauthenticated,
    /// This index was received, or sent, before.
    Replayed,
    /// The index is older than the replay window.
    TooOld,
    /// The context already holds [`SOURCES_MAX`] SSRCs.
    TooManySources,
    /// The lifetime of the master key is over (RFC 3711 section 9.2): only a new key helps.
    KeyExhausted,
    /// The slot has no room for the tag.
    NoRoom,
}

/// Packets under one master key: 2^48 SRTP and 2^31 SRTCP (RFC 3711 section 9.2, RFC 7714 section 14.1).
const RTP_LIFETIME_PACKETS: u64 = 1 << 48;
const RTCP_LIFETIME_PACKETS: u64 = 1 << 31;
