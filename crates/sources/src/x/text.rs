//! The text of a post as people read it: links written out, signs not escaped.

use super::api::{Entities, Link};

/// Writes out the links of t.co, leaves out those that show the post's own pictures or the post that it quotes, and
/// unescapes `&amp;`, `&lt;` and `&gt;`.
///
/// A link is looked for as it is written. The places that X states count characters, but not of every text that it
/// sends: those of a long post's links are of the long text, and of an older post may be of another form of it.
pub(super) fn plain(text: &str, links: &[&Link<'_>], quoted: Option<&str>) -> String {
    if links.is_empty() && !text.contains('&') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len() + 64);
    let mut from = 0;
    for (start, end, link) in places(text, links) {
        unescape(&text[from..start], &mut plain);
        match instead(link, quoted) {
            Some(address) => plain.push_str(address),
            None => plain.truncate(plain.trim_end_matches(' ').len()),
        }
        from = end;
    }
    unescape(&text[from..], &mut plain);
    plain.truncate(plain.trim_end().len());
    plain
}

/// Where each link stands, in order.
fn places<'l>(text: &str, links: &[&'l Link<'l>]) -> Vec<(usize, usize, &'l Link<'l>)> {
    let mut places: Vec<(usize, usize, &Link<'_>)> = Vec::with_capacity(links.len());
    for link in links {
        let Some(url) = link.url.get() else { continue };
        let is_free = |start: &usize| places.iter().all(|(from, to, _)| start + url.len() <= *from || *to <= *start);
        let is_whole = |start: &usize| !text[start + url.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let found = text.match_indices(url).map(|(start, _)| start).filter(is_whole).find(is_free);
        if let Some(start) = found {
            places.push((start, start + url.len(), link));
        }
    }
    places.sort_unstable_by_key(|place| place.0);
    places
}

/// `None` where the link is no part of what is said.
fn instead<'l>(link: &'l Link<'l>, quoted: Option<&str>) -> Option<&'l str> {
    if shows_media(link) || leads_to(link, quoted) { None } else { link.expanded_url.get().or(link.url.get()) }
}

pub(super) fn shows_media(link: &Link<'_>) -> bool {
    let shown = link.display_url.or_empty();
    link.media_key.get().is_some() || shown.starts_with("pic.x.com/") || shown.starts_with("pic.twitter.com/")
}

/// Is it the link to a post?
pub(super) fn leads_to(link: &Link<'_>, post: Option<&str>) -> bool {
    let at_end = |id: &str| {
        let address = link.expanded_url.or_empty().split('?').next().unwrap_or_default();
        address.strip_suffix(id).is_some_and(|start| start.ends_with("/status/"))
    };
    post.is_some_and(at_end)
}

fn unescape(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        into.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
        let (written, sign) = known.into_iter().find(|(written, _)| rest.starts_with(written)).unwrap_or(("&", '&'));
        into.push(sign);
        rest = &rest[written.len()..];
    }
    into.push_str(rest);
}

/// The links of several lists, each once as it is written in one place.
pub(super) fn links<'l>(entities: &[&'l Entities<'l>]) -> Vec<&'l Link<'l>> {
    let mut links: Vec<&Link<'_>> = Vec::new();
    for list in entities {
        let known = links.len();
        for link in list.urls.iter().filter_map(|link| link.get()) {
            if !links[..known].iter().any(|other| other.url == link.url) {
                links.push(link);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_of(text: &str, entities: &str, quoted: Option<&str>) -> String {
        let entities: Entities<'_> = serde_json::from_str(entities).unwrap();
        plain(text, &links(&[&entities]), quoted)
    }

    #[test]
    fn a_text_reads_as_it_was_meant() {
        let urls = r#"{"urls": [
            {"url": "https://t.co/aaaaaaaaaa", "expanded_url": "https://acme.example/?a=1&amp;b", "start": 1, "end": 3},
            {"url": "https://t.co/pppppppppp", "expanded_url": "https://x.com/a/status/1/photo/1", "media_key": "3_1"},
            {"url": "https://t.co/qqqqqqqqqq", "expanded_url": "https://x.com/b/status/77"}]}"#;
        for (text, plain) in [
            ("🦊 &lt;3 &amp;amp; https://t.co/aaaaaaaaaa!", "🦊 <3 &amp; https://acme.example/?a=1&amp;b!"),
            ("Look https://t.co/pppppppppp", "Look"),
            ("Look https://t.co/pppppppppp https://t.co/qqqqqqqqqq", "Look"),
            ("Look https://t.co/pppppppppp now", "Look now"),
            ("https://t.co/unknownnnn &copy;", "https://t.co/unknownnnn &copy;"),
            ("https://t.co/aaaaaaaaaab", "https://t.co/aaaaaaaaaab"),
        ] {
            assert_eq!(plain_of(text, urls, Some("77")), plain);
        }
        assert_eq!(plain_of("A https://t.co/qqqqqqqqqq", urls, None), "A https://x.com/b/status/77");
    }

    #[test]
    fn a_link_that_stands_twice_is_written_out_twice() {
        let urls = r#"{"urls": [{"url": "https://t.co/a", "expanded_url": "https://a.example"},
            {"url": "https://t.co/a", "expanded_url": "https://a.example"}]}"#;
        assert_eq!(plain_of("https://t.co/a https://t.co/a", urls, None), "https://a.example https://a.example");
    }
}
