//! The platform calls: each delivery until it is answered 2xx.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use grapevine_sources::{
    conformance::story::{Happened, View},
    http::Request,
};
use jiff::Timestamp;

use super::{Platform, faults::Fault};

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);
/// Under way at once.
const ABREAST: usize = 16;

/// Calls with what happens from then on. Never gives up: what is not taken today is taken tomorrow.
pub(super) async fn call(platform: Arc<Platform>, hook: SocketAddr, from: Timestamp) {
    // Whoever was first has chosen the provider; nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap_or_default();
    let (mut told, mut happened) = (0, platform.happened());
    let mut due: VecDeque<Request> = VecDeque::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        {
            let moment = platform.moment();
            let view = moment.view();
            let new = view.changes.iter().skip(told).filter(|happened| happened.at > from);
            let told_of =
                |happened: &Happened| platform.shape.deliveries(&happened.change, &View { now: happened.at, ..view });
            due.extend(new.flat_map(told_of));
            told = view.changes.len();
        }
        let free = ABREAST.saturating_sub(under_way.len()).min(due.len());
        under_way.extend(due.drain(..free).map(|request| send(&platform, &client, hook, request)));
        tokio::select! {
            Some(again) = under_way.next() => due.extend(again),
            _ = happened.changed() => {}
        }
    }
}

/// What has to be sent again, after a pause.
async fn send(platform: &Platform, client: &reqwest::Client, hook: SocketAddr, request: Request) -> Option<Request> {
    let fault = platform.faults.next();
    let signed = platform.shape.signed(request.clone(), Timestamp::now());
    let mut url = signed.url.clone();
    // An address of http takes both.
    let _ = (url.set_scheme("http"), url.set_host(Some(&hook.ip().to_string())), url.set_port(Some(hook.port())));
    let call = client.request(signed.method, url).headers(signed.headers);
    let answered = call.body(signed.body.unwrap_or_default()).send().await;
    let is_taken = answered.is_ok_and(|answer| answer.status().is_success());
    // The answer was lost, as far as the platform knows.
    if is_taken && fault != Some(Fault::Twice) {
        return None;
    }
    tokio::time::sleep(PAUSE).await;
    Some(request)
}
