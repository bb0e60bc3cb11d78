//! The definitions that are part of the program, and the reading of any.

use grapevine_sources::declarative::{self, TEXTS};

#[test]
fn every_mapping_test_passes_and_every_field_has_one() {
    for text in TEXTS {
        let report = declarative::test(text);
        assert!(report.is_ok() && report.untested.is_empty(), "\n{report}");
    }
}
