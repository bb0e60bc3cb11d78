//! A client that speaks for a bot: its secret is read at its first request.

use grapevine_model::Usage;
use serde_json::Value;

use crate::{
    SourceError, World,
    http::{Client, Cost, Fetched, Request, Secret, SecretPlace},
};

type Make = Box<dyn Fn(&World, Secret) -> Client + Send + Sync>;

/// The client of a bot's account, and what an earlier life of it had counted.
pub(crate) struct Bot {
    world: World,
    secret: SecretPlace,
    make: Make,
    client: Option<Client>,
    saved: Option<Value>,
}

impl Bot {
    pub(crate) fn new(
        world: &World,
        secret: SecretPlace,
        make: impl Fn(&World, Secret) -> Client + Send + Sync + 'static,
    ) -> Self {
        Self { world: world.clone(), secret, make: Box::new(make), client: None, saved: None }
    }

    pub(crate) fn secret(&self) -> Result<Secret, SourceError> {
        self.secret.read(&self.world)
    }

    fn client(&mut self) -> Result<&mut Client, SourceError> {
        if self.client.is_none() {
            let mut client = (self.make)(&self.world, self.secret()?);
            self.saved.take().iter().for_each(|saved| client.resume(saved));
            self.client = Some(client);
        }
        self.client.as_mut().ok_or_else(|| SourceError::Config("there is no client".to_owned()))
    }

    /// The answer as JSON.
    pub(crate) async fn ask(&mut self, request: &Request, cost: &Cost) -> Result<Value, SourceError> {
        match self.client()?.get_json(request, cost).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient(format!("{}: an unasked 304", request.place()))),
        }
    }

    pub(crate) fn allowance(&self) -> Option<Value> {
        self.client.as_ref().and_then(Client::allowance)
    }

    pub(crate) fn resume(&mut self, saved: &Value) {
        self.saved = Some(saved.clone());
    }

    pub(crate) fn usage(&self) -> Usage {
        self.client.as_ref().map(Client::usage).unwrap_or_default()
    }
}
