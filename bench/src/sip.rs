//! SIP workloads: register, options, message, invite; closed loop (window) or open loop (rate).
use crate::digest::{self, Alg, Challenge};
use crate::net::{Net, Tp};
use crate::{Args, proc};
use std::io::Write;
use std::time::{Duration, Instant};

pub fn find(h: &[u8], n: &[u8]) -> Option<usize> {
    let p = unsafe { libc::memmem(h.as_ptr() as *const _, h.len(), n.as_ptr() as *const _, n.len()) };
    if p.is_null() { None } else { Some(p as usize - h.as_ptr() as usize) }
}

/// Iterates header lines (start line left out); no folding support: peers here do not fold.
pub fn headers(m: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let end = find(m, b"\r\n\r\n").map(|p| p + 2).unwrap_or(m.len());
    let s = std::str::from_utf8(&m[..end]).unwrap_or("");
    s.split("\r\n").skip(1).filter_map(|l| l.split_once(':')).map(|(n, v)| (n.trim_end(), v.trim()))
}

pub fn header<'a>(m: &'a [u8], name: &str, short: &str) -> Option<&'a str> {
    let end = find(m, b"\r\n\r\n").map(|p| p + 2).unwrap_or(m.len());
    let s = std::str::from_utf8(&m[..end]).ok()?;
    s.split("\r\n")
        .filter_map(|l| l.split_once(':'))
        .find(|(n, _)| {
            let n = n.trim_end();
            n.eq_ignore_ascii_case(name) || n.eq_ignore_ascii_case(short)
        })
        .map(|(_, v)| v.trim())
}

fn uri_of(v: &str) -> &str {
    if let Some(a) = v.find('<') {
        let r = &v[a + 1..];
        &r[..r.find('>').unwrap_or(r.len())]
    } else {
        &v[..v.find(';').unwrap_or(v.len())]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Register,
    Options,
    Message,
    Invite,
}

pub struct Cfg {
    pub kind: Kind,
    pub domain: String,
    pub count: u64,
    pub window: usize,
    pub rate: f64,
    pub secs: f64,
    pub expires: u32,
    /// send credentials from the kept nonce at once
    pub refresh: bool,
    /// callee answers 180 only, caller never cancels
    pub ring_only: bool,
    /// ms between ACK and BYE; <0 never
    pub hold_ms: i64,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    user: u32,
    peer: u32,
    flow: u32,
    phase: u8, // 0 free, 1 first request, 2 with credentials, 3 wait to BYE, 4 BYE sent, 5 kept
    cseq: u32,
    rex: u32,
    t0: Option<Instant>,
    due: Option<Instant>,
    ringing: bool,
    last: Vec<u8>,
    route: Vec<u8>,
    target: String,
    totag: String,
}

#[derive(Default)]
pub struct Stats {
    pub done: u64,
    pub fail: u64,
    pub rexmit: u64,
    pub challenged: u64,
    pub stale: u64,
    pub uas: u64,
    pub lat: Vec<u32>,
    pub codes: std::collections::BTreeMap<u32, u64>,
    pub secs: f64,
}

pub struct Engine {
    pub net: Net,
    pub run: u32,
    cseq: Vec<u32>,
    nonce: Vec<Option<(Challenge, u32)>>,
    ha1: Vec<Option<(Alg, Vec<u8>)>>,
    pub generation: u32,
}

pub fn user(u: u32) -> String {
    format!("u{u:06}")
}

impl Engine {
    pub fn new(net: Net, users: u32) -> Engine {
        Engine {
            net,
            run: std::process::id()
                ^ (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
                    as u32),
            cseq: vec![0; users as usize],
            nonce: vec![None; users as usize],
            ha1: vec![None; users as usize],
            generation: 1,
        }
    }

    fn tpname(&self) -> &'static str {
        match self.net.tp {
            Tp::Udp => "UDP",
            Tp::Tcp => "TCP",
            Tp::Tls => "TLS",
        }
    }

    fn contact(&self, u: u32, f: u32) -> String {
        let a = self.net.local[f as usize];
        match self.net.tp {
            Tp::Udp => format!("<sip:{}@{}>", user(u), a),
            Tp::Tcp => format!("<sip:{}@{};transport=tcp>", user(u), a),
            Tp::Tls => format!("<sip:{}@{};transport=tls>", user(u), a),
        }
    }

    /// Credentials for user u, appended; counts nc per nonce.
    fn creds(&mut self, out: &mut Vec<u8>, c: &Cfg, u: u32, method: &str, uri: &str) -> bool {
        let Some((ch, nc)) = &mut self.nonce[u as usize] else { return false };
        *nc += 1;
        let un = user(u);
        let e = &mut self.ha1[u as usize];
        if e.as_ref().map(|x| x.0) != Some(ch.alg) {
            *e = Some((ch.alg, digest::ha1(ch.alg, &un, &ch.realm, &format!("pw-{un}"))));
        }
        let _ = c;
        digest::authorize(out, ch, &e.as_ref().unwrap().1, &un, method, uri, *nc);
        true
    }

    fn request(&mut self, c: &Cfg, slot: u32, s: &mut Slot, auth: bool) {
        let d = &c.domain;
        let mut m = std::mem::take(&mut s.last);
        m.clear();
        let via = self.net.local[s.flow as usize];
        let un = user(s.user);
        let (method, uri) = match c.kind {
            Kind::Register => ("REGISTER", format!("sip:{d}")),
            Kind::Options => ("OPTIONS", format!("sip:{d}")),
            Kind::Message => ("MESSAGE", format!("sip:{}@{d}", user(s.peer))),
            Kind::Invite => ("INVITE", format!("sip:{}@{d}", user(s.peer))),
        };
        if c.kind == Kind::Register {
            self.cseq[s.user as usize] += 1;
            s.cseq = self.cseq[s.user as usize];
        } else {
            s.cseq += 1;
        }
        let _ = write!(
            m,
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {via};rport;branch=z9hG4bK-{slot:08x}-{:08x}-{}\r\nMax-Forwards: 70\r\n",
            self.tpname(),
            s.generation,
            s.cseq
        );
        match c.kind {
            Kind::Register => {
                let _ = write!(
                    m,
                    "From: <sip:{un}@{d}>;tag=r{:x}\r\nTo: <sip:{un}@{d}>\r\nCall-ID: {:08x}-{:06}@bench\r\nCSeq: {} REGISTER\r\nContact: {}\r\nExpires: {}\r\nUser-Agent: sipbench\r\n",
                    s.generation,
                    self.run,
                    s.user,
                    s.cseq,
                    self.contact(s.user, s.flow),
                    c.expires
                );
            }
            _ => {
                let to = if c.kind == Kind::Options {
                    format!("<{uri}>")
                } else {
                    format!("<sip:{}@{d}>", user(s.peer))
                };
                let _ = write!(
                    m,
                    "From: <sip:{un}@{d}>;tag=f{:x}\r\nTo: {to}\r\nCall-ID: {:08x}-{slot:x}-{:x}@bench\r\nCSeq: {} {method}\r\nUser-Agent: sipbench\r\n",
                    s.generation, self.run, s.generation, s.cseq
                );
                if c.kind == Kind::Invite {
                    let _ = write!(m, "Contact: {}\r\n", self.contact(s.user, s.flow));
                }
            }
        }
        if auth {
            self.creds(&mut m, c, s.user, method, &uri);
        }
        match c.kind {
            Kind::Message => {
                let _ = write!(
                    m,
                    "Content-Type: text/plain\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789"
                );
            }
            Kind::Invite => {
                let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";
                let _ =
                    write!(m, "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
            }
            _ => m.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
        }
        s.last = m;
        self.net.send(s.flow, &s.last);
        s.rex = 0;
        s.phase = if auth { 2 } else { 1 };
        s.due = Some(Instant::now() + Duration::from_millis(500));
    }

    fn indialog(&mut self, c: &Cfg, slot: u32, s: &mut Slot, method: &str) {
        let d = &c.domain;
        let via = self.net.local[s.flow as usize];
        let mut m = std::mem::take(&mut s.last);
        m.clear();
        let cs = if method == "ACK" { s.cseq } else { s.cseq + 1 };
        let _ = write!(
            m,
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{} {via};rport;branch=z9hG4bK-{slot:08x}-{:08x}-{}{}\r\nMax-Forwards: 70\r\n",
            s.target,
            self.tpname(),
            s.generation,
            cs,
            &method[..1]
        );
        m.extend_from_slice(&s.route);
        let _ = write!(
            m,
            "From: <sip:{}@{d}>;tag=f{:x}\r\nTo: <sip:{}@{d}>;tag={}\r\nCall-ID: {:08x}-{slot:x}-{:x}@bench\r\nCSeq: {} {method}\r\nContent-Length: 0\r\n\r\n",
            user(s.user),
            s.generation,
            user(s.peer),
            s.totag,
            self.run,
            s.generation,
            cs
        );
        self.net.send(s.flow, &m);
        s.last = m;
    }

    /// Stateless callee.
    fn uas(&mut self, c: &Cfg, f: u32, m: &[u8], st: &mut Stats) {
        let sp = m.iter().position(|&b| b == b' ').unwrap_or(0);
        let method = &m[..sp];
        if method == b"ACK" {
            return;
        }
        st.uas += 1;
        let mut common = Vec::with_capacity(900);
        let mut to = "";
        for (n, v) in headers(m) {
            if n.eq_ignore_ascii_case("To") || n.eq_ignore_ascii_case("t") {
                to = v;
            } else if n.eq_ignore_ascii_case("Via")
                || n.eq_ignore_ascii_case("v")
                || n.eq_ignore_ascii_case("From")
                || n.eq_ignore_ascii_case("f")
                || n.eq_ignore_ascii_case("Call-ID")
                || n.eq_ignore_ascii_case("i")
                || n.eq_ignore_ascii_case("CSeq")
                || n.eq_ignore_ascii_case("Record-Route")
            {
                let _ = write!(common, "{n}: {v}\r\n");
            }
        }
        let tag = if to.contains(";tag=") { "" } else { ";tag=callee1" };
        let _ = write!(common, "To: {to}{tag}\r\n");
        let mut out = Vec::with_capacity(1400);
        if method == b"INVITE" {
            let u = uri_of(to)
                .strip_prefix("sip:u")
                .and_then(|x| x.get(..6))
                .and_then(|x| x.parse().ok())
                .unwrap_or(0);
            let ct = self.contact(u, f);
            out.extend_from_slice(b"SIP/2.0 180 Ringing\r\n");
            out.extend_from_slice(&common);
            let _ = write!(out, "Contact: {ct}\r\nContent-Length: 0\r\n\r\n");
            self.net.send(f, &out);
            if !c.ring_only {
                let sdp = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";
                out.clear();
                out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
                out.extend_from_slice(&common);
                let _ = write!(
                    out,
                    "Contact: {ct}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                );
                self.net.send(f, &out);
            }
        } else {
            out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
            out.extend_from_slice(&common);
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            self.net.send(f, &out);
        }
    }

    fn ack_failure(&mut self, c: &Cfg, slot: u32, s: &Slot, m: &[u8]) {
        let d = &c.domain;
        let via = self.net.local[s.flow as usize];
        let to = header(m, "To", "t").unwrap_or("");
        let mut a = Vec::with_capacity(600);
        let _ = write!(
            a,
            "ACK sip:{}@{d} SIP/2.0\r\nVia: SIP/2.0/{} {via};rport;branch=z9hG4bK-{slot:08x}-{:08x}-{}\r\nMax-Forwards: 70\r\nFrom: <sip:{}@{d}>;tag=f{:x}\r\nTo: {to}\r\nCall-ID: {:08x}-{slot:x}-{:x}@bench\r\nCSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
            user(s.peer),
            self.tpname(),
            s.generation,
            s.cseq,
            user(s.user),
            s.generation,
            self.run,
            s.generation,
            s.cseq
        );
        self.net.send(s.flow, &a);
    }

    /// One response for a slot. Returns true when the slot is finished.
    fn response(&mut self, c: &Cfg, slot: u32, s: &mut Slot, m: &[u8], st: &mut Stats) -> bool {
        let code: u32 = std::str::from_utf8(&m[8..11]).ok().and_then(|x| x.parse().ok()).unwrap_or(0);
        let cs = header(m, "CSeq", "").unwrap_or("");
        let (n, meth) = cs.split_once(' ').unwrap_or(("0", ""));
        let n: u32 = n.parse().unwrap_or(0);
        if code < 200 {
            if n == s.cseq && s.phase <= 2 {
                s.ringing = true;
                if c.ring_only && code == 180 {
                    s.phase = 5;
                    s.due = None;
                    st.done += 1;
                    st.lat.push(s.t0.unwrap().elapsed().as_nanos().min(u32::MAX as u128) as u32);
                }
            }
            return false;
        }
        if s.phase == 4 {
            if meth == "BYE" {
                *st.codes.entry(code).or_default() += 1;
                if code == 200 {
                    st.done += 1;
                    st.lat.push(s.t0.unwrap().elapsed().as_nanos().min(u32::MAX as u128) as u32);
                } else {
                    st.fail += 1;
                }
                return true;
            }
            return false;
        }
        if s.phase > 2 {
            if meth == "INVITE" && code == 200 && s.phase == 3 {
                self.indialog(c, slot, s, "ACK"); // 200 came again
            }
            return false;
        }
        if n != s.cseq {
            return false; // late answer to the unauthenticated one
        }
        if code == 401 || code == 407 {
            if c.kind == Kind::Invite {
                self.ack_failure(c, slot, s, m);
            }
            if s.phase == 2 && s.ringing {
                *st.codes.entry(code).or_default() += 1;
                st.fail += 1;
                return true;
            }
            if s.phase == 2 {
                st.stale += 1;
                s.ringing = true; // one retry only
            }
            let Some(ch) = digest::parse_challenge(m) else {
                st.fail += 1;
                return true;
            };
            st.challenged += 1;
            self.nonce[s.user as usize] = Some((ch, 0));
            let r = s.ringing;
            self.request(c, slot, s, true);
            s.ringing = r;
            return false;
        }
        *st.codes.entry(code).or_default() += 1;
        if code != 200 {
            if c.kind == Kind::Invite {
                self.ack_failure(c, slot, s, m);
            }
            st.fail += 1;
            return true;
        }
        if c.kind != Kind::Invite {
            st.done += 1;
            st.lat.push(s.t0.unwrap().elapsed().as_nanos().min(u32::MAX as u128) as u32);
            return true;
        }
        // 200 to INVITE
        s.target = header(m, "Contact", "m").map(|v| uri_of(v).to_string()).unwrap_or_default();
        let to = header(m, "To", "t").unwrap_or("");
        s.totag =
            to.find(";tag=").map(|p| to[p + 5..].split(';').next().unwrap().to_string()).unwrap_or_default();
        let mut rr: Vec<&str> = headers(m)
            .filter(|(n, _)| n.eq_ignore_ascii_case("Record-Route"))
            .flat_map(|(_, v)| v.split(','))
            .collect();
        rr.reverse();
        s.route.clear();
        for r in rr {
            let _ = write!(s.route, "Route: {}\r\n", r.trim());
        }
        self.indialog(c, slot, s, "ACK");
        if c.hold_ms < 0 {
            s.phase = 5;
            s.due = None;
            st.done += 1;
            st.lat.push(s.t0.unwrap().elapsed().as_nanos().min(u32::MAX as u128) as u32);
            return false;
        }
        if c.hold_ms == 0 {
            self.bye(c, slot, s);
        } else {
            s.phase = 3;
            s.due = Some(Instant::now() + Duration::from_millis(c.hold_ms as u64));
        }
        false
    }

    fn bye(&mut self, c: &Cfg, slot: u32, s: &mut Slot) {
        self.indialog(c, slot, s, "BYE");
        s.phase = 4;
        s.rex = 0;
        s.due = Some(Instant::now() + Duration::from_millis(500));
    }

    /// Runs one batch; `order` maps the k-th transaction to (user, peer).
    pub fn go(&mut self, c: &Cfg, order: &dyn Fn(u64) -> (u32, u32)) -> Stats {
        let mut st = Stats::default();
        let keep = c.ring_only || c.hold_ms < 0;
        let nslots = if keep {
            c.count as usize
        } else {
            c.window.max(if c.rate > 0.0 { (c.rate * 4.0) as usize + 64 } else { 0 })
        };
        let mut slots: Vec<Slot> = (0..nslots).map(|_| Slot::default()).collect();
        let mut free: Vec<u32> = (0..nslots as u32).rev().collect();
        let mut started = 0u64;
        let mut active = 0usize;
        let t0 = Instant::now();
        let mut next_scan = t0 + Duration::from_millis(20);
        let nfl = self.net.flows.len() as u32;
        let mut inbox: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut pool: Vec<Vec<u8>> = Vec::new();
        loop {
            let el = t0.elapsed().as_secs_f64();
            let stop = started >= c.count || (c.secs > 0.0 && el >= c.secs);
            if stop && active == 0 {
                break;
            }
            if c.secs > 0.0 && el > c.secs + 40.0 || el > 900.0 {
                eprintln!("giving up with {active} open");
                break;
            }
            if !stop {
                let lim = if c.rate > 0.0 { ((el * c.rate) as u64).min(c.count) } else { c.count };
                let mut burst = 0;
                while started < lim && active < c.window && burst < 64 {
                    let Some(si) = free.pop() else { break };
                    let mut s = std::mem::take(&mut slots[si as usize]);
                    let (u, p) = order(started);
                    self.generation = self.generation.wrapping_add(1);
                    s.generation = self.generation;
                    s.user = u;
                    s.peer = p;
                    s.flow = u % nfl;
                    s.ringing = false;
                    s.cseq = 0;
                    s.t0 = Some(Instant::now());
                    let auth = c.refresh && self.nonce[u as usize].is_some();
                    self.request(c, si, &mut s, auth);
                    slots[si as usize] = s;
                    started += 1;
                    active += 1;
                    burst += 1;
                }
            }
            self.net.flush();
            let ms = if !stop && c.rate > 0.0 { 1 } else { 10 };
            self.net.poll(ms, &mut |f, m| {
                let mut b = pool.pop().unwrap_or_default();
                b.clear();
                b.extend_from_slice(m);
                inbox.push((f, b));
            });
            for (f, m) in inbox.drain(..) {
                if m.len() < 20 {
                    pool.push(m);
                    continue;
                }
                if !m.starts_with(b"SIP/2.0 ") {
                    self.uas(c, f, &m, &mut st);
                } else if let Some(p) = find(&m, b"z9hG4bK-") {
                    let b = &m[p + 8..];
                    if let (Some(si), Some(g)) = (hex8(b), b.get(9..).and_then(hex8))
                        && (si as usize) < slots.len()
                        && slots[si as usize].generation == g
                        && slots[si as usize].phase != 0
                    {
                        let mut s = std::mem::take(&mut slots[si as usize]);
                        let before = s.phase;
                        let fin = self.response(c, si, &mut s, &m, &mut st);
                        if fin {
                            s.phase = 0;
                            s.due = None;
                            active -= 1;
                            free.push(si);
                        } else if s.phase == 5 && before != 5 {
                            active -= 1;
                        }
                        slots[si as usize] = s;
                    }
                }
                pool.push(m);
            }
            let now = Instant::now();
            if now >= next_scan {
                next_scan = now + Duration::from_millis(20);
                for si in 0..slots.len() as u32 {
                    let s = &mut slots[si as usize];
                    let Some(d) = s.due else { continue };
                    if d > now || s.phase == 0 {
                        continue;
                    }
                    if s.phase == 3 {
                        let mut s = std::mem::take(&mut slots[si as usize]);
                        self.bye(c, si, &mut s);
                        slots[si as usize] = s;
                        continue;
                    }
                    if s.rex >= 6 {
                        st.fail += 1;
                        *st.codes.entry(0).or_default() += 1;
                        s.phase = 0;
                        s.due = None;
                        active -= 1;
                        free.push(si);
                        continue;
                    }
                    s.rex += 1;
                    s.due = Some(now + Duration::from_millis(500 << s.rex.min(3)));
                    if self.net.tp == Tp::Udp && !(c.kind == Kind::Invite && s.ringing && s.phase <= 2) {
                        st.rexmit += 1;
                        let m = std::mem::take(&mut s.last);
                        let f = s.flow;
                        self.net.send(f, &m);
                        slots[si as usize].last = m;
                    }
                }
            }
        }
        st.secs = t0.elapsed().as_secs_f64();
        st
    }
}

fn hex8(b: &[u8]) -> Option<u32> {
    b.get(..8).and_then(|x| std::str::from_utf8(x).ok()).and_then(|x| u32::from_str_radix(x, 16).ok())
}

pub fn pct(v: &mut [u32], p: f64) -> f64 {
    if v.is_empty() {
        return 0.0;
    }
    v.sort_unstable();
    v[((v.len() - 1) as f64 * p) as usize] as f64 / 1000.0
}

pub fn self_cpu_ns() -> u64 {
    let mut t: libc::timespec = unsafe { std::mem::zeroed() };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

pub struct Meter {
    pids: Vec<i32>,
    a: proc::Usage,
    g: u64,
}
impl Meter {
    pub fn start(pid: i32) -> Meter {
        let pids = if pid > 0 { proc::tree(pid) } else { vec![] };
        let a = proc::usage(&pids, true);
        Meter { pids, a, g: self_cpu_ns() }
    }
    /// JSON fields: CPU per item, memory.
    pub fn end(&self, n: u64) -> String {
        let g = self_cpu_ns() - self.g;
        std::thread::sleep(Duration::from_millis(5)); // running tasks book their time at the tick
        let b = proc::usage(&self.pids, true);
        let d = n.max(1) as f64 * 1000.0;
        format!(
            "\"cpu_us\":{:.3},\"user_us\":{:.2},\"sys_us\":{:.2},\"cpu_s\":{:.3},\"ctx\":{:.3},\"procs\":{},\"pss0_kb\":{},\"pss1_kb\":{},\"pss_b_per\":{:.1},\"gen_cpu_us\":{:.3}",
            (b.cpu_ns - self.a.cpu_ns) as f64 / d,
            (b.user_ns - self.a.user_ns) as f64 / d,
            (b.sys_ns - self.a.sys_ns) as f64 / d,
            (b.cpu_ns - self.a.cpu_ns) as f64 / 1e9,
            (b.ctx - self.a.ctx) as f64 / n.max(1) as f64,
            b.procs,
            self.a.pss_kb,
            b.pss_kb,
            (b.pss_kb as f64 - self.a.pss_kb as f64) * 1024.0 / n.max(1) as f64,
            g as f64 / d
        )
    }
}

pub fn report(name: &str, m: &Meter, st: &mut Stats, closed: usize) {
    println!(
        "{{\"name\":\"{name}\",\"n\":{},\"fail\":{},\"rexmit\":{},\"challenged\":{},\"stale\":{},\"closed\":{closed},\"secs\":{:.3},\"rate\":{:.1},{},\"p50_us\":{:.1},\"p99_us\":{:.1},\"codes\":\"{:?}\"}}",
        st.done,
        st.fail,
        st.rexmit,
        st.challenged,
        st.stale,
        st.secs,
        st.done as f64 / st.secs,
        m.end(st.done),
        pct(&mut st.lat, 0.5),
        pct(&mut st.lat, 0.99),
        st.codes
    );
}

pub fn main(kind: &str, a: &Args) {
    let target = a.addr("target");
    let users = a.num("users", 1000.0) as u32;
    let tp = match a.get("transport", "udp").as_str() {
        "tcp" => Tp::Tcp,
        "tls" => Tp::Tls,
        _ => Tp::Udp,
    };
    let pid = a.num("pid", 0.0) as i32;
    let net = match tp {
        Tp::Udp => {
            Net::udp(target, a.num("socks", 8.0) as usize, a.get("bind", "127.0.0.1").parse().unwrap())
        }
        _ => Net::streams(
            target,
            a.num("conns", 1000.0) as usize,
            if tp == Tp::Tls { Some(crate::net::tls_config(a.has("tls12"))) } else { None },
            64,
        ),
    };
    let mut e = Engine::new(net, users);
    let kindv = match kind {
        "register" => Kind::Register,
        "options" => Kind::Options,
        "message" => Kind::Message,
        _ => Kind::Invite,
    };
    let mk = |kind| Cfg {
        kind,
        domain: a.get("domain", "bench.test"),
        count: u64::MAX,
        window: a.num("window", 64.0) as usize,
        rate: 0.0,
        secs: 0.0,
        expires: a.num("expires", 3600.0) as u32,
        refresh: false,
        ring_only: false,
        hold_ms: 0,
    };
    let half = (users / 2).max(1);
    // set-up: callees (all users) registered through their own flow
    let reg_all = |e: &mut Engine, n: u32| {
        let mut c = mk(Kind::Register);
        c.count = n as u64;
        let st = e.go(&c, &|k| (k as u32, 0));
        if st.fail > 0 || st.done != n as u64 {
            eprintln!("set-up registrations: {} done, {} failed {:?}", st.done, st.fail, st.codes);
        }
    };
    let reg_order = |k: u64| ((k % users as u64) as u32, 0u32);
    let pair_order =
        |k: u64| ((k % half as u64) as u32, half + ((k.wrapping_mul(7919)) % half as u64) as u32);
    if kindv == Kind::Message || kindv == Kind::Invite {
        reg_all(&mut e, users);
    }
    let mut c = mk(kindv);
    c.refresh = a.has("refresh") || (kindv != Kind::Register && a.has("preauth"));
    if c.refresh && kindv == Kind::Register {
        reg_all(&mut e, users);
    }
    c.rate = a.num("rate", 0.0);
    c.ring_only = a.has("ring-only");
    c.hold_ms = a.num("hold-ms", 0.0) as i64;
    let order: &dyn Fn(u64) -> (u32, u32) = match kindv {
        Kind::Register | Kind::Options => &reg_order,
        _ => &pair_order,
    };
    let warm = a.num("warm", 0.0);
    if warm > 0.0 {
        let mut w = mk(kindv);
        w.refresh = c.refresh;
        w.secs = warm;
        e.go(&w, order);
    }
    c.secs = a.num("secs", 0.0);
    c.count = a.num("count", if c.secs > 0.0 { 1e15 } else { 10000.0 }) as u64;
    let m = Meter::start(pid);
    let mut st = e.go(&c, order);
    let closed = e.net.closed();
    report(&a.get("name", kind), &m, &mut st, closed);
}
