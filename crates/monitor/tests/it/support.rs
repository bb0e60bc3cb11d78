use grapevine_model::{Author, Mention, MentionKey};
use grapevine_monitor::{Brand, Matcher, Monitor};

pub fn mention(text: &str) -> Mention {
    let author = Author { native_id: "ada".into(), handle: "ada".into(), ..Author::default() };
    let created_at = "2026-03-01T10:00:00Z".parse().unwrap();
    Mention::new(MentionKey::new("test", "", "1"), author, created_at, text)
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
