//! A house of one room, in which the desk stands.

use super::super::desk::{Desk, Visitor};
use super::super::enter::{Code, Credentials, Entered};
use super::super::link::Chosen;
use super::super::password::{Given, Passwords};
use super::super::session::Signed;
use super::super::{secret, totp};
use crate::door::{Door, House};
use crate::model::{IceServerView, RegistrationsPage, Request, Status, TraceRequest, TraceView};
use coeur_directory::{
    Aor, Change, DeviceId, Directory, Language, Role, User, UserChange, UserId, UserPatch,
};
use coeur_storage::{AuditRow, Operator, SignInChange, Sqlite};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(in crate::signin) const PASSWORD: &str = "correct horse battery";

pub(in crate::signin) struct Hut {
    directory: Directory,
    now_ms: AtomicU64,
    counter: AtomicU64,
}

impl House for Hut {
    fn directory(&self) -> &Directory {
        &self.directory
    }
    fn revoked(&self, _: &Aor, _: Option<DeviceId>) {}
    fn ice_server(&self, _: &Aor, _: DeviceId) -> Option<IceServerView> {
        None
    }
    fn status(&self) -> Status {
        Status::default()
    }
    fn registrations(&self, _: Option<&Aor>, _: Option<&str>, _: usize) -> RegistrationsPage {
        RegistrationsPage::default()
    }
    fn traces(&self, _: &TraceRequest) -> Vec<TraceView> {
        Vec::new()
    }
    /// Never the same twice.
    fn random(&self, bytes: &mut [u8]) {
        let next = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut state = next.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    }
    fn unix_time_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

pub(in crate::signin) struct Room {
    pub(in crate::signin) hut: Arc<Hut>,
    pub(in crate::signin) door: Arc<Door>,
    pub(in crate::signin) desk: Arc<Desk>,
    folder: PathBuf,
}

impl Room {
    pub(in crate::signin) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("coeur-signin-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self::over(folder, Directory::new(), 1_800_000_000_000)
    }

    fn over(folder: PathBuf, directory: Directory, now_ms: u64) -> Self {
        let hut =
            Arc::new(Hut { directory, now_ms: AtomicU64::new(now_ms), counter: AtomicU64::new(now_ms) });
        let mut records = Sqlite::open(&folder).unwrap();
        coeur_storage::Records::load(&mut records, &hut.directory).unwrap();
        let door = Arc::new(Door::new(hut.clone(), Box::new(records)));
        let cheap = Passwords::of_cost(&[1; 16], 8, 1);
        let desk = Desk::with(door.clone(), cheap).unwrap();
        Self { hut, door, desk, folder }
    }

    /// As after a restart: what is on the disk, and nothing else.
    pub(in crate::signin) fn again(mut self) -> Self {
        let folder = std::mem::take(&mut self.folder);
        let now_ms = self.hut.unix_time_ms() + 1;
        drop(self);
        Self::over(folder, Directory::new(), now_ms)
    }

    pub(in crate::signin) fn pass(&self, ms: u64) {
        self.hut.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(in crate::signin) fn hut_users(&self) -> usize {
        self.hut.directory.users()
    }

    pub(in crate::signin) fn now_s(&self) -> u64 {
        self.hut.unix_time_ms() / 1_000
    }

    /// A user with [`PASSWORD`].
    pub(in crate::signin) async fn user(&self, login: &str, role: Role) -> UserId {
        let id = self.door.records().next_user_id().unwrap();
        let user = User::new(id, login, role);
        self.door.change(&operator(), Change::User(UserChange::Added(Box::new(user)))).map(drop).unwrap();
        let hashed = self.desk.passwords.hash(given(PASSWORD), [7; 16]).await.unwrap().unwrap();
        self.keep(SignInChange::PasswordSet { user: id, phc: hashed });
        id
    }

    pub(in crate::signin) fn keep(&self, change: SignInChange) {
        let decided = self.door.decide(&operator(), |_| Ok::<_, crate::Refusal>((vec![change], ())));
        assert!(decided.is_ok());
    }

    pub(in crate::signin) fn enable(&self, login: &str, enabled: bool) {
        let change = crate::UserAmendment { enabled: Some(enabled), ..Default::default() };
        let request = Request::UserChange { user: login.to_owned(), change };
        assert!(self.door.answer(&operator(), request).is_ok());
    }

    pub(in crate::signin) fn remove(&self, login: &str) {
        let request = Request::UserRemove { user: login.to_owned() };
        assert!(self.door.answer(&operator(), request).is_ok());
    }

    pub(in crate::signin) fn role(&self, id: UserId, role: Role) {
        let patch = UserPatch { role: Some(role), ..UserPatch::default() };
        let change = Change::User(UserChange::Changed { id, patch });
        assert!(self.door.change(&operator(), change).is_ok());
    }

    pub(in crate::signin) async fn enter(&self, login: &str, password: &str) -> Entered {
        self.enter_from(login, password, visitor("192.0.2.1"), None).await
    }

    pub(in crate::signin) async fn enter_from(
        &self,
        login: &str,
        password: &str,
        visitor: Visitor,
        known: Option<&str>,
    ) -> Entered {
        let given = Credentials {
            login: login.to_owned(),
            password: given(password),
            known: known.map(str::to_owned),
            old: None,
        };
        self.desk.enter(given, visitor).await.map_err(|why| why.text).unwrap()
    }

    /// With the right password and nothing else: the text of the cookie.
    pub(in crate::signin) async fn session(&self, login: &str) -> secret::Text {
        match self.enter(login, PASSWORD).await {
            Entered::In { session, .. } => session,
            other => panic!("{}", said(&other)),
        }
    }

    pub(in crate::signin) async fn half(&self, login: &str) -> secret::Text {
        match self.enter(login, PASSWORD).await {
            Entered::Half(text) => text,
            other => panic!("{}", said(&other)),
        }
    }

    pub(in crate::signin) fn code(&self, half: &str, code: &str) -> Entered {
        let given = Code { half, code, known: None, old: None };
        self.desk.enter_code(given, &visitor("192.0.2.1")).map_err(|why| why.text).unwrap()
    }

    /// The right code of now.
    pub(in crate::signin) fn shown(&self, secret: &[u8]) -> String {
        totp::code(secret, self.now_s())
    }

    pub(in crate::signin) fn signed(&self, session: &str) -> Option<Signed> {
        self.desk.signed(session).map_err(|why| why.text).unwrap()
    }

    /// `action subject detail` of the audit rows, the first first.
    pub(in crate::signin) fn audit(&self) -> Vec<String> {
        let mut rows: Vec<AuditRow> = self.door.records().audit(0, None, 10_000).unwrap();
        rows.reverse();
        rows.into_iter().map(|row| format!("{} {} {}", row.action, row.subject, row.detail)).collect()
    }

    /// Every byte that is on the disk.
    pub(in crate::signin) fn disk(&self) -> Vec<u8> {
        let names = ["coeur.db", "coeur.db-wal"];
        names.iter().flat_map(|name| std::fs::read(self.folder.join(name)).unwrap_or_default()).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

pub(in crate::signin) fn operator() -> Operator {
    Operator::owner_of_data("test")
}

pub(in crate::signin) fn given(text: &str) -> Given {
    Given::new(text.to_owned())
}

pub(in crate::signin) fn visitor(address: &str) -> Visitor {
    Visitor { address: address.parse::<IpAddr>().unwrap(), agent: "a browser".to_owned() }
}

pub(in crate::signin) fn chosen(login: &str, password: &str) -> Chosen {
    Chosen {
        login: login.to_owned(),
        display_name: "The Owner".to_owned(),
        language: Language::French,
        password: given(password),
    }
}

pub(in crate::signin) fn said(entered: &Entered) -> &'static str {
    match entered {
        Entered::In { .. } => "in",
        Entered::Half(_) => "half",
        Entered::Refused => "refused",
        Entered::Wait { .. } => "wait",
        Entered::Busy => "busy",
    }
}

/// Whether these bytes are in those.
pub(in crate::signin) fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}
