//! `/metrics`, `/healthz` and `/readyz`, asked over a real socket.

use coeur_api::Watched;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Lamp {
    live: AtomicBool,
    ready: AtomicBool,
}

impl Watched for Lamp {
    fn metrics(&self) -> String {
        "lamp 1\n".to_owned()
    }
    fn live(&self) -> Result<(), String> {
        self.live.load(Ordering::SeqCst).then_some(()).ok_or_else(|| "shard 1 stands still".to_owned())
    }
    fn ready(&self) -> Result<(), String> {
        self.ready.load(Ordering::SeqCst).then_some(()).ok_or_else(|| "the journal cannot write".to_owned())
    }
}

#[test]
fn health_and_readiness_are_two_questions_and_a_no_says_why() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let lamp = Arc::new(Lamp { live: AtomicBool::new(true), ready: AtomicBool::new(true) });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = runtime.spawn(coeur_api::serve_http(listener, lamp.clone(), async { drop(stopped.await) }));
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().to_owned();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    let said = |path: &str, status: &str, body: &str| {
        assert_eq!(get(path), (status.to_owned(), body.to_owned()), "{path}");
    };
    said("/healthz", "200", "ok\n");
    said("/readyz", "200", "ready\n");
    said("/metrics", "200", "lamp 1\n");
    lamp.ready.store(false, Ordering::SeqCst);
    said("/healthz", "200", "ok\n");
    said("/readyz", "503", "the journal cannot write\n");
    lamp.live.store(false, Ordering::SeqCst);
    said("/healthz", "503", "shard 1 stands still\n");
    said("/metrics", "200", "lamp 1\n");
    assert_eq!(get("/else").0, "404");
    stop.send(()).unwrap();
    runtime.block_on(served).unwrap().unwrap();
}
