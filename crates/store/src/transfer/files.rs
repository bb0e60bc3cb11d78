//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zstd::{Decoder, Encoder};

use super::{FileEntry, TransferError, error::At};

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

/// A file of rows, a line each, while it is written: under another name until it is finished.
pub(super) struct Draft {
    path: PathBuf,
    name: String,
    out: Encoder<'static, Hashing>,
    pub rows: u64,
}

impl Draft {
    /// What another process left of it is begun anew.
    pub fn begin(folder: &Path, name: String) -> Result<Self, TransferError> {
        let path = draft_path(folder, &name);
        let file = File::create(&path).at(&path, "made")?;
        let out = Encoder::new(Hashing { file, bytes: 0, hash: Sha256::new() }, 0).at(&path, "made")?;
        Ok(Self { path, name, out, rows: 0 })
    }

    pub fn write(&mut self, lines: &[u8]) -> Result<(), TransferError> {
        self.rows += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.out.write_all(lines).at(&self.path, "written")
    }

    pub fn finish(self, folder: &Path, table: &str) -> Result<FileEntry, TransferError> {
        let Hashing { file, bytes, hash } = self.out.finish().at(&self.path, "written")?;
        file.sync_all().at(&self.path, "written")?;
        let path = folder.join(&self.name);
        fs::rename(&self.path, &path).at(&path, "written")?;
        sync_folder(folder)?;
        let sha256 = hex::encode(hash.finalize());
        Ok(FileEntry { name: self.name, table: table.to_owned(), rows: self.rows, bytes, sha256 })
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

/// The lines of a file of rows.
pub(super) fn rows(path: &Path) -> Result<impl BufRead + use<>, TransferError> {
    let file = File::open(path).at(path, "read")?;
    Ok(BufReader::with_capacity(BUFFER, Decoder::new(file).at(path, "read")?))
}
