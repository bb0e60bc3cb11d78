//! What people say of mentions wins over what any model says, at any time, and figures follow.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use grapevine_model::{
    Before, Correction, Intent, Label, LabelRecord, Mention, MentionId, Polarity, Scores, Withdrawal,
};
use grapevine_store::{Batch, Checked, LabelFilter, MetricQuery, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    chaos::{Ran, audit, process, run_until},
    world::{World, at, day, delete, of, post, scores, upsert, with_polarity, world},
};

pub fn label(mention: &Mention, correction: Correction, at: Timestamp) -> Label {
    label_of(mention.id(), "acme", correction, at)
}

pub fn label_of(mention: MentionId, brand: &str, correction: Correction, at: Timestamp) -> Label {
    let before = Before { value: "neutral".into(), model: "minilm@1".into() };
    let (by, note, drawn) = ("ada".into(), String::new(), false);
    Label { mention, brand: brand.into(), correction, by, at, note, before, drawn }
}

pub fn withdrawn(label: &Label, at: Timestamp) -> LabelRecord {
    LabelRecord::Withdrawn(Withdrawal { key: label.key(), by: "bo".into(), at })
}

const NEGATIVE: Correction = Correction::Polarity(Polarity::Negative);
const IRRELEVANT: Correction = Correction::Relevance(false);

async fn apply(world: &World, label: &Label) {
    let _ = world.store.apply_labels(&[LabelRecord::Label(label.clone())]).await.unwrap();
}

/// Negative, neutral and positive mentions of `acme`: by mentions and, the same, by rollups.
async fn polarities(world: &World) -> [u64; 3] {
    let table = world.store.polarity_table().await.unwrap();
    let counted = table.iter().find(|row| row.brand == "acme");
    let base = counted.map_or([0; 3], |row| [row.negative, row.neutral, row.positive]);
    let rows = world.figures("net_sentiment", None).await;
    let rollup = [2, 3, 4].map(|column| rows[0][column].as_u64().unwrap_or_default());
    assert_eq!(base, rollup);
    world.assert_rollups_agree().await;
    let found = audit(&world.store).await;
    assert_eq!((found.violations(), found.dirty_hours), (0, 0), "{found:#?}");
    base
}

async fn shown(world: &World) -> Option<&'static str> {
    world.store.latest(Some("acme"), 1, None).await.unwrap().first().and_then(|row| row.polarity)
}

#[tokio::test]
async fn a_label_wins_over_the_model_at_once_and_until_it_is_withdrawn() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let _ = world.insert_mentions(&[mention.clone(), post("2", day("10:01:00"))]).await;
    let given = label(&mention, NEGATIVE, day("11:00:00"));
    apply(&world, &given).await;
    assert_eq!(polarities(&world).await, [1, 1, 0], "without a rebuild by anyone else");
    let row = &world.store.mention(mention.id()).await.unwrap()[0];
    let label = &row.labels[0];
    let said = (&*label.field, &*label.value, &*label.model, &*label.by);
    assert_eq!((row.polarity, said), (Some("negative"), ("polarity", "negative", "neutral", "ada")));
    let _ = world.store.apply_labels(&[withdrawn(&given, day("12:00:00"))]).await.unwrap();
    assert_eq!(polarities(&world).await, [0, 2, 0]);
    // What was withdrawn does not come back with an older record.
    apply(&world, &given).await;
    assert_eq!(polarities(&world).await, [0, 2, 0]);
    apply(&world, &Label { at: day("13:00:00"), ..given }).await;
    assert_eq!(polarities(&world).await, [1, 1, 0]);
}

#[tokio::test]
async fn an_edit_a_rescoring_a_replay_and_a_rebuild_leave_a_label() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let first = world.batch(vec![upsert(&mention)]);
    let _ = world.store.insert(&first).await.unwrap();
    apply(&world, &label(&mention, NEGATIVE, day("11:00:00"))).await;
    let mut edited = with_polarity(Polarity::Positive, mention.clone());
    edited.observed_at += SignedDuration::from_mins(9);
    let other = Scores { model: "other@2".into(), ..scores(Polarity::Positive, Intent::Praise) };
    let rescored = Mention { scores: Some(other), ..edited.clone() };
    for events in [vec![upsert(&edited)], vec![upsert(&rescored)]] {
        let _ = world.insert(events).await;
        assert_eq!(shown(&world).await, Some("negative"));
        let _ = world.store.rebuild_dirty().await.unwrap();
        assert_eq!(polarities(&world).await, [1, 0, 0]);
    }
    let _ = process(&world).insert(&Batch { replay: true, ..first }).await.unwrap();
    let _ = world.store.rebuild("acme", day("00:00:00"), day("23:00:00")).await.unwrap();
    assert_eq!(polarities(&world).await, [1, 0, 0]);
    let row = &world.store.mention(mention.id()).await.unwrap()[0];
    assert_eq!(
        (&*row.model, &*row.labels[0].model),
        ("other@2", "positive"),
        "the newest model's word stands beside it"
    );
}

#[tokio::test]
async fn a_label_that_is_there_before_its_mention_counts_when_the_mention_comes() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    apply(&world, &label(&mention, NEGATIVE, day("11:00:00"))).await;
    let inserted = world.insert_mentions(&[mention, post("2", day("12:00:00"))]).await;
    assert_eq!((inserted.stored, inserted.dirty_hours), (2, 1), "only the labelled one's hour");
    assert_eq!(shown(&world).await, Some("neutral"));
    let found = audit(&world.store).await;
    assert_eq!((found.violations(), found.dirty_hours), (0, 1));
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(polarities(&world).await, [1, 1, 0]);
}

#[tokio::test]
async fn what_is_not_relevant_is_in_no_figure_of_the_brand_and_is_not_deleted() {
    let world = world().await;
    let both = Mention { brands: vec![of("acme"), of("zenith")], ..post("1", day("10:00:00")) };
    let _ = world.insert_mentions(&[both.clone(), post("2", day("10:01:00"))]).await;
    let given = label(&both, IRRELEVANT, day("11:00:00"));
    apply(&world, &given).await;
    assert_eq!(polarities(&world).await, [0, 1, 0]);
    assert_eq!(world.figures("mention_volume", None).await, json!([[1, 1, 1]]));
    assert_eq!(world.figures("active_members", None).await[0][2], json!(1));
    assert_eq!(world.figures("freshness", None).await[0][3], json!(1));
    assert_eq!(world.store.count().await.unwrap(), 3, "its rows are there");
    let listed = world.store.latest(None, 10, None).await.unwrap();
    let brands: Vec<_> = listed.iter().map(|row| &*row.brand).collect();
    assert_eq!(brands, ["acme", "zenith"], "the other brand keeps it");
    assert_eq!(world.store.mention(both.id()).await.unwrap().len(), 2, "and it can be taken back");
    let _ = world.store.apply_labels(&[withdrawn(&given, day("12:00:00"))]).await.unwrap();
    assert_eq!(polarities(&world).await, [0, 2, 0]);
}

#[tokio::test]
async fn a_deleted_mention_stays_deleted_whatever_is_said_of_it() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let _ = world.insert(vec![upsert(&mention), delete(&mention, day("10:30:00"))]).await;
    apply(&world, &label(&mention, NEGATIVE, day("11:00:00"))).await;
    assert_eq!(polarities(&world).await, [0, 0, 0]);
    let listed = world.store.labels(&LabelFilter::default(), 10, 0).await.unwrap();
    assert_eq!((listed.len(), &listed[0].said_of), (1, &None), "its text is gone");
}

#[tokio::test]
async fn labels_change_intents_and_what_no_model_scored() {
    let world = world().await;
    let mention = Mention { scores: None, ..post("1", day("10:00:00")) };
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let asked = label(&mention, Correction::Intent(Intent::Question), day("11:00:00"));
    let themes = label(&mention, Correction::Theme(vec!["price".into(), "delivery".into()]), day("11:00:00"));
    let records = [asked, themes, label(&mention, NEGATIVE, day("11:00:00"))].map(LabelRecord::Label);
    let _ = world.store.apply_labels(&records).await.unwrap();
    assert_eq!(polarities(&world).await, [1, 0, 0]);
    assert_eq!(world.figures("response_rate", None).await, json!([[0, 1, 0]]), "a question that waits");
    let row = &world.store.mention(mention.id()).await.unwrap()[0];
    assert_eq!((row.intent.as_deref(), row.labels.len()), (Some("question"), 3));
    assert_eq!(row.themes.iter().map(|theme| &*theme.theme).collect::<Vec<_>>(), ["price", "delivery"]);
    assert_eq!(row.labels.iter().find(|label| label.field == "theme").unwrap().value, "price, delivery");
}

#[tokio::test]
async fn agreement_is_with_the_newest_model_and_with_the_one_of_then() {
    let world = world().await;
    let mentions: Vec<Mention> = (0..4).map(|n| post(&n.to_string(), day("10:00:00"))).collect();
    let _ = world.insert_mentions(&mentions).await;
    let neutral = Correction::Polarity(Polarity::Neutral);
    let mut records: Vec<LabelRecord> =
        mentions[..3].iter().map(|of| LabelRecord::Label(label(of, NEGATIVE, day("11:00:00")))).collect();
    records.push(LabelRecord::Label(label(&mentions[3], neutral, day("11:00:00"))));
    let _ = world.store.apply_labels(&records).await.unwrap();
    assert_eq!(world.figures("corrected_labels", None).await, json!([["polarity", 4, 3, 1, 1, 25, 0, null]]));
    let better = Scores { model: "better@2".into(), ..scores(Polarity::Negative, Intent::None) };
    let rescored = Mention { scores: Some(better), ..mentions[0].clone() };
    let _ = world.insert_mentions(&[rescored]).await;
    assert_eq!(world.figures("corrected_labels", None).await, json!([["polarity", 4, 3, 1, 2, 50, 0, null]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_while_it_applies_a_label_leaves_it_to_be_applied_again() {
    for stop in [0, 1] {
        let world = world().await;
        let mention = post("1", day("10:00:00"));
        let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
        let record = LabelRecord::Label(label(&mention, NEGATIVE, day("11:00:00")));
        let records = vec![record.clone()];
        let work = |store: Store| async move { drop(store.apply_labels(&records).await) };
        let Ran::Stands(dead) = run_until(&process(&world), stop, work).await else { panic!("it did not stop") };
        dead.task.abort();
        assert_eq!(audit(&world.store).await.violations(), 0);
        // A rebuild in between takes the marks of before away.
        let _ = world.store.rebuild_dirty().await.unwrap();
        let lacking = world.store.lacking_labels([record.clone()]).await.unwrap();
        assert_eq!((lacking.records.len(), lacking.unknown, lacking.checked), (1, 0, 1), "it is not settled");
        let _ = world.store.apply_labels(&lacking.records).await.unwrap();
        assert_eq!(world.store.lacking_labels([record]).await.unwrap().records, []);
        assert_eq!(polarities(&world).await, [1, 0, 0]);
        drop(dead.release());
    }
}

const MANY: u64 = 10_000;
const BATCH: u64 = 2_500;

fn many(number: u64) -> Mention {
    let created = day("00:00:00") + SignedDuration::from_secs(number.cast_signed() * 8);
    with_polarity(Polarity::Positive, post(&number.to_string(), created))
}

async fn insert_many(world: &World, mention: impl Fn(u64) -> Mention) -> Vec<Batch> {
    let mut batches = vec![];
    for first in (0..MANY).step_by(BATCH as usize) {
        let batch = world.batch((first..first + BATCH).map(|number| upsert(&mention(number))).collect());
        let _ = world.store.insert(&batch).await.unwrap();
        batches.push(batch);
    }
    batches
}

#[tokio::test]
async fn ten_thousand_labels_outlive_a_replay_a_rescoring_and_a_rebuild() {
    let world = world().await;
    let batches = insert_many(&world, many).await;
    let records: Vec<LabelRecord> = (0..MANY)
        .map(|number| LabelRecord::Label(label(&many(number), NEGATIVE, at("2026-03-03T00:00:00Z"))))
        .collect();
    let began = Instant::now();
    let labelled = world.store.apply_labels(&records).await.unwrap();
    println!("{} labels over {} hours applied in {:.2?}", labelled.records, labelled.hours, began.elapsed());
    let lost = async |what: &str| {
        let _ = world.store.rebuild_dirty().await.unwrap();
        let [negative, neutral, positive] = polarities(&world).await;
        println!("after {what}: {} lost", MANY - negative);
        assert_eq!([negative, neutral, positive], [MANY, 0, 0], "{what}");
    };
    lost("labelling").await;
    for batch in batches {
        let _ = process(&world).insert(&Batch { replay: true, ..batch }).await.unwrap();
    }
    lost("a replay").await;
    let other = |number: u64| {
        let scores = Scores { model: "other@2".into(), ..scores(Polarity::Neutral, Intent::Praise) };
        Mention { scores: Some(scores), ..many(number) }
    };
    let _ = insert_many(&world, other).await;
    lost("a rescoring").await;
    let _ = world.store.rebuild("acme", day("00:00:00"), at("2026-03-04T00:00:00Z")).await.unwrap();
    lost("a rebuild").await;
    let listed = world.store.labels(&LabelFilter::default(), MANY * 2, 0).await.unwrap();
    assert_eq!(listed.len() as u64, MANY);
    assert!(world.store.lacking_labels(records).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn one_label_is_in_the_figures_within_seconds_beside_ten_thousand() {
    let world = world().await;
    let _ = insert_many(&world, many).await;
    let records: Vec<LabelRecord> =
        (0..MANY).map(|number| LabelRecord::Label(label(&many(number), NEGATIVE, day("11:00:00")))).collect();
    let _ = world.store.apply_labels(&records).await.unwrap();
    let mut took: Vec<Duration> = vec![];
    for number in 0..40 {
        let positive = Correction::Polarity(Polarity::Positive);
        let began = Instant::now();
        apply(&world, &label(&many(number * 97), positive, day("12:00:00"))).await;
        took.push(began.elapsed());
    }
    assert_eq!(polarities(&world).await, [MANY - 40, 0, 40]);
    took.sort();
    println!("applied and in the rollups: p50 {:.0?}, p95 {:.0?}", took[20], took[38]);
    // Of the median, as other tests share the machine: the whole program is measured in `tests/it/labels.rs`.
    assert!(took[20] < Duration::from_secs(5), "{:?}", took[20]);
}

/// Authors of `acme` on 2026-03-02, as mentions say.
async fn authors(store: &Store) -> serde_json::Value {
    let query = MetricQuery::new("potential_reach", "acme", day("00:00:00"), at("2026-03-03T00:00:00Z"));
    store.metric(&query).await.unwrap().rows[0][1].clone()
}

#[tokio::test]
async fn a_question_looks_at_labels_in_the_hours_that_are_listed_whoever_of_label_and_mention_came_first() {
    let world = world().await;
    let [first, second, third] =
        [("1", "10:00:00"), ("2", "11:00:00"), ("3", "12:00:00")].map(|(id, time)| post(id, day(time)));
    let stores = [world.store.clone(), world.store.clone().with_labels_by_hour()];
    let _ = world.insert_mentions(&[first.clone(), third.clone()]).await;
    for mention in [&first, &second] {
        apply(&world, &label(mention, IRRELEVANT, day("13:00:00"))).await;
    }
    let _ = world.insert_mentions(std::slice::from_ref(&second)).await;
    for store in &stores {
        assert_eq!(authors(store).await, 1);
    }
    let hours = "SELECT DISTINCT toHour(hour) FROM labelled_hours ORDER BY 1";
    let listed: Vec<u8> = world.client().query(hours).fetch_all().await.unwrap();
    assert_eq!(listed, [10, 11], "the third mention's hour is read without labels");
    apply(&world, &label(&third, IRRELEVANT, day("13:00:00"))).await;
    for store in &stores {
        assert_eq!(authors(store).await, 0);
    }
    // What an import lists from all that is there is the same.
    world.execute("TRUNCATE TABLE labelled_hours").await;
    world.store.list_all_labelled().await.unwrap();
    let listed: Vec<u8> = world.client().query(hours).fetch_all().await.unwrap();
    assert_eq!(listed, [10, 11, 12]);
}

/// So many posts of which the model says this.
fn said(name: &str, polarity: Polarity, posts: usize) -> Vec<Mention> {
    (0..posts).map(|at| with_polarity(polarity, post(&format!("{name}-{at}"), day("10:00:00")))).collect()
}

/// A label of the polarity, on a mention that chance drew.
fn drawn(mention: &Mention, polarity: Polarity) -> LabelRecord {
    let label = label(mention, Correction::Polarity(polarity), day("13:00:00"));
    LabelRecord::Label(Label { drawn: true, ..label })
}

async fn drawn_ids(world: &World, most: u32) -> BTreeSet<MentionId> {
    let drawn = world.store.draw("acme", (day("00:00:00"), day("23:00:00")), most).await.unwrap();
    assert!(drawn.iter().all(|row| row.brand == "acme"));
    drawn.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn chance_draws_what_a_model_scored_and_nobody_judged_and_each_as_often() {
    let world = world().await;
    let posts = said("p", Polarity::Neutral, 6);
    let other = Mention { brands: vec![of("zenith")], ..post("other", day("10:00:00")) };
    let unscored = Mention { scores: None, ..post("unscored", day("10:00:00")) };
    let late = with_polarity(Polarity::Neutral, post("late", day("23:30:00")));
    let mut events: Vec<_> = posts.iter().chain([&other, &unscored, &late]).map(upsert).collect();
    events.push(delete(&posts[0], day("10:30:00")));
    let _ = world.insert(events).await;
    // Judged when it was drawn, not about the brand, and corrected because it seemed wrong.
    let labels = [
        drawn(&posts[1], Polarity::Negative),
        LabelRecord::Label(label(&posts[2], IRRELEVANT, day("13:00:00"))),
        LabelRecord::Label(label(&posts[3], NEGATIVE, day("13:00:00"))),
    ];
    let _ = world.store.apply_labels(&labels).await.unwrap();
    let left: BTreeSet<MentionId> = posts[3..].iter().map(Mention::id).collect();
    assert_eq!(drawn_ids(&world, 50).await, left, "what was corrected is drawn, too");
    let mut times: BTreeMap<MentionId, u32> = BTreeMap::new();
    for _ in 0..90 {
        drawn_ids(&world, 1).await.into_iter().for_each(|id| *times.entry(id).or_default() += 1);
    }
    // Fewer than 12 of 90 would come once in 20,000 times.
    assert!(times.len() == 3 && times.values().all(|n| *n >= 12), "{times:?}");
    let none = world.store.draw("zenith", (day("11:00:00"), day("12:00:00")), 50).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn what_people_judged_measures_the_newest_model_and_what_they_corrected_does_not() {
    let world = world().await;
    let (negative, neutral) = (said("n", Polarity::Negative, 3), said("u", Polarity::Neutral, 3));
    let unknown = Mention { language: None, ..with_polarity(Polarity::Positive, post("unknown", day("10:00:00"))) };
    let _ = world.insert_mentions(&[negative.clone(), neutral.clone(), vec![unknown.clone()]].concat()).await;
    let corrected = LabelRecord::Label(label(&negative[2], Correction::Polarity(Polarity::Positive), day("13:00:00")));
    let labels = [
        drawn(&negative[0], Polarity::Negative),
        drawn(&negative[1], Polarity::Positive),
        corrected,
        drawn(&neutral[0], Polarity::Neutral),
        drawn(&neutral[1], Polarity::Positive),
        drawn(&neutral[2], Polarity::Negative),
        LabelRecord::Label(label(&neutral[2], IRRELEVANT, day("13:00:00"))),
        drawn(&unknown, Polarity::Positive),
    ];
    let _ = world.store.apply_labels(&labels).await.unwrap();
    let told = |checked: &[Checked]| -> Vec<(String, String, [[u32; 3]; 3])> {
        checked.iter().map(|one| (one.model.clone(), one.language.clone(), one.counts)).collect()
    };
    let spoken = |language: &str, counts| ("minilm@1".to_owned(), language.to_owned(), counts);
    let checked = told(&world.store.checked("acme").await.unwrap());
    let english = [[1, 0, 0], [0, 1, 0], [1, 1, 0]];
    assert_eq!(checked, [spoken("", [[0, 0, 0], [0, 0, 0], [0, 0, 1]]), spoken("en", english)]);
    // Another model reads the same posts: what people said of them measures it at once.
    let other = Scores { model: "other@2".into(), ..scores(Polarity::Positive, Intent::Praise) };
    let mut rescored = Mention { scores: Some(other), ..negative[1].clone() };
    rescored.observed_at += SignedDuration::from_mins(9);
    let _ = world.insert(vec![upsert(&rescored)]).await;
    let checked = told(&world.store.checked("acme").await.unwrap());
    assert_eq!(checked[2], ("other@2".into(), "en".into(), [[0, 0, 0], [0, 0, 0], [0, 0, 1]]));
    // Taken back, it measures nothing.
    let LabelRecord::Label(given) = &labels[7] else { unreachable!("a label") };
    let _ = world.store.apply_labels(&[withdrawn(given, day("14:00:00"))]).await.unwrap();
    assert_eq!(told(&world.store.checked("acme").await.unwrap())[0].1, "en");
    assert_eq!(world.store.checked("zenith").await.unwrap(), []);
}
