//! `/metrics`, `/healthz` and `/readyz` for whoever watches the server. Nothing here changes anything or names a
//! person.

use crate::visits::{Limits, Visits};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What is asked of the running server.
pub trait Watched: Send + Sync {
    /// Prometheus text.
    fn metrics(&self) -> String;
    /// Every part that must turn does, else which one does not: then only a new start helps. May take some seconds.
    fn live(&self) -> Result<(), String>;
    /// New work is welcome; else why not: storage cannot write, or the server is stopping.
    fn ready(&self) -> Result<(), String>;
}

pub async fn serve_http(
    listener: TcpListener,
    watched: Arc<dyn Watched>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve(Visits::new(listener, Limits::default()), watched, stop).await
}

async fn serve(
    visits: Visits,
    watched: Arc<dyn Watched>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (metrics, live, ready) = (watched.clone(), watched.clone(), watched);
    let router = Router::new()
        .route("/healthz", get(move || health(live)))
        .route("/readyz", get(move || async move { say(ready.ready(), "ready\n") }))
        .route("/metrics", get(move || async move { text(metrics.metrics()) }));
    axum::serve(visits, router).with_graceful_shutdown(stop).await
}

async fn health(watched: Arc<dyn Watched>) -> (StatusCode, String) {
    let live = tokio::task::spawn_blocking(move || watched.live()).await;
    say(live.unwrap_or_else(|_| Err("the check failed inside".to_owned())), "ok\n")
}

fn say(answer: Result<(), String>, good: &str) -> (StatusCode, String) {
    match answer {
        Ok(()) => (StatusCode::OK, good.to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

fn text(metrics: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    struct Well;

    impl Watched for Well {
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

    fn served(limits: Limits) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(Visits::new(listener, limits), Arc::new(Well), std::future::pending()));
        (runtime, address)
    }

    fn ask(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream
    }

    /// A connection from another address of this machine.
    struct TcpSocket;

    impl TcpSocket {
        fn of(from: &str, to: SocketAddr) -> TcpStream {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let connected = runtime.block_on(async {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
                socket.connect(to).await.unwrap().into_std().unwrap()
            });
            connected.set_nonblocking(false).unwrap();
            let mut stream = connected;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            stream
        }
    }

    fn hears(mut stream: &TcpStream, patience_ms: u64) -> Result<usize, ErrorKind> {
        stream.set_read_timeout(Some(Duration::from_millis(patience_ms))).unwrap();
        stream.read(&mut [0; 512]).map_err(|why| why.kind())
    }

    #[test]
    fn who_finds_all_places_taken_waits_until_one_is_free() {
        let limits =
            Limits { connections_max: 2, of_one_address_max: 3, connection_life: Duration::from_secs(600) };
        let (_runtime, address) = served(limits);
        let taken = [ask(address), ask(address)];
        assert!(taken.iter().all(|stream| hears(stream, 10_000).is_ok_and(|bytes| bytes > 0)));
        let third = ask(address);
        assert_eq!(hears(&third, 200), Err(ErrorKind::WouldBlock));
        drop(taken);
        assert!(hears(&third, 10_000).is_ok_and(|bytes| bytes > 0));
    }

    #[test]
    fn one_address_has_a_share_of_the_places_and_one_more_of_its_connections_is_closed() {
        let limits =
            Limits { connections_max: 8, of_one_address_max: 2, connection_life: Duration::from_secs(600) };
        let (_runtime, address) = served(limits);
        let taken = [ask(address), ask(address)];
        assert!(taken.iter().all(|stream| hears(stream, 10_000).is_ok_and(|bytes| bytes > 0)));
        let third = hears(&ask(address), 10_000);
        assert!(matches!(third, Ok(0) | Err(ErrorKind::ConnectionReset)), "{third:?}");
        let elsewhere = TcpSocket::of("127.0.0.2", address);
        assert!(hears(&elsewhere, 10_000).is_ok_and(|bytes| bytes > 0), "another address has its own");
    }

    #[test]
    fn who_says_nothing_or_little_is_closed() {
        let limits =
            Limits { connections_max: 8, of_one_address_max: 8, connection_life: Duration::from_millis(100) };
        let (_runtime, address) = served(limits);
        let silent = TcpStream::connect(address).unwrap();
        let mut slow = TcpStream::connect(address).unwrap();
        slow.write_all(b"GET /rea").unwrap();
        let answered = ask(address);
        assert!(hears(&answered, 10_000).is_ok_and(|bytes| bytes > 0));
        for stream in [silent, slow, answered] {
            assert_eq!(hears(&stream, 10_000), Ok(0));
        }
    }
}
