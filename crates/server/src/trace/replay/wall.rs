//! A place of its own for a replay: a network namespace with nothing but a loopback, where every address is at home.
//!
//! Phones and server have the addresses there that they had in the trace. No packet leaves: a server that would call another
//! domain, wake a phone or tell somebody else of an event reaches nobody, nor whoever resolves names for it (network_namespaces(7),
//! user_namespaces(7)).

use std::ffi::{CStr, OsStr};
use std::fs;
use std::io::{self, Error, ErrorKind};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const LOOPBACK: &CStr = c"lo";
/// Sockets of this machine behind which somebody resolves names for programs: they are files, which a network does not close.
const RESOLVERS: [&CStr; 3] =
    [c"/run/systemd/resolve/io.systemd.Resolve", c"/run/nscd/socket", c"/run/avahi-daemon/socket"];

/// Shuts this process in, for good. It must have one thread; what it has open already stays open.
pub fn shut_in() -> io::Result<()> {
    enter()?;
    RESOLVERS.into_iter().try_for_each(hide)?;
    raise_loopback()?;
    for family in [libc::AF_INET, libc::AF_INET6] {
        match own_all_addresses(family) {
            // A machine without IPv6 has no traces with it.
            Err(_) if family == libc::AF_INET6 => {}
            other => other?,
        }
    }
    // That a socket may have an IPv6 address which no interface has; those of IPv4 are taken for ours by the route.
    let _ = fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1");
    Ok(())
}

/// Who may not make a network alone may make one with users of its own, where the system lets everybody.
fn enter() -> io::Result<()> {
    // SAFETY: these ask the kernel and touch no memory.
    let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
    let own = libc::CLONE_NEWNET | libc::CLONE_NEWNS;
    // SAFETY: no memory is involved; what changes is which network and which mounts this process has.
    if unsafe { libc::unshare(own) } == 0 {
        return Ok(());
    }
    // SAFETY: as before.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER | own) } != 0 {
        return Err(Error::last_os_error());
    }
    // Inside as outside, so that files are ours there too.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Whoever asks at this socket from inside is refused; outside it is as it was (mount_namespaces(7)).
pub fn hide(socket: &CStr) -> io::Result<()> {
    // What cannot be seen cannot be asked.
    if !Path::new(OsStr::from_bytes(socket.to_bytes())).exists() {
        return Ok(());
    }
    let mount = |from: &CStr, to: &CStr, flags| {
        // SAFETY: the kernel reads names, which end with a zero, and neither kind nor data.
        match unsafe { libc::mount(from.as_ptr(), to.as_ptr(), std::ptr::null(), flags, std::ptr::null()) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    };
    // What is mounted here is to be seen from nowhere else.
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
    mount(c"/dev/null", socket, libc::MS_BIND)
}

fn raise_loopback() -> io::Result<()> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    // SAFETY: a structure of numbers and bytes, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(LOOPBACK.to_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads the structure, whose name ends with a zero.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) };
    if done == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

/// `ip route add local default dev lo`: whatever is sent arrives here (rtnetlink(7)).
fn own_all_addresses(family: i32) -> io::Result<()> {
    // SAFETY: the name ends with a zero.
    let loopback = unsafe { libc::if_nametoindex(LOOPBACK.as_ptr()) };
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16;
    let mut request = Vec::new();
    request.extend(0u32.to_ne_bytes());
    request.extend(libc::RTM_NEWROUTE.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    // struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
    let (table, protocol, scope) = (libc::RT_TABLE_LOCAL, libc::RTPROT_STATIC, libc::RT_SCOPE_HOST);
    request.extend([family as u8, 0, 0, 0, table, protocol, scope, libc::RTN_LOCAL, 0, 0, 0, 0]);
    request.extend(8u16.to_ne_bytes());
    request.extend(libc::RTA_OIF.to_ne_bytes());
    request.extend(loopback.to_ne_bytes());
    let length = request.len() as u32;
    request[..4].copy_from_slice(&length.to_ne_bytes());

    let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    // SAFETY: the kernel reads as many bytes as there are.
    let sent = unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 {
        return Err(Error::last_os_error());
    }
    let mut answer = [0u8; 1_024];
    // SAFETY: the kernel writes no more than the buffer has.
    let length = unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0) };
    // An error message is a head of 16 bytes and the negated number, zero for none.
    let at = size_of::<libc::nlmsghdr>();
    match (length, answer.get(at..at + 4)) {
        (20.., Some(&[a, b, c, d])) => match i32::from_ne_bytes([a, b, c, d]) {
            0 => Ok(()),
            number => Err(Error::from_raw_os_error(-number)),
        },
        (_, _) => Err(Error::new(ErrorKind::InvalidData, "the kernel did not answer about a route")),
    }
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let descriptor = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: it was just opened, and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
