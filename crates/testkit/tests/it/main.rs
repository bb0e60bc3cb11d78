mod kills;
mod limits;
