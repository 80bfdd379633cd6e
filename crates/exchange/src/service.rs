//! Who answers calls within this program, without a phone: chosen by [`crate::routing`], a leg of the call in
//! [`crate::call`], sound in the media plane ([`crate::media::MediaCommand::Serve`]).

use crate::flow::ShardId;
use crate::guard::room_of;
use crate::world::World;

/// A service that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Who calls hears himself, so that one phone can be tested alone.
    Echo,
    /// All who call the same room hear each other.
    Conference(Room),
    /// A phone that is rung to see whether it works hears itself, and is listened to: see `call/trial`. The room is its own.
    Test(Room),
}

/// A conference by its name and domain: a keyed hash of them, so that nobody can choose two names of one room. The same on all
/// shards, until the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Room(pub u64);

/// Who is in one conference at most. Each costs the media worker some 200 µs of every 20 ms with Opus at 16 kHz, 30 µs with
/// G.722, 10 µs with G.711 (decision 0027).
pub const ROOM_MEMBERS_MAX: usize = 32;
/// Who is in any conference of one shard at most: 64 % of a core when all speak Opus.
pub const MEMBERS_MAX: usize = 64;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;

impl Service {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Conference(_) => "conference",
            Self::Test(_) => "test",
        }
    }

    /// The shard whose media worker mixes it; `None`: each mixes its own.
    pub(crate) fn home(self, world: &World) -> Option<ShardId> {
        match self {
            Self::Echo | Self::Test(_) => None,
            // Shards are few, so that the remainder is one.
            Self::Conference(Room(room)) => {
                Some(ShardId((room % u64::from(world.settings.shards.max(1))) as u8))
            }
        }
    }
}

impl Room {
    /// The room that a user part names, in any case. `None`: it names none.
    pub(crate) fn named(world: &World, user: &[u8], domain: &[u8]) -> Option<Room> {
        let prefix = world.settings.conference_prefix.as_bytes();
        let (head, name) = user.split_at_checked(prefix.len())?;
        let is_name = !prefix.is_empty() && head.eq_ignore_ascii_case(prefix);
        let is_short = (1..=NAME_BYTES_MAX).contains(&name.len());
        let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
        (is_name && is_short).then(|| Room(room_of(&world.secrets, &name, &domain)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_named_in_any_case_and_by_its_domain() {
        let mut world = crate::testing::world();
        let room =
            |world: &World, user: &str, domain: &str| Room::named(world, user.as_bytes(), domain.as_bytes());
        let sales = room(&world, "conference-sales", "example.org");
        assert!(sales.is_some());
        assert_eq!(room(&world, "Conference-SALES", "Example.ORG"), sales);
        assert_ne!(room(&world, "conference-sale", "example.org"), sales);
        assert_ne!(room(&world, "conference-sales", "example.net"), sales);
        assert_eq!(room(&world, "conference-", "example.org"), None);
        assert_eq!(room(&world, &format!("conference-{}", "x".repeat(65)), "example.org"), None);
        assert_eq!(room(&world, "alice", "example.org"), None);
        world.settings.conference_prefix = "".into();
        assert_eq!(room(&world, "conference-sales", "example.org"), None);
    }

    #[test]
    fn a_room_is_at_home_on_one_of_the_shards() {
        let mut world = crate::testing::world();
        world.settings.shards = 3;
        let home = |room| Service::Conference(Room(room)).home(&world);
        assert_eq!([0, 1, 2, 3].map(home), [0, 1, 2, 0].map(|shard| Some(ShardId(shard))));
        assert_eq!(Service::Echo.home(&world), None);
    }
}
