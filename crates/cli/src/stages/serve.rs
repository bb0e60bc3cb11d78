//! `serve`: the page and the HTTP interface.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, bail};
use grapevine_api::{
    ApiParts, ApiState, BrandEntry, Settings, StageState,
    token::{self, TokenHash},
};
use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, sync::broadcast};

use super::{Pipeline, labels::Desk, live, supervise};
use crate::{config::Config, forget::ForgetDesk, parts};

const STAGE: &str = "serve";
/// Live mentions that a slow page may lag behind before it is told that it missed some.
const LIVE_BUFFER: usize = 1024;

/// Takes the address first, so that a port in use is said before anything else is started.
pub async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.api.listen;
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
            "{address} is in use by another program\n\
             hint: stop it, or set another address as `listen` under [api], such as \"127.0.0.1:{}\"",
            address.port().wrapping_add(1).max(1024)
        ),
        Err(error) => Err(error).with_context(|| format!("{address} can not be listened on; see `listen` under [api]")),
    }
}

/// Serves until the pipeline stops.
pub async fn run_on(pipeline: Pipeline, listener: TcpListener, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let (token, fresh) = open_token(&pipeline.config.data_dir)?;
    let (live, _) = broadcast::channel(LIVE_BUFFER);
    let state = ApiState::new(api_parts(&pipeline, token, live.clone(), metrics));
    let follower = tokio::spawn(supervise(STAGE, pipeline.clone(), move |pipeline| live::run(pipeline, live.clone())));
    let keeper = tokio::spawn(state.clone().keep_up());
    announce(address, fresh.as_deref());
    pipeline.status.stage(STAGE, StageState::Running, None);
    let stop = pipeline.shutdown.clone();
    let served = axum::serve(listener, grapevine_api::app(state)).with_graceful_shutdown(stop.cancelled_owned()).await;
    pipeline.shutdown.cancel();
    keeper.abort();
    follower.await?;
    served.context("the HTTP server failed")
}

fn api_parts(
    pipeline: &Pipeline,
    token: TokenHash,
    live: broadcast::Sender<grapevine_api::LiveEvent>,
    metrics: PrometheusHandle,
) -> ApiParts {
    let mut brands: Vec<BrandEntry> = pipeline
        .config
        .brands
        .iter()
        .map(|brand| BrandEntry { name: brand.name.clone(), competitor: brand.competitor })
        .collect();
    brands.sort_by_key(|brand| brand.competitor);
    let board = pipeline.status.clone();
    let mut settings = Settings::new(token);
    settings.host_names = pipeline.config.api.hosts.clone();
    settings.stopping = pipeline.shutdown.clone();
    ApiParts {
        figures: Arc::new(pipeline.reader.clone()),
        asked_before: Arc::new(pipeline.store.clone()),
        brands,
        labels: Arc::new(Desk(pipeline.log.clone())),
        forgetting: Arc::new(ForgetDesk::new(pipeline.clone())),
        live,
        status: Arc::new(move || board.snapshot()),
        metrics_text: Arc::new(move || metrics.render()),
        clock: Arc::new(Timestamp::now),
        settings,
    }
}

/// Counters of this process. Installed once, before anything is counted.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().context("the metrics recorder could not be installed")
}

/// The stored token's hash; where there is none, a fresh token too, which is shown this once and kept as a hash alone.
fn open_token(data_dir: &Path) -> anyhow::Result<(TokenHash, Option<String>)> {
    let file = data_dir.join("token.sha256");
    match std::fs::read_to_string(&file) {
        Ok(saved) => {
            let hash = saved.trim().parse().with_context(|| {
                format!("{} is damaged; remove it, and a new token is made at the next start", file.display())
            })?;
            return Ok((hash, None));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // A new token would lock everyone out who has the old one.
        Err(error) => return Err(error).with_context(|| format!("{} could not be read", file.display())),
    }
    parts::create_data_dir(data_dir)?;
    let token = token::generate();
    let hash = token::hash(&token);
    parts::write_private(&file, hash.to_string().as_bytes())
        .with_context(|| format!("{} could not be written", file.display()))?;
    Ok((hash, Some(token)))
}

/// On stdout, for people and for programs that wait for it.
fn announce(mut address: SocketAddr, token: Option<&str>) {
    if address.ip().is_unspecified() {
        // Listening everywhere; from here it is reached by loopback.
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match token {
        Some(token) => println!(
            "Grapevine is up: http://{address}/#token={token}\n\
             This token is shown once; remove token.sha256 in the data folder to get another."
        ),
        None => println!("Grapevine is up: http://{address}/"),
    }
}
