//! Code finds the embedded engine in the cache by a folder's name with a version: the same that `cargo xtask setup` makes.
//! (ONNX Runtime is found there in any version.)

use super::tree::Tree;
use crate::setup::LIBCHDB_VERSION;

const PREFIX: &str = "libchdb-";

pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.ending(".rs").chain(tree.ending("Dockerfile")) {
        let text = tree.text(file).unwrap_or_default();
        for other in versions_after(&text).into_iter().filter(|found| !found.starts_with(LIBCHDB_VERSION)) {
            problems
                .push(format!("{file}: `{PREFIX}{other}`, but `cargo xtask setup` makes {PREFIX}{LIBCHDB_VERSION}"));
        }
    }
    problems
}

/// What follows the prefix wherever a digit does.
fn versions_after(text: &str) -> Vec<&str> {
    let rest = text.split(PREFIX).skip(1).filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    rest.map(|rest| {
        let end = rest.find(|other: char| !other.is_alphanumeric() && other != '.' && other != '-');
        &rest[..end.unwrap_or(rest.len())]
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_than_the_one_set_up_is_found() {
        let text = format!("\"{PREFIX}{LIBCHDB_VERSION}\" \"{PREFIX}{}\" \"{PREFIX}{{version}}\"", "0.1");
        let (_dir, tree) = Tree::made_of(&[("a.rs", &text)]);
        let found = check(&tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("{PREFIX}0.1")), "{found:?}");
    }
}
