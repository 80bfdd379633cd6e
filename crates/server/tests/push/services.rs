//! Doubles of push services: HTTP/2 over TLS on the loopback, with a certificate of their own. They remember what they are asked,
//! and answer as the test wants.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub is_http2: bool,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// How it answers; the last for ever.
#[derive(Clone, Debug)]
pub enum Answers {
    Says(u16, &'static str),
    /// With `Retry-After` in seconds.
    Later(u16, u32),
    /// After so long.
    Slow(Duration),
}

pub type Heard = Box<dyn Fn(&Asked) + Send + Sync>;

pub struct Service {
    pub address: SocketAddr,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    /// The certificate to be believed, as a file.
    pub authority: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

struct State {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Mutex<VecDeque<Answers>>,
    heard: Heard,
}

impl Service {
    /// `heard` hears of each request before it is answered. A path that ends with `token` is answered as OAuth does.
    pub fn start(folder: &std::path::Path, answers: &[Answers], heard: Heard) -> Self {
        let made =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let authority = folder.join(format!("service-{}.pem", rand_name()));
        std::fs::write(&authority, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let tls = tls(made.cert.der().clone(), key);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::default());
        let answers = Mutex::new(answers.iter().cloned().collect());
        let state = Arc::new(State { asked: asked.clone(), answers, heard });
        runtime.spawn(serve(listener, tls, state));
        Self { address, asked, authority, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What was asked but for tokens.
    pub fn wakings(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| !asked.path.ends_with("/token")).cloned().collect()
    }
}

fn rand_name() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn tls(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(move |request| answer(request, state.clone()));
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // It ends when the client does.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()));
    let asked = Asked {
        path: request.uri().path().to_owned(),
        headers: headers.collect(),
        is_http2: request.version() == hyper::Version::HTTP_2,
        body: request.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
    };
    state.asked.lock().unwrap().push(asked.clone());
    if asked.path.ends_with("/token") {
        let token = r#"{"access_token":"ya29.token","expires_in":3600,"token_type":"Bearer"}"#;
        return Ok(Response::new(Full::from(token)));
    }
    (state.heard)(&asked);
    let answers = {
        let mut answers = state.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    let (status, body, later) = match answers {
        None => (200, "", None),
        Some(Answers::Says(status, body)) => (status, body, None),
        Some(Answers::Later(status, seconds)) => (status, "", Some(seconds)),
        Some(Answers::Slow(time)) => {
            tokio::time::sleep(time).await;
            (200, "", None)
        }
    };
    let mut response = Response::builder().status(status);
    if let Some(seconds) = later {
        response = response.header("retry-after", seconds.to_string());
    }
    Ok(response.body(Full::from(body)).unwrap())
}
