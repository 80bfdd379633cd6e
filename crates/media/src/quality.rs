//! How a call sounds, estimated from loss and delay by the E-model (ITU-T G.107, narrowband).
//!
//! What is simplified: every parameter but delay, loss and codec has its default (section 7.7, table 2), so that the rating
//! begins at 93.2; of the delay impairments only that of absolute delay is counted, since echo is not measured here.
//! Wideband codecs are judged on the same scale and so never better than G.711.

/// What a codec costs (ITU-T G.113 appendix I).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Codec {
    /// Equipment impairment without loss, `Ie`.
    pub impairment: f64,
    /// Robustness against loss, `Bpl`.
    pub robustness: f64,
}

impl Codec {
    /// G.711 at an end that conceals losses, as all current ones do. Taken for G.722 and Opus too, for which the appendix
    /// has no narrowband values.
    pub const G711: Codec = Codec { impairment: 0.0, robustness: 25.1 };
    /// G.711 at an end that plays silence for a lost packet.
    pub const G711_WITHOUT_CONCEALMENT: Codec = Codec { impairment: 0.0, robustness: 4.3 };
    pub const G729A: Codec = Codec { impairment: 11.0, robustness: 19.0 };
}

/// The transmission rating R, 0 to 93.2, of random loss in hundredths and of delay from mouth to ear.
pub fn rating(codec: Codec, loss_percent: f64, delay_ms: f64) -> f64 {
    (93.2 - delay_impairment(delay_ms) - loss_impairment(codec, loss_percent)).clamp(0.0, 93.2)
}

/// The mean opinion score of a rating, 1 to 4.5 (annex B).
pub fn mean_opinion(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// `mean_opinion` of `rating`.
pub fn mos(codec: Codec, loss_percent: f64, delay_ms: f64) -> f64 {
    mean_opinion(rating(codec, loss_percent, delay_ms))
}

/// Delay from mouth to ear, as far as a relay can tell: half the round trip between both ends, a jitter buffer of twice the
/// jitter, and the packet that has to be filled first.
pub fn delay_ms(round_trip_ms: f64, jitter_ms: f64, packet_ms: f64) -> f64 {
    round_trip_ms / 2.0 + 2.0 * jitter_ms + packet_ms
}

/// `Idd` (section 7.4): nothing up to 100 ms.
fn delay_impairment(delay_ms: f64) -> f64 {
    if delay_ms <= 100.0 {
        return 0.0;
    }
    let x = (delay_ms / 100.0).log2();
    25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
}

/// `Ie-eff` (section 7.5) with a burst ratio of one.
fn loss_impairment(codec: Codec, loss_percent: f64) -> f64 {
    let loss = loss_percent.clamp(0.0, 100.0);
    codec.impairment + (95.0 - codec.impairment) * loss / (loss + codec.robustness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 0.01
    }

    #[test]
    fn a_call_without_faults_has_the_score_of_the_default_rating() {
        assert!(near(mos(Codec::G711, 0.0, 0.0), 4.41));
        assert!(near(mean_opinion(60.0), 3.1));
        assert!(near(mean_opinion(80.0), 4.024));
        assert_eq!((mean_opinion(-5.0), mean_opinion(200.0)), (1.0, 4.5));
    }

    #[test]
    fn loss_costs_what_the_robustness_of_the_codec_says() {
        assert!(near(rating(Codec::G711, 5.0, 0.0), 93.2 - 95.0 * 5.0 / 30.1));
        assert!(near(rating(Codec::G729A, 0.0, 0.0), 82.2));
        assert!(mos(Codec::G711_WITHOUT_CONCEALMENT, 5.0, 0.0) < mos(Codec::G711, 5.0, 0.0) - 1.0);
        assert_eq!(rating(Codec::G711_WITHOUT_CONCEALMENT, 100.0, 3_000.0), 0.0);
    }

    #[test]
    fn delay_costs_nothing_up_to_100_ms_and_much_from_300() {
        assert_eq!(rating(Codec::G711, 0.0, 100.0), 93.2);
        let at_400_ms =
            25.0 * (65f64.powf(1.0 / 6.0) - 3.0 * (1.0 + (2.0f64 / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0);
        assert!(near(rating(Codec::G711, 0.0, 400.0), 93.2 - at_400_ms));
        assert!(rating(Codec::G711, 0.0, 150.0) > 92.0 && rating(Codec::G711, 0.0, 400.0) < 72.0);
        assert_eq!(delay_ms(100.0, 5.0, 20.0), 80.0);
    }
}
