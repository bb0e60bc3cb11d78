//! Any schedule of arrivals, lost pages and deaths: in the end every post was given.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use grapevine_model::{Event, Gap};
use grapevine_sources::{
    Cursor, Page, Progress, SourceError, SourceSpec, World,
    conformance::{StepClock, shape::parameter},
    http::{Request, Response, Transport},
    parse,
    registry::Clock,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::json;

use crate::kit::{mentions, noon};

/// How the platform lists its posts, newest first.
const PAGINGS: [&str; 4] = [
    "{ kind = \"page\" }",
    "{ kind = \"offset\" }",
    "{ kind = \"before\", field = \"id\" }",
    "{ kind = \"cursor\", at = \"next\" }",
];
/// A post may come into the listing so many seconds after it was written.
const LATEST: i64 = 600;

/// A post that comes before a request is answered, written so many seconds earlier.
type Arrival = i64;

/// What happens at one poll.
#[derive(Debug, Clone)]
struct Step {
    /// Posts that come before it asks.
    arrivals: Vec<Arrival>,
    /// The page is lost, and the process with it.
    dies: bool,
    seconds: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let arrivals = prop::collection::vec(0..LATEST, 0..3);
    let step = (arrivals, prop::bool::weighted(0.2), 0_u64..90);
    prop::collection::vec(step.prop_map(|(arrivals, dies, seconds)| Step { arrivals, dies, seconds }), 1..40)
}

#[derive(Clone)]
struct Platform {
    clock: StepClock,
    paging: usize,
    page_size: usize,
    /// Number, and when it was written.
    posts: Arc<Mutex<Vec<(u64, i64)>>>,
    /// Those that come while the next requests are under way.
    coming: Arc<Mutex<VecDeque<Arrival>>>,
}

impl Platform {
    fn arrive(&self, ago: Arrival) {
        let mut posts = self.posts.lock();
        let number = posts.len() as u64 + 1;
        posts.push((number, self.clock.now().as_second() - ago));
    }

    fn page(&self, page: Option<String>) -> serde_json::Value {
        let mut posts = self.posts.lock().clone();
        // Ids ascend in the order of arrival; the other listings go by the time of writing.
        if self.paging != 2 {
            posts.sort_by_key(|(number, written)| (*written, *number));
        }
        posts.reverse();
        let number = page.as_deref().and_then(|page| page.parse::<u64>().ok());
        let from = match (self.paging, number) {
            (0, page) => (page.unwrap_or(1) as usize - 1) * self.page_size,
            (1, offset) => offset.unwrap_or(0) as usize,
            (_, None) => 0,
            // The token is the first post of the page.
            (2, Some(before)) => posts.iter().position(|(number, _)| *number <= before).unwrap_or(posts.len()),
            (_, Some(first)) => posts.iter().position(|(number, _)| *number == first).unwrap_or(posts.len()),
        };
        let next = posts.get(from + self.page_size).map(|(number, _)| number);
        let page = posts.iter().skip(from).take(self.page_size);
        let items: Vec<_> = page.map(|(number, written)| json!({"id": number, "at": written})).collect();
        json!({"items": items, "next": next})
    }
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let body = self.page(parameter(&request, "p"));
        let coming = self.coming.lock().pop_front();
        coming.into_iter().for_each(|ago| self.arrive(ago));
        Ok(Response { status: 200, headers: Default::default(), body: body.to_string().into(), at: self.clock.now() })
    }
}

fn spec(paging: usize) -> Box<dyn SourceSpec> {
    let definition = format!(
        "name = \"any\"\ndoc = \"Any.\"\nterms = \"None.\"\n\
         poll = {{ every = \"1m\", backfill = \"24h\", look_back = \"20m\", lateness = \"10m\" }}\n\
         [[listing]]\nname = \"posts\"\nrecords = [\"items\"]\npaging = {}\n\
         request = {{ url = \"https://a.example/posts\", query = {{ p = \"{{page}}\" }} }}\n\
         map = {{ id = \"id\", created_at = {{ from = \"at\", as = \"unix_s\" }} }}\n",
        PAGINGS[paging]
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), definition).unwrap();
    let table = format!("name = 's'\nkind = 'declarative'\ndefinition = '{}'", file.path().display());
    parse(&toml::from_str(&table).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

/// What came of a play.
#[derive(Default)]
struct Played {
    given: BTreeSet<u64>,
    /// Posts that came after all of their time was said to be there, and lie in no gap.
    early: Vec<u64>,
    gaps: Vec<Gap>,
}

impl Played {
    fn is_told(&self, written: Timestamp) -> bool {
        self.gaps.iter().any(|gap| (gap.from..=gap.to).contains(&written))
    }

    fn take(&mut self, page: &Page, promised: Option<Timestamp>) {
        self.gaps.extend(page.events.iter().filter_map(|event| match event {
            Event::Gap(gap) => Some(gap.clone()),
            _ => None,
        }));
        for mention in mentions(&page.events) {
            let (number, written) = (mention.key.native_id.parse().unwrap(), mention.created_at);
            let is_late = promised.is_some_and(|promised| written < promised);
            if self.given.insert(number) && is_late && !self.is_told(written) {
                self.early.push(number);
            }
        }
    }
}

/// Plays the steps, then lets it read to the end.
async fn play(platform: &Platform, spec: &dyn SourceSpec, steps: &[Step]) -> Played {
    let world = World::real().with_clock(Arc::new(platform.clock.clone())).with_transport(Arc::new(platform.clone()));
    let (mut source, mut cursor) = (spec.build(&world), None::<Cursor>);
    let (mut played, mut promised) = (Played::default(), None);
    let quiet = Step { arrivals: Vec::new(), dies: false, seconds: 61 };
    let (mut at_rest, mut polls) = (0, 0);
    while at_rest < 3 {
        let step = steps.get(polls).unwrap_or(&quiet);
        polls += 1;
        assert!(polls < steps.len() + 1_000, "it does not come to an end");
        platform.coming.lock().extend(step.arrivals.iter().skip(1));
        step.arrivals.iter().take(1).for_each(|ago| platform.arrive(*ago));
        let page = source.poll(cursor.as_ref()).await.unwrap_or_else(|error| panic!("{error}"));
        if polls > steps.len() && page.state == Progress::CaughtUp {
            at_rest += 1;
        }
        if polls <= steps.len() || page.state == Progress::CaughtUp {
            platform.clock.advance(Duration::from_secs(step.seconds));
        }
        if step.dies {
            source = spec.build(&world);
            continue;
        }
        played.take(&page, promised);
        promised = promised.max(page.complete_through);
        cursor = Some(page.cursor);
    }
    played
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Pages that are numbered move with every new post. Where they move faster than they are read, a gap says so.
    #[test]
    fn nothing_is_lost_and_nothing_comes_after_it_was_said_to_be_complete(
        steps in steps(),
        paging in 0..PAGINGS.len(),
        page_size in 1_usize..5,
        first in prop::collection::vec(0..LATEST * 10, 0..12),
    ) {
        let clock = StepClock::at(noon());
        let platform = Platform { clock, paging, page_size, posts: Arc::default(), coming: Arc::default() };
        first.iter().for_each(|ago| platform.arrive(*ago));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let played = runtime.block_on(play(&platform, &*spec(paging), &steps));
        for (number, written) in platform.posts.lock().iter() {
            let may_be_lost = paging < 2 && played.is_told(Timestamp::from_second(*written).unwrap());
            prop_assert!(played.given.contains(number) || may_be_lost, "{number} is lost");
        }
        prop_assert!(played.early.is_empty(), "came after they were promised: {:?}", played.early);
    }
}
