//! The literals of queries, numbered, and which of them a text holds. What matches monitors and what searches ask it
//! alike, so that the two can not disagree.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use aho_corasick::AhoCorasick;
use grapevine_model::Mention;

use crate::{
    Literal, MonitorError, Query,
    fold::{Rule, fold},
};

pub(crate) type LiteralId = usize;

/// What literals are looked for in.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    pub text: &'a str,
    pub hashtags: &'a [String],
    pub handles: &'a [String],
}

impl<'a> Words<'a> {
    pub fn of(mention: &'a Mention) -> Self {
        Self { text: &mention.text, hashtags: &mention.hashtags, handles: &mention.handles }
    }
}

#[derive(Debug)]
pub(crate) struct Vocabulary {
    automaton: AhoCorasick,
    /// By pattern of the automaton: the literals that it stands for.
    patterns: Vec<Vec<(Rule, LiteralId)>>,
    hashtags: HashMap<String, LiteralId>,
    handles: HashMap<String, LiteralId>,
}

impl Vocabulary {
    pub(crate) fn new(literals: &Literals) -> Result<Self, MonitorError> {
        let (texts, patterns) = literals.patterns();
        let automaton = AhoCorasick::new(&texts).map_err(|error| MonitorError::TooLarge(error.to_string()))?;
        let hashtags = literals.named(|literal| match literal {
            Literal::Hashtag(tag) => Some(tag),
            _ => None,
        });
        let handles = literals.named(|literal| match literal {
            Literal::Handle(handle) => Some(handle),
            _ => None,
        });
        Ok(Self { automaton, patterns, hashtags, handles })
    }

    pub(crate) fn found(&self, words: &Words<'_>) -> BTreeSet<LiteralId> {
        let text = fold(words.text);
        let mut found = BTreeSet::new();
        for hit in self.automaton.find_overlapping_iter(&text) {
            for (rule, literal) in &self.patterns[hit.pattern().as_usize()] {
                if !found.contains(literal) && rule.holds(&text, hit.start(), hit.end()) {
                    found.insert(*literal);
                }
            }
        }
        found.extend(words.hashtags.iter().filter_map(|tag| self.hashtags.get(&fold(tag))));
        found.extend(words.handles.iter().filter_map(|handle| self.handles.get(&fold(handle))));
        found
    }

    /// Each place of a folded text at which one of the literals stands.
    pub(crate) fn places(&self, folded: &str, of: &BTreeSet<LiteralId>) -> Vec<Range<usize>> {
        let hits = self.automaton.find_overlapping_iter(folded);
        let stands = |hit: &aho_corasick::Match| {
            let meanings = &self.patterns[hit.pattern().as_usize()];
            meanings.iter().any(|(rule, id)| of.contains(id) && rule.holds(folded, hit.start(), hit.end()))
        };
        hits.filter(stands).map(|hit| hit.start()..hit.end()).collect()
    }
}

/// A query over numbered literals.
#[derive(Debug)]
pub(crate) enum Condition {
    Has(LiteralId),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub(crate) fn holds(&self, found: &BTreeSet<LiteralId>) -> bool {
        match self {
            Condition::Has(literal) => found.contains(literal),
            Condition::Not(inner) => !inner.holds(found),
            Condition::All(parts) => parts.iter().all(|part| part.holds(found)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(found)),
        }
    }

    /// Those of the literals found that make it hold; none of what is under a NOT.
    pub(crate) fn reasons(&self, found: &BTreeSet<LiteralId>, reasons: &mut BTreeSet<LiteralId>) {
        match self {
            Condition::Has(literal) => reasons.extend(found.get(literal)),
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
    /// By literal: the monitors that have it.
    pub(crate) readers: Vec<Vec<usize>>,
}

impl Literals {
    pub(crate) fn compile(&mut self, query: &Query, monitor: usize) -> Condition {
        match query {
            Query::Literal(literal) => Condition::Has(self.number(literal, monitor)),
            Query::Not(inner) => Condition::Not(Box::new(self.compile(inner, monitor))),
            Query::And(parts) => Condition::All(parts.iter().map(|part| self.compile(part, monitor)).collect()),
            Query::Or(parts) => Condition::Any(parts.iter().map(|part| self.compile(part, monitor)).collect()),
        }
    }

    fn number(&mut self, literal: &Literal, monitor: usize) -> LiteralId {
        let next = self.ids.len();
        let id = *self.ids.entry(literal.clone()).or_insert(next);
        if id == next {
            self.readers.push(Vec::new());
        }
        if self.readers[id].last() != Some(&monitor) {
            self.readers[id].push(monitor);
        }
        id
    }

    /// The distinct bytes to look for, and what each stands for: `acme` and `"acme"` share theirs.
    fn patterns(&self) -> (Vec<String>, Vec<Vec<(Rule, LiteralId)>>) {
        let mut places: HashMap<String, usize> = HashMap::new();
        let (mut texts, mut meanings) = (Vec::new(), Vec::new());
        for (literal, id) in &self.ids {
            let place = *places.entry(literal.pattern()).or_insert_with_key(|pattern| {
                texts.push(pattern.clone());
                meanings.push(Vec::new());
                texts.len() - 1
            });
            meanings[place].push((literal.rule(), *id));
        }
        (texts, meanings)
    }

    fn named<'a>(&'a self, name: impl Fn(&'a Literal) -> Option<&'a String>) -> HashMap<String, LiteralId> {
        self.ids.iter().filter_map(|(literal, id)| Some((name(literal)?.clone(), *id))).collect()
    }
}
