//! The header of `RowBinaryWithNamesAndTypes`, which the library repeats in every streamed chunk.

/// Length in bytes of the header: the number of columns, their names, their types. `None` if it is cut off.
pub(super) fn header_length(document: &[u8]) -> Option<usize> {
    let mut at = 0;
    let columns = varint(document, &mut at)?;
    for _ in 0..columns.checked_mul(2)? {
        let length = varint(document, &mut at)?;
        at = at.checked_add(length).filter(|end| *end <= document.len())?;
    }
    Some(at)
}

fn varint(document: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *document.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_where_its_types_end() {
        let long = "n".repeat(200);
        let mut document = vec![2, 1, b'a', 200, 1];
        document.extend(long.as_bytes());
        document.extend(b"\x05UInt8\x06String");
        let length = document.len();
        document.extend(b"\x01\x02hi");
        assert_eq!(header_length(&document), Some(length));
        assert_eq!(header_length(&document[..length - 1]), None);
        assert_eq!(header_length(&[]), None);
        assert_eq!(header_length(&[0xff; 12]), None);
    }
}
