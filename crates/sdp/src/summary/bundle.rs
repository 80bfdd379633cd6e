//! Which streams share one transport (RFC 9143).

use super::section::Section;
use super::{SummaryError, SummaryFault};
use crate::Description;
use crate::attribute::{Attribute, Group, Mid};

/// The `mid` of each stream, and the first stream of its BUNDLE group.
pub(super) struct Bundles {
    pub(super) mids: Vec<Option<String>>,
    tagged: Vec<Option<usize>>,
}

impl Bundles {
    pub(super) fn of(description: &Description<'_>, sections: &[Section<'_>]) -> Result<Self, SummaryError> {
        let mut mids: Vec<Option<String>> = Vec::with_capacity(sections.len());
        for (index, section) in sections.iter().enumerate() {
            let fail = |fault| SummaryError { media: Some(index), fault };
            let mid = section.mid.read::<Mid>().map_err(|error| fail(error.into()))?.map(|mid| mid.0);
            if mid.is_some() && mids.contains(&mid) {
                return Err(fail(SummaryFault::MidTwice));
            }
            mids.push(mid);
        }
        let mut tagged = vec![None; mids.len()];
        for group in description.attributes(Group::NAME).filter_map(Group::parse).filter(Group::is_bundle) {
            let members = group.mids.iter().filter_map(|name| index_of(&mids, name));
            let mut first = None;
            for member in members.take(mids.len()) {
                // In two groups is in the first: section 7.1 allows one.
                let first = *first.get_or_insert(member);
                tagged[member].get_or_insert(first);
            }
        }
        Ok(Self { mids, tagged })
    }

    /// The tagged stream of the group of stream `index`: its transport is that of all.
    pub(super) fn tagged(&self, index: usize) -> Option<usize> {
        self.tagged.get(index).copied().flatten()
    }
}

fn index_of(mids: &[Option<String>], name: &str) -> Option<usize> {
    mids.iter().position(|mid| mid.as_deref() == Some(name))
}
