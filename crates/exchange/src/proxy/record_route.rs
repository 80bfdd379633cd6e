//! Our Record-Route (RFC 3261 section 16.6 step 4): a way back through us that carries a token of both ends.

use crate::flow::{ConnectionId, Flow, Hop, ListenerId};
use crate::party::Party;
use crate::route_token::{End, RouteSeal, RouteToken};
use crate::world::{Listener, World};
use coeur_sip::{Message, Transport};

/// Where the dialog will reach the callee: over a flow, or by connecting to an address, under its name if it has one.
pub(crate) fn end_of(hop: &Hop, party: Option<Party>) -> End {
    match hop {
        Hop::Flow(flow) => End { flow: *flow, party, host: None },
        Hop::Address { transport, listener, address, host } => {
            let (connection, remote) = (ConnectionId::NONE, *address);
            let flow = Flow { transport: *transport, listener: *listener, connection, remote };
            // A datagram has no connection to be found again, and proves nothing.
            let host = host.clone().filter(|_| transport.is_reliable());
            End { flow, party, host }
        }
    }
}

/// One Record-Route when both sides use one listener, else two, each naming the listener that its side can reach
/// (RFC 5658): the callee reads the first, the caller the second. Both carry the same token.
pub(super) fn write(
    seal: &RouteSeal,
    world: &World,
    message: &Message<'_>,
    token: &RouteToken,
    callee_side: &Listener,
    out: &mut Vec<u8>,
) {
    let caller_tag = message.from().ok().and_then(|from| from.tag()).unwrap_or_default();
    out.extend_from_slice(scheme(token.secure));
    let start = out.len();
    seal.seal(token, message.call_id(), caller_tag, out);
    let end = out.len();
    write_place(callee_side, token.secure, out);
    if token.caller.flow.listener != callee_side.id
        && let Some(caller_side) = listener_of(world, token.caller.flow.listener)
    {
        out.extend_from_slice(b", ");
        out.extend_from_slice(scheme(token.secure));
        out.extend_from_within(start..end);
        write_place(caller_side, token.secure, out);
    }
}

fn scheme(secure: bool) -> &'static [u8] {
    if secure { b"<sips:" } else { b"<sip:" }
}

fn write_place(listener: &Listener, secure: bool, out: &mut Vec<u8>) {
    out.push(b'@');
    out.extend_from_slice(listener.sent_by.as_bytes());
    let transport = match listener.transport {
        Transport::Udp => None,
        // RFC 3261 section 26.2.2: sips means TLS; what is below it is TCP or a WebSocket.
        Transport::Tls if secure => None,
        Transport::Wss if secure => Some(Transport::Ws),
        other => Some(other),
    };
    if let Some(transport) = transport {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport.as_param().as_bytes());
    }
    out.extend_from_slice(b";lr>");
}

fn listener_of(world: &World, id: ListenerId) -> Option<&Listener> {
    world.listeners.iter().find(|listener| listener.id == id)
}
