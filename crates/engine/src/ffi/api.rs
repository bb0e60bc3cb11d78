//! The table of functions, resolved once per process.

use std::ffi::{CStr, c_char, c_double, c_int, c_void};
use std::path::Path;
use std::sync::OnceLock;

use libloading::Library;

use crate::EngineError;

/// `chdb_connection`: a session.
pub(super) type RawConnection = *mut c_void;
/// `chdb_result *`: a result, or the handle of a streaming select.
pub(super) type RawResult = *mut c_void;
/// `chdb_insert_stream`: the handle of a streaming insert.
pub(super) type RawInsert = *mut c_void;

/// `chdb_query_analysis_v1`.
#[repr(C)]
#[derive(Default)]
pub(super) struct RawAnalysis {
    pub(super) struct_size: u32,
    pub(super) statement_count: u32,
    pub(super) flags: u32,
    pub(super) query_class: u32,
}

/// `chdb_state` for success.
pub(super) const SUCCESS: c_int = 0;

/// `chdb_query_with_params_n` and `chdb_stream_query_with_params_n`: session, statement, format, and the parameters'
/// names and values, each array of pointers followed by one of lengths.
#[rustfmt::skip]
pub(super) type QueryFunction = unsafe extern "C" fn(
    RawConnection, *const u8, usize, *const u8, usize,
    *const *const u8, *const usize, *const *const u8, *const usize, usize,
) -> RawResult;

macro_rules! functions {
    ($($field:ident = $symbol:literal: ($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the loaded library.
        pub(crate) struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            // Unloading would pull the code from under the engine's threads, so it lives as long as the process.
            _library: Library,
        }

        impl Api {
            /// # Safety
            /// `library` must be libchdb of the version whose header these declarations follow.
            unsafe fn resolve(library: Library) -> Result<Self, libloading::Error> {
                // SAFETY: the caller vouches that each symbol has the declared type.
                unsafe {
                    Ok(Self { $($field: *library.get(concat!($symbol, "\0").as_bytes())?,)* _library: library })
                }
            }
        }
    };
}

functions! {
    version = "chdb_version": () -> *const c_char;
    set_signal_handlers = "chdb_set_signal_handlers_enabled": (c_int);
    connect = "chdb_connect": (c_int, *mut *mut c_char) -> *mut RawConnection;
    close = "chdb_close_conn": (*mut RawConnection);
    shutdown = "chdb_shutdown": () -> c_int;
    classify = "chdb_classify_query_n":
        (RawConnection, *const u8, usize, *const u8, usize, *mut RawAnalysis) -> c_int;
    query = "chdb_query_with_params_n":
        (RawConnection, *const u8, usize, *const u8, usize,
         *const *const u8, *const usize, *const *const u8, *const usize, usize) -> RawResult;
    stream_query = "chdb_stream_query_with_params_n":
        (RawConnection, *const u8, usize, *const u8, usize,
         *const *const u8, *const usize, *const *const u8, *const usize, usize) -> RawResult;
    stream_fetch = "chdb_stream_fetch_result": (RawConnection, RawResult) -> RawResult;
    stream_cancel = "chdb_stream_cancel_query": (RawConnection, RawResult);
    insert = "chdb_stream_insert_n": (RawConnection, *const u8, usize, *const u8, usize) -> RawInsert;
    insert_append = "chdb_stream_append": (RawInsert, *const c_void, usize) -> c_int;
    insert_done = "chdb_stream_done": (RawInsert) -> RawResult;
    insert_error = "chdb_stream_insert_error": (RawInsert) -> *const c_char;
    insert_destroy = "chdb_destroy_insert_stream": (RawInsert);
    result_destroy = "chdb_destroy_query_result": (RawResult);
    result_buffer = "chdb_result_buffer": (RawResult) -> *const u8;
    result_length = "chdb_result_length": (RawResult) -> usize;
    result_error = "chdb_result_error": (RawResult) -> *const c_char;
    result_elapsed = "chdb_result_elapsed": (RawResult) -> c_double;
    result_rows = "chdb_result_rows_read": (RawResult) -> u64;
    result_bytes = "chdb_result_bytes_read": (RawResult) -> u64;
    result_storage_rows = "chdb_result_storage_rows_read": (RawResult) -> u64;
    result_storage_bytes = "chdb_result_storage_bytes_read": (RawResult) -> u64;
    result_rows_written = "chdb_result_rows_written": (RawResult) -> u64;
    result_bytes_written = "chdb_result_bytes_written": (RawResult) -> u64;
}

impl Api {
    /// Loads the library at `path`. There is one per process: a later call gives the first one, whatever its path.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, EngineError> {
        static LOADED: OnceLock<Api> = OnceLock::new();
        if let Some(api) = LOADED.get() {
            return Ok(api);
        }
        let unusable = |error: libloading::Error| EngineError::LibraryUnusable {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        // SAFETY: the library's initialisers start no threads and touch nothing of ours.
        let library = unsafe { Library::new(path) }.map_err(unusable)?;
        // SAFETY: the package is pinned by version and hash, and the declarations follow its header.
        let api = unsafe { Api::resolve(library) }.map_err(unusable)?;
        // SAFETY: takes a plain integer; it must precede the first connection, and nothing is connected yet.
        unsafe { (api.set_signal_handlers)(0) };
        Ok(LOADED.get_or_init(|| api))
    }

    /// The library's version, such as `26.7.3`.
    pub(crate) fn version(&self) -> String {
        // SAFETY: returns a static NUL-terminated string.
        unsafe { CStr::from_ptr((self.version)()) }.to_string_lossy().into_owned()
    }

    /// Stops the engine and joins its threads. `false` while a connection is open; after `true` it cannot be used
    /// again.
    pub(crate) fn shutdown(&self) -> bool {
        // SAFETY: takes nothing, and is documented as safe from any thread.
        unsafe { (self.shutdown)() == SUCCESS }
    }
}
