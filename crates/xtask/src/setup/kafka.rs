//! Kafka's jars by Maven: the broker of the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use grapevine_testkit::kafka::VERSION;

use super::fetch::{self, Item, Workshop};
use crate::command;

const POM: &str = include_str!("../../assets/kafka-pom.xml");
/// As `sha256sum` prints them.
const HASHES: &str = include_str!("../../assets/kafka-jars.sha256");

/// `CACHE/kafka-VERSION/*.jar`
pub fn ensure(cache: &Path) -> Result<()> {
    for program in ["java", "mvn"] {
        let remedy = "install Java 17 and Maven (Debian and Ubuntu: `apt-get install openjdk-17-jdk-headless maven`), \
             or leave the tests with Kafka out with `--without-kafka`";
        command::need(program, remedy)?;
    }
    let (name, folder) = (format!("Apache Kafka {VERSION} for the tests"), format!("kafka-{VERSION}"));
    let item = Item { name: &name, folder: &folder, from: "from Maven Central", bytes: 44_200_000 };
    fetch::ensure(cache, &item, copy_jars).map(drop)
}

fn copy_jars(shop: &Workshop) -> Result<()> {
    let pom = shop.downloads().join("pom.xml");
    fs::write(&pom, POM)?;
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(pom).arg("dependency:copy-dependencies");
    maven.arg("-DincludeScope=runtime").arg(format!("-DoutputDirectory={}", shop.downloads().join("jars").display()));
    shop.download(&mut maven)?;
    let jars = shop.downloads().join("jars");
    check(&jars, HASHES)?;
    fs::remove_dir(shop.output())?;
    fs::rename(jars, shop.output()).context("cannot move the jars")
}

/// The folder holds exactly the pinned files.
fn check(jars: &Path, hashes: &str) -> Result<()> {
    let mut expected: BTreeMap<&str, &str> =
        hashes.lines().filter_map(|line| line.split_once("  ")).map(|(hash, name)| (name, hash)).collect();
    for entry in fs::read_dir(jars).context("Maven copied no jars")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match expected.remove(name.as_ref()) {
            Some(hash) => fetch::verify(&path, hash)?,
            None => bail!("{name} is not among the jars that are pinned"),
        }
    }
    match expected.keys().next() {
        None => Ok(()),
        Some(missing) => bail!("{missing} is pinned, but Maven did not bring it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn check_folder(files: &[(&str, &str)]) -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        check(dir.path(), &format!("{ABC}  a.jar\n"))
    }

    #[test]
    fn exactly_the_pinned_jars_are_accepted() {
        check_folder(&[("a.jar", "abc")]).unwrap();
        assert!(check_folder(&[("a.jar", "abd")]).unwrap_err().to_string().contains("not the file that is pinned"));
        assert!(check_folder(&[("a.jar", "abc"), ("b.jar", "")]).unwrap_err().to_string().contains("b.jar is not"));
        assert!(check_folder(&[]).unwrap_err().to_string().contains("a.jar is pinned, but"));
    }

    #[test]
    fn the_pom_and_the_hashes_are_of_the_version_that_the_broker_starts() {
        assert!(POM.contains(&format!("<kafka.version>{VERSION}</kafka.version>")));
        assert!(HASHES.contains(&format!("  kafka_2.13-{VERSION}.jar\n")));
    }
}
