//! The embedded engine's child process on its own: reads its options from stdin, as `grapevine engine-serve` does.

use std::process::ExitCode;

fn main() -> ExitCode {
    match grapevine_engine::serve_child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
