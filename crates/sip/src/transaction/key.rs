//! Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3).
//!
//! A key is a 128-bit keyed hash of what the sections compare. The seed is secret, so nobody can make two
//! transactions meet, and by chance 2**32 transactions meet with a probability under 2**-64: equal keys are
//! the same transaction, and no text is kept to compare.

use super::siphash::SipHash128;
use std::hash::{BuildHasherDefault, Hasher};

/// Identifies one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionKey(pub [u64; 2]);

impl std::hash::Hash for TransactionKey {
    /// Half of the key is hash enough: use it with [`PassThroughHasher`].
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// For maps by [`TransactionKey`], whose bits are uniform already.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassThroughHasher(u64);

/// The third parameter of a `HashMap` by [`TransactionKey`].
pub type PassThrough = BuildHasherDefault<PassThroughHasher>;

impl Hasher for PassThroughHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

/// What RFC 2543 clients, whose branch lacks the magic cookie, are matched by (section 17.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Rfc2543<'a> {
    pub request_uri: &'a [u8],
    pub from_tag: &'a [u8],
    /// Empty when there is none. Not compared for INVITE and ACK, as the ACK carries the tag of our answer:
    /// the owner compares that tag with the one it sent.
    pub to_tag: &'a [u8],
    pub call_id: &'a [u8],
    pub cseq_number: u32,
    /// The whole value of the topmost Via.
    pub top_via: &'a [u8],
}

/// Makes keys. One seed for the life of the process.
#[derive(Clone, Copy)]
pub struct KeyHasher {
    k0: u64,
    k1: u64,
}

impl KeyHasher {
    pub fn new(seed: [u8; 16]) -> KeyHasher {
        let [k0, k1] = [0, 8].map(|at| {
            let mut word = [0; 8];
            word.copy_from_slice(&seed[at..at + 8]);
            u64::from_le_bytes(word)
        });
        KeyHasher { k0, k1 }
    }

    /// A received request with a branch that has the magic cookie: branch, sent-by and method, an ACK counting
    /// as the INVITE (section 17.2.3). `sent_by` is host and port as written.
    pub fn server(&self, branch: &[u8], sent_by: &[u8], method: &[u8]) -> TransactionKey {
        let mut hash = self.begin(b'S');
        part(&mut hash, branch);
        part_in_lower_case(&mut hash, sent_by);
        part(&mut hash, class(method));
        TransactionKey(hash.finish())
    }

    /// As [`KeyHasher::server`], but only for requests of one source and CSeq number.
    pub fn server_of_source(
        &self,
        branch: &[u8],
        sent_by: &[u8],
        method: &[u8],
        source: &[u8],
        cseq_number: u32,
    ) -> TransactionKey {
        let mut hash = self.begin(b'F');
        part(&mut hash, branch);
        part_in_lower_case(&mut hash, sent_by);
        part(&mut hash, class(method));
        part(&mut hash, source);
        hash.write_u32(cseq_number);
        TransactionKey(hash.finish())
    }

    /// A received request without the magic cookie.
    pub fn server_rfc2543(&self, parts: &Rfc2543<'_>, method: &[u8]) -> TransactionKey {
        let class = class(method);
        let mut hash = self.begin(b'2');
        part(&mut hash, parts.request_uri);
        part(&mut hash, parts.from_tag);
        part(&mut hash, if class == b"INVITE" { b"" } else { parts.to_tag });
        part(&mut hash, parts.call_id);
        hash.write_u32(parts.cseq_number);
        part(&mut hash, parts.top_via);
        part(&mut hash, class);
        TransactionKey(hash.finish())
    }

    /// A received response, or the request that we send: branch of the topmost Via and CSeq method
    /// (section 17.1.3).
    pub fn client(&self, branch: &[u8], cseq_method: &[u8]) -> TransactionKey {
        let mut hash = self.begin(b'C');
        part(&mut hash, branch);
        part(&mut hash, cseq_method);
        TransactionKey(hash.finish())
    }

    fn begin(&self, domain: u8) -> SipHash128 {
        let mut hash = SipHash128::new(self.k0, self.k1);
        hash.write_byte(domain);
        hash
    }
}

fn class(method: &[u8]) -> &[u8] {
    if method == b"ACK" { b"INVITE" } else { method }
}

/// Adds a part and its length, so that no two lists of parts read alike.
fn part(hash: &mut SipHash128, bytes: &[u8]) {
    hash.write(bytes);
    hash.write_u32(bytes.len() as u32);
}

/// Host names differ in case only for the eye (section 19.1.4).
fn part_in_lower_case(hash: &mut SipHash128, bytes: &[u8]) {
    let mut lower = [0; 64];
    for piece in bytes.chunks(lower.len()) {
        let lower = &mut lower[..piece.len()];
        lower.copy_from_slice(piece);
        lower.make_ascii_lowercase();
        hash.write(lower);
    }
    hash.write_u32(bytes.len() as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: KeyHasher = KeyHasher { k0: 1, k1: 2 };
    const BRANCH: &[u8] = b"z9hG4bKabc";

    fn invite() -> TransactionKey {
        KEYS.server(BRANCH, b"phone.example:5060", b"INVITE")
    }

    #[test]
    fn an_ack_belongs_to_its_invite_and_a_cancel_is_its_own_transaction() {
        assert_eq!(KEYS.server(BRANCH, b"phone.example:5060", b"ACK"), invite());
        assert_ne!(KEYS.server(BRANCH, b"phone.example:5060", b"CANCEL"), invite());
    }

    #[test]
    fn branch_and_sent_by_and_method_all_count() {
        assert_ne!(KEYS.server(b"z9hG4bKabd", b"phone.example:5060", b"INVITE"), invite());
        assert_ne!(KEYS.server(BRANCH, b"phone.example:5062", b"INVITE"), invite());
        assert_ne!(KEYS.server(BRANCH, b"phone.example:5060", b"OPTIONS"), invite());
        assert_eq!(KEYS.server(BRANCH, b"PHONE.example:5060", b"INVITE"), invite());
        assert_ne!(KeyHasher::new([7; 16]).server(BRANCH, b"phone.example:5060", b"INVITE"), invite());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(KEYS.server(b"z9hG4bKa", b"bc", b"INVITE"), KEYS.server(b"z9hG4bKab", b"c", b"INVITE"));
    }

    #[test]
    fn a_response_matches_by_branch_and_cseq_method() {
        assert_eq!(KEYS.client(BRANCH, b"INVITE"), KEYS.client(BRANCH, b"INVITE"));
        assert_ne!(KEYS.client(BRANCH, b"INVITE"), KEYS.client(BRANCH, b"CANCEL"));
    }

    #[test]
    fn an_rfc2543_ack_matches_its_invite_though_it_carries_a_to_tag() {
        let invite = Rfc2543 {
            request_uri: b"sip:a@b",
            from_tag: b"1",
            to_tag: b"",
            call_id: b"x",
            cseq_number: 7,
            top_via: b"SIP/2.0/UDP h;branch=1",
        };
        let ack = Rfc2543 { to_tag: b"ours", ..invite };
        assert_eq!(KEYS.server_rfc2543(&ack, b"ACK"), KEYS.server_rfc2543(&invite, b"INVITE"));
        assert_ne!(KEYS.server_rfc2543(&ack, b"BYE"), KEYS.server_rfc2543(&invite, b"BYE"));
        let other = Rfc2543 { cseq_number: 8, ..invite };
        assert_ne!(KEYS.server_rfc2543(&other, b"INVITE"), KEYS.server_rfc2543(&invite, b"INVITE"));
    }
}
