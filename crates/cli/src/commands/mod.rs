//! One file a command.

mod alert_detect;
mod check_config;
mod dlq;
mod example_config;
mod figure;
mod forget;
mod labels;
mod migrate;
mod model;
mod monitoring;
mod query;
mod rescore;
mod retention;
mod score_texts;
mod search;
mod source;
mod span;
mod stage;
mod status;
mod store;
mod tasks;
mod text_index;
mod theme;
mod transfer;
mod up;
mod words;

use std::process::ExitCode;

use crate::{
    args::{AlertCommand, Args, Command},
    stages::crash,
};

/// Runs a command to its end.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    crash::arm()?;
    match args.command {
        Command::Up(with) => runtime()?.block_on(up::run(&with.config)),
        Command::Ingest(with) => runtime()?.block_on(stage::run(&with.config, stage::Stage::Ingest)),
        Command::Score(args) if args.stage => runtime()?.block_on(stage::run(&args.with.config, stage::Stage::Score)),
        Command::Score(args) => score_texts::run(&args),
        Command::Sink(with) => runtime()?.block_on(stage::run(&with.config, stage::Stage::Sink)),
        Command::Alert(args) => match args.command {
            Some(AlertCommand::Detect { detector, input }) => alert_detect::run(detector, &input),
            None => runtime()?.block_on(stage::run(&args.with.config, stage::Stage::Alert)),
        },
        Command::Serve(with) => runtime()?.block_on(stage::run(&with.config, stage::Stage::Serve)),
        Command::CheckConfig(args) => runtime()?.block_on(check_config::run(&args)),
        Command::Source { command } => runtime()?.block_on(source::run(&command)),
        Command::Theme { command } => runtime()?.block_on(theme::run(&command)),
        Command::Model { command } => runtime()?.block_on(model::run(&command)),
        Command::Query(args) => runtime()?.block_on(query::run(&args)),
        Command::Search(args) => runtime()?.block_on(search::run(&args)),
        Command::Rescore(args) => runtime()?.block_on(rescore::run(&args)),
        Command::Dlq { command } => runtime()?.block_on(dlq::run(&command)),
        Command::Status(args) => runtime()?.block_on(status::run(&args)),
        Command::Store { command } => runtime()?.block_on(store::run(&command)),
        Command::Migrate(args) => runtime()?.block_on(migrate::run(&args)),
        Command::Labels { command } => runtime()?.block_on(labels::run(&command)),
        Command::Forget(args) => runtime()?.block_on(forget::run(&args)),
        Command::Retention(args) => runtime()?.block_on(retention::run(&args)),
        Command::Export(args) => runtime()?.block_on(transfer::export(&args)),
        Command::Import(args) => runtime()?.block_on(transfer::import(&args)),
        Command::ExampleConfig => example_config::run(),
        Command::CrashPoints { table } => {
            print!("{}", if table { crash::table() } else { crash::names() });
            Ok(ExitCode::SUCCESS)
        }
        Command::EngineServe => {
            grapevine_engine::serve_child()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Cancelled by the first Ctrl-C or SIGTERM. A second one ends the process at once.
fn stop_on_signal() -> tokio_util::sync::CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let token = tokio_util::sync::CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::warn!("signals can not be watched; stop this program with kill");
            return;
        };
        for already_asked in [false, true] {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if already_asked {
                std::process::exit(130);
            }
            tracing::info!("stopping; once more to stop at once");
            stop.cancel();
        }
    });
    token
}
