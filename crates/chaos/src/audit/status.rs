//! What the pipeline says of itself: `grapevine status` has to find it well.

use std::{thread, time::Duration};

use anyhow::Context;
use grapevine_testkit::fault_plan::Role;

use super::Found;
use crate::world::World;

/// A busy machine may not answer in time, and a heartbeat that has just come waits for a moment: asked again, it has to be
/// well.
const TIMES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(3);

pub fn ask(world: &World, found: &mut Found) -> anyhow::Result<()> {
    let serve = world.fleet.slots.iter().find(|slot| slot.member.role == Role::Serve);
    let serve = serve.context("a serving process is always there")?;
    let mut output = serve.ask(&["status"])?;
    for _ in 1..TIMES {
        if output.status.success() {
            break;
        }
        thread::sleep(PAUSE);
        output = serve.ask(&["status"])?;
    }
    let said = String::from_utf8_lossy(&output.stdout);
    found.status = said.lines().next().unwrap_or("(nothing)").to_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        found.note(|found| &mut found.unwell, || format!("grapevine status ({}): {said}{complaint}", output.status));
    }
    Ok(())
}
