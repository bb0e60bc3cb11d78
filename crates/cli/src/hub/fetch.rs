//! Fetches a model's files over plain HTTP(S): `ENDPOINT/OWNER/NAME/resolve/REVISION/FILE`, with the redirects and headers of
//! Hugging Face's hub.
//!
//! The first answer names the commit, by which the other files are asked for, so that they belong together. Weights come with
//! their SHA-256 (`X-Linked-Etag`); what comes otherwise is refused. The hash of every file is kept.

use std::{fs, io::Write, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use grapevine_scoring::adopted::{FETCHED, FILES, Fetched, FetchedFile};
use reqwest::{Response, StatusCode, header, redirect::Policy};
use sha2::{Digest, Sha256};
use url::Url;

use super::Name;

const MOST_REDIRECTS: usize = 5;
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// Without a byte.
const SILENT_FOR: Duration = Duration::from_secs(60);

pub struct Hub {
    endpoint: Url,
    token: Option<String>,
    client: reqwest::Client,
}

/// What the hub says of a file.
#[derive(Default)]
struct Said {
    commit: Option<String>,
    sha256: Option<String>,
}

impl Hub {
    /// As `HF_ENDPOINT` and `HF_TOKEN` say.
    pub fn from_env() -> anyhow::Result<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = set("HF_ENDPOINT").context(
            "HF_ENDPOINT is not set\nhint: set it to the address of the hub, or of a mirror of it: HF_ENDPOINT=https://… grapevine model \
             fetch …",
        )?;
        Self::at(&endpoint, set("HF_TOKEN"))
    }

    pub fn at(endpoint: &str, token: Option<String>) -> anyhow::Result<Self> {
        let endpoint: Url = endpoint.parse().with_context(|| format!("HF_ENDPOINT is no address: {endpoint}"))?;
        ensure!(matches!(endpoint.scheme(), "http" | "https"), "HF_ENDPOINT begins with neither https:// nor http://");
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENT_FOR)
            .user_agent(concat!("grapevine/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { endpoint, token, client })
    }

    /// Fetches what is not in the folder yet. An interrupted fetch goes on at the file that it was at.
    pub async fn fetch(&self, name: &Name, folder: &Path) -> anyhow::Result<Fetched> {
        fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
        let before = Fetched::read(folder).unwrap_or_default().unwrap_or_default();
        let mut fetched = Fetched { name: name.to_string(), ..Fetched::default() };
        for file in FILES {
            let is_there =
                fetched.commit.is_some() && fetched.commit == before.commit && is_whole(&before, folder, file);
            let come = match before.files.get(file) {
                Some(there) if is_there => there.clone(),
                _ => self.fetch_one(name, folder, file, &mut fetched.commit).await?,
            };
            fetched.files.insert(file.to_owned(), come);
            let record = serde_json::to_vec_pretty(&fetched)?;
            fs::write(folder.join(FETCHED), record).context("what was fetched could not be written down")?;
        }
        Ok(fetched)
    }

    async fn fetch_one(
        &self,
        name: &Name,
        folder: &Path,
        file: &str,
        commit: &mut Option<String>,
    ) -> anyhow::Result<FetchedFile> {
        let revision = commit.as_deref().unwrap_or(&name.revision);
        let (answer, said) = self.open(name, revision, file).await?;
        let draft = folder.join(format!("{file}.part"));
        let come = write(answer, &draft).await.with_context(|| format!("{file} of {name} did not come whole"))?;
        if let Some(expected) = said.sha256.filter(|expected| *expected != come.sha256) {
            // Half of it or another one: nothing to go on with.
            let _ = fs::remove_file(&draft);
            bail!("{file} of {name} came damaged: the hub names sha256 {expected}, what came has {}", come.sha256);
        }
        fs::rename(&draft, folder.join(file)).with_context(|| format!("{file} could not be put in its place"))?;
        *commit = commit.take().or(said.commit);
        Ok(come)
    }

    /// Follows redirects by hand: the first answers say what the file is, and the token is for the hub alone.
    async fn open(&self, name: &Name, revision: &str, file: &str) -> anyhow::Result<(Response, Said)> {
        let Name { owner, name: own, .. } = name;
        let base = self.endpoint.as_str().trim_end_matches('/');
        let mut url: Url = format!("{base}/{owner}/{own}/resolve/{revision}/{file}").parse()?;
        let mut said = Said::default();
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.client.get(url.clone());
            if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
                request = request.bearer_auth(token);
            }
            let place = format!("{}{}", url.origin().ascii_serialization(), url.path());
            let answer = request.send().await.map_err(reqwest::Error::without_url);
            let answer = answer.with_context(|| format!("{place} does not answer; is HF_ENDPOINT right?"))?;
            said.add(&answer);
            let status = answer.status();
            if status.is_success() {
                return Ok((answer, said));
            }
            ensure!(status.is_redirection(), "{}", refusal(status, name, file, &place));
            let target = answer.headers().get(header::LOCATION).and_then(|target| target.to_str().ok());
            let next = url.join(target.with_context(|| format!("{place} redirects to nowhere"))?)?;
            ensure!(next.scheme() == url.scheme() || next.scheme() == "https", "{place} redirects to an open {next}");
            url = next;
        }
        bail!("{file} of {name}: more than {MOST_REDIRECTS} redirects")
    }
}

impl Said {
    /// What was said first counts: later answers are of whoever keeps the bytes.
    fn add(&mut self, answer: &Response) {
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let hash = |name: &str| {
            let value = header(name)?.trim_start_matches("W/").trim_matches('"');
            is_hex(value, 64).then(|| value.to_owned())
        };
        self.commit =
            self.commit.take().or_else(|| header("x-repo-commit").filter(|c| is_hex(c, 40)).map(str::to_owned));
        self.sha256 = self.sha256.take().or_else(|| hash("x-linked-etag")).or_else(|| hash("etag"));
    }
}

fn is_hex(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether it is what came.
fn is_whole(before: &Fetched, folder: &Path, file: &str) -> bool {
    let mut hash = Sha256::new();
    let read = fs::File::open(folder.join(file)).and_then(|mut there| std::io::copy(&mut there, &mut hash));
    read.is_ok() && before.files.get(file).is_some_and(|known| known.sha256 == hex::encode(hash.finalize()))
}

async fn write(mut answer: Response, draft: &Path) -> anyhow::Result<FetchedFile> {
    let (mut out, mut hash, mut bytes) = (fs::File::create(draft)?, Sha256::new(), 0);
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        out.write_all(&chunk)?;
        hash.update(&chunk);
        bytes += chunk.len() as u64;
    }
    out.sync_all()?;
    Ok(FetchedFile { bytes, sha256: hex::encode(hash.finalize()) })
}

fn refusal(status: StatusCode, name: &Name, file: &str, place: &str) -> String {
    let hint = match (status.as_u16(), file) {
        (401 | 403, _) => "it is private, gated or not there; set HF_TOKEN to a token that may read it",
        (404, "config.json") => "there is no such repository, or not this revision of it",
        (404, "tokenizer.json") => {
            "the repository has no tokenizer.json; save one in Python, AutoTokenizer.from_pretrained(…, use_fast=True), and name the \
             folder instead"
        }
        (404, _) => {
            "its weights are not in one model.safetensors; save them so in Python, save_pretrained(…, safe_serialization=True), and \
             name the folder instead"
        }
        _ => "try again later",
    };
    format!("{place} answers {status}: {file} of {name} can not be had\nhint: {hint}")
}

#[cfg(test)]
mod tests;
