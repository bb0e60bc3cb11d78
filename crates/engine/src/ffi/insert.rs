//! A streaming insert: the only way by which data enters.

use std::ffi::CStr;

use super::api::{RawInsert, SUCCESS};
use super::connection::Connection;
use super::result::{Counters, QueryResult};
use crate::Fault;
use crate::fault::code;

/// An insert under way. Dropped before [`InsertStream::finish`], it is cancelled: what was not yet written as a block
/// is not written.
pub(crate) struct InsertStream<'a> {
    connection: &'a Connection,
    handle: RawInsert,
}

impl<'a> InsertStream<'a> {
    /// Starts `INSERT INTO t (a, b)`, without a FORMAT clause and without data.
    pub(crate) fn start(connection: &'a Connection, sql: &str, format: &str) -> Result<Self, Fault> {
        // SAFETY: both texts go with their lengths.
        let handle = unsafe {
            (connection.api.insert)(connection.raw(), sql.as_ptr(), sql.len(), format.as_ptr(), format.len())
        };
        if handle.is_null() {
            return Err(Fault::new(code::UNKNOWN_EXCEPTION, "the library gave no insert stream"));
        }
        let stream = Self { connection, handle };
        stream.error().map_or(Ok(stream), Err)
    }

    fn error(&self) -> Option<Fault> {
        // SAFETY: the handle is live; the text, where there is one, is NUL-terminated and lives as long as it.
        unsafe {
            let text = (self.connection.api.insert_error)(self.handle);
            (!text.is_null()).then(|| Fault::parse(&CStr::from_ptr(text).to_string_lossy()))
        }
    }

    /// Adds a piece of encoded data, cut anywhere. Blocks while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Fault> {
        // SAFETY: the data goes with its length and is copied.
        let state = unsafe { (self.connection.api.insert_append)(self.handle, data.as_ptr().cast(), data.len()) };
        if state == SUCCESS {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| Fault::new(code::UNKNOWN_EXCEPTION, "the insert ended early")))
    }

    /// Ends the data and commits it.
    pub(crate) fn finish(self) -> Result<Counters, Fault> {
        // SAFETY: the handle is live; the result is ours.
        let result = unsafe { QueryResult::own(self.connection.api, (self.connection.api.insert_done)(self.handle)) }?;
        Ok(result.counters())
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live until here and not used after this; an unfinished insert is cancelled by it.
        unsafe { (self.connection.api.insert_destroy)(self.handle) }
    }
}
