//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zstd::{Decoder, Encoder};

use super::{FileEntry, Rows, TransferError, error::At, parquet};

const BUFFER: usize = 1 << 20;

/// Counts and hashes what goes through.
struct Hashing {
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write(data)?;
        self.bytes += written as u64;
        self.hash.update(&data[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file of rows while it is written: under another name until it is finished.
pub(super) struct Draft {
    path: PathBuf,
    name: String,
    out: Out,
    /// Lines that were written; of a Parquet file they are counted when it is whole.
    pub rows: u64,
}

enum Out {
    Lines(Encoder<'static, Hashing>),
    Whole(Hashing),
}

impl Draft {
    /// What another process left of it is begun anew.
    pub fn begin(folder: &Path, name: String, rows: Rows) -> Result<Self, TransferError> {
        let path = draft_path(folder, &name);
        let file = File::create(&path).at(&path, "made")?;
        let file = Hashing { file, bytes: 0, hash: Sha256::new() };
        let out = match rows {
            Rows::Ndjson => Out::Lines(Encoder::new(file, 0).at(&path, "made")?),
            Rows::Parquet => Out::Whole(file),
        };
        Ok(Self { path, name, out, rows: 0 })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TransferError> {
        match &mut self.out {
            Out::Lines(out) => {
                self.rows += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                out.write_all(bytes).at(&self.path, "written")
            }
            Out::Whole(out) => out.write_all(bytes).at(&self.path, "written"),
        }
    }

    pub fn finish(self, folder: &Path, table: &str) -> Result<FileEntry, TransferError> {
        let (Hashing { file, bytes, hash }, rows) = match self.out {
            Out::Lines(out) => (out.finish().at(&self.path, "written")?, self.rows),
            Out::Whole(out) => (out, parquet::count(&self.path)?),
        };
        file.sync_all().at(&self.path, "written")?;
        let path = folder.join(&self.name);
        fs::rename(&self.path, &path).at(&path, "written")?;
        sync_folder(folder)?;
        let sha256 = hex::encode(hash.finalize());
        Ok(FileEntry { name: self.name, table: table.to_owned(), rows, bytes, sha256, through: None })
    }
}

fn draft_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.tmp"))
}

/// A name is on disk once its folder is.
fn sync_folder(folder: &Path) -> Result<(), TransferError> {
    File::open(folder).and_then(|folder| folder.sync_all()).at(folder, "written")
}

/// A small file, in one go.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), TransferError> {
    let (draft, path) = (draft_path(folder, name), folder.join(name));
    let mut file = File::create(&draft).at(&draft, "made")?;
    file.write_all(bytes).and_then(|()| file.sync_all()).at(&draft, "written")?;
    fs::rename(&draft, &path).at(&path, "written")?;
    sync_folder(folder)
}

/// Bytes and hash of a file.
pub(super) fn digest(path: &Path) -> Result<(u64, String), TransferError> {
    let mut file = File::open(path).at(path, "read")?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer).at(path, "read")? {
            0 => return Ok((bytes, hex::encode(hash.finalize()))),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Rows of a file, a line of JSON each.
pub(super) enum Lines {
    Ndjson(PathBuf, Box<dyn BufRead>),
    Parquet(Box<parquet::Rows>),
}

impl Lines {
    pub fn ndjson(path: &Path) -> Result<Self, TransferError> {
        let file = File::open(path).at(path, "read")?;
        let lines = BufReader::with_capacity(BUFFER, Decoder::new(file).at(path, "read")?);
        Ok(Self::Ndjson(path.to_owned(), Box::new(lines)))
    }

    /// Puts the next in place of `line`; `false` where there is none.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, TransferError> {
        match self {
            Self::Ndjson(path, lines) => {
                line.clear();
                Ok(lines.read_until(b'\n', line).at(path, "read")? > 0)
            }
            Self::Parquet(rows) => rows.next(line),
        }
    }
}
