//! As much of HTTP/1.1 as the clients need: requests as bytes, and where a reply ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long [`ask`] waits for the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a reply when all of it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Head and body.
    pub bytes: usize,
}

/// A request; one with a body says that it is JSON.
pub fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    let fields = match body.len() {
        0 => String::new(),
        length => format!("content-type: application/json\r\ncontent-length: {length}\r\n"),
    };
    format!("{head}{fields}\r\n{body}").into_bytes()
}

/// The reply that these bytes are, if it is complete.
///
/// # Errors
/// If it is none, or one without `content-length`. Nobody here sends such replies.
pub fn reply(bytes: &[u8]) -> io::Result<Option<Reply>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!("no reply that can be read: {head:?}")));
    };
    let reply = Reply { status, bytes: end + 4 + length };
    Ok((bytes.len() >= reply.bytes).then_some(reply))
}

/// One `GET` on a connection of its own: the body of the answer.
///
/// # Errors
/// If there is no answer with status 200 in time.
pub fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let reply = reply(&bytes)?.ok_or(ErrorKind::UnexpectedEof)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if reply.status != 200 {
        return Err(io::Error::other(format!("GET {path}: {text}")));
    }
    Ok(text.split_once("\r\n\r\n").expect("a reply has a head").1.to_owned())
}
