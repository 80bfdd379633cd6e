//! How a stream may be encrypted.

use super::SummaryFault;
use super::media::Levels;
use crate::Proto;
use crate::attribute::{Attribute, Crypto, Fingerprint, Setup, TlsId};

/// `a=crypto` lines looked at in one stream. Worst-case memory: 32 times 200 bytes.
pub const CRYPTO_MAX: usize = 32;

/// `a=fingerprint` lines looked at in one stream. Worst-case memory: 16 times 96 bytes.
pub const FINGERPRINTS_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keying {
    /// No key is offered.
    Plain,
    /// A plain profile with keys beside it: encrypted when the other side can (RFC 8643).
    BestEffort(Keys),
    /// A secure profile: encrypted or refused. Without any key in it, it can only be refused.
    Required(Keys),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// In order of preference (RFC 4568 section 4.1). None with a DTLS profile.
    pub sdes: Vec<Crypto>,
    pub dtls: Option<DtlsKeying>,
    /// Lines that are there and were passed over: unknown suites and hashes, keys of another length, one tag twice,
    /// beyond the limits.
    pub unusable: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsKeying {
    /// The certificate shown must have one of these (RFC 8122 section 5.1). At least one.
    pub fingerprints: Vec<Fingerprint>,
    /// `None`: not said, which is `active` in an offer (RFC 4145 section 4).
    pub setup: Option<Setup>,
    pub tls_id: Option<TlsId>,
}

impl Keying {
    pub fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Plain => None,
            Self::BestEffort(keys) | Self::Required(keys) => Some(keys),
        }
    }

    pub fn sdes(&self) -> &[Crypto] {
        self.keys().map_or(&[], |keys| &keys.sdes)
    }

    pub fn dtls(&self) -> Option<&DtlsKeying> {
        self.keys().and_then(|keys| keys.dtls.as_ref())
    }

    /// Whether media may be sent in clear.
    pub fn allows_plain(&self) -> bool {
        match self {
            Self::Plain | Self::BestEffort(_) => true,
            Self::Required(_) => false,
        }
    }

    /// Encryption is asked for and no way to it is offered that we know.
    pub fn is_impossible(&self) -> bool {
        match self {
            Self::Plain | Self::BestEffort(_) => false,
            Self::Required(keys) => keys.sdes.is_empty() && keys.dtls.is_none(),
        }
    }

    pub(super) fn of(proto: Proto, levels: &Levels<'_, '_>) -> Result<Self, SummaryFault> {
        if !proto.is_rtp() {
            return Ok(Self::Plain);
        }
        let mut keys = Keys::default();
        if !proto.is_dtls() {
            keys.read_sdes(levels);
        }
        keys.read_dtls(levels)?;
        let has_any = !keys.sdes.is_empty() || keys.dtls.is_some();
        Ok(match (proto.is_secure(), has_any) {
            (true, _) => Self::Required(keys),
            (false, true) => Self::BestEffort(keys),
            (false, false) => Self::Plain,
        })
    }
}

impl Keys {
    /// `a=crypto` stands in media descriptions only (RFC 4568 section 4).
    fn read_sdes(&mut self, levels: &Levels<'_, '_>) {
        let lines = &levels.own.cryptos;
        let read = lines.iter().take(CRYPTO_MAX).filter_map(|value| Crypto::parse(value));
        let read: Vec<Crypto> = read.filter(Crypto::is_plain_srtp).collect();
        let times = |tag| read.iter().filter(|crypto| crypto.tag == tag).count();
        self.sdes = read.iter().filter(|crypto| times(crypto.tag) == 1).cloned().collect();
        self.unusable += lines.len() - self.sdes.len();
    }

    fn read_dtls(&mut self, levels: &Levels<'_, '_>) -> Result<(), SummaryFault> {
        let lines = levels.nearest(|section| &section.fingerprints);
        let read = lines.iter().take(FINGERPRINTS_MAX).filter_map(|value| Fingerprint::parse(value));
        let fingerprints: Vec<Fingerprint> = read.collect();
        self.unusable += lines.len() - fingerprints.len();
        if !fingerprints.is_empty() {
            let setup = levels.read(|section| section.setup)?;
            let tls_id = levels.read(|section| section.tls_id)?;
            self.dtls = Some(DtlsKeying { fingerprints, setup, tls_id });
        }
        Ok(())
    }
}
