//! A post of the story as the scoring stage would leave it on the log: for measurements, which want records of real
//! size and many more of them than the story has.

use grapevine_model::{Author, BrandMatch, Engagement, Intent, Kind, Mention, MentionKey, Polarity, Scores};
use jiff::SignedDuration;

use super::{Story, StoryPost};

impl Story {
    /// `count` scored mentions, in the order of their times. Beyond the number of posts each post stands for several:
    /// with ids and authors of their own, seconds apart, as on a busier platform.
    pub fn scored(&self, count: usize) -> impl Iterator<Item = Mention> {
        let copies = count.div_ceil(self.posts.len().max(1)).max(1);
        let all = self.posts.iter().flat_map(move |post| (0..copies).map(move |copy| scored(post, copy)));
        all.take(count)
    }
}

fn scored(post: &StoryPost, copy: usize) -> Mention {
    let key = MentionKey::new(&post.platform, &post.instance, numbered(&post.id, copy));
    let created_at = post.created_at + SignedDuration::from_secs(copy.try_into().unwrap_or_default());
    Mention {
        kind: post.kind,
        space: post.space.clone(),
        url: Some(numbered(&post.url, copy)),
        observed_at: created_at + SignedDuration::from_micros(2_431_877),
        language: Some(post.language.clone()),
        hashtags: signs(&post.text, '#'),
        handles: signs(&post.text, '@'),
        root: post.root.as_deref().map(|id| numbered(id, copy)),
        parent: post.parent.as_deref().map(|id| numbered(id, copy)),
        parent_author: post.parent_author.clone(),
        engagement: engagement(post),
        brands: vec![BrandMatch {
            brand: post.about.to_owned(),
            monitor: "name".to_owned(),
            team: post.is_team,
            owned_space: post.platform == "forum",
        }],
        scores: Some(scores(post)),
        ..Mention::new(key, author(post, copy), created_at, &post.text)
    }
}

/// The first of its kind keeps its name.
fn numbered(name: &str, copy: usize) -> String {
    if copy == 0 { name.to_owned() } else { format!("{name}-{copy}") }
}

fn author(post: &StoryPost, copy: usize) -> Author {
    Author {
        native_id: numbered(&post.author_id, copy),
        handle: numbered(&post.author, copy),
        name: Some(post.author_name.clone()),
        followers: post.followers,
        is_team: post.is_team,
        is_bot: false,
    }
}

fn engagement(post: &StoryPost) -> Engagement {
    Engagement {
        likes: Some(post.likes),
        reposts: Some(post.reposts),
        replies: Some(post.replies),
        quotes: Some(post.quotes),
        impressions: post.impressions,
        ..Engagement::default()
    }
}

/// What its author meant, said with digits as a model says it.
fn scores(post: &StoryPost) -> Scores {
    let (low, high) = (0.041_627_8, 0.917_340_6);
    let of = |polarity| if post.intended == polarity { high } else { low };
    Scores {
        negative: of(Polarity::Negative),
        neutral: of(Polarity::Neutral),
        positive: of(Polarity::Positive),
        polarity: post.intended,
        confidence: 0.888_913_4,
        intent: if post.kind == Kind::Reply { Intent::None } else { Intent::Question },
        hostility: None,
        irony: None,
        themes: Vec::new(),
        model: "e5-small-social@1".to_owned(),
    }
}

fn signs(text: &str, sign: char) -> Vec<String> {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix(sign));
    let plain = words.map(|word| word.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    plain.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn more_mentions_than_posts_are_all_different_and_in_order_of_their_posts() {
        let story = Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse().expect("a time"));
        let count = story.posts().len() * 2 + 5;
        let ids: HashSet<_> = story.scored(count).map(|mention| mention.id()).collect();
        assert_eq!(ids.len(), count);
        let first = story.scored(1).next().expect("one mention");
        assert_eq!((first.key.native_id, first.text), (story.posts()[0].id.clone(), story.posts()[0].text.clone()));
    }
}
