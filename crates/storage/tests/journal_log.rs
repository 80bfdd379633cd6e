//! What reads the log may be slow, a terminal or a pipe that nobody empties: nothing that others need is held meanwhile.

mod scripted;

use coeur_storage::{Journal, Options, StorageError};
use scripted::ScriptedDisk;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

/// At each line of the log another thread asks the journal.
#[derive(Default)]
struct Reader {
    journal: OnceLock<Arc<Journal>>,
    answered: AtomicU32,
    waited: AtomicU32,
}

impl Subscriber for Reader {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let Some(journal) = self.journal.get().cloned() else { return };
        let (tell, told) = channel();
        std::thread::spawn(move || tell.send(journal.appended()));
        let counter =
            if told.recv_timeout(Duration::from_secs(5)).is_ok() { &self.answered } else { &self.waited };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn while_a_refused_entry_is_logged_other_shards_append() {
    let disk = ScriptedDisk::default();
    let options = Options { group_interval_us: 0, waiting_bytes_max: 1_000, ..Options::default() };
    let (journal, _) = Journal::open(Arc::new(disk.clone()), options, &mut |_| ()).expect("opens");
    let (journal, reader) = (Arc::new(journal), Arc::new(Reader::default()));
    assert!(reader.journal.set(journal.clone()).is_ok());
    disk.hold();
    journal.append(0, b"the writer waits for this").expect("there is room");
    disk.wait_until_held();
    let refused = subscriber::with_default(reader.clone(), || {
        (0..1_000).find_map(|_| journal.append(0, b"an entry").err())
    });
    assert!(matches!(refused, Some(StorageError::JournalFull)));
    disk.let_go();
    let counted = [&reader.answered, &reader.waited].map(|counter| counter.load(Ordering::SeqCst));
    assert_eq!(counted, [1, 0], "lines at which the journal answered, and did not");
}
