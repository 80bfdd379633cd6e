//! Digest authentication of a request (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! The realm is the domain of the address that the sender claims: To for REGISTER, From for all else. Existing and
//! absent accounts take the same work: a wrong answer is always compared with [`DEVICES_PER_ACCOUNT_MAX`] HA1 values,
//! those that the account lacks being made of its name under a secret key.

use super::challenge::{Asker, Why};
use super::hash::Purpose;
use super::limits::{
    CHALLENGES_TO_SOURCE, FAILURES_OF_PAIR, FAILURES_OF_SOURCE, UNVERIFIED_OF_SOURCE, per_minute,
};
use super::nonce::Verdict;
use super::nonce_count::Use;
use super::source::Source;
use super::{Guard, micros};
use crate::answer::{answer, answer_stranger};
use crate::context::Context;
use crate::event::Event;
use crate::flow::{ConnectionId, Flow};
use crate::world::World;
use aws_lc_rs::hmac;
use coeur_directory::{Account, AlgorithmPolicy, Aor, DEVICES_PER_ACCOUNT_MAX, Device, DeviceId, Domain};
use coeur_sip::digest::{Algorithm, Credentials, DigestError, Ha1, verify};
use coeur_sip::message::Message;
use coeur_sip::transport::Transport;
use coeur_sip::uri::{SipUri, Uri, same_unescaped, unescape_into};
use coeur_sip::{HeaderName, Method, StatusCode};
use std::sync::Arc;

/// Proof that the sender of the request at hand knows the secret of a device and owns the address it claims. Made
/// by [`Guard::authenticate`] and nowhere else.
#[derive(Clone)]
#[expect(
    clippy::manual_non_exhaustive,
    reason = "the field keeps other modules of this crate from making one"
)]
pub struct Authenticated {
    pub account: Arc<Account>,
    pub device: DeviceId,
    _made_here: (),
}

/// The request goes no further: its answer is in the outbox, or silence was chosen and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a request says of its sender before anything is proved, and the keys under which tables know it.
pub(super) struct Claim {
    pub(super) domain: Arc<Domain>,
    pub(super) source: u64,
    /// (account, source): failures.
    pub(super) pair: u64,
    /// (account, source): who has proved a password here.
    pub(super) known: u64,
    /// (account, path).
    pub(super) known_path: u64,
    /// (source, address of record): which challenge was offered.
    pub(super) offer: u64,
}

impl Guard {
    /// Finds out who sent the request, or answers it.
    pub fn authenticate(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
    ) -> Result<Authenticated, Refused> {
        let mut user = std::mem::take(&mut self.user);
        user.clear();
        let result = self.examine(cx, flow, message, &mut user);
        self.user = user;
        result
    }

    fn examine(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        user: &mut Vec<u8>,
    ) -> Result<Authenticated, Refused> {
        let claimed = match claimed_address(message) {
            Ok(uri) => uri,
            Err((status, reason)) => return refuse_stranger(cx, flow, message, status, reason),
        };
        let Some(domain) = cx.world.directory.domain(claimed.host_bytes) else {
            return refuse_stranger(cx, flow, message, StatusCode::FORBIDDEN, "Domain Not Served");
        };
        unescape_into(claimed.user.unwrap_or_default(), user);
        let mut further = None;
        let asker = asker(cx.world, message);
        let mut claim = claim_of(cx.world, flow, domain, user);
        let credentials = match credentials_for(message, asker, claim.domain.name.as_bytes()) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => {
                if let Some(proof) = vouched(cx, flow, user, &claim) {
                    return Ok(proof);
                }
                self.challenge(cx, flow, message, asker, &claim, Why::Bare);
                return Err(Refused);
            }
            Err(reason) => return refuse_stranger(cx, flow, message, StatusCode::BAD_REQUEST, reason),
        };
        let is_named = names(&credentials, user, claim.domain.name.as_bytes());
        if !is_named && cx.world.directory.has_aliases() {
            // A further address of an account is proved with the account's own name; that it is one is looked at after the
            // proof, so that nobody else learns of it.
            let name = named(&credentials, claim.domain.name.as_bytes()).to_vec();
            further = Some(std::mem::replace(user, name));
            claim = claim_of(cx.world, flow, claim.domain, user);
        } else if !is_named {
            return refuse_stranger(cx, flow, message, StatusCode::FORBIDDEN, "Not Your Address");
        }
        // RFC 7616 section 3.4.6. Some clients (sipp, several gateways) name the server that they send to instead; a
        // replay to another Request-URI is stopped by the nonce count all the same.
        let uri = credentials.uri.raw();
        if !means_request_uri(uri, message) && !names_our_address(cx.world, uri) {
            return refuse_stranger(cx, flow, message, StatusCode::BAD_REQUEST, "Digest URI Is Another");
        }
        if !may_try(cx, &claim) {
            cx.counters.authentication_refused_unverified += 1;
            if may_answer_unverified(cx, flow, &claim) {
                self.challenge(cx, flow, message, asker, &claim, Why::Wrong);
            } else {
                cx.counters.challenges_withheld += 1;
            }
            return Err(Refused);
        }
        let proved = self.prove(cx, flow, message, user, asker, &claim, &credentials)?;
        match further {
            Some(further) if !is_further(&proved.account, &further, &claim.domain) => {
                refuse_stranger(cx, flow, message, StatusCode::FORBIDDEN, "Not Your Address")
            }
            Some(_) | None => Ok(proved),
        }
    }

    fn prove(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        user: &[u8],
        asker: Asker,
        claim: &Claim,
        credentials: &Credentials<'_>,
    ) -> Result<Authenticated, Refused> {
        let realm = claim.domain.name.as_bytes();
        // Who does not exist takes as much memory and time as who does.
        let found = cx.world.directory.account_or_stand_in(user, realm);
        let (account, exists) = found.map_or((None, false), |(account, exists)| (Some(account), exists));
        let devices = account.as_ref().map_or(&[][..], |account| &account.devices);
        let at = self.matching(cx, devices, credentials, user, realm, message);
        // `at` is one of the devices of this account; what the secret of a stand-in proves is nothing.
        let proved = account.as_ref().filter(|_| exists).and_then(|a| Some((a, a.devices.get(at?)?)));
        let Some((account, device)) = proved else {
            self.note_failure(cx, flow, user, claim);
            self.challenge(cx, flow, message, asker, claim, Why::Wrong);
            return Err(Refused);
        };
        if !account.enabled {
            return refuse_stranger(cx, flow, message, StatusCode::FORBIDDEN, "Account Disabled");
        }
        if credentials.algorithm == Algorithm::Md5 && wants_sha256(&claim.domain, account, device) {
            cx.counters.downgrade_refused += 1;
            cx.world.guard.offers.answered(claim.offer);
            let subject = format!("{} device {}", account.aor, device.id.0).into();
            let text = "MD5 was refused of a device of which SHA-256 is required".into();
            cx.outbox.publish(Event::Notice { flow: Some(*flow), subject, text });
            self.challenge(cx, flow, message, asker, claim, Why::TooWeak);
            return Err(Refused);
        }
        if !self.take_count(cx, flow, user, realm, credentials) {
            cx.counters.authentication_stale += 1;
            self.challenge(cx, flow, message, asker, claim, Why::Stale);
            return Err(Refused);
        }
        note_success(cx, claim, account, device, credentials.algorithm);
        Ok(Authenticated { account: account.clone(), device: device.id, _made_here: () })
    }

    /// Compares with each device; when none fits, with as many more values as an account can have devices.
    fn matching(
        &self,
        cx: &mut Context<'_>,
        devices: &[Device],
        credentials: &Credentials<'_>,
        user: &[u8],
        realm: &[u8],
        message: &Message<'_>,
    ) -> Option<usize> {
        let (method, body) = (message.method(), message.body());
        let counted = &mut cx.counters.digests_compared;
        let mut fits = |ha1: &Ha1| {
            *counted += 1;
            verify(ha1, credentials, method.as_bytes(), body)
        };
        let mut compared = 0;
        for (at, device) in devices.iter().take(DEVICES_PER_ACCOUNT_MAX).enumerate() {
            let Some(ha1) = ha1_of(device, credentials.algorithm) else { continue };
            compared += 1;
            if fits(&ha1) {
                return Some(at);
            }
        }
        let mut context = hmac::Context::with_key(&self.nobody);
        context.update(realm);
        context.update(b":");
        context.update(user);
        let tag = context.sign();
        let nobody =
            Ha1::from_bytes(credentials.algorithm, &tag.as_ref()[..credentials.algorithm.hash_bytes()])?;
        for _ in compared..DEVICES_PER_ACCOUNT_MAX {
            std::hint::black_box(fits(&nobody));
        }
        None
    }

    /// True when the nonce is good and this use of it is the first.
    fn take_count(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        user: &[u8],
        realm: &[u8],
        credentials: &Credentials<'_>,
    ) -> bool {
        let shared = &cx.world.guard;
        let now_ms = shared.time_ms(cx.now);
        let life_s = cx.world.settings.nonce_life_s;
        let nonce = credentials.nonce.raw();
        let Some(qop) = &credentials.qop else { return false };
        let Verdict::Fresh { issued_ms } = self.nonces.verify(now_ms, life_s, flow, realm, nonce) else {
            return false;
        };
        let key = shared.key.of(Purpose::NonceCount, &[nonce, qop.cnonce.raw(), user]);
        let life_ms = u64::from(life_s) * 1_000;
        match shared.counts.take(key, issued_ms, qop.nonce_count, now_ms, life_ms) {
            Use::First => true,
            Use::Replayed => {
                cx.counters.nonce_replayed += 1;
                false
            }
        }
    }

    fn note_failure(&mut self, cx: &mut Context<'_>, flow: &Flow, user: &[u8], claim: &Claim) {
        let (limits, now_us) = (&cx.world.guard.limits, micros(cx.now.monotonic));
        limits.failures_of_pair.take(claim.pair, FAILURES_OF_PAIR, now_us);
        // What is full already says no more: events are as bounded as failures are.
        let said = limits.failures_of_source.take(claim.source, FAILURES_OF_SOURCE, now_us);
        cx.counters.authentication_failed += 1;
        if said {
            let why = "the answer to the challenge is wrong".into();
            cx.outbox.publish(Event::AuthenticationFailed { flow: *flow, user: user.into(), why });
        }
    }

    /// False, with the answer written, when the account has sent its MESSAGEs of this minute (threat T-19).
    pub fn may_message(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        account: &Account,
    ) -> bool {
        let units = cx.world.settings.messages_per_minute_max;
        let shared = &cx.world.guard;
        let who = shared.key.of(Purpose::Messages, &[account.aor.as_str().as_bytes()]);
        let now_us = micros(cx.now.monotonic);
        if units == 0 || shared.limits.messages.take(who, per_minute(units), now_us) {
            return true;
        }
        cx.counters.limits_hit += 1;
        answer(cx, flow, message, StatusCode::FORBIDDEN, Some("Too Many Messages"), |writer| {
            writer.number(HeaderName::RetryAfter, 60);
        });
        false
    }
}

/// Who came over a connection that has shown a ticket for this very address needs no digest, as long as account and device have
/// their rights.
fn vouched(cx: &mut Context<'_>, flow: &Flow, user: &[u8], claim: &Claim) -> Option<Authenticated> {
    if !matches!(flow.transport, Transport::Ws | Transport::Wss) {
        return None;
    }
    let voucher = cx.world.vouched.of(flow.connection)?;
    let found = cx.world.directory.account_or_stand_in(user, claim.domain.name.as_bytes());
    let account = found.filter(|(_, exists)| *exists).map(|(account, _)| account)?;
    let may = account.aor == voucher.aor && account.enabled && account.device(voucher.device).is_some();
    if !may {
        return None;
    }
    let now_us = micros(cx.now.monotonic);
    cx.counters.authenticated += 1;
    cx.world.guard.limits.known.note(claim.known, now_us);
    cx.world.guard.limits.known.note(claim.known_path, now_us);
    Some(Authenticated { account, device: voucher.device, _made_here: () })
}

fn note_success(
    cx: &mut Context<'_>,
    claim: &Claim,
    account: &Account,
    device: &Device,
    algorithm: Algorithm,
) {
    let (shared, now_us) = (&cx.world.guard, micros(cx.now.monotonic));
    cx.counters.authenticated += 1;
    shared.offers.answered(claim.offer);
    shared.limits.known.note(claim.known, now_us);
    shared.limits.known.note(claim.known_path, now_us);
    shared.limits.challenges_to_source.give_back(claim.source, CHALLENGES_TO_SOURCE);
    if algorithm != Algorithm::Md5 && !device.proved_sha256() && device.prove_sha256() {
        cx.outbox.publish(Event::DeviceProvedSha256 { aor: account.aor.clone(), device: device.id });
    }
}

/// `sip:ADDRESS:PORT` of a listener, without a user.
fn names_our_address(world: &World, uri: &[u8]) -> bool {
    matches!(Uri::parse(uri), Ok(Uri::Sip(uri))
        if uri.user.is_none() && crate::machine::is_named(world, &uri))
}

/// A failure is looked at while the pair and the source have room, or when a proof came from here before.
fn may_try(cx: &Context<'_>, claim: &Claim) -> bool {
    let (limits, now_us) = (&cx.world.guard.limits, micros(cx.now.monotonic));
    let pair = limits.failures_of_pair.has_room(claim.pair, FAILURES_OF_PAIR, now_us)
        || limits.known.has(claim.known_path, now_us);
    let source = limits.failures_of_source.has_room(claim.source, FAILURES_OF_SOURCE, now_us)
        || limits.known.has(claim.known, now_us);
    pair && source
}

/// Who guesses takes no more than a share of the challenges that his address may draw: his neighbours need the others.
fn may_answer_unverified(cx: &Context<'_>, flow: &Flow, claim: &Claim) -> bool {
    let unverified = &cx.world.guard.limits.unverified_of_source;
    flow.transport.is_reliable()
        || unverified.take(claim.source, UNVERIFIED_OF_SOURCE, micros(cx.now.monotonic))
}

fn wants_sha256(domain: &Domain, account: &Account, device: &Device) -> bool {
    let policies = [domain.algorithm, account.policy, device.policy];
    device.proved_sha256() || policies.contains(&AlgorithmPolicy::Sha256)
}

fn ha1_of(device: &Device, algorithm: Algorithm) -> Option<Ha1> {
    match algorithm {
        Algorithm::Md5 => Ha1::from_bytes(algorithm, device.ha1.md5.as_ref()?.expose()),
        Algorithm::Sha256 => Ha1::from_bytes(algorithm, device.ha1.sha256.expose()),
        Algorithm::Sha512_256 => Ha1::from_bytes(algorithm, device.ha1.sha512_256.as_ref()?.expose()),
    }
}

fn claim_of(world: &World, flow: &Flow, domain: Arc<Domain>, user: &[u8]) -> Claim {
    let key = &world.guard.key;
    let source = key.of(Purpose::Source, &[Source::of(flow.remote.ip()).bytes()]);
    let who = key.of(Purpose::Who, &[user, domain.name.as_bytes()]);
    // The exact path: a connection, or a port of the source.
    let place = match flow.connection {
        ConnectionId::NONE => u64::from(flow.remote.port()),
        ConnectionId(connection) => connection,
    };
    let path = key.mixed(Purpose::KnownPath, source, place);
    Claim {
        source: key.mixed(Purpose::FailuresOfSource, 0, source),
        pair: key.mixed(Purpose::Failures, who, source),
        known: key.mixed(Purpose::Known, who, source),
        known_path: key.mixed(Purpose::KnownPath, who, path),
        offer: key.mixed(Purpose::OfferSketch, who, source),
        domain,
    }
}

impl Claim {
    /// Tells a new request from a retransmission.
    pub(super) fn request(world: &World, message: &Message<'_>) -> u64 {
        let cseq = message.cseq().number.to_be_bytes();
        world.guard.key.of(Purpose::Request, &[message.call_id(), &cseq])
    }
}

/// The address that the sender says is its own. A REGISTER for somebody else (third party, RFC 3261 section 10.2) is
/// not served: From must be To.
fn claimed_address<'a>(message: &Message<'a>) -> Result<SipUri<'a>, (StatusCode, &'static str)> {
    let read = |address: Result<coeur_sip::header::NameAddr<'a>, coeur_sip::HeaderError>| {
        let address = address.map_err(|error| (StatusCode::BAD_REQUEST, error.reason))?;
        match address.parse_uri() {
            Ok(Uri::Sip(uri)) if uri.user.is_some() => Ok(uri),
            Ok(_) => Err((StatusCode::FORBIDDEN, "No Address Of Ours")),
            Err(error) => Err((StatusCode::BAD_REQUEST, error.reason)),
        }
    };
    let from = read(message.from())?;
    let same_text = || matches!((message.from(), message.to()), (Ok(from), Ok(to)) if from.uri == to.uri);
    if message.method() != Method::Register || same_text() {
        return Ok(from);
    }
    let to = read(message.to())?;
    let same =
        to.host == from.host && same_unescaped(to.user.unwrap_or_default(), from.user.unwrap_or_default());
    if same { Ok(to) } else { Err((StatusCode::FORBIDDEN, "Not Your Address")) }
}

/// RFC 3261 section 22: a user agent server asks with 401, a proxy with 407.
fn asker(world: &World, message: &Message<'_>) -> Asker {
    let for_us = message.method() == Method::Register || crate::dispatch::is_for_server(world, message);
    if for_us { Asker::Server } else { Asker::Proxy }
}

/// The credentials for our realm, from the header that answers the asker, else from the other (clients confuse them).
/// Two for one realm could be read differently by others, so they are refused.
fn credentials_for<'a>(
    message: &Message<'a>,
    asker: Asker,
    realm: &[u8],
) -> Result<Option<Credentials<'a>>, &'static str> {
    let names = match asker {
        Asker::Server => [HeaderName::Authorization, HeaderName::ProxyAuthorization],
        Asker::Proxy => [HeaderName::ProxyAuthorization, HeaderName::Authorization],
    };
    for name in names {
        let mut found = None;
        for value in message.values(name) {
            match Credentials::parse(value) {
                Ok(credentials) if credentials.realm.raw() == realm => {
                    if found.replace(credentials).is_some() {
                        return Err("Two Credentials For One Realm");
                    }
                }
                Ok(_) | Err(DigestError::OtherScheme) | Err(DigestError::Unsupported(_)) => {}
                Err(_) => return Err("Malformed Credentials"),
            }
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The user name is the user part claimed, or `user@domain`.
fn names(credentials: &Credentials<'_>, user: &[u8], domain: &[u8]) -> bool {
    let name = credentials.username.raw();
    let Some(rest) = name.strip_prefix(user) else { return false };
    !user.is_empty()
        && match rest {
            [] => true,
            [b'@', host @ ..] => host.eq_ignore_ascii_case(domain),
            _ => false,
        }
}

/// The user part of the name that the credentials give.
fn named<'a>(credentials: &Credentials<'a>, domain: &[u8]) -> &'a [u8] {
    let name = credentials.username.raw();
    let at = name.len().saturating_sub(domain.len() + 1);
    match name.split_at(at) {
        (user, [b'@', host @ ..]) if host.eq_ignore_ascii_case(domain) => user,
        (_, _) => name,
    }
}

fn is_further(account: &Account, user: &[u8], domain: &Domain) -> bool {
    let is_same = |alias: &Aor| alias.user().as_bytes() == user && alias.domain() == &*domain.name;
    account.aliases.iter().any(is_same)
}

/// The digest `uri` must mean the Request-URI (RFC 7616 section 3.4.6). Phones leave out or add parameters, so scheme,
/// user, host and port are compared, which is what says where the request goes.
fn means_request_uri(digest_uri: &[u8], message: &Message<'_>) -> bool {
    let request_uri = message.request_uri();
    if digest_uri == request_uri {
        return true;
    }
    match (Uri::parse(digest_uri), Uri::parse(request_uri)) {
        (Ok(Uri::Sip(a)), Ok(Uri::Sip(b))) => {
            let port = |uri: &SipUri<'_>| uri.port.unwrap_or(if uri.secure { 5061 } else { 5060 });
            a.host == b.host
                && port(&a) == port(&b)
                && same_unescaped(a.user.unwrap_or_default(), b.user.unwrap_or_default())
        }
        (Ok(a), Ok(b)) => a.equivalent(&b),
        _ => false,
    }
}

fn refuse_stranger<T>(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    reason: &'static str,
) -> Result<T, Refused> {
    answer_stranger(cx, flow, message, status, Some(reason), |_| {});
    Err(Refused)
}
