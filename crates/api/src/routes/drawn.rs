//! Mentions that chance draws, so that people can measure the model on a brand's own posts.

use axum::{Json, extract::State};
use grapevine_store::{Checked, corrected::solve::LEAST_MEASURED};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState, LiveMention, Span,
    error::ApiError,
    params::{Params, limit},
};

const MENTIONS: u32 = 10;
const MOST_MENTIONS: u32 = 50;
/// Where the query names no `from`.
const BACK: &str = "-30d";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DrawnParams {
    brand: String,
    /// A date, an RFC 3339 time, or how far back, such as `-30d`, which is the default.
    from: Option<String>,
    /// As `from`; `now` by default.
    to: Option<String>,
    /// 1 to 50; 10 by default.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Drawn {
    /// In an order of chance, without those that were judged before; empty where all are.
    mentions: Vec<LiveMention>,
    checked: CheckedSoFar,
}

/// What people made of drawn mentions of the brand so far, whenever they were written.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CheckedSoFar {
    /// As people read them.
    negative: u32,
    neutral: u32,
    positive: u32,
    /// Those of which the newest model says the same.
    agreed: u32,
    /// From so many of each polarity on, they correct the brand's figures.
    needed: u32,
}

/// Draws mentions by chance, for people to judge. A label of the polarity with `drawn` then measures the model on the brand's own
/// posts; corrections of what seems wrong can not.
#[utoipa::path(get, path = "/api/v1/drawn", tag = "labels", params(DrawnParams),
    responses((status = 200, body = Drawn), (status = "default", body = ApiError)))]
pub(crate) async fn drawn(
    State(state): State<ApiState>,
    Params(params): Params<DrawnParams>,
) -> Result<Json<Drawn>, ApiError> {
    state.check_brand(&params.brand)?;
    let limit = limit(params.limit, MENTIONS, MOST_MENTIONS)?;
    let span = Span::parse(params.from.as_deref().or(Some(BACK)), params.to.as_deref(), (state.clock)())?;
    let (mentions, checked) =
        tokio::try_join!(state.figures.draw(&params.brand, span, limit), state.figures.checked(&params.brand))?;
    let mentions = mentions.into_iter().map(LiveMention::from).collect();
    Ok(Json(Drawn { mentions, checked: CheckedSoFar::of(&checked) }))
}

impl CheckedSoFar {
    fn of(cells: &[Checked]) -> Self {
        let sum = |truth: usize| cells.iter().flat_map(|cell| cell.counts[truth]).sum();
        let agreed = cells.iter().map(|cell| (0..3).map(|class| cell.counts[class][class]).sum::<u32>()).sum();
        Self { negative: sum(0), neutral: sum(1), positive: sum(2), agreed, needed: LEAST_MEASURED }
    }
}
