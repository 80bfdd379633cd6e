//! The token of the first start, in a file that its owner alone can read: with it the API is opened before anybody can sign in.
//! It counts on this machine alone, and not for one who is forwarded. When it was used last is when its file was changed last; removed,
//! it opens nothing, and no other is made as long as somebody answers for the installation.

use coeur_api::rest::{Asked, Caller, Code, Gate, OneToken, Problem};
use coeur_storage::write_whole;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// Below the data directory.
pub const TOKEN_FILE: &str = "keys/api-token";
/// That it is used is written down this often.
const SEEN_EVERY_MS: u64 = 5 * 60_000;

pub struct FirstToken {
    path: PathBuf,
    one: OneToken,
    seen_at_ms: AtomicU64,
}

impl FirstToken {
    /// Reads it, or makes it where it is `wanted`. `None`: there is none.
    pub fn open(data: &Path, wanted: bool) -> io::Result<Option<Self>> {
        let path = data.join(TOKEN_FILE);
        let Some(token) = token(&path, wanted)? else { return Ok(None) };
        Ok(Some(Self { one: OneToken::new(&token), path, seen_at_ms: AtomicU64::new(0) }))
    }

    fn was_used(&self, now_ms: u64) {
        let seen = self.seen_at_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(seen) < SEEN_EVERY_MS {
            return;
        }
        self.seen_at_ms.store(now_ms, Ordering::Relaxed);
        let file = std::fs::OpenOptions::new().append(true).open(&self.path);
        if let Err(why) = file.and_then(|file| file.set_modified(SystemTime::now())) {
            tracing::warn!(%why, "that the first token is used could not be written down");
        }
    }
}

impl Gate for FirstToken {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let caller = self.one.caller(asked)?;
        if !asked.is_from_this_machine() || !self.path.exists() {
            return Err(Problem::new(Code::NotSignedIn));
        }
        self.was_used(asked.now_ms);
        Ok(caller)
    }
}

fn token(path: &Path, wanted: bool) -> io::Result<Option<Zeroizing<String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => Ok(Some(Zeroizing::new(text.trim().to_owned()))),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no token; remove it, and another is made as long as there is no owner",
        )),
        Err(why) if why.kind() == io::ErrorKind::NotFound && wanted => {
            let mut random = Zeroizing::new([0; 20]);
            super::random(&mut *random);
            let token = Zeroizing::new(coeur_directory::new_secret(&random));
            write_whole(path, token.as_bytes(), 0o600)?;
            Ok(Some(token))
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_token_is_made_once_for_its_owner_alone_and_only_where_it_is_wanted() {
        let folder = std::env::temp_dir().join(format!("coeur-token-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        let path = folder.join(TOKEN_FILE);
        assert!(token(&path, false).unwrap().is_none());
        let (first, second) = (token(&path, true).unwrap().unwrap(), token(&path, false).unwrap().unwrap());
        assert_eq!((first.len(), &first), (32, &second));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(token(&path, true).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_first_token_opens_from_this_machine_says_when_and_is_gone_with_its_file() {
        let folder = std::env::temp_dir().join(format!("coeur-token-used-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        let gate = FirstToken::open(&folder, true).unwrap().unwrap();
        let path = folder.join(TOKEN_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let ask = |from: &str, forwarded: Option<&str>| {
            let mut request = axum::http::Request::get("/").header("authorization", format!("Bearer {text}"));
            if let Some(forwarded) = forwarded {
                request = request.header("x-forwarded-for", forwarded);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let remote: IpAddr = from.parse().unwrap();
            let asked = Asked {
                method: &head.method,
                path: "/",
                headers: &head.headers,
                remote,
                encrypted: false,
                now_ms: 1_800_000_000_000,
            };
            gate.caller(&asked).is_ok()
        };
        let changed = || std::fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!ask("192.168.1.7", None) && !ask("127.0.0.1", Some("127.0.0.1")));
        assert_eq!(changed(), long_ago);
        assert!(ask("127.0.0.1", None) && ask("::1", None));
        assert!(changed() > long_ago);
        std::fs::remove_file(&path).unwrap();
        assert!(!ask("127.0.0.1", None));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
