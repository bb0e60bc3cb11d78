//! Who the members are: who comes, returns, stays and leaves.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{Author, Event, Kind, Mention};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    answers::{by_platform, horizon, written},
    awareness::part,
    split::{over_time, split_of, with},
};
use crate::world::{at, by, by_team, heartbeat, post, upsert};

/// Posts of each person, by day; all at ten o'clock.
const POSTS: [(&str, &[&str]); 7] = [
    ("ada", &["2026-01-05", "2026-01-20", "2026-02-03", "2026-02-04", "2026-03-02"]),
    ("bob", &["2026-01-10", "2026-02-11"]),
    ("cleo", &["2026-02-12", "2026-02-13", "2026-02-14", "2026-03-01"]),
    ("dan", &["2025-12-05", "2025-12-06", "2025-12-07", "2025-12-08"]),
    ("eve", &["2026-02-20"]),
    ("fay", &["2026-01-15"]),
    // Whom the platform does not name is nobody who could return.
    ("", &["2026-01-20", "2026-01-21", "2026-01-22", "2026-01-23"]),
];
const TO: &str = "2026-03-03T00:00:00Z";

pub fn groups() -> Vec<Group> {
    let written = POSTS.iter().flat_map(|(author, days)| {
        days.iter().enumerate().map(move |(number, day)| {
            let time = at(&format!("{day}T10:00:00Z"));
            by(author, post(&format!("{author}{}", number + 1), time))
        })
    });
    let today = at("2026-03-02T11:00:00Z");
    let robot = Author { native_id: "robot".into(), is_bot: true, ..Author::default() };
    let others = [
        by_team(post("team", today)),
        Mention { author: robot, ..post("bot", today) },
        by("zoe", Mention { kind: Kind::Repost, ..post("repost", today) }),
    ];
    let mut events: Vec<Event> = written.chain(others).map(|mention| upsert(&mention)).collect();
    events.push(heartbeat("s", at(TO)));
    vec![Group { events, labels: vec![], proofs: proofs() }]
}

fn proofs() -> Vec<Proof> {
    let (january, february) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let third = 1.0 / 3.0 * 100.0;
    // Dan did not come back in January; of ada, bob and fay, two did in February; of those of February, ada and cleo so far.
    let returned = json!([
        ["2026-01-01T00:00:00Z", 0, 0, 1, true],
        ["2026-02-01T00:00:00Z", 2.0 * third, 2, 3, true],
        ["2026-03-01T00:00:00Z", null, 2, 4, false]
    ]);
    let (jan, feb, mar) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let cohorts = json!([
        [jan, jan, 0, 100, 3, 3, true],
        [jan, feb, 1, 2.0 * third, 2, 3, true],
        [jan, mar, 2, null, 1, 3, false],
        [feb, feb, 0, 100, 2, 2, true],
        [feb, mar, 1, null, 1, 2, false]
    ]);
    let whole = |query: MetricQuery| MetricQuery { from: query.from.min(at("2026-01-10T00:00:00Z")), ..query };
    vec![
        Proof::of("active_members", json!([[1, 2, 4, 25]]), active_members),
        Proof::of("stickiness", json!([[25, 1, 4]]), stickiness),
        Proof::of("newcomers", json!([[0, 1, 0]]), newcomers),
        // Cleo and eve are new; ada and bob are active as well.
        Proof::of("newcomers", json!([[2, 4, 50]]), newcomers).over(february, TO),
        Proof::of("retention", returned, retention).over(january, TO).asking(whole),
        Proof::of("retention_cohorts", cohorts, cohorts_of).over(january, TO).asking(whole),
        Proof::of("churned_regulars", churned_by_hand(), churned),
        // Ada, cleo and dan are regulars; ada posted on the day.
        Proof::of("churned_regulars", json!([["forum", 2, 3, 2.0 * third]]), churned).by(By::Platform),
        // Ada's third post came on day 30; cleo and eve have not had their 30 days.
        Proof::of("newcomer_conversion", json!([[third, 1, 3, 2]]), conversion).over(february, TO).asking(whole),
        Proof::of("contribution_inequality", json!([[5.0 / 13.0 * 100.0, 5.0 / 13.0 * 100.0, 40, 5, 13]]), inequality)
            .over(january, TO),
    ]
}

fn churned_by_hand() -> Value {
    let id = |name: &str| post(name, at(TO)).id().to_string();
    json!([
        [
            "cleo",
            "forum",
            4,
            "2026-03-01T10:00:00.000Z",
            38 * 3600,
            null,
            id("cleo4"),
            "text of cleo4",
            "https://f.example/cleo4"
        ],
        [
            "dan",
            "forum",
            4,
            "2025-12-08T10:00:00.000Z",
            85 * 86_400 - 36_000,
            null,
            id("dan4"),
            "text of dan4",
            "https://f.example/dan4"
        ],
    ])
}

type Person<'a> = (&'a str, &'a str, &'a str);

/// What each wrote before the end of the span, oldest first.
fn members<'a>(facts: &'a Facts, query: &'a MetricQuery) -> BTreeMap<Person<'a>, Vec<&'a Held>> {
    let mut members: BTreeMap<Person<'_>, Vec<&Held>> = BTreeMap::new();
    for held in facts.of_brand(&query.brand).filter(|held| held.at() < query.to && held.is_by_member()) {
        members.entry(held.author()).or_default().push(held);
    }
    members
}

/// Those whom the platform names.
pub fn people<'a>(facts: &'a Facts, query: &'a MetricQuery) -> BTreeMap<Person<'a>, Vec<&'a Held>> {
    members(facts, query).into_iter().filter(|((_, _, author), _)| !author.is_empty()).collect()
}

fn wrote(posts: &[&Held], from: Timestamp, to: Timestamp) -> bool {
    posts.iter().any(|held| from <= held.at() && held.at() < to)
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// Those who wrote in the last so many days before `end`; whole days where it is one of a series.
fn active(facts: &Facts, query: &MetricQuery, end: Timestamp, last: i64) -> usize {
    members(facts, query).values().filter(|posts| wrote(posts, end - days(last), end)).count()
}

fn active_members(facts: &Facts, query: &MetricQuery) -> Rows {
    let row = |end: Timestamp| -> (usize, Row) {
        let [day, week, month] = [1, 7, 30].map(|last| active(facts, query, end, last));
        (month, vec![json!(day), json!(week), json!(month), part(day as f64, month as f64)])
    };
    by_days(facts, query, row)
}

fn stickiness(facts: &Facts, query: &MetricQuery) -> Rows {
    let row = |end: Timestamp| -> (usize, Row) {
        let [day, month] = [1, 30].map(|last| active(facts, query, end, last));
        (month, vec![part(day as f64, month as f64), json!(day), json!(month)])
    };
    by_days(facts, query, row)
}

/// By day, up to the midnight that ends it; no row where nobody is active.
fn by_days(facts: &Facts, query: &MetricQuery, row: impl Fn(Timestamp) -> (usize, Row)) -> Rows {
    if query.by.is_none() {
        return vec![row(query.to).1];
    }
    over_time(facts, query, |_, end| {
        let midnight = Timestamp::from_second((end.as_second() + 86_399).div_euclid(86_400) * 86_400).unwrap();
        let (month, row) = row(midnight);
        (month > 0).then_some(row)
    })
}

fn newcomers(facts: &Facts, query: &MetricQuery) -> Rows {
    let members = members(facts, query);
    let joined = |from: Timestamp, to: Timestamp| {
        members.values().filter(|posts| from <= posts[0].at() && posts[0].at() < to).count()
    };
    if query.by.is_some() {
        return over_time(facts, query, |from, to| {
            Some(vec![json!(joined(from, to))]).filter(|_| joined(from, to) > 0)
        });
    }
    let (fresh, active) =
        (joined(query.from, query.to), members.values().filter(|posts| wrote(posts, query.from, query.to)));
    let active = active.count();
    vec![vec![json!(fresh), json!(active), part(fresh as f64, active as f64)]]
}

fn month_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date().first_of_month()
}

fn start(month: Date) -> Timestamp {
    month.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn next(month: Date) -> Date {
    month.checked_add(1.month()).unwrap()
}

/// Months that begin before the end of the span, from this one on.
fn months(from: Date, query: &MetricQuery) -> Vec<Date> {
    std::iter::successors(Some(from), |month| Some(next(*month))).take_while(|month| start(*month) < query.to).collect()
}

fn wrote_in(posts: &[&Held], month: Date) -> bool {
    wrote(posts, start(month), start(next(month)))
}

fn retention(facts: &Facts, query: &MetricQuery) -> Rows {
    let people = people(facts, query);
    let end = horizon(facts, query);
    let rows = |key: Option<&str>| -> Rows {
        let of = |posts: &&Vec<&Held>| key.is_none_or(|platform| posts[0].platform() == platform);
        let mut rows = vec![];
        for month in months(month_of(query.from), query) {
            let before = month.checked_sub(1.month()).unwrap();
            let earlier: Vec<_> = people.values().filter(of).filter(|posts| wrote_in(posts, before)).collect();
            let back = earlier.iter().filter(|posts| wrote_in(posts, month)).count();
            if !earlier.is_empty() {
                let over = start(next(month)) <= end;
                let share = if over { part(back as f64, earlier.len() as f64) } else { Value::Null };
                let row = vec![json!(start(month).to_string()), share, json!(back), json!(earlier.len()), json!(over)];
                rows.push(key.map_or(row.clone(), |key| with(json!(key), row)));
            }
        }
        rows
    };
    match query.by {
        None => rows(None),
        Some(_) => by_platform(facts, query, |platform, _| rows(Some(platform))),
    }
}

fn cohorts_of(facts: &Facts, query: &MetricQuery) -> Rows {
    let (people, end) = (people(facts, query), horizon(facts, query));
    let mut rows = vec![];
    for cohort in months(month_of(query.from), query) {
        let members: Vec<_> = people.values().filter(|posts| month_of(posts[0].at()) == cohort).collect();
        for (age, month) in months(cohort, query).into_iter().enumerate().filter(|_| !members.is_empty()) {
            let active = members.iter().filter(|posts| wrote_in(posts, month)).count();
            let over = start(next(month)) <= end;
            let share = if over { part(active as f64, members.len() as f64) } else { Value::Null };
            let times = [cohort, month].map(|month| json!(start(month).to_string()));
            rows.push(
                [times.to_vec(), vec![json!(age), share, json!(active), json!(members.len()), json!(over)]].concat(),
            );
        }
    }
    rows
}

fn churned(facts: &Facts, query: &MetricQuery) -> Rows {
    let since = query.from - days(90);
    let people = people(facts, query);
    let regulars = people.into_values().filter_map(|posts| {
        let before: Vec<&Held> =
            posts.iter().copied().filter(|held| since <= held.at() && held.at() < query.from).collect();
        (before.len() >= 4).then(|| (before, wrote(&posts, query.from, query.to)))
    });
    let regulars: Vec<(Vec<&Held>, bool)> = regulars.collect();
    if query.by.is_some() {
        let of = |platform: &str| {
            let own: Vec<_> = regulars.iter().filter(|(posts, _)| posts[0].platform() == platform).collect();
            let gone = own.iter().filter(|(_, stayed)| !stayed).count();
            let row = vec![json!(platform), json!(gone), json!(own.len()), part(gone as f64, own.len() as f64)];
            Some(row).filter(|_| !own.is_empty()).into_iter().collect()
        };
        return by_platform(facts, query, |platform, _| of(platform));
    }
    let mut gone: Vec<Vec<&Held>> =
        regulars.into_iter().filter(|(_, stayed)| !stayed).map(|(posts, _)| posts).collect();
    gone.sort_by_key(|posts| std::cmp::Reverse((posts.len(), posts.last().map(|held| (held.at(), held.id())))));
    let row = |posts: &Vec<&Held>| -> Row {
        let last = posts[posts.len() - 1];
        let silent = query.to.duration_since(last.at()).as_millis() as f64 / 1000.0;
        let told =
            vec![json!(last.name()), json!(last.platform()), json!(posts.len()), written(last.at()), json!(silent)];
        [told, linked(last)].concat()
    };
    gone.iter().take(query.limit.unwrap_or(50) as usize).map(row).collect()
}

/// Followers, id, text and address of a post.
pub fn linked(held: &Held) -> Row {
    let Mention { text, url, author, .. } = &held.mention;
    vec![json!(author.followers), json!(held.id().to_string()), json!(text), json!(url.as_deref().unwrap_or_default())]
}

fn conversion(facts: &Facts, query: &MetricQuery) -> Rows {
    let end = horizon(facts, query);
    let people = people(facts, query);
    let row = |key: Option<&str>| -> Row {
        let (mut judged, mut converted, mut censored) = (0, 0, 0);
        for posts in people.values().filter(|posts| key.is_none_or(|platform| posts[0].platform() == platform)) {
            let first = posts[0].at();
            if first + days(30) < query.from {
                continue;
            }
            if first + days(30) > end {
                censored += 1;
                continue;
            }
            judged += 1;
            converted += u32::from(posts.iter().filter(|held| held.at() < first + days(30)).count() >= 3);
        }
        vec![part(f64::from(converted), f64::from(judged)), json!(converted), json!(judged), json!(censored)]
    };
    match query.by {
        None => vec![row(None)],
        // A platform of whose people none is judged or censored has no row.
        Some(_) => by_platform(facts, query, |platform, _| {
            let row = row(Some(platform));
            let is_there = row[2] != json!(0) || row[3] != json!(0);
            is_there.then(|| with(json!(platform), row)).into_iter().collect()
        }),
    }
}

fn inequality(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let named: Vec<&Held> =
        inside.into_iter().filter(|held| held.is_by_member() && !held.mention.author.native_id.is_empty()).collect();
    let figure = |held: &[&Held]| -> Row {
        let authors: BTreeSet<Person<'_>> = held.iter().map(|held| held.author()).collect();
        let count = |author: &Person<'_>| held.iter().filter(|held| held.author() == *author).count();
        let mut counts: Vec<usize> = authors.iter().map(count).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let top = |parts: usize| counts.iter().take(counts.len().div_ceil(parts)).sum::<usize>() as f64;
        let (all, once) = (held.len() as f64, counts.iter().filter(|count| **count == 1).count() as f64);
        let shares = vec![part(top(100), all), part(top(10), all), part(once, counts.len() as f64)];
        [shares, vec![json!(counts.len()), json!(held.len())]].concat()
    };
    split_of(facts, query, &named, figure)
}
