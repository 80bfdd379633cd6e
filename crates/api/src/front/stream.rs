//! One connection, in clear or over TLS: its first byte tells. The handshake happens while the connection is read, so that one who
//! is slow at it holds up nobody else.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// `ContentType` of a TLS record that begins a handshake (RFC 8446 section 5.1); no method of HTTP begins with it.
const HANDSHAKE: u8 = 22;
/// RFC 8737 section 6.2: a server of certificates wants a name proved.
pub const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

pub(crate) struct Stream {
    state: State,
    secure: Secure,
}

/// Whether the connection turned out to be encrypted: known when the first request is there.
#[derive(Clone, Debug, Default)]
pub struct Secure(Arc<AtomicBool>);

impl Secure {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

enum State {
    Clear(TcpStream),
    /// Nothing has come yet.
    Unheard(TcpStream, TlsAcceptor),
    Shaking(Box<Accept<TcpStream>>),
    Encrypted(Box<TlsStream<TcpStream>>),
    Gone,
}

impl Stream {
    pub(crate) fn new(stream: TcpStream, tls: Option<TlsAcceptor>) -> Self {
        let state = match tls {
            Some(tls) => State::Unheard(stream, tls),
            None => State::Clear(stream),
        };
        Self { state, secure: Secure::default() }
    }

    pub(crate) fn secure(&self) -> Secure {
        self.secure.clone()
    }

    /// Until it is known what the connection is, and a handshake is over.
    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match std::mem::replace(&mut self.state, State::Gone) {
                State::Unheard(stream, tls) => {
                    let mut first = [0; 1];
                    let heard = stream.poll_peek(cx, &mut ReadBuf::new(&mut first));
                    let Poll::Ready(heard) = heard else {
                        self.state = State::Unheard(stream, tls);
                        return Poll::Pending;
                    };
                    self.state = match heard? {
                        1.. if first[0] == HANDSHAKE => State::Shaking(Box::new(tls.accept(stream))),
                        _ => State::Clear(stream),
                    };
                }
                State::Shaking(mut shaking) => match Pin::new(&mut *shaking).poll(cx) {
                    Poll::Ready(done) => {
                        let stream = done?;
                        // Section 3 of RFC 8737: the certificate was all that was to be seen, and nothing is said over it.
                        if stream.get_ref().1.alpn_protocol() == Some(ACME_PROTOCOL) {
                            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                        }
                        self.state = State::Encrypted(Box::new(stream));
                        self.secure.0.store(true, Ordering::Relaxed);
                    }
                    Poll::Pending => {
                        self.state = State::Shaking(shaking);
                        return Poll::Pending;
                    }
                },
                state @ (State::Clear(_) | State::Encrypted(_)) => {
                    self.state = state;
                    return Poll::Ready(Ok(()));
                }
                State::Gone => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_opened(cx))?;
        match &mut self.state {
            State::Clear(stream) => Pin::new(stream).poll_read(cx, into),
            State::Encrypted(stream) => Pin::new(&mut **stream).poll_read(cx, into),
            State::Unheard(..) | State::Shaking(_) | State::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_opened(cx))?;
        match &mut self.state {
            State::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            State::Encrypted(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
            State::Unheard(..) | State::Shaking(_) | State::Gone => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Clear(stream) => Pin::new(stream).poll_flush(cx),
            State::Encrypted(stream) => Pin::new(&mut **stream).poll_flush(cx),
            State::Unheard(..) | State::Shaking(_) | State::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Clear(stream) | State::Unheard(stream, _) => Pin::new(stream).poll_shutdown(cx),
            State::Encrypted(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            State::Shaking(_) | State::Gone => Poll::Ready(Ok(())),
        }
    }
}
