//! Threat T-17: phones that came at once do not come at once again.

use super::desk::{Desk, ask, contact};

/// What is granted for `asked_s`, again and again.
fn granted(percent: u8, asked_s: u32, times: u32, set: impl Fn(&mut Desk)) -> Vec<u32> {
    let mut desk = Desk::new();
    desk.rules.expires_jitter_percent = percent;
    set(&mut desk);
    (1..=times)
        .map(|cseq| {
            let answer = desk.send(ask(cseq, contact(&format!(";expires={asked_s}"))));
            let value = answer.contacts()[0].rsplit('=').next().expect("an expiry").to_owned();
            value.parse().expect("a number")
        })
        .collect()
}

/// Never more than asked, never less than the share allows, and evenly in between.
#[test]
fn the_granted_expiry_is_spread_evenly_over_its_share() {
    let all = granted(10, 3_600, 2_000, |_| {});
    assert!(all.iter().all(|s| (3_240..=3_600).contains(s)), "{:?}", (all.iter().min(), all.iter().max()));
    for tenth in 0..10 {
        let range = 3_240 + 36 * tenth..3_276 + 36 * tenth;
        let share = all.iter().filter(|s| range.contains(*s)).count();
        assert!((140..=260).contains(&share), "{share} of 2000 in {range:?}");
    }
}

/// A refresh draws anew, so what was spread once spreads further.
#[test]
fn each_refresh_draws_anew() {
    let all = granted(10, 3_600, 50, |_| {});
    let changes = all.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 40, "{all:?}");
}

/// Section 10.3 step 7: what is granted would not have been too brief to ask for; of what is below the minimum, since an
/// hour is never too brief, nothing is taken.
#[test]
fn nothing_is_granted_below_the_minimum_or_above_the_maximum() {
    for (asked_s, minimum_s, maximum_s, range) in [
        (60, 60, 7_200, 60..=60),
        (61, 60, 7_200, 60..=61),
        (100, 95, 7_200, 95..=100),
        (100, 60, 7_200, 50..=100),
        (3_600, 7_000, 7_200, 3_600..=3_600),
        (99_999, 60, 1_000, 500..=1_000),
    ] {
        let all = granted(50, asked_s, 200, |desk| {
            (desk.rules.expires_min_s, desk.rules.expires_max_s) = (minimum_s, maximum_s);
        });
        let range = *range.start().max(&minimum_s.min(asked_s))..=*range.end();
        assert!(all.iter().all(|s| range.contains(s)), "{asked_s}: {all:?}");
    }
}

#[test]
fn without_jitter_what_is_asked_is_granted() {
    assert!(granted(0, 3_600, 20, |_| {}).iter().all(|s| *s == 3_600));
}

/// All Contacts of one REGISTER share their luck: the phone refreshes them together.
#[test]
fn the_contacts_of_one_phone_end_together() {
    let mut desk = Desk::new();
    desk.rules.expires_jitter_percent = 10;
    let answer = desk.send(ask(1, "Expires: 3600\r\nContact: <sip:a@192.0.2.7>, <sip:b@192.0.2.7>\r\n"));
    let expiries: Vec<_> =
        answer.contacts().iter().map(|c| c.rsplit('=').next().map(str::to_owned)).collect();
    assert_eq!(expiries[0], expiries[1], "{expiries:?}");
}

/// A removal stays one.
#[test]
fn zero_is_zero() {
    let mut desk = Desk::new();
    desk.rules.expires_jitter_percent = 100;
    desk.send(ask(1, contact(";expires=3600")));
    assert_eq!(desk.send(ask(2, contact(";expires=0"))).contacts().len(), 0);
    assert!(desk.uris().is_empty());
}
