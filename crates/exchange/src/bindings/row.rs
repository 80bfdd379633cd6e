//! One binding in memory: fixed fields in a row, all text in one allocation behind it.

use crate::flow::{ConnectionId, Flow, ListenerId};
use crate::push;
use coeur_directory::DeviceId;
use coeur_sip::transport::Transport;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Names a binding for its whole life, across restarts; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub u64);

/// Each change of a binding gets a number higher than all before it, in all shards. Recovery sorts by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// How a binding is reached while its connection is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Not at all until it registers again: a browser, TLS, or behind a NAT.
    None,
    /// A new connection to its Contact may be tried: TCP, and the Contact named the address it came from.
    Contact,
}

/// Everything of a binding, borrowed; what the registrar wants stored, and what the journal holds.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub user: &'a [u8],
    pub domain: &'a [u8],
    /// The Contact value as received, without `expires` and without GRUUs of ours.
    pub contact: &'a [u8],
    /// Where the URI lies in `contact`: start, length.
    pub uri: (u16, u16),
    /// Where the instance (RFC 5626 section 4.1, without `<>` and quotes) lies in `contact`; length 0: none.
    pub instance: (u16, u16),
    pub call_id: &'a [u8],
    pub user_agent: &'a [u8],
    /// The Path values, comma separated, in order; empty: none (RFC 3327).
    pub path: &'a [u8],
    pub cseq: u32,
    pub q: u16,
    /// RFC 5626 section 4.2; 0: none.
    pub reg_id: u32,
    pub device: DeviceId,
    pub flow: Flow,
    pub fallback: Fallback,
    /// Lifetime granted by the last REGISTER, in seconds.
    pub granted_s: u32,
}

/// What a refresh changes: everything else of the binding stays, byte for byte.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    pub cseq: u32,
    pub flow: Flow,
    pub fallback: Fallback,
    pub granted_s: u32,
}

const V6: u8 = 1;
const OPEN: u8 = 2;
const FALLBACK_CONTACT: u8 = 4;
/// Its Contact says where it is woken (RFC 8599).
const PUSH: u8 = 8;
/// The push service knows it no more. Not in the journal: after a restart the service is asked once more.
const PUSH_ENDED: u8 = 16;
/// It is woken before its registration ends.
const REFRESHED_BY_PUSH: u8 = 32;

/// 128 bytes, and one boxed slice: AoR, Contact, Call-ID, User-Agent, Path, in this order.
pub(super) struct Row {
    pub id: BindingId,
    pub version: Version,
    text: Box<[u8]>,
    pub expires_ms: u64,
    connection: u64,
    pub device: DeviceId,
    address: [u8; 16],
    scope: u32,
    pub granted_s: u32,
    pub cseq: u32,
    pub reg_id: u32,
    /// Of the monotonic clock, at the first registration; before the process began, for one that is older.
    pub registered_s: i32,
    pub wheel_previous: u32,
    pub wheel_next: u32,
    pub wheel_slot: u16,
    port: u16,
    listener: u16,
    pub q: u16,
    user_len: u16,
    domain_len: u16,
    contact_len: u16,
    uri: (u16, u16),
    instance: (u16, u16),
    call_id_len: u16,
    user_agent_len: u16,
    transport: Transport,
    flags: u8,
}

impl Row {
    pub(super) fn new(id: BindingId, version: Version, draft: &Draft<'_>, now_ms: u64) -> Self {
        let mut row = Self {
            id,
            version,
            text: join(draft),
            expires_ms: now_ms + draft.granted_s as u64 * 1000,
            connection: 0,
            device: draft.device,
            address: [0; 16],
            scope: 0,
            granted_s: draft.granted_s,
            cseq: draft.cseq,
            reg_id: draft.reg_id,
            registered_s: (now_ms / 1000) as i32,
            wheel_previous: super::wheel::NONE,
            wheel_next: super::wheel::NONE,
            wheel_slot: 0,
            port: 0,
            listener: 0,
            q: draft.q,
            user_len: draft.user.len() as u16,
            domain_len: draft.domain.len() as u16,
            contact_len: draft.contact.len() as u16,
            uri: draft.uri,
            instance: draft.instance,
            call_id_len: draft.call_id.len() as u16,
            user_agent_len: draft.user_agent.len() as u16,
            transport: draft.flow.transport,
            flags: flags_of(draft),
        };
        row.put_flow(&draft.flow);
        row
    }

    /// Writes a flow that is alive at this moment.
    pub(super) fn put_flow(&mut self, flow: &Flow) {
        self.transport = flow.transport;
        self.listener = flow.listener.0;
        self.connection = flow.connection.0;
        self.port = flow.remote.port();
        self.flags = self.flags & !V6 | OPEN;
        self.scope = 0;
        match flow.remote {
            SocketAddr::V4(v4) => self.address[..4].copy_from_slice(&v4.ip().octets()),
            SocketAddr::V6(v6) => {
                self.address = v6.ip().octets();
                self.scope = v6.scope_id();
                self.flags |= V6;
            }
        }
    }

    /// The flow of the last REGISTER, whether or not it is still there.
    pub(super) fn last_flow(&self) -> Flow {
        Flow {
            transport: self.transport,
            listener: ListenerId(self.listener),
            connection: ConnectionId(self.connection),
            remote: self.remote(),
        }
    }

    fn remote(&self) -> SocketAddr {
        if self.flags & V6 != 0 {
            return SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(self.address), self.port, 0, self.scope));
        }
        let [a, b, c, d, ..] = self.address;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), self.port)
    }

    pub(super) fn flow(&self) -> Option<Flow> {
        self.is_open().then(|| self.last_flow())
    }

    pub(super) fn is_open(&self) -> bool {
        self.flags & OPEN != 0
    }

    pub(super) fn close(&mut self) {
        self.flags &= !OPEN;
        self.connection = 0;
    }

    pub(super) fn connection(&self) -> ConnectionId {
        ConnectionId(self.connection)
    }

    pub(super) fn fallback(&self) -> Fallback {
        if self.flags & FALLBACK_CONTACT != 0 { Fallback::Contact } else { Fallback::None }
    }

    pub(super) fn set_fallback(&mut self, fallback: Fallback) {
        match fallback {
            Fallback::None => self.flags &= !FALLBACK_CONTACT,
            Fallback::Contact => self.flags |= FALLBACK_CONTACT,
        }
    }

    /// A binding that a request can be sent to now.
    pub(super) fn is_reachable(&self) -> bool {
        self.is_open() || self.fallback() == Fallback::Contact
    }

    /// It has said where it is woken, and the service there has not said no.
    pub(super) fn can_be_woken(&self) -> bool {
        self.flags & (PUSH | PUSH_ENDED) == PUSH
    }

    pub(super) fn is_refreshed_by_push(&self) -> bool {
        self.can_be_woken() && self.flags & REFRESHED_BY_PUSH != 0
    }

    /// Until its Contact says something else.
    pub(super) fn end_push(&mut self) {
        self.flags |= PUSH_ENDED;
    }

    pub(super) fn is_of(&self, user: &[u8], domain: &[u8]) -> bool {
        self.user() == user && self.domain() == domain
    }

    pub(super) fn user(&self) -> &[u8] {
        &self.text[..self.user_len as usize]
    }

    pub(super) fn domain(&self) -> &[u8] {
        self.part(self.user_len as usize, self.domain_len)
    }

    pub(super) fn contact(&self) -> &[u8] {
        self.part(self.contact_start(), self.contact_len)
    }

    pub(super) fn uri(&self) -> &[u8] {
        self.part(self.contact_start() + self.uri.0 as usize, self.uri.1)
    }

    pub(super) fn instance(&self) -> Option<&[u8]> {
        let (start, len) = self.instance;
        (len != 0).then(|| self.part(self.contact_start() + start as usize, len))
    }

    pub(super) fn call_id(&self) -> &[u8] {
        self.part(self.contact_start() + self.contact_len as usize, self.call_id_len)
    }

    pub(super) fn user_agent(&self) -> &[u8] {
        self.part(self.path_start() - self.user_agent_len as usize, self.user_agent_len)
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.text[self.path_start()..]
    }

    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn draft(&self) -> Draft<'_> {
        Draft {
            user: self.user(),
            domain: self.domain(),
            contact: self.contact(),
            uri: self.uri,
            instance: self.instance,
            call_id: self.call_id(),
            user_agent: self.user_agent(),
            path: self.path(),
            cseq: self.cseq,
            q: self.q,
            reg_id: self.reg_id,
            device: self.device,
            flow: self.last_flow(),
            fallback: self.fallback(),
            granted_s: self.granted_s,
        }
    }

    fn contact_start(&self) -> usize {
        self.user_len as usize + self.domain_len as usize
    }

    fn path_start(&self) -> usize {
        self.contact_start()
            + self.contact_len as usize
            + self.call_id_len as usize
            + self.user_agent_len as usize
    }

    fn part(&self, start: usize, len: u16) -> &[u8] {
        &self.text[start..start + len as usize]
    }
}

fn flags_of(draft: &Draft<'_>) -> u8 {
    let (start, len) = (usize::from(draft.uri.0), usize::from(draft.uri.1));
    let uri = draft.contact.get(start..start + len).unwrap_or_default();
    let fallback = if draft.fallback == Fallback::Contact { FALLBACK_CONTACT } else { 0 };
    match push::has_destination(uri) {
        None => fallback,
        Some(_) if push::refreshes_when_woken(draft.contact) => fallback | PUSH | REFRESHED_BY_PUSH,
        Some(_) => fallback | PUSH,
    }
}

fn join(draft: &Draft<'_>) -> Box<[u8]> {
    let parts = [draft.user, draft.domain, draft.contact, draft.call_id, draft.user_agent, draft.path];
    let mut text = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.extend_from_slice(part);
    }
    text.into_boxed_slice()
}
