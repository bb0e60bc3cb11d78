//! The proof of every figure: what one counts by hand on a small world, and what a slow computation in plain Rust says of
//! the raw events, must both be what the registry's statements answer.
//!
//! A group is a golden world with the proofs of some metrics on it. [`Proof::independent`] knows nothing of the engine: it
//! reads [`Facts`], which are folded from the same events ([`facts`]), and is compared on the golden world, and in every
//! split that the registry offers on generated worlds ([`generate`]). A metric without a proof fails
//! `every_metric_has_a_proof`. From the proofs and the registry comes `docs/metrics.md` ([`page`]).
//!
//! To add a metric: one [`Proof`] in a group of its file, with the rows that you counted, and a function of the facts.
//! [`split::split`] does the splits, where a figure is one of the mentions of the span.

mod accounts;
mod answers;
mod awareness;
mod campaigns;
mod conversations;
mod corrected;
pub mod facts;
mod feedback;
mod forecast;
mod generate;
mod hashtags;
mod members;
mod page;
mod reach;
mod same;
mod sentiment;
pub mod split;
mod subjects;
mod trust;
mod wellbeing;

use grapevine_model::{Event, Label, LabelRecord};
use grapevine_store::{By, MetricQuery, Store, registry};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{World, at, world};
pub use facts::{Facts, Held};

pub type Row = Vec<Value>;
pub type Rows = Vec<Row>;
pub type Ask = fn(MetricQuery) -> MetricQuery;
pub type Independent = fn(&Facts, &MetricQuery) -> Rows;

/// A golden world and the figures that were counted on it.
pub struct Group {
    pub events: Vec<Event>,
    pub labels: Vec<Label>,
    pub proofs: Vec<Proof>,
}

/// One question about `acme` whose answer is known by hand. A metric may have several.
pub struct Proof {
    pub metric: &'static str,
    pub by: Option<By>,
    /// Of the golden question; 2026-03-02 where it is not set.
    pub span: (Timestamp, Timestamp),
    /// What the question says beside metric, brand, span and split. On generated worlds, too.
    pub ask: Ask,
    pub golden: Value,
    /// Of 1, or of the number: more where the golden value leaves small terms out.
    pub tolerance: f64,
    pub independent: Independent,
}

impl Proof {
    pub fn of(metric: &'static str, golden: Value, independent: Independent) -> Self {
        let span = (at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"));
        Self { metric, by: None, span, ask: |query| query, golden, tolerance: same::TOLERANCE, independent }
    }

    pub fn by(self, by: By) -> Self {
        Self { by: Some(by), ..self }
    }

    pub fn over(self, from: &str, to: &str) -> Self {
        Self { span: (at(from), at(to)), ..self }
    }

    pub fn asking(self, ask: Ask) -> Self {
        Self { ask, ..self }
    }

    pub fn within(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    fn question(&self) -> MetricQuery {
        (self.ask)(MetricQuery { by: self.by, ..MetricQuery::new(self.metric, "acme", self.span.0, self.span.1) })
    }
}

/// Every group. A new file of proofs is one line here.
fn groups() -> Vec<Group> {
    let outward = [
        awareness::groups(),
        reach::groups(),
        sentiment::groups(),
        corrected::groups(),
        accounts::groups(),
        hashtags::groups(),
        campaigns::groups(),
        forecast::groups(),
        subjects::groups(),
    ];
    let inward =
        [answers::groups(), conversations::groups(), members::groups(), wellbeing::groups(), feedback::groups()];
    outward.into_iter().chain(inward).chain([trust::groups()]).flatten().collect()
}

/// Without a proof as yet: none of these may gain one and stay here.
const WITHOUT: &[&str] = &[];

/// The store as a program opens it: what the generated and the golden worlds configure.
fn configured(world: &World) -> Store {
    world.store.clone().with_accounts(accounts::ACCOUNTS)
}

async fn filled(events: &[Event], labels: &[Label]) -> World {
    let world = world().await;
    for batch in events.chunks(300) {
        let _ = world.insert(batch.to_vec()).await;
        let _ = world.store.sum_days().await.unwrap();
    }
    let labels: Vec<LabelRecord> = labels.iter().cloned().map(LabelRecord::Label).collect();
    let _ = world.store.apply_labels(&labels).await.unwrap();
    let _ = world.store.rebuild_dirty().await.unwrap();
    world
}

async fn answer(store: &Store, query: &MetricQuery) -> Rows {
    store.metric(query).await.unwrap_or_else(|error| panic!("{query:?}: {error}")).rows
}

#[test]
fn every_metric_has_a_proof() {
    let groups = groups();
    let proven: Vec<&str> = groups.iter().flat_map(|group| &group.proofs).map(|proof| proof.metric).collect();
    for metric in registry::all() {
        let is_proven = proven.contains(&metric.id);
        assert_ne!(is_proven, WITHOUT.contains(&metric.id), "{}: proof or WITHOUT, one of them", metric.id);
    }
    for id in proven {
        assert!(registry::find(id).is_ok(), "{id} is no metric");
    }
}

#[tokio::test]
async fn golden_values_are_what_the_engine_and_the_independent_computation_answer() {
    let (mut lines, mut wrong) = (vec![], vec![]);
    for group in groups() {
        let (world, facts) = (filled(&group.events, &group.labels).await, Facts::of(&group.events, &group.labels));
        for proof in &group.proofs {
            let query = proof.question();
            let engine = json!(answer(&configured(&world), &query).await);
            let independent = json!((proof.independent)(&facts, &query));
            let as_counted = same::equal_to_within(proof.tolerance, (&engine, &proof.golden), proof.by);
            let is_equal = as_counted && same::equal(&independent, &engine, proof.by);
            if !is_equal {
                let (id, by) = (proof.metric, proof.by);
                let golden = &proof.golden;
                wrong.push(format!("{id} by {by:?}\n hand   {golden}\n engine {engine}\n other  {independent}"));
            }
            lines.push(page::Line { metric: proof.metric, by: proof.by, golden: proof.golden.clone(), independent });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    page::check(&lines, generate::SEEDS.len());
}

/// In every split, of two brands.
async fn compare(seed: u64) {
    let made = generate::world(seed);
    let (world, facts) = (filled(&made.events, &made.labels).await, Facts::of(&made.events, &made.labels));
    let store = configured(&world);
    // As a large store is read.
    let store = if seed == generate::SEEDS[1] { store.with_labels_by_hour() } else { store };
    let (mut wrong, mut asked) = (vec![], 0);
    let groups = groups();
    let mut done = std::collections::BTreeSet::new();
    for proof in groups.iter().flat_map(|group| &group.proofs).filter(|proof| done.insert(proof.metric)) {
        let metric = registry::find(proof.metric).unwrap();
        // `None` stands for the figure that is not split.
        let splits = metric.shapes.iter().flat_map(|shape| match shape.by {
            [] => vec![None],
            by => by.iter().copied().map(Some).collect(),
        });
        for (by, brand) in splits.flat_map(|by| generate::BRANDS.map(|brand| (by, brand))) {
            for (from, to) in generate::spans(proof.metric, by) {
                let query = (proof.ask)(MetricQuery { by, ..MetricQuery::new(proof.metric, brand, from, to) });
                let engine = json!(answer(&store, &query).await);
                let independent = json!((proof.independent)(&facts, &query));
                asked += 1;
                if !same::equal(&engine, &independent, by) {
                    let difference = same::difference(&engine, &independent, by);
                    wrong.push(format!("{} by {by:?} of {brand} from {from}: {difference}", proof.metric));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "seed {seed}, {} of {asked} questions:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn figures_equal_the_independent_computation_on_a_generated_world() {
    compare(generate::SEEDS[0]).await;
}

#[tokio::test]
async fn figures_equal_it_on_another_generated_world() {
    compare(generate::SEEDS[1]).await;
}

#[tokio::test]
async fn figures_equal_it_on_a_third_generated_world() {
    compare(generate::SEEDS[2]).await;
}

/// A generated world, for tests of what has to keep every figure; with the accounts of its brands.
pub async fn generated() -> (World, Store) {
    let made = generate::world(generate::SEEDS[0]);
    let world = filled(&made.events, &made.labels).await;
    let store = configured(&world);
    (world, store)
}
