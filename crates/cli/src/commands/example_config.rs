use std::process::ExitCode;

const EXAMPLE: &str = include_str!("../../example.toml");

/// Prints a configuration that works as it stands, with every key explained.
pub fn run() -> anyhow::Result<ExitCode> {
    print!("{EXAMPLE}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_valid_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grapevine.toml");
        std::fs::write(&file, EXAMPLE).unwrap();
        let config = crate::config::load(&file).unwrap();
        assert_eq!(config.source_names(), ["posts"]);
    }

    #[test]
    fn every_key_stands_in_the_example() {
        let declared = include_str!("../config/sections.rs").lines();
        let keys = declared.filter_map(|line| line.strip_prefix("    pub ")?.split_once(':').map(|(key, _)| key));
        // The receivers are a list of tables, named after one of them.
        let missing: Vec<&str> =
            keys.filter(|key| *key != "receivers" && !EXAMPLE.contains(&format!("{key} = "))).collect();
        assert!(missing.is_empty(), "explain in example.toml: {missing:?}");
    }

    #[test]
    fn every_optional_key_of_the_example_is_valid_too() {
        // Keys that are off by default stand behind `#: `; with that taken away, the file must still be read.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grapevine.toml");
        // A cluster is of a server, and not of the embedded engine.
        let (embedded, server) = ("kind = \"embedded\"\ndatabase", "kind = \"clickhouse\"\ndatabase");
        let all = EXAMPLE.replace("#: ", "").replace(embedded, server);
        std::fs::write(&file, all).unwrap();
        let config = crate::config::load(&file).unwrap();
        assert_eq!(config.source_names(), ["posts", "bluesky", "blog", "hackernews", "mastodon"]);
        assert_eq!(config.alerts.receivers.len(), 1);
    }
}
