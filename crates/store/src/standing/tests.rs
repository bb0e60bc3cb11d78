use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use jiff::SignedDuration;

use super::*;
use crate::{Coverage, registry};

const HOUR: Duration = Duration::from_secs(3600);

/// Counts how often it is asked.
struct World {
    standing: Standing,
    asked: Arc<AtomicU32>,
    began: (Instant, Timestamp),
}

fn world(takes_ms: u64) -> World {
    let asked = Arc::<AtomicU32>::default();
    let shared = asked.clone();
    let standing = Standing::new(move |query: MetricQuery| {
        let asked = shared.clone();
        async move {
            let n = asked.fetch_add(1, SeqCst) + 1;
            sleep(Duration::from_millis(takes_ms)).await;
            assert!(query.brand != "Panics", "as it is told");
            if query.brand == "Heavy" {
                let (what, budget) = ("it".to_owned(), crate::Budget::default());
                return Err(StoreError::TooHeavy { what, from: query.from, to: query.to, budget });
            }
            if query.brand == "Fails" {
                return Err(StoreError::DatabaseName { name: "x y".into() });
            }
            Ok(table(&query, n))
        }
    });
    World { standing, asked, began: (Instant::now(), "2026-03-08T12:00:00Z".parse().unwrap()) }
}

/// Its one figure says how many were computed before.
fn table(query: &MetricQuery, n: u32) -> MetricTable {
    MetricTable {
        metric: registry::find(&query.metric).unwrap().info(),
        brand: query.brand.clone(),
        from: query.from,
        to: query.to,
        by: None,
        columns: vec![],
        rows: vec![vec![n.into()]],
        coverage: Coverage {
            complete_through: None,
            gaps: vec![],
            sampled: vec![],
            partial: false,
            note: String::new(),
        },
        model: None,
        correction: None,
    }
}

impl World {
    fn now(&self) -> Timestamp {
        self.began.1 + SignedDuration::try_from(self.began.0.elapsed()).unwrap()
    }

    /// A day that ends now.
    fn query(&self, brand: &str) -> MetricQuery {
        MetricQuery::new("net_sentiment", brand, self.now() - SignedDuration::from_hours(24), self.now())
    }

    async fn get(&self, max_age: Duration) -> (u64, Option<SignedDuration>) {
        let given = self.standing.get(&self.query("Grove"), self.now(), max_age).await.unwrap();
        let age = given.as_of.map(|at| self.now().duration_since(at));
        (given.table.rows[0][0].as_u64().unwrap(), age)
    }
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_young_is_given_again_and_says_its_age() {
    let world = world(500);
    assert_eq!(world.get(HOUR).await, (1, None));
    pass(30).await;
    let (n, age) = world.get(HOUR).await;
    assert_eq!((n, age.unwrap().as_secs()), (1, 30), "a hundred times 500 ms are not over");
    assert_eq!(world.asked.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_old_is_given_while_the_new_one_is_computed() {
    let world = world(500);
    world.get(HOUR).await;
    pass(120).await;
    let began = Instant::now();
    let (n, age) = world.get(HOUR).await;
    assert_eq!((n, age.unwrap().as_secs(), began.elapsed()), (1, 120, PATIENCE));
    pass(1).await;
    let (n, age) = world.get(HOUR).await;
    assert_eq!((n, age.unwrap().as_secs()), (2, 1), "the new one stands");
}

#[tokio::test(start_paused = true)]
async fn what_is_quick_is_computed_for_who_asks() {
    let world = world(5);
    for n in 1..4 {
        assert_eq!(world.get(HOUR).await, (n, None));
        pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_old_waits_for_what_is_new() {
    let world = world(500);
    world.get(HOUR).await;
    pass(120).await;
    assert_eq!(world.get(Duration::from_secs(60)).await, (2, None));
    let fresh = world.standing.fresh(&world.query("Grove"), world.now()).await.unwrap();
    assert_eq!((fresh.table.rows[0][0].as_u64(), fresh.as_of), (Some(3), None));
    assert_eq!(world.get(HOUR).await.0, 3, "and what was computed for one stands for all");
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_at_once_get_the_one_answer() {
    let world = world(500);
    let both = tokio::join!(world.get(HOUR), world.get(HOUR));
    assert_eq!((both.0.0, both.1.0, world.asked.load(SeqCst)), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_span_of_the_past_near_another_is_asked_for_itself() {
    let world = world(500);
    world.get(HOUR).await;
    let near = MetricQuery { to: world.now() - SignedDuration::from_mins(4), ..world.query("Grove") };
    let near = MetricQuery { from: near.to - SignedDuration::from_hours(24), ..near };
    let given = world.standing.get(&near, world.now(), HOUR).await.unwrap();
    assert_eq!((given.table.to, given.as_of), (near.to, None));
}

#[tokio::test(start_paused = true)]
async fn an_error_and_a_panic_are_told_and_do_not_stand() {
    let world = world(5);
    for _ in 0..2 {
        assert!(world.standing.get(&world.query("Fails"), world.now(), HOUR).await.is_err());
    }
    assert_eq!(world.asked.load(SeqCst), 2);
    let (standing, query, now) = (world.standing.clone(), world.query("Panics"), world.now());
    assert!(
        tokio::spawn(async move { standing.get(&query, now, HOUR).await }).await.is_err(),
        "it panics for who asked"
    );
    assert_eq!(world.get(HOUR).await.1, None, "others are answered");
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_budget_is_not_tried_for_every_poll() {
    let world = world(10_000);
    let mut waited = vec![];
    for _ in 0..3 {
        let began = Instant::now();
        let given = world.standing.get(&world.query("Heavy"), world.now(), HOUR).await;
        assert!(matches!(*given.unwrap_err(), StoreError::TooHeavy { .. }));
        waited.push(began.elapsed().as_secs());
        pass(20).await;
    }
    assert_eq!((waited, world.asked.load(SeqCst)), (vec![10, 0, 0], 1));
    pass(600).await;
    assert!(world.standing.get(&world.query("Heavy"), world.now(), HOUR).await.is_err());
    assert_eq!(world.asked.load(SeqCst), 2, "later it may be less");
}

/// Keeps up what `world` was asked, in the background.
fn keep_up(world: &World) -> tokio::task::JoinHandle<()> {
    let (standing, (began, at)) = (world.standing.clone(), world.began);
    let clock = move || at + SignedDuration::try_from(began.elapsed()).unwrap();
    tokio::spawn(async move { standing.keep_up(clock).await })
}

#[tokio::test(start_paused = true)]
async fn what_nobody_looks_at_is_kept_up_for_a_week_within_its_share() {
    let world = world(2_000);
    world.get(HOUR).await;
    let (keeping, day) = (keep_up(&world), 86_400);
    pass(day - 60).await;
    let computed = world.asked.load(SeqCst);
    assert!((90..100).contains(&computed), "every 15 minutes: {computed}");
    let (_, age) = world.get(HOUR).await;
    assert!(age.unwrap().as_secs() <= 920, "{age:?}");
    pass(3 * day).await;
    let (before, (_, age)) = (world.asked.load(SeqCst), world.get(HOUR).await);
    assert!((computed + 140..computed + 240).contains(&before), "from the second day on at 45 minutes: {before}");
    assert!(age.unwrap().as_secs() <= 2720, "a page takes it: {age:?}");
    pass(7 * day).await;
    let computed = world.asked.load(SeqCst);
    pass(day).await;
    assert_eq!(world.asked.load(SeqCst), computed, "a week after the last who asked, nothing is computed");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_another_process_was_asked_is_computed_before_it_is_asked_here() {
    let before = world(2_000);
    for brand in ["Grove", "Brightleaf"] {
        let _ = before.standing.get(&before.query(brand), before.now(), HOUR).await;
        pass(1).await;
    }
    let _ = before.standing.get(&before.query("Fails"), before.now(), HOUR).await;
    let asked = before.standing.to_remember();
    assert_eq!(asked.len(), 2, "what has no answer is not worth it");
    before.standing.remembered(&asked);
    assert_eq!(before.standing.to_remember(), []);
    pass(3600).await;
    before.get(HOUR).await;
    assert_eq!(before.standing.to_remember()[0].query.brand, "Grove", "an hour later it is asked still");

    let world = World { standing: world(2_000).standing, ..before };
    world.standing.restore(asked);
    assert_eq!(world.standing.to_remember(), [], "it stands there");
    let keeping = keep_up(&world);
    pass(4).await;
    let quick = Instant::now();
    let given = world.standing.get(&world.query("Brightleaf"), world.now(), HOUR).await.unwrap();
    assert!(given.as_of.is_some() && quick.elapsed() <= PATIENCE, "what was asked last comes first");
    assert_eq!(given.table.to, given.as_of.unwrap(), "its span ends as it did, seen later");
    pass(5).await;
    assert!(world.get(HOUR).await.1.is_some());
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_later_and_holds_up_nothing_and_what_is_too_heavy_is_not() {
    let world = world(100);
    let query = |brand: &str| Asked { query: world.query(brand), at: world.now() };
    world.standing.restore(["Fails", "Heavy", "Grove"].map(query).into());
    let keeping = keep_up(&world);
    pass(240).await;
    assert!(world.get(HOUR).await.1.is_some());
    pass(360).await;
    let mut left: Vec<String> = world.standing.entries().values().map(|entry| entry.query.brand.clone()).collect();
    left.sort();
    assert_eq!(left, ["Fails", "Grove"]);
    let others = world.asked.load(SeqCst);
    assert!((6..=16).contains(&others), "one that fails is tried twice in ten minutes: {others}");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asked_is_ready_after_all_that_was_asked_and_as_long_as_its_like_is_asked() {
    let world = world(2_000);
    let others = || ["Brightleaf", "Heavy"].map(|brand| world.query(brand));
    world.standing.expect(others(), world.now());
    world.standing.restore(vec![Asked { query: world.query("Grove"), at: world.now() }]);
    let keeping = keep_up(&world);
    pass(2).await;
    let running: Vec<bool> = world.standing.entries().values().map(|entry| entry.runs().is_some()).collect();
    assert_eq!(running.iter().filter(|runs| **runs).count(), 1);
    pass(2).await;
    assert!(world.get(HOUR).await.1.is_some(), "what was asked comes first");
    pass(20).await;
    assert_eq!(world.standing.to_remember().len(), 0, "nobody asked it");
    for _ in 0..60 {
        world.standing.expect(others(), world.now());
        pass(30).await;
    }
    let computed = world.asked.load(SeqCst);
    assert!(computed <= 6, "one that is too heavy is not tried for every poll: {computed}");
    let began = Instant::now();
    let given = world.standing.get(&world.query("Brightleaf"), world.now(), HOUR).await.unwrap();
    assert!(given.as_of.is_some() && began.elapsed() <= PATIENCE, "it is ready for the first who asks");
    assert_eq!(world.standing.to_remember().len(), 1, "and now it was asked");
    pass(8 * 86_400).await;
    assert_eq!(world.standing.entries().len(), 0, "its like was not asked for a week");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn no_more_is_begun_than_can_be_kept_up() {
    let world = world(100_000);
    let brands: Vec<String> = (0..12).map(|number| format!("brand {number}")).collect();
    world.standing.expect(brands.iter().map(|brand| world.query(brand)), world.now());
    let keeping = keep_up(&world);
    pass(2 * 3600).await;
    let entries: Vec<Timestamp> =
        world.standing.entries().values().filter_map(|entry| Some(entry.kept.as_ref()?.as_of)).collect();
    assert_eq!(entries.len(), 6, "of a hundred seconds each, a fifth of 45 minutes holds so many");
    let oldest = entries.iter().map(|as_of| world.now().duration_since(*as_of)).max().unwrap();
    assert!(oldest.as_secs() < 3600, "{oldest}");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn dropped_answers_are_given_to_nobody_not_even_those_on_their_way() {
    let world = world(500);
    world.get(HOUR).await;
    pass(120).await;
    assert!(world.get(HOUR).await.1.is_some(), "an older one, while the next is on its way");
    world.standing.drop_answers();
    pass(1).await;
    assert_eq!(world.get(HOUR).await, (3, None));
}

#[test]
fn one_that_nobody_asked_goes_and_then_the_one_that_was_asked_longest_ago() {
    let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
    let query = |brand: &str| MetricQuery::new("net_sentiment", brand, now - SignedDuration::from_hours(1), now);
    let mut entries = HashMap::new();
    for (brand, minute) in [("second", 2), ("first", 1), ("third", 3), ("nobody's", 4)] {
        let is_expected = brand == "nobody's";
        let entry = Entry { is_expected, ..Entry::expected(&query(brand), now + SignedDuration::from_mins(minute)) };
        entries.insert(Question::of(&query(brand), now), entry);
    }
    for (goes, left) in [("nobody's", 3), ("first", 2)] {
        forget_one(&mut entries);
        assert!(!entries.contains_key(&Question::of(&query(goes), now)));
        assert_eq!(entries.len(), left);
    }
}
