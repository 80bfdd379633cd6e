//! Where a request that begins something goes: caller, Request-URI and world in, a plan out. Pure, so that a plan
//! can be printed and explained ([`Plan::explain`]) without sending anything.

use crate::entitled;
use crate::flow::Flow;
use crate::forwarding::{self, Cause, Diversion, Onward};
use crate::gruu;
use crate::machine;
use crate::party::Party;
use crate::push::Place;
use crate::service::{Room, Service};
use crate::world::World;
use coeur_directory::{Account, AccountId, Destination};
use coeur_sip::time::Monotonic;
use coeur_sip::uri::{SipUri, TelUri, Uri, unescape_into};
use coeur_sip::{Message, Method, StatusCode};
use std::sync::Arc;

/// The user part that the exchange answers itself.
pub const ECHO_USER: &[u8] = coeur_directory::ECHO_USER.as_bytes();

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Relay it to these, highest q first; those of one instance are alternatives.
    Proxy {
        targets: Vec<Target>,
        why: Why,
        /// What the accounts on the way want done with a call; only for what begins one.
        onward: Option<Box<Onward>>,
    },
    /// A service of ours answers.
    Serve(Service),
    Refuse {
        status: StatusCode,
        why: Why,
    },
}

/// One place to try (RFC 3261 section 16.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The new Request-URI.
    pub uri: Box<[u8]>,
    /// Over this flow, whatever the URI says; without one, where the URI says.
    pub flow: Option<Flow>,
    /// The name under which we connect, when the flow is an address to connect to ([`crate::route_token::hop_of`]).
    pub host: Option<Box<str>>,
    pub path: Option<Box<[u8]>>,
    pub q: u16,
    pub instance: Option<Box<[u8]>>,
    /// Whose it is, when it is a binding.
    pub party: Option<Party>,
    /// It speaks ICE, as its registration says.
    pub speaks_ice: bool,
    /// Over TLS or not at all (RFC 5630 section 5.3): it is for a sips URI, or for a contact that was one.
    pub secure: bool,
    /// Where it is woken (RFC 8599).
    pub push: Option<Box<Place>>,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Registered,
    Gruu,
    Foreign,
    UnknownUser,
    NotRegistered,
    /// A sips URI, and no contact is one.
    NotSecure,
    NoRightToRelay,
    UnsupportedScheme,
    MalformedUri,
    NoUser,
    DoNotDisturb,
    ForwardedInCircle,
    ForwardedTooOften,
    /// A conference is for accounts of its domain.
    NotOfTheDomain,
    /// The destinations of the caller do not name it.
    NotAllowed(Destination),
    /// The caller has talked to elsewhere as long as he may.
    MinutesOfDay,
    MinutesOfMonth,
}

impl Why {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "the account has registered contacts",
            Self::Gruu => "the URI names one instance of the account",
            Self::Foreign => "another domain, and the caller may relay",
            Self::UnknownUser => "no such account",
            Self::NotRegistered => "the account has no registered contact",
            Self::NotSecure => "the account has registered no sips contact",
            Self::NoRightToRelay => "another domain, and the caller may not relay",
            Self::UnsupportedScheme => "a URI scheme that we do not speak",
            Self::MalformedUri => "a malformed Request-URI",
            Self::NoUser => "the URI names no user",
            Self::DoNotDisturb => "the account does not want to be disturbed",
            Self::ForwardedInCircle => "the accounts forward to each other in a circle",
            Self::NotOfTheDomain => "a conference of a domain that the caller is not of",
            Self::ForwardedTooOften => "the call was forwarded too often",
            Self::MinutesOfDay => "the caller has used up the minutes of this day",
            Self::MinutesOfMonth => "the caller has used up the minutes of this month",
            Self::NotAllowed(class) => match class {
                Destination::Internal => "the caller may not call accounts of this server",
                Destination::Emergency => "the caller may not call emergency numbers",
                Destination::National => "the caller may not call national numbers",
                Destination::Mobile => "the caller may not call mobile numbers",
                Destination::International => "the caller may not call international numbers",
                Destination::Premium => "the caller may not call premium numbers",
                Destination::Elsewhere => "the caller may not call addresses of other domains",
            },
        }
    }
}

impl Plan {
    /// One line for people.
    pub fn explain(&self) -> String {
        match self {
            Self::Serve(service) => format!("answered by the service {}", service.as_str()),
            Self::Refuse { status, why } => format!("refused with {}: {}", status.code(), why.as_str()),
            Self::Proxy { targets, why, onward } => {
                let mut text = format!("relayed, because of {}:", why.as_str());
                for target in targets {
                    text.push_str(&format!(" {} (q {})", String::from_utf8_lossy(&target.uri), target.q));
                }
                if let Some(onward) = onward {
                    text.push_str(&onward.explain());
                }
                text
            }
        }
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Monotonic,
    /// Whose rights count.
    pub(crate) caller: Option<&'a Account>,
    /// Which accounts have forwarded it so far; `None`: it is no call, and is not forwarded.
    pub(crate) trail: Option<&'a [Diversion]>,
    /// Who sleeps is woken for it.
    pub(crate) wakes: bool,
}

/// Decides for a request outside any dialog. `caller` is who has proved to send it.
pub fn decide(world: &World, now: Monotonic, caller: Option<&Account>, message: &Message<'_>) -> Plan {
    let trail: Option<&[Diversion]> = (message.method() == Method::Invite).then_some(&[]);
    match message.parse_request_uri() {
        Ok(_) => decide_for(
            &Ask { world, now, caller, trail, wakes: wakes(message.method()) },
            message.request_uri(),
        ),
        Err(_) => refuse(StatusCode::BAD_REQUEST, Why::MalformedUri),
    }
}

/// The same for a bare URI: a redirection, a remote target.
pub fn decide_uri(world: &World, now: Monotonic, caller: Option<&Account>, text: &[u8]) -> Plan {
    decide_for(&Ask { world, now, caller, trail: None, wakes: false }, text)
}

/// The same for a call to this URI, as the accounts on the way want it.
pub fn decide_call(world: &World, now: Monotonic, caller: Option<&Account>, text: &[u8]) -> Plan {
    decide_for(&Ask { world, now, caller, trail: Some(&[]), wakes: true }, text)
}

pub(crate) fn decide_for(ask: &Ask<'_>, text: &[u8]) -> Plan {
    match Uri::parse(text) {
        Ok(Uri::Sip(uri)) if uri.params.has("maddr") => by_maddr(ask, &uri, text),
        Ok(Uri::Sip(uri)) if is_ours(ask.world, &uri) => local(ask, &uri),
        Ok(Uri::Sip(_)) => foreign(ask, text),
        Ok(Uri::Tel(uri)) => telephone(ask, &uri),
        Ok(Uri::Other { scheme, rest }) if entitled::is_sos(scheme, rest) => help(ask),
        Ok(Uri::Other { .. }) => refuse(StatusCode::UNSUPPORTED_URI_SCHEME, Why::UnsupportedScheme),
        Err(_) => refuse(StatusCode::BAD_REQUEST, Why::MalformedUri),
    }
}

/// A domain of ours, or the address of one of our listeners.
pub fn is_ours(world: &World, uri: &SipUri<'_>) -> bool {
    world.directory.is_ours(uri.host_bytes) || machine::is_named(world, uri)
}

fn local(ask: &Ask<'_>, uri: &SipUri<'_>) -> Plan {
    let world = ask.world;
    if uri.params.has("gr") {
        return instance(ask, uri);
    }
    let Some(escaped) = uri.user else { return refuse(StatusCode::NOT_FOUND, Why::NoUser) };
    let mut user = Vec::with_capacity(escaped.len());
    unescape_into(escaped, &mut user);
    let domains = world.directory.domains();
    // An address of ours instead of a name stands for the first domain.
    let domain = match (world.directory.is_ours(uri.host_bytes), domains.first()) {
        (false, Some(first)) => first.name.as_bytes(),
        _ => uri.host_bytes,
    };
    if uri.is_phone() && found(world, &user, domain).is_none() {
        user.retain(|b| b.is_ascii_digit() || *b == b'+');
    }
    if user == ECHO_USER && found(world, &user, domain).is_none() {
        return served(ask, Service::Echo);
    }
    if let Some(room) = Room::named(world, &user, domain).filter(|_| found(world, &user, domain).is_none()) {
        // Who is in is heard: nobody of elsewhere.
        let is_of_domain = |account: &Account| account.aor.domain().as_bytes().eq_ignore_ascii_case(domain);
        return match ask.caller.is_some_and(is_of_domain) {
            true => served(ask, Service::Conference(room)),
            false => refuse(StatusCode::FORBIDDEN, Why::NotOfTheDomain),
        };
    }
    account(ask, &user, domain, None, uri.secure)
}

/// The account that has this address, as its own or as a further one.
fn found(world: &World, user: &[u8], domain: &[u8]) -> Option<Arc<Account>> {
    world.directory.account(user, domain).or_else(|| world.directory.account_by_alias(user, domain))
}

fn served(ask: &Ask<'_>, service: Service) -> Plan {
    match entitled::refused_inside(ask, b"") {
        Some(why) => refuse(StatusCode::FORBIDDEN, why),
        None => Plan::Serve(service),
    }
}

/// RFC 5627 section 5.1: one instance of the account, by a public or by a temporary GRUU; a temporary one that has ended
/// is as unknown as one that never was (section 5.4).
fn instance(ask: &Ask<'_>, uri: &SipUri<'_>) -> Plan {
    let Some((aor, instance)) = gruu::resolve(ask.world, ask.now, uri) else {
        return refuse(StatusCode::NOT_FOUND, Why::UnknownUser);
    };
    account(ask, aor.user().as_bytes(), aor.domain().as_bytes(), Some(&instance), uri.secure)
}

/// Where an account, or one instance of it, is registered. A disabled one is as unknown as one that never was. With sip
/// and with sips it is the same account (RFC 5630 section 5.3).
fn account(ask: &Ask<'_>, user: &[u8], domain: &[u8], instance: Option<&[u8]>, secure: bool) -> Plan {
    let (world, now) = (ask.world, ask.now);
    let Some(account) = found(world, user, domain).filter(|account| account.enabled) else {
        return refuse(StatusCode::NOT_FOUND, Why::UnknownUser);
    };
    if let Some(why) = entitled::refused_inside(ask, user) {
        return refuse(StatusCode::FORBIDDEN, why);
    }
    // Who calls one instance by its GRUU wants that and nothing else.
    let trail = ask.trail.filter(|_| instance.is_none());
    if let Some(trail) = trail
        && let Some(plan) = forwarding::at_once(ask, &account, trail)
    {
        return plan;
    }
    // The bindings know the canonical name; the domain that came may be in capitals.
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    let mut found = Vec::new();
    let why = match instance {
        Some(instance) => {
            world.bindings.lookup_instance(user, domain, instance, now, &mut found);
            Why::Gruu
        }
        None => {
            world.bindings.lookup(user, domain, now, &mut found);
            Why::Registered
        }
    };
    look_at_push(ask, (user, domain, instance), &mut found);
    if let Some(trail) = trail
        && found.is_empty()
        && let Some(target) = forwarding::rule(&account, Cause::Offline)
    {
        return forwarding::forward(ask, &account, &target, Cause::Offline, trail);
    }
    if found.is_empty() {
        return refuse(StatusCode::TEMPORARILY_UNAVAILABLE, Why::NotRegistered);
    }
    let targets: Vec<Target> = found
        .into_iter()
        .filter_map(|mut binding| {
            let push = binding.push.take();
            Target { push, ..Target::of_binding(binding, account.id) }.for_scheme(secure)
        })
        .collect();
    match targets.is_empty() {
        true => refuse(StatusCode::TEMPORARILY_UNAVAILABLE, Why::NotSecure),
        false => Plan::Proxy { targets, why, onward: trail.and_then(|trail| Onward::of(&account, trail)) },
    }
}

/// Those who sleep are targets too, behind those who are awake; who sleeps is woken, and not called at an address where nobody
/// listens. What cannot be woken for this request is what it was without push.
fn look_at_push(
    ask: &Ask<'_>,
    (user, domain, instance): (&[u8], &[u8], Option<&[u8]>),
    found: &mut Vec<crate::bindings::Target>,
) {
    let settings = &ask.world.settings.push;
    let is_offered = |place: &Place| ask.wakes && settings.offers(place.destination.provider);
    found.iter_mut().for_each(|target| target.push = target.push.take().filter(|place| is_offered(place)));
    if !ask.wakes || !settings.offers_any() {
        return;
    }
    found.retain(|target| target.push.is_none() || target.flow.is_some());
    let mut asleep = Vec::new();
    ask.world.bindings.asleep(user, domain, instance, ask.now, &mut asleep);
    found.extend(asleep.into_iter().filter(|target| target.push.as_deref().is_some_and(is_offered)));
    // Stable: of equals those who are awake stay in front.
    found.sort_by_key(|target| std::cmp::Reverse(target.q));
}

/// RFC 8599 section 5.6.2: what begins a dialog or stands alone, and that somebody waits for. Nobody is woken by who only asks
/// whether he is there.
fn wakes(method: Method<'_>) -> bool {
    match method {
        Method::Invite | Method::Message | Method::Subscribe => true,
        Method::Register
        | Method::Ack
        | Method::Cancel
        | Method::Bye
        | Method::Options
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Info
        | Method::Update
        | Method::Prack
        | Method::Other(_) => false,
    }
}

fn foreign(ask: &Ask<'_>, text: &[u8]) -> Plan {
    match ask.caller {
        Some(account) if entitled::may_relay(ask.world, account) => {
            if let Some(why) = entitled::refused_outside(ask, text) {
                return refuse(StatusCode::FORBIDDEN, why);
            }
            let onward = ask.trail.and_then(Onward::of_nobody);
            Plan::Proxy { targets: vec![Target::of_uri(text)], why: Why::Foreign, onward }
        }
        _ => refuse(StatusCode::FORBIDDEN, Why::NoRightToRelay),
    }
}

/// RFC 3261 section 16.4: an `maddr` that is ourselves has done its work, and is taken off together with port and
/// transport. Section 16.5: any other one is the only target, whatever the domain; so it needs the right to relay.
fn by_maddr(ask: &Ask<'_>, uri: &SipUri<'_>, text: &[u8]) -> Plan {
    let Some(host) = uri.maddr() else { return refuse(StatusCode::BAD_REQUEST, Why::MalformedUri) };
    if !machine::is_this_server(ask.world, &host, uri.port) {
        return foreign(ask, text);
    }
    let mut plain = Vec::with_capacity(text.len());
    plain.extend_from_slice(if uri.secure { b"sips:" } else { b"sip:" });
    if let Some(user) = uri.user {
        plain.extend_from_slice(user);
        plain.push(b'@');
    }
    plain.extend_from_slice(uri.host_bytes);
    for param in uri.params.iter().filter(|param| !param.is("maddr") && !param.is("transport")) {
        plain.push(b';');
        plain.extend_from_slice(param.raw);
    }
    decide_for(ask, &plain)
}

/// RFC 5031: who is to be called for help is the account of the caller's own domain that has one of these names, of whichever
/// service he asks for. Where there is none, nobody is known who helps: a location is not looked at (RFC 6881).
fn help(ask: &Ask<'_>) -> Plan {
    let domains = ask.world.directory.domains();
    let domain = match (ask.caller, domains.first()) {
        (Some(account), _) => account.aor.domain().as_bytes(),
        (None, Some(first)) => first.name.as_bytes(),
        (None, None) => return refuse(StatusCode::NOT_FOUND, Why::UnknownUser),
    };
    let helps = |name: &&&[u8]| found(ask.world, name, domain).is_some_and(|account| account.enabled);
    match [&b"sos"[..], b"112", b"911"].iter().find(helps) {
        // Nobody's rights are asked.
        Some(name) => account(&Ask { caller: None, ..*ask }, name, domain, None, false),
        None => refuse(StatusCode::NOT_FOUND, Why::UnknownUser),
    }
}

/// A number is an account of the caller's own domain, or unknown.
fn telephone(ask: &Ask<'_>, uri: &TelUri<'_>) -> Plan {
    let domains = ask.world.directory.domains();
    let domain = match (ask.caller, domains.first()) {
        (Some(account), _) => account.aor.domain().as_bytes(),
        (None, Some(first)) => first.name.as_bytes(),
        (None, None) => return refuse(StatusCode::NOT_FOUND, Why::UnknownUser),
    };
    let mut number: Vec<u8> = uri.digits().collect();
    if uri.is_global() && number.first() != Some(&b'+') {
        number.insert(0, b'+');
    }
    account(ask, &number, domain, None, false)
}

pub(crate) fn refuse(status: StatusCode, why: Why) -> Plan {
    Plan::Refuse { status, why }
}

const SIPS: &[u8] = b"sips:";

pub(crate) fn is_sips(uri: &[u8]) -> bool {
    uri.get(..SIPS.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SIPS))
}

impl Target {
    /// It has to be woken before anything can be sent to it.
    pub fn is_asleep(&self) -> bool {
        self.push.is_some() && self.flow.is_none()
    }

    pub fn of_uri(uri: &[u8]) -> Self {
        let secure = is_sips(uri);
        let (uri, q) = (uri.into(), 1_000);
        Self {
            uri,
            flow: None,
            host: None,
            path: None,
            q,
            instance: None,
            party: None,
            speaks_ice: false,
            secure,
            push: None,
        }
    }

    /// RFC 5630 section 5.3: what is for a sips URI goes to a sips contact or nowhere; what is for a sip URI goes to a
    /// sips contact under the scheme sip, and over TLS all the same.
    pub(crate) fn for_scheme(mut self, secure: bool) -> Option<Self> {
        match (secure, self.secure) {
            (true, false) => None,
            (false, true) => {
                self.uri = [b"sip:", &self.uri[SIPS.len()..]].concat().into();
                Some(self)
            }
            (true, true) | (false, false) => Some(self),
        }
    }

    pub(crate) fn of_binding(binding: crate::bindings::Target, account: AccountId) -> Self {
        let crate::bindings::Target { uri, flow, path, q, instance, device, speaks_ice, .. } = binding;
        let secure = is_sips(&uri);
        let party = Some(Party { account, device });
        Self { uri, flow, host: None, path, q, instance, party, speaks_ice, secure, push: None }
    }
}
