//! A deletion request, from what is named to the proof: the same for the command and for the API.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use grapevine_log::{Log, Offsets};
use grapevine_model::{
    MentionId,
    forgotten::{Forgotten, ForgottenRecord, Remains, Request, Run, Salt, Subject, Suppressed, Suppressions},
    topics,
};
use grapevine_store::{BrandHour, Store};
use jiff::Timestamp;

use super::{
    log::{InLog, Pass},
    targets::Targets,
};
use crate::{
    config::Config,
    stages::{crash, forgotten, score, sink},
};

/// Between two looks at the commits.
const LOOK: Duration = Duration::from_millis(250);
/// A source appends a page at once after it asked what is kept out.
const GRACE: Duration = Duration::from_secs(2);

/// Who asks, and why.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub by: String,
    pub reason: String,
}

/// A request on its way.
pub struct Forget {
    pub config: Arc<Config>,
    pub log: Arc<dyn Log>,
    pub store: Store,
    pub targets: Targets,
    /// For how long it waits until the stages have passed what they had read before.
    pub wait: Duration,
}

impl Forget {
    /// What there is, without a change.
    pub async fn count(&self, asked: &Asked) -> anyhow::Result<(Request, Run)> {
        let table = forgotten::table(&*self.log).await?;
        let mut draft = self.draft(asked, &table);
        let mentions = self.store.to_forget(&self.targets.accounts, &self.targets.mentions).await?;
        draft.name(mentions.iter().copied().map(Subject::Mention));
        let mut found = self.store.count_to_forget(&self.targets.accounts, &mentions).await?;
        found.extend(self.in_log(&draft.suppressions(), true).await?.found);
        let run = Run { found, ..draft.run.clone() };
        Ok((draft.request, run))
    }

    /// The request, new or as it was interrupted; nothing is written.
    pub async fn open(&self, asked: &Asked) -> anyhow::Result<Draft> {
        let table = forgotten::table(&*self.log).await?;
        let mut draft = self.draft(asked, &table);
        draft.name(self.targets.subjects());
        Ok(draft)
    }

    /// Keeps out what is named. The rest is to be carried out.
    pub async fn keep_out(&self, draft: &mut Draft) -> anyhow::Result<()> {
        draft.save(&*self.log).await?;
        crash::at("forget-suppressed");
        Ok(())
    }

    /// Takes it out of the store and the log.
    pub async fn carry_out(&self, mut draft: Draft) -> anyhow::Result<(Request, Run)> {
        let settled = self.settle().await?;
        self.delete(&mut draft).await?;
        self.store.mend_hours(&hours(&draft.run.hours)).await?;
        draft.run.hours.clear();
        draft.save(&*self.log).await?;
        crash::at("forget-mended");
        let InLog { found, remains } = self.in_log(&draft.suppressions(), false).await?;
        self.log.purge().await.context("clearing the log's file; repeat the request to go on")?;
        crash::at("forget-rewritten");
        draft.run.found.extend(found);
        draft.run.remains = remains;
        draft.run.remains.extend(self.old_parts().await?);
        draft.run.remains.extend((!settled).then(unsettled));
        draft.run.ended_at = settled.then(Timestamp::now);
        draft.save(&*self.log).await?;
        Ok((draft.request, draft.run))
    }

    /// Of one that is repeated: its own request, with the hours that are still to be mended.
    fn draft(&self, asked: &Asked, table: &Forgotten) -> Draft {
        let salt = table.salt().cloned().unwrap_or_else(|| Salt::of(rand::random()));
        let hashes: BTreeSet<String> = self.targets.subjects().map(|subject| subject.hash(&salt).to_string()).collect();
        let now = Timestamp::now();
        let request = table.request_of(&hashes).cloned().unwrap_or_else(|| Request {
            id: format!("{:08x}", rand::random::<u32>()),
            at: now,
            by: asked.by.clone(),
            reason: asked.reason.clone(),
            subjects: hashes.len() as u64,
            digest: Request::digest(&hashes),
            runs: Vec::new(),
        });
        let hours = request.runs.iter().flat_map(|run| run.hours.clone()).collect::<BTreeSet<_>>();
        let run = Run {
            began_at: now,
            found: BTreeMap::new(),
            hours: hours.into_iter().collect(),
            remains: Vec::new(),
            ended_at: None,
        };
        let before = request.runs.len();
        Draft { salt, known: table.clone(), new: Vec::new(), request, run, before }
    }

    async fn delete(&self, draft: &mut Draft) -> anyhow::Result<()> {
        let accounts = &self.targets.accounts;
        // Another request may have been carried out since this one was opened.
        draft.known = forgotten::table(&*self.log).await?;
        let mentions: BTreeSet<MentionId> = self.store.to_forget(accounts, &self.targets.mentions).await?;
        draft.name(mentions.iter().copied().map(Subject::Mention));
        draft.run.found = self.store.count_to_forget(accounts, &mentions).await?;
        let mut all = hours(&draft.run.hours);
        let of_now = self.store.hours_of_mentions(&mentions).await?;
        all.extend(of_now.iter().cloned());
        draft.run.hours = all.into_iter().map(|at| (at.brand, at.hour)).collect();
        draft.save(&*self.log).await?;
        crash::at("forget-counted");
        self.store.forget(accounts, &mentions, &of_now).await?;
        crash::at("forget-deleted");
        Ok(())
    }

    async fn in_log(&self, suppressions: &Suppressions, dry_run: bool) -> anyhow::Result<InLog> {
        let (log, config, names) = (&*self.log, &*self.config, &self.targets.names());
        Pass { log, config, suppressions, names, dry_run }.run().await
    }

    async fn old_parts(&self) -> anyhow::Result<Option<Remains>> {
        let why =
            "parts of the store's tables that were rewritten; no question reads them, and they are removed by then";
        Ok(self.store.old_parts().await?.map(|(parts, until)| Remains {
            place: "old parts on the store's disk".into(),
            records: Some(parts),
            until: Some(until),
            why: why.into(),
        }))
    }

    /// Waits until the stages have finished all that they may have taken up before it was kept out. Whether they have.
    async fn settle(&self) -> anyhow::Result<bool> {
        if self.wait.is_zero() {
            return Ok(true);
        }
        let until = Instant::now() + self.wait;
        tokio::time::sleep(GRACE).await;
        let scored = self.passed(topics::RAW, score::GROUP, until).await?;
        Ok(scored && self.passed(topics::SCORED, sink::GROUP, until).await?)
    }

    async fn passed(&self, topic: &str, group: &str, until: Instant) -> anyhow::Result<bool> {
        let doing = || format!("waiting for the group {group}");
        let bounds = self.log.bounds(topic).await.with_context(doing)?;
        let ends: Offsets =
            bounds.iter().filter(|(_, (oldest, next))| oldest < next).map(|(p, (_, n))| (*p, *n)).collect();
        loop {
            let commits = self.log.committed(topic, group).await.with_context(doing)?;
            if ends.iter().all(|(partition, end)| commits.get(partition).is_some_and(|next| next >= end)) {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn hours(pairs: &[(String, u32)]) -> BTreeSet<BrandHour> {
    pairs.iter().map(|(brand, hour)| BrandHour { brand: brand.clone(), hour: *hour }).collect()
}

fn unsettled() -> Remains {
    let why = "the stages have not passed yet what they may have read before; repeat the request once they have, as `grapevine \
               status` shows";
    Remains { place: "what is on its way through the stages".into(), records: None, until: None, why: why.into() }
}

/// The request as it is being carried out.
pub struct Draft {
    salt: Salt,
    known: Forgotten,
    /// Subjects that the log lacks.
    new: Vec<Suppressed>,
    pub request: Request,
    run: Run,
    /// Runs before this one.
    before: usize,
}

impl Draft {
    fn name(&mut self, subjects: impl Iterator<Item = Subject>) {
        for subject in subjects {
            let hash = subject.hash(&self.salt).to_string();
            if !self.known.subjects.contains_key(&hash) {
                let suppressed =
                    Suppressed { hash: hash.clone(), salt: self.salt.clone(), request: self.request.id.clone() };
                self.known.subjects.insert(hash, suppressed.clone());
                self.new.push(suppressed);
            }
        }
    }

    fn suppressions(&self) -> Suppressions {
        self.known.suppressions()
    }

    /// The subjects come first: a request without them would keep nothing out.
    async fn save(&mut self, log: &dyn Log) -> anyhow::Result<()> {
        self.request.runs.truncate(self.before);
        // What an earlier run left to be mended is this run's now.
        self.request.runs.iter_mut().for_each(|run| run.hours.clear());
        self.request.runs.push(self.run.clone());
        let subjects = std::mem::take(&mut self.new).into_iter().map(ForgottenRecord::Subject);
        let records: Vec<ForgottenRecord> = subjects.chain([ForgottenRecord::Request(self.request.clone())]).collect();
        forgotten::append(log, &records).await
    }
}
