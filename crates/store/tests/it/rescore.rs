//! Stored mentions read by another model: beside what is shown, and then shown, whatever happens to them meanwhile.

use grapevine_model::{Event, Intent, Mention, MentionId, Polarity, Polarity::*, Rescored, Scores, ThemeScore};
use grapevine_store::{Batch, Compared, Day, MetricQuery, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{World, asking, at, day, delete, of, post, scores, upsert, with_polarity, world};

const NEW: &str = "other@2";

fn today() -> Day {
    Day(u32::try_from(day("00:00:00").as_second() / 86_400).unwrap())
}

fn says(polarity: Polarity, model: &str) -> Scores {
    let theme = ThemeScore { theme: "it's \"quoted\" \\ late".into(), probability: 0.7, rule: false };
    let themes = vec![theme];
    Scores { model: model.into(), hostility: Some(0.125), themes, ..scores(polarity, Intent::Complaint) }
}

/// Everything is negative to the other model, and it covers no German.
async fn read_by_other(world: &World) -> usize {
    let (store, mut pages) = (&world.store, 0);
    loop {
        let page = store.to_rescore(NEW, "", today(), 7).await.unwrap();
        if page.is_empty() {
            return pages;
        }
        let said = |language: &str| (language != "de").then(|| says(Negative, NEW));
        let rows: Vec<_> = page.into_iter().map(|row| (row.clone(), said(&row.language))).collect();
        store.save_rescored(NEW, &rows).await.unwrap();
        pages += 1;
    }
}

async fn switch_events(store: &Store) -> Vec<Event> {
    let page = store.to_switch(NEW, today(), MentionId(0), 1000).await.unwrap();
    page.into_iter().map(|(_, rescored)| Event::Rescored(Box::new(rescored))).collect()
}

async fn insert(world: &World, events: Vec<Event>) -> Batch {
    let batch = world.batch(events);
    let _ = world.store.insert(&batch).await.unwrap();
    batch
}

/// Polarity, model and themes of a mention, by brand.
async fn stored(world: &World, native_id: &str) -> Vec<(String, i8, String, String)> {
    let sql =
        "SELECT toString(brand), toInt8(polarity), toString(model), arrayStringConcat(themes, '|') FROM mentions FINAL
        WHERE native_id = ? ORDER BY brand";
    world.client().query(sql).bind(native_id).fetch_all().await.unwrap()
}

/// 20 neutral posts of acme, the first of zenith too; one in German; one without words.
async fn posts(world: &World) -> Vec<Mention> {
    let mut posts: Vec<Mention> = (0..20)
        .map(|n| asking(Intent::Question, post(&n.to_string(), day("10:00:00") + SignedDuration::from_mins(n * 20))))
        .collect();
    posts[0].brands = vec![of("acme"), of("zenith")];
    posts[1].language = Some("de".into());
    posts[2].text = "  ".into();
    let _ = world.insert_mentions(&posts).await;
    posts
}

#[tokio::test]
async fn another_model_stands_beside_what_is_shown_until_it_is_switched_to() {
    let world = world().await;
    posts(&world).await;
    assert_eq!(read_by_other(&world).await, 3, "19 with words, 7 a page");
    assert_eq!(stored(&world, "0").await[0].1, 0, "nothing has changed yet");
    let compared = world.store.compare(NEW, "acme", today()).await.unwrap();
    let cell = |new, mentions| Compared { stored: 0, new, mentions, same_intent: 0 };
    assert_eq!(compared, [cell(-1, 18), Compared { same_intent: 0, ..cell(2, 1) }]);
    assert_eq!(world.store.examples(NEW, "", today(), 3).await.unwrap().len(), 3);
    let events = switch_events(&world.store).await;
    assert_eq!(events.len(), 19);
    insert(&world, events).await;
    let row = |brand: &str| (brand.to_owned(), -1, NEW.to_owned(), "it's \"quoted\" \\ late".to_owned());
    assert_eq!(stored(&world, "0").await, [row("acme"), row("zenith")]);
    assert_eq!(stored(&world, "1").await[0].1, 2, "what it does not cover is not scored");
    assert_eq!(stored(&world, "2").await[0].2, "minilm@1", "a text without words is left as it is");
    assert!(world.store.rebuild_dirty().await.unwrap().hours > 0);
    world.assert_rollups_agree().await;
    let figures = world.figures("net_sentiment", None).await;
    assert_eq!(figures[0].as_array().unwrap()[2..], [18, 1, 0, 1].map(|count| json!(count)), "{figures}");
    assert_eq!(switch_events(&world.store).await, [], "nothing is left to switch");
    assert_eq!(world.store.count().await.unwrap(), 21);
    assert_eq!(world.store.drop_rescored(NEW).await.unwrap(), 19);
    assert_eq!(world.store.rescorers().await.unwrap(), []);
    assert_eq!(stored(&world, "0").await[0].1, -1, "what was switched stays");
}

#[tokio::test]
async fn what_was_edited_or_deleted_since_it_was_read_is_not_touched() {
    let world = world().await;
    let posts = posts(&world).await;
    read_by_other(&world).await;
    let events = switch_events(&world.store).await;
    let later = day("20:00:00");
    let edited = Mention { observed_at: later, text: "edited".into(), ..with_polarity(Positive, posts[3].clone()) };
    let _ = world.insert(vec![upsert(&edited), delete(&posts[4], later)]).await;
    assert_eq!(switch_events(&world.store).await.len(), 17, "they are not even sent");
    insert(&world, events).await;
    assert_eq!((stored(&world, "3").await[0].1, stored(&world, "4").await.len()), (1, 0));
    world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
    assert_eq!(read_by_other(&world).await, 1, "the edited one is read in its new version");
    insert(&world, switch_events(&world.store).await).await;
    assert_eq!(stored(&world, "3").await[0].1, -1);
}

#[tokio::test]
async fn the_same_switch_again_and_an_old_one_behind_a_new_one_change_nothing() {
    let world = world().await;
    let posts = posts(&world).await;
    let said = |model: &str, polarity| {
        let Mention { key, observed_at, .. } = posts[5].clone();
        Event::Rescored(Box::new(Rescored { key, observed_at, scores: Some(says(polarity, model)) }))
    };
    let (old, new) = (world.batch(vec![said("second@1", Negative)]), world.batch(vec![said("third@1", Positive)]));
    let _ = world.store.insert(&new).await.unwrap();
    // A sink that stood still goes on, and another that does not know of it writes its range again.
    let _ = world.store.insert(&old).await.unwrap();
    let again = Batch { replay: true, ..new.clone() };
    let _ = world.store.insert(&again).await.unwrap();
    let _ = world.store.insert(&Batch { replay: true, ..old.clone() }).await.unwrap();
    assert_eq!(stored(&world, "5").await[0].2, "third@1");
    let versions: u64 = world
        .client()
        .query("SELECT count() FROM mentions WHERE native_id = '5' AND model = 'third@1'")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(versions, 1, "it was written once");
    world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_log_that_is_read_again_from_its_start_ends_with_the_switch() {
    let world = world().await;
    let posts = posts(&world).await;
    read_by_other(&world).await;
    let switch = insert(&world, switch_events(&world.store).await).await;
    let start =
        Batch { replay: true, first_offset: 0, last_offset: 19, ..world.batch(posts.iter().map(upsert).collect()) };
    let events = (0..).zip(start.events.iter().map(|(_, event)| event.clone())).collect();
    let _ = world.store.insert(&Batch { events, ..start }).await.unwrap();
    let _ = world.store.insert(&Batch { replay: true, ..switch }).await.unwrap();
    world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
    let query = MetricQuery::new("net_sentiment", "acme", day("00:00:00"), at("2026-03-03T00:00:00Z"));
    assert_eq!(json!(world.metric(&query).await.rows)[0][2], json!(18));
    assert_eq!(switch_events(&world.store).await, []);
}

#[tokio::test]
async fn what_rules_say_of_themes_stays_and_days_are_listed() {
    let world = world().await;
    let theme = |name: &str, rule| ThemeScore { theme: name.into(), probability: if rule { 1.0 } else { 0.5 }, rule };
    let scores = Scores { themes: vec![theme("price", true), theme("speed", false)], ..scores(Neutral, Intent::None) };
    let _ = world.insert_mentions(&[Mention { scores: Some(scores), ..post("1", day("10:00:00")) }]).await;
    read_by_other(&world).await;
    insert(&world, switch_events(&world.store).await).await;
    assert_eq!(stored(&world, "1").await[0].3, "price|it's \"quoted\" \\ late");
    let all = (Timestamp::UNIX_EPOCH, at("2099-01-01T00:00:00Z"));
    assert_eq!(world.store.days("acme", all.0, all.1).await.unwrap(), [today()]);
    assert_eq!(world.store.days("zenith", all.0, all.1).await.unwrap(), []);
    assert_eq!(world.store.days_rescored(NEW, all.0, all.1).await.unwrap(), [today()]);
    assert_eq!(today().start(), day("00:00:00"));
}
