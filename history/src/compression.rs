//! Files that are compressed, by gzip or by zstd, told by their first bytes.

use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How many bytes are uncompressed at once.
const CHUNK: usize = 256 << 10;
/// Where gzip's files begin (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Where zstd's frames begin (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Where zstd's skippable frames begin, whose lowest four bits are free.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The input again, with the bytes that were looked at.
pub(crate) type Again<R> = Chain<Cursor<Vec<u8>>, R>;

/// An input, uncompressed if need be.
pub(crate) enum Input<R: BufRead> {
    /// As it is.
    Plain(Again<R>),
    Gzip(Box<BufReader<MultiGzDecoder<Again<R>>>>),
    Zstd(Box<BufReader<Frames<Again<R>>>>),
}

impl<R: BufRead> Input<R> {
    /// Looks at the first bytes of an input.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        let mut first = Vec::new();
        while first.len() < ZSTD.len() {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let len = chunk.len().min(ZSTD.len());
            first.extend_from_slice(&chunk[..len]);
            input.consume(len);
        }
        let is_gzip = first.starts_with(&GZIP);
        let is_zstd = first.starts_with(&ZSTD)
            || (first.len() >= 4 && first[0] & 0xf0 == 0x50 && first[1..4] == ZSTD_SKIPPABLE);
        let again = Cursor::new(first).chain(input);
        Ok(if is_gzip {
            let decoder = MultiGzDecoder::new(again);
            Self::Gzip(Box::new(BufReader::with_capacity(CHUNK, decoder)))
        } else if is_zstd {
            let frames = Frames::new(again);
            Self::Zstd(Box::new(BufReader::with_capacity(CHUNK, frames)))
        } else {
            Self::Plain(again)
        })
    }
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Zstd(input) => input.read(buffer),
        }
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(input) => input.fill_buf(),
            Self::Gzip(input) => input.fill_buf(),
            Self::Zstd(input) => input.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(input) => input.consume(amount),
            Self::Gzip(input) => input.consume(amount),
            Self::Zstd(input) => input.consume(amount),
        }
    }
}

/// The frames of a zstd file, one after another.
pub(crate) struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
    is_inside: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            decoder: FrameDecoder::new(),
            is_inside: false,
        }
    }

    /// Begins the next frame; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.input).take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_inside {
                self.is_inside = self.begin()?;
                if !self.is_inside {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.input, one);
                decoded.map_err(|error| damaged(&error))?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let promised = self.decoder.get_checksum_from_data();
            if promised.is_some() && promised != self.decoder.get_calculated_checksum() {
                return Err(damaged(&"its checksum is another one"));
            }
            self.is_inside = false;
        }
    }
}

fn damaged(reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("the zstd file is damaged: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn uncompressed(bytes: &[u8], chunk: usize) -> io::Result<Vec<u8>> {
        let mut input = Input::new(BufReader::with_capacity(chunk, bytes))?;
        let mut text = Vec::new();
        input.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let text: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        // A file may have several parts, and zstd's some that hold nothing.
        let skipped = [0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        let (gz, zst) = (gzip(&text), zstd(&text));
        for chunk in [1, 3, 10_000] {
            assert!(uncompressed(&text, chunk).unwrap() == text);
            for whole in [&gz, &zst] {
                assert!(uncompressed(whole, chunk).unwrap() == text);
            }
            let twice = [&text[..], &text].concat();
            assert!(uncompressed(&[&gz[..], &gz].concat(), chunk).unwrap() == twice);
            let frames = [&skipped[..], &zst, &skipped, &zst].concat();
            assert!(uncompressed(&frames, chunk).unwrap() == twice);
        }
        assert_eq!(uncompressed(b"", 8).unwrap(), b"");
        assert_eq!(uncompressed(&[0x1f], 8).unwrap(), [0x1f]);
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let text = b"a history, or so ".repeat(50);
        for whole in [gzip(&text), zstd(&text)] {
            assert!(uncompressed(&whole[..whole.len() - 5], 64).is_err());
            for at in 4..whole.len() {
                let mut broken = whole.clone();
                broken[at] ^= 0x41;
                // A byte of the header may mean nothing; the text is never another one.
                if let Ok(read) = uncompressed(&broken, 64) {
                    assert!(read == text, "byte {at}");
                }
            }
        }
    }
}
