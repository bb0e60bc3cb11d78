use proptest::prelude::*;

use super::*;

/// Two a day, one on each sixth and seventh.
fn week(days: usize) -> Vec<Option<f64>> {
    (0..days).map(|day| Some(if day % 7 < 5 { 2.0 } else { 1.0 })).collect()
}

#[test]
fn what_repeats_every_week_is_continued_and_nothing_of_it_is_missed() {
    let made = forecast(&week(70)).unwrap();
    let expected: Vec<f64> = (70..84).map(|day| if day % 7 < 5 { 2.0 } else { 1.0 }).collect();
    for (day, expected) in made.days.iter().zip(expected) {
        let (low, high) = day.interval.unwrap();
        assert!([day.value, low, high].iter().all(|value| (value - expected).abs() < 1e-9), "{day:?} {expected}");
    }
    assert!(made.error.unwrap() < 1e-9 && made.other_error.unwrap() < 1e-9);
    assert_eq!(made.tested, 42, "28 of 70 days are known before the first of them");
}

#[test]
fn a_gap_is_no_quiet_time() {
    let mut counts = week(70);
    counts[40..47].fill(None);
    let made = forecast(&counts).unwrap();
    assert!((made.days[0].value - 2.0).abs() < 1e-9, "{:?}", made.days[0]);
    counts[40..47].fill(Some(0.0));
    assert!(by_weekday(&counts)[0] < 1.95, "a quiet week is one");
}

#[test]
fn too_few_days_are_not_continued() {
    assert_eq!(forecast(&week(27)), None);
    let known = forecast(&week(28)).unwrap();
    assert_eq!((known.tested, known.error, known.days[0].interval), (0, None, None), "it was never tried");
    assert_eq!(forecast(&[]), None);
}

#[test]
fn a_brand_that_nobody_mentions_is_expected_to_stay_so() {
    let made = forecast(&vec![Some(0.0); 100]).unwrap();
    assert_eq!((made.days[0].value, made.error), (0.0, None));
}

#[test]
fn the_method_that_errs_less_is_taken() {
    // Every week twice as much as the week before: what was there last week is nearer than the mean of two weeks.
    let doubling: Vec<Option<f64>> = (0..84).map(|day| Some(2f64.powi(day / 7))).collect();
    let made = forecast(&doubling).unwrap();
    assert_eq!(made.method, Method::LastWeek);
    assert!(made.error < made.other_error);
}

/// Cheap noise of a seed: a number from 0 to 1 for each day.
fn noise(seed: u64, day: usize) -> f64 {
    let mixed = (seed ^ (day as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn about_four_in_five_days_fall_into_the_interval() {
    let (mut inside, mut all) = (0, 0);
    for seed in 0..40 {
        let count = |day: usize| (if day % 7 < 5 { 100.0 } else { 40.0 }) * (0.6 + 0.8 * noise(seed, day));
        let counts: Vec<Option<f64>> = (0..160).map(|day| Some(count(day))).collect();
        let made = forecast(&counts).unwrap();
        assert_eq!(made.method, Method::Weekdays, "it averages the noise away");
        for (distance, day) in made.days.iter().enumerate() {
            let (low, high) = day.interval.unwrap();
            let was = count(160 + distance);
            inside += usize::from(low <= was && was <= high);
            all += 1;
        }
    }
    let share = f64::from(inside as u32) / f64::from(all as u32);
    assert!((0.7..0.9).contains(&share), "{share}");
}

proptest! {
    #[test]
    fn any_counts_give_figures_that_are_none_below_zero(
        counts in prop::collection::vec(prop::option::weighted(0.8, (0u32..500).prop_map(f64::from)), 0..200),
    ) {
        if let Some(made) = forecast(&counts) {
            prop_assert_eq!(made.days.len(), HORIZON);
            for day in made.days {
                prop_assert!(day.value.is_finite() && day.value >= 0.0);
                if let Some((low, high)) = day.interval {
                    prop_assert!(0.0 <= low && low <= day.value && day.value <= high && high.is_finite());
                }
            }
        }
    }
}
