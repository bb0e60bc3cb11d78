//! Prints the story as NDJSON: `cargo run -p grapevine-testkit --example story > story.ndjson`.
//! The first argument is its end (RFC 3339; now where absent), the second its seed.

use grapevine_testkit::story::Story;
use jiff::Timestamp;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let end = arguments.next().map_or_else(Timestamp::now, |end| end.parse().expect("an RFC 3339 time"));
    let seed = arguments.next().map_or(Story::SEED, |seed| seed.parse().expect("a whole number"));
    print!("{}", Story::new(seed, end).to_ndjson());
}
