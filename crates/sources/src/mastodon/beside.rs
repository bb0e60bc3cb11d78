//! What the source does beside its rounds: it hears what is streamed, and counts followers.

use grapevine_model::{AccountSnapshot, Deletion, Event, MentionKey};
use jiff::SignedDuration;

use super::{
    position::{Position, digest},
    source::{Gathered, MastodonSource},
    status::{MapError, PLATFORM},
    streaming::{Said, said_on_socket},
};
use crate::{Rejected, SourceError, http::is_about_the_request, json::count};

/// How long one poll hears at most.
const HEAR: SignedDuration = SignedDuration::from_millis(500);
/// How often followers are counted.
const COUNT_EVERY: SignedDuration = SignedDuration::from_hours(6);

impl MastodonSource {
    /// Hears for a moment what is streamed, where streaming is wanted.
    pub(super) async fn hear(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let until = self.clock.now() + HEAR;
        self.client()?;
        let (Some(mut ear), Some(token)) = (self.ear.take(), self.token.clone()) else { return Ok(()) };
        // Its connection ends where the poll is dropped, which loses nothing: REST finds what was said.
        let said = ear.hear(&self.world, &token, until).await;
        for frame in said {
            match said_on_socket(&frame) {
                Ok(Said::Status(status)) => self.take(&status, position, into),
                Ok(Said::Deleted(id)) => {
                    id.parse().ok().and_then(|id: u64| position.known.remove(&id));
                    let key = MentionKey::new(PLATFORM, self.spec.host(), id);
                    into.events.push(Event::Delete(Deletion { key, observed_at: self.clock.now() }));
                }
                Ok(Said::Nothing) => {}
                Err(error @ MapError::Refused(_)) => ear.refused(&error),
                Err(error) => into.rejected.push(Rejected {
                    place: format!("streamed event {}", digest(&frame, 16)),
                    reason: error.to_string(),
                    raw: frame.into_bytes(),
                }),
            }
        }
        self.ear = Some(ear);
        Ok(())
    }

    /// Counts followers where that is due. An account that is not found does not stop the source.
    pub(super) async fn count(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let now = self.clock.now();
        let is_due = position.counted_at.is_none_or(|counted| now.duration_since(counted) >= COUNT_EVERY);
        if !is_due || self.spec.followers_of.is_empty() {
            return Ok(());
        }
        for account in self.spec.clone().followers_of.iter().cloned() {
            match self.get(&["accounts", "lookup"], &[("acct", account.clone())]).await {
                Ok(found) => {
                    self.uncounted.remove(&account);
                    let platform = PLATFORM.to_owned();
                    into.events.extend(count(&found, "followers_count").map(|followers| {
                        Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at: now, followers })
                    }));
                }
                Err(error) if is_about_the_request(&error) => {
                    self.uncounted.insert(account, error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        position.counted_at = Some(now);
        Ok(())
    }
}
