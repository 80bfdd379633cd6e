//! Transports of the generator: connected UDP sockets with sendmmsg/recvmmsg,
//! or non-blocking TCP/TLS connections, all behind one epoll.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;

pub const B: usize = 32;
const MSG: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tp {
    Udp,
    Tcp,
    Tls,
}

pub struct Udp {
    pub s: UdpSocket,
    out: Vec<u8>,
    idx: Vec<(usize, usize)>,
}

pub struct Stream {
    pub s: TcpStream,
    pub tls: Option<Box<rustls::ClientConnection>>,
    inb: Vec<u8>,
    outb: Vec<u8>,
    pub closed: bool,
}

pub enum Flow {
    U(Udp),
    S(Stream),
}

pub struct Net {
    pub tp: Tp,
    pub flows: Vec<Flow>,
    pub local: Vec<SocketAddr>,
    dirty: Vec<u32>,
    isdirty: Vec<bool>,
    ep: i32,
    rbuf: Vec<u8>,
    pub tx: u64,
    pub rx: u64,
}

#[derive(Debug)]
struct NoVerify(Arc<rustls::crypto::CryptoProvider>);
impl rustls::client::danger::ServerCertVerifier for NoVerify {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

pub fn tls_config(tls12: bool) -> Arc<rustls::ClientConfig> {
    let p = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let vers: &[&rustls::SupportedProtocolVersion] =
        if tls12 { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13, &rustls::version::TLS12] };
    let mut c = rustls::ClientConfig::builder_with_provider(p.clone())
        .with_protocol_versions(vers)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(NoVerify(p)))
        .with_no_client_auth();
    c.resumption = rustls::client::Resumption::disabled();
    Arc::new(c)
}

pub fn set_bufs(fd: i32, sz: i32) {
    unsafe {
        for o in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE, libc::SO_RCVBUF, libc::SO_SNDBUF] {
            libc::setsockopt(fd, libc::SOL_SOCKET, o, &sz as *const i32 as *const _, 4);
            if o == libc::SO_SNDBUFFORCE {
                let mut v = 0i32;
                let mut l = 4u32;
                libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &mut v as *mut i32 as *mut _, &mut l);
                if v >= sz {
                    break;
                }
            }
        }
    }
}

/// Non-blocking TCP connect from 127.0.1.x, so that many connections do not run out of ports.
pub fn tcp_connect(to: SocketAddr, i: usize) -> std::io::Result<TcpStream> {
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        let one = 1i32;
        if to.ip().is_loopback() {
            libc::setsockopt(
                fd,
                libc::IPPROTO_IP,
                libc::IP_BIND_ADDRESS_NO_PORT,
                &one as *const i32 as *const _,
                4,
            );
            let a =
                sockaddr(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 1 + (i % 200) as u8), 0)));
            libc::bind(fd, &a as *const _ as *const _, 16);
        }
        libc::setsockopt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &one as *const i32 as *const _, 4);
        let a = sockaddr(to);
        if libc::connect(fd, &a as *const _ as *const _, 16) < 0 {
            let e = std::io::Error::last_os_error();
            libc::close(fd);
            return Err(e);
        }
        let s = TcpStream::from_raw_fd(fd);
        s.set_nonblocking(true)?;
        Ok(s)
    }
}

pub fn sockaddr(a: SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(a) = a else { panic!("IPv4 only") };
    libc::sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: a.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*a.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

impl Stream {
    pub fn new(s: TcpStream, cfg: Option<&Arc<rustls::ClientConfig>>) -> Stream {
        let tls = cfg.map(|c| {
            Box::new(rustls::ClientConnection::new(c.clone(), "bench.test".try_into().unwrap()).unwrap())
        });
        Stream { s, tls, inb: Vec::new(), outb: Vec::new(), closed: false }
    }
    pub fn send(&mut self, m: &[u8]) {
        if let Some(t) = &mut self.tls {
            let _ = t.writer().write_all(m);
        } else {
            self.outb.extend_from_slice(m);
        }
    }
    pub fn flush(&mut self) -> bool {
        if let Some(t) = &mut self.tls {
            while t.wants_write() {
                match t.write_tls(&mut self.s) {
                    Ok(_) => {}
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return false,
                    Err(_) => {
                        self.closed = true;
                        return true;
                    }
                }
            }
        } else {
            while !self.outb.is_empty() {
                match self.s.write(&self.outb) {
                    Ok(n) => {
                        self.outb.drain(..n);
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return false,
                    Err(_) => {
                        self.closed = true;
                        return true;
                    }
                }
            }
        }
        true
    }
    /// Reads what is there into the plaintext buffer.
    pub fn fill(&mut self) {
        let mut tmp = [0u8; 16384];
        if let Some(t) = &mut self.tls {
            match t.read_tls(&mut self.s) {
                Ok(0) => self.closed = true,
                Ok(_) => match t.process_new_packets() {
                    Ok(st) => {
                        let n = st.plaintext_bytes_to_read();
                        if n > 0 {
                            let l = self.inb.len();
                            self.inb.resize(l + n, 0);
                            let _ = t.reader().read_exact(&mut self.inb[l..]);
                        }
                    }
                    Err(e) => {
                        eprintln!("tls: {e}");
                        self.closed = true
                    }
                },
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => self.closed = true,
            }
        } else {
            match self.s.read(&mut tmp) {
                Ok(0) => self.closed = true,
                Ok(n) => self.inb.extend_from_slice(&tmp[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => self.closed = true,
            }
        }
    }
    /// Takes one whole SIP message (header end + Content-Length), if there is one.
    pub fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let skip = self.inb.iter().take_while(|&&b| b == b'\r' || b == b'\n').count();
        if skip > 0 {
            self.inb.drain(..skip);
        }
        let Some(p) = crate::sip::find(&self.inb, b"\r\n\r\n") else { return false };
        let hdr = &self.inb[..p + 2];
        let cl = crate::sip::header(hdr, "Content-Length", "l")
            .and_then(|v| v.trim().parse::<usize>().ok())
            .unwrap_or(0);
        let tot = p + 4 + cl;
        if self.inb.len() < tot {
            return false;
        }
        out.clear();
        out.extend_from_slice(&self.inb[..tot]);
        self.inb.drain(..tot);
        true
    }
}

pub fn epoll_add(ep: i32, fd: i32, tok: u64) {
    let mut e = libc::epoll_event { events: libc::EPOLLIN as u32, u64: tok };
    let r = unsafe { libc::epoll_ctl(ep, libc::EPOLL_CTL_ADD, fd, &mut e) };
    assert!(r == 0, "epoll_ctl: {}", std::io::Error::last_os_error());
}

impl Net {
    pub fn udp(target: SocketAddr, n: usize, bind: Ipv4Addr) -> Net {
        let mut net = Net::empty(Tp::Udp);
        for i in 0..n {
            let s = UdpSocket::bind(SocketAddrV4::new(bind, 0)).expect("bind");
            set_bufs(s.as_raw_fd(), 8 << 20);
            s.connect(target).expect("connect");
            s.set_nonblocking(true).unwrap();
            epoll_add(net.ep, s.as_raw_fd(), i as u64);
            net.local.push(s.local_addr().unwrap());
            net.flows.push(Flow::U(Udp { s, out: Vec::new(), idx: Vec::new() }));
            net.isdirty.push(false);
        }
        net
    }
    pub fn empty(tp: Tp) -> Net {
        Net {
            tp,
            flows: vec![],
            local: vec![],
            dirty: vec![],
            isdirty: vec![],
            ep: unsafe { libc::epoll_create1(0) },
            rbuf: vec![0; B * MSG],
            tx: 0,
            rx: 0,
        }
    }
    /// Opens n connections; TLS handshakes are driven in groups of `par`.
    pub fn streams(target: SocketAddr, n: usize, tls: Option<Arc<rustls::ClientConfig>>, par: usize) -> Net {
        let mut net = Net::empty(if tls.is_some() { Tp::Tls } else { Tp::Tcp });
        let mut i = 0;
        while i < n {
            let e = (i + par).min(n);
            for k in i..e {
                let s = tcp_connect(target, k).expect("connect");
                net.local.push(s.local_addr().unwrap());
                epoll_add(net.ep, s.as_raw_fd(), k as u64);
                let mut st = Stream::new(s, tls.as_ref());
                st.flush();
                net.flows.push(Flow::S(st));
                net.isdirty.push(false);
            }
            let t0 = std::time::Instant::now();
            loop {
                let left = net.flows[i..e]
                    .iter()
                    .filter(|f| matches!(f, Flow::S(s) if s.tls.as_ref().is_some_and(|t| t.is_handshaking()) && !s.closed))
                    .count();
                if left == 0 {
                    break;
                }
                if t0.elapsed().as_secs() > 20 {
                    eprintln!("warning: {left} handshakes not finished");
                    break;
                }
                net.poll(100, &mut |_, _| {});
            }
            i = e;
        }
        net
    }
    pub fn send(&mut self, f: u32, m: &[u8]) {
        self.tx += 1;
        let full = match &mut self.flows[f as usize] {
            Flow::U(u) => {
                let o = u.out.len();
                u.out.extend_from_slice(m);
                u.idx.push((o, m.len()));
                u.idx.len() >= B
            }
            Flow::S(s) => {
                s.send(m);
                false
            }
        };
        if full {
            self.flush_one(f);
        } else if !self.isdirty[f as usize] {
            self.isdirty[f as usize] = true;
            self.dirty.push(f);
        }
    }
    fn flush_one(&mut self, f: u32) -> bool {
        match &mut self.flows[f as usize] {
            Flow::U(u) => {
                let mut i = 0;
                while i < u.idx.len() {
                    let n = (u.idx.len() - i).min(B);
                    let mut iov: [libc::iovec; B] = unsafe { std::mem::zeroed() };
                    let mut mm: [libc::mmsghdr; B] = unsafe { std::mem::zeroed() };
                    for k in 0..n {
                        let (o, l) = u.idx[i + k];
                        iov[k] = libc::iovec { iov_base: u.out[o..].as_ptr() as *mut _, iov_len: l };
                        mm[k].msg_hdr.msg_iov = &mut iov[k];
                        mm[k].msg_hdr.msg_iovlen = 1;
                    }
                    let r = unsafe { libc::sendmmsg(u.s.as_raw_fd(), mm.as_mut_ptr(), n as u32, 0) };
                    if r <= 0 {
                        let e = std::io::Error::last_os_error();
                        match e.raw_os_error() {
                            Some(libc::EAGAIN) | Some(libc::ENOBUFS) | Some(libc::EINTR) => {
                                std::thread::yield_now();
                                continue;
                            }
                            _ => {
                                i += 1; // e.g. ECONNREFUSED: drop this one
                                continue;
                            }
                        }
                    }
                    i += r as usize;
                }
                u.out.clear();
                u.idx.clear();
                true
            }
            Flow::S(s) => s.flush(),
        }
    }
    pub fn flush(&mut self) {
        let d = std::mem::take(&mut self.dirty);
        for f in d {
            self.isdirty[f as usize] = false;
            if !self.flush_one(f) {
                self.isdirty[f as usize] = true;
                self.dirty.push(f);
            }
        }
    }
    pub fn poll(&mut self, ms: i32, cb: &mut dyn FnMut(u32, &[u8])) {
        let mut ev: [libc::epoll_event; 256] = unsafe { std::mem::zeroed() };
        let n = unsafe { libc::epoll_wait(self.ep, ev.as_mut_ptr(), 256, ms) };
        let mut msg = Vec::new();
        for e in ev.iter().take(n.max(0) as usize) {
            let f = e.u64 as u32;
            match &mut self.flows[f as usize] {
                Flow::U(u) => {
                    let mut iov: [libc::iovec; B] = unsafe { std::mem::zeroed() };
                    let mut mm: [libc::mmsghdr; B] = unsafe { std::mem::zeroed() };
                    for k in 0..B {
                        iov[k] = libc::iovec {
                            iov_base: self.rbuf[k * MSG..].as_mut_ptr() as *mut _,
                            iov_len: MSG,
                        };
                        mm[k].msg_hdr.msg_iov = &mut iov[k];
                        mm[k].msg_hdr.msg_iovlen = 1;
                    }
                    let r = unsafe {
                        libc::recvmmsg(
                            u.s.as_raw_fd(),
                            mm.as_mut_ptr(),
                            B as u32,
                            libc::MSG_DONTWAIT,
                            std::ptr::null_mut(),
                        )
                    };
                    for (k, header) in mm.iter().enumerate().take(r.max(0) as usize) {
                        self.rx += 1;
                        cb(f, &self.rbuf[k * MSG..k * MSG + header.msg_len as usize]);
                    }
                }
                Flow::S(s) => {
                    if s.closed {
                        unsafe {
                            libc::epoll_ctl(
                                self.ep,
                                libc::EPOLL_CTL_DEL,
                                s.s.as_raw_fd(),
                                std::ptr::null_mut(),
                            )
                        };
                        continue;
                    }
                    s.fill();
                    while s.take(&mut msg) {
                        self.rx += 1;
                        cb(f, &msg);
                    }
                    if s.tls.as_ref().is_some_and(|t| t.wants_write()) && !self.isdirty[f as usize] {
                        self.isdirty[f as usize] = true;
                        self.dirty.push(f);
                    }
                }
            }
        }
        self.flush();
    }
    pub fn closed(&self) -> usize {
        self.flows.iter().filter(|f| matches!(f, Flow::S(s) if s.closed)).count()
    }
}
