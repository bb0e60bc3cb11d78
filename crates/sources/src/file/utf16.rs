use std::io::{self, Read};

/// UTF-16 read as UTF-8. What is no character becomes U+FFFD; the mark at the beginning is left out.
pub(crate) struct Utf16<R> {
    inner: R,
    big_endian: bool,
    /// Half a unit, or half a pair, that waits for the rest.
    rest: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    is_begun: bool,
}

impl<R: Read> Utf16<R> {
    pub(crate) fn new(inner: R, big_endian: bool) -> Self {
        Self { inner, big_endian, rest: Vec::new(), ready: Vec::new(), given: 0, is_begun: false }
    }

    /// Reads on until something is ready; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = vec![0; 1 << 14];
        while self.given == self.ready.len() {
            let read = self.inner.read(&mut bytes)?;
            if read == 0 && self.rest.is_empty() {
                return Ok(false);
            }
            self.rest.extend_from_slice(&bytes[..read]);
            self.decode(read == 0);
        }
        Ok(true)
    }

    fn decode(&mut self, is_end: bool) {
        let unit = |pair: &[u8]| match self.big_endian {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        };
        let mut units: Vec<u16> = self.rest.chunks_exact(2).map(unit).collect();
        let opens_pair = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
        if opens_pair && !is_end {
            units.pop();
        }
        let mut text: String = char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or('\u{fffd}')).collect();
        let used = if is_end { self.rest.len() } else { units.len() * 2 };
        self.rest.drain(..used);
        if !self.is_begun && !text.is_empty() {
            self.is_begun = true;
            text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        }
        (self.ready, self.given) = (text.into_bytes(), 0);
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || !self.fill()? {
            return Ok(0);
        }
        let length = into.len().min(self.ready.len() - self.given);
        into[..length].copy_from_slice(&self.ready[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives a few bytes at a time.
    struct Slow(Vec<u8>, usize);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0.drain(..length);
            Ok(length)
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_through_however_it_is_cut(text in "\\PC{0,40}|[🎉aé\n]{0,9}", step in 1_usize..7, big: bool) {
            let units = format!("\u{feff}{text}");
            let bytes = units.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            let mut read = String::new();
            Utf16::new(Slow(bytes.collect(), step), big).read_to_string(&mut read).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, step in 1_usize..4) {
            let mut read = String::new();
            prop_assert!(Utf16::new(Slow(bytes, step), false).read_to_string(&mut read).is_ok());
        }
    }
}
