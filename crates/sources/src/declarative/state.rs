//! How far each partition was read. Pure: answers come in, the next question goes out.
//!
//! A *run* reads a listing page by page: newest first down to its floor, or from its floor on. What is known of a
//! partition changes only when its run ends, so a run that is broken off begins where it was, or anew, and loses nothing.
//!
//! | part | means |
//! |---|---|
//! | mark | everything before it was read, but for what came late |
//! | floor | the mark less the look-back: where a run ends, or begins |
//! | recent | fingerprints of what was given since the floor, so that reading it again gives only what changed |

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    definition::{Empty, ForEach, Listing, Order, Pace, RecheckRule},
    map::Gives,
    nested::Children,
    paging::Paging,
    part::Part,
    recent::Recent,
};
use crate::{Cursor, http::Share, recheck::Recheck};

const VERSION: u16 = 1;
/// How far a mark may lie ahead of the clock, as clocks differ.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// A platform that forgets tokens so often in a row takes none.
const MOST_BROKEN: u32 = 3;
/// The same records so often under other tokens: the platform takes no notice of them. Once may come of so many new posts
/// that numbered pages moved by one.
const MOST_SAME: u32 = 5;
/// So many posts in a row that are said to be deleted, and none that is not: rather the platform is out of order.
const MOST_MISSING: u32 = 10;
/// So small a part of a span that any page shows more.
const ONE_PAGE: f64 = 1e-6;
/// So many tokens of a run are remembered to see that one comes again. Longer circles end at the listing's `max_pages`.
const TOKENS: usize = 64;
const A_DAY: f64 = 86_400.0;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The partition that was asked last: the next one gets its turn.
    pub(crate) last: String,
    pub(crate) partitions: BTreeMap<String, Partition>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Partition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<Timestamp>,
    /// What was created before has been given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<Timestamp>,
    /// When the last run ended; nothing where the next is wanted at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rests_since: Option<Timestamp>,
    /// Where the next run begins, for listings that ascend by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
    /// How many runs were broken off since one ended.
    #[serde(default, skip_serializing_if = "is_none")]
    broken: u32,
    #[serde(default)]
    pub(crate) recent: Recent,
    /// Records of another listing that this one is read for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) children: Children,
    #[serde(default, skip_serializing_if = "Recheck::is_empty")]
    pub(crate) recheck: Recheck,
    /// When all that was due was read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rechecked_at: Option<Timestamp>,
    /// How many were missing one after another when they were read again.
    #[serde(default, skip_serializing_if = "is_none")]
    missing: u32,
    /// Records a day, as the last page showed them. A fraction would not come back from JSON as it was.
    #[serde(default, skip_serializing_if = "is_none")]
    density: u64,
    /// The run ended as its token led back to another page that was read: from when on it had read.
    #[serde(skip)]
    pub(crate) circled: Option<Timestamp>,
}

fn is_default(children: &Children) -> bool {
    *children == Children::default()
}

/// What a spend cap bears now: a share of what is there, and so many records at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearable {
    pub(crate) share: Share,
    pub(crate) records: u64,
}

fn is_none<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    began: Timestamp,
    floor: Timestamp,
    /// The token of the next page.
    page: Option<String>,
    newest: Option<Timestamp>,
    /// Of the last record that had a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
    pages: u32,
    #[serde(default)]
    records: u64,
    tokens: Vec<String>,
    /// Of the last page's records, and how many pages before it had the same.
    print: Option<String>,
    same: u32,
    /// Where a spend cap bears no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
}

/// What a page showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) newest: Option<Timestamp>,
    /// The last of the page that has a time.
    pub(crate) last: Option<Timestamp>,
    pub(crate) next: Option<String>,
    /// A hash of its records' ids, if it has any.
    pub(crate) print: Option<String>,
    /// It has no record that is collected.
    pub(crate) is_empty: bool,
    pub(crate) records: u64,
}

/// A span that was not read, for the platform does not go back so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl State {
    /// # Errors
    /// Why the cursor can not be used, in words: reading begins anew.
    pub(crate) fn of(cursor: Option<&Cursor>, now: Timestamp) -> Result<Self, String> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        if cursor.version != VERSION {
            return Err(format!("the saved cursor is of version {}, and this program reads {VERSION}", cursor.version));
        }
        let state =
            Self::deserialize(&cursor.value).map_err(|error| format!("the saved cursor is unreadable: {error}"))?;
        let ahead = now.saturating_add(AHEAD).unwrap_or(now);
        let in_the_future = state.partitions.values().flat_map(Partition::times).find(|time| *time > ahead);
        match in_the_future {
            Some(time) => Err(format!("the saved cursor, {time}, lies in the future")),
            None => Ok(state),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { version: VERSION, value: serde_json::to_value(self).unwrap_or_default() }
    }
}

impl Partition {
    /// How far it was read, and when: none of it can lie in the future.
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let began = self.run.as_ref().map(|run| run.began);
        [self.mark, self.rests_since, self.rechecked_at, began].into_iter().flatten()
    }

    /// When it wants to be read; never, where it is read for records of another listing and none wait.
    pub(crate) fn due(&self, every: SignedDuration, listing: &Listing) -> Timestamp {
        match (&self.run, self.rests_since) {
            (None, _) if listing.for_each.is_some() => {
                if self.children.is_waiting() { Timestamp::MIN } else { Timestamp::MAX }
            }
            (None, Some(since)) => since.saturating_add(every).unwrap_or(Timestamp::MAX),
            _ => Timestamp::MIN,
        }
    }

    /// The platform does not know the record that it is read for. False where that is no accident.
    pub(crate) fn child_is_gone(&mut self, rule: &ForEach, now: Timestamp) -> bool {
        self.run = None;
        let (is_accident, through) = self.children.is_gone(rule, now);
        self.through = self.through.max(through);
        is_accident
    }

    /// When something is to be read again.
    pub(crate) fn recheck_due(&self, rule: &RecheckRule) -> Option<Timestamp> {
        let pause = self.rechecked_at.and_then(|at| at.checked_add(rule.every).ok());
        self.recheck.next_due(&rule.plan).max(pause.filter(|_| !self.recheck.is_empty()))
    }

    /// So many were there of those that were read again, and so many were not. False where so many are missing one after
    /// another that the platform's word is not taken for it.
    pub(crate) fn believes(&mut self, there: usize, missing: usize) -> bool {
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        self.missing = if there > 0 { 0 } else { self.missing.saturating_add(missing) };
        self.missing <= MOST_MISSING
    }

    /// Where all that was due has been read again, nothing is for a while.
    pub(crate) fn rest_from_recheck(&mut self, rule: &RecheckRule, now: Timestamp) {
        if self.recheck.due(&rule.plan, now, 1).is_empty() {
            self.rechecked_at = Some(now);
        }
    }

    /// The token of the page to ask for, and the time from which on records are wanted. Begins a run where there is none.
    pub(crate) fn ask(
        &mut self,
        now: Timestamp,
        pace: &Pace,
        listing: &Listing,
        bearable: Option<Bearable>,
    ) -> (Option<String>, Timestamp) {
        let mark = match &listing.for_each {
            Some(rule) => {
                self.children.begin(rule);
                self.children.mark()
            }
            None => self.mark,
        };
        let floor = match mark {
            Some(mark) => mark.saturating_sub(pace.look_back),
            None => now.saturating_sub(pace.backfill),
        };
        let floor = floor.unwrap_or(Timestamp::UNIX_EPOCH);
        // A listing that was read and was empty has no mark: what came into it since then is not left out.
        let read_before = self.through.filter(|_| mark.is_none() && listing.for_each.is_none());
        let floor = read_before.map_or(floor, |through| floor.min(through));
        let page = self.resume.clone().or_else(|| listing.pager.first());
        let part = self.part_of(now, pace, listing, bearable);
        let floor = part.map_or(floor, |part| part.floor());
        let fresh = Run {
            began: now,
            floor,
            page,
            newest: None,
            last: None,
            pages: 0,
            records: 0,
            tokens: Vec::new(),
            print: None,
            same: 0,
            part,
        };
        let run = self.run.get_or_insert(fresh);
        (run.page.clone(), run.floor)
    }

    /// What a run that begins now reads where not all can be read. What stands in no order, or is read for records of
    /// another listing, is read wholly or not at all.
    ///
    /// While a run waits for the cap, new posts push down what its next page would show: it would never end. Then it is
    /// given up, and one page is read.
    fn part_of(&mut self, now: Timestamp, pace: &Pace, listing: &Listing, bearable: Option<Bearable>) -> Option<Part> {
        let is_fit = listing.order == Order::NewestFirst && listing.for_each.is_none() && listing.gives() == Gives::Mention;
        let (bearable, to) = (bearable.filter(|_| is_fit)?, now.saturating_sub(pace.lateness).ok()?);
        let is_held_up = |run: &mut Run| run.began.checked_add(pace.every).is_ok_and(|late| late < now);
        match self.run.take_if(is_held_up) {
            Some(run) => Part::of((self.through.unwrap_or(run.floor), to), Share::Part(ONE_PAGE)),
            None => {
                let from = self.through?;
                // What is newer than the part is read on the way to it.
                let (beside, expected) = (pace.lateness, to.duration_since(from));
                let density = self.density as f64 / A_DAY;
                let left = bearable.records as f64 - density * beside.as_secs_f64();
                let rate = (left / (density * expected.as_secs_f64())).min(bearable.share.rate());
                Part::of((from, to), Share::Part(if rate.is_nan() { 1.0 } else { rate.max(ONE_PAGE) }))
            }
        }
    }

    /// The first page shows more than the part that was to be read: it is taken whole.
    pub(crate) fn take_whole(&mut self, seen: &Seen) {
        let Some(run) = self.run.as_mut().filter(|run| run.pages == 0) else { return };
        if let Some((part, last)) = run.part.zip(seen.last).filter(|(part, last)| *last < part.floor()) {
            run.part = part.down_to(last);
            // Nothing lies below that is wanted.
            run.floor = last.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(last);
        }
    }

    /// Of the run that goes on.
    pub(crate) fn part(&self) -> Option<Part> {
        self.run.as_ref()?.part
    }

    /// Breaks the run off, as its token is worth nothing any more; nothing is lost, as the mark did not move. False where
    /// that can not help: at the first page, or once more.
    pub(crate) fn begin_anew(&mut self) -> bool {
        let helps = self.broken < MOST_BROKEN && self.run.as_ref().is_some_and(|run| run.pages > 0);
        if helps {
            (self.run, self.resume) = (None, None);
            self.broken += 1;
        }
        helps
    }

    /// Takes in what a page showed. The run goes on, or ends.
    pub(crate) fn saw(&mut self, seen: &Seen, now: Timestamp, pace: &Pace, listing: &Listing) -> Option<Missed> {
        let mut run = self.run.take()?;
        run.pages += 1;
        run.records += seen.records;
        if let Some((newest, last)) = seen.newest.zip(seen.last).filter(|(newest, last)| last < newest) {
            self.density = (seen.records as f64 * A_DAY / newest.duration_since(last).as_secs_f64()).ceil() as u64;
        }
        run.newest = run.newest.max(seen.newest);
        run.last = seen.last.or(run.last);
        let is_open = seen.is_empty && listing.empty == Empty::Unknown;
        if is_open && run.pages == 1 && self.mark.is_some() {
            // Nothing was learnt: the next reading finds what there is.
            self.rests_since = Some(now);
            return None;
        }
        let is_below = listing.order == Order::NewestFirst && seen.last.is_some_and(|last| last < run.floor);
        let is_same = seen.print.is_some() && seen.print == run.print;
        run.same = if is_same { run.same + 1 } else { 0 };
        run.print = seen.print.clone();
        let shown = if listing.pager.repeats { seen.print.as_deref().unwrap_or("none") } else { "" };
        let next = match seen.next.as_ref().filter(|_| !is_below) {
            Some(known) if run.knows(known, shown) => {
                // A last page that names itself is no circle.
                self.circled = (!is_same && !seen.is_empty).then(|| run.last.unwrap_or(run.began));
                None
            }
            next => next,
        };
        match next {
            Some(next) if run.pages < listing.max_pages && run.same < MOST_SAME => {
                run.page = Some(next.clone());
                self.run = Some(run);
                None
            }
            cut => {
                let (is_open, known) = (is_open && run.pages > 1, self.through);
                let is_cut = cut.is_some() || (!is_below && run.has_seen_all(listing));
                let missed = self.end(run, is_cut || is_open, seen, End { now, pace, listing });
                // What an earlier reading gave is not missing.
                missed.map(|missed| match known.filter(|_| is_open) {
                    Some(known) => Missed { from: missed.from.max(known), ..missed },
                    None => missed,
                })
            }
        }
    }

    fn end(&mut self, run: Run, is_cut: bool, seen: &Seen, end: End<'_>) -> Option<Missed> {
        if let Some(rule) = &end.listing.for_each {
            return self.end_of_child(rule, &run, is_cut, &end);
        }
        let (before, beyond) = (self.mark, run.beyond(end.listing, self.through));
        // A time ahead of ours would leave out what is written until then.
        let latest = run.part.map_or(run.began, |part| part.to);
        self.mark = before.max(run.newest.map(|newest| newest.min(latest)));
        self.rests_since = Some(end.now);
        self.broken = 0;
        if matches!(end.listing.pager.paging, Paging::Since { .. }) {
            self.resume = seen.next.clone().or_else(|| run.page.clone());
        }
        let floor = self.mark.map(|mark| mark.saturating_sub(end.pace.look_back).unwrap_or(mark));
        self.forget_before(floor.unwrap_or(run.floor), &end);
        if is_cut && end.listing.order == Order::OldestFirst {
            // The rest is read from the new mark on, at once if it has moved.
            self.rests_since = self.rests_since.filter(|_| self.mark == before);
            return None;
        }
        self.through = Some(run.began.saturating_sub(end.pace.lateness).unwrap_or(run.began)).max(self.through);
        is_cut.then(|| run.missed(end.listing)).or(beyond)
    }

    /// What was created before counts as complete as far as the other listing is, less what this one may be later.
    fn end_of_child(&mut self, rule: &ForEach, run: &Run, is_cut: bool, end: &End<'_>) -> Option<Missed> {
        (self.rests_since, self.broken) = (Some(end.now), 0);
        let newest = run.newest.map(|newest| newest.min(run.began));
        let beyond = run.beyond(end.listing, self.through);
        let through = self.children.finish(rule, newest, end.now);
        self.through = self.through.max(through);
        let floor = end.now.saturating_sub(end.pace.backfill).unwrap_or(end.now);
        self.forget_before(floor, end);
        is_cut.then(|| run.missed(end.listing)).or(beyond)
    }

    /// Fingerprints of what will be read again are kept.
    fn forget_before(&mut self, floor: Timestamp, end: &End<'_>) {
        let watched = end.listing.recheck.as_ref().map(|rule| end.now.saturating_sub(rule.plan.oldest()));
        self.recent.forget_before(watched.and_then(Result::ok).map_or(floor, |watched| watched.min(floor)));
    }
}

/// With what a run ends.
struct End<'a> {
    now: Timestamp,
    pace: &'a Pace,
    listing: &'a Listing,
}

impl Run {
    /// As many records as the platform shows, or nearly so many: some of them are left out at times.
    fn has_seen_all(&self, listing: &Listing) -> bool {
        listing.shows.is_some_and(|shows| self.records >= shows - shows / 10)
    }

    /// What lies below the last page, where there would have been another.
    fn missed(&self, listing: &Listing) -> Missed {
        let oldest = match listing.order {
            // What was read stands anywhere between them.
            Order::Any => self.began,
            _ => self.last.unwrap_or(self.began).max(self.floor),
        };
        Missed { from: self.floor, to: oldest }
    }

    /// What lies before all that the platform shows, and was not read.
    fn beyond(&self, listing: &Listing, through: Option<Timestamp>) -> Option<Missed> {
        let edge = self.began.checked_sub(listing.reach?).ok()?;
        let from = through.unwrap_or(self.floor);
        (from < edge).then_some(Missed { from, to: edge })
    }

    /// Whether the token was given before in this run: it goes in a circle then. `shown` is what the page showed, where
    /// the same token may lead on.
    fn knows(&mut self, token: &str, shown: &str) -> bool {
        let token = blake3::hash(format!("{token}{shown}").as_bytes()).to_hex()[..12].to_owned();
        let asked = self.page.as_ref().map(|page| blake3::hash(page.as_bytes()).to_hex()[..12].to_owned());
        if asked.as_ref() == Some(&token) || self.tokens.contains(&token) {
            return true;
        }
        if self.tokens.len() == TOKENS {
            self.tokens.remove(0);
        }
        self.tokens.push(token);
        false
    }
}
