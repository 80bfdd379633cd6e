//! The other end of the control socket, for the command line: one request per connection, blocking.

use crate::control::SOCKET_NAME;
use crate::model::{Refusal, Reply, Request, Why};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Client {
    path: PathBuf,
}

pub enum ClientError {
    /// The server is there and says no.
    Refused(Refusal),
    /// The conversation broke.
    Broken(io::Error),
}

/// A change waits for the disk; a batch of accounts for many rows.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

impl Client {
    /// `None` when no server listens in this data directory.
    pub fn connect(directory: &Path) -> io::Result<Option<Client>> {
        let path = directory.join(SOCKET_NAME);
        match UnixStream::connect(&path) {
            Ok(_) => Ok(Some(Client { path })),
            Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }

    pub fn ask(&self, request: &Request) -> Result<Reply, ClientError> {
        let (ok, body) = self.exchange(request).map_err(ClientError::Broken)?;
        let broken =
            |why: serde_json::Error| ClientError::Broken(io::Error::new(io::ErrorKind::InvalidData, why));
        if ok {
            return serde_json::from_slice(&body).map_err(broken);
        }
        let plain = || Refusal::new(Why::Invalid, String::from_utf8_lossy(&body).into_owned());
        Err(ClientError::Refused(serde_json::from_slice(&body).unwrap_or_else(|_| plain())))
    }

    fn exchange(&self, request: &Request) -> io::Result<(bool, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let body = serde_json::to_vec(request).map_err(io::Error::other)?;
        let head = format!(
            "POST /v1 HTTP/1.1\r\nHost: coeur\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        split(answer)
    }
}

/// Our server answers JSON with a length and closes, so the rest of the connection is the body.
fn split(answer: Vec<u8>) -> io::Result<(bool, Vec<u8>)> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the server broke off its answer");
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let body = &answer[at + 4..];
    if length.is_some_and(|length| length != body.len()) {
        return Err(cut());
    }
    Ok((head.starts_with("http/1.1 200"), body.to_vec()))
}
