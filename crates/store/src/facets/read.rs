//! Pieces of SQL, without a value of a question in them.

use crate::tiers::{HOUR, Hours, Tiers};

/// How a question reads the rollups of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facets {
    /// Whole hours from rollups, and hours that hold an end of a span from the base table.
    Cut,
    /// Every span ends at hours: rollups alone.
    Whole,
    /// The base table alone.
    Base,
}

/// Name, spans that it looks back over, and its two parts.
const PIECES: [(&str, u8, &str, &str); 5] = [
    ("$tags_of_8", 7, TAGS, TAGS_BASE),
    ("$tags", 0, TAGS, TAGS_BASE),
    ("$themes_of_2", 1, THEMES, THEMES_BASE),
    ("$asked_of_2", 1, ASKED, ASKED_BASE),
    ("$examples", 0, EXAMPLES, EXAMPLES_BASE),
];
const CELLS_PIECE: &str = "$cells";

impl Facets {
    pub(crate) fn of(tiers: Tiers) -> Self {
        match tiers.hours {
            Hours::None => Self::Base,
            _ if tiers.cut => Self::Cut,
            _ => Self::Whole,
        }
    }

    /// A statement with the pieces put in.
    pub(crate) fn put_in(self, sql: &str) -> String {
        let mut sql = sql.replace(CELLS_PIECE, &self.piece(0, CELLS, CELLS_BASE));
        for (name, back, rollup, base) in PIECES {
            sql = sql.replace(name, &self.piece(back, rollup, base));
        }
        sql
    }

    fn piece(self, back: u8, rollup: &str, base: &str) -> String {
        let sql = match self {
            Self::Whole => format!("({rollup})"),
            Self::Cut => format!("({rollup} UNION ALL {base})"),
            Self::Base => format!("({base})"),
        };
        let (cut, whole) = match self {
            Self::Cut => ("toStartOfHour(created_at) IN $cut_hours", "bucket NOT IN $cut_hours"),
            Self::Whole | Self::Base => ("true", "true"),
        };
        let since = format!("greatest({{from:Int64}} - {back} * ({{to:Int64}} - {{from:Int64}}), 0)");
        let sql = sql.replace("$newest_cells", NEWEST_CELLS).replace("$counting", COUNTING);
        let sql = sql.replace("$feedback", FEEDBACK);
        let sql = sql.replace("$whole_span", WHOLE_SPAN).replace("$base_span", BASE_SPAN);
        let sql = sql.replace("$uncut", whole).replace("$in_cut", cut).replace("$cut_hours", CUT_HOURS);
        sql.replace("$since", &since)
    }
}

/// Equal spans before the asked one that some piece looks back over.
const MOST_BACK: i64 = 7;
/// As [`cut_hours`] gives them. Those of spans that a piece does not look at lie outside of what it reads.
const CUT_HOURS: &str = "{cut:Array(DateTime('UTC'))}";

/// Hours (in seconds) that hold an end of the span (in milliseconds) or of one of the equal spans before it, and do not begin with
/// it.
pub(crate) fn cut_hours(from: i64, to: i64) -> Vec<i64> {
    let edges = (0..=MOST_BACK + 1).map(|back| (to - back * (to - from)).max(0));
    edges.filter(|edge| edge % HOUR != 0).map(|edge| edge / HOUR * 3600).collect()
}

const WHOLE_SPAN: &str = "brand = {brand:String} AND bucket >= toDateTime(intDiv($since, 1000), 'UTC')
    AND bucket < toDateTime(intDiv({to:Int64}, 1000), 'UTC')";
const BASE_SPAN: &str = "brand = {brand:String} AND created_at >= fromUnixTimestamp64Milli($since, 'UTC')
    AND created_at < $to AND $in_cut";
const NEWEST_CELLS: &str = "(bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_cells
    WHERE $whole_span GROUP BY bucket)";
/// Rows of `rollup_facets` that count: of the epoch of the hour's row of `rebuilt`, else of none.
const COUNTING: &str = "$whole_span AND $uncut AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM (
        SELECT bucket, epoch FROM rollup_facets WHERE facet = 'rebuilt' AND $whole_span
        UNION ALL SELECT toDateTime(arrayJoin(range(toUInt32(intDiv($since, 3600000) * 3600), toUInt32(intDiv({to:Int64}, 1000)),
            3600)), 'UTC'), toUInt64(0)) GROUP BY bucket)";

const CELLS: &str =
    "SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, platform, kind, language, mentions AS n, negative, neutral,
    positive, unscored, others, told, hostile, judged, members, made, with_media, with_links
FROM rollup_cells WHERE $whole_span AND $uncut AND mentions > 0 AND $newest_cells";
const CELLS_BASE: &str = "SELECT created_at, platform, toString(mentions.kind) AS kind, language, toUInt64(1) AS n,
    toUInt64(polarity = 'negative') AS negative, toUInt64(polarity = 'neutral') AS neutral,
    toUInt64(polarity = 'positive') AS positive, toUInt64(polarity = 'unscored') AS unscored,
    toUInt64(NOT team AND mentions.kind != 'repost') AS others, toUInt64(others AND polarity != 'unscored') AS told,
    toUInt64(others AND ifNull(hostility >= 0.5, 0)) AS hostile, toUInt64(others AND hostility IS NOT NULL) AS judged,
    toUInt64(others AND NOT author_bot) AS members, toUInt64(members AND (media OR linked)) AS made,
    toUInt64(members AND media) AS with_media, toUInt64(members AND linked) AS with_links
FROM (SELECT *, hasAny(media_kinds, ['image', 'video', 'audio']) AS media,
        has(media_kinds, 'link') OR notEmpty(links) AS linked FROM $mentions WHERE $base_span) AS mentions";

const TAGS: &str =
    "SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, value AS tag, platform, author_key, mentions AS n,
    reposts, negative, neutral, positive, first_at FROM rollup_facets WHERE facet = 'hashtag' AND $counting";
const TAGS_BASE: &str =
    "SELECT created_at, arrayJoin(arrayDistinct(hashtags)) AS tag, platform, author_key, toUInt64(1) AS n,
    toUInt64(kind = 'repost') AS reposts, toUInt64(polarity = 'negative') AS negative,
    toUInt64(polarity = 'neutral') AS neutral, toUInt64(polarity = 'positive') AS positive, created_at AS first_at
FROM $mentions WHERE $base_span";

const THEMES: &str =
    "SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, value AS theme, mentions AS n, negative, positive, ruled
FROM rollup_facets WHERE facet = 'theme' AND $counting";
const THEMES_BASE: &str =
    "SELECT created_at, entry.1 AS theme, toUInt64(1) AS n, toUInt64(polarity = 'negative') AS negative,
    toUInt64(polarity = 'positive') AS positive, toUInt64(entry.2) AS ruled
FROM (SELECT created_at, polarity, arrayJoin(if(empty(themes), [('other', false)],
        arrayZip(arrayMap(name -> toString(name), themes), theme_rules))) AS entry
    FROM $mentions WHERE $base_span AND polarity != 'unscored' AND NOT team AND kind != 'repost')";

/// Rows that count nothing hold the examples.
const ASKED: &str = "SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, facet AS want, value AS theme, author_key,
    mentions AS n, negative, neutral, positive
FROM rollup_facets WHERE facet IN ('question', 'complaint', 'suggestion') AND mentions > 0 AND $counting";
const ASKED_BASE: &str = "SELECT created_at, toString(intent) AS want,
    arrayJoin(if(empty(themes), ['other'], arrayMap(name -> toString(name), themes))) AS theme, author_key,
    toUInt64(1) AS n, toUInt64(polarity = 'negative') AS negative, toUInt64(polarity = 'neutral') AS neutral,
    toUInt64(polarity = 'positive') AS positive
FROM $mentions WHERE $base_span AND $feedback";

const EXAMPLES: &str = "SELECT facet AS want, value AS theme, arrayJoin(best) AS example
FROM rollup_facets WHERE facet IN ('question', 'complaint', 'suggestion') AND mentions = 0 AND $counting";
const EXAMPLES_BASE: &str = "SELECT toString(intent) AS want,
    arrayJoin(if(empty(themes), ['other'], arrayMap(name -> toString(name), themes))) AS theme,
    (ifNull(author_followers, 0), created_at, id, if(story = 0, id, story)) AS example
FROM $mentions WHERE $base_span AND $feedback";
const FEEDBACK: &str = "intent IN ('question', 'complaint', 'suggestion') AND NOT team AND kind != 'repost'";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiers::Lengths;

    #[test]
    fn hours_are_cut_by_the_ends_of_the_span_and_of_those_before() {
        assert_eq!(cut_hours(10 * HOUR, 12 * HOUR), [0_i64; 0]);
        assert_eq!(cut_hours(100 * HOUR + 1, 110 * HOUR)[..3], [100 * 3600, 90 * 3600, 80 * 3600]);
        assert_eq!(PIECES.iter().map(|(_, back, ..)| i64::from(*back)).max(), Some(MOST_BACK));
    }

    #[test]
    fn the_base_table_is_read_only_where_a_span_cuts_an_hour() {
        let of = |from, to, step| Facets::of(Tiers::of((from, to), step, Lengths::USUAL));
        assert_eq!(of(0, 2 * HOUR, None), Facets::Whole);
        assert_eq!(of(1, 2 * HOUR, None), Facets::Cut);
        assert_eq!(of(1, HOUR - 1, None), Facets::Base);
        assert_eq!(of(0, 2 * HOUR, Some(300)), Facets::Base, "points of five minutes");
        let reads = |facets: Facets| {
            let sql = facets.put_in("SELECT count() FROM $tags_of_8");
            assert!(!sql.contains("$tags") && !sql.contains("$since") && !sql.contains("$counting"), "{sql}");
            (sql.contains("$mentions"), sql.contains("rollup_facets"))
        };
        assert_eq!([Facets::Whole, Facets::Cut, Facets::Base].map(reads), [(false, true), (true, true), (true, false)]);
    }
}
