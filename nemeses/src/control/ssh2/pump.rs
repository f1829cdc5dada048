//! A way through a jump host: a socket pair whose far end a thread joins to a forwarding channel.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, Session};

use crate::control::reach;

/// How long the thread waits before it looks again.
const LOOK: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Bytes on their way in one direction.
struct Flow {
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Nothing more will come.
    ended: bool,
}

/// A stream to the place, through the jump host. The thread ends with either end of it.
pub(super) fn through(
    jump: Session,
    socket: OwnedFd,
    host: &str,
    port: u16,
) -> Result<OwnedFd, String> {
    let place = reach::place(host, port);
    let channel = jump.channel_direct_tcpip(host, port, None).map_err(|error| {
        format!("the jump host cannot reach {place} ({error}); is the node up, and does the jump host allow forwarding?")
    })?;
    let no_way = |error: std::io::Error| format!("no way to {place} can be made here ({error})");
    let (near, far) = UnixStream::pair().map_err(no_way)?;
    far.set_nonblocking(true).map_err(no_way)?;
    jump.set_blocking(false);
    std::thread::Builder::new()
        .name(format!("ssh jump to {host}"))
        .spawn(move || pump(&jump, &socket, channel, far))
        .map_err(no_way)?;
    Ok(near.into())
}

fn pump(jump: &Session, socket: &OwnedFd, mut channel: Channel, mut near: UnixStream) {
    let (mut out, mut back) = (Flow::new(), Flow::new());
    loop {
        let mut moved = false;
        let flowed = out
            .flow(&mut near, &mut channel, &mut moved)
            .and_then(|()| back.flow(&mut channel, &mut near, &mut moved));
        if flowed.is_err() || out.is_done() || back.is_done() || channel.eof() && back.is_empty() {
            return;
        }
        if moved {
            continue;
        }
        let mut to_jump = PollFlags::IN;
        if matches!(
            jump.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        ) {
            to_jump |= PollFlags::OUT;
        }
        let mut to_near = PollFlags::empty();
        if out.is_empty() {
            to_near |= PollFlags::IN;
        }
        if !back.is_empty() {
            to_near |= PollFlags::OUT;
        }
        let mut fds = [PollFd::new(socket, to_jump), PollFd::new(&near, to_near)];
        // Interrupted or not, it is looked again.
        let _ = poll(&mut fds, Some(&LOOK));
    }
}

impl Flow {
    fn new() -> Self {
        Self {
            buffer: vec![0; 32 * 1024],
            from: 0,
            to: 0,
            ended: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.from == self.to
    }

    fn is_done(&self) -> bool {
        self.ended && self.is_empty()
    }

    /// Moves what can be moved now.
    fn flow(
        &mut self,
        source: &mut impl Read,
        sink: &mut impl Write,
        moved: &mut bool,
    ) -> std::io::Result<()> {
        if self.is_empty() && !self.ended {
            match source.read(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    (self.from, self.to) = (0, read);
                    *moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if !self.is_empty() {
            match sink.write(&self.buffer[self.from..self.to]) {
                Ok(written) => {
                    self.from += written;
                    *moved |= written > 0;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_flows_and_the_end_too() {
        let source: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        let (mut reader, mut sink, mut flow) = (&source[..], Vec::new(), Flow::new());
        let mut moved = true;
        while !flow.is_done() {
            flow.flow(&mut reader, &mut sink, &mut moved).unwrap();
        }
        assert_eq!(sink, source);
    }
}
