//! A session with the engine: statements, streaming selects, and the engine's own parser.

use std::ffi::{CString, c_char, c_int};

use super::api::{Api, QueryFunction, RawAnalysis, RawConnection, RawResult, SUCCESS};
use super::result::QueryResult;
use crate::Fault;
use crate::fault::code;

/// One session: its own settings, database and statement. Opening one takes about 0.1 ms.
pub(crate) struct Connection {
    pub(super) api: &'static Api,
    handle: *mut RawConnection,
}

// SAFETY: the library runs statements on threads of its own and does not care which thread calls; the type is not
// `Sync`, so that a connection never sees two calls at once.
unsafe impl Send for Connection {}

/// What the engine's parser says about a text, without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// Statements in the text; 0 if it does not parse.
    pub(crate) statements: u32,
    /// Whether it changes nothing at all: no data, no session, no file.
    pub(crate) read_only: bool,
}

/// Query parameters laid out as the library wants them: parallel arrays of pointers and lengths.
struct Params {
    names: Vec<*const u8>,
    name_lengths: Vec<usize>,
    values: Vec<*const u8>,
    value_lengths: Vec<usize>,
}

impl Params {
    fn of(params: &[(String, String)]) -> Self {
        Self {
            names: params.iter().map(|(name, _)| name.as_ptr()).collect(),
            name_lengths: params.iter().map(|(name, _)| name.len()).collect(),
            values: params.iter().map(|(_, value)| value.as_ptr()).collect(),
            value_lengths: params.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

impl Connection {
    /// Opens a session. The first one of a process boots the engine with the server-level arguments (`--path=…`).
    /// Unknown arguments are ignored by the library without a word.
    pub(crate) fn open(api: &'static Api, arguments: &[String]) -> Result<Self, Fault> {
        let refused = |why: &str| Fault::new(code::BAD_ARGUMENTS, format!("cannot connect to the engine: {why}"));
        let words: Vec<CString> = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<_, _>>()
            .map_err(|_| refused("an argument holds a NUL byte"))?;
        let mut pointers: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
        // SAFETY: as many NUL-terminated strings as announced; the library copies and does not write to them.
        let handle = unsafe { (api.connect)(pointers.len() as c_int, pointers.as_mut_ptr()) };
        // SAFETY: a handle that is not null points to a session, which may itself be null.
        if handle.is_null() || unsafe { *handle }.is_null() {
            return Err(refused("the library gave no reason; its log file may"));
        }
        Ok(Self { api, handle })
    }

    pub(super) fn raw(&self) -> RawConnection {
        // SAFETY: `open` checked the handle, and it lives until `drop`.
        unsafe { *self.handle }
    }

    /// Runs a statement and waits for its whole result, encoded in `format` unless the text names another.
    pub(crate) fn query(&self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<QueryResult, Fault> {
        // SAFETY: `query` has the shape that `start` expects.
        unsafe { self.start(self.api.query, sql, format, params) }
    }

    /// Starts a select whose result arrives in chunks.
    pub(crate) fn stream(&self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<RowStream<'_>, Fault> {
        // SAFETY: `stream_query` has the shape that `start` expects.
        let started = unsafe { self.start(self.api.stream_query, sql, format, params) }?;
        Ok(RowStream { connection: self, handle: started.into_raw() })
    }

    /// # Safety
    /// `function` must be one of the library's query functions of this shape.
    unsafe fn start(
        &self,
        function: QueryFunction,
        sql: &[u8],
        format: &str,
        params: &[(String, String)],
    ) -> Result<QueryResult, Fault> {
        let list = Params::of(params);
        // SAFETY: every pointer goes with its length and outlives the call; the result is ours.
        unsafe {
            let raw = function(
                self.raw(),
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
                list.names.as_ptr(),
                list.name_lengths.as_ptr(),
                list.values.as_ptr(),
                list.value_lengths.as_ptr(),
                params.len(),
            );
            QueryResult::own(self.api, raw)
        }
    }

    /// What the text would do, judged by the parser that would run it. `None` if the library cannot say.
    pub(crate) fn analyse(&self, sql: &[u8]) -> Option<Analysis> {
        let mut report = RawAnalysis { struct_size: size_of::<RawAnalysis>() as u32, ..RawAnalysis::default() };
        // SAFETY: the text goes with its length, no target database is named, and the report states its size.
        let state =
            unsafe { (self.api.classify)(self.raw(), sql.as_ptr(), sql.len(), std::ptr::null(), 0, &mut report) };
        (state == SUCCESS)
            .then_some(Analysis { statements: report.statement_count, read_only: report.query_class == 0 })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: open until now, and every stream borrows the connection, so none is left.
        unsafe { (self.api.close)(self.handle) }
    }
}

/// A select under way. Each chunk is a whole document of the format, with its header.
pub(crate) struct RowStream<'a> {
    connection: &'a Connection,
    handle: RawResult,
}

impl RowStream<'_> {
    /// The next chunk; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<QueryResult>, Fault> {
        let api = self.connection.api;
        // SAFETY: the handle is live, and the connection runs nothing else while `self` borrows it.
        let chunk = unsafe { QueryResult::own(api, (api.stream_fetch)(self.connection.raw(), self.handle)) }?;
        Ok((chunk.rows() > 0 || !chunk.bytes().is_empty()).then_some(chunk))
    }

    /// Stops the select; nothing more can be fetched.
    pub(crate) fn cancel(self) {
        // SAFETY: the handle is live; `drop` destroys it right after.
        unsafe { (self.connection.api.stream_cancel)(self.connection.raw(), self.handle) }
    }
}

impl Drop for RowStream<'_> {
    fn drop(&mut self) {
        // SAFETY: live until now and not used after this.
        unsafe { (self.connection.api.result_destroy)(self.handle) }
    }
}
