//! One stream.

use super::bundle::Bundles;
use super::codec::{audio_events, codecs};
use super::{AudioEvents, IceSummary, Keying, OwnedCodec, SummaryFault};
use crate::attribute::{
    Attribute, AttributeError, AttributeFault, MaxPacketTime, PacketTime, RtcpAddress, only,
};
use crate::line::Line;
use crate::{Connection, Description, Direction, Media, Proto};
use std::net::{IpAddr, SocketAddr};

/// What an `m=` line is about (RFC 8866 section 8.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Audio,
    Video,
    Text,
    Application,
    Message,
    /// Fax (T.38).
    Image,
    Other,
}

/// What one `m=` line of a remote description promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSummary {
    /// Which `m=` line.
    pub index: usize,
    pub kind: MediaKind,
    pub proto: Proto,
    /// Port zero: refused, or switched off (RFC 3264 sections 6 and 8.2).
    pub is_rejected: bool,
    pub port: u16,
    /// `None` for a name or nothing: see [`MediaSummary::host`].
    pub address: Option<IpAddr>,
    /// The name in the place of an address.
    pub host: Option<String>,
    /// Where RTCP goes without multiplexing: `a=rtcp`, or one port above (RFC 3605, RFC 3550 section 11).
    pub rtcp: Option<SocketAddr>,
    /// RTCP may share the port of RTP (RFC 5761).
    pub has_rtcp_mux: bool,
    /// What the other side wants, as it sees it; an address 0.0.0.0 counts as "does not receive".
    pub direction: Direction,
    /// Put on hold by the address 0.0.0.0, as in RFC 2543 (RFC 3264 section 8.4).
    pub is_held_by_address: bool,
    pub codecs: Vec<OwnedCodec>,
    /// Which of the codecs are telephone events.
    pub audio_events: Vec<AudioEvents>,
    pub packet_time: Option<PacketTime>,
    pub packet_time_max: Option<MaxPacketTime>,
    pub keying: Keying,
    pub ice: Option<IceSummary>,
    pub mid: Option<String>,
    pub bundled: Option<Bundled>,
}

/// Membership of a BUNDLE group (RFC 9143).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// The `m=` line whose transport is that of the group.
    pub tagged: usize,
    /// No transport outside of the bundle (section 6).
    pub only: bool,
}

impl MediaKind {
    pub fn parse(name: &[u8]) -> Self {
        match name {
            b"audio" => Self::Audio,
            b"video" => Self::Video,
            b"text" => Self::Text,
            b"application" => Self::Application,
            b"message" => Self::Message,
            b"image" => Self::Image,
            _ => Self::Other,
        }
    }
}

impl MediaSummary {
    /// Where RTP is received.
    pub fn rtp(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address?, self.port))
    }

    pub(super) fn of(
        description: &Description<'_>,
        bundles: &Bundles,
        index: usize,
    ) -> Result<Self, SummaryFault> {
        let media = &description.media[index];
        let bundled = bundles.tagged(index).map(|tagged| Bundled { tagged, only: media.is_bundle_only() });
        let levels = Levels::of(description, index, bundled);
        let place = Place::of(description, index, bundled)?;
        let ice = IceSummary::of(&levels, place.rtp())?;
        let proto = media.protocol();
        let is_held_by_address = ice.is_none() && place.address.is_some_and(|ip| ip.is_unspecified());
        let wanted = direction(description, media)?;
        let hold = if is_held_by_address { Direction::SendOnly } else { Direction::SendRecv };
        let codecs = if proto.is_rtp() { codecs(media) } else { Vec::new() };
        Ok(Self {
            index,
            kind: MediaKind::parse(media.kind),
            proto,
            is_rejected: media.is_rejected(),
            port: place.port,
            address: place.address,
            rtcp: place.rtcp(&levels)?,
            host: place.host,
            has_rtcp_mux: levels.has(b"rtcp-mux") || levels.has(b"rtcp-mux-only"),
            direction: wanted.and(hold),
            is_held_by_address,
            audio_events: audio_events(&codecs),
            codecs,
            packet_time: media.read().ok().flatten(),
            packet_time_max: media.read().ok().flatten(),
            keying: Keying::of(proto, &levels)?,
            ice,
            mid: bundles.mids[index].clone(),
            bundled,
        })
    }
}

/// Where an attribute of the transport is looked for: in the media description, in the tagged one of its bundle
/// (RFC 9143 section 7.1.3), in the session.
pub(super) struct Levels<'d, 'a> {
    pub(super) own: &'d Media<'a>,
    tagged: Option<&'d Media<'a>>,
    pub(super) session: &'d Description<'a>,
}

impl<'d, 'a> Levels<'d, 'a> {
    fn of(session: &'d Description<'a>, index: usize, bundled: Option<Bundled>) -> Self {
        let other = bundled.filter(|bundled| bundled.tagged != index);
        let tagged = other.and_then(|bundled| session.media.get(bundled.tagged));
        Self { own: &session.media[index], tagged, session }
    }

    pub(super) fn read<T: Attribute>(&self) -> Result<Option<T>, AttributeError> {
        for lines in self.all() {
            if let Some(found) = only(lines)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// All values of this name at the nearest level that has one.
    pub(super) fn nearest(&self, name: &[u8]) -> Vec<&'a [u8]> {
        let found = self.all().map(|lines| values(lines, name));
        found.into_iter().find(|values| !values.is_empty()).unwrap_or_default()
    }

    /// [`Levels::nearest`] for what may not stand in the session.
    pub(super) fn nearest_in_media(&self, name: &[u8]) -> Vec<&'a [u8]> {
        let own = values(&self.own.lines, name);
        match self.tagged {
            Some(tagged) if own.is_empty() => values(&tagged.lines, name),
            Some(_) | None => own,
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        self.own.has(name) || self.tagged.is_some_and(|tagged| tagged.has(name))
    }

    fn all(&self) -> [&'d [Line<'a>]; 3] {
        let tagged: &'d [Line<'a>] = self.tagged.map_or(&[], |tagged| &tagged.lines);
        [&self.own.lines, tagged, &self.session.session]
    }
}

fn values<'a>(lines: &[Line<'a>], name: &[u8]) -> Vec<&'a [u8]> {
    let values = lines.iter().filter_map(|line| line.attribute());
    values.filter(|(found, _)| found.trim_ascii() == name).map(|(_, value)| value).collect()
}

/// The address of the stream: its own, or that of its bundle.
struct Place {
    port: u16,
    address: Option<IpAddr>,
    host: Option<String>,
}

impl Place {
    fn of(
        description: &Description<'_>,
        index: usize,
        bundled: Option<Bundled>,
    ) -> Result<Self, SummaryFault> {
        let index = bundled.filter(|bundled| bundled.only).map_or(index, |bundled| bundled.tagged);
        let media = &description.media[index];
        if two_values(&media.lines) || two_values(&description.session) {
            return Err(SummaryFault::TwoConnections);
        }
        let connection = description.connection(index);
        let address = connection.and_then(|connection| connection.ip());
        let name = connection.filter(|_| address.is_none());
        let host = name.map(|Connection { address, .. }| String::from_utf8_lossy(address).into_owned());
        Ok(Self { port: media.port, address, host })
    }

    fn rtp(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address?, self.port))
    }

    fn rtcp(&self, levels: &Levels<'_, '_>) -> Result<Option<SocketAddr>, SummaryFault> {
        let written = match levels.own.read::<RtcpAddress>() {
            Ok(written) => written,
            Err(AttributeError { fault: AttributeFault::Malformed, .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(written) = written else {
            let above = self.port.checked_add(1).filter(|_| self.port != 0);
            return Ok(self.address.zip(above).map(|(address, port)| SocketAddr::new(address, port)));
        };
        Ok(written.ip.or(self.address).map(|address| SocketAddr::new(address, written.port)))
    }
}

fn two_values(lines: &[Line<'_>]) -> bool {
    let mut connections = lines.iter().filter(|line| line.kind == b'c').map(|line| line.value.trim_ascii());
    let first = connections.next();
    connections.any(|other| Some(other) != first)
}

fn direction(description: &Description<'_>, media: &Media<'_>) -> Result<Direction, SummaryFault> {
    for lines in [&media.lines, &description.session] {
        let attributes = lines.iter().filter(|line| line.kind == b'a');
        let mut found = attributes.filter_map(|line| Direction::parse(line.value));
        if let Some(first) = found.next() {
            return if found.all(|other| other == first) {
                Ok(first)
            } else {
                Err(SummaryFault::TwoDirections)
            };
        }
    }
    Ok(Direction::SendRecv)
}
