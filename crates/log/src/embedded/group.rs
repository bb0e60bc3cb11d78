//! Groups: which member reads which partition.
//!
//! A member is a row with a lease that its process renews; a claim says who reads a partition and since which
//! generation. Whoever joins, leaves or finds a member gone deals the partitions anew in one transaction and raises the
//! generation. The others learn of it at their next poll; until then a commit for a partition that they lost is refused,
//! because its claim names another member or a later generation.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{fail::Fail, owner, topic::Topic};
use crate::LogError;

/// `partition -> generation since which this member reads it`.
pub(super) type Claims = BTreeMap<u32, i64>;

/// Who joins what.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub group: String,
    pub topic: Topic,
    pub session: String,
    pub lease_ms: i64,
}

/// What a member was told last.
#[derive(Debug, Clone, Default)]
pub(super) struct Seat {
    pub member: i64,
    pub generation: i64,
    pub claims: Claims,
}

pub(super) fn generation(conn: &Connection, group: &str, topic: i64) -> Result<i64, Fail> {
    let mut found = conn.prepare_cached("SELECT generation FROM groups WHERE grp = ? AND topic = ?")?;
    Ok(found.query_row(params![group, topic], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Takes a seat, or finds the one that `member` has. A member whose lease ran out joins again under its old id: whoever
/// asked may be gone before the answer comes, and asks again; under a new id each time it would leave a member behind that
/// nobody reads for and whose lease its process renews. The old id opens nothing: claims say since when they hold.
pub(super) fn sit(conn: &Connection, join: &Join, member: Option<i64>, now_ms: i64) -> Result<Seat, Fail> {
    let known = match member {
        Some(id) => {
            let mut found = conn.prepare_cached("SELECT id FROM members WHERE id = ?")?;
            found.query_row([id], |row| row.get::<_, i64>(0)).optional()?
        }
        None => None,
    };
    let member = match known {
        Some(id) => id,
        None => {
            evict(conn, now_ms)?;
            let sql = "INSERT INTO members(id, grp, topic, session, owner, expires) VALUES(?, ?, ?, ?, ?, ?)";
            let expires = now_ms + join.lease_ms;
            let values = params![member, join.group, join.topic.id, join.session, owner::this_process(), expires];
            conn.prepare_cached(sql)?.execute(values)?;
            let id = conn.last_insert_rowid();
            deal(conn, &join.group, join.topic.id)?;
            id
        }
    };
    let mut rows = conn.prepare_cached("SELECT part, since FROM claims WHERE grp = ? AND topic = ? AND member = ?")?;
    let claims = rows
        .query_map(params![join.group, join.topic.id, member], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(Seat { member, generation: generation(conn, &join.group, join.topic.id)?, claims })
}

pub(super) fn leave(conn: &Connection, member: i64) -> Result<(), Fail> {
    let sql = "DELETE FROM members WHERE id = ? RETURNING grp, topic";
    let left: Option<(String, i64)> =
        conn.prepare_cached(sql)?.query_row([member], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    left.map_or(Ok(()), |(group, topic)| deal(conn, &group, topic))
}

/// Errors with [`LogError::NotAssigned`] unless the member still reads each of the partitions since the same generation.
pub(super) fn check(conn: &Connection, join: &Join, seat: &Seat, parts: &[u32]) -> Result<(), Fail> {
    let mut found =
        conn.prepare_cached("SELECT since FROM claims WHERE grp = ? AND topic = ? AND part = ? AND member = ?")?;
    for part in parts {
        let values = params![join.group, join.topic.id, part, seat.member];
        let since: Option<i64> = found.query_row(values, |row| row.get(0)).optional()?;
        if since.is_none() || since.as_ref() != seat.claims.get(part) {
            return Err(LogError::NotAssigned(*part).into());
        }
    }
    Ok(())
}

/// Renews the leases of a process and evicts the members that are gone; true where partitions were dealt anew.
pub(super) fn renew(conn: &Connection, session: &str, expires_ms: i64, now_ms: i64) -> Result<bool, Fail> {
    conn.prepare_cached("UPDATE members SET expires = ? WHERE session = ?")?.execute(params![expires_ms, session])?;
    evict(conn, now_ms)
}

fn evict(conn: &Connection, now_ms: i64) -> Result<bool, Fail> {
    let mut rows = conn.prepare_cached("SELECT id, owner, expires FROM members")?;
    let members: Vec<(i64, String, i64)> =
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    let gone = members.iter().filter(|(_, owner, expires)| *expires <= now_ms || owner::is_gone(owner));
    let mut any = false;
    for (id, _, _) in gone {
        leave(conn, *id)?;
        any = true;
    }
    Ok(any)
}

/// Deals the partitions of a topic among the members of a group and raises the generation.
fn deal(conn: &Connection, group: &str, topic: i64) -> Result<(), Fail> {
    let key = params![group, topic];
    let next = generation(conn, group, topic)? + 1;
    let partitions: u32 = conn.query_row("SELECT partitions FROM topics WHERE id = ?", [topic], |row| row.get(0))?;
    let mut rows = conn.prepare_cached("SELECT id FROM members WHERE grp = ? AND topic = ? ORDER BY id")?;
    let members: Vec<i64> = rows.query_map(key, |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rows = conn.prepare_cached("SELECT part, member FROM claims WHERE grp = ? AND topic = ?")?;
    let held: BTreeMap<u32, i64> =
        rows.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let dealt = divide(partitions, &members, &held);
    conn.prepare_cached("INSERT OR REPLACE INTO groups(grp, topic, generation) VALUES(?, ?, ?)")?
        .execute(params![group, topic, next])?;
    if dealt.is_empty() {
        conn.prepare_cached("DELETE FROM claims WHERE grp = ? AND topic = ?")?.execute(key)?;
    }
    let sql = "INSERT OR REPLACE INTO claims(grp, topic, part, member, since) VALUES(?, ?, ?, ?, ?)";
    for (part, member) in dealt.iter().filter(|(part, member)| held.get(part) != Some(member)) {
        conn.prepare_cached(sql)?.execute(params![group, topic, part, member, next])?;
    }
    Ok(())
}

/// Equal shares (give or take one), moving as few partitions as possible. Empty without members.
fn divide(partitions: u32, members: &[i64], held: &BTreeMap<u32, i64>) -> BTreeMap<u32, i64> {
    if members.is_empty() {
        return BTreeMap::new();
    }
    let share = partitions as usize / members.len();
    let mut larger = partitions as usize % members.len();
    let mut load: BTreeMap<i64, usize> = members.iter().map(|member| (*member, 0)).collect();
    let mut dealt = BTreeMap::new();
    for (part, member) in held.iter().filter(|(part, _)| **part < partitions) {
        let Some(count) = load.get_mut(member) else { continue };
        if *count < share || (*count == share && larger > 0) {
            larger -= usize::from(*count == share);
            *count += 1;
            dealt.insert(*part, *member);
        }
    }
    for part in 0..partitions {
        if dealt.contains_key(&part) {
            continue;
        }
        if let Some((member, count)) = load.iter_mut().min_by_key(|(_, count)| **count) {
            *count += 1;
            dealt.insert(part, *member);
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_partition_has_one_member_and_shares_are_equal(
            partitions in 1u32..40, members in prop::collection::btree_set(0i64..9, 1..9),
            held in prop::collection::btree_map(0u32..40, 0i64..9, 0..40),
        ) {
            let members: Vec<i64> = members.into_iter().collect();
            let dealt = divide(partitions, &members, &held);
            prop_assert_eq!(dealt.keys().copied().collect::<Vec<_>>(), (0..partitions).collect::<Vec<_>>());
            let counts: Vec<usize> =
                members.iter().map(|member| dealt.values().filter(|other| *other == member).count()).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            prop_assert_eq!(divide(partitions, &members, &dealt), dealt, "dealing again moves nothing");
        }
    }

    #[test]
    fn a_new_member_takes_only_its_share() {
        let held = divide(6, &[1], &BTreeMap::new());
        let both = divide(6, &[1, 2], &held);
        assert_eq!(both.iter().filter(|(part, member)| held.get(part) == Some(member)).count(), 3);
        assert!(divide(6, &[], &held).is_empty());
    }
}
