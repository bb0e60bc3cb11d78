//! Discord's markup: what stands in angle brackets. Pure.

use std::collections::BTreeMap;

use crate::{
    json::push_new,
    text::{Signs, signs},
};

/// Names of what a message refers to, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) users: BTreeMap<String, String>,
    pub(super) roles: BTreeMap<String, String>,
    pub(super) channels: BTreeMap<String, String>,
}

/// A text as people see it, and what it names.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) text: String,
    pub(super) signs: Signs,
    bare: String,
}

/// Reads a text. What is in no known form stays as it is; the first who knows a name says it.
pub(super) fn read(marked: &str, names: &[&Names]) -> Plain {
    let mut plain = Plain::default();
    let mut rest = marked;
    while let Some(open) = rest.find('<') {
        plain.write(&rest[..open]);
        let reference = rest[open..].find('>').and_then(|length| {
            let inside = &rest[open + 1..open + length];
            plain.reference(inside, names).then_some(open + length + 1)
        });
        match reference {
            Some(end) => rest = &rest[end..],
            None => {
                plain.write("<");
                rest = &rest[open + 1..];
            }
        }
    }
    plain.write(rest);
    let written = signs(&plain.bare);
    plain.signs.hashtags = written.hashtags;
    plain.signs.links = written.links;
    plain
}

impl Plain {
    fn write(&mut self, part: &str) {
        self.text.push_str(part);
        self.bare.push_str(part);
    }

    fn show(&mut self, shown: &str) -> bool {
        self.text.push_str(shown);
        self.bare.push(' ');
        true
    }

    /// False where it is none.
    fn reference(&mut self, inside: &str, names: &[&Names]) -> bool {
        let name = |of: fn(&Names) -> &BTreeMap<String, String>, id: &str| {
            names.iter().find_map(|names| of(names).get(id)).cloned().unwrap_or_else(|| id.to_owned())
        };
        if let Some(id) = inside.strip_prefix("@&").filter(|id| is_id(id)) {
            return self.show(&format!("@{}", name(|names| &names.roles, id)));
        }
        if let Some(id) = inside.strip_prefix("@!").or_else(|| inside.strip_prefix('@')).filter(|id| is_id(id)) {
            let handle = name(|names| &names.users, id);
            push_new(&mut self.signs.handles, handle.to_lowercase());
            return self.show(&format!("@{handle}"));
        }
        if let Some(id) = inside.strip_prefix('#').filter(|id| is_id(id)) {
            return self.show(&format!("#{}", name(|names| &names.channels, id)));
        }
        // A link without a preview.
        if inside.starts_with("https://") || inside.starts_with("http://") {
            self.write(inside);
            return true;
        }
        let parts: Vec<&str> = inside.split(':').collect();
        match parts[..] {
            ["" | "a", emoji, id] if is_id(id) => self.show(&format!(":{emoji}:")),
            ["t", second] | ["t", second, _] => {
                let time = second.parse().ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
                time.is_some_and(|time| self.show(&time.to_string()))
            }
            [command, id] if command.starts_with('/') && is_id(id) => self.show(command),
            _ => false,
        }
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_read_as_people_see_them() {
        let one = |id: &str, name: &str| BTreeMap::from([(id.to_owned(), name.to_owned())]);
        let names = Names { users: one("1", "Ann"), roles: one("2", "support"), channels: one("3", "tea-talk") };
        let marked = "<@1> <@!1> <@9> <@&2> <#3> <:pot:77> <a:boil:78> <t:1772366400:R> </ask:5> <https://a.example/x> \
                      a <b> 1 < 2 #Tea";
        let plain = read(marked, &[&names]);
        assert_eq!(
            plain.text,
            "@Ann @Ann @9 @support #tea-talk :pot: :boil: 2026-03-01T12:00:00Z /ask https://a.example/x a <b> 1 < 2 #Tea"
        );
        assert_eq!(plain.signs.handles, ["ann", "9"]);
        assert_eq!(plain.signs.hashtags, ["tea"], "a channel is no hashtag");
        assert_eq!(plain.signs.links, ["https://a.example/x"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>@#!&:/ta19é🫖 ]{0,24}") {
            read(&text, &[]);
        }
    }
}
