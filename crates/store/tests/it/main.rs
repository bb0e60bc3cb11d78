//! Against the real engine, a fresh database per test.

mod awareness;
mod bench;
mod by_hour;
mod chaos;
mod cluster;
mod community;
mod corrected;
mod crashes;
mod forget;
mod generated;
mod imports;
mod labels;
mod limits;
mod migrations;
mod proof;
mod queries;
mod ranges;
mod rescore;
mod retention;
mod search;
mod sources;
mod subjects;
mod tiers;
mod transfer;
mod transfer_parquet;
mod world;
mod writer;

#[test]
fn engine_child() {
    grapevine_engine::testing::run_if_child();
}
