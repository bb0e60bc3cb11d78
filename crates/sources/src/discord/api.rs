//! Discord's REST interface.

use grapevine_model::Usage;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use url::Url;

use super::DiscordSpec;
use crate::{
    SourceError, World,
    bot::Bot,
    http::{Auth, Client, Cost, HeaderLimits, Limit, QuotaPolicy, Request, ResetFormat, Secret, Window},
    json::{count, int, text},
};

/// The most that one page of messages has.
pub(super) const PER_PAGE: usize = 100;
/// Flags of an application whose bot may read what messages say: approved, or in few servers.
const READS_CONTENT: i64 = (1 << 18) | (1 << 19);

pub(super) struct Api {
    bot: Bot,
    base_url: Url,
}

impl Api {
    pub(super) fn new(spec: &DiscordSpec, world: &World) -> Self {
        Self { bot: Bot::new(world, spec.token.clone(), client), base_url: spec.base_url.clone() }
    }

    pub(super) fn token(&self) -> Result<Secret, SourceError> {
        self.bot.secret()
    }

    pub(super) async fn get(&mut self, path: &[&str], query: &[(&str, String)]) -> Result<Value, SourceError> {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // Buckets are per route and channel or server: the last id of a path is none of them.
        let bucket = path[..path.len().min(3)].join("/");
        self.bot.ask(&Request::get(url), &Cost::of(bucket)).await
    }

    /// Where the gateway is; waits where no more sessions may be begun today.
    pub(super) async fn gateway(&mut self, now: Timestamp) -> Result<String, SourceError> {
        let answer = self.get(&["gateway", "bot"], &[]).await?;
        if count(&answer, "session_start_limit.remaining") == Some(0) {
            let millis = int(&answer, "session_start_limit.reset_after").unwrap_or(60_000).clamp(1000, 86_400_000);
            let until = now + SignedDuration::from_millis(millis);
            let message = "the bot began as many sessions as a day allows: look for what makes it connect so often".to_owned();
            return Err(SourceError::RateLimited { until, message });
        }
        let url = text(&answer, "url").map(str::to_owned);
        url.ok_or_else(|| SourceError::Transient("the answer names no gateway".to_owned()))
    }

    /// Whether the bot may read what messages say.
    pub(super) async fn may_read_content(&mut self) -> Result<bool, SourceError> {
        let application = self.get(&["applications", "@me"], &[]).await?;
        Ok(int(&application, "flags").is_none_or(|flags| flags & READS_CONTENT != 0))
    }

    pub(super) fn allowance(&self) -> Option<Value> {
        self.bot.allowance()
    }

    pub(super) fn resume(&mut self, saved: &Value) {
        self.bot.resume(saved);
    }

    pub(super) fn usage(&self) -> Usage {
        self.bot.usage()
    }
}

fn client(world: &World, token: Secret) -> Client {
    let auth = Auth::Header { name: AUTHORIZATION, prefix: "Bot ".to_owned(), value: token };
    Client::new(world, auth, policy())
}

/// 50 a second for all; what each bucket allows is said in headers.
pub(super) fn policy() -> QuotaPolicy {
    let a_second = Window::Rolling(SignedDuration::from_secs(1));
    QuotaPolicy {
        limits: vec![Limit { amount: 50, window: a_second, only: None }],
        headers: Some(HeaderLimits {
            remaining: "x-ratelimit-remaining".to_owned(),
            reset: "x-ratelimit-reset-after".to_owned(),
            format: ResetFormat::Fractional,
            bucket: Some("x-ratelimit-bucket".to_owned()),
        }),
        body_wait: Some("retry_after".to_owned()),
        ..QuotaPolicy::default()
    }
}
