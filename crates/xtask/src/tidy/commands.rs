//! Commands that are shown to people or to Docker exist.

use clap::CommandFactory;

use super::tree::Tree;

const CLI_ARGS: &str = "crates/cli/src/args.rs";

pub fn check(tree: &Tree) -> Vec<String> {
    let Some(readme) = tree.text("README.md") else { return vec!["README.md is missing".to_owned()] };
    let tasks: Vec<String> = crate::Args::command().get_subcommands().map(|task| task.get_name().to_owned()).collect();
    let commands = of_the_binary(tree);
    let mut problems = Vec::new();
    for (number, line) in shell_lines(&readme) {
        let line = line.trim_start_matches("$ ");
        for (program, known) in [("cargo xtask ", &tasks), ("grapevine ", &commands)] {
            let word = line.strip_prefix(program).and_then(|rest| rest.split_whitespace().next());
            if let Some(word) = word.filter(|word| !word.starts_with('-') && !known.iter().any(|name| name == word)) {
                problems.push(format!("README.md line {number}: `{program}{word}` is no command; there are {known:?}"));
            }
        }
    }
    problems
}

/// The subcommands of `grapevine`, read from the variants of its `enum Command`.
///
/// From its text, since linking it would bring libtorch in.
pub fn of_the_binary(tree: &Tree) -> Vec<String> {
    let text = tree.text(CLI_ARGS).unwrap_or_default();
    let body =
        text.split_once("enum Command {").and_then(|(_, rest)| rest.split_once("\n}")).map_or("", |(body, _)| body);
    let variants = body.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let names = variants.map(|line| line.trim().split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or(""));
    names.filter(|name| name.starts_with(char::is_uppercase)).map(kebab).collect()
}

/// `CheckConfig` gives `check-config`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// The lines of fenced blocks, with their numbers.
fn shell_lines(markdown: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in markdown.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push((number + 1, line.trim()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGS: &str = "pub enum Command {\n    /// All\n    Up(WithConfig),\n    #[command(hide = true)]\n    CheckConfig {\n        Offline: bool,\n    },\n}\n";

    #[test]
    fn the_subcommands_are_the_variants() {
        let (_dir, tree) = Tree::made_of(&[(CLI_ARGS, ARGS)]);
        assert_eq!(of_the_binary(&tree), ["up", "check-config"]);
    }

    #[test]
    fn a_command_that_does_not_exist_is_found_in_fenced_blocks() {
        let readme = "cargo xtask prose\n```sh\n$ cargo xtask demo --no-open\ncargo xtask fly\ngrapevine up\ngrapevine land\ngrapevine --help\n```\n";
        let (_dir, tree) = Tree::made_of(&[(CLI_ARGS, ARGS), ("README.md", readme)]);
        let found = check(&tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("README.md line 4: `cargo xtask fly`"), "{found:?}");
        assert!(found[1].starts_with("README.md line 6: `grapevine land`"), "{found:?}");
    }
}
