//! Slack's Web API: one method, its answer, and what its refusals mean.

use grapevine_model::Usage;
use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

use super::SlackSpec;
use crate::{
    SourceError, World,
    bot::Bot,
    http::{Auth, Client, Cost, Limit, QuotaPolicy, Request, Window},
    json::{flag, text},
};

/// The methods that are asked, with how often a minute Slack allows them; the two of messages by the settings.
const TIERS: [(&str, u64); 3] = [("conversations.list", 20), ("users.info", 100), ("auth.test", 100)];
const OF_MESSAGES: [&str; 2] = ["conversations.history", "conversations.replies"];

pub(super) struct Api {
    bot: Bot,
    base_url: Url,
}

impl Api {
    pub(super) fn new(spec: &SlackSpec, world: &World) -> Self {
        let per_minute = spec.requests_per_minute;
        let make = move |world: &World, token| Client::new(world, Auth::Bearer(token), policy(per_minute));
        Self { bot: Bot::new(world, spec.token.clone(), make), base_url: spec.base_url.clone() }
    }

    /// The answer of one method, which is a success.
    pub(super) async fn ask(&mut self, method: &str, query: &[(&str, String)]) -> Result<Value, SourceError> {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(method);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let answer = self.bot.ask(&Request::get(url), &Cost::of(method)).await?;
        if flag(&answer, "ok") { Ok(answer) } else { Err(refusal(method, &answer)) }
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

pub(super) fn policy(per_minute: u64) -> QuotaPolicy {
    let limit = |(method, amount): (&str, u64)| Limit {
        amount,
        window: Window::Rolling(SignedDuration::from_mins(1)),
        only: Some(method.to_owned()),
    };
    let of_messages = OF_MESSAGES.into_iter().map(|method| (method, per_minute));
    QuotaPolicy { limits: TIERS.into_iter().chain(of_messages).map(limit).collect(), ..QuotaPolicy::default() }
}

/// Slack refuses with a 200 and a word.
fn refusal(method: &str, answer: &Value) -> SourceError {
    let word = text(answer, "error").unwrap_or("no reason given");
    let said = format!("{method} answered {word:?}");
    match word {
        "missing_scope" => SourceError::Auth(format!(
            "{said}: the app lacks the scope {}; add it under OAuth & Permissions and install the app again",
            text(answer, "needed").unwrap_or("that the method needs")
        )),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" | "no_permission"
        | "org_login_required" | "ekm_access_denied" | "access_denied" | "not_allowed_token_type" => {
            SourceError::Auth(format!("{said}: install the app in the workspace again, and set its bot token (xoxb-…)"))
        }
        "not_in_channel" => SourceError::Auth(format!("{said}: invite the app there with /invite")),
        "channel_not_found" | "thread_not_found" | "message_not_found" | "is_archived" | "user_not_found" => {
            SourceError::Gone(said)
        }
        "ratelimited" | "rate_limited" | "internal_error" | "fatal_error" | "service_unavailable"
        | "request_timeout" | "team_added_to_org" | "no reason given" => SourceError::Transient(said),
        _ => SourceError::Config(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_says_what_to_do() {
        let error = refusal("conversations.history", &json!({"ok": false, "error": "missing_scope", "needed": "channels:history"}));
        assert_eq!(
            error.to_string(),
            "not allowed: conversations.history answered \"missing_scope\": the app lacks the scope channels:history; \
             add it under OAuth & Permissions and install the app again"
        );
        let class = |word: &str| refusal("m", &json!({"ok": false, "error": word}));
        assert!(matches!(class("token_revoked"), SourceError::Auth(_)));
        assert!(matches!(class("channel_not_found"), SourceError::Gone(_)));
        assert!(class("internal_error").is_transient());
        assert!(matches!(class("invalid_limit"), SourceError::Config(_)));
        assert!(refusal("m", &json!({})).is_transient());
    }
}
