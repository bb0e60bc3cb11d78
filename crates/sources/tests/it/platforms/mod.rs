//! Scripted platforms, each written by hand after the shapes that the platform documents.

pub mod definitions;
pub mod described;
pub mod feed;
pub mod hackernews;
