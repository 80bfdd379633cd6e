//! Connections to a listener of HTTP, so many at once and each for so long: whoever connects has proved nothing. Of whom is
//! known the connection may go on for longer ([`Life::prolong`]). One address has its share of them.

use crate::front::{Proxies, Secure, Stream};
use crate::shares::{Share, Shares};
use axum::serve::Listener;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel until a place is free. Worst-case memory: about 64 kB each, 4 MB.
    pub connections_max: usize,
    /// Of those, from one address (of IPv6 the /64); one more is closed. A proxy of ours speaks for many, and has no share.
    pub of_one_address_max: usize,
    /// From when a connection is accepted: nobody waits longer for its bytes, or for it to take ours. An answer takes
    /// milliseconds, that of `/healthz` some seconds at most.
    pub connection_life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 64, of_one_address_max: 32, connection_life: Duration::from_secs(30) }
    }
}

pub struct Visits {
    listener: TcpListener,
    /// Over TLS, and in clear as well.
    tls: Option<TlsAcceptor>,
    proxies: Proxies,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    life: Duration,
}

impl Visits {
    pub fn new(listener: TcpListener, limits: Limits) -> Self {
        Self {
            listener,
            tls: None,
            proxies: Proxies::default(),
            places: Arc::new(Semaphore::new(limits.connections_max)),
            shares: Shares::new(limits.of_one_address_max),
            life: limits.connection_life,
        }
    }

    pub fn behind(self, proxies: &Proxies) -> Self {
        Self { proxies: proxies.clone(), ..self }
    }

    pub fn over(self, tls: Option<Arc<ServerConfig>>) -> Self {
        Self { tls: tls.map(TlsAcceptor::from), ..self }
    }

    /// One who has not all of his share yet.
    async fn visitor(&mut self) -> (TcpStream, SocketAddr, Option<Share>) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.proxies.has(address.ip()) {
                return (stream, address, None);
            }
            match self.shares.take(address.ip()) {
                Some(share) => return (stream, address, Some(share)),
                None => tracing::debug!(%address, "one more connection than an address may have"),
            }
        }
    }
}

impl Listener for Visits {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // An error would say that the semaphore is closed, and nobody closes it.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, address, share) = self.visitor().await;
        let life = Life::new(self.life);
        let end = Box::pin(sleep_until(life.end()));
        (Visit { stream: Stream::new(stream, self.tls.clone()), end, life, _place: (place, share) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Until when a connection may go on.
#[derive(Clone)]
pub struct Life(Arc<Mutex<Instant>>);

impl Life {
    fn new(life: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + life)))
    }

    /// It may go on for as long as this from now, or longer if that was said before.
    pub fn prolong(&self, by: Duration) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *end = (*end).max(Instant::now() + by);
    }

    fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Visit {
    stream: Stream,
    end: Pin<Box<Sleep>>,
    life: Life,
    _place: (Option<OwnedSemaphorePermit>, Option<Share>),
}

impl Visit {
    pub fn life(&self) -> Life {
        self.life.clone()
    }

    pub fn secure(&self) -> Secure {
        self.stream.secure()
    }

    /// What the stream said, or, if it must be waited for and the time is over, an error.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, said: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if said.is_ready() {
            return said;
        }
        ready!(self.end.as_mut().poll(cx));
        let end = self.life.end();
        while end > self.end.deadline() {
            self.end.as_mut().reset(end);
            ready!(self.end.as_mut().poll(cx));
        }
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.in_time(cx, said)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let said = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, said)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(cx, said)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(cx, said)
    }
}
