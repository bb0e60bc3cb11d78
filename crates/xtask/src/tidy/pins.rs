//! The engine finds its library in the cache by a version: the same that `cargo xtask setup` fetches.
//! (ONNX Runtime is found there in any version.)

use super::tree::Tree;
use crate::setup::LIBCHDB_VERSION;

const ENGINE: &str = "crates/engine/src/library.rs";
const DECLARATION: &str = "const LIBRARY_VERSION: &str = \"";

pub fn check(tree: &Tree) -> Vec<String> {
    let text = tree.text(ENGINE).unwrap_or_default();
    let declared = text.split_once(DECLARATION).and_then(|(_, rest)| rest.split('"').next());
    match declared {
        Some(version) if version == LIBCHDB_VERSION => Vec::new(),
        Some(version) => vec![format!("{ENGINE} wants libchdb {version}, but setup fetches {LIBCHDB_VERSION}")],
        None => vec![format!("{ENGINE} declares no LIBRARY_VERSION")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_version(version: &str) -> Vec<String> {
        let (_dir, tree) = Tree::made_of(&[(ENGINE, &format!("pub {DECLARATION}{version}\";\n"))]);
        check(&tree)
    }

    #[test]
    fn another_version_than_the_one_set_up_is_found() {
        assert!(check_version(LIBCHDB_VERSION).is_empty());
        assert_eq!(check_version("0.1").len(), 1);
        assert_eq!(check(&Tree::made_of(&[]).1).len(), 1);
    }
}
