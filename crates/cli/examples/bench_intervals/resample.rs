//! Populations drawn from labelled texts, and whether an interval holds what people said of them.

use grapevine_model::Confusion;
use grapevine_store::corrected::solve::{Corrected, Counts, Estimate, Solver, Unusable, correct};
use rand::{Rng, rngs::SmallRng, seq::SliceRandom};

/// Of a normal distribution, for 95 %.
const Z: f64 = 1.96;
/// Of the texts that there are, so that chance rarely asks for more of a class than it has.
const TAKEN: f64 = 0.75;

/// By what people said, what the model said: negative, neutral, positive.
pub type Texts = [Vec<usize>; 3];

/// What became of all populations.
#[derive(Debug, Default)]
pub struct Held {
    pub populations: u32,
    /// Halves of which no correction could be made, and why.
    pub refused: Option<(u32, Unusable)>,
    /// Texts of all populations.
    pub texts: u64,
    pub corrected: Side,
    pub plain: Side,
}

/// One kind of interval: how often it held the truth, how wide it was, how far off its value was. Sums, in shares of 1.
#[derive(Debug, Default)]
pub struct Side {
    /// The shares that the population was drawn by: what people think.
    pub people: f64,
    /// The labels of the very texts that were drawn.
    pub posts: f64,
    pub width: f64,
    pub off: f64,
}

impl Side {
    fn add(&mut self, told: Estimate, people: f64, posts: f64) {
        let holds = |truth: f64| f64::from(u8::from((told.low..=told.high).contains(&truth)));
        self.people += holds(people);
        self.posts += holds(posts);
        self.width += told.high - told.low;
        self.off += (told.value - people).abs();
    }
}

/// Each time, the model is measured on one half of the texts, and a population drawn from the other.
pub fn by_halves(rng: &mut SmallRng, texts: &Texts, populations: u32) -> Held {
    let mut held = Held::default();
    for _ in 0..populations {
        let (known, mut asked) = halves(rng, texts);
        match Solver::new(&confusion(&known)) {
            Ok(solver) => one(rng, &solver, &mut asked, &mut held),
            Err(why) => held.refused = Some((held.refused.map_or(0, |(times, _)| times) + 1, why)),
        }
    }
    held
}

/// Each time, the model is measured on a few texts that chance drew of all, as people would judge them who check a brand's
/// posts, and a population is drawn from the others.
pub fn by_drawn(rng: &mut SmallRng, texts: &Texts, drawn: usize, populations: u32) -> Held {
    let mut held = Held::default();
    for _ in 0..populations {
        let (known, mut asked) = apart(rng, texts, drawn);
        match Solver::new(&confusion(&known)) {
            Ok(solver) => one(rng, &solver, &mut asked, &mut held),
            Err(why) => held.refused = Some((held.refused.map_or(0, |(times, _)| times) + 1, why)),
        }
    }
    held
}

/// So many by chance, whatever their class; and the others.
fn apart(rng: &mut SmallRng, texts: &Texts, drawn: usize) -> (Texts, Texts) {
    let mut all: Vec<(usize, usize)> =
        texts.iter().enumerate().flat_map(|(class, texts)| texts.iter().map(move |said| (class, *said))).collect();
    let (mut known, mut asked) = (Texts::default(), Texts::default());
    let (drawn, rest) = all.partial_shuffle(rng, drawn);
    drawn.iter().for_each(|(class, said)| known[*class].push(*said));
    rest.iter().for_each(|(class, said)| asked[*class].push(*said));
    (known, asked)
}

/// The model is measured on texts of another set.
///
/// # Errors
/// The other set has too few texts of a class, or the model does not tell its classes apart.
pub fn measured_elsewhere(
    rng: &mut SmallRng,
    known: &Texts,
    texts: &Texts,
    populations: u32,
) -> Result<Held, Unusable> {
    let (solver, mut held, mut texts) = (Solver::new(&confusion(known))?, Held::default(), texts.clone());
    (0..populations).for_each(|_| one(rng, &solver, &mut texts, &mut held));
    Ok(held)
}

fn one(rng: &mut SmallRng, solver: &Solver, texts: &mut Texts, held: &mut Held) {
    let (shares, truth, said) = population(rng, texts);
    let Some(Corrected { net, .. }) = correct(&[(solver, said)]) else { return };
    let (people, posts) = (shares[2] - shares[0], net_of(truth));
    held.populations += 1;
    held.texts += said.iter().sum::<u64>();
    held.corrected.add(net, people, posts);
    held.plain.add(plain(said), people, posts);
}

/// Each class cut in two, by chance.
fn halves(rng: &mut SmallRng, texts: &Texts) -> (Texts, Texts) {
    let mut known = texts.clone();
    let asked = std::array::from_fn(|class| {
        known[class].shuffle(rng);
        let half = known[class].len() / 2;
        known[class].split_off(half)
    });
    (known, asked)
}

pub fn confusion(texts: &Texts) -> Confusion {
    let counts = texts.each_ref().map(|said| {
        let count = |class: usize| said.iter().filter(|one| **one == class).count() as u32;
        std::array::from_fn(count)
    });
    let n = counts.iter().flatten().sum();
    Confusion { language: String::new(), set: String::new(), n, counts }
}

/// Shares by chance, any as likely as any other; then as many texts as there are for them, none twice: twice the same text
/// would be as hard to read both times. Returns the shares, the labels and what the model said.
fn population(rng: &mut SmallRng, texts: &mut Texts) -> ([f64; 3], Counts, Counts) {
    loop {
        let shares = any_shares(rng);
        let room = texts.iter().zip(shares).map(|(texts, share)| texts.len() as f64 / share);
        let n = (room.fold(f64::INFINITY, f64::min) * TAKEN).max(1.0) as u64;
        let truth = by_shares(rng, shares, n);
        if truth.iter().zip(texts.iter()).all(|(count, texts)| *count <= texts.len() as u64) {
            let mut said = [0; 3];
            for (texts, count) in texts.iter_mut().zip(truth) {
                let (drawn, _) = texts.partial_shuffle(rng, count as usize);
                drawn.iter().for_each(|class| said[*class] += 1);
            }
            return (shares, truth, said);
        }
    }
}

fn any_shares(rng: &mut SmallRng) -> [f64; 3] {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    let (low, high) = (a.min(b), a.max(b));
    [low, high - low, 1.0 - high]
}

fn by_shares(rng: &mut SmallRng, shares: [f64; 3], n: u64) -> Counts {
    let mut counts = [0; 3];
    for _ in 0..n {
        let at: f64 = rng.random();
        counts[usize::from(at >= shares[0]) + usize::from(at >= shares[0] + shares[1])] += 1;
    }
    counts
}

fn net_of(counts: Counts) -> f64 {
    (counts[2] as f64 - counts[0] as f64) / counts.iter().sum::<u64>() as f64
}

/// What one would say without a correction: what the model said, and the sampling error of a mean.
fn plain(said: Counts) -> Estimate {
    let n = said.iter().sum::<u64>() as f64;
    let value = net_of(said);
    let variance = (said[0] + said[2]) as f64 / n - value * value;
    let half = Z * (variance / n).sqrt();
    Estimate { value, low: value - half, high: value + half }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Texts of a model that is right in this share of each class, and calls the others neutral, or negative.
    fn texts(rng: &mut SmallRng, right: f64) -> Texts {
        std::array::from_fn(|class| {
            let wrong = if class == 1 { 0 } else { 1 };
            (0..400).map(|_| if rng.random::<f64>() < right { class } else { wrong }).collect()
        })
    }

    #[test]
    fn the_interval_holds_where_posts_are_as_hard_to_read_and_not_where_they_are_harder() {
        let mut rng = SmallRng::seed_from_u64(5);
        let (easy, hard) = (texts(&mut rng, 0.95), texts(&mut rng, 0.7));
        let own = by_halves(&mut rng, &hard, 300);
        assert_eq!((own.populations, own.refused), (300, None));
        assert!(own.corrected.people / 300.0 >= 0.92, "{own:?}");
        assert!(own.plain.people / 300.0 < 0.6, "{own:?}");
        let other = measured_elsewhere(&mut rng, &easy, &hard, 300).unwrap();
        assert!(other.corrected.people / 300.0 < 0.6, "{other:?}");
    }

    #[test]
    fn a_few_drawn_texts_are_enough_for_an_interval_that_holds_and_is_wide() {
        let mut rng = SmallRng::seed_from_u64(8);
        let hard = texts(&mut rng, 0.7);
        let (few, many) = (by_drawn(&mut rng, &hard, 150, 300), by_halves(&mut rng, &hard, 300));
        assert!(few.corrected.people / 300.0 >= 0.92, "{few:?}");
        assert!(few.corrected.width > many.corrected.width, "{few:?} {many:?}");
        let (known, asked) = apart(&mut rng, &hard, 150);
        assert_eq!(
            [known, asked].map(|of| of.iter().map(Vec::len).sum::<usize>()),
            [150, 1050],
            "each text is in one part"
        );
    }

    #[test]
    fn a_model_that_guesses_is_refused_and_counted() {
        let mut rng = SmallRng::seed_from_u64(6);
        let guessed: Texts = std::array::from_fn(|_| (0..300).map(|at| at % 3).collect());
        let held = by_halves(&mut rng, &guessed, 20);
        let (times, why) = held.refused.unwrap();
        assert!(times >= 18 && why == Unusable::Indistinct, "{times} {why}");
        assert_eq!(held.populations + times, 20);
    }

    #[test]
    fn no_text_is_drawn_twice_and_all_that_was_drawn_is_counted() {
        let mut rng = SmallRng::seed_from_u64(7);
        let mut texts: Texts = [vec![0; 30], vec![1; 60], vec![2; 20]];
        for _ in 0..100 {
            let (shares, truth, said) = population(&mut rng, &mut texts);
            assert_eq!(truth, said, "what the model is always right on");
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && truth.iter().sum::<u64>() > 0);
        }
    }
}
