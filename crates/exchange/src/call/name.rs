//! The names that we give away: branches of our requests and tags of our legs. Both carry the shard that owns the call and
//! the slot of what they name, so that whatever comes back is found without a map, by whichever socket it comes
//! (decision 0012); 64 random bits make them unguessable (RFC 3261 sections 8.1.1.7 and 19.3).

use crate::flow::ShardId;
use crate::mint::{Mint, read_hex, write_hex};
use coeur_sip::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) shard: ShardId,
    pub(super) slot: u32,
    pub(super) random: u64,
}

/// shard(2) slot(8) random(16), all lower-case hex.
const DIGITS: usize = 2 + 8 + 16;
const BRANCH: &[u8] = b"z9hG4bKb";
/// No other tag of ours has a hyphen.
const TAG: &[u8] = b"b2b-";

pub(super) const BRANCH_LEN: usize = BRANCH.len() + DIGITS;
pub(super) const TAG_LEN: usize = TAG.len() + DIGITS;

impl Name {
    pub(super) fn new(mint: &mut Mint, slot: u32) -> Self {
        Self { shard: mint.shard(), slot, random: mint.u64() }
    }

    pub(super) fn branch(&self) -> [u8; BRANCH_LEN] {
        let mut text = [0; BRANCH_LEN];
        text[..BRANCH.len()].copy_from_slice(BRANCH);
        self.write(&mut text[BRANCH.len()..]);
        text
    }

    pub(super) fn tag(&self) -> [u8; TAG_LEN] {
        let mut text = [0; TAG_LEN];
        text[..TAG.len()].copy_from_slice(TAG);
        self.write(&mut text[TAG.len()..]);
        text
    }

    pub(super) fn of_branch(text: &[u8]) -> Option<Self> {
        Self::read(text.strip_prefix(BRANCH)?)
    }

    pub(super) fn of_tag(text: &[u8]) -> Option<Self> {
        Self::read(text.strip_prefix(TAG)?)
    }

    fn write(&self, digits: &mut [u8]) {
        write_hex(u64::from(self.shard.0), &mut digits[..2]);
        write_hex(u64::from(self.slot), &mut digits[2..10]);
        write_hex(self.random, &mut digits[10..]);
    }

    fn read(digits: &[u8]) -> Option<Self> {
        if digits.len() != DIGITS {
            return None;
        }
        Some(Self {
            shard: ShardId(read_hex(&digits[..2])? as u8),
            slot: read_hex(&digits[2..10])? as u32,
            random: read_hex(&digits[10..])?,
        })
    }
}

/// The shard whose transaction a response answers, by the branch of its top Via.
pub(crate) fn shard_of_branch(branch: &[u8]) -> Option<ShardId> {
    Name::of_branch(branch).map(|name| name.shard)
}

/// The shard that owns the dialog with this tag of ours.
pub fn shard_of_tag(tag: &[u8]) -> Option<ShardId> {
    Name::of_tag(tag).map(|name| name.shard)
}

/// The shard that owns the dialog of a request: named by its To tag, or by the dialog that it replaces (RFC 3891).
pub fn shard_of_request(message: &Message<'_>) -> Option<ShardId> {
    if let Some(tag) = message.to_tag() {
        return Name::of_tag(tag).map(|name| name.shard);
    }
    let replaces = message.replaces().ok().flatten()?;
    let tags = [replaces.dialog.local_tag, replaces.dialog.remote_tag];
    tags.into_iter().find_map(Name::of_tag).map(|name| name.shard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_from_branch_and_tag_and_from_nothing_else() {
        let name = Name { shard: ShardId(5), slot: 77, random: 0xdead_beef };
        assert_eq!(Name::of_branch(&name.branch()), Some(name));
        assert_eq!(Name::of_tag(&name.tag()), Some(name));
        assert_eq!(shard_of_branch(&name.branch()), Some(ShardId(5)));
        assert_eq!(shard_of_tag(&name.tag()), Some(ShardId(5)));
        assert_eq!(Name::of_tag(&name.branch()), None);
        assert_eq!(Name::of_tag(&name.tag()[..TAG_LEN - 1]), None);
        assert_eq!(Name::of_tag(b"b2b-GG0000004d00000000deadbeef"), None);
    }
}
