//! What an entry says in extensions that the parser does not know.

use quick_xml::{
    NsReader, XmlVersion,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

/// Threading of Atom, RFC 4685.
const THREADING: &str = "http://purl.org/syndication/thread/1.0";
/// Comments of RSS, as WordPress counts them.
const SLASH: &str = "http://purl.org/rss/1.0/modules/slash/";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// Id of the entry that this one answers.
    pub(super) parent: Option<String>,
    pub(super) replies: Option<u64>,
    pub(super) language: Option<String>,
}

/// A number or text that is being read.
#[derive(Debug, Clone, Copy)]
enum Field {
    Replies,
    Language,
}

impl Extra {
    /// One for each entry, in their order. What is no XML has none.
    pub(super) fn of_xml(bytes: &[u8]) -> Vec<Extra> {
        let text = String::from_utf8_lossy(bytes);
        let mut reader = NsReader::from_str(&text);
        let (mut all, mut inside, mut field) = (Vec::<Extra>::new(), false, None);
        // A broken end leaves what came before it; the feed's own parser says what is wrong.
        while let Ok((namespace, event)) = reader.read_resolved_event() {
            match &event {
                Event::Eof => break,
                Event::Start(tag) if !inside && is_entry(tag.local_name().as_ref()) => {
                    inside = true;
                    all.push(Extra { language: attribute(tag, "xml:lang"), ..Extra::default() });
                }
                Event::End(tag) if is_entry(tag.local_name().as_ref()) => inside = false,
                Event::Start(tag) | Event::Empty(tag) if inside => {
                    field = all.last_mut().and_then(|extra| extra.begin(namespace_of(&namespace), tag));
                }
                Event::Text(text) if inside => {
                    if let (Some(field), Some(extra)) = (field.take(), all.last_mut()) {
                        extra.read(field, text.xml10_content().trim());
                    }
                }
                Event::End(_) => field = None,
                _ => {}
            }
        }
        all
    }

    /// Takes in an element's attributes; its text may belong to a field.
    fn begin(&mut self, namespace: &str, tag: &BytesStart<'_>) -> Option<Field> {
        match (namespace, tag.local_name().as_ref()) {
            (THREADING, "in-reply-to") => {
                self.parent = self.parent.take().or_else(|| attribute(tag, "ref"));
                None
            }
            (THREADING, "total") | (SLASH, "comments") => Some(Field::Replies),
            (DUBLIN_CORE, "language") => Some(Field::Language),
            _ => None,
        }
    }

    fn read(&mut self, field: Field, text: &str) {
        match field {
            Field::Replies => self.replies = text.parse().ok().or(self.replies),
            Field::Language => self.language = Some(text.to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

fn is_entry(name: &str) -> bool {
    matches!(name, "entry" | "item")
}

fn namespace_of<'a>(namespace: &ResolveResult<'a>) -> &'a str {
    match namespace {
        ResolveResult::Bound(Namespace(name)) => name,
        _ => "",
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_numbers_of_comments_are_found_whatever_their_prefix() {
        let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:t="http://purl.org/syndication/thread/1.0"
              xmlns:slash="http://purl.org/rss/1.0/modules/slash/">
            <entry xml:lang="de"><t:in-reply-to ref="tag:a&amp;b" href="https://a.example/1"/><t:total> 3 </t:total></entry>
            <item><comments>https://a.example/1#c</comments><slash:comments>12</slash:comments></item>
            <entry><title>none</title></entry><broken"#;
        let found = Extra::of_xml(feed.as_bytes());
        let extra = |parent: Option<&str>, replies, language: Option<&str>| Extra {
            parent: parent.map(str::to_owned),
            replies,
            language: language.map(str::to_owned),
        };
        assert_eq!(found, [extra(Some("tag:a&b"), Some(3), Some("de")), extra(None, Some(12), None), Extra::default()]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in "(<entry>|<item |</item>|&x;|xmlns:t='|\\PC|[<>/='\"]){0,30}") {
            Extra::of_xml(bytes.as_bytes());
        }
    }
}
