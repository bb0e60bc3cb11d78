//! Checks that the page is built before it is embedded, and embeds it again when it changes.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=ui/dist");
    if !Path::new("ui/dist/index.html").is_file() {
        println!(
            "cargo::error=the page is not built (crates/api/ui/dist/index.html is missing): run `cargo xtask setup`, \
             or `npm ci && npm run build` in crates/api/ui"
        );
    }
}
