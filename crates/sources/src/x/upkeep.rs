//! What is read again: posts at certain ages, and the followers of accounts.

use grapevine_model::{AccountSnapshot, AuthorTombstone, Deletion, EngagementSnapshot, Event, Mention, MentionKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    caller::Caller,
    map::{Mapped, PLATFORM, Trouble},
    position::Position,
    search::Gathered,
    settings::XSpec,
};
use crate::{SourceError, http::Request, recheck::Plan};

/// The most posts, or accounts, that one request asks for.
const AT_ONCE: usize = 100;
/// How old a post is when it is read again.
const AGES: [SignedDuration; 5] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(72),
    SignedDuration::from_hours(168),
];
/// Posts that are watched at once; the oldest are left out first.
const WATCHED: usize = 20_000;
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// An account costs as much as so many posts.
const ACCOUNT: u64 = 2;

pub(super) fn plan(spec: &XSpec) -> Plan {
    let ages: Vec<SignedDuration> = AGES.into_iter().filter(|age| *age <= spec.recheck).collect();
    Plan::new(&ages, WATCHED)
}

/// A post is watched by the id of its newest version, and known by that of its first.
pub(super) fn watch(plan: &Plan, position: &mut Position, mention: &Mention, newest: &str) {
    if plan.oldest().is_zero() {
        return;
    }
    let first = mention.key.native_id.as_str();
    let name = if first == newest { first.to_owned() } else { format!("{first}/{newest}") };
    if first != newest {
        position.watched.gone(first);
    }
    position.watched.saw(plan, &name, mention.created_at, mention.observed_at);
}

/// Reads posts again that are due. False where none are.
pub(super) async fn recheck(
    caller: &mut Caller,
    plan: &Plan,
    position: &mut Position,
    now: Timestamp,
    into: &mut Gathered,
) -> Result<bool, SourceError> {
    let due = position.watched.due(plan, now, AT_ONCE);
    if due.is_empty() {
        return Ok(false);
    }
    caller.share()?;
    let ids: Vec<&str> = due.iter().map(|name| newest(name)).collect();
    let (found, _) = caller.posts(&["tweets"], vec![("ids", ids.join(","))], "posts").await?;
    let gone: Vec<&str> = found.problems.iter().filter(|trouble| is_gone(trouble)).map(|one| one.id.as_str()).collect();
    for name in &due {
        if gone.contains(&newest(name)) {
            position.watched.gone(name);
            let key = MentionKey::new(PLATFORM, "", name.split('/').next().unwrap_or(name));
            into.events.push(Event::Delete(Deletion { key, observed_at: now }));
        } else {
            position.watched.checked(plan, name, now);
        }
    }
    into.events.extend(counters(found));
    Ok(true)
}

fn newest(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// It is deleted, hidden, withheld, or of an account that is closed: whatever it is, it can not be shown any more.
fn is_gone(trouble: &Trouble) -> bool {
    trouble.of == "tweet" && matches!(trouble.kind.as_str(), "resource-not-found" | "not-authorized-for-resource")
}

fn counters(found: Mapped) -> Vec<Event> {
    let tombstones: Vec<Event> = found.problems.iter().filter_map(|trouble| tombstone(trouble, &found)).collect();
    let snapshot = |mention: Mention| {
        let Mention { key, observed_at, engagement, .. } = mention;
        Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement })
    };
    found.mentions.into_iter().map(snapshot).chain(tombstones).collect()
}

/// An account that X does not find is gone. One that is suspended may come back, and its posts are gone one by one.
fn tombstone(trouble: &Trouble, found: &Mapped) -> Option<Event> {
    let is_author = trouble.of == "user" && trouble.parameter == "author_id" && !trouble.id.is_empty();
    let is_final = trouble.kind == "resource-not-found" && !trouble.words.to_lowercase().contains("suspended");
    let observed_at = found.mentions.iter().find(|mention| mention.author.native_id == trouble.id)?.observed_at;
    (is_author && is_final).then(|| {
        let (platform, author) = (PLATFORM.to_owned(), trouble.id.clone());
        Event::AuthorTombstone(AuthorTombstone { platform, instance: String::new(), author, observed_at })
    })
}

/// Counts followers once a day. False where that is not due.
pub(super) async fn count(
    caller: &mut Caller,
    spec: &XSpec,
    position: &mut Position,
    now: Timestamp,
    into: &mut Gathered,
) -> Result<bool, SourceError> {
    let is_due = position.counted_at.is_none_or(|counted| now.duration_since(counted) >= A_DAY);
    if spec.accounts.is_empty() || !is_due {
        return Ok(false);
    }
    caller.share()?;
    for names in spec.accounts.chunks(AT_ONCE) {
        let query = [("usernames", names.join(",")), ("user.fields", "public_metrics,username".to_owned())];
        let answer = caller.json(&Request::get(caller.url(&["users", "by"], &query)), "users").await?;
        let users = answer.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        caller.client()?.spent(users.len() as u64 * ACCOUNT);
        into.events.extend(users.iter().filter_map(|user| snapshot(user, now)));
    }
    position.counted_at = Some(now);
    Ok(true)
}

fn snapshot(user: &Value, observed_at: Timestamp) -> Option<Event> {
    let followers = user.get("public_metrics")?.get("followers_count")?.as_u64()?;
    let account = user.get("username")?.as_str()?.to_lowercase();
    Some(Event::AccountSnapshot(AccountSnapshot { platform: PLATFORM.to_owned(), account, observed_at, followers }))
}
