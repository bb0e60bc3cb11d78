//! How often the language of a short post is told, and told right.

use std::time::Instant;

use grapevine_scoring::language::detect;

use crate::support::shared_set;

/// Language, set, and the most that may be told wrong, in percent. Of the posts that are called Hindi, in Latin letters
/// throughout, half are English or mixed.
const SETS: [(&str, &str, f64); 8] = [
    ("en", "tweeteval_sentiment", 1.0),
    ("ar", "umsab_arabic", 1.0),
    ("fr", "umsab_french", 2.0),
    ("de", "umsab_german", 6.0),
    ("it", "umsab_italian", 3.0),
    ("pt", "umsab_portuguese", 6.0),
    ("es", "umsab_spanish", 2.0),
    ("hi", "umsab_hindi", 60.0),
];

#[test]
fn the_languages_of_short_posts_are_told_or_left_open() {
    for (language, set, most) in SETS {
        let Some(rows) = shared_set(&format!("{set}/val.jsonl")) else { return };
        let started = Instant::now();
        let told: Vec<Option<&str>> = rows.iter().map(|row| detect(&row.text)).collect();
        let rate = rows.len() as f64 / started.elapsed().as_secs_f64();
        let share = |which: &dyn Fn(&Option<&str>) -> bool| {
            100.0 * told.iter().filter(|code| which(code)).count() as f64 / told.len() as f64
        };
        let (right, open) = (share(&|code| *code == Some(language)), share(&|code| code.is_none()));
        let wrong = 100.0 - right - open;
        println!(
            "{language}: {right:.1} % right, {open:.1} % open, {wrong:.1} % wrong of {}; {rate:.0} texts/s",
            rows.len()
        );
        assert!(wrong <= most && right >= 35.0, "{language}: {right} right, {wrong} wrong");
    }
}
