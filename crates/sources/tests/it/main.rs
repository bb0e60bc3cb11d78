mod bluesky_frames;
mod bluesky_stream;
mod file;
mod file_follow;
mod kit;
mod remap;
