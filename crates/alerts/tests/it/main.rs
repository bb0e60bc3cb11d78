mod delivery;
mod story;
