//! What a text names: hashtags, handles and links. Pure, and the same for every platform that does not say it itself.

use std::ops::Range;

use memchr::{memchr3_iter, memmem};

/// The signs of one text, each once, in the order of their first place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Without `#`, lower-case.
    pub hashtags: Vec<String>,
    /// Without `@`, lower-case.
    pub handles: Vec<String>,
    /// As written.
    pub links: Vec<String>,
}

/// Reads the signs of a text. What stands inside a link is part of the link.
pub fn signs(text: &str) -> Signs {
    let mut signs = Signs::default();
    let mut from = 0;
    for link in links(text) {
        names(&text[from..link.start], &mut signs);
        from = link.end;
        push_new(&mut signs.links, text[link].to_owned());
    }
    names(&text[from..], &mut signs);
    signs
}

/// A tag as people write it, in the form that mentions carry.
pub fn hashtag(written: &str) -> String {
    written.trim().trim_start_matches(['#', '＃']).to_lowercase()
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn links(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for start in memmem::find_iter(text.as_bytes(), "http") {
        let rest = &text[start..];
        let is_inside = found.last().is_some_and(|link| start < link.end);
        let scheme = ["https://", "http://"].into_iter().find(|scheme| rest.starts_with(scheme));
        if let (Some(scheme), false) = (scheme, is_inside) {
            let end = link_end(rest);
            if end > scheme.len() {
                found.push(start..start + end);
            }
        }
    }
    found
}

/// Up to white space, a quote or a bracket that never stands in a link, less the punctuation of the sentence around it.
fn link_end(rest: &str) -> usize {
    let stops = |c: char| c.is_whitespace() || c.is_control() || "<>\"`「」『』、。（）【】“”…".contains(c);
    let mut link = &rest[..rest.find(stops).unwrap_or(rest.len())];
    while let Some(last) = link.chars().next_back() {
        let is_unopened = last == ')' && link.matches(')').count() > link.matches('(').count();
        if !is_unopened && !".,;:!?'*]}|".contains(last) {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}')
}

/// Of what begins one of these bytes, few are signs, and most texts have none of them.
fn names(text: &str, signs: &mut Signs) {
    // The wide signs, ＃ and ＠, begin with the third.
    for at in memchr3_iter(b'#', b'@', 0xEF, text.as_bytes()) {
        let mut rest = text[at..].chars();
        let Some(sign @ ('#' | '＃' | '@' | '＠')) = rest.next() else { continue };
        let before = text[..at].chars().next_back();
        if before.is_some_and(|b| is_word(b) || matches!(b, '&' | '/' | '#' | '@' | '＃' | '＠')) {
            continue;
        }
        match sign {
            '#' | '＃' => add_tag(rest.as_str(), signs),
            _ => add_handle(rest.as_str(), signs),
        }
    }
}

fn add_tag(rest: &str, signs: &mut Signs) {
    let tag = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    if tag.chars().any(|c| !c.is_numeric() && c != '_') {
        push_new(&mut signs.hashtags, tag.to_lowercase());
    }
}

fn add_handle(rest: &str, signs: &mut Signs) {
    let part = |c: char| is_word(c) || matches!(c, '.' | '-' | '@');
    let handle = rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())].trim_end_matches(['.', '-', '@']);
    if handle.starts_with(is_word) {
        push_new(&mut signs.handles, handle.to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signs_are_read_as_people_write_them() {
        for (text, hashtags, handles, links) in [
            ("#One two#no #one ＃Zwei. #3 #4ever", "one zwei 4ever", "", ""),
            (".@Acme, =@b_2: a@mail.example", "", "acme b_2", ""),
            ("@you.bsky.example. @me@server.example!", "", "you.bsky.example me@server.example", ""),
            (
                "see https://a.example/x#top?@q=1, (http://b.example/y_(z)).",
                "",
                "",
                "https://a.example/x#top?@q=1 http://b.example/y_(z)",
            ),
            ("見て https://a.example/日本。#東京タワー", "東京タワー", "", "https://a.example/日本"),
            ("I&#39;m http:// fine @ #", "", "", ""),
            ("＠Wide ！＃一 a＃b ﷽#after", "一 after", "wide", ""),
        ] {
            let found = signs(text);
            assert_eq!(found.hashtags.join(" "), hashtags, "{text}");
            assert_eq!(found.handles.join(" "), handles, "{text}");
            assert_eq!(found.links.join(" "), links, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[#@＃a1.é/東 ]{0,12}(https?://)?[#@)(a.é]{0,6}\\PC{0,8}") {
            let found = signs(&text);
            for link in &found.links {
                prop_assert!(text.contains(link.as_str()));
            }
        }
    }
}
