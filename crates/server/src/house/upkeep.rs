//! What is done once a second behind the shards: snapshots, and the way back after the disk has failed.

use super::recovery;
use crate::net::machine;
use coeur_exchange::bindings::{Bindings, Version};
use coeur_exchange::world::World;
use coeur_sip::time::Now;
use coeur_storage::{Journal, Sequence};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub struct Upkeep {
    journal: Arc<Journal>,
    world: Arc<World>,
    mark: Mark,
    turns: u32,
}

/// Turns from one look at the machine's addresses to the next: interfaces come and go, leases end.
const LOOK_AT_MACHINE_TURNS: u32 = 10;

impl Upkeep {
    pub fn new(journal: Arc<Journal>, world: Arc<World>) -> Self {
        Self { journal, world, mark: Mark::Nothing, turns: 0 }
    }

    /// Meant to be called about once a second; true when the addresses of this machine have changed.
    pub fn turn(&mut self, now: Now) -> bool {
        self.turns = self.turns.wrapping_add(1);
        let is_time = self.turns.is_multiple_of(LOOK_AT_MACHINE_TURNS);
        let is_other_machine = is_time && self.world.machine.replace(machine::look());
        if is_other_machine {
            tracing::info!("the addresses of this machine have changed");
        }
        if !self.journal.is_writable() {
            self.catch_up(now);
        }
        // Should it fail right now, the next append fails too and says so.
        self.world.storage_writable.store(self.journal.is_writable(), Ordering::Relaxed);
        if self.journal.is_writable() {
            self.mark = self.mark.moved_on(&self.journal, &self.world.bindings);
        }
        if self.journal.snapshot_is_due()
            && let Err(why) = recovery::compact(&self.journal, &self.world, now)
        {
            tracing::error!(%why, "the journal could not be compacted; it grows until it can");
        }
        is_other_machine
    }

    /// The journal says in its own words, once, what stands in the way.
    fn catch_up(&mut self, now: Now) {
        self.mark = Mark::Nothing;
        let version = self.world.bindings.version();
        let tried = self.journal.try_again(&mut |emit| recovery::dump(&self.world, now, emit));
        if tried.is_ok() && self.journal.is_writable() {
            self.world.bindings.set_saved_up_to(version);
        }
    }
}

/// How far everything is known to be saved, in three turns: a version is noted; a second later whatever had it has long
/// been appended, and the last entry is noted; once that is decided and nothing has failed, the version is saved.
#[derive(Clone, Copy)]
enum Mark {
    Nothing,
    Version(Version),
    Appended(Version, Sequence),
}

impl Mark {
    fn moved_on(self, journal: &Journal, bindings: &Bindings) -> Mark {
        match self {
            Mark::Nothing => Mark::Version(bindings.version()),
            Mark::Version(version) => Mark::Appended(version, journal.appended()),
            // In this order: what failed closed the journal before it was decided, and only this thread opens it again.
            Mark::Appended(version, last) if journal.decided() >= last && journal.is_writable() => {
                bindings.set_saved_up_to(version);
                Mark::Version(bindings.version())
            }
            Mark::Appended(..) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::KeptJournal;
    use super::*;
    use crate::shard::{Clock, Journal as _, Outcome};
    use coeur_directory::{DeviceId, Directory};
    use coeur_exchange::bindings::{BindingId, Draft, Fallback};
    use coeur_exchange::flow::{ConnectionId, Flow, ListenerId, ShardId};
    use coeur_exchange::machine::Machine;
    use coeur_exchange::world::{Secrets, Settings};
    use coeur_sip::transport::Transport;
    use coeur_storage::{Folder, Options};
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    struct House {
        path: PathBuf,
        kept: KeptJournal,
        upkeep: Upkeep,
    }

    impl House {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("coeur-upkeep-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            let disk = Arc::new(Folder::open(&path).unwrap());
            let options = Options { catch_up_retry: std::time::Duration::ZERO, ..Options::default() };
            let journal = Arc::new(Journal::open(disk, options, &mut |_| ()).unwrap().0);
            let secrets = Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] };
            let world = Arc::new(World {
                directory: Directory::new(),
                bindings: Bindings::new(),
                listeners: Vec::new(),
                machine: Machine::default(),
                guard: coeur_exchange::guard::Shared::new(&secrets),
                kept_calls: coeur_exchange::kept_calls::KeptCalls::new(&secrets),
                secrets,
                settings: Settings::default(),
                storage_writable: AtomicBool::new(true),
                waiting: Default::default(),
                vouched: Default::default(),
                push_pace: Default::default(),
            });
            let upkeep = Upkeep::new(journal.clone(), world.clone());
            Self { path, kept: KeptJournal { journal, world }, upkeep }
        }

        fn bind(&self, user: &str) -> BindingId {
            let flow = Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                connection: ConnectionId::NONE,
                remote: ([192, 0, 2, 7], 5060).into(),
            };
            let draft = Draft {
                user: user.as_bytes(),
                domain: b"d",
                contact: b"<sip:x@192.0.2.7>",
                uri: (1, 15),
                instance: (0, 0),
                call_id: b"1",
                user_agent: b"",
                path: b"",
                cseq: 1,
                q: 1_000,
                reg_id: 0,
                device: DeviceId(1),
                flow,
                fallback: Fallback::None,
                granted_s: 600,
            };
            self.kept.world.bindings.bind(&draft, Clock::default().now().monotonic).unwrap()
        }

        fn append(&self) -> Outcome {
            let append = self.kept.append(ShardId(0), b"entry").unwrap();
            self.kept.journal.flush();
            self.kept.outcome(append)
        }

        fn turn(&mut self) {
            self.upkeep.turn(Clock::default().now());
        }

        fn is_saved(&self, id: BindingId) -> bool {
            id.0 <= self.kept.world.bindings.saved_up_to().0
        }

        fn is_writable(&self) -> bool {
            self.kept.world.storage_writable.load(Ordering::Relaxed)
        }
    }

    impl Drop for House {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }

    #[test]
    fn a_binding_is_known_to_be_saved_once_entries_appended_a_turn_later_are_decided() {
        let mut house = House::new("mark");
        let alice = house.bind("alice");
        house.turn();
        house.turn();
        assert!(!house.is_saved(alice), "its entry may not be appended yet");
        house.turn();
        assert!(house.is_saved(alice));
    }

    #[test]
    fn the_addresses_of_the_machine_are_looked_at_again_after_some_turns() {
        let mut house = House::new("machine");
        for _ in 1..LOOK_AT_MACHINE_TURNS {
            house.turn();
        }
        let known = |house: &House| !house.kept.world.machine.replace(machine::look());
        house.kept.world.machine.replace(coeur_exchange::machine::Found::default());
        house.turn();
        assert!(known(&house));
    }

    #[test]
    fn a_failure_closes_the_world_before_anyone_is_told_and_a_snapshot_opens_it() {
        let mut house = House::new("closed");
        let alice = house.bind("alice");
        (0..3).for_each(|_| house.turn());
        // Without its folder no segment can begin.
        std::fs::remove_dir_all(&house.path).unwrap();
        let bob = house.bind("bob");
        assert_eq!(house.append(), Outcome::Failed);
        assert!(!house.is_writable());
        (0..5).for_each(|_| house.turn());
        assert!(!house.is_writable() && house.is_saved(alice) && !house.is_saved(bob));
        std::fs::create_dir(&house.path).unwrap();
        house.turn();
        assert!(house.is_writable() && house.is_saved(bob));
        assert_eq!(house.append(), Outcome::Durable);
        let names: Vec<_> =
            std::fs::read_dir(&house.path).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(names.iter().any(|name| name.to_string_lossy().starts_with("snapshot-")), "{names:?}");
    }
}
