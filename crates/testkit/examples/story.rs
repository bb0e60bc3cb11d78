//! Prints the demo's story as NDJSON: `cargo run -p grapevine-testkit --example story -- [SEED] [END]`.

use grapevine_testkit::story::Story;
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let seed = args.next().map_or(Ok(Story::SEED), |seed| seed.parse())?;
    let end = args.next().map_or(Ok(Timestamp::now()), |end| end.parse())?;
    print!("{}", Story::new(seed, end).to_ndjson());
    Ok(())
}
