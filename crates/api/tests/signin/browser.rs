//! A server of pages on a real socket, with records on a real disk; and a browser that keeps cookies and sends forms.

use coeur_api::rest::{Parts, Web, serve_web};
use coeur_api::{
    Desk, Door, House, IceServerView, RegistrationsPage, Reply, Request, SignInRequest, Status, TraceRequest,
    TraceView, Watched,
};
use coeur_directory::{Aor, DeviceId, Directory};
use coeur_storage::{Operator, Sqlite};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

pub const PASSWORD: &str = "correct horse battery";

pub struct Hut {
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
        let mut state = next.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
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
        Ok(())
    }
}

pub struct Site {
    hut: Arc<Hut>,
    pub door: Arc<Door>,
    pub desk: Arc<Desk>,
    address: SocketAddr,
    folder: PathBuf,
    _runtime: Runtime,
}

impl Site {
    pub fn new(name: &str) -> Self {
        Self::behind(name, &[])
    }

    /// With proxies of its own at these networks.
    pub fn behind(name: &str, proxies: &[&str]) -> Self {
        let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let folder = std::env::temp_dir().join(format!("coeur-site-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let hut = Arc::new(Hut {
            directory: Directory::new(),
            now_ms: AtomicU64::new(1_800_000_000_000),
            counter: AtomicU64::new(1),
        });
        let door = Arc::new(Door::new(hut.clone(), Box::new(Sqlite::open(&folder).unwrap())));
        let desk = Desk::new(door.clone()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let web = Web::new(Parts {
            door: door.clone(),
            watched: hut.clone(),
            feed: std::sync::Arc::new(coeur_api::feed::Feed::new(1)),
            gate: desk.clone(),
            desk: Some(desk.clone()),
            is_our_host: Box::new(|host| host == "sip.example.org"),
            front: coeur_api::Front { proxies: coeur_api::Proxies(proxies), ..Default::default() },
            embed_origins: coeur_api::EmbedOrigins::default(),
        });
        runtime.spawn(serve_web(listener, web, std::future::pending()));
        Self { hut, door, desk, address, folder, _runtime: runtime }
    }

    pub fn pass(&self, ms: u64) {
        self.hut.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn ask(&self, request: Request) -> Reply {
        let operator = Operator::owner_of_data("test");
        self.door.answer(&operator, request).map_err(|why| why.text).unwrap()
    }

    /// The path of a new link.
    pub fn link(&self, user: Option<&str>) -> String {
        let what = SignInRequest::Link { user: user.map(str::to_owned) };
        let Reply::Link(link) = self.ask(Request::SignIn { what }) else { panic!("no link") };
        link.path.reveal().to_owned()
    }

    pub fn browser(&self) -> Browser {
        Browser { address: self.address, cookies: BTreeMap::new(), language: "en", host: "localhost:8090" }
    }

    /// The browser in which the first owner has just made himself: `owner`, with [`PASSWORD`].
    pub fn owner(&self) -> Browser {
        let mut browser = self.browser();
        let path = self.link(None);
        let form = [("name", "O"), ("login", "owner"), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = browser.post(&path, &form);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        browser
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub struct Browser {
    address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    /// As it is in the address of the pages.
    pub host: &'static str,
}

impl Browser {
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// A form, as a page of this site sends it.
    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let headers =
            [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "http://localhost:8090")];
        self.send("POST", path, &headers, &body.join("&"))
    }

    pub fn json(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(method, path, &[&[("Content-Type", "application/json")], headers].concat(), body)
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: a <b>browser</b>\r\nAccept-Language: {}\r\nContent-Length: {}\r\n",
            self.host,
            self.language,
            body.len()
        );
        if !self.cookies.is_empty() {
            let all: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text.push_str(&format!("Cookie: {}\r\n", all.join("; ")));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{text}\r\n{body}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = Answer::read(&answer);
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                _ => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }

    pub fn session(&self) -> Option<&String> {
        self.cookies.get("coeur-session")
    }

    /// The hidden field of that name on a page.
    pub fn hidden(&mut self, path: &str, name: &str) -> String {
        let answer = self.get(path);
        answer.hidden(name)
    }
}

fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
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

    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let at = self.body.find(&mark).unwrap_or_else(|| panic!("no {name}: {self:?}")) + mark.len();
        self.body[at..].split('"').next().unwrap().to_owned()
    }
}
