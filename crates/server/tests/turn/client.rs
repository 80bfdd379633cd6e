//! A client of TURN on a real socket, honest or not.

use coeur_media::stun::{Class, Integrity, Key, Kind, Message, Method, TransactionId, Writer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

pub const RTP: &[u8] = &[0x80, 0, 0, 1, 1, 2, 3, 4];

/// What `coeur turn credentials --json` prints.
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl Credentials {
    pub fn of(json: &serde_json::Value) -> Self {
        let text = |name: &str| json[0][name].as_str().unwrap().to_owned();
        Self { username: text("username"), password: text("credential") }
    }
}

/// The way to the server.
pub enum Way {
    Datagrams(UdpSocket),
    Stream(TcpStream, Vec<u8>),
}

pub struct Client {
    way: Way,
    credentials: Credentials,
    key: Option<Key>,
    nonce: String,
    transactions: u64,
}

impl Client {
    pub fn udp(server: SocketAddr, credentials: Credentials) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::over(Way::Datagrams(socket), credentials)
    }

    pub fn tcp(server: SocketAddr, credentials: Credentials) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::over(Way::Stream(stream, Vec::new()), credentials)
    }

    fn over(way: Way, credentials: Credentials) -> Self {
        Self { way, credentials, key: None, nonce: String::new(), transactions: 0 }
    }

    /// Code of the answer (0 is success), and its bytes. The nonce is learnt when it is asked for.
    pub fn ask(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> (u16, Vec<u8>) {
        for _ in 0..3 {
            let bytes = self.request(method, &fill);
            self.send_bytes(&bytes);
            let answer = self.receive().expect("an answer");
            let message = Message::read(&answer).unwrap();
            let code = message.error_code().map_or(0, |(code, _)| code);
            let (Some(nonce), Some(realm)) = (message.nonce(), message.realm()) else {
                return (code, answer);
            };
            if self.nonce == nonce || (code == 401 && !self.nonce.is_empty()) {
                return (code, answer);
            }
            self.nonce = nonce.to_owned();
            let Credentials { username, password } = &self.credentials;
            self.key = Some(Key::long_term_md5(username, realm, password.as_bytes()));
        }
        panic!("one nonce after the other");
    }

    fn request(&mut self, method: Method, fill: &impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let id = self.transaction();
        let mut writer = Writer::new(&mut bytes, Class::Request, method, id);
        fill(&mut writer);
        if let Some(key) = &self.key {
            writer.text(Kind::Username, &self.credentials.username).text(Kind::Realm, "coeur");
            writer.text(Kind::Nonce, &self.nonce).integrity(Integrity::Sha1, key);
        }
        bytes
    }

    fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [9; 12];
        id[..8].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    /// The relayed address, or the code of the refusal.
    pub fn allocate(&mut self, family: u32) -> Result<SocketAddr, u16> {
        let (code, answer) = self.ask(Method::Allocate, |writer| {
            writer.word(Kind::RequestedTransport, 17 << 24).word(Kind::RequestedAddressFamily, family << 24);
        });
        if code != 0 {
            return Err(code);
        }
        Ok(Message::read(&answer).unwrap().relayed_address().expect("a relayed address"))
    }

    pub fn permit(&mut self, peer: SocketAddr) -> u16 {
        self.ask(Method::CreatePermission, |writer| {
            writer.xored_address(Kind::XorPeerAddress, peer);
        })
        .0
    }

    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> u16 {
        self.ask(Method::ChannelBind, |writer| {
            writer.word(Kind::ChannelNumber, u32::from(number) << 16);
            writer.xored_address(Kind::XorPeerAddress, peer);
        })
        .0
    }

    pub fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut bytes = Vec::new();
        let id = self.transaction();
        Writer::new(&mut bytes, Class::Indication, Method::Send, id)
            .xored_address(Kind::XorPeerAddress, peer)
            .value(Kind::Data, data);
        self.send_bytes(&bytes);
    }

    /// Peer and data of the next Data indication.
    pub fn data(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let bytes = self.receive()?;
        let message = Message::read(&bytes).unwrap();
        assert_eq!((message.method(), message.class()), (Method::Data, Class::Indication));
        let peer = message.peer_addresses().next().unwrap();
        Some((peer, message.data().unwrap().to_vec()))
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match &mut self.way {
            Way::Datagrams(socket) => drop(socket.send(bytes).unwrap()),
            Way::Stream(stream, _) => stream.write_all(bytes).unwrap(),
        }
    }

    /// The next message, whole; none when nothing comes, or the connection is closed.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 4_096];
        match &mut self.way {
            Way::Datagrams(socket) => {
                let length = socket.recv(&mut bytes).ok()?;
                Some(bytes[..length].to_vec())
            }
            Way::Stream(stream, read) => loop {
                if let Some(head) = read.first_chunk::<4>() {
                    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                    let whole = if head[0] < 0x40 { 20 + length } else { 4 + length.next_multiple_of(4) };
                    if read.len() >= whole {
                        return Some(read.drain(..whole).collect());
                    }
                }
                match stream.read(&mut bytes).ok()? {
                    0 => return None,
                    length => read.extend_from_slice(&bytes[..length]),
                }
            },
        }
    }
}
