//! The configuration file of each process: the same pipeline, each through proxies of its own.

use std::path::Path;

use serde::Serialize;

use crate::options::Options;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    Kafka,
    Embedded,
}

impl LogKind {
    pub fn name(self) -> &'static str {
        match self {
            LogKind::Kafka => "kafka",
            LogKind::Embedded => "embedded",
        }
    }
}

/// The variable that holds the engine's password.
pub const PASSWORD_ENV: &str = "GRAPEVINE_CHAOS_PASSWORD";
pub const USER: &str = "chaos";
pub const DATABASE: &str = "grapevine";
/// The file that `ingest` follows.
pub const POSTS: &str = "posts.ndjson";

/// Brands and what names them: some posts name both.
pub const BRANDS: [(&str, &str); 2] = [("Acme", "acme"), ("Globex", "globex")];

/// Where one process finds its servers and listens.
pub struct Ports {
    pub broker: Option<u16>,
    pub engine: u16,
    pub page: u16,
}

/// As TOML.
pub fn of_member(folder: &Path, options: &Options, ports: &Ports) -> String {
    let mut text = format!("data_dir = {:?}\n", folder.join("data"));
    for (name, word) in BRANDS {
        text += &format!("[[brand]]\nname = \"{name}\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"{word}\"\n");
    }
    let posts = folder.join(POSTS);
    text += &format!(
        "[[source]]\nname = \"posts\"\nkind = \"file\"\npath = {posts:?}\nfollow = true\nordered = false\n\
         [log]\nkind = \"{}\"\npartitions = {}\n",
        options.log.name(),
        Options::PARTITIONS
    );
    if let Some(broker) = ports.broker {
        // A killed member's partitions are free after this time; Kafka's default of 45 s would leave little but waiting.
        text += &format!(
            "brokers = \"127.0.0.1:{broker}\"\n\
             properties = {{ \"session.timeout.ms\" = \"{}\", \"heartbeat.interval.ms\" = \"1500\" }}\n",
            Options::SESSION.as_millis()
        );
    }
    text += &format!(
        "[store]\nkind = \"clickhouse\"\nurl = \"http://127.0.0.1:{}\"\ndatabase = \"{DATABASE}\"\nuser = \"{USER}\"\n\
         password_env = \"{PASSWORD_ENV}\"\n\
         [scoring]\nenabled = {}\nengine = \"onnx-int8\"\nworkers = 1\n\
         [api]\nlisten = \"127.0.0.1:{}\"\n",
        ports.engine, options.scoring, ports.page
    );
    text
}
