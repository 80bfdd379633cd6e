//! Where a browser finds STUN and TURN, and with which credentials (decision 0030).
//!
//! A page has no way but its registration by which the server could tell it something that is for it alone, so the 200 of
//! REGISTER carries it: `Ice-Servers`, whose value is the JSON that a page hands to its peer connections as `iceServers`.
//! Who issues it is the server's matter; here is decided who gets it.

use crate::flow::Flow;
use coeur_directory::DeviceId;
use coeur_sip::time::Wall;
use coeur_sip::transport::Transport;
use std::fmt;
use std::sync::Arc;

/// Makes the value of the header, without line breaks, for a device of `user` at `domain`.
pub type Issue = dyn Fn(&[u8], &[u8], DeviceId, Wall) -> String + Send + Sync;

/// Nobody issues anything unless it is said who does.
#[derive(Clone, Default)]
pub struct IceServers(Option<Arc<Issue>>);

impl IceServers {
    pub fn new(issue: Arc<Issue>) -> Self {
        Self(Some(issue))
    }

    /// For whoever comes over WebSocket, as browsers do, and where nobody on the way can read it: over TLS, or from this host
    /// itself, where a reverse proxy or a page that is being tried speaks.
    pub(crate) fn issue(
        &self,
        flow: &Flow,
        user: &[u8],
        domain: &[u8],
        device: DeviceId,
        now: Wall,
    ) -> Option<String> {
        let is_private = match flow.transport {
            Transport::Wss => true,
            Transport::Ws => flow.remote.ip().to_canonical().is_loopback(),
            Transport::Udp
            | Transport::Tcp
            | Transport::Tls
            | Transport::Sctp
            | Transport::TlsSctp
            | Transport::Other => false,
        };
        self.0.as_ref().filter(|_| is_private).map(|issue| issue(user, domain, device, now))
    }
}

impl fmt::Debug for IceServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "IceServers(issued)" } else { "IceServers(none)" })
    }
}
