//! What is stored of accounts and mentions that are to be forgotten: found, counted, removed, and their hours made right.
//!
//! | step | why in this order |
//! |---|---|
//! | F1 keep the hours of the mentions, outside of this table | nothing else knows them once the mentions are gone |
//! | F2 mark the hours | who looks meanwhile sees hours that are wrong as marked |
//! | F3 delete what hangs on the ids | while `mentions` has them, a run that was interrupted finds them again |
//! | F4 delete the mentions, every version; then what is stored of the accounts | answers lose the account's name, and reposts were found by it before |
//! | F5 mark the hours of F1 again, and rebuild them | the mark comes when the deletion can be seen: a rebuild that saw it reads the table without them, any other leaves the hour dirty |
//!
//! A run that dies between F4 and F5 may leave hours that a rebuild of others took for right; the next run has them from F1.
//!
//! Deletions are mutations by id alone: ClickHouse keeps their words, so that they must hold no name. A mutation rewrites the
//! parts; the old ones stay on disk for `old_parts_lifetime` (8 minutes), which [`Store::old_parts`] tells.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::{Row, query::Query};
use grapevine_model::{MentionId, forgotten::Account};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, client::from_millis, error::Doing, hours::Hour, write::array};

/// Ids of one statement.
const IDS: usize = 10_000;
/// Hours of one rebuild.
const HOURS: usize = 1000;
/// Tables of which a row is about one mention, by its id; what hangs on mentions comes first.
const BY_ID: [&str; 5] = ["engagement", "engagement_by_hour", "labels", "rescored", "mentions"];
/// Of ClickHouse, where nobody set it otherwise.
const OLD_PARTS_LIFETIME_S: i64 = 8 * 60;

/// Behind `IN`: the accounts of the parameters `platforms`, `instances` and `names` (in lower case).
const ACCOUNTS: &str = "(SELECT account FROM (SELECT arrayJoin(arrayZip({platforms:Array(String)},
    {instances:Array(String)}, {names:Array(String)})) AS account))";
const NAMED: &str = "(SELECT (account.1, account.3) FROM (SELECT arrayJoin(arrayZip({platforms:Array(String)},
    {instances:Array(String)}, {names:Array(String)})) AS account))";

/// An author as mentions name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Row, Deserialize)]
pub struct Named {
    pub platform: String,
    pub instance: String,
    pub author: String,
    pub handle: String,
}

/// Rows that a deletion request found, by table; of `mentions` every version counts.
pub type FoundRows = BTreeMap<String, u64>;

/// A brand and the start of an hour, in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Row, Serialize, Deserialize)]
pub struct BrandHour {
    pub brand: String,
    pub hour: u32,
}

impl BrandHour {
    fn pair(&self) -> Hour<'_> {
        (&self.brand, self.hour)
    }
}

fn bind(query: Query, accounts: &[Account]) -> Query {
    let of = |field: fn(&Account) -> String| accounts.iter().map(field).collect::<Vec<_>>();
    query
        .param("platforms", of(|account| account.platform.clone()))
        .param("instances", of(|account| account.instance.clone()))
        .param("names", of(|account| account.name.to_ascii_lowercase()))
}

impl Store {
    /// Authors of stored mentions, on any instance, whose id or handle is the name of one of the accounts.
    pub async fn authors_named(&self, accounts: &[Account]) -> Result<Vec<Named>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT toString(platform) AS platform, toString(instance) AS instance, author,
                author_handle AS handle FROM mentions
            WHERE (toString(platform), lower(author)) IN {NAMED}
                OR (author_handle != '' AND (toString(platform), lower(author_handle)) IN {NAMED})"
        );
        bind(self.read(&sql), accounts).fetch_all().await.doing("looking up accounts")
    }

    /// Mentions at an address, whatever became of them.
    pub async fn mentions_at(&self, url: &str) -> Result<Vec<MentionId>, StoreError> {
        let query = self.read("SELECT DISTINCT id FROM mentions WHERE url = {url:String}").param("url", url);
        let ids: Vec<u128> = query.fetch_all().await.doing("looking up a mention by its address")?;
        Ok(ids.into_iter().map(MentionId).collect())
    }

    /// What these accounts wrote, with reposts of it, and reposts of these mentions: every mention that goes. In the order
    /// of ids.
    pub async fn to_forget(
        &self,
        accounts: &[Account],
        mentions: &[MentionId],
    ) -> Result<BTreeSet<MentionId>, StoreError> {
        let mut found = self.written_by(accounts).await?;
        for ids in mentions.chunks(IDS) {
            found.extend(self.among("id", ids).await?);
        }
        let written: Vec<MentionId> = found.iter().copied().collect();
        for ids in written.chunks(IDS) {
            found.extend(self.among("kind = 'repost' AND parent_id", ids).await?);
        }
        Ok(found)
    }

    async fn written_by(&self, accounts: &[Account]) -> Result<BTreeSet<MentionId>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT id FROM mentions WHERE id > {{after:UInt128}} AND (
                (toString(platform), toString(instance), lower(author)) IN {ACCOUNTS}
                OR (toString(platform), toString(instance), lower(author_handle)) IN {ACCOUNTS}
                OR (kind = 'repost' AND (toString(platform), toString(instance), lower(parent_author)) IN {ACCOUNTS}))
            ORDER BY id LIMIT {{page:UInt64}}"
        );
        let (page, mut after, mut found) = (self.most_rows.div_ceil(2), 0_u128, BTreeSet::new());
        if accounts.is_empty() {
            return Ok(found);
        }
        loop {
            let query = bind(self.read(&sql), accounts).param("after", after.to_string()).param("page", page);
            let ids: Vec<u128> = query.fetch_all().await.doing("looking for what an account wrote")?;
            let is_last = (ids.len() as u64) < page;
            after = ids.last().copied().unwrap_or(after);
            found.extend(ids.into_iter().map(MentionId));
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Mentions for which a condition that ends in a column of ids holds.
    async fn among(&self, condition: &str, ids: &[MentionId]) -> Result<Vec<MentionId>, StoreError> {
        let sql = format!("SELECT DISTINCT id FROM mentions WHERE {condition} IN {{ids:Array(UInt128)}}");
        let found: Vec<u128> =
            self.read(&sql).param("ids", array(ids)).fetch_all().await.doing("looking for mentions to be forgotten")?;
        Ok(found.into_iter().map(MentionId).collect())
    }

    /// Rows of every table that are about these.
    pub async fn count_to_forget(
        &self,
        accounts: &[Account],
        mentions: &BTreeSet<MentionId>,
    ) -> Result<FoundRows, StoreError> {
        let doing = "counting what is to be forgotten";
        let mut rows = FoundRows::new();
        let ids: Vec<MentionId> = mentions.iter().copied().collect();
        for table in BY_ID {
            for ids in ids.chunks(IDS) {
                let sql = format!("SELECT count() FROM {table} WHERE id IN {{ids:Array(UInt128)}}");
                let count: u64 = self.read(&sql).param("ids", array(ids)).fetch_one().await.doing(doing)?;
                *rows.entry(table.to_owned()).or_default() += count;
            }
        }
        for (place, table, of) in OF_ACCOUNTS {
            let sql = format!("SELECT count() FROM {table} WHERE {of} IN {ACCOUNTS}");
            let count: u64 = bind(self.read(&sql), accounts).fetch_one().await.doing(doing)?;
            rows.insert(place.to_owned(), count);
        }
        rows.retain(|_, count| *count > 0);
        Ok(rows)
    }

    /// Brand-hours that these mentions are in, whatever became of them.
    pub async fn hours_of_mentions(&self, mentions: &BTreeSet<MentionId>) -> Result<BTreeSet<BrandHour>, StoreError> {
        let ids: Vec<MentionId> = mentions.iter().copied().collect();
        let sql = "SELECT DISTINCT toString(brand) AS brand, toUnixTimestamp(toStartOfHour(created_at)) AS hour
            FROM mentions WHERE id IN {ids:Array(UInt128)}";
        let mut hours = BTreeSet::new();
        for ids in ids.chunks(IDS) {
            let query = self.read(sql).param("ids", array(ids));
            let found: Vec<BrandHour> = query.fetch_all().await.doing("looking up the hours of mentions")?;
            hours.extend(found);
        }
        Ok(hours)
    }

    /// F2 to F4: removes these mentions with all that hangs on them, and what is stored of the accounts themselves. `hours`
    /// are theirs. Repeated, it does nothing.
    pub async fn forget(
        &self,
        accounts: &[Account],
        mentions: &BTreeSet<MentionId>,
        hours: &BTreeSet<BrandHour>,
    ) -> Result<(), StoreError> {
        self.mark(&hours.iter().map(BrandHour::pair).collect()).await?;
        let ids: Vec<MentionId> = mentions.iter().copied().collect();
        for table in BY_ID {
            for ids in ids.chunks(self.mutation_rows(IDS)) {
                let sql = format!("ALTER TABLE {table} DELETE WHERE id IN {{ids:Array(UInt128)}}");
                let deletion = self.writer().query(&sql).param("ids", array(ids));
                deletion.execute().await.doing("deleting what is to be forgotten")?;
            }
        }
        self.forget_accounts(accounts).await
    }

    /// F5: marks these hours and rebuilds them.
    pub async fn mend_hours(&self, hours: &BTreeSet<BrandHour>) -> Result<(), StoreError> {
        let all: Vec<Hour<'_>> = hours.iter().map(BrandHour::pair).collect();
        for hours in all.chunks(HOURS) {
            let hours = hours.iter().copied().collect();
            self.mark(&hours).await?;
            self.rebuild_hours(&self.dirty_of(&hours).await?).await?;
        }
        // Epochs that no longer count hold sketches of authors.
        self.clean().await
    }

    /// Rows that are about the accounts themselves; where others answered them, their name alone goes.
    async fn forget_accounts(&self, accounts: &[Account]) -> Result<(), StoreError> {
        let doing = "deleting what is stored of accounts";
        for (_, table, of) in OF_ACCOUNTS {
            let sql = format!("SELECT DISTINCT cityHash64({of}) FROM {table} WHERE {of} IN {ACCOUNTS}");
            let hashes: Vec<u64> = bind(self.read(&sql), accounts).fetch_all().await.doing(doing)?;
            let change = if table == "mentions" { "UPDATE parent_author = ''" } else { "DELETE" };
            for hashes in hashes.chunks(self.mutation_rows(IDS)) {
                let sql = format!("ALTER TABLE {table} {change} WHERE cityHash64({of}) IN {{hashes:Array(UInt64)}}");
                self.writer().query(&sql).param("hashes", hashes).execute().await.doing(doing)?;
            }
        }
        Ok(())
    }

    /// Parts that were rewritten and are on disk still: how many, and when the last of them goes. On a cluster those of the
    /// replica that answers, and when the last of them goes on any: to be asked when the rewriting ended, as all replicas
    /// were through by then.
    pub async fn old_parts(&self) -> Result<Option<(u64, Timestamp)>, StoreError> {
        let sql = "SELECT count(), toInt64(max(toUnixTimestamp(if(remove_time < now(), remove_time, now())))) * 1000,
                toInt64(toUnixTimestamp(now())) * 1000
            FROM system.parts WHERE database = currentDatabase() AND NOT active
            AND table IN ('mentions', 'engagement', 'engagement_by_hour', 'labels', 'rescored', 'accounts', 'surveys',
                'rollup_facets', 'rollup_members')";
        let (parts, removed_ms, now_ms): (u64, i64, i64) =
            self.read(sql).fetch_one().await.doing("looking for old parts")?;
        let others = self.cluster.is_some();
        let until = from_millis(if others { now_ms } else { removed_ms } + OLD_PARTS_LIFETIME_S * 1000);
        Ok((parts > 0 || others).then_some((parts, until)))
    }
}

/// Name of the place, table, and the account that a row is about.
const OF_ACCOUNTS: [(&str, &str, &str); 3] = [
    ("accounts", "accounts", "(toString(platform), '', lower(account))"),
    ("surveys", "surveys", "(toString(platform), '', lower(respondent))"),
    ("answers that named the account", "mentions", "(toString(platform), toString(instance), lower(parent_author))"),
];
