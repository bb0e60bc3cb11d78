//! The engine as its clients see it: through the `clickhouse` crate, over HTTP, against a child process.

mod access;
mod disk;
mod inserts;
mod queries;
mod supervision;
mod support;

#[test]
fn engine_child() {
    grapevine_engine::testing::run_if_child();
}

#[test]
fn engine_parent() {
    supervision::run_if_parent();
}
