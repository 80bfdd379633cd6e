//! What this machine is called: the addresses of its interfaces and its names. Nothing is resolved, nothing is sent.

use coeur_exchange::machine::{ADDRESSES_MAX, Found};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// In a steady order, so that two looks at an unchanged machine are equal.
pub fn look() -> Found {
    let mut addresses = addresses();
    addresses.sort_unstable();
    addresses.dedup();
    let mut names: Vec<Box<str>> = vec!["localhost".into()];
    if let Some(name) = host_name() {
        let short = name.split('.').next().unwrap_or_default();
        // By multicast a host has its first label in `local` (RFC 6762 section 3).
        names.extend([format!("{short}.local").into(), short.into(), name.as_str().into()]);
    }
    names.retain(|name| !name.is_empty() && !name.starts_with('.'));
    Found { addresses, names }
}

fn addresses() -> Vec<IpAddr> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call writes a pointer into the variable that we own.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: each pointer is null or an entry of the list, which lives until it is freed below.
    while let Some(entry) = unsafe { next.as_ref() }
        && found.len() < ADDRESSES_MAX
    {
        // SAFETY: the address of an entry is null or as large as its family says.
        found.extend(unsafe { address(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: the list is ours, and nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    found
}

/// # Safety
/// `name` is null or points to a socket address as large as its family says.
unsafe fn address(name: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: not null, and every socket address begins with its family.
    let family = i32::from(unsafe { name.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: it has the size of its family; the kernel aligns it.
            let name = unsafe { &*name.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*name.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(name.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

fn host_name() -> Option<String> {
    let mut name = [0u8; 256];
    // SAFETY: the call writes at most the length given into the array that we own.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0 {
        return None;
    }
    let end = name.iter().position(|byte| *byte == 0)?;
    String::from_utf8(name[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_and_the_address_that_we_send_from_are_found_and_so_is_our_name() {
        let found = look();
        assert!(found.addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{found:?}");
        let routed = crate::net::listen::local_address(false);
        assert!(found.addresses.contains(&routed), "{routed} of {found:?}");
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
        assert!(found.names.iter().any(|name| **name == *kernel.trim()), "{found:?}");
        assert_eq!(look(), found);
    }
}
