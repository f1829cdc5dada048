//! How large packets are, for links with a rate.

use std::io;

use serde::Serialize;

use super::Event;

/// What the headers of Ethernet, IP and TCP take, in bytes.
const HEADERS: u64 = 66;

/// The bytes of a packet: its headers, and what it says as JSON. O(size); asked for only where a rate is at work.
pub(super) fn of<M: Serialize>(event: &Event<M>) -> u64 {
    let body = match event {
        Event::Request { request, .. } => length(request),
        Event::Reply { reply, .. } => length(reply),
        Event::Message { message, .. } => length(message),
        _ => 0,
    };
    HEADERS + body
}

fn length(body: &impl Serialize) -> u64 {
    let mut counter = Counter(0);
    // What cannot be written as JSON counts as far as it could.
    let _ = serde_json::to_writer(&mut counter, body);
    counter.0
}

struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
