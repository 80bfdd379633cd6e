//! What the journal holds of live calls, for snapshots: the last piece of each, as it was written (decision 0018).
//!
//! Each shard writes the pieces of its calls here before it appends them, so a snapshot that begins after the journal has
//! turned to a new segment has all that the segments before it had. Worst-case memory: some 5 kB for a call of two phones, as
//! much again as the call itself.
//!
//! Pieces are sealed (AES-256-GCM-SIV) under a key that is derived from those of the installation: who gets hold of the
//! journal alone, in a backup or on a disk that was thrown away, hears no call. Who gets the keys too can, as long as the
//! segments are there; they go with the second snapshot after them.

use crate::mint::Mint;
use crate::record::TEXT_BYTES_MAX;
use crate::record::calls::{self, Key, Written};
use crate::world::Secrets;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use zeroize::Zeroizing;

pub struct KeptCalls {
    /// `None` when the system gives no key: nothing is kept then.
    key: Option<LessSafeKey>,
    /// Of digests, which mean something in this process only.
    hashes: hashbrown::DefaultHashBuilder,
    /// By the shard that owns the call.
    live: Vec<Mutex<BTreeMap<Key, Entry>>>,
    /// Records of calls that are over and not committed.
    ended: Mutex<BTreeMap<Key, Entry>>,
}

struct Entry {
    written: Written,
    /// Of the plain bytes: what has not changed is not written again.
    digest: u64,
    sealed: Box<[u8]>,
}

/// A shard has 6 bits.
const SHARDS_MAX: usize = 64;
/// Records that wait until they are committed; while a disk refuses them for so long the later ones are not kept. About 600
/// bytes each, 40 MB.
const ENDED_MAX: usize = 65_536;

impl KeptCalls {
    pub fn new(secrets: &Secrets) -> Self {
        let parent = hmac::Key::new(hmac::HMAC_SHA256, &secrets.route);
        let derived = hmac::sign(&parent, b"coeur calls in the journal");
        Self {
            key: UnboundKey::new(&AES_256_GCM_SIV, derived.as_ref()).ok().map(LessSafeKey::new),
            hashes: hashbrown::DefaultHashBuilder::default(),
            live: (0..SHARDS_MAX).map(|_| Mutex::default()).collect(),
            ended: Mutex::default(),
        }
    }

    /// Keeps a piece, and adds it to the entry that is being written unless it is kept as it is.
    pub(crate) fn set(
        &self,
        mint: &mut Mint,
        key: Key,
        (written, plain): (Written, &[u8]),
        entry: &mut Vec<u8>,
    ) {
        let digest = self.digest(plain);
        let mut pieces = self.pieces(usize::from(mint.shard().0), key).lock();
        if pieces.get(&key).is_some_and(|kept| kept.digest == digest) {
            return;
        }
        if matches!(key, Key::Ended(_)) && pieces.len() >= ENDED_MAX {
            return;
        }
        let Some(sealed) = self.seal(mint, key, plain) else { return };
        // What could not be read again: many candidates of ICE. The piece before it stands.
        if sealed.len() > TEXT_BYTES_MAX {
            return;
        }
        if entry.is_empty() {
            calls::begin(entry, &written);
        }
        calls::set(entry, key, &sealed);
        pieces.insert(key, Entry { written, digest, sealed });
    }

    /// A piece is no more, and the entry says so, if it was kept.
    pub(crate) fn forget(&self, shard: usize, key: Key, written: Written, entry: &mut Vec<u8>) {
        if self.pieces(shard, key).lock().remove(&key).is_some() {
            if entry.is_empty() {
                calls::begin(entry, &written);
            }
            calls::gone(entry, key);
        }
    }

    /// Records are committed: an entry of the journal that says so, empty when there is nothing to say.
    pub fn committed(
        &self,
        ids: impl Iterator<Item = crate::call_record::CallRecordId>,
        written: Written,
    ) -> Vec<u8> {
        let mut entry = Vec::new();
        ids.for_each(|id| self.forget(0, Key::Ended(id.0), written, &mut entry));
        entry
    }

    /// A piece that the journal had; when it is written next it is written anew.
    pub(crate) fn adopt(&self, shard: usize, key: Key, written: Written, sealed: Box<[u8]>) {
        self.pieces(shard, key).lock().insert(key, Entry { written, digest: 0, sealed });
    }

    /// All pieces as entries, for a snapshot.
    pub fn dump(&self, emit: &mut dyn FnMut(&[u8])) {
        let mut entry = Vec::new();
        for pieces in self.live.iter().chain([&self.ended]) {
            let mut after = None;
            while let Some(last) = page(pieces, after, &mut entry, emit) {
                after = Some(last);
            }
        }
    }

    /// Pieces that are kept now: of live calls, and records.
    pub fn count(&self) -> (usize, usize) {
        (self.live.iter().map(|pieces| pieces.lock().len()).sum(), self.ended.lock().len())
    }

    pub(crate) fn open(&self, key: Key, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.key.as_ref()?.open_in_place(nonce, Aad::from(key.context()), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }

    fn seal(&self, mint: &mut Mint, key: Key, plain: &[u8]) -> Option<Box<[u8]>> {
        let mut nonce = [0; NONCE_LEN];
        mint.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + 16);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let body = &mut sealed[NONCE_LEN..];
        let sealing = self.key.as_ref()?;
        let tag = sealing.seal_in_place_separate_tag(nonce, Aad::from(key.context()), body).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed.into())
    }

    /// Never 0, which is what a piece has that was not written here.
    fn digest(&self, plain: &[u8]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(plain);
        hasher.finish() | 1
    }

    fn pieces(&self, shard: usize, key: Key) -> &Mutex<BTreeMap<Key, Entry>> {
        match key {
            Key::Call(_) | Key::Leg(_) | Key::Media(_) => &self.live[shard % SHARDS_MAX],
            Key::Ended(_) => &self.ended,
        }
    }
}

/// Pieces for which the lock is held, some 100 microseconds.
const PAGE: usize = 256;

fn page(
    pieces: &Mutex<BTreeMap<Key, Entry>>,
    after: Option<Key>,
    entry: &mut Vec<u8>,
    emit: &mut dyn FnMut(&[u8]),
) -> Option<Key> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = after.map_or(Unbounded, Excluded);
    let page: Vec<(Key, Written, Box<[u8]>)> = pieces
        .lock()
        .range((from, Unbounded))
        .take(PAGE)
        .map(|(key, kept)| (*key, kept.written, kept.sealed.clone()))
        .collect();
    for (key, written, sealed) in &page {
        entry.clear();
        calls::begin(entry, written);
        calls::set(entry, *key, sealed);
        emit(entry);
    }
    page.last().map(|(key, ..)| *key)
}
