//! `grapevine`: the one binary. It reads the configuration, wires the parts together and runs stages and commands.

mod args;
mod commands;
mod config;
mod forget;
mod hub;
mod invariants;
mod parts;
mod progress;
mod stages;

use std::process::ExitCode;

use clap::Parser;

/// A batch of the sink is some 150,000 short strings that come and go together: with glibc's allocator that takes as long
/// as everything else that is done to them (`cargo xtask bench wire`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    init_tracing(args.verbose);
    // reqwest is built without a TLS provider of its own, so that one is compiled, not two.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(args) {
        Ok(code) => code,
        // `grapevine … | head` has read what it wanted.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<std::io::Error>() {
        Some(error) => Some(error.kind()),
        None => cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind),
    };
    error.chain().any(|cause| kind(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

/// Logs go to stderr; data alone goes to stdout.
fn init_tracing(verbose: u8) {
    use std::io::IsTerminal;
    let default = match verbose {
        0 => "warn,grapevine=info",
        1 => "info,grapevine=debug",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GRAPEVINE_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .compact()
        .init();
}
