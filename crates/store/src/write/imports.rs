//! Rows of what is imported beside mentions. The names of the fields are the names of the columns.

use clickhouse::Row;
use grapevine_model::{Amount, Campaign, Survey};
use serde::Serialize;

use super::rows::{created, micros};

/// Money and conversions in millionths, as `Decimal(18, 6)` holds them.
#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct CampaignRecord<'a> {
    pub platform: &'a str,
    pub campaign: &'a str,
    pub part: &'a str,
    pub from_time: i64,
    pub to_time: i64,
    pub account: &'a str,
    pub name: &'a str,
    pub brand: &'a str,
    pub currency: &'a str,
    pub spend: Option<i64>,
    pub impressions: Option<u64>,
    pub clicks: Option<u64>,
    pub conversions: Option<i64>,
    pub conversion_value: Option<i64>,
    pub observed_at: i64,
}

impl<'a> From<&'a Campaign> for CampaignRecord<'a> {
    fn from(row: &'a Campaign) -> Self {
        let figures = &row.figures;
        Self {
            platform: &row.platform,
            campaign: &row.campaign,
            part: &row.part,
            from_time: created(row.from),
            to_time: created(row.to),
            account: &row.account,
            name: &row.name,
            brand: &row.brand,
            currency: &row.currency,
            spend: figures.spend.map(Amount::micros),
            impressions: figures.impressions,
            clicks: figures.clicks,
            conversions: figures.conversions.map(Amount::micros),
            conversion_value: figures.conversion_value.map(Amount::micros),
            observed_at: micros(row.observed_at),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct SurveyRecord<'a> {
    pub platform: &'a str,
    pub id: &'a str,
    pub survey: &'a str,
    pub brand: &'a str,
    pub asked_at: Option<i64>,
    pub answered_at: i64,
    pub scale: &'static str,
    pub score: Option<f32>,
    pub comment: &'a str,
    pub respondent: &'a str,
    pub observed_at: i64,
}

impl<'a> From<&'a Survey> for SurveyRecord<'a> {
    fn from(row: &'a Survey) -> Self {
        Self {
            platform: &row.platform,
            id: &row.id,
            survey: &row.survey,
            brand: &row.brand,
            asked_at: row.asked_at.map(created),
            answered_at: created(row.answered_at),
            scale: row.scale.name(),
            score: row.score,
            comment: &row.comment,
            respondent: &row.respondent,
            observed_at: micros(row.observed_at),
        }
    }
}
