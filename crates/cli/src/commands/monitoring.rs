//! `[monitoring]`: `/metrics` and `/health` of this process, without a token, for Prometheus and for probes.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::{Context, bail};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use grapevine_api::{PipelineStatus, StageState};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::{config::Config, stages::Pipeline};

/// In place of the configuration's address: several stages of one machine share a configuration, and each wants its own.
const VARIABLE: &str = "GRAPEVINE_MONITORING_LISTEN";

/// Takes the address where one is configured, so that a port in use is said before anything else is started.
pub async fn bind(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address(config.monitoring.listen, std::env::var(VARIABLE).ok())? else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
            "{address}, which [monitoring] names, is in use by another program\n\
             hint: where several stages run on one machine, give each its own address in {VARIABLE}"
        ),
        Err(error) => {
            Err(error).with_context(|| format!("{address} can not be listened on; see `listen` under [monitoring]"))
        }
    }
}

fn address(configured: Option<SocketAddr>, variable: Option<String>) -> anyhow::Result<Option<SocketAddr>> {
    match variable {
        Some(text) => text
            .parse()
            .map(Some)
            .with_context(|| format!("{VARIABLE} is {text:?}, which is no address; write one such as 127.0.0.1:9464")),
        None => Ok(configured),
    }
}

/// Serves until the handle is dropped.
pub fn serve(
    listener: Option<TcpListener>,
    pipeline: &Pipeline,
    metrics: PrometheusHandle,
) -> Option<AbortOnDropHandle<()>> {
    let listener = listener?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!("metrics and health are served at http://{address}/metrics and /health");
    }
    let app = app(pipeline, metrics);
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!("metrics and health are not served any more: {error}");
        }
    })))
}

fn app(pipeline: &Pipeline, metrics: PrometheusHandle) -> Router {
    let metrics = Arc::new(metrics);
    let text = move || {
        let metrics = metrics.clone();
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()) }
    };
    let board = pipeline.status.clone();
    let answer = move || {
        let status = board.snapshot();
        async move { respond(health(&status)) }
    };
    Router::new().route("/metrics", get(text)).route("/health", get(answer))
}

fn respond(health: Result<String, String>) -> Response {
    match health {
        Ok(words) => (StatusCode::OK, words).into_response(),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, words).into_response(),
    }
}

/// Healthy is a process whose stages move, or have nothing to do. One that tries again is healthy until it has stalled:
/// to start it anew would not mend what it waits for.
pub fn health(status: &PipelineStatus) -> Result<String, String> {
    let is_ill = |state| matches!(state, StageState::Stalled | StageState::Failed | StageState::Stopped);
    let lines = status.stages.iter().map(|stage| {
        let state = serde_json::to_value(stage.state).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default();
        let message = stage.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        format!("{}: {state}{message}\n", stage.name)
    });
    let words: String = lines.collect();
    match status.stages.iter().any(|stage| is_ill(stage.state)) {
        false => Ok(format!("healthy\n{words}")),
        true => Err(format!("not healthy\n{words}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::status::StatusBoard;

    #[test]
    fn a_stalled_stage_makes_its_process_ill_and_one_that_tries_again_does_not() {
        let board = StatusBoard::new();
        assert_eq!(health(&board.snapshot()), Ok("healthy\n".to_owned()));
        board.stage("sink", StageState::Retrying, Some("the store does not answer".into()));
        board.stage("score", StageState::Running, None);
        let words = health(&board.snapshot()).unwrap();
        assert_eq!(words, "healthy\nscore: running\nsink: retrying: the store does not answer\n");
        board.stage("sink", StageState::Stalled, Some("nothing was finished for 75 s".into()));
        let words = health(&board.snapshot()).unwrap_err();
        assert!(words.starts_with("not healthy\n") && words.contains("sink: stalled: nothing was finished"), "{words}");
    }

    #[test]
    fn the_environment_names_an_address_in_place_of_the_configuration() {
        let configured: SocketAddr = "127.0.0.1:9464".parse().unwrap();
        assert_eq!(address(Some(configured), None).unwrap(), Some(configured));
        let other = address(Some(configured), Some("127.0.0.1:9465".into())).unwrap();
        assert_eq!(other.map(|address| address.port()), Some(9465));
        assert!(address(None, Some("9465".into())).unwrap_err().to_string().contains(VARIABLE));
    }
}
