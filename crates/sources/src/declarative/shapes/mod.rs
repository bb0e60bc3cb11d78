//! How the platforms of the shipped definitions tell a story, one module each.

mod pages;

use std::sync::Arc;

use crate::conformance::shape::Shape;

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
    discourse,
    facebook_page,
    googleplay_reviews,
    instagram,
    linkedin,
    reddit,
    threads,
    tiktok,
    tiktok_research,
}
