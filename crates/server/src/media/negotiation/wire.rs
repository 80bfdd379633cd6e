//! Ports between two devices that check each other themselves (decision 0042): what their checks show of where they are goes
//! into the relay's table, and nothing is said by us.

use super::Transport;
use coeur_exchange::media::{Ice, IceFailure, IceState};
use coeur_media::ice::wire::{self, End};
use coeur_media::relay::{Component, Relay, StreamKey};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;

/// Something was agreed about a stream. `None`: it is no wire, or no longer one.
pub(super) fn agree(
    end: &mut Option<End>,
    ice: Option<&Ice>,
    stream: StreamKey,
    relay: &Relay,
) -> Result<(), IceFailure> {
    let Some(ice) = ice.filter(|ice| ice.wire) else {
        *end = None;
        return Ok(());
    };
    let (told, own) = (super::path::credentials(&ice.ours)?, &ice.theirs.ufrag);
    match end {
        Some(end) => end.agree(&told, own),
        None => {
            let mut new = End::new(&told, own);
            // Kept by the journal.
            if let Some(at) = relay.selected(stream, Component::Rtp) {
                new.resume(at);
            }
            *end = Some(new);
        }
    }
    Ok(())
}

/// A datagram of STUN has come to the port of `here`: where it leaves at that of `there`.
pub(super) fn pass(
    now: Monotonic,
    [here, there]: [&mut Transport; 2],
    (from, bytes): (SocketAddr, &[u8]),
    relay: &mut Relay,
) -> Option<SocketAddr> {
    let (own, other) = (here.wire.as_mut()?, there.wire.as_mut()?);
    let to = wire::pass(now, own, other, from, bytes);
    if own.has_heard(from) {
        relay.validate(here.stream, Component::Rtp, from, false);
    }
    for (stream, end) in [(here.stream, own), (there.stream, other)] {
        if let Some(at) = end.at().filter(|at| relay.selected(stream, Component::Rtp) != Some(*at)) {
            relay.validate(stream, Component::Rtp, at, true);
        }
    }
    to
}

pub(super) fn state(end: &End) -> IceState {
    let refused = end.refused();
    end.at().map_or(IceState::Checking { refused }, |remote| IceState::Connected { remote, refused })
}
