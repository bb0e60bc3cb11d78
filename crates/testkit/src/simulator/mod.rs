//! Every platform that has a [`Shape`], over real HTTP and WebSockets on loopback, telling a long seeded story.
//!
//! | part | does |
//! |---|---|
//! | [`Teller`] | turns the demo's story into changes: posts, edits, deletions, likes, accounts that go |
//! | [`Platform`] | one shape and where its story stands |
//! | [`Simulator`] | a server for each platform; calls those who want to be called |
//! | [`Known`] | what of it came through: is it what the platform tells? |
//! | [`Narrator`] | says in words what happens |
//! | `Window` | counts what is asked, and refuses what the platform would refuse |
//! | [`Faults`] | seeded: errors, cut connections, slow answers, pages for people, limits |
//!
//! Times are real: what was before the start is there at once, and what follows happens when its time comes, `pace`
//! times as fast as it was written. A source that reads it needs nothing but the table that the simulator prints.

mod calls;
mod faults;
mod known;
mod limits;
mod lines;
pub mod live;
mod narrator;
mod platform;
mod server;
mod teller;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use grapevine_sources::conformance::{
    shape::{SIM, SIM_WS, Shape},
    story::{Moment, Scene},
};
use jiff::Timestamp;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{faults::Faults, known::Known, narrator::Narrator, platform::Platform, teller::Teller};
use crate::ports::free_port;

/// How often platforms move on by themselves.
const TICK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct Options {
    pub seed: u64,
    /// Names of shapes; all of them where it is empty.
    pub only: Vec<String>,
    /// So many posts are there when it starts, over all platforms.
    pub past: usize,
    /// How much faster than written what follows happens.
    pub pace: f64,
    /// So many posts follow; without end where nothing is said.
    pub future: Option<usize>,
    pub faults: Faults,
    /// The first of its ports; free ones where it is 0.
    pub port: u16,
    /// The demo's platforms alone, each with the posts that fit it, and an outage: see [`live`].
    pub live: bool,
    /// More than a platform takes is refused, as it refuses it. Who dies all the time forgets what it has asked.
    pub limits: bool,
    /// How many times as often as people do it posts are edited and deleted: 1 is 2 in 100 and 1 in 100.
    pub unrest: u32,
    /// Posts on a page.
    pub per_page: usize,
}

impl Options {
    fn scene(&self) -> Scene {
        if self.live { live::SCENE } else { Scene::KETTLES }
    }

    fn wants(&self, shape: &str) -> bool {
        let is_named = self.only.is_empty() || self.only.iter().any(|name| name == shape);
        is_named && (!self.live || live::role_of(shape).is_some())
    }
}

impl Default for Options {
    fn default() -> Self {
        let (only, faults) = (Vec::new(), Faults::none());
        let (live, limits, unrest, per_page) = (false, true, 1, 40);
        Self { seed: 20, only, past: 2_000, pace: 1.0, future: None, faults, port: 0, live, limits, unrest, per_page }
    }
}

/// A running simulator. It ends when it is dropped.
pub struct Simulator {
    pub stands: Vec<Stand>,
    pub started: Timestamp,
    tasks: Vec<JoinHandle<()>>,
}

/// One platform and where it answers.
pub struct Stand {
    pub platform: Arc<Platform>,
    pub address: SocketAddr,
    /// Where the platform calls, if it does.
    pub hook: Option<SocketAddr>,
    /// What its table has otherwise than the kit's.
    otherwise: toml::Table,
}

impl Stand {
    pub fn name(&self) -> &'static str {
        self.platform.shape.name()
    }

    /// The keys of its `[[source]]`.
    ///
    /// # Panics
    /// Where the shape's table is no TOML; the kit reads them all.
    pub fn keys(&self) -> toml::Table {
        let shape = &self.platform.shape;
        let mut table = shape.table();
        if let (Some(listen), Some(hook)) = (listen_in(&table), self.hook) {
            table = table.replace(&listen, &hook.to_string());
        }
        let mut keys: toml::Table =
            self.with_address(&table).parse().unwrap_or_else(|error| panic!("{table}: {error}"));
        keys.extend([("name", self.name()), ("kind", shape.kind())].map(|(key, value)| (key.to_owned(), value.into())));
        keys.extend(self.otherwise.clone());
        keys
    }

    /// The `[[source]]` to paste into a configuration.
    pub fn table(&self) -> String {
        let sources = toml::Value::Array(vec![self.keys().into()]);
        toml::Table::from_iter([("source".to_owned(), sources)]).to_string()
    }

    /// Environment variable and value that the table names.
    pub fn secret(&self) -> Option<(&'static str, &'static str)> {
        self.platform.shape.secret()
    }

    /// The text with this address in place of the simulator's.
    fn with_address(&self, text: &str) -> String {
        with_address(text, self.address)
    }
}

fn with_address(text: &str, address: SocketAddr) -> String {
    text.replace(SIM_WS, &format!("ws://{address}")).replace(SIM, &format!("http://{address}"))
}

/// `127.0.0.1:4000`, where the table says to listen.
fn listen_in(table: &str) -> Option<String> {
    let line = table.lines().find(|line| line.trim_start().starts_with("listen"))?;
    Some(line.split('"').nth(1)?.to_owned())
}

impl Simulator {
    /// # Errors
    /// Where a port is taken.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let now = Timestamp::now();
        let shapes: Vec<Arc<dyn Shape>> =
            grapevine_sources::shapes().into_iter().filter(|shape| options.wants(shape.name())).collect();
        let names: Vec<&str> = shapes.iter().map(|shape| shape.name()).collect();
        let tellers = Teller::each(&options, &names, now);
        let mut simulator = Self { stands: Vec::new(), started: now, tasks: Vec::new() };
        for (nth, (shape, teller)) in shapes.into_iter().zip(tellers).enumerate() {
            let port = if options.port == 0 { 0 } else { options.port + nth as u16 };
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            let address = listener.local_addr()?;
            let faults = options.faults.seeded(options.seed + nth as u64);
            let moment = Moment::of(options.scene(), options.per_page);
            let platform = Platform::new(shape, (teller, moment), faults, (address, now));
            let platform = Arc::new(if options.limits { platform } else { platform.without_limits() });
            simulator.open(platform, listener, options.live)?;
        }
        Ok(simulator)
    }

    fn open(&mut self, platform: Arc<Platform>, listener: TcpListener, live: bool) -> std::io::Result<()> {
        let hook = match listen_in(&platform.shape.table()) {
            Some(_) => Some(SocketAddr::from(([127, 0, 0, 1], free_port()?))),
            None => None,
        };
        let role = live::role_of(platform.shape.name()).filter(|_| live);
        let otherwise = role.map_or_else(toml::Table::new, live::Role::table);
        self.tasks.push(tokio::spawn(server::serve(listener, platform.clone())));
        self.tasks.push(tokio::spawn(keep_time(platform.clone())));
        // A page that is watched begins with what was before; else nobody is called with that.
        let from = if live { Timestamp::MIN } else { self.started };
        self.tasks.extend(hook.map(|hook| tokio::spawn(calls::call(platform.clone(), hook, from))));
        self.stands.push(Stand { address: platform.address, platform, hook, otherwise });
        Ok(())
    }

    /// What stands for one platform.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn stand(&self, name: &str) -> &Stand {
        self.stands.iter().find(|stand| stand.name() == name).unwrap_or_else(|| panic!("no shape is named {name:?}"))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn keep_time(platform: Arc<Platform>) {
    loop {
        platform.move_on(Timestamp::now());
        tokio::time::sleep(TICK).await;
    }
}
