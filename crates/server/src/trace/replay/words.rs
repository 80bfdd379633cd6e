//! What the server made up then, and what it made up now in its place: branches, tags, Call-IDs, tokens. They are learned from
//! messages that are matched, and phones say the new ones where they said the old ones.

use super::text::Text;
use std::collections::HashMap;
use std::net::IpAddr;

/// Each word stands for one other, both ways. Memory: the words of one conversation, twice.
#[derive(Default)]
pub struct Learned {
    now_by_then: HashMap<String, String>,
    then_by_now: HashMap<String, String>,
    /// By the Call-ID of then: numbers of CSeq and RSeq, which begin anywhere (RFC 3261 section 8.1.1.5, RFC 3262 section 3).
    numbers: HashMap<(Counter, String, u32), u32>,
    /// Nonces as they are written.
    nonces: HashMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    CSeq,
    RSeq,
}

impl Learned {
    /// Both are one from now on; false when either stands for another already.
    pub fn pair(&mut self, then: &str, now: &str) -> bool {
        match (self.now_by_then.get(then), self.then_by_now.get(now)) {
            (Some(known), _) => known == now,
            (None, Some(_)) => false,
            (None, None) => {
                self.now_by_then.insert(then.to_owned(), now.to_owned());
                self.then_by_now.insert(now.to_owned(), then.to_owned());
                true
            }
        }
    }

    /// Whether they are one as far as is known: what was not learned stays as it was.
    pub fn is_same(&self, then: &str, now: &str) -> bool {
        self.now_by_then.get(then).map_or(then == now, |known| known == now)
    }

    pub fn pair_number(&mut self, counter: Counter, call_id: &str, then: u32, now: u32) -> bool {
        *self.numbers.entry((counter, call_id.to_owned(), then)).or_insert(now) == now
    }

    pub fn pair_nonce(&mut self, then: &str, now: &str) {
        self.nonces.insert(then.to_owned(), now.to_owned());
    }

    pub fn nonce(&self, then: &str) -> Option<&str> {
        self.nonces.get(then).map(String::as_str)
    }

    /// Whatever a phone says of itself stays as it is, and is nothing that the server has made up.
    pub fn keep(&mut self, said: &Text) {
        let values = said.headers.iter().map(|header| &*header.value);
        let lines = [&*said.first].into_iter().chain(values).chain(said.body.iter().map(String::as_str));
        let words: Vec<&str> = lines.flat_map(pieces).filter(|piece| is_word(piece)).collect();
        for word in words.into_iter().filter(|word| word.len() >= LETTERS_MIN || is_address(word)) {
            self.pair(word, word);
        }
    }

    /// A message of a phone, with the words of now.
    pub fn rewrite(&self, said: &Text) -> Text {
        let mut out = said.clone();
        out.first = self.line(&said.first);
        for header in &mut out.headers {
            header.value = self.line(&header.value);
        }
        for line in &mut out.body {
            *line = self.line(line);
        }
        let call_id = said.value("call-id").unwrap_or_default();
        let number = |counter, then| self.numbers.get(&(counter, call_id.to_owned(), then)).copied();
        // A response says the number of the request.
        if said.first.starts_with("SIP/2.0 ")
            && let (Some(then), Some((_, method))) =
                (said.sequence(), said.value("cseq").and_then(|value| value.split_once(' ')))
            && let Some(now) = number(Counter::CSeq, then)
        {
            out.set("cseq", &format!("{now} {method}"));
        }
        // RFC 3262 section 7.2.
        if let Some((first, rest)) = said.value("rack").and_then(|value| value.split_once(' '))
            && let Some(now) = first.parse().ok().and_then(|then| number(Counter::RSeq, then))
        {
            out.set("rack", &format!("{now} {rest}"));
        }
        out
    }

    pub fn line(&self, line: &str) -> String {
        let now = |piece| self.now_by_then.get(piece).map_or(piece, String::as_str);
        pieces(line).map(now).collect()
    }
}

/// Shorter words than this are not made up by anybody who wants them to be unique.
pub const LETTERS_MIN: usize = 4;

pub fn is_address(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok()
}

pub fn is_word(piece: &str) -> bool {
    !piece.starts_with(is_separator) && !is_escape(piece)
}

/// The words of a line, and between them what separates them, each character (or escaped one, RFC 3986 section 2.1) by itself.
pub fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match first {
            '%' if is_escape(rest.get(..3).unwrap_or_default()) => 3,
            _ if is_separator(first) => first.len_utf8(),
            _ => word_length(rest),
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(piece)
    })
}

fn word_length(text: &str) -> usize {
    let ends = |(at, character): (usize, char)| {
        at > 0
            && (is_separator(character)
                || character == '%' && is_escape(text.get(at..at + 3).unwrap_or_default()))
    };
    text.char_indices().find(|place| ends(*place)).map_or(text.len(), |(at, _)| at)
}

fn is_escape(text: &str) -> bool {
    text.len() == 3 && text.starts_with('%') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_separator(character: char) -> bool {
    " \t;,<>\"=:@&?()[]{}".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(first: &str, rest: &str) -> Text {
        Text::read(&format!("{first}\n{rest}")).unwrap()
    }

    #[test]
    fn the_pieces_of_a_line_are_the_line() {
        for line in
            ["<sip:a%40b@192.0.2.1:5060;ob>;tag=é\"x\"", "%", "100%", "a=fmtp:101 0-15", "%zz%41b", ""]
        {
            assert_eq!(pieces(line).collect::<String>(), line);
        }
        let words: Vec<&str> =
            pieces("Replaces=abc%40h%3Bto-tag%3Dx").filter(|piece| is_word(piece)).collect();
        assert_eq!(words, ["Replaces", "abc", "h", "to-tag", "x"]);
    }

    #[test]
    fn a_word_stands_for_one_other_both_ways() {
        let mut learned = Learned::default();
        assert!(learned.pair("then1", "now1") && learned.pair("then1", "now1"));
        assert!(!learned.pair("then1", "now2") && !learned.pair("then2", "now1"));
        assert!(learned.is_same("then1", "now1") && !learned.is_same("then1", "then1"));
        assert!(learned.is_same("other", "other") && !learned.is_same("other", "another"));
    }

    #[test]
    fn a_phone_says_the_words_and_numbers_of_now_and_its_own_as_they_are() {
        let mut learned = Learned::default();
        let answer = message(
            "SIP/2.0 200 OK",
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKthen\nFrom: <sip:a@d>;tag=thentag\nTo: <sip:b@d>;tag=phones\n\
             Call-ID: thencall\nCSeq: 4711 INVITE\n\nv=0",
        );
        learned.pair("z9hG4bKthen", "z9hG4bKnow");
        learned.pair("thentag", "nowtag");
        learned.pair("thencall", "nowcall");
        learned.pair_number(Counter::CSeq, "thencall", 4711, 12);
        learned.keep(&answer);
        let now = learned.rewrite(&answer);
        assert_eq!(now.value("via"), Some("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnow"));
        assert_eq!(now.value("from"), Some("<sip:a@d>;tag=nowtag"));
        assert_eq!(now.value("to"), Some("<sip:b@d>;tag=phones"));
        assert_eq!((now.value("call-id"), now.value("cseq")), (Some("nowcall"), Some("12 INVITE")));
        // What the phone has said is not made up by the server later.
        assert!(!learned.pair("phones", "changed"));
    }

    #[test]
    fn an_acknowledgement_of_a_provisional_answer_says_its_number() {
        let mut learned = Learned::default();
        learned.pair_number(Counter::RSeq, "c", 900, 17);
        let prack = message("PRACK sip:b@d SIP/2.0", "Call-ID: c\nCSeq: 3 PRACK\nRAck: 900 2 INVITE");
        assert_eq!(learned.rewrite(&prack).value("rack"), Some("17 2 INVITE"));
    }
}
