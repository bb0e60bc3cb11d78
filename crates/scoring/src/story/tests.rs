use grapevine_model::{Author, MentionKey};
use proptest::prelude::*;

use super::*;

const NEWS: &str = "Acme opens its first shop in Leeds on Monday, with free coffee for everyone who comes";

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + minute * 60).unwrap()
}

fn post(id: &str, minute: i64, text: &str) -> Mention {
    Mention::new(MentionKey::new("test", "", id), Author::default(), at(minute), text)
}

fn naming(kind: Kind, parent: &str, mention: Mention) -> Mention {
    Mention { kind, parent: Some(parent.into()), ..mention }
}

fn id(native: &str) -> MentionId {
    MentionKey::new("test", "", native).id()
}

fn stories(hours: i64, mentions: usize) -> Stories {
    Stories::new(StoryLimits { window: SignedDuration::from_hours(hours), mentions })
}

#[test]
fn a_copy_belongs_to_the_first_mention_that_told_it() {
    let mut stories = stories(72, 100);
    assert_eq!(stories.assign(&post("a", 0, NEWS), &()), id("a"));
    assert_eq!(stories.assign(&post("b", 5, &format!("RT @acme: {NEWS} https://example.com/1 #acme")), &()), id("a"));
    assert_eq!(
        stories.assign(&post("c", 9, "Acme shuts its shop in Leeds, and nobody will miss the coffee"), &()),
        id("c")
    );
}

#[test]
fn a_repost_belongs_to_its_parents_story_whether_or_not_the_parent_was_seen() {
    let mut stories = stories(72, 100);
    stories.assign(&post("a", 0, NEWS), &());
    stories.assign(&post("b", 1, NEWS), &());
    assert_eq!(stories.assign(&naming(Kind::Repost, "b", post("c", 2, "")), &()), id("a"));
    assert_eq!(stories.assign(&naming(Kind::Repost, "unseen", post("d", 3, "whatever it says")), &()), id("unseen"));
    assert_eq!(stories.assign(&naming(Kind::Quote, "b", post("e", 4, "🔥 https://example.com")), &()), id("a"));
    let own_words = "I have been to the one in York, and it was nothing special to be honest";
    assert_eq!(stories.assign(&naming(Kind::Quote, "b", post("f", 5, own_words)), &()), id("f"));
}

#[test]
fn a_parent_that_comes_after_its_repost_stays_the_story() {
    let mut stories = stories(72, 100);
    stories.assign(&post("a", 0, NEWS), &());
    assert_eq!(stories.assign(&naming(Kind::Repost, "b", post("c", 1, "")), &()), id("b"));
    assert_eq!(stories.assign(&post("b", 2, NEWS), &()), id("b"));
}

#[test]
fn short_texts_are_no_stories() {
    let mut stories = stories(72, 100);
    stories.assign(&post("a", 0, "Happy Monday, everyone!"), &());
    assert_eq!(stories.assign(&post("b", 0, "Happy Monday, everyone!"), &()), id("b"));
}

#[test]
fn texts_that_differ_in_a_number_are_two_stories() {
    let mut stories = stories(72, 100);
    stories.assign(&post("a", 0, "Version 2.1 of the Acme desktop client is out, with many small fixes"), &());
    let other = post("b", 0, "Version 2.2 of the Acme desktop client is out, with many small fixes");
    assert_eq!(stories.assign(&other, &()), id("b"));
}

/// Says of all texts that they mean the same, and counts how often it is asked.
#[derive(Default)]
struct Same(std::cell::Cell<usize>);

impl Meaning for Same {
    fn embeddings(&self, texts: &[&str]) -> Option<Vec<Vec<f32>>> {
        self.0.set(self.0.get() + 1);
        Some(texts.iter().map(|_| vec![1.0]).collect())
    }
}

#[test]
fn what_is_told_in_other_words_belongs_to_the_story_where_it_means_the_same() {
    let mut stories = stories(72, 100);
    let reworded = post("b", 5, "On Monday Acme opens its first shop in Leeds: free coffee for all of the visitors");
    stories.assign(&post("a", 0, NEWS), &());
    assert_eq!(stories.assign(&Mention { text: reworded.text.clone(), ..post("c", 5, "") }, &()), id("c"));
    let mut stories = self::stories(72, 100);
    stories.assign(&post("a", 0, NEWS), &Same::default());
    assert_eq!(stories.assign(&reworded, &Same::default()), id("a"));
}

#[test]
fn meaning_is_asked_for_where_letters_leave_it_open_and_not_elsewhere() {
    let reworded = "On Monday Acme opens its first shop in Leeds: free coffee for all of the visitors";
    let asked = |first: &str, second: &str| {
        let (mut stories, same) = (stories(72, 100), Same::default());
        stories.assign(&post("a", 0, first), &same);
        stories.assign(&post("b", 1, second), &same);
        same.0.get()
    };
    assert_eq!(asked(NEWS, reworded), 1);
    assert_eq!(asked(NEWS, &NEWS.to_uppercase()), 0, "a copy");
    assert_eq!(asked(NEWS, "The ferry to Harwick is cancelled until further notice because of the wind"), 0, "another");
    assert_eq!(asked(&NEWS.replace("first", "2nd"), &reworded.replace("first", "3rd")), 0, "another number");
    assert_eq!(
        asked("thanks for the quick and friendly answer", "so quick and friendly an answer, thanks"),
        0,
        "short"
    );
}

#[test]
fn a_story_that_goes_on_is_known_for_as_long_as_it_does() {
    let mut stories = stories(10, 100);
    for hour in [0, 8, 16, 24] {
        assert_eq!(stories.assign(&post(&format!("n{hour}"), hour * 60, NEWS), &()), id("n0"));
    }
    assert_eq!(stories.assign(&post("late", 35 * 60, NEWS), &()), id("late"));
}

#[test]
fn a_mention_dated_ahead_does_not_empty_the_memory() {
    let mut stories = stories(10, 100);
    stories.assign(&post("a", 0, NEWS), &());
    let ahead =
        Mention { observed_at: at(1), ..post("x", 60 * 24 * 365, "something else that is long enough to count") };
    stories.assign(&ahead, &());
    assert_eq!(stories.assign(&post("b", 2, NEWS), &()), id("a"));
}

#[test]
fn an_edit_that_says_something_else_leaves_the_story_and_a_first_mention_keeps_it() {
    let mut stories = stories(72, 100);
    stories.assign(&post("a", 0, NEWS), &());
    stories.assign(&post("b", 1, NEWS), &());
    let other = "On second thought this is about the tram that stops in front of the town hall";
    assert_eq!(stories.assign(&post("b", 2, other), &()), id("b"));
    assert_eq!(stories.assign(&post("a", 3, other), &()), id("a"));
    assert_eq!(stories.assign(&naming(Kind::Repost, "a", post("c", 4, "")), &()), id("a"));
}

#[test]
fn what_is_remembered_answers_as_before_a_restart() {
    let mut before = stories(72, 100);
    let all = [post("a", 0, NEWS), post("b", 1, NEWS), naming(Kind::Repost, "b", post("c", 2, ""))];
    let given: Vec<MentionId> = all.iter().map(|mention| before.assign(mention, &())).collect();
    let mut after = stories(72, 100);
    all.iter().zip(&given).for_each(|(mention, story)| after.remember(mention, *story));
    assert_eq!(all.iter().map(|mention| after.assign(mention, &())).collect::<Vec<_>>(), given);
    assert_eq!(after.assign(&post("d", 5, &NEWS.to_uppercase()), &()), id("a"));
}

/// Few texts, so that there are copies; few ids, so that there are replays and edits.
fn any_mention() -> impl Strategy<Value = Mention> {
    let text = prop_oneof![
        Just(NEWS.to_owned()),
        Just("The tram stops in front of the town hall again since this morning".to_owned()),
        "[a-e ]{0,60}",
    ];
    (0..40u32, 0..40u32, 0..6000i64, text, 0..4u8).prop_map(|(own, parent, minute, text, kind)| {
        let mention = post(&own.to_string(), minute, &text);
        match kind {
            0 => naming(Kind::Repost, &parent.to_string(), mention),
            1 => naming(Kind::Quote, &parent.to_string(), mention),
            _ => mention,
        }
    })
}

proptest! {
    #[test]
    fn memory_is_bounded_and_given_back(all in prop::collection::vec(any_mention(), 0..120), most in 1..30usize) {
        let mut stories = stories(24, most);
        for mention in &all {
            stories.assign(mention, &());
            prop_assert!(stories.len() <= most);
            prop_assert_eq!(stories.known.len(), stories.by_age.len());
        }
        let ids: Vec<MentionId> = stories.known.keys().copied().collect();
        for id in ids {
            stories.drop_known(id);
        }
        prop_assert!(stories.index.is_empty() && stories.by_age.is_empty());
    }

    #[test]
    fn a_replay_of_what_is_known_gives_the_same_stories(all in prop::collection::vec(any_mention(), 0..60)) {
        let newest: HashMap<MentionId, Mention> = all.iter().map(|m| (m.id(), m.clone())).collect();
        let mut stories = stories(24 * 365, 10_000);
        for mention in &all {
            stories.assign(mention, &());
        }
        let given: Vec<(MentionId, MentionId)> =
            newest.values().map(|m| (m.id(), stories.known[&m.id()].story)).collect();
        for (id, story) in given {
            prop_assert_eq!(stories.assign(&newest[&id], &()), story);
        }
    }

    #[test]
    fn the_same_mentions_in_the_same_order_give_the_same_stories(all in prop::collection::vec(any_mention(), 0..60)) {
        let run = || -> Vec<MentionId> {
            let mut stories = stories(24, 20);
            all.iter().map(|mention| stories.assign(mention, &())).collect()
        };
        prop_assert_eq!(run(), run());
    }
}
