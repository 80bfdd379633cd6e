//! The API on a real socket, over a house of one room and records on a real disk.

use coeur_api::feed::{About, Feed, Kind};
use coeur_api::provision::PhonePlace;
use coeur_api::rest::{
    Asked, Bounds, Caller, Code, Gate, OneToken, Parts, Problem, Proof, Role, Scope, Web, serve_web,
};
use coeur_api::{CallVerb, CallView, CallsPage, EmbedOrigins, NewCall, Refusal, Why};
use coeur_api::{
    Door, House, IceServerView, RegistrationView, RegistrationsPage, SettingView, Status, TraceRequest,
    TraceView, Watched,
};
use coeur_directory::{Account, Aor, Change, DeviceId, Directory, Domain};
use coeur_storage::{Operator, Records, Sqlite};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// The one call that there is.
pub const CALL: &str = "01980000-0000-7000-8000-000000000001";
pub const TOKEN: &str = "a token that opens everything";
/// A page of somebody else that may hold our phone.
pub const CRM: &str = "https://crm.example.org";

pub struct Hut {
    pub directory: Directory,
    pub ready: AtomicBool,
    pub now_ms: AtomicU64,
    pub feed: Arc<Feed>,
    counter: AtomicU64,
    /// As `user@domain/NUMBER`.
    pub revoked: Mutex<Vec<String>>,
    /// Answered to whoever asks for those of an account.
    pub registered: Mutex<Vec<RegistrationView>>,
    /// Those that live, of which something is to be seen.
    pub calls: Mutex<Vec<CallView>>,
    /// What was asked of calls, in words; a call of which the name ends with a 2 is another one, and does nothing.
    pub ordered: Mutex<Vec<String>>,
    /// Hardware addresses of phones that were told where to fetch.
    pub adopted: Mutex<Vec<String>>,
}

impl House for Hut {
    fn directory(&self) -> &Directory {
        &self.directory
    }
    fn revoked(&self, aor: &Aor, device: Option<DeviceId>) {
        let device = device.map_or(0, |device| device.0);
        self.revoked.lock().unwrap().push(format!("{aor}/{device}"));
    }
    fn phone_place(&self) -> Option<PhonePlace> {
        Some(PhonePlace {
            web: "https://sip.example.org".to_owned(),
            host: "sip.example.org".to_owned(),
            udp: Some(5060),
            tcp: Some(5060),
            tls: Some(5061),
            authority: Some("-----BEGIN CERTIFICATE-----\n".to_owned()),
        })
    }
    fn adopt(&self, mac: &str, _: &str) -> bool {
        self.adopted.lock().unwrap().push(mac.to_owned());
        true
    }
    fn ice_server(&self, _: &Aor, _: DeviceId) -> Option<IceServerView> {
        None
    }
    fn status(&self) -> Status {
        Status { version: "test".to_owned(), accounts: self.directory.accounts(), ..Status::default() }
    }
    fn settings(&self) -> Vec<SettingView> {
        let view = |key: &str, value, origin: &str| SettingView {
            key: key.to_owned(),
            value,
            origin: origin.to_owned(),
            meaning: "What it is for.".to_owned(),
        };
        vec![
            view("domain", serde_json::json!(["example.org"]), "/etc/coeur/coeur.toml:2"),
            view("advertise", serde_json::Value::Null, "default"),
        ]
    }
    fn registrations(&self, _: Option<&Aor>, _: Option<&str>, _: usize) -> RegistrationsPage {
        RegistrationsPage { registrations: self.registered.lock().unwrap().clone(), next: None }
    }
    fn traces(&self, _: &TraceRequest) -> Vec<TraceView> {
        Vec::new()
    }
    fn ring(&self, account: &Account, device: DeviceId) -> Result<String, Refusal> {
        self.ordered.lock().unwrap().push(format!("ring {}/{}", account.aor, device.0));
        Ok(CALL.to_owned())
    }
    fn sync(&self, aor: &Aor, device: Option<DeviceId>, _: bool) -> Result<usize, Refusal> {
        let device = device.map_or(0, |device| device.0);
        self.ordered.lock().unwrap().push(format!("sync {aor}/{device}"));
        let seen = self.registered.lock().unwrap();
        Ok(seen.iter().filter(|one| one.device == device.to_string()).count())
    }
    fn handed_over(&self, aor: &Aor) {
        self.ordered.lock().unwrap().push(format!("handed over {aor}"));
    }
    fn watch_calls(&self, is_watched: bool) {
        self.ordered.lock().unwrap().push(format!("watch {is_watched}"));
    }
    fn originate(
        &self,
        account: &Account,
        device: Option<DeviceId>,
        to: &str,
        wanted: &NewCall,
    ) -> Result<String, Refusal> {
        if to.contains("nobody") {
            return Err(Refusal::new(Why::NotFound, "no such account"));
        }
        let device = device.map_or(0, |device| device.0);
        let text = format!("{} {device} {to} {} {}", account.aor, wanted.timeout_s, wanted.auto_answer);
        self.ordered.lock().unwrap().push(text);
        Ok(CALL.to_owned())
    }
    fn control_call(&self, call: &str, verb: &CallVerb) -> Result<bool, Refusal> {
        if call != CALL {
            return Ok(false);
        }
        if let CallVerb::Mute { .. } = verb {
            return Err(Refusal::new(Why::Exists, "the call is not answered"));
        }
        self.ordered.lock().unwrap().push(format!("{verb:?}"));
        Ok(true)
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
    fn call(&self, call: &str) -> Result<Option<CallView>, Refusal> {
        Ok(self.calls.lock().unwrap().iter().find(|one| one.call == call).cloned())
    }
    fn calls(&self, _: Option<&Account>, _: usize) -> Result<CallsPage, Refusal> {
        Ok(CallsPage { calls: self.calls.lock().unwrap().clone(), more: false })
    }
    /// There is one call.
    fn hang_up(&self, call: &str) -> Result<bool, Refusal> {
        Ok(call.ends_with('1'))
    }
    fn random(&self, bytes: &mut [u8]) {
        let next = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(next.iter().rev()).for_each(|(byte, counted)| *byte = *counted);
    }
    fn unix_time_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

impl Watched for Hut {
    fn metrics(&self) -> String {
        String::new()
    }
    fn live(&self) -> Result<(), String> {
        Ok(())
    }
    fn ready(&self) -> Result<(), String> {
        self.ready.load(Ordering::Relaxed).then_some(()).ok_or_else(|| "the journal cannot write".to_owned())
    }
}

/// [`TOKEN`] opens as its owner, and the name of a role as somebody who has it; `ROLE:USER` is a user of that number, and
/// `ROLE/SCOPE,SCOPE` a token with scopes. What is in the list opens nothing any more.
struct Roles(OneToken, Arc<Mutex<Vec<String>>>);

impl Gate for Roles {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let said = asked.bearer().unwrap_or_default();
        let (who, scopes) = match said.split_once('/') {
            Some((who, scopes)) => (who, Some(scopes.split(',').filter_map(Scope::parse).collect())),
            None => (said, None),
        };
        let (role, user) = who.split_once(':').unwrap_or((who, ""));
        // `limited`: what a token of an hour and of this machine has.
        let limits = match user {
            "limited" => {
                Bounds { network: Some("127.0.0.0/8".into()), expires_at_ms: Some(asked.now_ms + 3_600_000) }
            }
            _ => Bounds::default(),
        };
        let Some(role) = Role::parse(role) else { return self.0.caller(asked) };
        if self.1.lock().unwrap().contains(&said.to_owned()) {
            return Err(Problem::new(Code::NotSignedIn));
        }
        Ok(Caller {
            operator: Operator::signed_in(role.as_str()),
            role,
            scopes,
            user: user.parse().ok(),
            proof: Proof::Token,
            limits,
        })
    }
}

pub struct Served {
    pub hut: Arc<Hut>,
    pub door: Arc<Door>,
    pub address: SocketAddr,
    /// Tokens that open nothing any more.
    pub taken_back: Arc<Mutex<Vec<String>>>,
    folder: PathBuf,
    pub runtime: Runtime,
}

impl Served {
    /// With the domain `d`.
    pub fn new(name: &str) -> Self {
        // Two tests may have given the same name.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("coeur-rest-{name}-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let hut = Arc::new(Hut {
            directory: Directory::new(),
            ready: AtomicBool::new(true),
            now_ms: AtomicU64::new(1_800_000_000_000),
            feed: Arc::new(Feed::new(7)),
            counter: AtomicU64::new(1),
            revoked: Mutex::default(),
            registered: Mutex::default(),
            calls: Mutex::default(),
            ordered: Mutex::default(),
            adopted: Mutex::default(),
        });
        let mut records = Sqlite::open(&folder).unwrap();
        let domain = Change::DomainAdded(Domain::new("d"));
        records.commit(&Operator::program(), std::slice::from_ref(&domain), 0, &mut |_| {}).unwrap();
        hut.directory.apply(&domain).unwrap();
        let door = Arc::new(Door::new(hut.clone(), Box::new(records)));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let taken_back = Arc::default();
        let mut served = Self { hut, door, address, taken_back, folder, runtime };
        served.restart();
        served
    }

    /// What is on disk stays, and what was in memory is gone but for the directory.
    pub fn restart(&mut self) {
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.address = listener.local_addr().unwrap();
        let web = Web::new(Parts {
            door: self.door.clone(),
            watched: self.hut.clone(),
            gate: Arc::new(Roles(OneToken::new(TOKEN), self.taken_back.clone())),
            feed: self.hut.feed.clone(),
            desk: None,
            is_our_host: Box::new(|host| host == "sip.example.org"),
            front: coeur_api::Front::default(),
            embed_origins: EmbedOrigins(vec![CRM.parse().unwrap()]),
        });
        self.runtime.spawn(serve_web(listener, web, std::future::pending()));
    }

    /// As the owner.
    pub fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(method, path, &[("Authorization", &format!("Bearer {TOKEN}"))], "")
    }

    pub fn owner(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let all = [&[("Authorization", bearer.as_str())], headers].concat();
        self.send(method, path, &all, body)
    }

    /// As whoever has this token of [`Roles`].
    pub fn give_as(&self, token: &str, method: &str, path: &str, body: serde_json::Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.send(method, path, &headers, &body.to_string())
    }

    pub fn give(&self, method: &str, path: &str, body: serde_json::Value) -> Answer {
        self.give_text(method, path, &body.to_string())
    }

    pub fn give_text(&self, method: &str, path: &str, body: &str) -> Answer {
        self.owner(method, path, &[("Content-Type", "application/json")], body)
    }

    /// Of an answer that may have no end.
    pub fn send_head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.open(method, path, headers, "");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        Answer::read(&answer)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut answer = Vec::new();
        self.open(method, path, headers, body).read_to_end(&mut answer).unwrap();
        Answer::read(&answer)
    }

    /// An answer that is read piece by piece, and may be broken off.
    pub fn read(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reading {
        Reading(self.open(method, path, headers, ""))
    }

    fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text.push_str("Host: localhost\r\n");
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{text}\r\n{body}").unwrap();
        stream
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub struct Reading(TcpStream);

impl Reading {
    pub fn head(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
    }

    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A connection that is broken off may end with an error.
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// The code of a problem.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        assert!(Code::ALL.iter().any(|known| known.name() == code), "{self:?}");
        code
    }
}
