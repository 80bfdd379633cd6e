//! The lines of a stream that belong to one leg.

use super::{LegTransport, RtcpPlace};
use crate::MediaDescription;
use crate::attribute::{Fingerprint, RtcpAddress};
use std::net::IpAddr;

/// What may be written: in an offer everything, in an answer what was offered (RFC 5761 section 5.1.1, RFC 8839
/// section 4.3).
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) rtcp_mux: bool,
    pub(super) ice: bool,
}

impl Allowed {
    pub(super) const ALL: Self = Self { rtcp_mux: true, ice: true };
}

/// Writes the `c=` line when the session's is another, and all attributes of the transport and its keys.
pub(super) fn write(
    media: &mut MediaDescription,
    transport: &LegTransport,
    session: IpAddr,
    allowed: Allowed,
) {
    if transport.rtp.ip() != session {
        media.set_connection(transport.rtp.ip());
    }
    write_rtcp(media, transport, allowed);
    if allowed.ice {
        write_ice(media, transport);
    }
    transport.sdes.iter().for_each(|crypto| media.push(crypto));
    if let Some(dtls) = &transport.dtls {
        dtls.fingerprints.iter().for_each(|fingerprint: &Fingerprint| media.push(fingerprint));
        dtls.setup.iter().for_each(|setup| media.push(setup));
        dtls.tls_id.iter().for_each(|tls_id| media.push(tls_id));
    }
}

/// Streams in a bundle say only that they share, and take the rest from the tagged one (RFC 9143 section 7.1.3).
pub(super) fn write_bundled(
    media: &mut MediaDescription,
    transport: &LegTransport,
    session: IpAddr,
    allowed: Allowed,
) {
    if transport.rtp.ip() != session {
        media.set_connection(transport.rtp.ip());
    }
    if allowed.rtcp_mux {
        media.push_flag("rtcp-mux");
    }
}

fn write_rtcp(media: &mut MediaDescription, transport: &LegTransport, allowed: Allowed) {
    let (at, shares) = match transport.rtcp {
        RtcpPlace::Above => (None, false),
        RtcpPlace::At(at) => (Some(at), false),
        RtcpPlace::Shared { otherwise } => (otherwise, allowed.rtcp_mux),
    };
    if let Some(at) = at {
        let ip = (at.ip() != transport.rtp.ip()).then_some(at.ip());
        let is_above = ip.is_none() && Some(at.port()) == transport.rtp.port().checked_add(1);
        // With ICE it is written in any case (RFC 8839 section 4.2.1).
        if !is_above || (transport.ice.is_some() && allowed.ice) {
            media.push(&RtcpAddress { port: at.port(), ip });
        }
    }
    if shares {
        media.push_flag("rtcp-mux");
    }
}

fn write_ice(media: &mut MediaDescription, transport: &LegTransport) {
    let Some(ice) = &transport.ice else { return };
    media.push(&ice.ufrag);
    media.push(&ice.password);
    if !ice.options.0.is_empty() {
        media.push(&ice.options);
    }
    ice.candidates.iter().for_each(|candidate| media.push(candidate));
    if ice.has_ended {
        media.push_flag("end-of-candidates");
    }
}
