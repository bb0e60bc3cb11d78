//! Dependencies that a manifest names and the code never does.

use std::path::Path;

use super::tree::{Tree, dependencies, holds_word};

/// A plain look through the text: a dependency counts as used where its name stands in any Rust file of its package. One
/// that is wanted for its features alone says so in its line: `rustls.workspace = true # for its features`.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, manifest) in tree.manifests() {
        let folder = Path::new(path).parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let sources = sources(tree, &folder);
        let declared = tree.text(path).unwrap_or_default();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for dependency in dependencies(&manifest, section) {
                let used = sources.iter().any(|text| holds_word(text, &dependency.replace('-', "_")));
                if !used && !for_its_features(&declared, dependency) {
                    problems.push(format!("{path}: `{dependency}` under [{section}] is never used; remove it"));
                }
            }
        }
    }
    problems
}

fn sources(tree: &Tree, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    tree.ending(".rs").filter(|file| file.starts_with(&prefix)).filter_map(|file| tree.text(file)).collect()
}

fn for_its_features(declared: &str, dependency: &str) -> bool {
    let mut lines = declared.lines().filter(|line| line.starts_with(dependency));
    lines.any(|line| line.contains("# for its features"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_no_file_names_is_found() {
        let manifest = "[dependencies]\nserde-json = \"1\"\nsha2 = \"1\"\nrustls = \"1\" # for its features\n";
        let (_dir, tree) = Tree::made_of(&[
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/src/lib.rs", "use serde_json::Value; // not sha256"),
            ("crates/b/src/lib.rs", "use sha2::Sha256;"),
        ]);
        assert_eq!(check(&tree), ["crates/a/Cargo.toml: `sha2` under [dependencies] is never used; remove it"]);
    }
}
