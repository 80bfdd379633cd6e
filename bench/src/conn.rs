//! TLS connection set-up rate and memory per idle connection.
use crate::Args;
use crate::net::{self, Net, Stream};
use crate::sip::{Meter, pct};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

pub fn handshake(a: &Args) {
    let target = a.addr("target");
    let count = a.num("count", 2000.0) as usize;
    let win = a.num("window", 32.0) as usize;
    let cfg = net::tls_config(a.has("tls12"));
    let ep = unsafe { libc::epoll_create1(0) };
    let mut slots: Vec<Option<(Stream, Instant)>> = (0..win).map(|_| None).collect();
    let m = Meter::start(a.num("pid", 0.0) as i32);
    let t0 = Instant::now();
    let (mut started, mut done, mut fail) = (0usize, 0u64, 0u64);
    let mut lat: Vec<u32> = Vec::new();
    while (done + fail) < count as u64 && t0.elapsed().as_secs() < 120 {
        for (i, s) in slots.iter_mut().enumerate() {
            if s.is_none() && started < count {
                started += 1;
                match net::tcp_connect(target, started) {
                    Ok(c) => {
                        net::epoll_add(ep, c.as_raw_fd(), i as u64);
                        let mut st = Stream::new(c, Some(&cfg));
                        st.flush();
                        *s = Some((st, Instant::now()));
                    }
                    Err(_) => fail += 1,
                }
            }
        }
        let mut ev: [libc::epoll_event; 64] = unsafe { std::mem::zeroed() };
        let n = unsafe { libc::epoll_wait(ep, ev.as_mut_ptr(), 64, 100) };
        for e in ev.iter().take(n.max(0) as usize) {
            let i = e.u64 as usize;
            if let Some((s, t)) = &mut slots[i] {
                s.fill();
                s.flush();
                let hs = s.tls.as_ref().unwrap().is_handshaking();
                if s.closed && hs {
                    fail += 1;
                    slots[i] = None;
                } else if !hs {
                    done += 1;
                    lat.push(t.elapsed().as_nanos().min(u32::MAX as u128) as u32);
                    slots[i] = None;
                }
            }
        }
    }
    let secs = t0.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(200));
    println!(
        "{{\"name\":\"{}\",\"n\":{done},\"fail\":{fail},\"secs\":{secs:.3},\"rate\":{:.1},{},\"p50_us\":{:.1},\"p99_us\":{:.1}}}",
        a.get("name", "handshake"),
        done as f64 / secs,
        m.end(done),
        pct(&mut lat, 0.5),
        pct(&mut lat, 0.99)
    );
}

/// Opens N idle connections and reads the growth of the server's memory.
pub fn idle(a: &Args) {
    let target = a.addr("target");
    let n = a.num("count", 5000.0) as usize;
    let tls = a.get("transport", "tls") == "tls";
    let slab = || -> u64 {
        std::fs::read_to_string("/proc/meminfo")
            .unwrap_or_default()
            .lines()
            .find(|l| l.starts_with("Slab:"))
            .and_then(|l| l.split_whitespace().nth(1))
            .and_then(|v| v.parse().ok())
            .unwrap_or(0)
    };
    let k0 = slab();
    let m = Meter::start(a.num("pid", 0.0) as i32);
    let t0 = Instant::now();
    let mut net = Net::streams(target, n, if tls { Some(net::tls_config(a.has("tls12"))) } else { None }, 32);
    let secs = t0.elapsed().as_secs_f64();
    let end = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < end {
        net.poll(50, &mut |_, _| {});
    }
    let open = n - net.closed();
    println!(
        "{{\"name\":\"{}\",\"n\":{open},\"fail\":{},\"secs\":{secs:.3},\"rate\":{:.1},{},\"kernel_slab_kb\":{}}}",
        a.get("name", "idle"),
        n - open,
        n as f64 / secs,
        m.end(open as u64),
        slab().saturating_sub(k0)
    );
}
