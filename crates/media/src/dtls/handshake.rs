//! One handshake in the library, and what it comes to.

use super::keys::{Keys, Profile};
use super::{Failure, Fingerprints, Identity, Role, provider};
use coeur_sip::time::Monotonic;
use dimpl::{Config, Dtls, SrtpProfile};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// From the first datagram to the keys.
pub(super) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(30);

/// The first retransmission. RFC 6347 section 4.2.4.1 has one second and lets time-sensitive uses have less; somebody
/// waits here for a voice. It doubles each time.
const FLIGHT_TIME_FIRST: Duration = Duration::from_millis(250);
const FLIGHT_RETRIES_MAX: usize = 6;

/// What is polled in one go lies here. The records of a handshake stay below 1,150 bytes, and no plain text is longer than
/// the datagram that brought it.
const OUTPUT_BYTES: usize = super::DATAGRAM_BYTES_MAX;

/// What has come of a datagram or a timer.
pub(super) enum Step {
    Quiet,
    Keys(Keys),
    Closed,
    Broken(Failure),
}

/// It holds the handshake of the library, which wants an [`Instant`]: `zero` is that at which [`Monotonic`] was zero.
pub(super) struct Handshake {
    dtls: Box<Dtls>,
    zero: Instant,
    role: Role,
    wake: Monotonic,
    /// The certificate of the peer is one that its session description told.
    verified: bool,
}

impl Handshake {
    pub(super) fn new(role: Role, identity: &Identity, zero: Instant, now: Monotonic) -> Option<Handshake> {
        let mut dtls = Dtls::new_auto(config()?, identity.for_handshake(), instant(zero, now));
        dtls.set_active(role == Role::Client);
        Some(Handshake { dtls: Box::new(dtls), zero, role, wake: Monotonic::NEVER, verified: false })
    }

    /// An error of the library is final.
    pub(super) fn receive(&mut self, now: Monotonic, datagram: &[u8]) -> Result<(), Failure> {
        // The clock first: the library reads it from its last timeout.
        let told = self.dtls.handle_timeout(instant(self.zero, now));
        told.and_then(|()| self.dtls.handle_packet(datagram)).map_err(|_| Failure::Handshake)
    }

    pub(super) fn handle_timeout(&mut self, now: Monotonic) -> Result<(), Failure> {
        self.dtls.handle_timeout(instant(self.zero, now)).map_err(|_| Failure::Timeout)
    }

    pub(super) fn close(&mut self) {
        // An error means that there was nobody to say it to.
        let _ = self.dtls.close();
    }

    pub(super) const fn wake(&self) -> Monotonic {
        self.wake
    }

    /// Takes all that the library has to say, until it names its next time.
    pub(super) fn pump(&mut self, told: &Fingerprints, send: &mut dyn FnMut(&[u8])) -> Step {
        let mut buffer = [0; OUTPUT_BYTES];
        let (mut connected, mut step) = (false, Step::Quiet);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(bytes) => send(bytes),
                dimpl::Output::Timeout(at) => {
                    self.wake = monotonic(self.zero, at);
                    break;
                }
                dimpl::Output::PeerCert(certificate) => {
                    // RFC 8122 section 6.2, and before anything else is made of this peer.
                    if !told.vouch_for(certificate) {
                        return Step::Broken(Failure::Fingerprint);
                    }
                    self.verified = true;
                }
                dimpl::Output::Connected => connected = true,
                dimpl::Output::KeyingMaterial(exported, profile) => match self.keys(&exported, profile) {
                    Some(keys) => step = Step::Keys(keys),
                    None => return Step::Broken(Failure::NoSrtp),
                },
                dimpl::Output::CloseNotify => return Step::Closed,
                dimpl::Output::BufferTooSmall { .. } => return Step::Broken(Failure::Handshake),
                // Telephony has no data here, and the library may have more to say one day.
                _ => {}
            }
        }
        match step {
            Step::Quiet if connected => Step::Broken(Failure::NoSrtp),
            step => step,
        }
    }

    /// The keys, if the certificate was verified before.
    fn keys(&self, exported: &[u8], profile: SrtpProfile) -> Option<Keys> {
        let profile = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1_80,
            SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
            SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
            _ => return None,
        };
        let keys = Keys::from_exported(profile, exported, self.role == Role::Client);
        keys.filter(|_| self.verified)
    }
}

/// Made once: the library runs its vectors through the provider.
///
/// A server always has the client prove its address by a cookie (RFC 6347 section 4.2.1, RFC 9147 section 5.1), although
/// it costs a round trip and ICE has proved the address already: who writes a proven address on his datagrams could
/// else have his ClientHello answered at length, and hold the server.
fn config() -> Option<Arc<Config>> {
    static CONFIG: OnceLock<Option<Arc<Config>>> = OnceLock::new();
    let make = || {
        let config = Config::builder()
            .with_crypto_provider(provider::provider())
            .use_server_cookie(true)
            .require_client_certificate(true)
            .flight_start_rto(FLIGHT_TIME_FIRST)
            .flight_retries(FLIGHT_RETRIES_MAX)
            .handshake_timeout(HANDSHAKE_TIME_MAX);
        config.build().ok().map(Arc::new)
    };
    CONFIG.get_or_init(make).clone()
}

fn instant(zero: Instant, at: Monotonic) -> Instant {
    zero + Duration::from_micros(at.as_micros())
}

fn monotonic(zero: Instant, at: Instant) -> Monotonic {
    // Rounded up: a timer that fires a microsecond early fires twice.
    Monotonic::default() + at.saturating_duration_since(zero) + Duration::from_micros(1)
}
