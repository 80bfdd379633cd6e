//! Which way the media of a call goes, and why (decision 0021).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaPath {
    /// From phone to phone.
    Direct,
    /// The same, protected by keys of the phones that have passed through us: whoever has our signalling could read it.
    DirectSdes,
    /// Through us.
    Relayed(Relayed),
}

/// Why media comes through us. The first that holds is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// The setting `direct_media`.
    Policy,
    /// It begins, ends, is transferred, parked, or offered anew.
    Changing,
    /// One side is a service of ours: echo, a conference.
    Service,
    /// One side is no device of an account here, or is on another shard.
    NotOurs,
    /// A phone did not take the address of the other.
    Refused,
    /// DTLS or ICE: keys and checks are of each leg.
    Protected,
    /// SRTP on one side alone, or of other suites, or with an identifier of keys.
    Keys,
    /// A key of one would be told to the other over signalling that others may read (RFC 4568 section 9.1).
    Signalling,
    /// A phone is known to hear nothing after its other side has another key.
    KeepsKey,
    /// The numbers under a key have rolled over, or are about to: who hears of it now counts wrong (RFC 3711 section 3.3.1).
    UsedKey,
    /// It is recorded, or is to be.
    Recorded,
    /// Something is played to a side, or is to be.
    Announced,
    /// Somebody is on hold, and may hear music.
    Held,
    /// Sound, keys or numbers of formats are made into others.
    Formats,
    /// IPv4 and IPv6.
    Families,
    /// They are not known to reach each other.
    Networks,
}

impl MediaPath {
    pub const ALL: [Self; 18] = [
        Self::Direct,
        Self::DirectSdes,
        Self::Relayed(Relayed::Policy),
        Self::Relayed(Relayed::Changing),
        Self::Relayed(Relayed::Service),
        Self::Relayed(Relayed::NotOurs),
        Self::Relayed(Relayed::Refused),
        Self::Relayed(Relayed::Protected),
        Self::Relayed(Relayed::Keys),
        Self::Relayed(Relayed::Signalling),
        Self::Relayed(Relayed::KeepsKey),
        Self::Relayed(Relayed::UsedKey),
        Self::Relayed(Relayed::Recorded),
        Self::Relayed(Relayed::Announced),
        Self::Relayed(Relayed::Held),
        Self::Relayed(Relayed::Formats),
        Self::Relayed(Relayed::Families),
        Self::Relayed(Relayed::Networks),
    ];

    /// In one sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct: both phones are in one network, or outside of any",
            Self::DirectSdes => {
                "direct: both phones are in one network, or outside of any; this server has seen their keys"
            }
            Self::Relayed(why) => match why {
                Relayed::Policy => "relayed: the setting direct_media is `no`",
                Relayed::Changing => "relayed: the call is about to change",
                Relayed::Service => "relayed: one side is a service of this server",
                Relayed::NotOurs => "relayed: one side is no device of this server",
                Relayed::Refused => "relayed: a phone did not take the address of the other",
                Relayed::Protected => "relayed: DTLS or ICE is of each side with this server",
                Relayed::Keys => "relayed: the two have other kinds of SRTP keys, or one has none",
                Relayed::Signalling => "relayed: a key of one would be told to the other without TLS",
                Relayed::KeepsKey => "relayed: a phone is known not to take another SRTP key in a call",
                Relayed::UsedKey => "relayed: an SRTP key is in use for too long to be told to another",
                Relayed::Recorded => "relayed: the call is recorded",
                Relayed::Announced => "relayed: something is played into the call",
                Relayed::Held => "relayed: somebody is on hold",
                Relayed::Formats => "relayed: the two have other formats, keys or numbers of them",
                Relayed::Families => "relayed: one side has IPv4 and the other IPv6",
                Relayed::Networks => "relayed: the phones are in different networks",
            },
        }
    }
}
