//! Tails of distributions, as evidence: -log10 of the chance of seeing as much or more.
//!
//! Everything is computed in log space; the sums run upwards from the observation, where terms only shrink. At or below
//! the mean there is no surprise and the evidence is 0.

/// Terms smaller than this share of the sum are left out.
const NEGLIGIBLE: f64 = 1e-11;

/// -log10 P(X >= x) for a negative binomial X with this mean and a variance of `dispersion` times the mean.
/// A dispersion of 1 is the Poisson distribution.
pub fn negative_binomial(x: f64, mean: f64, dispersion: f64) -> f64 {
    if x <= mean || x <= 0.0 {
        return 0.0;
    }
    let excess = (dispersion - 1.0).max(0.0);
    let first = if excess < 1e-9 {
        x * mean.ln() - mean - ln_gamma(x + 1.0)
    } else {
        // Γ(x + r) / Γ(r) with r = mean / excess, which may be huge.
        let size = mean / excess;
        let zero = -mean * excess.ln_1p() / excess;
        ln_rising(size, x) - ln_gamma(x + 1.0) + zero + x * (excess / (1.0 + excess)).ln()
    };
    let next = |k: f64| (k * excess + mean) / ((k + 1.0) * (1.0 + excess));
    evidence(first, sum_upwards(x, f64::INFINITY, next))
}

/// -log10 P(X >= x) for a beta-binomial X of `n` draws with these two shape parameters.
pub fn beta_binomial(x: f64, n: f64, (a, b): (f64, f64)) -> f64 {
    let x = x.min(n);
    if x <= 0.0 || x <= n * a / (a + b) {
        return 0.0;
    }
    let choose = ln_gamma(n + 1.0) - ln_gamma(x + 1.0) - ln_gamma(n - x + 1.0);
    let first = choose + ln_rising(a, x) + ln_rising(b, n - x) - ln_rising(a + b, n);
    let next = |k: f64| (n - k) / (k + 1.0) * (k + a) / (n - k - 1.0 + b);
    evidence(first, sum_upwards(x, n, next))
}

fn evidence(ln_first: f64, sum: f64) -> f64 {
    (-(ln_first + sum.ln()) / std::f64::consts::LN_10).max(0.0)
}

/// 1 + the ratios' running products, from `k` to `last`, until they no longer count.
///
/// The first few hundred terms one by one, then in blocks that grow with the distance, each as a geometric series with
/// the ratio of its middle: a tail of millions of terms costs a few thousand steps.
fn sum_upwards(mut k: f64, last: f64, next: impl Fn(f64) -> f64) -> f64 {
    let (mut term, mut sum, mut done) = (1.0, 1.0, 0.0_f64);
    while k < last {
        // Near the last possible count ratios change fast again.
        let step = (done.min(last - k) / 256.0_f64).floor().max(1.0);
        let ratio = next(k + (step - 1.0) / 2.0);
        let power = ratio.powf(step);
        let flat = (1.0 - ratio).abs() < 1e-9;
        sum += if flat { term * step } else { term * ratio * (1.0 - power) / (1.0 - ratio) };
        term *= power;
        // With ratios that fall, what is left is less than a geometric series.
        if ratio < 1.0 && term < NEGLIGIBLE * sum * (1.0 - ratio) {
            break;
        }
        k += step;
        done += step;
    }
    sum
}

/// ln(Γ(base + x) / Γ(base)), without the loss of digits of two large numbers.
fn ln_rising(base: f64, x: f64) -> f64 {
    if base < 1e5 {
        return ln_gamma(base + x) - ln_gamma(base);
    }
    let correction = (1.0 / (base + x) - 1.0 / base) / 12.0;
    x * base.ln() + (base + x - 0.5) * (x / base).ln_1p() - x + correction
}

/// ln Γ(x) for x > 0: Stirling's series, after shifting small arguments up.
pub fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 12.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tail by adding up everything below it, in plain arithmetic. Good for chances above 1e-10.
    fn slow(x: u32, first: f64, next: impl Fn(f64) -> f64) -> f64 {
        let (mut term, mut below) = (first, 0.0);
        for k in 0..x {
            below += term;
            term *= next(f64::from(k));
        }
        1.0 - below
    }

    #[test]
    fn ln_gamma_of_known_values() {
        for (x, want) in [(1.0, 0.0), (2.0, 0.0), (0.5, 0.572_364_942_924_700_1), (10.0, 12.801_827_480_081_469)] {
            assert!((ln_gamma(x) - want).abs() < 1e-12, "ln gamma({x}) = {}", ln_gamma(x));
        }
        // 100! = 9.33e157
        assert!((ln_gamma(101.0) - 363.739_375_555_563_5).abs() < 1e-10);
    }

    #[test]
    fn known_tails() {
        // Poisson(2): P(X >= 5) = 0.052653
        assert!((negative_binomial(5.0, 2.0, 1.0) - 1.278_576).abs() < 1e-5);
        // Negative binomial of size 2 and mean 2 (variance 4): P(X >= 5) = 0.109375
        assert!((negative_binomial(5.0, 2.0, 2.0) - 0.961_082).abs() < 1e-5);
        // Beta-binomial(10, 1, 1) is uniform on 0..=10: P(X >= 9) = 2/11
        assert!((beta_binomial(9.0, 10.0, (1.0, 1.0)) - (5.5_f64).log10()).abs() < 1e-12);
    }

    #[test]
    fn finite_at_large_counts() {
        for scale in [1e3, 1e6, 1e8] {
            let far = negative_binomial(3.0 * scale, scale, 5.0);
            assert!(far.is_finite() && far > 10.0, "{far}");
            let share = beta_binomial(0.6 * scale, scale, (30.0, 200.0));
            assert!(share.is_finite() && share > 3.0, "{share}");
        }
        assert!(negative_binomial(1e6, 1e-2, 1.0).is_finite());
        let (poisson, almost) = (negative_binomial(1.01e6, 1e6, 1.0), negative_binomial(1.01e6, 1e6, 1.0 + 1e-7));
        assert!((poisson - almost).abs() < 1e-4, "{poisson} against {almost}");
    }

    proptest! {
        #[test]
        fn negative_binomial_agrees_with_a_slow_sum(x in 1_u32..200, mean in 0.05_f64..100.0, dispersion in 1.001_f64..8.0) {
            let size = mean / (dispersion - 1.0);
            let ratio = |k: f64| (k + size) / (k + 1.0) * (dispersion - 1.0) / dispersion;
            let chance = slow(x, (-size * dispersion.ln()).exp(), ratio);
            prop_assume!(f64::from(x) > mean && chance > 1e-6);
            let got = negative_binomial(f64::from(x), mean, dispersion);
            prop_assert!((got + chance.log10()).abs() < 1e-5, "{got} against {}", -chance.log10());
        }

        #[test]
        fn beta_binomial_agrees_with_a_slow_sum(n in 1_u32..300, at in 0.0_f64..1.0, a in 0.2_f64..60.0, b in 0.2_f64..200.0) {
            let x = (at * f64::from(n)).ceil() as u32;
            let whole = f64::from(n);
            let first = (ln_gamma(whole + b) - ln_gamma(b) + ln_gamma(a + b) - ln_gamma(whole + a + b)).exp();
            let ratio = |k: f64| (whole - k) / (k + 1.0) * (k + a) / (whole - k - 1.0 + b);
            let chance = slow(x, first, ratio);
            prop_assume!(f64::from(x) > whole * a / (a + b) && chance > 1e-6);
            let got = beta_binomial(f64::from(x), whole, (a, b));
            prop_assert!((got + chance.log10()).abs() < 1e-5, "{got} against {}", -chance.log10());
        }

        #[test]
        fn more_is_more_surprising(x in 1_u32..100_000, mean in 0.01_f64..50_000.0, dispersion in 1.0_f64..50.0) {
            let (one, other) = (f64::from(x), f64::from(x) + 1.0);
            let (less, more) = (negative_binomial(one, mean, dispersion), negative_binomial(other, mean, dispersion));
            prop_assert!(less.is_finite() && more.is_finite() && more >= less - 1e-6);
        }

        #[test]
        fn a_higher_share_is_more_surprising(n in 1_u32..100_000, at in 0.0_f64..1.0, p in 0.001_f64..0.9, rho in 0.003_f64..0.3) {
            let n = f64::from(n);
            let (x, total) = ((at * n).floor(), 1.0 / rho - 1.0);
            let shape = (p * total, (1.0 - p) * total);
            let (less, more) = (beta_binomial(x, n, shape), beta_binomial((x + 1.0).min(n), n, shape));
            prop_assert!(less.is_finite() && more.is_finite() && more >= less - 1e-6);
        }
    }
}
