//! Adjusted count: how many mentions of each polarity there are, from how many a model says there are.
//!
//! With `M[t][c]` the share of texts of truth `t` that the model calls `c`, what it says of a population of true shares
//! `p` is `q = Mᵗp`. So `p = (Mᵗ)⁻¹q`, brought back to shares between 0 and 1 that sum to 1 where it leaves them. This holds as
//! far as `M` holds: where the posts of a span are as hard to read as those that it was measured on. How frequent each
//! polarity is may differ as it likes.
//!
//! A figure is a weighted sum `v·p = a·q` with `a = M⁻¹v`. Its variance has two parts, to the first order:
//!
//! | from | variance |
//! |---|---|
//! | the span holds `n` mentions, as a sample of what people think | `Var_q(a) / n`, with one mention more in each class, as few seen are not none |
//! | row `t` of `M` was measured on `n_t` texts | `p_t² Var_t(a) / (n_t + 1)`, with half a text more in each cell |
//!
//! Languages are corrected each with its own `M`, and summed by their mentions; the spread between them is part of the
//! sampling. The interval is of the unconstrained solution, cut at the ends of the figure's scale: a constrained one would
//! lean away from the ends, and cover less than it says. `tests` hold it to 95 % on simulated populations.

use grapevine_model::Confusion;

/// Mentions by what the model said: negative, neutral, positive.
pub type Counts = [u64; 3];

/// Texts that each class has to have been measured on.
pub const LEAST_MEASURED: u32 = 20;
/// Of the normal distribution, for 95 %.
const Z: f64 = 1.96;
/// Below it the rows of a confusion matrix are nearly the same: the model does not tell the classes apart.
const LEAST_DETERMINANT: f64 = 0.02;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Shares of 1, and the net sentiment from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corrected {
    pub shares: [Estimate; 3],
    pub net: Estimate,
}

/// Why a confusion matrix can not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("its confusion was measured on {0} texts of a class, fewer than {LEAST_MEASURED}")]
    TooFew(u32),
    #[error("it does not tell the classes apart")]
    Indistinct,
}

/// A confusion matrix that can be turned round.
#[derive(Debug, Clone, PartialEq)]
pub struct Solver {
    /// `M`, by truth.
    rows: [[f64; 3]; 3],
    /// Texts that each row was measured on.
    measured: [f64; 3],
    /// `M⁻¹`.
    inverse: [[f64; 3]; 3],
}

impl Solver {
    /// # Errors
    /// Too few texts of a class, or a model that says the same of every class.
    pub fn new(confusion: &Confusion) -> Result<Self, Unusable> {
        let of_class = confusion.counts.map(|row| row.iter().sum::<u32>());
        if let Some(few) = of_class.into_iter().find(|n| *n < LEAST_MEASURED) {
            return Err(Unusable::TooFew(few));
        }
        let measured = of_class.map(|n| f64::from(n) + 1.5);
        let mut rows = confusion.counts.map(|row| row.map(|count| f64::from(count) + 0.5));
        for (row, measured) in rows.iter_mut().zip(measured) {
            row.iter_mut().for_each(|cell| *cell /= measured);
        }
        let inverse = inverse(&rows).ok_or(Unusable::Indistinct)?;
        Ok(Self { rows, measured, inverse })
    }

    /// True shares, not constrained.
    fn solve(&self, q: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|truth| (0..3).map(|class| self.inverse[class][truth] * q[class]).sum())
    }

    /// `v·p` as a sum over what the model said, and its variance.
    fn figure(&self, v: [f64; 3], counts: Counts, p: [f64; 3]) -> (f64, f64) {
        let n = total(counts);
        let a = self.inverse.map(|row| dot(row, v));
        let of_span = variance(a, counts.map(|count| (count as f64 + 1.0) / (n + 3.0))) / n;
        let of_row = |truth: usize| p[truth].powi(2) * variance(a, self.rows[truth]) / (self.measured[truth] + 1.0);
        (dot(a, shares(counts)), of_span + (0..3).map(of_row).sum::<f64>())
    }
}

const NET: [f64; 3] = [-1.0, 0.0, 1.0];

/// Corrects each language with its own matrix, and sums them. `None` without a mention.
pub fn correct(languages: &[(&Solver, Counts)]) -> Option<Corrected> {
    let languages: Vec<_> = languages.iter().filter(|(_, counts)| total(*counts) > 0.0).collect();
    let all: f64 = languages.iter().map(|(_, counts)| total(*counts)).sum();
    let parts: Vec<Part<'_>> = languages
        .into_iter()
        .map(|(solver, counts)| {
            let p = to_simplex(solver.solve(shares(*counts)));
            Part { solver, counts: *counts, weight: total(*counts) / all, p }
        })
        .collect();
    if parts.is_empty() {
        return None;
    }
    let share = |class: usize| estimate(&parts, std::array::from_fn(|at| f64::from(u8::from(at == class))), all, 0.0);
    Some(Corrected { shares: std::array::from_fn(share), net: estimate(&parts, NET, all, -1.0) })
}

struct Part<'a> {
    solver: &'a Solver,
    counts: Counts,
    weight: f64,
    p: [f64; 3],
}

fn estimate(parts: &[Part<'_>], v: [f64; 3], all: f64, least: f64) -> Estimate {
    // Sums of shares may end a hair beyond their scale.
    let value: f64 = parts.iter().map(|part| part.weight * dot(v, part.p)).sum::<f64>().max(least).min(1.0);
    let figures: Vec<(f64, f64)> = parts.iter().map(|part| part.solver.figure(v, part.counts, part.p)).collect();
    let weighted = || parts.iter().map(|part| part.weight).zip(&figures);
    let centre: f64 = weighted().map(|(weight, (figure, _))| weight * figure).sum();
    let within: f64 = weighted().map(|(weight, (_, variance))| weight * weight * variance).sum();
    let between: f64 = weighted().map(|(weight, (figure, _))| weight * (figure - centre).powi(2)).sum::<f64>() / all;
    let half = Z * (within + between).sqrt();
    Estimate { value, low: (centre - half).max(least).min(value), high: (centre + half).min(1.0).max(value) }
}

fn total(counts: Counts) -> f64 {
    counts.iter().sum::<u64>() as f64
}

fn shares(counts: Counts) -> [f64; 3] {
    counts.map(|count| count as f64 / total(counts))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Of values that come with these shares.
fn variance(values: [f64; 3], shares: [f64; 3]) -> f64 {
    dot(values.map(|value| value * value), shares) - dot(values, shares).powi(2)
}

/// The nearest shares that are not negative and sum to 1.
fn to_simplex(p: [f64; 3]) -> [f64; 3] {
    let mut sorted = p;
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (at, value) in sorted.into_iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (at as f64 + 1.0);
        if value > candidate {
            shift = candidate;
        }
    }
    p.map(|value| (value - shift).max(0.0))
}

/// By cofactors; `None` where the determinant is nearly 0.
fn inverse(m: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let minor = |row: usize, column: usize| {
        let at = |r: usize, c: usize| m[(row + r) % 3][(column + c) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    (determinant >= LEAST_DETERMINANT)
        .then(|| std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant)))
}

#[cfg(test)]
mod tests;
