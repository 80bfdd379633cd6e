//! The ladder: one column per party, one row per message.

use super::redact::{self, Bodies};
use super::ring::{Direction, Entry};
use super::search::Conversation;
use super::sight;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Print each message below its arrow.
    pub full: bool,
    pub bodies: Bodies,
    /// Only ASCII, for terminals without line drawing.
    pub ascii: bool,
}

/// Width of the gap between two columns (characters).
const GAP: usize = 30;
const TIME_WIDTH: usize = 10;
/// The parties of one drawing; what concerns others is left out and said.
const PARTIES_MAX: usize = 6;

pub fn draw(conversation: &Conversation, style: Style) -> String {
    let Some(first) = conversation.entries.first() else { return String::new() };
    let parties = parties(&conversation.entries);
    let mut out = heading(conversation, first);
    out.push_str(&columns(&parties));
    for entry in &conversation.entries {
        let Some(party) = parties.iter().position(|party| party.is(entry)) else { continue };
        let since = entry.at.duration_since(first.at).unwrap_or_default();
        out.push_str(&row(&parties, party, entry, since, style));
        if style.full {
            for line in redact::lines(&entry.bytes, style.bodies) {
                out.push_str(&format!("{:TIME_WIDTH$} {line}\n", ""));
            }
            out.push('\n');
        }
    }
    let hidden =
        conversation.entries.iter().filter(|entry| !parties.iter().any(|party| party.is(entry))).count();
    if hidden > 0 {
        out.push_str(&format!("({hidden} messages with further parties are not drawn)\n"));
    }
    out
}

/// Coeur itself, or a remote address with its transport.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Party {
    Us,
    Remote { address: SocketAddr, transport: &'static str },
}

impl Party {
    fn is(&self, entry: &Entry) -> bool {
        match self {
            Party::Us => false,
            Party::Remote { address, transport } => {
                *address == entry.flow.remote && *transport == sight::transport(entry.flow.transport)
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Party::Us => "coeur".to_owned(),
            Party::Remote { address, transport } => format!("{address}/{transport}"),
        }
    }
}

/// The first party, then Coeur, then the others in the order in which they appear.
fn parties(entries: &[Entry]) -> Vec<Party> {
    let mut parties = Vec::new();
    for entry in entries {
        if parties.len() < PARTIES_MAX && !parties.iter().any(|party: &Party| party.is(entry)) {
            parties.push(Party::Remote {
                address: entry.flow.remote,
                transport: sight::transport(entry.flow.transport),
            });
        }
        if parties.len() == 1 {
            parties.push(Party::Us);
        }
    }
    parties
}

fn heading(conversation: &Conversation, first: &Entry) -> String {
    let who = |name, compact| sight::party(&first.bytes, name, compact).unwrap_or_else(|| "?".to_owned());
    let method = super::escape::line(sight::method(&first.bytes).unwrap_or(b"?"));
    let (from, to) = (who("From", "f"), who("To", "t"));
    let names: Vec<String> = conversation.names.iter().map(|name| super::escape::line(name)).collect();
    format!("{method}  {from} -> {to}  {}\nCall-ID {}\n\n", clock(first.at), names.join(", "))
}

fn columns(parties: &[Party]) -> String {
    let mut line = String::new();
    for (index, party) in parties.iter().enumerate() {
        let name = party.name();
        let start = column(index).saturating_sub(name.chars().count() / 2);
        let have = line.chars().count();
        line.push_str(&" ".repeat(start.saturating_sub(have).max(usize::from(index > 0))));
        line.push_str(&name);
    }
    line.push('\n');
    line
}

/// One line is a canvas: bars first, then the arrow over what it crosses.
fn row(parties: &[Party], party: usize, entry: &Entry, since: Duration, style: Style) -> String {
    let us = parties.iter().position(|party| *party == Party::Us).unwrap_or(0);
    let time = format!("{:>TIME_WIDTH$}", format!("+{}.{:03}", since.as_secs(), since.subsec_millis()));
    let mut canvas: Vec<char> = time.chars().collect();
    canvas.resize(column(parties.len() - 1) + 1, ' ');
    for index in 0..parties.len() {
        canvas[column(index)] = if style.ascii { '|' } else { '│' };
    }
    let towards_us = entry.direction == Direction::Received;
    let (from, to) = if towards_us { (party, us) } else { (us, party) };
    let arrow =
        arrow(&sight::label(&entry.bytes), column(from.max(to)) - column(from.min(to)) - 1, from < to, style);
    for (place, character) in canvas[column(from.min(to)) + 1..].iter_mut().zip(arrow) {
        *place = character;
    }
    let mut line: String = canvas.into_iter().collect();
    line.push('\n');
    line
}

fn column(index: usize) -> usize {
    TIME_WIDTH + 1 + GAP / 2 + index * GAP
}

fn arrow(label: &str, width: usize, right: bool, style: Style) -> Vec<char> {
    let (dash, left_head, right_head) = if style.ascii { ('-', '<', '>') } else { ('─', '◀', '▶') };
    let label: Vec<char> = label.chars().take(width - 6).collect();
    let dashes = width - 2 - label.len();
    let mut arrow = vec![dash; dashes / 2];
    arrow.push(' ');
    arrow.extend(label);
    arrow.push(' ');
    arrow.resize(width, dash);
    match right {
        true => arrow[width - 1] = right_head,
        false => arrow[0] = left_head,
    }
    arrow
}

/// `2026-11-24 04:17:21.123 UTC`, by the civil-from-days rule of the proleptic Gregorian calendar.
pub fn clock(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let shifted = days as i64 + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}.{:03} UTC",
        second % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use coeur_exchange::flow::{ConnectionId, Flow, ListenerId};
    use coeur_sip::transport::Transport;

    pub fn entry(second: u64, received: bool, remote: &str, message: &str) -> Entry {
        Entry {
            at: UNIX_EPOCH + Duration::from_secs(1_795_493_841 + second),
            direction: if received { Direction::Received } else { Direction::Sent },
            flow: Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                connection: ConnectionId::NONE,
                remote: remote.parse().unwrap(),
            },
            bytes: message.as_bytes().to_vec(),
        }
    }

    const A: &str = "192.0.2.1:5060";
    const B: &str = "192.0.2.2:40000";
    const HEADERS: &str = "From: <sip:alice@d>;tag=1\r\nTo: <sip:bob@d>\r\nCall-ID: c1\r\nAuthorization: Digest response=\"s\"\r\n\r\n";

    fn call() -> Conversation {
        let request = format!("INVITE sip:bob@d SIP/2.0\r\n{HEADERS}");
        let entries = vec![
            entry(0, true, A, &request),
            entry(0, false, A, &format!("SIP/2.0 100 Trying\r\n{HEADERS}")),
            entry(0, false, B, &request),
            entry(1, true, B, &format!("SIP/2.0 180 Ringing\x1b[2J\r\n{HEADERS}")),
        ];
        Conversation { call_id: "c1".to_owned(), names: vec![b"c1".to_vec()], entries }
    }

    #[test]
    fn a_call_is_drawn_as_a_ladder() {
        let style = Style { full: false, bodies: Bodies::Hidden, ascii: true };
        let expected = "\
INVITE  alice@d -> bob@d  2026-11-24 04:17:21.000 UTC
Call-ID c1

                 192.0.2.1:5060/udp                coeur                  192.0.2.2:40000/udp
    +0.000                |-------- INVITE bob --------->|                             |
    +0.000                |<-------- 100 Trying ---------|                             |
    +0.000                |                              |-------- INVITE bob -------->|
    +1.000                |                              |<--- 180 Ringing\\x1b[2J ---|
";
        let drawn = draw(&call(), style);
        println!("{drawn}");
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace('-', "");
        assert_eq!(squeeze(&drawn), squeeze(expected));
        let rows: Vec<&str> = drawn.lines().skip(4).collect();
        let bars =
            |row: &str| row.char_indices().filter(|(_, c)| *c == '|').map(|(at, _)| at).collect::<Vec<_>>();
        assert!(rows.iter().all(|row| bars(row) == [26, 56, 86]), "{drawn}");
    }

    #[test]
    fn full_messages_are_shown_without_secrets() {
        let style = Style { full: true, bodies: Bodies::Hidden, ascii: false };
        let drawn = draw(&call(), style);
        assert!(drawn.contains("Authorization: Digest response=***"), "{drawn}");
        assert!(!drawn.contains('\u{1b}'));
    }

    #[test]
    fn neither_the_heading_nor_an_arrow_shows_a_password() {
        let message = "INVITE sip:b:s3;cr3t@d SIP/2.0\r\nFrom: <sip:alice:s3;cr3t@d;x=1>;tag=1\r\nTo: sip:bob:s3@cr3t@d;x=1\r\n\
                       Call-ID: c1\r\n\r\n";
        let entries = vec![entry(0, true, A, message)];
        let call = Conversation { call_id: "c1".to_owned(), names: vec![b"c1".to_vec()], entries };
        let drawn = draw(&call, Style { full: false, bodies: Bodies::Hidden, ascii: true });
        assert!(drawn.starts_with("INVITE  alice@d -> bob@d  ") && drawn.contains(" INVITE b "), "{drawn}");
        assert!(!drawn.contains("s3") && !drawn.contains("cr3t"), "{drawn}");
    }

    #[test]
    fn the_clock_reads_known_days() {
        assert_eq!(clock(UNIX_EPOCH), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(clock(UNIX_EPOCH + Duration::from_secs(951_782_400)), "2000-02-29 00:00:00.000 UTC");
    }
}
