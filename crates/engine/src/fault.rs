//! ClickHouse's exceptions: a number, a text, and the HTTP status that a server answers them with.

use axum::http::StatusCode;

/// One exception, as ClickHouse numbers and words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// ClickHouse's error code, such as 60 for an unknown table.
    pub code: u32,
    /// The whole text, `Code: 60. DB::Exception: …`.
    pub message: String,
}

/// Numbers from ClickHouse's `ErrorCodes.cpp`, for faults that this crate raises itself.
pub(crate) mod code {
    pub const CHECKSUM_DOESNT_MATCH: u32 = 40;
    pub const BAD_ARGUMENTS: u32 = 36;
    pub const SYNTAX_ERROR: u32 = 62;
    pub const UNKNOWN_COMPRESSION_METHOD: u32 = 89;
    pub const UNKNOWN_SETTING: u32 = 115;
    pub const READONLY: u32 = 164;
    pub const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub const SOCKET_TIMEOUT: u32 = 209;
    pub const NETWORK_ERROR: u32 = 210;
    pub const QUERY_IS_TOO_LARGE: u32 = 223;
    pub const CANNOT_DECOMPRESS: u32 = 271;
    pub const AUTHENTICATION_FAILED: u32 = 516;
    pub const UNKNOWN_EXCEPTION: u32 = 1002;
}

impl Fault {
    /// A fault of the HTTP face itself, worded like the engine's.
    pub(crate) fn new(code: u32, text: impl std::fmt::Display) -> Self {
        Self { code, message: format!("Code: {code}. DB::Exception: {text}") }
    }

    /// Reads what the library reports. A text without a code becomes code 1002, as in ClickHouse.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim_end();
        let number = text.split_once("Code: ").map(|(_, rest)| rest);
        let digits = number.map(|rest| &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]);
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(code) if text.starts_with("Code: ") => Self { code, message: text.to_owned() },
            Some(code) => Self::new(code, text),
            None => Self::new(code::UNKNOWN_EXCEPTION, text),
        }
    }

    /// Whether the same statement may succeed later: the engine was busy, out of memory or disk, or cut off.
    pub fn is_transient(&self) -> bool {
        const BUSY: [u32; 13] = [3, 74, 75, 76, 159, 202, 209, 210, 236, 241, 243, 252, 425];
        BUSY.contains(&self.code)
    }

    /// The status that ClickHouse's HTTP handler gives this code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 497 | 516 => StatusCode::FORBIDDEN,
            6 | 25..=28 | 36 | 38 | 41 | 43 | 53 | 62 | 69 | 70 | 72 | 117 | 167 | 168 | 456 => StatusCode::BAD_REQUEST,
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 81 | 115 => StatusCode::NOT_FOUND,
            159 => StatusCode::REQUEST_TIMEOUT,
            223 => StatusCode::PAYLOAD_TOO_LARGE,
            48 => StatusCode::NOT_IMPLEMENTED,
            202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_from_the_engines_text() {
        let fault = Fault::parse("Code: 60. DB::Exception: Unknown table 'x'. (UNKNOWN_TABLE)\n");
        assert_eq!((fault.code, fault.status()), (60, StatusCode::NOT_FOUND));
        assert_eq!(fault.message, "Code: 60. DB::Exception: Unknown table 'x'. (UNKNOWN_TABLE)");
    }

    #[test]
    fn a_text_around_a_code_keeps_both() {
        let fault = Fault::parse("while reading: Code: 243. DB::Exception: no space");
        assert_eq!(fault.code, 243);
        assert!(fault.is_transient() && fault.message.starts_with("Code: 243. DB::Exception: while reading"));
    }

    #[test]
    fn a_text_without_a_code_is_unknown() {
        let fault = Fault::parse("something broke");
        assert_eq!((fault.code, fault.status()), (1002, StatusCode::INTERNAL_SERVER_ERROR));
        assert_eq!(fault.message, "Code: 1002. DB::Exception: something broke");
        assert!(!fault.is_transient());
    }
}
