//! Why somebody is not heard.

macro_rules! causes {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal),* $(,)?) => {
        /// Why a side of a call is not heard, or does not hear; the most certain first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[doc = $doc])* $variant),* }

        impl Cause {
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),*];
            pub const COUNT: usize = Self::ALL.len();

            /// As a metric's label has it.
            pub const fn name(self) -> &'static str {
                match self { $(Cause::$variant => $name),* }
            }

            pub fn of_name(name: &str) -> Option<Cause> {
                Self::ALL.iter().copied().find(|cause| cause.name() == name)
            }
        }
    };
}

causes! {
    /// It has refused the sound (port 0).
    Rejected "rejected",
    /// The keys, roles or profiles of its description and of ours do not fit.
    KeysDoNotFit "keys_do_not_fit",
    /// This server had no port for it.
    NoPorts "no_ports",
    /// A firewall of this machine does not let out what goes to it.
    Forbidden "forbidden",
    /// It has another certificate than its description names (RFC 8122).
    WrongCertificate "wrong_certificate",
    /// The handshake broke.
    DtlsFailed "dtls_failed",
    /// SRTP was agreed, and it sends in the clear.
    PlainForSrtp "plain_for_srtp",
    /// Plain RTP was agreed, and what it sends looks encrypted.
    SrtpForPlain "srtp_for_plain",
    /// Nothing that it sends is authentic under the key that it announced.
    WrongKey "wrong_key",
    /// What it sends was authentic, and is not any more.
    KeyChanged "key_changed",
    /// It sends packets with numbers that were there before.
    Replayed "replayed",
    /// The lifetime of its key is over, or it has too many sources.
    KeyLimit "key_limit",
    /// It sends a payload type that was not agreed.
    UnknownPayload "unknown_payload",
    /// It sends a format that the other side does not have.
    NoCommonFormat "no_common_format",
    /// What comes from it is no RTP.
    NotRtp "not_rtp",
    /// ICE, DTLS or ZRTP comes from it, and none was agreed.
    OtherProfile "other_profile",
    /// It sends RTP to the port of RTCP.
    RtpOnRtcpPort "rtp_on_rtcp_port",
    /// Its timestamps run at another rate than was agreed.
    WrongClock "wrong_clock",
    /// It confirms no more that it wants media (RFC 7675).
    ConsentLost "consent_lost",
    /// Its ICE user name or password is none, or its checks have another.
    IceCredentials "ice_credentials",
    /// No pair of addresses works.
    IceNoPair "ice_no_pair",
    /// It agreed on ICE and makes no checks.
    IceNoChecks "ice_no_checks",
    /// Each side waits for the other to begin the handshake.
    DtlsNotBegun "dtls_not_begun",
    /// The handshake began and does not end: its large packets are lost, or its answers.
    DtlsStuck "dtls_stuck",
    /// It says itself, by RTCP, that it sends nothing.
    SaysItSendsNothing "says_it_sends_nothing",
    /// Large packets are lost on the way, small ones come.
    LargeLost "large_lost",
    /// It says that it sends, its RTCP comes, and its RTP does not.
    OnlyRtcp "only_rtcp",
    /// Its device is registered from elsewhere now.
    DeviceMoved "device_moved",
    /// Its router has given it another port, or address.
    MappingChanged "mapping_changed",
    /// Something comes from where nothing was announced.
    StrangeSource "strange_source",
    /// Nobody listens where it said that it receives.
    PortClosed "port_closed",
    /// There is no way to where it said that it receives.
    Unreachable "unreachable",
    /// What goes to it is larger than the way takes.
    TooLarge "too_large",
    /// A router has rewritten its signalling, and not its description.
    SipAlg "sip_alg",
    /// It announced an address inside its network, and nothing comes.
    PrivateAddress "private_address",
    /// It said no address that can be reached, and nothing has come by which one would be known.
    NoAddress "no_address",
    /// What comes from it goes nowhere: a fault of this server.
    NotJoined "not_joined",
    /// The system did not take what goes to it.
    NotSent "not_sent",
    /// It was heard, and sends nothing any more.
    Stopped "stopped",
    /// Nothing comes from it at all: a firewall, or it never began.
    NothingComes "nothing_comes",
    /// It reports that nothing of what we send arrives.
    NotHeardThere "not_heard_there",
    /// Too much of what it sends is lost.
    Loss "loss",
    /// It reports that too much of what we send is lost.
    LossThere "loss_there",
    /// What it sends comes too unevenly.
    Jitter "jitter",
    /// It has not acknowledged that the call was answered (RFC 3261 section 13.3.1.4).
    NoAck "no_ack",
}

// A set of causes is a `u64` (see `call`).
const _: () = assert!(Cause::COUNT <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_name_of_its_own_by_which_it_is_found() {
        for cause in Cause::ALL {
            assert_eq!(Cause::of_name(cause.name()), Some(*cause));
        }
        assert_eq!(Cause::of_name("bad_luck"), None);
    }
}
