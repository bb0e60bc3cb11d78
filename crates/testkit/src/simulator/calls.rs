//! The platform calls: each delivery until it is answered 2xx.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use grapevine_sources::http::Request;

use super::{Platform, faults::Fault};

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);
/// Under way at once.
const ABREAST: usize = 16;

/// Never gives up: what is not taken today is taken tomorrow.
pub(super) async fn call(platform: Arc<Platform>, hook: SocketAddr) {
    // Whoever was first has chosen the provider; nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap_or_default();
    let (mut told, mut happened) = (0, platform.happened());
    let mut due: VecDeque<Request> = VecDeque::new();
    loop {
        {
            let moment = platform.moment();
            let view = moment.view();
            let new = view.changes.iter().skip(told);
            due.extend(new.flat_map(|happened| platform.shape.deliveries(&happened.change, &view)));
            told = view.changes.len();
        }
        let now: Vec<Request> = due.drain(..due.len().min(ABREAST)).collect();
        let sent = futures::future::join_all(now.into_iter().map(|request| send(&platform, &client, hook, request)));
        let again: Vec<Request> = sent.await.into_iter().flatten().collect();
        let has_failed = !again.is_empty();
        due.extend(again);
        match (has_failed, due.is_empty()) {
            (true, _) => tokio::time::sleep(PAUSE).await,
            (false, true) => drop(happened.changed().await),
            (false, false) => {}
        }
    }
}

/// What has to be sent again.
async fn send(platform: &Platform, client: &reqwest::Client, hook: SocketAddr, request: Request) -> Option<Request> {
    let fault = platform.faults.next();
    let mut url = request.url.clone();
    // An address of http takes both.
    let _ = (url.set_scheme("http"), url.set_host(Some(&hook.ip().to_string())), url.set_port(Some(hook.port())));
    let call = client.request(request.method.clone(), url).headers(request.headers.clone());
    let answered = call.body(request.body.clone().unwrap_or_default()).send().await;
    let is_taken = answered.is_ok_and(|answer| answer.status().is_success());
    // The answer was lost, as far as the platform knows.
    (!is_taken || fault == Some(Fault::Twice)).then_some(request)
}
