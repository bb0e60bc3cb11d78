//! A materialised result or one chunk of a stream.

use std::ffi::CStr;

use super::api::{Api, RawResult};
use crate::Fault;
use crate::fault::code;

/// An owned result without an error.
pub(crate) struct QueryResult {
    api: &'static Api,
    raw: RawResult,
}

// SAFETY: a result is a plain buffer with counters, bound to no thread and not shared with the connection that made it.
unsafe impl Send for QueryResult {}
// SAFETY: it is never changed after it was made, and every accessor only reads.
unsafe impl Sync for QueryResult {}

/// What a statement read and wrote, for `X-ClickHouse-Summary`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) elapsed_ns: u64,
}

impl QueryResult {
    /// Takes ownership of `raw`, turning the library's error text into a [`Fault`].
    ///
    /// # Safety
    /// `raw` must be null or a result that `api` made and that nothing else will destroy.
    pub(super) unsafe fn own(api: &'static Api, raw: RawResult) -> Result<Self, Fault> {
        if raw.is_null() {
            return Err(Fault::new(code::UNKNOWN_EXCEPTION, "the library gave no result"));
        }
        let result = Self { api, raw };
        // SAFETY: `raw` is a live result; the text, where there is one, is NUL-terminated and lives as long as it.
        let error = unsafe { (api.result_error)(raw) };
        if error.is_null() {
            return Ok(result);
        }
        // SAFETY: as above.
        Err(Fault::parse(&unsafe { CStr::from_ptr(error) }.to_string_lossy()))
    }

    /// Gives up ownership, for handles that are destroyed elsewhere.
    pub(super) fn into_raw(self) -> RawResult {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    /// The encoded data.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: buffer and length describe memory that the result owns and never changes.
        unsafe {
            let (buffer, length) = ((self.api.result_buffer)(self.raw), (self.api.result_length)(self.raw));
            if buffer.is_null() || length == 0 { &[] } else { std::slice::from_raw_parts(buffer, length) }
        }
    }

    /// Rows in this result.
    pub(crate) fn rows(&self) -> u64 {
        // SAFETY: a read of a live result.
        unsafe { (self.api.result_rows)(self.raw) }
    }

    /// Everything the library counted.
    pub(crate) fn counters(&self) -> Counters {
        let (api, raw) = (self.api, self.raw);
        // SAFETY: reads of a live result.
        unsafe {
            Counters {
                read_rows: (api.result_storage_rows)(raw),
                read_bytes: (api.result_storage_bytes)(raw),
                written_rows: (api.result_rows_written)(raw),
                written_bytes: (api.result_bytes_written)(raw),
                result_rows: (api.result_rows)(raw),
                result_bytes: (api.result_bytes)(raw),
                elapsed_ns: ((api.result_elapsed)(raw) * 1e9) as u64,
            }
        }
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: owned, live, and not used after this.
        unsafe { (self.api.result_destroy)(self.raw) }
    }
}

impl AsRef<[u8]> for QueryResult {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}
