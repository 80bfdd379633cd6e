//! Which of several failures goes back to the caller (RFC 3261 section 16.7 step 6).

/// A final answer of 300 to 699, ready to be forwarded.
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) bytes: Box<[u8]>,
}

/// True when `new` is to be preferred: a 6xx before all, then the lowest class, within 4xx those that tell the
/// caller how to do better, 503 after the rest of its class.
pub(crate) fn is_better(new: u16, old: u16) -> bool {
    rank(new) < rank(old)
}

fn rank(status: u16) -> (u16, u16) {
    match status {
        600.. => (0, 0),
        401 | 407 | 415 | 420 | 484 => (4, 0),
        // Of what remains in 4xx a word of the user says more than our own timeout or a dead flow.
        408 | 430 | 487 => (4, 2),
        503 => (5, 1),
        _ => (status / 100, if status / 100 == 4 { 1 } else { 0 }),
    }
}

/// Section 16.7 step 7: the challenges of `other` join those of `best`, so that the caller can answer all.
pub(super) fn aggregate(best: &mut Failure, other: &[u8]) {
    let Some(end) = memchr::memmem::find(&best.bytes, b"\r\n\r\n") else { return };
    let mut joined = Vec::with_capacity(best.bytes.len() + 256);
    joined.extend_from_slice(&best.bytes[..end + 2]);
    let head = memchr::memmem::find(other, b"\r\n\r\n").map_or(other, |end| &other[..end]);
    for line in head.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"WWW-Authenticate:") || line.starts_with(b"Proxy-Authenticate:") {
            joined.extend_from_slice(line);
            joined.extend_from_slice(b"\r\n");
        }
    }
    joined.extend_from_slice(&best.bytes[end + 2..]);
    best.bytes = joined.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 section 16.7 step 6.
    #[test]
    fn the_best_failure_is_6xx_then_the_lowest_class_then_the_most_telling() {
        for (better, worse) in
            [(603, 302), (302, 404), (404, 500), (407, 404), (486, 408), (480, 503), (500, 503), (484, 486)]
        {
            assert!(is_better(better, worse), "{better} before {worse}");
            assert!(!is_better(worse, better), "{worse} not before {better}");
        }
    }

    /// RFC 3261 section 16.7 step 7.
    #[test]
    fn challenges_of_all_branches_reach_the_caller() {
        let mut best =
            Failure { status: 407, bytes: (*b"SIP/2.0 407 x\r\nProxy-Authenticate: a\r\n\r\n").into() };
        aggregate(&mut best, b"SIP/2.0 401 x\r\nWWW-Authenticate: b\r\nTo: c\r\n\r\n");
        assert_eq!(&*best.bytes, b"SIP/2.0 407 x\r\nProxy-Authenticate: a\r\nWWW-Authenticate: b\r\n\r\n");
    }
}
