//! One stream.

use super::bundle::Bundles;
use super::codec::{audio_events, codecs};
use super::section::{Once, Section};
use super::{AudioEvents, IceSummary, Keying, OwnedCodec, SummaryError, SummaryFault};
use crate::attribute::{Attribute, AttributeError, AttributeFault, MaxPacketTime, PacketTime, RtcpAddress};
use crate::{Connection, Description, Direction, Proto};
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

    pub(super) fn of(all: &Sections<'_, '_>, index: usize) -> Result<Self, SummaryFault> {
        let media = &all.description.media[index];
        let bundled =
            all.bundles.tagged(index).map(|tagged| Bundled { tagged, only: media.is_bundle_only() });
        let levels = all.levels(index, bundled);
        let place = Place::of(all, index, bundled)?;
        let ice = IceSummary::of(&levels, place.rtp())?;
        let proto = media.protocol();
        let is_held_by_address = ice.is_none() && place.address.is_some_and(|ip| ip.is_unspecified());
        let wanted = match levels.own.direction()? {
            Some(own) => own,
            None => levels.session.direction()?.unwrap_or(Direction::SendRecv),
        };
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
            has_rtcp_mux: levels.own.has_rtcp_mux || levels.tagged.is_some_and(|tagged| tagged.has_rtcp_mux),
            direction: wanted.and(hold),
            is_held_by_address,
            audio_events: audio_events(&codecs),
            codecs,
            packet_time: levels.own.packet_time.read().ok().flatten(),
            packet_time_max: levels.own.packet_time_max.read().ok().flatten(),
            keying: Keying::of(proto, &levels)?,
            ice,
            mid: all.bundles.mids[index].clone(),
            bundled,
        })
    }
}

/// A description with what its sections say.
pub(super) struct Sections<'d, 'a> {
    pub(super) description: &'d Description<'a>,
    pub(super) session: Section<'a>,
    pub(super) media: Vec<Section<'a>>,
    pub(super) bundles: Bundles,
}

/// Where an attribute of the transport is looked for: in the media description, in the tagged one of its bundle
/// (RFC 9143 section 7.1.3), in the session.
pub(super) struct Levels<'s, 'a> {
    pub(super) own: &'s Section<'a>,
    tagged: Option<&'s Section<'a>>,
    pub(super) session: &'s Section<'a>,
}

impl<'d, 'a> Sections<'d, 'a> {
    pub(super) fn of(description: &'d Description<'a>) -> Result<Self, SummaryError> {
        let media: Vec<Section<'a>> =
            description.media.iter().map(|media| Section::of(&media.lines)).collect();
        let bundles = Bundles::of(description, &media)?;
        Ok(Self { description, session: Section::of(&description.session), media, bundles })
    }

    fn levels(&self, index: usize, bundled: Option<Bundled>) -> Levels<'_, 'a> {
        let other = bundled.filter(|bundled| bundled.tagged != index);
        let tagged = other.and_then(|bundled| self.media.get(bundled.tagged));
        Levels { own: &self.media[index], tagged, session: &self.session }
    }
}

impl<'s, 'a> Levels<'s, 'a> {
    pub(super) fn read<T: Attribute>(
        &self,
        once: impl Fn(&Section<'a>) -> Once<'a>,
    ) -> Result<Option<T>, AttributeError> {
        for section in [Some(self.own), self.tagged, Some(self.session)].into_iter().flatten() {
            if let Some(found) = once(section).read()? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// All values at the nearest level that has one.
    pub(super) fn nearest(&self, all: impl Fn(&'s Section<'a>) -> &'s Vec<&'a [u8]>) -> &'s [&'a [u8]] {
        let nearest = self.nearest_in_media(&all);
        if nearest.is_empty() { all(self.session) } else { nearest }
    }

    /// [`Levels::nearest`] for what may not stand in the session.
    pub(super) fn nearest_in_media(
        &self,
        all: impl Fn(&'s Section<'a>) -> &'s Vec<&'a [u8]>,
    ) -> &'s [&'a [u8]] {
        let own = all(self.own);
        match self.tagged {
            Some(tagged) if own.is_empty() => all(tagged),
            Some(_) | None => own,
        }
    }
}

/// The address of the stream: its own, or that of its bundle.
struct Place {
    port: u16,
    address: Option<IpAddr>,
    host: Option<String>,
}

impl Place {
    fn of(all: &Sections<'_, '_>, index: usize, bundled: Option<Bundled>) -> Result<Self, SummaryFault> {
        let index = bundled.filter(|bundled| bundled.only).map_or(index, |bundled| bundled.tagged);
        let value = match (all.media[index].connection, all.session.connection) {
            (Once::Two, _) | (_, Once::Two) => return Err(SummaryFault::TwoConnections),
            (Once::Value(value), _) | (Once::Absent, Once::Value(value)) => Some(value),
            (Once::Absent, Once::Absent) => None,
        };
        let connection = value.and_then(Connection::parse);
        let address = connection.and_then(|connection| connection.ip());
        let name = connection.filter(|_| address.is_none());
        let host = name.map(|Connection { address, .. }| String::from_utf8_lossy(address).into_owned());
        Ok(Self { port: all.description.media[index].port, address, host })
    }

    fn rtp(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address?, self.port))
    }

    fn rtcp(&self, levels: &Levels<'_, '_>) -> Result<Option<SocketAddr>, SummaryFault> {
        let written = match levels.own.rtcp.read::<RtcpAddress>() {
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
