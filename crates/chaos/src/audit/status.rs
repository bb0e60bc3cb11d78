//! What the pipeline says of itself: `grapevine status` has to find it well.

use anyhow::Context;
use grapevine_testkit::fault_plan::Role;

use super::Found;
use crate::world::World;

pub fn ask(world: &World, found: &mut Found) -> anyhow::Result<()> {
    let serve = world.fleet.slots.iter().find(|slot| slot.member.role == Role::Serve);
    let output = serve.context("a serving process is always there")?.ask(&["status"])?;
    let said = String::from_utf8_lossy(&output.stdout);
    found.status = said.lines().next().unwrap_or("(nothing)").to_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        found.note(|found| &mut found.unwell, || format!("grapevine status ({}): {said}{complaint}", output.status));
    }
    Ok(())
}
