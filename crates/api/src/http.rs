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
    /// Storage can write and every listener is up; else what is missing.
    fn ready(&self) -> Result<(), String>;
}

pub async fn serve_http(
    listener: TcpListener,
    watched: Arc<dyn Watched>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (metrics, ready) = (watched.clone(), watched);
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness(ready.ready()) }))
        .route("/metrics", get(move || async move { text(metrics.metrics()) }));
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

fn readiness(ready: Result<(), String>) -> (StatusCode, String) {
    match ready {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

fn text(metrics: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics)
}
