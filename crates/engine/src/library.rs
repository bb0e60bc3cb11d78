//! Which build of the engine is used, and where it lies.

use std::env;
use std::path::{Path, PathBuf};

use crate::EngineError;

/// Version of the npm package that carries the library; its engine is ClickHouse 26.7. `cargo xtask setup` fetches the
/// same.
pub const LIBRARY_VERSION: &str = "26.7.3-stable.1";

/// Directory of cached downloads: `$GRAPEVINE_CACHE`, else `$XDG_CACHE_HOME/grapevine`, else `$HOME/.cache/grapevine`.
fn cache_dir() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("GRAPEVINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("grapevine")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache").join("grapevine")))
        .unwrap_or_else(|| PathBuf::from(".cache/grapevine"))
}

/// Path of the library: `chosen` where given, else the cached one. An error says how to get it.
pub fn library_path(chosen: Option<&Path>) -> Result<PathBuf, EngineError> {
    let path = match chosen {
        Some(path) => path.to_path_buf(),
        None => cache_dir().join(format!("libchdb-{LIBRARY_VERSION}")).join("libchdb.so"),
    };
    if path.is_file() { Ok(path) } else { Err(EngineError::LibraryMissing { path }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_says_how_to_get_it() {
        let error = library_path(Some(Path::new("nowhere/libchdb.so"))).expect_err("there is no such file");
        assert_eq!(error.to_string(), "the ClickHouse library nowhere/libchdb.so is missing: run `cargo xtask setup`");
        assert!(!error.is_transient());
    }
}
