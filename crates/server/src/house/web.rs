//! The listener of API and pages: opened before anything is answered, served at the end of the start.

use super::running::{Running, WebOutside};
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use coeur_api::rest::{Asked, Caller, Gate, OneToken, Parts, Problem, Web, serve_web};
use coeur_api::{Desk, Door, TOKEN_PREFIX};
use coeur_storage::write_whole;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Below the data directory, readable by its owner alone: the token with which the API is opened first.
pub const TOKEN_FILE: &str = "keys/api-token";

pub struct Opened {
    pub address: SocketAddr,
    listener: tokio::net::TcpListener,
    token: Zeroizing<String>,
}

/// `None` where it is off. A place that nobody chose and that somebody else has is gone without.
pub fn open(
    settings: &Settings,
    runtime: &tokio::runtime::Runtime,
    next_port: bool,
) -> Result<Option<Opened>, Failure> {
    let Some(address) = settings.web else { return Ok(None) };
    let listener = match runtime.block_on(tokio::net::TcpListener::bind(address)) {
        Ok(listener) => listener,
        Err(why) if next_port || !settings.chosen.web => {
            tracing::warn!(%address, %why, "no API; choose another place with --web, or `off`");
            return Ok(None);
        }
        Err(why) => {
            let text = format!("web {address}: {why}; choose another with --web, or `off`");
            return Err(Failure::failed(text));
        }
    };
    let path = settings.data.join(TOKEN_FILE);
    let token =
        token(&path).map_err(|why| Failure::new(Exit::Unreachable, format!("{}: {why}", path.display())))?;
    let address = listener.local_addr().unwrap_or(address);
    Ok(Some(Opened { address, listener, token }))
}

impl Opened {
    pub fn serve(
        self,
        runtime: &tokio::runtime::Handle,
        settings: &Settings,
        running: &Arc<Running>,
        door: Arc<Door>,
        mut stopping: tokio::sync::watch::Receiver<bool>,
    ) {
        let first = OneToken::new(&self.token);
        let desk = Desk::new(door.clone());
        let gate: Arc<dyn Gate> = match &desk {
            Some(desk) => Arc::new(Gates { desk: desk.clone(), first }),
            None => Arc::new(first),
        };
        match desk.clone() {
            Some(desk) => {
                let address = format!("http://{}", self.address);
                // It is set here alone.
                let _ = running.web.set(WebOutside { address, desk });
            }
            None => tracing::error!("nobody can sign in: there is not the memory that a password takes"),
        }
        let web = Web::new(Parts {
            door,
            watched: running.clone(),
            gate,
            desk,
            feed: running.feed.clone(),
            is_our_host: hosts(settings, running),
        });
        let until = async move {
            // An error means that the sender is gone: that is a stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        running.deaths.spawn_task(runtime, "the listener of the API", async move {
            if let Err(why) = serve_web(self.listener, web, until).await {
                tracing::error!(%why, "the API is no longer served");
            }
        });
    }
}

/// The token of the first start, and everything that the desk knows.
struct Gates {
    desk: Arc<Desk>,
    first: OneToken,
}

impl Gate for Gates {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        match asked.bearer() {
            Some(token) if !token.starts_with(TOKEN_PREFIX) => self.first.caller(asked),
            Some(_) | None => self.desk.caller(asked),
        }
    }
}

/// Our domains as they are when somebody asks, and the names under which we are reached.
fn hosts(settings: &Settings, running: &Arc<Running>) -> Box<dyn Fn(&str) -> bool + Send + Sync> {
    let advertised = settings.advertise.iter().map(|advertise| advertise.host.to_ascii_lowercase());
    let names: Vec<String> = advertised.collect();
    let world = running.world.clone();
    Box::new(move |host| names.iter().any(|name| name == host) || world.directory.is_ours(host.as_bytes()))
}

/// Reads it, or makes it.
fn token(path: &Path) -> io::Result<Zeroizing<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => Ok(Zeroizing::new(text.trim().to_owned())),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no token; remove it, and another is made",
        )),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let mut random = Zeroizing::new([0; 20]);
            super::random(&mut *random);
            let token = Zeroizing::new(coeur_directory::new_secret(&random));
            write_whole(path, token.as_bytes(), 0o600)?;
            Ok(token)
        }
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_token_is_made_once_and_for_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("coeur-token-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        let path = folder.join(TOKEN_FILE);
        let (first, second) = (token(&path).unwrap(), token(&path).unwrap());
        assert_eq!((first.len(), &first), (32, &second));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(token(&path).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
