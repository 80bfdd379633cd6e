//! A phone over TCP, line by line: it registers with what its Contact says of push, hears a call and answers, or calls.

use coeur_sip::digest::{Ha1, Session, challenges};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Handset {
    stream: TcpStream,
    user: String,
    secret: String,
    cseq: u32,
    heard: Vec<u8>,
    /// Requests that came before the answer that was waited for.
    early: VecDeque<String>,
    session: Option<Session>,
}

impl Handset {
    pub fn connect(account: &serde_json::Value, port: u16) -> Self {
        let user = account["account"].as_str().unwrap().split('@').next().unwrap().to_owned();
        Self::of(&user, account["secret"].as_str().unwrap(), port)
    }

    pub fn of(user: &str, secret: &str, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let (user, secret) = (user.to_owned(), secret.to_owned());
        Self { stream, user, secret, cseq: 0, heard: Vec::new(), early: VecDeque::new(), session: None }
    }

    /// Registers from behind a NAT: the Contact is an address of the phone's own network.
    pub fn register(&mut self, push: &str) -> String {
        let user = self.user.clone();
        let contact = format!("Contact: <sip:{user}@10.0.0.2:5060;transport=tcp{push}>;expires=600\r\n");
        self.ask("REGISTER", "sip:example.test", &contact, "")
    }

    /// Sends a request, answers one challenge, and gives the first answer to that which is not 100.
    pub fn ask(&mut self, method: &str, uri: &str, lines: &str, body: &str) -> String {
        if self.session.is_none() {
            self.send(method, uri, lines, "");
            let challenge = self.next_answer();
            let value = ["WWW-Authenticate: ", "Proxy-Authenticate: "]
                .iter()
                .find_map(|name| challenge.lines().find_map(|line| line.strip_prefix(name)))
                .unwrap_or_else(|| panic!("no challenge: {challenge}"));
            self.session = Some(Session::new(&challenges(value.as_bytes()).next().unwrap().unwrap()));
            if method == "INVITE" {
                let ack = ack_of(&challenge, uri);
                self.stream.write_all(ack.as_bytes()).unwrap();
            }
        }
        self.ask_only(method, uri, lines, body);
        loop {
            let answer = self.next_answer();
            if !answer.starts_with("SIP/2.0 100") {
                return answer;
            }
        }
    }

    /// A call may be there before the answer to the REGISTER that brought it, which waits for the disk.
    fn next_answer(&mut self) -> String {
        loop {
            let message = self.read().expect("an answer");
            match message.starts_with("SIP/2.0 ") {
                true => return message,
                false => self.early.push_back(message),
            }
        }
    }

    /// The same without waiting.
    pub fn ask_only(&mut self, method: &str, uri: &str, lines: &str, body: &str) {
        let session = self.session.as_mut().expect("it was challenged");
        let (user, secret) = (self.user.as_bytes(), self.secret.as_bytes());
        let ha1 = Ha1::new(session.algorithm(), user, session.realm(), secret);
        let mut value = Vec::new();
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), b"", [7; 16], &mut value);
        let name = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        let credentials = format!("{name}: {}\r\n", String::from_utf8(value).unwrap());
        self.send(method, uri, &format!("{credentials}{lines}"), body);
    }

    fn send(&mut self, method: &str, uri: &str, lines: &str, body: &str) {
        self.cseq += 1;
        let (user, cseq, local) = (&self.user, self.cseq, self.stream.local_addr().unwrap());
        let own = format!("sip:{user}@example.test");
        let to = if method == "REGISTER" { &own } else { uri };
        // A call has a Call-ID of its own, a registration keeps its own.
        let call = if method == "REGISTER" { format!("r{local}") } else { format!("c{cseq}-{local}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = if method == "REGISTER" {
            String::new()
        } else {
            format!("Contact: <sip:{user}@{local};transport=tcp>\r\n")
        };
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bK{cseq}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{own}>;tag=a{cseq}\r\nTo: <{to}>\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\n{contact}{lines}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    /// The next message.
    pub fn next(&mut self) -> String {
        self.next_if_any().expect("a message")
    }

    /// Nothing when none comes for a while, or the connection is closed.
    pub fn next_if_any(&mut self) -> Option<String> {
        self.early.pop_front().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<String> {
        let mut buffer = [0; 8_192];
        loop {
            if let Some(head) = self.heard.windows(4).position(|end| end == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.heard[..head]).into_owned();
                let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let end = head + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
                if self.heard.len() >= end {
                    let message: Vec<u8> = self.heard.drain(..end).collect();
                    return Some(String::from_utf8_lossy(&message).into_owned());
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.heard.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// From now on whatever comes is read and thrown away, so that the server can say it.
    pub fn hear_no_more(&self) {
        let mut stream = self.stream.try_clone().unwrap();
        stream.set_read_timeout(None).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
    }

    pub fn wait_at_most(&self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
    }

    /// Answers a request that was heard.
    pub fn reply(&mut self, request: &str, status: &str, body: &str) {
        let copied = ["Via:", "From:", "Call-ID:", "CSeq:"];
        let copied = |line: &&str| copied.iter().any(|name| line.starts_with(name));
        let headers: String = request.split_inclusive("\r\n").filter(copied).collect();
        let to = request.lines().find(|line| line.starts_with("To:")).unwrap();
        let tag = if to.contains(";tag=") { "" } else { ";tag=b" };
        let local = self.stream.local_addr().unwrap();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let answer = format!(
            "SIP/2.0 {status}\r\n{headers}{to}{tag}\r\nContact: <sip:{}@{local};transport=tcp>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            self.user,
            body.len()
        );
        self.stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn ack_of(answer: &str, uri: &str) -> String {
    let line = |name: &str| answer.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let cseq = line("CSeq:").replace("INVITE", "ACK");
    format!(
        "ACK {uri} SIP/2.0\r\n{}\r\n{}\r\n{}\r\n{}\r\n{cseq}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        line("Via:"),
        line("From:"),
        line("To:"),
        line("Call-ID:")
    )
}

pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=phone 7 1 IN IP4 127.0.0.1\r\ns=call\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 8\r\n"
    )
}
