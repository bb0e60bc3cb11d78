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

/// Everything that is logged, at every level, as text.
#[derive(Debug, Clone, Default)]
pub(super) struct Capture(Arc<Mutex<String>>);

impl Capture {
    pub(super) fn text(&self) -> String {
        self.0.lock().clone()
    }

    /// Adds what a person would see elsewhere, such as an error.
    pub(super) fn add(&self, text: &str) {
        let mut all = self.0.lock();
        all.push_str(text);
        all.push('\n');
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
