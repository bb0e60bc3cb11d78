//! `docker-compose.yml`: no engine runs where this is checked, so what can be wrong without one is checked from its text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::commands;
use super::tree::Tree;

const FILE: &str = "docker-compose.yml";
const CONFIG: &str = "deploy/grapevine.toml";
/// Built here; every other image must be pinned by its tag.
const OWN_IMAGE: &str = "grapevine:";

#[derive(Debug, Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    #[serde(default)]
    volumes: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Service {
    image: Option<String>,
    command: Option<Vec<String>>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, DependsOn>,
    healthcheck: Option<Healthcheck>,
    build: Option<Build>,
}

#[derive(Debug, Deserialize)]
struct Healthcheck {
    #[serde(default)]
    disable: bool,
}

#[derive(Debug, Deserialize)]
struct DependsOn {
    condition: String,
}

#[derive(Debug, Deserialize)]
struct Build {
    dockerfile: String,
}

pub fn check(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(FILE) else { return vec![format!("{FILE} is missing")] };
    let compose: Compose = match serde_saphyr::from_str(&text) {
        Ok(compose) => compose,
        Err(error) => return vec![format!("{FILE} cannot be read: {error}")],
    };
    let mut problems = Vec::new();
    for (name, service) in &compose.services {
        let mut wrong: Vec<String> = Vec::new();
        wrong.extend(image(service));
        wrong.extend(command(tree, service));
        wrong.extend(secrets(tree, service));
        wrong.extend(dependencies(&compose, service));
        wrong.extend(mounts(tree, &compose, service));
        problems.extend(wrong.into_iter().map(|problem| format!("service {name}: {problem}")));
    }
    problems.extend(ports(&compose));
    problems
}

fn image(service: &Service) -> Option<String> {
    let Some(image) = &service.image else { return Some("names no image".to_owned()) };
    let tag = image.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
    match tag {
        None | Some("latest") => Some(format!("image {image} is not pinned; name a version")),
        // `${VERSION:-default}` may stand only where the image is ours.
        Some(tag) if tag.contains('$') && !image.starts_with(OWN_IMAGE) => Some(format!("image {image} is not pinned")),
        Some(_) => None,
    }
}

fn command(tree: &Tree, service: &Service) -> Option<String> {
    if !service.image.as_deref().unwrap_or_default().starts_with(OWN_IMAGE) {
        return None;
    }
    let known = commands::of_the_binary(tree);
    match service.command.as_deref().and_then(<[String]>::first) {
        None => Some("has no command; name a stage".to_owned()),
        Some(word) if known.contains(word) => None,
        Some(word) => Some(format!("`{word}` is no command of grapevine; there are {known:?}")),
    }
}

/// What the configuration takes from the environment must be handed to every stage.
fn secrets(tree: &Tree, service: &Service) -> Vec<String> {
    if !service.image.as_deref().unwrap_or_default().starts_with(OWN_IMAGE) {
        return Vec::new();
    }
    let config = tree.text(CONFIG).unwrap_or_default();
    let settings = config.lines().filter_map(|line| line.split_once(" = "));
    let named = settings.filter(|(key, _)| key.ends_with("_env") && !key.starts_with('#'));
    let names = named.map(|(_, value)| value.trim_matches('"'));
    names
        .filter(|name| !service.environment.contains_key(*name))
        .map(|name| format!("{CONFIG} names {name}, which is not in its environment"))
        .collect()
}

fn dependencies(compose: &Compose, service: &Service) -> Vec<String> {
    let judge = |(name, on): (&String, &DependsOn)| match compose.services.get(name) {
        None => Some(format!("depends on {name}, which is no service")),
        Some(other) if on.condition == "service_healthy" && !has_healthcheck(other) => {
            Some(format!("waits until {name} is healthy, but {name} has no healthcheck"))
        }
        Some(_) => None,
    };
    service.depends_on.iter().filter_map(judge).collect()
}

fn has_healthcheck(service: &Service) -> bool {
    service.healthcheck.as_ref().is_some_and(|check| !check.disable)
}

fn mounts(tree: &Tree, compose: &Compose, service: &Service) -> Vec<String> {
    let mut problems = Vec::new();
    for mount in &service.volumes {
        let from = mount.split(':').next().unwrap_or_default();
        match from.strip_prefix("./") {
            Some(file) if !tree.has(file) => problems.push(format!("mounts {from}, which is no file here")),
            None if !compose.volumes.contains_key(from) => problems.push(format!("volume {from} is not declared")),
            _ => {}
        }
    }
    let dockerfile = service.build.as_ref().map(|build| build.dockerfile.as_str());
    problems.extend(dockerfile.filter(|file| !tree.has(file)).map(|file| format!("{file} does not exist")));
    problems
}

fn ports(compose: &Compose) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for (name, service) in &compose.services {
        for port in &service.ports {
            // [ADDRESS:]HOST:CONTAINER
            let host = port.rsplit(':').nth(1).unwrap_or(port);
            if !seen.insert(host) {
                problems.push(format!("service {name}: port {host} is published twice"));
            }
            if !port.starts_with("127.0.0.1:") {
                problems.push(format!("service {name}: port {port} is open to the network; publish it on 127.0.0.1"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
services:
  log:
    image: apache/kafka:4.1.0
    ports: ['127.0.0.1:9092:9092']
    volumes: ['log-data:/data', './deploy/grapevine.toml:/etc/grapevine.toml:ro']
    healthcheck: { test: ['CMD', 'true'] }
  score:
    image: grapevine:local
    command: ['score', '--stage']
    environment: { LOG_PASSWORD: x }
    build: { dockerfile: deploy/Dockerfile }
    depends_on: { log: { condition: service_healthy } }
volumes:
  log-data: {}
";

    fn problems(compose: &str) -> String {
        let (_dir, tree) = Tree::made_of(&[
            (FILE, compose),
            ("deploy/Dockerfile", ""),
            ("deploy/grapevine.toml", "password_env = \"LOG_PASSWORD\"\n#: secret_env = \"OTHER\"\n"),
            ("crates/cli/src/args.rs", "enum Command {\n    Score,\n}"),
        ]);
        check(&tree).join("\n")
    }

    #[test]
    fn a_good_file_has_no_problems() {
        assert_eq!(problems(GOOD), "");
    }

    #[test]
    fn each_mistake_is_found() {
        for (from, to, expected) in [
            (
                "LOG_PASSWORD: x",
                "LUG: x",
                "service score: deploy/grapevine.toml names LOG_PASSWORD, which is not in its",
            ),
            ("kafka:4.1.0", "kafka:latest", "service log: image apache/kafka:latest is not pinned"),
            ("kafka:4.1.0", "kafka", "service log: image apache/kafka is not pinned"),
            ("'score', ", "'guess', ", "service score: `guess` is no command of grapevine"),
            ("{ log: {", "{ lug: {", "service score: depends on lug, which is no service"),
            ("healthcheck: { test: ['CMD', 'true'] }", "", "but log has no healthcheck"),
            ("{ test: ['CMD', 'true'] }", "{ disable: true }", "but log has no healthcheck"),
            ("  log-data: {}", "  other: {}", "service log: volume log-data is not declared"),
            ("deploy/grapevine.toml", "deploy/other.toml", "mounts ./deploy/other.toml, which is no file here"),
            ("dockerfile: deploy/Dockerfile", "dockerfile: Dockerfile", "Dockerfile does not exist"),
            ("'127.0.0.1:9092:9092'", "'9092:9092'", "is open to the network"),
            ("image: grapevine:local", "image: grapevine:local\n    ports: ['127.0.0.1:9092:1']", "published twice"),
            ("services:", "servces:", "cannot be read"),
        ] {
            let found = problems(&GOOD.replacen(from, to, 1));
            assert!(found.contains(expected), "{to}: {found}");
        }
    }
}
