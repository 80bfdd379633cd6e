//! `/metrics`, `/healthz` and `/readyz` for whoever watches the server. Nothing here changes anything or names a
//! person.

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
    let (metrics, live, ready) = (watched.clone(), watched.clone(), watched);
    let router = Router::new()
        .route("/healthz", get(move || health(live)))
        .route("/readyz", get(move || async move { say(ready.ready(), "ready\n") }))
        .route("/metrics", get(move || async move { text(metrics.metrics()) }));
    axum::serve(listener, router).with_graceful_shutdown(stop).await
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
