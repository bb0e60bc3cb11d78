use std::fmt;

/// What X is asked for. [`Ask::all`] and [`Ask::any`] keep to what X takes: no group is negated, and each side of an OR
/// asks for something that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// More than X can be asked for.
    Anything,
    /// As X writes it: `acme`, `"two words"`, `#tag`, `@handle`.
    Term(String),
    /// Such a term with `-` before it.
    Without(String),
    /// Two or more.
    All(Vec<Ask>),
    /// Two or more.
    Any(Vec<Ask>),
}

impl Ask {
    pub(crate) fn all(parts: impl IntoIterator<Item = Ask>) -> Ask {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Ask::Anything => {}
                Ask::All(inner) => inner.into_iter().for_each(|part| push_new(&mut flat, part)),
                other => push_new(&mut flat, other),
            }
        }
        match flat.len() {
            0 => Ask::Anything,
            1 => flat.remove(0),
            _ => Ask::All(flat),
        }
    }

    /// X refuses an OR of which one side asks for nothing that is there (`a OR -b`): with such a side it is anything.
    pub(crate) fn any(parts: impl IntoIterator<Item = Ask>) -> Ask {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                part if !part.asks_for_something() => return Ask::Anything,
                Ask::Any(inner) => inner.into_iter().for_each(|part| push_new(&mut flat, part)),
                other => push_new(&mut flat, other),
            }
        }
        match flat.len() {
            0 => Ask::Anything,
            1 => flat.remove(0),
            _ => Ask::Any(flat),
        }
    }

    /// False where it only leaves something out.
    pub(crate) fn asks_for_something(&self) -> bool {
        match self {
            Ask::Anything | Ask::Without(_) => false,
            Ask::Term(_) | Ask::Any(_) => true,
            Ask::All(parts) => parts.iter().any(Ask::asks_for_something),
        }
    }

    /// In characters, as X counts them.
    pub(crate) fn length(&self) -> usize {
        self.to_string().chars().count()
    }
}

fn push_new(list: &mut Vec<Ask>, part: Ask) {
    if !list.contains(&part) {
        list.push(part);
    }
}

/// In X's language. Nothing stands for [`Ask::Anything`].
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ask::Anything => Ok(()),
            Ask::Term(term) => f.write_str(term),
            Ask::Without(term) => write!(f, "-{term}"),
            Ask::All(parts) => join(f, parts, " ", |part| matches!(part, Ask::Any(_))),
            Ask::Any(parts) => join(f, parts, " OR ", |part| matches!(part, Ask::All(_))),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Ask], with: &str, is_group: fn(&Ask) -> bool) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(with)?;
        }
        if is_group(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}
