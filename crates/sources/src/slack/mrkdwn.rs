//! Slack's markup: what stands in angle brackets, and three escapes. Pure.

use crate::{
    json::push_new,
    text::{Signs, signs},
};

use super::people::People;

/// A text as people see it, and what it names.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) text: String,
    pub(super) signs: Signs,
    /// The text without what stood in brackets.
    bare: String,
}

/// Reads a text. What is in no known form stays as it is.
pub(super) fn read(marked: &str, people: &People) -> Plain {
    let mut plain = Plain::default();
    let mut rest = marked;
    while let Some(open) = rest.find('<') {
        let Some(length) = rest[open..].find('>') else { break };
        plain.write(&rest[..open]);
        plain.reference(&rest[open + 1..open + length], people);
        rest = &rest[open + length + 1..];
    }
    plain.write(rest);
    let written = signs(&plain.bare);
    plain.signs.hashtags = written.hashtags;
    written.handles.into_iter().for_each(|handle| push_new(&mut plain.signs.handles, handle));
    written.links.into_iter().for_each(|link| push_new(&mut plain.signs.links, link));
    plain
}

/// Those in the text: `U…` and `W…`.
pub(super) fn users(marked: &str) -> impl Iterator<Item = &str> {
    marked.split("<@").skip(1).filter_map(|part| part.split(['>', '|']).next()).filter(|id| !id.is_empty())
}

impl Plain {
    fn write(&mut self, part: &str) {
        let part = unescaped(part);
        self.text.push_str(&part);
        self.bare.push_str(&part);
    }

    /// What stands between `<` and `>`: a target and, behind a bar, what is shown for it.
    fn reference(&mut self, inside: &str, people: &People) {
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        let label = unescaped(label);
        self.bare.push(' ');
        if let Some(id) = target.strip_prefix('@') {
            let handle = people.handle(id).map(str::to_owned).unwrap_or(label).trim_start_matches('@').to_owned();
            let handle = if handle.is_empty() { id.to_owned() } else { handle };
            self.text.push_str(&format!("@{handle}"));
            push_new(&mut self.signs.handles, handle.to_lowercase());
        } else if let Some(id) = target.strip_prefix('#') {
            self.text.push_str(&format!("#{}", if label.is_empty() { id } else { &label }));
        } else if let Some(command) = target.strip_prefix('!') {
            let name = command.split('^').next().unwrap_or_default();
            self.text.push_str(&if label.is_empty() { format!("@{name}") } else { label });
        } else {
            let address = unescaped(target);
            self.text.push_str(if label.is_empty() { &address } else { &label });
            if !address.starts_with("mailto:") && !address.starts_with("tel:") {
                push_new(&mut self.signs.links, address);
            }
        }
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::people::Person;
    use proptest::prelude::*;

    #[test]
    fn references_are_read_as_people_see_them() {
        let mut people = People::default();
        people.insert("U1", Person { handle: "ann".into(), ..Person::default() });
        let marked = "<@U1> and <@U2|bo>, see <#C1|general> &amp; <https://a.example/?x=1&amp;y=2|the *page*> <!here> \
                      <!subteam^S1|@support> <!date^1^{date}|noon> <mailto:a@b.example|a@b.example> #Tea 1 &lt; 2";
        let plain = read(marked, &people);
        assert_eq!(
            plain.text,
            "@ann and @bo, see #general & the *page* @here @support noon a@b.example #Tea 1 < 2"
        );
        assert_eq!(plain.signs.handles, ["ann", "bo"]);
        assert_eq!(plain.signs.hashtags, ["tea"], "a channel is no hashtag");
        assert_eq!(plain.signs.links, ["https://a.example/?x=1&y=2"]);
        assert_eq!(users(marked).collect::<Vec<_>>(), ["U1", "U2"]);
    }

    #[test]
    fn an_escape_is_read_once() {
        assert_eq!(read("&amp;lt;b&amp;gt;", &People::default()).text, "&lt;b&gt;");
        assert_eq!(read("a <b", &People::default()).text, "a <b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>@#!|^&;aé🫖 ]{0,24}") {
            read(&text, &People::default());
            users(&text).for_each(drop);
        }
    }
}
