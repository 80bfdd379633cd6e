//! Which way the media of a call goes, and why (decision 0021).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaPath {
    /// From phone to phone.
    Direct,
    /// The same, protected by keys of the phones that have passed through us: whoever has our signalling could read it.
    DirectSdes,
    /// The two check each other's addresses, and choose one of these or our port, where all passes as it is (decision 0042).
    Own,
    /// The same, and no media has come here lately.
    OwnDirect,
    /// The same, and media comes here.
    OwnHere,
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
    /// The two would check each other, but nobody of another domain is told the addresses of who is called or calls.
    Domains,
    /// Several devices rang, so that none of them could be told of the other.
    Several,
    /// The two checked each other until something needed the media here, and do so no more in this call.
    Returned,
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
    pub const ALL: [Self; 24] = [
        Self::Direct,
        Self::DirectSdes,
        Self::Own,
        Self::OwnDirect,
        Self::OwnHere,
        Self::Relayed(Relayed::Policy),
        Self::Relayed(Relayed::Changing),
        Self::Relayed(Relayed::Service),
        Self::Relayed(Relayed::NotOurs),
        Self::Relayed(Relayed::Refused),
        Self::Relayed(Relayed::Protected),
        Self::Relayed(Relayed::Domains),
        Self::Relayed(Relayed::Several),
        Self::Relayed(Relayed::Returned),
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

    /// The same when it is known whether media comes here; `None`: it is not.
    pub const fn seen(self, comes: Option<bool>) -> Self {
        match (self, comes) {
            (Self::Own | Self::OwnDirect | Self::OwnHere, Some(true)) => Self::OwnHere,
            (Self::Own | Self::OwnDirect | Self::OwnHere, Some(false)) => Self::OwnDirect,
            (Self::Own | Self::OwnDirect | Self::OwnHere, None) => Self::Own,
            (Self::Direct | Self::DirectSdes | Self::Relayed(_), _) => self,
        }
    }

    /// In one sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct: both phones are in one network, or outside of any",
            Self::DirectSdes => {
                "direct: both phones are in one network, or outside of any; this server has seen their keys"
            }
            Self::Own => {
                "direct, or through this server as it is: the two devices choose, and have keys of their own"
            }
            Self::OwnDirect => {
                "direct, as far as is seen here: no media passes; the two devices have keys of their own"
            }
            Self::OwnHere => {
                "through this server as it is: the two devices have found no direct way, and have keys of their own"
            }
            Self::Relayed(why) => match why {
                Relayed::Policy => "relayed: the setting direct_media is `no`",
                Relayed::Changing => "relayed: the call is about to change",
                Relayed::Service => "relayed: one side is a service of this server",
                Relayed::NotOurs => "relayed: one side is no device of this server",
                Relayed::Refused => "relayed: a phone did not take the address of the other",
                Relayed::Protected => "relayed: DTLS or ICE is of each side with this server",
                Relayed::Domains => {
                    "relayed: the two are of different domains, and are not told the addresses of each other"
                }
                Relayed::Several => "relayed: several devices rang, and none was told of the other side",
                Relayed::Returned => "relayed: it was direct, has come back for something, and stays",
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
