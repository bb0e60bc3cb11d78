//! How people in the community feel: what they say and make, how they are treated, and how satisfied they are.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const COMMUNITY: &[Role] = &[Role::Community];
const BOTH: &[Role] = &[Role::Awareness, Role::Community];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "ugc_volume",
        title: "User-generated content",
        definition: "Posts and replies by members in the span that carry an image, a video or a sound (with_media) or a link \
            (with_links), of all that members wrote. Without the team, bots and reposts.",
        formula: "mentions with media or links; share = those / mentions x 100",
        unit: "mentions",
        denominator: "share: mentions by members",
        version: 1,
        source: "ours",
        roles: BOTH,
        partial_when: "the platform does not say what a post carries; a source has a gap",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape { by: &[], columns: MADE, sql: "SELECT $made FROM $cells" },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform, By::Kind, By::Language],
                columns: MADE,
                sql: "SELECT $key AS key, $made FROM $cells GROUP BY key HAVING wrote > 0 ORDER BY wrote DESC, key",
            },
        ],
    },
    Metric {
        id: super::corrected::IN_COMMUNITY,
        title: "Community sentiment",
        definition: "Net sentiment of what members write in the brand's own spaces, beside that of what they write in public: \
            each as people would have read it, corrected for what the model mistakes, with a 95 % interval. See \
            net_sentiment_corrected for how and how far. Over time, by platform and by language: own spaces only. Without \
            the team, bots and reposts. Counted is what the model said of each mention, whatever people labelled.",
        formula: "p = inverse(transposed confusion) x q for each language, brought to shares of 0 to 1; (P - N) x 100, summed by \
            mentions; +- 1.96 sd",
        unit: "points",
        denominator: "scored mentions by members in languages in which the model was measured",
        version: 2,
        source: "ours; adjusted count (Forman 2008)",
        roles: COMMUNITY,
        partial_when: "a source has a gap, mentions are unscored, or the model was not measured in their language",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: FELT_WHERE,
                sql: "SELECT if(owned_space, 'own spaces', 'public') AS place, $told FROM $mentions \
                    WHERE $span AND $member AND model_polarity != 2 GROUP BY place, scorer, spoken \
                    ORDER BY place, scorer, spoken",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform, By::Language],
                columns: FELT,
                sql: "SELECT key, scorer, spoken, n, u, p FROM (SELECT $key AS key, $told FROM $mentions \
                    WHERE $span AND $member AND owned_space AND model_polarity != 2 GROUP BY key, scorer, spoken) \
                    ORDER BY sum(n + u + p) OVER (PARTITION BY key) DESC, key, scorer, spoken",
            },
        ],
    },
    Metric {
        id: "toxicity_rate",
        title: "Toxicity rate",
        definition: "Share of the span's mentions by others than the team whose calibrated probability of attacking people is \
            0.5 or more, of those that have one. What the model gives no such probability for is left out, and counted as \
            unscored. Without reposts.",
        formula: "mentions with hostility >= 0.5 / mentions with a hostility x 100",
        unit: "%",
        denominator: "mentions that the model gave a hostility",
        version: 1,
        source: "ours",
        roles: COMMUNITY,
        partial_when: "mentions are unscored: the model has no such head, or does not cover their language; a source has a gap",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape { by: &[], columns: TOXIC, sql: "SELECT $toxic FROM $cells" },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform, By::Kind, By::Language],
                columns: TOXIC,
                sql: "SELECT $key AS key, $toxic FROM $cells GROUP BY key HAVING sum(others) > 0 \
                    ORDER BY sum(others) DESC, key",
            },
        ],
    },
    Metric {
        id: "satisfaction",
        title: "Satisfaction",
        definition: "Mean stars of the reviews that were written in the span; of the answers to surveys in it, the share with 4 \
            or 5 of 5 (CSAT), and the share with 9 or 10 of 10 less the share with 0 to 6 (NPS), each survey on its own \
            scale. A survey's comment is no review. passed_over counts the answers without a score: they are in no figure.",
        formula: "mean stars; CSAT = scores of 4 and 5 / scores x 100; NPS = (scores of 9 and 10 - scores of 0 to 6) / scores x 100",
        unit: "stars",
        denominator: "reviews with stars; answers with a score on the scale of 1 to 5; on the scale of 0 to 10",
        version: 1,
        source: "CSAT; NPS (Reichheld 2003)",
        roles: BOTH,
        partial_when: "only answers whose brand the configuration names are counted; a source has a gap",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape { by: &[], columns: SATISFIED, sql: "SELECT $satisfied" },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: SATISFIED,
                sql: "SELECT $key AS key, $satisfied GROUP BY key ORDER BY count() DESC, key",
            },
        ],
    },
];

const MADE: &[Column] = &[
    column("ugc", "mentions"),
    column("with_media", "mentions"),
    column("with_links", "mentions"),
    column("mentions", "mentions"),
    column("share", "%"),
];

const TOXIC: &[Column] = &[
    column("toxicity_rate", "%"),
    column("hostile", "mentions"),
    column("scored", "mentions"),
    column("unscored", "mentions"),
];

const SATISFIED: &[Column] = &[
    column("mean_stars", "stars"),
    column("reviews", "mentions"),
    column("csat", "%"),
    column("csat_answers", "answers"),
    column("nps", "points"),
    column("nps_answers", "answers"),
    column("passed_over", "answers"),
];

const FELT: &[Column] = super::corrected::CORRECTED;

/// `FELT` behind the place.
const FELT_WHERE: &[Column] = &[
    column("place", "text"),
    FELT[0],
    FELT[1],
    FELT[2],
    FELT[3],
    FELT[4],
    FELT[5],
    FELT[6],
    FELT[7],
    FELT[8],
    FELT[9],
    FELT[10],
    FELT[11],
    FELT[12],
    FELT[13],
    FELT[14],
];
