//! Rows that are imported beside mentions: what campaigns cost and brought, and what people answered in surveys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Amount;

/// What one campaign, or a part of it, cost and brought in one span, as an advertising platform counts it.
///
/// The key is platform, campaign, part and span. The newest `observed_at` wins: platforms correct their numbers for days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Such as `google_ads`.
    pub platform: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The platform's id of the campaign; its account and name where the export has no ids.
    pub campaign: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What the row is about where it is not the whole campaign: an ad group, an ad, a device. Parts add up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// The brand that paid, where the configuration names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub brand: String,
    pub from: Timestamp,
    /// Not part of the span.
    pub to: Timestamp,
    /// ISO 4217, of `spend` and `conversion_value`.
    pub currency: String,
    pub observed_at: Timestamp,
    #[serde(flatten)]
    pub figures: CampaignFigures,
}

/// Absent means that the export does not have it, which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFigures {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
    /// Platforms share one conversion out among the ads that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_value: Option<Amount>,
}

/// One person's answer to one survey.
///
/// The key is platform and id. The newest `observed_at` wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Where it was asked, such as `typeform`.
    pub platform: String,
    /// The platform's id of the response.
    pub id: String,
    /// Which survey, by its name or id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub survey: String,
    /// The brand that it is about, where the configuration names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub brand: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    pub answered_at: Timestamp,
    pub scale: Scale,
    /// On `scale`; absent where the question was passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// A pseudonym: never an address or a name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub respondent: String,
    pub observed_at: Timestamp,
}

/// How satisfied one can say to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Customer satisfaction, 1 to 5.
    Csat,
    /// How likely one recommends, 0 to 10.
    Nps,
}

impl Scale {
    pub const ALL: [Scale; 2] = [Scale::Csat, Scale::Nps];

    pub fn name(self) -> &'static str {
        match self {
            Scale::Csat => "csat",
            Scale::Nps => "nps",
        }
    }

    /// Lowest and highest score.
    pub fn ends(self) -> (f32, f32) {
        match self {
            Scale::Csat => (1.0, 5.0),
            Scale::Nps => (0.0, 10.0),
        }
    }

    /// The score as stars from 1 to 5.
    pub fn stars(self, score: f32) -> f32 {
        let (low, high) = self.ends();
        1.0 + 4.0 * ((score - low) / (high - low)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_scale_are_one_and_five_stars() {
        for scale in Scale::ALL {
            let (low, high) = scale.ends();
            assert_eq!([low, (low + high) / 2.0, high].map(|score| scale.stars(score)), [1.0, 3.0, 5.0]);
        }
    }
}
