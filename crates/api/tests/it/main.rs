//! The API as a client sees it, over a fake store and without a socket.

mod access;
mod fake;
mod figures;
mod forget;
mod labels;
mod live;
mod openapi;
mod page;
mod search;
