//! Stories and themes, on a day that can be counted by hand.

use grapevine_model::{Intent, Kind, Mention, Polarity, Scores, ThemeScore};
use grapevine_store::By;
use serde_json::json;

use crate::world::{at, by_team, day, post, scores, world};

fn of_story(first: &str, mention: Mention) -> Mention {
    Mention { story: Some(mention.key.sibling_id(first)), ..mention }
}

fn about(polarity: Polarity, themes: &[(&str, bool)], mention: Mention) -> Mention {
    let theme = |(name, rule): &(&str, bool)| ThemeScore { theme: name.to_string(), probability: 0.9, rule: *rule };
    let themes = themes.iter().map(theme).collect();
    Mention { scores: Some(Scores { themes, ..scores(polarity, Intent::None) }), ..mention }
}

#[tokio::test]
async fn stories_count_near_duplicates_and_reposts_once() {
    let world = world().await;
    let mentions = [
        of_story("1", post("1", day("10:00:00"))),
        of_story("1", post("2", day("10:01:00"))),
        of_story("1", Mention { kind: Kind::Repost, ..post("3", day("10:02:00")) }),
        of_story("4", post("4", day("10:03:00"))),
        // Stored before stories were told apart.
        post("5", day("10:04:00")),
        // Reposts of what was written before the span, and is not stored.
        of_story("0", Mention { kind: Kind::Repost, ..post("6", day("10:05:00")) }),
        of_story("0", Mention { kind: Kind::Repost, ..post("7", day("10:06:00")) }),
    ];
    let _ = world.insert_mentions(&mentions).await;
    let _ = world.insert_mentions(&mentions[..2]).await;
    world.complete(at("2026-03-02T20:00:00Z")).await;
    assert_eq!(world.figures("stories", None).await, json!([[4, 4, 7, 3]]));
    assert_eq!(world.figures("stories", Some(By::Kind)).await, json!([["post", 3, 4, 4, 2], ["repost", 2, 0, 3, 2]]));
}

#[tokio::test]
async fn themes_are_counted_with_their_change_and_sentiment() {
    let world = world().await;
    let yesterday = |time: &str| at(&format!("2026-03-01T{time}Z"));
    let mentions = [
        about(Polarity::Negative, &[("delivery", false), ("price", true)], post("1", day("10:00:00"))),
        about(Polarity::Positive, &[("delivery", true)], post("2", day("10:00:00"))),
        about(Polarity::Neutral, &[("delivery", false)], post("3", day("11:00:00"))),
        about(Polarity::Neutral, &[], post("4", day("12:00:00"))),
        // None of these is of the figure: not scored, the team's, a repost.
        Mention { scores: None, ..post("5", day("12:00:00")) },
        by_team(about(Polarity::Negative, &[("price", false)], post("6", day("12:00:00")))),
        Mention { kind: Kind::Repost, ..about(Polarity::Negative, &[("price", false)], post("7", day("12:00:00"))) },
        about(Polarity::Negative, &[("price", false)], post("8", yesterday("10:00:00"))),
        about(Polarity::Negative, &[("price", false)], post("9", yesterday("11:00:00"))),
        about(Polarity::Negative, &[("gone", false)], post("10", yesterday("11:00:00"))),
    ];
    let _ = world.insert_mentions(&mentions).await;
    world.complete(at("2026-03-02T20:00:00Z")).await;
    let expected = json!([["delivery", 3, 75, 3, 0, 1], ["price", 1, 25, -1, -100, 1], ["other", 1, 25, 1, 0, 0]]);
    assert_eq!(world.figures("themes", None).await, expected);
}
