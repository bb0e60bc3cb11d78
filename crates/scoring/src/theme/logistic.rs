//! Logistic regression with an L2 penalty, by dual coordinate descent (Yu, Huang and Lin, 2011): exact steps, no rate to
//! tune, the same result at each run.

use super::features::Vector;

/// Passes over the examples at most.
const PASSES: usize = 40;
/// A pass that moves no example's margin by more than this was the last one.
const STILL: f32 = 0.01;

/// What a head is trained for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// No row names a place from this one on.
    pub places: usize,
    /// The embedding is so many times as long as in the rows.
    pub weight: f32,
    /// How much the examples count against the penalty.
    pub cost: f32,
}

/// Weights of one class against the rest.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    dense: Vec<f32>,
    sparse: Vec<f32>,
    bias: f32,
}

impl Head {
    /// Both sides weigh the same, however many examples each has.
    pub fn train(rows: &[&Vector], positive: &[bool], settings: Settings) -> Self {
        Self::train_for(PASSES, rows, positive, settings)
    }

    fn train_for(passes: usize, rows: &[&Vector], positive: &[bool], settings: Settings) -> Self {
        let Settings { places, weight, cost } = settings;
        let width = rows.first().map_or(0, |row| row.dense.len());
        let mut head = Self { dense: vec![0.0; width], sparse: vec![0.0; places], bias: 0.0 };
        let yes = positive.iter().filter(|positive| **positive).count();
        let share = |of: usize| cost * rows.len() as f32 / (2.0 * of.max(1) as f32);
        let costs = [share(rows.len() - yes), share(yes)];
        let mut duals: Vec<f32> = positive.iter().map(|positive| 0.001 * costs[usize::from(*positive)]).collect();
        for ((row, dual), positive) in rows.iter().zip(&duals).zip(positive) {
            head.add(row, dual * sign(*positive), weight);
        }
        let squares: Vec<f32> = rows.iter().map(|row| square(row, weight)).collect();
        for pass in 0..passes {
            let mut moved = 0.0f32;
            for at in order(rows.len(), pass) {
                let (side, cost) = (sign(positive[at]), costs[usize::from(positive[at])]);
                let dual = step(duals[at], cost, squares[at], side * head.margin(rows[at]));
                head.add(rows[at], (dual - duals[at]) * side, weight);
                moved = moved.max((dual - duals[at]).abs() * squares[at]);
                duals[at] = dual;
            }
            if moved < STILL {
                break;
            }
        }
        head
    }

    /// It was trained on rows whose places were scaled so; what it says is asked of rows that are not.
    pub fn of_unscaled(mut self, scale: &[f32]) -> Self {
        self.sparse.iter_mut().zip(scale).for_each(|(weight, scale)| *weight *= scale);
        self
    }

    pub fn probability(&self, row: &Vector) -> f32 {
        sigmoid(self.margin(row))
    }

    /// Weights of the places, and what is added.
    pub fn into_sparse(self) -> (Vec<f32>, f32) {
        (self.sparse, self.bias)
    }

    fn margin(&self, row: &Vector) -> f32 {
        let sparse: f32 = row.sparse.iter().map(|(place, value)| value * self.sparse[*place as usize]).sum();
        dot(&row.dense, &self.dense) + sparse + self.bias
    }

    /// Once for the length of the row, and once for that of the weights, which are asked with rows of a length of one.
    fn add(&mut self, row: &Vector, times: f32, weight: f32) {
        let dense = times * weight * weight;
        self.dense.iter_mut().zip(&row.dense).for_each(|(weight, value)| *weight += dense * value);
        row.sparse.iter().for_each(|(place, value)| self.sparse[*place as usize] += times * value);
        self.bias += times;
    }
}

/// Of the row with its bias.
fn square(row: &Vector, weight: f32) -> f32 {
    let sparse: f32 = row.sparse.iter().map(|(_, value)| value * value).sum();
    weight * weight * dot(&row.dense, &row.dense) + sparse + 1.0
}

/// Eight sums beside each other, as processors do it.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + rest
}

fn sign(positive: bool) -> f32 {
    if positive { 1.0 } else { -1.0 }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The best value of one dual variable in (0, cost) where the others stay. With `dual = cost * sigmoid(t)` the slope is
/// `t + square * (dual - before) + margin`, which rises with `t`.
///
/// Newton's method alone swings between the flat ends where the cost is high, as it is for a rare class: a step that leaves
/// what still holds the zero halves it instead.
fn step(before: f32, cost: f32, square: f32, margin: f32) -> f32 {
    let share = (before / cost).clamp(1e-6, 1.0 - 1e-6);
    let (mut low, mut high) = (-30.0f32, 30.0f32);
    let mut t = (share / (1.0 - share)).ln();
    for _ in 0..40 {
        let part = sigmoid(t);
        let slope = t + square * (cost * part - before) + margin;
        if slope > 0.0 {
            high = t
        } else {
            low = t
        }
        let newton = t - slope / (1.0 + square * cost * part * (1.0 - part));
        let next = if newton > low && newton < high { newton } else { (low + high) / 2.0 };
        if (next - t).abs() < 1e-5 {
            return cost * sigmoid(next);
        }
        t = next;
    }
    cost * sigmoid(t)
}

/// Another order in each pass, the same at each run: a step that has no divisor in common with the length.
fn order(rows: usize, pass: usize) -> impl Iterator<Item = usize> {
    let stride = (1 + pass * 7..).find(|stride| gcd(*stride, rows.max(1)) == 1).unwrap_or(1);
    (0..rows).map(move |at| (at * stride + pass) % rows)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(values: &[f32]) -> Vector {
        Vector { dense: values.to_vec(), sparse: vec![] }
    }

    /// What training makes as small as it can.
    fn loss(head: &Head, rows: &[Vector], positive: &[bool], weight: f32) -> f32 {
        let yes = positive.iter().filter(|positive| **positive).count();
        let one = |(row, positive): (&Vector, &bool)| {
            let of = if *positive { yes } else { rows.len() - yes };
            let cost = rows.len() as f32 / (2.0 * of as f32);
            cost * (-sign(*positive) * head.margin(row)).exp().ln_1p()
        };
        let penalty = dot(&head.dense, &head.dense) / (weight * weight) + head.bias * head.bias;
        penalty / 2.0 + rows.iter().zip(positive).map(one).sum::<f32>()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn training_ends_at_the_optimum(
            values in prop::collection::vec((-1.0..1.0f32, -1.0..1.0f32, any::<bool>()), 4..40), weight in 0.5..6.0f32
        ) {
            let rows: Vec<Vector> = values.iter().map(|(a, b, _)| row(&[*a, *b])).collect();
            let mut positive: Vec<bool> = values.iter().map(|(_, _, positive)| *positive).collect();
            (positive[0], positive[1]) = (true, false);
            let all: Vec<&Vector> = rows.iter().collect();
            let settings = Settings { places: 0, weight, cost: 1.0 };
            let [trained, best] = [PASSES, 100 * PASSES]
                .map(|passes| loss(&Head::train_for(passes, &all, &positive, settings), &rows, &positive, weight));
            let slope = |at: usize, by: f32| {
                let mut moved = Head::train_for(100 * PASSES, &all, &positive, settings);
                if at < 2 { moved.dense[at] += by } else { moved.bias += by }
                loss(&moved, &rows, &positive, weight) - best
            };
            prop_assert!((0..3).all(|at| slope(at, 0.1) > 0.0 && slope(at, -0.1) > 0.0), "there is better near it");
            prop_assert!(trained < 1.01 * best, "{} and {}", trained, best);
        }

        #[test]
        fn one_dual_variable_comes_to_its_best_whatever_it_costs(
            share in 0.0001..0.9999f32, cost in 0.1..500.0f32, square in 0.5..10.0f32, margin in -20.0..20.0f32
        ) {
            let before = cost * share;
            let part = step(before, cost, square, margin) / cost;
            // The slope changes its sign close to it.
            let slope = |part: f32| (part / (1.0 - part)).ln() + square * (cost * part - before) + margin;
            let near = 1e-3 * part.min(1.0 - part) + 1e-6;
            let (below, above) = ((part - near).max(1e-9), (part + near).min(1.0 - 1e-7));
            prop_assert!(part < 1e-6 || slope(below) <= 0.01, "{} is above the best", part);
            prop_assert!(part > 1.0 - 1e-6 || slope(above) >= -0.01, "{} is below the best", part);
        }

        #[test]
        fn every_pass_takes_each_row_once(rows in 1..200usize, pass in 0..PASSES) {
            let mut seen: Vec<usize> = order(rows, pass).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn few_against_many_are_still_told_apart() {
        let rows: Vec<Vector> = (0..100).map(|n| row(&[if n < 5 { 1.0 } else { -1.0 }, 0.1])).collect();
        let positive: Vec<bool> = (0..100).map(|n| n < 5).collect();
        let head =
            Head::train(&rows.iter().collect::<Vec<_>>(), &positive, Settings { places: 0, weight: 1.0, cost: 1.0 });
        assert!(head.probability(&rows[0]) > 0.9 && head.probability(&rows[50]) < 0.1);
    }
}
