//! One file per kind of question.

pub(crate) mod alerts;
pub(crate) mod drawn;
pub(crate) mod forget;
pub(crate) mod labels;
pub(crate) mod mentions;
pub(crate) mod metrics;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod system;
