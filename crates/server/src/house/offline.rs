//! The data directory itself, when no server runs on it. Its lock is held as long as the door is open.

use super::traced::Traced;
use crate::observe::silences::Silences;
use coeur_api::{
    ConversationsPage, Door, House, IceServerView, RegistrationsPage, Status, TraceExportRequest,
    TraceFileView, TraceMessagesRequest, TraceRequest, TraceView,
};
use coeur_directory::{Aor, DeviceId, Directory};
use coeur_storage::{DataLock, Records, Sqlite, StorageError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub struct Offline {
    directory: Directory,
    folder: PathBuf,
    /// Read when somebody asks.
    traced: OnceLock<Traced>,
    _lock: DataLock,
}

/// Opens (and makes, if the parent is there) a data directory.
pub fn offline(folder: &Path) -> Result<Door, StorageError> {
    let lock = DataLock::take(folder)?;
    let mut records = Sqlite::open(folder)?;
    let directory = Directory::new();
    for text in records.load(&directory)? {
        eprintln!("coeur: {text}");
    }
    Ok(Door::new(
        Arc::new(Offline { directory, folder: folder.to_owned(), traced: OnceLock::new(), _lock: lock }),
        Box::new(records),
    ))
}

impl Offline {
    fn traced(&self) -> &Traced {
        self.traced.get_or_init(|| Traced::at_rest(&self.folder))
    }
}

impl House for Offline {
    fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The bindings of what is revoked go when the server starts, before it answers anybody: [`super::strangers`].
    fn revoked(&self, _aor: &Aor, _device: Option<DeviceId>) {}

    /// They are worth something to the server that made them alone.
    fn ice_server(&self, _aor: &Aor, _device: DeviceId) -> Option<IceServerView> {
        None
    }

    fn silences(&self) -> Vec<(&'static str, &'static str)> {
        crate::cli::causes::sentences()
    }

    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domains: self.directory.domains().iter().map(|domain| domain.name.to_string()).collect(),
            accounts: self.directory.accounts(),
            ..Status::default()
        }
    }

    fn registrations(
        &self,
        _account: Option<&Aor>,
        _after: Option<&str>,
        _limit: usize,
    ) -> RegistrationsPage {
        RegistrationsPage::default()
    }

    fn traces(&self, request: &TraceRequest) -> Vec<TraceView> {
        self.traced().told().traces(request, &Silences::default())
    }

    fn trace_messages(&self, request: &TraceMessagesRequest) -> ConversationsPage {
        self.traced().told().messages(request, &[], &Silences::default())
    }

    fn trace_export(&self, request: &TraceExportRequest) -> Option<TraceFileView> {
        self.traced().told().export(request)
    }

    fn random(&self, bytes: &mut [u8]) {
        super::random(bytes);
    }

    fn unix_time_ms(&self) -> u64 {
        super::unix_time_ms()
    }
}
