//! A search gives what the matcher says of every stored mention, in order, whole, and once.

use std::{collections::BTreeMap, time::Duration};

use grapevine_model::{Correction, Event, LabelRecord, Mention, MentionId, Polarity};
use grapevine_monitor::{Brand, Finder, Matcher, Monitor, Words, parse, parse_search};
use grapevine_store::search::{Cursor, Filters, Found, Limits, Order, Search};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    labels::label_of,
    world::{World, at, day, delete, of, post, upsert, with_polarity, world},
};

const PIECES: [&str; 20] = [
    "Acme",
    "ACME's",
    "acmeville",
    "phone",
    "new",
    "NEW\tphone",
    "caf\u{e9}",
    "CAF\u{c9}",
    "\u{39f}\u{394}\u{39f}\u{3a3}",
    "東京acme都",
    "\u{212a}iwi",
    "100%",
    "a_b",
    "#Launch",
    "W77",
    "w770",
    "xw77 w77_",
    "w77\u{e9}",
    "w77\u{6771}",
    "\u{212a}w77",
];
const QUERIES: [&str; 24] = [
    "acme",
    "acme phone",
    "acme OR kiwi",
    "\"new phone\"",
    "caf\u{e9}",
    "\u{3bf}\u{3b4}\u{3bf}\u{3c3}",
    "東京",
    "kiwi",
    "100%",
    "a_b",
    "#launch OR @acme",
    "acme -phone",
    "-acme",
    "NOT (acme OR phone)",
    "nowhere",
    "w77",
    "w77* -w77",
    "acm* NEAR/1 phone",
    "\"new phone\" NEAR/2 w7*",
    "from:@H-7 OR from:author-8 OR w770",
    "acme lang:PT",
    "-lang:en -acme",
    "platform:Forum space:HELP phone OR space:\"he\"",
    "\"it's\\\\\" OR \"'; DROP\"",
];
const EVERYTHING: Limits = Limits { rows: u64::MAX, fetched: u64::MAX, time: Duration::from_secs(600) };

#[derive(Debug, Clone)]
struct Step {
    mention: u8,
    minute: u16,
    texts: Vec<Vec<usize>>,
    both: bool,
    deleted: bool,
    irrelevant: bool,
    negative: Option<bool>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop::collection::vec(0..PIECES.len(), 0..4);
    let texts = prop::collection::vec(text, 1..3);
    let flags = (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::option::of(any::<bool>()));
    let step = (0u8..60, 0u16..2000, texts, flags).prop_map(|(mention, minute, texts, flags)| {
        let (both, deleted, irrelevant, negative) = flags;
        Step { mention, minute, texts, both, deleted, irrelevant, negative }
    });
    prop::collection::vec(step, 1..50).prop_map(|steps| {
        let once: BTreeMap<u8, Step> = steps.into_iter().map(|step| (step.mention, step)).collect();
        once.into_values().collect()
    })
}

/// Some in one moment, so that ids decide; some months apart, so that windows do.
fn created(step: &Step) -> Timestamp {
    let spread = if step.minute.is_multiple_of(5) { 40 } else { 1 };
    day("09:00:00") - SignedDuration::from_mins(i64::from(step.minute / 3) * spread)
}

fn versions(step: &Step) -> Vec<Mention> {
    let base = post(&step.mention.to_string(), created(step));
    let brands = if step.both { vec![of("acme"), of("nova")] } else { vec![of("acme")] };
    let version = |(number, pieces): (usize, &Vec<usize>)| {
        let text = pieces.iter().map(|piece| PIECES[*piece]).collect::<Vec<_>>().join(" ");
        let (hashtags, handles) = match step.mention % 7 {
            0 => (vec!["Launch".to_owned()], vec![]),
            1 => (vec![], vec!["acme".to_owned()]),
            _ => (vec![], vec![]),
        };
        let observed_at = base.observed_at + SignedDuration::from_secs(number as i64);
        let language = ["en", "pt-BR", "PT_br"].get(usize::from(step.mention % 4)).map(|tag| (*tag).to_owned());
        Mention { text, hashtags, handles, language, observed_at, brands: brands.clone(), ..base.clone() }
    };
    step.texts.iter().enumerate().map(version).collect()
}

/// Stores every version, deletes and labels; gives what is left, with its polarity as people see it.
async fn play(world: &World, steps: &[Step]) -> Vec<(Mention, Polarity)> {
    let mut left = Vec::new();
    let mut labels = Vec::new();
    for step in steps {
        let versions = versions(step);
        let newest = versions.last().unwrap().clone();
        let mut events: Vec<Event> = versions.iter().map(upsert).collect();
        if step.deleted {
            events.push(delete(&newest, newest.observed_at + SignedDuration::from_secs(9)));
        }
        let _ = world.insert(events).await;
        let mut label = |correction: Correction| {
            for brand in ["acme", "nova"] {
                let label = label_of(newest.id(), brand, correction.clone(), day("12:00:00"));
                labels.push(LabelRecord::Label(label));
            }
        };
        let said = step.negative.map(|negative| if negative { Polarity::Negative } else { Polarity::Positive });
        said.map(Correction::Polarity).into_iter().for_each(&mut label);
        if step.irrelevant {
            label(Correction::Relevance(false));
        }
        if !step.deleted && !step.irrelevant {
            left.push((newest, said.unwrap_or(Polarity::Neutral)));
        }
    }
    let _ = world.store.apply_labels(&labels).await.unwrap();
    left.sort_by_key(|(mention, _)| std::cmp::Reverse((mention.created_at, mention.id())));
    left
}

/// What a monitor of the query says, where it can be one; what its definition says, where it requires nothing.
fn matches(query: &str, mention: &Mention) -> bool {
    let by_search = Finder::new(&parse_search(query).unwrap()).unwrap().holds(&Words::of(mention));
    if parse(query).is_ok() {
        let monitor = Monitor { name: "m".into(), query: query.into() };
        let (accounts, spaces) = (vec![], vec![]);
        let brand = Brand { name: "b".into(), competitor: false, accounts, spaces, monitors: vec![monitor] };
        assert_eq!(by_search, !Matcher::new(&[brand]).unwrap().matches(mention).is_empty());
    }
    by_search
}

fn search(query: &str) -> Search {
    let query = Some(parse_search(query).unwrap_or_else(|error| panic!("{query}: {error}")));
    Search { limits: EVERYTHING, ..Search::new(query, at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z")) }
}

/// All pages, one behind the other.
async fn pages(world: &World, search: &Search) -> Vec<MentionId> {
    let (mut ids, mut after) = (Vec::new(), search.after);
    loop {
        let found = world.store.search(&Search { after, ..search.clone() }).await.unwrap();
        assert!(found.hits.len() <= search.limit as usize);
        ids.extend(found.hits.iter().map(|hit| hit.mention.id));
        after = found.next;
        if after.is_none() {
            return ids;
        }
    }
}

#[test]
fn a_search_gives_what_the_matcher_says_of_every_stored_mention() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 2,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    });
    runner.run(&(steps(), 3u32..20), |(steps, limit)| runtime.block_on(compare(&steps, limit))).unwrap();
}

async fn compare(steps: &[Step], limit: u32) -> Result<(), TestCaseError> {
    let world = world().await;
    let left = play(&world, steps).await;
    for indexed in [false, true] {
        world.store.set_text_index(indexed).await.unwrap();
        prop_assert_eq!(world.store.text_index().await.unwrap().on, indexed);
        for query in QUERIES {
            let hits = left.iter().filter(|(mention, _)| matches(query, mention));
            let expected: Vec<MentionId> = hits.map(|(mention, _)| mention.id()).collect();
            let mut asked = Search { limit, ..search(query) };
            prop_assert_eq!(pages(&world, &asked).await, expected.clone(), "{} with the index {}", query, indexed);
            asked.order = Order::OldestFirst;
            let reversed: Vec<MentionId> = expected.iter().rev().copied().collect();
            prop_assert_eq!(pages(&world, &asked).await, reversed, "{} oldest first", query);
            if query.len() % 2 == 1 {
                continue;
            }
            let negative = Filters { polarities: vec![Some(Polarity::Negative)], ..Filters::default() };
            let negative = Search { filters: Filters { brand: Some("acme".into()), ..negative }, ..search(query) };
            let hits = left.iter().filter(|(mention, said)| *said == Polarity::Negative && matches(query, mention));
            let expected: Vec<MentionId> = hits.map(|(mention, _)| mention.id()).collect();
            prop_assert_eq!(pages(&world, &negative).await, expected, "{} negative", query);
        }
    }
    Ok(())
}

async fn found(world: &World, search: &Search) -> Found {
    world.store.search(search).await.unwrap()
}

fn said(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.mention.text.as_str()).collect()
}

fn saying(text: &str, minute: i64) -> Mention {
    let created_at = day("10:00:00") + SignedDuration::from_mins(minute);
    Mention { text: text.into(), ..post(&format!("{minute}"), created_at) }
}

#[tokio::test]
async fn pages_neither_repeat_nor_leave_out_while_posts_come_in() {
    let world = world().await;
    let first: Vec<Mention> = (0..30).map(|minute| saying("acme", minute)).collect();
    let _ = world.insert_mentions(&first).await;
    let (mut ids, mut after, mut minute) = (Vec::new(), None, 100);
    loop {
        let page = found(&world, &Search { limit: 7, after, ..search("acme") }).await;
        ids.extend(page.hits.iter().map(|hit| hit.mention.id));
        let _ = world.insert_mentions(&[saying("acme, newer", minute)]).await;
        (after, minute) = (page.next, minute + 1);
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<MentionId> = first.iter().rev().map(Mention::id).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_search_that_finds_little_says_how_far_it_came_and_goes_on() {
    let world = world().await;
    let posts: Vec<Mention> =
        (0..200).map(|minute| saying(if minute == 3 { "acme" } else { "nothing" }, minute)).collect();
    let _ = world.insert_mentions(&posts).await;
    let limits = Limits { fetched: 60, ..EVERYTHING };
    let mut asked = Search { limit: 20, limits, ..search("-nothing") };
    let first = found(&world, &asked).await;
    assert_eq!((first.hits.len(), first.progress.stopped, first.progress.at_least), (0, true, true));
    assert_eq!((first.progress.looked_at, first.progress.of), (80, Some(200)), "two batches of 40");
    assert_eq!(first.progress.reached, posts[120].created_at);
    let (mut hits, mut calls) = (0, 1);
    asked.after = first.next;
    while asked.after.is_some() {
        let page = found(&world, &asked).await;
        (hits, calls, asked.after) = (hits + page.hits.len(), calls + 1, page.next);
    }
    assert_eq!((hits, calls), (1, 3));
    // What is narrowed need not be fetched.
    let narrowed = found(&world, &Search { limits, ..search("acme") }).await;
    assert_eq!((narrowed.hits.len(), narrowed.next, narrowed.progress.looked_at), (1, None, 200));
    assert!(!narrowed.progress.stopped && !narrowed.progress.at_least);
}

#[tokio::test]
async fn hits_are_counted_beyond_the_page_as_far_as_is_asked() {
    let world = world().await;
    let _ = world.insert_mentions(&(0..50).map(|minute| saying("acme", minute)).collect::<Vec<_>>()).await;
    for (count_to, count, at_least) in [(0, 5, true), (20, 20, true), (1000, 50, false)] {
        let page = found(&world, &Search { limit: 5, count_to, ..search("acme") }).await;
        assert_eq!((page.hits.len(), page.progress.count, page.progress.at_least), (5, count, at_least));
        let next = Cursor { created_at: page.hits[4].mention.created_at, id: page.hits[4].mention.id };
        assert_eq!((page.next, page.progress.stopped), (Some(next), false));
    }
}

#[tokio::test]
async fn filters_hold_of_the_mention_as_it_is_now() {
    let world = world().await;
    let liked = Mention { media: vec![], links: vec!["https://x.example".into()], ..saying("liked acme", 1) };
    let liked = with_polarity(Polarity::Positive, liked);
    let engagement = grapevine_model::Engagement { likes: Some(3), ..Default::default() };
    let liked = Mention { engagement, ..liked };
    let _ = world.insert_mentions(&[liked.clone(), saying("plain acme", 2)]).await;
    let only = |filters: Filters| Search { filters, ..search("acme") };
    let links = only(Filters { has_links: Some(true), ..Filters::default() });
    assert_eq!(said(&found(&world, &links).await), ["liked acme"]);
    let author = only(Filters { author: Some("@H-2".into()), ..Filters::default() });
    assert_eq!(said(&found(&world, &author).await), ["plain acme"]);
    let none = only(Filters { has_media: Some(true), ..Filters::default() });
    assert!(said(&found(&world, &none).await).is_empty());
    let least = |least| only(Filters { min_engagement: Some(least), ..Filters::default() });
    assert_eq!(said(&found(&world, &least(3)).await), ["liked acme"]);
    assert!(said(&found(&world, &least(4)).await).is_empty());
    let observed_at = liked.observed_at + SignedDuration::from_hours(1);
    let engagement = grapevine_model::Engagement { likes: Some(9), ..Default::default() };
    let newer = Mention { engagement, observed_at, ..liked.clone() };
    let _ = world.insert_mentions(&[newer]).await;
    assert_eq!(said(&found(&world, &least(9)).await), ["liked acme"]);
    let positive = only(Filters { polarities: vec![Some(Polarity::Positive)], ..Filters::default() });
    assert_eq!(said(&found(&world, &positive).await), ["liked acme"]);
    let all = Filters { languages: vec!["en".into()], platforms: vec!["forum".into()], ..Filters::default() };
    let page = found(&world, &only(Filters { brand: Some("acme".into()), space: Some("help".into()), ..all })).await;
    assert_eq!(said(&page), ["plain acme", "liked acme"]);
    assert_eq!(page.hits[0].highlights, vec![6..10]);
}

#[tokio::test]
async fn a_reader_that_can_not_write_finds_the_same() {
    let world = world().await;
    let _ = world.insert_mentions(&[saying("Acme \u{212a}iwi", 1), saying("acme phone", 2)]).await;
    let reader = world.reader();
    for indexed in [false, true] {
        world.store.set_text_index(indexed).await.unwrap();
        for (query, texts) in [("kiwi", vec!["Acme \u{212a}iwi"]), ("#x OR phone", vec!["acme phone"])] {
            let filters =
                Filters { intents: vec![grapevine_model::Intent::None], min_engagement: Some(0), ..Filters::default() };
            let page = reader.search(&Search { filters, ..search(query) }).await.unwrap();
            assert_eq!((said(&page), page.progress.indexed), (texts, indexed), "{query}");
        }
    }
    assert!(reader.set_text_index(false).await.is_err());
}

/// A million posts of twelve words each; `zebra` stands in one of fifty thousand.
const FILL: &str = "INSERT INTO mentions (brand, id, platform, native_id, kind, author, author_handle, created_at,
        observed_at, text, language, polarity, version, first)
    SELECT ['acme', 'nova'][1 + number % 2], reinterpretAsUInt128(sipHash128(number)), 'forum', toString(number), 'post',
        toString(number % 9973), toString(number % 9973), toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 5,
        toDateTime64('2026-03-01 00:00:00', 6, 'UTC'),
        concat(if(number % 50000 = 77, 'Zebra ', ''), arrayStringConcat(arrayMap(
            word -> concat('w', toString(toUInt32(pow(cityHash64(number, word) % 1000, 2) / 50))), range(12)), ' ')),
        'en', 'neutral', 1, 1
    FROM numbers(1000000)";

#[tokio::test]
#[ignore = "prints how fast searches are; takes a minute"]
async fn rates_at_a_million_rows() {
    let world = world().await;
    world.execute(FILL).await;
    world.execute("OPTIMIZE TABLE mentions FINAL").await;
    for indexed in [false, true] {
        let began = std::time::Instant::now();
        world.store.set_text_index(indexed).await.unwrap();
        let index = world.store.text_index().await.unwrap();
        println!("index {index}: {:.1?} to set, {} of {} bytes", began.elapsed(), index.bytes, index.table_bytes);
        for query in ["zebra", "w77", "w77 w78", "w1 -w2", "-w1 -w2 -w3", "nowhere", "москва", "zebra -w0"] {
            for _ in 0..2 {
                let began = std::time::Instant::now();
                let asked = Search { limits: Limits::default(), count_to: 500, ..search(query) };
                let found = found(&world, &asked).await;
                let (took, progress) = (began.elapsed(), found.progress);
                let rate = progress.looked_at as f64 / took.as_secs_f64();
                println!("  {query}: {} hits, {progress:?} in {took:.1?}, {rate:.0} rows/s", found.hits.len());
            }
        }
        let began = std::time::Instant::now();
        let rows = world.store.latest(Some("acme"), 50, None).await.unwrap();
        println!("  latest: {} in {:.1?}", rows.len(), began.elapsed());
    }
}
