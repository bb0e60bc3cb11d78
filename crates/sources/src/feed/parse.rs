//! Bytes to a feed, whatever its format, without what the parser does not bear.

use feed_rs::{
    model::{Feed, Link, Text},
    parser::{Builder, ParseFeedError},
};

use super::{extra::Extra, json};

/// Why something is no feed.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("elements stand in one another more than {DEEPEST} deep")]
    TooDeep,
    #[error("{0}")]
    Shape(#[from] ParseFeedError),
}

impl ParseError {
    /// Sites show other pages while they are worked on.
    pub fn is_transient(&self) -> bool {
        true
    }
}

/// A feed as it was read.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub(super) feed: Feed,
    /// One for each entry of the feed, in their order.
    pub(super) extras: Vec<Extra>,
}

/// Reads RSS, Atom or JSON Feed.
///
/// # Errors
/// Why it is none of them.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if let Some((mended, extras)) = json::mend(bytes) {
        return parsed(&mended, extras);
    }
    if is_too_deep(bytes) {
        return Err(ParseError::TooDeep);
    }
    parsed(bytes, Extra::of_xml(bytes))
}

fn parsed(bytes: &[u8], mut extras: Vec<Extra>) -> Result<Parsed, ParseError> {
    // Without it, an entry that has no id gets a random one at each reading.
    let by_content = |links: &[Link], title: &Option<Text>, _: Option<&str>| {
        let title = title.as_ref().map_or("", |title| title.content.as_str());
        let link = links.first().map_or("", |link| link.href.as_str());
        if link.is_empty() && title.is_empty() { String::new() } else { digest(&[link, title]) }
    };
    let feed = Builder::new().id_generator(by_content).build().parse(bytes)?;
    if extras.len() != feed.entries.len() {
        // Whose they are is not known.
        extras = vec![Extra::default(); feed.entries.len()];
    }
    Ok(Parsed { feed, extras })
}

pub(super) fn digest(parts: &[&str]) -> String {
    format!("blake3:{}", &blake3::hash(parts.join("\u{0}").as_bytes()).to_hex()[..32])
}

/// The parser goes into some elements by recursion: without a bound, a page could end the process.
const DEEPEST: usize = 200;

/// An estimate for XML; JSON has a bound of its own.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut rest, mut depth) = (bytes, 0_usize);
    while let Some(start) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[start..];
        let end: &[u8] = match rest {
            [b'<', b'!', b'[', ..] => b"]]>",
            [b'<', b'!', b'-', ..] => b"-->",
            _ => b">",
        };
        let Some(length) = rest.windows(end.len()).position(|window| window == end) else { return false };
        match rest[1..=length] {
            [b'/', ..] => depth = depth.saturating_sub(1),
            [b'!' | b'?', ..] | [.., b'/', b'>'] => {}
            _ => depth += 1,
        }
        if depth > DEEPEST {
            return true;
        }
        rest = &rest[length..];
    }
    false
}
