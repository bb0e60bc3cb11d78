//! `cargo xtask test`: everything that must hold before a change lands.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use grapevine_testkit::kafka::WITHOUT_KAFKA;

use crate::command::{cargo, line};
use crate::{repository, setup, tidy};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Skip the tests that need a Kafka broker, and say so
    #[arg(long)]
    without_kafka: bool,
    /// Skip the page: its build, its own tests, and the tests in a browser
    #[arg(long)]
    without_page: bool,
    /// Check and test one package only
    #[arg(short, long)]
    package: Option<String>,
    /// Passed to `cargo test`: a filter, or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    extra: Vec<String>,
}

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// What was run so far, for the summary.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Outcome, Duration)>,
}

/// Runs the steps in order, all of them even when one fails (nothing without `setup`). True when none failed.
pub fn run(args: &Args) -> Result<bool> {
    let mut report = Report::default();
    let options = setup::Options { kafka: !args.without_kafka, page: !args.without_page, browser: wants_browser(args) };
    if report.step("setup", || setup::run(&options).map(|()| true)) {
        check(args, &mut report);
        test(args, &mut report);
    }
    report.print();
    Ok(report.count(|outcome| matches!(outcome, Outcome::Failed)) == 0)
}

fn check(args: &Args, report: &mut Report) {
    report.step("fmt", || {
        let package = args.package.iter().flat_map(|package| ["--package", package]);
        shown(cargo().args(["fmt", "--check"]).args(package))
    });
    report.step("tidy", tidy::run);
    report.step("clippy", || {
        shown(cargo().arg("clippy").args(scope(args)).args(["--all-targets", "--quiet", "--", "-D", "warnings"]))
    });
    report.step("doc", || {
        let mut doc = cargo();
        doc.args(["doc", "--no-deps", "--quiet"]).args(scope(args));
        shown(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
}

fn test(args: &Args, report: &mut Report) {
    // Binaries and tests in one call, so that dependencies are built once, with one set of features.
    report.step("build", || shown(cargo().arg("build").args(scope(args)).args(["--bins", "--tests", "--quiet"])));
    report.step("test", || {
        let mut tests = cargo();
        if wants_browser(args) {
            setup::install_page(&repository::root().join("tests/page"))?;
            // The end-to-end tests then open the page of a running pipeline too.
            tests.env("GRAPEVINE_PAGE_TESTS", "1").envs(browser());
        }
        tests.arg("test").args(scope(args)).arg("--no-fail-fast").args(&args.extra);
        if args.without_kafka {
            tests.env(WITHOUT_KAFKA, "1");
        }
        shown(&mut tests)
    });
    test_page(args, report);
}

fn test_page(args: &Args, report: &mut Report) {
    for (name, folder) in [("page, its own tests", "crates/api/ui"), ("page, in a browser", "tests/page")] {
        let folder = repository::root().join(folder);
        if let Some(reason) = page_skipped(args) {
            report.skip(name, reason);
        } else if !folder.join("package.json").is_file() {
            report.skip(name, "it is not written yet".to_owned());
        } else {
            report.step(name, || {
                setup::install_page(&folder)?;
                let mut npm = Command::new("npm");
                npm.args(["test", "--silent"]).current_dir(&folder).env("npm_config_update_notifier", "false");
                shown(npm.envs(browser()))
            });
        }
    }
}

/// Where the tests find the browser.
fn browser() -> Option<(&'static str, std::path::PathBuf)> {
    setup::find_browser().map(|browser| (setup::BROWSER_VARIABLE, browser))
}

fn page_skipped(args: &Args) -> Option<String> {
    match (&args.package, args.without_page) {
        (_, true) => Some("--without-page".to_owned()),
        (Some(package), _) => Some(format!("only {package} is tested")),
        (None, false) => None,
    }
}

fn wants_browser(args: &Args) -> bool {
    page_skipped(args).is_none() && repository::root().join("tests/page/package.json").is_file()
}

/// What is checked and tested. The tests of the testkit, in which sources are killed, need the simulator.
fn scope(args: &Args) -> Vec<String> {
    let mut scope = match &args.package {
        Some(package) => vec!["--package".to_owned(), package.clone()],
        None => vec!["--workspace".to_owned()],
    };
    if args.package.as_deref().is_none_or(|package| package == "grapevine-testkit") {
        scope.extend(["--features".to_owned(), "grapevine-testkit/simulator".to_owned()]);
    }
    scope
}

/// Runs it with its output shown; a failure is an error that repeats the command.
fn shown(command: &mut Command) -> Result<bool> {
    let status = command.status()?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(true)
}

impl Report {
    /// Runs a step and notes how it went. True when it passed.
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<bool>) -> bool {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let passed = work().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        let outcome = if passed { Outcome::Passed } else { Outcome::Failed };
        self.steps.push((name, outcome, started.elapsed()));
        passed
    }

    fn skip(&mut self, name: &'static str, reason: String) {
        eprintln!("\n== {name}: skipped: {reason}");
        self.steps.push((name, Outcome::Skipped(reason), Duration::ZERO));
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.steps.iter().filter(|(_, outcome, _)| of(outcome)).count()
    }

    fn print(&self) {
        eprintln!();
        for (name, outcome, took) in &self.steps {
            let said = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed => "FAILED".to_owned(),
                Outcome::Skipped(reason) => format!("skipped: {reason}"),
            };
            eprintln!("{name:<22} {:>8.1} s  {said}", took.as_secs_f32());
        }
        println!("{}", self.closing_line());
    }

    /// Counts steps, not single tests: `cargo test` has printed those.
    fn closing_line(&self) -> String {
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed));
        match self.count(|outcome| matches!(outcome, Outcome::Skipped(_))) {
            0 => format!("{passed} passed, {failed} failed"),
            skipped => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_killed_in_every_run_that_has_their_tests() {
        let scope = |package: Option<&str>| {
            let package = package.map(str::to_owned);
            scope(&Args { without_kafka: true, without_page: true, package, extra: Vec::new() }).join(" ")
        };
        assert_eq!(scope(None), "--workspace --features grapevine-testkit/simulator");
        assert_eq!(
            scope(Some("grapevine-testkit")),
            "--package grapevine-testkit --features grapevine-testkit/simulator"
        );
        assert_eq!(scope(Some("grapevine-log")), "--package grapevine-log");
    }

    #[test]
    fn the_closing_line_counts_what_happened() {
        let mut report = Report::default();
        assert!(report.step("good", || Ok(true)));
        assert_eq!(report.closing_line(), "1 passed, 0 failed");
        assert!(!report.step("bad", || Ok(false)));
        assert!(!report.step("broken", || bail!("no")));
        report.skip("left out", "asked for".to_owned());
        assert_eq!(report.closing_line(), "1 passed, 2 failed, 1 skipped");
    }
}
