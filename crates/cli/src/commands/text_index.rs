//! `grapevine store text-index [on | off]`.

use std::{path::Path, process::ExitCode, time::Instant};

use grapevine_store::TextIndex;

use super::words;
use crate::{args::TextIndexCommand, config, parts};

pub async fn run(file: &Path, command: Option<&TextIndexCommand>) -> anyhow::Result<ExitCode> {
    let config = config::load(file)?;
    let open = parts::existing_store(&config).await?;
    let began = Instant::now();
    let changed = match command {
        Some(TextIndexCommand::On) => open.store.set_text_index(true).await,
        Some(TextIndexCommand::Off) => open.store.set_text_index(false).await,
        None => Ok(()),
    };
    let index = match changed {
        Ok(()) => open.store.text_index().await,
        Err(error) => Err(error),
    };
    open.close().await;
    println!("{}", shown(&index?));
    if command.is_some() {
        println!("took {}", words::duration(began.elapsed().as_secs_f64()));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(index: &TextIndex) -> String {
    let table = words::size(index.table_bytes);
    match index.on {
        false => {
            format!("the text index is off; the mentions take {table}\nhint: `grapevine store text-index on` adds it")
        }
        true => {
            let share = index.bytes as f64 / index.table_bytes.max(1) as f64 * 100.0;
            format!(
                "the text index is on: {} of the {table} that the mentions take ({share:.0} %)",
                words::size(index.bytes)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_index_costs_is_said() {
        let on = TextIndex { on: true, bytes: 25 << 20, table_bytes: 100 << 20 };
        assert_eq!(shown(&on), "the text index is on: 25.0 MiB of the 100.0 MiB that the mentions take (25 %)");
        assert!(
            shown(&TextIndex { on: false, ..on }).starts_with("the text index is off; the mentions take 100.0 MiB")
        );
    }
}
