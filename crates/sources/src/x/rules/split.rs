use super::Ask;

/// One AND is made into so many rules at most; beyond that it asks for less, and so finds more.
const MOST: usize = 64;

/// Asks that are no longer than `most` and together find whatever the one finds, and perhaps more.
pub(super) fn split(ask: &Ask, most: usize) -> Vec<Ask> {
    match ask {
        Ask::Anything => Vec::new(),
        ask if ask.length() <= most => vec![ask.clone()],
        Ask::Any(parts) => pack(parts.iter().flat_map(|part| split(part, most)), most),
        Ask::All(parts) => split_all(parts.clone(), most),
        Ask::Term(_) | Ask::Without(_) => Vec::new(),
    }
}

/// As few as follow from filling one after the other.
fn pack(parts: impl IntoIterator<Item = Ask>, most: usize) -> Vec<Ask> {
    let mut packed: Vec<Ask> = Vec::new();
    for part in parts {
        let joined = packed.last().map(|last| Ask::any([last.clone(), part.clone()]));
        match (packed.last_mut(), joined.filter(|joined| joined.length() <= most)) {
            (Some(last), Some(joined)) => *last = joined,
            _ => packed.push(part),
        }
    }
    packed
}

/// `(a OR b) c` is `a c` and `b c`: the longest group is halved until each half fits.
fn split_all(mut parts: Vec<Ask>, most: usize) -> Vec<Ask> {
    drop_beyond(&mut parts, most);
    let whole = Ask::all(parts.clone());
    if !whole.asks_for_something() || whole.length() <= most {
        return if whole.asks_for_something() { vec![whole] } else { Vec::new() };
    }
    let groups = parts.iter().enumerate().filter(|(_, part)| matches!(part, Ask::Any(_)));
    let Some((at, _)) = groups.max_by_key(|(_, part)| part.length()) else { return Vec::new() };
    let Ask::Any(group) = parts.remove(at) else { return Vec::new() };
    let (first, second) = group.split_at(group.len() / 2);
    let half = |half: &[Ask]| Ask::all(parts.iter().cloned().chain([Ask::any(half.iter().cloned())]));
    [half(first), half(second)].iter().flat_map(|ask| split(ask, most)).collect()
}

/// Leaves conditions out until what remains can be split: first what is not wanted, then the longest.
fn drop_beyond(parts: &mut Vec<Ask>, most: usize) {
    while parts.len() > 1 {
        let groups = parts.iter().filter(|part| matches!(part, Ask::Any(_))).count() as u32;
        let times = Ask::all(parts.clone()).length().div_ceil(most);
        let fits = if groups == 0 { times <= 1 } else { times.saturating_pow(groups) <= MOST && rest(parts) < most / 2 };
        if fits {
            return;
        }
        let is_first = |part: &Ask| (matches!(part, Ask::Without(_)), part.length());
        let longest = parts.iter().enumerate().max_by_key(|(_, part)| is_first(part)).map(|(at, _)| at);
        parts.remove(longest.unwrap_or_default());
    }
}

/// What stands in every half.
fn rest(parts: &[Ask]) -> usize {
    parts.iter().filter(|part| !matches!(part, Ask::Any(_))).map(|part| part.length() + 1).sum()
}
