//! Conditions of a search as SQL. Every value is a server-side parameter.

use clickhouse::query::Query;
use grapevine_model::Polarity;
use grapevine_monitor::{Need, ODD, Piece, Place};

use super::Filters;
use crate::write::UNSCORED;

/// Pieces that one statement may look for. A query of more is not narrowed: the walk's limits hold it.
const MOST_PIECES: usize = 100;

/// A condition and the values of its parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Condition {
    pub(super) sql: String,
    values: Vec<String>,
}

impl Condition {
    pub(super) fn bind(&self, query: Query) -> Query {
        self.values.iter().enumerate().fold(query, |query, (at, value)| query.param(&format!("piece{at}"), value))
    }
}

pub(super) fn bounded(need: Need) -> Need {
    fn pieces(need: &Need) -> usize {
        match need {
            Need::Nothing => 0,
            Need::Piece(..) | Need::Lower(..) => 1,
            Need::All(parts) | Need::Any(parts) => parts.iter().map(pieces).sum(),
        }
    }
    if pieces(&need) > MOST_PIECES { Need::Nothing } else { need }
}

/// Of the columns of `mentions`. With the text index the same is asked in the index's words: it lies over the text in lower
/// case, in which what is odd is plain.
pub(super) fn need(need: &Need, indexed: bool) -> Condition {
    let mut values = Vec::new();
    let sql = render(need, indexed, &mut values);
    Condition { sql, values }
}

fn render(need: &Need, indexed: bool, values: &mut Vec<String>) -> String {
    match need {
        Need::Nothing => "1".to_owned(),
        Need::Piece(place, piece) => within(*place, |text| leaf(text, piece, indexed && text == "text", values)),
        Need::Lower(place, piece) => within(*place, |text| leaf(text, piece, true, values)),
        Need::All(parts) => joined(parts, " AND ", indexed, values),
        Need::Any(parts) => joined(parts, " OR ", indexed, values),
    }
}

fn joined(parts: &[Need], operator: &str, indexed: bool, values: &mut Vec<String>) -> String {
    let parts: Vec<String> = parts.iter().map(|part| render(part, indexed, values)).collect();
    format!("({})", parts.join(operator))
}

fn within(place: Place, mut leaf: impl FnMut(&str) -> String) -> String {
    match place {
        Place::Text => leaf("text"),
        Place::Hashtags => format!("arrayExists(name -> {}, hashtags)", leaf("name")),
        Place::Handles => format!("arrayExists(name -> {}, handles)", leaf("name")),
        Place::Author => format!("({} OR {})", leaf("author_handle"), leaf("author")),
        Place::Language => leaf("language"),
        Place::Platform => leaf("platform"),
        Place::Space => leaf("space"),
    }
}

/// `LIKE` is what the text index answers.
fn leaf(text: &str, piece: &Piece, lower: bool, values: &mut Vec<String>) -> String {
    let border = if text == "text" { borders(piece, lower) } else { None };
    let mut named = |value: String| {
        values.push(value);
        format!("{{piece{}:String}}", values.len() - 1)
    };
    if lower {
        let like = format!("lowerUTF8({text}) LIKE {}", named(format!("%{}%", escaped(&piece.text))));
        return match border {
            Some(border) => format!("({like} AND match(lowerUTF8({text}), {}))", named(border)),
            None => like,
        };
    }
    let odd = ODD.map(|c| format!("'{c}'")).join(", ");
    let found = format!("positionCaseInsensitive({text}, {}) > 0", named(piece.text.clone()));
    let found = match border {
        Some(border) => format!("{found} AND match({text}, {})", named(border)),
        None => found,
    };
    format!("({found} OR multiSearchAny({text}, [{odd}]))")
}

/// Finds a piece as the word that it is, or one that begins or ends so: `w77` also stands in `w770`, of which the query wants
/// to know nothing. Only signs that are letters, digits or `_` in ASCII count as beside it; what else goes on as a word, the
/// matcher tells.
fn borders(piece: &Piece, lower: bool) -> Option<String> {
    if !piece.starts_word && !piece.ends_word {
        return None;
    }
    let before = if piece.starts_word { "(?:^|[^A-Za-z0-9_])" } else { "" };
    let after = if piece.ends_word { "(?:$|[^A-Za-z0-9_])" } else { "" };
    let case = if lower { "" } else { "i" };
    Some(format!("{before}(?{case}:{}){after}", plain(&piece.text)))
}

/// As RE2 reads it: for what it is.
fn plain(piece: &str) -> String {
    let mut plain = String::with_capacity(piece.len());
    for c in piece.chars() {
        match c {
            '\0' => plain.push_str("\\x00"),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

fn escaped(piece: &str) -> String {
    let mut escaped = String::with_capacity(piece.len());
    for c in piece.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl Filters {
    pub(super) fn brand_condition(&self) -> &'static str {
        if self.brand.is_some() { "brand = {brand:String}" } else { "1" }
    }

    /// Of columns that people do not label. They hold of a mention if they hold of its newest row.
    pub(super) fn stored(&self) -> String {
        let asks = [
            (self.brand.is_some(), "brand = {brand:String}"),
            (!self.platforms.is_empty(), "platform IN {platforms:Array(String)}"),
            (!self.languages.is_empty(), "$spoken IN {languages:Array(String)}"),
            (!self.kinds.is_empty(), "toString(kind) IN {kinds:Array(String)}"),
            (
                self.author.is_some(),
                "(lowerUTF8(author_handle) = lowerUTF8({author:String}) OR author = {author:String})",
            ),
            (self.space.is_some(), "space = {space:String}"),
            (self.owned_space.is_some(), "owned_space = {owned_space:Bool}"),
            (self.has_media.is_some(), "notEmpty(media_kinds) = {has_media:Bool}"),
            (self.has_links.is_some(), "notEmpty(links) = {has_links:Bool}"),
        ];
        all(&asks)
    }

    /// Of what people label, as they see it. A text that no model read has no intent, not the intent `none`.
    pub(super) fn labelled(&self) -> String {
        let known = "(intent != 'none' OR model_polarity != 2 OR arrayExists(label -> label.1 = 'intent', given))";
        let asks = self.model_asks();
        all(&[asks[0], asks[1], asks[2], (!self.intents.is_empty(), known)])
    }

    /// Of the rows as they lie: as the model said, or a label is there.
    pub(super) fn maybe_labelled(&self) -> String {
        match self.model_asks().iter().any(|(asked, _)| *asked) {
            true => format!("({} OR id IN (SELECT id FROM labels))", all(&self.model_asks())),
            false => "1".to_owned(),
        }
    }

    fn model_asks(&self) -> [(bool, &'static str); 3] {
        [
            (!self.polarities.is_empty(), "toInt8(polarity) IN {polarities:Array(Int8)}"),
            (!self.intents.is_empty(), "toString(intent) IN {intents:Array(String)}"),
            (!self.themes.is_empty(), "hasAny(themes, {themes:Array(String)})"),
        ]
    }

    pub(super) fn bind(&self, query: Query) -> Query {
        query
            .param("brand", self.brand.as_deref().unwrap_or_default())
            .param("platforms", &self.platforms)
            .param("languages", &self.languages)
            .param("kinds", self.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
            .param("author", self.author.as_deref().unwrap_or_default().trim_start_matches('@'))
            .param("space", self.space.as_deref().unwrap_or_default())
            .param("owned_space", self.owned_space.unwrap_or_default())
            .param("has_media", self.has_media.unwrap_or_default())
            .param("has_links", self.has_links.unwrap_or_default())
            .param(
                "polarities",
                self.polarities.iter().map(|polarity| polarity.map_or(UNSCORED, Polarity::sign)).collect::<Vec<_>>(),
            )
            .param("intents", self.intents.iter().map(|intent| intent.name()).collect::<Vec<_>>())
            .param("themes", &self.themes)
            .param("least", self.min_engagement.unwrap_or_default())
    }
}

fn all(asks: &[(bool, &'static str)]) -> String {
    let asked: Vec<&str> = asks.iter().filter(|(asked, _)| *asked).map(|(_, sql)| *sql).collect();
    if asked.is_empty() { "1".to_owned() } else { asked.join(" AND ") }
}

/// Ids among the fetched whose counters, the newest that are known of each, come to so much. What is not known counts
/// nothing.
pub(super) const ENGAGED: &str = "id IN (
    SELECT m.id FROM (SELECT id, observed_at, likes, reposts, replies, quotes, bookmarks FROM mentions FINAL
        WHERE $window AND id IN {ids:Array(UInt128)}) AS m
    LEFT ANY JOIN (SELECT id, observed_at, likes, reposts, replies, quotes, bookmarks FROM engagement FINAL
        WHERE id IN {ids:Array(UInt128)}) AS e ON m.id = e.id
    WHERE arraySum(arrayMap((own, newest) -> ifNull(if(e.observed_at > m.observed_at, ifNull(newest, own),
            ifNull(own, newest)), 0),
        [m.likes, m.reposts, m.replies, m.quotes, m.bookmarks],
        [e.likes, e.reposts, e.replies, e.quotes, e.bookmarks])) >= {least:UInt64})";

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(query: &str, indexed: bool) -> (String, Vec<String>) {
        let condition = need(&Need::of(&grapevine_monitor::parse_search(query).unwrap()), indexed);
        (condition.sql, condition.values)
    }

    #[test]
    fn what_a_person_writes_is_only_ever_a_value() {
        let (sql, values) = sql("\"50%' OR 1 --\" \"a_b\\\\\"", true);
        assert!(!sql.contains("50") && !sql.contains("--"), "{sql}");
        let likes: Vec<&String> = values.iter().filter(|value| value.starts_with('%')).collect();
        assert_eq!(likes, ["%50\\%%", "%or%", "%1%", "%--%", "%a\\_b\\\\%"]);
        let word = |text: &str| format!("(?:^|[^A-Za-z0-9_])(?:{text})(?:$|[^A-Za-z0-9_])");
        assert_eq!((&values[1], values[7].as_str()), (&word("50\\%"), "(?:^|[^A-Za-z0-9_])(?:\\-\\-)"));
        assert_eq!(values[9], "(?:^|[^A-Za-z0-9_])(?:a_b\\\\)");
    }

    #[test]
    fn a_tag_may_stand_in_its_list_and_the_index_is_not_asked_for_lists() {
        let (sql, values) = sql("#tag", true);
        assert!(sql.starts_with("((lowerUTF8(text) LIKE {piece0:String} AND match("), "{sql}");
        assert!(
            sql.contains(" OR arrayExists(name -> (positionCaseInsensitive(name, {piece2:String}) > 0 OR"),
            "{sql}"
        );
        assert_eq!((values.len(), values[0].as_str(), values[2].as_str()), (3, "%tag%", "tag"));
    }

    #[test]
    fn what_a_mention_says_of_itself_is_narrowed_by_its_columns() {
        let (sql, values) = sql("from:ada platform:x brok*", false);
        for column in ["author_handle", "author", "platform"] {
            assert!(sql.contains(&format!("(positionCaseInsensitive({column}, {{piece")), "{sql}");
        }
        assert_eq!(values, ["ada", "ada", "x", "brok", "(?:^|[^A-Za-z0-9_])(?i:brok)"]);
    }

    #[test]
    fn a_query_of_very_many_words_is_not_narrowed() {
        let words: Vec<String> = (0..=MOST_PIECES).map(|n| format!("w{n}")).collect();
        let query = grapevine_monitor::parse(&words.join(" OR ")).unwrap();
        assert_eq!(bounded(Need::of(&query)), Need::Nothing);
    }
}
