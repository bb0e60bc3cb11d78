use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

use super::{
    access,
    map::{MapError, Mapped, map},
    settings::XSpec,
};
use crate::{
    SourceError, World,
    http::{
        Auth, ByteStream, Client, Cost, HeaderLimits, Limit, QuotaPolicy, Request, ResetFormat, Response, Share, Window,
    },
};

/// What is wanted of each post, its author, its media and the posts that it refers to.
const FIELDS: [(&str, &str); 5] = [
    (
        "tweet.fields",
        "article,attachments,author_id,community_id,conversation_id,created_at,edit_history_tweet_ids,entities,\
         in_reply_to_user_id,lang,note_tweet,public_metrics,referenced_tweets",
    ),
    (
        "expansions",
        "author_id,attachments.media_keys,attachments.poll_ids,referenced_tweets.id,\
         referenced_tweets.id.attachments.media_keys",
    ),
    ("user.fields", "name,public_metrics,username"),
    ("media.fields", "media_key,preview_image_url,type,url,variants"),
    ("poll.fields", "options"),
];

/// Asks the API, in the name of the app.
pub(super) struct Caller {
    spec: Arc<XSpec>,
    world: World,
    client: Option<Client>,
    /// Of an earlier life; for a client that is not there yet.
    saved: Option<Value>,
}

/// What an app may do. X says in its headers what is left.
pub(super) fn policy(spec: &XSpec) -> QuotaPolicy {
    let limit = |only: &str, amount| Limit {
        amount,
        window: Window::Rolling(SignedDuration::from_mins(15)),
        only: Some(only.to_owned()),
    };
    QuotaPolicy {
        limits: vec![
            limit("search", 450),
            limit("posts", 450),
            limit("users", 300),
            limit("rules", 100),
            limit("stream", 50),
        ],
        headers: Some(HeaderLimits {
            remaining: "x-rate-limit-remaining".to_owned(),
            reset: "x-rate-limit-reset".to_owned(),
            format: ResetFormat::Unix,
            bucket: None,
        }),
        limited: vec![420, 429],
        spend: spec.spend.clone(),
        ..QuotaPolicy::default()
    }
}

impl Caller {
    pub(super) fn new(spec: Arc<XSpec>, world: &World) -> Self {
        Self { spec, world: world.clone(), client: None, saved: None }
    }

    /// The secret is read when it is needed first.
    pub(super) fn client(&mut self) -> Result<&mut Client, SourceError> {
        if self.client.is_none() {
            let auth = Auth::Bearer(self.spec.token.read(&self.world)?);
            let mut client = Client::new(&self.world, auth, policy(&self.spec)).with_rules(access::rules());
            if let Some(saved) = self.saved.take() {
                client.resume(&saved);
            }
            self.client = Some(client);
        }
        self.client.as_mut().ok_or_else(|| SourceError::Config("there is no client".to_owned()))
    }

    /// The source's.
    pub(super) fn name(&self) -> String {
        self.spec.name.clone()
    }

    pub(super) fn known(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    pub(super) fn resume(&mut self, saved: &Value) {
        match &mut self.client {
            Some(client) => client.resume(saved),
            None => self.saved = Some(saved.clone()),
        }
    }

    /// How much of what is there may be read; an error where that is nothing.
    pub(super) fn share(&mut self) -> Result<Share, SourceError> {
        match self.client()?.share() {
            Share::Nothing { until } => {
                let message = "the month's budget for posts is spent as far as it reaches now".to_owned();
                Err(SourceError::RateLimited { until, message })
            }
            share => Ok(share),
        }
    }

    pub(super) fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.spec.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("2").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(super) async fn send(&mut self, request: &Request, bucket: &str) -> Result<Response, SourceError> {
        let response = self.client()?.send(request, &Cost::of(bucket)).await.map_err(access::explained)?;
        if response.is_unchanged() || response.is_html() {
            let what = if response.is_html() { "HTML where JSON is expected" } else { "an unasked 304" };
            return Err(SourceError::Transient(format!("{} answered {what}", request.place())));
        }
        Ok(response)
    }

    pub(super) async fn json(&mut self, request: &Request, bucket: &str) -> Result<Value, SourceError> {
        let response = self.send(request, bucket).await?;
        response.json().map_err(|problem| SourceError::Transient(format!("{} {problem}", request.place())))
    }

    /// Posts, by whatever path. What they cost is counted.
    pub(super) async fn posts(
        &mut self,
        path: &[&str],
        query: Vec<(&str, String)>,
        bucket: &str,
    ) -> Result<(Mapped, Vec<u8>), SourceError> {
        let fields = FIELDS.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let request = Request::get(self.url(path, &query.into_iter().chain(fields).collect::<Vec<_>>()));
        let response = self.send(&request, bucket).await?;
        let mapped = map(&response.body, response.at).map_err(|error| broken(&request, &error))?;
        self.client()?.spent(mapped.records);
        Ok((mapped, response.body))
    }

    /// The stream itself.
    pub(super) async fn open(&mut self) -> Result<ByteStream, SourceError> {
        let fields = FIELDS.map(|(name, value)| (name, value.to_owned()));
        let request = Request::get(self.url(&["tweets", "search", "stream"], &fields));
        self.client()?.open(&request, &Cost::of("stream")).await.map_err(access::explained)
    }
}

fn broken(request: &Request, error: &MapError) -> SourceError {
    SourceError::Transient(format!("{} answered something else: {error}", request.place()))
}
