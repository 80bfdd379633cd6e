//! By which address of ours a host is reached, remembered for a moment: asking the system takes a socket each time, and many
//! calls come from the same few hosts.

use super::socket;
use coeur_sip::time::Monotonic;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The last hosts that were asked for; 48 bytes each.
const HOSTS_MAX: usize = 32;
/// A route that has changed is noticed after this at the latest.
const REMEMBERED: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Ways {
    /// In a ring.
    hosts: Vec<Way>,
    next: usize,
}

struct Way {
    host: IpAddr,
    local: IpAddr,
    until: Monotonic,
}

impl Ways {
    pub(super) fn towards(&mut self, host: IpAddr, now: Monotonic) -> io::Result<IpAddr> {
        self.look(host, now, socket::towards)
    }

    fn look(
        &mut self,
        host: IpAddr,
        now: Monotonic,
        ask: impl Fn(IpAddr) -> io::Result<IpAddr>,
    ) -> io::Result<IpAddr> {
        let known = self.hosts.iter().position(|way| way.host == host);
        if let Some(way) = known.and_then(|at| self.hosts.get(at)).filter(|way| !way.until.is_due(now)) {
            return Ok(way.local);
        }
        let way = Way { host, local: ask(host)?, until: now + REMEMBERED };
        let local = way.local;
        let at = known.unwrap_or(self.next);
        match self.hosts.get_mut(at) {
            Some(place) => *place = way,
            None => self.hosts.push(way),
        }
        if known.is_none() {
            self.next = (self.next + 1) % HOSTS_MAX;
        }
        Ok(local)
    }

    /// The address is none of ours any more: the next call asks again.
    pub(super) fn forget(&mut self) {
        self.hosts.clear();
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_host_is_asked_for_once_in_a_while_and_again_after_it() {
        let (mut ways, asked) = (Ways::default(), Cell::new(0));
        let look = |ways: &mut Ways, host: u8, at_s: u64| {
            let ask = |_| {
                asked.set(asked.get() + 1);
                Ok([10, 0, 0, asked.get()].into())
            };
            ways.look([192, 0, 2, host].into(), Monotonic::from_secs(at_s), ask).unwrap()
        };
        let first = look(&mut ways, 1, 100);
        assert_eq!(look(&mut ways, 1, 104), first);
        assert_ne!(look(&mut ways, 1, 105), first, "it may have changed");
        for host in 2..=40 {
            look(&mut ways, host, 105);
        }
        assert_eq!(asked.get(), 41);
        look(&mut ways, 40, 106);
        assert_eq!((asked.get(), ways.hosts.len()), (41, HOSTS_MAX));
        ways.forget();
        look(&mut ways, 40, 106);
        assert_eq!(asked.get(), 42);
    }

    #[test]
    fn what_cannot_be_reached_is_not_remembered() {
        let mut ways = Ways::default();
        let now = Monotonic::from_secs(1);
        let host = [192, 0, 2, 1].into();
        assert!(ways.look(host, now, |_| Err(io::ErrorKind::NetworkUnreachable.into())).is_err());
        assert!(ways.look(host, now, Ok).is_ok());
    }
}
