use grapevine_model::Confusion;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;

fn confusion(counts: [[u32; 3]; 3]) -> Confusion {
    Confusion { language: "en".into(), set: "by hand".into(), n: 0, counts }
}

fn draw(rng: &mut SmallRng, shares: [f64; 3], n: u64) -> Counts {
    let mut counts = [0; 3];
    for _ in 0..n {
        let at: f64 = rng.random();
        counts[usize::from(at >= shares[0]) + usize::from(at >= shares[0] + shares[1])] += 1;
    }
    counts
}

/// A language as it is in truth: how a model reads it, and on how many texts of each class that was measured.
struct Language {
    rows: [[f64; 3]; 3],
    measured: u32,
}

const LANGUAGES: [Language; 3] = [
    Language { rows: [[0.74, 0.22, 0.04], [0.14, 0.70, 0.16], [0.03, 0.21, 0.76]], measured: 600 },
    Language { rows: [[0.66, 0.26, 0.08], [0.22, 0.55, 0.23], [0.07, 0.25, 0.68]], measured: 108 },
    Language { rows: [[0.81, 0.15, 0.04], [0.25, 0.62, 0.13], [0.08, 0.18, 0.74]], measured: 60 },
];

/// Posts of a language: what people would say, and what the model says.
fn population(rng: &mut SmallRng, rows: [[f64; 3]; 3], shares: [f64; 3], n: u64) -> (Counts, Counts) {
    let truth = draw(rng, shares, n);
    let mut said = [0; 3];
    for (row, of_class) in rows.into_iter().zip(truth) {
        for (sum, count) in said.iter_mut().zip(draw(rng, row, of_class)) {
            *sum += count;
        }
    }
    (truth, said)
}

/// How often an interval held the truth, and how wide it was, in points.
#[derive(Default)]
struct Held {
    of: f64,
    corrected: f64,
    posts: f64,
    negative: f64,
    plain: f64,
    width: f64,
    plain_width: f64,
}

fn inside(estimate: Estimate, truth: f64) -> f64 {
    f64::from(u8::from((estimate.low..=estimate.high).contains(&truth)))
}

/// What one would say without a correction: the sampling error of a mean alone.
fn plain(said: Counts) -> Estimate {
    let (value, q) = (dot(NET, shares(said)), shares(said));
    let half = Z * (variance(NET, q) / total(said)).sqrt();
    Estimate { value, low: value - half, high: value + half }
}

/// Each time the model is measured anew, on texts of its own, and a population is drawn from each language.
fn resample(rng: &mut SmallRng, shares: [f64; 3], sizes: [u64; 3], held: &mut Held) {
    let (mut parts, mut truth, mut said) = (Vec::new(), [0; 3], [0; 3]);
    for (language, n) in LANGUAGES.iter().zip(sizes) {
        let counts = language.rows.map(|row| draw(rng, row, u64::from(language.measured)).map(|n| n as u32));
        let (true_counts, said_counts) = population(rng, language.rows, shares, n);
        (0..3).for_each(|at| (truth[at], said[at]) = (truth[at] + true_counts[at], said[at] + said_counts[at]));
        parts.push((Solver::new(&confusion(counts)).unwrap(), said_counts));
    }
    let parts: Vec<_> = parts.iter().map(|(solver, counts)| (solver, *counts)).collect();
    let corrected = correct(&parts).unwrap();
    let plain = plain(said);
    held.of += 1.0;
    held.corrected += inside(corrected.net, dot(NET, shares));
    held.posts += inside(corrected.net, dot(NET, super::shares(truth)));
    held.negative += inside(corrected.shares[0], shares[0]);
    held.plain += inside(plain, dot(NET, shares));
    held.width += (corrected.net.high - corrected.net.low) * 100.0;
    held.plain_width += (plain.high - plain.low) * 100.0;
}

#[test]
fn the_interval_covers_the_truth_at_any_prevalence_and_the_plain_one_does_not() {
    let prevalences =
        [[1.0 / 3.0; 3], [0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.02, 0.95, 0.03], [0.9, 0.08, 0.02], [0.05, 0.15, 0.8]];
    let sizes = [[60, 30, 20], [600, 200, 100], [5000, 3000, 500], [0, 2000, 0]];
    let mut rng = SmallRng::seed_from_u64(20_261_122);
    let mut all = Held::default();
    for shares in prevalences {
        for sizes in sizes {
            let mut held = Held::default();
            for _ in 0..200 {
                resample(&mut rng, shares, sizes, &mut held);
            }
            let Held { of, corrected, posts, negative, plain, width, plain_width } = held;
            println!(
                "{shares:.2?} of {sizes:?}: people {:.3}, posts {:.3}, negative {:.3}, width {:.1}; plain {:.3}, width {:.1}",
                corrected / of,
                posts / of,
                negative / of,
                width / of,
                plain / of,
                plain_width / of
            );
            // Of 200, one that covers 95 % covers fewer than 90 % once in a thousand times.
            assert!(corrected / of >= 0.90, "{shares:?} of {sizes:?}: {}", corrected / of);
            all.of += of;
            all.corrected += corrected;
            all.posts += posts;
            all.negative += negative;
            all.plain += plain;
        }
    }
    let Held { of, corrected, posts, negative, plain, .. } = all;
    println!(
        "all {of}: people {:.4}, posts {:.4}, negative {:.4}, plain {:.4}",
        corrected / of,
        posts / of,
        negative / of,
        plain / of
    );
    assert!(corrected / of >= 0.93 && posts / of >= 0.93 && negative / of >= 0.93);
    assert!(plain / of < 0.6, "the test would pass without a correction: {}", plain / of);
}

#[test]
fn what_is_measured_exactly_is_undone_exactly() {
    let solver =
        Solver::new(&confusion([[800_000, 150_000, 50_000], [100_000, 800_000, 100_000], [50_000, 150_000, 800_000]]));
    // 100, 300 and 600 of truth, as this model would call them.
    let said = [80 + 30 + 30, 15 + 240 + 90, 5 + 30 + 480];
    let corrected = correct(&[(&solver.unwrap(), said)]).unwrap();
    for (estimate, truth) in corrected.shares.iter().zip([0.1, 0.3, 0.6]) {
        assert!(
            (estimate.value - truth).abs() < 1e-4 && estimate.low < truth && truth < estimate.high,
            "{corrected:?}"
        );
    }
    assert!((corrected.net.value - 0.5).abs() < 1e-4);
}

#[test]
fn a_matrix_of_few_texts_or_of_a_model_that_guesses_is_refused() {
    assert_eq!(Solver::new(&confusion([[30, 5, 5], [2, 10, 3], [5, 5, 30]])), Err(Unusable::TooFew(15)));
    assert_eq!(Solver::new(&confusion([[50, 50, 50]; 3])), Err(Unusable::Indistinct));
    let turned = confusion([[5, 5, 90], [5, 90, 5], [90, 5, 5]]);
    assert_eq!(Solver::new(&turned), Err(Unusable::Indistinct), "one that says the opposite");
    assert_eq!(correct(&[]), None);
}

#[test]
fn a_better_measured_matrix_narrows_the_interval() {
    let width = |times: u32| {
        let counts = [[74, 22, 4], [14, 70, 16], [3, 21, 76]].map(|row| row.map(|n| n * times));
        let net = correct(&[(&Solver::new(&confusion(counts)).unwrap(), [300, 500, 200])]).unwrap().net;
        net.high - net.low
    };
    assert!(width(1) > width(10) && width(10) > width(1000), "{} {} {}", width(1), width(10), width(1000));
}

proptest! {
    #[test]
    fn shares_sum_to_one_and_every_interval_holds_its_value(
        counts in prop::array::uniform3(prop::array::uniform3(0_u32..500)),
        languages in prop::collection::vec(prop::array::uniform3(0_u64..100_000), 1..4),
    ) {
        let Ok(solver) = Solver::new(&confusion(counts)) else { return Ok(()) };
        let parts: Vec<_> = languages.iter().map(|counts| (&solver, *counts)).collect();
        let Some(Corrected { shares, net }) = correct(&parts) else { return Ok(()) };
        prop_assert!((shares.iter().map(|share| share.value).sum::<f64>() - 1.0).abs() < 1e-9);
        for (estimate, least) in shares.into_iter().map(|share| (share, 0.0)).chain([(net, -1.0)]) {
            prop_assert!(least <= estimate.low && estimate.low <= estimate.value, "{estimate:?}");
            prop_assert!(estimate.value <= estimate.high && estimate.high <= 1.0, "{estimate:?}");
        }
    }
}
