//! One Contact of a REGISTER: may it be there, how is it stored, and where will its requests go.
//!
//! Requests for a binding go over the flow of its REGISTER, whatever host the Contact names: so a phone behind a NAT,
//! behind TLS or in a browser is reached, and nobody can make us send to a third party (threat T-18). The exceptions
//! stay with the address that registered: a UDP phone that did not ask for `rport` (RFC 3581) and names another port of
//! the very address it sent from is reached there, and a TCP phone that names the very address it came from may be
//! called back on a new connection when its own has closed.

use super::Refusal;
use super::plan::Text;
use crate::bindings::Fallback;
use crate::context::Context;
use crate::flow::Flow;
use crate::routing::is_sips;
use crate::world::Listener;
use coeur_sip::Message;
use coeur_sip::header::{Contact, HeaderName, NameAddr};
use coeur_sip::transport::Transport;
use coeur_sip::uri::{Host, SipUri, Uri};

/// One stored Contact (bytes).
pub(super) const CONTACT_BYTES_MAX: usize = 1_024;

/// Where requests for a Contact go.
pub(super) struct Reach {
    pub flow: Flow,
    pub fallback: Fallback,
}

/// What a registrar reads of a Contact's parameters; each at most once (RFC 3261 section 7.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters<'a> {
    pub expires_s: Option<u32>,
    pub q: Option<u16>,
    pub instance: Option<&'a [u8]>,
    pub reg_id: Option<u32>,
}

impl<'a> Parameters<'a> {
    pub(super) fn read(address: &NameAddr<'a>) -> Result<Self, Refusal> {
        let contact = Contact::Address(*address);
        let mut seen = [false; 4];
        let mut parameters = Self::default();
        for param in address.params {
            let which = match param.name.len() {
                7 if param.is("expires") => 0,
                1 if param.is("q") => 1,
                13 if param.is("+sip.instance") => 2,
                6 if param.is("reg-id") => 3,
                _ => continue,
            };
            if std::mem::replace(&mut seen[which], true) {
                return Err(Refusal::new(400, "Duplicate Parameter"));
            }
            match which {
                0 => parameters.expires_s = contact.expires(),
                1 => parameters.q = contact.q(),
                2 => parameters.instance = contact.instance(),
                _ => parameters.reg_id = contact.reg_id(),
            }
        }
        Ok(parameters)
    }
}

/// Refuses what could never be called or would come back to ourselves.
pub(super) fn check(
    cx: &Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    address: &NameAddr<'_>,
    has_path: bool,
) -> Result<Reach, Refusal> {
    let uri = match address.parse_uri() {
        Ok(Uri::Sip(uri)) => uri,
        // RFC 3261 section 10.2.1 lets a UA ask for it; a proxy could only redirect there, which we do not.
        Ok(Uri::Tel(_) | Uri::Other { .. }) => return Err(Refusal::new(403, "Contact Is Not A SIP URI")),
        Err(error) => return Err(Refusal::new(400, error.reason)),
    };
    if is_ours(cx, &uri) {
        return Err(Refusal::new(403, "Contact Leads Back To This Server"));
    }
    Ok(reach(flow, message, &uri, has_path))
}

/// RFC 5630 section 5.2: a sips Contact is bound only when every URI on the way to it is a sips URI; and when the way is
/// what such URIs promise.
pub(super) fn check_secure(flow: &Flow, message: &Message<'_>) -> Result<(), Refusal> {
    let is_secure_path = |value: &[u8]| NameAddr::parse(value).is_ok_and(|path| is_sips(path.uri));
    let mut path = message.values(HeaderName::Path).filter(|value| !value.is_empty());
    match is_sips(message.request_uri()) && path.all(is_secure_path) {
        true if flow.transport.is_secure() => Ok(()),
        true => Err(Refusal::new(400, "SIPS Contact Needs TLS")),
        false => Err(Refusal::new(400, "SIPS Contact Needs SIPS Request-URI And Path")),
    }
}

fn reach(flow: &Flow, message: &Message<'_>, uri: &SipUri<'_>, has_path: bool) -> Reach {
    let mut reach = Reach { flow: *flow, fallback: Fallback::None };
    let source = flow.remote.ip().to_canonical();
    if has_path || uri.host.ip().is_none_or(|host| host.to_canonical() != source) {
        return reach;
    }
    let port = uri.port.unwrap_or(5060);
    match flow.transport {
        Transport::Udp if port != flow.remote.port() => {
            let symmetric = message.via().is_ok_and(|via| via.rport.is_some());
            if !symmetric && port != 0 {
                reach.flow.remote.set_port(port);
            }
        }
        // `maddr` would send us elsewhere than the host that was compared.
        Transport::Tcp if !uri.secure && !uri.params.has("maddr") => reach.fallback = Fallback::Contact,
        _ => {}
    }
    reach
}

/// A Contact at one of our own addresses or domains would make us call ourselves.
fn is_ours(cx: &Context<'_>, uri: &SipUri<'_>) -> bool {
    let port = uri.port.unwrap_or(if uri.secure { 5061 } else { 5060 });
    let listeners = &cx.world.listeners;
    let on_our_port = listeners.iter().any(|listener| listener.bound.port() == port);
    if listeners.iter().any(|listener| is_address_of(listener, uri, port)) {
        return true;
    }
    // A phone may share a name with us (`localhost`), never a name and a port.
    (uri.port.is_none() || on_our_port)
        && uri.host.ip().is_none()
        && cx.world.directory.is_ours(uri.host_bytes)
}

fn is_address_of(listener: &Listener, uri: &SipUri<'_>, port: u16) -> bool {
    if listener.bound.port() == port
        && let Some(host) = uri.host.ip()
    {
        let (host, bound) = (host.to_canonical(), listener.bound.ip().to_canonical());
        if host == bound || host.is_unspecified() || (bound.is_unspecified() && host.is_loopback()) {
            return true;
        }
    }
    // A wildcard is no address of ours; the name may be one.
    let (name, said_port) = listener.name();
    said_port == port && is_host(name, uri)
}

/// Names and IPv4 addresses have one spelling, but for the case; an IPv6 address has many.
fn is_host(name: &str, uri: &SipUri<'_>) -> bool {
    match uri.host {
        Host::Name(_) | Host::V4(_) => uri.host_bytes.eq_ignore_ascii_case(name.as_bytes()),
        Host::V6(_) => Host::parse(name.as_bytes()).is_some_and(|ours| ours == uri.host),
    }
}

/// Parameters that belong to one REGISTER or to its answer, not to the binding.
const NOT_STORED: [&str; 3] = ["expires", "pub-gruu", "temp-gruu"];

/// Appends a Contact as it will be echoed, all but [`NOT_STORED`], without folds; a bare URI gets its brackets.
pub(super) fn store(
    value: &[u8],
    address: &NameAddr<'_>,
    urn: Option<&[u8]>,
    texts: &mut Vec<u8>,
) -> Result<Text, Refusal> {
    let start = texts.len();
    if let Some(display) = address.display {
        push_unfolded(display, texts);
        texts.push(b' ');
    }
    texts.push(b'<');
    let uri = (texts.len() - start, address.uri.len());
    texts.extend_from_slice(address.uri);
    texts.push(b'>');
    let mut instance = (0, 0);
    for param in address.params {
        if NOT_STORED.iter().any(|name| param.is(name)) {
            continue;
        }
        texts.push(b';');
        let param_start = texts.len();
        push_unfolded(param.raw, texts);
        if param.is("+sip.instance")
            && let Some(urn) = urn
            && let Some(at) = find(&texts[param_start..], urn)
        {
            instance = (param_start + at - start, urn.len());
        }
    }
    if value.len() > CONTACT_BYTES_MAX || texts.len() - start > CONTACT_BYTES_MAX {
        return Err(Refusal::new(400, "Contact Too Long"));
    }
    // All below CONTACT_BYTES_MAX, so they fit 16 bits.
    let short = |(at, len): (usize, usize)| (at as u16, len as u16);
    Ok(Text { start, end: texts.len(), uri: short(uri), instance: short(instance) })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Appends a value with each fold and line end reduced to a space.
pub(super) fn push_unfolded(value: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return out.extend_from_slice(value);
    }
    let mut folded = false;
    for &byte in value {
        match byte {
            b'\r' | b'\n' => folded = true,
            b' ' | b'\t' if folded => {}
            _ => {
                if std::mem::take(&mut folded) {
                    out.push(b' ');
                }
                out.push(byte);
            }
        }
    }
}
