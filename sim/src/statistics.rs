//! Whether two rows of measurements could come from the same source: what an attacker would compute who times answers.

/// Welch's t: the difference of the means in units of its own uncertainty. Below 3 nothing can be said.
pub fn welch_t(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, error_a), (mean_b, error_b)) = (mean_and_error(a), mean_and_error(b));
    let error = (error_a + error_b).sqrt();
    if error == 0.0 { 0.0 } else { (mean_a - mean_b) / error }
}

/// Mean, and the square of its uncertainty.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// The Kolmogorov-Smirnov test: the probability that rows of one source lie as far apart as these.
pub fn kolmogorov_smirnov_p(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        // Equal values step together.
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        distance = distance.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let size = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    let x = (size.sqrt() + 0.12 + 0.11 / size.sqrt()) * distance;
    if x < 0.2 {
        return 1.0;
    }
    // The series of Kolmogorov's distribution; it alternates, so its terms bound its error.
    let terms = (1..=100).map(|k| 2.0 * f64::powi(-1.0, k - 1) * (-2.0 * f64::from(k * k) * x * x).exp());
    terms.sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn row(seed: u64, count: usize, shift: f64) -> Vec<f64> {
        let mut chance = Chance::new(seed);
        // Twelve uniform numbers make a nearly normal one of deviation 1,000.
        (0..count)
            .map(|_| (0..12).map(|_| chance.below(1_001) as f64).sum::<f64>() - 6_000.0 + shift)
            .collect()
    }

    #[test]
    fn rows_of_one_source_are_told_apart_by_neither_test() {
        let far =
            (0..200).filter(|seed| welch_t(&row(*seed, 500, 0.0), &row(seed + 1_000, 500, 0.0)).abs() > 3.0);
        assert!(far.count() <= 3, "0.3 % are expected");
        let low = (0..200)
            .filter(|seed| kolmogorov_smirnov_p(&row(*seed, 500, 0.0), &row(seed + 1_000, 500, 0.0)) < 0.01);
        assert!(low.count() <= 8, "1 % are expected");
    }

    #[test]
    fn a_shift_of_a_tenth_of_the_deviation_is_found_in_ten_thousand() {
        let (a, b) = (row(1, 10_000, 0.0), row(2, 10_000, 100.0));
        assert!(welch_t(&a, &b) < -5.0);
        assert!(kolmogorov_smirnov_p(&a, &b) < 1e-4);
    }

    #[test]
    fn known_values() {
        let (a, b) = ([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5]);
        assert!((welch_t(&a, &b) - -1.28963).abs() < 0.001, "{}", welch_t(&a, &b));
        assert_eq!(kolmogorov_smirnov_p(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 1.0);
    }
}
