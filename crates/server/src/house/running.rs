//! The running server, as the administration door and the HTTP listener see it.

use super::asks::Silent;
use super::call_views;
use super::controls;
use super::deaths::Deaths;
use super::prompts::Prompts;
use super::recovery::Restored;
use super::services::HouseServices;
use super::shown::Shown;
use super::traced::Traced;
use super::turn::TurnOutside;
use crate::acme::{Board, Standing};
use crate::observe::health;
use crate::observe::silences::Silences;
use crate::pnp::Strangers;
use crate::recordings::Recordings;
use crate::shard::{Inbox, Notice, Stats};
use crate::turn::Office;
use base64::Engine as _;
use coeur_api::feed::{About, Feed, Kind};
use coeur_api::provision::{PhonePlace, StrangerView};
use coeur_api::{
    Audience, CallView, CallsPage, CertificateStanding, ConversationsPage, Desk, Door, GivenSecret, House,
    IceServerView, PhoneSocket, PhoneTicket, RecordVerb, Refusal, RegistrationView, RegistrationsPage,
    SettingView, Status, TraceExportRequest, TraceFileView, TraceMessagesRequest, TraceRequest, TraceView,
    Watched, Why, rfc3339,
};
use coeur_api::{CallVerb, NewCall};
use coeur_directory::{Account, Aor, DeviceId, Directory, UserId};
use coeur_exchange::bindings::{Cursor, View};
use coeur_exchange::call_record::{Ask, CallRecordId, Hearer, LiveCall, RecordOrder, Told};
use coeur_exchange::flow::Flow;
use coeur_exchange::input::Command;
use coeur_exchange::record::calls::Written;
use coeur_exchange::vouched::{TICKET_LIFE, Voucher};
use coeur_exchange::world::{Listener, World};
use coeur_sip::time::Now;
use coeur_sip::transport::Transport;
use coeur_storage::Journal;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

pub struct Running {
    pub world: Arc<World>,
    pub journal: Arc<Journal>,
    /// What the journal gave back at the start.
    pub restored: Restored,
    pub traced: Traced,
    /// What was set, and where.
    pub settings: Vec<SettingView>,
    /// As `udp://192.0.2.1:5060`.
    pub listeners: Vec<String>,
    pub local_authority: Option<PathBuf>,
    /// What each shard has counted.
    pub shown: Arc<[Shown]>,
    pub now: Box<dyn Fn() -> Now + Send + Sync>,
    pub started: Instant,
    /// How calls do.
    pub silences: Arc<Silences>,
    pub deaths: Arc<Deaths>,
    /// New work is no longer welcome.
    pub stopping: AtomicBool,
    /// Set once the shards run.
    pub shards: OnceLock<ShardsOutside>,
    /// Where there is TURN: who makes credentials for it.
    pub office: Option<Arc<Office>>,
    pub recordings: Recordings,
    pub prompts: Prompts,
    /// Of those who listen to the API.
    pub feed: Arc<Feed>,
    /// Set once it runs.
    pub turn: OnceLock<TurnOutside>,
    /// Phones that were plugged in and are nobody's yet.
    pub strangers: Arc<Strangers>,
    /// Where phones reach us; set once the pages are served.
    pub phone_place: OnceLock<PhonePlace>,
    /// Whose door this is, for what it counts. Set once it is there.
    pub door: OnceLock<Weak<Door>>,
    /// What a server of certificates is answered.
    pub board: Arc<Board>,
    /// How the certificate of a public authority stands, where one is asked for.
    pub standing: Arc<Mutex<Standing>>,
    /// Of API and pages, where they are served.
    pub web: OnceLock<WebOutside>,
}

/// What the rest of the server may ask of API and pages.
pub struct WebOutside {
    /// As `http://127.0.0.1:8090`.
    pub address: String,
    pub desk: Arc<Desk>,
}

/// What the rest of the server may ask of the shards.
pub struct ShardsOutside {
    pub inboxes: Arc<[Arc<Inbox>]>,
    pub stats: Vec<Arc<Stats>>,
    pub services: Arc<HouseServices>,
}

impl ShardsOutside {
    pub fn tell(&self, command: &Command) {
        for inbox in self.inboxes.iter() {
            // A command is never refused.
            let _ = inbox.tell(Notice::Told(command.clone()));
        }
    }
}

/// Bindings read under one lock of a page.
const PAGE: usize = 256;

impl Running {
    /// Of a public authority, where one was given or refused.
    fn certificate(&self) -> Option<CertificateStanding> {
        let standing = self.standing.lock().clone();
        (standing != Standing::default()).then(|| CertificateStanding {
            expires_at: standing.ends_unix_s.map(|ends| rfc3339(ends * 1_000)),
            failure: standing.failure,
        })
    }
}

impl House for Running {
    fn directory(&self) -> &Directory {
        &self.world.directory
    }

    fn revoked(&self, aor: &Aor, device: Option<DeviceId>) {
        if let Some(shards) = self.shards.get() {
            shards.tell(&Command::Revoked { aor: aor.clone(), device });
        }
        if let Some(turn) = self.turn.get() {
            turn.revoke((self.now)().wall, aor, device);
        }
    }

    fn settings(&self) -> Vec<SettingView> {
        self.settings.clone()
    }

    fn silences(&self) -> Vec<(&'static str, &'static str)> {
        crate::cli::causes::sentences()
    }

    fn ice_server(&self, aor: &Aor, device: DeviceId) -> Option<IceServerView> {
        let issued = self.office.as_ref()?.issue((self.now)().wall, aor.as_str(), device.0);
        Some(IceServerView {
            urls: issued.urls.to_vec(),
            username: issued.credentials.username.clone(),
            credential: GivenSecret::new(issued.credentials.password.to_string()),
            expires_at_s: issued.expires.as_secs(),
        })
    }

    fn sockets(&self) -> Vec<PhoneSocket> {
        self.world.listeners.iter().filter_map(socket).collect()
    }

    fn user_is_out(&self, user: UserId) {
        for voucher in self.world.vouched.forget_user(user) {
            self.revoked(&voucher.aor, Some(voucher.device));
        }
    }

    fn handed_over(&self, aor: &Aor) {
        for voucher in self.world.vouched.forget_account(aor) {
            self.revoked(&voucher.aor, Some(voucher.device));
        }
    }

    fn ticket(&self, aor: &Aor, device: DeviceId, user: Option<UserId>) -> Option<PhoneTicket> {
        let sockets = self.sockets();
        if sockets.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        super::random(&mut bytes);
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let voucher = Voucher { aor: aor.clone(), device, user };
        self.world.vouched.issue(text.as_bytes(), voucher, (self.now)().monotonic);
        Some(PhoneTicket {
            account: String::new(),
            display_name: String::new(),
            device: String::new(),
            ticket: GivenSecret::new(text),
            expires_in_s: TICKET_LIFE.as_secs(),
            sockets,
            ice_server: None,
        })
    }

    fn web_phone(&self, ticket: &str) -> Option<(Aor, DeviceId)> {
        let Voucher { aor, device, .. } = self.world.vouched.opened_with(ticket.as_bytes())?;
        let account = self.world.directory.account_of(&aor)?;
        let may = account.enabled && account.device(device).is_some();
        may.then_some((aor, device))
    }

    fn web_address(&self) -> Option<String> {
        self.web.get().map(|web| web.address.clone())
    }

    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            domains: self.world.directory.domains().iter().map(|domain| domain.name.to_string()).collect(),
            accounts: self.world.directory.accounts(),
            registrations: self.world.bindings.count(),
            listeners: self.listeners.clone(),
            turn: self.office.as_ref().map(|office| office.urls().to_vec()).unwrap_or_default(),
            local_authority: self.local_authority.as_ref().map(|path| path.display().to_string()),
            local_authority_sha256: self
                .local_authority
                .as_ref()
                .and_then(|path| crate::tls::authority::read_file(path).ok())
                .map(|certificate| crate::tls::authority::fingerprint(&certificate)),
            certificate: self.certificate(),
        }
    }

    fn registrations(&self, account: Option<&Aor>, after: Option<&str>, limit: usize) -> RegistrationsPage {
        let (bindings, now) = (&self.world.bindings, (self.now)().monotonic);
        let mut registrations = Vec::new();
        if let Some(aor) = account {
            let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
            bindings.each_of(user, domain, now, |view| registrations.push(show(&view)));
            return RegistrationsPage { registrations, next: None };
        }
        let mut next = match after {
            // What no page of ours gave begins nowhere.
            Some(text) => text.parse::<Cursor>().ok(),
            None => Some(Cursor::default()),
        };
        while let (Some(cursor), left @ 1..) = (next, limit.saturating_sub(registrations.len())) {
            next = bindings.page(cursor, PAGE.min(left), now, &mut |view| registrations.push(show(&view)));
        }
        // A page that would be empty is no next page.
        while let Some(cursor) = next {
            let mut is_empty = true;
            let behind = bindings.page(cursor, 1, now, &mut |_| is_empty = false);
            if !is_empty {
                break;
            }
            next = behind;
        }
        RegistrationsPage { registrations, next: next.map(|cursor| cursor.to_string()) }
    }

    fn traces(&self, request: &TraceRequest) -> Vec<TraceView> {
        self.traced.told().traces(request, &self.silences)
    }

    fn trace_messages(&self, request: &TraceMessagesRequest) -> ConversationsPage {
        self.traced.told().messages(request, &self.listeners, &self.silences)
    }

    fn trace_export(&self, request: &TraceExportRequest) -> Option<TraceFileView> {
        self.traced.told().export(request)
    }

    fn calls(&self, account: Option<&Account>, limit: usize) -> Result<CallsPage, Refusal> {
        let ask = Ask::List { account: account.map(|account| account.id), limit };
        let (mut found, mut more) = (Vec::new(), false);
        for told in self.ask(ask)? {
            if let Told::Calls { calls, more: is_cut } = told {
                found.extend(calls);
                more |= is_cut;
            }
        }
        found.sort_by_key(|call| call.id);
        more |= found.len() > limit;
        found.truncate(limit);
        Ok(CallsPage { calls: self.views(&found), more })
    }

    fn call(&self, call: &str) -> Result<Option<CallView>, Refusal> {
        let Ok(id) = call.parse::<CallRecordId>() else { return Ok(None) };
        let found = self.ask(Ask::Show(id))?.into_iter().find_map(|told| match told {
            Told::Call(call) => call,
            Told::Calls { .. }
            | Told::HungUp(_)
            | Told::Taped(_)
            | Told::Originated(_)
            | Told::Controlled(_)
            | Told::Dialogs(_) => None,
        });
        Ok(found.and_then(|call| self.views(&[*call]).pop()))
    }

    fn hang_up(&self, call: &str) -> Result<bool, Refusal> {
        let Ok(id) = call.parse::<CallRecordId>() else { return Ok(false) };
        Ok(self.ask(Ask::HangUp(id))?.contains(&Told::HungUp(true)))
    }

    fn tape(&self, call: &str, order: RecordVerb, by: &str) -> Result<bool, Refusal> {
        let Ok(id) = call.parse::<CallRecordId>() else { return Ok(false) };
        let order = match order {
            RecordVerb::Start => RecordOrder::Start,
            RecordVerb::Pause => RecordOrder::Pause,
            RecordVerb::Resume => RecordOrder::Resume,
            RecordVerb::Stop => RecordOrder::Stop,
        };
        self.taped(Ask::Record { id, order, by: by.into() })
    }

    fn play(&self, call: &str, sound: Option<&str>, to: Audience) -> Result<bool, Refusal> {
        let Ok(id) = call.parse::<CallRecordId>() else { return Ok(false) };
        let prompt = sound.map(|sound| self.prompts.put(sound)).transpose()?;
        let to = match to {
            Audience::Both => Hearer::Both,
            Audience::Caller => Hearer::Caller,
            Audience::Callee => Hearer::Callee,
        };
        self.taped(Ask::Play { id, prompt, to })
    }

    fn originate(
        &self,
        account: &Account,
        device: Option<DeviceId>,
        to: &str,
        wanted: &NewCall,
    ) -> Result<String, Refusal> {
        controls::originate(self, account, device, (to, wanted))
    }

    fn ring(&self, account: &Account, device: DeviceId) -> Result<String, Refusal> {
        controls::ring(self, account, device)
    }

    fn watch_calls(&self, is_watched: bool) {
        self.feed.watch(is_watched);
    }

    fn control_call(&self, call: &str, verb: &CallVerb) -> Result<bool, Refusal> {
        controls::control(self, call, verb)
    }

    fn sync(&self, aor: &Aor, device: Option<DeviceId>, reboot: bool) -> Result<usize, Refusal> {
        let Some(shards) = self.shards.get() else { return Ok(0) };
        let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
        let mut told = 0;
        self.world.bindings.each_of(user, domain, (self.now)().monotonic, |view| {
            told += usize::from(view.flow().is_some() && device.is_none_or(|one| one == view.draft().device));
        });
        // Any shard can send over any flow; that of a connection hands it to its own.
        if let Some(inbox) = shards.inboxes.first() {
            // A command is never refused.
            let _ = inbox.tell(Notice::Told(Command::CheckSync { aor: aor.clone(), device, reboot }));
        }
        Ok(told)
    }

    fn strangers(&self) -> Vec<StrangerView> {
        self.strangers.views(super::unix_time_ms())
    }

    fn adopt(&self, mac: &str, url: &str) -> bool {
        self.strangers.claim(mac, url, super::unix_time_ms())
    }

    fn phone_place(&self) -> Option<PhonePlace> {
        self.phone_place.get().cloned()
    }

    fn happened(&self, kind: Kind, subject: String, data: serde_json::Value, about: About) {
        self.feed.publish_about(kind, subject, self.unix_time_ms(), data, about);
    }

    fn settle(&self) {
        self.feed.settle();
    }

    fn keeps_events(&self, is_kept: bool) {
        self.feed.keep(is_kept);
    }

    fn random(&self, bytes: &mut [u8]) {
        super::random(bytes);
    }

    fn unix_time_ms(&self) -> u64 {
        super::unix_time_ms()
    }
}

impl Running {
    /// The journal need not keep these records any longer.
    pub fn done_with(&self, records: Vec<CallRecordId>) {
        let written = Written::at(&self.world.bindings, (self.now)());
        let entry = self.world.kept_calls.committed(records.into_iter(), written);
        if !entry.is_empty() {
            // What is refused is said again after a restart, and one that is written is known by its id.
            let _ = self.journal.append(0, &entry);
        }
    }

    fn views(&self, calls: &[LiveCall]) -> Vec<CallView> {
        let (now, verdicts) = ((self.now)().wall, self.silences.verdicts());
        let view = |call: &LiveCall| CallView {
            recording: self.recordings.of(call.id).map(|state| call_views::recording(&state)),
            ..call_views::call(call, now, verdicts.get(&call.id).cloned())
        };
        calls.iter().map(view).collect()
    }

    /// False: no shard has the call.
    fn taped(&self, ask: Ask) -> Result<bool, Refusal> {
        let done = self.ask(ask)?.into_iter().find_map(|told| match told {
            Told::Taped(done) => done,
            Told::Calls { .. }
            | Told::Call(_)
            | Told::HungUp(_)
            | Told::Originated(_)
            | Told::Controlled(_)
            | Told::Dialogs(_) => None,
        });
        match done {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(why)) => Err(Refusal::new(Why::Forbidden, why.as_str())),
        }
    }

    pub(super) fn ask(&self, ask: Ask) -> Result<Vec<Told>, Refusal> {
        let Some(shards) = self.shards.get() else { return Ok(Vec::new()) };
        let told = shards.services.asks.ask(&shards.inboxes, &ask);
        told.map_err(|Silent| Refusal::new(Why::Unavailable, "a shard does not answer; its log may say why"))
    }
}

impl Watched for Running {
    fn metrics(&self) -> String {
        crate::observe::metrics::page(self)
    }

    fn live(&self) -> Result<(), String> {
        match self.shards.get() {
            Some(shards) if !self.stopping.load(Ordering::Relaxed) => health::live(&shards.inboxes),
            // Before the shards run and while they end, there is nothing that must turn.
            Some(_) | None => Ok(()),
        }
    }

    fn ready(&self) -> Result<(), String> {
        if let Some(death) = self.deaths.first() {
            return Err(death);
        }
        let unwritable = (!self.journal.is_writable()).then(|| self.journal.last_error().unwrap_or_default());
        health::ready(self.stopping.load(Ordering::Relaxed), self.shards.get().is_some(), unwritable)
    }
}

fn show(view: &View<'_>) -> RegistrationView {
    let draft = view.draft();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    RegistrationView {
        account: format!("{}@{}", text(draft.user), text(draft.domain)),
        // Where it is woken is for it alone.
        contact: text(&coeur_exchange::push::hidden(view.uri())),
        flow: view.flow().map(flow).unwrap_or_default(),
        device: draft.device.0.to_string(),
        expires_in_s: view.remaining_s().into(),
    }
}

fn socket(listener: &Listener) -> Option<PhoneSocket> {
    let is_secure = match listener.transport {
        Transport::Wss => true,
        Transport::Ws => false,
        _ => return None,
    };
    Some(PhoneSocket { is_secure, port: listener.bound.port() })
}

fn flow(flow: Flow) -> String {
    format!("{} {}", flow.transport.to_string().to_ascii_lowercase(), flow.remote)
}
