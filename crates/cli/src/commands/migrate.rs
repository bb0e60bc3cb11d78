//! `grapevine migrate`: applies what the store lacks, or prints the whole schema.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use grapevine_store::{Applied, Cluster, script};

use crate::{
    args::MigrateArgs,
    config::{self, StoreSection},
    parts,
};

pub async fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let mut out = io::stdout().lock();
    if args.print {
        write!(out, "{}", text(&config.store, args)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let open = parts::open_store(&config).await?;
    let applied = open.store.migrate().await;
    open.close().await;
    for Applied { name } in &applied? {
        writeln!(out, "{name}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(section: &StoreSection, args: &MigrateArgs) -> anyhow::Result<String> {
    let cluster = match (&args.cluster, args.replicas) {
        (Some(name), Some(replicas)) => Some(Cluster::new(name, replicas).context("--cluster")?),
        _ => section.on_cluster()?,
    };
    Ok(script(&section.database, cluster.as_ref())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: MigrateArgs,
    }

    fn printed(words: &[&str]) -> String {
        let alone = Alone::try_parse_from(["migrate", "--print"].iter().chain(words)).unwrap();
        text(&StoreSection::default(), &alone.args).unwrap()
    }

    /// Up to a migration; one that was applied is never changed, so that this stays as it is.
    fn up_to<'a>(text: &'a str, migration: &str) -> &'a str {
        text.split_once(&format!("\n-- {migration}")).unwrap().0
    }

    #[test]
    fn what_a_cluster_runs_is_printed_as_one_text() {
        let text = printed(&["--cluster", "main", "--replicas", "3"]);
        insta::assert_snapshot!(up_to(&text, "0003_sources"));
        let (_, rest) = text.split_once("-- 0006_log").unwrap();
        insta::assert_snapshot!(up_to(rest, "0008_batches"));
    }

    #[test]
    fn what_one_node_runs_is_printed_as_it_stands_in_the_migrations() {
        let text = printed(&[]);
        insta::assert_snapshot!(up_to(&text, "0001_mentions"));
        assert!(!text.contains("CLUSTER") && !text.contains("Replicated"));
    }

    #[test]
    fn a_cluster_is_named_with_its_replicas_and_to_be_printed_alone() {
        for words in [
            &["--cluster", "main", "--print"][..],
            &["--replicas", "2", "--print"],
            &["--cluster", "main", "--replicas", "2"],
        ] {
            assert!(Alone::try_parse_from(["migrate"].iter().chain(words)).is_err(), "{words:?}");
        }
    }
}
