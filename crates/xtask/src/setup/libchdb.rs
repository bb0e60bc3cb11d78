//! libchdb: ClickHouse's engine as a library, out of its npm package.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::fetch::{self, Item, Workshop};
use crate::command;

pub const VERSION: &str = "26.7.3-stable.1";

struct Package {
    name: &'static str,
    /// `None`: this variant was never fetched by us, so only npm's own integrity check stands.
    sha256: Option<&'static str>,
    bytes: u64,
}

fn package() -> Result<Package> {
    let unpinned = |name| Package { name, sha256: None, bytes: 180_000_000 };
    Ok(match (OS, ARCH) {
        ("linux", "x86_64") => Package {
            name: "@chdb/lib-linux-x64-gnu",
            sha256: Some("c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad"),
            bytes: 177_817_999,
        },
        ("linux", "aarch64") => unpinned("@chdb/lib-linux-arm64-gnu"),
        ("macos", "aarch64") => unpinned("@chdb/lib-darwin-arm64"),
        ("macos", "x86_64") => unpinned("@chdb/lib-darwin-x64"),
        _ => bail!("there is no embedded engine for {OS} on {ARCH}; configure a ClickHouse server under [store]"),
    })
}

/// `CACHE/libchdb-VERSION/libchdb.so`
pub fn ensure(cache: &Path) -> Result<()> {
    let package = package()?;
    let (name, folder) = (format!("the embedded engine (libchdb {VERSION})"), format!("libchdb-{VERSION}"));
    let item = Item { name: &name, folder: &folder, from: "from npm", bytes: package.bytes };
    fetch::ensure(cache, &item, |shop| unpack(shop, &package)).map(drop)
}

fn unpack(shop: &Workshop, package: &Package) -> Result<()> {
    command::need("npm", "install Node.js 20 or newer, which brings npm")?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(shop.downloads());
    shop.download(npm.arg(format!("{}@{VERSION}", package.name)).current_dir(shop.downloads()))?;
    let archive = shop.downloaded(".tgz")?;
    match package.sha256 {
        Some(sha256) => fetch::verify(&archive, sha256)?,
        None => eprintln!("setup: no hash is pinned for {}; npm's integrity check alone stands", package.name),
    }
    command::capture(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(shop.downloads()))?;
    let library = shop.downloads().join("package/libchdb.so");
    fs::rename(library, shop.output().join("libchdb.so")).context("the package has no libchdb.so")
}
