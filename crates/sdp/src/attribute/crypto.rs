//! `a=crypto` (RFC 4568 section 4): `1 AES_CM_128_HMAC_SHA1_80 inline:<key||salt>|2^20|1:32`.

use super::{Attribute, SrtpKey, Suite, token};
use crate::parse::{number, words};
use std::io::Write;

/// One key offered or chosen. An attribute with a suite that we do not know, or a key of another length than the
/// suite's, is not one: it is passed over, as section 5.1.2 asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Names the attribute in its media description; the answer repeats that of its choice.
    pub tag: u32,
    pub suite: Suite,
    /// At least one. Several have master key identifiers (section 6.1).
    pub keys: Vec<KeyParameter>,
    pub session: SessionParameters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyParameter {
    pub key: SrtpKey,
    pub lifetime: Option<Lifetime>,
    pub identifier: Option<MasterKeyIdentifier>,
}

/// Packets that may be sent with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// `2^20`.
    PowerOfTwo(u8),
    Packets(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeyIdentifier {
    pub value: u64,
    /// Length in each packet, 1 to 128. A value of more than 8 bytes is not read.
    pub bytes: u8,
}

/// Session parameters (section 6.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionParameters {
    /// `KDR=n`: keys are derived anew each 2^n packets.
    pub key_derivation_rate: Option<u8>,
    /// `WSH=n`: smallest replay window.
    pub window_size_hint: Option<u16>,
    pub unencrypted_srtp: bool,
    pub unencrypted_srtcp: bool,
    pub unauthenticated_srtp: bool,
    /// `FEC_ORDER`, `FEC_KEY` and whatever is not known, as written. A name that begins with `-` may be ignored, any
    /// other must be understood (section 6.3.7).
    pub others: Vec<String>,
}

impl Crypto {
    /// A key without lifetime, identifier and session parameters: what everybody understands.
    pub fn new(tag: u32, suite: Suite, key: SrtpKey) -> Self {
        let key = KeyParameter { key, lifetime: None, identifier: None };
        Self { tag, suite, keys: vec![key], session: SessionParameters::default() }
    }

    /// Whether nothing is asked for that weakens SRTP or that we do not do: neither `UNENCRYPTED_*` nor
    /// `UNAUTHENTICATED_SRTP`, no rekeying by `KDR`, no `FEC_*`, nothing unknown that is mandatory.
    pub fn is_plain_srtp(&self) -> bool {
        let session = &self.session;
        let clear = session.unencrypted_srtp || session.unencrypted_srtcp || session.unauthenticated_srtp;
        !clear
            && session.key_derivation_rate.is_none_or(|rate| rate == 0)
            && session.others.iter().all(|other| other.starts_with('-'))
    }
}

impl Attribute for Crypto {
    const NAME: &'static [u8] = b"crypto";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        // 1*9DIGIT
        let tag = parts.next().filter(|tag| tag.len() <= 9).and_then(number)?;
        let suite = Suite::parse(parts.next()?)?;
        let keys = parts.next()?;
        let keys = keys.split(|&b| b == b';').map(|key| KeyParameter::parse(suite, key));
        let keys: Vec<KeyParameter> = keys.collect::<Option<_>>()?;
        // Several keys can only be told apart by their identifiers, which then all have one length (section 6.1).
        let length = |key: &KeyParameter| key.identifier.map(|identifier| identifier.bytes);
        let first = keys.first().map(length)?;
        if keys.len() > 1 && (first.is_none() || keys.iter().any(|key| length(key) != first)) {
            return None;
        }
        Some(Self { tag, suite, keys, session: SessionParameters::parse(parts)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{} {} ", self.tag, self.suite.as_str());
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            key.write(out);
        }
        self.session.write(out);
    }
}

impl KeyParameter {
    /// `inline:<base64>[|lifetime][|MKI:length]`; the second part may be either (section 6.1).
    fn parse(suite: Suite, text: &[u8]) -> Option<Self> {
        let (method, info) = text.split_at_checked(7)?;
        if !method.eq_ignore_ascii_case(b"inline:") {
            return None;
        }
        let mut parts = info.split(|&b| b == b'|');
        let key = SrtpKey::decode(suite, parts.next()?)?;
        let (mut lifetime, mut identifier) = (None, None);
        for part in parts {
            if part.contains(&b':') && identifier.is_none() {
                identifier = Some(MasterKeyIdentifier::parse(part)?);
            } else if lifetime.is_none() && identifier.is_none() {
                lifetime = Some(Lifetime::parse(part)?);
            } else {
                return None;
            }
        }
        Some(Self { key, lifetime, identifier })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"inline:");
        self.key.encode(out);
        let _ = match self.lifetime {
            Some(Lifetime::PowerOfTwo(power)) => write!(out, "|2^{power}"),
            Some(Lifetime::Packets(packets)) => write!(out, "|{packets}"),
            None => Ok(()),
        };
        if let Some(MasterKeyIdentifier { value, bytes }) = self.identifier {
            let _ = write!(out, "|{value}:{bytes}");
        }
    }
}

impl Lifetime {
    fn parse(text: &[u8]) -> Option<Self> {
        match text.strip_prefix(b"2^") {
            Some(power) => number(power).filter(|power| *power < 64).map(Self::PowerOfTwo),
            None => number(text).filter(|packets| *packets > 0).map(Self::Packets),
        }
    }

    pub const fn packets(self) -> u64 {
        match self {
            Self::PowerOfTwo(power) => 1 << power,
            Self::Packets(packets) => packets,
        }
    }
}

impl MasterKeyIdentifier {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(2, |&b| b == b':');
        let value: u64 = number(parts.next()?)?;
        let bytes = number(parts.next()?).filter(|bytes: &u8| (1..=128).contains(bytes))?;
        // The value fits into its length.
        (bytes >= 8 || value >> (8 * bytes) == 0).then_some(Self { value, bytes })
    }
}

impl SessionParameters {
    fn parse<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut session = Self::default();
        for part in parts {
            let part = token(part)?;
            match part.split_once('=').unwrap_or((&part, "")) {
                ("KDR", rate) if session.key_derivation_rate.is_none() => {
                    session.key_derivation_rate = Some(number(rate.as_bytes()).filter(|rate| *rate <= 24)?);
                }
                // RFC 4568 section 6.3.6: at least 64.
                ("WSH", size) if session.window_size_hint.is_none() => {
                    session.window_size_hint = Some(number(size.as_bytes()).filter(|size| *size >= 64)?);
                }
                // Twice: which one is meant?
                ("KDR" | "WSH", _) => return None,
                ("UNENCRYPTED_SRTP", "") => session.unencrypted_srtp = true,
                ("UNENCRYPTED_SRTCP", "") => session.unencrypted_srtcp = true,
                ("UNAUTHENTICATED_SRTP", "") => session.unauthenticated_srtp = true,
                _ => session.others.push(part),
            }
        }
        Some(session)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(rate) = self.key_derivation_rate {
            let _ = write!(out, " KDR={rate}");
        }
        if let Some(size) = self.window_size_hint {
            let _ = write!(out, " WSH={size}");
        }
        let flags = [
            (self.unencrypted_srtp, "UNENCRYPTED_SRTP"),
            (self.unencrypted_srtcp, "UNENCRYPTED_SRTCP"),
            (self.unauthenticated_srtp, "UNAUTHENTICATED_SRTP"),
        ];
        for (_, name) in flags.iter().filter(|(set, _)| *set) {
            let _ = write!(out, " {name}");
        }
        for other in &self.others {
            let _ = write!(out, " {other}");
        }
    }
}
