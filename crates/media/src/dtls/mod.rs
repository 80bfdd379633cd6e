//! Keys for SRTP by DTLS (RFC 5764, RFC 8842): one [`Association`] for each transport, both roles, DTLS 1.2 and 1.3.
//!
//! The handshake is that of `dimpl`, with the cryptography of aws-lc-rs behind it
//! ([decision 0015](../../../docs/decisions/0015-dtls-by-dimpl.md)). What is ours is what has hurt others:
//! - a datagram is taken only with a [`crate::path::ProvenPath`], and there is one association, so that nobody races;
//! - the certificate of the peer is compared with the fingerprints of its session description before any key leaves
//!   here ([`Fingerprints`]);
//! - what cannot be decrypted or is no handshake is dropped; a handshake that fails begins again, until its deadline.
//!
//! What it deliberately does not do: DTLS 1.0, renegotiation, resumption, RSA certificates, pre-shared keys,
//! application data (there is none in telephony; what comes is dropped), SRTP_AES128_CM_HMAC_SHA1_32 (no peer offers it
//! alone) and SRTP MKI.

mod association;
mod certificate;
mod fingerprint;
mod handshake;
mod identity;
mod keys;
mod provider;
mod record;
#[cfg(test)]
mod tests;

pub use association::{Association, Failure, Output, Role};
pub use fingerprint::{Fingerprint, FingerprintError, Fingerprints};
pub use identity::{Identity, IdentityError};
pub use keys::{Keys, Profile};
pub use record::is_dtls;

/// Bytes of a datagram that we read. Handshake flights are fragmented well below it.
pub const DATAGRAM_BYTES_MAX: usize = 2_048;

/// Fingerprints of one session description that are kept (64 bytes each at most).
pub const FINGERPRINTS_MAX: usize = 8;

/// How often an association begins its handshake anew, before it gives up. Each costs one key exchange.
pub const RESTARTS_MAX: u32 = 32;

/// ClientHellos that a server has answered with a cookie, waiting for one to come back. A client that is proved finds its
/// handshake unless so many others came from its own proven address meanwhile.
pub const NASCENT_MAX: usize = 4;
