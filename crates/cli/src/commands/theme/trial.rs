//! What a theme says of a sample of posts.

use std::io::{self, Write};

/// Characters of a post that are shown.
const SHOWN: usize = 100;

/// A post, and what the theme says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Caught {
    pub author: String,
    pub text: String,
    /// Of the model; absent where rules alone decide.
    pub probability: Option<f32>,
    pub threshold: f32,
    pub rule: bool,
}

impl Caught {
    fn by_model(&self) -> bool {
        self.probability.is_some_and(|probability| probability >= self.threshold)
    }

    fn holds(&self) -> bool {
        self.rule || self.by_model()
    }

    /// How far the model is from its threshold.
    fn distance(&self) -> f32 {
        self.probability.map_or(f32::MAX, |probability| (probability - self.threshold).abs())
    }
}

#[derive(Debug, Default)]
pub struct Trial {
    pub posts: Vec<Caught>,
}

impl Trial {
    /// How many it would catch, then some of each kind.
    pub fn print(&self, show: usize, out: &mut impl Write) -> io::Result<()> {
        let caught: Vec<&Caught> = self.posts.iter().filter(|post| post.holds()).collect();
        let rule = caught.iter().filter(|post| post.rule).count();
        let both = caught.iter().filter(|post| post.rule && post.by_model()).count();
        let share = 100.0 * caught.len() as f64 / self.posts.len().max(1) as f64;
        writeln!(
            out,
            "would catch {} ({share:.1} %): {} by the model alone, {} by a rule alone, {both} by both\n",
            caught.len(),
            caught.len() - rule,
            rule - both
        )?;
        let mut surest: Vec<&Caught> = caught.iter().copied().filter(|post| post.by_model()).collect();
        surest.sort_by(|a, b| b.probability.unwrap_or(0.0).total_cmp(&a.probability.unwrap_or(0.0)));
        section("the model is surest of", &surest, show, out)?;
        let told: Vec<&Caught> = caught.into_iter().filter(|post| post.rule && !post.by_model()).collect();
        section("a rule alone tells", &told, show, out)?;
        let (mut just, mut missed): (Vec<&Caught>, Vec<&Caught>) =
            self.posts.iter().filter(|post| !post.rule && post.probability.is_some()).partition(|post| post.by_model());
        just.sort_by(|a, b| a.distance().total_cmp(&b.distance()));
        missed.sort_by(|a, b| a.distance().total_cmp(&b.distance()));
        section("borderline, just caught", &just, show, out)?;
        section("borderline, just missed", &missed, show, out)
    }
}

fn section(title: &str, posts: &[&Caught], show: usize, out: &mut impl Write) -> io::Result<()> {
    if posts.is_empty() || show == 0 {
        return Ok(());
    }
    writeln!(out, "{title}:")?;
    for post in posts.iter().take(show) {
        let probability = post.probability.map_or("   –".to_owned(), |probability| format!("{probability:.2}"));
        let mark = if post.rule { "rule " } else { "     " };
        writeln!(out, "  {probability} {mark} @{}: {}", plain(&post.author), plain(&post.text))?;
    }
    writeln!(out)
}

/// On one line, without what could steer a terminal.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(text: &str, probability: Option<f32>, rule: bool) -> Caught {
        Caught { author: "ada".into(), text: text.into(), probability, threshold: 0.5, rule }
    }

    #[test]
    fn what_it_would_catch_is_counted_and_shown_by_kind() {
        let trial = Trial {
            posts: vec![
                post("surely late", Some(0.93), false),
                post("late, I would say", Some(0.51), false),
                post("nearly\nlate \u{1b}[2J", Some(0.49), false),
                post("nothing of it", Some(0.02), false),
                post("a rule says so", Some(0.2), true),
                post("both say so", Some(0.8), true),
            ],
        };
        let mut out = Vec::new();
        trial.print(2, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn without_posts_nothing_is_caught() {
        let mut out = Vec::new();
        Trial::default().print(5, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("would catch 0 (0.0 %)"));
    }
}
