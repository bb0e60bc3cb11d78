//! HTML as platforms write posts, read as text. Pure, and total: any bytes between tags come out as something.

/// What a piece of HTML says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Without tags, entities decoded; blocks are lines of their own.
    pub text: String,
    /// Addresses of its links that begin with http, each once.
    pub links: Vec<String>,
    /// Addresses of its pictures that begin with http, each once; emoji and avatars are not pictures.
    pub images: Vec<String>,
}

use url::Url;

/// Begins and ends a line.
const BLOCKS: [&str; 22] = [
    "address",
    "article",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "tr",
    "ul",
];
/// What stands in them is not the author's text. Forums write quotes of others and previews of links as `aside`.
const LEFT_OUT: [&str; 5] = ["aside", "script", "style", "template", "noscript"];

/// Reads a piece of HTML whose addresses are whole; one that leaves out the scheme is meant by https.
pub fn read(html: &str) -> Read {
    read_at(html, None)
}

/// Reads a piece of HTML of a page at this address: what it does not write out of an address is of the page's.
pub fn read_at(html: &str, page: Option<&Url>) -> Read {
    let mut reader = Reader { page: page.cloned(), ..Reader::default() };
    let mut rest = html;
    while let Some((before, tag, after)) = next_tag(rest) {
        reader.text(before);
        reader.tag(tag);
        rest = after;
    }
    reader.text(rest);
    reader.finish()
}

/// The text before the next tag, what stands between `<` and `>`, and what follows. A `<` that opens no tag is text.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let opens = |at: &usize| html[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
    let start = html.match_indices('<').map(|(at, _)| at).find(opens)?;
    let inner = &html[start + 1..];
    if let Some(comment) = inner.strip_prefix("!--") {
        let end = comment.find("-->").map_or(comment.len(), |end| end + 3);
        return Some((&html[..start], "!", &comment[end..]));
    }
    let end = tag_end(inner);
    Some((&html[..start], &inner[..end], inner.get(end + 1..).unwrap_or("")))
}

/// A `>` inside quotes is part of the tag.
fn tag_end(inner: &str) -> usize {
    let mut quote = None;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    inner.find('>').unwrap_or(inner.len())
}

#[derive(Default)]
struct Reader {
    read: Read,
    page: Option<Url>,
    /// The tag that is left out, and how often it is open.
    left_out: Option<(&'static str, usize)>,
    /// Inside `pre`, white space stays.
    preformatted: bool,
}

impl Reader {
    fn text(&mut self, raw: &str) {
        if self.left_out.is_some() {
            return;
        }
        let decoded = html_escape::decode_html_entities(raw);
        if self.preformatted {
            self.read.text.push_str(&decoded);
            return;
        }
        for c in decoded.chars() {
            match c {
                c if c.is_whitespace() => {
                    if !self.read.text.is_empty() && !self.read.text.ends_with([' ', '\n']) {
                        self.read.text.push(' ');
                    }
                }
                c => self.read.text.push(c),
            }
        }
    }

    fn tag(&mut self, tag: &str) {
        let closes = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        let name = name.to_ascii_lowercase();
        if self.leave_out(&name, closes, tag.ends_with('/')) {
            return;
        }
        if BLOCKS.contains(&name.as_str()) {
            self.end_line();
        }
        match name.as_str() {
            "pre" => self.preformatted = !closes,
            "a" if !closes => {
                let address = self.whole(attribute(tag, "href"));
                push_address(&mut self.read.links, address);
            }
            "img" => self.image(tag),
            _ => {}
        }
    }

    /// Whether this tag opens, closes or stands in something that is left out.
    fn leave_out(&mut self, name: &str, closes: bool, is_empty: bool) -> bool {
        match &mut self.left_out {
            Some((open, depth)) => {
                if *open == name {
                    *depth = if closes { *depth - 1 } else { *depth + 1 };
                }
                if *depth == 0 {
                    self.left_out = None;
                    if name == "aside" {
                        self.end_line();
                    }
                }
                true
            }
            None => {
                let known = LEFT_OUT.into_iter().find(|known| *known == name && !closes && !is_empty);
                self.left_out = known.map(|known| (known, 1));
                known.is_some()
            }
        }
    }

    /// Emoji are pictures with their name beside them: `:smile:`, or the character itself.
    fn image(&mut self, tag: &str) {
        let class = attribute(tag, "class").unwrap_or_default();
        if class.contains("emoji") {
            self.text(&attribute(tag, "alt").unwrap_or_default());
        } else if !class.contains("avatar") {
            let address = self.whole(attribute(tag, "src"));
            push_address(&mut self.read.images, address);
        }
    }

    /// An address as a whole. A place on the page itself leads nowhere else.
    fn whole(&self, address: Option<String>) -> Option<String> {
        let address = address.filter(|address| !address.starts_with('#'))?;
        match (&self.page, address.strip_prefix("//")) {
            (Some(page), _) if !address.contains("://") => Some(page.join(&address).ok()?.to_string()),
            (_, Some(rest)) => Some(format!("https://{rest}")),
            _ => Some(address),
        }
    }

    fn end_line(&mut self) {
        let end = self.read.text.trim_end_matches(' ').len();
        self.read.text.truncate(end);
        if !self.read.text.is_empty() && !self.read.text.ends_with('\n') {
            self.read.text.push('\n');
        }
    }

    fn finish(mut self) -> Read {
        self.read.text = self.read.text.trim().to_owned();
        self.read
    }
}

fn push_address(list: &mut Vec<String>, address: Option<String>) {
    if let Some(address) = address
        && (address.starts_with("http://") || address.starts_with("https://"))
        && !list.contains(&address)
    {
        list.push(address);
    }
}

/// The value of an attribute, decoded.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag.split_once(char::is_whitespace)?.1.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..end];
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            (value, rest) = attribute_value(after.trim_start());
        }
        if key.eq_ignore_ascii_case(name) {
            return Some(html_escape::decode_html_entities(value).trim().to_owned());
        }
        rest = rest.trim_start();
    }
    None
}

/// The value that begins here, and what follows it.
fn attribute_value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inner = &text[1..];
            let end = inner.find(quote).unwrap_or(inner.len());
            (&inner[..end], inner.get(end + 1..).unwrap_or(""))
        }
        _ => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_post_reads_as_its_author_wrote_it() {
        for (html, text) in [
            ("<p>One &amp; two</p>\n<p>three<br/>four</p>", "One & two\nthree\nfour"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            ("<pre>a\n  b</pre>c", "a\n  b\nc"),
            ("1 < 2 and <b>bold</b>", "1 < 2 and bold"),
            ("it&#39;s &lt;b&gt; &hellip;", "it's <b> …"),
            ("<aside class=\"quote\">theirs<aside>x</aside> too</aside>mine", "mine"),
            ("a<!-- <p>no</p> -->b<script>x()</script>c", "abc"),
            ("<p>fine <img class=\"emoji\" alt=\":tada:\" src=\"/t.png\"></p>", "fine :tada:"),
            ("<a title=\"a > b\" href='https://x.example'>x</a> <", "x <"),
        ] {
            assert_eq!(read(html).text, text, "{html}");
        }
    }

    #[test]
    fn links_and_pictures_are_kept() {
        let html = "<a href=\"https://a.example/?x=1&amp;y=2\">a</a><a href=\"/rel\">r</a><a href=https://b.example>b</a>\
                    <img src=\"https://i.example/p.png\"><img class=\"avatar\" src=\"https://i.example/me.png\">";
        let found = read(html);
        assert_eq!(found.links, ["https://a.example/?x=1&y=2", "https://b.example"]);
        assert_eq!(found.images, ["https://i.example/p.png"]);
    }

    #[test]
    fn addresses_are_made_whole_by_the_page_that_they_stand_on() {
        let html = "<a href=\"//b.example/x\">b</a><a href=\"/t/5\">t</a><a href=\"#top\">top</a><a href=\"mailto:a@b.example\">m</a>\
                    <img src=\"up.png\"><img src=\"data:image/png;base64,AAAA\">";
        let found = read(html);
        assert_eq!((found.links, found.images), (vec!["https://b.example/x".to_owned()], vec![]));
        let page = Url::parse("http://f.example/c/index.html").unwrap();
        let found = read_at(html, Some(&page));
        assert_eq!(found.links, ["http://b.example/x", "http://f.example/t/5"]);
        assert_eq!(found.images, ["http://f.example/c/up.png"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(html in "[<>/a-c \"'=&;!\\-aside]{0,60}|\\PC{0,40}") {
            read(&html);
        }

        #[test]
        fn text_without_markup_stays(words in "[a-z]{1,8}( [a-z]{1,8}){0,5}") {
            prop_assert_eq!(read(&words).text, words);
        }
    }
}
