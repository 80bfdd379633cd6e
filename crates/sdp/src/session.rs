//! The structure as owned: what we write ourselves, or read and then change.
//!
//! Lines keep their order; what is added goes where RFC 8866 section 5 wants its letter.

use crate::attribute::Attribute;
use crate::description::{Description, Media, push_number, write_media_line};
use crate::line::OwnedLine;
use crate::{Direction, Origin, connection};
use std::net::IpAddr;

/// A session description that is ours to change. It reads like any other through [`SessionDescription::view`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionDescription {
    /// The lines before the first `m=`, without `v=0`.
    pub session: Vec<OwnedLine>,
    pub media: Vec<MediaDescription>,
}

/// A media description that is ours to change; the fields are those of [`Media`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription {
    pub kind: Vec<u8>,
    pub port: u16,
    pub port_count: u16,
    pub proto: Vec<u8>,
    pub formats: Vec<u8>,
    pub lines: Vec<OwnedLine>,
}

/// The order of the session's lines and of those of a media description (RFC 8866 section 5).
const ORDER: &[u8] = b"vosiuepcbtrzka";

impl SessionDescription {
    /// The lines that every description has, `o=` apart: that one is set by who sends it.
    pub fn new() -> Self {
        Self { session: vec![OwnedLine::new(b's', "-"), OwnedLine::new(b't', "0 0")], media: Vec::new() }
    }

    /// To be read. Costs one allocation for each media description.
    pub fn view(&self) -> Description<'_> {
        Description {
            session: self.session.iter().map(OwnedLine::view).collect(),
            media: self.media.iter().map(MediaDescription::view).collect(),
        }
    }

    pub fn origin(&self) -> Option<Origin> {
        Origin::parse(&self.session.iter().find(|line| line.kind == b'o')?.value)
    }

    pub fn set_origin(&mut self, origin: &Origin) {
        set(&mut self.session, b'o', origin.to_value().into_bytes());
    }

    /// The `c=` line for all media that have none.
    pub fn set_connection(&mut self, address: IpAddr) {
        set(&mut self.session, b'c', connection::written(address).into_bytes());
    }

    /// Puts a line in the place of the one of that letter, or where that letter belongs.
    pub fn set_line(&mut self, kind: u8, value: impl Into<Vec<u8>>) {
        set(&mut self.session, kind, value.into());
    }

    pub fn push<T: Attribute>(&mut self, attribute: &T) {
        self.session.push(attribute_line(attribute));
    }

    /// Adds a property attribute, as in `a=ice-lite`.
    pub fn push_flag(&mut self, name: &str) {
        self.session.push(OwnedLine::new(b'a', name));
    }

    pub fn remove_attributes(&mut self, name: &[u8]) {
        self.session.retain(|line| !line.view().is_attribute(name));
    }

    /// Appends the description, each line ended by CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"v=0\r\n");
        self.session.iter().for_each(|line| line.view().write(out));
        self.media.iter().for_each(|media| media.write(out));
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1_024);
        self.write(&mut out);
        out
    }

    /// Whether both say the same, `o=` apart.
    pub fn says_the_same(&self, other: &Self) -> bool {
        fn said(description: &SessionDescription) -> impl Iterator<Item = &OwnedLine> {
            description.session.iter().filter(|line| line.kind != b'o')
        }
        self.media == other.media && said(self).eq(said(other))
    }
}

impl MediaDescription {
    pub fn new(kind: &str, port: u16, proto: &str, formats: &str) -> Self {
        Self {
            kind: kind.into(),
            port,
            port_count: 1,
            proto: proto.into(),
            formats: formats.into(),
            lines: Vec::new(),
        }
    }

    /// The refusal of a stream: its `m=` line with port zero (RFC 3264 section 6).
    pub fn rejected(&self) -> Self {
        Self { port: 0, port_count: 1, lines: Vec::new(), ..self.clone() }
    }

    pub fn view(&self) -> Media<'_> {
        Media {
            kind: &self.kind,
            port: self.port,
            port_count: self.port_count,
            proto: &self.proto,
            formats: &self.formats,
            lines: self.lines.iter().map(OwnedLine::view).collect(),
        }
    }

    pub fn set_connection(&mut self, address: IpAddr) {
        set(&mut self.lines, b'c', connection::written(address).into_bytes());
    }

    /// Puts the one direction in the place of whatever was said. `sendrecv` is written too: a session level attribute
    /// would else speak for this stream.
    pub fn set_direction(&mut self, direction: Direction) {
        self.lines.retain(|line| line.kind != b'a' || Direction::parse(&line.value).is_none());
        self.push_flag(direction.as_str());
    }

    pub fn push<T: Attribute>(&mut self, attribute: &T) {
        self.lines.push(attribute_line(attribute));
    }

    pub fn push_flag(&mut self, name: &str) {
        self.lines.push(OwnedLine::new(b'a', name));
    }

    pub fn remove_attributes(&mut self, name: &[u8]) {
        self.lines.retain(|line| !line.view().is_attribute(name));
    }

    /// Sets the formats of the `m=` line to these payload types.
    pub fn set_payloads(&mut self, payloads: impl IntoIterator<Item = u8>) {
        self.formats.clear();
        for payload in payloads {
            if !self.formats.is_empty() {
                self.formats.push(b' ');
            }
            push_number(payload.into(), &mut self.formats);
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        write_media_line(&self.kind, (self.port, self.port_count), &self.proto, &self.formats, out);
        self.lines.iter().for_each(|line| line.view().write(out));
    }
}

impl From<&Description<'_>> for SessionDescription {
    fn from(description: &Description<'_>) -> Self {
        Self {
            session: description.session.iter().map(OwnedLine::from).collect(),
            media: description.media.iter().map(MediaDescription::from).collect(),
        }
    }
}

impl From<&Media<'_>> for MediaDescription {
    fn from(media: &Media<'_>) -> Self {
        Self {
            kind: media.kind.into(),
            port: media.port,
            port_count: media.port_count,
            proto: media.proto.into(),
            formats: media.formats.into(),
            lines: media.lines.iter().map(OwnedLine::from).collect(),
        }
    }
}

pub(crate) fn attribute_line<T: Attribute>(attribute: &T) -> OwnedLine {
    // Exact, so that a key is not left behind in memory by a buffer that grew.
    let mut value = Vec::with_capacity(512);
    value.extend_from_slice(T::NAME);
    value.push(b':');
    attribute.write(&mut value);
    OwnedLine::new(b'a', value)
}

fn set(lines: &mut Vec<OwnedLine>, kind: u8, value: Vec<u8>) {
    if let Some(line) = lines.iter_mut().find(|line| line.kind == kind) {
        line.value = value;
        return;
    }
    let rank = |kind| ORDER.iter().position(|letter| *letter == kind).unwrap_or(ORDER.len());
    let at = lines.iter().position(|line| rank(line.kind) > rank(kind)).unwrap_or(lines.len());
    lines.insert(at, OwnedLine { kind, value });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_goes_where_its_letter_belongs() {
        let mut description = SessionDescription::new();
        description.push_flag("ice-lite");
        description.set_connection("192.0.2.1".parse().expect("address"));
        let origin =
            Origin { username: "-".into(), session_id: 7, version: 1, address: [192, 0, 2, 1].into() };
        description.set_origin(&origin);
        description.media.push(MediaDescription::new("audio", 4_000, "RTP/AVP", "0"));
        let text = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=ice-lite\r\n\
            m=audio 4000 RTP/AVP 0\r\n";
        assert_eq!(String::from_utf8(description.to_bytes()).as_deref(), Ok(text));
        assert_eq!(description.origin(), Some(origin));
    }

    #[test]
    fn only_what_is_changed_changes() {
        let text = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns= \r\nt=0 0\r\na=x-odd: \xff\r\nm=audio 4000 RTP/AVP 0 8\r\n\
            a=sendonly\r\na=unknown:  kept as it is \r\n";
        let mut description = SessionDescription::from(&crate::parse(text).expect("a description"));
        assert_eq!(description.to_bytes(), text);
        description.media[0].port = 5_000;
        let changed = description.to_bytes();
        assert_eq!(changed, text.replace(b"4000", b"5000"));
    }

    trait Replace {
        fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
    }

    impl Replace for [u8] {
        fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
            let at = self.windows(from.len()).position(|window| window == from).expect("is there");
            [&self[..at], to, &self[at + from.len()..]].concat()
        }
    }
}
