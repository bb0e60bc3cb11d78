//! The progress of a download that another program makes: the size of what it has written so far.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use grapevine_testkit::process::tail;
use indicatif::{ProgressBar, ProgressStyle};

use super::fetch::megabytes;
use crate::command;

const LOOK: Duration = Duration::from_millis(100);
/// Between two lines where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// Runs `command`, showing how much of `bytes` stands in `folder`. Its own output is shown only when it fails.
pub fn watch(command: &mut Command, folder: &Path, label: &str, bytes: u64) -> Result<()> {
    let log = folder.join("output.log");
    let file = File::create(&log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", command::line(command)))?;
    let mut display = Display::new(label, bytes);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        display.update(size_of(folder));
        thread::sleep(LOOK);
    };
    display.finish();
    if !status.success() {
        bail!("`{}` failed ({status})\n{}", command::line(command), tail(&log, 15));
    }
    Ok(())
}

/// Bytes in all files under a folder. Files come and go meanwhile: what is gone counts nothing.
fn size_of(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(|entry| entry.ok()?.metadata().ok());
    files.filter(|metadata| metadata.is_file()).map(|metadata| metadata.len()).sum()
}

/// A bar on a terminal, a line every few seconds elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    label: String,
    bytes: u64,
    last_line: Instant,
}

impl Display {
    fn new(label: &str, bytes: u64) -> Display {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(bytes).with_message(label.to_owned());
            let style = ProgressStyle::with_template("  {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Display { bar, label: label.to_owned(), bytes, last_line: Instant::now() }
    }

    fn update(&mut self, so_far: u64) {
        // The program may keep a second copy for a moment.
        let so_far = so_far.min(self.bytes);
        if let Some(bar) = &self.bar {
            bar.set_position(so_far);
        } else if self.last_line.elapsed() >= LINE {
            self.last_line = Instant::now();
            eprintln!("setup: {}: {} of {}", self.label, megabytes(so_far), megabytes(self.bytes));
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_printed_is_shown_only_when_it_fails() {
        let dir = tempfile::tempdir().unwrap();
        watch(Command::new("sh").args(["-c", "echo fine"]), dir.path(), "thing", 1).unwrap();
        let error = watch(Command::new("sh").args(["-c", "echo no route >&2; exit 1"]), dir.path(), "thing", 1);
        assert!(error.unwrap_err().to_string().ends_with("no route"));
    }

    #[test]
    fn the_size_of_a_folder_counts_the_files_in_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("in/a"), "abc").unwrap();
        std::fs::write(dir.path().join("b"), "de").unwrap();
        assert_eq!(size_of(dir.path()), 5);
    }
}
