use std::collections::{HashMap, HashSet};

use super::*;
use grammar::{Grammar, Words};

fn end() -> Timestamp {
    "2026-11-21T18:00:00Z".parse().expect("a time")
}

fn share(of: usize, all: usize) -> f64 {
    of as f64 / all as f64
}

#[test]
fn grammars_use_only_names_that_they_have() {
    let mut rng = rand::SeedableRng::seed_from_u64(1);
    let words: Words = brands::BRANDS[0].words("Kestrovel", &mut rng);
    let texts = [
        include_str!("grammar/en.txt"),
        include_str!("grammar/es.txt"),
        include_str!("grammar/de.txt"),
        include_str!("grammar/fr.txt"),
    ];
    for text in texts {
        assert_eq!(Grammar::parse(text).unknown_names(&words), Vec::<String>::new());
    }
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let (one, other) = (Story::new(3, end()), Story::new(3, end()));
    assert!(one.posts() == other.posts());
    assert!(one.posts() != Story::new(4, end()).posts());
}

#[test]
fn posts_are_in_order_and_replies_follow_their_parents() {
    let story = Story::new(Story::SEED, end());
    let mut seen: HashMap<(&str, &str), Timestamp> = HashMap::new();
    let mut last = story.starts();
    for post in story.posts() {
        assert!(post.created_at >= last);
        last = post.created_at;
        if let Some(parent) = &post.parent {
            assert!(seen.contains_key(&(post.platform.as_str(), parent.as_str())), "{post:?}");
        }
        let before = seen.insert((&post.platform, &post.id), post.created_at);
        assert_eq!(before, None, "an id appears twice: {post:?}");
    }
    assert!(last < end());
}

#[test]
fn has_the_size_and_the_mix_that_it_promises() {
    let story = Story::new(Story::SEED, end());
    let all = story.posts().len();
    assert!((18_000..22_000).contains(&all), "{all} posts");
    let distinct: HashSet<&str> = story.posts().iter().map(|post| post.text.as_str()).collect();
    assert!(share(distinct.len(), all) > 0.9, "{} of {all} texts are distinct", distinct.len());
    for (language, least) in [("en", 0.6), ("es", 0.03), ("de", 0.03), ("fr", 0.02)] {
        let count = story.posts().iter().filter(|post| post.language == language).count();
        assert!(share(count, all) > least, "{language}: {count} of {all}");
    }
    let main = story.posts().iter().filter(|post| post.about == MAIN).count();
    assert!((0.5..0.75).contains(&share(main, all)), "{main} of {all}");
}

#[test]
fn no_text_shows_the_notation_that_it_was_written_from() {
    let story = Story::new(Story::SEED, end());
    let leaks = |post: &StoryPost| post.text.contains(['{', '}', '<', '>', '|']);
    assert_eq!(story.posts().iter().find(|post| leaks(post)), None);
    assert_eq!(story.live(end()).take(500).find(|post| leaks(post)), None);
}

#[test]
fn most_who_ask_or_complain_get_an_answer_and_some_never_do() {
    let story = Story::new(Story::SEED, end());
    let answers = story.posts().iter().filter(|post| post.kind == grapevine_model::Kind::Reply && post.mentions(MAIN));
    let mut first: HashMap<(&str, &str), Vec<&StoryPost>> = HashMap::new();
    for reply in answers {
        for to in [&reply.parent, &reply.root].into_iter().flatten() {
            first.entry((&reply.platform, to)).or_default().push(reply);
        }
    }
    let wait = |asked: &StoryPost| -> Option<i64> {
        let answer = first.get(&(asked.platform.as_str(), asked.id.as_str()))?;
        let answer = answer.iter().find(|answer| answer.author_id != asked.author_id)?;
        Some(answer.created_at.as_second() - asked.created_at.as_second())
    };
    let needs: Vec<_> = story.posts().iter().filter_map(|post| Some((care::need(post)?, wait(post)))).collect();
    let soon = needs.iter().filter(|(_, wait)| wait.is_some_and(|wait| wait < 2 * 86_400)).count();
    assert!((0.75..0.85).contains(&share(soon, needs.len())), "{soon} of {}", needs.len());
    let unanswered = needs.iter().filter(|(need, wait)| *need == care::Need::Question && wait.is_none()).count();
    assert!((30..=160).contains(&unanswered), "{unanswered} questions without an answer");
}

#[test]
fn is_calm_but_for_the_crisis() {
    let story = Story::new(Story::SEED, end());
    // Of what the community writes: the team's answers do not count.
    let by_others = |post: &&StoryPost| post.about == MAIN && !post.is_team;
    let negative = |from: Timestamp, to: Timestamp| {
        let span: Vec<_> =
            story.posts().iter().filter(by_others).filter(|post| (from..to).contains(&post.created_at)).collect();
        share(span.iter().filter(|post| post.intended == Polarity::Negative).count(), span.len())
    };
    let calm = negative(story.starts(), story.launch_starts());
    assert!((0.11..0.18).contains(&calm), "{calm}");
    let launch = negative(story.launch_starts(), story.launch_starts() + SignedDuration::from_hours(24));
    assert!(launch < calm, "{launch}");
    let crisis = negative(story.crisis_starts(), story.crisis_starts() + SignedDuration::from_hours(12));
    assert!(crisis > 0.5, "{crisis}");
}

#[test]
fn every_post_outside_the_forum_names_its_brand() {
    let story = Story::new(Story::SEED, end());
    for post in story.posts().iter().filter(|post| post.platform != "forum" && !post.is_team) {
        assert!(post.text.to_lowercase().contains(&post.about.to_lowercase()), "{post:?}");
    }
}

#[test]
fn live_posts_follow_at_a_gentle_pace() {
    let story = Story::new(Story::SEED, end());
    let posts: Vec<StoryPost> = story.live(end()).take(500).collect();
    assert!(posts.windows(2).all(|pair| pair[0].created_at < pair[1].created_at));
    let seconds = (posts[499].created_at.as_second() - end().as_second()) / 500;
    assert!((5..=10).contains(&seconds), "one post in {seconds} s");
    let ids: HashSet<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    assert_eq!(ids.len(), 500);
}
