//! Where downloads are kept, outside the clone, so that a second clone fetches nothing.

use std::env;
use std::path::PathBuf;

/// The folder for downloads: `$GRAPEVINE_CACHE`, else `$XDG_CACHE_HOME/grapevine`, else `$HOME/.cache/grapevine`.
///
/// The folder may not exist yet. Without any of the three variables it is `grapevine-cache` in the temporary folder.
pub fn cache_dir() -> PathBuf {
    cache_dir_from(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn cache_dir_from(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    variable("GRAPEVINE_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| dir.join("grapevine")))
        .or_else(|| variable("HOME").map(|dir| dir.join(".cache/grapevine")))
        .unwrap_or_else(|| env::temp_dir().join("grapevine-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_variable_wins_over_xdg_which_wins_over_home() {
        let all = |name: &str| Some(PathBuf::from(format!("/{name}")));
        assert_eq!(cache_dir_from(all), PathBuf::from("/GRAPEVINE_CACHE"));
        let xdg_and_home = |name: &str| all(name).filter(|_| name != "GRAPEVINE_CACHE");
        assert_eq!(cache_dir_from(xdg_and_home), PathBuf::from("/XDG_CACHE_HOME/grapevine"));
        let only_home = |name: &str| all(name).filter(|_| name == "HOME");
        assert_eq!(cache_dir_from(only_home), PathBuf::from("/HOME/.cache/grapevine"));
    }
}
