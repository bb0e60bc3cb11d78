//! Sizes of files, and places that mean nothing on another machine.

use super::tree::Tree;

const MAX_LINES: usize = 500;
const MAX_BYTES: u64 = 5 << 20;
const MAX_MODEL_BYTES: u64 = 80_000_000;

pub fn sizes(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.ending(".rs") {
        let lines = tree.text(file).unwrap_or_default().lines().count();
        if lines > MAX_LINES {
            problems.push(format!("{file} has {lines} lines; split it, {MAX_LINES} are the most"));
        }
    }
    let (models, others): (Vec<&String>, Vec<_>) = tree.files().iter().partition(|file| file.starts_with("models/"));
    for file in others.into_iter().filter(|file| tree.size(file) > MAX_BYTES) {
        problems.push(format!("{file} has more than 5 MiB; generate it, or fetch it in `cargo xtask setup`"));
    }
    let bytes: u64 = models.into_iter().map(|file| tree.size(file)).sum();
    if bytes >= MAX_MODEL_BYTES {
        problems.push(format!("models/ has {bytes} bytes; {MAX_MODEL_BYTES} are the most together"));
    }
    if !tree.has("Cargo.lock") {
        problems.push("Cargo.lock is missing; commit it, so that everyone builds the same".to_owned());
    }
    problems
}

/// Hosts of registries and folders of one machine. Written in two halves: this file is looked through too.
const PLACES: &[(&str, &str)] = &[
    ("registry.npmjs", ".org"),
    ("pypi", ".org"),
    ("files.pythonhosted", ".org"),
    ("repo1.maven", ".org"),
    ("repo.maven.apache", ".org"),
    ("deb.debian", ".org"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("proxy.golang", ".org"),
    ("/root", "/"),
    ("/work", "/main"),
    ("/work", "/shared"),
];

pub fn places(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.files() {
        let Some(text) = tree.text(file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (first, second) in PLACES {
                let place = format!("{first}{second}");
                if line.contains(&place) {
                    problems
                        .push(format!("{file} line {}: `{place}` is a place of one machine or network", number + 1));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_a_large_file_and_a_missing_lock_are_found() {
        let (long, large) = ("// line\n".repeat(501), "x".repeat((5 << 20) + 1));
        let (_dir, tree) =
            Tree::made_of(&[("a.rs", &long), ("b.rs", &long[8..]), ("c.bin", &large), ("models/m.bin", &large)]);
        let found = sizes(&tree).join("\n");
        assert!(found.contains("a.rs has 501 lines") && !found.contains("b.rs"), "{found}");
        assert!(found.contains("c.bin has more than 5 MiB") && !found.contains("models/"), "{found}");
        assert!(found.contains("Cargo.lock is missing"), "{found}");
    }

    #[test]
    fn models_are_limited_together() {
        let large = "x".repeat(40_000_000);
        let (_dir, tree) = Tree::made_of(&[("Cargo.lock", ""), ("models/a", &large), ("models/b", &large)]);
        assert_eq!(sizes(&tree).len(), 1);
    }

    #[test]
    fn places_of_one_machine_are_found_with_their_line() {
        let text = format!("fine\nsee {}.cache\nhttps://{}/x\n", ["/root", "/"].concat(), ["pypi", ".org"].concat());
        let (_dir, tree) = Tree::made_of(&[("README.md", &text)]);
        let found = places(&tree);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("README.md line 2:") && found[1].starts_with("README.md line 3:"), "{found:?}");
    }
}
