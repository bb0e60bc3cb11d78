//! End to end: the real binary, the real engine, the real model, real Kafka, over loopback.

mod another_model;
mod app;
mod broken;
mod commands;
mod crash_points;
mod crisis;
mod faults;
mod figures;
mod forget;
mod killed_sources;
mod labelled_posts;
mod labels;
mod live_demo;
mod operate;
mod same_everywhere;
mod stages_alone;
