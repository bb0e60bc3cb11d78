use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use grapevine_monitor::Matcher;
use grapevine_scoring::theme::Scheme;
use grapevine_sources::{ConfigError as SourceConfigError, registry};

use super::{Config, ConfigError, LogKind, StoreKind, StoreSection};

/// Reads and checks a configuration. Nothing is connected to.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    let mut config: Config = toml::from_str(&text).map_err(|error| not_understood(file, &text, &error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    config.resolve_paths(folder);
    check(&config, file, &text)?;
    Ok(config)
}

fn unreadable(file: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError { file: file.into(), line: None, message: error.to_string(), hint: None, excerpt: None }
        .hint("name a file with --config, or write one: `grapevine example-config > grapevine.toml`")
}

fn not_understood(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message().trim().replace('\n', ", ");
    let byte = error.span().map_or(0, |span| span.start);
    let found = ConfigError::at(file.into(), text, byte, message.clone());
    match nearest_key(&message) {
        Some(key) => found.hint(format!("did you mean `{key}`?")),
        None => found,
    }
}

/// `unknown field `a`, expected one of `b`, `c`` gives the closest of those that are expected.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next().filter(|_| message.starts_with("unknown"))?;
    let (distance, key) = quoted.map(|key| (strsim::damerau_levenshtein(wrong, key), key)).min()?;
    (distance <= 2.max(wrong.len() / 3)).then(|| key.to_owned())
}

fn check(config: &Config, file: &Path, text: &str) -> Result<(), ConfigError> {
    let at = |needle: &str, message: String| {
        ConfigError::at(file.into(), text, text.find(needle).unwrap_or_default(), message)
    };
    if config.log.kind == LogKind::Kafka && config.log.brokers.is_none() {
        return Err(at("[log]", "[log] kind is `kafka`, but `brokers` is missing".into())
            .hint("add `brokers = \"localhost:9092\"` under [log]"));
    }
    if config.store.kind == StoreKind::Clickhouse && config.store.url.is_none() {
        return Err(at("[store]", "[store] kind is `clickhouse`, but `url` is missing".into())
            .hint("add `url = \"http://localhost:8123\"` under [store]"));
    }
    check_cluster(&config.store, &at)?;
    if config.log.partitions == 0 {
        return Err(at("partitions", "[log] partitions is 0".into()).hint("use 1 or more; 3 is usual"));
    }
    check_brands(config, &at)?;
    check_retention(config, &at)?;
    check_themes(config, &at)?;
    check_sources(config, file, text)
}

fn check_cluster(store: &StoreSection, at: &dyn Fn(&str, String) -> ConfigError) -> Result<(), ConfigError> {
    let hint =
        "say `cluster` and `replicas` together, of a ClickHouse with `remote_servers`; leave both out for one node";
    let wrong = |needle: &str, message: &str| Err(at(needle, format!("[store] {message}")).hint(hint));
    match (&store.cluster, store.replicas) {
        (None, None) => Ok(()),
        (Some(_), _) if store.kind == StoreKind::Embedded => {
            wrong("cluster", "names a cluster, and its kind is `embedded`")
        }
        (Some(_), None) => wrong("cluster", "names a cluster, but `replicas` is missing"),
        (None, Some(_)) => wrong("replicas", "has `replicas`, but names no `cluster`"),
        (Some(_), Some(_)) => match store.on_cluster() {
            Ok(_) => Ok(()),
            Err(error) => wrong("cluster", &error.to_string()),
        },
    }
}

fn check_brands(config: &Config, at: &dyn Fn(&str, String) -> ConfigError) -> Result<(), ConfigError> {
    let Err(error) = Matcher::new(&config.brands) else { return Ok(()) };
    // The error names the brand and the monitor; the query that is wrong is the first that fails alone.
    let wrong = config.brands.iter().flat_map(|brand| &brand.monitors).find(|monitor| {
        let alone = grapevine_monitor::Query::parse(&monitor.query);
        alone.is_err()
    });
    let found = at(wrong.map_or("[[brand]]", |monitor| &monitor.query), error.to_string());
    // The message shows the query with the place in it.
    Err(ConfigError { excerpt: None, ..found })
}

fn check_retention(config: &Config, at: &dyn Fn(&str, String) -> ConfigError) -> Result<(), ConfigError> {
    let wrong = |message: String| at("[[retention.rule]]", message);
    let mut seen = HashSet::new();
    for rule in &config.retention.rules {
        if rule.brand.is_none() && rule.platform.is_none() {
            return Err(wrong("a rule of [retention] names neither a brand nor a platform".into())
                .hint("what holds for all is `keep` under [retention]"));
        }
        if let Some(unknown) = rule.brand.as_ref().filter(|name| config.brands.iter().all(|brand| brand.name != **name))
        {
            let names: Vec<&str> = config.brands.iter().map(|brand| brand.name.as_str()).collect();
            return Err(wrong(format!("a rule of [retention] names the brand {unknown:?}, which is not configured"))
                .hint(format!("there are: {}", names.join(", "))));
        }
        if !seen.insert((&rule.brand, &rule.platform)) {
            let of = [rule.brand.as_deref(), rule.platform.as_deref()].into_iter().flatten().collect::<Vec<_>>();
            return Err(
                wrong(format!("two rules of [retention] are about {}", of.join(" on "))).hint("keep one of them")
            );
        }
    }
    Ok(())
}

fn check_themes(config: &Config, at: &dyn Fn(&str, String) -> ConfigError) -> Result<(), ConfigError> {
    let Err(error) = Scheme::with(&config.themes) else { return Ok(()) };
    let named = config.themes.iter().find(|theme| error.to_string().contains(&format!("`{}`", theme.name)));
    let found = at(named.map_or("[[theme]]", |theme| &theme.name), error.to_string());
    Err(ConfigError { excerpt: None, ..found }.hint("`grapevine theme list` shows the themes and their examples"))
}

fn check_sources(config: &Config, file: &Path, text: &str) -> Result<(), ConfigError> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for source in &config.sources {
        let start = source.span().start;
        let parsed =
            grapevine_sources::parse(source.get_ref()).map_err(|error| wrong_source(file, text, start, &error))?;
        if seen.insert(parsed.name().to_owned(), start).is_some() {
            let message = format!("two sources are named `{}`", parsed.name());
            return Err(ConfigError::at(file.into(), text, start, message)
                .hint("a source's name keys its checkpoint: give each its own"));
        }
    }
    Ok(())
}

fn wrong_source(file: &Path, text: &str, start: usize, error: &SourceConfigError) -> ConfigError {
    let found = ConfigError::at(PathBuf::from(file), text, start, error.to_string());
    let nearest = match error {
        SourceConfigError::UnknownKind { kind, .. } => registry::nearest_kind(kind).map(str::to_owned),
        SourceConfigError::Settings { message, .. } => nearest_key(message),
        _ => None,
    };
    match nearest {
        Some(nearest) => found.hint(format!("did you mean `{nearest}`?")),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grapevine.toml");
        std::fs::write(&file, text).unwrap();
        let error = load(&file).expect_err("this configuration has a mistake").to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one() {
        insta::assert_snapshot!(mistake("[scoring]\nenabled = true\nmodle = \"x\"\n"));
    }

    #[test]
    fn the_path_of_a_file_is_meant_from_the_configuration_s_folder_and_that_of_a_hook_is_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grapevine.toml");
        let source =
            |kind: &str, path: &str| format!("[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\npath = \"{path}\"\n");
        let hook = source("webhook", "shop") + "listen = \"127.0.0.1:0\"\npreset = \"github\"\nsecret_env = \"S\"\n";
        let brand = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";
        std::fs::write(&file, format!("{brand}{}{hook}", source("file", "posts.ndjson"))).unwrap();
        let config = load(&file).unwrap();
        let path = |at: usize| config.sources[at].get_ref()["path"].as_str().unwrap().to_owned();
        assert_eq!(path(0), folder.path().join("posts.ndjson").display().to_string());
        assert_eq!(path(1), "shop");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        insta::assert_snapshot!(mistake("[log]\npartitions = \"three\"\n"));
    }

    #[test]
    fn a_query_that_does_not_parse_is_shown_with_its_column() {
        insta::assert_snapshot!(mistake(
            "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme AND (\"\n"
        ));
    }

    #[test]
    fn a_rule_of_a_theme_that_does_not_parse_is_named() {
        insta::assert_snapshot!(mistake("[[theme]]\nname = \"queues\"\nrules = [\"queue\", \"waiting AND (\"]\n"));
    }

    #[test]
    fn a_rule_of_retention_names_a_brand_that_there_is_once_and_a_time_in_days() {
        let rule = |rest: &str| format!("[[retention.rule]]\n{rest}\n");
        insta::assert_snapshot!(mistake("[retention]\nkeep = \"4 weeks\"\n"));
        insta::assert_snapshot!(mistake(&rule("keep = \"30d\"")));
        let brand = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";
        insta::assert_snapshot!(mistake(&format!("{brand}{}", rule("brand = \"Acem\"\nkeep = \"30d\""))));
        let twice = rule("brand = \"Acme\"\nplatform = \"x\"\nkeep = \"30d\"").repeat(2);
        insta::assert_snapshot!(mistake(&format!("{brand}{twice}")));
    }

    #[test]
    fn a_theme_that_nothing_tells_is_refused() {
        insta::assert_snapshot!(mistake("[[theme]]\nname = \"queues\"\nexamples = [\"so long a line\"]\n"));
    }

    #[test]
    fn a_cluster_is_of_a_clickhouse_and_comes_with_its_replicas() {
        let store = |rest: &str| mistake(&format!("[store]\nkind = \"clickhouse\"\nurl = \"http://c:8123\"\n{rest}\n"));
        insta::assert_snapshot!(store("cluster = \"main\""));
        insta::assert_snapshot!(store("replicas = 2"));
        insta::assert_snapshot!(store("cluster = \"a b\"\nreplicas = 2"));
        insta::assert_snapshot!(mistake("[store]\ncluster = \"main\"\nreplicas = 2\n"));
    }

    #[test]
    fn kafka_without_brokers_is_refused() {
        insta::assert_snapshot!(mistake("[log]\nkind = \"kafka\"\n"));
    }

    #[test]
    fn an_unknown_kind_of_source_lists_the_valid_ones() {
        let shown = mistake("[[source]]\nname = \"a\"\nkind = \"myspace\"\n");
        // Kinds come with each version: the first and the last stand for all.
        let (first, all) = shown.split_once("\"bluesky\"").unwrap();
        let (_, last) = all.split_once(", \"youtube\"").unwrap();
        insta::assert_snapshot!(format!("{first}\"bluesky\", …, \"youtube\"{last}"));
    }

    #[test]
    fn a_key_that_a_kind_does_not_have_is_told_with_the_nearest() {
        let error = mistake("[[source]]\nname = \"a\"\nkind = \"file\"\npathh = \"x.csv\"\n");
        assert!(error.contains("did you mean `path`?"), "{error}");
        let error = mistake("[[source]]\nname = \"a\"\nkind = \"mastadon\"\n");
        assert!(error.contains("did you mean `mastodon`?"), "{error}");
    }

    #[test]
    fn a_definition_lies_beside_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let shipped =
            grapevine_sources::declarative::TEXTS.iter().find(|text| text.contains("name = \"lemmy\"")).unwrap();
        std::fs::write(folder.path().join("mine.toml"), shipped).unwrap();
        let file = folder.path().join("grapevine.toml");
        let source =
            "[[source]]\nname = \"a\"\nkind = \"declarative\"\ndefinition = \"mine.toml\"\ncommunities = [\"tea\"]\n";
        std::fs::write(&file, source).unwrap();
        let config = load(&file).unwrap_or_else(|error| panic!("{error}"));
        let definition = config.sources[0].get_ref()["definition"].as_str().map(PathBuf::from);
        assert_eq!(definition, Some(folder.path().join("mine.toml")));
    }

    #[test]
    fn a_missing_file_says_how_to_get_one() {
        let error = load(Path::new("no/such/grapevine.toml")).unwrap_err();
        insta::assert_snapshot!(error);
    }
}
