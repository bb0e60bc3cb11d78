//! What Jetstream sends, as far as a mention has room for it. Everything may be absent or of another type.

use serde::Deserialize;

use crate::loose::{Flag, List, Number, Object, Text};

/// A frame of version 1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) did: Text<'a>,
    pub(super) time_us: Number,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) commit: Object<Commit<'a>>,
    #[serde(borrow)]
    pub(super) account: Object<Account<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Commit<'a> {
    #[serde(borrow)]
    pub(super) operation: Text<'a>,
    #[serde(borrow)]
    pub(super) collection: Text<'a>,
    #[serde(borrow)]
    pub(super) rkey: Text<'a>,
    #[serde(borrow)]
    pub(super) record: Object<Record<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account<'a> {
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    pub(super) active: Flag,
}

/// A post, as its author's client wrote it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) langs: List<Text<'a>>,
    #[serde(borrow)]
    pub(super) tags: List<Text<'a>>,
    #[serde(borrow)]
    pub(super) reply: Object<Reply<'a>>,
    #[serde(borrow)]
    pub(super) embed: Object<Embed<'a>>,
    #[serde(borrow)]
    pub(super) facets: List<Object<Facet<'a>>>,
    /// What facets were before there were facets.
    #[serde(borrow)]
    pub(super) entities: List<Object<Entity<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reply<'a> {
    #[serde(borrow)]
    pub(super) root: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) parent: Object<Reference<'a>>,
}

/// Of a post, or of a page on the web.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Embed<'a> {
    #[serde(borrow)]
    pub(super) record: Object<Quoted<'a>>,
    /// Beside a quoted post: what else stands in the embed itself.
    #[serde(borrow)]
    pub(super) media: Object<Attached<'a>>,
    #[serde(borrow)]
    pub(super) images: List<Object<Image<'a>>>,
    #[serde(borrow)]
    pub(super) video: Object<Blob<'a>>,
    #[serde(borrow)]
    pub(super) external: Object<Reference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attached<'a> {
    #[serde(borrow)]
    pub(super) images: List<Object<Image<'a>>>,
    #[serde(borrow)]
    pub(super) video: Object<Blob<'a>>,
    #[serde(borrow)]
    pub(super) external: Object<Reference<'a>>,
}

/// The reference itself, or in it beside media.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Quoted<'a> {
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
    #[serde(borrow)]
    pub(super) record: Object<Reference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Image<'a> {
    #[serde(borrow)]
    pub(super) image: Object<Blob<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Blob<'a> {
    #[serde(rename = "ref", borrow)]
    reference: Object<Content<'a>>,
    /// In its place, in posts of the network's first year.
    #[serde(borrow)]
    cid: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(rename = "$link", borrow)]
    link: Text<'a>,
}

impl Blob<'_> {
    /// The name of what it holds.
    pub(super) fn content(&self) -> Option<&str> {
        self.reference.get().and_then(|reference| reference.link.get()).or(self.cid.get())
    }
}

/// A part of the text and what it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Facet<'a> {
    pub(super) index: Object<Index>,
    #[serde(borrow)]
    pub(super) features: List<Object<Feature<'a>>>,
}

/// In bytes of UTF-8.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Index {
    pub(super) byte_start: Number,
    pub(super) byte_end: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Feature<'a> {
    #[serde(borrow)]
    pub(super) tag: Text<'a>,
    #[serde(borrow)]
    pub(super) uri: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) value: Text<'a>,
}
