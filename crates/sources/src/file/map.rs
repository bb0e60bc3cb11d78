use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{fields::FieldMap, time};
use crate::text::{self, Signs};

/// The platform of a record that names none.
const DEFAULT_PLATFORM: &str = "file";

/// Turns one record into a mention, or says why it cannot be one.
pub(crate) fn map(record: &Value, fields: &FieldMap, observed_at: Timestamp) -> Result<Mention, String> {
    let row = Row { record, fields };
    let id = row.required("id", "an id that stays the same across edits")?;
    let created_at = row.value("created_at").ok_or_else(|| row.missing("created_at", "the time of the post"))?;
    let created_at = time::parse(created_at).map_err(|error| format!("{}: {error}", fields.describe("created_at")))?;
    let body = row.required("text", "the text of the post")?;
    let platform = row.text("platform")?.unwrap_or_else(|| DEFAULT_PLATFORM.to_owned());
    let signs = row.signs(&body)?;
    let (parent, stars) = (row.text("parent")?, row.stars()?);
    Ok(Mention {
        key: MentionKey::new(platform, row.text("instance")?.unwrap_or_default(), id),
        kind: row.kind(parent.is_some(), stars.is_some())?,
        space: row.text("space")?,
        url: row.text("url")?,
        author: row.author()?,
        created_at,
        observed_at,
        language: row.text("language")?.filter(|tag| tag != "und"),
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: signs.links,
        media: row.media(),
        root: row.text("root")?,
        parent,
        parent_author: row.text("parent_author")?,
        engagement: row.engagement()?,
        stars,
        weight: 1.0,
        brands: vec![],
        scores: None,
        detected_language: None,
        story: None,
        raw: None,
        text: body,
    })
}

const KINDS: [(&str, &[&str]); 3] = [
    ("image", &["jpg", "jpeg", "png", "gif", "webp", "avif", "svg"]),
    ("video", &["mp4", "webm", "mov", "m4v", "m3u8"]),
    ("audio", &["mp3", "m4a", "ogg", "wav", "flac"]),
];

/// Of the kind that is stated, else of the one that the address ends in; nothing where it is no address.
fn media(url: &str, kind: Option<String>) -> Option<Media> {
    let kind = kind.filter(|kind| kind == "link" || KINDS.iter().any(|(known, _)| known == kind));
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    is_address.then(|| Media { kind: kind.unwrap_or_else(|| kind_of(url).to_owned()), url: url.to_owned() })
}

fn kind_of(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    KINDS.iter().find(|(_, endings)| endings.contains(&ending.as_str())).map_or("link", |(kind, _)| kind)
}

fn handle(written: &str) -> &str {
    written.trim().trim_start_matches('@')
}

struct Row<'a> {
    record: &'a Value,
    fields: &'a FieldMap,
}

impl Row<'_> {
    fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field, self.record)
    }

    fn missing(&self, field: &str, what: &str) -> String {
        format!("{} is missing: map it to {what}", self.fields.describe(field))
    }

    fn wrong(&self, field: &str, value: &Value, expected: &str) -> String {
        let shown: String = value.to_string().chars().take(80).collect();
        format!("{} is {shown}, not {expected}", self.fields.describe(field))
    }

    /// A text; a number or a boolean is taken as it is written.
    fn text(&self, field: &str) -> Result<Option<String>, String> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(value) => Err(self.wrong(field, value, "a text")),
        }
    }

    fn required(&self, field: &str, what: &str) -> Result<String, String> {
        self.text(field)?.ok_or_else(|| self.missing(field, what))
    }

    /// A counter. Some platforms give net scores: below zero counts as none.
    fn count(&self, field: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_u64().map(|count| count as f64).or(number.as_f64()),
            Value::String(text) => text.trim().parse::<f64>().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite() && *number < 1e15) {
            Some(number) => Ok(Some(number.max(0.0).round() as u64)),
            None => Err(self.wrong(field, value, "a number")),
        }
    }

    fn stars(&self) -> Result<Option<f32>, String> {
        let Some(value) = self.value("stars") else { return Ok(None) };
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        match number.filter(|stars| (0.0..=5.0).contains(stars)) {
            Some(stars) => Ok(Some(stars as f32)),
            None => Err(self.wrong("stars", value, "a number from 1 to 5")),
        }
    }

    fn flag(&self, field: &str) -> Result<bool, String> {
        let Some(value) = self.value(field) else { return Ok(false) };
        match value.to_string().trim_matches('"').to_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err(self.wrong(field, value, "true or false")),
        }
    }

    /// A list of texts, or one text with the items between commas or spaces.
    fn list(&self, field: &str) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let items: Option<Vec<String>> = match value {
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Value::String(text) => {
                Some(text.split([',', ' ']).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            _ => None,
        };
        items.map(Some).ok_or_else(|| self.wrong(field, value, "a list of texts"))
    }

    /// As the record lists them; what it does not list is read from the text.
    fn signs(&self, body: &str) -> Result<Signs, String> {
        let mut signs = text::signs(body);
        if let Some(tags) = self.list("hashtags")? {
            signs.hashtags = tags.iter().map(|tag| text::hashtag(tag)).collect();
        }
        if let Some(names) = self.list("handles")? {
            signs.handles = names.iter().map(|name| handle(name).to_lowercase()).collect();
        }
        if let Some(links) = self.list("links")? {
            signs.links = links;
        }
        Ok(signs)
    }

    /// Addresses, or tables with `kind` and `url`. A column of this name may hold something else: what is no address is none.
    fn media(&self) -> Vec<Media> {
        let of_text = |text: &str| text.split([',', ' ']).filter_map(|url| media(url, None)).collect();
        match self.value("media") {
            Some(Value::String(text)) => of_text(text),
            Some(Value::Array(items)) => {
                let text = |item: &Value, field: &str| item.get(field).and_then(Value::as_str).map(str::to_owned);
                let url = |item: &Value| item.as_str().map(str::to_owned).or_else(|| text(item, "url"));
                items.iter().filter_map(|item| media(&url(item)?, text(item, "kind"))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is not named is a review where it has stars, a reply where it has a parent, and a post otherwise.
    fn kind(&self, has_parent: bool, has_stars: bool) -> Result<Kind, String> {
        match self.value("kind") {
            None if has_stars => Ok(Kind::Review),
            None if has_parent => Ok(Kind::Reply),
            None => Ok(Kind::Post),
            Some(value) => {
                let name = value.as_str().unwrap_or_default().to_lowercase();
                let names = Kind::ALL.map(Kind::name).join(", ");
                Kind::ALL
                    .into_iter()
                    .find(|kind| kind.name() == name)
                    .ok_or_else(|| self.wrong("kind", value, &format!("one of {names}")))
            }
        }
    }

    fn author(&self) -> Result<Author, String> {
        let name = self.text("author")?.map(|name| handle(&name).to_owned()).filter(|name| !name.is_empty());
        let native_id = match (self.text("author_id")?, &name) {
            (Some(id), _) => id,
            (None, Some(name)) => name.clone(),
            (None, None) => return Err(self.missing("author", "the author's handle, or write author = \"=unknown\"")),
        };
        Ok(Author {
            native_id,
            handle: name.unwrap_or_default(),
            name: self.text("author_name")?,
            followers: self.count("followers")?,
            is_team: self.flag("is_team")?,
            is_bot: self.flag("is_bot")?,
        })
    }

    fn engagement(&self) -> Result<Engagement, String> {
        Ok(Engagement {
            likes: self.count("likes")?,
            reposts: self.count("reposts")?,
            replies: self.count("replies")?,
            quotes: self.count("quotes")?,
            bookmarks: self.count("bookmarks")?,
            impressions: self.count("impressions")?,
        })
    }
}
