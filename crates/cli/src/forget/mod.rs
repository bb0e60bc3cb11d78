//! Deletion requests: an account or a mention is taken out of everything, and kept out.
//!
//! | step | kept in the log before it | after a crash |
//! |---|---|---|
//! | what is named is kept out | – | the request, repeated, finds its own record and goes on |
//! | wait until stages have passed what they had read before | the subjects, the request | the same |
//! | delete from the store | the mentions' hashes, the counts, the hours | the hours are known to the next run |
//! | rebuild the hours | the same | the same |
//! | rewrite the log | the request without hours | the next run goes through the log again |

mod carry;
mod desk;
mod log;
mod targets;

pub use carry::{Asked, Forget};
pub use desk::ForgetDesk;
pub use targets::{Named, Targets};
