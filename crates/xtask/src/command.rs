//! Running other programs: found or missing with an instruction, quiet with their output in the error, or shown as they run.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::repository;

/// The full path of a program, if `PATH` has it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A program that must be there; `remedy` says how to get it.
pub fn need(program: &str, remedy: &str) -> Result<()> {
    match find(program) {
        Some(_) => Ok(()),
        None => bail!("`{program}` is missing: {remedy}"),
    }
}

/// `cargo` in the repository's root, with the environment that a person's own `cargo` has.
///
/// `cargo run` exports variables of this package, and `.cargo/config.toml` exports libtorch's. Build scripts watch some of
/// them: passed on, they would make everything compile twice.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository::root());
    for (name, value) in env::vars_os() {
        if is_from_cargo(&name.to_string_lossy(), &value) {
            command.env_remove(name);
        }
    }
    if let Some(path) = env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", library_path_of_the_user(&path));
    }
    command
}

fn is_from_cargo(name: &str, value: &OsStr) -> bool {
    match name {
        "LIBTORCH" => Path::new(value) == repository::root().join("third_party/libtorch"),
        "LIBTORCH_CXX11_ABI" => !user_has_libtorch(),
        "OUT_DIR" | "CARGO_PRIMARY_PACKAGE" | "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" => true,
        _ => name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"),
    }
}

/// Without the folders that `cargo run` puts in front: its target folder's and the toolchain's.
fn library_path_of_the_user(path: &OsStr) -> OsString {
    let own = env::split_paths(path).filter(|dir| {
        !dir.starts_with(repository::root().join("target"))
            && !dir.iter().any(|part| part == "rustlib" || part == ".rustup")
    });
    env::join_paths(own).unwrap_or_default()
}

/// Has the user set `LIBTORCH`, other than `.cargo/config.toml` does?
pub fn user_has_libtorch() -> bool {
    env::var_os("LIBTORCH")
        .is_some_and(|path| !path.is_empty() && Path::new(&path) != repository::root().join("third_party/libtorch"))
}

/// Runs it with its output shown. An error when it can not run or fails.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs it quietly and returns its standard output; what it printed is in the error when it fails.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run `{}`", line(command)))?;
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({})\n{}", line(command), output.status, printed.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_remedy() {
        let error = need("no-such-program-anywhere", "install it").unwrap_err().to_string();
        assert_eq!(error, "`no-such-program-anywhere` is missing: install it");
        assert!(need("sh", "install a shell").is_ok());
    }

    #[test]
    fn a_failing_program_shows_what_it_printed() {
        let error = capture(Command::new("sh").args(["-c", "echo wrong >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("wrong"), "{error}");
    }

    #[test]
    fn the_library_path_keeps_what_the_user_put_there() {
        let target = repository::root().join("target/debug/deps");
        let path = format!("{}:/opt/cuda/lib:/opt/.rustup/toolchains/stable/lib", target.display());
        assert_eq!(library_path_of_the_user(OsStr::new(&path)), "/opt/cuda/lib");
    }

    #[test]
    fn what_cargo_exports_for_this_package_is_not_passed_on() {
        let any = OsStr::new("x");
        assert!(is_from_cargo("CARGO_PKG_NAME", any) && is_from_cargo("CARGO_MANIFEST_DIR", any));
        assert!(is_from_cargo("LIBTORCH", repository::root().join("third_party/libtorch").as_os_str()));
        assert!(!is_from_cargo("LIBTORCH", any) && !is_from_cargo("PATH", any) && !is_from_cargo("CARGO_HOME", any));
    }
}
