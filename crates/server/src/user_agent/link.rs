//! One path to the server over one of the five transports.

use super::tls::Trust;
use crate::config::listen::Scheme;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use tungstenite::{Message as Frame, WebSocket};

pub struct Link {
    scheme: Scheme,
    local: SocketAddr,
    remote: SocketAddr,
    carrier: Carrier,
    /// Received from a stream, not yet a whole message. At most [`MESSAGE_BYTES_MAX`].
    pending: Vec<u8>,
}

enum Carrier {
    /// Connected, or with the address to which it sends.
    Udp(UdpSocket, Option<SocketAddr>),
    Stream(Box<dyn Stream>),
    WebSocket(Box<WebSocket<Box<dyn Stream>>>),
}

/// A byte stream whose reads can be given a deadline.
pub trait Stream: Read + Write + Send {
    fn wait_at_most(&mut self, wait: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn wait_at_most(&mut self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait.max(Duration::from_millis(1))))
    }
}

impl Stream for rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    fn wait_at_most(&mut self, wait: Duration) -> io::Result<()> {
        self.sock.wait_at_most(wait)
    }
}

impl Stream for Box<dyn Stream> {
    fn wait_at_most(&mut self, wait: Duration) -> io::Result<()> {
        (**self).wait_at_most(wait)
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MESSAGE_BYTES_MAX: usize = 65_536;

impl Link {
    /// `host` is the name that a certificate must prove.
    pub fn open(scheme: Scheme, remote: SocketAddr, host: &str, trust: &Trust) -> io::Result<Link> {
        match scheme {
            Scheme::Udp => {
                let (carrier, local) = udp(remote)?;
                Ok(Link { scheme, local, remote, carrier, pending: Vec::new() })
            }
            Scheme::Tcp | Scheme::Tls | Scheme::Ws | Scheme::Wss => {
                Self::over(TcpStream::connect_timeout(&remote, CONNECT_TIMEOUT)?, scheme, remote, host, trust)
            }
        }
    }

    /// From this address and port of ours. Over UDP whoever writes to it is heard, from wherever: a server on several addresses
    /// may answer from another.
    pub fn open_from(
        local: SocketAddr,
        scheme: Scheme,
        remote: SocketAddr,
        host: &str,
        trust: &Trust,
    ) -> io::Result<Link> {
        if scheme == Scheme::Udp {
            let carrier = Carrier::Udp(UdpSocket::bind(local)?, Some(remote));
            return Ok(Link { scheme, local, remote, carrier, pending: Vec::new() });
        }
        let socket = socket2::Socket::new(socket2::Domain::for_address(local), socket2::Type::STREAM, None)?;
        // What was closed a moment ago is in no one's way.
        socket.set_reuse_address(true)?;
        socket.bind(&local.into())?;
        socket.connect_timeout(&remote.into(), CONNECT_TIMEOUT)?;
        Self::over(socket.into(), scheme, remote, host, trust)
    }

    fn over(
        tcp: TcpStream,
        scheme: Scheme,
        remote: SocketAddr,
        host: &str,
        trust: &Trust,
    ) -> io::Result<Link> {
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        tcp.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        let local = tcp.local_addr()?;
        let stream: Box<dyn Stream> =
            if scheme.is_secure() { Box::new(trust.connect(tcp, host)?) } else { Box::new(tcp) };
        let carrier = match scheme {
            Scheme::Ws | Scheme::Wss => Carrier::WebSocket(Box::new(websocket(stream, scheme, remote)?)),
            Scheme::Udp | Scheme::Tcp | Scheme::Tls => Carrier::Stream(stream),
        };
        Ok(Link { scheme, local, remote, carrier, pending: Vec::new() })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether requests are repeated until answered (RFC 3261 section 17.1.1.2).
    pub fn is_unreliable(&self) -> bool {
        self.scheme == Scheme::Udp
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Udp(socket, None) => socket.send(message).map(drop),
            Carrier::Udp(socket, Some(remote)) => socket.send_to(message, *remote).map(drop),
            Carrier::Stream(stream) => stream.write_all(message).and_then(|()| stream.flush()),
            Carrier::WebSocket(socket) => {
                let text = String::from_utf8_lossy(message).into_owned();
                socket.send(Frame::text(text)).map_err(io::Error::other)
            }
        }
    }

    /// The next whole message, or `None` at the deadline. Keep-alives are passed over.
    pub fn receive(&mut self, until: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(message) = self.whole_message()? {
                return Ok(Some(message));
            }
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(None);
            }
            match self.read(wait) {
                Ok(Some(message)) => return Ok(Some(message)),
                Ok(None) => {}
                Err(why) if is_timeout(&why) => {}
                Err(why) => return Err(why),
            }
        }
    }

    fn read(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>> {
        match &mut self.carrier {
            Carrier::Udp(socket, _) => {
                socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
                let mut buffer = vec![0; MESSAGE_BYTES_MAX];
                let length = socket.recv(&mut buffer)?;
                buffer.truncate(length);
                Ok((!buffer.trim_ascii().is_empty()).then_some(buffer))
            }
            Carrier::Stream(stream) => {
                stream.wait_at_most(wait)?;
                let mut buffer = [0; 4096];
                match stream.read(&mut buffer)? {
                    0 => Err(io::Error::new(
                        io::ErrorKind::ConnectionReset,
                        "the server closed the connection",
                    )),
                    length => {
                        self.pending.extend_from_slice(&buffer[..length]);
                        Ok(None)
                    }
                }
            }
            Carrier::WebSocket(socket) => {
                socket.get_mut().wait_at_most(wait)?;
                match socket.read() {
                    Ok(Frame::Text(text)) => Ok(Some(text.as_bytes().to_vec())),
                    Ok(Frame::Binary(bytes)) => Ok(Some(bytes.to_vec())),
                    Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => Ok(None),
                    Ok(Frame::Close(_)) => {
                        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the server closed the WebSocket"))
                    }
                    Err(tungstenite::Error::Io(why)) => Err(why),
                    Err(why) => Err(io::Error::other(why)),
                }
            }
        }
    }

    /// RFC 3261 section 18.3: on a stream, Content-Length ends the message.
    fn whole_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let blank = self.pending.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        self.pending.drain(..blank);
        let Some(head) = self.pending.windows(4).position(|window| window == b"\r\n\r\n") else {
            return match self.pending.len() > MESSAGE_BYTES_MAX {
                true => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent a message without end"))
                }
                false => Ok(None),
            };
        };
        let length = super::message::Heard::read(&self.pending[..head + 4])
            .and_then(|heard| heard.header("Content-Length")?.parse::<usize>().ok())
            .unwrap_or(0)
            .min(MESSAGE_BYTES_MAX);
        let end = head + 4 + length;
        Ok((self.pending.len() >= end).then(|| self.pending.drain(..end).collect()))
    }
}

fn udp(remote: SocketAddr) -> io::Result<(Carrier, SocketAddr)> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(remote)?;
    let local = socket.local_addr()?;
    Ok((Carrier::Udp(socket, None), local))
}

/// RFC 7118 section 4.1: the subprotocol is `sip`.
fn websocket(
    stream: Box<dyn Stream>,
    scheme: Scheme,
    remote: SocketAddr,
) -> io::Result<WebSocket<Box<dyn Stream>>> {
    use tungstenite::client::IntoClientRequest;
    use tungstenite::http::HeaderValue;
    let url = format!("{}://{remote}/", scheme.name());
    let mut request = url.into_client_request().map_err(io::Error::other)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let (socket, response) =
        tungstenite::client(request, stream).map_err(|why| io::Error::other(why.to_string()))?;
    match response.headers().get("Sec-WebSocket-Protocol").map(HeaderValue::as_bytes) {
        Some(b"sip") => Ok(socket),
        Some(_) | None => Err(io::Error::other("the server does not speak SIP over this WebSocket")),
    }
}

fn is_timeout(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
