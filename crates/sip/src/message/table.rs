//! Where the headers of one message are: a table of spans that is reused from message to message.

use memchr::memchr;

use crate::header::HeaderName;
use crate::lex;

const NONE: u16 = u16::MAX;

/// One header line, folds included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Where the line starts: the first byte of the name.
    pub(super) start: u32,
    /// The value without LWS around it.
    pub(super) value_start: u32,
    pub(super) value_end: u32,
    /// After the CRLF that ends the line.
    pub(super) end: u32,
    /// The next header of the same name.
    next: u16,
    pub(super) name_len: u16,
    pub(super) name: HeaderName,
    /// `Name: value CRLF` on one line without white space before the colon: may be forwarded as it is.
    pub(super) clean: bool,
}

/// The spans of the headers of one message, and for each known name its first header. Reused: once it has
/// seen its largest message it allocates no more. At most 24 bytes for each of
/// [`crate::Limits::headers_max`] headers, and 400 bytes.
#[derive(Clone, Debug)]
pub struct HeaderTable {
    pub(super) slots: Vec<Slot>,
    first: [u16; HeaderName::COUNT],
    last: [u16; HeaderName::COUNT],
}

impl Default for HeaderTable {
    fn default() -> Self {
        HeaderTable::new()
    }
}

impl HeaderTable {
    /// An empty table with room for a usual message (64 headers).
    pub fn new() -> HeaderTable {
        HeaderTable {
            slots: Vec::with_capacity(64),
            first: [NONE; HeaderName::COUNT],
            last: [NONE; HeaderName::COUNT],
        }
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.first = [NONE; HeaderName::COUNT];
    }

    pub(super) fn has(&self, name: HeaderName) -> bool {
        self.first[name as usize] != NONE
    }

    /// Adds a line. The caller keeps the count below `u16::MAX`.
    #[inline]
    pub(super) fn push(&mut self, slot: Slot) {
        let index = self.slots.len() as u16;
        let name = slot.name as usize;
        self.slots.push(slot);
        if self.first[name] == NONE {
            self.first[name] = index;
        } else {
            self.slots[self.last[name] as usize].next = index;
        }
        self.last[name] = index;
    }
}

impl Slot {
    #[inline]
    pub(super) fn new(
        name: HeaderName,
        start: usize,
        name_len: usize,
        value: (usize, usize),
        end: usize,
        clean: bool,
    ) -> Slot {
        // Positions fit 32 bits because `parse` refuses longer messages, and name lengths 16 bits because a
        // longer name is an error.
        Slot {
            start: start as u32,
            value_start: value.0 as u32,
            value_end: value.1 as u32,
            end: end as u32,
            next: NONE,
            name_len: name_len as u16,
            name,
            clean,
        }
    }
}

/// The headers of one message: a view of the received bytes through the table.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) table: &'a HeaderTable,
}

/// One header as received.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    pub name: HeaderName,
    /// The name as written, without the white space that may follow it.
    pub name_bytes: &'a [u8],
    /// The value without LWS around it. Folds inside it are still there.
    pub value: &'a [u8],
    /// The whole line or lines, from the name to the last CRLF.
    pub span: &'a [u8],
    /// The span is `Name: value CRLF` on one line with no white space before the colon, so it may be
    /// forwarded as it is. Otherwise [`crate::Writer::copy`] writes it anew.
    pub clean: bool,
}

impl<'a> Headers<'a> {
    /// How many header lines there are.
    pub fn len(self) -> usize {
        self.table.slots.len()
    }

    pub fn is_empty(self) -> bool {
        self.table.slots.is_empty()
    }

    /// All headers, in the order received.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Header<'a>> + Clone + use<'a> {
        self.table.slots.iter().map(move |slot| self.header(slot))
    }

    /// The headers of one name, in the order received. For `Other`, those whose names we do not know.
    pub fn all(self, name: HeaderName) -> Lines<'a> {
        Lines { headers: self, next: self.table.first[name as usize] }
    }

    /// The first value of a name, without LWS around it.
    pub fn value(self, name: HeaderName) -> Option<&'a [u8]> {
        self.slot(name).map(|slot| self.slice(slot.value_start, slot.value_end))
    }

    /// The first header of a name.
    pub fn first(self, name: HeaderName) -> Option<Header<'a>> {
        self.slot(name).map(|slot| self.header(slot))
    }

    pub fn contains(self, name: HeaderName) -> bool {
        self.table.has(name)
    }

    /// The first value of a name given as text, in any case. A known name finds its compact form too.
    pub fn named(self, name: &[u8]) -> Option<&'a [u8]> {
        match HeaderName::parse(name) {
            HeaderName::Other => self
                .all(HeaderName::Other)
                .find(|header| header.name_bytes.eq_ignore_ascii_case(name))
                .map(|header| header.value),
            known => self.value(known),
        }
    }

    /// The values of a name from all its headers, split at the commas where the grammar is a list.
    pub fn values(self, name: HeaderName) -> Values<'a> {
        Values { lines: self.all(name), list: name.is_list(), rest: None }
    }

    /// The bytes of the whole message.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Where a header of this message stands in its bytes.
    pub(crate) fn place(self, header: &Header<'_>) -> (usize, usize) {
        let start = header.span.as_ptr() as usize - self.bytes.as_ptr() as usize;
        (start, start + header.span.len())
    }

    fn slot(self, name: HeaderName) -> Option<&'a Slot> {
        self.table.slots.get(self.table.first[name as usize] as usize)
    }

    fn header(self, slot: &Slot) -> Header<'a> {
        Header {
            name: slot.name,
            name_bytes: self.slice(slot.start, slot.start + u32::from(slot.name_len)),
            value: self.slice(slot.value_start, slot.value_end),
            span: self.slice(slot.start, slot.end),
            clean: slot.clean,
        }
    }

    fn slice(self, start: u32, end: u32) -> &'a [u8] {
        &self.bytes[start as usize..end as usize]
    }
}

/// The headers of one name; see [`Headers::all`].
#[derive(Clone)]
pub struct Lines<'a> {
    headers: Headers<'a>,
    next: u16,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        let slot = self.headers.table.slots.get(self.next as usize)?;
        self.next = slot.next;
        Some(self.headers.header(slot))
    }
}

/// The values of one name; see [`Headers::values`]. An element between two commas may be empty: whoever reads
/// it as an address or a Via gets an error. A value that is empty as a whole (`Supported:`) has no elements.
#[derive(Clone)]
pub struct Values<'a> {
    lines: Lines<'a>,
    list: bool,
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = match self.rest.take() {
            Some(rest) => rest,
            None => loop {
                let value = self.lines.next()?.value;
                if !self.list {
                    return Some(value);
                }
                if !value.is_empty() {
                    break value;
                }
            },
        };
        let end = element_end(rest);
        self.rest = rest.get(end + 1..);
        Some(lex::trim(&rest[..end]))
    }
}

/// The index of the comma that ends the first element of a list, or the length. Commas inside quoted strings
/// and inside `<...>` belong to the element (RFC 3261 section 7.3.1). A quote or bracket that never closes
/// takes the rest: its element is malformed, and no comma after it can be trusted.
pub(crate) fn element_end(list: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at = lex::find_any([b',', b'"', b'<'], list, at);
        let after = match list.get(at) {
            None | Some(b',') => return at,
            Some(b'"') => lex::skip_quoted(list, at),
            Some(_) => memchr(b'>', &list[at..]).map(|length| at + length + 1),
        };
        match after {
            Some(after) => at = after,
            None => return list.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(list: &[u8]) -> Vec<&[u8]> {
        let mut elements = Vec::new();
        let mut rest = Some(list);
        while let Some(list) = rest {
            let end = element_end(list);
            elements.push(lex::trim(&list[..end]));
            rest = list.get(end + 1..);
        }
        elements
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        assert_eq!(
            split(br#""a, \"b\"" <sip:a,b@c;x=1>;q=1 , <sip:d>"#),
            [&br#""a, \"b\"" <sip:a,b@c;x=1>;q=1"#[..], b"<sip:d>"]
        );
        assert_eq!(split(b"a,,b,"), [&b"a"[..], b"", b"b", b""]);
    }

    #[test]
    fn an_open_quote_takes_the_rest() {
        assert_eq!(split(br#"a, "b, c"#), [&b"a"[..], br#""b, c"#]);
        assert_eq!(split(b"a, <b, c"), [&b"a"[..], b"<b, c"]);
    }
}
