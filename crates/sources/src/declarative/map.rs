//! From one record to what it means. Pure: the same record gives the same event, and no record makes it panic.

use std::collections::BTreeMap;

use grapevine_model::{
    AccountSnapshot, Author, Deletion, Engagement, EngagementSnapshot, Event, Kind, Media, Mention, MentionKey,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    condition::Condition,
    error::{Under, Wrong, unknown},
    expression::{Expression, OF_TEXTS, OF_TIMES, Scope},
};
use crate::{
    html::Read,
    text::{Signs, hashtag, signs},
};

/// The fields of a map that are read as texts, numbers or lists.
const VALUES: &[&str] = &[
    "id",
    "instance",
    "url",
    "space",
    "author",
    "author_id",
    "author_name",
    "followers",
    "title",
    "text",
    "options",
    "language",
    "hashtags",
    "handles",
    "links",
    "parent",
    "root",
    "parent_author",
    "likes",
    "reposts",
    "replies",
    "quotes",
    "bookmarks",
    "impressions",
    "stars",
];
const TIMES: &[&str] = &["created_at", "changed_at"];
const CONDITIONS: &[&str] = &["is_team", "is_bot", "deleted", "skip"];
/// Tables from a name to what decides for it.
const TABLES: &[&str] = &["kind", "media"];
const MEDIA: [&str; 4] = ["image", "video", "audio", "link"];
/// The fields of a map whose listing gives accounts, or nothing.
const OF_ACCOUNTS: &[&str] = &["account", "followers", "skip"];
/// Those of a map whose listing gives counters of what another one gives.
const OF_COUNTERS: &[&str] =
    &["id", "instance", "likes", "reposts", "replies", "quotes", "bookmarks", "impressions", "changed_at", "skip"];
const OF_NOTHING: &[&str] = &["created_at", "changed_at", "skip"];

/// What a listing's records become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gives {
    #[default]
    Mention,
    /// How many followers an account has.
    Account,
    /// Counters of a mention that another listing gives.
    Engagement,
    /// Nothing by themselves: other listings are read for each of them.
    Nothing,
}

impl Gives {
    /// The fields of a map, and those that it can not be without.
    fn fields(self) -> (Vec<&'static str>, &'static [&'static str]) {
        match self {
            Gives::Mention => ([VALUES, TIMES, CONDITIONS, TABLES].concat(), &["id", "created_at"]),
            Gives::Account => (OF_ACCOUNTS.to_vec(), &["account", "followers"]),
            Gives::Engagement => (OF_COUNTERS.to_vec(), &["id"]),
            Gives::Nothing => (OF_NOTHING.to_vec(), &[]),
        }
    }
}

/// Where each field of a mention stands in a record.
#[derive(Debug, Clone)]
pub(crate) struct FieldMap {
    pub(crate) gives: Gives,
    values: BTreeMap<String, Expression>,
    conditions: BTreeMap<String, Condition>,
    kind: Kind,
    /// The first that holds decides; `kind` where none does.
    kinds: Vec<(Kind, Condition)>,
    media: Vec<(String, Expression)>,
}

/// What a record means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mapped {
    Event(Event),
    /// It is nothing that is collected.
    Skipped,
    /// It gives nothing by itself, and other listings are read for it.
    Noted,
}

/// Where records come from and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) platform: &'a str,
    /// Settings, and the parts of the partition, by name.
    pub(crate) names: &'a BTreeMap<String, String>,
    pub(crate) observed_at: Timestamp,
}

impl FieldMap {
    pub(crate) fn parse(table: &toml::Table, gives: Gives) -> Result<Self, Wrong> {
        let mut map = Self {
            gives,
            values: BTreeMap::new(),
            conditions: BTreeMap::new(),
            kind: Kind::Post,
            kinds: Vec::new(),
            media: Vec::new(),
        };
        for (field, value) in table {
            map.field(field, value).under(field)?;
        }
        match gives.fields().1.iter().find(|field| !map.values.contains_key(**field)) {
            Some(field) if gives == Gives::Account => {
                Err(Wrong::new(format!("has no `{field}`: a listing that gives accounts needs it")))
            }
            Some(field) => Err(Wrong::new(format!("has no `{field}`: every mention has one"))),
            None => Ok(map),
        }
    }

    fn field(&mut self, field: &str, value: &toml::Value) -> Result<(), Wrong> {
        let (known, _) = self.gives.fields();
        match field {
            _ if !known.contains(&field) => return Err(Wrong::new(unknown(field, &known))),
            "kind" => self.kinds(value)?,
            "media" => self.media(value)?,
            _ if CONDITIONS.contains(&field) => {
                self.conditions.insert(field.to_owned(), Condition::parse(value)?);
            }
            _ if TIMES.contains(&field) => {
                self.values.insert(field.to_owned(), Expression::parse(value, OF_TIMES)?);
            }
            _ => {
                self.values.insert(field.to_owned(), Expression::parse(value, OF_TEXTS)?);
            }
        }
        Ok(())
    }

    /// `"review"`, or `{ reply = "parent_id", otherwise = "post" }`.
    fn kinds(&mut self, value: &toml::Value) -> Result<(), Wrong> {
        let toml::Value::Table(table) = value else {
            self.kind = kind(value.as_str().unwrap_or("")).map_err(Wrong::new)?;
            return Ok(());
        };
        for (name, decides) in table {
            match name.as_str() {
                "otherwise" => self.kind = kind(decides.as_str().unwrap_or("")).under(name)?,
                _ => self.kinds.push((kind(name).under(name)?, Condition::parse(decides).under(name)?)),
            }
        }
        Ok(())
    }

    fn media(&mut self, value: &toml::Value) -> Result<(), Wrong> {
        let table = value.as_table().ok_or_else(|| Wrong::new("is no table: write { image = \"…\" }"))?;
        for (name, places) in table {
            if !MEDIA.contains(&name.as_str()) {
                return Err(Wrong::new(unknown(name, &MEDIA)).under(name));
            }
            self.media.push((name.clone(), Expression::parse(places, OF_TEXTS).under(name)?));
        }
        Ok(())
    }

    /// The names of the fields that it fills.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let kinds = (!self.kinds.is_empty()).then_some("kind");
        let media = (!self.media.is_empty()).then_some("media");
        let named = self.values.keys().chain(self.conditions.keys()).map(String::as_str);
        named.chain(kinds).chain(media)
    }

    /// The holes of all its templates, each with its field.
    pub(crate) fn holes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().flat_map(|(field, expression)| expression.holes().map(move |hole| (field.as_str(), hole)))
    }

    /// When the listing places this record: its change where the map says one, else its creation.
    pub(crate) fn position(&self, record: &Value, origin: &Origin<'_>) -> Option<Timestamp> {
        let scope = Scope { record, names: origin.names };
        let time = |field: &str| self.values.get(field)?.time(&scope).ok().flatten();
        time("changed_at").or_else(|| time("created_at"))
    }

    /// The key of a mention by its id, where its instance is told by the settings alone.
    pub(crate) fn key(&self, native_id: &str, origin: &Origin<'_>) -> MentionKey {
        let scope = Scope { record: &Value::Null, names: origin.names };
        let instance = self.values.get("instance").and_then(|instance| instance.text(&scope).ok().flatten());
        MentionKey::new(origin.platform, instance.unwrap_or_default(), native_id)
    }

    /// What names the record on its platform, where that can be read.
    pub(crate) fn id(&self, record: &Value, origin: &Origin<'_>) -> Option<String> {
        self.values.get("id")?.text(&Scope { record, names: origin.names }).ok().flatten()
    }

    /// # Errors
    /// Why it is no mention, in words.
    pub(crate) fn map(&self, record: &Value, origin: &Origin<'_>) -> Result<Mapped, String> {
        let read = Reading { map: self, scope: Scope { record, names: origin.names } };
        if !record.is_object() && !record.is_array() {
            return Err("a record is neither an object nor a list: check `records`".to_owned());
        }
        if read.holds("skip") {
            return Ok(Mapped::Skipped);
        }
        match self.gives {
            Gives::Mention | Gives::Engagement => {}
            Gives::Account => return read.account(origin).map(Event::AccountSnapshot).map(Mapped::Event),
            Gives::Nothing => return Ok(Mapped::Noted),
        }
        let id = read.text("id")?.ok_or("the record has no id: check `map.id`")?;
        let instance = read.text("instance")?.unwrap_or_default();
        let key = MentionKey::new(origin.platform, instance, id);
        if self.gives == Gives::Engagement {
            let (engagement, observed_at) = (read.engagement()?, origin.observed_at);
            let snapshot = EngagementSnapshot { key, observed_at, engagement };
            return Ok(Mapped::Event(Event::EngagementSnapshot(snapshot)));
        }
        if read.holds("deleted") {
            return Ok(Mapped::Event(Event::Delete(Deletion { key, observed_at: origin.observed_at })));
        }
        Ok(Mapped::Event(Event::Upsert(Box::new(read.mention(key, origin.observed_at)?))))
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    let names = Kind::ALL.map(Kind::name);
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| unknown(name, &names))
}

/// One record while it is read.
struct Reading<'a> {
    map: &'a FieldMap,
    scope: Scope<'a>,
}

impl Reading<'_> {
    fn account(&self, origin: &Origin<'_>) -> Result<AccountSnapshot, String> {
        let account = self.text("account")?.ok_or("the record has no account: check `map.account`")?;
        let followers = self.count("followers")?.ok_or("the record has no followers: check `map.followers`")?;
        Ok(AccountSnapshot {
            platform: origin.platform.to_owned(),
            account: account.trim_start_matches('@').to_owned(),
            observed_at: origin.observed_at,
            followers,
        })
    }

    fn mention(&self, key: MentionKey, observed_at: Timestamp) -> Result<Mention, String> {
        let created_at = self.value("created_at").map(|time| time.time(&self.scope)).transpose()?.flatten();
        let created_at = created_at.ok_or("the record has no time: check `map.created_at`")?;
        let body = self.body()?;
        let mut mention = Mention::new(key, self.author()?, created_at, body.text);
        mention.observed_at = observed_at;
        mention.kind = self.kind();
        mention.space = self.text("space")?;
        mention.url = self.text("url")?;
        mention.language = self.text("language")?;
        mention.parent = self.text("parent")?;
        mention.root = self.text("root")?;
        mention.parent_author = self.text("parent_author")?;
        mention.engagement = self.engagement()?;
        mention.stars = self.value("stars").map(|stars| stars.number(&self.scope)).transpose()?.flatten().map(stars);
        self.signs(&mut mention, body.links);
        mention.media = self.media(body.images);
        Ok(mention)
    }

    /// The title, the text and what a poll asks, with blank lines between; of a poll, each option on its own line.
    fn body(&self) -> Result<Read, String> {
        let read = |field: &str| match self.value(field) {
            Some(expression) => expression.read(&self.scope).map(Option::unwrap_or_default),
            None => Ok(Read::default()),
        };
        let (title, mut body) = (read("title")?, read("text")?);
        if !title.text.is_empty() {
            let joined = format!("{}\n\n{}", title.text, body.text);
            body.text = joined.trim_end().to_owned();
        }
        let options = self.value("options").map(|options| options.list(&self.scope)).unwrap_or_default();
        if !options.is_empty() {
            body.text = format!("{}\n\n{}", body.text, options.join("\n")).trim_start().to_owned();
        }
        Ok(body)
    }

    fn author(&self) -> Result<Author, String> {
        let handle = self.text("author")?.map(|handle| handle.trim_start_matches('@').to_owned()).unwrap_or_default();
        Ok(Author {
            native_id: self.text("author_id")?.unwrap_or_else(|| handle.clone()),
            handle,
            name: self.text("author_name")?,
            followers: self.count("followers")?,
            is_team: self.holds("is_team"),
            is_bot: self.holds("is_bot"),
        })
    }

    fn kind(&self) -> Kind {
        let decided = self.map.kinds.iter().find(|(_, condition)| condition.holds(&self.scope));
        decided.map_or(self.map.kind, |(kind, _)| *kind)
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

    /// What the record says itself, then what its text says.
    fn signs(&self, mention: &mut Mention, links: Vec<String>) {
        let Signs { hashtags, handles, links: written } = signs(&mention.text);
        let stated = |field: &str| self.value(field).map(|list| list.list(&self.scope)).unwrap_or_default();
        let tags = stated("hashtags").iter().map(|tag| hashtag(tag)).collect();
        let named = stated("handles").iter().map(|name| name.trim_start_matches('@').to_lowercase()).collect();
        mention.hashtags = distinct([tags, hashtags]);
        mention.handles = distinct([named, handles]);
        mention.links = distinct([[stated("links"), links].concat(), written]);
    }

    fn media(&self, images: Vec<String>) -> Vec<Media> {
        let stated = self.map.media.iter().flat_map(|(kind, places)| {
            let urls = places.list(&self.scope).into_iter();
            urls.map(move |url| Media { kind: kind.clone(), url })
        });
        let mut all: Vec<Media> = Vec::new();
        for media in stated.chain(images.into_iter().map(|url| Media { kind: "image".to_owned(), url })) {
            if !all.contains(&media) {
                all.push(media);
            }
        }
        all
    }

    fn value(&self, field: &str) -> Option<&Expression> {
        self.map.values.get(field)
    }

    fn text(&self, field: &str) -> Result<Option<String>, String> {
        self.value(field).map_or(Ok(None), |expression| expression.text(&self.scope))
    }

    fn count(&self, field: &str) -> Result<Option<u64>, String> {
        self.value(field).map_or(Ok(None), |expression| expression.count(&self.scope))
    }

    fn holds(&self, field: &str) -> bool {
        self.map.conditions.get(field).is_some_and(|condition| condition.holds(&self.scope))
    }
}

fn stars(number: f64) -> f32 {
    number.clamp(1.0, 5.0) as f32
}

fn distinct(lists: [Vec<String>; 2]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for item in lists.into_iter().flatten() {
        if !item.is_empty() && !all.contains(&item) {
            all.push(item);
        }
    }
    all
}
