use std::sync::Arc;

use grapevine_monitor::MonitorQuery;

use crate::{
    http::{HttpTransport, Transport},
    push::{Hooks, HttpHooks},
    registry::{Clock, SystemClock},
    socket::{Connector, WebSockets},
};

/// Drawn evenly from [0, 1).
pub type Random = Arc<dyn Fn() -> f64 + Send + Sync>;
/// An environment variable by its name.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// All that a source has of the world outside. Tests give it another one.
#[derive(Clone)]
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub transport: Arc<dyn Transport>,
    pub random: Random,
    pub variable: Variables,
    /// What belongs to the brands: a platform that can be asked for no more is asked for this.
    pub monitors: Arc<Vec<MonitorQuery>>,
    /// Makes WebSocket connections.
    pub connector: Arc<dyn Connector>,
    /// Takes what platforms send by themselves.
    pub hooks: Arc<dyn Hooks>,
}

impl World {
    /// The machine's clock, network, randomness and environment.
    pub fn real() -> Self {
        let clock = Arc::new(SystemClock);
        Self {
            clock: clock.clone(),
            transport: Arc::new(HttpTransport::new(clock.clone())),
            random: Arc::new(rand::random),
            variable: Arc::new(|name| std::env::var(name).ok()),
            monitors: Arc::default(),
            connector: Arc::new(WebSockets),
            hooks: Arc::new(HttpHooks::new(clock)),
        }
    }

    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub fn with_transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport, ..self }
    }

    pub fn with_connector(self, connector: Arc<dyn Connector>) -> Self {
        Self { connector, ..self }
    }

    pub fn with_hooks(self, hooks: Arc<dyn Hooks>) -> Self {
        Self { hooks, ..self }
    }

    pub fn with_variables(self, variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { variable: Arc::new(variable), ..self }
    }

    pub fn with_monitors(self, monitors: Vec<MonitorQuery>) -> Self {
        Self { monitors: Arc::new(monitors), ..self }
    }
}
