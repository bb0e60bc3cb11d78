//! A small grammar that writes texts: rules with alternatives, optional parts, numbers.

use std::collections::HashMap;

use rand::{Rng, rngs::SmallRng};

/// Rules of one language, in the notation that `grammar/en.txt` explains.
pub struct Grammar {
    rules: HashMap<&'static str, Vec<&'static str>>,
}

/// What the names in braces stand for in one text. They go before rules.
pub type Words = HashMap<&'static str, String>;

impl Grammar {
    pub fn parse(text: &'static str) -> Self {
        let mut rules: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut current = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                current = Some(name);
            } else if let (Some(name), false) = (current, line.trim().is_empty()) {
                rules.entry(name).or_default().push(line);
            }
        }
        Self { rules }
    }

    pub fn has(&self, symbol: &str) -> bool {
        self.rules.contains_key(symbol)
    }

    /// One text of this symbol.
    ///
    /// # Panics
    /// Where the grammar names a symbol that it does not have; a test walks through all of them.
    pub fn expand(&self, symbol: &str, words: &Words, rng: &mut SmallRng) -> String {
        let ways = self.rules.get(symbol).unwrap_or_else(|| panic!("the grammar has no [{symbol}]"));
        let way = ways[rng.random_range(0..ways.len())];
        let text = self.fill(way, words, rng);
        tidy(&text)
    }

    fn fill(&self, way: &str, words: &Words, rng: &mut SmallRng) -> String {
        let mut out = String::new();
        let mut rest = way;
        while let Some(at) = rest.find(['{', '<']) {
            out.push_str(&rest[..at]);
            let close = if rest[at..].starts_with('{') { '}' } else { '>' };
            let Some(length) = rest[at..].find(close) else { break };
            let inner = &rest[at + 1..at + length];
            if close == '}' {
                out.push_str(&self.slot(inner, words, rng));
            } else {
                let ways: Vec<&str> = inner.split('|').collect();
                out.push_str(&self.fill(ways[rng.random_range(0..ways.len())], words, rng));
            }
            rest = &rest[at + length + 1..];
        }
        out + rest
    }

    fn slot(&self, slot: &str, words: &Words, rng: &mut SmallRng) -> String {
        let name = match slot.strip_suffix('?') {
            Some(_) if rng.random_bool(0.5) => return String::new(),
            Some(name) => name,
            None => slot,
        };
        if let Some(word) = words.get(name) {
            return word.clone();
        }
        if let Some((low, high)) = name.split_once("..")
            && let (Ok(low), Ok(high)) = (low.parse::<u32>(), high.parse::<u32>())
        {
            return rng.random_range(low..=high).to_string();
        }
        let ways = self.rules.get(name).unwrap_or_else(|| panic!("the grammar has no [{name}]"));
        let way = ways[rng.random_range(0..ways.len())];
        self.fill(way, words, rng)
    }

    /// Every name in braces that is neither a rule nor one of these words, with the rule that uses it.
    #[cfg(test)]
    pub fn unknown_names(&self, words: &Words) -> Vec<String> {
        let known = |name: &str| words.contains_key(name) || self.has(name) || name.contains("..");
        let slots = |way: &str| -> Vec<String> {
            way.split('{')
                .skip(1)
                .filter_map(|part| part.split_once('}'))
                .map(|(name, _)| name.replace('?', ""))
                .collect()
        };
        let all = self.rules.iter().flat_map(|(rule, ways)| ways.iter().map(move |way| (rule, way)));
        all.flat_map(|(rule, way)| slots(way).into_iter().map(move |name| (rule, name)))
            .filter(|(_, name)| !known(name))
            .map(|(rule, name)| format!("{name} in [{rule}]"))
            .collect()
    }
}

/// One space between words, none before a full stop, a capital letter at the start of a sentence.
fn tidy(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        let plain = word.starts_with("http") || word.starts_with(['#', '@']);
        if starts && !plain {
            out.extend(word.chars().next().map(|first| first.to_uppercase().to_string()));
            out.extend(word.chars().skip(1));
        } else {
            out.push_str(word);
        }
        starts = word.ends_with(['.', '!', '?']);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn fills_words_numbers_and_alternatives() {
        let grammar = Grammar::parse("a comment\n[x]\n{B} is <red|red>. it has {3..3} {y}. {z?}\n[y]\nwheels\n[z]\nok");
        let words = Words::from([("B", "Kestrovel".to_owned())]);
        let mut rng = SmallRng::seed_from_u64(1);
        let text = grammar.expand("x", &words, &mut rng);
        assert!(text.starts_with("Kestrovel is red. It has 3 wheels."), "{text}");
    }

    #[test]
    fn fills_what_stands_inside_alternatives() {
        let grammar = Grammar::parse("[x]\n<{3..3} kg|{3..3} {y}>\n[y]\nkg");
        let text = grammar.expand("x", &Words::new(), &mut SmallRng::seed_from_u64(1));
        assert_eq!(text, "3 kg");
    }

    #[test]
    fn names_what_it_does_not_know() {
        let grammar = Grammar::parse("[x]\n{nowhere?}");
        assert_eq!(grammar.unknown_names(&Words::new()), ["nowhere in [x]"]);
    }
}
