//! A message as a trace shows it, and as it goes on the wire again.

/// Lines without their ends; continued ones (RFC 3261 section 7.3.1) are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub first: String,
    pub headers: Vec<Header>,
    pub body: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The long form, in lower case.
    pub name: String,
    /// As it is written.
    pub written: String,
    pub value: String,
}

/// What a message is, which is what it is matched by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Request {
        method: String,
    },
    /// To a request of this method.
    Response {
        status: u16,
        method: String,
    },
}

impl Text {
    /// `None`: it has no first line of SIP.
    pub fn read(shown: &str) -> Option<Self> {
        let mut lines = shown.split('\n').map(|line| line.trim_end_matches('\r'));
        let first = lines.by_ref().find(|line| !line.is_empty())?.to_owned();
        let mut text = Self { first, headers: Vec::new(), body: Vec::new() };
        for line in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            match (line.starts_with([' ', '\t']), text.headers.last_mut()) {
                (true, Some(header)) => {
                    header.value.push(' ');
                    header.value.push_str(line.trim());
                }
                (_, _) => {
                    let (name, value) = line.split_once(':')?;
                    let (written, value) = (name.trim().to_owned(), value.trim().to_owned());
                    text.headers.push(Header { name: long_form(&written), written, value });
                }
            }
        }
        text.body = lines.map(str::to_owned).collect();
        while text.body.last().is_some_and(String::is_empty) {
            text.body.pop();
        }
        text.kind().map(|_| text)
    }

    pub fn kind(&self) -> Option<Kind> {
        match self.first.strip_prefix("SIP/2.0 ") {
            Some(rest) => Some(Kind::Response {
                status: rest.get(..3)?.parse().ok()?,
                method: self.value("cseq")?.rsplit(' ').next()?.to_owned(),
            }),
            None => {
                let (method, rest) = self.first.split_once(' ')?;
                rest.ends_with("SIP/2.0").then(|| Kind::Request { method: method.to_owned() })
            }
        }
    }

    /// Of the first header with this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| &*header.value)
    }

    pub fn all<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        self.headers.iter().filter(move |header| header.name == name).map(|header| &*header.value)
    }

    pub fn set(&mut self, name: &str, value: &str) {
        if let Some(header) = self.headers.iter_mut().find(|header| header.name == name) {
            header.value = value.to_owned();
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|header| header.name != name);
    }

    /// The number in CSeq.
    pub fn sequence(&self) -> Option<u32> {
        self.value("cseq")?.split(' ').next()?.parse().ok()
    }

    /// The URI of a request.
    pub fn uri(&self) -> Option<&str> {
        self.first.split(' ').nth(1)
    }

    /// `180 Ringing`, `INVITE sip:bob@example.org`.
    pub fn label(&self) -> &str {
        let first = self.first.strip_prefix("SIP/2.0 ").unwrap_or(&self.first);
        first.strip_suffix(" SIP/2.0").unwrap_or(first)
    }

    /// Content-Length is that of the body as it is now; what was hidden of it is made again, as long as it was.
    pub fn write(&self) -> Vec<u8> {
        let body = match hidden_bytes(&self.body) {
            Some(bytes) => "x".repeat(bytes),
            None if self.body.is_empty() => String::new(),
            None => self.body.iter().map(|line| format!("{}\r\n", made_again(line))).collect(),
        };
        let mut out = format!("{}\r\n", self.first);
        for header in self.headers.iter().filter(|header| header.name != "content-length") {
            out.push_str(&format!("{}: {}\r\n", header.written, header.value));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        out.into_bytes()
    }
}

/// Of a text that people wrote: at most what a message may have (bytes).
fn hidden_bytes(body: &[String]) -> Option<usize> {
    let [line] = body else { return None };
    let bytes = line.strip_prefix('(')?.strip_suffix(" bytes of text hidden)")?;
    bytes.parse().ok().filter(|bytes| *bytes < 65_536)
}

/// A line of a description whose secret was hidden, with another secret of the length that its kind has.
fn made_again(line: &str) -> String {
    let Some(open) = line.strip_suffix("***") else { return line.to_owned() };
    match open {
        _ if open.starts_with("a=crypto:") => format!("{open}{}", "A".repeat(key_letters(open))),
        _ if open.starts_with("a=ice-pwd:") => format!("{open}{}", "A".repeat(24)),
        _ => line.to_owned(),
    }
}

/// Letters in base64 of key and salt: RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 12.
fn key_letters(line: &str) -> usize {
    match line {
        _ if line.contains("AES_256_CM") => 64,
        _ if line.contains("AES_192_CM") => 52,
        _ if line.contains("AEAD_AES_256") => 60,
        _ if line.contains("AEAD_AES_128") => 40,
        _ => 40,
    }
}

/// RFC 3261 section 7.3.3, and the later registrations that have one letter.
fn long_form(name: &str) -> String {
    let long = match name.to_ascii_lowercase().as_str() {
        "a" => "accept-contact",
        "b" => "referred-by",
        "c" => "content-type",
        "d" => "request-disposition",
        "e" => "content-encoding",
        "f" => "from",
        "i" => "call-id",
        "j" => "reject-contact",
        "k" => "supported",
        "l" => "content-length",
        "m" => "contact",
        "o" => "event",
        "r" => "refer-to",
        "s" => "subject",
        "t" => "to",
        "u" => "allow-events",
        "v" => "via",
        "x" => "session-expires",
        "y" => "identity",
        other => return other.to_owned(),
    };
    long.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_in_every_form_and_written_with_the_length_that_it_has() {
        let shown = "INVITE sip:b@d SIP/2.0\nv: SIP/2.0/UDP h;branch=z9hG4bK1\nSubject: a\n b\nl: 999\nCSeq: 7 INVITE\n\nv=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***\na=ice-pwd:***";
        let text = Text::read(shown).unwrap();
        assert_eq!(text.value("via"), Some("SIP/2.0/UDP h;branch=z9hG4bK1"));
        assert_eq!((text.value("subject"), text.sequence()), (Some("a b"), Some(7)));
        assert_eq!(text.kind(), Some(Kind::Request { method: "INVITE".into() }));
        let written = String::from_utf8(text.write()).unwrap();
        let (head, body) = written.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(!head.contains("999") && !body.contains("***"), "{written}");
        assert!(body.contains(&format!("inline:{}\r\n", "A".repeat(40))), "{body}");
    }

    #[test]
    fn a_text_that_was_hidden_has_its_length_again() {
        let text =
            Text::read("MESSAGE sip:b@d SIP/2.0\nCSeq: 1 MESSAGE\n\n(11 bytes of text hidden)").unwrap();
        assert!(text.write().ends_with(b"Content-Length: 11\r\n\r\nxxxxxxxxxxx"));
    }

    #[test]
    fn what_is_no_sip_is_no_message() {
        for shown in ["", "GET / HTTP/1.1", "SIP/2.0 abc\nCSeq: 1 INVITE", "INVITE sip:b@d SIP/2.0\nnonsense"]
        {
            assert_eq!(Text::read(shown), None, "{shown}");
        }
        let answer = Text::read("SIP/2.0 486 Busy Here\nCSeq: 3 INVITE").unwrap();
        assert_eq!(answer.kind(), Some(Kind::Response { status: 486, method: "INVITE".into() }));
        assert_eq!(answer.label(), "486 Busy Here");
    }
}
