//! When a certificate is asked for, and how it stands.

use super::board::Board;
use super::{Challenge, Wanted, giver, order, source};
use crate::push::client::Client;
use crate::tls::proof::Proofs;
use crate::tls::{authority, certificate};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// It is looked at least this often whether one is due: clocks are set, machines sleep.
const LOOK_S: u64 = 3_600;
/// After the first failure; then twice as long each time.
const AGAIN_S: u64 = 60;
/// Authorities allow few failures of a name in an hour.
const AGAIN_S_MAX: u64 = 12 * 3_600;

/// For status, doctor and events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `None`: there is no certificate yet.
    pub ends_unix_s: Option<u64>,
    /// Of the last attempt, where it failed.
    pub failure: Option<String>,
}

/// Who tells how it stands now.
pub type Tell = Box<dyn Fn(&Standing) + Send + Sync>;

pub struct Keeping {
    pub data: PathBuf,
    pub wanted: Wanted,
    pub client: Arc<Client>,
    pub board: Arc<Board>,
    pub proofs: Arc<Proofs>,
    /// Browsers may come in clear, at a place of their own.
    pub has_plain: bool,
    pub standing: Arc<Mutex<Standing>>,
    /// After each attempt.
    pub tell: Tell,
    /// Anything; that many ask at once is what it keeps apart.
    pub random: fn() -> u64,
    pub now_unix_s: fn() -> u64,
}

/// Never ends by itself.
pub async fn keep(keeping: Keeping) {
    let mut failures = 0;
    // Of the attempt before, where that was made the other way.
    let mut before: Option<String> = None;
    loop {
        let now_s = (keeping.now_unix_s)();
        let life = life(&keeping.data, &keeping.wanted);
        note(&keeping, life, None);
        let due_s = life.map_or(now_s, |life| due_s(life, (keeping.random)()));
        let mut wait_s = due_s.saturating_sub(now_s).min(LOOK_S);
        if due_s <= now_s {
            let names = keeping.wanted.names.join(" ");
            let way = keeping.wanted.challenge.way(keeping.has_plain, failures);
            let shown = (way, &*keeping.board, &*keeping.proofs);
            match order::obtain(&keeping.data, &keeping.wanted, &keeping.client, shown).await {
                Ok(()) => {
                    (failures, before) = (0, None);
                    tracing::info!(names, "a certificate was given");
                    note(&keeping, self::life(&keeping.data, &keeping.wanted), Some(None));
                    wait_s = 1;
                }
                Err(why) => {
                    tracing::error!(
                        names,
                        why,
                        "no certificate was given; what is in use stays, and it is tried again"
                    );
                    let both = [before.take(), Some(why.clone())].into_iter().flatten().collect::<Vec<_>>();
                    note(&keeping, life, Some(Some(both.join("; "))));
                    before = (keeping.wanted.challenge == Challenge::Auto).then_some(why);
                    wait_s = again_s(failures, (keeping.random)());
                    failures += 1;
                }
            }
            let standing = keeping.standing.lock().clone();
            (keeping.tell)(&standing);
        }
        tokio::time::sleep(Duration::from_secs(wait_s.max(1))).await;
    }
}

/// `failure`: of an attempt, where there was one.
fn note(keeping: &Keeping, life: Option<Life>, failure: Option<Option<String>>) {
    let mut standing = keeping.standing.lock();
    standing.ends_unix_s = life.map(|life| life.ends_s);
    if let Some(failure) = failure {
        standing.failure = failure;
    }
}

#[derive(Clone, Copy)]
struct Life {
    begins_s: u64,
    ends_s: u64,
}

/// Of the certificate that there is, if it can be used, proves all names and is of the authority that is to be asked: one of a
/// staging authority is believed by nobody.
fn life(data: &Path, wanted: &Wanted) -> Option<Life> {
    if std::fs::read_to_string(giver(data)).ok()? != wanted.directory {
        return None;
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = certificate::load(&source(data), &provider).ok()?;
    let proves = wanted.names.iter().all(|name| certificate::proves(&key, name));
    let (begins, ends) = authority::validity(key.end_entity_cert().ok()?)?;
    let life = Life { begins_s: begins.try_into().ok()?, ends_s: ends.try_into().ok()? };
    proves.then_some(life)
}

/// At two thirds of its life, up to a twentieth earlier.
fn due_s(life: Life, random: u64) -> u64 {
    let whole = life.ends_s.saturating_sub(life.begins_s);
    let early = random % (whole / 20).max(1);
    (life.begins_s + whole / 3 * 2).saturating_sub(early)
}

/// Twice as long after each failure, up to a quarter more.
fn again_s(failures: u32, random: u64) -> u64 {
    let wait = AGAIN_S.saturating_mul(1 << failures.min(16)).min(AGAIN_S_MAX);
    wait + random % (wait / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_or_a_little_earlier() {
        let life = Life { begins_s: 1_000, ends_s: 1_000 + 90 * 86_400 };
        let (latest, earliest) = (1_000 + 60 * 86_400, 1_000 + 60 * 86_400 - 90 * 86_400 / 20);
        assert_eq!(due_s(life, 0), latest);
        for random in [1, 7_777_777, u64::MAX] {
            assert!((earliest..=latest).contains(&due_s(life, random)));
        }
    }

    #[test]
    fn a_certificate_of_another_authority_is_as_good_as_none() {
        let data = std::env::temp_dir().join(format!("coeur-test-acme-giver-{}", std::process::id()));
        std::fs::create_dir_all(crate::acme::folder(&data)).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["sip.example.org".to_owned()]).unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        coeur_storage::write_whole(&source(&data).key, key.serialize_pem().as_bytes(), 0o600).unwrap();
        std::fs::write(source(&data).chain, chain).unwrap();
        std::fs::write(giver(&data), "https://staging.example/dir").unwrap();
        let wanted = |directory: &str| Wanted {
            names: vec!["sip.example.org".to_owned()],
            directory: directory.to_owned(),
            contact: None,
            challenge: Challenge::Auto,
        };
        assert!(life(&data, &wanted("https://staging.example/dir")).is_some());
        assert!(life(&data, &wanted("https://real.example/dir")).is_none());
        // It is not known of whom: nothing was written of it, or not to the end.
        std::fs::remove_file(giver(&data)).unwrap();
        assert!(life(&data, &wanted("https://real.example/dir")).is_none());
        std::fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn who_was_refused_asks_again_later_each_time_and_twice_a_day_at_least() {
        assert_eq!([0, 1, 2].map(|failures| again_s(failures, 0)), [60, 120, 240]);
        assert_eq!(again_s(40, 0), 12 * 3_600);
        assert!(again_s(0, u64::MAX) < 75);
    }
}
