//! Overlapping pieces of a text, the signature that stands for them, and how much of them two texts share.

/// Characters of a shingle: a typing mistake spoils four of them, and two unrelated texts share few.
const WIDTH: usize = 4;
/// Bands of the signature; texts that agree in all rows of one are looked at closer. A pair that shares 65 % of its
/// shingles is looked at with a probability of 99 %, one that shares 20 % with 12 %.
pub(super) const BANDS: usize = 16;
const ROWS: usize = 3;
const HASHES: usize = BANDS * ROWS;

/// Hashes of a text's shingles, sorted, each once. A text shorter than a shingle is one.
pub(super) fn shingles(canonical: &str) -> Vec<u64> {
    let starts: Vec<usize> = canonical.char_indices().map(|(at, _)| at).chain([canonical.len()]).collect();
    let mut hashes: Vec<u64> = if starts.len() <= WIDTH {
        vec![hash(canonical.as_bytes())]
    } else {
        starts.windows(WIDTH + 1).map(|ends| hash(&canonical.as_bytes()[ends[0]..ends[WIDTH]])).collect()
    };
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// MinHash of the shingles: of each of a family of hashes the least.
pub(super) struct Signature([u64; HASHES]);

/// What is kept of a signature: enough to tell how much two texts share, about.
pub(super) type Sketch = [u16; HASHES];

impl Signature {
    pub fn of(shingles: &[u64]) -> Self {
        let mut least = [u64::MAX; HASHES];
        for &shingle in shingles {
            for (row, least) in least.iter_mut().enumerate() {
                *least = (*least).min(nth_hash(shingle, row));
            }
        }
        Self(least)
    }

    /// A key for each band.
    pub fn bands(&self) -> [u64; BANDS] {
        let mut keys = [0; BANDS];
        for (band, (key, rows)) in keys.iter_mut().zip(self.0.chunks_exact(ROWS)).enumerate() {
            *key = rows.iter().fold(band as u64 + 1, |key, row| mix(key ^ row));
        }
        keys
    }

    pub fn sketch(&self) -> Sketch {
        self.0.map(|least| mix(least) as u16)
    }
}

/// Share of the shingles of either that two texts have in common, as their sketches tell it: within 0.07 mostly.
pub(super) fn estimate(a: &Sketch, b: &Sketch) -> f32 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f32 / HASHES as f32
}

/// How much two sorted sets share.
pub(super) struct Overlap {
    /// Of what either has.
    pub of_both: f32,
    /// Of what the smaller has.
    pub of_smaller: f32,
}

pub(super) fn overlap(a: &[u64], b: &[u64]) -> Overlap {
    let (mut i, mut j, mut shared) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (shared, i, j) = (shared + 1, i + 1, j + 1),
        }
    }
    let part = |whole: usize| if whole == 0 { 0.0 } else { shared as f32 / whole as f32 };
    Overlap { of_both: part(a.len() + b.len() - shared), of_smaller: part(a.len().min(b.len())) }
}

/// FNV-1a, mixed: a shingle is a few bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// One of a family of hashes: multiply and add with constants of the row, upper half kept.
fn nth_hash(shingle: u64, row: usize) -> u64 {
    shingle.wrapping_mul(FACTORS[row]).wrapping_add(SUMMANDS[row]) >> 32
}

static FACTORS: [u64; HASHES] = constants(1);
static SUMMANDS: [u64; HASHES] = constants(HASHES as u64 + 1);

/// Odd, and otherwise without a pattern.
const fn constants(seed: u64) -> [u64; HASHES] {
    let mut all = [0; HASHES];
    let mut at = 0;
    while at < HASHES {
        all[at] = mix((seed + at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1;
        at += 1;
    }
    all
}

/// The finaliser of SplitMix64.
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_counts_what_is_shared() {
        let Overlap { of_both, of_smaller } = overlap(&[1, 2, 3, 4], &[3, 4, 5]);
        assert_eq!((of_both, of_smaller), (2.0 / 5.0, 2.0 / 3.0));
        assert_eq!(overlap(&[], &[]).of_both, 0.0);
    }

    #[test]
    fn shingles_are_of_characters_and_not_of_bytes() {
        assert_eq!(shingles("éàüöß").len(), 2);
        assert_eq!(shingles("ab").len(), 1);
        assert_eq!(shingles("").len(), 1);
    }

    #[test]
    fn a_sketch_tells_about_how_much_is_shared() {
        let sketch = |from: u64, to: u64| Signature::of(&(from..to).map(mix).collect::<Vec<_>>()).sketch();
        let half = estimate(&sketch(0, 300), &sketch(100, 400));
        assert!((half - 0.5).abs() < 0.2 && estimate(&sketch(0, 300), &sketch(1000, 1300)) < 0.1, "{half}");
    }

    #[test]
    fn sets_that_share_more_agree_in_more_bands() {
        let set = |from: u64, to: u64| -> Vec<u64> { (from..to).map(mix).collect() };
        let bands = |set: &[u64]| Signature::of(set).bands();
        let agree = |b: &[u64]| bands(&set(0, 200)).iter().zip(bands(b)).filter(|(a, b)| *a == b).count();
        assert_eq!(agree(&set(0, 200)), BANDS);
        let (near, far) = (agree(&set(20, 220)), agree(&set(190, 390)));
        assert!(near >= 4 && far <= 1, "{near} {far}");
    }
}
