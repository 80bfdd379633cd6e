//! `coeur-bench`: loads a SIP server from this machine and reads the CPU time and memory of its whole process tree, so
//! that a multi-process server and a threaded one compare fairly. `bench/compare` runs it against us and the peer in
//! turn. A development tool: it stops with a message on bad arguments, and only talks to loopback unless told otherwise.

mod conn;
mod digest;
mod hot;
mod net;
mod proc;
mod rtp;
mod sip;
mod table;
use std::collections::HashMap;

pub struct Args(HashMap<String, String>);
impl Args {
    pub fn get(&self, k: &str, d: &str) -> String {
        self.0.get(k).cloned().unwrap_or(d.into())
    }
    pub fn has(&self, k: &str) -> bool {
        self.0.contains_key(k)
    }
    pub fn num(&self, k: &str, d: f64) -> f64 {
        self.0.get(k).map(|v| v.parse().unwrap_or_else(|_| panic!("--{k}: not a number: {v}"))).unwrap_or(d)
    }
    pub fn addr(&self, k: &str) -> std::net::SocketAddr {
        let a: std::net::SocketAddr =
            self.get(k, "127.0.0.1:5060").parse().unwrap_or_else(|_| panic!("--{k} wants IP:PORT"));
        assert!(
            a.ip().is_loopback() || self.has("not-loopback"),
            "--{k}: only 127.0.0.0/8 unless --not-loopback"
        );
        a
    }
}

fn main() {
    let v: Vec<String> = std::env::args().skip(1).collect();
    let mut m = HashMap::new();
    let mut i = 1;
    while i < v.len() {
        let k = v[i].trim_start_matches("--").to_string();
        if i + 1 < v.len() && !v[i + 1].starts_with("--") {
            m.insert(k, v[i + 1].clone());
            i += 2;
        } else {
            m.insert(k, "1".into());
            i += 1;
        }
    }
    let a = Args(m);
    unsafe {
        let want = libc::rlimit { rlim_cur: 200_000, rlim_max: 200_000 };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &want) != 0 {
            let mut r = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut r);
            r.rlim_cur = r.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &r);
        }
    }
    match v.first().map(|s| s.as_str()).unwrap_or("") {
        k @ ("register" | "options" | "message" | "invite") => sip::main(k, &a),
        "handshake" => conn::handshake(&a),
        "rtp" => rtp::main(&a),
        "convert" => rtp::convert(&a),
        "media-host" => rtp::host(&v[1..]),
        "idle" => conn::idle(&a),
        "usage" => println!("{:?}", proc::usage(&proc::tree(a.num("pid", 0.0) as i32), true)),
        "users" => users(&v[1..]),
        "table" => table::main(&v[1..]),
        "hot" => hot::main(&v[1..]),
        x => {
            eprintln!(
                "unknown command '{x}': register options message invite rtp handshake idle usage users table hot"
            );
            std::process::exit(2)
        }
    }
}

/// `users COUNT DOMAIN`: the accounts of the benchmark as the CSV of `coeur account import`.
fn users(args: &[String]) {
    let count: u32 = args.first().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let domain = args.get(1).map_or("bench.test", |d| d.as_str());
    let mut out = String::from("account,secret\n");
    for i in 0..count {
        let user = sip::user(i);
        out.push_str(&format!("{user}@{domain},pw-{user}\n"));
    }
    print!("{out}");
}
