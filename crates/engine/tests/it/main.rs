//! The engine as its clients see it: through the `clickhouse` crate, over HTTP, against a child process.

mod queries;
mod support;

#[test]
fn engine_child() {
    grapevine_engine::testing::run_if_child();
}
