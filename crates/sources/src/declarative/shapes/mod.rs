//! How the platforms of the shipped definitions tell a story, one module each.

mod pages;

use std::sync::Arc;

use crate::conformance::{
    shape::Shape,
    story::{Told, View},
};

macro_rules! shapes {
    ($($kind:ident),* $(,)?) => {
        $(mod $kind;)*

        /// Every shape of a definition.
        pub fn shapes() -> Vec<Arc<dyn Shape>> {
            vec![$(Arc::new($kind::Platform)),*]
        }
    };
}

shapes! {
    appstore_reviews,
    discourse,
    facebook_page,
    github,
    googleplay_reviews,
    hackernews_search,
    instagram,
    lemmy,
    linkedin,
    reddit,
    stackexchange,
    threads,
    tiktok,
    tiktok_research,
    trustpilot,
    youtube,
}

/// The posts of a page by its number from 1, and whether more follow.
fn numbered<'a>(
    view: &View<'_>,
    posts: impl Iterator<Item = &'a Told>,
    page: Option<u64>,
) -> (Vec<&'a Told>, bool) {
    let before = usize::try_from(page.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX);
    let mut rest = posts.skip(before.saturating_mul(view.per_page)).peekable();
    let page = rest.by_ref().take(view.per_page).collect();
    (page, rest.peek().is_some())
}
