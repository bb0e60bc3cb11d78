//! Names that the glossary forbids: one word for one thing.

use super::tree::Tree;

/// Only words that have no innocent use. Others of the glossary (offset, topic, event) stay a reader's business.
const NEVER: &[(&str, &str)] = &[
    ("crawler", "ingestor"),
    ("plugin", "source"),
    ("anomaly", "spike"),
    ("watermark", "frontier"),
    ("resync", "backfill or replay"),
    ("impact", "reach, engagement or share of voice"),
];

const DECLARATIONS: &[&str] = &["struct", "enum", "trait", "type", "fn", "mod", "const", "static"];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.ending(".rs") {
        for (number, line) in tree.text(file).unwrap_or_default().lines().enumerate() {
            let Some(name) = declared(line) else { continue };
            let words = words(name);
            for (never, instead) in NEVER.iter().filter(|(never, _)| words.iter().any(|word| word == never)) {
                problems.push(format!("{file} line {}: `{name}`: say {instead}, not {never}", number + 1));
            }
        }
    }
    problems
}

/// What may stand before the word that declares.
const MODIFIERS: &[&str] = &["pub", "pub(crate)", "pub(super)", "async", "unsafe", "extern", "\"C\""];

/// The name that a line declares: `pub async fn name(` gives `name`.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| MODIFIERS.contains(word));
    words.next().filter(|word| DECLARATIONS.contains(word))?;
    words.next()?.split(|character: char| !character.is_alphanumeric() && character != '_').next()
}

/// `PluginHost` and `plugin_host` give `plugin`, `host`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let shouting = !name.chars().any(char::is_lowercase);
    for character in name.chars() {
        if character == '_' || (character.is_uppercase() && !shouting) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character != '_') {
            word.extend(character.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_names_are_judged_by_their_words() {
        let text = "pub struct PluginHost;\nfn low_watermark() {}\n// a plugin in prose\nlet x = plugin();\nconst PLUGIN_MAX: u8 = 1;\nfn plugins_are_not_a_word() {}\n";
        let (_dir, tree) = Tree::made_of(&[("crates/a/src/lib.rs", text)]);
        let found = check(&tree);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], "crates/a/src/lib.rs line 1: `PluginHost`: say source, not plugin");
        assert_eq!(found[1], "crates/a/src/lib.rs line 2: `low_watermark`: say frontier, not watermark");
    }
}
