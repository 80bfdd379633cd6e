//! The order of SRV records (RFC 2782).

use super::query::Srv;

/// Sorts by priority and draws by weight within each priority. `random` decides the draws.
pub(super) fn order(mut records: Vec<Srv>, random: &mut u64) -> Vec<Srv> {
    // Records of weight 0 stand first in their priority, so that they keep a small chance.
    records.sort_by(|a, b| {
        (a.priority, a.weight != 0, &a.target, a.port).cmp(&(b.priority, b.weight != 0, &b.target, b.port))
    });
    let mut ordered = Vec::with_capacity(records.len());
    while !records.is_empty() {
        let group = records.iter().take_while(|record| record.priority == records[0].priority).count();
        ordered.push(records.remove(draw(&records[..group], random)));
    }
    ordered
}

/// The first record whose running sum of weights reaches the number drawn.
fn draw(group: &[Srv], random: &mut u64) -> usize {
    let sum: u64 = group.iter().map(|record| u64::from(record.weight)).sum();
    let drawn = next(random) % (sum + 1);
    let mut running = 0;
    for (at, record) in group.iter().enumerate() {
        running += u64::from(record.weight);
        if running >= drawn {
            return at;
        }
    }
    0
}

/// SplitMix64: spreads the seed handed in over as many draws as are needed.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.into() }
    }

    #[test]
    fn lower_priority_numbers_come_first() {
        for mut seed in 0..50 {
            let ordered = order(vec![srv(2, 100, "c"), srv(1, 0, "a"), srv(1, 5, "b")], &mut seed);
            assert_eq!(&*ordered[2].target, "c");
        }
    }

    #[test]
    fn weights_share_the_first_place() {
        let mut first = 0;
        for seed in 0..4_000u64 {
            let mut state = seed.wrapping_mul(0x1234_5678_9abc_def1);
            let ordered = order(vec![srv(1, 10, "small"), srv(1, 30, "large")], &mut state);
            first += usize::from(&*ordered[0].target == "large");
        }
        assert!((2_800..3_150).contains(&first), "{first}");
    }

    #[test]
    fn the_same_seed_draws_the_same_order() {
        let records = || vec![srv(1, 1, "a"), srv(1, 1, "b"), srv(1, 1, "c")];
        assert_eq!(order(records(), &mut 7), order(records(), &mut 7));
    }
}
