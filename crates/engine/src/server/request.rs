//! Reading a request: who asks, what is asked, and with which settings.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use crate::Fault;
use crate::fault::code;

/// A request without its body.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) query: Option<String>,
    pub(super) database: Option<String>,
    pub(super) format: Option<String>,
    /// The body comes in ClickHouse's compressed blocks.
    pub(super) decompress: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) params: Vec<(String, String)>,
    pub(super) settings: Vec<(String, String)>,
}

/// Parameters of ClickHouse's HTTP interface that mean nothing here: a request is a session of its own.
const IGNORED: [&str; 10] = [
    "compress",
    "query_id",
    "session_id",
    "session_timeout",
    "session_check",
    "role",
    "wait_end_of_query",
    "quota_key",
    "enable_http_compression",
    "http_zlib_compression_level",
];

impl Asked {
    /// Reads the URL's query string and the headers; headers win, as in ClickHouse.
    pub(super) fn read(query_string: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()).into_owned() {
            asked.put(name, value)?;
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        asked.user = header("x-clickhouse-user").or(asked.user);
        asked.password = header("x-clickhouse-key").or(asked.password);
        asked.database = header("x-clickhouse-database").or(asked.database);
        asked.format = header("x-clickhouse-format").or(asked.format);
        Ok(asked)
    }

    fn put(&mut self, name: String, value: String) -> Result<(), Fault> {
        match name.as_str() {
            "query" => self.query = Some(value),
            "database" => self.database = Some(value),
            "default_format" => self.format = Some(value),
            "decompress" => self.decompress = value == "1",
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            other if IGNORED.contains(&other) => {}
            other => match other.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value)),
                None if is_setting_name(other) => self.settings.push((name, value)),
                None => {
                    let text =
                        format!("Setting {other:?} is neither a builtin setting nor started with a custom prefix");
                    return Err(Fault::new(code::UNKNOWN_SETTING, text));
                }
            },
        }
        Ok(())
    }

    /// Takes the query and its parameters from the fields of a `multipart/form-data` body.
    pub(super) fn take_multipart(&mut self, content_type: &str, body: &[u8]) -> Result<(), Fault> {
        for (name, value) in multipart_fields(content_type, body)? {
            match name.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value)),
                None if name == "query" => self.query = Some(value),
                None => return Err(Fault::new(code::BAD_ARGUMENTS, format!("unexpected form field {name:?}"))),
            }
        }
        Ok(())
    }

    /// `SET …` for the request's settings. `id` marks its statements; `most` bounds `max_execution_time`.
    pub(super) fn settings_statement(&self, id: &str, most: Option<Duration>) -> String {
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut settings: Vec<(&str, String)> = given.chain([("log_comment", id.to_owned())]).collect();
        if let Some(most) = most {
            let wanted = settings.iter().rev().find(|(name, _)| *name == "max_execution_time");
            let wanted = wanted.and_then(|(_, value)| value.parse().ok()).filter(|seconds| *seconds > 0.0);
            let seconds = wanted.map_or(most.as_secs_f64(), |seconds: f64| seconds.min(most.as_secs_f64()));
            settings.push(("max_execution_time", seconds.to_string()));
        }
        let list: Vec<String> = settings.iter().map(|(name, value)| format!("`{name}` = {}", literal(value))).collect();
        format!("SET {}", list.join(", "))
    }
}

/// Whether the headers ask for a response in lz4 frames.
pub(super) fn wants_lz4(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|name| name.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("lz4"))
}

fn is_setting_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A string literal in ClickHouse's syntax.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A quoted identifier in ClickHouse's syntax.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

fn multipart_fields(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let malformed = || Fault::new(code::BAD_ARGUMENTS, "malformed multipart/form-data body");
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let delimiter = format!("\r\n--{}", boundary.ok_or_else(malformed)?.trim_matches('"'));
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    // The first delimiter has no line break before it, so one is added to make all alike.
    let framed = format!("\r\n{text}");
    let mut parts = framed.split(delimiter.as_str());
    parts.next();
    let mut fields = Vec::new();
    for part in parts {
        if part.starts_with("--") {
            return Ok(fields);
        }
        let (head, value) = part.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let name = head.split_once(" name=\"").and_then(|(_, rest)| rest.split('"').next()).ok_or_else(malformed)?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    Err(malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query_string: &str) -> Asked {
        Asked::read(query_string, &HeaderMap::new()).expect("a readable query string")
    }

    #[test]
    fn url_parameters_go_where_they_belong() {
        let asked = asked("query=SELECT+1&database=d&default_format=RowBinary&param_a=%27x&max_threads=2&query_id=q");
        assert_eq!(asked.query.as_deref(), Some("SELECT 1"));
        assert_eq!((asked.database.as_deref(), asked.format.as_deref()), (Some("d"), Some("RowBinary")));
        assert_eq!(asked.params, [("a".to_owned(), "'x".to_owned())]);
        assert_eq!(asked.settings, [("max_threads".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn a_setting_cannot_smuggle_sql() {
        let fault = Asked::read("a%60%3D1,readonly=0", &HeaderMap::new()).expect_err("not a setting's name");
        assert_eq!(fault.code, code::UNKNOWN_SETTING);
        let statement = asked("max_threads=1',readonly='0").settings_statement("id", None);
        assert_eq!(statement, r"SET `max_threads` = '1\',readonly=\'0', `log_comment` = 'id'");
    }

    #[test]
    fn a_time_limit_can_be_lowered_but_not_raised() {
        let most = Some(Duration::from_secs(30));
        for (query, seconds) in [("", "30"), ("max_execution_time=5", "5"), ("max_execution_time=600", "30")] {
            let statement = asked(query).settings_statement("id", most);
            assert!(statement.ends_with(&format!("`max_execution_time` = '{seconds}'")), "{query}: {statement}");
        }
        assert!(asked("max_execution_time=0").settings_statement("id", most).ends_with("= '30'"));
    }

    #[test]
    fn multipart_fields_keep_their_line_breaks() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {s:String}\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"param_s\"\r\n\r\na\r\n\r\nb\r\n--b--\r\n";
        let mut asked = Asked::default();
        asked.take_multipart("multipart/form-data; boundary=b", body.as_bytes()).expect("well-formed");
        assert_eq!(asked.query.as_deref(), Some("SELECT {s:String}"));
        assert_eq!(asked.params, [("s".to_owned(), "a\r\n\r\nb".to_owned())]);
        let cut = &body.as_bytes()[..body.len() - 6];
        assert!(Asked::default().take_multipart("multipart/form-data; boundary=b", cut).is_err());
    }

    #[test]
    fn lz4_is_used_only_where_it_is_accepted() {
        let mut headers = HeaderMap::new();
        assert!(!wants_lz4(&headers));
        headers.insert(header::ACCEPT_ENCODING, "gzip, LZ4;q=1".parse().expect("a header"));
        assert!(wants_lz4(&headers));
    }
}
