//! Descriptions that cross from one leg to the other: the same streams and formats, with our addresses, our `o=` line and
//! nothing that tells one side where the other is (RFC 3264, RFC 6337).
//!
//! What it does not do yet: keying and ICE of our own. Encrypted profiles pass with their keys as they are, so that both
//! ends share them and we relay what we cannot read; candidates are taken out, since they would lead around us.

use super::leg::Leg;
use crate::media::{Format, Keying, OpenStream, Pair, Peer, STREAMS_MAX, Stream, StreamAddress, StreamKind};
use coeur_sdp::{Description, Direction, Line, Media};
use coeur_sip::header::MediaType;
use coeur_sip::{HeaderName, Message};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// What the body of a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'m> {
    None,
    Description(&'m [u8]),
    /// Something else.
    Other,
}

/// The description in a body: all of it, or a part of a multipart (RFC 5621 section 3.1).
pub(super) fn body<'m>(message: &Message<'m>) -> Body<'m> {
    let bytes = message.body();
    if bytes.is_empty() {
        return Body::None;
    }
    match message.content_type() {
        Ok(Some(kind)) if kind.is("application", "sdp") => Body::Description(bytes),
        Ok(Some(kind)) if is_multipart(&kind) => part(&kind, bytes).map_or(Body::Other, Body::Description),
        // Section 20.15 asks for a Content-Type; what begins like a description is one.
        Ok(None) if bytes.starts_with(b"v=0") => Body::Description(bytes),
        Ok(_) | Err(_) => Body::Other,
    }
}

fn is_multipart(kind: &MediaType<'_>) -> bool {
    kind.is("multipart", "mixed") || kind.is("multipart", "alternative") || kind.is("multipart", "related")
}

/// RFC 2046 section 5.1: the first part of type application/sdp.
fn part<'m>(kind: &MediaType<'m>, bytes: &'m [u8]) -> Option<&'m [u8]> {
    let boundary = kind.params.find("boundary")?.unquoted()?;
    let mark = [b"--", boundary].concat();
    let mut rest = &bytes[memchr::memmem::find(bytes, &mark)? + mark.len()..];
    while !rest.starts_with(b"--") {
        let end = memchr::memmem::find(rest, &mark)?;
        let part = &rest[..end];
        let head = memchr::memmem::find(part, b"\r\n\r\n")?;
        let is_sdp = part[..head].to_ascii_lowercase();
        if memchr::memmem::find(&is_sdp, b"application/sdp").is_some() {
            let body = &part[head + 4..];
            return Some(body.strip_suffix(b"\r\n").unwrap_or(body));
        }
        rest = &rest[end + mark.len()..];
    }
    None
}

/// A description that we can work with: readable, and with no more streams than we open.
pub(super) fn read(bytes: &[u8]) -> Option<Description<'_>> {
    coeur_sdp::parse(bytes).ok().filter(|description| description.media.len() <= STREAMS_MAX)
}

/// The ports that a leg needs for these streams. `is_peers`: the description is that of the leg's own peer, whose word
/// on rtcp-mux counts (RFC 5761 section 5.1.1); else what the leg has agreed on so far stays.
pub(super) fn streams(leg: &Leg, description: &Description<'_>, is_peers: bool) -> Box<[OpenStream]> {
    let stream = |(index, media): (usize, &Media<'_>)| {
        let agreed = leg.media.streams.get(index).is_some_and(|stream| stream.rtcp_mux);
        let rtcp_mux = if is_peers { is_muxed(media) } else { agreed };
        OpenStream { kind: kind_of(media), rtcp_mux, bundled_with: None }
    };
    description.media.iter().enumerate().map(stream).collect()
}

/// True when these need nothing that is not open already.
pub(super) fn are_open(leg: &Leg, wanted: &[OpenStream]) -> bool {
    let is_open = |(index, stream): (usize, &OpenStream)| {
        stream.kind == StreamKind::None || leg.media.addresses.get(index).is_some_and(Option::is_some)
    };
    leg.media.stage == super::leg::Stage::Open && wanted.iter().enumerate().all(is_open)
}

fn kind_of(media: &Media<'_>) -> StreamKind {
    let is_rtp = media.proto.starts_with(b"RTP/") || media.proto.starts_with(b"UDP/TLS/RTP/");
    let is_datagrams = is_rtp
        || media.proto.eq_ignore_ascii_case(b"udptl")
        || media.proto.len() >= 3 && media.proto[..3].eq_ignore_ascii_case(b"udp");
    match media.kind {
        _ if media.port == 0 || !is_datagrams => StreamKind::None,
        b"audio" if is_rtp => StreamKind::Audio,
        b"video" if is_rtp => StreamKind::Video,
        _ => StreamKind::Other,
    }
}

fn is_muxed(media: &Media<'_>) -> bool {
    media.attribute(b"rtcp-mux").is_some()
}

/// Our description on a leg: what the other side's peer described, with the addresses of the leg. The version of `o=`
/// goes up with every change (RFC 3264 section 8), and stays where nothing has changed.
pub(super) fn write(leg: &mut Leg, from: &Description<'_>) -> Box<[u8]> {
    let mut body = Vec::with_capacity(512);
    write_version(leg, from, leg.session.version, &mut body);
    if !leg.session.local.is_empty() && *leg.session.local != *body {
        leg.session.version += 1;
        body.clear();
        write_version(leg, from, leg.session.version, &mut body);
    }
    leg.session.local = body.into();
    leg.session.local.clone()
}

fn write_version(leg: &Leg, from: &Description<'_>, version: u64, out: &mut Vec<u8>) {
    let first = leg.media.addresses.iter().flatten().next().map(|address| address.rtp.ip());
    let ip = first.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    // Writing to a Vec does not fail.
    let _ = write!(out, "v=0\r\no=- {} {version} IN {} {ip}\r\n", leg.session.id, family(ip));
    out.extend_from_slice(b"s=");
    out.extend_from_slice(from.line(b's').filter(|name| !name.is_empty()).unwrap_or(b"-"));
    let _ = write!(out, "\r\nc=IN {} {ip}\r\n", family(ip));
    write_lines(from.session.iter().filter(|line| line.kind == b'b'), out);
    match from.line(b't') {
        Some(time) => write_lines([Line { kind: b't', value: time }].iter(), out),
        None => out.extend_from_slice(b"t=0 0\r\n"),
    }
    write_lines(from.session.iter().filter(|line| line.kind == b'a' && passes(line)), out);
    for (index, media) in from.media.iter().enumerate() {
        match leg.media.addresses.get(index).and_then(Option::as_ref).filter(|_| media.port != 0) {
            Some(address) => write_stream(leg, from, index, media, address, ip, out),
            None => Media { port: 0, port_count: 1, lines: Vec::new(), ..media.clone() }.write(out),
        }
    }
}

fn write_stream(
    leg: &Leg,
    from: &Description<'_>,
    index: usize,
    media: &Media<'_>,
    address: &StreamAddress,
    session: IpAddr,
    out: &mut Vec<u8>,
) {
    let held = is_held_by_address(from, index);
    let kept = |line: &&Line<'_>| line.kind != b'c' && passes(line) && !(held && is_direction(line));
    let (port, ip) = (address.rtp.port(), address.rtp.ip());
    let connection = format!("IN {} {ip}", family(ip));
    let mut lines: Vec<Line<'_>> = media.lines.iter().filter(kept).copied().collect();
    if ip != session {
        // RFC 8866 section 5: behind `i=`, before all else.
        let at = usize::from(lines.first().is_some_and(|line| line.kind == b'i'));
        lines.insert(at, Line { kind: b'c', value: connection.as_bytes() });
    }
    Media { port, port_count: 1, lines, ..media.clone() }.write(out);
    if held {
        let direction = match from.direction(index) {
            Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
            Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
        };
        let _ = write!(out, "a={}\r\n", direction.as_str());
    }
    if leg.media.streams.get(index).is_some_and(|stream| stream.rtcp_mux) {
        out.extend_from_slice(b"a=rtcp-mux\r\n");
    } else if address.rtcp.port() != port.wrapping_add(1) {
        // RFC 3605.
        let _ = write!(out, "a=rtcp:{}\r\n", address.rtcp.port());
    }
}

fn write_lines<'l, 'a: 'l>(lines: impl Iterator<Item = &'l Line<'a>>, out: &mut Vec<u8>) {
    for line in lines {
        out.extend_from_slice(&[line.kind, b'=']);
        out.extend_from_slice(line.value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Not what names addresses, and nothing of ICE or of bundles, which are ours on each leg.
fn passes(line: &Line<'_>) -> bool {
    let Some((name, value)) = line.attribute() else { return true };
    let is_ice = name.starts_with(b"ice-");
    let of_addresses = [
        &b"candidate"[..],
        b"remote-candidates",
        b"end-of-candidates",
        b"rtcp",
        b"rtcp-mux",
        b"rtcp-mux-only",
    ];
    let is_bundle = name == b"group" && value.starts_with(b"BUNDLE") || name == b"bundle-only";
    !(is_ice || is_bundle || of_addresses.contains(&name))
}

fn is_direction(line: &Line<'_>) -> bool {
    line.kind == b'a' && matches!(line.value, b"sendrecv" | b"sendonly" | b"recvonly" | b"inactive")
}

/// RFC 3264 section 8.4: `c=0.0.0.0` is how old phones hold a call.
fn is_held_by_address(description: &Description<'_>, index: usize) -> bool {
    description.connection(index).and_then(|c| c.ip()).is_some_and(|ip| ip.is_unspecified())
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

/// What has been agreed with the peer of `leg`: its own description, and the other side's for what it may hear and say.
pub(super) fn peer(leg: &Leg, own: &Description<'_>, other: &Description<'_>) -> Peer {
    let stream = |index: usize| {
        let (mine, theirs) = (own.media.get(index)?, other.media.get(index)?);
        leg.media.addresses.get(index)?.as_ref()?;
        (mine.port != 0 && theirs.port != 0).then(|| stream(leg, own, other, index, mine))
    };
    Peer { signalled_from: leg.near(), streams: (0..own.media.len()).map(stream).collect() }
}

fn stream(
    leg: &Leg,
    own: &Description<'_>,
    other: &Description<'_>,
    index: usize,
    media: &Media<'_>,
) -> Stream {
    let ip = own.connection(index).and_then(|connection| connection.ip()).filter(|ip| !ip.is_unspecified());
    let rtp = SocketAddr::new(ip.unwrap_or(leg.near()), media.port);
    let rtcp_mux = is_muxed(media) && leg.media.streams.get(index).is_some_and(|stream| stream.rtcp_mux);
    let (mine, theirs) = (directions(own, index), directions(other, index));
    Stream {
        rtp,
        rtcp: if rtcp_mux { rtp } else { rtcp_of(media, rtp) },
        rtcp_mux,
        we_send: theirs.sends && mine.receives,
        we_receive: mine.sends && theirs.receives,
        keying: Keying::Plain,
        ice: None,
        formats: media
            .codecs()
            .map(|codec| Format {
                payload: codec.payload,
                name: codec.name.into(),
                clock_rate: codec.clock_rate,
                channels: codec
                    .parameters
                    .and_then(|p| std::str::from_utf8(p).ok()?.parse().ok())
                    .unwrap_or(1),
                fmtp: codec.fmtp.map(Into::into),
            })
            .collect(),
        mid: None,
    }
}

/// RFC 3605: where it says so, else the next port.
fn rtcp_of(media: &Media<'_>, rtp: SocketAddr) -> SocketAddr {
    let mut said = media.attribute(b"rtcp").unwrap_or_default().split(|byte| *byte == b' ');
    let text = |part: &[u8]| std::str::from_utf8(part).ok().map(str::to_owned);
    let port = said.next().and_then(text).and_then(|port| port.parse().ok());
    let ip = said.nth(2).and_then(text).and_then(|ip| ip.parse().ok());
    SocketAddr::new(ip.unwrap_or(rtp.ip()), port.unwrap_or(rtp.port().saturating_add(1)))
}

struct Directions {
    sends: bool,
    receives: bool,
}

fn directions(description: &Description<'_>, index: usize) -> Directions {
    let (sends, receives) = match description.direction(index) {
        Direction::SendRecv => (true, true),
        Direction::SendOnly => (true, false),
        Direction::RecvOnly => (false, true),
        Direction::Inactive => (false, false),
    };
    Directions { sends, receives: receives && !is_held_by_address(description, index) }
}

/// Streams that both have taken. `m=` lines keep their places on both legs, so an index is the same stream.
pub(super) fn pairs(a: &Peer, b: &Peer) -> Box<[Pair]> {
    let both = |index: usize| a.streams[index].is_some() && b.streams.get(index).is_some_and(Option::is_some);
    let pair = |index: usize| Pair { a: index as u8, b: index as u8, payloads: Box::default() };
    (0..a.streams.len()).filter(|index| both(*index)).map(pair).collect()
}

/// The same description as before: a refresh, and no offer (RFC 3264 section 8: the `o=` line tells).
pub(super) fn is_same(old: &[u8], new: &[u8]) -> bool {
    let origin = |bytes: &[u8]| coeur_sdp::parse(bytes).ok().and_then(|d| d.origin().map(<[u8]>::to_vec));
    !old.is_empty() && (old == new || origin(old).is_some_and(|old| Some(old) == origin(new)))
}

/// `Content-Type: application/sdp`, when there is a body.
pub(super) fn write_type(writer: &mut coeur_sip::Writer<'_>, body: &[u8]) {
    if !body.is_empty() {
        writer.header(HeaderName::ContentType, b"application/sdp");
    }
}
