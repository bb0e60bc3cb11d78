//! What every source has to show, and the parts that tests of sources share.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use grapevine_model::{Event, Mention};
use grapevine_sources::{Clock, Cursor, Page, Progress, Source, SourceSpec, World, parse};
use jiff::Timestamp;

/// A folder of recorded data beside the repository, which is there only where this project is developed.
pub fn recorded(folder: &str) -> Option<PathBuf> {
    let parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = parents.map(|parent| parent.join("shared").join(folder)).find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("skipped: there is no shared/{folder} beside the repository");
    }
    found
}

/// A clock that stands still.
pub struct Fixed(pub Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub fn spec(toml: &str) -> Box<dyn SourceSpec> {
    parse(&toml::from_str(toml).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn build(toml: &str) -> Box<dyn Source> {
    spec(toml).build(&World::real().with_clock(Arc::new(Fixed(noon()))))
}

pub fn mentions(events: &[Event]) -> Vec<&Mention> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Upsert(mention) => Some(&**mention),
            _ => None,
        })
        .collect()
}

pub fn ids(events: &[Event]) -> Vec<&str> {
    mentions(events).into_iter().map(|mention| mention.key.native_id.as_str()).collect()
}

/// Polls until the source has caught up or ended.
pub async fn drain(source: &mut dyn Source, mut cursor: Option<Cursor>) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let page = source.poll(cursor.as_ref()).await.unwrap();
        assert_eq!(page, source.poll(cursor.as_ref()).await.unwrap(), "the same cursor gives the same page");
        cursor = Some(page.cursor.clone());
        let state = page.state;
        pages.push(page);
        if state != Progress::Behind {
            return pages;
        }
    }
}

/// Replays twice, and ends the process after every page: the events are the same each time, and none is lost.
pub async fn check_replay_and_restart(toml: &str) -> Vec<Event> {
    let events = |pages: &[Page]| pages.iter().flat_map(|page| page.events.clone()).collect::<Vec<_>>();
    let pages = drain(&mut *build(toml), None).await;
    let all = events(&pages);
    assert_eq!(all, events(&drain(&mut *build(toml), None).await), "a replay gives the same events");
    let mut before = Vec::new();
    for page in &pages {
        before.extend(page.events.clone());
        // A cursor is saved as JSON.
        let saved: Cursor = serde_json::from_str(&serde_json::to_string(&page.cursor).unwrap()).unwrap();
        let after = drain(&mut *build(toml), Some(saved)).await;
        assert_eq!(all, [before.clone(), events(&after)].concat(), "a restart loses nothing");
    }
    all
}
