//! The attributes that we know (RFC 8489 section 18.3, RFC 8656 section 18, RFC 8445 section 16.1).

use super::address;

/// A known attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MappedAddress,
    Username,
    MessageIntegrity,
    ErrorCode,
    UnknownAttributes,
    ChannelNumber,
    Lifetime,
    XorPeerAddress,
    Data,
    Realm,
    Nonce,
    XorRelayedAddress,
    RequestedAddressFamily,
    EvenPort,
    RequestedTransport,
    DontFragment,
    MessageIntegritySha256,
    PasswordAlgorithm,
    UserHash,
    XorMappedAddress,
    ReservationToken,
    Priority,
    UseCandidate,
    AdditionalAddressFamily,
    AddressErrorCode,
    PasswordAlgorithms,
    AlternateDomain,
    Icmp,
    Software,
    AlternateServer,
    Fingerprint,
    IceControlled,
    IceControlling,
}

impl Kind {
    pub const fn from_number(number: u16) -> Option<Kind> {
        Some(match number {
            0x0001 => Kind::MappedAddress,
            0x0006 => Kind::Username,
            0x0008 => Kind::MessageIntegrity,
            0x0009 => Kind::ErrorCode,
            0x000a => Kind::UnknownAttributes,
            0x000c => Kind::ChannelNumber,
            0x000d => Kind::Lifetime,
            0x0012 => Kind::XorPeerAddress,
            0x0013 => Kind::Data,
            0x0014 => Kind::Realm,
            0x0015 => Kind::Nonce,
            0x0016 => Kind::XorRelayedAddress,
            0x0017 => Kind::RequestedAddressFamily,
            0x0018 => Kind::EvenPort,
            0x0019 => Kind::RequestedTransport,
            0x001a => Kind::DontFragment,
            0x001c => Kind::MessageIntegritySha256,
            0x001d => Kind::PasswordAlgorithm,
            0x001e => Kind::UserHash,
            0x0020 => Kind::XorMappedAddress,
            0x0022 => Kind::ReservationToken,
            0x0024 => Kind::Priority,
            0x0025 => Kind::UseCandidate,
            0x8000 => Kind::AdditionalAddressFamily,
            0x8001 => Kind::AddressErrorCode,
            0x8002 => Kind::PasswordAlgorithms,
            0x8003 => Kind::AlternateDomain,
            0x8004 => Kind::Icmp,
            0x8022 => Kind::Software,
            0x8023 => Kind::AlternateServer,
            0x8028 => Kind::Fingerprint,
            0x8029 => Kind::IceControlled,
            0x802a => Kind::IceControlling,
            _ => return None,
        })
    }

    pub const fn number(self) -> u16 {
        match self {
            Kind::MappedAddress => 0x0001,
            Kind::Username => 0x0006,
            Kind::MessageIntegrity => 0x0008,
            Kind::ErrorCode => 0x0009,
            Kind::UnknownAttributes => 0x000a,
            Kind::ChannelNumber => 0x000c,
            Kind::Lifetime => 0x000d,
            Kind::XorPeerAddress => 0x0012,
            Kind::Data => 0x0013,
            Kind::Realm => 0x0014,
            Kind::Nonce => 0x0015,
            Kind::XorRelayedAddress => 0x0016,
            Kind::RequestedAddressFamily => 0x0017,
            Kind::EvenPort => 0x0018,
            Kind::RequestedTransport => 0x0019,
            Kind::DontFragment => 0x001a,
            Kind::MessageIntegritySha256 => 0x001c,
            Kind::PasswordAlgorithm => 0x001d,
            Kind::UserHash => 0x001e,
            Kind::XorMappedAddress => 0x0020,
            Kind::ReservationToken => 0x0022,
            Kind::Priority => 0x0024,
            Kind::UseCandidate => 0x0025,
            Kind::AdditionalAddressFamily => 0x8000,
            Kind::AddressErrorCode => 0x8001,
            Kind::PasswordAlgorithms => 0x8002,
            Kind::AlternateDomain => 0x8003,
            Kind::Icmp => 0x8004,
            Kind::Software => 0x8022,
            Kind::AlternateServer => 0x8023,
            Kind::Fingerprint => 0x8028,
            Kind::IceControlled => 0x8029,
            Kind::IceControlling => 0x802a,
        }
    }

    /// One bit for each kind, to see what came twice.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u32
    }

    pub(super) const fn may_repeat(self) -> bool {
        matches!(self, Kind::XorPeerAddress)
    }

    /// Whether a value has the form that its section asks for.
    pub(super) fn takes(self, value: &[u8]) -> bool {
        match self {
            Kind::MappedAddress
            | Kind::AlternateServer
            | Kind::XorMappedAddress
            | Kind::XorPeerAddress
            | Kind::XorRelayedAddress => address::is_valid(value),
            // RFC 8489 section 14.3: fewer than 509 bytes. ICE has a colon and two fragments in it.
            Kind::Username => value.len() < 509 && is_text(value),
            // Sections 14.9, 14.10 and 14.14: fewer than 128 characters, which can be 763 bytes.
            Kind::Realm | Kind::Nonce | Kind::Software => value.len() <= 763 && is_text(value),
            Kind::AlternateDomain => value.len() <= 255 && is_text(value),
            Kind::MessageIntegrity => value.len() == 20,
            // Section 14.6; see the module on truncation.
            Kind::MessageIntegritySha256 | Kind::UserHash => value.len() == 32,
            // Section 14.8: class 3 to 6, number 0 to 99.
            Kind::ErrorCode => {
                (4..=4 + 763).contains(&value.len())
                    && (3..=6).contains(&(value[2] & 7))
                    && value[3] < 100
                    && is_text(&value[4..])
            }
            Kind::UnknownAttributes => value.len().is_multiple_of(2),
            // Section 14.12: algorithm, length of its parameters, parameters.
            Kind::PasswordAlgorithm | Kind::PasswordAlgorithms => {
                value.len() >= 4 && value.len().is_multiple_of(4)
            }
            Kind::ChannelNumber
            | Kind::Lifetime
            | Kind::RequestedAddressFamily
            | Kind::AdditionalAddressFamily
            | Kind::RequestedTransport
            | Kind::Priority
            | Kind::Fingerprint => value.len() == 4,
            Kind::EvenPort => value.len() == 1,
            Kind::ReservationToken | Kind::IceControlled | Kind::IceControlling => value.len() == 8,
            Kind::DontFragment | Kind::UseCandidate => value.is_empty(),
            Kind::AddressErrorCode => value.len() >= 4,
            Kind::Icmp => value.len() == 8,
            Kind::Data => true,
        }
    }
}

/// Text is UTF-8 and has no control characters, so that it may stand in a log line.
fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_number_and_one_bit() {
        let kinds: Vec<Kind> = (0..=u16::MAX).filter_map(Kind::from_number).collect();
        assert_eq!(kinds.len(), 33);
        assert!(kinds.iter().all(|kind| Kind::from_number(kind.number()) == Some(*kind)));
        let bits = kinds.iter().fold(0u64, |bits, kind| bits | kind.bit());
        assert_eq!(bits.count_ones(), 33);
    }
}
