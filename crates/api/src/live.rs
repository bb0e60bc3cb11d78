//! The live feed: mentions as they are scored, by Server-Sent Events.
//!
//! | event | data |
//! |---|---|
//! | `mention` | a [`LiveMention`] |
//! | `label` | a [`LiveLabel`]: a person labelled a mention, or took a label back |
//! | `lagged` | `{"missed": n}`: this reader was too slow, and n mentions (of any brand) passed it by |
//!
//! A comment keeps the connection alive when nothing happens.

use std::{borrow::Cow, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt};
use grapevine_model::{Label, Mention, ThemeScore};
use grapevine_store::MentionRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState,
    error::{ApiError, ErrorCode},
    labels::{LiveLabel, standing},
    params::Params,
};

const HEARTBEAT: Duration = Duration::from_secs(15);

/// A mention as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LiveMention {
    /// 32 hexadecimal digits.
    pub id: String,
    pub brands: Vec<String>,
    pub platform: String,
    #[schema(example = "reply")]
    pub kind: String,
    pub space: Option<String>,
    pub url: Option<String>,
    pub author: String,
    pub author_name: Option<String>,
    pub followers: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub text: String,
    pub language: Option<String>,
    /// Absent where no model covers its language.
    #[schema(example = "negative")]
    pub polarity: Option<String>,
    /// Calibrated probability that the polarity is right, 0 to 1.
    pub confidence: Option<f32>,
    #[schema(example = "question")]
    pub intent: Option<String>,
    /// Probability that it attacks people, 0 to 1; absent where the model does not tell.
    pub hostility: Option<f32>,
    /// Probability that it means the opposite of what it says, 0 to 1; absent where the model does not tell. The polarity does not
    /// follow it.
    pub irony: Option<f32>,
    /// Subjects that it is about, the most probable first.
    pub themes: Vec<String>,
    /// The first mention that says nearly the same, 32 hexadecimal digits; absent where stories were not told apart.
    pub story: Option<String>,
    /// The author speaks for one of the brands.
    pub team: bool,
    /// What people said of it; polarity, intent and themes say so already.
    pub labels: Vec<LiveLabel>,
}

/// What the feed carries.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    Mention(Box<LiveMention>),
    Label(LiveLabel),
}

impl From<LiveMention> for LiveEvent {
    fn from(mention: LiveMention) -> Self {
        LiveEvent::Mention(Box::new(mention))
    }
}

impl LiveMention {
    /// With the labels of people that stand on it.
    pub fn with_labels<'a>(self, labels: impl Iterator<Item = &'a Label>) -> Self {
        Self { labels: labels.map(LiveLabel::from).collect(), ..self }
    }

    /// As readers of a brand see it, who are told what people said of it; `None` where they said that it is not about the
    /// brand. Without a brand as those of its first.
    fn seen_for(mut self, brand: Option<&str>) -> Option<Self> {
        let first = self.brands.first().cloned().unwrap_or_default();
        let seen = brand.unwrap_or(&first);
        let mut labels = std::mem::take(&mut self.labels);
        labels.retain(|label| label.brand == seen);
        for label in &mut labels {
            let Some(value) = label.value.clone() else { continue };
            match &*label.field {
                "polarity" => label.model = self.polarity.replace(value),
                "intent" => label.model = self.intent.replace(value),
                "theme" => {
                    let themes = value.split(", ").filter(|theme| !theme.is_empty()).map(str::to_owned).collect();
                    label.model = Some(std::mem::replace(&mut self.themes, themes).join(", "));
                }
                _ if value == "no" && brand.is_some() => return None,
                _ => {}
            }
        }
        Some(Self { labels, ..self })
    }
}

impl From<&Mention> for LiveMention {
    fn from(mention: &Mention) -> Self {
        let author = &mention.author;
        let handle = if author.handle.is_empty() { &author.native_id } else { &author.handle };
        let scores = mention.scores.as_ref();
        Self {
            id: mention.id().to_string(),
            brands: mention.brands.iter().map(|matched| matched.brand.clone()).collect(),
            platform: mention.key.platform.clone(),
            kind: mention.kind.name().to_owned(),
            space: mention.space.clone(),
            url: mention.url.clone(),
            author: handle.clone(),
            author_name: author.name.clone(),
            followers: author.followers,
            created_at: mention.created_at,
            text: mention.text.clone(),
            language: mention.spoken_language().map(Cow::into_owned),
            polarity: scores.map(|scores| scores.polarity.name().to_owned()),
            confidence: scores.map(|scores| scores.confidence),
            intent: scores.map(|scores| scores.intent.name().to_owned()),
            hostility: scores.and_then(|scores| scores.hostility),
            irony: scores.and_then(|scores| scores.irony),
            themes: scores.map(|scores| names(&scores.themes)).unwrap_or_default(),
            story: mention.story.map(|story| story.to_string()),
            team: mention.brands.iter().any(|matched| matched.team),
            labels: Vec::new(),
        }
    }
}

impl From<MentionRow> for LiveMention {
    fn from(row: MentionRow) -> Self {
        let labels = standing(&row);
        let known = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: row.id.to_string(),
            brands: vec![row.brand],
            platform: row.platform,
            kind: row.kind,
            space: known(row.space),
            url: known(row.url),
            author: known(row.author_handle).unwrap_or(row.author),
            author_name: known(row.author_name),
            followers: row.author_followers,
            created_at: row.created_at,
            text: row.text,
            language: known(row.language),
            polarity: row.polarity.map(str::to_owned),
            confidence: row.confidence,
            intent: row.intent,
            hostility: row.hostility,
            irony: row.irony,
            themes: names(&row.themes),
            story: row.story.map(|story| story.to_string()),
            team: row.team,
            labels,
        }
    }
}

fn names(themes: &[ThemeScore]) -> Vec<String> {
    themes.iter().map(|theme| theme.theme.clone()).collect()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveParams {
    /// Only this brand's mentions; all brands' by default.
    brand: Option<String>,
}

/// Follows mentions as they are scored. The connection stays open.
#[utoipa::path(get, path = "/api/v1/live", tag = "mentions", params(LiveParams),
    responses((status = 200, description = "events `mention` (LiveMention), `label` (LiveLabel) and `lagged` ({missed})",
        content_type = "text/event-stream", body = String), (status = "default", body = ApiError)))]
pub(crate) async fn live(
    State(state): State<ApiState>,
    Params(params): Params<LiveParams>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    if let Some(brand) = &params.brand {
        state.check_brand(brand)?;
    }
    let seat = Arc::clone(&state.live_seats).try_acquire_owned().map_err(|_| {
        ApiError::new(ErrorCode::TooManyReaders, "as many readers follow the live feed as this server allows")
    })?;
    let stopping = state.settings.stopping.clone();
    let events = BroadcastStream::new(state.live.subscribe())
        .filter_map(move |received| {
            let _held = &seat;
            std::future::ready(event(received, params.brand.as_deref()).map(Ok))
        })
        .take_until(stopping.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here")))
}

fn event(received: Result<LiveEvent, BroadcastStreamRecvError>, brand: Option<&str>) -> Option<Event> {
    match received {
        Ok(LiveEvent::Mention(mention))
            if brand.is_none_or(|brand| mention.brands.iter().any(|name| name == brand)) =>
        {
            let event = Event::default().event("mention").id(mention.id.clone());
            event.json_data(mention.seen_for(brand)?).ok()
        }
        Ok(LiveEvent::Label(label)) if brand.is_none_or(|brand| label.brand == brand) => {
            Event::default().event("label").json_data(label).ok()
        }
        Ok(_) => None,
        Err(BroadcastStreamRecvError::Lagged(missed)) => {
            Event::default().event("lagged").json_data(serde_json::json!({ "missed": missed })).ok()
        }
    }
}
