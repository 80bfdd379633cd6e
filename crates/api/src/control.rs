//! The control socket: HTTP and JSON over a Unix domain socket that only its owner can open.

use crate::door::Door;
use crate::model::{Refusal, Request, Why};
use crate::operator::of_peer;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;

/// Name of the socket in the data directory.
pub const SOCKET_NAME: &str = "coeur.sock";
/// Bytes of one request: room for [`crate::ACCOUNTS_PER_REQUEST_MAX`] accounts.
const BODY_BYTES_MAX: usize = 8 << 20;

#[derive(Clone, Copy)]
struct Peer {
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|credentials| credentials.uid()) }
    }
}

#[derive(Clone)]
struct Room {
    door: Arc<Door>,
    own_uid: u32,
}

/// The socket, open: whoever connects from now on is answered once [`Control::serve`] runs.
pub struct Control {
    listener: UnixListener,
    name: Name,
    own_uid: u32,
}

/// The socket's name in the data directory, gone with it: also when the runtime ends before [`Control::serve`] has. After
/// kill -9 it stays, and the next start removes it.
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Control {
    /// Within a tokio runtime. The data directory is locked by this process, so a socket found there is a remnant.
    pub fn open(directory: &Path) -> io::Result<Control> {
        let path = directory.join(SOCKET_NAME);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        let listener = UnixListener::bind(&path)?;
        let name = Name(path);
        std::fs::set_permissions(&name.0, std::fs::Permissions::from_mode(0o600))?;
        let own_uid = std::fs::metadata(&name.0)?.uid();
        Ok(Control { listener, name, own_uid })
    }

    /// Serves until `stop` resolves.
    pub async fn serve(
        self,
        door: Arc<Door>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let _name = self.name;
        let router = Router::new()
            .route("/v1", post(answer))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Room { door, own_uid: self.own_uid })
            .into_make_service_with_connect_info::<Peer>();
        axum::serve(self.listener, router).with_graceful_shutdown(stop).await
    }
}

async fn answer(
    State(room): State<Room>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Json(request): Json<Request>,
) -> Response {
    let Some(operator) = peer.uid.and_then(|uid| of_peer(uid, room.own_uid)) else {
        let text = "only root and the user of the server may use this socket";
        return (StatusCode::FORBIDDEN, Json(Refusal::new(Why::Forbidden, text))).into_response();
    };
    let answered = tokio::task::spawn_blocking(move || room.door.answer(&operator, request)).await;
    match answered {
        Ok(Ok(reply)) => Json(reply).into_response(),
        Ok(Err(refusal)) => (status(refusal.why), Json(refusal)).into_response(),
        Err(_) => {
            let refusal =
                Refusal::new(Why::Unavailable, "the request failed inside; the server's log says more");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(refusal)).into_response()
        }
    }
}

fn status(why: Why) -> StatusCode {
    match why {
        Why::Invalid | Why::Weak => StatusCode::BAD_REQUEST,
        Why::NotFound => StatusCode::NOT_FOUND,
        Why::Exists | Why::NotNow | Why::NotSetUp => StatusCode::CONFLICT,
        Why::Forbidden => StatusCode::FORBIDDEN,
        Why::Unavailable | Why::Rehearsed => StatusCode::SERVICE_UNAVAILABLE,
    }
}
