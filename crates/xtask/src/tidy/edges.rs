//! Which crate may use which.
//!
//! model ← monitor ← delivery, sources, scoring, alerts ← log, store ← api ← cli, and the engine beside them, which uses
//! none. A crate may use those before it in this order and none of its own step, so that `sources` never sees Kafka, and
//! `scoring` and `alerts` never see ClickHouse.

use super::tree::{Tree, dependencies, short_name};

const STEPS: &[(&str, u8)] = &[
    ("model", 0),
    ("monitor", 1),
    ("delivery", 2),
    ("sources", 2),
    ("scoring", 2),
    ("alerts", 2),
    ("engine", 2),
    ("log", 3),
    ("store", 3),
    ("api", 4),
    ("cli", 5),
];

/// Crates of others with one user only, and who may use them in tests besides.
const SINGLE_USERS: &[(&str, &str, &[&str])] = &[
    ("rdkafka", "log", &[]),
    ("rusqlite", "log", &[]),
    ("clickhouse", "store", &["engine", "e2e"]),
    ("rust-bert", "scoring", &[]),
    ("tch", "scoring", &[]),
    ("ort", "scoring", &[]),
    ("libloading", "engine", &[]),
];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, manifest) in tree.manifests() {
        let name = short_name(&manifest);
        for dependency in dependencies(&manifest, "dependencies") {
            problems.extend(forbidden(name, dependency).map(|why| format!("{path}: {why}")));
        }
        for dependency in dependencies(&manifest, "dev-dependencies") {
            problems.extend(forbidden_in_tests(name, dependency).map(|why| format!("{path}: {why}")));
        }
    }
    problems
}

fn forbidden(name: &str, dependency: &str) -> Option<String> {
    if dependency == "grapevine-testkit" {
        let why = "testkit is for tests: move it to [dev-dependencies]";
        return (!matches!(name, "xtask" | "chaos")).then(|| why.to_owned());
    }
    if let Some(own) = dependency.strip_prefix("grapevine-") {
        return forbidden_edge(name, own);
    }
    let (_, user, _) = SINGLE_USERS.iter().find(|(external, ..)| *external == dependency)?;
    (*user != name).then(|| format!("only {user} uses {dependency}; go through grapevine-{user}"))
}

fn forbidden_edge(name: &str, dependency: &str) -> Option<String> {
    let step = |wanted: &str| STEPS.iter().find(|(known, _)| *known == wanted).map(|(_, step)| *step);
    match (name, step(name), step(dependency)) {
        ("testkit", _, Some(0)) => None,
        // The simulator serves what the sources say of their platforms.
        ("testkit", _, Some(_)) if dependency == "sources" => None,
        // It drives the whole program from outside, and nothing is built on it.
        ("chaos", _, Some(_)) => None,
        ("engine", ..) => Some(format!("engine stands alone and may not use {dependency}")),
        (_, Some(own), Some(other)) if other < own => None,
        (_, Some(_), Some(_)) => Some(format!(
            "{name} may not use {dependency}: the direction is model, then monitor, then delivery, sources, scoring and \
             alerts, then log and store, then api, then cli; let cli wire the two together"
        )),
        _ => {
            Some(format!("the edge from {name} to {dependency} is not in the table in crates/xtask/src/tidy/edges.rs"))
        }
    }
}

fn forbidden_in_tests(name: &str, dependency: &str) -> Option<String> {
    let (_, user, in_tests) = SINGLE_USERS.iter().find(|(external, ..)| *external == dependency)?;
    let allowed = *user == name || in_tests.contains(&name);
    (!allowed).then(|| format!("the tests of {name} may not use {dependency}; go through grapevine-{user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(name: &str, section: &str, dependency: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"grapevine-{name}\"\n[{section}]\n{dependency}.workspace = true\n");
        let (_dir, tree) = Tree::made_of(&[("crates/some/Cargo.toml", &manifest)]);
        check(&tree)
    }

    #[test]
    fn edges_along_the_direction_are_allowed() {
        for (name, dependency) in [("store", "grapevine-alerts"), ("cli", "grapevine-engine"), ("log", "rdkafka")] {
            assert!(problems(name, "dependencies", dependency).is_empty(), "{name} -> {dependency}");
        }
        assert!(problems("engine", "dev-dependencies", "clickhouse").is_empty());
        assert!(problems("store", "dev-dependencies", "grapevine-testkit").is_empty());
        assert!(problems("xtask", "dependencies", "grapevine-testkit").is_empty());
    }

    #[test]
    fn edges_against_the_direction_are_named_with_the_mend() {
        for (name, dependency) in [
            ("sources", "grapevine-log"),
            ("scoring", "grapevine-store"),
            ("monitor", "grapevine-delivery"),
            ("engine", "grapevine-model"),
            ("sources", "rdkafka"),
            ("alerts", "clickhouse"),
            ("log", "grapevine-testkit"),
            ("unheard-of", "grapevine-model"),
        ] {
            let found = problems(name, "dependencies", dependency);
            assert_eq!(found.len(), 1, "{name} -> {dependency}");
            assert!(found[0].starts_with("crates/some/Cargo.toml: "), "{found:?}");
        }
        assert_eq!(problems("alerts", "dev-dependencies", "clickhouse").len(), 1);
    }
}
