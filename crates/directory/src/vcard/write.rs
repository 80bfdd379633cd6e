//! One card as vCard 4.0 (RFC 6350).

use super::line::boundary;
use crate::contact::{Card, NumberLabel};

/// Bytes of a line without its end (RFC 6350 section 3.2).
const LINE_BYTES_MAX: usize = 75;

pub fn write_vcard(card: &Card) -> String {
    let mut file = String::new();
    let mut line = |text: &str| fold(&mut file, text);
    line("BEGIN:VCARD");
    line("VERSION:4.0");
    line(&format!("FN:{}", escaped(&card.name)));
    if !card.organisation.is_empty() {
        line(&format!("ORG:{}", escaped(&card.organisation)));
    }
    for number in &card.numbers {
        let (kind, value) = (kind(number.label), &*number.value);
        match (value.contains(':'), value.starts_with('+')) {
            (true, _) => line(&format!("IMPP{kind}:{value}")),
            // RFC 3966 section 5.1.5: without `+` a URI would have to say where the number is dialled.
            (false, true) => line(&format!("TEL{kind};VALUE=uri:tel:{value}")),
            (false, false) => line(&format!("TEL{kind}:{value}")),
        }
    }
    if !card.email.is_empty() {
        line(&format!("EMAIL:{}", escaped(&card.email)));
    }
    if !card.note.is_empty() {
        line(&format!("NOTE:{}", escaped(&card.note)));
    }
    line("END:VCARD");
    file
}

const fn kind(label: NumberLabel) -> &'static str {
    match label {
        NumberLabel::Work => ";TYPE=work",
        NumberLabel::Mobile => ";TYPE=cell",
        NumberLabel::Home => ";TYPE=home",
        NumberLabel::Other => "",
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' | ',' | ';' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Between characters, never inside of one.
fn fold(file: &mut String, text: &str) {
    let mut rest = text;
    let mut room = LINE_BYTES_MAX;
    while rest.len() > room {
        let (line, after) = rest.split_at(boundary(rest, room));
        file.push_str(line);
        file.push_str("\r\n ");
        // The space counts.
        (rest, room) = (after, LINE_BYTES_MAX - 1);
    }
    file.push_str(rest);
    file.push_str("\r\n");
}
