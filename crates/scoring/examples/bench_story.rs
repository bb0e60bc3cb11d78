//! How many posts a second one core folds into stories, and what a remembered mention costs:
//! `cargo run --release -p grapevine-scoring --example bench_story`.
//!
//! Posts are made of words drawn from a vocabulary with the frequencies of language, 20 words each; one in three is a copy
//! of one of the last 1,000, with a link and hashtags added.

use std::{fs, time::Instant};

use grapevine_model::{Author, Mention, MentionKey};
use grapevine_scoring::story::{Stories, StoryLimits};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};

const POSTS: usize = 200_000;
const WORDS: usize = 30_000;

fn main() {
    let mut rng = StdRng::seed_from_u64(1);
    let posts = posts(&mut rng);
    let limits = StoryLimits { mentions: 100_000, ..StoryLimits::default() };
    let (before, start) = (resident(), Instant::now());
    let mut stories = Stories::new(limits);
    let copies = posts.iter().filter(|post| stories.assign(post, &()) != post.id()).count();
    let seconds = start.elapsed().as_secs_f64();
    println!("{POSTS} posts, {copies} folded, {:.0} a second on one core", POSTS as f64 / seconds);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{} mentions known, {} bytes each", stories.len(), (after - before) / stories.len() as u64);
    }
}

fn posts(rng: &mut StdRng) -> Vec<Mention> {
    let words: Vec<String> = (0..WORDS).map(|_| word(rng)).collect();
    let mut posts: Vec<Mention> = Vec::with_capacity(POSTS);
    for n in 0..POSTS {
        let copied = (n > 1000 && rng.random_ratio(1, 3)).then(|| posts[n - rng.random_range(1..1000)].text.clone());
        let text = match copied {
            Some(text) => format!("{text} https://example.com/{n} #news"),
            None => (0..20).map(|_| words[zipf(rng)].as_str()).collect::<Vec<_>>().join(" "),
        };
        let at = Timestamp::from_second(1_760_000_000 + n as i64).unwrap_or_default();
        posts.push(Mention::new(MentionKey::new("bench", "", n.to_string()), Author::default(), at, text));
    }
    posts
}

fn word(rng: &mut StdRng) -> String {
    (0..rng.random_range(2..10)).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect()
}

/// Rank of a word, with a probability of about one in its rank.
fn zipf(rng: &mut StdRng) -> usize {
    let rank = (WORDS as f64).powf(rng.random::<f64>());
    (rank as usize).min(WORDS - 1)
}

/// Bytes of this process in memory, where the system says.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
