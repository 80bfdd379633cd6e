//! Why a handshake failed, as far as somebody can act on it.

use rustls::{AlertDescription, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What came is no TLS.
    NotTls,
    /// No version, cipher suite, key exchange or application protocol in common.
    Incompatible,
    /// The peer does not believe our certificate.
    Refused,
    /// The peer takes our certificate for one that is over: its clock is wrong, or ours.
    Expired,
    /// We do not believe the peer's, or it is not for the domain we wanted.
    Untrusted,
    /// The peer gave up for another reason.
    Alert,
    Other,
}

impl Failure {
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. } => Failure::NotTls,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Failure::Incompatible,
            Error::InvalidCertificate(_) => Failure::Untrusted,
            Error::AlertReceived(
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA,
            ) => Failure::Refused,
            Error::AlertReceived(AlertDescription::CertificateExpired) => Failure::Expired,
            Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::NoApplicationProtocol,
            ) => Failure::Incompatible,
            Error::AlertReceived(_) => Failure::Alert,
            // rustls may learn others.
            _ => Failure::Other,
        }
    }
}
