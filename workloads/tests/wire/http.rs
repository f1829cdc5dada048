//! Just enough HTTP/1.1 to tell one message from the next.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes of a message: far more than any test sends.
const LIMIT: usize = 16 << 20;

/// Reads the bytes of one message, head and body; `None` when the other side closes before it begins.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        if let Some(end) = end_of(&message) {
            assert_eq!(
                end,
                message.len(),
                "the other side sends one message at a time"
            );
            return Ok(Some(message));
        }
        assert!(message.len() < LIMIT, "the message is too long");
        if stream.read_buf(&mut message).await? == 0 {
            return if message.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// The method and path of a request.
pub(crate) fn path(request: &[u8]) -> String {
    let head = String::from_utf8_lossy(request);
    head.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The body of a message.
pub(crate) fn body(message: &[u8]) -> &[u8] {
    &message[head_of(message).unwrap_or(message.len())..]
}

/// Where the head ends.
fn head_of(message: &[u8]) -> Option<usize> {
    message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Where the message ends, if it is whole.
fn end_of(message: &[u8]) -> Option<usize> {
    let head = head_of(message)?;
    let fields = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
    let field = |name: &str| {
        fields
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    if field("transfer-encoding:").is_some_and(|encoding| encoding.contains("chunked")) {
        return message[head..]
            .ends_with(b"0\r\n\r\n")
            .then_some(message.len());
    }
    let length: usize = field("content-length:").map_or(0, |length| length.parse().unwrap());
    (message.len() >= head + length).then_some(head + length)
}
