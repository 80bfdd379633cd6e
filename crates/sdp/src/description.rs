//! The structure: session lines, then media descriptions with their own lines.

use crate::{Codecs, Connection, Direction};

/// One line: its letter and what follows the equals sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub kind: u8,
    pub value: &'a [u8],
}

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
    /// Zero: refused or switched off (RFC 3264 section 6).
    pub port: u16,
    /// How many consecutive ports, as in `49170/2`; 1 when not written.
    pub port_count: u16,
    /// `RTP/AVP`, ...
    pub proto: &'a [u8],
    /// The formats as written, separated by single spaces.
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

    /// Appends the description, each line ended by CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"v=0\r\n");
        write_lines(&self.session, out);
        for media in &self.media {
            media.write(out);
        }
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

    /// The RTP payload formats in order of preference, with their `rtpmap` or the static assignment.
    pub fn codecs(&self) -> Codecs<'_, 'a> {
        Codecs::of(self)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"m=");
        out.extend_from_slice(self.kind);
        out.push(b' ');
        push_number(self.port, out);
        if self.port_count != 1 {
            out.push(b'/');
            push_number(self.port_count, out);
        }
        for part in [self.proto, self.formats] {
            out.push(b' ');
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
        write_lines(&self.lines, out);
    }
}

impl<'a> Iterator for Attributes<'_, 'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.lines.by_ref().find_map(|line| {
            let (name, value) = line.attribute()?;
            (name == self.name).then_some(value)
        })
    }
}

impl<'a> Line<'a> {
    /// (name, value) of an `a=` line.
    pub fn attribute(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.kind != b'a' {
            return None;
        }
        match memchr::memchr(b':', self.value) {
            Some(colon) => Some((&self.value[..colon], &self.value[colon + 1..])),
            None => Some((self.value, b"")),
        }
    }
}

fn first<'a>(lines: &[Line<'a>], kind: u8) -> Option<&'a [u8]> {
    lines.iter().find(|line| line.kind == kind).map(|line| line.value)
}

fn write_lines(lines: &[Line<'_>], out: &mut Vec<u8>) {
    for line in lines {
        out.extend_from_slice(&[line.kind, b'=']);
        out.extend_from_slice(line.value);
        out.extend_from_slice(b"\r\n");
    }
}

fn push_number(number: u16, out: &mut Vec<u8>) {
    let mut digits = [0; 5];
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
