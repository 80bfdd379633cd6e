//! Why a packet went no further.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal),* $(,)?) => {
        /// Why a packet was dropped. Each is counted for its stream: it is the answer to "why is it silent?".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])* $variant),* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];
            pub const COUNT: usize = Self::ALL.len();

            /// As a metric's label has it.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name),* }
            }
        }
    };
}

reasons! {
    /// For a port of nobody, in the moment of its closing.
    Closed "closed",
    /// Nothing has been agreed about this stream, or it was switched off.
    NotAgreed "not_agreed",
    /// Its source is not, and may not become, the other end's: a stray, or somebody who wants to listen or to be heard.
    NotFromPeer "not_from_peer",
    /// The first packets of a source that nothing announced; it is being watched.
    Learning "learning",
    /// No RTP, no RTCP, or longer than a slot.
    Malformed "malformed",
    /// STUN without ICE, DTLS without DTLS-SRTP, ZRTP, or a first byte that no protocol has.
    Unexpected "unexpected_protocol",
    /// RTP on the port of RTCP.
    WrongPort "wrong_port",
    /// Protected, and the keys have not been agreed (yet).
    NoKeys "no_keys",
    /// Its tag is wrong: another key, or altered (RFC 3711 section 3.3).
    Unauthenticated "unauthenticated",
    /// Received before, or older than the replay window.
    Replayed "replayed",
    /// More SSRCs than a context of SRTP holds, or the lifetime of its key is over.
    KeyLimit "key_limit",
    /// The other end said that it does not send, or was asked not to (RFC 3264 section 8.4: hold).
    NotReceiving "direction_receive",
    /// A payload type that was not agreed.
    UnknownPayload "unknown_payload",
    /// More of one stream in a second than any phone sends.
    TooMany "too_many",
    /// A number far from all others that nothing followed (RFC 3550 appendix A.1).
    Stray "stray",
    /// This end is connected with none.
    NotConnected "not_connected",
    /// Nothing has been agreed with the end it should go to.
    OtherNotAgreed "other_not_agreed",
    /// The end it should go to does not want to hear (hold).
    NotSending "direction_send",
    /// The end it should go to has no keys (yet).
    OtherNoKeys "other_no_keys",
    /// Its number was sent before under the same key: sent twice it would give the key stream away.
    NotProtected "not_protected",
    /// The end it should go to was not heard yet, and said no address that can be reached.
    NoAddress "no_address",
    /// The system did not take it.
    NotSent "not_sent",
}

impl Reason {
    /// Whether it says that a packet is not the other end's, or cannot be told to be.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::NotFromPeer
            | Self::Learning
            | Self::Malformed
            | Self::Unexpected
            | Self::WrongPort
            | Self::NoKeys
            | Self::Unauthenticated
            | Self::Replayed
            | Self::UnknownPayload => true,
            Self::Closed
            | Self::NotAgreed
            | Self::KeyLimit
            | Self::NotReceiving
            | Self::TooMany
            | Self::Stray
            | Self::NotConnected
            | Self::OtherNotAgreed
            | Self::NotSending
            | Self::OtherNoKeys
            | Self::NotProtected
            | Self::NoAddress
            | Self::NotSent => false,
        }
    }
}

/// A count of each reason. 176 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons([u64; Reason::COUNT]);

impl Default for Reasons {
    fn default() -> Self {
        Self([0; Reason::COUNT])
    }
}

impl Reasons {
    pub fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    pub fn of(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// Those that happened.
    pub fn each(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.iter().map(|reason| (*reason, self.of(*reason))).filter(|(_, count)| *count > 0)
    }

    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}
