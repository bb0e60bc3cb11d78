//! The two requests that a parent makes without a client: whether a child still answers, and one statement.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::Credentials;

/// `GET /ping`, every step of it within `limit`.
pub(crate) fn ping(port: u16, limit: Duration) -> io::Result<()> {
    let mut stream = connect(port, limit)?;
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer)?;
    if &answer == b"HTTP/1.1 200" { Ok(()) } else { Err(io::Error::other("not the engine's answer")) }
}

/// Runs a statement whose result does not matter, every step of it within `limit`.
pub(crate) fn execute(port: u16, user: &Credentials, sql: &str, limit: Duration) -> io::Result<()> {
    let mut stream = connect(port, limit)?;
    let Credentials { user, password } = user;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
         X-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\r\n{sql}",
        sql.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(answer)) }
}

fn connect(port: u16, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}
