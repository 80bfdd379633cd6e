//! What the server said then, and what it says now: the same but for what is random, of a clock, or of the program's version.

use super::text::{Header, Kind, Text};
use super::words::{Counter, LETTERS_MIN, Learned, is_address, is_word, pieces};
use std::collections::BTreeMap;

/// A line of either message, beside the one that it was compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub then: Option<String>,
    pub now: Option<String>,
    pub differs: bool,
}

/// Whether one may be the other: it is compared in detail then.
pub fn is_counterpart(then: &Text, now: &Text, learned: &Learned) -> bool {
    let (Some(then_id), Some(now_id)) = (then.value("call-id"), now.value("call-id")) else { return false };
    let same_call = match then_id == now_id {
        true => true,
        false => match learned.line(then_id) {
            known if known != then_id => known == now_id,
            // Not learned yet: this may be the message that says it.
            _ => {
                matches!((then.kind(), now.kind()), (Some(Kind::Request { .. }), Some(Kind::Request { .. })))
            }
        },
    };
    same_call && then.kind() == now.kind()
}

/// Both messages line by line. What is random is learned; `learned` is of no use any more when a row differs.
pub fn compare(then: &Text, now: &Text, learned: &mut Learned) -> Vec<Row> {
    let mut rows = vec![row(Some(&then.first), Some(&now.first), &Field::First, learned)];
    headers(then, now, learned, &mut rows);
    let is_sdp = then.value("content-type").is_some_and(|kind| kind.starts_with("application/sdp"));
    for at in 0..then.body.len().max(now.body.len()) {
        let (old, new) = (then.body.get(at), now.body.get(at));
        let field = match (is_sdp, old) {
            (true, Some(line)) => Field::of_description(line),
            (_, _) => Field::Plain,
        };
        rows.push(row(old, new, &field, learned));
    }
    nonces(then, now, learned);
    rows
}

/// The order of headers with different names says nothing (RFC 3261 section 7.3.1); of those with one name it does.
fn headers(then: &Text, now: &Text, learned: &mut Learned, rows: &mut Vec<Row>) {
    let mut rest: BTreeMap<&str, Vec<&Header>> = BTreeMap::new();
    for header in now.headers.iter().rev() {
        rest.entry(&header.name).or_default().push(header);
    }
    let call_id = then.value("call-id").unwrap_or_default();
    let is_request = !then.first.starts_with("SIP/2.0 ");
    let mut is_challenged = false;
    for old in &then.headers {
        let new = rest.get_mut(&*old.name).and_then(Vec::pop);
        // Which digests are offered hangs on what the server remembers of the phones of an account, which no trace says.
        if is_challenge(&old.name) && is_challenged && new.is_none() {
            continue;
        }
        is_challenged |= is_challenge(&old.name);
        let shown = |header: &Header| format!("{}: {}", header.written, header.value);
        let (then, now) = (Some(shown(old)), new.map(shown));
        let same = new.is_some_and(|new| match &*old.name {
            name if is_of_program(name) => true,
            "cseq" if is_request => numbered(&old.value, &new.value, 0, Counter::CSeq, call_id, learned),
            "rack" => numbered(&old.value, &new.value, 1, Counter::CSeq, call_id, learned),
            "rseq" => numbered(&old.value, &new.value, 0, Counter::RSeq, call_id, learned),
            name => is_value_same(&Field::Header(name.to_owned()), &old.value, &new.value, learned),
        });
        rows.push(Row { then, now, differs: !same });
    }
    let left = rest.into_values().flat_map(|headers| headers.into_iter().rev());
    rows.extend(left.map(|header| Row {
        then: None,
        now: Some(format!("{}: {}", header.written, header.value)),
        differs: !(is_of_program(&header.name) || is_challenged && is_challenge(&header.name)),
    }));
}

/// Of the program and its clock; a length is that of what is compared itself.
fn is_of_program(name: &str) -> bool {
    matches!(name, "date" | "server" | "user-agent" | "content-length" | "timestamp")
}

fn is_challenge(name: &str) -> bool {
    matches!(name, "www-authenticate" | "proxy-authenticate")
}

/// The word of this place counts requests or answers; the others are as they are.
fn numbered(
    then: &str,
    now: &str,
    place: usize,
    counter: Counter,
    call_id: &str,
    learned: &mut Learned,
) -> bool {
    let (old, new): (Vec<&str>, Vec<&str>) = (then.split(' ').collect(), now.split(' ').collect());
    old.len() == new.len()
        && old.iter().zip(&new).enumerate().all(|(at, (old, new))| match (old.parse(), new.parse()) {
            (Ok(old), Ok(new)) if at == place => learned.pair_number(counter, call_id, old, new),
            _ => old == new,
        })
}

/// Where a line is: this says which of its words may be another.
enum Field {
    First,
    Header(String),
    /// A line of SDP: its letter, with the name of an attribute.
    Description(String),
    Plain,
}

impl Field {
    fn of_description(line: &str) -> Self {
        let end = if line.starts_with("a=") { line.find(':') } else { Some(1) };
        Self::Description(line[..end.unwrap_or(line.len())].to_owned())
    }
}

fn row(then: Option<&String>, now: Option<&String>, field: &Field, learned: &mut Learned) -> Row {
    let same = then.zip(now).is_some_and(|(then, now)| is_value_same(field, then, now, learned));
    Row { then: then.cloned(), now: now.cloned(), differs: !same }
}

/// What a word may be now, of what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Another, and always that one.
    MadeUp,
    AnyNumber,
    /// A time in seconds: the server takes a random share of it away, and some of it has passed.
    Near,
    Anything,
    TheSame,
}

fn is_value_same(field: &Field, then: &str, now: &str, learned: &mut Learned) -> bool {
    let (old, new): (Vec<&str>, Vec<&str>) = (pieces(then).collect(), pieces(now).collect());
    if may(field, "", 0) == May::Anything {
        return true;
    }
    if old.len() != new.len() {
        return false;
    }
    let (mut parameter, mut place) = ("", 0);
    for (at, (old_piece, new_piece)) in old.iter().zip(&new).enumerate() {
        if !is_word(old_piece) {
            if old_piece != new_piece {
                return false;
            }
            if matches!(*old_piece, ";" | "," | "<" | ">") {
                parameter = "";
            }
            continue;
        }
        let next = old.get(at + 1).copied().unwrap_or_default();
        let is_user = next == "@" || next == ":" && old.get(at + 3) == Some(&"@");
        let may = if is_user && parameter.is_empty() {
            may(field, "@", place)
        } else {
            may(field, parameter, place)
        };
        place += 1;
        if !is_word_same(may, old_piece, new_piece, learned) {
            return false;
        }
        if next == "=" {
            parameter = old_piece;
        }
    }
    true
}

fn is_word_same(may: May, then: &str, now: &str, learned: &mut Learned) -> bool {
    let number = |word: &str| word.parse::<u64>().ok();
    match may {
        // The addresses of phones are known from what they say; another is the server's.
        May::TheSame if is_address(then) && is_address(now) => learned.pair(then, now),
        May::TheSame => learned.is_same(then, now),
        May::MadeUp if then.len() < LETTERS_MIN => learned.is_same(then, now),
        May::MadeUp => learned.pair(then, now),
        May::AnyNumber => match (number(then), number(now)) {
            (Some(then), Some(now)) => (then == 0) == (now == 0),
            (_, _) => is_word_same(May::TheSame, then, now, learned),
        },
        May::Near => match (number(then), number(now)) {
            (Some(then), Some(now)) => then <= now.saturating_mul(2) && now <= then.saturating_mul(2),
            (_, _) => then == now,
        },
        May::Anything => true,
    }
}

/// `parameter`: the name before `=`, or `@` for the user of an address; `place`: of the word among the words of the line.
fn may(field: &Field, parameter: &str, place: usize) -> May {
    match field {
        Field::Header(name) => header(name, parameter, place),
        Field::Description(line) => description(line, place),
        Field::First | Field::Plain => May::TheSame,
    }
}

fn header(name: &str, parameter: &str, place: usize) -> May {
    match (name, parameter) {
        // The same as the message's, or written with it.
        (_, "nonce" | "nextnonce" | "opaque") => May::Anything,
        ("www-authenticate" | "proxy-authenticate", "algorithm") => May::Anything,
        (_, "branch" | "tag" | "from-tag" | "to-tag") => May::MadeUp,
        ("call-id" | "session-id" | "replaces" | "target-dialog" | "in-reply-to", _) => May::MadeUp,
        // Tokens of ours; what a phone has said of itself is known and stays.
        ("contact" | "record-route" | "route" | "path" | "service-route" | "refer-to", "@") => May::MadeUp,
        ("contact", "pub-gruu" | "temp-gruu") => May::MadeUp,
        ("refer-to", "Replaces") => May::MadeUp,
        (_, "expires") => May::Near,
        ("expires" | "retry-after", "") if place == 0 => May::Near,
        (_, _) => May::TheSame,
    }
}

/// Ports, and what one session or stream has made up for itself (RFC 8866, RFC 8839, RFC 8122).
fn description(line: &str, place: usize) -> May {
    match line {
        // `o=` user, session, version
        "o" if (2..=3).contains(&place) => May::AnyNumber,
        // `m=` kind, port
        "m" if place == 2 => May::AnyNumber,
        "a=rtcp" if place == 2 => May::AnyNumber,
        "a=candidate"
        | "a=remote-candidates"
        | "a=fingerprint"
        | "a=ssrc"
        | "a=ssrc-group"
        | "a=msid"
        | "a=tls-id"
        | "a=cname" => May::Anything,
        "a=ice-ufrag" => May::MadeUp,
        _ => May::TheSame,
    }
}

/// A challenge is answered with the nonce as it is written.
fn nonces(then: &Text, now: &Text, learned: &mut Learned) {
    for name in ["www-authenticate", "proxy-authenticate", "authentication-info"] {
        for (old, new) in then.all(name).zip(now.all(name)) {
            for parameter in ["nonce", "nextnonce"] {
                if let (Some(old), Some(new)) = (quoted(old, parameter), quoted(new, parameter)) {
                    learned.pair_nonce(old, new);
                }
            }
        }
    }
}

/// The value of `name="value"`.
pub fn quoted<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let begin = format!("{name}=\"");
    let mut from = 0;
    loop {
        let at = from + value[from..].find(&begin)?;
        let is_whole = !value[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-');
        from = at + begin.len();
        if is_whole {
            return value[from..].split('"').next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "INVITE sip:bob@192.0.2.7:5062 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKthen1\n\
        From: \"Alice\" <sip:alice@d>;tag=thentag\nTo: <sip:bob@d>\nCall-ID: thencall\nCSeq: 4711 INVITE\n\
        Contact: <sip:b2b-then@192.0.2.1:5060>\nServer: Coeur/1\nContent-Type: application/sdp\nContent-Length: 99\n\n\
        v=0\no=- 17 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 20000 RTP/AVP 8 0\na=sendrecv";

    fn now() -> String {
        let changes = [
            ("z9hG4bKthen1", "z9hG4bKnow"),
            ("thentag", "nowtag"),
            ("thencall", "nowcall"),
            ("4711", "12"),
            ("b2b-then", "b2b-now"),
            ("Coeur/1", "Coeur/2"),
            ("o=- 17 1", "o=- 23 9"),
            ("20000", "20044"),
            ("Length: 99", "Length: 100"),
        ];
        changes.iter().fold(THEN.to_owned(), |text, (then, now)| text.replace(then, now))
    }

    fn differing(then: &str, now: &str) -> Vec<Row> {
        let (then, now) = (Text::read(then).unwrap(), Text::read(now).unwrap());
        let mut learned = Learned::default();
        assert!(is_counterpart(&then, &now, &learned));
        compare(&then, &now, &mut learned).into_iter().filter(|row| row.differs).collect()
    }

    #[test]
    fn what_is_random_or_of_the_version_is_no_difference() {
        assert_eq!(differing(THEN, &now()), []);
    }

    #[test]
    fn each_decision_that_is_another_is_the_one_line_that_differs() {
        for (then, now_part) in [
            ("sip:bob@192.0.2.7:5062 SIP", "sip:bob@192.0.2.7:5063 SIP"),
            ("\"Alice\"", "\"Alica\""),
            ("<sip:bob@d>\n", "<sip:carol@d>\n"),
            ("RTP/AVP 8 0", "RTP/AVP 0 8"),
            ("a=sendrecv", "a=inactive"),
            ("m=audio 20044", "m=audio 0"),
            ("UDP 192.0.2.1:5060", "TCP 192.0.2.1:5060"),
        ] {
            let changed = now().replacen(then, now_part, 1);
            assert_ne!(changed, now(), "{then}");
            let rows = differing(THEN, &changed);
            assert_eq!(rows.len(), 1, "{then}: {rows:?}");
        }
    }

    #[test]
    fn a_header_that_is_missing_or_new_differs_and_the_order_of_names_does_not() {
        let without = now().replace("Contact: <sip:b2b-now@192.0.2.1:5060>\n", "");
        assert!(matches!(&differing(THEN, &without)[..], [Row { then: Some(_), now: None, .. }]));
        let more = now().replace("Server: Coeur/2\n", "Server: Coeur/2\nPrivacy: id\n");
        assert!(matches!(&differing(THEN, &more)[..], [Row { then: None, now: Some(_), .. }]));
        let moved = now().replace("Server: Coeur/2\n", "").replace("Via:", "Server: Coeur/2\nVia:");
        assert_eq!(differing(THEN, &moved), []);
    }

    #[test]
    fn one_word_of_then_is_no_two_words_of_now() {
        let (then, now) = (Text::read(THEN).unwrap(), Text::read(&now()).unwrap());
        let mut learned = Learned::default();
        assert!(compare(&then, &now, &mut learned).iter().all(|row| !row.differs));
        let later = |tag: &str| {
            let bye =
                format!("BYE sip:bob@d SIP/2.0\nFrom: <sip:alice@d>;tag={tag}\nCall-ID: x\nCSeq: 1 BYE");
            Text::read(&bye).unwrap()
        };
        let rows = compare(&later("thentag"), &later("another"), &mut learned);
        assert!(rows.iter().any(|row| row.differs));
    }

    #[test]
    fn an_answer_of_another_status_or_call_is_no_counterpart() {
        let answer = |status: &str, call: &str| {
            Text::read(&format!("SIP/2.0 {status} X\nCall-ID: {call}\nCSeq: 1 INVITE")).unwrap()
        };
        let learned = Learned::default();
        assert!(is_counterpart(&answer("180", "c"), &answer("180", "c"), &learned));
        assert!(!is_counterpart(&answer("180", "c"), &answer("486", "c"), &learned));
        assert!(!is_counterpart(&answer("180", "c"), &answer("180", "other"), &learned));
    }

    #[test]
    fn times_are_near_and_a_registration_that_ends_is_no_time() {
        let answer = |expires: &str| {
            format!("SIP/2.0 200 OK\nCall-ID: c\nCSeq: 1 REGISTER\nContact: <sip:a@h>;expires={expires}")
        };
        assert_eq!(differing(&answer("3600"), &answer("3301")), []);
        assert_eq!(differing(&answer("3600"), &answer("60")).len(), 1);
        assert_eq!(differing(&answer("60"), &answer("0")).len(), 1);
    }

    #[test]
    fn other_digests_are_no_other_decision_and_another_realm_is() {
        let refusal = |challenges: &str| format!("SIP/2.0 401 X\nCall-ID: c\nCSeq: 1 REGISTER\n{challenges}");
        let md5 = "WWW-Authenticate: Digest realm=\"d\", nonce=\"one\", algorithm=MD5";
        let both = format!("{}\n{md5}", md5.replace("MD5", "SHA-256"));
        assert_eq!(differing(&refusal(md5), &refusal(&both)), []);
        assert_eq!(differing(&refusal(&both), &refusal(md5)), []);
        assert_eq!(differing(&refusal(md5), &refusal(&md5.replace("\"d\"", "\"e\""))).len(), 1);
        assert_eq!(differing(&refusal(md5), &refusal("Expires: 60")).len(), 2);
    }

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        let value = "Digest realm=\"d\", cnonce=\"c\", nonce=\"n=\", nextnonce=\"m\"";
        assert_eq!((quoted(value, "nonce"), quoted(value, "nextnonce")), (Some("n="), Some("m")));
        assert_eq!(quoted(value, "opaque"), None);
    }
}
