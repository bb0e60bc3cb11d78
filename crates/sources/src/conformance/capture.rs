use std::{
    fmt::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Watches everything that is logged, at every level, for a secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Capture {
    secret: Option<&'static str>,
    shown: Arc<Mutex<Option<String>>>,
}

impl Capture {
    pub(super) fn of(secret: Option<&'static str>) -> Self {
        Self { secret, shown: Arc::default() }
    }

    /// Where the secret was shown first.
    pub(super) fn shown(&self) -> Option<String> {
        self.shown.lock().clone()
    }

    /// Adds what a person would see elsewhere, such as an error.
    pub(super) fn add(&self, text: &str) {
        if self.secret.is_some_and(|secret| text.contains(secret)) {
            self.shown.lock().get_or_insert_with(|| text.to_owned());
        }
    }
}

struct Fields<'a>(&'a Capture);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut line = String::new();
        // Writing to a string does not fail.
        let _ = write!(line, "{field}={value:?}");
        self.0.add(&line);
    }
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("grapevine")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(self));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(self));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(self));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
