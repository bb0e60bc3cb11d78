//! ClickHouse's two compressed framings: blocks with a checksum in requests, lz4 frames in responses.
//!
//! A request block is `checksum: 16 bytes | method: u8 | size: u32 | raw size: u32 | payload`, numbers little-endian;
//! `size` counts the 9 bytes of its header and the payload; the checksum, over all of these, is CityHash 1.0.2 with its
//! two halves exchanged.

use std::io::Write;

use bytes::{Buf, Bytes, BytesMut};
use lz4_flex::frame::FrameEncoder;

use crate::Fault;
use crate::fault::code;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_NONE: u8 = 0x02;
/// Largest block accepted, compressed or not; ClickHouse's own limit is 1 GiB, its writers use 1 MiB.
const MAX_BLOCK: usize = 256 * 1024 * 1024;

/// Takes blocks out of a stream that is cut anywhere.
#[derive(Default)]
pub(super) struct BlockReader {
    buffer: BytesMut,
}

impl BlockReader {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Whether a part of a block is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next whole block, decompressed; `None` until more is pushed.
    pub(super) fn next_block(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(mut header) = self.buffer.get(CHECKSUM..CHECKSUM + HEADER) else { return Ok(None) };
        let method = header.get_u8();
        let (size, raw_size) = (header.get_u32_le() as usize, header.get_u32_le() as usize);
        if !(HEADER..=MAX_BLOCK).contains(&size) || raw_size > MAX_BLOCK {
            return Err(Fault::new(
                code::CANNOT_DECOMPRESS,
                format!("compressed block of {size} bytes, {raw_size} raw"),
            ));
        }
        if self.buffer.len() < CHECKSUM + size {
            self.buffer.reserve(CHECKSUM + size - self.buffer.len());
            return Ok(None);
        }
        let block = self.buffer.split_to(CHECKSUM + size).freeze();
        check(&block)?;
        let payload = block.slice(CHECKSUM + HEADER..);
        match method {
            METHOD_LZ4 => lz4_flex::block::decompress(&payload, raw_size)
                .map(|raw| Some(Bytes::from(raw)))
                .map_err(|error| Fault::new(code::CANNOT_DECOMPRESS, error)),
            METHOD_NONE => Ok(Some(payload)),
            other => {
                Err(Fault::new(code::UNKNOWN_COMPRESSION_METHOD, format!("Unknown codec family code: {other:#x}")))
            }
        }
    }
}

fn check(block: &[u8]) -> Result<(), Fault> {
    let (stated, content) = block.split_at(CHECKSUM);
    let computed = cityhash_rs::cityhash_102_128(content).rotate_right(64).to_le_bytes();
    if stated == computed {
        return Ok(());
    }
    Err(Fault::new(code::CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data"))
}

/// Writes a response as one lz4 frame, flushed piece by piece so that each piece can be read as soon as it is there.
pub(super) struct FrameWriter {
    encoder: FrameEncoder<Vec<u8>>,
}

impl FrameWriter {
    pub(super) fn new() -> Self {
        Self { encoder: FrameEncoder::new(Vec::new()) }
    }

    pub(super) fn piece(&mut self, data: &[u8]) -> std::io::Result<Bytes> {
        self.encoder.write_all(data)?;
        self.encoder.flush()?;
        Ok(Bytes::from(std::mem::take(self.encoder.get_mut())))
    }

    pub(super) fn end(self) -> std::io::Result<Bytes> {
        self.encoder.finish().map(Bytes::from).map_err(std::io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(method: u8, payload: &[u8], raw_size: usize) -> Vec<u8> {
        let mut content = vec![method];
        content.extend(((payload.len() + HEADER) as u32).to_le_bytes());
        content.extend((raw_size as u32).to_le_bytes());
        content.extend(payload);
        let mut whole = cityhash_rs::cityhash_102_128(&content).rotate_right(64).to_le_bytes().to_vec();
        whole.extend(content);
        whole
    }

    #[test]
    fn blocks_are_found_however_the_stream_is_cut() {
        let text = b"row binary ".repeat(50);
        let mut stream = block(METHOD_LZ4, &lz4_flex::block::compress(&text), text.len());
        stream.extend(block(METHOD_NONE, b"plain", 5));
        for cut in 1..stream.len() {
            let mut reader = BlockReader::default();
            let mut out = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                reader.push(part);
                while let Some(block) = reader.next_block().expect("intact") {
                    out.extend_from_slice(&block);
                }
            }
            assert!(reader.is_empty());
            assert_eq!(out, [&text[..], b"plain"].concat(), "cut at {cut}");
        }
    }

    #[test]
    fn damage_is_noticed() {
        let mut damaged = block(METHOD_NONE, b"plain", 5);
        *damaged.last_mut().expect("not empty") ^= 1;
        let sizes = [&[0; 16][..], &[METHOD_LZ4, 255, 255, 255, 255, 1, 0, 0, 0]].concat();
        let wanted = [
            (damaged, code::CHECKSUM_DOESNT_MATCH),
            (sizes, code::CANNOT_DECOMPRESS),
            (block(0x90, b"zstd", 4), code::UNKNOWN_COMPRESSION_METHOD),
            (block(METHOD_LZ4, b"\xff\xff", 9), code::CANNOT_DECOMPRESS),
        ];
        for (stream, wanted) in wanted {
            let mut reader = BlockReader::default();
            reader.push(&stream);
            assert_eq!(reader.next_block().expect_err("damaged").code, wanted);
        }
    }

    #[test]
    fn frames_can_be_read_back() {
        let mut writer = FrameWriter::new();
        let mut frame = writer.piece(b"first ").expect("memory").to_vec();
        frame.extend(writer.piece(b"second").expect("memory"));
        frame.extend(writer.end().expect("memory"));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut lz4_flex::frame::FrameDecoder::new(&frame[..]), &mut text).expect("a frame");
        assert_eq!(text, "first second");
    }
}
