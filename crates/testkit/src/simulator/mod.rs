//! Every platform that has a [`Shape`], over real HTTP and WebSockets on loopback, telling a long seeded story.
//!
//! | part | does |
//! |---|---|
//! | [`Teller`] | turns the demo's story into changes: posts, edits, deletions, likes, accounts that go |
//! | [`Platform`] | one shape and where its story stands |
//! | [`Simulator`] | a server for each platform; calls those who want to be called |
//! | [`Faults`] | seeded: errors, cut connections, slow answers, pages for people, limits |
//!
//! Times are real: what was before the start is there at once, and what follows happens when its time comes, `pace`
//! times as fast as it was written. A source that reads it needs nothing but the table that the simulator prints.

mod calls;
mod faults;
mod lines;
mod platform;
mod server;
mod teller;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use grapevine_sources::conformance::shape::{SIM, SIM_WS, Shape};
use jiff::Timestamp;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{faults::Faults, platform::Platform, teller::Teller};
use crate::process::free_port;

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
}

impl Default for Options {
    fn default() -> Self {
        let (only, faults) = (Vec::new(), Faults::none());
        Self { seed: 20, only, past: 2_000, pace: 1.0, future: None, faults, port: 0 }
    }
}

/// A running simulator. It ends when it is dropped.
pub struct Simulator {
    pub stands: Vec<Stand>,
    tasks: Vec<JoinHandle<()>>,
}

/// One platform and where it answers.
pub struct Stand {
    pub platform: Arc<Platform>,
    pub address: SocketAddr,
    /// Where the platform calls, if it does.
    pub hook: Option<SocketAddr>,
}

impl Stand {
    pub fn name(&self) -> &'static str {
        self.platform.shape.name()
    }

    /// The `[[source]]` to paste into a configuration.
    pub fn table(&self) -> String {
        let shape = &self.platform.shape;
        let mut table = shape.table();
        if let (Some(listen), Some(hook)) = (listen_in(&table), self.hook) {
            table = table.replace(&listen, &hook.to_string());
        }
        let table = self.with_address(&table);
        format!("[[source]]\nname = \"{}\"\nkind = \"{}\"\n{table}\n", self.name(), shape.kind())
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
        let shapes: Vec<Arc<dyn Shape>> = grapevine_sources::shapes()
            .into_iter()
            .filter(|shape| options.only.is_empty() || options.only.iter().any(|name| name == shape.name()))
            .collect();
        let mut simulator = Self { stands: Vec::new(), tasks: Vec::new() };
        let tellers = Teller::each(&options, shapes.len(), now);
        for (nth, (shape, teller)) in shapes.into_iter().zip(tellers).enumerate() {
            let port = if options.port == 0 { 0 } else { options.port + nth as u16 };
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            let address = listener.local_addr()?;
            let hook = match listen_in(&shape.table()) {
                Some(_) => Some(SocketAddr::from(([127, 0, 0, 1], free_port()?))),
                None => None,
            };
            let faults = options.faults.seeded(options.seed + nth as u64);
            let platform = Arc::new(Platform::new(shape, teller, faults, address, now));
            simulator.tasks.push(tokio::spawn(server::serve(listener, platform.clone())));
            simulator.tasks.push(tokio::spawn(keep_time(platform.clone())));
            if let Some(hook) = hook {
                simulator.tasks.push(tokio::spawn(calls::call(platform.clone(), hook)));
            }
            simulator.stands.push(Stand { platform, address, hook });
        }
        Ok(simulator)
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
