//! Search over stored mentions, in the language of the monitors.

use std::ops::Range;

use axum::{Json, extract::State};
use grapevine_monitor::{Monitor, ParseError, Query, parse, parse_search};
use grapevine_store::{
    Search,
    search::{BadCursor, BadFilter, Filters, Found, Hit, Order, Removed, words},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState, LiveMention, Span,
    error::{ApiError, ErrorCode},
    params::{Params, limit},
};

const MENTIONS: u32 = 50;
const MOST_MENTIONS: u32 = 200;
/// Hits are counted up to this many: more are `at least` so many.
const COUNTED: u64 = 500;
const LONGEST_QUERY: usize = 2000;
/// Where the query names no `from`.
const BACK: &str = "-30d";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// Words, "phrases", wildc*, a NEAR/5 b, #hashtag, @handle, from:, lang:, platform:, space:, AND, OR, NOT, (groups).
    /// Without it, every mention that passes the filters.
    q: Option<String>,
    /// Only this brand's; all brands' by default.
    brand: Option<String>,
    /// A date, an RFC 3339 time, or how far back, such as `-30d`, which is the default.
    from: Option<String>,
    /// As `from`; `now` by default.
    to: Option<String>,
    /// Of these platforms, separated by commas.
    platform: Option<String>,
    /// In these languages, ISO 639-1.
    language: Option<String>,
    /// `negative`, `neutral`, `positive`, `unscored`.
    polarity: Option<String>,
    /// `question`, `complaint`, `suggestion`, `praise`, `purchase`, `none`.
    intent: Option<String>,
    /// About one of these.
    theme: Option<String>,
    /// `post`, `reply`, `repost`, `quote`, `review`, `message`.
    kind: Option<String>,
    /// A handle, or the platform's id of an author.
    author: Option<String>,
    space: Option<String>,
    /// Posted in a space that the brand owns, or not.
    owned_space: Option<bool>,
    /// With pictures or other media, or without.
    media: Option<bool>,
    /// With links, or without.
    links: Option<bool>,
    /// Likes, reposts, replies, quotes and bookmarks together.
    min_engagement: Option<u64>,
    /// `newest` first, the default, or `oldest` first.
    order: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 200; 50 by default.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchPage {
    mentions: Vec<FoundMention>,
    /// `after` of the next page; absent where the span ends.
    next: Option<String>,
    /// Hits from the beginning of this page on; there may be more of them where `at_least` is true.
    count: u64,
    at_least: bool,
    /// The search ended at its limits, not at the end of the page: `next` goes on.
    stopped: bool,
    /// Stored rows that were passed; one a mention and brand, and more where a mention was changed lately.
    looked_at: u64,
    /// Of so many; told where the search was stopped.
    of: Option<u64>,
    /// Everything between here and the beginning of the page was looked at.
    #[schema(value_type = String, format = DateTime)]
    reached: Timestamp,
    /// What can not be found because retention removed it; empty where nothing of the span went.
    removed: Vec<RemovedSpan>,
    /// The query as a monitor of a configuration, to be pasted under its brand; absent where it could be none.
    as_monitor: Option<String>,
}

/// A gap: mentions of a brand on a platform that are no longer kept, by whole days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedSpan {
    brand: String,
    platform: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Nothing of the brand and platform that is older is kept.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundMention {
    #[serde(flatten)]
    mention: LiveMention,
    /// What makes the query hold: from a character of the text to before another, in order and apart. Characters are
    /// Unicode's code points.
    highlights: Vec<[usize; 2]>,
}

/// Finds mentions. The newest come first.
#[utoipa::path(get, path = "/api/v1/search", tag = "mentions", params(SearchParams),
    responses((status = 200, body = SearchPage), (status = "default", body = ApiError)))]
pub(crate) async fn search(
    State(state): State<ApiState>,
    Params(params): Params<SearchParams>,
) -> Result<Json<SearchPage>, ApiError> {
    if let Some(brand) = &params.brand {
        state.check_brand(brand)?;
    }
    let search = params.search((state.clock)())?;
    let found = state.figures.search(&search).await?;
    Ok(Json(page(found, params.q.as_deref())))
}

impl SearchParams {
    fn search(&self, now: Timestamp) -> Result<Search, ApiError> {
        let Span { from, to } = Span::parse(self.from.as_deref().or(Some(BACK)), self.to.as_deref(), now)?;
        let query = self.q.as_deref().filter(|text| !text.trim().is_empty()).map(query).transpose()?;
        let order = match self.order.as_deref() {
            None | Some("newest") => Order::NewestFirst,
            Some("oldest") => Order::OldestFirst,
            Some(other) => {
                let message = format!("`order` is `newest` or `oldest`, not {other:?}");
                return Err(ApiError::new(ErrorCode::BadQuery, message));
            }
        };
        Ok(Search {
            filters: self.filters()?,
            order,
            after: self.after.as_deref().map(str::parse).transpose()?,
            limit: limit(self.limit, MENTIONS, MOST_MENTIONS)?,
            count_to: COUNTED,
            ..Search::new(query, from, to)
        })
    }

    fn filters(&self) -> Result<Filters, ApiError> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Ok(Filters {
            brand: self.brand.clone(),
            platforms: words::listed(&text(&self.platform)),
            languages: words::listed(&text(&self.language).to_lowercase()),
            polarities: words::polarities(&text(&self.polarity))?,
            intents: words::intents(&text(&self.intent))?,
            themes: words::listed(&text(&self.theme)),
            kinds: words::kinds(&text(&self.kind))?,
            author: self.author.clone(),
            space: self.space.clone(),
            owned_space: self.owned_space,
            has_media: self.media,
            has_links: self.links,
            min_engagement: self.min_engagement,
        })
    }
}

fn query(text: &str) -> Result<Query, ApiError> {
    let length = text.chars().count();
    if length > LONGEST_QUERY {
        let message = format!("the query has {length} characters, the most is {LONGEST_QUERY}");
        return Err(ApiError::new(ErrorCode::BadSearch, message));
    }
    Ok(parse_search(text)?)
}

fn page(found: Found, query: Option<&str>) -> SearchPage {
    let progress = found.progress;
    let as_monitor = query.filter(|text| parse(text).is_ok());
    SearchPage {
        mentions: found.hits.into_iter().map(FoundMention::from).collect(),
        next: found.next.map(|next| next.to_string()),
        count: progress.count,
        at_least: progress.at_least,
        stopped: progress.stopped,
        looked_at: progress.looked_at,
        of: progress.of,
        reached: progress.reached,
        removed: found.removed.into_iter().map(RemovedSpan::from).collect(),
        as_monitor: as_monitor
            .map(|query| Monitor { name: "name it".to_owned(), query: query.trim().to_owned() }.toml()),
    }
}

impl From<Removed> for RemovedSpan {
    fn from(Removed { brand, platform, from, to }: Removed) -> Self {
        Self { brand, platform, from, to }
    }
}

impl From<Hit> for FoundMention {
    fn from(hit: Hit) -> Self {
        let highlights = in_characters(&hit.mention.text, &hit.highlights);
        Self { mention: hit.mention.into(), highlights }
    }
}

/// Ranges of bytes, in order, as ranges of characters.
fn in_characters(text: &str, ranges: &[Range<usize>]) -> Vec<[usize; 2]> {
    let (mut byte, mut character) = (0, 0);
    let mut place = |to: usize| {
        character += text.get(byte..to).map_or(0, |between| between.chars().count());
        byte = to;
        character
    };
    ranges.iter().map(|range| [place(range.start), place(range.end)]).collect()
}

impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        let (hint, column) = (error.hint.into(), Some(error.column));
        ApiError { hint, column, ..ApiError::new(ErrorCode::BadSearch, error.message) }
    }
}

impl From<BadFilter> for ApiError {
    fn from(error: BadFilter) -> Self {
        ApiError::new(ErrorCode::BadQuery, error.to_string())
    }
}

impl From<BadCursor> for ApiError {
    fn from(error: BadCursor) -> Self {
        ApiError::new(ErrorCode::BadQuery, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highlights_count_characters_whatever_their_bytes() {
        assert_eq!(in_characters("so 🔥 good é!", &[3..7, 8..12, 13..15]), [[3, 4], [5, 9], [10, 11]]);
    }
}
