//! Phones, network, clock, crashes: seeded runs of the real exchange against what must hold. A failure names its seed;
//! `COEUR_SIM_SEED=<seed>` runs that one alone, `COEUR_SIM_SEEDS=<n>` runs more of them.

use coeur_sim::network::Weather;
use coeur_sim::run::{Outcome, Plan, run};

fn plan(seed: u64) -> Plan {
    Plan {
        seed,
        phones: 8,
        shards: 2,
        weather: Weather::FAIR,
        calls: 20,
        crashes: 0,
        disk_fails: false,
        busy_us: 60_000_000,
    }
}

fn each_seed(plan: impl Fn(u64) -> Plan, check: impl Fn(&Outcome)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds = match number("COEUR_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COEUR_SIM_SEEDS").unwrap_or(25),
    };
    for seed in seeds {
        let outcome = run(plan(seed));
        assert!(outcome.problems.is_empty(), "seed {seed}:\n{}", outcome.problems.join("\n"));
        check(&outcome);
    }
}

#[test]
fn in_fair_weather_every_call_is_answered_refused_or_cancelled() {
    each_seed(plan, |outcome| {
        assert_eq!(outcome.gave_up, 0);
        assert_eq!(outcome.answered + outcome.refused + outcome.cancelled, 20);
        assert!(outcome.answered > 0);
        assert_eq!(outcome.registrations, 8);
    });
}

#[test]
fn in_rough_weather_both_sides_of_a_call_agree_at_its_end() {
    each_seed(|seed| Plan { weather: Weather::ROUGH, ..plan(seed) }, |outcome| assert!(outcome.answered > 0));
}

#[test]
fn what_was_acknowledged_outlives_crashes() {
    each_seed(
        |seed| Plan { crashes: 4, weather: Weather::ROUGH, ..plan(seed) },
        |outcome| assert_eq!(outcome.registrations, 8),
    );
}

#[test]
fn a_full_disk_refuses_registrations_and_ends_no_call() {
    each_seed(|seed| Plan { disk_fails: true, ..plan(seed) }, |outcome| assert!(outcome.answered > 0));
}

#[test]
fn a_seed_gives_the_same_datagrams_again() {
    let fingerprint = |seed| run(Plan { weather: Weather::ROUGH, crashes: 2, ..plan(seed) }).fingerprint;
    assert_eq!(fingerprint(7), fingerprint(7));
    assert_ne!(fingerprint(7), fingerprint(8));
}

#[test]
fn what_was_acknowledged_after_a_full_disk_outlives_crashes() {
    each_seed(|seed| Plan { disk_fails: true, crashes: 4, ..plan(seed) }, |_| ());
}

/// A 200 that became a 503 is remembered as a 200 (see `exchange::dispatch`). When the 503 is lost and the REGISTER comes
/// again, that 200 may leave only once a snapshot holds what the failed group did not.
#[test]
fn a_repeated_register_hears_of_nothing_that_a_full_disk_has_lost() {
    each_seed(|seed| Plan { disk_fails: true, crashes: 4, weather: Weather::ROUGH, ..plan(seed) }, |_| ());
}
