use std::collections::{BTreeSet, HashMap};

use grapevine_model::{Author, BrandMatch, Mention};

use crate::{
    Brand, Field, MonitorError, Query,
    anchors::anchors,
    fold::fold,
    parse,
    vocabulary::{Condition, Literals, Vocabulary, Words, author_key},
};

/// What stands as the monitor's name where the mention was posted in a space that the brand owns.
pub const OWNED_SPACE: &str = "owned space";
/// What stands as the monitor's name where one of the brand's accounts wrote the mention.
pub const OWN_ACCOUNT: &str = "own account";

/// All monitors of all brands, compiled.
///
/// One pass over the text finds every literal of every query; then only those queries are evaluated of which something was
/// found that they can not hold without. So the cost grows with the text, not with the number of monitors.
#[derive(Debug)]
pub struct Matcher {
    vocabulary: Vocabulary,
    /// By literal: the monitors that are looked at where it is found, see [`anchors`].
    readers: Vec<Vec<usize>>,
    /// In the order of the brands, then of the monitors within each.
    monitors: Vec<Compiled>,
    brands: Vec<String>,
    spaces: HashMap<String, Vec<usize>>,
    accounts: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Compiled {
    brand: usize,
    name: String,
    condition: Condition,
}

impl Matcher {
    pub fn new(brands: &[Brand]) -> Result<Self, MonitorError> {
        check_names(brands)?;
        let mut literals = Literals::default();
        let queries = parse_all(brands)?;
        let monitors: Vec<Compiled> = queries
            .iter()
            .map(|(brand, name, query)| Compiled {
                brand: *brand,
                name: (*name).to_owned(),
                condition: literals.compile(query),
            })
            .collect();
        // A query without anchors requires nothing: none is parsed.
        let anchors: Vec<_> = queries.iter().map(|(_, _, query)| anchors(query, true).unwrap_or_default()).collect();
        let readers = literals.readers(&anchors);
        Ok(Self {
            vocabulary: Vocabulary::new(&literals)?,
            readers,
            monitors,
            brands: brands.iter().map(|brand| brand.name.clone()).collect(),
            spaces: by_name(brands, |brand| brand.spaces.iter().cloned().collect()),
            accounts: by_name(brands, |brand| brand.accounts.iter().map(|handle| author_key(handle)).collect()),
        })
    }

    /// A monitor asks in which language mentions are: it should be told before [`Matcher::matches`].
    pub fn asks_for_language(&self) -> bool {
        self.vocabulary.has_field(Field::Language)
    }

    /// The brands that a mention belongs to, in the order they were configured in, one match a brand.
    ///
    /// A monitor that matched is named before the owned space, and that before the own account; the flags are united.
    pub fn matches(&self, mention: &Mention) -> Vec<BrandMatch> {
        let found = self.vocabulary.found(&Words::of(mention));
        let candidates: BTreeSet<usize> =
            found.literals.iter().flat_map(|literal| &self.readers[*literal]).copied().collect();
        let mut monitor_of: HashMap<usize, &str> = HashMap::new();
        for monitor in candidates.into_iter().map(|index| &self.monitors[index]) {
            if !monitor_of.contains_key(&monitor.brand) && monitor.condition.holds(&found) {
                monitor_of.insert(monitor.brand, &monitor.name);
            }
        }
        let in_space = mention.space.as_ref().and_then(|space| self.spaces.get(space)).map_or(&[][..], Vec::as_slice);
        let by_account = self.speaks_for(&mention.author);
        let brands: BTreeSet<usize> = monitor_of.keys().chain(in_space).chain(&by_account).copied().collect();
        let brand_match = |brand: usize| {
            let owned_space = in_space.contains(&brand);
            let own_account = by_account.contains(&brand);
            let otherwise = if owned_space { OWNED_SPACE } else { OWN_ACCOUNT };
            BrandMatch {
                brand: self.brands[brand].clone(),
                monitor: monitor_of.get(&brand).copied().unwrap_or(otherwise).to_owned(),
                team: own_account || (owned_space && mention.author.is_team),
                owned_space,
            }
        };
        brands.into_iter().map(brand_match).collect()
    }

    /// The brands that an author's handle or id is an account of. Some platforms give only one of the two.
    fn speaks_for(&self, author: &Author) -> BTreeSet<usize> {
        let names = [&author.handle, &author.native_id].map(|name| author_key(name));
        names
            .iter()
            .filter(|name| !name.is_empty())
            .filter_map(|name| self.accounts.get(name))
            .flatten()
            .copied()
            .collect()
    }
}

/// Each monitor's place of its brand, name and query.
fn parse_all(brands: &[Brand]) -> Result<Vec<(usize, &str, Query)>, MonitorError> {
    let mut queries = Vec::new();
    for (index, brand) in brands.iter().enumerate() {
        for monitor in &brand.monitors {
            let query = parse(&monitor.query).map_err(|error| MonitorError::Query {
                brand: brand.name.clone(),
                monitor: monitor.name.clone(),
                query: monitor.query.clone(),
                error: Box::new(error),
            })?;
            queries.push((index, monitor.name.as_str(), query));
        }
    }
    Ok(queries)
}

fn by_name(brands: &[Brand], names: impl Fn(&Brand) -> BTreeSet<String>) -> HashMap<String, Vec<usize>> {
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, brand) in brands.iter().enumerate() {
        for name in names(brand) {
            index.entry(name).or_default().push(place);
        }
    }
    index
}

/// Names that differ only in case are the same: people could not tell their figures apart.
fn check_names(brands: &[Brand]) -> Result<(), MonitorError> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, brand) in brands.iter().enumerate() {
        let key = fold(brand.name.trim());
        if key.is_empty() {
            return Err(MonitorError::UnnamedBrand { place: index + 1 });
        }
        if let Some(first) = seen.insert(key, index) {
            return Err(MonitorError::DuplicateBrand {
                first: brands[first].name.clone(),
                first_place: first + 1,
                second: brand.name.clone(),
                second_place: index + 1,
            });
        }
        check_monitor_names(brand)?;
    }
    Ok(())
}

fn check_monitor_names(brand: &Brand) -> Result<(), MonitorError> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for monitor in &brand.monitors {
        let key = fold(monitor.name.trim());
        if key == OWNED_SPACE || key == OWN_ACCOUNT {
            return Err(MonitorError::ReservedName { brand: brand.name.clone(), monitor: monitor.name.clone() });
        }
        if let Some(first) = seen.insert(key, &monitor.name) {
            let (first, second) = (first.to_owned(), monitor.name.clone());
            return Err(MonitorError::DuplicateMonitor { brand: brand.name.clone(), first, second });
        }
    }
    Ok(())
}
