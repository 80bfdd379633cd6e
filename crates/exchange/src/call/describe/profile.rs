//! What a device speaks, without a setting: what it has offered itself, else what is remembered of it, else what its
//! transport says. When it refuses, the next profile is tried, and what worked is remembered.

use coeur_directory::DeviceId;
use coeur_sdp::summary::Keying;
use coeur_sdp::{MediaSummary, Proto, Summary};
use coeur_sip::{Message, StatusCode, Transport};
use std::collections::BTreeMap;

/// How streams are offered on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::call) struct Profile {
    keying: Manner,
    /// RFC 4585: the profile has an F at its end.
    feedback: bool,
    ice: bool,
    /// RFC 5761.
    rtcp_mux: bool,
    /// RFC 9143; such a device needs no port for RTCP either.
    pub(super) bundle: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::call) enum Manner {
    Plain,
    /// A plain profile with keys beside it (RFC 8643).
    BestEffort,
    /// RFC 4568.
    Sdes,
    /// RFC 5764.
    Dtls,
}

impl Profile {
    pub(in crate::call) const PLAIN: Self =
        Self { keying: Manner::Plain, feedback: false, ice: false, rtcp_mux: false, bundle: false };
    pub(in crate::call) const SDES: Self = Self { keying: Manner::Sdes, ..Self::PLAIN };
    const BEST_EFFORT: Self = Self { keying: Manner::BestEffort, ..Self::PLAIN };
    /// A phone with DTLS-SRTP.
    const DTLS: Self = Self { keying: Manner::Dtls, feedback: true, rtcp_mux: true, ..Self::PLAIN };
    /// A browser accepts nothing else (RFC 8834, RFC 8827 section 6.5).
    pub(in crate::call) const WEB: Self = Self { ice: true, bundle: true, ..Self::DTLS };

    /// What is to be expected of a device of which nothing is known but its flow. One with TLS can do SDES: its keys are
    /// then not to be read by others (RFC 4568 section 9.1).
    pub(in crate::call) const fn of_transport(transport: Transport) -> Self {
        match transport {
            Transport::Ws | Transport::Wss => Self::WEB,
            Transport::Tls | Transport::TlsSctp => Self::SDES,
            Transport::Udp | Transport::Tcp | Transport::Sctp | Transport::Other => Self::PLAIN,
        }
    }

    /// What a device speaks that has said this. `None`: it says nothing of RTP.
    pub(in crate::call) fn of(summary: &Summary) -> Option<Self> {
        let is_rtp = |media: &&MediaSummary| media.proto.is_rtp() && !media.is_rejected;
        summary.media.iter().find(is_rtp).map(Self::of_media)
    }

    pub(super) fn of_media(media: &MediaSummary) -> Self {
        let keying = match &media.keying {
            Keying::Required(keys) if keys.sdes.is_empty() => Manner::Dtls,
            Keying::Required(_) => Manner::Sdes,
            Keying::BestEffort(keys) if !keys.sdes.is_empty() => Manner::BestEffort,
            Keying::BestEffort(_) | Keying::Plain => Manner::Plain,
        };
        Self {
            keying,
            feedback: media.proto.has_feedback(),
            ice: media.ice.is_some(),
            rtcp_mux: media.has_rtcp_mux,
            bundle: media.bundled.is_some() && media.has_rtcp_mux && media.ice.is_some(),
        }
    }

    pub(in crate::call) const fn with_ice(self) -> Self {
        Self { ice: true, ..self }
    }

    pub(in crate::call) const fn is_web(self) -> bool {
        self.has_dtls() && self.ice
    }

    pub(super) const fn proto(self) -> Proto {
        match (self.keying, self.feedback) {
            (Manner::Plain | Manner::BestEffort, false) => Proto::RtpAvp,
            (Manner::Plain | Manner::BestEffort, true) => Proto::RtpAvpf,
            (Manner::Sdes, false) => Proto::RtpSavp,
            (Manner::Sdes, true) => Proto::RtpSavpf,
            (Manner::Dtls, false) => Proto::UdpTlsRtpSavp,
            (Manner::Dtls, true) => Proto::UdpTlsRtpSavpf,
        }
    }

    pub(super) const fn has_sdes(self) -> bool {
        matches!(self.keying, Manner::Sdes | Manner::BestEffort)
    }

    pub(super) const fn has_dtls(self) -> bool {
        matches!(self.keying, Manner::Dtls)
    }

    pub(super) const fn has_ice(self) -> bool {
        self.ice
    }

    pub(super) const fn has_rtcp_mux(self) -> bool {
        self.rtcp_mux
    }

    /// Media never leaves in clear.
    pub(in crate::call) const fn is_secure(self) -> bool {
        matches!(self.keying, Manner::Sdes | Manner::Dtls)
    }

    /// For the journal; the numbers never change.
    pub(in crate::call) const fn to_number(self) -> u8 {
        let keying = match self.keying {
            Manner::Plain => 0,
            Manner::BestEffort => 1,
            Manner::Sdes => 2,
            Manner::Dtls => 3,
        };
        keying
            | (self.feedback as u8) << 2
            | (self.ice as u8) << 3
            | (self.rtcp_mux as u8) << 4
            | (self.bundle as u8) << 5
    }

    pub(in crate::call) const fn of_number(number: u8) -> Self {
        let keying = match number & 3 {
            0 => Manner::Plain,
            1 => Manner::BestEffort,
            2 => Manner::Sdes,
            _ => Manner::Dtls,
        };
        Self {
            keying,
            feedback: number & 1 << 2 != 0,
            ice: number & 1 << 3 != 0,
            rtcp_mux: number & 1 << 4 != 0,
            bundle: number & 1 << 5 != 0,
        }
    }

    /// What is offered after this many refusals when this was offered first. `None`: the refusal stands. A browser has no
    /// other profile, so that its refusal is of something else.
    pub(in crate::call) fn after(self, refusals: usize, transport: Transport) -> Option<Self> {
        let others: &[Self] = match self.keying {
            _ if matches!(transport, Transport::Ws | Transport::Wss) => &[],
            Manner::Plain => &[Self::SDES, Self::DTLS],
            Manner::Sdes => &[Self::BEST_EFFORT, Self::PLAIN],
            Manner::BestEffort | Manner::Dtls => &[Self::SDES, Self::PLAIN],
        };
        others.get(refusals.checked_sub(1)?).copied()
    }
}

/// Whether a refusal may be of the profile: Not Acceptable (RFC 3261 sections 21.4.26 and 21.6.4), Unsupported Media Type,
/// or whatever has one of the warnings about the session (section 20.43).
pub(in crate::call) fn is_about_media(status: StatusCode, response: &Message<'_>) -> bool {
    let warned = || response.warnings().flatten().any(|warning| (300..=307).contains(&warning.code));
    match status.code() {
        415 | 488 | 606 => true,
        400..=599 => warned(),
        _ => false,
    }
}

/// What devices have shown that they speak, each over its transport: one device may be a phone and a page. Worst case of
/// one shard: 2 times [`GENERATION_MAX`] entries of some 40 bytes, 1.3 MB.
#[derive(Default)]
pub(in crate::call) struct Profiles {
    recent: BTreeMap<(DeviceId, Transport), Profile>,
    /// Those that were not used while as many others were.
    before: BTreeMap<(DeviceId, Transport), Profile>,
}

const GENERATION_MAX: usize = 16_384;

impl Profiles {
    pub(in crate::call) fn remember(&mut self, device: DeviceId, transport: Transport, profile: Profile) {
        if self.recent.len() >= GENERATION_MAX && !self.recent.contains_key(&(device, transport)) {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert((device, transport), profile);
    }

    pub(in crate::call) fn find(&self, device: DeviceId, transport: Transport) -> Option<Profile> {
        let key = (device, transport);
        self.recent.get(&key).or_else(|| self.before.get(&key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_the_latest_stays() {
        let mut profiles = Profiles::default();
        let count = 5 * GENERATION_MAX as u64;
        (0..count).for_each(|id| profiles.remember(DeviceId(id), Transport::Udp, Profile::SDES));
        assert!(profiles.recent.len() + profiles.before.len() <= 2 * GENERATION_MAX);
        let latest = DeviceId(count - 1);
        assert_eq!(profiles.find(latest, Transport::Udp), Some(Profile::SDES));
        assert_eq!(profiles.find(latest, Transport::Wss), None, "each transport for itself");
        assert_eq!(profiles.find(DeviceId(0), Transport::Udp), None);
    }

    #[test]
    fn a_profile_reads_back_from_its_number() {
        for profile in [Profile::PLAIN, Profile::SDES, Profile::BEST_EFFORT, Profile::DTLS, Profile::WEB] {
            assert_eq!(Profile::of_number(profile.to_number()), profile);
        }
    }

    #[test]
    fn no_profile_is_tried_twice_and_a_browser_gets_no_other() {
        for first in [Profile::PLAIN, Profile::SDES, Profile::BEST_EFFORT, Profile::DTLS, Profile::WEB] {
            let mut tried: Vec<Manner> = vec![first.keying];
            for profile in (1..).map_while(|refusals| first.after(refusals, Transport::Udp)) {
                assert!(!tried.contains(&profile.keying), "{first:?} {profile:?}");
                tried.push(profile.keying);
            }
            assert_eq!(tried.len(), 3);
            assert_eq!(first.after(1, Transport::Wss), None);
        }
    }
}
