//! Business phones over a bad network: each scene comes to its end, media is linked rightly, and nothing is left. A failure
//! names its seed; `COEUR_SIM_SEED=<seed>` runs that one alone, `COEUR_SIM_SEEDS=<n>` runs more of them.

use coeur_sim::business::{SCENES, Scene, play};
use coeur_sim::network::Weather;

fn each_seed(seeds: u64, scenes: &[Scene], weather: Weather) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("COEUR_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COEUR_SIM_SEEDS").unwrap_or(seeds),
    };
    for seed in seeds {
        for scene in scenes {
            let played = std::panic::catch_unwind(|| play(seed, *scene, weather));
            match played {
                Ok(Ok(())) => {}
                Ok(Err(problem)) => panic!("seed {seed}, {scene:?}: {problem}"),
                Err(why) => {
                    eprintln!("seed {seed}, {scene:?}");
                    std::panic::resume_unwind(why);
                }
            }
        }
    }
}

#[test]
fn in_fair_weather_calls_are_picked_up_parked_and_transferred() {
    each_seed(4, &SCENES, Weather::FAIR);
}

#[test]
fn with_loss_doubles_and_reordering_calls_are_picked_up_parked_and_transferred_and_nothing_is_left() {
    each_seed(12, &SCENES, Weather::ROUGH);
}
