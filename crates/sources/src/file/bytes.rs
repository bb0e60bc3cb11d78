//! The bytes of a file as they are to be read: unpacked where it is compressed (gzip, zstd), as UTF-8 where it is UTF-16.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{cursor::HASHED, utf16::Utf16};

const STEP: usize = 1 << 16;

/// A file that can be read at any place of what it says.
pub(crate) enum Bytes {
    Plain(File),
    /// What is packed can only be read from its beginning on.
    Unpacked(Box<Unpacked>),
}

impl Bytes {
    pub(crate) fn open(path: &Path) -> io::Result<(Self, std::fs::Metadata)> {
        let mut file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic)?;
        let bytes = match Packing::of(&magic) {
            None => Bytes::Plain(file),
            Some(packing) => Bytes::Unpacked(Box::new(Unpacked::open(path, packing)?)),
        };
        Ok((bytes, about))
    }

    /// It can not be read while it grows.
    pub(crate) fn is_unpacked(&self) -> bool {
        matches!(self, Bytes::Unpacked(_))
    }

    /// As many bytes as there are, up to `length`.
    pub(crate) fn read_at(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        match self {
            Bytes::Plain(file) => {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(offset))?;
                file.take(length).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Bytes::Unpacked(unpacked) => unpacked.read_at(offset, length),
        }
    }

    /// Nothing stands at this place or behind it.
    pub(crate) fn ends_by(&mut self, offset: u64) -> io::Result<bool> {
        Ok(self.read_at(offset, 1)?.is_empty())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
    Utf16 { big_endian: bool },
}

impl Packing {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Packing::Zstd),
            [0xff, 0xfe, ..] => Some(Packing::Utf16 { big_endian: false }),
            [0xfe, 0xff, ..] => Some(Packing::Utf16 { big_endian: true }),
            _ => None,
        }
    }

    /// What is packed may be UTF-16 inside.
    fn reader(self, file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        let unpacked: Box<dyn Read + Send> = match self {
            Packing::Utf16 { big_endian } => return Ok(Box::new(Utf16::new(file, big_endian))),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Packing::Zstd => Box::new(zstd::Decoder::new(file)?),
        };
        let mut unpacked = BufReader::with_capacity(STEP, unpacked);
        let big_endian = match io::BufRead::fill_buf(&mut unpacked)? {
            [0xff, 0xfe, ..] => false,
            [0xfe, 0xff, ..] => true,
            _ => return Ok(Box::new(unpacked)),
        };
        Ok(Box::new(Utf16::new(unpacked, big_endian)))
    }
}

/// What is unpacked is kept around the place that is read, and from the beginning as far as a cursor proves it.
pub(crate) struct Unpacked {
    path: PathBuf,
    packing: Packing,
    reader: Box<dyn Read + Send>,
    head: Vec<u8>,
    window: Vec<u8>,
    window_at: u64,
    is_read: bool,
}

impl Unpacked {
    fn open(path: &Path, packing: Packing) -> io::Result<Self> {
        let reader = packing.reader(File::open(path)?)?;
        let (head, window) = (Vec::new(), Vec::new());
        Ok(Self { path: path.to_owned(), packing, reader, head, window, window_at: 0, is_read: false })
    }

    fn read_at(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        if offset + length <= self.head.len() as u64 {
            return Ok(self.head[offset as usize..(offset + length) as usize].to_vec());
        }
        if offset < self.window_at {
            *self = Self::open(&self.path, self.packing)?;
        }
        while !self.is_read && self.end() < offset + length {
            self.forget_before(offset.saturating_sub(HASHED));
            self.step()?;
        }
        let at = |place: u64| usize::try_from(place.saturating_sub(self.window_at)).unwrap_or(usize::MAX);
        let (from, to) = (at(offset).min(self.window.len()), at(offset + length).min(self.window.len()));
        Ok(self.window[from..to].to_vec())
    }

    fn end(&self) -> u64 {
        self.window_at + self.window.len() as u64
    }

    fn step(&mut self) -> io::Result<()> {
        let mut bytes = vec![0; STEP];
        let read = self.reader.read(&mut bytes)?;
        self.is_read = read == 0;
        let wanted = (HASHED as usize).saturating_sub(self.head.len()).min(read);
        self.head.extend_from_slice(&bytes[..wanted]);
        self.window.extend_from_slice(&bytes[..read]);
        Ok(())
    }

    fn forget_before(&mut self, place: u64) {
        let passed = usize::try_from(place.saturating_sub(self.window_at)).unwrap_or(usize::MAX).min(self.window.len());
        self.window.drain(..passed);
        self.window_at += passed as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(name: &str, text: &[u8]) -> (PathBuf, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let bytes = match name {
            "gz" => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(text).unwrap();
                packer.finish().unwrap()
            }
            "zst" => zstd::encode_all(text, 1).unwrap(),
            _ => text.to_vec(),
        };
        std::fs::write(&path, bytes).unwrap();
        (path, folder)
    }

    #[test]
    fn every_place_reads_the_same_packed_or_not() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| n.to_le_bytes()).collect();
        let (plain, _a) = packed("plain", &text);
        for name in ["gz", "zst"] {
            let (path, _b) = packed(name, &text);
            let (mut packed, _) = Bytes::open(&path).unwrap();
            let (mut plain, _) = Bytes::open(&plain).unwrap();
            assert!(packed.is_unpacked() && !plain.is_unpacked());
            for (offset, length) in [(0, 10), (700_000, 1024), (0, 1024), (699_000, 5), (10, 900_000), (1_199_990, 99)] {
                assert_eq!(packed.read_at(offset, length).unwrap(), plain.read_at(offset, length).unwrap(), "{name} {offset}");
            }
            for place in [0, 1_199_999, 1_200_000, 1_300_000] {
                assert_eq!(packed.ends_by(place).unwrap(), place >= 1_200_000, "{name} {place}");
            }
        }
    }

    #[test]
    fn utf_16_reads_as_utf_8_packed_or_not() {
        let text: Vec<u8> = "\u{feff}Größe\t🎉\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for name in ["plain", "gz"] {
            let (path, _folder) = packed(name, &text);
            let (mut bytes, _) = Bytes::open(&path).unwrap();
            assert_eq!(String::from_utf8(bytes.read_at(0, 99).unwrap()).unwrap(), "Größe\t🎉\n", "{name}");
        }
    }

    #[test]
    fn a_file_that_was_cut_while_packed_is_an_error_and_not_its_end() {
        let text: Vec<u8> = (0..30_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let (path, _folder) = packed("gz", &text);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let (mut cut, _) = Bytes::open(&path).unwrap();
        assert!(cut.read_at(0, 1 << 20).is_err());
    }
}
