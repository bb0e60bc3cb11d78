//! A request's session with the engine. Each request gets a connection of its own: settings, the current database and
//! parameters belong to a connection, and one that is shared would run its statements one after the other.

use std::path::Path;
use std::time::Duration;

use super::guard::Guard;
use super::request::{Asked, identifier, literal};
use crate::Fault;
use crate::fault::code;
use crate::ffi::{Api, Connection};

/// What a request may do, by the user that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Anything.
    Writer,
    /// Single statements that only read tables of this engine, with limits.
    Reader,
}

/// Longest run of a reader's statement; a request may ask for less.
const READER_TIME: Duration = Duration::from_secs(30);

/// The booted engine; opens sessions.
pub(crate) struct Engine {
    api: &'static Api,
    arguments: Vec<String>,
    guard: Guard,
    reader_memory: u64,
    // Open as long as the engine is served: the library stops the engine with its last connection.
    _booted: Connection,
}

// SAFETY: `_booted` is the only field that is not `Sync`, and it is never used after `boot`; it is only held and
// dropped.
unsafe impl Sync for Engine {}

impl Engine {
    /// Boots the engine on `path` with the server-level `arguments`; `memory` is its limit in bytes.
    pub(crate) fn boot(api: &'static Api, path: &Path, arguments: &[String], memory: u64) -> Result<Self, Fault> {
        let session = vec![format!("--path={}", path.display()), "--async_insert=0".to_owned()];
        let booted = Connection::open(api, &[&session, arguments].concat())?;
        let functions = booted.query(b"SELECT lower(name) FROM system.table_functions", "TabSeparated", &[])?;
        let guard = Guard::against(String::from_utf8_lossy(functions.bytes()).lines());
        Ok(Self { api, arguments: session, guard, reader_memory: memory / 2, _booted: booted })
    }

    /// ClickHouse's own version, such as `26.7.2.1`.
    pub(crate) fn server_version(&self) -> Result<String, Fault> {
        let version = Connection::open(self.api, &self.arguments)?.query(b"SELECT version()", "TabSeparated", &[])?;
        Ok(String::from_utf8_lossy(version.bytes()).trim().to_owned())
    }

    /// A session with the request's settings and database. `id` marks its statements, so that they can be killed.
    pub(super) fn session(&self, asked: &Asked, role: Role, id: &str) -> Result<Connection, Fault> {
        let session = Connection::open(self.api, &self.arguments)?;
        let limit = (role == Role::Reader).then_some(READER_TIME);
        session.query(asked.settings_statement(id, limit).as_bytes(), "Null", &[])?;
        if let Some(database) = &asked.database {
            session.query(format!("USE {}", identifier(database)).as_bytes(), "Null", &[])?;
        }
        if role == Role::Reader {
            let limits = format!("SET max_memory_usage = {}, readonly = 2", self.reader_memory);
            session.query(limits.as_bytes(), "Null", &[])?;
        }
        Ok(session)
    }

    /// Refuses what this role may not run, and texts of several statements.
    pub(super) fn permit(&self, session: &Connection, role: Role, text: &[u8]) -> Result<(), Fault> {
        let Some(analysis) = session.analyse(text) else {
            return Err(Fault::new(code::UNKNOWN_EXCEPTION, "the statement could not be analysed"));
        };
        if analysis.statements > 1 {
            return Err(Fault::new(code::SYNTAX_ERROR, "Multi-statements are not allowed. (SYNTAX_ERROR)"));
        }
        // A text that does not parse is run all the same: the engine's own message says where it is wrong.
        if role == Role::Writer || analysis.statements == 0 {
            return Ok(());
        }
        if !analysis.read_only {
            return Err(Fault::new(code::READONLY, "reader: Cannot execute query in readonly mode. (READONLY)"));
        }
        self.guard.check(text)
    }

    /// Kills the statements of the session `id`. Without SYNC, which would wait for ever here.
    pub(super) fn kill(&self, id: &str) -> Result<(), Fault> {
        let sql = format!("KILL QUERY WHERE Settings['log_comment'] = {} ASYNC FORMAT Null", literal(id));
        Connection::open(self.api, &self.arguments)?.query(sql.as_bytes(), "Null", &[]).map(drop)
    }
}
