//! Handshakes of TLS that phones broke off: from where, and what that means for a phone that is being connected. The shards
//! note them, the upkeep thread takes them.

use crate::tls::Failure;
use coeur_provisioning::TlsFault;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// In a second, about 20 bytes each; what is more says nothing new.
const NOTES_MAX: usize = 64;

static NOTES: Mutex<Vec<(IpAddr, TlsFault)>> = Mutex::new(Vec::new());

/// A client gave up, or nothing is in common with it.
pub fn note(source: IpAddr, failure: Failure) {
    let fault = match failure {
        Failure::Refused => TlsFault::Untrusted,
        Failure::Expired => TlsFault::Expired,
        Failure::Incompatible | Failure::Alert => TlsFault::Other,
        // What is no TLS is no phone of ours, and whom we do not believe is told elsewhere.
        Failure::NotTls | Failure::Untrusted | Failure::Other => return,
    };
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    let source = source.to_canonical();
    if notes.len() < NOTES_MAX && !notes.contains(&(source, fault)) {
        notes.push((source, fault));
    }
}

pub fn take() -> Vec<(IpAddr, TlsFault)> {
    std::mem::take(&mut *NOTES.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_that_were_broken_off_are_kept_once_each_and_never_many() {
        let source = |n: u8| IpAddr::from([198, 51, 100, n]);
        note(source(1), Failure::Refused);
        note(source(1), Failure::Refused);
        note(source(1), Failure::NotTls);
        (2..200).for_each(|n| note(source(n), Failure::Expired));
        let ours: Vec<_> =
            take().into_iter().filter(|(from, _)| from.to_string().starts_with("198.51.100.")).collect();
        assert!(ours.len() <= NOTES_MAX);
        assert_eq!(ours[..2], [(source(1), TlsFault::Untrusted), (source(2), TlsFault::Expired)]);
        assert!(!take().contains(&ours[0]));
    }
}
