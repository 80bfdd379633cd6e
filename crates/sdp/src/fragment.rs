//! What trickle ICE sends after offer and answer: `application/trickle-ice-sdpfrag` (RFC 8840 section 9).

use crate::attribute::{Attribute, AttributeError, Candidate, IcePassword, IceUfrag, Mid};
use crate::description::{Description, Media};
use crate::line::Line;
use crate::parse::parse_fragment;
use crate::session::attribute_line;
use crate::{MediaDescription, SdpError};
use std::fmt;

/// Candidates of one ICE session, by media description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceFragment {
    /// Of which ICE session this speaks: a fragment from before a restart has others.
    pub ufrag: Option<IceUfrag>,
    pub password: Option<IcePassword>,
    pub media: Vec<MediaFragment>,
    /// `a=end-of-candidates` at session level: for all media.
    pub ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFragment {
    /// The `m=` line as written; only `mid` says which stream is meant (section 9.2).
    pub line: MediaDescription,
    pub mid: Mid,
    pub candidates: Vec<Candidate>,
    pub ended: bool,
}

/// Why a fragment cannot be used. Who sent it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentError {
    Text(SdpError),
    Attribute(AttributeError),
    /// Media description `index` has no `a=mid`.
    NoMid {
        index: usize,
    },
}

impl IceFragment {
    pub fn parse(text: &[u8]) -> Result<Self, FragmentError> {
        let description = parse_fragment(text).map_err(FragmentError::Text)?;
        let media = description.media.iter().enumerate().map(|(index, media)| read_media(index, media));
        Ok(Self {
            ufrag: credential(&description)?,
            password: credential(&description)?,
            media: media.collect::<Result<_, _>>()?,
            ended: description.has(b"end-of-candidates"),
        })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let line = |value: &[u8], out: &mut Vec<u8>| Line { kind: b'a', value }.write(out);
        let mut session = Vec::new();
        self.ufrag.iter().for_each(|ufrag| session.push(attribute_line(ufrag)));
        self.password.iter().for_each(|password| session.push(attribute_line(password)));
        session.iter().for_each(|attribute| line(&attribute.value, out));
        if self.ended {
            line(b"end-of-candidates", out);
        }
        for media in &self.media {
            let mut section = MediaDescription { lines: Vec::new(), ..media.line.clone() };
            section.push(&media.mid);
            media.candidates.iter().for_each(|candidate| section.push(candidate));
            if media.ended {
                section.push_flag("end-of-candidates");
            }
            section.write(out);
        }
    }
}

/// At session level, or the same in whichever media description has it.
fn credential<T: Attribute>(description: &Description<'_>) -> Result<Option<T>, FragmentError> {
    let own = description.read().map_err(FragmentError::Attribute)?;
    let below = || description.media.iter().find_map(|media| media.read().transpose()).transpose();
    match own {
        Some(own) => Ok(Some(own)),
        None => below().map_err(FragmentError::Attribute),
    }
}

fn read_media(index: usize, media: &Media<'_>) -> Result<MediaFragment, FragmentError> {
    let mid = media.read().map_err(FragmentError::Attribute)?.ok_or(FragmentError::NoMid { index })?;
    let line = MediaDescription::from(&Media { lines: Vec::new(), ..media.clone() });
    // A candidate of a kind that is not known is passed over (RFC 8839 section 5.1).
    let candidates = media.read_all().flatten().collect();
    Ok(MediaFragment { line, mid, candidates, ended: media.has(b"end-of-candidates") })
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Attribute(error) => error.fmt(f),
            Self::NoMid { index } => write!(f, "media description {index} of the fragment has no mid"),
        }
    }
}

impl std::error::Error for FragmentError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::AttributeFault;

    /// As in the example of RFC 8840 section 9.
    const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n\
        m=audio 9 RTP/AVP 0\r\na=mid:1\r\n\
        a=candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::3 5000 typ host\r\n\
        a=candidate:1 2 UDP 2130706432 2001:db8:a0b:12f0::3 5001 typ host\r\na=end-of-candidates\r\n\
        m=audio 9 RTP/AVP 0\r\na=mid:2\r\n";

    #[test]
    fn a_fragment_is_read_and_written() {
        let fragment = IceFragment::parse(FRAGMENT.as_bytes()).expect("a fragment");
        assert_eq!(fragment.ufrag, Some(IceUfrag("EsAw".into())));
        assert_eq!((fragment.media.len(), fragment.ended), (2, false));
        assert_eq!((fragment.media[0].candidates.len(), fragment.media[0].ended), (2, true));
        assert_eq!(fragment.media[1].mid, Mid("2".into()));
        let mut out = Vec::new();
        fragment.write(&mut out);
        assert_eq!(String::from_utf8(out).as_deref(), Ok(FRAGMENT));
    }

    #[test]
    fn credentials_may_stand_below_a_media_line() {
        let text =
            b"m=audio 9 RTP/AVP 0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=mid:0\r\n";
        let fragment = IceFragment::parse(text).expect("a fragment");
        assert!(fragment.ufrag.is_some() && fragment.password.is_some());
    }

    #[test]
    fn a_fragment_without_mid_or_with_two_passwords_is_refused() {
        let parse = |text: &str| IceFragment::parse(text.as_bytes()).map(|_| ());
        assert_eq!(parse("m=audio 9 RTP/AVP 0\r\n"), Err(FragmentError::NoMid { index: 0 }));
        let two = format!("{FRAGMENT}a=mid:3\r\n");
        assert!(
            matches!(parse(&two), Err(FragmentError::Attribute(e)) if e.fault == AttributeFault::Repeated)
        );
        assert!(matches!(parse("garbage"), Err(FragmentError::Text(_))));
    }
}
