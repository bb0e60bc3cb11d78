//! Progress of long work, on stderr, where it is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total`, or a count where the total is not known.
pub fn bar(total: Option<u64>, unit: &str) -> ProgressBar {
    let template = match total {
        Some(_) => format!("{{bar:30}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left"),
        None => format!("{{spinner}} {{human_pos}} {unit}, {{per_sec}}, {{elapsed}}"),
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
