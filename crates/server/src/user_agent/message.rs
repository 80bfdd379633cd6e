//! Messages as the phone reads and writes them: owned, small, not fast.

/// A message that was heard, cut into its parts.
#[derive(Clone, Debug)]
pub struct Heard {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Compact forms (RFC 3261 section 7.3.3) that a peer may send.
const COMPACT: &[(&str, &str)] = &[
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
];

impl Heard {
    pub fn read(bytes: &[u8]) -> Option<Heard> {
        let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..at]).ok()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((full_name(name.trim()).to_owned(), value.trim().to_owned()))
        });
        Some(Heard { start, headers: headers.collect(), body: bytes[at + 4..].to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn all<'h, 'n>(&'h self, name: &'n str) -> impl Iterator<Item = &'h str> + use<'h, 'n> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    pub fn reason(&self) -> &str {
        self.start.splitn(3, ' ').nth(2).unwrap_or_default()
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<&str> {
        if self.start.starts_with("SIP/2.0 ") { None } else { self.start.split(' ').next() }
    }

    pub fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?, "branch")
    }

    pub fn cseq_method(&self) -> Option<&str> {
        self.header("CSeq")?.split_whitespace().nth(1)
    }

    pub fn to_tag(&self) -> Option<&str> {
        parameter(self.header("To")?, "tag")
    }

    /// The URI in Contact, without its brackets.
    pub fn contact(&self) -> Option<&str> {
        let value = self.header("Contact")?;
        match value.split_once('<') {
            Some((_, rest)) => rest.split('>').next(),
            None => value.split(';').next(),
        }
    }

    /// Record-Route values in the order of the message, one per element (RFC 3261 section 12.1).
    pub fn record_routes(&self) -> Vec<String> {
        self.all("Record-Route")
            .flat_map(|line| line.split(','))
            .map(|route| route.trim().to_owned())
            .collect()
    }
}

fn full_name(name: &str) -> &str {
    COMPACT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map_or(name, |(_, long)| long)
}

/// `;name=value` behind the brackets of an address, or of a Via.
pub fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let parameters = value.rsplit_once('>').map_or(value, |(_, parameters)| parameters);
    parameters.split(';').skip(1).find_map(|parameter| {
        let (known, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        known.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Writes a message; `Content-Length` is added at the end.
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn request(method: &str, uri: &str) -> Self {
        Self(format!("{method} {uri} SIP/2.0\r\n").into_bytes())
    }

    /// A response with what RFC 3261 section 8.2.6.2 copies from the request.
    pub fn response(request: &Heard, status: u16, reason: &str, to_tag: &str) -> Self {
        let mut writer = Self(format!("SIP/2.0 {status} {reason}\r\n").into_bytes());
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in request.all(name) {
                match name == "To" && request.to_tag().is_none() && status > 100 {
                    true => writer.header(name, &format!("{value};tag={to_tag}")),
                    false => writer.header(name, value),
                };
            }
        }
        writer
    }

    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        self
    }

    pub fn finish(&mut self, content_type: Option<&str>, body: &[u8]) -> Vec<u8> {
        if let Some(content_type) = content_type {
            self.header("Content-Type", content_type);
        }
        self.header("Content-Length", &body.len().to_string());
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(body);
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_compact_message_is_read() {
        let bytes = b"SIP/2.0 180 Ringing\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx;rport\r\nt: <sip:b@d;tag=no>\r\n ;tag=yes\r\nCSeq: 4  INVITE\r\nm: \"B\" <sip:b@1.2.3.4;ob>;expires=1\r\n\r\nbody";
        let heard = Heard::read(bytes).unwrap();
        assert_eq!((heard.status(), heard.reason()), (Some(180), "Ringing"));
        assert_eq!((heard.branch(), heard.to_tag()), (Some("z9hG4bKx"), Some("yes")));
        assert_eq!((heard.cseq_method(), heard.contact()), (Some("INVITE"), Some("sip:b@1.2.3.4;ob")));
        assert_eq!(heard.body, b"body");
    }

    #[test]
    fn an_answer_carries_what_the_request_had_and_a_tag() {
        let request = b"INVITE sip:b@d SIP/2.0\r\nVia: a\r\nVia: b\r\nTo: <sip:b@d>\r\nFrom: x\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let answer = Writer::response(&Heard::read(request).unwrap(), 200, "OK", "t1").finish(None, b"");
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with("SIP/2.0 200 OK\r\nVia: a\r\nVia: b\r\nFrom: x\r\nTo: <sip:b@d>;tag=t1\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("Content-Length: 0\r\n\r\n"));
    }
}
