//! DTLS-SRTP of one transport (RFC 5763, 5764, 8842): its association, and what follows from what it agrees on.

use super::Hands;
use super::budget::Budget;
use super::identity::Certificate;
use super::path::Path;
use crate::media::slow::DtlsKeys;
use crate::media::translate;
use coeur_exchange::media::{DtlsFailure, DtlsRole, DtlsState, Fingerprint, Keying, SrtpKey, SrtpSuite};
use coeur_media::dtls::{self, Failure, Fingerprints, Output, Profile, Role};
use coeur_media::path::ProvenPath;
use coeur_media::relay::{Component, Keys, StreamKey, TransportKey};
use coeur_media::srtp::{Inbound, Outbound};
use coeur_sip::time::Monotonic;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// From the agreement to the first datagram of a handshake.
const BEGIN_TIME_MAX: Duration = Duration::from_secs(30);

/// Datagrams from where ICE has proved the other end, or its description names it. A handshake has some twenty.
const DATAGRAMS_A_SECOND: u32 = 200;

/// Without ICE, datagrams from another port of the hosts that signalling names: the other end behind its NAT, or a
/// neighbour of it. Each may cost the beginning of a handshake, so they crowd out nobody who is at the address named.
const UNNAMED_A_SECOND: u32 = 20;

pub(super) struct Association {
    role: DtlsRole,
    fingerprints: Box<[Fingerprint]>,
    /// Where the description says that it receives.
    signalled: SocketAddr,
    /// `None`: it never was one, since no certificate can be verified, or its keys were kept by the journal.
    machine: Option<dtls::Association>,
    state: DtlsState,
    keys: Option<DtlsKeys>,
    is_begun: bool,
    begin_by: Monotonic,
    /// Why a handshake broke before it began anew.
    broken: Option<DtlsFailure>,
    is_failure_told: bool,
    named: Budget,
    unnamed: Budget,
}

impl Association {
    /// Something was agreed. The association goes on unless certificate or role are others (RFC 8842 section 4).
    pub(super) fn agree(
        association: &mut Option<Association>,
        keying: &Keying,
        signalled: SocketAddr,
        certificate: &Certificate,
        kept: Option<DtlsKeys>,
        now: Monotonic,
    ) -> Result<(), DtlsFailure> {
        let (role, fingerprints) = match keying {
            Keying::Dtls { role, fingerprints } => (*role, fingerprints),
            Keying::Plain | Keying::Sdes { .. } | Keying::EndToEnd => {
                *association = None;
                return Ok(());
            }
        };
        if let Some(old) = association
            && old.role == role
            && old.fingerprints == *fingerprints
        {
            old.signalled = signalled;
            return Ok(());
        }
        let mut new = Association {
            role,
            fingerprints: fingerprints.clone(),
            signalled,
            machine: None,
            state: DtlsState::Agreed,
            keys: kept,
            is_begun: false,
            begin_by: Monotonic::NEVER,
            broken: None,
            is_failure_told: false,
            named: Budget::new(DATAGRAMS_A_SECOND, now),
            unnamed: Budget::new(UNNAMED_A_SECOND, now),
        };
        let done = if new.keys.is_some() { Ok(()) } else { new.listen(certificate, now) };
        *association = Some(new);
        done
    }

    fn listen(&mut self, certificate: &Certificate, now: Monotonic) -> Result<(), DtlsFailure> {
        let role = match self.role {
            DtlsRole::Client => Role::Client,
            DtlsRole::Server => Role::Server,
        };
        let told = Fingerprints::parse(
            self.fingerprints.iter().map(line).collect::<Vec<_>>().iter().map(|line| &**line),
        );
        let identity = certificate.identity.clone();
        let machine = told
            .map_err(|_| Failure::NoFingerprint)
            .and_then(|told| dtls::Association::new(role, identity, told, certificate.zero));
        match machine {
            Ok(machine) => {
                self.machine = Some(machine);
                self.state = DtlsState::Waiting { alert: None };
                self.begin_by = now + BEGIN_TIME_MAX;
                Ok(())
            }
            Err(failure) => {
                let why = failed(failure);
                self.state = DtlsState::Failed { why };
                Err(why)
            }
        }
    }

    /// A datagram that the relay takes for one of the other end's: from where ICE has validated, or from a host that
    /// signalling names. True when something may follow.
    pub(super) fn receive(
        &mut self,
        now: Monotonic,
        ice: Option<&Path>,
        from: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        let Some(machine) = &mut self.machine else { return false };
        let named = ProvenPath::signalled(self.signalled, from);
        let (path, budget) = match (ice, named) {
            (Some(ice), _) => (ice.agent.proven(from), &mut self.named),
            (None, Some(path)) => (Some(path), &mut self.named),
            // The host is the one that signalling names: the relay hands nothing else out.
            (None, None) => (ProvenPath::signalled(from, from), &mut self.unnamed),
        };
        let Some(path) = path.filter(|_| dtls::is_dtls(bytes)) else { return false };
        if !budget.take(now) {
            return false;
        }
        self.is_begun = true;
        machine.receive(now, path, bytes);
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Monotonic) {
        if let Some(machine) = self.machine.as_mut().filter(|machine| machine.next_deadline().is_due(now)) {
            machine.handle_timeout(now);
        }
    }

    /// Begins when there is a way, sends what is to be said, and gives the relay the keys.
    pub(super) fn work(
        &mut self,
        stream: StreamKey,
        port: TransportKey,
        ice: Option<&Path>,
        hands: &mut Hands<'_>,
    ) -> Option<DtlsFailure> {
        let machine = self.machine.as_mut()?;
        if !self.is_begun
            && self.role == DtlsRole::Client
            && let Some(to) = hands.relay.sends_to(stream, Component::Rtp, hands.now)
            && let Some(path) = ice.map_or(ProvenPath::signalled(to, to), |ice| ice.agent.proven(to))
        {
            self.is_begun = true;
            machine.start(hands.now, path);
        }
        let mut why = None;
        while let Some(output) = machine.poll() {
            match output {
                Output::Send { to, bytes } => hands.replies.packets.push((port, to, bytes.into())),
                Output::Keys(agreed) => match (keys(&agreed), relay_keys(&agreed)) {
                    (Some(keys), Some(in_use)) => {
                        hands.relay.set_keys(stream, in_use);
                        (self.keys, self.state) = (Some(keys), DtlsState::Agreed);
                    }
                    (None, _) | (_, None) => why = Some(DtlsFailure::NoSrtp),
                },
                Output::Restarted(failure) => {
                    self.broken = Some(failed(failure));
                    // Whoever shows a wrong certificate has answered from a proven path; what else breaks a handshake
                    // may be forged, and is told only when the time is over.
                    why = why.or(self.broken.filter(|why| *why == DtlsFailure::WrongCertificate));
                }
                Output::Failed(Failure::Timeout) => why = self.broken.or(Some(DtlsFailure::Timeout)),
                Output::Failed(failure) => why = Some(failed(failure)),
                Output::Closed => self.state = DtlsState::Closed,
            }
        }
        if !self.is_begun && self.begin_by.is_due(hands.now) {
            self.begin_by = Monotonic::NEVER;
            why = Some(DtlsFailure::NotBegun);
        }
        if let (DtlsState::Waiting { alert }, Some(machine)) = (&mut self.state, &self.machine) {
            *alert = machine.clear_alert();
        }
        let why = why.filter(|_| self.keys.is_none())?;
        self.state = DtlsState::Failed { why };
        (!std::mem::replace(&mut self.is_failure_told, true)).then_some(why)
    }

    pub(super) fn next_deadline(&self) -> Monotonic {
        let machine = self.machine.as_ref().map_or(Monotonic::NEVER, dtls::Association::next_deadline);
        machine.min(if self.is_begun { Monotonic::NEVER } else { self.begin_by })
    }

    pub(super) fn state(&self) -> DtlsState {
        self.state
    }

    pub(super) fn agreed_keys(&self) -> Option<DtlsKeys> {
        self.keys.clone()
    }
}

/// The value of an `a=fingerprint` line.
fn line(fingerprint: &Fingerprint) -> String {
    let mut line = fingerprint.hash.to_string();
    for (nth, byte) in fingerprint.bytes.iter().enumerate() {
        // A string takes all that is written.
        let _ = write!(line, "{}{byte:02X}", if nth == 0 { ' ' } else { ':' });
    }
    line
}

fn failed(failure: Failure) -> DtlsFailure {
    match failure {
        Failure::NoFingerprint => DtlsFailure::NoFingerprint,
        Failure::Fingerprint => DtlsFailure::WrongCertificate,
        Failure::NoSrtp => DtlsFailure::NoSrtp,
        Failure::Handshake => DtlsFailure::Handshake,
        Failure::Timeout => DtlsFailure::Timeout,
    }
}

fn keys(agreed: &dtls::Keys) -> Option<DtlsKeys> {
    let suite = match agreed.profile {
        Profile::Aes128CmSha1_80 => SrtpSuite::AesCm128HmacSha1_80,
        Profile::AeadAes128Gcm => SrtpSuite::AeadAes128Gcm,
        Profile::AeadAes256Gcm => SrtpSuite::AeadAes256Gcm,
    };
    let length = suite.key_bytes() + suite.salt_bytes();
    let key = |side: &[u8; 46]| {
        Some(SrtpKey { suite, key_and_salt: side.get(..length)?.into(), mki: Box::default() })
    };
    Some(DtlsKeys { send: key(&agreed.ours)?, receive: key(&agreed.theirs)? })
}

fn relay_keys(agreed: &dtls::Keys) -> Option<Keys> {
    let keys = keys(agreed)?;
    let (send, receive) = (translate::master(&keys.send)?, translate::master(&keys.receive)?);
    Some(Keys { receive: Box::new(Inbound::new(&receive)), send: Box::new(Outbound::new(&send)) })
}
