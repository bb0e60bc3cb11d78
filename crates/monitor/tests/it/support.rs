use grapevine_model::{Author, Engagement, Kind, Mention, MentionKey};
use grapevine_monitor::{Brand, Matcher, Monitor};

pub fn mention(text: &str) -> Mention {
    Mention {
        key: MentionKey::new("test", "", "1"),
        kind: Kind::Post,
        space: None,
        url: None,
        author: Author { native_id: "ada".into(), handle: "ada".into(), ..Author::default() },
        created_at: "2026-03-01T10:00:00Z".parse().unwrap(),
        observed_at: "2026-03-01T10:00:05Z".parse().unwrap(),
        text: text.into(),
        language: None,
        hashtags: vec![],
        handles: vec![],
        links: vec![],
        media: vec![],
        root: None,
        parent: None,
        parent_author: None,
        engagement: Engagement::default(),
        stars: None,
        brands: vec![],
        scores: None,
        raw: None,
    }
}

pub fn brand(name: &str, queries: &[(&str, &str)]) -> Brand {
    let monitor = |(name, query): &(&str, &str)| Monitor { name: (*name).into(), query: (*query).into() };
    Brand {
        name: name.into(),
        competitor: false,
        accounts: vec![],
        spaces: vec![],
        monitors: queries.iter().map(monitor).collect(),
    }
}

pub fn matches(query: &str, mention: &Mention) -> bool {
    let matcher = Matcher::new(&[brand("b", &[("m", query)])]).unwrap_or_else(|error| panic!("{error}"));
    !matcher.matches(mention).is_empty()
}
