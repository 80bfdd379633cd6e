//! A description as it was said on a leg. It is kept once, however many have it, and read once, however often somebody asks
//! what it promises: to set a call up its four descriptions are looked at some twenty-five times.

use super::{Described, summary_of};
use coeur_sdp::Summary;
use std::fmt;
use std::sync::Arc;

/// Cheap to clone. Empty: nothing has been said.
#[derive(Clone, Default)]
pub(in crate::call) struct Text {
    bytes: Arc<[u8]>,
    /// `None`: it cannot be worked with, or what it promises was forgotten.
    summary: Option<Arc<Summary>>,
}

impl Text {
    pub(in crate::call) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(in crate::call) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What it promises. `None`: it is not one that we can work with.
    pub(in crate::call) fn read(&self) -> Option<Described<'_>> {
        match &self.summary {
            Some(summary) => Some(Described { bytes: &self.bytes, summary: Arc::clone(summary) }),
            None => super::read(&self.bytes),
        }
    }

    /// Of a call that is answered: it may be that nobody ever asks.
    pub(in crate::call) fn unread(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), summary: None }
    }

    /// While two talk nobody asks, and a summary is larger than the text. Whoever asks then reads it again.
    pub(in crate::call) fn forget(&mut self) {
        self.summary = None;
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), summary: summary_of(bytes).map(Arc::new) }
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&bytes[..])
    }
}

#[cfg(test)]
impl Text {
    pub(in crate::call) fn is_read(&self) -> bool {
        self.summary.is_some()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// Not its text: that may have keys.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

    #[test]
    fn whoever_has_a_text_has_what_was_read_of_it_once() {
        let text = Text::from(TEXT);
        let (one, other) = (text.clone(), text.clone());
        let (one, other) = (one.read().expect("one reading"), other.read().expect("one reading"));
        assert!(Arc::ptr_eq(&one.summary, &other.summary));
    }

    #[test]
    fn what_was_forgotten_is_read_again_and_promises_the_same() {
        let mut text = Text::from(TEXT);
        let before = text.read().expect("one reading").summary;
        text.forget();
        let after = text.read().expect("one reading");
        assert_eq!((&before, after.lines().media.len()), (&after.summary, 1));
        assert!(!Arc::ptr_eq(&before, &after.summary));
    }

    #[test]
    fn what_cannot_be_read_promises_nothing_whenever_it_is_asked() {
        let text = Text::from(&b"v=0\r\nodd"[..]);
        assert!(text.read().is_none() && text.read().is_none() && !text.is_empty());
        assert!(Text::default().read().is_none() && Text::default().is_empty());
    }
}
