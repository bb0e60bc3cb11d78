//! Scripted platforms, each written by hand after the shapes that the platform documents.

pub mod feed;
pub mod hackernews;
