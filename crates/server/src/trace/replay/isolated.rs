//! A server of its own for each conversation, on a fresh copy of accounts and keys: nothing of the one before is left in it.

use super::CouldNot;
use super::script::Script;
use crate::config::Key;
use crate::house::backup;
use crate::user_agent::interrupt;
use coeur_api::Client;
use coeur_directory::Directory;
use coeur_storage::{DataLock, HookRecords, Operator, Records, Sqlite};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server starts within a second, on a machine that is busy with something else within some.
const START_WAIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What the folder is called, before the number of its process.
const NAME: &str = "coeur-replay-";

/// What is copied once, and where its copies are. It is gone with this value.
pub struct Copies {
    folder: PathBuf,
    /// Of the folder; the kernel lets go of it even after kill -9, and the next replay removes what was left.
    _lock: File,
}

impl Copies {
    /// Made by what makes backups, of a directory on which a server may run.
    pub fn make(of: &Path) -> Result<Self, CouldNot> {
        let temporary = std::env::temp_dir();
        remove_left(&temporary);
        let folder = temporary.join(format!("{NAME}{}", std::process::id()));
        // Whose accounts these are is nobody else's business.
        DirBuilder::new().mode(0o700).create(&folder).map_err(|why| on(&folder, &why))?;
        let lock = File::open(&folder).map_err(|why| on(&folder, &why))?;
        lock.lock().map_err(|why| on(&folder, &why))?;
        let copies = Self { folder, _lock: lock };
        let file = copies.folder.join("backup");
        backup::write(of, &file, false, crate::house::unix_time_ms(), &mut |_, _| {})
            .and_then(|_| backup::unpack(&file, &copies.whole()))
            .map_err(|why| CouldNot::Failed(why.to_string()))?;
        fs::remove_file(&file).map_err(|why| on(&file, &why))?;
        copies.forget_webhooks().map_err(|why| CouldNot::Failed(why.to_string()))?;
        Ok(copies)
    }

    /// What is said again is told to nobody, nor what waited to be told when the copy was made.
    fn forget_webhooks(&self) -> Result<(), coeur_storage::StorageError> {
        let _lock = DataLock::take(&self.whole())?;
        let mut records = Sqlite::open(&self.whole())?;
        for hook in records.hooks()? {
            records.remove_hook(&Operator::program(), hook.id, crate::house::unix_time_ms())?;
        }
        Ok(())
    }

    fn whole(&self) -> PathBuf {
        self.folder.join("whole")
    }

    /// The accounts in it, with what proves them.
    pub fn directory(&self) -> Result<Directory, CouldNot> {
        let failed = |why: coeur_storage::StorageError| CouldNot::Failed(why.to_string());
        let _lock = DataLock::take(&self.whole()).map_err(failed)?;
        let directory = Directory::new();
        let mut records = Sqlite::open(&self.whole()).map_err(failed)?;
        records.load(&directory).map_err(failed)?;
        Ok(directory)
    }

    fn fresh(&self) -> Result<PathBuf, CouldNot> {
        let to = self.folder.join("data");
        let _ = fs::remove_dir_all(&to);
        copy(&self.whole(), &to).map_err(|why| on(&to, &why))?;
        Ok(to)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a replay has left that was ended in the middle: nobody holds its lock any more.
fn remove_left(temporary: &Path) {
    // SAFETY: this asks the kernel and touches no memory.
    let own = unsafe { libc::geteuid() };
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(NAME));
        let is_a_copy = number.is_some_and(|number| number.parse::<u32>().is_ok());
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        if is_a_copy
            && is_ours
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy(&entry.path(), &to)?,
            _ => fs::copy(entry.path(), &to).map(drop)?,
        }
    }
    Ok(())
}

/// Which program plays, with which settings.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// This one when absent.
    pub program: Option<PathBuf>,
    pub config: Option<PathBuf>,
    /// As flags, of a server that was started with them: those of [`OF_CALLS`].
    pub flags: Vec<(Key, String)>,
}

/// What decides what is said in a call, and is not of the machine on which it was.
pub const OF_CALLS: &[Key] = &[
    Key::Domain,
    Key::RelayInside,
    Key::FollowRedirects,
    Key::ExpiresJitter,
    Key::FlowTimer,
    Key::ServiceRoute,
    Key::Calls,
    Key::EndToEnd,
    Key::DirectMedia,
    Key::CallsPerAccount,
    Key::MusicOnHold,
    Key::RecordingAnnouncement,
    Key::Tones,
    Key::ConferencePrefix,
    Key::MessagesPerMinute,
];

/// A running server. It ends with this value, and with this process.
pub struct Isolated {
    child: Child,
    pub data: PathBuf,
}

impl Isolated {
    pub fn start(copies: &Copies, script: &Script, against: &Against) -> Result<Self, CouldNot> {
        let data = copies.fresh()?;
        let program = match &against.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|why| CouldNot::Failed(why.to_string()))?,
        };
        let mut command = Command::new(&program);
        command.env_clear().env("LANG", "C").arg("serve").arg("--data").arg(&data);
        if let Some(config) = &against.config {
            command.arg("--config").arg(config);
        }
        for (key, word) in &against.flags {
            command.arg(format!("--{}", key.name().replace('_', "-"))).arg(word);
        }
        for place in &script.listen {
            command.args(["--listen", &place.to_string()]);
        }
        if let Some(name) = &script.advertise {
            command.args(["--advertise", name]);
        }
        // Only SIP is spoken, by one thread, that the order of things is one.
        for door in ["--http", "--web", "--turn", "--hep", "--pnp"] {
            command.args([door, "off"]);
        }
        command.args(["--shards", "1", "--media-workers", "1", "--trace-disk-mb", "0", "--log", "error"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        // SAFETY: between fork and exec this asks the kernel for one thing and touches no memory: that the server ends when
        // the thread that started it does, which is the only one of this process.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().map_err(|why| on(&program, &why))?;
        let mut server = Self { child, data };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), CouldNot> {
        let until = Instant::now() + START_WAIT;
        while Instant::now() < until && !interrupt::happened() {
            let ended = self.child.try_wait().map_err(|why| CouldNot::Failed(why.to_string()))?;
            if let Some(ended) = ended {
                return Err(CouldNot::Failed(format!("the server of the replay did not start ({ended})")));
            }
            if let Ok(Some(client)) = Client::connect(&self.data)
                && client.ask(&coeur_api::Request::Status).is_ok()
            {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(CouldNot::Failed(format!(
            "the server of the replay was not ready within {} s",
            START_WAIT.as_secs()
        )))
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on(path: &Path, why: &io::Error) -> CouldNot {
    CouldNot::Failed(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_storage::{HookId, HookRow, HookSecrets};

    #[test]
    fn a_copy_has_no_webhooks_and_is_gone_at_the_end() {
        let folder = std::env::temp_dir().join(format!("coeur-test-copies-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let hook = HookRow {
            id: HookId(1),
            tenant: None,
            name: "all".into(),
            url: "https://hooks.example.org/".into(),
            types: "".into(),
            enabled: true,
            disabled_because: "".into(),
            created_at_ms: 1,
            secrets: HookSecrets { now: vec![1; 32].into(), before: None },
        };
        let mut records = Sqlite::open(&folder).unwrap();
        records.put_hook(&Operator::program(), &hook, ("webhook.added", ""), 1).unwrap();
        drop(records);
        let copies = Copies::make(&folder).map_err(|why| format!("{why:?}")).unwrap();
        assert_eq!(Sqlite::open(&copies.whole()).unwrap().hooks().unwrap().len(), 0);
        assert_eq!(Sqlite::open(&folder).unwrap().hooks().unwrap().len(), 1);
        let place = copies.folder.clone();
        drop(copies);
        assert!(!place.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_replay_left_that_was_killed_is_removed_and_what_one_uses_stays() {
        let temporary = std::env::temp_dir().join(format!("coeur-test-left-{}", std::process::id()));
        let [killed, alive, other] =
            ["coeur-replay-1", "coeur-replay-2", "coeur-replay-notes"].map(|name| temporary.join(name));
        for folder in [&killed, &alive, &other] {
            fs::create_dir_all(folder.join("whole")).unwrap();
        }
        let in_use = File::open(&alive).unwrap();
        in_use.lock().unwrap();
        remove_left(&temporary);
        assert_eq!([&killed, &alive, &other].map(|folder| folder.exists()), [false, true, true]);
        fs::remove_dir_all(&temporary).unwrap();
    }
}
