//! Keeps the questions of pages up, over restarts too: what was asked in the last week has its answer before a page asks again, and
//! what was asked of one brand has it for the others too, before their page is opened.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use grapevine_store::{ASKED_WITHIN, Asked, MetricQuery, Store, StoreError};
use jiff::Timestamp;
use tokio::time::sleep;

use crate::{
    ApiState,
    forget::{ForgetRequest, ForgetState},
};

/// Between two looks for what is to be written down, or who is to be forgotten.
const LOOK: Duration = Duration::from_secs(60);

/// Where it is written down what pages ask: the store, or a fake in tests.
#[async_trait]
pub trait AskedBefore: Send + Sync {
    async fn remember(&self, asked: &[Asked]) -> Result<(), StoreError>;

    /// What was asked since then, the last first.
    async fn since(&self, time: Timestamp) -> Result<Vec<Asked>, StoreError>;
}

#[async_trait]
impl AskedBefore for Store {
    async fn remember(&self, asked: &[Asked]) -> Result<(), StoreError> {
        self.remember_asked(asked).await
    }

    async fn since(&self, time: Timestamp) -> Result<Vec<Asked>, StoreError> {
        self.asked_since(time).await
    }
}

impl ApiState {
    /// Keeps up the answers that pages asked for; to be run beside [`crate::app`]. Never ends.
    pub async fn keep_up(self) {
        let clock = self.clock.clone();
        tokio::join!(self.standing.keep_up(move || clock()), self.remember(), self.watch_requests());
    }

    /// Another process may have taken a deletion request, or carried it out.
    async fn watch_requests(&self) {
        loop {
            match self.forgetting.requests().await {
                Ok(requests) => self.drop_answers_after(&requests),
                Err(error) => tracing::warn!(%error, "deletion requests could not be read; it is tried again"),
            }
            sleep(LOOK).await;
        }
    }

    async fn remember(&self) {
        while let Err(error) = self.recall().await {
            tracing::warn!(%error, "what pages asked before could not be read; it is tried again");
            sleep(LOOK).await;
        }
        loop {
            sleep(LOOK).await;
            let asked = self.standing.to_remember();
            if asked.is_empty() {
                continue;
            }
            match self.asked_before.remember(&asked).await {
                Ok(()) => self.standing.remembered(&asked),
                Err(error) => tracing::warn!(%error, "what pages ask could not be written down; it is tried again"),
            }
        }
    }

    /// Of brands that are still there, and compared with the same others.
    async fn recall(&self) -> Result<(), StoreError> {
        let mut asked = self.asked_before.since((self.clock)() - ASKED_WITHIN).await?;
        let brands: BTreeSet<&String> = self.brands.iter().map(|brand| &brand.name).collect();
        let is_asked_now = |asked: &Asked| {
            brands.contains(&asked.query.brand) && asked.query.among.iter().collect::<BTreeSet<_>>() == brands
        };
        asked.retain(is_asked_now);
        asked.iter().for_each(|asked| self.expect_of_others(&asked.query, asked.at));
        self.standing.restore(asked);
        Ok(())
    }

    /// What is asked of one brand may be asked of another one next. Hashtags and campaigns are a brand's own.
    pub(crate) fn expect_of_others(&self, query: &MetricQuery, at: Timestamp) {
        if query.hashtag.is_none() && query.campaign.is_none() {
            let others = self.brands.iter().filter(|brand| brand.name != query.brand);
            self.standing.expect(others.map(|brand| MetricQuery { brand: brand.name.clone(), ..query.clone() }), at);
        }
    }

    /// Answers may name whom one more request keeps out or has removed.
    pub(crate) fn drop_answers_after(&self, requests: &[ForgetRequest]) {
        let done = requests.iter().filter(|request| request.state == ForgetState::Done).count();
        let steps = requests.len() + done;
        if self.forgotten.swap(steps, Ordering::Relaxed) != steps {
            self.standing.drop_answers();
        }
    }
}
