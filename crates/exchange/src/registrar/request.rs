//! Reading a REGISTER: everything that can be decided without looking at the bindings.

use super::contact::{self, Parameters, Reach};
use super::plan::Wanted;
use super::push::Told;
use super::{Refusal, RefusalHeader, Registrant, Registrar};
use crate::context::Context;
use crate::flow::Flow;
use crate::routing::is_sips;
use coeur_directory::Aor;
use coeur_sip::Message;
use coeur_sip::header::{HeaderName, NameAddr};
use coeur_sip::message::Values;
use coeur_sip::uri::{SipUri, Uri, unescaped};

/// A longer Call-ID is refused (bytes): it is kept with the binding.
pub(super) const CALL_ID_BYTES_MAX: usize = 256;
/// What is kept of a User-Agent (bytes).
pub(super) const USER_AGENT_BYTES_MAX: usize = 96;
/// All Path values together (bytes).
pub(super) const PATH_BYTES_MAX: usize = 2_048;
/// Proxies on the way to the phone.
pub(super) const PATH_VALUES_MAX: usize = 8;
/// RFC 3261 section 10.3 step 7: an interval of an hour or more is never too brief.
const HOUR_S: u32 = 3_600;

pub(super) struct Request<'m> {
    pub kind: Kind,
    pub call_id: &'m [u8],
    pub cseq: u32,
    pub user_agent: &'m [u8],
    pub flow: Flow,
    pub supports: Supports,
    /// RFC 5626 was applied to at least one Contact, and the phone is told so.
    pub outbound: bool,
    /// What the phone is told of push.
    pub push: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No Contact: what is there? (RFC 3261 section 10.2.3)
    Query,
    /// `Contact: *`: nothing shall be there (RFC 3261 section 10.2.2).
    RemoveAll,
    /// The Contacts are in [`Registrar::wanted`].
    Update,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Supports {
    pub path: bool,
    pub outbound: bool,
    pub gruu: bool,
}

/// Option tags that a REGISTER may require of us.
const KNOWN: [&[u8]; 3] = [b"path", b"outbound", b"gruu"];

pub(super) fn read<'m>(
    registrar: &mut Registrar,
    cx: &Context<'_>,
    flow: &Flow,
    message: &Message<'m>,
    who: &Registrant<'_>,
    spread: u32,
) -> Result<Request<'m>, Refusal> {
    registrar.wanted.clear();
    registrar.texts.clear();
    registrar.path.clear();
    registrar.headers.clear();
    check_require(message)?;
    check_identity(message, who)?;
    let call_id = message.call_id();
    if call_id.len() > CALL_ID_BYTES_MAX {
        return Err(Refusal::new(400, "Call-ID Too Long"));
    }
    let supports = Supports {
        path: message.supports("path"),
        outbound: message.supports("outbound"),
        gruu: message.supports("gruu"),
    };
    read_path(message, supports, &mut registrar.path)?;
    let mut request = Request {
        kind: Kind::Query,
        call_id,
        cseq: message.cseq().number,
        user_agent: user_agent(message),
        flow: *flow,
        supports,
        outbound: false,
        push: Told::default(),
    };
    request.kind = read_contacts(registrar, cx, flow, message, who, spread, &mut request)?;
    Ok(request)
}

/// RFC 3261 section 10.3 step 2.
fn check_require(message: &Message<'_>) -> Result<(), Refusal> {
    match message.require().all(is_known) {
        true => Ok(()),
        false => Err(Refusal::new(420, "Bad Extension").with(RefusalHeader::Unsupported)),
    }
}

pub(super) fn is_known(tag: &[u8]) -> bool {
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(tag))
}

/// RFC 3261 section 10.3 steps 4 and 5. Registering for somebody else (From is not To) is not offered: whoever may
/// act for an account has a device of it.
fn check_identity(message: &Message<'_>, who: &Registrant<'_>) -> Result<(), Refusal> {
    let to = message.to().map_err(|error| Refusal::new(400, error.reason))?;
    if !is_of(&to, who)? {
        return Err(Refusal::new(403, "Not Your Address"));
    }
    if starts_alike(message) {
        return Ok(());
    }
    let from = message.from().map_err(|error| Refusal::new(400, error.reason))?;
    if from.uri != to.uri && !is_of(&from, who)? {
        return Err(Refusal::new(403, "Third-Party Registration Refused"));
    }
    Ok(())
}

/// The ordinary case without reading From: the same bytes as To up to the end of the brackets.
fn starts_alike(message: &Message<'_>) -> bool {
    let (Some(from), Some(to)) = (message.header(HeaderName::From), message.header(HeaderName::To)) else {
        return false;
    };
    to.first() == Some(&b'<')
        && memchr::memchr(b'>', to).is_some_and(|end| from.get(..=end) == to.get(..=end))
}

/// RFC 4475 section 3.3.4: an address of record is a SIP URI, else 400.
fn is_of(address: &NameAddr<'_>, who: &Registrant<'_>) -> Result<bool, Refusal> {
    if is_plainly_of(address.uri, who) {
        return Ok(true);
    }
    match address.parse_uri() {
        Ok(Uri::Sip(uri)) => {
            let is = |user: &[u8], domain: &[u8]| is_user(&uri, user) && is_domain(&uri, domain);
            let is_alias = |alias: &Aor| is(alias.user().as_bytes(), alias.domain().as_bytes());
            Ok(is(who.user, who.domain) || who.aliases.iter().any(is_alias))
        }
        Ok(_) => Err(Refusal::new(400, "Address Of Record Is Not A SIP URI")),
        Err(error) => Err(Refusal::new(400, error.reason)),
    }
}

/// The ordinary spelling: `sip:user@domain` and nothing else.
fn is_plainly_of(uri: &[u8], who: &Registrant<'_>) -> bool {
    let rest = uri.strip_prefix(b"sip:").and_then(|rest| rest.strip_prefix(who.user));
    rest.and_then(|rest| rest.strip_prefix(b"@")) == Some(who.domain)
}

fn is_user(uri: &SipUri<'_>, user: &[u8]) -> bool {
    uri.user.is_some_and(|theirs| theirs == user || unescaped(theirs).eq(user.iter().copied()))
}

fn is_domain(uri: &SipUri<'_>, domain: &[u8]) -> bool {
    let host = uri.host_bytes.strip_suffix(b".").unwrap_or(uri.host_bytes);
    // One IPv6 address has many spellings; the directory keeps the canonical one.
    host.eq_ignore_ascii_case(domain) || (host[0] == b'[' && uri.host.to_string().as_bytes() == domain)
}

/// RFC 3327 section 5.3. When neither the phone (Supported) nor the proxy (Require) named the extension, the answer is
/// 420: the phone would not see who stands between. 421 is for proxies that want it and for nobody else (section 5.2).
fn read_path(message: &Message<'_>, supports: Supports, path: &mut Vec<u8>) -> Result<(), Refusal> {
    if !message.has(HeaderName::Path) {
        return Ok(());
    }
    if !supports.path {
        return Err(Refusal::new(420, "Bad Extension").with(RefusalHeader::UnsupportedPath));
    }
    for (count, value) in message.values(HeaderName::Path).filter(|value| !value.is_empty()).enumerate() {
        let address = NameAddr::parse(value).map_err(|_| Refusal::new(400, "Malformed Path"))?;
        if !address.bracketed || !matches!(address.parse_uri(), Ok(Uri::Sip(_))) {
            return Err(Refusal::new(400, "Malformed Path"));
        }
        if count == PATH_VALUES_MAX || path.len() + value.len() + 1 > PATH_BYTES_MAX {
            return Err(Refusal::new(400, "Path Too Long"));
        }
        if count > 0 {
            path.push(b',');
        }
        contact::push_unfolded(value, path);
    }
    Ok(())
}

fn user_agent<'m>(message: &Message<'m>) -> &'m [u8] {
    let value = message.header(HeaderName::UserAgent).unwrap_or_default();
    &value[..value.len().min(USER_AGENT_BYTES_MAX)]
}

fn read_contacts<'m>(
    registrar: &mut Registrar,
    cx: &Context<'_>,
    flow: &Flow,
    message: &Message<'m>,
    who: &Registrant<'_>,
    spread: u32,
    request: &mut Request<'m>,
) -> Result<Kind, Refusal> {
    let values: Values<'m> = message.values(HeaderName::Contact);
    // A malformed Expires counts as 3600 (RFC 3261 section 10.2.1.1).
    let header_s = message.expires().unwrap_or(Some(HOUR_S));
    let mut star = false;
    for value in values.filter(|value| !value.is_empty()) {
        let is_star = value == b"*";
        if star || (is_star && !registrar.wanted.is_empty()) {
            return Err(Refusal::new(400, "Star Must Be Alone"));
        }
        if is_star {
            star = true;
            continue;
        }
        let address = NameAddr::parse(value).map_err(|error| Refusal::new(400, error.reason))?;
        if registrar.wanted.len() == who.rules.contacts_max {
            return Err(Refusal::new(403, "Too Many Contacts"));
        }
        let parameters = Parameters::read(&address)?;
        let requested_s = parameters.expires_s.or(header_s).unwrap_or(who.rules.expires_default_s);
        let granted_s = granted(requested_s, who, spread)?;
        request.push.read(cx, &address)?;
        let reach = contact::check(cx, flow, message, &address, !registrar.path.is_empty())?;
        if granted_s > 0 && is_sips(address.uri) {
            contact::check_secure(flow, message)?;
        }
        let wanted = want(registrar, value, &address, &parameters, granted_s, reach)?;
        if wanted.reg_id > 0 && granted_s > 0 && request.supports.outbound {
            check_first_hop(message, &registrar.path)?;
            request.outbound = true;
        }
        registrar.wanted.push(wanted);
    }
    match (star, registrar.wanted.is_empty()) {
        // RFC 3261 section 10.3 step 6.
        (true, _) if header_s != Some(0) => Err(Refusal::new(400, "Star Needs Expires 0")),
        (true, _) => Ok(Kind::RemoveAll),
        (false, true) => Ok(Kind::Query),
        (false, false) => Ok(Kind::Update),
    }
}

fn want(
    registrar: &mut Registrar,
    value: &[u8],
    address: &NameAddr<'_>,
    parameters: &Parameters<'_>,
    granted_s: u32,
    reach: Reach,
) -> Result<Wanted, Refusal> {
    let text = contact::store(value, address, parameters.instance, &mut registrar.texts)?;
    Ok(Wanted {
        text,
        // RFC 5626 section 6: without an instance, reg-id means nothing.
        reg_id: parameters.instance.and(parameters.reg_id).unwrap_or(0),
        q: parameters.q.unwrap_or(1000),
        granted_s,
        flow: reach.flow,
        fallback: reach.fallback,
        action: super::plan::Action::Nothing,
    })
}

/// RFC 3261 section 10.3 step 7: shorter than asked is allowed, too brief is refused; 0 removes. `spread`, a random
/// number, shortens it by its part of [`crate::world::Settings::expires_jitter_percent`], and never below what would
/// have been too brief to ask for.
fn granted(requested_s: u32, who: &Registrant<'_>, spread: u32) -> Result<u32, Refusal> {
    let rules = &who.rules;
    if requested_s > 0 && requested_s < HOUR_S && requested_s < rules.expires_min_s {
        let refusal = Refusal::new(423, "Interval Too Brief");
        return Err(refusal.with(RefusalHeader::MinExpires(rules.expires_min_s)));
    }
    let most_s = requested_s.min(rules.expires_max_s);
    let share_s = u64::from(most_s) * u64::from(rules.expires_jitter_percent.min(100)) / 100;
    let room_s = share_s.min(u64::from(most_s.saturating_sub(rules.expires_min_s)));
    Ok(most_s - (room_s * u64::from(spread) / u64::from(u32::MAX)) as u32)
}

/// RFC 5626 section 6: behind other proxies, the one nearest to the phone (the last Path value) must have marked its
/// URI with `ob`, else the phone would trust in a flow that nobody keeps.
fn check_first_hop(message: &Message<'_>, path: &[u8]) -> Result<(), Refusal> {
    if message.values(HeaderName::Via).nth(1).is_none() {
        return Ok(());
    }
    let nearest = message.values(HeaderName::Path).filter(|value| !value.is_empty()).last();
    let uri = nearest.filter(|_| !path.is_empty()).and_then(|value| NameAddr::parse(value).ok());
    match uri.and_then(|address| address.parse_uri().ok()) {
        Some(Uri::Sip(uri)) if uri.params.has("ob") => Ok(()),
        _ => Err(Refusal::new(439, "First Hop Lacks Outbound Support")),
    }
}
