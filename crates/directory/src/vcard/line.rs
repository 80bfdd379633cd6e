//! Lines of a file of cards: put together again where they were folded, and taken apart into name, parameters and value.

use super::LINE_BYTES_MAX;

/// `group.NAME;PARAMETER=value:value` (RFC 6350 section 3.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Property {
    /// The first of its lines, from 1.
    pub line: usize,
    /// In capitals, without its group.
    pub name: String,
    /// Names in capitals; of 2.1, whose types have no name, `TYPE`.
    pub parameters: Vec<(String, String)>,
    /// Decoded where it was QUOTED-PRINTABLE; escapes are still in it.
    pub value: String,
}

/// Takes lines that are too long as far as they are read.
pub(super) struct Properties<'f> {
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Split<'f, char>>>,
    /// Of the card that is being read: what it is folded at stays (2.1 section 2.1.3).
    keeps_folds: bool,
}

impl<'f> Properties<'f> {
    pub fn new(file: &'f str) -> Self {
        Self { lines: file.split('\n').enumerate().peekable(), keeps_folds: false }
    }

    /// One line as it was before it was folded.
    fn unfolded(&mut self) -> Option<(usize, String)> {
        let (at, first) = self.lines.next()?;
        let mut line = String::new();
        push(&mut line, end_cut(first));
        let is_quoted = is_quoted_printable(&line);
        loop {
            if is_quoted && line.ends_with('=') {
                let Some((_, next)) = self.lines.next() else { break };
                line.pop();
                push(&mut line, end_cut(next));
                // What is not taken in any more ends nothing.
                if line.len() >= LINE_BYTES_MAX {
                    break;
                }
                continue;
            }
            let Some((_, next)) = self.lines.next_if(|(_, next)| next.starts_with([' ', '\t'])) else {
                break;
            };
            push(&mut line, end_cut(if self.keeps_folds { next } else { &next[1..] }));
        }
        Some((at + 1, line))
    }
}

impl Iterator for Properties<'_> {
    type Item = Property;

    /// Lines that are none are passed over, as those of a photo in 2.1 may be.
    fn next(&mut self) -> Option<Property> {
        loop {
            let (line, text) = self.unfolded()?;
            let Some(property) = property(line, &text) else { continue };
            match property.name.as_str() {
                "BEGIN" => self.keeps_folds = false,
                "VERSION" => self.keeps_folds = property.value.trim() == "2.1",
                _ => {}
            }
            return Some(property);
        }
    }
}

fn end_cut(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

fn push(line: &mut String, more: &str) {
    let room = LINE_BYTES_MAX.saturating_sub(line.len());
    line.push_str(cut(more, room));
}

/// At most so many bytes of it, in whole characters.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..boundary(text, bytes_max)]
}

/// Where a character begins, at this byte or the last before it.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn is_quoted_printable(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or("").to_ascii_uppercase();
    head.contains("QUOTED-PRINTABLE")
}

fn property(line: usize, text: &str) -> Option<Property> {
    let (head, value) = text.split_at(outside_quotes(text, ':')?);
    let value = &value[1..];
    let mut parts = split_outside_quotes(head, ';').into_iter();
    let name = parts.next()?.trim();
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return None;
    }
    let parameter = |part: &str| match part.split_once('=') {
        Some((key, value)) => (key.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned()),
        None if part.trim().eq_ignore_ascii_case("QUOTED-PRINTABLE") => {
            ("ENCODING".to_owned(), part.trim().to_owned())
        }
        None => ("TYPE".to_owned(), part.trim().to_owned()),
    };
    let parameters: Vec<(String, String)> = parts.map(parameter).collect();
    let said = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let value = match said("ENCODING").is_some_and(|name| name.eq_ignore_ascii_case("QUOTED-PRINTABLE")) {
        true => decoded(value, said("CHARSET")),
        false => value.to_owned(),
    };
    Some(Property { line, name, parameters, value })
}

fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(at, c)| {
        is_quoted ^= c == '"';
        (c == wanted && !is_quoted).then_some(at)
    })
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = outside_quotes(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest);
    parts
}

/// RFC 2045 section 6.7; what is none of it stays as it is.
fn decoded(text: &str, charset: Option<&str>) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.filter(|_| *first == b'=').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    let is_latin = charset.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.starts_with("iso-8859-1") || name == "windows-1252" || name == "latin1"
    });
    if is_latin { latin(&bytes) } else { text_of(&bytes).into_owned() }
}

/// UTF-8, or else what the telephones of before Unicode wrote in Western Europe.
pub(super) fn text_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => latin(bytes).into(),
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
