use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Path as Asked, State},
    http::{HeaderMap, Response as Answer},
    routing::get,
};
use grapevine_scoring::manifest::ModelFolder;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub on this machine, with the tiny RoBERTa of the scoring tests; weights lie elsewhere, as on the real one.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<String>>>,
    /// Answers 404 of this file.
    lacks: &'static str,
    /// Names another hash of the weights.
    damaged: bool,
}

fn tiny(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scoring/tests/classifiers/roberta");
    fs::read(folder.join(file)).unwrap()
}

async fn resolve(
    State(fake): State<Fake>,
    Asked((name, revision, file)): Asked<(String, String, String)>,
    headers: HeaderMap,
) -> Answer<Body> {
    let token = headers.get("authorization").map_or("", |token| token.to_str().unwrap());
    fake.asked.lock().unwrap().push(format!("{revision}/{file} {token}").trim().to_owned());
    let answer = Answer::builder().header("x-repo-commit", COMMIT);
    if name != "tiny" || file == fake.lacks {
        return Answer::builder().status(404).body(Body::empty()).unwrap();
    }
    if file != "model.safetensors" {
        return answer.header("etag", "\"7c1d\"").body(Body::from(tiny(&file))).unwrap();
    }
    let hash = if fake.damaged { "0".repeat(64) } else { hex::encode(Sha256::digest(tiny(&file))) };
    let answer = answer.status(302).header("x-linked-etag", format!("\"{hash}\"")).header("location", "/elsewhere");
    answer.body(Body::empty()).unwrap()
}

async fn serve(fake: Fake) -> Hub {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let router = Router::new()
        .route("/team/{name}/resolve/{revision}/{file}", get(resolve))
        .route("/elsewhere", get(|| async { tiny("model.safetensors") }))
        .with_state(fake);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Hub::at(&format!("http://{address}/"), Some("secret".into())).unwrap()
}

fn name(model: &str) -> Name {
    Name::of(&PathBuf::from(model)).unwrap()
}

#[tokio::test]
async fn a_model_comes_whole_once_and_is_held_to_the_hashes_that_it_came_with() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    let (hub, folder) = (serve(fake.clone()).await, folder.path().join("team--tiny"));
    let fetched = hub.fetch(&name("hf:team/tiny"), &folder).await.unwrap();
    assert_eq!((fetched.commit.as_deref(), fetched.files.len()), (Some(COMMIT), 3));
    let weights = format!("{COMMIT}/model.safetensors Bearer secret");
    let asked = || std::mem::take(&mut *fake.asked.lock().unwrap());
    assert_eq!(
        asked(),
        ["main/config.json Bearer secret", &format!("{COMMIT}/tokenizer.json Bearer secret"), &weights],
        "files of one commit"
    );
    assert!(ModelFolder::open(&folder).unwrap_err().to_string().contains("{\"languages\": [\"en\"]}"));

    fs::write(folder.join("grapevine.json"), tiny("grapevine.json")).unwrap();
    let model = ModelFolder::open(&folder).unwrap();
    assert!(model.id().starts_with("team--tiny@"), "{}", model.id());
    assert_eq!(model.manifest.provenance, format!("fetched as hf:team/tiny, commit {COMMIT}"));

    assert_eq!(hub.fetch(&name("hf:team/tiny"), &folder).await.unwrap(), fetched);
    assert_eq!(asked().len(), 1, "only what tells the commit");

    let mut damaged = tiny("tokenizer.json");
    damaged[0] = b' ';
    fs::write(folder.join("tokenizer.json"), damaged).unwrap();
    let error = ModelFolder::open(&folder).unwrap_err().to_string();
    assert!(
        error.contains("tokenizer.json is not the one that was fetched") && error.contains("model fetch hf:team/tiny")
    );
    hub.fetch(&name("hf:team/tiny"), &folder).await.unwrap();
    assert!(ModelFolder::open(&folder).is_ok(), "what is not whole comes again");
}

#[tokio::test]
async fn what_comes_damaged_is_refused_and_nothing_of_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let hub = serve(Fake { damaged: true, ..Fake::default() }).await;
    let error = hub.fetch(&name("hf:team/tiny"), folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("model.safetensors of hf:team/tiny came damaged"), "{error}");
    let left = |name: &str| folder.path().join(name).exists();
    assert!(left("tokenizer.json") && !left("model.safetensors") && !left("model.safetensors.part"));
}

#[tokio::test]
async fn a_refusal_says_what_is_lacking_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (lacks, model, part) in [
        ("", "hf:team/other", "there is no such repository, or not this revision of it"),
        ("tokenizer.json", "hf:team/tiny", "use_fast=True"),
        ("model.safetensors", "hf:team/tiny@v2", "safe_serialization=True"),
    ] {
        let hub = serve(Fake { lacks, ..Fake::default() }).await;
        let error = hub.fetch(&name(model), folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("404") && error.contains(part) && error.contains(model), "{error}");
    }
    assert!(Hub::at("hub.example", None).is_err() && Hub::at("ftp://hub.example", None).is_err());
}
