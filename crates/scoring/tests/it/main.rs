//! Integration tests of the scoring crate, over the model in the repository.

mod agreement;
mod behaviour;
mod classifiers;
mod faults;
mod heads;
mod hostility;
mod language;
mod posts;
mod reference;
mod story;
mod support;
mod themes;
