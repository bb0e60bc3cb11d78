use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use grapevine_model::{Event, Sampled, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Auth, ByteStream, Class, Cost, ErrorRule, OAuth, Opened, Quota, QuotaPolicy, Request, Response, Share, Transport,
    errors,
};
use crate::{Random, SourceError, World, registry::Clock};

/// How often one request is tried within one poll. Who polls tries again later, with longer waits.
const ATTEMPTS: u32 = 3;
/// The longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How long a poll waits for the quota by itself. What takes longer is for its caller to wait for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// What [`Client::get_json`] gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// 304: nothing changed since what the request's validators stand for.
    Unchanged,
    Json {
        value: Value,
        response: Response,
    },
}

/// Why one try came to nothing.
struct Failure {
    error: SourceError,
    /// The platform does not take the token: another one may help.
    is_token_refused: bool,
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self { error, is_token_refused: false }
    }
}

/// How the body of an answer is wanted.
#[derive(Clone, Copy)]
enum Body {
    Whole,
    Streamed,
}

impl Body {
    /// How often it is asked for where that may help.
    fn attempts(self) -> u32 {
        match self {
            Body::Whole => ATTEMPTS,
            Body::Streamed => 1,
        }
    }
}

/// Asks one platform: authorised, within its quota, more than once where that may help.
pub struct Client {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Random,
    auth: Auth,
    quota: Quota,
    rules: Vec<ErrorRule>,
}

impl Client {
    pub fn new(world: &World, auth: Auth, policy: QuotaPolicy) -> Self {
        let (transport, clock, random) = (world.transport.clone(), world.clock.clone(), world.random.clone());
        Self { transport, clock, random, auth, quota: Quota::new(policy), rules: Vec::new() }
    }

    /// With the platform's own way to say what went wrong.
    pub fn with_rules(self, rules: Vec<ErrorRule>) -> Self {
        Self { rules, ..self }
    }

    /// How much of what is there can be read, so that the policy's spend cap lasts; everything where it has none.
    pub fn share(&mut self) -> Share {
        self.quota.share(self.clock.now())
    }

    /// How many records can be read at once now.
    pub fn affordable(&self) -> u64 {
        self.quota.affordable()
    }

    /// So many records were read, of the share that [`Client::share`] gave last.
    pub fn spent(&mut self, records: u64) {
        self.quota.spent(self.clock.now(), records, None);
    }

    /// So many records were read, which were this share (0 to 1) of what was there: for who can not read just the share that
    /// was asked for.
    pub fn spent_of(&mut self, records: u64, rate: f64) {
        self.quota.spent(self.clock.now(), records, Some(rate));
    }

    /// A span of which a share was read, as the policy's spend cap bears it.
    pub fn sampled(&self, source: &str, (from, to): (Timestamp, Timestamp), rate: f64) -> Event {
        let reason = self.quota.spend_reason();
        Event::Sampled(Sampled { source: source.to_owned(), from, to, rate: rate as f32, reason })
    }

    /// What is worth keeping over a restart, for [`Client::resume`].
    pub fn allowance(&self) -> Option<Value> {
        self.quota.allowance()
    }

    /// Goes on counting from what was kept. What is not of this policy is left out.
    pub fn resume(&mut self, saved: &Value) {
        self.quota.resume(saved);
    }

    pub fn usage(&self) -> Usage {
        self.quota.usage(self.clock.now())
    }

    /// What a person should know of the token that it uses.
    pub fn notice(&self) -> Option<String> {
        self.auth.oauth().and_then(OAuth::notice)
    }

    /// The answer, which is a 2xx or a 304.
    pub async fn send(&mut self, request: &Request, cost: &Cost) -> Result<Response, SourceError> {
        self.persist(request, cost, Body::Whole, |_| Ok(())).await.map(|((), opened)| opened.response)
    }

    /// The answer as JSON. HTML or broken JSON is an error like a 5xx.
    pub async fn get_json(&mut self, request: &Request, cost: &Cost) -> Result<Fetched, SourceError> {
        let read = |response: &Response| match response.is_unchanged() {
            true => Ok(None),
            false => response.json().map(Some),
        };
        Ok(match self.persist(request, cost, Body::Whole, read).await? {
            (None, _) => Fetched::Unchanged,
            (Some(value), opened) => Fetched::Json { value, response: opened.response },
        })
    }

    /// The body of the answer, a 2xx, as it comes; it may have no end. HTML is an error like a 5xx. It is tried once: who
    /// holds a connection knows how long the platform wants it to wait before the next.
    pub async fn open(&mut self, request: &Request, cost: &Cost) -> Result<ByteStream, SourceError> {
        let read = |response: &Response| match response.is_html() {
            true => Err("answered HTML where a stream is expected".to_owned()),
            false => Ok(()),
        };
        self.persist(request, cost, Body::Streamed, read).await.map(|((), opened)| opened.body)
    }

    /// What `read` makes of the answer; what it cannot read may be other the next time.
    async fn persist<T>(
        &mut self,
        request: &Request,
        cost: &Cost,
        body: Body,
        read: impl Fn(&Response) -> Result<T, String>,
    ) -> Result<(T, Opened), SourceError> {
        let (mut attempt, mut is_renewed) = (1, false);
        loop {
            self.wait_for_quota(request, cost).await?;
            let error = match self.attempt(request, cost, body, &read).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_token_refused && !is_renewed => {
                    is_renewed = true;
                    continue;
                }
                Err(Failure { error, .. }) if attempt >= body.attempts() || !error.is_transient() => return Err(error),
                Err(Failure { error, .. }) => error,
            };
            // A limited one waits for the quota, which has heard until when.
            if let SourceError::Transient(message) = &error {
                tracing::debug!("{message}; trying again");
                self.clock.sleep(self.wait_before(attempt)).await;
            }
            attempt += 1;
        }
    }

    /// Full jitter, so that those who failed together come back apart; but never at once.
    fn wait_before(&self, attempt: u32) -> Duration {
        FIRST_WAIT
            .saturating_mul(2_u32.saturating_pow(attempt - 1))
            .mul_f64(0.1 + 0.9 * (self.random)().clamp(0.0, 1.0))
    }

    async fn wait_for_quota(&mut self, request: &Request, cost: &Cost) -> Result<(), SourceError> {
        let began = self.clock.now();
        loop {
            let now = self.clock.now();
            let Err(until) = self.quota.take(now, cost) else { return Ok(()) };
            if until.duration_since(began) > PATIENCE {
                return Err(limited(request, until));
            }
            self.clock.sleep(Duration::try_from(until.duration_since(now)).unwrap_or_default()).await;
        }
    }

    async fn attempt<T>(
        &mut self,
        request: &Request,
        cost: &Cost,
        body: Body,
        read: impl Fn(&Response) -> Result<T, String>,
    ) -> Result<(T, Opened), Failure> {
        let request = &self.authorised(request).await?;
        let opened = self.exchange(request.clone(), body).await?;
        let response = &opened.response;
        let class = errors::classify(response, &self.rules);
        if let Some(until) = self.quota.heard(cost, response, class) {
            return Err(limited(request, until).into());
        }
        if class != Class::Fine {
            let error = errors::error(class, request, response);
            // 403 is about what the token may do, and another one may do no more.
            let is_token_refused = class == Class::Auth && response.status != 403 && self.has_dropped_token(request);
            return Err(Failure { error, is_token_refused });
        }
        match read(response) {
            Ok(value) => Ok((value, opened)),
            Err(problem) => Err(SourceError::Transient(format!("{} {problem}", request.place())).into()),
        }
    }

    /// With a token that is good, where it takes one.
    async fn authorised(&self, request: &Request) -> Result<Request, SourceError> {
        if let Some(oauth) = self.auth.oauth() {
            oauth.ready(&*self.transport, &*self.clock).await?;
        }
        self.auth.apply(request)
    }

    async fn exchange(&self, request: Request, body: Body) -> Result<Opened, SourceError> {
        match body {
            Body::Streamed => self.transport.open(request).await,
            Body::Whole => {
                let response = self.transport.send(request).await?;
                Ok(Opened { response, body: stream::empty().boxed() })
            }
        }
    }

    /// Whether the token of the request can be replaced by another one. It is not used again.
    fn has_dropped_token(&self, request: &Request) -> bool {
        let Some(oauth) = self.auth.oauth() else { return false };
        request.secrets.iter().for_each(|secret| oauth.refused(secret));
        true
    }
}

fn limited(request: &Request, until: Timestamp) -> SourceError {
    SourceError::RateLimited { until, message: format!("{}: the quota is spent", request.place()) }
}
