//! CPU and memory of a whole process tree, read from /proc.
use std::collections::HashMap;
use std::fs;

#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// on-CPU time, ns (sum of /proc/PID/task/*/schedstat; stat ticks if absent)
    pub cpu_ns: u64,
    /// user and system time, ns, at tick granularity (/proc/PID/stat)
    pub user_ns: u64,
    pub sys_ns: u64,
    /// proportional set size, kB, summed over the tree
    pub pss_kb: u64,
    pub procs: u64,
    pub ctx: u64,
}

fn ppids() -> HashMap<i32, Vec<i32>> {
    let mut m: HashMap<i32, Vec<i32>> = HashMap::new();
    if let Ok(d) = fs::read_dir("/proc") {
        for e in d.flatten() {
            let Ok(pid) = e.file_name().to_string_lossy().parse::<i32>() else { continue };
            if let Ok(s) = fs::read_to_string(format!("/proc/{pid}/stat"))
                && let Some(p) = s.rfind(')')
            {
                let f: Vec<&str> = s[p + 2..].split(' ').collect();
                if let Ok(pp) = f[1].parse::<i32>() {
                    m.entry(pp).or_default().push(pid);
                }
            }
        }
    }
    m
}

pub fn tree(root: i32) -> Vec<i32> {
    let m = ppids();
    let mut out = vec![root];
    let mut i = 0;
    while i < out.len() {
        if let Some(c) = m.get(&out[i]) {
            out.extend(c);
        }
        i += 1;
    }
    out
}

pub fn usage(pids: &[i32], mem: bool) -> Usage {
    let tick = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64;
    let mut u = Usage::default();
    for &pid in pids {
        let mut sched = 0u64;
        let mut have = false;
        if let Ok(d) = fs::read_dir(format!("/proc/{pid}/task")) {
            for t in d.flatten() {
                if let Ok(s) = fs::read_to_string(t.path().join("schedstat")) {
                    let mut it = s.split_whitespace();
                    if let Some(v) = it.next().and_then(|v| v.parse::<u64>().ok()) {
                        sched += v;
                        have = true;
                    }
                    it.next();
                    if let Some(v) = it.next().and_then(|v| v.parse::<u64>().ok()) {
                        u.ctx += v;
                    }
                }
            }
        }
        let mut ut = 0;
        let mut st = 0;
        if let Ok(s) = fs::read_to_string(format!("/proc/{pid}/stat"))
            && let Some(p) = s.rfind(')')
        {
            let f: Vec<&str> = s[p + 2..].split(' ').collect();
            ut = f[11].parse::<u64>().unwrap_or(0) * 1_000_000_000 / tick;
            st = f[12].parse::<u64>().unwrap_or(0) * 1_000_000_000 / tick;
            u.procs += 1;
        }
        u.user_ns += ut;
        u.sys_ns += st;
        u.cpu_ns += if have { sched } else { ut + st };
        if mem && let Ok(s) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            for l in s.lines() {
                if let Some(r) = l.strip_prefix("Pss:") {
                    u.pss_kb += r.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0);
                }
            }
        }
    }
    u
}
