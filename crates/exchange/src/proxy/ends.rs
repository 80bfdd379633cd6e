//! The ends of a dialog when the network under them changes: who may speak for an end, and where it is reached.
//!
//! A phone that moves (another address, another connection) registers again, or nobody could call it; with that it has
//! proved, by its secret, over which flow it is there. So an end speaks over the flow of its token, and over any flow
//! over which its device is registered now. That holds for ACK and CANCEL too, which nobody can challenge; any other
//! request from elsewhere is challenged, and only the account of the end can answer. No relay is opened by it: the token
//! names the device, the registration says where that device is, and the only way on is the other end of the same token.
//!
//! An end of another domain has no account here by which it could prove anything, so it is known by its address: its server
//! may send from another port than it listens on.

use crate::bindings;
use crate::context::Context;
use crate::flow::Flow;
use crate::gruu;
use crate::party::Party;
use crate::route_token::{End, same_end};
use crate::routing::{Target, is_sips};
use coeur_sip::{Transport, Uri};

pub(crate) fn speaks_for(cx: &Context<'_>, end: &End, flow: &Flow) -> bool {
    same_end(&end.flow, flow)
        || (end.party.is_none() && is_from_host(&end.flow, flow))
        || end.party.is_some_and(|party| party.is_registered_over(cx.world, cx.now.monotonic, flow))
}

/// From the address at which the end is reached, over the same transport, or over TCP, which a large request takes instead
/// of UDP (RFC 3261 section 18.1.1).
fn is_from_host(issued: &Flow, seen: &Flow) -> bool {
    // Nobody is on that address.
    if issued.is_inside() || seen.is_inside() {
        return false;
    }
    let same = issued.transport == seen.transport
        || (issued.transport == Transport::Udp && seen.transport == Transport::Tcp);
    same && issued.remote.ip().to_canonical() == seen.remote.ip().to_canonical()
}

/// Where a request to `remote_target` of this end goes: to the instance when it is a GRUU (RFC 5627 section 3.4), else
/// over the flow by which the device has registered this contact, else where the token says. When there are several,
/// the flow of the token is preferred.
pub(crate) fn reach<'e>(cx: &Context<'_>, end: &'e End, remote_target: &[u8]) -> Reached<'e> {
    if let Some(target) = by_gruu(cx, end, remote_target) {
        return Reached::Instance(target);
    }
    match end.party.and_then(|party| moved_to(cx, party, &end.flow, remote_target)) {
        Some(flow) => Reached::Over(flow, None),
        None => Reached::Over(end.flow, end.host.as_deref()),
    }
}

pub(crate) enum Reached<'e> {
    /// At the contact of this binding.
    Instance(Target),
    /// Over this flow, or by connecting to this name, the Request-URI as it is.
    Over(Flow, Option<&'e str>),
}

fn by_gruu(cx: &Context<'_>, end: &End, remote_target: &[u8]) -> Option<Target> {
    memchr::memmem::find(remote_target, b";gr")?;
    let Ok(Uri::Sip(uri)) = Uri::parse(remote_target) else { return None };
    let (aor, instance) = gruu::resolve(cx.world, cx.now.monotonic, &uri)?;
    let account = cx.world.directory.account_of(&aor)?;
    // Another account's GRUU is not where this end is.
    if end.party.is_some_and(|party| party.account != account.id) {
        return None;
    }
    let mut flows = Vec::new();
    let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
    cx.world.bindings.lookup_instance(user, domain, &instance, cx.now.monotonic, &mut flows);
    // What was protected stays so.
    let as_safe = |flow: &Flow| flow.transport.is_secure() || !end.flow.transport.is_secure();
    flows.retain(|binding| binding.flow.as_ref().is_none_or(as_safe));
    let at = flows.iter().position(|binding| binding.flow == Some(end.flow)).unwrap_or(0);
    if flows.is_empty() {
        return None;
    }
    Target::of_binding(flows.swap_remove(at), account.id).for_scheme(uri.secure)
}

/// The flow over which the device has registered this very contact, when it is another than the dialog began with.
fn moved_to(cx: &Context<'_>, party: Party, from: &Flow, contact: &[u8]) -> Option<Flow> {
    let account = party.account(cx.world)?;
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    let (mut still_there, mut found) = (false, None);
    cx.world.bindings.each_of(user, domain, cx.now.monotonic, |view| {
        let Some(flow) = view.flow().filter(|_| view.draft().device == party.device) else { return };
        if !still_there && same_place(view.uri(), contact) {
            still_there = flow == *from;
            // What was protected stays so.
            if flow.transport.is_secure() || !from.transport.is_secure() {
                found = Some(flow);
            }
        }
    });
    found.filter(|_| !still_there)
}

/// Where the device of an end is, when that is another host than the end's, or another connection while the end's has gone.
pub(crate) struct Moved {
    pub(crate) flow: Flow,
    /// The device is registered where the end was as well.
    pub(crate) is_still_there: bool,
}

/// The last registration of the device from another host: of this contact, whose user part is the phone's own while host and
/// port change with its network. Whatever its contact, once the device is not registered where it was: it is gone from there.
/// Over UDP a host is one place, since its port is its NAT's. A phone whose connection has gone, and that has made another
/// from the same host, may have another address behind the same NAT.
pub(crate) fn moved(cx: &Context<'_>, end: &End, contact: &[u8]) -> Option<Moved> {
    let party = end.party?;
    let account = party.account(cx.world)?;
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    let host = |flow: &Flow| flow.remote.ip().to_canonical();
    let (mut is_still_there, mut same, mut any, mut again) = (false, None, None, None);
    cx.world.bindings.each_of(user, domain, cx.now.monotonic, |view| {
        let Some(flow) = view.flow().filter(|_| view.draft().device == party.device) else { return };
        if host(&flow) == host(&end.flow) {
            let is_connected_again = flow.transport != Transport::Udp && flow != end.flow;
            match is_connected_again && flow.transport == end.flow.transport {
                true if same_user(view.uri(), contact) => again = Some(flow),
                true => {}
                false => is_still_there = true,
            }
        } else if flow.transport.is_secure() || !end.flow.transport.is_secure() {
            // What was protected stays so.
            any = Some(flow);
            if same_user(view.uri(), contact) {
                same = Some(flow);
            }
        }
    });
    let flow = same.or(again.or(any).filter(|_| !is_still_there))?;
    Some(Moved { flow, is_still_there })
}

/// The flow of an end is gone: another way to the same device, by its instance when that is known, else by the user
/// part of its contact, which is the phone's own while host and port change with its network.
pub(crate) fn found_again(
    cx: &Context<'_>,
    party: Party,
    instance: Option<&[u8]>,
    contact: &[u8],
    dead: Option<Flow>,
) -> Option<Target> {
    let account = party.account(cx.world)?;
    let mut found = Vec::new();
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    cx.world.bindings.lookup(user, domain, cx.now.monotonic, &mut found);
    let as_safe =
        |flow: &Flow| flow.transport.is_secure() || !dead.is_some_and(|dead| dead.transport.is_secure());
    let same = |binding: &bindings::Target| match instance {
        Some(_) => binding.instance.as_deref() == instance,
        None => same_user(&binding.uri, contact),
    };
    let binding = found.into_iter().find(|binding| {
        binding.device == party.device
            && binding.flow != dead
            && binding.flow.as_ref().is_some_and(as_safe)
            && same(binding)
    })?;
    Target::of_binding(binding, account.id).for_scheme(is_sips(contact))
}

fn same_place(a: &[u8], b: &[u8]) -> bool {
    a == b
        || match (Uri::parse(a), Uri::parse(b)) {
            (Ok(Uri::Sip(a)), Ok(Uri::Sip(b))) => a.user == b.user && a.host == b.host && a.port == b.port,
            _ => false,
        }
}

fn same_user(a: &[u8], b: &[u8]) -> bool {
    match (Uri::parse(a), Uri::parse(b)) {
        (Ok(Uri::Sip(a)), Ok(Uri::Sip(b))) => a.user.is_some() && a.user == b.user,
        _ => false,
    }
}
