//! The structure as read: session lines, then media descriptions with their own lines. Nothing is copied.

use crate::attribute::{Attribute, AttributeError, only};
use crate::line::Line;
use crate::{Codecs, Connection, Direction, Proto};

/// A session description. `v=` is implied by having been parsed; every other line is kept in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// The lines before the first `m=`, without `v=0`.
    pub session: Vec<Line<'a>>,
    pub media: Vec<Media<'a>>,
}

/// A media description (RFC 8866 section 5.14): the parts of its `m=` line and the lines below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, ...
    pub kind: &'a [u8],
    /// Zero: refused or switched off (RFC 3264 section 6), unless it is [`Media::is_bundle_only`].
    pub port: u16,
    /// How many consecutive ports, as in `49170/2`; 1 when not written.
    pub port_count: u16,
    /// `RTP/AVP`, ...
    pub proto: &'a [u8],
    /// The formats as written, separated by spaces.
    pub formats: &'a [u8],
    pub lines: Vec<Line<'a>>,
}

/// The `a=` lines of one name; the value is empty for a property attribute.
pub struct Attributes<'l, 'a, 'n> {
    lines: std::slice::Iter<'l, Line<'a>>,
    name: &'n [u8],
}

impl<'a> Description<'a> {
    /// The first session line of this letter.
    pub fn line(&self, kind: u8) -> Option<&'a [u8]> {
        first(&self.session, kind)
    }

    /// The value of `o=` as written (RFC 8866 section 5.2).
    pub fn origin(&self) -> Option<&'a [u8]> {
        self.line(b'o')
    }

    /// Where media `index` is received: its own `c=` line or that of the session (RFC 8866 section 5.7).
    pub fn connection(&self, index: usize) -> Option<Connection<'a>> {
        let own = self.media.get(index).and_then(|media| first(&media.lines, b'c'));
        Connection::parse(own.or_else(|| self.line(b'c'))?)
    }

    /// The direction of media `index`: its own attribute, that of the session, else `sendrecv`
    /// (RFC 8866 section 6.7).
    pub fn direction(&self, index: usize) -> Direction {
        let own = self.media.get(index).and_then(|media| Direction::of(&media.lines));
        own.or_else(|| Direction::of(&self.session)).unwrap_or(Direction::SendRecv)
    }

    pub fn attributes<'l, 'n>(&'l self, name: &'n [u8]) -> Attributes<'l, 'a, 'n> {
        Attributes { lines: self.session.iter(), name }
    }

    /// Whether the session has this property attribute, as in `a=ice-lite`.
    pub fn has(&self, name: &[u8]) -> bool {
        self.attributes(name).next().is_some()
    }

    /// The one attribute of this type that the session has.
    pub fn read<T: Attribute>(&self) -> Result<Option<T>, AttributeError> {
        only(&self.session)
    }

    /// The one attribute of this type that holds for media `index`: its own, else that of the session. For attributes
    /// that may stand at both levels.
    pub fn read_for<T: Attribute>(&self, index: usize) -> Result<Option<T>, AttributeError> {
        match self.media.get(index).map_or(Ok(None), Media::read)? {
            Some(own) => Ok(Some(own)),
            None => self.read(),
        }
    }

    /// Appends the description, each line ended by CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"v=0\r\n");
        self.session.iter().for_each(|line| line.write(out));
        self.media.iter().for_each(|media| media.write(out));
    }
}

impl<'a> Media<'a> {
    pub fn direction(&self) -> Option<Direction> {
        Direction::of(&self.lines)
    }

    pub fn attributes<'l, 'n>(&'l self, name: &'n [u8]) -> Attributes<'l, 'a, 'n> {
        Attributes { lines: self.lines.iter(), name }
    }

    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes(name).next()
    }

    /// Whether it has this property attribute, as in `a=rtcp-mux`.
    pub fn has(&self, name: &[u8]) -> bool {
        self.attribute(name).is_some()
    }

    /// The one attribute of this type.
    pub fn read<T: Attribute>(&self) -> Result<Option<T>, AttributeError> {
        only(&self.lines)
    }

    /// All attributes of this type in their order; one that cannot be read is `None`.
    pub fn read_all<T: Attribute>(&self) -> impl Iterator<Item = Option<T>> {
        self.attributes(T::NAME).map(T::parse)
    }

    pub fn protocol(&self) -> Proto {
        Proto::parse(self.proto)
    }

    /// Port zero refuses or ends the stream (RFC 3264 sections 6 and 8.2).
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.is_bundle_only()
    }

    /// Port zero that means "only in the bundle" (RFC 9143 section 6). The attribute says nothing beside another port.
    pub fn is_bundle_only(&self) -> bool {
        self.port == 0 && self.has(b"bundle-only")
    }

    /// The RTP payload formats in order of preference, with their `rtpmap` or the static assignment.
    pub fn codecs(&self) -> Codecs<'_, 'a> {
        Codecs::of(self)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        write_media_line(self.kind, (self.port, self.port_count), self.proto, self.formats, out);
        self.lines.iter().for_each(|line| line.write(out));
    }
}

impl<'a> Iterator for Attributes<'_, 'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.lines.by_ref().find_map(|line| {
            let (name, value) = line.attribute()?;
            (name.trim_ascii() == self.name).then_some(value)
        })
    }
}

pub(crate) fn write_media_line(
    kind: &[u8],
    (port, port_count): (u16, u16),
    proto: &[u8],
    formats: &[u8],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"m=");
    out.extend_from_slice(kind);
    out.push(b' ');
    push_number(port.into(), out);
    if port_count != 1 {
        out.push(b'/');
        push_number(port_count.into(), out);
    }
    for part in [proto, formats] {
        out.push(b' ');
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

fn first<'a>(lines: &[Line<'a>], kind: u8) -> Option<&'a [u8]> {
    lines.iter().find(|line| line.kind == kind).map(|line| line.value)
}

pub(crate) fn push_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
