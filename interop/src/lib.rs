//! Scenarios with real peers on loopback: a real `coeur` process, real sipp, baresip and linphonec processes, real sockets.
//!
//! The tests are marked `#[ignore]` because they need programs that a fresh machine lacks, or flood the machine they run
//! on; `cargo xtask interop` installs those programs when it may and runs all. Each test has its own data directory and its own ports, and ends only processes
//! that it started.
//!
//! | module | what it drives |
//! |---|---|
//! | [`agent`] | a user agent of our own, for attacks and who is attacked |
//! | [`browser`] | web phones in headless Chromium |
//! | [`calls`] | what several sipp tests share |
//! | [`coeur`] | our server, with accounts made through its own CLI |
//! | [`crowd`] | many calls at once |
//! | [`flood`] | many datagrams |
//! | [`mod@line`] | a phone that does as it is told, right or wrong |
//! | [`linphone`] | linphonec phones through their standard input |
//! | [`lossy`] | a line that loses datagrams |
//! | [`nat`] | networks in a box: an internet, routers that translate, hosts behind them |
//! | [`place`] | where a program runs |
//! | [`scenario`] | sipp scenarios written as steps instead of XML |
//! | [`sipp`] | sipp processes |
//! | [`baresip`] | baresip phones through their control port |
//! | [`load`] | many phones that register at once |
//! | [`talker`] | phones of our own with sound |
//! | [`tone`] | which tone is in a WAV file |

pub mod agent;
pub mod baresip;
pub mod browser;
pub mod calls;
pub mod coeur;
pub mod crowd;
pub mod flood;
pub mod line;
pub mod linphone;
pub mod load;
pub mod lossy;
pub mod nat;
pub mod place;
pub mod scenario;
pub mod sipp;
pub mod talker;
pub mod tone;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes away with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("coeur-{name}-{}-{serial}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("INTEROP_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A port that is free for UDP and TCP. It is below those that the kernel gives to connections and to sockets that name none
/// (from 32,768), which would take it before its owner is there, and below those of media. It is above 10,080, the last one
/// that browsers refuse to open (Fetch standard, bad ports).
pub fn free_port() -> u16 {
    use std::net::{TcpListener, UdpSocket};
    const FIRST: u32 = 10_081;
    const COUNT: u32 = 9_919;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(40);
    loop {
        let port = (FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT) as u16;
        let address = ("127.0.0.1", port);
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
}

/// A child process that is killed (by its id) when its owner goes.
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
