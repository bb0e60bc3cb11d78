//! The literals of queries, numbered, and which of them a text holds. What matches monitors and what searches ask it
//! alike, so that the two can not disagree.

use std::collections::{BTreeSet, HashMap};

use aho_corasick::AhoCorasick;
use grapevine_model::Mention;

use crate::{
    Field, Literal, MonitorError, Query,
    fold::{Rule, end_of_word, fold},
    found::{Found, Reasons},
};

pub(crate) type LiteralId = usize;

/// What literals are looked for in. What is empty is not known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    pub text: &'a str,
    pub hashtags: &'a [String],
    pub handles: &'a [String],
    /// The platform's id of the author.
    pub author: &'a str,
    /// Without `@`.
    pub author_handle: &'a str,
    /// A tag such as `pt` or `pt-BR`.
    pub language: &'a str,
    pub platform: &'a str,
    pub space: &'a str,
}

impl<'a> Words<'a> {
    pub fn of(mention: &'a Mention) -> Self {
        Self {
            text: &mention.text,
            hashtags: &mention.hashtags,
            handles: &mention.handles,
            author: &mention.author.native_id,
            author_handle: &mention.author.handle,
            language: mention.detected_language.as_deref().or(mention.language.as_deref()).unwrap_or_default(),
            platform: &mention.key.platform,
            space: mention.space.as_deref().unwrap_or_default(),
        }
    }

    /// What a condition on the mention is compared with, folded.
    fn fields(&self) -> [(Field, String); 5] {
        let primary = self.language.split(['-', '_']).next().unwrap_or_default();
        [
            (Field::From, author_key(self.author_handle)),
            (Field::From, author_key(self.author)),
            (Field::Language, fold(primary)),
            (Field::Platform, fold(self.platform)),
            (Field::Space, fold(self.space).trim().to_owned()),
        ]
    }
}

/// Names of authors are compared in any case and without `@`.
pub(crate) fn author_key(name: &str) -> String {
    fold(name).trim().trim_start_matches('@').to_owned()
}

#[derive(Debug)]
pub(crate) struct Vocabulary {
    automaton: AhoCorasick,
    /// By pattern of the automaton: what it stands for.
    patterns: Vec<Vec<Meaning>>,
    hashtags: HashMap<String, LiteralId>,
    handles: HashMap<String, LiteralId>,
    fields: HashMap<(Field, String), LiteralId>,
}

#[derive(Debug)]
struct Meaning {
    rule: Rule,
    literal: LiteralId,
    /// It matters where it stands: NEAR joins it with another.
    is_placed: bool,
}

impl Vocabulary {
    pub(crate) fn new(literals: &Literals) -> Result<Self, MonitorError> {
        let (texts, patterns) = literals.patterns();
        let automaton = AhoCorasick::new(&texts).map_err(|error| MonitorError::TooLarge(error.to_string()))?;
        let hashtags = literals.named(|literal| match literal {
            Literal::Hashtag(tag) => Some(tag.clone()),
            _ => None,
        });
        let handles = literals.named(|literal| match literal {
            Literal::Handle(handle) => Some(handle.clone()),
            _ => None,
        });
        let fields = literals.named(|literal| match literal {
            Literal::Field(field, value) => Some((*field, value.clone())),
            _ => None,
        });
        Ok(Self { automaton, patterns, hashtags, handles, fields })
    }

    pub(crate) fn has_field(&self, wanted: Field) -> bool {
        self.fields.keys().any(|(field, _)| *field == wanted)
    }

    pub(crate) fn found(&self, words: &Words<'_>) -> Found {
        let mut found = Found::new(fold(words.text));
        for hit in self.automaton.find_overlapping_iter(&found.text) {
            for Meaning { rule, literal, is_placed } in &self.patterns[hit.pattern().as_usize()] {
                let is_new = *is_placed || !found.literals.contains(literal);
                if is_new && rule.holds(&found.text, hit.start(), hit.end()) {
                    found.literals.insert(*literal);
                    if *is_placed {
                        let end = end_of(*rule, &found.text, hit.end());
                        found.places.entry(*literal).or_default().push(hit.start()..end);
                    }
                }
            }
        }
        let literals = &mut found.literals;
        literals.extend(words.hashtags.iter().filter_map(|tag| self.hashtags.get(&fold(tag))));
        literals.extend(words.handles.iter().filter_map(|handle| self.handles.get(&fold(handle))));
        if !self.fields.is_empty() {
            literals.extend(words.fields().iter().filter_map(|field| self.fields.get(field)));
        }
        found
    }

    /// Each place of a folded text at which one of the literals stands.
    pub(crate) fn places(&self, folded: &str, of: &BTreeSet<LiteralId>) -> Vec<std::ops::Range<usize>> {
        let hits = self.automaton.find_overlapping_iter(folded);
        let places = hits.filter_map(|hit| {
            let meanings = self.patterns[hit.pattern().as_usize()].iter();
            let standing = meanings
                .filter(|meaning| of.contains(&meaning.literal) && meaning.rule.holds(folded, hit.start(), hit.end()));
            let end = standing.map(|meaning| end_of(meaning.rule, folded, hit.end())).max()?;
            Some(hit.start()..end)
        });
        places.collect()
    }
}

/// A wildcard takes the rest of the word.
fn end_of(rule: Rule, text: &str, end: usize) -> usize {
    if rule == Rule::Prefix { end_of_word(text, end) } else { end }
}

/// A query over numbered literals.
#[derive(Debug)]
pub(crate) enum Condition {
    Has(LiteralId),
    /// Both, apart, with at most so many words between.
    Near(LiteralId, usize, LiteralId),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub(crate) fn holds(&self, found: &Found) -> bool {
        match self {
            Condition::Has(literal) => found.literals.contains(literal),
            Condition::Near(left, most, right) => found.is_near(*left, *right, *most),
            Condition::Not(inner) => !inner.holds(found),
            Condition::All(parts) => parts.iter().all(|part| part.holds(found)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(found)),
        }
    }

    /// What of it is found and makes it hold; none of what is under a NOT.
    pub(crate) fn reasons(&self, found: &Found, reasons: &mut Reasons) {
        match self {
            Condition::Has(literal) => reasons.literals.extend(found.literals.get(literal)),
            Condition::Near(left, most, right) => reasons.places.extend(found.near(*left, *right, *most)),
            Condition::Not(_) => {}
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().filter(|part| part.holds(found)).for_each(|part| part.reasons(found, reasons));
            }
        }
    }
}

/// The distinct literals while they are collected.
#[derive(Default)]
pub(crate) struct Literals {
    ids: HashMap<Literal, LiteralId>,
    /// Those that NEAR joins.
    placed: BTreeSet<LiteralId>,
}

impl Literals {
    pub(crate) fn compile(&mut self, query: &Query) -> Condition {
        match query {
            Query::Literal(Literal::Near(left, most, right)) => {
                let (left, right) = (self.number(left), self.number(right));
                self.placed.extend([left, right]);
                Condition::Near(left, usize::from(*most), right)
            }
            Query::Literal(literal) => Condition::Has(self.number(literal)),
            Query::Not(inner) => Condition::Not(Box::new(self.compile(inner))),
            Query::And(parts) => Condition::All(parts.iter().map(|part| self.compile(part)).collect()),
            Query::Or(parts) => Condition::Any(parts.iter().map(|part| self.compile(part)).collect()),
        }
    }

    fn number(&mut self, literal: &Literal) -> LiteralId {
        let next = self.ids.len();
        *self.ids.entry(literal.clone()).or_insert(next)
    }

    /// Of a literal that was compiled, by its number: the monitors that are looked at where it is found.
    pub(crate) fn readers(&self, anchors: &[Vec<&Literal>]) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.ids.len()];
        for (monitor, anchors) in anchors.iter().enumerate() {
            for id in anchors.iter().filter_map(|literal| self.ids.get(literal)) {
                readers[*id].push(monitor);
            }
        }
        readers
    }

    /// The distinct bytes to look for, and what each stands for: `acme` and `"acme"` share theirs.
    fn patterns(&self) -> (Vec<String>, Vec<Vec<Meaning>>) {
        let mut places: HashMap<String, usize> = HashMap::new();
        let (mut texts, mut meanings) = (Vec::new(), Vec::<Vec<Meaning>>::new());
        for (literal, id) in &self.ids {
            let Some((pattern, rule)) = literal.pattern() else { continue };
            let place = *places.entry(pattern).or_insert_with_key(|pattern| {
                texts.push(pattern.clone());
                meanings.push(Vec::new());
                texts.len() - 1
            });
            meanings[place].push(Meaning { rule, literal: *id, is_placed: self.placed.contains(id) });
        }
        (texts, meanings)
    }

    fn named<K: Eq + std::hash::Hash>(&self, name: impl Fn(&Literal) -> Option<K>) -> HashMap<K, LiteralId> {
        self.ids.iter().filter_map(|(literal, id)| Some((name(literal)?, *id))).collect()
    }
}
