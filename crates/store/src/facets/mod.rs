//! Rollups by what a mention is (`rollup_cells`) and what it is about (`rollup_facets`), by the hour; and how a question reads
//! them.
//!
//! | piece | rows | from |
//! |---|---|---|
//! | `$cells` | hour, platform, kind, language: counts | `rollup_cells` |
//! | `$tags…` | hour, hashtag, author: counts, first use | `rollup_facets` |
//! | `$themes…` | hour, theme: counts of scored mentions by others than the team | `rollup_facets` |
//! | `$asked…` | hour, intent, theme, author: counts of questions, complaints, suggestions | `rollup_facets` |
//! | `$examples` | of an hour, intent and theme, the widest reach of each of three stories | `rollup_facets` |
//!
//! Each piece gives the rows of whole hours from its rollup, and those of hours that hold an end of the span (or of one of
//! the equal spans before it, where the piece looks back so far: `$tags_of_8`, `$themes_of_2`, `$asked_of_2`) from the base
//! table, in the same columns: `created_at` is then the mention's own. No hour is read from both. Where a point of the answer
//! is shorter than an hour, all of it comes from the base table.
//!
//! **Three examples an hour are enough.** Of the span's three best stories, take one, and the hour that holds its best
//! mention. Three other stories with a better mention in that hour would be three better stories of the span. The same holds
//! for any parts that an hour's rows were written in: so inserts and merges may put the examples of parts side by side.
//!
//! An hour of `rollup_facets` has its epoch in one row of facet `rebuilt`, which a rebuild writes in the same block as the
//! rest; without one its epoch is 0. That is the highest epoch of the hour's rows, as inserts take only epochs whose rebuild
//! is done. (Epochs of rebuilds before the table was there count for no row: their hours were marked as it was made.)

mod read;
mod write;

pub(crate) use read::{Facets, cut_hours};
pub(crate) use write::{compared, rebuilds};
